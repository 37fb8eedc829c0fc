"""The command line, ``fxlif``."""

import sys

try:
    from .app import app, main
except KeyboardInterrupt:  # before there is a main that could take it
    print("fxlif: interrupted", file=sys.stderr)
    raise SystemExit(130) from None

__all__ = ["app", "main"]
