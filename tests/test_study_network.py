"""A network as the subject of a study: what its parameters do, and what it measures."""

from __future__ import annotations

import sys
from itertools import product
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from fxlif import (
    CoreParams,
    ExponentialSynapse,
    NetworkParams,
    NeuronParams,
    Recording,
    ShiftLeak,
)
from fxlif.errors import FxlifError
from fxlif.network.model import Network
from fxlif.params.design import save
from fxlif.params.inputs import SpikeInput
from fxlif.quantise import compare, leaks_for, quantise
from fxlif.study.network import PARAMETERS, NetworkSubject
from fxlif.study.samples import float_of

STEPS, SAMPLES = 12, 9
RNG = np.random.default_rng(5)
WEIGHTS = [RNG.integers(-40, 60, (6, 5)), RNG.integers(-30, 60, (5, 3))]
SPIKES = (RNG.random((STEPS, SAMPLES, 6)) < 0.5).astype(np.int64)
LABELS = RNG.integers(0, 3, SAMPLES)


def design(neuron: NeuronParams | None = None) -> NetworkParams:
    neuron = neuron or NeuronParams(leak=ShiftLeak(4), v_threshold=100, reset="subtract")
    cores = [
        CoreParams(n_inputs=len(w), n_neurons=w.shape[1], weights=w, neuron=neuron) for w in WEIGHTS
    ]
    made = NetworkParams.chain(*cores, name="tiny")
    return made.model_copy(update={"input": SpikeInput(file="samples.npz")})


def subject(folder: Path, neuron: NeuronParams | None = None, **table: Any) -> NetworkSubject:
    np.savez(folder / "samples.npz", spikes=SPIKES, labels=LABELS)
    save(design(neuron), folder / "design.toml")
    return NetworkSubject({"source": "design.toml", **table}, folder)


def test_the_integers_of_a_design_are_its_float_networks() -> None:
    """With a leak that divides evenly by nothing the float network loses what the integers floor:
    with none of it, both spike alike."""
    from fxlif import NoLeak

    exact = design(NeuronParams(leak=NoLeak(), v_threshold=100, reset="subtract"))
    record = Network(exact).run(
        events=SPIKES.swapaxes(0, 1), batch=SAMPLES, record=Recording(["core_1"])
    )
    found = float_of(exact).run({"input": SPIKES})["core_1"]
    assert np.array_equal(record.dense("core_1").swapaxes(0, 1), found)
    assert found.any()


def test_objectives_beside_their_definitions(tmp_path: Path) -> None:
    made = subject(tmp_path)
    values = {"weight_bits": 4, "state_bits": 12}
    found = made.evaluate(values, made.objectives)
    chosen = made.design(values)
    beside = compare(made.network, chosen, SPIKES, LABELS)
    assert (found["accuracy"], found["accuracy_low"], found["accuracy_high"]) == beside.integers
    assert found["same_trains"] == beside.same.mean < 1

    record = Network(chosen).run(events=SPIKES.swapaxes(0, 1), batch=SAMPLES)
    last = record.dense("core_1").astype(np.int64)
    wanted = made.wanted.swapaxes(0, 1)
    assert found["rate_error"] == pytest.approx(last.sum() / wanted.sum() - 1)
    pairs = list(product(range(SAMPLES), range(3)))
    off = [abs(int(last[k, :, n].sum()) - int(wanted[k, :, n].sum())) for k, n in pairs]
    assert found["count_error"] == pytest.approx(np.mean(off))
    same = [next((t for t in range(STEPS) if (last[k, t] != wanted[k, t]).any()), STEPS)
            for k in range(SAMPLES)]  # fmt: skip
    assert found["first_divergence"] == pytest.approx(np.mean(same))

    hidden = int(record.counts("core_0").sum())
    operations = (int(SPIKES.sum()) * 5 + hidden * 3) / (STEPS * SAMPLES)
    assert found["synaptic_operations"] == operations
    widths = [p.neuron.state_bits for p in chosen.graph.populations]
    assert found["memory_bits"] == (30 + 15) * 4 + 5 * widths[0] + 3 * widths[1]
    # A shift, its sum with v, the current, the compare, the subtraction: of both layers.
    assert found["adders"] == 8


