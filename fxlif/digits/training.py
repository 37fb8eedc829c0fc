"""Trains a network of the digits: through the integers, or its float twin, in the same way."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from ..metrics import classes
from ..torch import IntegerNetwork, fast_sigmoid, with_gradient
from .data import Split, shifted
from .recipe import LEAK_SHIFT, V_THRESHOLD, Array, Recipe

WEIGHT_MAX = 127.0


class FloatTwin(nn.Module):
    """What :class:`~fxlif.torch.IntegerNetwork` is, without integers: in float64, nothing rounded.

    The same leak, threshold, range of weights and surrogate; :meth:`Recipe.network` makes the
    :class:`~fxlif.quantise.FloatNetwork` that spikes alike.
    """

    def __init__(self, recipe: Recipe) -> None:
        super().__init__()
        self.weights = nn.ParameterList(
            nn.Parameter(torch.zeros(shape)) for shape in pairwise(recipe.shapes)
        )
        self.slope = recipe.slope

    def forward(self, inputs: Tensor) -> list[Tensor]:
        """The spikes of each layer, (steps, batch, n) each, from those of the input."""
        v = [inputs.new_zeros((), dtype=torch.float64) for _ in self.weights]
        made: list[list[Tensor]] = [[] for _ in self.weights]
        for spikes in inputs.double():
            for k, weight in enumerate(self.weights):
                u = v[k] * (1 - 2.0**-LEAK_SHIFT) + spikes @ weight.double()
                smooth = fast_sigmoid(self.slope * (u - V_THRESHOLD) / V_THRESHOLD)
                fired = u >= V_THRESHOLD
                spikes = with_gradient(fired.double(), smooth)
                v[k] = torch.where(fired, 0.0, u)
                made[k].append(spikes)
        return [torch.stack(layer) for layer in made]

    def clip(self) -> None:
        """Bring the weights back into the range of the integers'."""
        with torch.no_grad():
            for weight in self.weights:
                weight.clamp_(-WEIGHT_MAX, WEIGHT_MAX)


def module_of(recipe: Recipe) -> FloatTwin | IntegerNetwork:
    """The module that is trained."""
    if recipe.weight_bits is None:
        return FloatTwin(recipe)
    return IntegerNetwork(
        recipe.shapes, recipe.neuron(), weight_shift=recipe.weight_shift, slope=recipe.slope
    )


def module_with(recipe: Recipe, weights: Sequence[Array]) -> FloatTwin | IntegerNetwork:
    """The module with these weights."""
    module = module_of(recipe)
    with torch.no_grad():
        for parameter, weight in zip(module.parameters(), weights, strict=True):
            parameter.copy_(torch.from_numpy(weight))
    return module


def weights_of(module: FloatTwin | IntegerNetwork) -> list[Array]:
    """What the hardware stores, int8; of the twin float32."""
    if isinstance(module, FloatTwin):
        return [w.detach().numpy().copy() for w in module.weights]
    return [linear.integers().detach().numpy().astype(np.int8) for linear, _ in module.layers()]


def right(module: nn.Module, recipe: Recipe, split: Split) -> Array:
    """Which images the module gets right, (k,): what the golden model says, to the image."""
    with torch.no_grad():
        output = module(torch.from_numpy(recipe.spikes(split[0])))[-1]
    found: Array = classes(output.sum(dim=0).numpy()) == split[1]
    return found


class Trained(NamedTuple):
    """The weights of the epoch that did best on the validation images, and that epoch."""

    weights: list[Array]
    validation: float
    epoch: int


def train(
    recipe: Recipe,
    training: Split,
    validation: Split,
    seed: int,
    told: Callable[[int, float], None] = lambda epoch, accuracy: None,
) -> Trained:
    """Train; ``seed`` draws the first weights, the order of the images and their shifts.

    ``told`` is called after each epoch, with its number and accuracy on the validation images.
    """
    torch.use_deterministic_algorithms(True)
    torch.set_num_threads(1)  # small tensors: threads wait for each other
    module = module_of(recipe)
    rng = np.random.default_rng(seed)
    torch.manual_seed(seed)
    unit = 1 << recipe.weight_shift
    with torch.no_grad():
        for weight in module.parameters():
            weight.copy_(recipe.initial / unit * torch.randn(weight.shape))
    optimiser = torch.optim.Adam(module.parameters(), lr=recipe.learning_rate / unit)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, recipe.epochs)
    best = Trained(weights_of(module), -1.0, 0)
    for epoch in range(1, recipe.epochs + 1):
        order = rng.permutation(len(training[0]))
        images = shifted(training[0][order], rng)
        inputs = torch.from_numpy(recipe.spikes(images)).float()
        labels = torch.from_numpy(training[1][order].astype(np.int64))
        for start in range(0, len(order), recipe.batch):
            batch = slice(start, start + recipe.batch)
            *hidden, output = (spikes.sum(dim=0) for spikes in module(inputs[:, batch]))
            loss = nn.functional.cross_entropy(output, labels[batch])
            for counts in hidden:
                loss = loss + recipe.spike_cost * counts.sum(dim=1).mean()
            optimiser.zero_grad()
            torch.autograd.backward(loss)
            optimiser.step()
            module.clip()
        schedule.step()
        accuracy = float(right(module, recipe, validation).mean())
        # Of equals the later epoch, which had the smaller steps.
        if accuracy >= best.validation:
            best = Trained(weights_of(module), accuracy, epoch)
        told(epoch, accuracy)
    return best
