"""The hardware core and its cycle model: every output, in every cycle, on three simulators."""

from __future__ import annotations

import io
import subprocess
import sys
from contextlib import redirect_stdout
from functools import cache
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import strategies
from designs import (
    CORES,
    QUICK,
    SIMPLE,
    SIMULATORS,
    examples,
    flat,
    make,
    random_driver,
    random_inputs,
)
from hypothesis import given, settings
from hypothesis import strategies as st
from pysim import component, interface_of, simulate

from fxlif import CoreParams, NetworkParams, NeuronParams
from fxlif.cycles.latency import clear_cycles, event_cycles, update_cycles
from fxlif.cycles.model import CycleInputs, CycleModel
from fxlif.hdl import arithmetic
from fxlif.network.events import TICK
from fxlif.sim.bench.agents import StreamDriver
from fxlif.sim.bench.models import StreamModel, transfers
from fxlif.sim.bench.outcome import failure_reasons
from fxlif.sim.bench.scoreboard import Report, Scoreboard
from fxlif.sim.bench.wrapper import Cycles, Interface
from fxlif.sim.verify import check


def compare(core: CoreParams, seed: int, cycles: int, **axes: bool) -> Report:
    """The core in Amaranth's simulator against the models."""
    dut = component(core)
    interface = interface_of(dut)
    report = Report()
    board = Scoreboard(interface, StreamModel(core, report), report)
    simulate(dut, random_driver(core, interface, seed, **axes), cycles, board.take)
    return report


@pytest.mark.parametrize("name", CORES)
def test_amaranth_simulator(name: str) -> None:
    report = compare(CORES[name], seed=3, cycles=4000)
    assert report.mismatches == 0, report.first
    assert report.cycles == 4000
    assert report.unchecked_cycles == 0
    assert report.spikes > 0
    assert report.resets > 0
    assert report.events_out > 0


@pytest.mark.parametrize("axes", range(8))
def test_idle_stall_and_reset_crossed(axes: int) -> None:
    choice = {"idle": bool(axes & 1), "stall": bool(axes & 2), "reset": bool(axes & 4)}
    report = compare(CORES["a lane to spare"], seed=axes, cycles=2500, **choice)
    assert report.mismatches == 0, report.first
    assert report.spikes > 0
    assert (report.resets > 0) == choice["reset"]


@settings(max_examples=examples(12))
@given(network=strategies.networks(max_cores=2), seed=st.integers(0, 2**32))
def test_any_network_in_amaranth(network: NetworkParams, seed: int) -> None:
    """Options, widths, lanes and shapes drawn at random, with random stimulus."""
    dut = component(network)
    interface = interface_of(dut)
    words = simulate(dut, random_driver(network.core[0], interface, seed), 300)
    report = Report()
    assert Scoreboard(interface, StreamModel(network, report), report).take(words), report.first
    assert report.unchecked_cycles == 0


# --- the same cores as Verilog -------------------------------------------------------------------


@pytest.mark.parametrize(("name", "cycles"), [("all options", 20_000), ("one neuron", 5000)])
def test_verilog(name: str, cycles: int, tmp_path) -> None:
    """Through the whole way, cocotb and a simulator; every core on each in the long form below."""
    results, report = check(CORES[name], folder=tmp_path, simulator=QUICK, cycles=cycles, seed=7)
    assert report is not None
    assert failure_reasons(results, report) == []
    assert report.cycles == cycles
    assert report.spikes > 100
    assert report.resets > 1


@pytest.mark.slow
@pytest.mark.parametrize("simulator", SIMULATORS)
@pytest.mark.parametrize("name", CORES)
@pytest.mark.parametrize("seed", range(3))
def test_verilog_long(name: str, simulator: str, seed: int, tmp_path) -> None:
    results, report = check(
        CORES[name], folder=tmp_path, simulator=simulator, cycles=1_000_000, seed=seed
    )
    assert failure_reasons(results, report) == []


# --- the formulas --------------------------------------------------------------------------------


def passed(cycles: Cycles, side: str) -> list[tuple[int, int]]:
    """(cycle, event) of every transfer on a side."""
    happened, events = transfers(cycles, side)
    return [(int(at), int(events[at])) for at in np.flatnonzero(happened)]


