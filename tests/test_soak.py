"""Bulk runs: every output is compared, every kind of fault is found, and nothing is lost."""

from __future__ import annotations

import json
import os
import random
import re
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from designs import COMPARE, CORES, swap
from hypothesis import given
from hypothesis import strategies as st
from source_edits import SourceMutant
from source_mutants import applied
from typer.testing import CliRunner

from fxlif import CoreParams, FxlifError, NetworkParams, NeuronParams, cli
from fxlif.cycles.control import NONE
from fxlif.cycles.model import CoreTrace, CycleModel, CycleOutputs
from fxlif.cycles.signals import (
    ANSWERED,
    INPUT_PORTS,
    OUTPUT_PORTS,
    READ_OUTPUTS,
    WRITE_OUTPUTS,
)
from fxlif.engines import can_compile
from fxlif.rule.step import step
from fxlif.sim import verify
from fxlif.sim.bench.models import Offers
from fxlif.sim.bench.outcome import FIRED, SILENT_RUN
from fxlif.sim.bench.scoreboard import Counts, Report
from fxlif.sim.bench.simulation import wrapped
from fxlif.sim.bench.wrapper import Cycles, Interface
from fxlif.sim.coverage import until_covered as cover_module
from fxlif.sim.coverage.bins import BinRule
from fxlif.sim.coverage.coverage import Coverage
from fxlif.sim.coverage.until_covered import COVERED, WAIVERS, cover, covered
from fxlif.sim.failure import difference as difference_module
from fxlif.sim.failure import folder, late, narrow
from fxlif.sim.failure.difference import as_stimulus, narrowed, shrunk
from fxlif.sim.failure.narrow import first_difference
from fxlif.sim.report.findings import Bin, Check, Findings, groups
from fxlif.sim.soak import bulk as bulk_module
from fxlif.sim.soak import run as soak_module
from fxlif.sim.soak import segments
from fxlif.sim.soak.bulk import BLOCK, StreamBulk
from fxlif.sim.soak.bulk_neuron import NeuronBulk, steps_of
from fxlif.sim.soak.compare import get, put
from fxlif.sim.soak.random_design import random_neuron
from fxlif.sim.soak.random_network import random_hardware
from fxlif.sim.soak.run import Store, soak, soak_designs
from fxlif.sim.soak.segments import (
    SEGMENT,
    Segment,
    Target,
    blocks,
    bulk_of,
    run_segment,
    seed_of,
    sizes,
    target_of,
)
from fxlif.sim.stimulus import rates
from fxlif.sim.stimulus.lengths import FROM_VERILOG
from fxlif.sim.stimulus.march import TRIED
from fxlif.sim.stimulus.planned import STEPS, distances, in_turn, planned_events, search
from fxlif.sim.tools.simulators import Results
from fxlif.sim.tools.verilated import VerilatedDesign
from fxlif.sim.tools.words import as_ints, as_rows, pack

pytestmark = pytest.mark.skipif(not can_compile(), reason="bulk runs need numba")
CORE = CORES["all options"]
WRITTEN = CoreParams(**dict(CORE) | {"writable": ("weights", "thresholds"), "readable": True})
NEURON = NeuronParams(v_threshold=60, refractory=2)


@pytest.fixture(scope="module")
def target() -> Target:
    """The one library of this file; the cache of libraries keeps it."""
    return target_of(CORE)


# --- small parts --------------------------------------------------------------------------------


@pytest.mark.parametrize("cycles", [1, BLOCK, BLOCK + 1, SEGMENT, SEGMENT + 1, 3 * SEGMENT - 5])
def test_sizes(cycles: int) -> None:
    parts = sizes(cycles)
    assert cycles <= sum(parts) < cycles + BLOCK
    assert all(0 < part <= SEGMENT and part % BLOCK == 0 for part in parts)
    assert all(part == SEGMENT for part in parts[:-1])


def test_seeds_of_segments_differ() -> None:
    seeds = [seed_of(seed, segment) for seed in (0, 1, -1, 2**64 + 5) for segment in range(200)]
    assert len(set(seeds)) == len(seeds)
    assert all(0 <= seed < 1 << 64 for seed in seeds)
    assert seed_of(1, 0) == seed_of(1 + (1 << 64), 0)


