"""The weights that are delivered, and that no sum of a step that keeps its promise overflows.

- ``weights``: the images that the Verilog names hold the design's weights where the issue asks for
  them; what is in the images is proved to come out by the contract of ``weights``.
- ``overflow``: no step that keeps the promise ``max_events_per_input`` leaves the range of an
  accumulator, whose width is read off the netlist. A sum that is under way, in any order of
  arrival, is the sum of the events up to then, which are such a step themselves: to cover every
  number of events of each input covers every order.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from itertools import count, takewhile
from typing import Any

import numpy as np
import numpy.typing as npt

from ...cycles.latency import clear_cycles, event_cycles
from ...cycles.signals import Port
from ...errors import FxlifError
from ...hdl.core.weights import rows_together
from ...hdl.memory import ENABLED_ROM, MEMORIES, RAM, ROM
from ...params.core import CoreParams
from ...params.quantise import signed_range
from ...rule import arithmetic
from ..tools.solver import z3
from . import golden
from .contract import Ports
from .counterexample import confirmation, simulate, told
from .netlist import Netlist, modules
from .prover import Prover, Result

Ints = npt.NDArray[np.int64]
#: A counterexample of more events is not simulated.
MAX_SIMULATED = 2000
#: A memory of constants in the Verilog: its parameters, and what it is called.
_ROM = re.compile(rf"(?:{ROM}|{ENABLED_ROM}|{RAM}) #\((.*?)\) (\w+) \(", re.DOTALL)


def read_rom(prover: Prover, module: str, name: str, depth: int) -> list[int]:
    """The words of a memory of constants by the images that its Verilog names, slice by slice.

    Raises:
        FxlifError: an image is missing or too short, or the module that reads it is another.
    """
    for rom in (ROM, ENABLED_ROM, RAM):
        if rom in prover.modules and prover.modules[rom] != modules(MEMORIES[rom])[rom]:
            raise FxlifError(f"{rom}: must be the module that reads an image", key=rom)
    images = {}
    for parameters, instance in _ROM.findall(prover.modules.get(module, "")):
        given = dict(re.findall(r"\.(\w+)\((?:\d+'d)?\"?([^\")]*)\"?\)", parameters))
        text = prover.hardware.image_texts.get(given.get("IMAGE", ""))
        if text is None:
            file = given.get("IMAGE", instance)
            raise FxlifError.must_be(file, "an image of the design", None, found="missing")
        words = [int(line, 16) for line in text.split()]
        images[instance] = (int(given["WIDTH"]), words)
    banks = takewhile(lambda bank: f"{bank}_0" in images, (f"{name}_{k}" for k in count()))
    found: list[int] = []
    for bank in [*banks] or [name]:
        names = takewhile(images.__contains__, (f"{bank}_{k}" for k in count()))
        slices = [images[each] for each in names]
        here, at = [0] * min((len(words) for _, words in slices), default=0), 0
        for width, words in slices:
            here = [word | more << at for word, more in zip(here, words, strict=False)]
            at += width
        found += here
    if len(found) < depth:
        raise FxlifError.must_be(name, f"of {depth} words", len(found))
    return found[:depth]


def delivered_weights(prover: Prover, k: int) -> Ints:
    """The weights of core ``k`` in the images, (n_inputs, words * lanes), fillers included."""
    core, bits = prover.cores[k], prover.cores[k].neuron.weight_bits
    module = prover.part_module(k, "weights")
    held = read_rom(prover, module, "weights", max(2, core.n_inputs * core.words))
    table = np.array([golden.lane_numbers(word, core.lanes, bits) for word in held])
    rows, words = np.indices((core.n_inputs, core.words))
    rows_of_words: Ints = table[row_address(core, rows, words)]
    return rows_of_words.reshape(core.n_inputs, -1)


def row_address(core: CoreParams, row: Any, word: Any) -> Any:
    """Where the weights of an input and a word lie: row after row, or word after word."""
    if rows_together(core):
        return row * core.words + word
    return word * core.n_inputs + row


def accumulator_bits(net: Netlist, core: CoreParams) -> int:
    """The width of one accumulator, by the netlist."""
    width = Ports(net, "totals")["total"].size()
    if width % core.lanes:
        raise FxlifError.must_be("total", f"a word of {core.lanes} lanes", width)
    return int(width) // core.lanes


def weights_equal(prover: Prover, k: int) -> Result:
    """Nothing is left to a solver here: the weights of core ``k`` in the images and in the design
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
    """For each neuron of core ``k``, over all numbers of events of each input, and for any weights
    where they can be written."""
    core = prover.cores[k]
    if core.neuron.per_event:
        return "not_applicable", "its events act one by one: nothing is summed"
    weights, what = delivered_weights(prover, k)[:, : core.n_neurons], f"{core.n_neurons} neurons"
    if "weights" in core.writable:  # no sum goes further than those of the ends
        ends = signed_range(core.neuron.weight_bits)
        weights, what = np.tile(ends, (core.n_inputs, 1)), "any weights"
    columns = weights.T.tolist()
    bits = accumulator_bits(prover.core(k), core)
    low, high = signed_range(bits)
    counts = [z3.Int(f"events of input {i}") for i in range(core.n_inputs)]
    most = core.max_events_per_input
    solver = z3.SolverFor("QF_LIA")
    solver.add(*(z3.And(count >= 0, count <= most) for count in counts))
    if solver.check() != z3.sat:
        return "failed", "vacuous: no step is within the promise"
    by = f"z3, integers, {what}, {bits} bits, at most {most} events an input"
    deadline = time.perf_counter() + prover.timeout_s
    for neuron, column in enumerate(columns):
        prover.progress(f"overflow of core {k}", neuron, len(columns))
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
