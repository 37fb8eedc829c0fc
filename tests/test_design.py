"""Design files: what is written is read again, and every mistake is one line that says enough."""

import copy
import datetime
import json
import os
from pathlib import Path
from unittest import mock

import numpy as np
import pytest
import scipy.sparse
import strategies
import tomli_w
from designs import examples
from hypothesis import given, settings
from hypothesis import strategies as st

from fxlif import FxlifError, load, save
from fxlif.params.core import CoreParams
from fxlif.params.design import load_hardware
from fxlif.params.leaks import LinearLeak, MultiShiftLeak, NoLeak, ScaleLeak, ShiftLeak
from fxlif.params.mistakes import MAX_MISTAKES
from fxlif.params.network import (
    EventInput,
    ImageInput,
    NetworkParams,
    Population,
    Projection,
    SpikeInput,
)
from fxlif.params.neuron import Adaptation, ExponentialSynapse, NeuronParams
from fxlif.params.sources import EventSource
from fxlif.params.topology import Dense, Sparse

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
    "spikes": NetworkParams(core=(one_core(),), input=SpikeInput(file="gestures.npz")),
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


@pytest.mark.parametrize("suffix", [".toml", ".json"])
def test_large_arrays_stand_beside_the_design(tmp_path, suffix):
    """In files that it names; what is loaded is equal, and what it does not need any more goes."""
    rng = np.random.default_rng(1)
    neuron = NeuronParams(weight_bits=16)
    matrix = rng.integers(-900, 900, (120, 100))
    table = scipy.sparse.csr_array(np.where(rng.random((120, 100)) < 0.9, matrix, 0))
    steps = rng.integers(0, 9, table.nnz)
    forms = [
        Dense(weights=matrix), Dense(weights=matrix, delays=abs(matrix) % 7 + 1),
        Dense(weights=matrix[:, :60]), Sparse(matrix=table), Sparse(matrix=table, delays=steps),
    ]  # fmt: skip
    path = tmp_path / f"design{suffix}"
    for count, synapses in zip((1, 2, 0, 1, 1), forms, strict=True):
        network = NetworkParams(
            source=[EventSource("in", 120)],
            population=[Population("p", 60 if synapses is forms[2] else 100, neuron)],
            projection=[Projection("in", "p", synapses)],
        )
        save(network, path)
        files = set(os.listdir(tmp_path)) - {path.name}
        assert len(files) == count
        assert all(name.startswith(f"{path.name}.") for name in files)
        assert count == 0 or len(path.read_text()) < 2500
        again = load(path)
        assert again.canonical() == network.canonical()
        assert again.digest() == network.digest()
    core = CoreParams(n_inputs=120, n_neurons=100, neuron=neuron, weights=matrix)
    save(NetworkParams.chain(core), path)
    assert load(path).core[0] == core
    assert len(os.listdir(tmp_path)) == 2
    # Another design in the same folder, or one that cannot be written, leaves it alone.
    before = sorted(os.listdir(tmp_path))
    other = NetworkParams.chain(core.model_copy(update={"weights": matrix + 1}))
    with (
        mock.patch("fxlif.params.design.tomli_w.dumps", return_value="\ud800"),
        mock.patch("fxlif.params.design.json.dumps", return_value="\ud800"),
        pytest.raises(UnicodeEncodeError),
    ):
        save(other, path)
    assert sorted(os.listdir(tmp_path)) == before
    save(other, tmp_path / f"sign{suffix}")
    assert load(path).core[0] == core


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
    message = f"{path}: suffix: must be .toml, .json, not '{suffix}'"
    assert refusal(path) == message
    with pytest.raises(FxlifError) as caught:
        save(RICH["scale"], path)
    assert str(caught.value) == message
    assert not path.exists()


# --- every mistake by name ------------------------------------------------------------------------


LEAKS = "'none', 'shift', 'multi_shift', 'scale', 'decay', 'linear', 'constant'"
TOP = "core, input, name, outputs, population, projection, source"
ROUNDINGS = "'floor', 'ceiling', 'toward_zero', 'away_from_zero', 'nearest_even' or 'stochastic'"
CORE_KEYS = (
    "clip_weights, input_address_bits, lanes, max_delay, max_events_per_input, n_inputs, "
    "n_neurons, neuron, readable, v_thresholds, weight_shift, weights, writable"
)
REQUIRED = "missing, there is no default"
FIRST = BASE["core"][0]

