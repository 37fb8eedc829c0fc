"""Proves that a mutant does what the design does, so that nothing could notice it."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ...cycles.pipeline import STAGES
from ...params.protocol import Design
from ..coverage.invariant import Neurons, SymbolicStep, invariant
from ..prove.golden import is_signed
from ..prove.netlist import Netlist
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


class Equivalence:
    """Says which mutants are equivalent to the design: from equal states, with equal inputs, the
    ``outputs`` that count and the next states of all registers are equal.

    A mutant that differs only in states that are never reached, or in registers that nobody looks
    at, is not called equivalent, but for what is given here: ``unreachable`` are products of
    signals that are 0 in every reachable state (``a ~b`` is a and not b), ``bounds`` fields of
    signals that never leave a range.
    """

    def __init__(
        self,
        mutants: Mutants,
        outputs: Sequence[str],
        *,
        solver: str,
        unreachable: Sequence[str] = (),
        bounds: Sequence[Bound] = (),
    ) -> None:
        net = Netlist(mutants.verilog, mutants.top)
        (self._select,) = net.drivers(SELECT)
        self._solver = solver
        always = z3.BoolVal(True)
        self._pairs = [(net[name], _counts(net, name)) for name in outputs if name in net]
        self._pairs += [(following, always) for following in net.next.values()]
        self._design = [(self._of(term, 0), self._of(when, 0)) for term, when in self._pairs]
        zeros = [self._product(net, text) for text in unreachable]
        zeros += [z3.substitute(term, *net.next.items()) for term in zeros]
        assumed = [term == 0 for term in zeros]
        for bound in bounds:
            if bound.signal in net:
                assumed += bound.holds(net[bound.signal])
        self._assumed = [self._of(term, 0) for term in assumed]

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
        anywhere = z3.Or(*differ) if len(differ) > 1 else differ[0]
        answer = decide([anywhere, *self._assumed], solver=self._solver, timeout_s=timeout_s)
        return {"unsat": True, "sat": False}.get(answer.result)

    @staticmethod
    def _product(net: Netlist, text: str) -> Any:
        """A product of signals; 0, which says nothing, where one was optimised away."""
        names = text.split()
        if not all(name.lstrip("~") in net for name in names):
            return z3.BitVecVal(0, 1)
        if len(names) == 1:
            return net[names[0]]
        factors = [~net[name[1:]] if name[0] == "~" else net[name] for name in names]
        product = factors[0]
        for factor in factors[1:]:
            product &= factor
        return product


def _counts(net: Netlist, port: str) -> Any:
    """When an output counts: a payload while it is valid, a trace while something is written."""
    prefix, _, field = port.rpartition("_")
    valid = f"{prefix}_valid"
    if field != "valid" and field != "ready" and valid in net:
        return net[valid] == 1
    return z3.BoolVal(True)


def unreachable(params: Design) -> list[str]:
    """Products of signals that are 0 in every reachable state, see :class:`Equivalence`.

    By the theorems of ``fxlif prove``: a core whose inputs are neurons of the core before it gets
    each of them once a step at most, and its accumulator holds them all (events, overflow). The
    words of an update follow each other without a gap, and there are two of them at least (events).
    """
    found = []
    for k, (core, signals) in enumerate(zip(params.cores, params.signals, strict=True)):
        prefix = f"{signals.instance}." if signals.instance else ""
        if k:
            found += [f"{prefix}clipped", signals.saturated]
        issue, read, compute, write = (f"{prefix}{stage}_valid" for stage in STAGES)
        if core.words > 1:
            found += [f"{read} ~{issue} ~{compute}", f"{compute} ~{read} ~{write}"]
        if core.words > 2:
            found += [f"{read} {compute} ~{issue} ~{write}"]
        found += [f"{issue} {compute} ~{read}", f"{read} {write} ~{compute}",
                  f"{issue} {write} ~{read}"]  # fmt: skip
    return found


def bounds_of(params: Design) -> list[Bound]:
    """What the states that a core reads for its steps never leave: intervals that a solver proved
    inductive over the golden step (:mod:`fxlif.sim.coverage.invariant`)."""
    found = []
    spikes: int | None = None
    for core, signals in zip(params.cores, params.signals, strict=True):
        prefix = f"{signals.instance}." if signals.instance else ""
        neurons = Neurons.of_core(core, spikes=spikes)
        spikes = core.neuron.max_spikes_per_step
        proved = invariant(SymbolicStep(neurons, time.monotonic() + BOUNDS_S))
        for lane in range(core.lanes):
            offset = 0
            for name, width in core.neuron.state_widths.items():
                low, high = proved[name]
                found.append(
                    Bound(
                        signal=f"{prefix}step_{lane}.state",
                        # It is 0 before the first word is read.
                        offset=offset, width=width, low=min(low, 0), high=max(high, 0),
                        signed=is_signed(name),
                    )
                )  # fmt: skip
                offset += width
    return found
