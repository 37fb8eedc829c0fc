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
    EVENT_CORES,
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
from fxlif.cycles.latency import (
    clear_cycles,
    cleared_cycles,
    event_cycles,
    step_cycles,
    update_cycles,
    write_cycles,
)
from fxlif.cycles.model import CycleInputs, CycleModel
from fxlif.hdl import arithmetic, lfsr
from fxlif.hdl.core import issue, layouts, queue
from fxlif.hdl.lfsr import jumped
from fxlif.network.events import TICK
from fxlif.params.core import address_bits
from fxlif.sim.bench.agents import StreamDriver
from fxlif.sim.bench.models import StreamModel, transfers
from fxlif.sim.bench.outcome import failure_reasons
from fxlif.sim.bench.scoreboard import Report, Scoreboard
from fxlif.sim.bench.wrapper import Cycles, Interface
from fxlif.sim.verify import check

#: In Amaranth's simulator: enough for every fault that is planted below.
CYCLES = 2000


def compare(core: CoreParams, seed: int, cycles: int, **axes: bool) -> Report:
    """The core in Amaranth's simulator against the models."""
    dut = component(core)
    interface = interface_of(dut)
    report = Report()
    board = Scoreboard(interface, StreamModel(core, report), report)
    simulate(dut, random_driver(core, interface, seed, **axes), cycles, board.take)
    return report


#: Those that have a way of their own through the step; the others in the long form below.
SHORT = ("leaks, then fires on events", "events on i_syn, acting first")


@pytest.mark.parametrize("name", SHORT)
def test_events_one_by_one(name: str) -> None:
    report = compare(EVENT_CORES[name], seed=3, cycles=1500, reset=False)
    assert report.mismatches == 0, report.first
    assert report.spikes > 5


@pytest.mark.slow
@pytest.mark.parametrize("name", EVENT_CORES)
def test_events_one_by_one_long(name: str) -> None:
    for reset in (False, True):
        report = compare(EVENT_CORES[name], seed=4 + reset, cycles=10_000, reset=reset)
        assert report.mismatches == 0, report.first
        assert report.spikes > 5


@pytest.mark.parametrize("name", CORES)
def test_amaranth_simulator(name: str) -> None:
    report = compare(CORES[name], seed=6, cycles=CYCLES)
    assert report.mismatches == 0, report.first
    assert report.cycles == CYCLES
    assert report.unchecked_cycles == 0
    assert report.spikes > 0
    assert report.resets > 0
    assert report.events_out > 0


@pytest.mark.parametrize(
    "axes",
    [pytest.param(n, marks=[] if n in (0, 3, 5, 6, 7) else pytest.mark.slow) for n in range(8)],
)
def test_idle_stall_and_reset_crossed(axes: int) -> None:
    # By default all three, none, and any two: each two axes meet in all four ways.
    choice = {"idle": bool(axes & 1), "stall": bool(axes & 2), "reset": bool(axes & 4)}
    report = compare(CORES["a lane to spare"], seed=axes, cycles=CYCLES, **choice)
    assert report.mismatches == 0, report.first
    assert report.spikes > 0
    assert (report.resets > 0) == choice["reset"]


@settings(max_examples=examples(7))
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


@pytest.mark.parametrize(("name", "cycles"), [("all options", 1500), ("one neuron", 1500)])
def test_verilog(name: str, cycles: int, tmp_path) -> None:
    """Through the whole way, cocotb and a simulator; every core on each in the long form below."""
    results, report = check(CORES[name], folder=tmp_path, simulator=QUICK, cycles=cycles, seed=7)
    assert report is not None
    assert failure_reasons(results, report) == []
    assert report.cycles == cycles
    assert report.spikes > 30
    assert report.resets > 1


@pytest.mark.slow
@pytest.mark.parametrize("simulator", SIMULATORS)
@pytest.mark.parametrize("name", CORES | EVENT_CORES)
@pytest.mark.parametrize("seed", range(3))
def test_verilog_long(name: str, simulator: str, seed: int, tmp_path) -> None:
    results, report = check(
        (CORES | EVENT_CORES)[name],
        folder=tmp_path,
        simulator=simulator,
        cycles=1_000_000,
        seed=seed,
    )
    assert failure_reasons(results, report) == []


# --- the formulas --------------------------------------------------------------------------------

#: Neurons and lanes: words below, at and above the distance of events, the last one full or not.
SIZES = [(1, 1), (3, 1), (4, 1), (12, 1), (4, 2), (7, 2), (12, 5), (5, 5)]


def passed(cycles: Cycles, side: str) -> list[tuple[int, int]]:
    """(cycle, event) of every transfer on a side."""
    happened, events = transfers(cycles, side)
    return [(int(at), int(events[at])) for at in np.flatnonzero(happened)]


