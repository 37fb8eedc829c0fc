"""The one exception that stands for a user's mistake."""

from __future__ import annotations

from typing import Self


class FxlifError(ValueError):
    """A mistake in what the user gave: one line per message, fit to be shown as it is.

    The command line prints the message and exits with code 2; it never shows a traceback for it.

    Attributes:
        key: what was wrong: a parameter's path, an argument, a file; empty where it has no name.
        value: what was given; None where that is not one value.
        allowed: what would have been right, in words; empty where the message alone says it.
    """

    def __init__(
        self, message: str, *, key: str = "", value: object = None, allowed: str = ""
    ) -> None:
        super().__init__(message)
        self.key, self.value, self.allowed = key, value, allowed

    @classmethod
    def must_be(cls, key: str, allowed: str, value: object, *, found: str | None = None) -> Self:
        """``key: must be ALLOWED, not VALUE``; ``found`` describes a value too long to be shown."""
        shown = repr(value) if found is None else found
        return cls(f"{key}: must be {allowed}, not {shown}", key=key, value=value, allowed=allowed)
