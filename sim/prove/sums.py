"""Sums: those of a step are exact, and what becomes of them.

- ``weights``: the memory in the Verilog and the design hold the same.
- ``overflow``: no step that keeps the promise ``max_events_per_input`` leaves the range of an
  accumulator, whose width is read off the netlist. A sum that is under way, in any order of
  arrival, is the sum of the events up to then, which are such a step themselves: to cover every
  number of events of each input covers every order.
- ``accumulate``: the adders are :func:`fxlif.rule.arithmetic.accumulate`, saturation and its
  counter included.
- ``datapath``: what goes into each ``LIFStep`` is :func:`fxlif.rule.arithmetic.synaptic_current` of
  the sum and the state of the same neuron; what comes out is written back, and a lane that only
  fills up the last word never spikes.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from functools import partial

import numpy as np
import numpy.typing as npt

from ...cycles.latency import clear_cycles, event_cycles
from ...cycles.signals import Inside, Port, stage_valid, stage_word, step_name, totals_name
from ...errors import FxlifError
from ...params.core import CoreParams
from ...params.quantise import signed_range
from ...rule import arithmetic
from ..tools.solver import z3
from . import golden
from .counterexample import confirmation, explain_edge, simulate, told
from .netlist import Netlist, conjuncts
from .prover import Prover, Result, Theorem
from .step import EVERY_STATE

Ints = npt.NDArray[np.int64]
#: A counterexample of more events is not simulated.
MAX_SIMULATED = 2000


def read_memory(net: Netlist, memory: str) -> dict[int, int]:
    """Address → word at power-up, of a memory in the Verilog."""
    array = net[memory]
    found = {}
    for equation in conjuncts(net.init):
        if not z3.is_eq(equation) or not z3.is_bv_value(equation.arg(1)):
            continue
        # Yosys masks the bits that have no initial value.
        masked, value = equation.children()
        select = masked.arg(0) if masked.num_args() == 2 and not z3.is_select(masked) else masked
        mask = masked.arg(1) if select is not masked else None
        if z3.is_select(select) and select.arg(0).eq(array):
            full = (1 << value.size()) - 1
            if mask is None or (z3.is_bv_value(mask) and mask.as_long() == full):
                found[select.arg(1).as_long()] = value.as_long()
    return found


def delivered_weights(prover: Prover, k: int) -> Ints:
    """The weights of core ``k`` in the Verilog, (n_inputs, words * lanes), fillers included.

    Word w of input i has the address w * n_inputs + i, and neuron w * lanes + l is its lane l.
    """
    core = prover.cores[k]
    memory, bits = read_memory(prover.core(k), Inside.WEIGHTS), core.neuron.weight_bits
    words = range(core.n_inputs * core.words)
    for at in words:
        if at not in memory:
            name = f"weights[{at}]"
            raise FxlifError(f"{name}: has no initial value in the Verilog", key=name)
    table = np.array([golden.lane_numbers(memory[at], core.lanes, bits) for at in words])
    rows = table.reshape(core.words, core.n_inputs, core.lanes)
    return rows.transpose(1, 0, 2).reshape(core.n_inputs, -1)


def accumulator_bits(net: Netlist, core: CoreParams) -> int:
    """The width of one accumulator, by the memories of the netlist."""
    widths = {net[totals_name(bank)].sort().range().size() for bank in (0, 1)}
    if len(widths) > 1 or min(widths) % core.lanes:
        raise FxlifError.must_be("totals", f"of equal words of {core.lanes} lanes", sorted(widths))
    return int(min(widths)) // core.lanes


def weights_equal(prover: Prover, k: int) -> Result:
    """Nothing is left to a solver here: the weights of core ``k`` in the Verilog and in the design
    are compared one by one."""
    core, held = prover.cores[k], delivered_weights(prover, k)
    wanted = np.zeros_like(held)
    wanted[:, : core.n_neurons] = core.weights
    wrong = np.argwhere(held != wanted)
    if len(wrong):
        row, neuron = wrong[0]
        return "failed", (
            f"weight of input {row} and neuron {neuron}: Verilog {held[row, neuron]}, "
            f"design {wanted[row, neuron]}"
        )
    words = core.n_inputs * core.words
    return "passed", f"compared one by one, {words} words of {core.lanes} weights"


# --- no step overflows ----------------------------------------------------------------------------


def never_overflows(prover: Prover, k: int) -> Result:
    """For each neuron of core ``k``, over all numbers of events of each input."""
    core, weights = prover.cores[k], delivered_weights(prover, k)
    bits = accumulator_bits(prover.core(k), core)
    low, high = signed_range(bits)
    counts = [z3.Int(f"events of input {i}") for i in range(core.n_inputs)]
    most = core.max_events_per_input
    solver = z3.SolverFor("QF_LIA")
    solver.add(*(z3.And(count >= 0, count <= most) for count in counts))
    if solver.check() != z3.sat:
        return "failed", "vacuous: no step is within the promise"
    by = f"z3, integers, {core.n_neurons} neurons, {bits} bits, at most {most} events an input"
    deadline = time.perf_counter() + prover.timeout_s
    for neuron in range(core.n_neurons):
        prover.progress(f"overflow of core {k}", neuron, core.n_neurons)
        column = weights[:, neuron].tolist()
        total = z3.Sum([w * n for w, n in zip(column, counts, strict=True) if w] or [z3.IntVal(0)])
        solver.set("timeout", max(1, int((deadline - time.perf_counter()) * 1000)))
        solver.push()
        solver.add(z3.Or(total > high, total < low))
        found = solver.check()
        if found == z3.sat:
            model = solver.model()
            pattern = [model.eval(c, model_completion=True).as_long() for c in counts]
            return "failed", f"{by}\n" + told(_explain_overflow(prover, k, column, pattern, bits))
        solver.pop()
        if found != z3.unsat:
            return "unknown", f"{by}: no answer in {prover.timeout_s:.0f} s (neuron {neuron})"
    return "passed", by


def _explain_overflow(
    prover: Prover, k: int, column: list[int], pattern: list[int], bits: int
) -> Iterator[str]:
    # Weights of one sign first: no order goes further.
    exact = sum(w * n for w, n in zip(column, pattern, strict=True))
    order = sorted(range(len(column)), key=lambda i: -column[i] if exact > 0 else column[i])
    events = [i for i in order for _ in range(pattern[i])]
    total, clipped = 0, False
    for i in events:
        total, over = arithmetic.accumulate(total, column[i], bits)
        clipped = clipped or bool(over)
    yield f"events of each input: { {i: n for i, n in enumerate(pattern) if n} }"
    yield f"expected sum: {exact}, on {bits} bits: {total}"
    if len(events) > MAX_SIMULATED:
        raise FxlifError(f"{len(events)} events are too many")
    core = prover.cores[k]
    cycles: list[dict[str, int]] = [{"rst": 1}, *[{}] * (clear_cycles(core) + 1)]
    for i in events:
        cycles += [{Port.IN_VALID: 1, Port.IN_PAYLOAD: i}, *[{}] * event_cycles(core)]
    simulator, outputs = simulate(prover.core(k), [*cycles, *[{}] * 8])
    confirmed = clipped and (outputs[-1]["saturated"] or 0) > 0
    yield confirmation(f"golden model and {simulator}", confirmed, outputs[-1])


# --- the adders and the way into and out of the step ----------------------------------------------


def accumulate_theorem(prover: Prover, k: int) -> Theorem:
    """The second stage of the integration of core ``k``, from any state."""
    core, net = prover.cores[k], prover.core(k)
    bits, lanes, weight_bits = accumulator_bits(net, core), core.lanes, core.neuron.weight_bits
    banks = [net.read_data(totals_name(bank)) for bank in (0, 1)]
    total = z3.If(net[Inside.BANK] == 1, banks[1], banks[0])
    weight = net.read_data(Inside.WEIGHTS)
    adding = net[Inside.ADDING] == 1
    result, clipped = net.after(net[Inside.RESULT]), net.after(net[Inside.CLIPPED])
    claims, counted = {}, z3.BitVecVal(0, 32)
    for lane in range(lanes):
        narrow, over = golden.accumulated(total, weight, lane, bits, weight_bits)
        held = golden.widen(golden.lane(result, lane, bits), narrow.size())
        claims[f"sum of lane {lane}"] = z3.Implies(adding, held == narrow)
        flag = golden.lane(clipped, lane, 1) == 1
        claims[f"saturation of lane {lane}"] = flag == z3.And(adding, over)
        counted = counted + z3.ZeroExt(31, golden.lane(net[Inside.CLIPPED], lane, 1))
    saturated = net["saturated"]
    claims["counter"] = net.after(saturated) == saturated + counted

    def explain(model: Mapping[str, int]) -> Iterator[str]:
        totals = golden.lane_numbers(model["total"], lanes, bits)
        weights = golden.lane_numbers(model["weight"], lanes, weight_bits)
        expected = [arithmetic.accumulate(t, w, bits) for t, w in zip(totals, weights, strict=True)]
        yield f"expected next: (result, saturates) of the lanes {expected}"
        yield from explain_edge(net, model, (Inside.RESULT, Inside.CLIPPED))

    return Theorem(
        mode=EVERY_STATE, claims=claims, given=[net["rst"] == 0], cases={"an addition": adding},
        values={"total": total, "weight": weight, **net.edge}, explain=explain,
    )  # fmt: skip


def datapath_theorem(prover: Prover, k: int) -> Theorem:
    """What goes into each LIFStep of core ``k`` and what becomes of what comes out."""
    core, net = prover.cores[k], prover.core(k)
    bits = accumulator_bits(net, core)
    total = net.register(step_name(0, "current"))
    state = net.register(step_name(0, "state"))
    moves = z3.And(net["rst"] == 0, net[Inside.MOVING] == 1, net[stage_valid("compute")] == 1)
    written, spike = net.after(net[Inside.WRITTEN]), net.after(net[Inside.SPIKE])
    state_bits = sum(core.neuron.state_widths.values())
    reads = z3.And(net["rst"] == 0, net[Inside.MOVING] == 1, net[stage_valid("read")] == 1)
    banks = [net.read_data(totals_name(bank)) for bank in (0, 1)]
    # The bank that is not integrated into belongs to the update.
    other = z3.If(net[Inside.BANK] == 1, banks[0], banks[1])
    claims = {
        "sum read": z3.Implies(reads, net.next[total] == other),
        "state read": z3.Implies(reads, net.next[state] == net.read_data(Inside.STATES)),
    }
    mantissa = None
    if core.v_thresholds is not None:
        mantissa = net.register(step_name(0, "threshold_mantissa"))
        read = net.read_data(Inside.THRESHOLDS)
        claims["threshold read"] = z3.Implies(reads, net.next[mantissa] == read)
    for lane in range(core.lanes):
        at = step_name(lane)
        current, port = golden.lane(total, lane, bits), net[f"{at}.current"]
        current = golden.golden_current(current, core.weight_shift, 0)
        width = max(current.size(), port.size())
        wide = golden.widen(current, width)
        claims[f"current of lane {lane}"] = golden.widen(port, width) == wide
        own = golden.lane(state, lane, state_bits)
        claims[f"state of lane {lane}"] = net[f"{at}.state"] == own
        if mantissa is not None:
            held = golden.lane(mantissa, lane, core.neuron.threshold_bits)
            claims[f"threshold of lane {lane}"] = net[f"{at}.threshold_mantissa"] == held
        kept = golden.lane(written, lane, state_bits) == net[f"{at}.next_state"]
        claims[f"write-back of lane {lane}"] = z3.Implies(moves, kept)
        emits = net[f"{at}.spike"]
        if (core.words - 1) * core.lanes + lane >= core.n_neurons:
            filler = net[stage_word("compute")] == core.words - 1
            emits = z3.If(filler, z3.BitVecVal(0, 1), emits)
        claims[f"spike of lane {lane}"] = z3.Implies(moves, golden.lane(spike, lane, 1) == emits)

    shown = ("total", Inside.WRITTEN, Inside.SPIKE)
    return Theorem(
        mode=EVERY_STATE, claims=claims, cases={"a step": moves, "a read": reads},
        values=net.edge, explain=partial(explain_edge, net, shown=shown),
    )  # fmt: skip
