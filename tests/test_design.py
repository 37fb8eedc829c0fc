"""Design files: what is written is read again, and every mistake is one line that says enough."""

import copy
import datetime
import json
import os
from pathlib import Path

import numpy as np
import pytest
import strategies
import tomli_w
from designs import examples
from hypothesis import given, settings
from hypothesis import strategies as st

from fxlif import FxlifError, load, save
from fxlif.params.core import CoreParams
from fxlif.params.design import MAX_MISTAKES, load_hardware
from fxlif.params.leaks import LinearLeak, MultiShiftLeak, NoLeak, ScaleLeak, ShiftLeak
from fxlif.params.network import EventInput, ImageInput, NetworkParams
from fxlif.params.neuron import Adaptation, ExponentialSynapse, NeuronParams

BASE = {
    "name": "net",
    "core": [
        {
            "n_inputs": 2,
            "n_neurons": 2,
            "weights": [[1, 2], [3, -4]],
            "neuron": {"leak": {"kind": "shift", "shift": 4}, "v_threshold": 10},
        }
    ],
}
CORE = ("core", 0)
NEURON = (*CORE, "neuron")
LEAK = (*NEURON, "leak")
WEIGHTS = (*CORE, "weights")
DELETED = object()


def changed(path, value, base=BASE):
    """A copy of ``base`` with another value at ``path``; tables on the way are made."""
    if not path:
        return value
    result = copy.deepcopy(base)
    table = result
    for part in path[:-1]:
        table = table.setdefault(part, {}) if isinstance(table, dict) else table[part]
    if value is DELETED:
        del table[path[-1]]
    else:
        table[path[-1]] = value
    return result


def refusal(path):
    with pytest.raises(FxlifError) as caught:
        load(path)
    return str(caught.value)


# --- there and back -------------------------------------------------------------------------------


def one_core(**neuron):
    return CoreParams(
        n_inputs=2, n_neurons=3, weights=[[1, -2, 3], [-128, 127, 0]], neuron=NeuronParams(**neuron)
    )


RICH = {
    "defaults": NetworkParams.chain(one_core()),
    "no leak": NetworkParams.chain(one_core(leak=NoLeak())),
    "shift": NetworkParams.chain(
        one_core(leak=ShiftLeak(shift=31, rounding="away_from_zero", minimum_step=1))
    ),
    "multi_shift": NetworkParams.chain(
        one_core(leak=MultiShiftLeak(shifts=(1, 4, 9), signs=(1, -1, 1), rounding="nearest_even"))
    ),
    "multi_shift, no signs": NetworkParams.chain(one_core(leak=MultiShiftLeak(shifts=(3,)))),
    "scale": NetworkParams.chain(
        one_core(leak=ScaleLeak(factor=4000, shift=12, rounding="toward_zero", minimum_step=1))
    ),
    "linear": NetworkParams.chain(one_core(leak=LinearLeak(step=7))),
    "all of a neuron": NetworkParams.chain(
        one_core(
            v_leak=-5, v_threshold=-48, v_reset=-60, v_floor=-100, compare="gt", reset="subtract",
            overflow="wrap", refractory=3, refractory_mode="mask", bias=-9,
            synapse=ExponentialSynapse(leak=MultiShiftLeak(shifts=(2, 3))),
            adaptation=Adaptation(increment=20, leak=LinearLeak(step=1)),
            state_bits=12, threshold_bits=9, threshold_shift=4, current_bits=20, theta_bits=8,
        )
    ),
    "two cores": NetworkParams.chain(
        CoreParams(
            n_inputs=2, n_neurons=3, weights=[[1, 2, 3], [4, 5, 999]], clip_weights=True, lanes=2,
            input_address_bits=5, weight_shift=2, max_events_per_input=4, v_thresholds=[-1, 0, 9],
        ),
        CoreParams(n_inputs=3, n_neurons=1, weights=[[-8], [7], [0]]),
        name="a_chain_of_2",
    ),
    "events": NetworkParams(core=(one_core(),), input=EventInput(file="stimulus.bin")),
    "images": NetworkParams(
        core=(one_core(),), input=ImageInput(file="digits.npz", steps=8, maximum=16)
    ),
}  # fmt: skip


@pytest.mark.parametrize("suffix", [".toml", ".json"])
@pytest.mark.parametrize("network", RICH.values(), ids=RICH.keys())
def test_saved_design_loads_again(tmp_path, network, suffix):
    save(network, tmp_path / f"design{suffix}")
    again = load(tmp_path / f"design{suffix}")
    assert again.model_dump() | {"core": None} == network.model_dump() | {"core": None}
    assert again.canonical() == network.canonical()
    assert again.digest() == network.digest()
    assert again.input == network.input


@given(network=strategies.networks(), suffix=st.sampled_from([".toml", ".json"]))
@settings(max_examples=40)
def test_any_network_there_and_back(tmp_path_factory, network, suffix):
    path = tmp_path_factory.getbasetemp() / f"any{suffix}"
    save(network, path)
    assert load(str(path)).canonical() == network.canonical()


@pytest.mark.parametrize("values", [{}, {"v_thresholds": "w.npz:thresholds"}])
@pytest.mark.parametrize("place", ["w.npz:weights", "sub/w.npy", "absolute"])
def test_arrays_beside_the_design(tmp_path, monkeypatch, place, values):
    weights = np.array([[1, 2], [3, -4]], dtype=np.int8)
    np.savez(tmp_path / "w.npz", weights=weights, thresholds=np.array([7, -7], dtype=np.int16))
    (tmp_path / "sub").mkdir()
    np.save(tmp_path / "sub" / "w.npy", weights)
    if place == "absolute":
        place = str(tmp_path / "sub" / "w.npy")
    design = changed(CORE, {**BASE["core"][0], "weights": place, **values})
    (tmp_path / "design.toml").write_text(tomli_w.dumps(design))
    monkeypatch.chdir(tmp_path / "sub")
    core = load(tmp_path / "design.toml").core[0]
    assert core.weights.tolist() == weights.tolist()
    assert core.thresholds == ((7, -7) if values else (10, 10))
    save(load(tmp_path / "design.toml"), tmp_path / "sub" / "full.json")
    (tmp_path / "w.npz").unlink()
    assert load("full.json").core[0] == core


