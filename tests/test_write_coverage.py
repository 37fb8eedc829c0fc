"""Coverage of what is written and read at run time: counted again cycle by cycle, and by hand."""

from __future__ import annotations

import random
import re
import time
from collections import Counter

import numpy as np
import pytest
from designs import SIMPLE, looped, make, writable

from fxlif import CoreParams, NetworkParams, NeuronParams
from fxlif.cycles.access import ITEM_BITS, NONE, AddressMap, is_single, value_range
from fxlif.cycles.model import CycleInputs, CycleModel, CycleOutputs, Driver
from fxlif.cycles.row_model import model_of
from fxlif.hdl.limits import supported
from fxlif.params.core import WRITABLE
from fxlif.params.protocol import AnyCores
from fxlif.rule.step import NeuronState, step
from fxlif.rule.written import register_value, with_register, with_values
from fxlif.sim.coverage.counters import again_key
from fxlif.sim.coverage.coverage import Coverage
from fxlif.sim.coverage.invariant import Neurons, SymbolicStep, invariant
from fxlif.sim.coverage.neuron_bins import neuron_bins
from fxlif.sim.coverage.step_values import StepValues
from fxlif.sim.coverage.unreachable import prove_unreachable
from fxlif.sim.stimulus.accesses import RandomReads, RandomWrites
from fxlif.sim.stimulus.random import RandomStimulus

BOTH = ("weights", "thresholds")
CHAIN = NetworkParams.chain(
    make(3, 5, 2, SIMPLE, writable=("weights",)),
    make(5, 7, 3, SIMPLE, writable=BOTH, v_thresholds=(60,) * 7, readable=True),
)
CYCLES, ROW_CYCLES = 12_000, 50_000


def driven(design: AnyCores, cycles: int = CYCLES) -> tuple[CycleInputs, CycleOutputs]:
    """Random inputs, and writes and reads that stay until they are taken."""
    model, driver = model_of(design, engine="compiled"), Driver(design.in_address_bits)
    stimulus = RandomStimulus(design, 1)
    driver.refill(stimulus.events(cycles))
    readable = any(core.readable for core in design.cores)
    ports = (driver.writes, RandomWrites), (driver.reads, RandomReads)
    for source, accesses in ports if readable else ports[:1]:
        drawn = accesses(design.cores, 1).take(cycles)
        drawn["gap"] //= 8
        source.refill(drawn)
    # Frequent resets, so that a short run has one in many states of the ports.
    resets = np.random.default_rng(1).random(cycles) < 0.02
    block = model.drive(driver, stimulus.flags(cycles) | (4 * resets).astype(np.uint8))
    return CycleInputs.of(block.inputs, model.port.inputs), model.outputs(block)


