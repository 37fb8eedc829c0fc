"""The compiled kernels: bit for bit the numpy reference and the oracle, with every option.

Whole small designs first (four bits, every state and every current, one compilation each), then
any neuron of any width, then what the kernels are made of (:mod:`fxlif.compiled.expressions`), then
the choice of the engine. The options are sampled by ``designs.SEED``, which a failure shows.
"""

import json
import os
import random
import re
import subprocess
import sys
from itertools import product
from unittest.mock import patch

import numpy as np
import oracle
import pytest
from choices import AXES, LEAKS, covering, drawn, leak_choices
from choices import neuron as small_neuron
from designs import SEED, examples, message
from hypothesis import event, given, settings
from hypothesis import strategies as st
from rule_edits import COMPILED
from source_mutants import applied
from strategies import between, currents, neurons, signed, thresholds_of

from fxlif import engines
from fxlif.errors import FxlifError
from fxlif.params.base import ROUNDINGS
from fxlif.params.leaks import MultiShiftLeak, NoLeak, ScaleLeak, ShiftLeak
from fxlif.params.neuron import Adaptation, DeltaSynapse, ExponentialSynapse, NeuronParams
from fxlif.population import LIFPopulation, Recorder
from fxlif.rule.step import NeuronState, step

pytest.importorskip("llvmlite")

from fxlif.compiled import expressions, neuron_step
from fxlif.compiled import population as compiled_population

FIELDS = NeuronState._fields
SIGNED = {8: np.dtype("i1"), 16: np.dtype("i2"), 32: np.dtype("i4"), 64: np.dtype("i8")}


def narrowest(low, high):
    """The machine integer for ``low``..``high``; on purpose not the package's own."""
    return next(bits for bits in (16, 32, 64) if signed(bits)[0] <= low and high <= signed(bits)[1])


def call(loop, steps, n, given_arrays, stride=None):
    """A compiled step on arrays by name, whose rows are ``stride`` elements apart."""
    arguments = [steps, n]
    for name in neuron_step.ARGUMENTS:
        array = given_arrays.get(name)
        arguments.append(None if array is None else array.ctypes.data)
        if name in neuron_step.STEPPED:
            arguments.append(n if stride is None else stride)
    loop.call(*arguments)


# --- whole small designs ------------------------------------------------------------------------

CURRENTS = range(-20, 21)


