"""What every executor of fxlif offers, and what it says when a worker dies."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from concurrent.futures import Executor
from typing import Any

from ..errors import FxlifError, short


class WorkerDied(FxlifError):
    """The worker died at a piece of work, and so did the one that tried it again."""


class Workers(Executor):
    """A ``concurrent.futures.Executor`` whose work is done in other processes: functions,
    arguments and results are pickled."""

    @property
    @abstractmethod
    def count(self) -> int:
        """How many pieces of work run at once, at least 1."""

    @abstractmethod
    def stop(self) -> None:
        """End at once, whatever is under way."""


def called(function: Callable[..., Any], *args: Any, **kwargs: Any) -> str:
    """A call in words, to tell which work was under way."""
    given = [short(value, 30) for value in args]
    given += [f"{name}={short(value, 30)}" for name, value in kwargs.items()]
    return f"{getattr(function, '__name__', type(function).__name__)}({', '.join(given)})"