def test_saving_is_whole_or_not_at_all(tmp_path, monkeypatch):
    path = tmp_path / "design.toml"
    save(RICH["scale"], path)
    before = path.read_bytes()

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(FxlifError, match=r"design\.toml: cannot be written \(No space left"):
        save(RICH["linear"], path)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("suffix", ["", ".yaml", ".TOML", ".npz"])
def test_only_known_suffixes(tmp_path, suffix):
    path = tmp_path / f"design{suffix}"
    message = f"{path}: found suffix '{suffix}', allowed .toml, .json"
    assert refusal(path) == message
    with pytest.raises(FxlifError) as caught:
        save(RICH["scale"], path)
    assert str(caught.value) == message
    assert not path.exists()


# --- every mistake by name ------------------------------------------------------------------------


LEAKS = "'none', 'shift', 'multi_shift', 'scale', 'linear'"
TOP = "core, input, name, population, projection, source"
ROUNDINGS = "'floor', 'toward_zero', 'away_from_zero', 'nearest_even' or 'stochastic'"
CORE_KEYS = (
    "clip_weights, input_address_bits, lanes, max_delay, max_events_per_input, n_inputs, "
    "n_neurons, neuron, v_thresholds, weight_shift, weights"
)
REQUIRED = "missing, allowed: a value, there is no default"
FIRST = BASE["core"][0]

