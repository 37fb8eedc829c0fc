"""The command line, ``fxlif``."""

from .app import app, main

__all__ = ["app", "main"]