def test_equal_trains_are_as_near_as_can_be(tmp_path: Path) -> None:
    made = subject(tmp_path)
    made.__dict__["wanted"] = made.seen(made.design({})).made
    best = {
        "same_class": 1.0, "same_trains": 1.0, "rate_error": 0.0, "count_error": 0.0,
        "first_divergence": STEPS, "coincidence": 1.0, "isi_distance": 0.0, "spike_distance": 0.0,
        "van_rossum": 0.0,
    }  # fmt: skip
    found = made.evaluate({}, best)
    assert {name: found[name] for name in best} == best


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"weight_bits": 3}, {"weight_bits": 3}),
        ({"state_bits": 9}, {"state_bits": 9}),
        ({"threshold_bits": 5}, {"threshold_bits": 5}),
        ({"current_bits": 8}, {"current_bits": 8}),
        ({"threshold_shift": 4}, {"threshold_shift": 4}),
        ({"overflow": "wrap"}, {"overflow": "wrap"}),
        ({"reset": "to_value"}, {"reset": "to_value"}),
    ],
)
def test_a_parameter_is_in_the_design(
    tmp_path: Path, values: dict[str, Any], expected: dict[str, Any]
) -> None:
    neuron = NeuronParams(
        leak=ShiftLeak(4), v_threshold=1000, reset="subtract",
        synapse=ExponentialSynapse(leak=ShiftLeak(2)),
    )  # fmt: skip
    for p in subject(tmp_path, neuron).design({"weight_bits": 4, **values}).graph.populations:
        assert {name: getattr(p.neuron, name) for name in expected} == expected


@pytest.mark.parametrize("kind", ["shift", "multi_shift", "scale"])
def test_leaks_of_one_kind(tmp_path: Path, kind: str) -> None:
    made = subject(tmp_path).design({"leak": kind, "rounding": "nearest_even"})
    leaks = [p.neuron.leak for p in made.graph.populations]
    assert [leak.kind for leak in leaks] == [kind, kind]
    assert {leak.rounding for leak in leaks} == {"nearest_even"}  # type: ignore[union-attr]  # no NoLeak
    assert {one.leak.kind for one in leaks_for(0.9, error=0.1, kind=kind)} == {kind}


def test_a_membrane_that_overflows_does_so_only_where_that_was_asked_for(tmp_path: Path) -> None:
    network = subject(tmp_path).network
    enough = quantise(network).widths["core_0"]["state_bits"]
    assert quantise(network, widths="limited").design == quantise(network).design
    small = quantise(network, widths="limited", state_bits=enough - 2, resolution=1.0)
    assert small.widths["core_0"]["state_bits"] == enough - 2
    with pytest.raises(FxlifError) as caught:
        quantise(network, widths="limited", state_bits=5)
    assert caught.value.key == "state_bits"
    assert "(v_threshold of core_0)" in caught.value.allowed


def test_every_form_of_a_network_is_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    neuron = NeuronParams(leak=ShiftLeak(4), v_threshold=100, reset="to_value")
    wanted = subject(tmp_path, neuron).wanted
    told = {"layers": ["a", "b"], "decay": 15 / 16, "v_threshold": 100.0, "reset": "to_value"}
    samples = {"samples": "samples.npz"}
    arrays = dict(zip("ab", (w.T.astype(float) for w in WEIGHTS), strict=True))
    np.savez(tmp_path / "net.npz", **arrays)
    tables: list[dict[str, Any]] = [{"source": "net.npz", "checkpoint": told, **samples}]
    nir = pytest.importorskip("fxlif.nir")
    nir.write(design(neuron), tmp_path / "net.nir")
    tables.append({"source": "net.nir", **samples})
    for table in tables:
        found = NetworkSubject(table, tmp_path)
        assert np.array_equal(found.wanted, wanted), table
    # PyTorch's own file: tests/peers/test_study_training.py.
    monkeypatch.setitem(sys.modules, "torch", SimpleNamespace(load=_load))  # type: ignore[arg-type]
    (tmp_path / "net.npz").rename(tmp_path / "net.pt")
    table = {"source": "net.pt", "checkpoint": told, **samples}
    assert np.array_equal(NetworkSubject(table, tmp_path).wanted, wanted)


def _load(path: Path, *, map_location: str, weights_only: bool) -> dict[str, Any]:
    """What torch.load returns for a state_dict, of arrays; nothing in the file may be carried out,
    and its tensors may be a GPU's."""
    assert (map_location, weights_only) == ("cpu", True)
    return {name: SimpleNamespace(detach=lambda a=array: SimpleNamespace(numpy=lambda: a))
            for name, array in np.load(path).items()}  # fmt: skip


@pytest.mark.parametrize(
    ("key", "table"),
    [
        ("source", {"source": "net.onnx"}),
        ("checkpoint", {"source": "net.npz", "samples": "samples.npz"}),
        ("samples", {"source": "bare.toml"}),
        ("sample", {"source": "design.toml", "sample": 3}),
        ("limit", {"source": "design.toml", "limit": 0}),
    ],
)
def test_what_is_wrong_in_the_table_is_named(
    tmp_path: Path, key: str, table: dict[str, Any]
) -> None:
    subject(tmp_path)
    save(design().model_copy(update={"input": None}), tmp_path / "bare.toml")
    with pytest.raises(FxlifError) as caught:
        NetworkSubject(table, tmp_path)
    assert caught.value.key == key


def test_a_current_that_no_neuron_keeps_is_no_parameter(tmp_path: Path) -> None:
    assert {p.name for p in PARAMETERS} - set(subject(tmp_path).parameters) == {"current_bits"}


def test_other_samples_are_another_study(tmp_path: Path) -> None:
    assert subject(tmp_path).fingerprint != subject(tmp_path, limit=3).fingerprint