BROKEN = [
    # The shape of the file.
    ((), [], "found [], allowed a table"),
    ((), 3, "found 3, allowed a table"),
    ((), None, "found None, allowed a table"),
    (("core",), DELETED, "found no core and no population, allowed 1 or more of either"),
    (("core",), [], "found no core and no population, allowed 1 or more of either"),
    (("core",), [FIRST] * 65, "core: found [{'n_inputs': 2, 'n_neurons': 2, 'weights': [[1, 2], "
     "[3, ..., allowed 64 entries at most"),
    (("core",), 3, "core: found 3, allowed a list"),
    (("core",), {}, "core: found {}, allowed a list"),
    (CORE, 3, "core[0]: found 3, allowed a table"),
    (NEURON, [], "core[0].neuron: found [], allowed a table"),
    (LEAK, 3, "core[0].neuron.leak: found 3, allowed a table with a 'kind'"),
    (("input",), 3, "input: found 3, allowed a table with a 'kind'"),
    ((*NEURON, "adaptation"), 3, "core[0].neuron.adaptation: found 3, allowed a table"),
    # Required keys.
    ((*CORE, "n_inputs"), DELETED, f"core[0].n_inputs: {REQUIRED}"),
    ((*CORE, "n_neurons"), DELETED, f"core[0].n_neurons: {REQUIRED}"),
    (WEIGHTS, DELETED, f"core[0].weights: {REQUIRED}"),
    (LEAK, {"kind": "scale", "shift": 1}, f"core[0].neuron.leak.factor: {REQUIRED}"),
    (LEAK, {"kind": "scale", "factor": 1}, f"core[0].neuron.leak.shift: {REQUIRED}"),
    (LEAK, {"kind": "multi_shift"}, f"core[0].neuron.leak.shifts: {REQUIRED}"),
    (LEAK, {"kind": "linear"}, f"core[0].neuron.leak.step: {REQUIRED}"),
    ((*NEURON, "adaptation"), {}, f"core[0].neuron.adaptation.increment: {REQUIRED}"),
    (("input",), {"kind": "events"}, f"input.file: {REQUIRED}"),
    (("input",), {"kind": "images", "file": "a", "steps": 1}, f"input.maximum: {REQUIRED}"),
    # Unknown keys.
    (("nam",), 3, f"nam: unknown key, allowed {TOP}"),
    (("a b\nc\x1b",), 3, rf"a b\nc\x1b: unknown key, allowed {TOP}"),
    ((*CORE, "lane"), 3, f"core[0].lane: unknown key, allowed {CORE_KEYS}"),
    ((*LEAK, "shft"), 3,
     "core[0].neuron.leak.shft: unknown key, allowed kind, minimum_step, rounding, shift"),
    (LEAK, {"kind": "none", "shift": 1}, "core[0].neuron.leak.shift: unknown key, allowed kind"),
    (LEAK, {"kind": "linear", "step": 1, "none": 1},
     "core[0].neuron.leak.none: unknown key, allowed kind, step"),
    ((*NEURON, "synapse"), {"kind": "delta", "leak": {}},
     "core[0].neuron.synapse.leak: unknown key, allowed kind"),
    (("input",), {"kind": "events", "file": "a", "steps": 1},
     "input.steps: unknown key, allowed file, kind"),
    # Kinds, and keys that have the name of a kind.
    ((*LEAK, "kind"), "foo", f"core[0].neuron.leak.kind: found 'foo', allowed {LEAKS}"),
    ((*LEAK, "kind"), 3, f"core[0].neuron.leak.kind: found 3, allowed {LEAKS}"),
    ((*LEAK, "kind"), [1], f"core[0].neuron.leak.kind: found [1], allowed {LEAKS}"),
    ((*LEAK, "kind"), DELETED,
     "core[0].neuron.leak: found no 'kind', allowed a table with a 'kind'"),
    ((*LEAK, "shift"), -1, "core[0].neuron.leak.shift: found -1, allowed 0 or more"),
    ((*LEAK, "shift"), 32, "core[0].neuron.leak.shift: found 32, allowed 31 or less"),
    ((*LEAK, "shift"), "shift", "core[0].neuron.leak.shift: found 'shift', allowed an integer"),
    (LEAK, {"kind": "scale", "shift": 17, "factor": 1},
     "core[0].neuron.leak.shift: found 17, allowed 16 or less"),
    (LEAK, {"kind": "scale", "shift": 1, "factor": 3},
     "core[0].neuron.leak.factor: found 3, allowed 0..2 (shift = 1)"),
    (LEAK, {"kind": "multi_shift", "shifts": []},
     "core[0].neuron.leak.shifts: found [], allowed 1 or more entries"),
    (LEAK, {"kind": "multi_shift", "shifts": [1, 40]},
     "core[0].neuron.leak.shifts[1]: found 40, allowed 31 or less"),
    (LEAK, {"kind": "multi_shift", "shifts": 3},
     "core[0].neuron.leak.shifts: found 3, allowed a list"),
    (LEAK, {"kind": "multi_shift", "shifts": [1, 2], "signs": [1]},
     "core[0].neuron.leak.signs: found 1 signs, allowed one for each of the 2 shifts, or none"),
    (LEAK, {"kind": "multi_shift", "shifts": [1, 2], "signs": [1, 2]},
     "core[0].neuron.leak.signs[1]: found 2, allowed -1, 1"),
    ((*NEURON, "synapse"), {"kind": "exponential", "leak": {"kind": "shift", "shift": 99}},
     "core[0].neuron.synapse.leak.shift: found 99, allowed 31 or less"),
    ((*NEURON, "synapse"), {"kind": "exponential", "leak": {"kind": "delta"}},
     f"core[0].neuron.synapse.leak.kind: found 'delta', allowed {LEAKS}"),
    ((*NEURON, "synapse"), {"kind": "none"},
     "core[0].neuron.synapse.kind: found 'none', allowed 'delta', 'exponential'"),
    ((*NEURON, "adaptation"), {"increment": 7, "leak": {"kind": "shift", "shift": "a"}},
     "core[0].neuron.adaptation.leak.shift: found 'a', allowed an integer"),
    (("input",), {"kind": "file"}, "input.kind: found 'file', allowed 'events', 'images'"),
    # Wrong types.
    (("name",), 3, "name: found 3, allowed text"),
    ((*CORE, "lanes"), 1.0, "core[0].lanes: found 1.0, allowed an integer"),
    ((*CORE, "lanes"), True, "core[0].lanes: found True, allowed an integer"),
    ((*CORE, "lanes"), "2", "core[0].lanes: found '2', allowed an integer"),
    ((*CORE, "lanes"), "2" * 99, f"core[0].lanes: found '{'2' * 56}..., allowed an integer"),
    ((*CORE, "lanes"), float("nan"), "core[0].lanes: found nan, allowed an integer"),
    ((*CORE, "clip_weights"), 1, "core[0].clip_weights: found 1, allowed true or false"),
    ((*NEURON, "v_threshold"), 1.5, "core[0].neuron.v_threshold: found 1.5, allowed an integer"),
    ((*NEURON, "v_floor"), "a", "core[0].neuron.v_floor: found 'a', allowed an integer"),
    ((*NEURON, "order"), 3, "core[0].neuron.order: found 3, allowed a list"),
    ((*NEURON, "order"), ["leak", 3, "fire"], "core[0].neuron.order[1]: found 3, allowed text"),
    ((*CORE, "v_thresholds"), 3, "core[0].v_thresholds: found 3, allowed a list"),
    ((*CORE, "v_thresholds"), [1, "a"],
     "core[0].v_thresholds[1]: found 'a', allowed an integer"),
    # Choices.
    (("name",), "Bad", "name: found 'Bad', allowed text that matches ^[a-z][a-z0-9_]{0,47}$"),
    (("name",), "a\n", r"name: found 'a\n', allowed text that matches ^[a-z][a-z0-9_]{0,47}$"),
    ((*NEURON, "compare"), "lt", "core[0].neuron.compare: found 'lt', allowed 'ge' or 'gt'"),
    ((*LEAK, "rounding"), "up",
     f"core[0].neuron.leak.rounding: found 'up', allowed {ROUNDINGS}"),
    (LEAK, {"kind": "shift", "shift": 20, "rounding": "stochastic"},
     "core[0].neuron.leak: found stochastic rounding by 20 bits, allowed 0..16 (lfsr.bits)"),
    ((*NEURON, "lfsr"), 3, "core[0].neuron.lfsr: found 3, allowed a table"),
    ((*NEURON, "lfsr"), {"seed": 0}, "core[0].neuron.lfsr.seed: found 0, allowed 1 or more"),
    ((*NEURON, "lfsr"), {"taps": [16, "a"]},
     "core[0].neuron.lfsr.taps[1]: found 'a', allowed an integer"),
    ((*NEURON, "lfsr"), {"bits": 4}, "core[0].neuron.lfsr.taps: found 16, allowed 1..4 (bits)"),
    ((*NEURON, "accumulate"), "per_event",
     "core[0].neuron.accumulate: 'per_event' is part of the integer rule but not supported yet"),
    ((*NEURON, "max_spikes_per_step"), 2,
     "core[0].neuron.max_spikes_per_step: found 2, more than 1 spike per step is part of the rule "
     "but not supported yet"),
    ((*NEURON, "max_spikes_per_step"), 0,
     "core[0].neuron.max_spikes_per_step: found 0, allowed 1"),
    ((*NEURON, "order"), ["fire", "leak", "integrate"],
     "core[0].neuron.order: found ['fire', 'leak', 'integrate'], this order is part of the integer "
     "rule but not supported yet"),
    ((*NEURON, "order"), ["x"],
     "core[0].neuron.order: found ['x'], allowed a permutation of leak, integrate, fire"),
    # Widths and ranges.
    ((*NEURON, "state_bits"), 3, "core[0].neuron.state_bits: found 3, allowed 4 or more"),
    ((*NEURON, "state_bits"), 33, "core[0].neuron.state_bits: found 33, allowed 32 or less"),
    ((*NEURON, "state_bits"), 10**30,
     f"core[0].neuron.state_bits: found {10**30}, allowed 32 or less"),
    ((*NEURON, "weight_bits"), 17, "core[0].neuron.weight_bits: found 17, allowed 16 or less"),
    ((*NEURON, "threshold_bits"), 0,
     "core[0].neuron.threshold_bits: found 0, allowed 4 or more"),
    ((*NEURON, "refractory"), 256, "core[0].neuron.refractory: found 256, allowed 255 or less"),
    ((*NEURON, "bias"), 2**40,
     f"core[0].neuron.bias: found {2**40}, allowed -2147483648..2147483647"),
    ((*NEURON, "v_reset"), -32769,
     "core[0].neuron.v_reset: found -32769, allowed -32768..32767 (state_bits = 16)"),
    ((*NEURON, "adaptation"), {"increment": 65536},
     "core[0].neuron.adaptation.increment: found 65536, allowed 0..65535 (theta_bits = 16)"),
    ((*CORE, "n_inputs"), 0, "core[0].n_inputs: found 0, allowed 1 or more"),
    ((*CORE, "lanes"), 0, "core[0].lanes: found 0, allowed 1 or more"),
    ((*CORE, "lanes"), 300, "core[0].lanes: found 300, allowed 256 or less"),
    ((*CORE, "lanes"), 3, "core[0].lanes: found 3, allowed 1..2 (n_neurons)"),
    ((*CORE, "input_address_bits"), 31,
     "core[0].input_address_bits: found 31, allowed 30 or less"),
    ((*CORE, "weight_shift"), 17, "core[0].weight_shift: found 17, allowed 16 or less"),
    (("input",), {"kind": "images", "file": "a", "steps": 0, "maximum": 1},
     "input.steps: found 0, allowed 1 or more"),
    # Thresholds.
    ((*NEURON, "v_threshold"), 10**400,
     f"core[0].neuron.v_threshold: found {10**400}, allowed -32768..32767 "
     "(threshold_bits = 16, threshold_shift = 0)"),
    ((*NEURON, "v_threshold"), 32768,
     "core[0].neuron.v_threshold: found 32768, allowed -32768..32767 "
     "(threshold_bits = 16, threshold_shift = 0)"),
    ((*NEURON, "threshold_shift"), 2,
     "core[0].neuron.v_threshold: found 10, allowed multiples of 4 (threshold_shift = 2); "
     "the nearest is 8"),
    ((*CORE, "v_thresholds"), [1],
     "core[0].v_thresholds: found 1 values, allowed 2 (n_neurons)"),
    # Weights.
    (WEIGHTS, [[1, 2]],
     "core[0].weights: found shape (1, 2), allowed (2, 2) (n_inputs, n_neurons)"),
    (WEIGHTS, [[[1]]],
     "core[0].weights: found shape (1, 1, 1), allowed (2, 2) (n_inputs, n_neurons)"),
    (WEIGHTS, 3, "core[0].weights: found 3, allowed a matrix of integers"),
    (WEIGHTS, [[1, 2], [3]],
     "core[0].weights: found rows of different lengths, allowed a matrix"),
    (WEIGHTS, [[1, 2], [3, 128]],
     "core[0].weights[1, 1]: found 128, allowed -128..127 (weight_bits = 8)"),
    (WEIGHTS, [[1, -129], [3, 4]],
     "core[0].weights[0, 1]: found -129, allowed -128..127 (weight_bits = 8)"),
    (WEIGHTS, [[1, 2], [3, 1.5]], "core[0].weights[1, 1]: found 1.5, allowed integers"),
    # A chain.
    (("core",), [FIRST, {**FIRST, "n_inputs": 1, "weights": [[1, 2]]}],
     "core[1].n_inputs: found 1, allowed 2 (the neurons of core[0])"),
    (("core",), [FIRST, {**FIRST, "input_address_bits": 3}],
     "core[1].input_address_bits: found 3, allowed 1 (the output of core[0])"),
    (("core",), [FIRST, {**FIRST, "lanes": 5}],
     "core[1].lanes: found 5, allowed 1..2 (n_neurons)"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("path", "value", "message"), BROKEN, ids=[case[2][:70] for case in BROKEN]
)
def test_mistake(tmp_path, path, value, message):
    design = changed(path, value)
    (tmp_path / "design.json").write_text(json.dumps(design))
    assert refusal(tmp_path / "design.json") == f"{tmp_path / 'design.json'}: {message}"
    if isinstance(design, dict):
        (tmp_path / "design.toml").write_text(tomli_w.dumps(design))
        assert refusal(tmp_path / "design.toml") == f"{tmp_path / 'design.toml'}: {message}"


@pytest.mark.parametrize(
    ("path", "value", "parts"),
    [
        ((*CORE, "v_thresholds"), [1, 99999], ["core[0].v_thresholds[1]: found 99999", "-32768"]),
        (WEIGHTS, [[1, 2], [3, 2**63]], [f"core[0].weights[1, 1]: found {2**63}", "-128..127"]),
        (WEIGHTS, [[1, 2], [3, 10**30]], [f"core[0].weights[1, 1]: found {10**30}", "-128..127"]),
        (WEIGHTS, [[1, 2], [3, True]], ["core[0].weights", "allowed integers"]),
        (WEIGHTS, [], ["core[0].weights: found shape (0,)", "(2, 2)"]),
        (WEIGHTS, {}, ["core[0].weights: found {}", "allowed"]),
    ],
    ids=lambda value: str(value)[:40],
)
def test_mistake_to_be_told_better(tmp_path, path, value, parts):
    (tmp_path / "design.json").write_text(json.dumps(changed(path, value)))
    message = refusal(tmp_path / "design.json")
    assert len(message.splitlines()) == 1
    assert message.startswith(f"{tmp_path / 'design.json'}: {parts[0]}")
    assert all(part in message for part in parts)


POPULATIONS = {
    "source": [{"kind": "events", "name": "input", "n": 2}],
    "population": [{"name": "exc", "n": 2}],
    "projection": [
        {"source": "input", "target": "exc",
         "synapses": {"kind": "dense", "weights": [[1, 2], [3, 4]]}}
    ],
}  # fmt: skip
SOURCE = ("source", 0)
POPULATION = ("population", 0)
PROJECTION = ("projection", 0)
SYNAPSES = (*PROJECTION, "synapses")
POISSON = {"kind": "poisson", "name": "input", "n": 2}
REGULAR = {"kind": "regular", "name": "input", "n": 2, "interval": 3}
TABLE = {"shape": [2, 2], "indptr": [0, 1, 2], "indices": [0, 1], "data": [1, 2]}


def sparse(**changes):
    return {"kind": "sparse", "matrix": TABLE | changes}


def all_to_all(weight, **choices):
    return {"kind": "all_to_all", "weight": weight, **choices}


def grid(**choices):
    return {"kind": "grid", "shape": [1, 2], "kernel": [[1]], **choices}


POPULATION_MISTAKES = [
    # Populations.
    (("population",), [], "found no core and no population, allowed 1 or more of either"),
    (("population",), 3, "population: found 3, allowed a list"),
    (POPULATION, 3, "population[0]: found 3, allowed a table"),
    ((*POPULATION, "n"), 0, "population[0].n: found 0, allowed 1 or more"),
    ((*POPULATION, "n"), 1.5, "population[0].n: found 1.5, allowed an integer"),
    ((*POPULATION, "n"), DELETED,
     "population[0].n: missing, allowed: a value, there is no default"),
    ((*POPULATION, "nam"), 1,
     "population[0].nam: unknown key, allowed n, name, neuron, v_thresholds"),
    ((*POPULATION, "name"), "input",
     "population[0].name: found 'input' again, allowed each name once"),
    ((*POPULATION, "neuron"), {"leak": {"kind": "shift", "shift": 99}},
     "population[0].neuron.leak.shift: found 99, allowed 31 or less"),
    ((*POPULATION, "v_thresholds"), [1],
     "population[0].v_thresholds: found 1 values, allowed 2 (n)"),
    ((*POPULATION, "v_thresholds"), [1, "a"],
     "population[0].v_thresholds[1]: found 'a', allowed an integer"),
    ((*POPULATION, "v_thresholds"), [1, 99999],
     "population[0].v_thresholds[1]: found 99999, allowed -32768..32767 "
     "(threshold_bits = 16, threshold_shift = 0)"),
    (("core",), BASE["core"], "population: found beside core, allowed one or the other"),
    # Sources.
    (SOURCE, 3, "source[0]: found 3, allowed a table with a 'kind'"),
    ((*SOURCE, "kind"), "x", "source[0].kind: found 'x', allowed 'poisson', 'regular', 'events'"),
    ((*SOURCE, "max_events_per_input"), 0,
     "source[0].max_events_per_input: found 0, allowed 1 or more"),
    (SOURCE, POISSON, "source[0].probability: missing, allowed: a value, there is no default"),
    (SOURCE, POISSON | {"probability": "a"},
     "source[0].probability: found 'a', allowed a number"),
    (SOURCE, POISSON | {"probability": float("nan")},
     "source[0].probability: found nan, allowed a finite number"),
    (SOURCE, POISSON | {"probability": 1.5},
     "source[0].probability: found 1.5, allowed 1.0 or less"),
    (SOURCE, REGULAR | {"phases": [1]}, "source[0].phases: found 1 values, allowed 2 (n)"),
    (SOURCE, REGULAR | {"phases": [1, 3]}, "source[0].phases[1]: found 3, allowed 0..2 (interval)"),
    (SOURCE, REGULAR | {"seed": -1}, "source[0].seed: found -1, allowed 0 or more"),
    # Projections.
    (PROJECTION, 3, "projection[0]: found 3, allowed a table"),
    ((*PROJECTION, "source"), "inp", "projection[0].source: found 'inp', allowed input, exc"),
    ((*PROJECTION, "target"), "input", "projection[0].target: found 'input', allowed exc"),
    ((*PROJECTION, "weight_shift"), 17, "projection[0].weight_shift: found 17, allowed 16 or less"),
    *(((*PROJECTION, "delay"), value,
       f"projection[0].delay: found {value!r}, allowed an integer or [lowest, highest]")
      for value in ("a", 1.5, True, [1], [1, 2, 3], [1, "b"], {})),
    ((*PROJECTION, "delay"), 64, "projection[0].delay: found 64, allowed 0..63"),
    ((*PROJECTION, "delay"), [1, 99], "projection[0].delay: found 99, allowed 0..63"),
    ((*PROJECTION, "delay"), [3, 2],
     "projection[0].delay: found [3, 2], allowed [lowest, highest]"),
    ((*PROJECTION, "dela"), 1,
     "projection[0].dela: unknown key, allowed delay, delay_seed, source, synapses, target, "
     "weight_shift"),
    (("projection",),
     [{"source": "exc", "target": "exc", "delay": 0, "synapses": all_to_all(1)}],
     "projection[0].delay: found 0 in the loop exc -> exc, "
     "allowed 1..63 in one projection of a loop"),
    # Synapses.
    (SYNAPSES, {}, "projection[0].synapses: found no 'kind', allowed a table with a 'kind'"),
    (SYNAPSES, DELETED, "projection[0].synapses: missing, allowed: a value, there is no default"),
    ((*SYNAPSES, "weights"), [[1, 2]],
     "projection[0].synapses.weights: found shape (1, 2), allowed (2, 2) (n of input, n of exc)"),
    ((*SYNAPSES, "weights"), [[1, 2], [3]],
     "projection[0].synapses.weights: found rows of different lengths, allowed a matrix"),
    ((*SYNAPSES, "weights"), [[1, 2], [3, 400]],
     "projection[0].synapses.weights[1, 1]: found 400, allowed -128..127 (weight_bits = 8)"),
    ((*SYNAPSES, "delays"), [[1, 2], [3]],
     "projection[0].synapses.delays: found rows of different lengths, allowed a matrix"),
    ((*SYNAPSES, "delays"), [[1, 2], [3, 64]],
     "projection[0].synapses.delays: found 1..64, allowed 0..63"),
    (SYNAPSES, {"kind": "sparse"},
     "projection[0].synapses.matrix: missing, allowed: a value, there is no default"),
    (SYNAPSES, {"kind": "sparse", "matrix": 3},
     "projection[0].synapses.matrix: found int, allowed a CSR matrix or one with tocsr()"),
    (SYNAPSES, sparse(a=1),
     "projection[0].synapses.matrix: found the key 'a', allowed shape, indptr, indices, data, "
     "delays"),
    (SYNAPSES, sparse(shape=[2, 3]),
     "projection[0].synapses.matrix: found shape (2, 3), allowed (2, 2) (n of input, n of exc)"),
    (SYNAPSES, sparse(indices=[0, 7]),
     "projection[0].synapses.matrix: indices[1]: found 7, allowed 0..1: "
     "a projection to a neuron that does not exist"),
    (SYNAPSES, sparse(data=[1, 200]),
     "projection[0].synapses.matrix: found 200, allowed -128..127 (weight_bits = 8)"),
    (SYNAPSES, sparse() | {"delays": [1]},
     "projection[0].synapses.matrix: delays: found shape (1,), allowed (2,) (last of indptr)"),
    (SYNAPSES, {"kind": "sparse", "matrix": "m.npz", "delays": [1]},
     "projection[0].synapses.delays: found beside a table of synapses, "
     "allowed beside a CSR matrix, or in the file as the array 'delays'"),
    *((SYNAPSES, all_to_all(value),
       f"projection[0].synapses.weight: found {value!r}, allowed an integer or [lowest, highest]")
      for value in ("a", 1.5, False, [3], [1, "b"])),
    (SYNAPSES, all_to_all([3, 2]),
     "projection[0].synapses.weight: found [3, 2], allowed [lowest, highest]"),
    (SYNAPSES, all_to_all([1, 200]),
     "projection[0].synapses.weight: found 200, allowed -128..127 (weight_bits = 8)"),
    (SYNAPSES, all_to_all(2**31),
     f"projection[0].synapses.weight: found {2**31}, allowed {-(2**31)}..{2**31 - 1}"),
    (SYNAPSES, all_to_all(1, autapses=3),
     "projection[0].synapses.autapses: found 3, allowed true or false"),
    (SYNAPSES, {"kind": "fixed_indegree", "weight": 1, "indegree": 3},
     "projection[0].synapses.indegree: found 3, allowed 0..2 (n of input)"),
    (SYNAPSES, grid(shape=[1, 3]),
     "projection[0].synapses.shape: found [1, 3] for 2 to 2 neurons, "
     "allowed rows * columns equal to both (n of input, n of exc)"),
    (SYNAPSES, grid(kernel=[[1, 2]]),
     "projection[0].synapses.kernel: found shape (1, 2), allowed odd x odd"),
    (SYNAPSES, grid(kernel=[[0.5]]),
     "projection[0].synapses.kernel[0, 0]: found 0.5, allowed integers"),
    (SYNAPSES, grid(kernel=[[1], [1], [1]], edges="periodic"),
     "projection[0].synapses.kernel: found shape (3, 1), "
     "allowed no larger than the periodic sheet (1, 2)"),
    (SYNAPSES, grid(edges="x"),
     "projection[0].synapses.edges: found 'x', allowed 'open' or 'periodic'"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("path", "value", "message"),
    POPULATION_MISTAKES,
    ids=[case[2][:70] for case in POPULATION_MISTAKES],
)
def test_mistake_in_populations(tmp_path, path, value, message):
    design = changed(path, value, POPULATIONS)
    for name, text in (("a.json", json.dumps(design)), ("a.toml", tomli_w.dumps(design))):
        (tmp_path / name).write_text(text)
        assert refusal(tmp_path / name) == f"{tmp_path / name}: {message}"


def test_sparse_matrix_beside_the_design(tmp_path, monkeypatch):
    """Looked for in the folder of the design, not where the user is."""
    parts = {key: np.array(value) for key, value in TABLE.items()}
    design = changed(SYNAPSES, {"kind": "sparse", "matrix": "m.npz"}, POPULATIONS)
    (tmp_path / "a.toml").write_text(tomli_w.dumps(design))
    where = f"{tmp_path / 'a.toml'}: projection[0].synapses.matrix: {tmp_path / 'm.npz'}: "
    assert refusal(tmp_path / "a.toml") == f"{where}found no such file, allowed an .npz file"
    np.savez(tmp_path / "m.npz", **parts)
    assert refusal(tmp_path / "a.toml") == (
        f"{where}found no array 'format', allowed a file of scipy.sparse.save_npz"
    )
    np.savez(tmp_path / "m.npz", format=b"csr", **parts)
    (synapses,) = (p.synapses for p in load(tmp_path / "a.toml").projection)
    assert synapses.matrix.dense().tolist() == [[1, 0], [0, 2]]
    assert not synapses.own_delays
    np.savez(tmp_path / "m.npz", format=b"csr", delays=[5, 6], **parts)
    (synapses,) = (p.synapses for p in load(tmp_path / "a.toml").projection)
    assert synapses.own_delays
    assert synapses.matrix.delays.tolist() == [5, 6]


def test_base_of_the_mistakes_is_valid(tmp_path):
    (tmp_path / "a.json").write_text(json.dumps(POPULATIONS))
    assert load(tmp_path / "a.json").population[0].n == 2
    (tmp_path / "design.json").write_text(json.dumps(BASE))
    assert load(tmp_path / "design.json").core[0].n_inputs == 2


def test_several_mistakes_are_several_lines(tmp_path):
    path = tmp_path / "design.json"
    design = changed((*CORE, "lanes"), 0, changed(("name",), 3))
    path.write_text(json.dumps(design))
    assert refusal(path).splitlines() == [
        f"{path}: name: found 3, allowed text",
        f"{path}: core[0].lanes: found 0, allowed 1 or more",
    ]


def test_a_mistake_per_entry_is_not_a_line_per_entry(tmp_path):
    path = tmp_path / "design.json"
    path.write_text(json.dumps(changed((*CORE, "v_thresholds"), ["a"] * 1000)))
    lines = refusal(path).splitlines()
    assert len(lines) == MAX_MISTAKES + 1
    assert lines[-1] == f"{path}: found {1000 - MAX_MISTAKES} more mistakes, allowed none"


def arrays_of_all_kinds(folder):
    np.savez(folder / "w.npz", a=np.zeros((2, 2), int), b=np.zeros((2, 2)))
    np.save(folder / "w.npy", np.full((2, 2), 300))
    np.save(folder / "text.npy", np.array([["a", "b"], ["c", "d"]]))
    whole = (folder / "w.npy").read_bytes()
    (folder / "cut.npy").write_bytes(whole[:-5])
    (folder / "empty.npy").write_bytes(b"")
    (folder / "other.npy").write_text("hello")
    whole = (folder / "w.npz").read_bytes()
    (folder / "cut.npz").write_bytes(whole[: len(whole) // 2])
    (folder / "flipped.npz").write_bytes(whole[:150] + b"\xff" + whole[151:])


@pytest.mark.parametrize("key", ["weights", "v_thresholds"])
@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("gone.npy", "no such file"),
        ("gone.npz:a", "no such file"),
        ("line\nbreak.npy", "no such file"),
        (".", "not a readable .npy or .npz file"),
        ("", "not a readable .npy or .npz file"),
        ("cut.npy", "not a readable .npy or .npz file"),
        ("empty.npy", "not a readable .npy or .npz file"),
        ("other.npy", "not a readable .npy or .npz file"),
        ("w.npz:c", "found no array 'c', allowed file:key with one of a, b"),
        ("w.npz", "found no array '', allowed file:key with one of a, b"),
        pytest.param("cut.npz:a", "not a readable .npy or .npz file"),
        pytest.param("flipped.npz:a", "not a readable .npy or .npz file"),
    ],
)
def test_broken_array_file(tmp_path, key, text, reason):
    arrays_of_all_kinds(tmp_path)
    path = tmp_path / "design.json"
    path.write_text(json.dumps(changed((*CORE, key), text)))
    message = refusal(path)
    assert len(message.splitlines()) == 1
    assert message.startswith(f"{path}: core[0].{key}: ")
    assert reason in message
    assert repr(text.partition(":")[0])[1:-1] in message


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("w.npz:b", "core[0].weights: found dtype float64, allowed integers"),
        ("w.npy", "core[0].weights[0, 0]: found 300, allowed -128..127 (weight_bits = 8)"),
        ("text.npy", "core[0].weights: found dtype <U1, allowed integers"),
    ],
)
def test_array_file_of_wrong_values(tmp_path, text, message):
    arrays_of_all_kinds(tmp_path)
    path = tmp_path / "design.json"
    path.write_text(json.dumps(changed(WEIGHTS, text)))
    assert refusal(path) == f"{path}: {message}"


