"""Random stimulus: the same each time, however it is asked for, and with lengths of every size."""

from __future__ import annotations

from collections import Counter
from itertools import islice, pairwise

import numpy as np
import pytest
from designs import CORES

from fxlif import CoreParams, NeuronParams
from fxlif.cycles.control import IDLE, RESET, STALL
from fxlif.cycles.model import CycleModel, Driver
from fxlif.engines import can_compile
from fxlif.params.quantise import signed_range
from fxlif.sim.soak.segments import BULK_CYCLES, sizes
from fxlif.sim.stimulus.events import BREAKS_PROMISE, STRANGE, Events
from fxlif.sim.stimulus.flags import HoldBack, Resets, reset_sweep, sweep
from fxlif.sim.stimulus.march import AROUND, COUNTED, march
from fxlif.sim.stimulus.neuron import NeuronStimulus
from fxlif.sim.stimulus.planned import distances
from fxlif.sim.stimulus.random import (
    IDLE_AXIS,
    RESET_AXIS,
    RandomStimulus,
    held_back,
    random_events,
)
from fxlif.sim.stimulus.rates import EPOCH, EXCESS, HELD_RESETS, LIVELY, LONGEST, SHARE, SWEEPS

needs_numba = pytest.mark.skipif(not can_compile(), reason="too slow where it is not compiled")
CORE = CoreParams(
    n_inputs=12, n_neurons=5, lanes=2, input_address_bits=6, max_events_per_input=2,
    weights=[[(7 * i + 5 * n) % 15 - 7 for n in range(5)] for i in range(12)],
    neuron=NeuronParams(v_threshold=60, weight_bits=4, current_bits=7),
)  # fmt: skip
TICK = 1 << CORE.in_address_bits
#: Cycles of a plain ``fxlif verify``.
DEFAULT = 200_000


def runs(held: np.ndarray) -> np.ndarray:
    """The lengths of the runs of True."""
    return np.diff(np.flatnonzero(np.diff(np.concatenate([[0], held.astype(int), [0]]))))[::2]


def test_the_same_seed_the_same_bytes() -> None:
    one, same, other = (RandomStimulus(CORE, seed) for seed in (1, 1, 2))
    for _ in range(3):
        flags, events = one.flags(2048), one.events(500)
        assert flags.tobytes() == same.flags(2048).tobytes()
        assert events.tobytes() == same.events(500).tobytes()
        assert flags.tobytes() != other.flags(2048).tobytes()
        assert events.tobytes() != other.events(500).tobytes()


def test_the_first_block_is_drawn_before_it_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """Loading what is compiled takes longer than thousands of cycles: never while a clock runs."""
    drawn = []
    monkeypatch.setattr(HoldBack, "add", lambda self, flags: drawn.append("held") or flags)
    monkeypatch.setattr(Events, "take", lambda self, least: drawn.append("events") or np.arange(3))
    held, events = held_back(1, IDLE_AXIS), random_events(CORE, 1)
    assert drawn == ["held", "events"]
    assert list(islice(events, 4)) == [0, 1, 2, 0]
    assert next(held) == 0
    assert drawn == ["held", "events", "events"]


def test_a_short_run_sees_the_beginning_of_a_long_one() -> None:
    """Flags, events and currents do not depend on how many are asked for at a time."""
    whole, parts = RandomStimulus(CORE, 3), RandomStimulus(CORE, 3)
    cut = (1, 64, 3, 1000, 20_000)
    np.testing.assert_array_equal(
        whole.flags(sum(cut)), np.concatenate([parts.flags(n) for n in cut])
    )
    drawn = np.concatenate([parts.events(n) for n in (1, 7, 100, 3000)])
    np.testing.assert_array_equal(whole.events(10_000)[: len(drawn)], drawn)
    assert list(islice(random_events(CORE, 3), len(drawn))) == drawn.tolist()
    one, same = (NeuronStimulus(NeuronParams(v_threshold=60), 12, 9) for _ in range(2))
    pieces = [same.inputs(n) for n in (1, 700, 5000)]
    for name, values in one.inputs(5701)._asdict().items():
        np.testing.assert_array_equal(
            values, np.concatenate([getattr(piece, name) for piece in pieces])
        )


