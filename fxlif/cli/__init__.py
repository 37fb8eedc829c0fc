"""The command line, ``fxlif``."""

from .app import main

__all__ = ["main"]