# --- broken files ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("a.toml", b"core = [", "not valid TOML ("),
        ("a.toml", b"x = 1\nx = 2\n", "not valid TOML (Cannot overwrite a value"),
        ("a.toml", b"[[core]]\nlanes = \n", "not valid TOML (Invalid value (at line 2, column 9))"),
        ("a.toml", b"core = " + b"[" * 5000, "not valid TOML ("),
        ("a.toml", b"\xff\xfe", "cannot be read ('utf-8' codec"),
        ("a.toml", b"", "found no core and no population, allowed 1 or more of either"),
        ("a.toml", b"core = []\nname = 0x" + b"f" * 5000, "name: found a huge integer, allowed te"),
        ("a.json", b"", "not valid JSON (Expecting value: line 1 column 1 (char 0))"),
        ("a.json", b'{"core": [1,]}', "not valid JSON ("),
        ("a.json", b"[" * 100_000, "not valid JSON ("),
        ("a.json", b'{"name": ' + b"9" * 5000 + b"}", "not valid JSON (Exceeds the limit"),
        ("a.json", b'{"core": [{"weights": "\\ud800", "n_inputs": 1, "n_neurons": 1}]}',
         "found text that is not Unicode ("),
    ],
)  # fmt: skip
def test_broken_file(tmp_path, name, content, reason):
    path = tmp_path / name
    path.write_bytes(content)
    message = refusal(path)
    assert message.startswith(f"{path}: {reason}")
    assert all(line.startswith(f"{path}: ") for line in message.splitlines())


