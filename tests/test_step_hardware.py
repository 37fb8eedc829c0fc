"""The hardware's step against the golden step, and the registered neuron against both.

What is exhaustive and what is sampled, at 4 state bits, a current of 6 bits, R = 2, i_syn, theta
and the threshold's mantissa on 4 bits each:

* :func:`test_every_choice_in_every_state`: every combination of 26 leaks x overflow x compare x
  reset x (no refractory period, 2 clamp, 2 mask) = 624 designs, each in every state and at every
  current (1024 or 3072 points), with a constant threshold, a delta synapse, no adaptation, no
  floor and v_leak = 0. Amaranth's simulator, without stages. The default run takes a third of
  the designs, each leak with each overflow, compare and reset, the three others in turn, and of
  each a third of the points, so that each leak with each overflow meets them all.
* :func:`test_sample_of_all_other_choices`: of the 31 * 624 designs that differ from these in
  v_floor, v_leak, an exponential synapse, adaptation or a threshold port, one for each of the 31
  combinations, by a seed that is printed (``FXLIF_SEED`` sets another); each in its whole space
  where that has at most 2^16 points (all but one kind with one of i_syn, theta, mantissa), else
  at 2^15 points drawn from it. The Verilog of steps in stages, by Verilator.
* :func:`test_every_other_choice`, slow: all 31 * 624 = 19344 designs, in their whole space (up to
  786432 points), sampled (2^19 points) only where i_syn, theta and mantissa are all there.
  The leaks of i_syn and theta are not multiplied in: they go through the 26 leaks alongside.
* :func:`test_every_choice_of_a_step`: of some 100 designs that make every choice of one step
  together with each other one (:mod:`choices`) a quarter, in stages, at 200 points by Amaranth's
  simulator.
* :func:`test_every_pair_of_choices_in_every_state`, slow: all of them by Verilator, sampled (2^19
  points) where they have more than 2^20.
* :func:`test_real_widths`: parameters drawn by hypothesis over their whole range (state, theta
  and threshold to 32 bits, currents to 48), points around corners and thresholds: a sample.
"""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Callable
from itertools import product
from typing import Any

import choices
import numpy as np
import pytest
from amaranth.hdl import ClockDomain, Fragment, Module, Signal
from amaranth.sim import Simulator
from designs import SEED
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from step_space import (
    CORE_AXES,
    EXTRA_AXES,
    LEAKS,
    STATE_BITS,
    STIMULUS,
    Design,
    Tally,
    by_variables,
    check_compiled,
    design,
    sample_of_extras,
    sampled_space,
    simulate,
    space_size,
    whole_space,
)
from strategies import lfsrs, neurons

from fxlif.cycles.pipeline import neuron_stages, schedule, update_stages, write_distance
from fxlif.hdl.lfsr import Draws
from fxlif.hdl.neuron import LIFNeuron, LIFStep
from fxlif.hdl.pipeline import Pipeline, Stage
from fxlif.params.leaks import Leak, Lfsr, NoLeak, ShiftLeak
from fxlif.params.neuron import Adaptation, ExponentialSynapse, NeuronParams
from fxlif.params.quantise import signed_range
from fxlif.rule import arithmetic
from fxlif.rule.lfsr import draws, shift
from fxlif.rule.step import NeuronState, step

# --- small widths, exhaustively -----------------------------------------------------------------


def test_the_small_leaks_differ() -> None:
    """Each leak answers differently from each other one somewhere in the small range, so that a
    mixed-up rounding or minimum step cannot hide; but where a rounding always moves towards
    rest, the minimum step has nothing to do.
    """
    answers: dict[tuple[int, ...], list[Leak]] = {}
    for each in LEAKS:
        answers.setdefault(tuple(arithmetic.leak(each, x) for x in range(-11, 16)), []).append(each)
    alike = {(same[0].kind, same[0].rounding) for same in answers.values() if len(same) > 1}
    assert alike == {("shift", "away_from_zero"), ("scale", "toward_zero")}
    assert len(LEAKS) == 26
    assert len(answers) == 24