def counted_again(design, inputs: CycleInputs, outputs: CycleOutputs) -> Counter:
    """The bins of writes, from the address layout as it is written down and plain comparisons."""
    where, found = AddressMap(design.cores), Counter()
    named = where.decode(inputs.write_address, inputs.write_data)
    waited, takes = 0, {}
    for cycle in range(CYCLES):
        rst, valid = bool(inputs.rst[cycle]), bool(inputs.write_valid[cycle])
        ready = bool(outputs.write_ready[cycle])
        rest, parts = int(inputs.write_address[cycle]), []
        for bits in (where.lane_bits, where.word_bits, where.row_bits, ITEM_BITS):
            parts.append(rest % (1 << bits))
            rest >>= bits
        lane, word, row, parameter = parts
        k = int(named.core[cycle])
        group = "write" if k == NONE else f"core[{k}].write"
        if rst and cycle - 1 in takes and takes[cycle - 1] != NONE:
            found[f"core[{takes[cycle - 1]}].write", "in the cycle before a reset"] += 1
        if valid and ready and rst:
            found[group, "to nothing, in the cycle of a reset" if k == NONE
                  else "in the cycle of a reset"] += 1  # fmt: skip
        elif valid and ready:
            takes[cycle] = k
            found["write", "back to back"] += cycle - 2 in takes
            if k == NONE:
                kind = kind_of_nothing(design, rest, parameter, row, word, lane)
                found[kind] += 1
            else:
                found[group, "taken at once" if waited == 1 else "taken after it waited"] += 1
                found[group, "taken while an event waits"] += (
                    k == 0 and bool(inputs.in_valid[cycle]) and not outputs.in_ready[cycle]
                )
                core, name = design.cores[k], BOTH[parameter]
                ends = value_range(core, name)
                here = f"{group} of {name}"
                value = int(named.value[cycle])
                found[here, "the lowest value"] += value == ends[0]
                found[here, "the highest value"] += value == ends[1]
                found[here, "a value between"] += ends[0] < value < ends[1]
                counts = {"row": core.n_inputs if name == "weights" else 1,
                          "word": core.words, "lane": core.lanes}  # fmt: skip
                for what, number in (("row", row), ("word", word), ("lane", lane)):
                    if counts[what] > 1:
                        found[here, f"the first {what}"] += number == 0
                        found[here, f"the last {what}"] += number == counts[what] - 1
        elif valid and k != NONE and waited:
            flags = int(outputs.cores[k].control[cycle])
            pending, updating = flags >> 3 & 1, flags >> 4 & 1
            found[group, "waits behind a TICK that waits"] += pending
            found[group, "waits for an update or a clear"] += updating
            found[group, "waits while a step has begun"] += not (pending or updating)
        waited = waited + 1 if valid and not ready else 0
    return +found


def kind_of_nothing(design, k: int, parameter: int, row: int, word: int, lane: int):
    """Which bin, or bins, a write to nothing is in; the first that does not fit."""
    if k >= len(design.cores) or not design.cores[k].writable:
        return "write", "to nothing: another core"
    core = design.cores[k]
    if parameter >= 2 or BOTH[parameter] not in core.writable:
        return f"core[{k}].write", "to another parameter, which is not there"
    name = BOTH[parameter]
    group = f"core[{k}].write of {name}"
    assert not is_single(core, name)
    if row >= (core.n_inputs if name == "weights" else 1):
        return group, "to nothing: another row"
    if word >= core.words:
        return group, "to nothing: another word"
    if lane >= core.lanes:
        return group, "to nothing: another lane"
    return group, "to nothing: a lane of the last word without a neuron"