def test_no_file(tmp_path):
    path = tmp_path / "design.toml"
    assert refusal(path) == f"{path}: no such file, allowed: a design (see fxlif init)"
    path.mkdir()
    assert refusal(path) == f"{path}: cannot be read (Is a directory)"
    path = tmp_path / f"{'a' * 300}.toml"
    assert refusal(path) == f"{path}: cannot be read (File name too long)"


# --- whatever stands in the file ------------------------------------------------------------------

FULL = {**RICH["two cores"].model_dump(mode="json"), "input": {"kind": "events", "file": "e.txt"}}
FULL["core"][0]["neuron"] = RICH["all of a neuron"].core[0].neuron.model_dump(mode="json")
FULL["core"][0]["v_thresholds"] = [-16, 16, 32]


def places(value, path=()):
    """The path of everything in nested tables and lists."""
    yield path
    if isinstance(value, dict | list):
        for key, item in value.items() if isinstance(value, dict) else enumerate(value):
            yield from places(item, (*path, key))


keys = st.one_of(st.text(max_size=5), st.sampled_from(["kind", "leak", "shift", "weights", "none"]))
junk = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(-5, 70),
        st.sampled_from([2**31, 2**63, -(2**63) - 1, 2**64, 10**30, 10**400]),
        st.floats(),
        st.text(max_size=8),
        st.sampled_from(["shift", "scale", "none", "delta", "w.npy:a", "\0", "a\nb", "../"]),
        st.just(datetime.date(2000, 1, 1)),
    ),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(keys, inner, max_size=3)),
    max_leaves=5,
)


