"""The shipped networks of the digits: what is stated of them is what the golden model finds."""

from __future__ import annotations

import re

import numpy as np
import pytest

from fxlif import Network, digits
from fxlif.digits.recipe import MAXIMUM

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


def test_the_stated_accuracy():
    stated = re.search(r"([\d.]+)% on the test images", digits.DESIGN.read_text())
    record = Network(digits.DESIGN).run(events=SPIKES.swapaxes(0, 1), batch=len(LABELS))
    assert accuracy(record.counts("core_1")) == pytest.approx(float(stated[1]), abs=0.005)


def test_the_float_twin():
    network = digits.float_network()
    together = network.run({"input": SPIKES})
    assert [layer.shape for layer in together.values()] == [(8, 360, 64), (8, 360, 10)]
    assert accuracy(together["layer_1"].sum(axis=0)) == pytest.approx(98.06, abs=0.005)
    for k in (0, 200):
        for name, one in network.run({"input": SPIKES[:, k]}).items():
            np.testing.assert_array_equal(together[name][:, k], one)
            assert one.any()