def test_the_axes_do_not_depend_on_each_other() -> None:
    """Events that are drawn change no flag, one axis is what it is alone, no two are alike."""
    one, other = RandomStimulus(CORE, 3), RandomStimulus(CORE, 3)
    one.events(1000)
    flags = one.flags(4096)
    np.testing.assert_array_equal(flags, other.flags(4096))
    idle = HoldBack(3, IDLE_AXIS).add(np.zeros(4096, dtype=np.uint8))
    np.testing.assert_array_equal((flags & IDLE) != 0, idle)
    assert list(islice(held_back(3, IDLE_AXIS), 4096)) == idle.tolist()
    assert ((flags & STALL != 0) != idle).any()


@pytest.mark.parametrize("least", [1, 100, 2000])
def test_events_are_what_the_port_can_carry(least: int) -> None:
    events = RandomStimulus(CORE, 4).events(least)
    assert least <= len(events)
    assert events.min() >= 0
    assert RandomStimulus(CORE, 4).events(2000).max() == TICK


def steps_of(events: np.ndarray) -> list[np.ndarray]:
    """The events of each step, without its TICK."""
    ends = np.flatnonzero(events == TICK)
    return np.split(events[events != TICK], ends - np.arange(len(ends)))[:-1]


@needs_numba
def test_all_kinds_of_steps() -> None:
    steps = steps_of(RandomStimulus(CORE, 5).events(400_000))
    low, high = signed_range(CORE.accumulator_bits)
    seen: Counter[str] = Counter()
    in_turn = longest = 0
    for before, each in pairwise(steps):
        if not len(each) and not len(before):
            seen["silent"] += 1
        known = each[each < CORE.n_inputs]
        most = max(Counter(each.tolist()).values(), default=0)
        seen["unknown"] += len(known) < len(each)
        seen["repeated"] += CORE.max_events_per_input < most <= CORE.max_events_per_input + EXCESS
        seen["flood"] += most > CORE.max_events_per_input + EXCESS
        seen["sparse"] += len(each) in (1, 2)
        seen["several at once"] += len(set(known.tolist())) > 2
        seen["every input as often as it may"] += Counter(each.tolist()) == dict.fromkeys(
            range(CORE.n_inputs), CORE.max_events_per_input
        )
        sums = CORE.weights[known].sum(axis=0)
        seen["flood up"] += bool((sums > high).any())
        seen["flood down"] += bool((sums < low).any())
        up, down = (CORE.weights * sign > 0 for sign in (1, -1))
        seen["excites one neuron"] += bool(len(known) and up[known].all(axis=0).any())
        seen["inhibits one neuron"] += bool(len(known) and down[known].all(axis=0).any())
        seen["the same again"] += bool(len(each)) and np.array_equal(before, each)
        was = before[before < CORE.n_inputs]
        swings = (up[known].all(axis=0) & down[was].all(axis=0)).any()
        swings |= (down[known].all(axis=0) & up[was].all(axis=0)).any()
        in_turn = in_turn + 1 if len(known) and len(was) and swings else 0
        longest = max(longest, in_turn)
        seen["more unknown addresses than a queue holds"] += len(each) - len(known) > 256
    assert longest > 40  # steps that push a neuron up and down in turn
    assert seen.pop("more unknown addresses than a queue holds") > 3
    assert all(count > 20 for count in seen.values()), seen
    assert len(seen) == 12
    assert max(len(each) for each in steps) > 2000


def test_a_core_that_cannot_stand_all_kinds() -> None:
    events = np.fromiter(
        islice(random_events(CORE, 5, strict=True, without={*BREAKS_PROMISE, *STRANGE}), 4000), int
    )
    assert set(np.unique(events)) == {*range(CORE.n_inputs), TICK}
    for step in steps_of(events):
        assert max(Counter(step.tolist()).values(), default=0) <= CORE.max_events_per_input


@needs_numba
@pytest.mark.parametrize("name", CORES)
def test_neurons_are_held_at_the_ends_of_their_range(name: str) -> None:
    """Each neuron that can be brought to the lowest value of its state stays there for a while."""
    core = CORES[name]
    stimulus, driver = RandomStimulus(core, 6), Driver(core.in_address_bits)
    model = CycleModel([core], engine="compiled")
    longest = np.zeros(core.n_neurons, dtype=int)
    low = min(0, core.neuron.state_range[0] if core.neuron.v_floor is None else core.neuron.v_floor)
    for _ in range(16):
        driver.refill(stimulus.events(1 << 14))
        steps = model.outputs(model.drive(driver, stimulus.flags(1 << 14))).cores[0].steps
        v = steps.after.v.reshape(-1, core.n_neurons)
        for neuron in range(core.n_neurons):
            longest[neuron] = max(longest[neuron], runs(v[:, neuron] <= low).max(initial=0))
    inhibited = (core.weights.min(axis=0) < 0) & (core.neuron.overflow == "saturate")
    if name == "a lane to spare":  # too few steps for all of its neurons
        assert (longest[inhibited] >= 4).any()
    else:
        assert (longest[inhibited] >= 4).all(), longest


