"""The networks that classify the digits: their parameters, and how many images they get right."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from ..metrics import classes
from ..network.events import image_counts
from ..network.model import Network
from ..params.core import CoreParams
from ..params.leaks import ShiftLeak
from ..params.network import NetworkParams
from ..params.neuron import NeuronParams
from ..quantise.network import FloatNetwork
from ..quantise.neuron import StepNeuron

Array = npt.NDArray[np.generic]

#: The value of a pixel that spikes in every step.
MAXIMUM = 16
N_INPUTS, N_CLASSES = 64, 10
#: The unit of thresholds, potentials and weights is the same for all bits: 1 LSB of 8-bit weights.
V_THRESHOLD = 256
LEAK_SHIFT = 4
#: Bits of the weights whose LSB is 1; narrower ones are shifted left, to the same range.
FULL_BITS = 8


def layer_names(count: int) -> tuple[str, ...]:
    """What the arrays of weights are called: ``hidden``, ``hidden_1``, ..., ``output``."""
    return *(f"hidden_{k}" if k else "hidden" for k in range(count - 1)), "output"


class Result(NamedTuple):
    """What :func:`evaluate` found; the counts are means per image."""

    accuracy: float
    input_events: float
    hidden_spikes: float
    output_spikes: float


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """A network of the digits, and how it is trained.

    Attributes:
        weight_bits: of its integer weights; None for float weights and neurons without rounding.
        hidden: how many neurons each hidden layer has.
        steps: how long an image is shown.
        epochs: how often the training sees all images; the best one on the validation images
            counts.
        learning_rate: of Adam, in LSB of 8 bits; it falls to 0 along a cosine.
        initial: standard deviation of the first weights, in the same unit.
        spike_cost: price of a hidden spike: each costs the next core a row of synapses.
        slope: steepness of the spike's stand-in gradient, per threshold.
        batch: images per step of the optimiser.
        lanes: of each core in hardware.
    """

    weight_bits: int | None = FULL_BITS
    hidden: tuple[int, ...] = (64,)
    steps: int = 8
    epochs: int = 120
    learning_rate: float = 2.0
    initial: float = 24.0
    spike_cost: float = 0.002
    slope: float = 4.0
    batch: int = 32
    lanes: tuple[int, ...] = (8, 2)

    @property
    def shapes(self) -> tuple[int, ...]:
        """The lines of the input, then the neurons of each layer."""
        return N_INPUTS, *self.hidden, N_CLASSES

    @property
    def weight_shift(self) -> int:
        """By how much sums of weights are shifted left, so that all bits span one range."""
        return 0 if self.weight_bits is None else FULL_BITS - self.weight_bits

    def neuron(self) -> NeuronParams:
        """The integer neuron of every layer."""
        bits = FULL_BITS if self.weight_bits is None else self.weight_bits
        return NeuronParams(leak=ShiftLeak(LEAK_SHIFT), v_threshold=V_THRESHOLD, weight_bits=bits)

    def float_network(self, weights: Sequence[Array]) -> FloatNetwork:
        """The network of float ``weights``, with the same leak and threshold."""
        decay = 1 - 2.0**-LEAK_SHIFT
        neuron = StepNeuron(decay=decay, v_threshold=V_THRESHOLD, tau_of="euler")
        return FloatNetwork.chain(weights, neuron, name="digits_float")

    def network(self, weights: Sequence[Array], name: str = "digits") -> NetworkParams:
        """The cores of integer ``weights``."""
        cores = [
            CoreParams(
                n_inputs=a, n_neurons=b, weights=np.asarray(w), neuron=self.neuron(),
                weight_shift=self.weight_shift,
            )
            for (a, b), w in zip(pairwise(self.shapes), weights, strict=True)
        ]  # fmt: skip
        return NetworkParams.chain(*cores, name=name)

    def spikes(self, images: npt.ArrayLike) -> npt.NDArray[np.int64]:
        """The spikes of images (k, 64) of 0..16, (steps, k, 64)."""
        return image_counts(images, self.steps, MAXIMUM).swapaxes(0, 1)

    def counts(
        self, weights: Sequence[Array], images: npt.ArrayLike
    ) -> list[npt.NDArray[np.int64]]:
        """The spikes of each neuron for each image, (k, n) of each layer, by the golden network.

        No training is needed for it, nor PyTorch; of float weights it is the float network's.
        """
        spikes = self.spikes(images)
        if self.weight_bits is None:
            made = self.float_network(weights).run({"input": spikes})
            return [layer.sum(axis=0) for layer in made.values()]
        events = spikes.swapaxes(0, 1)
        record = Network(self.network(weights)).run(events=events, batch=len(events))
        return [record.counts(f"core_{k}") for k in range(len(weights))]


def evaluate(
    recipe: Recipe, weights: Sequence[Array], images: npt.ArrayLike, labels: npt.ArrayLike
) -> Result:
    """How many of the images the network gets right, by the golden model."""
    counts = recipe.counts(weights, images)
    right = classes(counts[-1]) == np.asarray(labels)
    k = len(right)
    spikes = (int(recipe.spikes(images).sum()), sum(int(x.sum()) for x in counts[:-1]),
              int(counts[-1].sum()))  # fmt: skip
    return Result(float(right.mean()), *(x / k for x in spikes))


#: The float twin of the digits.
FLOAT = "digits_float"

#: All that can be trained, by name.
RECIPES = {
    "digits": Recipe(),
    **{f"digits_{bits}bit": Recipe(weight_bits=bits) for bits in range(7, 1, -1)},
    "digits_large": Recipe(hidden=(256,), steps=16, epochs=60, spike_cost=0.0005, lanes=(16, 2)),
    FLOAT: Recipe(weight_bits=None),
}
