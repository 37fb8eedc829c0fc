"""Sums: those of a step are exact, and what becomes of them.

- ``weights``: the memory in the Verilog, the delivered memory image and the design hold the same.
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
from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from ...cycles.latency import clear_cycles, event_cycles
from ...cycles.signals import Inside, Port, stage_valid, stage_word, step_name, totals_name
from ...errors import FxlifError
from ...params.core import CoreParams
from ...params.quantise import signed_range
from ...rule import arithmetic
from ..report.findings import Outcome
from ..tools.solver import z3
from . import bitvectors, transition
from .netlist import Netlist, conjuncts
from .prover import Prover, Theorem
from .step import EVERY_STATE, as_number, verdict

Ints = npt.NDArray[np.int64]
#: A counterexample of more events is not replayed.
MAX_REPLAY = 2000


def read_image(text: str, words: int, lanes: int, bits: int, name: str) -> Ints:
    """A ``$readmemh`` image as (words, lanes) signed numbers, lane 0 in the low bits."""
    lines = text.split()
    if len(lines) != words:
        raise FxlifError(f"{name}: found {len(lines)} words, allowed {words}")
    mask = (1 << bits) - 1
    table = [
        [as_number((int(line, 16) >> (lane * bits)) & mask, bits, signed=True)
         for lane in range(lanes)]
        for line in lines
    ]  # fmt: skip
    return np.array(table, dtype=np.int64)


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


def weights_of(core: CoreParams, table: Ints) -> Ints:
    """The weights in the words of the memory, (n_inputs, words * lanes).

    Word w of input i has the address w * n_inputs + i, and neuron w * lanes + l is its lane l.
    """
    rows = table.reshape(core.words, core.n_inputs, core.lanes)
    return rows.transpose(1, 0, 2).reshape(core.n_inputs, -1)


def delivered_weights(prover: Prover, k: int) -> Ints:
    """The weights of core ``k`` by its memory image, fillers included."""
    core = prover.cores[k]
    name = f"{prover.hardware.name}_core_{k}_weights.mem"
    if name not in prover.hardware.memories:
        raise FxlifError(f"{name}: not among the delivered files")
    image = prover.hardware.memories[name]
    table = read_image(image, core.n_inputs * core.words, core.lanes, core.neuron.weight_bits, name)
    return weights_of(core, table)


def accumulator_bits(net: Netlist, core: CoreParams) -> int:
    """The width of one accumulator, by the memories of the netlist."""
    widths = {net[totals_name(bank)].sort().range().size() for bank in (0, 1)}
    if len(widths) > 1 or min(widths) % core.lanes:
        raise FxlifError(f"totals: found words of {widths} bits, allowed equal ones of all lanes")
    return int(min(widths)) // core.lanes


def prove_weights(prover: Prover) -> None:
    """Nothing is left to a solver here: three tables are the same."""
    for k, core in enumerate(prover.cores):
        start = time.perf_counter()
        name = f"weights: Verilog = memory image = design, core {k}"
        prover.progress(f"proving {name}", len(prover.checks), None)
        try:
            wrong = _weights_differ(prover, k, core)
        except FxlifError as error:
            wrong = str(error)
        detail = wrong or (
            f"compared one by one, {core.n_inputs * core.words} words of {core.lanes} weights"
        )
        prover.add(name, "failed" if wrong else "passed", detail, time.perf_counter() - start)


def _weights_differ(prover: Prover, k: int, core: CoreParams) -> str:
    bits, lanes = core.neuron.weight_bits, core.lanes
    net = prover.netlist(prover.core_module(k))
    memory = read_memory(net, "weights")
    image = delivered_weights(prover, k)
    for row in range(core.n_inputs):
        for word in range(core.words):
            at = word * core.n_inputs + row
            if at not in memory:
                return f"weights[{at}]: not initialised in the Verilog"
            for lane in range(lanes):
                neuron = word * lanes + lane
                held = as_number((memory[at] >> lane * bits) & ((1 << bits) - 1), bits, signed=True)
                wanted = int(core.weights[row, neuron]) if neuron < core.n_neurons else 0
                if not held == image[row, neuron] == wanted:
                    return (
                        f"weight of input {row} and neuron {neuron}: Verilog {held}, "
                        f"memory image {image[row, neuron]}, design {wanted}"
                    )
    return ""


# --- no step overflows ----------------------------------------------------------------------------


def prove_overflow(prover: Prover) -> None:
    """For each neuron of each core, over all numbers of events of each input."""
    for k, core in enumerate(prover.cores):
        name = f"overflow: no accumulator overflows in a step within the promise, core {k}"
        start = time.perf_counter()
        prover.progress(f"proving {name}", len(prover.checks), None)
        outcome: Outcome
        try:
            outcome, detail = _overflow(prover, k, core)
        except FxlifError as error:
            outcome, detail = "failed", f"cannot be stated: {error}"
        prover.add(name, outcome, detail, time.perf_counter() - start)


def _overflow(prover: Prover, k: int, core: CoreParams) -> tuple[Outcome, str]:
    net = prover.netlist(prover.core_module(k))
    weights = delivered_weights(prover, k)
    bits = accumulator_bits(net, core)
    low, high = signed_range(bits)
    counts = [z3.Int(f"events of input {i}") for i in range(core.n_inputs)]
    most = core.max_events_per_input
    asked = z3.SolverFor("QF_LIA")
    asked.add(*(z3.And(count >= 0, count <= most) for count in counts))
    if asked.check() != z3.sat:
        return "failed", "vacuous: no step is within the promise"
    by = f"z3, integers, {core.n_neurons} neurons, {bits} bits, at most {most} events an input"
    deadline = time.perf_counter() + prover.timeout_s
    for neuron in range(core.n_neurons):
        prover.progress(f"overflow of core {k}", neuron, core.n_neurons)
        column = weights[:, neuron].tolist()
        total = z3.Sum([w * n for w, n in zip(column, counts, strict=True) if w] or [z3.IntVal(0)])
        asked.set("timeout", max(1, int((deadline - time.perf_counter()) * 1000)))
        asked.push()
        asked.add(z3.Or(total > high, total < low))
        found = asked.check()
        if found == z3.sat:
            model = asked.model()
            pattern = [model.eval(c, model_completion=True).as_long() for c in counts]
            return "failed", f"{by}\n" + _explain_overflow(prover, k, core, column, pattern, bits)
        asked.pop()
        if found != z3.unsat:
            return "unknown", f"{by}: no answer in {prover.timeout_s:.0f} s (neuron {neuron})"
    return "passed", by


def _explain_overflow(
    prover: Prover, k: int, core: CoreParams, column: list[int], pattern: list[int], bits: int
) -> str:
    # Weights of one sign first: no order goes further.
    exact = sum(w * n for w, n in zip(column, pattern, strict=True))
    order = sorted(range(len(column)), key=lambda i: -column[i] if exact > 0 else column[i])
    events = [i for i in order for _ in range(pattern[i])]
    total, clipped = 0, False
    for i in events:
        total, over = arithmetic.accumulate(total, column[i], bits)
        clipped = clipped or bool(over)
    used = {i: n for i, n in enumerate(pattern) if n}
    lines = [f"events of each input: {used}", f"expected sum: {exact}, on {bits} bits: {total}"]
    if len(events) > MAX_REPLAY:
        return "\n".join([*lines, f"replay: impossible, {len(events)} events are too many"])
    cycles: list[dict[str, int]] = [{"rst": 1}, *[{}] * (clear_cycles(core) + 1)]
    for i in events:
        cycles += [{Port.IN_VALID: 1, Port.IN_PAYLOAD: i}]
        cycles += [{}] * event_cycles(core)
    shown = prover.replay(prover.core_module(k), [*cycles, *[{}] * 8])
    if isinstance(shown, str):
        return "\n".join([*lines, f"replay in simulation: impossible ({shown})"])
    simulator, outputs = shown
    saturated = outputs[-1]["saturated"] or 0
    return "\n".join([*lines, verdict(simulator, clipped and saturated > 0, outputs[-1])])


# --- the adders and the way into and out of the step ----------------------------------------------


def read_data(net: Netlist, memory: str) -> Any:
    """The register that holds what a memory answered."""
    array = net[memory]
    found = [
        register for register, value in net.next.items()
        if not z3.is_array(register) and _reads(value, array)
    ]  # fmt: skip
    if len(found) != 1:
        raise FxlifError(f"{memory}: found {len(found)} read ports in the Verilog, allowed 1")
    return found[0]


def _reads(value: Any, array: Any) -> bool:
    # enabled ? memory[address] : what it was; deeper down it would be someone else's.
    parts = value.children() if z3.is_app_of(value, z3.Z3_OP_ITE) else [value]
    return any(z3.is_select(part) and part.arg(0).eq(array) for part in parts)


def accumulate_theorem(prover: Prover, name: str, k: int) -> Theorem:
    """The second stage of the integration of core ``k``, from any state."""
    core, net = prover.cores[k], prover.netlist(prover.core_module(k))
    bits, lanes = accumulator_bits(net, core), core.lanes
    banks = [read_data(net, totals_name(bank)) for bank in (0, 1)]
    total = z3.If(net[Inside.BANK] == 1, banks[1], banks[0])
    weight = read_data(net, Inside.WEIGHTS)
    adding = net[Inside.ADDING] == 1
    result, clipped = net.after(net[Inside.RESULT], "'"), net.after(net[Inside.CLIPPED], "'")
    width = bits + core.neuron.weight_bits + 1
    claims, counted = {}, z3.BitVecVal(0, 32)
    for lane in range(lanes):
        before = bitvectors.widen(bitvectors.lane(total, lane, bits), width)
        addend = bitvectors.widen(bitvectors.lane(weight, lane, core.neuron.weight_bits), width)
        narrow, over = arithmetic.accumulate(before, addend, bits)
        held = bitvectors.widen(bitvectors.lane(result, lane, bits), width)
        claims[f"sum of lane {lane}"] = z3.Implies(adding, held == narrow)
        flag = bitvectors.lane(clipped, lane, 1) == 1
        claims[f"saturation of lane {lane}"] = flag == z3.And(adding, over)
        counted = counted + z3.ZeroExt(31, bitvectors.lane(net[Inside.CLIPPED], lane, 1))
    saturated = net["saturated"]
    claims["counter"] = net.after(saturated, "'") == saturated + counted

    values = {"total": total, "weight": weight}
    values |= transition.values_of(prover, prover.core_module(k))

    def explain(model: Mapping[str, int]) -> str:
        expected = _golden_sums(core, bits, *(model[n] for n in ("total", "weight")))
        told = transition.explain(
            prover, prover.core_module(k), model, (Inside.RESULT, Inside.CLIPPED)
        )
        return f"expected next: (result, saturates) of the lanes {expected}\n{told}"

    return Theorem(
        name=name, mode=EVERY_STATE, claims=claims, given=[net["rst"] == 0],
        cases={"an addition": adding},
        values=values, explain=explain,
    )  # fmt: skip


def _golden_sums(core: CoreParams, bits: int, total: int, weight: int) -> list[tuple[int, bool]]:
    sums = []
    for lane in range(core.lanes):
        before = (total >> lane * bits) & ((1 << bits) - 1)
        addend = (weight >> lane * core.neuron.weight_bits) & ((1 << core.neuron.weight_bits) - 1)
        narrow, over = arithmetic.accumulate(
            as_number(before, bits, signed=True),
            as_number(addend, core.neuron.weight_bits, signed=True), bits,
        )  # fmt: skip
        sums.append((int(narrow), bool(over)))
    return sums


def prove_accumulate(prover: Prover) -> None:
    """The adders of every core."""
    for k in range(len(prover.cores)):
        name = f"accumulate: golden accumulate = adders, core {k}"
        prover.attempt(name, partial(accumulate_theorem, prover, name, k))


def datapath_theorem(prover: Prover, name: str, k: int) -> Theorem:
    """What goes into each LIFStep of core ``k`` and what becomes of what comes out."""
    module = prover.core_module(k)
    core, net = prover.cores[k], prover.netlist(module)
    bits = accumulator_bits(net, core)
    total = transition.driver_of(net, step_name(0, "current"))
    state = transition.driver_of(net, step_name(0, "state"))
    moves = z3.And(net["rst"] == 0, net[Inside.MOVING] == 1, net[stage_valid("compute")] == 1)
    written, spike = net.after(net[Inside.WRITTEN], "'"), net.after(net[Inside.SPIKE], "'")
    state_bits = sum(core.neuron.state_widths.values())
    reads = z3.And(net["rst"] == 0, net[Inside.MOVING] == 1, net[stage_valid("read")] == 1)
    banks = [read_data(net, totals_name(bank)) for bank in (0, 1)]
    # The bank that is not integrated into belongs to the update.
    other = z3.If(net[Inside.BANK] == 1, banks[0], banks[1])
    claims = {
        "sum read": z3.Implies(reads, net.next[total] == other),
        "state read": z3.Implies(reads, net.next[state] == read_data(net, Inside.STATES)),
    }
    mantissa = None
    if core.v_thresholds is not None:
        mantissa = transition.driver_of(net, step_name(0, "threshold_mantissa"))
        read = read_data(net, Inside.THRESHOLDS)
        claims["threshold read"] = z3.Implies(reads, net.next[mantissa] == read)
    for lane in range(core.lanes):
        at = step_name(lane)
        golden = bitvectors.golden_current(
            bitvectors.lane(total, lane, bits), core.weight_shift, core.neuron.bias
        )
        port = net[f"{at}.current"]
        width = max(golden.size(), port.size())
        wide = bitvectors.widen(golden, width)
        claims[f"current of lane {lane}"] = bitvectors.widen(port, width) == wide
        own = bitvectors.lane(state, lane, state_bits)
        claims[f"state of lane {lane}"] = net[f"{at}.state"] == own
        if mantissa is not None:
            held = bitvectors.lane(mantissa, lane, core.neuron.threshold_bits)
            claims[f"threshold of lane {lane}"] = net[f"{at}.threshold_mantissa"] == held
        kept = bitvectors.lane(written, lane, state_bits) == net[f"{at}.next_state"]
        claims[f"write-back of lane {lane}"] = z3.Implies(moves, kept)
        emits = net[f"{at}.spike"]
        if (core.words - 1) * core.lanes + lane >= core.n_neurons:
            filler = net[stage_word("compute")] == core.words - 1
            emits = z3.If(filler, z3.BitVecVal(0, 1), emits)
        claims[f"spike of lane {lane}"] = z3.Implies(
            moves, bitvectors.lane(spike, lane, 1) == emits
        )

    def explain(model: Mapping[str, int]) -> str:
        return transition.explain(prover, module, model, ("total", Inside.WRITTEN, Inside.SPIKE))

    return Theorem(
        name=name, mode=EVERY_STATE, claims=claims, cases={"a step": moves, "a read": reads},
        values=transition.values_of(prover, module), explain=explain,
    )  # fmt: skip


def prove_datapath(prover: Prover) -> None:
    """The way into and out of the steps of every core."""
    for k in range(len(prover.cores)):
        name = f"datapath: golden synaptic_current into, write-back out of LIFStep, core {k}"
        prover.attempt(name, partial(datapath_theorem, prover, name, k))