@given(data=st.data())
def test_packing(data: st.DataObject) -> None:
    """Fields one after the other, across the ends of 64-bit words, negative ones too."""
    fields, at = [], 0
    for width in data.draw(st.lists(st.integers(1, 63), min_size=1, max_size=12)):
        signed = data.draw(st.booleans())
        low, high = (-(1 << width - 1), (1 << width - 1) - 1) if signed else (0, (1 << width) - 1)
        fields.append((at, width, signed, data.draw(st.integers(low, high))))
        at += width + data.draw(st.integers(0, 3))
    words = np.zeros((2, at // 64 + 2), dtype=np.uint64)
    for offset, width, _, value in fields:
        put(words, 1, offset, width, value)
    whole = sum((value & (1 << width) - 1) << offset for offset, width, _, value in fields)
    assert sum(int(word) << 64 * k for k, word in enumerate(words[1])) == whole
    assert not words[0].any()
    for offset, width, signed, value in fields:
        assert get(words, 1, offset, width, int(signed)) == value


# --- every output is compared, without a simulator ----------------------------------------------


def network() -> NetworkParams:
    """Two cores, of which the second has a lane to spare."""
    weights = np.random.default_rng(1).integers(-3, 20, (CORE.n_neurons, 5))
    second = CoreParams(n_inputs=CORE.n_neurons, n_neurons=5, lanes=3, weights=weights,
                        neuron=NeuronParams(v_threshold=30))  # fmt: skip
    return NetworkParams(name="two", core=(CORE, second))


def response_of(made: CycleOutputs, interface: Interface, *, chain: bool) -> dict[str, tuple]:
    """What a right design shows: each field's values, and the cycles in which they count."""
    always = np.ones(len(made.in_ready), dtype=bool)
    shown = {
        "events_in.ready": (made.in_ready, always), "events_out.valid": (made.out_valid, always),
        "events_out.payload.address": (made.out_address, made.out_valid),
        "events_out.payload.tick": (made.out_tick, made.out_valid),
    }  # fmt: skip
    if len(made.rejected):
        shown |= {
            port: (getattr(made, field), made.answer_valid if field in ANSWERED else always)
            for field, port in (WRITE_OUTPUTS | READ_OUTPUTS).items()
        }
    for k, trace in enumerate(made.cores):
        suffix, valid = f"_{k}" if chain else "", trace.valid
        shown[f"dropped{suffix}"] = trace.dropped, always
        shown[f"saturated{suffix}"] = trace.saturated, always
        shown[f"trace{suffix}.valid"] = valid, always
        shown[f"trace{suffix}.index"] = np.maximum(trace.index, 0), valid
        written = {"spike": trace.spike, **{f"state[{{}}].{n}": v for n, v in trace.state.items()}}
        for name, values in written.items():
            for lane in range(values.shape[1]):
                column = np.zeros(len(valid), dtype=np.int64)
                column[valid] = values[:, lane]
                full = f"spike[{lane}]" if name == "spike" else name.format(lane)
                shown[f"trace{suffix}.{full}"] = column, valid
    return shown


def spikes_of(trace: CoreTrace, core: CoreParams) -> list[int]:
    """How often each neuron fires in a trace."""
    spikes = [0] * core.n_neurons
    for word, lanes in zip(trace.index[trace.valid].tolist(), trace.spike.tolist(), strict=True):
        for lane, count in enumerate(lanes):
            if count:
                spikes[word * core.lanes + lane] += count
    return spikes


@pytest.mark.parametrize("params", [CORE, network(), WRITTEN], ids=["core", "chain", "written"])
def test_every_bit_of_every_output_counts_in_its_cycle(params) -> None:
    interface, _ = wrapped(params)
    bulk = StreamBulk(params, interface, seed=2)
    bulk.stimulus()
    assert bulk.block is not None
    made = bulk.model.outputs(bulk.block)
    shown = response_of(made, interface, chain=isinstance(params, NetworkParams))
    assert set(shown) == set(interface.response) - set(interface.stimulus)
    response = np.zeros((BLOCK, interface.response_bits // 64 + 2), dtype=np.uint64)
    for name, (values, _) in shown.items():
        field = interface.response[name]
        for cycle, value in enumerate(values.tolist()):
            put(response, cycle, field.offset, field.width, int(value))
    assert bulk.check(response) == NONE
    assert bulk.counts.fired == [
        spikes_of(trace, core) for trace, core in zip(made.cores, params.cores, strict=True)
    ]
    rng = random.Random(1)
    for name, (_, counts) in shown.items():
        field = interface.response[name]
        at = np.flatnonzero(counts)
        assert len(at), name
        for bit in range(field.offset, field.offset + field.width):
            cycle = int(rng.choice((at[0], at[-1], rng.choice(at.tolist()))))
            response[cycle, bit // 64] ^= np.uint64(1 << bit % 64)
            assert bulk.check(response) == cycle, name
            response[cycle, bit // 64] ^= np.uint64(1 << bit % 64)
        if not counts.all():
            cycle = int(np.flatnonzero(~counts)[0])
            response[cycle, field.offset // 64] ^= np.uint64(1 << field.offset % 64)
            assert bulk.check(response) == NONE, f"{name} means nothing in that cycle"
            response[cycle, field.offset // 64] ^= np.uint64(1 << field.offset % 64)


@pytest.mark.parametrize("field", ["out_valid", "out_address", "out_tick"])
def test_what_is_offered_must_stay_even_where_the_model_withdraws_it(field: str) -> None:
    """Hardware and cycle model once had the same fault, and were equal."""
    interface, _ = wrapped(CORE)
    bulk = StreamBulk(CORE, interface, seed=2)
    bulk.stimulus()
    assert bulk.block is not None
    streams, inputs = bulk.block.streams, bulk.block.inputs
    waits = (streams["out_valid"] != 0) & (inputs["out_ready"] == 0) & (inputs["rst"] == 0)
    at = int(np.flatnonzero(waits[:-1] & (inputs["rst"][1:] == 0))[5]) + 1
    streams[field][at] ^= 1
    made = bulk.model.outputs(bulk.block)
    shown = response_of(made, interface, chain=False)
    response = np.zeros((BLOCK, interface.response_bits // 64 + 2), dtype=np.uint64)
    for name, (values, _) in shown.items():
        place = interface.response[name]
        for cycle, value in enumerate(values.tolist()):
            put(response, cycle, place.offset, place.width, int(value))
    assert bulk.check(response) == at
    # And under cocotb, there from one block of cycles to the next.
    seen = {name: np.asarray(values) for name, (values, _) in shown.items()}
    seen |= {port: inputs[name] for name, port in INPUT_PORTS.items()}
    offers = Offers()
    for part in (slice(0, at), slice(at, BLOCK)):
        cut = {name: values[part] for name, values in seen.items()}
        outputs = {name: np.asarray(getattr(made, name))[part] for name in OUTPUT_PORTS}
        due = offers.held(cut, replace(made, **outputs))
        differs = [np.asarray(getattr(due, name)) != outputs[name] for name in OUTPUT_PORTS]
        found = np.flatnonzero(np.any(differs, axis=0)).tolist()
        assert found[:1] == ([0] if part.start else [])


def test_every_bit_of_a_neuron_counts() -> None:
    interface, _ = wrapped(NEURON)
    bulk = bulk_of(NEURON, interface, 2)
    bulk.stimulus()
    names = [*(f"state.{name}" for name in NEURON.state_widths), "spike"]
    assert {*names} == set(interface.response) - set(interface.stimulus)
    response = np.zeros((BLOCK, interface.response_bits // 64 + 2), dtype=np.uint64)
    for k, name in enumerate(names):
        field = interface.response[name]
        for cycle, value in enumerate(bulk.shown[:BLOCK, k].tolist()):
            put(response, cycle, field.offset, field.width, value)
    assert bulk.check(response) == NONE
    assert bulk.counts.spikes > 0
    for name in names:
        field = interface.response[name]
        for bit in range(field.offset, field.offset + field.width):
            for cycle in (0, BLOCK - 1):
                response[cycle, bit // 64] ^= np.uint64(1 << bit % 64)
                assert bulk.check(response) == cycle
                response[cycle, bit // 64] ^= np.uint64(1 << bit % 64)


@pytest.mark.parametrize("seed", range(4))  # 1 rounds at random, 0, 1 and 3 fire several times
def test_steps_of_a_neuron_are_those_of_the_golden_one(seed: int) -> None:
    neuron = random_neuron(random.Random(seed))
    bulk = bulk_of(neuron, wrapped(neuron)[0], seed)
    for _ in range(2):  # a block goes on where the last one ended
        bulk.stimulus()
        rst, enable = bulk.inputs["rst"] != 0, bulk.inputs["enable"] != 0
        steps = steps_of(neuron, bulk.inputs, bulk.shown, bulk._draws)
        assert len(steps.fire) == np.count_nonzero(enable & ~rst) > BLOCK // 4
        after, spikes = step(neuron, steps.before, steps.current, steps.threshold, steps.random)
        np.testing.assert_array_equal(spikes, steps.fire)
        for name in neuron.state_widths:
            np.testing.assert_array_equal(getattr(after, name), getattr(steps.after, name))


# --- faults -------------------------------------------------------------------------------------


def with_neuron(**change) -> CoreParams:
    return CORE.model_copy(update={"neuron": NeuronParams(**dict(CORE.neuron) | change)})


def one_threshold() -> CoreParams:
    thresholds = list(CORE.thresholds)
    thresholds[4] += 1 << CORE.neuron.threshold_shift
    return CORE.model_copy(update={"v_thresholds": tuple(thresholds)})


#: Models that are not those of the library, as if the library were wrong.
MODELS = {
    "compare flipped": with_neuron(compare="gt" if CORE.neuron.compare == "ge" else "ge"),
    "one lane only": one_threshold(),
}


class CounterBit(VerilatedDesign):
    """Shows a bit of a counter turned over, once it counts."""

    def run(self, stimulus):
        response = super().run(stimulus)
        field = self._interface.response["saturated"]
        for row in range(len(response)):
            if get(response, row, field.offset, field.width, 0) == 3:
                response[row, field.offset // 64] ^= np.uint64(1 << field.offset % 64)
        return response


class AfterReset(VerilatedDesign):
    """Right from power-up until a reset that is not the first cycle, wrong for ever after."""

    spoilt = False

    def run(self, stimulus):
        response = super().run(stimulus)
        rst = self._interface.stimulus["rst"].offset
        ready = self._interface.response["events_in.ready"].offset
        held = (stimulus[:, rst // 64] >> np.uint64(rst % 64)) & np.uint64(1)
        spoilt = np.cumsum(held) - held + self.spoilt > 0
        self.spoilt = bool(self.spoilt or held.any())
        # Whatever comes next, a first ready is held back.
        response[spoilt, ready // 64] &= ~np.uint64(1 << ready % 64)
        return response


DESIGNS = {"a bit of a counter": CounterBit, "after reset only": AfterReset}


def difference(target: Target, rows: np.ndarray) -> dict | None:
    return first_difference(target.library, target.params, target.interface, rows)


@pytest.mark.parametrize("fault", [*MODELS, *DESIGNS])
def test_planted_faults(fault: str, target: Target, monkeypatch) -> None:
    if fault in MODELS:
        target = replace(target, params=MODELS[fault])
    else:
        for module in (segments, difference_module, narrow):
            monkeypatch.setattr(module, "VerilatedDesign", DESIGNS[fault])
    # It ends long before, on a machine that has time.
    monkeypatch.setattr(difference_module, "SECONDS", 60.0)
    segment = run_segment(target, 1, 0, 64 * BLOCK)
    assert segment.wrong != NONE
    assert segment.counts.cycles == segment.wrong + 1
    found = narrowed(target, 1, segment)
    # Narrowed, the same signal differs in the same cycle, counted from where it begins.
    shown = np.concatenate([words.copy() for _, words, _ in blocks(target, 1, 0,
                                                                   segment.wrong + 1)])  # fmt: skip
    whole = difference(target, shown)
    assert whole is not None
    assert whole.cycle == found.start + found.first.cycle == segment.wrong
    assert whole.signal == found.first.signal
    assert len(found.words) <= segment.wrong + 1 + difference_module.AFTER
    small, told = shrunk(target, found)
    assert told.startswith("a shorter way: ")
    assert int(told.split()[3]) <= 20
    assert len(small.words) <= len(found.words)
    again = difference(target, as_rows(small.words, target.interface.stimulus_bits))
    assert again == small.first


LEFT = ("folder", "job", "first")
LEFT_SO = difference_module.Left("where", "how", "there")


def test_a_difference_leaves_a_folder(target: Target, monkeypatch, tmp_path) -> None:
    """What is told, what is left, and where; that a replay shows it is a longer test."""
    wrong, left = replace(target, params=MODELS["compare flipped"]), {}
    monkeypatch.setattr(soak_module, "target_of", lambda params, **how: wrong)
    monkeypatch.setattr(difference_module, "SECONDS", 2.0)
    monkeypatch.setattr(
        difference_module, "leave", lambda *these, **_: left.update(zip(LEFT, these, strict=True))
    )
    found = soak(CORE, name="x", cycles=BLOCK, processes=1, out=tmp_path / "a b", seed=7)
    assert not found.passed
    check = found.checks[0]
    assert check.outcome == "failed"
    assert left["first"].signal in check.detail
    assert check.detail.splitlines()[0].startswith("segment 0 of the run, cycle ")
    assert "a shorter way: " in check.detail.splitlines()[1]
    assert found.replay == f"fxlif replay '{tmp_path / 'a b'}'"
    assert left["job"].seed == 7
    assert left["job"].words
    assert (found.folder, found.first) == (str(tmp_path / "a b"), left["first"])
    assert found.figures["segments that differ"] == 1


def test_a_folder_that_cannot_be_written_hides_nothing(target, monkeypatch, tmp_path) -> None:
    def refuse(*these, **those):
        raise FxlifError("no room")

    wrong = replace(target, params=MODELS["compare flipped"])
    monkeypatch.setattr(soak_module, "target_of", lambda params, **how: wrong)
    monkeypatch.setattr(difference_module, "_small", lambda *these: None)
    monkeypatch.setattr(difference_module, "leave", refuse)
    found = soak(CORE, name="x", cycles=BLOCK, processes=1, out=tmp_path)
    assert found.checks[0].outcome == "failed"
    assert "no failure folder: no room" in found.checks[0].detail
    assert found.replay == ""


def once(pattern: str, by: str):
    """An edit of the first place only."""

    def edit(verilog: str) -> str:
        changed, count = re.subn(pattern, by, verilog, count=1)
        assert count == 1
        return changed

    return edit


EDITS = {
    "compare flipped": swap(COMPARE, r"\1 > "),
    "one lane only": once(COMPARE, r"\1 > "),
    "a counter counts twice": swap(r"dropped \+ 1'h1", "dropped + 2'h2"),
    "a counter outlives a reset": once(
        r"(?s)(n(\d+) = dropped;.*?if \(rst\) begin\s+)n\2 = 32'd0;", r"\1"
    ),
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("fault", EDITS)
def test_a_fault_in_the_verilog_is_replayed(fault: str, tmp_path) -> None:
    edit = EDITS[fault]
    found = soak(CORE, name="x", cycles=64 * BLOCK, processes=1, out=tmp_path / "f", edit=edit)
    assert not found.passed
    assert (tmp_path / "f" / "waves.vcd").exists()
    assert folder.replay(tmp_path / "f").reproduced


@pytest.mark.parametrize("core", [CORE, WRITTEN], ids=["core", "written"])
def test_a_stimulus_is_what_its_inputs_were(core: CoreParams) -> None:
    interface, _ = wrapped(core)
    bulk = StreamBulk(core, interface, seed=3)
    words = bulk.stimulus()
    assert bulk.block is not None
    inputs = difference_module.inputs_of(interface, as_ints(words))
    for name in bulk.block.inputs.dtype.names or ():
        np.testing.assert_array_equal(getattr(inputs, name), bulk.block.inputs[name])
    stimulus = as_stimulus(core, inputs)
    model = CycleModel([core], engine="compiled")
    shown = model.drive(stimulus.driver(core.in_address_bits), stimulus.flags(BLOCK)).inputs
    # With nothing on offer, the address means nothing.
    np.testing.assert_array_equal(shown, bulk.block.inputs)
    assert (inputs.out_ready == 0).any()
    if model.port is not None:
        written = model.port.inputs
        assert written["write_valid"].sum() > 500
        assert written["read_valid"].sum() > 500
        for name in written.dtype.names:
            np.testing.assert_array_equal(written[name], getattr(inputs, name))


READ_FAULTS = [
    SourceMutant("another lane read", "hdl.core.answer", "self.state[lane]",
                 "self.state[self.read.lane]", "the neuron of the read behind it answers"),
    SourceMutant("answered after a reset", "hdl.access",
                 'line(m, was_taken, cycles, "read_was_taken")',
                 'line(m, was_taken, cycles, "read_was_taken", is_data=True)',
                 "what was read before a reset is answered behind it"),
    SourceMutant("no error", "hdl.access", "error.eq(line(m, port.missed,",
                 "error.eq(line(m, valid & 0,", "nothing at an address answers as a 0 does"),
    SourceMutant("read in mid-step", "hdl.core.issue", "~begun & ~pending & ~updating",
                 "~pending & ~updating", "taken after the first events of a step"),
]  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("fault", READ_FAULTS, ids=lambda fault: fault.name)
def test_a_fault_of_the_read_port_is_replayed(fault: SourceMutant, tmp_path) -> None:
    design = CoreParams(**dict(CORE) | {"readable": True})
    with applied(fault):
        found = soak(design, name="x", cycles=64 * BLOCK, processes=1, out=tmp_path / "f")
    assert not found.passed
    assert "a shorter way: " in found.checks[0].detail
    assert "read 0x" in found.checks[0].detail
    assert folder.replay(tmp_path / "f").reproduced


# --- segments, processes, state -----------------------------------------------------------------

COUNTED = ("cycles checked", "steps", "events in", "events out", "spikes", "resets", "comparisons")


def counted(found: Findings) -> list:
    return [found.figures[name] for name in COUNTED]


@pytest.fixture
def short(target, monkeypatch) -> None:
    """Segments of two blocks, of a library that is there."""

    def made(params, *, generated, **_):
        generated(target.sources)
        return target

    monkeypatch.setattr(segments, "SEGMENT", 2 * BLOCK)
    monkeypatch.setattr(soak_module, "target_of", made)


@pytest.mark.usefixtures("short")
def test_processes_change_nothing() -> None:
    one, two = (soak(CORE, name="x", cycles=7 * BLOCK, processes=n) for n in (1, 2))
    assert one.passed
    assert counted(one) == counted(two)
    assert one.figures["cycles checked"] == 7 * BLOCK
    assert all(count > 0 for count in counted(one))
    assert two.figures["processes"] == 2
    assert counted(soak(CORE, name="x", cycles=7 * BLOCK, processes=1, seed=2)) != counted(one)


@pytest.mark.usefixtures("short")
def test_an_interrupted_soak_goes_on(tmp_path) -> None:
    state = tmp_path / "soak.json"

    def stop(what: str, done: int, total: int | None) -> None:
        if what == "checking" and done >= 4 * BLOCK:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        soak(CORE, name="x", cycles=8 * BLOCK, processes=1, state=state, progress=stop)
    kept = json.loads(state.read_text())
    assert len(kept["segments"]) == 1, "the second was not kept yet"
    resumed = soak(CORE, name="x", cycles=8 * BLOCK, processes=1, state=state)
    assert resumed.figures["of these in earlier runs"] == 2 * BLOCK
    assert counted(resumed) == counted(soak(CORE, name="x", cycles=8 * BLOCK, processes=1))
    again = soak(CORE, name="x", cycles=8 * BLOCK, processes=1, state=state)
    assert again.figures["of these in earlier runs"] == 8 * BLOCK
    assert counted(again) == counted(resumed)
    assert again.passed


@pytest.mark.usefixtures("short")
def test_the_state_of_another_soak_is_refused(target, tmp_path) -> None:
    state = tmp_path / "soak.json"
    soak(CORE, name="x", cycles=BLOCK, processes=1, state=state)
    good = state.read_text()
    with pytest.raises(FxlifError, match=r"soak\.json: seed: must be 2 here, not 1"):
        Store(state, CORE, 2)
    with pytest.raises(FxlifError, match=r"soak\.json: parameters_sha256: must be"):
        Store(state, MODELS["compare flipped"], 1)
    store = Store(state, CORE, 1)
    store.generated(target.sources)
    with pytest.raises(FxlifError, match=r"soak\.json: library: must be"):
        store.generated({**target.sources, "more.v": ""})
    for broken in ("", "[]", "{}", "7", good[:-20], good.replace("cycles", "circles"),
                   good.replace("library", "bookshop"),
                   json.dumps({**json.loads(good), "segments": []}),
                   json.dumps({**json.loads(good), "segments": {"x": 1}})):  # fmt: skip
        state.write_text(broken)
        with pytest.raises(FxlifError, match=r"soak\.json: not the state of a soak") as error:
            Store(state, CORE, 1)
        assert "\n" not in str(error.value)


def test_the_state_of_another_soak_is_refused_before_anything_is_built(
    target, tmp_path, monkeypatch
) -> None:
    state = tmp_path / "soak.json"
    store = Store(state, CORE, 1)
    store.generated(target.sources)
    store.add(Segment(number=0, wrong=NONE, counts=Counts(cycles=BLOCK), seconds=1.0), BLOCK)
    monkeypatch.setattr("fxlif.sim.soak.segments.build", lambda sources: 1 / 0)
    with pytest.raises(FxlifError, match="library: must be"):
        soak(CORE, name="x", cycles=BLOCK, state=state, edit=lambda verilog: verilog + "\n")
    monkeypatch.setattr("fxlif.sim.soak.segments.wrapped", lambda *these: 1 / 0)
    with pytest.raises(FxlifError, match="seed: must be 2 here"):
        soak(CORE, name="x", cycles=BLOCK, state=state, seed=2)


@pytest.mark.usefixtures("short")
def test_a_failed_segment_is_not_kept(target, monkeypatch, tmp_path) -> None:
    wrong, state = replace(target, params=MODELS["compare flipped"]), tmp_path / "soak.json"
    monkeypatch.setattr(soak_module, "target_of", lambda params, **how: wrong)
    monkeypatch.setattr(soak_module, "leave_difference", lambda *these, **those: LEFT_SO)
    for _ in range(2):
        found = soak(CORE, name="x", cycles=4 * BLOCK, processes=1, state=state)
        assert found.reasons == ["every output and state in every cycle: where"]
        assert not state.exists()


@pytest.mark.usefixtures("short")
def test_silence_is_not_green(monkeypatch) -> None:
    def silent(target, seed, wanted, workers):
        for number, cycles in wanted.items():
            yield Segment(number=number, wrong=NONE, counts=Counts(cycles=cycles), seconds=1.0)

    monkeypatch.setattr(soak_module, "run_segments", silent)
    found = soak(CORE, name="x", cycles=BLOCK, processes=1)
    assert not found.passed
    assert found.reasons == [f"{FIRED}: {SILENT_RUN}"]


# --- on a cluster -------------------------------------------------------------------------------


@pytest.mark.usefixtures("short")
def test_a_cluster_changes_nothing(cluster, tmp_path) -> None:
    here, there = (
        soak(CORE, name="x", cycles=7 * BLOCK, processes=1, **more)
        for more in ({}, {"cluster": cluster, "state": tmp_path / "state"})
    )
    assert there.passed
    assert counted(here) == counted(there)
    assert there.figures["processes"] == 2
    kept = soak(CORE, name="x", cycles=7 * BLOCK, processes=1, state=tmp_path / "state")
    assert kept.figures["of these in earlier runs"] == 7 * BLOCK


@pytest.mark.usefixtures("short")
def test_a_difference_on_a_cluster_is_left_here(cluster, target, monkeypatch, tmp_path) -> None:
    wrong, left = replace(target, params=MODELS["compare flipped"]), []
    monkeypatch.setattr(soak_module, "target_of", lambda params, **how: wrong)
    monkeypatch.setattr(
        soak_module, "leave_difference", lambda *these, **_: left.append(these) or LEFT_SO
    )
    for more in ({}, {"cluster": cluster}):
        found = soak(CORE, name="x", cycles=BLOCK, processes=1, out=tmp_path, **more)
        assert found.reasons == ["every output and state in every cycle: where"]
    (_, _, here, _), (_, _, there, folder) = left
    assert replace(here, seconds=0) == replace(there, seconds=0)
    assert folder == tmp_path


@pytest.mark.usefixtures("short")
def test_a_worker_that_cannot_build_says_what_it_needs(cluster, monkeypatch) -> None:
    def refused(sources):
        raise FxlifError("g++: not installed")

    monkeypatch.setattr("fxlif.sim.soak.segments.build", refused)
    with pytest.raises(FxlifError, match=r"the worker on .*: g\+\+: not installed"):
        soak(CORE, name="x", cycles=BLOCK, cluster=cluster)


def test_a_cluster_that_does_not_answer_is_refused_before_anything_is_built(monkeypatch) -> None:
    monkeypatch.setattr("fxlif.workers.cluster.PATIENCE", 0.2)
    monkeypatch.setattr(soak_module, "target_of", lambda *these, **those: 1 / 0)
    with pytest.raises(FxlifError, match="cluster: must be a Dask scheduler that answers"):
        soak(CORE, name="x", cycles=BLOCK, cluster="tcp://127.0.0.1:9")


@pytest.mark.slow
@pytest.mark.usefixtures("short")
def test_a_worker_that_is_killed_loses_nothing(monkeypatch, capfd, tmp_path) -> None:
    """Killed while it works, as the line on stderr says; another one does that segment."""
    distributed = pytest.importorskip("distributed")
    monkeypatch.setattr(segments, "SEGMENT", 1 << 18)
    here = soak(CORE, name="x", cycles=8 << 18, processes=1)
    killed = []
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, host="127.0.0.1", dashboard_address=":0"
    ) as cluster, distributed.Client(cluster) as client:  # fmt: skip
        pids = client.run(os.getpid)

        def kill(what: str, done: int, total: int | None) -> None:
            busy = [worker for worker, keys in client.processing().items() if keys]
            if what == "checking" and done and busy and not killed:
                killed.append(busy[0])
                os.kill(pids[busy[0]], signal.SIGKILL)

        there = soak(CORE, name="x", cycles=8 << 18, cluster=cluster.scheduler_address,
                     state=tmp_path / "state", progress=kill)  # fmt: skip
    assert there.passed
    assert counted(here) == counted(there)
    assert len(json.loads((tmp_path / "state").read_text())["segments"]) == 8
    said = [line for line in capfd.readouterr().err.splitlines() if line.startswith("fxlif: ")]
    assert len(said) == 1
    told = rf"fxlif: segment \d of the soak with seed 1: its worker {killed[0]} is gone"
    assert re.fullmatch(told, said[0])


# --- coverage -----------------------------------------------------------------------------------


@pytest.fixture
def ready(target, monkeypatch) -> None:
    """A library that is there, and nothing asked of a solver for long."""
    monkeypatch.setattr(cover_module, "target_of", lambda params, **how: target)


def never(why: str) -> BinRule:
    """A bin that no neuron's step hits; ``why`` it cannot be hit, if so."""
    return BinRule("planted", "never", lambda _: np.zeros(0), why)


def planting(monkeypatch, why: str) -> None:
    """A bin that nothing hits; ``why`` it cannot be hit, if so."""

    class Planted(Coverage):
        def __init__(self, params, **how) -> None:
            super().__init__(params, **how)
            self._counts.declare([never(why)])

    monkeypatch.setattr(cover_module, "Coverage", Planted)


@pytest.mark.usefixtures("ready")
def test_until_covered(monkeypatch) -> None:
    planting(monkeypatch, "it was planted so")
    found = cover(CORE, name="x")
    assert found.passed, found.reasons
    assert [check.outcome for check in found.checks] == ["passed", "passed"]
    unhit = [each for each in found.coverage if not each.hit]
    assert all(each.reachable is False and each.why for each in unhit)
    assert [each.why for each in unhit if each.group == "planted"] == ["it was planted so"]
    assert found.figures["bins hit"] + found.figures["bins that cannot be hit"] == len(
        found.coverage
    )
    shown = {group.name: group for group in groups(found.coverage)}
    assert shown["planted"].unreachable
    assert sum(group.of for group in shown.values()) == len(found.coverage)


#: Between them every choice that is made once a step.
CHOICES = [
    {"reset": "subtract", "max_spikes_per_step": 31, "v_threshold": 50, "negative_threshold": -300,
     "negative_reset": "mirror", "v_reset": 7, "overflow": "saturate_symmetric", "refractory": 4,
     "refractory_mode": "rest", "refractory_count": "before",
     "order": ("integrate", "fire", "leak"),
     "leak": {"kind": "decay", "factor": 300, "shift": 12, "rounding": "ceiling"}},
    {"reset": "subtract", "reset_at": "next_step", "overflow": "wrap", "overflow_change": True,
     "overflow_i_syn": "saturate_symmetric", "leak": {"kind": "constant", "step": -3},
     "synapse": {"kind": "exponential", "order": ("integrate", "act", "leak")}},
    {"reset_at": "leak", "order": ("fire", "leak", "integrate"), "v_floor": -200, "refractory": 2,
     "refractory_mode": "leak", "v_leak": 20},
]  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("choices", CHOICES)
def test_a_neuron_of_other_choices_is_covered(choices) -> None:
    pytest.importorskip("z3")
    found = cover(NeuronParams(**choices), name="x")
    assert found.passed, found.reasons
    assert any(each.group == "choice" and each.hit for each in found.coverage)


@pytest.mark.usefixtures("ready")
def test_a_bin_that_is_never_hit_fails(monkeypatch) -> None:
    planting(monkeypatch, "")
    monkeypatch.setattr(cover_module, "prove_unreachable", lambda coverage, seconds: None)
    found = cover(CORE, name="x", limit_cycles=3 * BLOCK)
    assert found.checks[0].outcome == "passed"
    assert found.checks[1].outcome == "failed"
    assert "planted: never" in found.checks[1].detail
    assert found.figures["cycles until covered"] == 3 * BLOCK


@pytest.mark.usefixtures("ready")
def test_a_waiver_stands_for_a_bin_that_is_not_hit(monkeypatch) -> None:
    """And one of a bin that was hit is a finding, so that it goes when it is no longer true."""
    planting(monkeypatch, "")
    monkeypatch.setattr(cover_module, "prove_unreachable", lambda coverage, seconds: None)
    found = cover(CORE, name="x", limit_cycles=8 * BLOCK)
    others = {(b.group, b.name): "not proved here" for b in found.coverage if b.missing}
    assert ("planted", "never") in others
    found = cover(CORE, name="x", limit_cycles=8 * BLOCK, waivers=others)
    assert found.passed, found.reasons
    assert found.figures["bins waived"] == len(others)
    assert {each.waiver for group in groups(found.coverage) for each in group.waived} == {
        "not proved here"
    }
    stale = others | {("threshold", "fires"): "never fires"}
    found = cover(CORE, name="x", limit_cycles=8 * BLOCK, waivers=stale)
    assert [check.name for check in found.checks if check.outcome == "failed"] == [WAIVERS]
    assert "threshold: fires" in found.reasons[0]


@pytest.mark.usefixtures("ready")
def test_coverage_without_a_solver_is_not_green(monkeypatch) -> None:
    def absent(coverage, seconds):
        raise FxlifError("z3: not installed")

    monkeypatch.setattr(cover_module, "prove_unreachable", absent)
    found = cover(CORE, name="x", limit_cycles=BLOCK)
    assert found.checks[1].outcome == "failed"
    assert "z3: not installed" in found.checks[1].detail


def test_coverage_finds_differences(target, monkeypatch) -> None:
    wrong = replace(target, params=MODELS["compare flipped"])
    monkeypatch.setattr(cover_module, "target_of", lambda params, **how: wrong)
    monkeypatch.setattr(cover_module, "leave_difference", lambda *these, **those: LEFT_SO)
    found = cover(CORE, name="x", limit_cycles=BLOCK)
    assert [check.outcome for check in found.checks] == ["failed", "unknown"]
    assert found.replay == "how"


def test_aimed_events_run_again_the_same_way(target, monkeypatch) -> None:
    """A difference after the aimed events of the first segment is narrowed with them."""
    monkeypatch.setattr(segments, "seed_of", lambda seed, segment: seed)
    monkeypatch.setattr(segments, "AIM", 2)
    runs = [
        np.concatenate([words.copy() for _, words, _ in blocks(target, 5, number, 3 * BLOCK)])
        for number in (0, 0, 1)
    ]
    np.testing.assert_array_equal(runs[0], runs[1])
    np.testing.assert_array_equal(runs[0][: 2 * BLOCK], runs[2][: 2 * BLOCK])
    assert (runs[0][2 * BLOCK :] != runs[2][2 * BLOCK :]).any()


def test_a_difference_after_aimed_events_is_narrowed_with_them(target, monkeypatch) -> None:
    class Late(VerilatedDesign):
        at = 0

        def run(self, stimulus):
            response = super().run(stimulus)
            field = self._interface.response["dropped"]
            spoilt = np.arange(self.at, self.at + len(response)) == 2 * BLOCK + 100
            self.at += len(response)
            response[spoilt, field.offset // 64] ^= np.uint64(1 << field.offset % 64)
            return response

    for module in (segments, narrow, late):
        monkeypatch.setattr(module, "VerilatedDesign", Late)
    monkeypatch.setattr(segments, "AIM", 1)
    coverage = Coverage(CORE, counts=False)
    coverage._counts.declare([never("")])
    segment, _ = cover_module.run(target, coverage, seed=5, limit_cycles=8 * BLOCK,
                           progress=lambda what, done, total: None)  # fmt: skip
    assert segment.wrong == 2 * BLOCK + 100
    found = narrowed(target, 5, segment)
    assert (found.first.cycle, found.first.signal) == (2 * BLOCK + 100, "dropped")
    assert found.start == 0, "from power-up on: no reset brings it back"
    ran_again = [words.copy() for _, words, _ in blocks(target, 5, 0, 3 * BLOCK)]
    assert found.words == as_ints(np.concatenate(ran_again)[: len(found.words)])
    # What comes late is narrowed by compiled code, to the same.
    monkeypatch.setattr(narrow, "LATE", BLOCK)
    again = narrowed(target, 5, segment)
    assert (again.start, again.first, again.words) == (found.start, found.first, found.words)
    assert again.trace._rows == found.trace._rows


class Answering:
    """A neuron that does what it should, but that its spike is wrong in a cycle so many behind the
    only reset."""

    def __init__(self, library, interface) -> None:
        self._interface, self._at, self._reset = interface, 0, -1
        self._bulk = NeuronBulk(NEURON, interface, 1)

    def __enter__(self):
        return self

    def __exit__(self, *_) -> None:
        pass

    def run(self, rows: np.ndarray) -> np.ndarray:
        shown = Cycles(self._interface.stimulus, rows)
        table = {name: shown[name] for name in self._interface.stimulus}
        self._bulk.show(table)
        names = [*(f"state.{name}" for name in NEURON.state_widths), "spike"]
        table |= {name: self._bulk.shown[:-1, k].copy() for k, name in enumerate(names)}
        resets = np.flatnonzero(table["rst"]) + self._at
        self._reset = int(resets[0]) if len(resets) else self._reset
        wrong = self._reset + 5 * BLOCK + 77 - self._at
        if self._reset >= 0 and 0 <= wrong < len(rows):
            table["spike"][wrong] ^= 1
        self._at += len(rows)
        fields = self._interface.response
        return as_rows(pack(fields, {n: table[n] for n in fields}), self._interface.response_bits)


@pytest.mark.parametrize("most", [1 << 20, 1])
def test_a_late_difference_of_a_neuron_is_narrowed(most, monkeypatch) -> None:
    """To its only reset, in the cycles that this may take; else the whole stimulus shows it."""
    for module in (narrow, late):
        monkeypatch.setattr(module, "VerilatedDesign", Answering)
    monkeypatch.setattr(narrow, "LATE", BLOCK)
    monkeypatch.setattr(narrow, "MOST", most)
    interface, _ = wrapped(NEURON)
    shown = np.stack([np.arange(6 * BLOCK) == 100, np.ones(6 * BLOCK), np.full(6 * BLOCK, 70)])
    table = dict(zip(("rst", "enable", "current"), shown.astype(int), strict=True))
    rows = as_rows(pack(interface.stimulus, table), interface.stimulus_bits)
    wrong = 100 + 5 * BLOCK + 77
    found = narrow.narrow(Path("none"), NEURON, interface, rows, wrong)
    assert found.start == (100 if most > 1 else 0)
    assert (found.first.cycle, found.first.signal) == (wrong - found.start, "spike")
    assert found.first.history["spike"][-1] == found.first.observed == 1 - found.first.expected
    assert len(found.trace._rows) == narrow.BEFORE + 1 + narrow.AFTER


def test_a_march_is_counted_from_a_reset_on_with_nothing_held_back(target) -> None:
    bulk = StreamBulk(CORE, target.interface, seed=2)
    bulk.stimulus()
    bulk.march(SEGMENT // BLOCK)
    counted, lively, block = 0, 0, 0
    while bulk._parts or bulk._driver.left:
        bulk.stimulus()
        shown, streams = bulk.block.inputs, bulk.block.streams
        assert (shown["rst"][0], shown["rst"][1:].any()) == (block == 0, False)
        assert shown["out_ready"].all()
        block += 1
        taken = (shown["in_valid"] != 0) & (streams["in_ready"] != 0)
        tick = taken & (shown["in_tick"] != 0)
        lively += int(np.sum(taken & ~tick & (counted + np.cumsum(tick) > 1 << 16)))
        counted += int(tick.sum())
    assert counted > (1 << 16) + 500
    assert lively > 1000
    for _ in range(2):
        bulk.stimulus()
    assert not bulk.block.inputs["out_ready"].all()


def test_a_march_that_takes_too_long_is_given_up(target) -> None:
    bulk = StreamBulk(CORE, target.interface, seed=2)
    bulk.march(20)
    for _ in range(TRIED):
        bulk.stimulus()
        assert not bulk.block.inputs["rst"][1:].any()
    held = False
    for _ in range(4):
        bulk.stimulus()
        held |= not bulk.block.inputs["out_ready"].all()
    assert held


def test_what_waits_in_a_sweep_waits_for_every_length(target, monkeypatch) -> None:
    """It must be there when the one before it is taken."""
    monkeypatch.setattr(rates, "SWEEP", 1 << 13)
    monkeypatch.setattr(rates, "SWEEPS", (BLOCK, BLOCK))
    monkeypatch.setattr(rates, "AGAIN", (128,))
    monkeypatch.setattr(rates, "LONGEST", 3000)
    bulk, waits = StreamBulk(CORE, target.interface, seed=2), []
    for _ in range(3):
        bulk.stimulus()
        shown, streams = bulk.block.inputs, bulk.block.streams
        waits.append((streams["out_valid"] != 0) & (shown["out_ready"] == 0))
    held = np.concatenate(waits).astype(int)
    lengths = np.diff(np.flatnonzero(np.diff(np.concatenate([[0], held[BLOCK:], [0]]))))[::2]
    assert set(range(1, 129)) <= set(lengths.tolist())


def without_leaks(*weights: int) -> tuple[CoreParams, CoreParams]:
    """A chain in which each input brings one weight to the last neuron."""
    neuron = NeuronParams(v_threshold=1, state_bits=8, leak={"kind": "none"})
    last = NeuronParams(v_threshold=100, state_bits=8, leak={"kind": "none"})
    return (
        CoreParams(n_inputs=2, n_neurons=2, weights=[[1, 0], [0, 1]], neuron=neuron),
        CoreParams(n_inputs=2, n_neurons=1, weights=[[weight] for weight in weights], neuron=last),
    )


def test_a_plan_brings_an_inner_neuron_exactly_beyond_its_end(monkeypatch) -> None:
    """As the golden step says, so in a run: behind a reset, and no event of it is lost."""
    design = NetworkParams(name="two", core=without_leaks(-9, -30))
    plans = list(planned_events(design))
    assert plans
    monkeypatch.setattr(bulk_module, "aimed_events", lambda params: np.zeros(0, dtype=np.int64))
    bulk = StreamBulk(design, wrapped(design)[0], seed=2)
    bulk.aim()
    reached = set[int]()
    for plan in plans:
        bulk.stimulus()
        inputs, streams = bulk.block.inputs, bulk.block.streams
        taken = (inputs["in_valid"] != 0) & (streams["in_ready"] != 0) & (inputs["rst"] == 0)
        shown = np.where(inputs["in_tick"] != 0, 1 << design.in_address_bits, inputs["in_address"])
        np.testing.assert_array_equal(shown[taken], plan)
        assert np.flatnonzero(inputs["rst"]).tolist() == [0]
        steps = bulk.model.outputs(bulk.block).cores[1].steps
        reached |= set((np.asarray(steps.before.v) + steps.current).tolist())
    assert -129 in reached
    bulk.stimulus()
    assert not bulk._aiming


def test_a_plan_says_how_near_it_comes() -> None:
    first, second = without_leaks(-7, -30)
    plans = np.zeros((3, STEPS, 2), dtype=np.int64)
    plans[1, :3, 0], plans[1, :4, 1] = 1, 2
    plans[2, :, 1] = 1
    assert distances([first, second], plans, 0, -129).tolist() == [129, 12, 9]
    found = search([first, second], 0, -129)
    assert distances([first, second], found[np.newaxis], 0, -129).tolist() == [2]
    assert search([first, second], 0, -10_000) is None
    assert in_turn(np.array([2, 0, 4])).tolist() == [2, 0, 2, 2, 0, 2]


def test_covered() -> None:
    hit = Bin(group="a", name="hit", count=1)
    gone = Bin(group="a", name="gone", count=0, reachable=False, why="so")
    left = Bin(group="b", name="left", count=0, reachable=True, why="not yet")
    assert covered((hit, gone), 5, cut=False).outcome == "passed"
    assert covered((hit, gone, left), 5, cut=False).outcome == "failed"
    assert covered((hit, gone, left), 5, cut=True).outcome == "unknown"
    assert covered((gone,), 5, cut=False).outcome == "failed", "nothing was hit at all"
    assert covered((), 5, cut=False).outcome == "failed"


@pytest.mark.parametrize("fails", [False, True])
def test_verify_until_covered(fails: bool, monkeypatch, tmp_path) -> None:
    passed = Results(passed=1, failed=0, skipped=0, message="")
    report = Report(cycles=10, comparisons=40, spikes=1)
    reachable = None if fails else False
    rows = (
        Bin(group="g", name="hit", count=3),
        Bin(group="g", name="other", count=0, reachable=reachable, why="so"),
    )

    def covering(params, *, name, **how) -> Findings:
        check = covered(rows, 5, cut=False)
        return Findings(command="cover", design=name, digest="", checks=(check,), coverage=rows)

    monkeypatch.setattr(verify, "check", lambda params, **how: (passed, report))
    monkeypatch.setattr(cover_module, "cover", covering)
    monkeypatch.chdir(tmp_path)
    Path("n.toml").write_text("[neuron]\nv_threshold = 60\n")
    runner = CliRunner()
    assert runner.invoke(cli.app, ["verify", "n.toml", "--quick"]).exit_code == 0
    Path("waivers.toml").write_text('[[waiver]]\ngroup = "g"\nname = "other"\nreason = "so"\n')
    waived = ["verify", "n.toml", "--waivers", "waivers.toml"]
    for command in (waived, [*waived, "--until-covered"]):
        assert isinstance(runner.invoke(cli.app, command).exception, FxlifError)
    ran = runner.invoke(cli.app, ["verify", "n.toml", "--until-covered", "--quick"])
    assert ran.exit_code == int(fails), ran.output
    assert ("1 bins missing" if fails else "unreachable: g: other: so") in ran.output
    assert ("--until-covered" in ran.output) == fails, "what repeats it"
    verdict = verify.verify(NEURON, Path("n.toml"), until_covered=True, bulk=0)
    assert verdict.coverage == rows
    assert verdict.passed is not fails
    assert verdict.folder == ""
    monkeypatch.setattr(verify, "check", lambda params, **how: (passed, replace(report, spikes=0)))
    verdict = verify.verify(NEURON, Path("n.toml"), until_covered=True, bulk=0)
    assert verdict.checks[-1] == Check(
        name=COVERED, outcome="unknown", detail="not asked, since the verification failed before"
    )


# --- designs drawn at random --------------------------------------------------------------------


def test_designs_are_named_by_their_seed(monkeypatch, tmp_path) -> None:
    asked = []

    def one(params, *, name, seed, out, **how) -> Findings:
        asked.append((params.digest(), seed, out))
        check = Check(name="c", outcome="failed" if seed == 6 else "passed", detail=f"in {name}")
        figures = {**dict.fromkeys((*COUNTED, "x"), 2), FROM_VERILOG: "3,000; not run"}
        return Findings(command="soak", design=name, digest=params.digest(), seed=seed,
                        checks=(check,), figures=figures, replay="r" * (seed == 6))  # fmt: skip

    monkeypatch.setattr(soak_module, "soak", one)
    found = soak_designs(3, cycles=10, seed=5, out=tmp_path)
    assert [digest for digest, _, _ in asked] == [
        random_hardware(random.Random(seed)).digest() for seed in (5, 6, 7)
    ]
    assert [check.outcome for check in found.checks] == ["passed", "failed", "passed"]
    assert "drawn with seed 6" in found.checks[1].detail
    assert "in random-6" in found.checks[1].detail
    assert "lengths from the Verilog: 3,000; not run" in found.checks[0].detail
    assert asked[1][2] == tmp_path / "fxlif-failure-random-6"
    assert found.replay == "r"
    assert found.figures["designs that failed"] == 1
    assert found.figures["cycles checked"] == 6
    assert not found.passed


@pytest.mark.slow
def test_random_designs() -> None:
    found = soak_designs(10, cycles=20 * BLOCK, seed=1)
    assert found.passed, found.reasons
    assert found.figures["cycles checked"] == 200 * BLOCK


# --- what is not installed ----------------------------------------------------------------------


def test_without_numba_it_says_so() -> None:
    code = (
        "import sys; sys.modules['numba'] = None\n"
        "from fxlif import FxlifError, NeuronParams\n"
        "from fxlif.engines import _installed\n"
        "import fxlif.engines as engines; engines._installed = lambda: False\n"
        "from fxlif.sim.soak.run import soak\n"
        "try:\n soak(NeuronParams(v_threshold=60), name='x', cycles=1)\n"
        "except FxlifError as error:\n print(error)\n"
    )
    done = subprocess.run(  # not from the top folder: its fxlif has neither hdl nor sim
        [sys.executable, "-c", code], cwd=Path(__file__).parent, capture_output=True, text=True,
        check=True,
    )  # fmt: skip
    assert done.stdout.strip() == (
        "numba: not installed or switched off; pip install fxlif brings it"
    )
