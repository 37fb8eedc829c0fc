"""The bins of networks of cores that read rows: hit where they say, and never where they cannot."""

from __future__ import annotations

from itertools import pairwise
from types import SimpleNamespace

import numpy as np
import pytest
from designs import ONE_BY_ONE, event_loop, looped
from row_designs import random_network

from fxlif.cycles.model import CycleInputs, CycleOutputs, Driver
from fxlif.cycles.row_model import first_weights, model_of
from fxlif.cycles.rows import ROW_FLAGS
from fxlif.engines import can_compile
from fxlif.hdl.limits import supported
from fxlif.layout import HardwareNetwork
from fxlif.sim.coverage.coverage import Coverage
from fxlif.sim.coverage.row_words import AHEAD, RowCycles, RowWords
from fxlif.sim.coverage.synapses import sum_ranges, synapses_in
from fxlif.sim.soak.bulk import BLOCK
from fxlif.sim.stimulus.random import RandomStimulus

needs_numba = pytest.mark.skipif(not can_compile(), reason="as many cycles need numba")


def driven(network: HardwareNetwork, seed: int, blocks: int, engine: str = "compiled"):
    """Blocks of cycles under random stimulus: (inputs, outputs)."""
    model, stimulus = model_of(network, engine=engine), RandomStimulus(network, seed)
    driver = Driver(network.in_address_bits)
    for _ in range(blocks):
        if driver.left < BLOCK:
            driver.refill(stimulus.events(BLOCK))
        block = model.drive(driver, stimulus.flags(BLOCK))
        yield CycleInputs.of(block.inputs), model.outputs(block)


@needs_numba
@pytest.mark.parametrize("seed", [3, 6, 10, 25, "looped", "events"])
def test_what_the_network_forbids_is_never_hit(seed) -> None:
    """The seeds are those where a wrong reason was seen: spikes of its own that a core adds during
    its update, rows of no words that wait, outputs that take turns."""
    shipped = {"looped": looped(), "events": event_loop(ONE_BY_ONE["leaks, then fires on events"])}
    network = supported(shipped[seed]) if seed in shipped else random_network(seed)
    coverage = Coverage(network)
    for inputs, outputs in driven(network, 5, 2 if seed == "events" else 8):
        coverage.take(inputs, outputs)
    for each in coverage.bins:
        rule = coverage._counts.rules[each.group, each.name]
        assert not (rule.impossible and each.count), (each.group, each.name, rule.impossible)
    hit = {(each.group, each.name) for each in coverage.bins if each.hit}
    if seed == "events":
        impossible = {key for key, rule in coverage._counts.rules.items() if rule.impossible}
        assert {
            ("core[0].event", "below 0"), ("core[0].v", "raised to v_floor"),
            ("core[0].threshold", "fires"), ("core[0].spikes in a step", "several"),
            ("core[0].inputs", "a spike of after of the step before"),
            ("core[0].projection[2]", "a row of 5 words"),
            ("core[1].projection[5]", "a synapse of delay 0"),
            ("core[1].control", "an event is repeated"),
        } <= hit  # fmt: skip
        # The input moves for both cores, and the other one reads this one first.
        assert ("core[1].control", "a row right behind an update") in impossible
    if seed == "looped":
        assert ("core[0].projection[2]", "a synapse of delay 5") in hit
        assert ("core[0].inputs", "a spike of late of the step before") in hit
        assert ("core[1].front", "a spike is looked up in another memory than the first") in hit
        assert ("outputs", "the turn after early, though events_out waits") in hit
        assert ("core[0].sums[0]", "saturates up") in hit


