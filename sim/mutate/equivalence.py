"""Proves that a mutant does what the design does, so that nothing could notice it."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Any

from ...cycles.latency import AnyCore, event_cycles
from ...cycles.pipeline import neuron_stages, write_distance
from ...cycles.signals import step_name
from ...hdl.rows.layouts import added_shape
from ...layout import HardwareNetwork
from ...params.core import CoreParams
from ...params.protocol import AnyParams
from ...params.quantise import signed_range
from ..coverage.invariant import Neurons, SymbolicStep, SymbolicTurn, invariant
from ..coverage.synapses import most_spikes, most_spikes_of
from ..prove.golden import is_signed
from ..prove.netlist import Netlist, constants
from ..tools.solver import decide, z3
from .mutants import SELECT, Mutants

#: Seconds for the bounds of one core.
BOUNDS_S = 60.0


@dataclass(frozen=True, kw_only=True)
class Bound:
    """``width`` bits of a signal, from bit ``offset`` on, never leave ``low``..``high``."""

    signal: str
    offset: int
    width: int
    signed: bool
    low: int
    high: int

    def holds(self, signal: Any) -> list[Any]:
        """The bound as conditions."""
        field = z3.Extract(self.offset + self.width - 1, self.offset, signal)
        low, high = (z3.BitVecVal(end, self.width) for end in (self.low, self.high))
        if self.signed:
            return [field >= low, field <= high]
        return [z3.UGE(field, low), z3.ULE(field, high)]


#: What is known of the registers of a netlist in every cycle, as conditions.
Facts = Callable[[Netlist], Iterable[Any]]


class Equivalence:
    """Says which mutants are equivalent to the design: from equal states, with equal inputs, the
    ``outputs`` that count and the next states of all registers are equal.

    A mutant that differs only in states that are never reached, or in registers that nobody looks
    at, is not called equivalent, but for what is given here: ``facts`` of the registers, and
    ``bounds`` of fields of signals that never leave a range. Where these are what the ``depth``
    stages of a step begin with, the registers between them hold what the stages made of such
    values in cycles before: a step is fed forward, and what is in it at power-up is never used.
    """

    def __init__(
        self,
        mutants: Mutants,
        outputs: Sequence[str],
        *,
        solver: str,
        facts: Facts = lambda net: (),
        bounds: Sequence[Bound] = (),
        depth: int = 1,
    ) -> None:
        net = Netlist(mutants.verilog, mutants.top)
        (self._select,) = net.drivers(SELECT)
        self._solver = solver
        always = z3.BoolVal(True)
        self._pairs = [(net[name], _counts(net, name)) for name in outputs if name in net]
        self._pairs += [(following, always) for following in net.next.values()]
        self._design = [(self._of(term, 0), self._of(when, 0)) for term, when in self._pairs]
        now = list(facts(net))
        # What holds in every cycle holds in the next one.
        self._facts = [self._of(f, 0) for f in (*now, *(z3.substitute(f, *net.next.items())
                                                        for f in now))]  # fmt: skip
        self._bounds = [self._of(term, 0) for bound in bounds if bound.signal in net
                        for term in bound.holds(net[bound.signal])]  # fmt: skip
        step = re.compile(rf"(.*\.)?{step_name(0)[:-1]}\d+\.")
        # A register with a mutant at its output has lost its name: its signal has not.
        shown = {self._of(net[name], 0) for name in net.signals if step.match(name)}
        self._in_step = {r: self._of(f, 0) for r, f in net.next.items() if r in shown}
        self._depth = depth

    def _of(self, term: Any, mutant: int) -> Any:
        value = z3.BitVecVal(mutant, self._select.size())
        return z3.simplify(z3.substitute(term, (self._select, value)))

    def equivalent(self, mutant: int, *, timeout_s: float = 20.0) -> bool | None:
        """Whether a mutant is equivalent; None where the solver's time ran out."""
        differ = []
        for (term, _), (right, when) in zip(self._pairs, self._design, strict=True):
            other = self._of(term, mutant)
            if not right.eq(other):
                differ.append(z3.And(when, right != other))
        if not differ:
            return True
        conditions = [z3.Or(*differ) if len(differ) > 1 else differ[0]]
        conditions += [*self._facts, *self._bounds]
        deadline = time.monotonic() + timeout_s
        result = ""
        for cycle in range(self._depth):
            if cycle:
                conditions = self._one_before(conditions, cycle)
            left = deadline - time.monotonic()
            result = decide(conditions, solver=self._solver, timeout_s=left).result
            if result != "sat":
                break
        return {"unsat": True, "sat": False}.get(result)

    def _one_before(self, conditions: Sequence[Any], cycle: int) -> list[Any]:
        """Conditions with the registers of the steps ``cycle - 1`` cycles before in terms of what
        there was ``cycle`` cycles before."""
        made = [
            (_before(register, cycle - 1), _before(following, cycle))
            for register, following in self._in_step.items()
        ]
        known = [_before(term, cycle) for term in (*self._facts, *self._bounds)]
        return [*(z3.substitute(term, *made) for term in conditions), *known]