def whole_space(neuron, own, rng):
    """Every state with every current, as arrays by name; thresholds and draws are random, and
    small spaces are there so often that each point meets most of them."""
    limits = {
        "v": range(-8, 8),
        "i_syn": range(-16, 16) if neuron.synapse.kind == "exponential" else (0,),
        "theta": range(16) if neuron.adaptation is not None else (0,),
        "refractory": range(neuron.ranges["refractory"][1] + 1),
        "current": CURRENTS,
    }
    grid = np.meshgrid(*limits.values(), indexing="ij")
    space = {name: part.ravel() for name, part in zip(limits, grid, strict=True)}
    again = max(1, 4000 // len(grid[0].ravel()))
    space = {name: np.tile(part, again) for name, part in space.items()}
    n = len(space["v"])
    space["random"] = rng.integers(0, 16, n)
    lowest, highest = own_thresholds(neuron, own)
    space["v_threshold"] = rng.integers(lowest // 2, highest // 2, n, endpoint=True) * 2
    space["v_threshold"][[0, -1]] = lowest, highest
    return space


def own_thresholds(neuron, own):
    """The lowest and highest threshold; where a neuron may spike again they must be positive."""
    if not own:
        return 2, 2
    return (2, 14) if neuron.max_spikes_per_step > 1 else (-16, 14)


def first_difference(neuron, space):
    """(point, compiled, golden) of one of many single steps in which they differ; golden spikes."""
    n = len(space["v"])
    before = NeuronState(*(space[name] for name in FIELDS))
    wanted, wanted_fire = step(
        neuron, before, space["current"] + neuron.bias, space["v_threshold"], space["random"]
    )
    ends = int(space["v_threshold"].min()), int(space["v_threshold"].max())
    loop = neuron_step.step_loop(neuron, ends, np.dtype(np.int8), (-128, 127))
    kinds = {name: neuron_step.state_type(neuron, name) for name in neuron.state_widths}
    kinds["v_threshold"] = np.dtype(np.int16)
    arrays = {name: space[name].astype(kind) for name, kind in kinds.items()}
    arrays["random"] = space["random"]
    arrays["current"] = space["current"].astype(np.int8)
    arrays["spike"] = np.full(n, 7, np.uint8)
    call(loop, 1, n, arrays)
    wrong = arrays["spike"] != wanted_fire
    for name in neuron.state_widths:
        wrong |= arrays[name] != getattr(wanted, name)
    difference = None
    for at in np.flatnonzero(wrong)[:1]:
        point = {name: int(part[at]) for name, part in space.items()}
        found = {name: int(arrays[name][at]) for name in (*neuron.state_widths, "spike")}
        difference = neuron, point, found, [int(x[at]) for x in (*wanted, wanted_fire)]
    return difference, int(wanted_fire.sum())


def check_whole_design(neuron, own, rng):
    """Compiled once: every state and current, and a population from some of them for 3 steps."""
    space = whole_space(neuron, own, rng)
    n = len(space["v"])
    ends = space["v_threshold"].min(), space["v_threshold"].max()
    assert ends == own_thresholds(neuron, own)
    difference, spikes = first_difference(neuron, space)
    assert difference is None
    # The same code behind the population, some points of the space, and the oracle.
    some = rng.integers(0, n, 40)
    some[:2] = 0, n - 1
    rows = rng.choice(CURRENTS, (3, len(some))).astype(np.int8)
    rows[0] = space["current"][some]
    check_population(
        neuron,
        [rows],
        initial=NeuronState(*(space[name][some] for name in FIELDS)),
        own=space["v_threshold"][some],
    )
    return spikes


def check_population(neuron, runs, *, initial=None, own=None, threads=(1,), recorded=()):
    """The three models through several runs of the same population."""
    n = runs[0].shape[1]
    made = {
        engine: LIFPopulation(
            n, neuron, initial=initial, v_threshold=own, engine=engine, input_bits=48
        )
        for engine in ("compiled", "numpy")
    }
    assert {name: each.engine for name, each in made.items()} == {k: k for k in made}
    each_threshold = made["numpy"].v_threshold.tolist()
    states = [
        oracle.State(*(int(part[k]) for part in made["numpy"].state)) for k in range(n)
    ]  # fmt: skip
    lfsr = oracle.Lfsr(neuron.lfsr)
    for at, table in enumerate(runs):
        untouched = table.copy()
        recorders = {engine: Recorder(*FIELDS) for engine in made}
        use = recorders if at in recorded else dict.fromkeys(made)
        spikes = {
            engine: each.run(table, use[engine], threads=threads[at % len(threads)])
            for engine, each in made.items()
        }
        assert np.array_equal(table, untouched)
        for engine, found in spikes.items():
            kind = np.uint8 if neuron.max_spikes_per_step > 1 else np.bool_
            assert (found.dtype, found.shape) == (kind, table.shape), engine
        rows = []
        for row in table.tolist():
            fires = []
            for k, current in enumerate(row):
                draw = lfsr.draw()
                states[k], fire = oracle.step(
                    neuron, states[k], int(current), each_threshold[k], draw
                )
                fires.append(fire)
            rows.append(fires)
        assert spikes["compiled"].tolist() == rows == spikes["numpy"].tolist()
        for name in FIELDS:
            expected = [getattr(state, name) for state in states]
            for engine, each in made.items():
                found = getattr(each.state, name)
                assert found.dtype == np.int64
                assert found.tolist() == expected, (engine, name)
            if at in recorded and len(table):
                kept = recorders["compiled"][name]
                assert np.array_equal(kept, recorders["numpy"][name])
                assert kept.shape == table.shape
                assert kept[-1].tolist() == expected
    return made


def check_choices(sample, rng):
    """The designs of many choices; every leak of v, and most of a synapse and of an adaptation."""
    turn, seen, spikes = 0, set(), 0
    for choice in sample:
        neuron = small_neuron(choice, turn)
        turn += choice["synapse"] is not None or choice["adapted"]
        seen |= {(key, rule.canonical()) for key, rule in neuron.leaks.items()}
        try:
            spikes += check_whole_design(neuron, choice["own"], rng)
        except AssertionError as wrong:
            raise AssertionError(f"FXLIF_SEED={SEED}: {choice}") from wrong
    assert spikes
    assert {rule for key, rule in seen if key == "leak"} == {x.canonical() for x in LEAKS}
    for key in ("synapse.leak", "adaptation.leak"):
        assert len({rule for found_key, rule in seen if found_key == key}) > 20


def test_whole_small_designs():
    """Every choice, every pair of choices and every leak."""
    print(f"FXLIF_SEED={SEED}")
    sample, _ = covering(random.Random(SEED))
    check_choices(sample, np.random.default_rng(SEED))


@pytest.mark.parametrize("mistake", COMPILED, ids=lambda mistake: mistake.name)
def test_a_mistake_in_the_compiled_step_is_found(mistake):
    """By a design and points on which, without the mistake, nothing differs."""
    picked, rng = random.Random(SEED), np.random.default_rng(SEED)
    for turn in range(60):
        choice = drawn(picked, mistake.shown_by)
        neuron = small_neuron(choice, turn)
        space = whole_space(neuron, choice["own"], rng)
        some = rng.integers(0, len(space["v"]), 2000)
        space = {name: part[some] for name, part in space.items()}
        neuron_step.step_loop.cache_clear()
        with applied(mistake):
            difference, _ = first_difference(neuron, space)
        if difference is not None:
            break
    neuron_step.step_loop.cache_clear()
    assert difference is not None
    assert first_difference(neuron, space)[0] is None


@pytest.mark.slow
@pytest.mark.parametrize(("refractory", "mode"), [(0, "clamp"), (2, "clamp"), (2, "mask")])
@pytest.mark.parametrize("overflow", AXES["overflow"])
@pytest.mark.parametrize("reset", AXES["reset"])
def test_whole_product(refractory, mode, overflow, reset):
    """15,552 designs of the choices that most neurons make; they make the others at random."""
    print(f"FXLIF_SEED={SEED}")
    fixed = {"refractory": refractory, "refractory_mode": mode, "overflow": overflow}
    axes = {name: AXES[name] for name in ("compare", "v_floor", "adapted")}
    axes["synapse"] = None, ("leak", "integrate", "act")
    picked = random.Random(SEED)
    sample = [
        drawn(picked, fixed | {"reset": reset} | leak | dict(zip(axes, values, strict=True)))
        for leak in leak_choices()
        for values in product(*axes.values())
    ]
    check_choices(sample, np.random.default_rng(SEED))


# --- any neuron, any width, any current ---------------------------------------------------------

DTYPES = ("?", "i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8")
SIZES = (1, 63, 64, 65, 129)


def ends_of(dtype):
    """Lowest and highest current of a type: never beyond 48 bits."""
    if dtype == "?":
        return 0, 1
    low, high = np.iinfo(dtype).min, np.iinfo(dtype).max
    return max(int(low), -(2**47)), min(int(high), 2**47 - 1)


@st.composite
def tables(draw, n, steps):
    """Currents (steps, n) of any type, from a few values and their ends."""
    dtype = draw(st.sampled_from(DTYPES))
    low, high = ends_of(dtype)
    few = draw(st.lists(st.one_of(currents(), between(low, high)), min_size=1, max_size=6))
    few = [min(high, max(low, value)) for value in few]
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    return rng.choice(np.array(few, dtype), (steps, n))


@settings(max_examples=examples(20))
@given(st.data(), neurons(whole=True), st.sampled_from(SIZES))
def test_any_neuron(data, neuron, n):
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32)))
    own, initial = None, None
    if data.draw(st.booleans()):
        few = data.draw(st.lists(thresholds_of(neuron), min_size=1, max_size=4))
        own = rng.choice(np.array(few, np.int64), n)
    if data.draw(st.booleans()):
        parts = []
        for name in FIELDS:
            few = data.draw(st.lists(between(*neuron.ranges[name]), min_size=1, max_size=6))
            parts.append(rng.choice(np.array(few, np.int64), n))
        initial = NeuronState(*parts)
    most = 12 if n == 1 else 4
    runs = [
        data.draw(tables(n, data.draw(st.integers(0, most))))
        for _ in range(data.draw(st.integers(1, 3)))
    ]
    # So small that a run is cut into several calls.
    chunk = data.draw(st.sampled_from((1, n, 2 * n, 3 * n + 1, 1 << 22)))
    with patch.multiple(compiled_population, CHUNK_WORK=chunk, RANDOM_CHUNK_WORK=chunk):
        check_population(
            neuron,
            runs,
            initial=initial,
            own=own,
            threads=data.draw(st.permutations((1, 2, 3))),
            recorded=data.draw(st.sets(st.integers(0, 2))),
        )


