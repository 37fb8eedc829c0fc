"""Training through the integers as a choice of a study."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from fxlif import CoreParams, NetworkParams, NeuronParams, ShiftLeak
from fxlif.errors import FxlifError
from fxlif.params.design import save
from fxlif.study.network import NetworkSubject

torch = pytest.importorskip("torch")


def subject(folder: Path, **table: object) -> NetworkSubject:
    """A layer of arbitrary weights; the label of a sample is its input that spikes most."""
    rng = np.random.default_rng(3)
    labels = rng.integers(0, 3, 60)
    rates = np.where(np.eye(3)[labels] > 0, 0.8, 0.3)
    spikes = (rng.random((10, 60, 3)) < rates).astype(np.int64)
    np.savez(folder / "training.npz", spikes=spikes[:, :40], labels=labels[:40])
    np.savez(folder / "samples.npz", spikes=spikes[:, 40:], labels=labels[40:])
    neuron = NeuronParams(leak=ShiftLeak(3), v_threshold=60, weight_bits=8)
    core = CoreParams(n_inputs=3, n_neurons=3, weights=rng.integers(-20, 40, (3, 3)), neuron=neuron)
    save(NetworkParams.chain(core), folder / "design.toml")
    told = {"source": "design.toml", "samples": "samples.npz", "epochs": 80, **table}
    return NetworkSubject(told, folder)


def test_training_through_the_integers_repeats_and_is_kept(tmp_path: Path) -> None:
    through = {"weight_bits": 3, "training": "through", "seed": 2}
    first = subject(tmp_path, training="training.npz", checkpoints="kept")
    found = first.evaluate(through, ["accuracy"])
    assert found["accuracy"] > first.evaluate({"weight_bits": 3}, ["accuracy"])["accuracy"]
    made = first.design(through)
    assert {p.neuron.weight_bits for p in made.population} == {3}
    assert subject(tmp_path, training="training.npz").design(through) == made
    (tmp_path / "training.npz").unlink()  # what is kept is not trained again
    assert len(list((tmp_path / "kept").iterdir())) == 1
    again = NetworkSubject(
        {"source": "design.toml", "samples": "samples.npz", "epochs": 80, "checkpoints": "kept"},
        tmp_path,
    )
    assert again.design(through) == made


def test_training_needs_samples(tmp_path: Path) -> None:
    with pytest.raises(FxlifError) as caught:
        subject(tmp_path).design({"training": "through"})
    assert caught.value.key == "training"


def test_a_file_of_pytorch_is_the_network_of_its_arrays(tmp_path: Path) -> None:
    rng = np.random.default_rng(5)
    arrays = {"a": rng.integers(-40, 60, (4, 3)).astype(float)}
    np.savez(tmp_path / "samples.npz", spikes=rng.integers(0, 2, (9, 6, 3)), labels=[0] * 6)
    np.savez(tmp_path / "net.npz", **arrays)
    torch.save({k: torch.from_numpy(v) for k, v in arrays.items()}, tmp_path / "net.pt")
    told = {"layers": ["a"], "decay": 15 / 16, "v_threshold": 100.0}
    of_arrays, of_pytorch = (
        NetworkSubject({"source": name, "checkpoint": told, "samples": "samples.npz"}, tmp_path)
        for name in ("net.npz", "net.pt")
    )
    assert np.array_equal(of_pytorch.wanted, of_arrays.wanted)
    assert of_arrays.wanted.any()
    (tmp_path / "net.pt").write_bytes(b"no state_dict")
    with pytest.raises(FxlifError, match="a state_dict"):
        NetworkSubject({"source": "net.pt", "checkpoint": told, "samples": "samples.npz"}, tmp_path)
