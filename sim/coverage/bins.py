"""What a bin is, and how often each bin of a design was hit."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import numpy as np
import numpy.typing as npt

Bools = npt.NDArray[np.bool_]
Ints = npt.NDArray[np.int64]
#: A bin's group and name.
Key = tuple[str, str]
Situations = TypeVar("Situations")


@dataclass(frozen=True)
class BinRule(Generic[Situations]):
    """When a bin is hit.

    ``hit`` takes steps or cycles and returns where the bin is hit: an array of bool, or a solver's
    condition. ``impossible`` says why the parameters alone forbid it. Where ``needs`` is the key of
    another bin, this one cannot be hit unless that one is.
    """

    group: str
    name: str
    hit: Callable[[Situations], Any]
    impossible: str = ""
    needs: Key | None = None

    @property
    def key(self) -> Key:
        """Group and name."""
        return (self.group, self.name)


class BinCounts:
    """How often each bin was hit; without ``counts``, only until it was hit ``goal`` times."""

    def __init__(self, *, counts: bool = True, goal: int = 1) -> None:
        self._counts, self.goal = counts, goal
        self.rules: dict[Key, BinRule[Any]] = {}
        self.hits: dict[Key, int] = {}

    def declare(self, rules: Iterable[BinRule[Situations]]) -> tuple[BinRule[Situations], ...]:
        """Add bins, and return them."""
        declared = tuple(rules)
        self.rules |= {rule.key: rule for rule in declared}
        self.hits |= {rule.key: 0 for rule in declared}
        return declared

    def wants(self, key: Key) -> bool:
        """Whether a bin has to be looked at."""
        return self._counts or (self.hits[key] < self.goal and not self.rules[key].impossible)

    def wanted(self, rules: Iterable[BinRule[Situations]]) -> list[BinRule[Situations]]:
        """Those of ``rules`` that have to be looked at."""
        return [rule for rule in rules if self.wants(rule.key)]

    def count(self, rules: Iterable[BinRule[Situations]], situations: Situations) -> None:
        """Count the hits of the bins among ``situations``."""
        for rule in self.wanted(rules):
            self.add(rule.key, np.count_nonzero(rule.hit(situations)))

    def add(self, key: Key, count: Any) -> None:
        """Count hits of one bin."""
        self.hits[key] += int(count)