@pytest.mark.parametrize(("n_neurons", "lanes"), SIZES)
@pytest.mark.parametrize("most", [1, 3])
def test_cycles_of_a_step(n_neurons: int, lanes: int, most: int) -> None:
    """The hardware takes exactly the cycles that the formulas of fxlif.cycles.latency give."""
    neuron = NeuronParams(v_threshold=40, reset="subtract", max_spikes_per_step=most)
    core = make(4, n_neurons, lanes, neuron, input_address_bits=3)
    dut = component(core)
    interface = interface_of(dut)
    tick, unknown = 1 << core.in_address_bits, 4
    steps = [[0, 1], [], [unknown, 2, 2, 3], [3], [0, 1, 2, 3, 0, 1, 2, 3], [unknown], [1], [], []]
    payloads = [p for step in steps for p in [*step, tick]]
    cycles = interface.decode(simulate(dut, StreamDriver(interface, payloads), 5000))
    into, out = passed(cycles, "events_in"), passed(cycles, "events_out")
    ticks_out = [at for at, event in out if event == TICK]
    written = np.flatnonzero(cycles["trace.valid"]).reshape(len(steps), core.words)
    fired = np.stack([cycles[f"trace.spike[{lane}]"] for lane in range(lanes)]).sum(axis=0)
    assert len(ticks_out) == len(steps)
    assert fired[written].sum() == len(out) - len(steps) > 0

    assert np.flatnonzero(cycles["events_in.ready"])[0] == clear_cycles(core)
    # The first update waits until all words are cleared, each of the others for the one before.
    over, waited = cleared_cycles(core), 0
    for taken, rows, end in zip((at for at, e in into if e == TICK), written, ticks_out,
                                strict=True):  # fmt: skip
        start = max(taken, over)
        waited += start > taken
        assert rows.tolist() == [start + write_cycles(core, word) for word in range(core.words)]
        over = start + update_cycles(core, fired[rows].tolist())
        assert end == over <= start + update_cycles(core, int(fired[rows].sum()))
    assert 0 < waited < len(steps)
    ticks = iter(written[:, 0] - write_cycles(core, 0))  # when the update starts
    for (at, event), (following, _) in pairwise(into):
        begins = next(ticks) if event == TICK else at
        assert following - begins == (1 if event == unknown else event_cycles(core))


@pytest.mark.parametrize("events", [0, 3])
def test_a_step_at_full_rate(events: int) -> None:
    """Where updates are over in time, the input is never kept waiting."""
    core = make(8, 12, 1, NeuronParams(v_threshold=30000))
    dut = component(core)
    interface = interface_of(dut)
    payloads = ([1] * events + [1 << core.in_address_bits]) * 6
    into = passed(
        interface.decode(simulate(dut, StreamDriver(interface, payloads), 3000)), "events_in"
    )
    ticks = [at for at, event in into if event == TICK]
    costs = [second - first for first, second in pairwise(ticks[1:])]
    assert costs == [max(step_cycles(core, events), update_cycles(core, 0))] * 4


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


def wrong_saturate(x, bits):
    return arithmetic.wrap(x, bits)


def wrong_synaptic_current(total, weight_shift):
    return total + 0


def wrong_round_shift(x, shift, rounding, random=0):
    return x >> shift


def no_distance(core):
    return max(2, core.words)


def half(words):
    return address_bits(words) - 2


def one_shift_less(lfsr, state, count):
    return jumped(lfsr, state, count - 1)


#: Where every neuron fires in most steps.
BUSY = make(3, 12, 1, NeuronParams(v_threshold=5, bias=40))
#: What is planted where, and the core that shows it.
PLANTED = {
    "reaches": (CORES["all options"], [(arithmetic, "reaches", wrong_reaches)]),
    "saturate": (CORES["all options"], [(arithmetic, "saturate", wrong_saturate)]),
    "synaptic_current": (CORES["all options"], [(arithmetic, "synaptic_current",
                                          wrong_synaptic_current)]),
    "round_shift": (CORES["all options"], [(arithmetic, "round_shift", wrong_round_shift)]),
    "sums read too early": (CORES["one word"], [(issue, "event_cycles", no_distance),
                                         (layouts, "event_cycles", no_distance)]),
    "no room for all words": (BUSY, [(queue, "address_bits", half)]),
    "draws repeated": (CORES["random rounding"], [(lfsr, "jumped", one_shift_less)]),
}  # fmt: skip


@pytest.mark.parametrize("fault", PLANTED)
def test_planted_fault_is_found(fault: str, monkeypatch) -> None:
    core, places = PLANTED[fault]
    for module, attribute, wrong in places:
        monkeypatch.setattr(module, attribute, wrong)
    report = compare(core, seed=6, cycles=CYCLES)
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
    words = simulate(dut, random_driver(first, interface, 4), CYCLES)
    report = Report()
    assert Scoreboard(interface, StreamModel(network, report), report).take(words), report.first
    assert report.events_out > 0