@needs_numba
def test_it_saturates_drops_and_fires() -> None:
    stimulus, driver = RandomStimulus(CORE, 6), Driver(CORE.in_address_bits)
    model = CycleModel([CORE], engine="compiled")
    most = {"dropped": 0, "saturated": 0, "spikes": 0}
    for _ in range(8):
        driver.refill(stimulus.events(1 << 14))
        trace = model.outputs(model.drive(driver, stimulus.flags(1 << 14))).cores[0]
        most["dropped"] = max(most["dropped"], trace.dropped.max())
        most["saturated"] = max(most["saturated"], trace.saturated.max())
        most["spikes"] += trace.spike.sum()
    assert min(most.values()) > 0, most


@needs_numba
@pytest.mark.parametrize("bit", [IDLE, STALL])
@pytest.mark.parametrize("seed", range(4))
def test_runs_of_every_length(bit: int, seed: int) -> None:
    """Held back or not, in the cycles of a plain verification and in a segment of a soak."""
    flags = HoldBack(seed, bit, bit).add(np.zeros(EPOCH, dtype=np.uint8)) != 0
    for cycles, held, free in ((DEFAULT, 1000, 2000), (EPOCH, 30_000, 50_000)):
        assert runs(flags[:cycles]).max() >= held
        assert runs(~flags[:cycles]).max() >= free
        lengths = Counter(np.minimum(runs(flags[:cycles]), 17).tolist())
        assert all(lengths[n] > 20 for n in range(1, 18)), lengths
    assert 0.25 < flags.mean() < 0.5


@pytest.mark.parametrize("bit", [IDLE, STALL])
def test_a_sweep_holds_back_for_every_length(bit: int) -> None:
    """An outside attack passed with a fault that a wait of exactly 2,000 cycles shows."""
    parts = [Counter(runs(sweep(part, bit) == bit).tolist()) for part in range(6)]
    assert [part.pop(LONGEST) for part in parts] == [1] * 6
    assert sorted(length for part in parts for length in part) == list(range(1, 5017))
    assert max(parts[0]) == 2048
    assert parts[0][512] == (3 if bit == STALL else 1)
    # How far a plain verification comes in its second segment: verification.md says it.
    shown = sweep(0, bit)[: sizes(BULK_CYCLES)[1] - SWEEPS[1] - len(reset_sweep(0))]
    assert bit == STALL or runs(shown == bit)[-2] == 938


def test_resets_have_every_length() -> None:
    """A second outside attack passed with what a reset of exactly 300 cycles leaves behind, and
    with a TICK that is lost if it comes 23 cycles after a reset and nothing before it."""
    parts = [runs(reset_sweep(part) & RESET != 0).tolist() for part in range(3)]
    assert [length for part in parts for length in part] == list(range(1, 1774))
    assert len(parts[0]) == 1024
    assert set(runs(reset_sweep(1) & RESET == 0).tolist()) == {256}
    flags = reset_sweep(0)
    ends = np.flatnonzero((flags[:-1] & RESET != 0) & (flags[1:] & RESET == 0)) + 1
    waits = [int(np.argmax(flags[end : end + 64] == 0)) for end in ends]
    assert Counter(waits) == dict.fromkeys(range(32), 32)


@needs_numba
def test_a_sweep_comes_once_in_a_segment_and_whole() -> None:
    """However many cycles are asked for at a time; what is drawn goes on behind it."""
    for segment, bit in ((0, STALL), (1, IDLE)):
        whole, start = sweep(0, bit), SWEEPS[segment]
        if segment:
            whole = np.concatenate([reset_sweep(0), whole])
        stimulus = RandomStimulus(CORE, 3, segment=segment)
        shown, begins = [], []
        for cycles in (start - 100, 70, 5000, 5000, len(whole), 1000):
            shown.append(stimulus.flags(cycles))
            begins.append(stimulus.sweep_begins)
        assert begins == [False, False, True, False, False, False]
        after = np.concatenate(shown)
        drawn = RandomStimulus(CORE, 3, segment=1 - segment)
        np.testing.assert_array_equal(after[start : start + len(whole)], whole)
        if segment:  # the sweep of the other one comes later
            rest = drawn.flags(len(after) - len(whole))
            np.testing.assert_array_equal(np.delete(after, np.s_[start : start + len(whole)]), rest)


