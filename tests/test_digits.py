"""The shipped networks of the digits: what is stated of them is what the golden model finds."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from fxlif import FxlifError, digits
from fxlif.batch.labelled import output_spikes, read_labelled
from fxlif.cli.options import shipped_or_file
from fxlif.digits.recipe import MAXIMUM
from fxlif.params.design import load

SPIKES, LABELS = digits.test_set()


def accuracy(counts):
    return 100 * float((counts.argmax(axis=1) == LABELS).mean())


def test_the_test_set_is_that_of_the_design():
    assert SPIKES.shape == (8, 360, 64)
    with np.load(digits.DESIGN.with_name("digits.npz")) as arrays:
        images = arrays["images"].astype(int)
        np.testing.assert_array_equal(LABELS, arrays["labels"])
    for t in range(8):
        wanted = (t + 1) * images // MAXIMUM > t * images // MAXIMUM
        np.testing.assert_array_equal(SPIKES[t], wanted)


@pytest.mark.parametrize("name", digits.DESIGNS)
def test_the_stated_accuracy(name):
    path = digits.DESIGNS[name]
    stated = re.search(r"([\d.]+)% on the test images", path.read_text())
    design = load(path)
    assert design.name == name
    samples = read_labelled(design.input, path.parent, 64, 10)
    right = samples.right(output_spikes(design, samples).sum(axis=0))
    assert 100 * right / len(samples.labels) == pytest.approx(float(stated[1]), abs=0.005)


def test_a_design_is_what_was_trained_from_its_seed():
    for name, bits in (("digits", 8), ("digits_4bit", 4), ("digits_2bit", 2)):
        shipped, again = load(digits.DESIGNS[name]), digits.trained(bits, 1)
        for a, b in zip(shipped.core, again.core, strict=True):
            np.testing.assert_array_equal(a.weights, b.weights)
            assert (a.neuron, a.weight_shift) == (b.neuron, b.weight_shift)


def test_from_each_seed_another_network():
    for bits in (*range(8, 1, -1), None):
        made = [digits.trained(bits, seed) for seed in digits.SEEDS]
        if bits is not None:
            high = (1 << (bits - 1)) - 1
            assert all(np.abs(one.core[0].weights).max() == high for one in made)
            made = [one.core[0].weights for one in made]
        else:
            made = [one.connections[0].weights for one in made]
        assert len({one.tobytes() for one in made}) == len(digits.SEEDS)
    with pytest.raises(
        FxlifError, match=r"weight_bits: must be 8, .*, or None for the float twin, not 9"
    ):
        digits.trained(9, 1)
    with pytest.raises(FxlifError, match=r"seed: must be 1\.\.5, not 6"):
        digits.trained(8, 6)


def test_a_command_takes_the_name_of_a_shipped_design(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert shipped_or_file(Path("digits_2bit")) == digits.DESIGNS["digits_2bit"]
    for path in ("digits_2bit.toml", "./a/digits_2bit", "gone.json"):
        assert shipped_or_file(Path(path)) == Path(path)
    with pytest.raises(FxlifError) as caught:
        shipped_or_file(Path("digits_3bit"))
    assert "did you mean digits_2bit?" in str(caught.value) or "digits_4bit?" in str(caught.value)
    # A file or folder of one's own of that name comes first.
    Path("digits_2bit").mkdir()
    assert shipped_or_file(Path("digits_2bit")) == Path("digits_2bit")


def test_the_float_twin():
    network = digits.float_network()
    together = network.run({"input": SPIKES})
    assert [layer.shape for layer in together.values()] == [(8, 360, 64), (8, 360, 10)]
    assert accuracy(together["layer_1"].sum(axis=0)) == pytest.approx(98.06, abs=0.005)
    for k in (0, 200):
        for name, one in network.run({"input": SPIKES[:, k]}).items():
            np.testing.assert_array_equal(together[name][:, k], one)
            assert one.any()