def test_the_formulas_in_numbers() -> None:
    """What the pages promise: whoever adds a stage of the pipeline changes them here."""
    core = make(4, 7, 2, NeuronParams())
    assert (core.words, clear_cycles(core)) == (4, 4)
    assert (event_cycles(core), event_cycles(make(4, 2, 2, NeuronParams()))) == (4, 3)
    assert update_cycles(core, 3) == 4 + 3 + 5


@pytest.mark.parametrize("n_neurons", [1, 2, 3, 4, 7, 12])
@pytest.mark.parametrize("lanes", [1, 2, 5])
def test_cycles_of_a_step(n_neurons: int, lanes: int) -> None:
    """The hardware takes exactly the cycles that the formulas of fxlif.cycles.latency give."""
    core = make(4, n_neurons, min(lanes, n_neurons), NeuronParams(v_threshold=40),
                input_address_bits=3)  # fmt: skip
    dut = component(core)
    interface = interface_of(dut)
    tick, unknown = 1 << core.in_address_bits, 4
    steps = [[0, 1], [], [unknown, 2, 2, 3], [3], [0, 1, 2, 3, 0, 1, 2, 3], [unknown], [1]]
    payloads = [p for step in steps for p in [*step, tick]]
    cycles = interface.decode(simulate(dut, StreamDriver(interface, payloads), 5000))

    ready = np.flatnonzero(cycles["events_in.ready"])
    assert ready[0] == clear_cycles(core)

    into, out = passed(cycles, "events_in"), passed(cycles, "events_out")
    assert [e for _, e in out].count(TICK) == len(steps)
    ticks_in = [at for at, e in into if e == TICK]
    ticks_out = [at for at, e in out if e == TICK]
    spikes = np.diff([-1] + [k for k, (_, e) in enumerate(out) if e == TICK]) - 1
    assert sum(spikes) > 0
    started = -(10**9)
    for at_in, at_out, fired in zip(ticks_in, ticks_out, spikes, strict=True):
        # An update begins when its TICK is taken, or as the last one ends.
        started = max(at_in, started)
        assert at_out - started == update_cycles(core, int(fired))
        started = at_out
    for (at, event), (following, _) in pairwise(into):
        cost = event_cycles(core) if 0 <= event < core.n_inputs else 1
        if event == TICK:  # what follows waits while a second TICK would have to
            assert following - at >= cost
        else:
            assert following - at == cost


def test_input_waits_for_nothing_else() -> None:
    """With updates shorter than the integration, events follow each other without a gap."""
    core = make(8, 6, 1, NeuronParams(v_threshold=30000))
    dut = component(core)
    interface = interface_of(dut)
    payloads = ([1] * 5 + [1 << core.in_address_bits]) * 6
    cycles = interface.decode(simulate(dut, StreamDriver(interface, payloads), 3000))
    into = passed(cycles, "events_in")
    assert 5 * event_cycles(core) + 1 > update_cycles(core, 0)
    assert into[-1][0] - into[5][0] == 5 * (5 * event_cycles(core) + 1)


# --- the cycle model by itself -------------------------------------------------------------------


def test_cycle_model_in_pieces_is_the_same() -> None:
    cores = [CORES["all options"], make(7, 5, 2, SIMPLE)]
    inputs = random_inputs(cores[0], 6000, seed=11)
    whole = flat(CycleModel(cores).run(CycleInputs(**inputs)))
    assert whole["0.spike"].any()
    assert whole["1.spike"].any()
    model = CycleModel(cores)
    cuts = [0, 1, 2, 50, 51, 1000, 3333, 6000]
    pieces = [
        flat(model.run(CycleInputs(**{name: a[i:j] for name, a in inputs.items()})))
        for i, j in pairwise(cuts)
    ]
    for name, values in whole.items():
        np.testing.assert_array_equal(np.concatenate([p[name] for p in pieces]), values, name)