@pytest.mark.parametrize("part", [8, pytest.param(1, marks=pytest.mark.slow)], ids=["", "all"])
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("rounding", ROUNDINGS)
def test_ends_of_every_type(dtype, rounding, part):
    """The lowest and the highest current of each type, to the widest and the narrowest neuron.

    Each neuron is compiled; the short form takes one of the eight for each type and rounding, so
    that each rounding meets all eight and each type most of them.
    """
    low, high = ends_of(dtype)
    table = np.array([[low, high, 0], [high, low, 1], [high, high, low], [low, 0, high]], dtype)
    first = (DTYPES.index(dtype) + ROUNDINGS.index(rounding)) % part
    widths = list(product((4, 16, 17, 32), ("saturate", "wrap")))
    for bits, overflow in widths[first::part]:
        lowest, highest = signed(bits)
        rule = MultiShiftLeak(shifts=(0, 0, 1), signs=(-1, -1, 1), rounding=rounding)
        neuron = NeuronParams(
            leak=rule,
            v_leak=lowest,
            v_reset=highest,
            v_threshold=highest,
            bias=-(2**31),
            overflow=overflow,
            reset="subtract",
            synapse=ExponentialSynapse(leak=rule),
            adaptation=Adaptation(increment=min(highest, 2**31 - 1), leak=ShiftLeak(shift=1)),
            **dict.fromkeys(("state_bits", "threshold_bits", "current_bits", "theta_bits"), bits),
        )
        ends = [np.full((2, 3), end, dtype) for end in (low, high)]
        check_population(neuron, [table, *ends], own=[lowest, highest, 0])


def test_narrow_neuron_wide_currents_wrap():
    """What lies beyond the narrow machine integers of a wrapping neuron is cut off, not lost."""
    table = np.array([[2**15 + 3, -(2**15) - 3], [2**31 + 5, 2**47 - 1], [-(2**47), 2**46]])
    for leak, synapse in product(
        (NoLeak(), ShiftLeak(shift=2)), (DeltaSynapse(), ExponentialSynapse(leak=NoLeak()))
    ):
        neuron = NeuronParams(leak=leak, synapse=synapse, overflow="wrap", v_threshold=2**15 - 1)
        check_population(neuron, [table])


@pytest.mark.parametrize("n", SIZES)
@pytest.mark.parametrize("threads", [1, 2, 3, 7, 256])
def test_threads_own_every_neuron_once(n, threads):
    neuron = NeuronParams(leak=ShiftLeak(shift=2, rounding="stochastic"), refractory=1)
    rng = np.random.default_rng(n)
    tables = [rng.integers(-50, 120, (steps, n), dtype=np.int16) for steps in (5, 0, 3)]
    with patch.object(
        compiled_population, "_pointers", side_effect=compiled_population._pointers
    ) as begun:
        check_population(
            neuron, tables, own=rng.integers(1, 99, n), threads=(threads,), recorded={2}
        )
    # No cache line has two owners.
    assert all(each.args[1] % 64 == 0 for each in begun.call_args_list)


def test_long_runs_in_pieces():
    """The pieces that a long run is cut into, at their real size."""
    neuron = NeuronParams(leak=ShiftLeak(shift=3, rounding="stochastic"), v_threshold=20)
    steps = compiled_population.RANDOM_CHUNK_WORK // 1024 + 3
    table = np.random.default_rng(1).integers(-3, 9, (steps, 1024), dtype=np.int8)
    spikes = {}
    for engine in ("compiled", "numpy"):
        population = LIFPopulation(1024, neuron, engine=engine)
        spikes[engine] = population.run(table)
        if engine == "compiled":
            state = population.state
    assert np.array_equal(spikes["compiled"], spikes["numpy"])
    assert spikes["numpy"][-3:].any()
    assert np.array_equal(state.v, population.state.v)


# --- the compiled step by itself ----------------------------------------------------------------