def write_if_possible(path, design):
    """Whether the form of the file can express such a design."""
    try:
        if path.suffix == ".toml":
            path.write_text(tomli_w.dumps(design), encoding="utf-8")
        else:
            path.write_text(json.dumps(design))
    except (TypeError, AttributeError, UnicodeEncodeError):
        return False
    return True


def loads_or_refuses(path):
    try:
        load(path)
    except FxlifError as error:
        lines = str(error).splitlines()
        assert lines
        assert len(lines) <= MAX_MISTAKES + 1
        assert all(line.startswith(f"{path}: ") for line in lines)
        assert all(line.isprintable() for line in lines)


@given(data=st.data(), suffix=st.sampled_from([".json", ".toml"]))
@settings(max_examples=examples(150))
def test_any_change_loads_or_is_refused(tmp_path_factory, data, suffix):
    path = tmp_path_factory.getbasetemp() / f"changed{suffix}"
    design = FULL
    for _ in range(data.draw(st.integers(1, 3))):
        if not isinstance(design, dict):
            break
        place = data.draw(st.sampled_from(list(places(design))))
        action = data.draw(st.sampled_from(["delete", "replace", "replace", "add"]))
        if action == "delete" and place:
            design = changed(place, DELETED, design)
        elif action == "add":
            value = design
            for part in place:
                value = value[part]
            if isinstance(value, dict):
                design = changed((*place, data.draw(keys)), data.draw(junk), design)
        else:
            design = changed(place, data.draw(junk), design)
    if write_if_possible(path, design):
        loads_or_refuses(path)