@pytest.mark.parametrize("order", [("fire", "integrate", "leak"), ("integrate", "leak", "fire")])
def test_plans_are_searched_for_whatever_comes_first_in_a_step(order) -> None:
    """What fires before it integrates does the same in every plan at first."""
    neuron = NeuronParams(v_threshold=1, state_bits=8, leak={"kind": "none"}, order=order)
    core = CoreParams(n_inputs=1, n_neurons=1, weights=[[1]], neuron=neuron)
    plans = np.array([[[0], [0]], [[1], [0]]])
    far = distances([core, core], plans, neuron=0, goal=128)
    assert far.shape == (2,)


def test_a_march_counts_beyond_16_bits_and_is_lively_there() -> None:
    events = march(CORE, 3)
    steps = np.cumsum(events == TICK)
    per_step = np.bincount(steps[events != TICK])
    assert steps[-1] == COUNTED + AROUND // 2 - 1
    assert (per_step[: COUNTED - AROUND] > 0).mean() < 1 / 16
    assert (per_step[COUNTED - AROUND // 2 :] > 0).mean() > 0.9
    assert len(events) < 2 * COUNTED


@needs_numba
def test_a_short_run_is_not_one_long_stall() -> None:
    """No run is longer than a share of the cycles before it, and little is held back for long."""
    for seed in range(20):
        flags = RandomStimulus(CORE, seed).flags(4000)
        for bit in (IDLE, STALL):
            held = flags & bit != 0
            assert runs(held).max() <= 2 * (4000 >> SHARE)
            assert 0.1 < held.mean() < 0.75
            assert len(runs(held)) > 100
        assert (np.bincount(flags & (IDLE | STALL), minlength=4) > 100).all()


@needs_numba
def test_resets_come_soon_and_late_and_then_not_for_long() -> None:
    reset = np.zeros(EPOCH + LIVELY, dtype=np.uint8)
    reset = Resets(8, RESET_AXIS).add(reset) != 0
    assert not reset[LIVELY:EPOCH].any()
    # An outside attack passed with a fault that a reset of 16 cycles shows.
    assert set(runs(reset)) == {1, 3, *HELD_RESETS}
    for part in (reset[:LIVELY], reset[EPOCH:]):
        assert set(HELD_RESETS) < set(runs(part))
        assert np.isin(runs(part), HELD_RESETS).sum() < 13
        between = runs(~part)[1:-1]
        assert between.min() < 16  # some meet what the reset before them began
        for first in (128, 256, 512, 1024, 4096, 16_384):
            assert ((between >= first) & (between < 2 * first)).any(), first
    assert (runs(~reset[:4000]) < 500).sum() >= 3


@needs_numba
def test_a_neuron_gets_resets_pauses_and_the_ends_of_its_range() -> None:
    rst, enable, current = NeuronStimulus(NeuronParams(v_threshold=60), 12, 9).inputs(1 << 17)
    assert set(np.unique(rst)) == set(np.unique(enable)) == {0, 1}
    assert (rst & enable).any()
    assert (rst & ~enable & 1).any()
    low, high = signed_range(12)
    assert {low, high, 0, 59, 60, 61} <= set(current.tolist())
    assert (current >= low).all()
    assert (current <= high).all()
    for end in (low, high):
        assert runs((current == end) & (enable == 1) & (rst == 0)).max() > 100


@needs_numba
def test_a_neuron_is_led_to_its_negative_threshold_too() -> None:
    one = NeuronStimulus(NeuronParams(v_threshold=60, negative_threshold=-300), 12, 9)
    current = one.inputs(1 << 17).current
    for goal in (61, -300):
        near = np.bincount(current + 2048, minlength=4096)[goal + 2047 : goal + 2050]
        assert (near > 1000).all(), goal
        between = current / goal
        assert ((between > 0) & (between < 1)).mean() > 0.1, goal


def test_a_core_of_one_input_and_one_that_nothing_excites() -> None:
    dull = CORES["one neuron"]
    still = CoreParams(n_inputs=1, n_neurons=1, weights=[[0]], neuron=NeuronParams(v_threshold=60))
    for core in (dull, still):
        assert len(RandomStimulus(core, 1).events(50)) >= 50