def reads_again(design, inputs: CycleInputs, outputs: CycleOutputs) -> Counter:
    """The bins of reads, likewise: of the second core, with items of its own."""
    where, found = AddressMap(design.cores), Counter()
    k = 1
    items = {8: "v", 12: "dropped", 13: "saturated"}
    waited, taken, resets, stepped = 0, {}, [], False
    for cycle in range(CYCLES):
        rst, valid = bool(inputs.rst[cycle]), bool(inputs.read_valid[cycle])
        ready = bool(outputs.read_ready[cycle])
        rest, parts = int(inputs.read_address[cycle]), []
        for bits in (where.lane_bits, where.word_bits, where.row_bits, ITEM_BITS):
            parts.append(rest % (1 << bits))
            rest >>= bits
        lane, word, row, item = parts
        neuron, flags = 3 * word + lane, int(outputs.cores[k].control[cycle])
        there = rest == k and row == 0 and item in items
        there &= (lane < 3 and neuron < 7) if item == 8 else neuron == lane == 0
        of_design = rest == 0 and item in (14, 15) and row == word == lane == 0
        group, here = f"core[{k}].read", f"core[{k}].read of {items.get(item)}"
        if rst:
            found[group, "in the cycle before a reset"] += taken.get(cycle - 1) == k
            for ago, name in ((4, "before"), (5, "of")):
                name = f"a reset in the cycle {name} the answer"
                between = any(cycle - back in resets for back in range(1, ago))
                found[group, name] += taken.get(cycle - ago) == k and not between
            resets.append(cycle)
        if valid and ready and rst and not of_design:
            found[(group, "in the cycle of a reset") if there
                  else ("read", "of nothing, in the cycle of a reset")] += 1  # fmt: skip
        elif valid and ready and not rst:
            taken[cycle] = k if there else -1
            found["read", "back to back"] += cycle - 2 in taken
            found["read", "taken with a write"] += bool(
                inputs.write_valid[cycle] and outputs.write_ready[cycle]
            )
            if of_design:
                found["read", "of " + ("rejected" if item == 14 else "read_errors")] += 1
            elif there:
                found[group, "taken at once" if waited == 1 else "taken after it waited"] += 1
                found[group, "behind a step" if stepped else "before the first step"] += 1
                if item == 8:
                    for what, number, last in (("word", word, 2), ("lane", lane, 2)):
                        found[here, f"the first {what}"] += number == 0
                        found[here, f"the last {what}"] += number == last
            else:
                found["read", "of nothing: another core"] += rest != k
                design_count = rest == 0 and item in (14, 15)
                found["read", "of nothing: a counter of the design at another place"] += (
                    design_count
                )
                if rest == k and item not in items:
                    found[group, "of another item, which is not there"] += 1
                elif rest == k:
                    words, lanes = (3, 3) if item == 8 else (1, 1)
                    found[here, "of nothing: another row"] += row > 0
                    found[here, "of nothing: another word"] += word >= words
                    found[here, "of nothing: another lane"] += lane >= lanes
                    found[here, "of nothing: a lane of the last word without a neuron"] += (
                        item == 8 and word == 2 and 0 < lane < 3
                    )
        elif valid and there and waited:
            pending, updating = flags >> 3 & 1, flags >> 4 & 1
            found[group, "waits behind a TICK that waits"] += pending
            found[group, "waits for an update or a clear"] += updating
            found[group, "waits while a step has begun"] += not (pending or updating)
        waited = waited + 1 if valid and not ready else 0
        stepped = not rst and (stepped or bool(flags >> 5 & 1))
    return +found


def bins_of(coverage: Coverage, port: str) -> dict:
    return {(b.group, b.name): b.count for b in coverage.bins if port in b.group}


def test_writes_are_counted_cycle_by_cycle_however_they_are_cut() -> None:
    inputs, _ = driven(CHAIN)
    outputs = CycleModel(CHAIN.cores).run(inputs)
    coverage = Coverage(CHAIN)
    coverage.take(inputs, outputs)
    read = bins_of(coverage, "read")
    again = reads_again(CHAIN, inputs, outputs)
    assert {
        key: read[key] - again[key]
        for key in read.keys() | again.keys()
        if read.get(key) != again[key]
    } == {}
    assert sum(count > 0 for count in read.values()) >= 25
    counts = bins_of(coverage, "write")
    expected = counted_again(CHAIN, inputs, outputs)
    # A write to nothing may be wrong in several fields: the plain count knows the first alone.
    for key in counts.keys() | expected.keys():
        low = expected[key]
        several = key[1].startswith("to nothing: ")
        assert counts[key] >= low if several else counts[key] == low, key
    assert sum(count > 0 for count in counts.values()) >= 44
    rng, again, model, at = random.Random(1), Coverage(CHAIN), CycleModel(CHAIN.cores), 0
    shown = {n: column for n, column in vars(inputs).items() if isinstance(column, np.ndarray)}
    while at < CYCLES:
        end = at + rng.randint(1, 300)
        part = CycleInputs(**{name: column[at:end] for name, column in shown.items()})
        again.take(part, model.run(part))
        at = end
    assert {(b.group, b.name): b.count for b in again.bins} == {
        (b.group, b.name): b.count for b in coverage.bins
    }
    never = [
        b for b in coverage.bins if b.count and coverage._counts.rules[b.group, b.name].impossible
    ]
    assert never == []


