"""How right a design is on labelled samples, beside the float network that it was made of."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from ..arrays import integers, within
from ..batch.labelled import Labelled, output_spikes
from ..errors import FxlifError
from ..metrics import Accuracy, accuracy
from ..notebook import text_table
from ..params.network import NetworkParams
from .network import FloatNetwork


class Compared(NamedTuple):
    """Parts of the samples, each with its confidence interval.

    Attributes:
        float: those that the float network gets right.
        integers: those that the integers get right.
        same: those with output spikes that are the same in every step.
        samples: how many there are.
    """

    float: Accuracy
    integers: Accuracy
    same: Accuracy
    samples: int

    def report(self) -> str:
        """The three as text."""
        named = (("right in float", self.float), ("right in integers", self.integers),
                 ("all output spikes as in float", self.same))  # fmt: skip
        rows = ((what, f"{a.mean:.2%}", f"{a.low:.1%} .. {a.high:.1%}") for what, a in named)
        return text_table(((f"of {self.samples:,} samples", "", "95 % interval"), *rows), left=1)


def compare(
    network: FloatNetwork, design: NetworkParams, spikes: npt.ArrayLike, labels: npt.ArrayLike
) -> Compared:
    """What a float network and the integers made of it do on labelled samples.

    The class of a sample is the neuron of the last group with the most spikes, the lowest index
    among equals.

    Args:
        network: with one input.
        design: the same in integers.
        spikes: how often each input spikes, (steps, samples, n).
        labels: a neuron of the last group, (samples,).

    Raises:
        FxlifError: arrays of other shapes or out of range; a last group that never spikes.
    """
    last = design.graph.populations[-1]
    if len(network.inputs) != 1:
        raise FxlifError.must_be("network", "of one input", list(network.inputs))
    if not next(group for group in network.groups if group.name == last.name).fires:
        allowed = "a group that spikes: only its spikes say a class"
        read = f"{last.name}, which is read by its membrane"
        raise FxlifError.must_be("last group", allowed, last.name, found=read)
    ((name, n),) = network.inputs.items()
    given = integers("spikes", spikes, booleans=True)
    if given.ndim != 3 or given.shape[2] != n or not given.size:
        allowed, shape = f"of shape (steps, samples, {n})", given.shape
        raise FxlifError.must_be("spikes", allowed, shape)
    found = within("labels", integers("labels", labels), 0, last.n - 1)
    if found.shape != given.shape[1:2]:
        raise FxlifError.must_be("labels", f"of shape {given.shape[1:2]}", found.shape)
    labelled = Labelled(spikes=given.astype(np.int64), labels=found.astype(np.int64))
    wanted, made = network.run({name: given})[last.name], output_spikes(design, labelled)
    of = len(found)
    return Compared(
        accuracy(labelled.right(wanted.sum(axis=0)), of),
        accuracy(labelled.right(made.sum(axis=0)), of),
        accuracy(int((wanted == made).all(axis=(0, 2)).sum()), of),
        of,
    )
