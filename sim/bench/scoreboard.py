"""What was observed against what the models say, block by block, as arrays."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, fields
from operator import add
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
from pydantic import TypeAdapter

from ..report.difference import Difference
from ..report.findings import Bin
from .wrapper import Cycles, Interface

Bools = npt.NDArray[np.bool_]
HISTORY = 10


@dataclass(frozen=True)
class Expected:
    """What a signal must show in the cycles ``where`` (all of them if None): one value each.

    ``golden``: so says the golden network, which knows no clock.
    """

    signal: str
    values: npt.NDArray[Any]
    where: Bools | None = None
    golden: bool = False


class Model(Protocol):
    """Says from the inputs of some cycles what the outputs must show."""

    def expect(self, cycles: Cycles) -> Iterable[Expected]: ...


@dataclass
class Counts:
    """What was checked, and what was seen meanwhile. ``fired``: for every core, the spikes of each
    neuron."""

    cycles: int = 0
    comparisons: int = 0
    steps: int = 0
    events_in: int = 0
    events_out: int = 0
    spikes: int = 0
    resets: int = 0
    writes: int = 0
    reads: int = 0
    fired: list[list[int]] = field(default_factory=list)

    def add(self, other: Counts) -> None:
        """Add what another part of the run counted."""
        for one in fields(Counts):
            if one.name != "fired":
                setattr(self, one.name, getattr(self, one.name) + getattr(other, one.name))
        if other.fired:
            before = self.fired or [[0] * len(core) for core in other.fired]
            self.fired = [
                list(map(add, core, more)) for core, more in zip(before, other.fired, strict=True)
            ]

    @property
    def figures(self) -> dict[str, int]:
        """Rows for people, but for the cycles, in the order in which they are shown."""
        return {
            "steps": self.steps, "events in": self.events_in, "events out": self.events_out,
            "spikes": self.spikes, "resets": self.resets,
            **({"writes": self.writes} if self.writes else {}),
            **({"reads": self.reads} if self.reads else {}),
            "comparisons": self.comparisons,
        }  # fmt: skip


@dataclass
class Report(Counts):
    """What a bench saw; written as JSON for the process that started the simulator.

    Attributes:
        counts: for every presentation (between two resets): output spikes of each neuron.
        signals: signal → how often it was compared, and how often it differed.
        excused: of the cycles in which nothing was compared, those in which no output means
            anything, by the map of a foreign core.
        problems: what was wrong at the end of the run, a line each.
        bins: the coverage.
    """

    mismatches: int = 0
    golden_mismatches: int = 0
    unchecked_cycles: int = 0
    seconds: float = 0.0
    first: Difference | None = None
    counts: list[list[int]] = field(default_factory=list)
    signals: dict[str, list[int]] = field(default_factory=dict)
    excused: int = 0
    problems: list[str] = field(default_factory=list)
    bins: list[Bin] = field(default_factory=list)

    @classmethod
    def from_json(cls, text: str) -> Report:
        """The report whose fields ``text`` holds."""
        return TypeAdapter(cls).validate_json(text)


#: Is shown every block: the cycle it begins with, what was observed, and what was expected.
Watch = Callable[[int, Cycles, Sequence[Expected]], None]


class Scoreboard:
    """Compares every block of responses with a model; keeps the first difference."""

    def __init__(
        self,
        interface: Interface,
        model: Model,
        report: Report,
        watch: Watch = lambda start, cycles, items: None,
    ) -> None:
        self._interface = interface
        self._model = model
        self._watch = watch
        self.report = report
        self._tail: list[int] = []
        # What the block before this one had to show, and its first cycle.
        self._before: tuple[int, list[Expected]] = (0, [])

    def take(self, words: list[int]) -> bool:
        """Compare a block of consecutive responses; False once something differs."""
        report = self.report
        cycles = self._interface.decode(words)
        checked = np.zeros(len(words), dtype=np.bool_)
        wrong: list[tuple[int, str, int, int]] = []
        items = list(self._model.expect(cycles))
        self._watch(report.cycles, cycles, items)
        for item in items:
            at = np.arange(len(words)) if item.where is None else np.flatnonzero(item.where)
            observed = cycles.take(item.signal, slice(None) if item.where is None else item.where)
            expected = np.asarray(item.values, dtype=np.int64)
            checked[at] = True
            report.comparisons += len(at)
            differ = np.flatnonzero(observed != expected)
            report.mismatches += len(differ)
            report.golden_mismatches += len(differ) * item.golden
            tally = report.signals.setdefault(item.signal, [0, 0])
            tally[0] += len(at)
            tally[1] += len(differ)
            if len(differ):
                k = differ[0]
                wrong.append((int(at[k]), item.signal, int(expected[k]), int(observed[k])))
        report.unchecked_cycles += int(np.count_nonzero(~checked))
        if wrong and report.first is None:
            # An x is shown as a 0, which may be wrong as well: that it is one is said first.
            first = min(wrong, key=lambda each: (each[0], not each[1].endswith(".unknown"), each))
            self._describe(first, words, items)
        self._before = (report.cycles, items)
        report.cycles += len(words)
        self._tail = (self._tail + words)[-HISTORY:]
        return not wrong

    def _describe(
        self, wrong: tuple[int, str, int, int], words: list[int], items: list[Expected]
    ) -> None:
        at, signal, expected, observed = wrong
        before = (self._tail + words[: at + 1])[-HISTORY - 1 :]
        shown = self._interface.decode(before)
        cycle = self.report.cycles + at
        seen = {name: shown[name].tolist() for name in self._interface.response}
        start = cycle - len(before) + 1
        due = due_in(seen, start, (self._before, (self.report.cycles, items)))
        differ = {
            name for name, values in due.items()
            if any(v not in (None, s) for v, s in zip(values, seen[name], strict=True))
        }  # fmt: skip
        short = [n for n in seen if "state[" not in n or n in differ]
        widths = {name: self._interface.response[name].width for name in short}
        self.report.first = Difference(
            cycle=cycle, signal=signal, width=widths[signal], expected=expected,
            observed=observed, history={name: seen[name] for name in short},
            due={name: due[name] for name in short if name in due}, widths=widths,
        )  # fmt: skip


def due_in(
    seen: dict[str, list[int]], start: int, blocks: Iterable[tuple[int, list[Expected]]]
) -> dict[str, list[int | None]]:
    """What signals had to show in the cycles from ``start`` on in which ``seen`` says what they
    showed, None where nothing is promised; a signal without any promise is left out.

    ``blocks``: the first cycle and the expectations of each block of a bench.
    """
    due: dict[str, list[int | None]] = {}
    for begin, items in blocks:
        for item in items:
            observed = seen[item.signal]
            at = np.arange(len(item.values)) if item.where is None else np.flatnonzero(item.where)
            at = at + begin - start
            for k in np.flatnonzero((at >= 0) & (at < len(observed))):
                values = due.setdefault(item.signal, [None] * len(observed))
                # Two models may speak of one signal: the one that is contradicted is shown.
                if values[at[k]] in (None, observed[at[k]]):
                    values[at[k]] = int(item.values[k])
    return due