WITHOUT_NUMBA = """
import hashlib, sys
import numpy as np
from designs import CORES, flat, random_inputs
from fxlif.cycles.model import CycleInputs, CycleModel
core = CORES["all options"]
outputs = flat(CycleModel([core]).run(CycleInputs(**random_inputs(core, 4000, 5))))
digest = hashlib.sha256()
for name, values in sorted(outputs.items()):
    digest.update(name.encode() + values.astype(np.int64).tobytes())
print(digest.hexdigest(), outputs["0.spike"].sum())
"""


def test_cycle_model_without_numba_is_the_same() -> None:
    """Compiled or not, and with numba not there at all: the same outputs."""
    compiled = io.StringIO()
    with redirect_stdout(compiled):
        exec(WITHOUT_NUMBA, {})
    absent = "import sys; sys.modules['numba'] = None\n" + WITHOUT_NUMBA
    ran = subprocess.run(
        [sys.executable, "-c", absent], cwd=Path(__file__).parent, capture_output=True, text=True,
        check=True,
    )  # fmt: skip
    assert ran.stdout == compiled.getvalue()
    assert int(ran.stdout.split()[1]) > 0


# --- the checks can fail -------------------------------------------------------------------------


def wrong_reaches(neuron, u, threshold):
    return u > threshold


def wrong_accumulate(total, weight, bits):
    exact = total + weight
    return arithmetic.wrap(exact, bits), ~arithmetic.fits(exact, bits)


def wrong_synaptic_current(total, weight_shift, bias):
    return total + 0


def wrong_round_shift(x, shift, rounding):
    return x >> shift


PLANTED = {
    "reaches": wrong_reaches,
    "accumulate": wrong_accumulate,
    "synaptic_current": wrong_synaptic_current,
    "round_shift": wrong_round_shift,
}


@pytest.mark.parametrize("rule", PLANTED)
def test_planted_rule_fault_is_found(rule: str, monkeypatch) -> None:
    monkeypatch.setattr(arithmetic, rule, PLANTED[rule])
    report = compare(CORES["all options"], seed=3, cycles=8000)
    assert report.mismatches > 0
    assert report.first is not None
    assert report.first.expected != report.first.observed


@cache
def recorded() -> tuple[Interface, tuple[int, ...]]:
    """What a core shows in 1500 cycles without a reset."""
    core = CORES["a lane to spare"]
    dut = component(core)
    interface = interface_of(dut)
    return interface, tuple(simulate(dut, random_driver(core, interface, 2, reset=False), 1500))


def flip(signal: str, valid: str | None):
    """A single wrong bit of one output in one cycle, in which it counts."""
    core = CORES["a lane to spare"]
    interface, shown_words = recorded()
    words = list(shown_words)
    shown = interface.decode(words)
    counts = np.ones(len(words)) if valid is None else shown[valid]
    cycle = 700 + int(np.flatnonzero(counts[700:])[0])
    words[cycle] ^= 1 << interface.response[signal].offset
    report = Report()
    Scoreboard(interface, StreamModel(core, report), report).take(words)
    return cycle, report


@pytest.mark.parametrize(
    ("signal", "valid"),
    [
        ("events_in.ready", None),
        ("events_out.valid", None),
        ("events_out.payload.address", "events_out.valid"),
        ("events_out.payload.tick", "events_out.valid"),
        ("dropped", None),
        ("saturated", None),
        ("trace.valid", None),
        ("trace.index", "trace.valid"),
        ("trace.spike[2]", "trace.valid"),
        ("trace.state[0].v", "trace.valid"),
        ("trace.state[3].v", "trace.valid"),
    ],
)
def test_one_wrong_bit_is_found_in_its_cycle(signal: str, valid: str | None) -> None:
    cycle, report = flip(signal, valid)
    assert report.mismatches > 0
    assert report.first is not None
    assert report.first.cycle == cycle


def test_network_of_two_cores_in_amaranth() -> None:
    first = CORES["a lane to spare"]
    network = NetworkParams.chain(first, make(10, 5, 2, SIMPLE))
    dut = component(network)
    interface = interface_of(dut)
    words = simulate(dut, random_driver(first, interface, 4), 4000)
    report = Report()
    assert Scoreboard(interface, StreamModel(network, report), report).take(words), report.first
    assert report.events_out > 0