@pytest.mark.parametrize("part", [3, pytest.param(1, marks=pytest.mark.slow)], ids=["", "all"])
@pytest.mark.parametrize("overflow", ["saturate", "wrap"])
def test_every_choice_in_every_state(overflow: str, part: int) -> None:
    plain = next(iter(product(*EXTRA_AXES)))
    cores = [core for core in product(*CORE_AXES) if core[1] == overflow]
    # The refractory choices vary fastest; in the short form each leak meets all else, and one.
    designs = [design(core, plain) for at, core in enumerate(cores) if (at + at // 3) % part == 0]
    assert len({each.neuron.canonical() for each in designs}) == 312 // part
    tally = Tally()
    for variables, members in by_variables(designs):
        # In the short form each design is seen at a third of the points, its neighbours in the
        # list, which have its leak, at the others.
        for turn in range(part):
            group = [designs[number] for number in members[turn::part]]
            words = whole_space(variables)[turn::part]
            lanes = simulate(group, words)
            tally.designs += len(group)
            for number, each in enumerate(group):
                before = tally.spikes
                tally.check(each, words, lanes[:, number])
                assert 0 < tally.spikes - before < len(words)
    assert tally.designs == 312 // part
    assert tally.compared >= sum(space_size(each.variables) // part for each in designs)


def test_sample_of_all_other_choices() -> None:
    designs = sample_of_extras(1, SEED)
    print(f"FXLIF_SEED={SEED}")
    assert len(designs) == 31
    tally = check_compiled(designs, most=1 << 16, sample=1 << 13, seed=SEED)
    due = sum(size if (size := space_size(d.variables)) <= 1 << 16 else 1 << 13 for d in designs)
    assert tally.compared == due
    assert tally.spikes > len(designs)


@pytest.mark.slow
@pytest.mark.parametrize("extra", list(product(*EXTRA_AXES))[1:], ids=str)
def test_every_other_choice(extra: tuple[Any, ...]) -> None:
    designs = [design(core, extra) for core in product(*CORE_AXES)]
    assert len({each.neuron.canonical() for each in designs}) == 624
    tally = check_compiled(designs, most=1 << 20, sample=1 << 19, seed=SEED)
    due = sum(size if (size := space_size(d.variables)) <= 1 << 20 else 1 << 19 for d in designs)
    assert tally.compared == due
    assert tally.spikes > 0


# --- every choice of a step, with every other one -----------------------------------------------


def chosen(rng: random.Random) -> list[Design]:
    """Small designs of which, for every two choices that can stand together, some makes both."""
    designs: dict[str, Design] = {}
    for turn, choice in enumerate(choices.covering(rng)[0]):
        choice |= {"accumulate": "exact", "fire_on": "step"}
        neuron = choices.neuron(choice, turn)
        neuron = NeuronParams(**dict(neuron) | {"current_bits": STATE_BITS})
        port = choice["own"] and neuron.max_spikes_per_step == 1
        designs[neuron.canonical()] = Design(neuron, port)
    return list(designs.values())


def test_every_choice_of_a_step() -> None:
    """A quarter of the designs that make every pair of choices; slow: all, in every state."""
    designs = chosen(random.Random(SEED))[::4]
    print(f"FXLIF_SEED={SEED}")
    tally = Tally(designs=len(designs))
    every = frozenset(name for name, _, _ in STIMULUS)
    words = sampled_space(every, 200, np.random.default_rng(SEED))
    lanes = simulate(designs, words, staged=True)
    for number, each in enumerate(designs):
        tally.check(each, words, lanes[:, number])
    assert tally.compared == 200 * len(designs) >= 200 * 20
    assert tally.spikes > tally.compared // 10


def test_operations_are_those_of_the_schedule(monkeypatch: pytest.MonkeyPatch) -> None:
    """No stage is there for an operation that the hardware does not have; the names are unique."""
    found: set[str] = set()
    at = Pipeline.at

    def noted(pipe: Pipeline, operation: str) -> Stage:
        found.add(operation)
        return at(pipe, operation)

    monkeypatch.setattr(Pipeline, "at", noted)
    for each in chosen(random.Random(SEED))[::3]:
        found.clear()
        unit = LIFStep(each.neuron, input_bits=6, threshold_port=each.threshold_port, staged=True)
        Fragment.get(unit, None)
        assert found == set(schedule(each.neuron)), each
        stages = neuron_stages(each.neuron)
        assert len(set(stages)) == len(stages)
        assert stages[-1] in found
    plain = NeuronParams()
    assert neuron_stages(plain) == ("leak", "integrate", "narrow", "compare", "reset")
    assert update_stages(plain) == ("issue", "memory", *neuron_stages(plain), "write")
    assert write_distance(plain) == 7


def test_nothing_is_used_before_it_is_made() -> None:
    m = Module()
    pipe = Pipeline(m, {"early": 0, "late": 2}, staged=True)
    made = pipe.at("late").make("sum", pipe.at("late")(pipe.given("x", Signal(4))) + 1)
    with pytest.raises(ValueError, match="sum is made in stage 2, not yet in 0"):
        pipe.at("early")(made)
    assert len(made.line) == 1
    Fragment.get(m, None)  # or Amaranth warns of a module that nobody uses


@pytest.mark.slow
def test_every_pair_of_choices_in_every_state() -> None:
    designs = chosen(random.Random(SEED))
    print(f"FXLIF_SEED={SEED}")
    tally = check_compiled(designs, most=1 << 20, sample=1 << 19, seed=SEED)
    assert tally.designs > 80
    assert tally.spikes > tally.compared // 10


# --- real widths, sampled -----------------------------------------------------------------------


def corner(rng: random.Random, low: int, high: int) -> int:
    """Mostly an end of the range, 0 or ±1, or near one of these; also any size, and anything."""
    way = rng.random()
    if way < 0.5:
        near = rng.choice((low, high, 0, 0))
        return max(low, min(high, near + rng.randint(-2, 2)))
    if way < 0.75:
        size = rng.getrandbits(rng.randint(1, max(1, high.bit_length())))
        return max(low, min(high, rng.choice((size, -size))))
    return rng.randint(low, high)


def draw_state(rng: random.Random, neuron: NeuronParams) -> NeuronState:
    state = {name: corner(rng, *limits) for name, limits in neuron.ranges.items()}
    if neuron.rest_steps and rng.random() < 0.5:
        state["refractory"] = 0
    return NeuronState(**state)


def draw_current(
    rng: random.Random, neuron: NeuronParams, state: NeuronState, threshold: int, bits: int
) -> int:
    """A corner, or what takes u to the effective threshold, one below or one above it."""
    low, high = signed_range(bits)
    if rng.random() < 0.5:
        return corner(rng, low, high)
    left = arithmetic.leak(neuron.leak, state.v - neuron.v_leak) + neuron.v_leak
    wanted = threshold + state.theta - left - neuron.bias + rng.randint(-1, 1)
    if neuron.synapse.kind == "exponential":
        wanted -= arithmetic.leak(neuron.synapse.leak, state.i_syn)
    return max(low, min(high, wanted))


def compare_steps(neuron: NeuronParams, bits: int, port: bool, seed: int, points: int) -> int:
    """Compare every state variable and the spike at drawn points: the number of spikes.

    A point enters in each cycle; its answer is there as many cycles later as there are stages
    behind the first, or at once.
    """
    rng = random.Random(seed)
    staged = rng.random() < 0.75
    latency = len(neuron_stages(neuron)) - 1 if staged else 0
    m = Module()
    m.domains.sync = ClockDomain("sync")
    m.submodules.unit = unit = LIFStep(neuron, input_bits=bits, threshold_port=port, staged=staged)
    spikes = 0

    async def bench(ctx: Any) -> None:
        nonlocal spikes
        due: deque[tuple[NeuronState, int, str]] = deque()
        for _ in range(points + latency):
            state = draw_state(rng, neuron)
            threshold = neuron.v_threshold
            if port and rng.random() < 0.6:
                mantissa = corner(rng, *signed_range(neuron.threshold_bits))
                threshold = mantissa << neuron.threshold_shift
            current = draw_current(rng, neuron, state, threshold, bits)
            for name in neuron.state_widths:
                ctx.set(getattr(unit.state, name), getattr(state, name))
            ctx.set(unit.current, current)
            if port:
                ctx.set(unit.threshold_mantissa, threshold >> neuron.threshold_shift)
            drawn = rng.getrandbits(neuron.lfsr.bits) if neuron.random_bits else 0
            if neuron.random_bits:
                ctx.set(unit.random, drawn)
            after, made = step(neuron, state, current + neuron.bias, threshold, drawn)
            where = f"{neuron!r}, {bits} bits, {state}, current {current}, threshold {threshold}"
            due.append((after, int(made), f"{where}, draw {drawn}, {staged=}"))
            if len(due) > latency:
                after, made, where = due.popleft()
                found = {n: ctx.get(getattr(unit.next_state, n)) for n in neuron.state_widths}
                assert found == {n: getattr(after, n) for n in neuron.state_widths}, where
                assert ctx.get(unit.spike) == made, where
                spikes += bool(made)
            await ctx.tick()

    simulator = Simulator(m)
    simulator.add_clock(1e-6)
    simulator.add_testbench(bench)
    simulator.run()
    return spikes


SEVERAL = neurons(
    stochastic=True,
    max_spikes_per_step=st.sampled_from([2, 5, 31]),
    reset=st.just("subtract"),
    reset_at=st.just("compare"),
)


def check_real_widths(examples: int, points: int) -> None:
    designs = compared = firing = 0

    # Not shrunk: it takes minutes, and a failure says its neuron, state and input.
    @settings(max_examples=examples, phases=[Phase.explicit, Phase.reuse, Phase.generate])
    @given(
        neurons(stochastic=True) | SEVERAL,
        st.sampled_from([1, 8, 24, 48]) | st.integers(1, 48),
        st.booleans(),
        st.integers(0, 1 << 32),
    )
    def check(neuron: NeuronParams, bits: int, port: bool, seed: int) -> None:
        nonlocal designs, compared, firing
        # Where there may be several spikes, no threshold of a port is below 1.
        alone = neuron.max_spikes_per_step > 1
        spikes = compare_steps(neuron, bits, port and not alone, seed, points)
        designs += 1
        compared += points
        firing += 0 < spikes < points

    check()
    assert designs >= examples
    assert compared == designs * points
    # In many designs (two thirds of them, as a rule) both answers of the comparison were seen.
    assert firing > designs // 4


def test_real_widths() -> None:
    check_real_widths(30, 60)


@pytest.mark.slow
def test_real_widths_long() -> None:
    check_real_widths(5000, 200)


# --- the registered neuron ----------------------------------------------------------------------


def run_neuron(neuron: NeuronParams, bits: int | None, rng: random.Random, cycles: int) -> int:
    """Random enable, current and reset, every output in every cycle: the number of spikes."""
    m = Module()
    m.domains.sync = clock = ClockDomain("sync")
    m.submodules.unit = unit = LIFNeuron(neuron, input_bits=bits)
    fresh = NeuronState(v=neuron.v_reset, i_syn=0, theta=0, refractory=0)
    spikes = 0

    async def bench(ctx: Any) -> None:
        nonlocal spikes
        state, shown, drawn = fresh, 0, neuron.lfsr.seed
        for cycle in range(cycles):
            found = {n: ctx.get(getattr(unit.state, n)) for n in neuron.state_widths}
            assert found == {n: getattr(state, n) for n in neuron.state_widths}, cycle
            assert ctx.get(unit.spike) == int(shown), cycle
            enable, reset = rng.random() < 0.7, rng.random() < 0.02
            current = draw_current(rng, neuron, state, neuron.v_threshold, unit.input_bits)
            ctx.set(unit.enable, enable)
            ctx.set(unit.current, current)
            ctx.set(clock.rst, reset)
            if reset:
                state, shown, drawn = fresh, 0, neuron.lfsr.seed
            elif enable:
                given = current + neuron.bias, neuron.v_threshold, drawn
                drawn = shift(neuron.lfsr, drawn)
                state, shown = step(neuron, state, *given)
                spikes += bool(shown)
            # Registered: nothing shows before the edge.
            assert found == {n: ctx.get(getattr(unit.state, n)) for n in neuron.state_widths}
            await ctx.tick()

    simulator = Simulator(m)
    simulator.add_clock(1e-6)
    simulator.add_testbench(bench)
    simulator.run()
    return spikes


EXPONENTIAL = ExponentialSynapse(leak=ShiftLeak(shift=2, rounding="toward_zero"))
ADAPTATION = Adaptation(increment=9, leak=ShiftLeak(shift=3, minimum_step=1))
NEURONS: dict[str, Callable[[], NeuronParams]] = {
    "defaults": lambda: NeuronParams(),
    "bias": lambda: NeuronParams(bias=-7, v_reset=-5, v_threshold=20, state_bits=7),
    "clamp": lambda: NeuronParams(refractory=3, v_reset=-2, reset="subtract", bias=2),
    "mask": lambda: NeuronParams(refractory=2, refractory_mode="mask", compare="gt", bias=1),
    "wrap": lambda: NeuronParams(overflow="wrap", state_bits=8, leak=NoLeak(), v_threshold=100),
    "exponential": lambda: NeuronParams(synapse=EXPONENTIAL, current_bits=10, v_reset=3),
    "adaptive": lambda: NeuronParams(adaptation=ADAPTATION, theta_bits=6, v_floor=-30, v_reset=9),
    "random": lambda: NeuronParams(leak=ShiftLeak(shift=5, rounding="stochastic"), v_threshold=40),
    "everything": lambda: NeuronParams(
        synapse=EXPONENTIAL,
        adaptation=ADAPTATION,
        refractory=1,
        reset="subtract",
        v_leak=-6,
        v_floor=-40,
        v_reset=-4,
        v_threshold=48,
        threshold_shift=4,
        bias=(1 << 31) - 1,
        state_bits=32,
        theta_bits=32,
    ),
}


@pytest.mark.parametrize("bits", [None, 9, 33])
@pytest.mark.parametrize("name", NEURONS)
def test_registered_neuron(name: str, bits: int | None) -> None:
    rng = random.Random(f"{SEED} {name} {bits}")
    spikes = run_neuron(NEURONS[name](), bits, rng, 400)
    if name != "everything" or bits == 33:  # its bias keeps narrow currents on one side
        assert spikes > 10


@settings(max_examples=12, phases=[Phase.explicit, Phase.reuse, Phase.generate])
@given(lfsrs(), st.sampled_from([1, 2, 3, 5, 8, 16]), st.integers(1, 20), st.randoms())
def test_draws(lfsr: Lfsr, lanes: int, n: int, rng: random.Random) -> None:
    """A word's draws are those of its neurons in the golden order, update after update."""
    unit, updates = Draws(lfsr, lanes, n), 3
    shown = unit.draws.as_value()
    order, _ = draws(lfsr, lfsr.seed, updates * n)
    words = [order[at : min(at + lanes, end)] for end in range(n, len(order) + 1, n)
             for at in range(end - n, end, lanes)]  # fmt: skip

    async def bench(ctx: Any) -> None:
        for number, wanted in enumerate(words, start=1):
            for _ in range(rng.choice((0, 0, 1, 3))):
                ctx.set(unit.advance, 0)
                ctx.set(unit.last, rng.randint(0, 1))
                await ctx.tick()
            packed = sum(draw << lane * lfsr.bits for lane, draw in enumerate(wanted.tolist()))
            assert ctx.get(shown[: len(wanted) * lfsr.bits]) == packed
            ctx.set(unit.advance, 1)
            ctx.set(unit.last, number % -(-n // lanes) == 0)
            await ctx.tick()

    simulator = Simulator(unit)
    simulator.add_clock(1e-6)
    simulator.add_testbench(bench)
    simulator.run()
