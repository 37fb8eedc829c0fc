"""The exception that stands for a user's mistake, and the warning of what may be one."""

from __future__ import annotations

import os
from collections.abc import Collection, Sequence
from typing import Self


def short(value: object, most: int = 60) -> str:
    """``repr(value)`` on one line of some ``most`` characters at most; of a path its text's."""
    try:
        lines = repr(os.fspath(value) if isinstance(value, os.PathLike) else value).splitlines()
    except ValueError:  # Python does not write integers of thousands of digits
        return "a huge integer"
    text = lines[0] if lines else ""
    return text if len(text) <= most and len(lines) < 2 else f"{text[: most - 3]}..."


class FxlifWarning(UserWarning):
    """What a user may give and seldom means: one line, fit to be shown as it is."""


class FxlifError(ValueError):
    """A mistake in what the user gave: one line per mistake, fit to be shown as it is.

    The command line prints the message and exits with code 2; it never shows a traceback for it.

    Attributes:
        key: what was wrong: a parameter's path, an argument, a file; empty where it has no name.
        value: what was given; None where that is not one value.
        allowed: what would have been right, in words; empty where the message alone says it.
        mistakes: each mistake by itself where there are several; the fields are then the first's.
    """

    def __init__(
        self, message: str, *, key: str = "", value: object = None, allowed: str = ""
    ) -> None:
        super().__init__(message)
        self.key, self.value, self.allowed = key, value, allowed
        self.mistakes: tuple[FxlifError, ...] = (self,)

    @classmethod
    def must_be(cls, key: str, allowed: str, value: object, *, found: str | None = None) -> Self:
        """``key: must be ALLOWED, not VALUE``; ``found`` describes a value too long to be shown.

        Without ``key`` the message begins with "must be": whoever knows the key adds it.
        """
        shown = short(value, 200) if found is None else found
        message = f"must be {allowed}, not {shown}"
        return cls(f"{key}: {message}" if key else message, key=key, value=value, allowed=allowed)

    @classmethod
    def unknown(cls, key: str, thing: str, name: str, known: Collection[str]) -> Self:
        """``key: no such THING; did you mean NEAREST? There are KNOWN``: ``name`` is none of them.

        The name is shown by itself where ``key`` does not end in it.
        """
        from difflib import get_close_matches  # 5 ms that a run without mistakes need not wait

        near = get_close_matches(name, known, n=1)
        asked = "" if key.endswith(name) else f", {name!r}"
        hint = f"; did you mean {near[0]}?" if near else "."
        there, allowed = "There is" if len(known) == 1 else "There are", ", ".join(known)
        message = f"{key}: no such {thing}{asked}{hint} {there} {allowed}"
        return cls(message, key=key, value=name, allowed=allowed)

    @classmethod
    def not_installed(cls, package: str, install: str) -> Self:
        """``package`` is needed and absent; ``pip install INSTALL`` brings it."""
        command = f"pip install {install}"
        return cls(f"{package}: not installed; {command} brings it", key=package, allowed=command)

    @classmethod
    def several(cls, mistakes: Sequence[FxlifError], file: str = "", more: int = 0) -> Self:
        """One line for each of ``mistakes``, led by ``file``, and one that counts ``more``."""
        lines = [str(mistake) for mistake in mistakes]
        if more:
            lines.append(f"{more} more mistakes, not shown")
        # Keys and names come from the file: a line break in one must not break the line.
        lines = ["".join(c if c.isprintable() else ascii(c)[1:-1] for c in line) for line in lines]
        first = mistakes[0]
        error = cls(
            "\n".join(f"{file}: {line}" if file else line for line in lines),
            key=first.key, value=first.value, allowed=first.allowed,
        )  # fmt: skip
        error.mistakes = tuple(mistakes)
        return error

    def inside(self, place: object) -> Self:
        """The same mistake, its message led by ``place``: a file, or an argument."""
        return type(self)(
            f"{place}: {self}", key=self.key or str(place), value=self.value, allowed=self.allowed
        )

    def under(self, table: str) -> Self:
        """The same mistake, its key as a part of ``table``: ``core[0]`` and ``lanes`` make
        ``core[0].lanes``."""
        if not table:
            return self
        if not self.key:
            return self.inside(table)
        return type(self)(
            f"{table}.{self}", key=f"{table}.{self.key}", value=self.value, allowed=self.allowed
        )