@settings(max_examples=examples(16))
@given(st.data(), neurons(whole=True), st.booleans())
def test_step_loop_with_drives(data, neuron, clear):
    """Drives, cleared inputs, rows that are further apart than the neurons: against numpy."""
    n, steps, stride = 37, 3, 41
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32)))
    edges = st.tuples(between(-(2**31), 2**31 - 1), between(-(2**31), 2**31 - 1)).map(sorted)
    drives, limits = data.draw(edges), data.draw(edges)
    kind = SIGNED[32 if data.draw(st.booleans()) else 64]
    ends = [data.draw(thresholds_of(neuron)) for _ in "ab"]
    lowest, highest = sorted(ends)
    drive = rng.integers(*drives, (steps, stride), endpoint=True)
    drive = drive.astype(SIGNED[narrowest(*drives)])
    added = None if drives == [0, 0] else drive.dtype
    loop = neuron_step.step_loop(
        neuron, (lowest, highest), kind, tuple(limits), added, tuple(drives), clear
    )
    draws = rng.integers(0, 1 << neuron.lfsr.bits, (steps, stride))
    current = rng.integers(*limits, (steps, stride), endpoint=True).astype(kind)
    state = {}
    for name in neuron.state_widths:
        low, high = neuron.ranges[name]
        state[name] = rng.choice([low, high, max(0, low), (low + high) // 2], n)
        assert neuron_step.state_type(neuron, name) == SIGNED[narrowest(low, high)]
    threshold = rng.choice([lowest, highest], n)
    arrays = {
        name: part.astype(neuron_step.state_type(neuron, name)) for name, part in state.items()
    }
    arrays |= {
        "v_threshold": threshold.astype(SIGNED[narrowest(lowest, highest)]),
        "random": draws,
        "drive": None if added is None else drive,
        "current": current.copy(),
        "spike": np.full((steps, stride), 7, np.uint8),
    }
    call(loop, steps, n, arrays, stride)
    now = NeuronState(*(state.get(name, np.zeros(n, np.int64)) for name in FIELDS))
    for at in range(steps):
        total = current[at, :n].astype(np.int64) + drive[at, :n] + neuron.bias
        now, fire = step(neuron, now, total, threshold, draws[at, :n])
        assert arrays["spike"][at, :n].tolist() == fire.tolist()
    for name in neuron.state_widths:
        assert arrays[name].tolist() == getattr(now, name).tolist()
    assert (arrays["spike"][:, n:] == 7).all()
    left = current.copy()
    if clear:
        left[:, :n] = 0
    assert np.array_equal(arrays["current"], left)


def test_nothing_to_do_touches_nothing():
    """0 steps or 0 neurons, and pointers of arrays that a neuron does not have."""
    loop = neuron_step.step_loop(NeuronParams(), (64, 64), np.dtype(np.int8), (-128, 127))
    v = np.array([1, 2, 3], np.int16)
    current, spike = np.full((2, 3), 100, np.int8), np.full((2, 3), 7, np.uint8)
    arrays = {"v": v, "current": current, "spike": spike}
    call(loop, 0, 3, arrays)
    call(loop, 2, 0, arrays)
    assert v.tolist() == [1, 2, 3]
    assert (spike == 7).all()
    call(loop, 2, 2, arrays, 3)
    assert v.tolist() == [0, 0, 3]
    assert spike.tolist() == [[1, 1, 7]] * 2


def generated(*arguments):
    """The text that a step is compiled from, before LLVM works on it."""
    with patch.object(expressions, "_compile", side_effect=expressions._compile) as compiled:
        neuron_step.step_loop.__wrapped__(*arguments)
    return compiled.call_args.args[0]


def widths_used(text):
    """Widths of the machine integers that values are worked out in, without the loops' counters."""
    counters = r"= (?:add nsw|mul|phi|icmp slt) i64"
    lines = [line for line in text.splitlines() if not re.search(counters, line)]
    operations = r"= (?:add|sub|mul|and|shl|ashr|icmp \w+|select i1 [^,]*,)\s*i(\d+)"
    return {int(bits) for bits in re.findall(operations, "\n".join(lines))} - {1}


def test_narrow_values_are_kept_narrow():
    small = NeuronParams(
        state_bits=8,
        threshold_bits=8,
        current_bits=8,
        theta_bits=8,
        refractory=3,
        synapse=ExponentialSynapse(leak=ScaleLeak(factor=3, shift=4)),
        adaptation=Adaptation(increment=3),
        reset="subtract",
        v_leak=-3,
    )
    bits = {
        name: widths_used(generated(neuron, ends, np.dtype(dtype), signed(8 * int(dtype[1]))))
        for name, neuron, ends, dtype in (
            ("small", small, (-128, 127), "i1"),
            ("default", NeuronParams(), (64, 64), "i1"),
            ("wide input", small, (-128, 127), "i4"),
            ("wide", NeuronParams(state_bits=32), (64, 64), "i4"),
        )
    }
    assert bits["small"] == {16}
    assert bits["default"] == {16, 32}
    assert max(bits["wide input"]) == max(bits["wide"]) == 64


def count_compilations():
    return patch.object(expressions, "_compile", side_effect=expressions._compile)


def test_equal_parameters_compile_once():
    def neuron(**more):
        return NeuronParams(leak=ShiftLeak(shift=5), v_threshold=SEED % 1000 + 64, **more)

    rng = np.random.default_rng(SEED)
    neuron_step.step_loop.cache_clear()
    with count_compilations() as compiled:
        for n in (3, 70):
            for _ in range(3):
                # Narrow inputs of any content, and any state, threads or recorder.
                population = LIFPopulation(n, neuron(), engine="compiled")
                population.run(rng.integers(-9, 99, (4, n), dtype=np.int8))
                population.run(np.zeros((2, n), bool), threads=3)
                population.run(np.full((1, n), -128, np.int8), Recorder("v"))
        assert compiled.call_count == 1
        population.run(np.zeros((1, 70), np.int16))
        population.run(rng.integers(0, 256, (4, 70), dtype=np.uint8))
        assert compiled.call_count == 2
        LIFPopulation(70, neuron(), engine="numpy").run(np.zeros((1, 70), np.int8))
        LIFPopulation(70, neuron(), engine="compiled").forward(1)
        assert compiled.call_count == 2
        # Wide inputs by how many bits they have.
        for values in ([5, 7], [4, 6], [-8, 0]):
            LIFPopulation(2, neuron(), engine="compiled").run(np.array([values]))
        assert compiled.call_count == 3
        LIFPopulation(2, neuron(), engine="compiled").run(np.array([[0, 8]]))
        assert compiled.call_count == 4
        LIFPopulation(2, neuron(compare="gt"), engine="compiled").run(np.zeros((1, 2), np.int8))
        assert compiled.call_count == 5
        for own in ([3, 9], [9, 3]):
            LIFPopulation(2, neuron(), v_threshold=own, engine="compiled").run([[1, 2]])
        assert compiled.call_count == 6
    one = neuron_step.step_loop(neuron(), (1, 2), np.dtype(np.int8), (-128, 127))
    assert neuron_step.step_loop(neuron(), (1, 2), np.dtype(np.int8), (-128, 127)) is one
    assert neuron_step.step_loop(neuron(), (1, 3), np.dtype(np.int8), (-128, 127)) is not one


def test_every_loop_has_a_machine_of_its_own():
    """An engine frees its machine: one that was shared crashed once a loop was dropped."""
    real = expressions.llvm.create_mcjit_compiler
    with patch.object(expressions.llvm, "create_mcjit_compiler", side_effect=real) as made:
        for gap in range(3):
            neuron_step.step_loop.__wrapped__(
                NeuronParams(v_threshold=gap), (gap, gap), np.dtype(np.int8), (-128, 127)
            )
    machines = [each.args[1] for each in made.call_args_list]
    assert len({id(machine) for machine in machines}) == 3


# --- values of known range ----------------------------------------------------------------------

OUTPUTS = 12
EDGES = [sign * 2**bits + off for sign in (-1, 1) for bits in (7, 15, 31, 63) for off in (-1, 0, 1)]
WORDS = st.one_of(
    st.integers(-20, 20), st.sampled_from([x for x in EDGES if -(2**63) <= x < 2**63]),
    st.integers(-(2**63), 2**63 - 1), st.integers(-(2**31), 2**31), st.integers(-(2**15), 2**15),
)  # fmt: skip


def fits(low, high, bits=64):
    return signed(bits)[0] <= low and high <= signed(bits)[1]


def wrapped(x, bits):
    return (x + 2 ** (bits - 1)) % 2**bits - 2 ** (bits - 1)


@st.composite
def operations(draw, pool):
    """(name, what it is called with, the same on ints, the range that it must have)."""
    name = draw(
        st.sampled_from(
            ["add", "sub", "add int", "sub int", "mul", "and", "shift", "at_least", "at_most",
             "wrapped", "select", "within"]
        )
    )  # fmt: skip
    (x, known), (y, others) = (pool[draw(st.integers(0, len(pool) - 1))] for _ in "xy")
    constant = draw(WORDS)
    if name == "mul":
        constant = draw(
            st.one_of(st.integers(-9, 9), WORDS, st.sampled_from([1 << 16, -(1 << 31)]))
        )
        span = (x.low * constant, x.high * constant)
        return name, lambda: x * constant, [k * constant for k in known], (min(span), max(span))
    if name == "and":
        mask = (1 << draw(st.integers(0, 64))) - 1
        return name, lambda: x & mask, [k & mask for k in known], (0, mask)
    if name == "shift":
        by = draw(st.integers(0, 80))
        return name, lambda: x >> by, [k >> by for k in known], (x.low >> by, x.high >> by)
    if name == "at_least":
        span = (max(x.low, constant), max(x.high, constant))
        return name, lambda: x.at_least(constant), [max(k, constant) for k in known], span
    if name == "at_most":
        span = (min(x.low, constant), min(x.high, constant))
        return name, lambda: x.at_most(constant), [min(k, constant) for k in known], span
    if name == "wrapped":
        bits = draw(st.integers(1, 64))
        span = (x.low, x.high) if fits(x.low, x.high, bits) else signed(bits)
        return name, lambda: x.wrapped(bits), [wrapped(k, bits) for k in known], span
    if name == "within":
        low = min(known) - draw(st.integers(0, 40))
        high = max(known) + draw(st.integers(0, 40))
        span = (max(low, x.low), min(high, x.high))
        return name, lambda: x.within(low, high), known, span
    if name == "select":
        condition, truth = draw(conditions(pool))
        chosen = [a if t else b for t, a, b in zip(truth, known, others, strict=True)]
        span = (min(x.low, y.low), max(x.high, y.high))
        return name, lambda: expressions.select(condition, x, y), chosen, span
    if name.endswith("int"):
        y, others = expressions.Value(x.builder, constant, constant), [constant] * len(known)
    other = constant if name.endswith("int") else y
    pairs = list(zip(known, others, strict=True))
    if name.startswith("add"):
        return name, lambda: x + other, [a + b for a, b in pairs], (x.low + y.low, x.high + y.high)
    return name, lambda: x - other, [a - b for a, b in pairs], (x.low - y.high, x.high - y.low)


@st.composite
def conditions(draw, pool):
    """A comparison of two values or with a constant, or a mix of two of them."""

    def one():
        (x, known), (y, others) = (pool[draw(st.integers(0, len(pool) - 1))] for _ in "xy")
        if draw(st.booleans()):
            y = draw(st.one_of(WORDS, st.sampled_from(known)))
            others = [y] * len(known)
        pairs = list(zip(known, others, strict=True))
        kind = draw(st.sampled_from(["<", ">", ">=", "equals"]))
        if kind == "<":
            return x < y, [a < b for a, b in pairs]
        if kind == ">":
            return x > y, [a > b for a, b in pairs]
        if kind == ">=":
            return x >= y, [a >= b for a, b in pairs]
        return x.equals(y), [a == b for a, b in pairs]

    (first, truth), (second, other) = one(), one()
    kind = draw(st.sampled_from(["one", "and", "or", "not"]))
    if kind == "and":
        return first & second, [a and b for a, b in zip(truth, other, strict=True)]
    if kind == "or":
        return first | second, [a or b for a, b in zip(truth, other, strict=True)]
    if kind == "not":
        return ~first, [not a for a in truth]
    return first, truth


@settings(max_examples=examples(25))
@given(st.data())
def test_values_are_python_ints(data):
    """Any expression: exact results, the range that follows, the narrowest machine integer."""
    n = 23
    rng = random.Random(data.draw(st.integers(0, 2**32)))
    inputs, known = [], {}
    for name in ("a", "b", "c"):
        low, high = sorted((data.draw(WORDS), data.draw(WORDS)))
        bits = 8 if fits(low, high, 8) and rng.random() < 0.5 else narrowest(low, high)
        inputs.append(expressions.Array(name, bits, low, high))
        some = [low, high, max(low, high - 1), min(high, max(low, 0)), min(high, low + 1)]
        known[name] = [rng.choice([*some, rng.randint(low, high)]) for _ in range(n)]
        known[name][:2] = low, high
    wanted = {}

    def body(now):
        pool = [(now[name], known[name]) for name in known]
        for _ in range(data.draw(st.integers(1, OUTPUTS))):
            name, operation, results, (low, high) = data.draw(operations(pool))
            if not fits(low, high):
                event(f"{name} too wide")
                with pytest.raises(OverflowError, match=r"^-?\d+\.\.-?\d+ needs \d+ bits$"):
                    operation()
                continue
            event(name)
            made = operation()
            assert (made.low, made.high) == (low, high), name
            assert low <= min(results)
            assert max(results) <= high
            assert made.bits == narrowest(low, high)
            assert made.at(made.bits).type.width == made.bits
            pool.append((made, results))
        condition, truth = data.draw(conditions(pool))
        wanted["bit"] = truth
        returned = {"bit": condition}
        for number, (made, results) in enumerate(pool[3:]):
            wanted[f"out{number}"] = results
            returned[f"out{number}"] = made
        return returned

    outputs = [expressions.Array(f"out{k}", 64, -(2**63), 2**63 - 1) for k in range(OUTPUTS)]
    outputs.append(expressions.Array("bit", 8, 0, 1))
    loop = expressions.CompiledLoop([*inputs, *outputs], body)
    arrays = {each.name: np.full(n, 77, SIGNED[each.bits]) for each in (*inputs, *outputs)}
    for each in inputs:
        arrays[each.name][:] = known[each.name]
    loop.call(1, n, *(array.ctypes.data for array in arrays.values()))
    for name, results in wanted.items():
        assert arrays[name].tolist() == results, name
    for name, values in known.items():
        assert arrays[name].tolist() == values


def test_width():
    for bits in (16, 32, 64):
        low, high = signed(bits)
        assert [expressions.width(*ends) for ends in ((low, 0), (0, high), (low, high))] == [
            bits
        ] * 3
        assert expressions.width(high, high) == expressions.width(low, low) == bits
        for ends in ((low - 1, 0), (0, high + 1), (high + 1, high + 1), (low - 1, low - 1)):
            if bits < 64:
                assert expressions.width(*ends) == 2 * bits
            else:
                with pytest.raises(OverflowError, match="needs 65 bits"):
                    expressions.width(*ends)
    assert expressions.width(0, 0) == 16


def test_too_wide_is_an_error_and_no_wrap():
    low, high = signed(64)

    def body(now):
        x = now["x"]
        for operation in (
            lambda: x + 1, lambda: x - 1, lambda: x * 2, lambda: x * -1, lambda: x - x,
            lambda: x + x, lambda: x & 2**64 - 1, lambda: x > 2**63, lambda: x.at_least(2**63),
            lambda: expressions.select(x > 0, x, expressions.Value(x.builder, 2**63, 2**63)),
        ):  # fmt: skip
            with pytest.raises(OverflowError):
                operation()
        return {"x": x.at_most(high - 1) + 1}

    loop = expressions.CompiledLoop([expressions.Array("x", 64, low, high)], body)
    x = np.array([low, high, 0, high - 1], np.int64)
    loop.call(1, 4, x.ctypes.data)
    assert x.tolist() == [low + 1, high, 1, high]


def test_a_loop_over_rows():
    """Stepped arrays go on by their own rows, the others stay; 0-bit arrays are never touched."""
    arrays = [
        expressions.Array("total", 32, -(2**31), 2**31 - 1),
        expressions.Array("absent", stepped=True),
        expressions.Array("x", 8, -128, 127, stepped=True),
        expressions.Array("seen", 64, -(2**63), 2**63 - 1, stepped=True),
    ]

    def body(now):
        total = (now["total"] + now["x"]).wrapped(32)
        return {"total": total, "seen": total}

    loop = expressions.CompiledLoop(arrays, body)
    total = np.array([10, -20, 2**31 - 1, 5], np.int32)
    x = np.arange(-10, 10, dtype=np.int8).reshape(4, 5)
    seen = np.zeros((4, 7), np.int64)
    loop.call(4, 3, total.ctypes.data, None, 99, x.ctypes.data, 5, seen.ctypes.data, 7)
    sums = np.cumsum(np.vstack([[10, -20, 2**31 - 1], x[:, :3]]), axis=0)[1:]
    sums = (sums + 2**31) % 2**32 - 2**31
    assert seen[:, :3].tolist() == sums.tolist()
    assert not seen[:, 3:].any()
    assert total.tolist() == [*sums[-1].tolist(), 5]


# --- inputs of a population ---------------------------------------------------------------------


def both():
    """A population on each engine, equal but for it."""
    neuron = NeuronParams(
        leak=ShiftLeak(shift=3, rounding="stochastic"),
        refractory=1,
        v_threshold=40,
        synapse=ExponentialSynapse(leak=ShiftLeak(shift=2)),
        adaptation=Adaptation(increment=7),
    )
    return [LIFPopulation(6, neuron, engine=engine) for engine in ("compiled", "numpy")]


PLAIN = np.random.default_rng(6).integers(0, 60, (9, 6))


def stretched(table):
    wide = np.full((table.shape[0], 2 * table.shape[1]), 99, table.dtype)
    wide[:, ::2] = table
    return wide[:, ::2]


def read_only(table):
    table = table.copy()
    table.setflags(write=False)
    return table


LAYOUTS = {
    "fortran": np.asfortranarray,
    "every second column": stretched,
    "every second row": lambda x: np.repeat(x, 2, axis=0)[::2],
    "backwards": lambda x: np.ascontiguousarray(x[::-1, ::-1])[::-1, ::-1],
    "transposed": lambda x: np.ascontiguousarray(x.T).T,
    "read-only": read_only,
    "unaligned": lambda x: np.frombuffer(b"\0" + x.tobytes(), x.dtype, offset=1).reshape(x.shape),
    "matrix of lists": lambda x: x.tolist(),
}


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("dtype", [">i2", "<i2", ">u2", ">i4", ">u4", ">i8", "<i8", "i1", "u8"])
def test_layouts(layout, dtype):
    one, other = both()
    table = LAYOUTS[layout](PLAIN.astype(dtype))
    expected = other.run(PLAIN)
    assert expected.any()
    assert np.array_equal(one.run(table), expected)
    assert np.array_equal(other.state, one.state)
    one.reset()
    assert np.array_equal(one.run(table, threads=2), expected)


def test_big_endian_uint64():
    one, other = both()
    assert np.array_equal(one.run(PLAIN.astype(">u8")), other.run(PLAIN))
    assert np.array_equal(other.state, one.state)


def test_one_row_for_all_steps():
    one, other = both()
    row = np.broadcast_to(np.array([50, 0, 60, 20, 1, 45]), (30, 6))
    assert row.strides[0] == 0
    assert np.array_equal(one.run(row), other.run(row))


def test_what_was_given_is_left_alone():
    start = NeuronState(*(np.array([3, 2, 1, 0, 1, 1]) for _ in FIELDS))
    own = np.arange(20, 26)
    neuron = both()[0].params.model_copy(update={"refractory": 3})
    population = LIFPopulation(6, neuron, initial=start, v_threshold=own, engine="compiled")
    recorder = Recorder(*FIELDS)
    before = population.state
    kept = [part.copy() for part in before]
    population.run(PLAIN, recorder)
    rows = {name: recorder[name].copy() for name in FIELDS}
    population.run(PLAIN, threads=2)
    assert [part.tolist() for part in start] == [[3, 2, 1, 0, 1, 1]] * 4
    assert own.tolist() == [*range(20, 26)]
    for part, old in zip(before, kept, strict=True):
        assert np.array_equal(part, old)
    for name in FIELDS:
        assert np.array_equal(recorder[name], rows[name])
    population.reset()
    assert [part.tolist() for part in population.state] == [[3, 2, 1, 0, 1, 1]] * 4


def test_forward_and_run_take_turns():
    one, other = both()
    for at in range(0, 9, 3):
        assert np.array_equal(one.run(PLAIN[at : at + 2]), other.run(PLAIN[at : at + 2]))
        assert np.array_equal(one.forward(PLAIN[at + 2]), other.forward(PLAIN[at + 2]))
        assert np.array_equal(one.state, other.state)


@pytest.mark.parametrize("names", [FIELDS, ("v",), ("theta", "i_syn"), ()])
@pytest.mark.parametrize("threads", [1, 2])
def test_recorders_have_the_same_rows(names, threads):
    one, other = both()
    kept = [Recorder(*names), Recorder(*names)]
    for table in (PLAIN, PLAIN[:0], PLAIN[:1], PLAIN[::-1]):
        for population, recorder in zip((one, other), kept, strict=True):
            population.run(table, recorder, threads=threads)
    for name in names:
        rows = [recorder[name] for recorder in kept]
        assert rows[0].shape == (19, 6)
        assert rows[0].dtype == np.int64
        assert np.array_equal(*rows)
        assert len(np.unique(rows[0])) > 1
    for recorder in kept:
        with pytest.raises(FxlifError, match="variable: must be "):
            recorder["w"]


REFUSED = {
    "float": PLAIN.astype(float),
    "float32": PLAIN.astype(np.float32),
    "nan": np.full((1, 6), np.nan),
    "complex": PLAIN.astype(complex),
    "text": PLAIN.astype(str),
    "object": PLAIN.astype(object),
    "duration": PLAIN.astype("m8[s]"),
    "ragged": [[1, 2], [3]],
    "none": None,
    "a number": 4,
    "one row": PLAIN[0],
    "three axes": PLAIN[None],
    "too narrow": PLAIN[:, :5],
    "no columns": PLAIN[:, :0],
    "above 48 bits": np.full((1, 6), 2**47),
    "below 48 bits": np.full((1, 6), -(2**47) - 1),
    "big-endian above": np.full((1, 6), 2**47, ">i8"),
    "uint64": np.full((1, 6), 2**63, np.uint64),
    "beyond int64": [[2**64] * 6],
}


@pytest.mark.parametrize("case", REFUSED)
def test_refused_alike(case):
    """The same line on both engines, and the state as it was."""
    said = set()
    for population in both():
        population.run(PLAIN[:3])
        before, lfsr = [part.tolist() for part in population.state], population._lfsr
        said.add(message(population.run, REFUSED[case]))
        assert [part.tolist() for part in population.state] == before
        assert population._lfsr == lfsr
    (text,) = said
    assert re.match(r"currents(\[\d, \d\])?: must be .*, not ", text)


@pytest.mark.parametrize("threads", [0, -1, 257, True, 1.0, "2"])
def test_threads_refused(threads):
    expected = f"threads: must be 1..256, or None, not {threads!r}"
    for population in both():
        assert message(population.run, PLAIN, threads=threads) == expected
        assert population.state.v.tolist() == [0] * 6


def test_threads_as_many_as_pay():
    with patch.object(os, "cpu_count", return_value=3):
        found = [engines.choose_threads(None, n) for n in (1, 16_384, 32_768, 49_152, 10**9)]
        assert found == [1, 1, 2, 3, 3]
    with patch.object(os, "cpu_count", return_value=None):
        assert engines.choose_threads(None, 10**9) == 1
    assert engines.choose_threads(256, 1) == 256
    one, other = (LIFPopulation(40_000, engine=engine) for engine in ("compiled", "numpy"))
    table = np.random.default_rng(2).integers(-9, 99, (6, 40_000), dtype=np.int8)
    with patch.object(os, "cpu_count", return_value=2):
        assert np.array_equal(one.run(table), other.run(table))
    assert np.array_equal(one.state.v, other.state.v)


# --- the choice of the engine -------------------------------------------------------------------


def test_engine_names(monkeypatch):
    monkeypatch.delenv("NUMBA_DISABLE_JIT", raising=False)
    assert LIFPopulation(1).engine == LIFPopulation(1, engine="auto").engine == "compiled"
    for engine in ("numpy", "compiled"):
        assert LIFPopulation(1, engine=engine).engine == engine
    for wrong in ("fast", "", "NumPy", None, 1):
        with pytest.raises(FxlifError) as caught:
            LIFPopulation(1, engine=wrong)
        error = caught.value
        assert (error.key, error.value, error.allowed) == ("engine", wrong, "auto, numpy, compiled")
    assert LIFPopulation(1, engine="kernels").engine == "compiled"  # its old name


def test_engines_are_carried_out():
    """Only kernels compile, only numpy steps."""
    for population in both():
        with patch.object(
            compiled_population, "draws", side_effect=compiled_population.draws
        ) as used:
            population.run(PLAIN)
        assert used.call_count == (population.engine == "compiled")


@pytest.mark.parametrize(("value", "compiled"), [("", True), ("0", True), ("1", False)])
def test_jit_switched_off(monkeypatch, value, compiled):
    monkeypatch.setenv("NUMBA_DISABLE_JIT", value)
    assert engines.can_compile() is compiled
    assert LIFPopulation(1).engine == ("compiled" if compiled else "numpy")
    if not compiled:
        with pytest.raises(FxlifError) as caught:
            LIFPopulation(1, engine="compiled")
        assert (caught.value.key, caught.value.allowed) == ("engine", "auto, numpy")


ELSEWHERE = """
import json, sys
for name in {blocked!r}:
    sys.modules[name] = None
import numpy as np
from fxlif import FxlifError, LIFPopulation, NeuronParams, NeuronState, Recorder
neuron = NeuronParams.model_validate_json({neuron!r})
population = LIFPopulation(6, neuron)
recorder = Recorder("v", "theta")
spikes = population.run(np.array({table!r}), recorder, threads=2)
try:
    refused = LIFPopulation(6, neuron, engine="compiled").engine
except FxlifError as error:
    refused = str(error)
imported = [name for name in ("numba", "llvmlite") if sys.modules.get(name)]
state = [part.tolist() for part in population.state]
rows = [recorder["v"].tolist(), recorder["theta"].tolist()]
print(json.dumps([population.engine, refused, imported, spikes.tolist(), state, rows]))
"""


MORE_ARGUMENTS = """
import json, sys
from importlib.util import find_spec, module_from_spec
spec = find_spec("fxlif.compiled.neuron_step")
source = open(spec.origin).read()
changed = source.replace("{name} = (", "{name} = ({more!r}, ", 1)
assert changed != source
module = sys.modules[spec.name] = module_from_spec(spec)
exec(compile(changed, spec.origin, "exec"), module.__dict__)
if {late!r}:
    module.{name} = module.{name}[1:] + ("one more",)
import fxlif
parts = fxlif.Population(name="all", n=70, neuron=fxlif.NeuronParams()),
design = fxlif.NetworkParams(population=parts)
spikes = []
for engine in ("numpy", "compiled"):
    network = fxlif.Network(design, engine=engine)
    spikes.append(network.run(30, currents={{"all": range(70)}}).spikes("all").tolist())
print(json.dumps(spikes))
"""


@pytest.mark.parametrize(
    ("name", "more", "late"),
    [
        ("ARGUMENTS", "another", False),
        pytest.param("STEPPED", "v_threshold", False, marks=pytest.mark.slow),
        ("ARGUMENTS", "another", True),
        ("STEPPED", "v_threshold", True),
    ],
)
def test_an_argument_more(name, more, late):
    """What compiled code reads by address follows the lists of arguments, also with a cache of code
    that was compiled for other lists; a layout that does not follow them is refused."""
    code = MORE_ARGUMENTS.format(name=name, more=more, late=late)
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=300
    )
    if late:
        assert done.returncode == 1
        assert "AssertionError" in done.stderr
        return
    assert done.returncode == 0, done.stderr
    numpys, compiled = json.loads(done.stdout)
    assert compiled == numpys
    assert max(compiled) > 0


@pytest.mark.parametrize(
    ("blocked", "disabled", "engine"),
    [
        ((), "0", "compiled"),
        ((), "1", "numpy"),
        (("numba",), "0", "numpy"),
        (("llvmlite",), "0", "numpy"),
        (("numba", "llvmlite"), "0", "numpy"),
    ],
)
def test_another_process(blocked, disabled, engine):
    """Without numba, or with it switched off: the same results, by numpy."""
    _, here = both()
    recorder = Recorder("v", "theta")
    spikes = here.run(PLAIN, recorder)
    code = ELSEWHERE.format(
        blocked=blocked, neuron=here.params.model_dump_json(), table=PLAIN.tolist()
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "NUMBA_DISABLE_JIT": disabled},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found, refused, imported, *results = json.loads(done.stdout)
    assert found == engine
    if engine == "numpy":
        assert refused == (
            "engine: must be auto, numpy, not 'compiled' where numba is missing or off"
        )
        assert imported == []
    else:
        assert refused == "compiled"
    assert results == [
        spikes.tolist(),
        [part.tolist() for part in here.state],
        [recorder["v"].tolist(), recorder["theta"].tolist()],
    ]
