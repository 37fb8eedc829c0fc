"""The command line, ``fxlif``."""