BROKEN = [
    # The shape of the file.
    ((), [], "must be a table, not []"),
    ((), 3, "must be a table, not 3"),
    ((), None, "must be a table, not None"),
    (("core",), DELETED, "there must be 1 or more of core or of population, not neither"),
    (("core",), [], "there must be 1 or more of core or of population, not neither"),
    (("core",), [FIRST] * 65, "core: must be a list of 64 entries at most, not "
     "[{'n_inputs': 2, 'n_neurons': 2, 'weights': [[1, 2], [3, ..."),
    (("core",), 3, "core: must be a list, not 3"),
    (("core",), {}, "core: must be a list, not {}"),
    (CORE, 3, "core[0]: must be a table, not 3"),
    (NEURON, [], "core[0].neuron: must be a table, not []"),
    (LEAK, 3, "core[0].neuron.leak: must be a table with a 'kind', not 3"),
    (("input",), 3, "input: must be a table with a 'kind', not 3"),
    ((*NEURON, "adaptation"), 3, "core[0].neuron.adaptation: must be a table, not 3"),
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
    (("nam",), 3, f"nam: no such parameter; did you mean name? There are {TOP}"),
    (("a b\nc\x1b",), 3, rf"a b\nc\x1b: no such parameter. There are {TOP}"),
    ((*CORE, "lane"), 3,
     f"core[0].lane: no such parameter; did you mean lanes? There are {CORE_KEYS}"),
    ((*LEAK, "shft"), 3,
     "core[0].neuron.leak.shft: no such parameter; did you mean shift? There are kind, "
     "minimum_step, rounding, shift"),
    (LEAK, {"kind": "none", "shift": 1},
     "core[0].neuron.leak.shift: no such parameter. There is kind"),
    (LEAK, {"kind": "linear", "step": 1, "none": 1},
     "core[0].neuron.leak.none: no such parameter. There are kind, step"),
    ((*NEURON, "synapse"), {"kind": "delta", "leak": {}},
     "core[0].neuron.synapse.leak: no such parameter. There is kind"),
    (("input",), {"kind": "events", "file": "a", "steps": 1},
     "input.steps: no such parameter. There are file, kind"),
    # Kinds, and keys that have the name of a kind.
    ((*LEAK, "kind"), "foo", f"core[0].neuron.leak.kind: must be {LEAKS}, not 'foo'"),
    ((*LEAK, "kind"), 3, f"core[0].neuron.leak.kind: must be {LEAKS}, not 3"),
    ((*LEAK, "kind"), [1], f"core[0].neuron.leak.kind: must be {LEAKS}, not [1]"),
    ((*LEAK, "kind"), DELETED,
     "core[0].neuron.leak: must be a table with a 'kind', not one without"),
    ((*LEAK, "shift"), -1, "core[0].neuron.leak.shift: must be 0 or more, not -1"),
    ((*LEAK, "shift"), 32, "core[0].neuron.leak.shift: must be 31 or less, not 32"),
    ((*LEAK, "shift"), "shift", "core[0].neuron.leak.shift: must be an integer, not 'shift'"),
    (LEAK, {"kind": "scale", "shift": 17, "factor": 1},
     "core[0].neuron.leak.shift: must be 16 or less, not 17"),
    (LEAK, {"kind": "scale", "shift": 1, "factor": 3},
     "core[0].neuron.leak.factor: must be 0..2 (shift = 1), not 3"),
    (LEAK, {"kind": "multi_shift", "shifts": []},
     "core[0].neuron.leak.shifts: must be a list of 1 entries or more, not []"),
    (LEAK, {"kind": "multi_shift", "shifts": [1, 40]},
     "core[0].neuron.leak.shifts[1]: must be 31 or less, not 40"),
    (LEAK, {"kind": "multi_shift", "shifts": 3},
     "core[0].neuron.leak.shifts: must be a list, not 3"),
    (LEAK, {"kind": "multi_shift", "shifts": [1, 2], "signs": [1]},
     "core[0].neuron.leak.signs: must be one for each of the 2 shifts, or none, not 1 signs"),
    (LEAK, {"kind": "multi_shift", "shifts": [1, 2], "signs": [1, 2]},
     "core[0].neuron.leak.signs[1]: must be -1, 1, not 2"),
    ((*NEURON, "synapse"), {"kind": "exponential", "leak": {"kind": "shift", "shift": 99}},
     "core[0].neuron.synapse.leak.shift: must be 31 or less, not 99"),
    ((*NEURON, "synapse"), {"kind": "exponential", "leak": {"kind": "delta"}},
     f"core[0].neuron.synapse.leak.kind: must be {LEAKS}, not 'delta'"),
    ((*NEURON, "synapse"), {"kind": "none"},
     "core[0].neuron.synapse.kind: must be 'delta', 'exponential', not 'none'"),
    ((*NEURON, "adaptation"), {"increment": 7, "leak": {"kind": "shift", "shift": "a"}},
     "core[0].neuron.adaptation.leak.shift: must be an integer, not 'a'"),
    (("input",), {"kind": "file"}, "input.kind: must be 'events', 'images', 'spikes', not 'file'"),
    # Wrong types.
    (("name",), 3, "name: must be text, not 3"),
    ((*CORE, "lanes"), 1.0, "core[0].lanes: must be an integer, not 1.0"),
    ((*CORE, "lanes"), True, "core[0].lanes: must be an integer, not True"),
    ((*CORE, "lanes"), "2", "core[0].lanes: must be an integer, not '2'"),
    ((*CORE, "lanes"), "2" * 99, f"core[0].lanes: must be an integer, not '{'2' * 56}..."),
    ((*CORE, "lanes"), float("nan"), "core[0].lanes: must be an integer, not nan"),
    ((*CORE, "clip_weights"), 1, "core[0].clip_weights: must be true or false, not 1"),
    ((*NEURON, "v_threshold"), 1.5, "core[0].neuron.v_threshold: must be an integer, not 1.5"),
    ((*NEURON, "v_floor"), "a", "core[0].neuron.v_floor: must be an integer, not 'a'"),
    ((*NEURON, "order"), 3, "core[0].neuron.order: must be a list, not 3"),
    ((*NEURON, "order"), ["leak", 3, "fire"], "core[0].neuron.order[1]: must be text, not 3"),
    ((*CORE, "v_thresholds"), 3, "core[0].v_thresholds: must be a list, not 3"),
    ((*CORE, "v_thresholds"), [1, "a"],
     "core[0].v_thresholds[1]: must be an integer, not 'a'"),
    # Choices.
    (("name",), "Bad", "name: must be text that matches ^[a-z][a-z0-9_]{0,47}$, not 'Bad'"),
    (("name",), "a\n", r"name: must be text that matches ^[a-z][a-z0-9_]{0,47}$, not 'a\n'"),
    ((*NEURON, "compare"), "lt", "core[0].neuron.compare: must be 'ge' or 'gt', not 'lt'"),
    ((*LEAK, "rounding"), "up",
     f"core[0].neuron.leak.rounding: must be {ROUNDINGS}, not 'up'"),
    (LEAK, {"kind": "shift", "shift": 20, "rounding": "stochastic"},
     "core[0].neuron.leak: must be rounded by 16 random bits at most (lfsr.bits), not 20"),
    ((*NEURON, "lfsr"), 3, "core[0].neuron.lfsr: must be a table, not 3"),
    ((*NEURON, "lfsr"), {"seed": 0}, "core[0].neuron.lfsr.seed: must be 1 or more, not 0"),
    ((*NEURON, "lfsr"), {"taps": [16, "a"]},
     "core[0].neuron.lfsr.taps[1]: must be an integer, not 'a'"),
    ((*NEURON, "lfsr"), {"bits": 4}, "core[0].neuron.lfsr.taps: must be 1..4 (bits), not 16"),
    ((*NEURON, "accumulate"), "sometimes",
     "core[0].neuron.accumulate: must be 'exact' or 'per_event', not 'sometimes'"),
    ((*NEURON, "fire_on"), "event",
     "core[0].neuron.accumulate: must be per_event (with fire_on = event), not 'exact'"),
    ((*NEURON, "max_spikes_per_step"), 32,
     "core[0].neuron.max_spikes_per_step: must be 31 or less, not 32"),
    ((*NEURON, "max_spikes_per_step"), 0,
     "core[0].neuron.max_spikes_per_step: must be 1 or more, not 0"),
    ((*NEURON, "order"), ["x"],
     "core[0].neuron.order: must be a permutation of leak, integrate, fire, not ('x',)"),
    # Widths and ranges.
    ((*NEURON, "state_bits"), 3, "core[0].neuron.state_bits: must be 4 or more, not 3"),
    ((*NEURON, "state_bits"), 33, "core[0].neuron.state_bits: must be 32 or less, not 33"),
    ((*NEURON, "state_bits"), 10**30,
     f"core[0].neuron.state_bits: must be 32 or less, not {10**30}"),
    ((*NEURON, "weight_bits"), 17, "core[0].neuron.weight_bits: must be 16 or less, not 17"),
    ((*NEURON, "threshold_bits"), 0,
     "core[0].neuron.threshold_bits: must be 4 or more, not 0"),
    ((*NEURON, "refractory"), 256, "core[0].neuron.refractory: must be 255 or less, not 256"),
    ((*NEURON, "bias"), 2**40,
     f"core[0].neuron.bias: must be -2147483648..2147483647, not {2**40}"),
    ((*NEURON, "v_reset"), -32769,
     "core[0].neuron.v_reset: must be -32768..32767 (state_bits = 16), not -32769"),
    ((*NEURON, "adaptation"), {"increment": 65536},
     "core[0].neuron.adaptation.increment: must be 0..65535 (theta_bits = 16), not 65536"),
    ((*CORE, "n_inputs"), 0, "core[0].n_inputs: must be 1 or more, not 0"),
    ((*CORE, "lanes"), 0, "core[0].lanes: must be 1 or more, not 0"),
    ((*CORE, "lanes"), 300, "core[0].lanes: must be 256 or less, not 300"),
    ((*CORE, "lanes"), 3, "core[0].lanes: must be 1..2 (n_neurons), not 3"),
    ((*CORE, "input_address_bits"), 31,
     "core[0].input_address_bits: must be 30 or less, not 31"),
    ((*CORE, "weight_shift"), 17, "core[0].weight_shift: must be 16 or less, not 17"),
    (("input",), {"kind": "images", "file": "a", "steps": 0, "maximum": 1},
     "input.steps: must be 1 or more, not 0"),
    # Thresholds.
    ((*NEURON, "v_threshold"), 10**400,
     f"core[0].neuron.v_threshold: must be -32768..32767 (threshold_bits = 16, threshold_shift = "
     f"0), not 1{56 * '0'}..."),
    ((*NEURON, "v_threshold"), 32768,
     "core[0].neuron.v_threshold: must be -32768..32767 (threshold_bits = 16, threshold_shift = "
     "0), not 32768"),
    ((*NEURON, "threshold_shift"), 2,
     "core[0].neuron.v_threshold: must be a multiple of 4 (threshold_shift = 2), such as "
     "8, not 10"),
    ((*CORE, "v_thresholds"), [1],
     "core[0].v_thresholds: must be 2 (n_neurons), not 1 values"),
    # Weights.
    (WEIGHTS, [[1, 2]],
     "core[0].weights: must be of shape (2, 2) (n_inputs, n_neurons), not (1, 2)"),
    (WEIGHTS, [[[1]]],
     "core[0].weights: must be of shape (2, 2) (n_inputs, n_neurons), not (1, 1, 1)"),
    (WEIGHTS, 3, "core[0].weights: must be a matrix of integers, not 3"),
    (WEIGHTS, [[1, 2], [3]],
     "core[0].weights: must be a matrix of integers, not rows of different lengths"),
    (WEIGHTS, [[1, 2], [3, 128]],
     "core[0].weights[1, 1]: must be -128..127 (weight_bits = 8), not 128"),
    (WEIGHTS, [[1, -129], [3, 4]],
     "core[0].weights[0, 1]: must be -128..127 (weight_bits = 8), not -129"),
    (WEIGHTS, [[1, 2], [3, 1.5]], "core[0].weights[1, 1]: must be an integer, not 1.5"),
    # A chain.
    (("core",), [FIRST, {**FIRST, "n_inputs": 1, "weights": [[1, 2]]}],
     "core[1].n_inputs: must be 2 (the neurons of core[0]), not 1"),
    (("core",), [FIRST, {**FIRST, "input_address_bits": 3}],
     "core[1].input_address_bits: must be 1 (the output of core[0]), not 3"),
    (("core",), [FIRST, {**FIRST, "lanes": 5}],
     "core[1].lanes: must be 1..2 (n_neurons), not 5"),
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
        (
            (*CORE, "v_thresholds"),
            [1, 99999],
            ["core[0].v_thresholds[1]: must be -32768..32767", "not 99999"],
        ),
        (
            WEIGHTS,
            [[1, 2], [3, 2**63]],
            ["core[0].weights[1, 1]: must be -128..127", f"not {2**63}"],
        ),
        (
            WEIGHTS,
            [[1, 2], [3, 10**30]],
            ["core[0].weights[1, 1]: must be -128..127", f"not {10**30}"],
        ),
        (WEIGHTS, [[1, 2], [3, True]], ["core[0].weights[1, 1]: must be an integer", "not True"]),
        (WEIGHTS, [], ["core[0].weights: must be of shape (2, 2)", "not (0,)"]),
        (WEIGHTS, {}, ["core[0].weights: must be a matrix of integers", "not {}"]),
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
    (("population",), [], "there must be 1 or more of core or of population, not neither"),
    (("population",), 3, "population: must be a list, not 3"),
    (POPULATION, 3, "population[0]: must be a table, not 3"),
    ((*POPULATION, "n"), 0, "population[0].n: must be 1 or more, not 0"),
    ((*POPULATION, "n"), 1.5, "population[0].n: must be an integer, not 1.5"),
    ((*POPULATION, "n"), DELETED,
     "population[0].n: missing, there is no default"),
    ((*POPULATION, "nam"), 1,
     "population[0].nam: no such parameter; did you mean name? There are lanes, n, name, "
     "neuron, noise, readable, v_thresholds, writable"),
    ((*POPULATION, "lanes"), 3, "population[0].lanes: must be 1..2 (n), not 3"),
    ((*POPULATION, "lanes"), 257, "population[0].lanes: must be 256 or less, not 257"),
    (("outputs",), ["nobody"], "outputs[0]: must be exc, not 'nobody'"),
    (("outputs",), ["exc", "exc"],
     "outputs[1]: must be a population that is not named before, not 'exc'"),
    ((*POPULATION, "name"), "input",
     "population[0].name: must be a name that is not taken, not 'input'"),
    ((*POPULATION, "neuron"), {"leak": {"kind": "shift", "shift": 99}},
     "population[0].neuron.leak.shift: must be 31 or less, not 99"),
    ((*POPULATION, "v_thresholds"), [1],
     "population[0].v_thresholds: must be 2 (n), not 1 values"),
    ((*POPULATION, "v_thresholds"), [1, "a"],
     "population[0].v_thresholds[1]: must be an integer, not 'a'"),
    ((*POPULATION, "v_thresholds"), [1, 99999],
     "population[0].v_thresholds[1]: must be -32768..32767 (threshold_bits = 16, threshold_shift "
     "= 0), not 99999"),
    (("core",), BASE["core"], "population: must not stand beside core"),
    # Sources.
    (SOURCE, 3, "source[0]: must be a table with a 'kind', not 3"),
    ((*SOURCE, "kind"), "x", "source[0].kind: must be 'poisson', 'regular', 'events', not 'x'"),
    ((*SOURCE, "max_events_per_input"), 0,
     "source[0].max_events_per_input: must be 1 or more, not 0"),
    (SOURCE, POISSON, "source[0].probability: missing, there is no default"),
    (SOURCE, POISSON | {"probability": "a"},
     "source[0].probability: must be a number, not 'a'"),
    (SOURCE, POISSON | {"probability": float("nan")},
     "source[0].probability: must be a finite number, not nan"),
    (SOURCE, POISSON | {"probability": 1.5},
     "source[0].probability: must be 1.0 or less, not 1.5"),
    (SOURCE, REGULAR | {"phases": [1]}, "source[0].phases: must be 2 (n), not 1 values"),
    (SOURCE, REGULAR | {"phases": [1, 3]}, "source[0].phases[1]: must be 0..2 (interval), not 3"),
    (SOURCE, REGULAR | {"seed": -1}, "source[0].seed: must be 0 or more, not -1"),
    # Projections.
    (PROJECTION, 3, "projection[0]: must be a table, not 3"),
    ((*PROJECTION, "source"), "inp", "projection[0].source: must be input, exc, not 'inp'"),
    ((*PROJECTION, "target"), "input", "projection[0].target: must be exc, not 'input'"),
    ((*PROJECTION, "weight_shift"), 17, "projection[0].weight_shift: must be 16 or less, not 17"),
    *(((*PROJECTION, "delay"), value,
       f"projection[0].delay: must be an integer or [lowest, highest], not {value!r}")
      for value in ("a", 1.5, True, [1], [1, 2, 3], [1, "b"], {})),
    ((*PROJECTION, "delay"), 64, "projection[0].delay: must be 0..63, not 64"),
    ((*PROJECTION, "delay"), [1, 99], "projection[0].delay: must be 0..63, not 99"),
    ((*PROJECTION, "delay"), [3, 2],
     "projection[0].delay: must be [lowest, highest], not [3, 2]"),
    ((*PROJECTION, "dela"), 1,
     "projection[0].dela: no such parameter; did you mean delay? There are delay, delay_seed, "
     "source, synapses, target, weight_shift"),
    (("projection",),
     [{"source": "exc", "target": "exc", "delay": 0, "synapses": all_to_all(1)}],
     "projection[0].delay: must be 1..63 in one projection of a loop, not 0 in the loop exc -> "
     "exc"),
    # Synapses.
    (SYNAPSES, {}, "projection[0].synapses: must be a table with a 'kind', not one without"),
    (SYNAPSES, DELETED, "projection[0].synapses: missing, there is no default"),
    ((*SYNAPSES, "weights"), [[1, 2]],
     "projection[0].synapses.weights: must be of shape (2, 2) (n of input, n of exc), not (1, 2)"),
    ((*SYNAPSES, "weights"), [[1, 2], [3]],
     "projection[0].synapses.weights: must be a matrix of integers, not rows of different lengths"),
    ((*SYNAPSES, "weights"), [[1, 2], [3, 400]],
     "projection[0].synapses.weights[1, 1]: must be -128..127 (weight_bits = 8), not 400"),
    ((*SYNAPSES, "delays"), [[1, 2], [3]],
     "projection[0].synapses.delays: must be integers, not rows of different lengths"),
    ((*SYNAPSES, "delays"), [[1, 2], [3, 64]],
     "projection[0].synapses.delays[1, 1]: must be 0..63, not 64"),
    (SYNAPSES, {"kind": "sparse"},
     "projection[0].synapses.matrix: missing, there is no default"),
    (SYNAPSES, {"kind": "sparse", "matrix": 3},
     "projection[0].synapses.matrix: must be a CSR matrix or one with tocsr(), not int"),
    (SYNAPSES, sparse(a=1),
     "projection[0].synapses.matrix: must be a table of shape, indptr, indices, data and "
     "delays, not one with 'a'"),
    (SYNAPSES, sparse(shape=[2, 3]),
     "projection[0].synapses.matrix: must be of shape (2, 2) (n of input, n of exc), not (2, 3)"),
    (SYNAPSES, sparse(indices=[0, 7]),
     "projection[0].synapses.matrix: indices[1]: must be 0..1 (the neurons "
     "that exist), not 7"),
    (SYNAPSES, sparse(data=[1, 200]),
     "projection[0].synapses.matrix: must be -128..127 (weight_bits = 8), not 200"),
    (SYNAPSES, sparse() | {"delays": [1]},
     "projection[0].synapses.matrix: delays: must be of shape (2,) (last of indptr), not (1,)"),
    (SYNAPSES, {"kind": "sparse", "matrix": "m.npz", "delays": [1]},
     "projection[0].synapses.delays: must be beside a CSR matrix, or in the file as the array "
     "'delays', not beside a table of synapses"),
    *((SYNAPSES, all_to_all(value),
       f"projection[0].synapses.weight: must be an integer or [lowest, highest], not {value!r}")
      for value in ("a", 1.5, False, [3], [1, "b"])),
    (SYNAPSES, all_to_all([3, 2]),
     "projection[0].synapses.weight: must be [lowest, highest], not [3, 2]"),
    (SYNAPSES, all_to_all([1, 200]),
     "projection[0].synapses.weight: must be -128..127 (weight_bits = 8), not 200"),
    (SYNAPSES, all_to_all(2**31),
     f"projection[0].synapses.weight: must be {-(2**31)}..{2**31 - 1}, not {2**31}"),
    (SYNAPSES, all_to_all(1, autapses=3),
     "projection[0].synapses.autapses: must be true or false, not 3"),
    (SYNAPSES, {"kind": "fixed_indegree", "weight": 1, "indegree": 3},
     "projection[0].synapses.indegree: must be 0..2 (n of input), not 3"),
    (SYNAPSES, grid(shape=[1, 3]),
     "projection[0].synapses.shape: must be rows * columns equal to both (n of input, n of exc), "
     "not [1, 3] for 2 to 2 neurons"),
    (SYNAPSES, grid(kernel=[[1, 2]]),
     "projection[0].synapses.kernel: must be of shape odd x odd, not (1, 2)"),
    (SYNAPSES, grid(kernel=[[0.5]]),
     "projection[0].synapses.kernel[0, 0]: must be an integer, not 0.5"),
    (SYNAPSES, grid(kernel=[[1], [1], [1]], edges="periodic"),
     "projection[0].synapses.kernel: must be no larger than the periodic sheet (1, 2), "
     "not (3, 1)"),
    (SYNAPSES, grid(edges="x"),
     "projection[0].synapses.edges: must be 'open' or 'periodic', not 'x'"),
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
    assert refusal(tmp_path / "a.toml") == f"{where}no such file"
    np.savez(tmp_path / "m.npz", **parts)
    assert refusal(tmp_path / "a.toml") == (
        f"{where}must be an .npz file with the array 'format', not one with "
        "'shape', 'indptr', 'indices', 'data'"
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
        f"{path}: name: must be text, not 3",
        f"{path}: core[0].lanes: must be 1 or more, not 0",
    ]


def test_a_mistake_per_entry_is_not_a_line_per_entry(tmp_path):
    path = tmp_path / "design.json"
    path.write_text(json.dumps(changed((*CORE, "v_thresholds"), ["a"] * 1000)))
    lines = refusal(path).splitlines()
    assert len(lines) == MAX_MISTAKES + 1
    assert lines[-1] == f"{path}: {1000 - MAX_MISTAKES} more mistakes, not shown"


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
        (".", "cannot be read (Is a directory)"),
        ("", "cannot be read (Is a directory)"),
        ("cut.npy", "must be a .npy or .npz file of numbers"),
        ("empty.npy", "must be a .npy or .npz file of numbers"),
        ("other.npy", "must be a .npy or .npz file of numbers"),
        ("w.npz:c", "must be one of w.npz:a, w.npz:b, not 'w.npz:c'"),
        ("w.npz", "must be one of w.npz:a, w.npz:b, not 'w.npz'"),
        pytest.param("cut.npz:a", "must be a .npy or .npz file of numbers"),
        pytest.param("flipped.npz:a", "must be a .npy or .npz file of numbers"),
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
        ("w.npz:b", "core[0].weights: must be integers, not dtype float64"),
        ("w.npy", "core[0].weights[0, 0]: must be -128..127 (weight_bits = 8), not 300"),
        ("text.npy", "core[0].weights: must be integers, not dtype <U1"),
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
        ("a.toml", b"", "there must be 1 or more of core or of population, not neither"),
        ("a.toml", b"core = []\nname = 0x" + b"f" * 5000, "name: must be text, not a huge integer"),
        ("a.json", b"", "not valid JSON (Expecting value: line 1 column 1 (char 0))"),
        ("a.json", b'{"core": [1,]}', "not valid JSON ("),
        ("a.json", b"[" * 100_000, "not valid JSON ("),
        ("a.json", b'{"name": ' + b"9" * 5000 + b"}", "not valid JSON (Exceeds the limit"),
        ("a.json", b'{"core": [{"weights": "\\ud800", "n_inputs": 1, "n_neurons": 1}]}',
         "text that is not Unicode ("),
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
    assert refusal(path) == f"{path}: no such file: fxlif init writes a design"
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
    with pytest.raises(
        FxlifError, match=r"neuron\.toml: neuron\.leak\.shift: must be 31 or less, not 99"
    ):
        load_hardware(file)
    file.write_text("[neuron]\n[[core]]\n")
    with pytest.raises(FxlifError, match=r"core: no such parameter. There is neuron"):
        load_hardware(file)


def test_any_other_file_is_loaded_as_a_network(tmp_path: Path) -> None:
    file = tmp_path / "network.toml"
    file.write_text("[[core]]\nn_inputs = 1\nn_neurons = 1\nweights = [[3]]\n")
    assert load_hardware(file) == load(file)