@given(data=st.data(), suffix=st.sampled_from([".json", ".toml"]))
@settings(max_examples=100)
def test_any_cut_or_flipped_file_loads_or_is_refused(tmp_path_factory, data, suffix):
    path = tmp_path_factory.getbasetemp() / f"cut{suffix}"
    save(RICH["all of a neuron"], path)
    whole = path.read_bytes()
    at = data.draw(st.integers(0, len(whole) - 1))
    middle = data.draw(st.binary(max_size=2))
    path.write_bytes(whole[:at] + middle + data.draw(st.sampled_from([b"", whole[at + 1 :]])))
    loads_or_refuses(path)


def test_a_file_with_a_neuron_table_describes_a_single_neuron(tmp_path: Path) -> None:
    file = tmp_path / "neuron.toml"
    neuron = NeuronParams(refractory=3, leak={"kind": "linear", "step": 2})
    save(neuron, file)
    assert load_hardware(file) == neuron
    file.write_text("[neuron]\n")
    assert load_hardware(file) == NeuronParams()


def test_a_mistake_in_a_neuron_file_names_its_key(tmp_path: Path) -> None:
    file = tmp_path / "neuron.toml"
    file.write_text("[neuron]\nleak = { kind = 'shift', shift = 99 }\n")
    with pytest.raises(FxlifError, match=r"neuron\.toml: neuron\.leak\.shift: found 99, allowed"):
        load_hardware(file)
    file.write_text("[neuron]\n[[core]]\n")
    with pytest.raises(FxlifError, match=r"core: unknown key, allowed neuron"):
        load_hardware(file)


def test_any_other_file_is_loaded_as_a_network(tmp_path: Path) -> None:
    file = tmp_path / "network.toml"
    file.write_text("[[core]]\nn_inputs = 1\nn_neurons = 1\nweights = [[3]]\n")
    assert load_hardware(file) == load(file)