def test_what_is_done_to_rows_is_counted() -> None:
    network = writable(looped())
    parts = tuple(p.model_copy(update={"readable": True}) for p in network.population)
    design = supported(network.model_copy(update={"population": parts}))
    coverage = Coverage(design)
    coverage.take(*driven(design, ROW_CYCLES))
    rules = coverage._counts.rules
    assert [b for b in coverage.bins if b.count and rules[b.group, b.name].impossible] == []
    of_ports = [b for b in coverage.bins if re.search(r"\b(read|write)\b", b.group)]
    missing = [b for b in of_ports if not b.count and not rules[b.group, b.name].impossible]
    assert len(missing) <= len(of_ports) // 10, [(b.group, b.name) for b in missing]
    slots = [b for b in of_ports if b.name == "to nothing: a slot without a synapse"]
    assert len(slots) == 2
    assert all(b.count for b in slots)


def test_events_meet_the_weights_that_are_written() -> None:
    core = CoreParams(n_inputs=2, n_neurons=1, weights=[[10], [10]], writable=("weights",))
    coverage, model = Coverage(core), CycleModel([core])
    where = AddressMap([core])
    cycles = 240
    inputs = {name: np.zeros(cycles, dtype=np.int64) for name in (
        "rst", "in_valid", "in_address", "in_tick", "write_valid", "write_address", "write_data",
    )}  # fmt: skip
    for start in (40, 160):
        for k, (address, tick) in enumerate([(0, 0), (1, 0), (0, 1)]):
            inputs["in_valid"][start + 10 * k] = 1
            inputs["in_address"][start + 10 * k], inputs["in_tick"][start + 10 * k] = address, tick
    inputs["write_valid"][120:122] = 1
    inputs["write_address"][:], inputs["write_data"][:] = where.address(0, "weights", 0, 1), 256 - 9
    shown = CycleInputs(**inputs, out_ready=np.ones(cycles, dtype=np.int64))
    coverage.take(shown, model.run(shown))
    counts = {b.name: b.count for b in coverage.bins if b.group == "events"}
    assert counts["of every input in a step"] == 2
    assert counts["a neuron excited and inhibited in a step"] == 1
    assert counts["with another weight than before any write"] == 1


# --- registers ----------------------------------------------------------------------------------

REGISTERS = ("leak_shift", "v_reset", "refractory")
HELD = make(
    3, 5, 2,
    SIMPLE.model_copy(update={
        "refractory": 2, "order": ("integrate", "fire", "leak"), "refractory_mode": "leak",
        "leak": SIMPLE.leak.model_copy(update={"rounding": "nearest_even"}),
    }),
    writable=("thresholds", *REGISTERS), readable=True,
)  # fmt: skip


def steps_again(core: CoreParams, inputs: CycleInputs, outputs: CycleOutputs) -> Counter:
    """The bins of the steps of a core, update by update, each with a neuron of its own."""
    where, found, neuron = AddressMap([core]), Counter(), core.neuron
    named, (trace,) = where.decode(inputs.write_address, inputs.write_data), outputs.cores
    n, started, under_way, rests = core.n_neurons, 0, None, {}
    for cycle, rst in enumerate(inputs.rst):
        if (
            not rst
            and inputs.write_valid[cycle]
            and outputs.write_ready[cycle]
            and named.core[cycle] == 0
        ):
            name = WRITABLE[named.parameter[cycle]]
            if name in REGISTERS:
                neuron = with_register(neuron, name, int(named.value[cycle]))
        if trace.control[cycle] >> 5 & 1 and not rst:
            under_way, started = (started, neuron), started + 1
        if trace.valid[cycle] and trace.index[cycle] == core.words - 1:
            at, held = under_way
            here, of = slice(at * n, (at + 1) * n), trace.steps
            state = NeuronState(*(values[here] for values in of.before))
            if not held.rest_steps:  # though it may still rest
                held = with_values(held, {"refractory": np.zeros(n, dtype=np.int64)})
            values = StepValues(held, state, of.current[here], of.threshold[here])
            for each in neuron_bins(held):
                if not each.impossible and not each.name.endswith("before any write"):
                    found[each.key] += int(np.count_nonzero(each.hit(values)))
            made = step(held, state, of.current[here], of.threshold[here])
            for name in REGISTERS:
                first = with_register(held, name, register_value(core.neuron, name))
                other = step(first, state, of.current[here], of.threshold[here])
                differ = [
                    a != b for a, b in zip((*made[0], made[1]), (*other[0], other[1]), strict=True)
                ]
                key = "choice", f"{name}: not as before any write"
                found[key] += int(np.count_nonzero(np.any(differ, axis=0)))
            found["threshold", "another than before any write"] += int(
                np.count_nonzero(of.threshold[here] != core.neuron.v_threshold)
            )
            for neuron_number, fires in enumerate(made[1]):
                due = rests.get(neuron_number, -1)
                found[again_key()] += bool(fires) and due == 0
                rests[neuron_number] = neuron.rest_steps if fires else due - 1
        if rst:
            under_way, rests = None, {}
    return found


