"""What is known of the registers of a design in every cycle: a proof that a mutant is equivalent
takes it for granted."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Any

import numpy as np

from ...cycles.access import is_single, threshold_ends
from ...cycles.latency import AnyCore, event_cycles, padded
from ...cycles.pipeline import neuron_stages, write_distance
from ...cycles.signals import step_name
from ...hdl.rows.front import row_table
from ...hdl.rows.issue import clear_slots
from ...hdl.rows.layouts import added_shape, lookup_layout
from ...layout import HardwareNetwork, RowCore
from ...params.core import CoreParams
from ...params.protocol import AnyParams
from ...params.quantise import signed_range
from ..coverage.invariant import (
    AT_REST,
    Bounds,
    Inputs,
    Neurons,
    SymbolicStep,
    SymbolicTurn,
    invariant,
)
from ..coverage.synapses import most_spikes, most_spikes_of, sum_ranges
from ..prove.contract import number, unpacked
from ..prove.golden import is_signed
from ..prove.netlist import Netlist
from ..tools.solver import z3

#: The outputs that show counters, and what is far for them: no stimulus brings all of them there.
COUNTER_PORT, FAR = re.compile(r"(?:dropped|saturated)(?:_\d+)?|rejected|read_errors"), 1 << 10
#: Seconds for the bounds of one core.
BOUNDS_S = 60.0


#: What is known of the registers of a netlist in every cycle, as conditions.
Facts = Callable[[Netlist], Iterable[Any]]


@dataclass(frozen=True, kw_only=True)
class Bound:
    """``width`` bits of a signal, from bit ``offset`` on, never leave ``low``..``high``; with
    ``where``, (offset, width), not while that field of the same signal is other than 0."""

    signal: str
    offset: int
    width: int
    signed: bool
    low: int
    high: int
    where: tuple[int, int] | None = None

    def holds(self, net: Netlist) -> list[Any]:
        """The bound as conditions; none where the signal was optimised away."""
        prefix = before(net)
        if prefix + self.signal not in net:
            return []
        signal = net[prefix + self.signal]
        field = z3.Extract(self.offset + self.width - 1, self.offset, signal)
        low, high = (z3.BitVecVal(end, self.width) for end in (self.low, self.high))
        found = [field >= low, field <= high] if self.signed else [
            z3.UGE(field, low), z3.ULE(field, high)]  # fmt: skip
        if self.where is None:
            return found
        first, width = self.where
        none = z3.Extract(first + width - 1, first, signal) == 0
        return [z3.Or(none, each) for each in found]


def before(net: Netlist) -> str:
    """What stands before the names of cores: with a port for writes or reads a design is the part
    ``design`` of another one."""
    inner = re.compile(rf"(design(?:_\d+)?\.)(.*\.)?{step_name(0)}\.")
    return next((found[1] for name in net.signals if (found := inner.match(name))), "")


def depth_of(params: AnyParams) -> int:
    """How many stages the longest step of the design has."""
    cores: tuple[AnyCore, ...] = params.cores
    return max((len(neuron_stages(core.neuron)) for core in cores), default=1)


def facts_of(params: AnyParams) -> Facts:
    """What holds of a design's registers in every cycle: what ``fxlif prove`` takes its contracts
    from; of cores that read rows the rows and the sums too; and for a core behind another one of a
    chain, that its accumulator holds all that can come."""

    def facts(net: Netlist) -> Iterator[Any]:
        spikes: int | None = None
        cores: tuple[AnyCore, ...] = params.cores
        nodes = most_spikes(params) if isinstance(params, HardwareNetwork) else ()
        for core, signals in zip(cores, params.signals, strict=True):
            of = _Part(net, before(net) + (f"{signals.instance}." if signals.instance else ""))
            yield from _operations(of, core)
            yield from _out(of, core)
            if not isinstance(core, CoreParams):
                yield from _row_issue(of)
                yield from _front(of, core)
                if core.neuron.per_event:
                    continue
                yield from _rows(of, core)
                yield from _sums(of, core, sum_ranges(core, nodes))
                continue
            yield from _issue(of, core)
            if spikes is not None and spikes <= core.max_events_per_input:
                for name in of.matching(
                    r"totals\.(clipped|sum_\d+)|counters\.(clipped_\d+|count|saturated)"
                ):
                    if "sum" not in name:
                        yield net[name] == 0
                    else:
                        low, high = signed_range(core.accumulator_bits)
                        yield z3.And(net[name] >= low, net[name] <= high)
            spikes = most_spikes_of(core)

    return facts


def together(*facts: Facts) -> Facts:
    """All of them."""
    return lambda net: (each for some in facts for each in some(net))


def low_counters(net: Netlist) -> Iterator[Any]:
    """No counter has counted far. What differs from a design only beyond is refuted by ``fxlif
    prove``: its theorems say of each counter what it adds, whatever it holds."""
    for name in net.signals:
        if COUNTER_PORT.fullmatch(name):
            yield z3.ULT(net[name], FAR)


@dataclass(frozen=True)
class _Part:
    """The signals of a core, by names without what stands before them."""

    net: Netlist
    prefix: str

    def matching(self, pattern: str) -> list[str]:
        """The whole names of those that match."""
        whole = re.compile(re.escape(self.prefix) + f"(?:{pattern})")
        return [name for name in self.net.signals if whole.fullmatch(name)]

    def get(self, *names: str) -> list[Any] | None:
        """Some signals, None where one of them was optimised away."""
        whole = [self.prefix + name for name in names]
        return [self.net[name] for name in whole] if all(n in self.net for n in whole) else None


def _at_most_one(flags: Sequence[Any]) -> Iterator[Any]:
    for first, second in combinations(flags, 2):
        yield first & second == 0


def _operations(of: _Part, core: AnyCore) -> Iterator[Any]:
    """Issue is at one operation; each stage behind it holds one."""
    operations = [flag for name in ("adding", "stepping", "clearing")
                  for flag in of.get(f"issue.{name}") or ()]  # fmt: skip
    yield from _at_most_one(operations)
    for stage in range(1, write_distance(core.neuron) + 1):
        lines = ("update", "clear", "add") if core.neuron.per_event else ("update", "clear")
        if found := of.get(*(f"neurons.{line}_{stage}" for line in lines)):
            yield from _at_most_one(found)


def _issue(of: _Part, core: CoreParams) -> Iterator[Any]:
    """The words of an operation are those that there are."""
    slots = event_cycles(core)
    if found := of.get("issue.slot"):
        yield z3.ULT(found[0], slots) if slots < 1 << found[0].size() else z3.BoolVal(True)
    if found := of.get("issue.free", "issue.slot", "issue.adding", "issue.stepping",
                       "issue.clearing"):  # fmt: skip
        free, slot, *flags = found
        busy = z3.Or(*(flag == 1 for flag in flags))
        yield (free == 1) == z3.Or(z3.Not(busy), slot == slots - 1)
    if found := of.get("issue.updating", "issue.stepping", "issue.clearing"):
        updating, *flags = found
        yield from (z3.Implies(flag == 1, updating == 1) for flag in flags)


def _row_issue(of: _Part) -> Iterator[Any]:
    """Of an operation under way words are left, and with the last one the issue is free."""
    if found := of.get("issue.free", "issue.left", "issue.adding", "issue.stepping",
                       "issue.clearing"):  # fmt: skip
        free, left, *flags = found
        busy = z3.Or(*(flag == 1 for flag in flags))
        yield (free == 1) == z3.Or(z3.Not(busy), left == 1)
        yield z3.Implies(busy, left != 0)


def _front(of: _Part, core: RowCore) -> Iterator[Any]:
    """The front is at a memory of an input."""
    if found := of.get("front.select", "front.part"):
        select, part = found
        yield _any([
            z3.And(select == number, z3.ULE(part, max(0, len(each.memories) - 1)))
            for number, each in enumerate(core.inputs)
        ])  # fmt: skip


def _rows(of: _Part, core: RowCore) -> Iterator[Any]:
    """What waits is a row of its memory, what is under way the rest of one; and what the table of
    rows answers, which holds 0 in all other words."""
    width = 1 + max(
        (signal.size() for found in [of.get("issue.pointer", "issue.left", "issue.count")]
         for signal in found or ()), default=0,
    )  # fmt: skip

    def a_row(memory: Any, start: Any, length: Any, done: Any) -> Any:
        """``length`` words from ``start`` on are left of a row whose first ``done`` are through."""
        first, whole = start - done, length + done
        rows = [set(zip(each.starts.tolist(), each.lengths.tolist(), strict=True))
                for each in core.memories]  # fmt: skip
        return _any([z3.And(memory == k, first == row, whole == words)
                     for k, known in enumerate(rows) for row, words in sorted(known)])  # fmt: skip

    if core.rows and (found := of.get("issue.held", "issue.lookup")):
        held, lookup = found
        fields = unpacked(lookup, lookup_layout(core))
        start, length = (number(fields[name], max(width, fields[name].size() + 1))
                         for name in ("start", "length"))  # fmt: skip
        yield z3.Implies(
            z3.And(held == 1, fields["update"] == 0), a_row(fields["memory"], start, length, 0)
        )
    if found := of.get("issue.adding", "issue.stepping", "issue.clearing", "issue.memory",
                       "issue.pointer", "issue.left", "issue.count"):  # fmt: skip
        adding, stepping, clearing, memory, *numbers = found
        pointer, left, count = (number(each, width) for each in numbers)
        if core.rows:
            yield z3.Implies(adding == 1, a_row(memory, pointer, left, count))
        yield z3.Implies(stepping == 1, count + left == core.words)
        yield z3.Implies(clearing == 1, count + left == clear_slots(core))
    if core.rows and (found := of.get("front.rows.rows_0.data")):
        columns = np.bitwise_or.reduce(row_table(core).ravel())
        yield found[0] & ~int(columns) == 0


def _sums(of: _Part, core: RowCore, ranges: Sequence[tuple[Any, Any]]) -> Iterator[Any]:
    """No sum leaves what all weights of one sign bring, and none before it is clamped leaves it by
    more than one weight."""
    for accumulator, (low, high) in enumerate(ranges):
        ends = min(0, int(low.min())), max(0, int(high.max()))
        weights = [0]
        for memory in core.memories:
            if memory.accumulator == accumulator:
                some = memory.weights
                if memory.holds is not None:  # any can be written
                    some = np.array(signed_range(memory.weight_bits))
                shifted = some << memory.weight_shift
                weights += [int(shifted.min()), int(shifted.max())]
        wide = (ends[0] + min(weights), ends[1] + max(weights))
        names = r"(sum|done|written|earlier|arrived|answer)_\d+"
        for name in of.matching(rf"totals_{accumulator}\.{names}"):
            least, most = wide if ".sum_" in name else ends
            signal = of.net[name]
            lowest, highest = signed_range(signal.size())
            if least > lowest:
                yield signal >= least
            if most < highest:
                yield signal <= most


def _any(conditions: Sequence[Any]) -> Any:
    """One of some conditions holds; SMT-LIB knows no disjunction of a single one."""
    return z3.Or(*conditions) if len(conditions) > 1 else conditions[0]


def _out(of: _Part, core: AnyCore) -> Iterator[Any]:
    """What the queue and the emitter know of themselves."""
    # Nothing but an address reads the place of the queue that is fetched next: synthesis leaves out
    # its highest bit, which is any.
    if found := of.get("queue.following", "queue.popped"):
        following, popped = (z3.Extract(each.size() - 2, 0, each) for each in found)
        yield following == popped + 1
    if found := of.get("queue.waiting", "queue.pushed", "queue.following"):
        waiting, pushed, following = found
        yield (waiting == 1) == (pushed != following - 1)
    used = core.n_neurons - (core.words - 1) * core.lanes
    if used < core.lanes and (found := of.get("emitter.left", "emitter.last")):
        left, last = found  # those that only fill up the last word send nothing
        yield z3.Implies(last == 1, z3.Extract(core.lanes - 1, used, left) == 0)
    if found := of.get("emitter.valid", "emitter.left", "emitter.last", "emitter.only",
                       "emitter.tick_next"):  # fmt: skip
        valid, left, last, only, tick_next = found
        rest = left & (left - 1)
        one = z3.Or(z3.And(last == 1, left == 0), z3.And(last == 0, rest == 0))
        yield z3.Implies(valid == 1, (only == 1) == one)
        a_tick = z3.And(last == 1, left != 0, rest == 0)
        yield z3.Implies(valid == 1, (tick_next == 1) == a_tick)


def _neurons(params: AnyParams) -> Iterator[Neurons]:
    """The neurons of each core, and what comes to them; with those that only fill up the last
    word: they step as all others do, without an input."""
    cores: tuple[AnyCore, ...] = params.cores
    for core, made in zip(cores, _used_neurons(params), strict=True):
        filler = Inputs(core.neuron.v_threshold, 0, 0)
        if (ends := threshold_ends(core)) and is_single(core, "thresholds"):
            filler = Inputs(ends[1], 0, 0, ends[0])
        fillers = [filler] * (padded(core) - core.n_neurons)
        yield replace(made, inputs=(*made.inputs, *fillers))


def _used_neurons(params: AnyParams) -> Iterator[Neurons]:
    """The neurons of each core, and what comes to them."""
    if isinstance(params, HardwareNetwork):
        yield from (Neurons.of_rows(core, most_spikes(params)) for core in params.cores)
        return
    spikes: int | None = None
    for core in params.cores:
        if core.neuron.per_event:
            yield Neurons.of_events(core)
        else:
            yield Neurons.of_core(core, spikes=spikes)
        spikes = most_spikes_of(core)


def added_bits(core: AnyCore) -> int:
    """Width of what an event adds."""
    if isinstance(core, CoreParams):
        return core.neuron.weight_bits + core.weight_shift
    return int(added_shape(core).width)


def bounds_of(params: AnyParams) -> list[Bound]:
    """What the states that a core reads for its steps never leave: intervals that a solver proved
    inductive over the golden step (:mod:`fxlif.sim.coverage.invariant`)."""
    found = []
    cores: tuple[AnyCore, ...] = params.cores
    known = zip(_neurons(params), cores, params.signals, strict=True)
    for neurons, core, signals in known:
        prefix = f"{signals.instance}." if signals.instance else ""
        in_turns = core.neuron.per_event
        made, deadline = SymbolicTurn if in_turns else SymbolicStep, time.monotonic() + BOUNDS_S
        proved = {} if in_turns else invariant(made(neurons, deadline))
        for lane in range(core.lanes):
            offset = 0
            if in_turns:  # each lane by itself: what an event adds is one weight, and of few signs
                alone = replace(neurons, inputs=neurons.inputs[lane :: core.lanes])
                proved = invariant(made(alone, deadline))
                current = f"{prefix}neurons.{step_name(lane)}.current"
                found.append(_weights_of_lane(current, alone, added_bits(core)))
            for name, width in core.neuron.state_widths.items():
                low, high = proved[name]
                found.append(
                    Bound(
                        signal=f"{prefix}neurons.{step_name(lane)}.state",
                        # It is 0 before the first word is read.
                        offset=offset, width=width, low=min(low, 0), high=max(high, 0),
                        signed=is_signed(name),
                    )
                )  # fmt: skip
                offset += width
            if AT_REST in proved and not in_turns:
                found += _at_rest(core, found[-len(core.neuron.state_widths) :], proved)
    return found


def _at_rest(core: AnyCore, bounds: Sequence[Bound], proved: Bounds) -> Iterator[Bound]:
    """The bound of v while the neuron rests, from those of its state: before the first word is read
    none does."""
    by_name = dict(zip(core.neuron.state_widths, bounds, strict=True))
    v, rests = by_name["v"], by_name["refractory"]
    low, high = proved[AT_REST]
    yield replace(v, low=low, high=high, where=(rests.offset, rests.width))


def _weights_of_lane(signal: str, neurons: Neurons, width: int) -> Bound:
    """What an event adds in a lane, shifted, on ``width`` bits: its memory answers with one of its
    weights, or is 0 at first."""
    low = min(0, *(each.low for each in neurons.inputs)) << neurons.weight_shift
    high = max(0, *(each.high for each in neurons.inputs)) << neurons.weight_shift
    return Bound(signal=signal, offset=0, width=width, signed=True, low=low, high=high)
