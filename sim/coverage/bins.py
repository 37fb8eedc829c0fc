"""What a bin is, and how often each bin of a design was hit."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import numpy as np
import numpy.typing as npt

Bools = npt.NDArray[np.bool_]
Ints = npt.NDArray[np.int64]
#: A bin's group and name.
Key = tuple[str, str]
Situations = TypeVar("Situations")
#: When what can be written was as it is described, in names of bins.
BEFORE_WRITES = "before any write"


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
    """How often each bin was hit, ``hits`` before; without ``counts``, only whether it was."""

    def __init__(self, *, counts: bool = True, hits: Mapping[Key, int] | None = None) -> None:
        self._counts, self._before = counts, hits or {}
        self.rules: dict[Key, BinRule[Any]] = {}
        self.hits: dict[Key, int] = {}

    def declare(self, rules: Iterable[BinRule[Situations]]) -> list[BinRule[Situations]]:
        """Add bins, and return them."""
        declared = list(rules)
        self.rules |= {rule.key: rule for rule in declared}
        self.hits |= {rule.key: self._before.get(rule.key, 0) for rule in declared}
        return declared

    def wants(self, rule: BinRule[Any]) -> bool:
        """Whether a bin has to be looked at."""
        return self._counts or not (self.hits[rule.key] or rule.impossible)

    def count(self, rules: Iterable[BinRule[Situations]], situations: Situations) -> None:
        """Count the hits of the bins among ``situations``."""
        for rule in filter(self.wants, rules):
            self.add(rule, np.count_nonzero(rule.hit(situations)))

    def add(self, rule: BinRule[Any], count: Any) -> None:
        """Count hits of one bin."""
        self.hits[rule.key] += int(count)