def test_steps_are_counted_with_the_registers_as_they_are_written() -> None:
    inputs, outputs = driven(HELD, 4000)
    coverage = Coverage(HELD)
    coverage.take(inputs, outputs)
    expected = +steps_again(HELD, inputs, outputs)
    counts = {(b.group, b.name): b.count for b in coverage.bins}
    differ = {key: (counts[key], count) for key, count in expected.items() if counts[key] != count}
    assert differ == {}
    of_steps = {rule.key for rule in coverage._counters[0]._steps._bins}
    assert {key for key in of_steps if counts[key]} <= set(expected)
    assert all(counts["choice", f"{name}: not as before any write"] for name in REGISTERS)
    cut, model = Coverage(HELD), CycleModel(HELD.cores)
    shown = {n: column for n, column in vars(inputs).items() if isinstance(column, np.ndarray)}
    for at in range(0, 4000, 170):
        part = CycleInputs(**{name: column[at : at + 170] for name, column in shown.items()})
        cut.take(part, model.run(part))
    assert {(b.group, b.name): b.count for b in cut.bins} == counts


def small(writable: tuple[str, ...]) -> CoreParams:
    neuron = NeuronParams(v_threshold=20, state_bits=7, refractory=2, bias=-3, weight_bits=6,
                          leak={"kind": "shift", "shift": 2})  # fmt: skip
    return CoreParams(n_inputs=3, n_neurons=5, neuron=neuron, weights=np.full((3, 5), 18),
                      writable=writable)  # fmt: skip


@pytest.mark.parametrize("writable", [(), ("refractory",), REGISTERS])
def test_what_no_step_does_is_proved_for_whatever_registers_hold(writable) -> None:
    """A rest of 3 steps, an overflow downwards: by a value that is written alone."""
    pytest.importorskip("z3")
    core = small(writable)
    bounds = invariant(SymbolicStep(Neurons.of_core(core), time.monotonic() + 60))
    assert bounds["refractory"] == (0, 3 if "refractory" in writable else 2)
    coverage = Coverage(core)
    between, lowest = ("refractory", "a step between"), ("v", "saturates down")
    coverage.waivers = dict.fromkeys(coverage.hits.keys() - {between, lowest}, "not asked")
    prove_unreachable(coverage)
    assert (coverage.reachable(between)[0] is False) != ("refractory" in writable)
    assert (coverage.reachable(lowest)[0] is False) == ("v_reset" not in writable)


@pytest.mark.slow
def test_what_is_called_unreachable_is_never_hit_by_writes() -> None:
    pytest.importorskip("z3")
    core = small(REGISTERS)
    coverage = Coverage(core)
    prove_unreachable(coverage)
    coverage.take(*driven(core, 50_000))
    never = {key for key, (reachable, _) in coverage.answers.items() if reachable is False}
    assert never
    assert {key for key in never if coverage.hits[key]} == set()


@pytest.mark.parametrize("spikes", [None, 1])
def test_bounds_hold_for_whatever_is_written(spikes: int | None) -> None:
    core = CoreParams(n_inputs=2, n_neurons=1, weights=[[3], [0]], writable=BOTH, neuron=SIMPLE)
    (inputs,) = Neurons.of_core(core, spikes=spikes).inputs
    assert inputs.low <= -2 * 128
    assert inputs.high >= 2 * 127
    assert (inputs.lowest, inputs.threshold) == (-(1 << 15), (1 << 15) - 1)