def again_by_hand(
    network: HardwareNetwork, k: int, rst: np.ndarray, outputs: CycleOutputs
) -> dict[tuple[int, str, str, int], list[int]]:
    """In which cycles a sum is used again, written cycle by cycle with sets of sums."""
    core, trace = network.cores[k], outputs.cores[k]
    places = first_weights(network.cores)[k]
    history: list[dict[str, set]] = [{"added": set(), "taken": set()}] * AHEAD
    found: dict[tuple[int, str, str, int], list[int]] = {}
    base, word = 0, 0
    for cycle in range(len(rst)):
        on = {name for bit, name in enumerate(ROW_FLAGS) if trace.control[cycle] >> bit & 1}
        used: dict[str, set] = {"added": set(), "taken": set()}
        if rst[cycle]:
            base, word = 0, 0
            history = [used] * AHEAD
            continue
        if "adding" in on:
            for number, place in places.items():
                memory = core.memories[number]
                at, rest = divmod(int(trace.word[cycle]) - place, core.lanes)
                if rest or not 0 <= at < memory.depth:
                    continue
                slots = core.accumulators[memory.accumulator].slots
                for lane in range(core.lanes):
                    delay = memory.delay
                    delay += 0 if memory.delays is None else int(memory.delays[at, lane])
                    row = max(s for s in memory.starts.tolist() if s <= at)
                    of = at - row if memory.words is None else int(memory.words[at, lane])
                    if memory.weights[at, lane]:
                        sums = (memory.accumulator, (base + delay) % slots, of, lane)
                        used["added"].add(sums)
        if "issuing" in on:
            for a, sums in enumerate(core.accumulators):
                used["taken"] |= {(a, base % sums.slots, word, n) for n in range(core.lanes)}
            word += 1
            if word == core.words:
                base, word = base + 1, 0
        for back in range(1, AHEAD + 1):
            for first, then in (("added", "added"), ("added", "taken"), ("taken", "added")):
                for a in {each[0] for each in used[then] & history[-back][first]}:
                    found.setdefault((a, first, then, back), []).append(cycle)
        history = [*history[1:], used]
    return found


@pytest.mark.parametrize("seed", [12, 37])
def test_sums_that_are_used_again(seed: int) -> None:
    """As sets of sums say, however the cycles are cut."""
    network = random_network(seed)
    stimulus = RandomStimulus(network, seed)
    driver = Driver(network.in_address_bits)
    driver.refill(stimulus.events(BLOCK))
    cycles = 3000
    model = model_of(network)
    block = model.drive(driver, stimulus.flags(cycles))
    inputs, outputs = CycleInputs.of(block.inputs), model.outputs(block)
    rst = np.asarray(inputs.rst) != 0
    seen = 0
    for k, places in enumerate(first_weights(network.cores)):
        words = RowWords(network.cores[k], places)
        wanted = again_by_hand(network, k, rst, outputs)
        before = None
        parts = []
        cuts = [0, 2, 3, 700, 1501, cycles]
        for a, b in pairwise(cuts):
            trace = outputs.cores[k]
            part = SimpleNamespace(
                control=trace.control[a:b], word=trace.word[a:b], ends=trace.ends[a:b]
            )
            before = RowCycles(words, part, rst[a:b], before)
            parts.append(before)
        for a in range(len(network.cores[k].accumulators)):
            for first, then in (("added", "added"), ("added", "taken"), ("taken", "added")):
                for back in range(1, AHEAD + 1):
                    hit = np.concatenate([each.again(a, first, then, back) for each in parts])
                    at = wanted.get((a, first, then, back), [])
                    assert np.flatnonzero(hit).tolist() == at, (k, a, first, then, back)
                    seen += len(at)
    assert seen


def test_synapses_and_sums_are_those_of_the_network() -> None:
    """Every synapse of a projection, once; and sums as far as its weights go."""
    network = supported(looped())
    early = network.cores[0]
    memory = next(each for each in early.memories if each.projection == 2)
    found = synapses_in(early, memory)
    weights = np.zeros((7, 7), dtype=np.int64)
    np.add.at(weights, (found.row, found.neuron), found.weight)
    np.testing.assert_array_equal(weights, looped().projection[2].synapses.weights)
    assert set(found.delay.tolist()) == {0, 1, 2, 3, 4}  # backward: one less
    others = sum_ranges(early, (None, 1, 1, 1))[memory.accumulator]
    late = looped().projection[5].synapses.weights
    both = np.concatenate([weights, late])
    np.testing.assert_array_equal(others[0], np.minimum(both, 0).sum(axis=0))
    np.testing.assert_array_equal(others[1], np.maximum(both, 0).sum(axis=0))
