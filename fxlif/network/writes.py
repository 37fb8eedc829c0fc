"""What is written to a network between two steps (docs/rule.md#written)."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ..arrays import count_of, integer
from ..errors import FxlifError, short
from ..files import as_path, cannot
from ..params.core import WRITABLE, Writable, check_register
from ..params.neuron import NeuronParams
from ..params.quantise import signed_bits, signed_range
from ..rule.written import register_range, with_register
from .projections import reweighted, weight_at

if TYPE_CHECKING:
    from .model import Network


class Write(NamedTuple):
    """What is written before a step of a run; all but ``step`` as for
    :meth:`fxlif.Network.write`."""

    step: int
    population: str | int
    parameter: str
    value: int
    at: Any = None


#: Rows of :class:`Write`, or tuples like them.
GivenWrites = Iterable[Write | tuple[Any, ...]] | None


class Change(NamedTuple):
    """A write that was seen to be right: ``part`` is the population, or the number of the
    projection; ``place`` the neuron, or the entry of the synapse, None where all share the value.
    Of ``refractory`` the value is the steps of rest."""

    parameter: Writable
    part: str | int
    value: int
    place: int | None = None
    step: int = 0


def resolved(
    network: Network, population: str | int, parameter: str, value: int, at: Any
) -> Change:
    """What writing ``value`` to a parameter of a network changes: the threshold of the neuron
    ``at``, or of all where they share one; a register; a weight, by
    :func:`~fxlif.network.projections.weight_at`.

    Raises:
        FxlifError: a name, a value or a neuron that is not there.
    """
    graph = network.graph
    known = {p.name: p for p in graph.populations}
    name = next((each for each in WRITABLE if each == parameter), None)
    if name is None:
        raise FxlifError.must_be("parameter", ", ".join(WRITABLE), parameter)
    by_number = name == "weights" and not isinstance(population, str)
    if not by_number and population not in list(known):
        raise FxlifError.must_be("population", ", ".join(known), population)
    if name == "weights":
        k, entry, weight = weight_at(graph, network.projections, population, value, at)
        return Change(name, k, weight, entry)
    part = str(population)
    written_to = known[part]
    neuron = written_to.neuron
    if name == "thresholds":
        neuron.check_threshold(integer("value", value, *signed_range(64)), "value")
        if written_to.v_thresholds is not None:
            place = integer("at", at, 0, written_to.n - 1, what="a neuron, ")
            return Change(name, part, value, place)
        if at is not None:
            raise FxlifError.must_be("at", f"None ({part} has one threshold)", at)
        return Change(name, part, value)
    if at is not None:
        raise FxlifError.must_be("at", f"None ({part} has one {name})", at)
    check_register(neuron, name, "parameter")
    low, high = register_range(neuron, name)
    # Of steps counted before the compare, the last one is no step of rest.
    beside = name == "refractory" and neuron.refractory_count == "before"
    held = integer("value", value, low, high + beside, what=f"{name}, ")
    return Change(name, part, held - (beside and held > 0))


def applied(network: Network, changes: Iterable[Change]) -> None:
    """Write ``changes`` to a network, one after the other. Other networks keep the parts that they
    share with it."""
    weights: dict[int, tuple[list[int], list[int]]] = {}
    thresholds, neurons = dict(network.thresholds), dict[str, NeuronParams]()
    first = {p.name: p.neuron for p in network.graph.populations}
    for change in changes:
        name, value = str(change.part), change.value
        if change.parameter == "weights":
            entries, values = weights.setdefault(int(change.part), ([], []))
            entries.append(change.place or 0)
            values.append(value)
        elif change.parameter == "thresholds":
            if thresholds[name] is network.thresholds[name]:
                thresholds[name] = thresholds[name].copy()
            thresholds[name][slice(None) if change.place is None else change.place] = value
        else:
            neuron = neurons.get(name, first[name])
            neurons[name] = with_register(neuron, change.parameter, value)
    network.thresholds = thresholds
    if weights:
        network.projections = [
            reweighted(placed, *weights[k]) if k in weights else placed
            for k, placed in enumerate(network.projections)
        ]
    if neurons:
        populations = tuple(
            p.model_copy(update={"neuron": neurons[p.name]}) if p.name in neurons else p
            for p in network.graph.populations
        )
        network.graph = replace(network.graph, populations=populations)


# --- before the steps of a run -------------------------------------------------------------------


def listed(writes: GivenWrites) -> list[Write | tuple[Any, ...]]:
    """``writes`` as a list; FxlifError where they are none."""
    if isinstance(writes, str | Mapping) or not isinstance(writes, Iterable | None):
        allowed = "a list of (step, population, parameter, value, at)"
        raise FxlifError.must_be("writes", allowed, writes, found=short(writes))
    return [] if writes is None else list(writes)


def changes_of(network: Network, writes: GivenWrites, steps: int) -> list[Change]:
    """What ``writes`` change before the steps of a run of so many ``steps``.

    Raises:
        FxlifError: there are no steps; by its number, a write that is none, of a step that is not
            there or lies before that of the write before it, of what is not ``writable``, or that
            :func:`resolved` refuses.
    """
    made: list[Change] = []
    rows = listed(writes)
    if rows and not steps:
        allowed = "left out of a run of no steps"
        raise FxlifError.must_be("writes", allowed, rows, found=count_of(len(rows), "write"))
    for number, given in enumerate(rows):
        try:
            made.append(_change_of(network, given, steps, made[-1].step if made else 0))
        except FxlifError as error:
            raise error.under(f"writes[{number}]") from None
    return made


def _change_of(network: Network, given: Any, steps: int, least: int) -> Change:
    if not isinstance(given, Sequence) or isinstance(given, str) or not 4 <= len(given) <= 5:
        raise FxlifError.must_be("", "(step, population, parameter, value, at)", given)
    write = Write(*given)
    step = integer("step", write.step, 0, steps - 1, what="a step of this run, ")
    if step < least:
        allowed = f"{least} or more (writes stand in the order of their steps)"
        raise FxlifError.must_be("step", allowed, step)
    return must_be_writable(network, write[1:])._replace(step=step)


def must_be_writable(network: Network, written: tuple[Any, ...]) -> Change:
    """What is ``written`` (population, parameter, value, at), which is ``writable`` by description.

    Raises:
        FxlifError: it cannot, or as :func:`resolved`.
    """
    population, parameter, value, at = written
    target = population
    if isinstance(population, int | np.integer) and population in range(len(network.projections)):
        target = network.projections[population].projection.target
    for p in network.graph.populations:
        if p.name == target and parameter in WRITABLE and parameter not in p.writable:
            allowed = f"in writable of population {p.name}, ({', '.join(p.writable)})"
            raise FxlifError.must_be("parameter", allowed, parameter)
    return resolved(network, population, parameter, value, at)


_HEADER = "# fxlif writes 1"
_LINE = re.compile(
    r"write ([0-9]{1,18}) (?:([0-9]{1,9})|([a-z][a-z0-9_]*)) ([a-z_]+) (-?[0-9]{1,18})"
    r"((?: [0-9]{1,18}){0,2})\Z"
)
_ALLOWED = "'write STEP POPULATION PARAMETER VALUE', with NEURON or PRE POST where several have one"


def read_writes(path: str | os.PathLike[str]) -> list[Write]:
    """The writes of a text file: the line ``# fxlif writes 1``, a line of each, ``end COUNT``.

    Blank lines and lines that start with # may stand in between.

    Raises:
        FxlifError: a file that is missing, cut off or of another content; always names the file.
    """
    path = as_path("path", path)
    try:
        lines = [line.strip() for line in path.read_text(encoding="utf-8-sig").split("\n")]
    except (OSError, UnicodeDecodeError) as error:
        raise cannot("read", path, error) from None
    if lines[0] != _HEADER:
        allowed = f"{_HEADER!r}, with which every file of writes begins"
        raise FxlifError.must_be(f"{path}: line 1", allowed, lines[0], found=short(lines[0]))
    made: list[Write] = []
    ended = False
    for number, line in enumerate(lines[1:], start=2):
        if not line or line.startswith("#"):
            continue
        match, end = _LINE.match(line), f"end {len(made)}"
        allowed = f"empty after {end!r}" if ended else _ALLOWED
        if line.startswith("end") and not ended:
            allowed, ended = f"{end!r} after as many writes", line == end
            if ended:
                continue
        if match is None or ended:
            raise FxlifError.must_be(f"{path}: line {number}", allowed, line, found=short(line))
        step, projection, population, parameter, value, at = match.groups()
        where = [int(each) for each in at.split()]
        made.append(
            Write(
                int(step), population or int(projection), parameter, int(value),
                tuple(where) if len(where) == 2 else next(iter(where), None),
            )
        )  # fmt: skip
    if not ended:
        raise FxlifError(f"{path}: cut off: the last line, 'end {len(made)}', is missing")
    return made


def stretches(
    changes: Sequence[Change], start: int, end: int
) -> Iterator[tuple[int, int, Sequence[Change]]]:
    """The steps ``start`` to ``end`` of a run in pieces: first and end, and what changes before."""
    if not changes:
        yield start, end, changes
        return
    steps = np.array([change.step for change in changes])
    bounds = np.unique(np.clip([start, *steps, end], start, end)).tolist()
    for first, last in pairwise(bounds):
        here = slice(*np.searchsorted(steps, [first, first + 1]).tolist())
        yield first, last, changes[here]


@dataclass(frozen=True)
class Room:
    """What compiled code leaves room for, so that it can be written while it is in use.

    ``weights``: the numbers of projections; ``thresholds``: by population, the lowest and the
    highest; ``populations``: all to which, or from which to them, something is written.
    """

    weights: frozenset[int] = frozenset()
    thresholds: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    populations: frozenset[str] = frozenset()

    def has(self, change: Change) -> bool:
        """Whether a change can be written there."""
        if change.parameter == "weights":
            return change.part in self.weights
        if change.parameter == "thresholds":
            low, high = self.thresholds.get(str(change.part), (0, -1))
            return low <= change.value <= high
        return change.part in self.populations

    def grown(self, network: Network, changes: Iterable[Change]) -> Room:
        """The room that ``changes`` of a network need, too."""
        weights, populations = set(self.weights), set(self.populations)
        wanted: dict[str, list[int]] = {}
        for change in changes:
            if change.parameter == "weights":
                k = int(change.part)
                weights.add(k)
                projection = network.projections[k].projection
                populations |= {projection.source, projection.target}
                continue
            populations.add(str(change.part))
            if change.parameter == "thresholds":
                wanted.setdefault(str(change.part), []).append(change.value)
        thresholds = dict(self.thresholds)
        for name, values in wanted.items():
            given = [*thresholds.get(name, ()), *values, *network.thresholds[name].tolist()]
            low, high = min(given), max(given)
            # More than was asked for: the next ones seldom need another.
            least, most = signed_range(signed_bits(low, high))
            thresholds[name] = (0 if low >= 0 else least), most
        return Room(frozenset(weights), thresholds, frozenset(populations))


NO_ROOM = Room()