def _before(term: Any, cycles: int) -> Any:
    """A term so many cycles before: of other constants."""
    if not cycles:
        return term
    names = [(leaf, z3.Const(f"{leaf} {cycles} before", leaf.sort())) for leaf in constants([term])]
    return z3.substitute(term, *names)


def _counts(net: Netlist, port: str) -> Any:
    """When an output counts: a payload while it is valid, a trace while something is written."""
    prefix, _, field = port.rpartition("_")
    valid = f"{prefix}_valid"
    if field != "valid" and field != "ready" and valid in net:
        return net[valid] == 1
    return z3.BoolVal(True)


def depth_of(params: AnyParams) -> int:
    """How many stages the longest step of the design has."""
    cores: tuple[AnyCore, ...] = params.cores
    return max((len(neuron_stages(core.neuron)) for core in cores), default=1)


def facts_of(params: AnyParams) -> Facts:
    """What holds of a design's registers in every cycle: what ``fxlif prove`` takes its contracts
    from, and for a core behind another one of a chain, that its accumulator holds all that can
    come."""

    def facts(net: Netlist) -> Iterator[Any]:
        spikes: int | None = None
        cores: tuple[AnyCore, ...] = params.cores
        for core, signals in zip(cores, params.signals, strict=True):
            of = _Part(net, f"{signals.instance}." if signals.instance else "")
            yield from _operations(of, core)
            yield from _out(of, core)
            if not isinstance(core, CoreParams):
                yield from _row_issue(of)
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


def _out(of: _Part, core: AnyCore) -> Iterator[Any]:
    """What the queue and the emitter know of themselves."""
    if found := of.get("queue.following", "queue.popped"):
        yield found[0] == found[1] + 1
    if found := of.get("queue.waiting", "queue.pushed", "queue.popped"):
        yield (found[0] == 1) == (found[1] != found[2])
    if found := of.get("emitter.valid", "emitter.left", "emitter.last", "emitter.only",
                       "emitter.tick_next"):  # fmt: skip
        valid, left, last, only, tick_next = found
        rest = left & (left - 1)
        one = z3.Or(z3.And(last == 1, left == 0), z3.And(last == 0, rest == 0))
        yield z3.Implies(valid == 1, (only == 1) == one)
        a_tick = z3.And(last == 1, left != 0, rest == 0)
        yield z3.Implies(valid == 1, (tick_next == 1) == a_tick)


def _neurons(params: AnyParams) -> Iterator[Neurons]:
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
    return found


def _weights_of_lane(signal: str, neurons: Neurons, width: int) -> Bound:
    """What an event adds in a lane, shifted, on ``width`` bits: its memory answers with one of its
    weights, or is 0 at first."""
    low = min(0, *(each.low for each in neurons.inputs)) << neurons.weight_shift
    high = max(0, *(each.high for each in neurons.inputs)) << neurons.weight_shift
    return Bound(signal=signal, offset=0, width=width, signed=True, low=low, high=high)
