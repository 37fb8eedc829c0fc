"""The one exception that stands for a user's mistake."""

from __future__ import annotations


class FxlifError(ValueError):
    """A mistake in what the user gave: one line per message, fit to be shown as it is.

    The command line prints the message and exits with code 2; it never shows a traceback for it.
    """
