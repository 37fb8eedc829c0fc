"""Training through the integers as a choice of a study."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from fxlif import CoreParams, NetworkParams, NeuronParams, ShiftLeak
from fxlif.errors import FxlifError
from fxlif.params.design import save
from fxlif.study.network import NetworkSubject

pytest.importorskip("torch")


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
