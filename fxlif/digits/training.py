"""Trains a network of the digits: through the integers, or its float twin, in the same way."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from ..metrics import classes
from ..torch import IntegerNetwork, fast_sigmoid, with_gradient
from .data import Split, shifted
from .recipe import LEAK_SHIFT, MAXIMUM, V_THRESHOLD, Array, Recipe

WEIGHT_MAX = 127.0


class FloatTwin(nn.Module):
    """What :class:`~fxlif.torch.IntegerNetwork` is, without integers: in float64, nothing rounded.

    The same leak, threshold, range of weights and surrogate; :meth:`Recipe.float_network` makes the
    :class:`~fxlif.quantise.FloatNetwork` that spikes alike.
    """

    def __init__(self, recipe: Recipe, copies: int) -> None:
        super().__init__()
        self.weights = nn.ParameterList(
            nn.Parameter(torch.zeros((copies, *shape))) for shape in pairwise(recipe.shapes)
        )
        self.slope = recipe.slope

    def forward(self, inputs: Tensor) -> list[Tensor]:
        """The spikes of each layer, (steps, copies, batch, n) each, from those of the input."""
        matrices = [weight.double() for weight in self.weights]
        v = [inputs.new_zeros((), dtype=torch.float64) for _ in matrices]
        made: list[list[Tensor]] = [[] for _ in matrices]
        for spikes in inputs.double():
            for k, matrix in enumerate(matrices):
                u = v[k] * (1 - 2.0**-LEAK_SHIFT) + spikes @ matrix
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


def module_of(recipe: Recipe, copies: int) -> FloatTwin | IntegerNetwork:
    """So many networks side by side: inputs are (steps, copies, batch, 64)."""
    if recipe.weight_bits is None:
        return FloatTwin(recipe, copies)
    return IntegerNetwork(
        recipe.shapes, recipe.neuron(), weight_shift=recipe.weight_shift, slope=recipe.slope,
        copies=copies,
    )  # fmt: skip


def module_with(recipe: Recipe, weights: Sequence[Array]) -> FloatTwin | IntegerNetwork:
    """One network with these weights."""
    module = module_of(recipe, 1)
    with torch.no_grad():
        for parameter, weight in zip(module.parameters(), weights, strict=True):
            parameter[0] = torch.from_numpy(weight)
    return module


def weights_of(module: FloatTwin | IntegerNetwork, copy: int) -> list[Array]:
    """What the hardware stores, int8; of the twin float32."""
    if isinstance(module, FloatTwin):
        return [w[copy].detach().numpy().copy() for w in module.weights]
    return [
        linear.integers()[copy].detach().numpy().astype(np.int8) for linear, _ in module.layers()
    ]


def right(module: nn.Module, recipe: Recipe, splits: Sequence[Split]) -> Array:
    """Which images each network gets right, those of its split, (copies, k)."""
    inputs = np.stack([recipe.spikes(images) for images, _ in splits], axis=1)
    with torch.no_grad():
        counts = module(torch.from_numpy(inputs))[-1].sum(dim=0).numpy()
    found = [classes(each) == labels for each, (_, labels) in zip(counts, splits, strict=True)]
    return np.stack(found)


class Task(NamedTuple):
    """Images to train on and to choose the epoch with; ``seed`` draws everything else: the first
    weights, the order of the images and how each is moved."""

    training: Split
    validation: Split
    seed: int


class Trained(NamedTuple):
    """The weights of the epoch that did best on the validation images, and that epoch."""

    weights: list[Array]
    validation: float
    epoch: int


def started(recipe: Recipe, seeds: Sequence[int]) -> FloatTwin | IntegerNetwork:
    """Networks with their first weights."""
    module = module_of(recipe, len(seeds))
    unit = 1 << recipe.weight_shift
    with torch.no_grad():
        for copy, seed in enumerate(seeds):
            torch.manual_seed(seed)
            for weight in module.parameters():
                weight[copy] = recipe.initial / unit * torch.randn(weight.shape[1:])
    return module


def train(
    recipe: Recipe,
    tasks: Sequence[Task],
    told: Callable[[int, float], None] = lambda epoch, accuracy: None,
) -> list[Trained]:
    """Train a network for each task, all side by side: what comes of one depends on no other.

    ``told`` is called after each epoch, with its number and the mean accuracy on the validation
    images.
    """
    torch.use_deterministic_algorithms(True)
    torch.set_num_threads(1)  # small tensors: threads wait for each other
    module = started(recipe, [task.seed for task in tasks])
    draws = [np.random.default_rng(task.seed) for task in tasks]
    rate = recipe.learning_rate / (1 << recipe.weight_shift)
    optimiser = torch.optim.Adam(module.parameters(), lr=rate)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, recipe.epochs)
    best = [Trained([], -1.0, 0) for _ in tasks]
    for epoch in range(1, recipe.epochs + 1):
        for inputs, labels in batches(recipe, tasks, draws):
            *hidden, output = (spikes.sum(dim=0) for spikes in module(inputs))
            loss = nn.functional.cross_entropy(
                output.flatten(0, 1), labels.flatten(), reduction="none"
            )
            for counts in hidden:
                loss = loss + recipe.spike_cost * counts.sum(dim=2).flatten()
            optimiser.zero_grad()
            # The sum over the networks of each one's mean: their gradients are their own.
            torch.autograd.backward(loss.sum() / labels.shape[1])
            optimiser.step()
            module.clip()
        schedule.step()
        accuracies = right(module, recipe, [task.validation for task in tasks]).mean(axis=1)
        for copy, accuracy in enumerate(accuracies):
            # Of equals the later epoch, which had the smaller steps.
            if accuracy >= best[copy].validation:
                best[copy] = Trained(weights_of(module, copy), float(accuracy), epoch)
        told(epoch, float(accuracies.mean()))
    return best


def batches(
    recipe: Recipe, tasks: Sequence[Task], draws: Sequence[np.random.Generator]
) -> Iterator[tuple[Tensor, Tensor]]:
    """The spikes (steps, copies, batch, 64) and labels (copies, batch) of an epoch."""
    # A table of what each value of a pixel does is quicker than to encode all images anew.
    values = np.arange(MAXIMUM + 1)[:, np.newaxis]
    table = torch.from_numpy(recipe.spikes(values)[:, :, 0]).float()
    moved, labels = [], []
    for task, draw in zip(tasks, draws, strict=True):
        order = draw.permutation(len(task.training[0]))
        moved.append(shifted(task.training[0][order], draw))
        labels.append(task.training[1][order].astype(np.int64))
    images, wanted = np.stack(moved).astype(np.int64), torch.from_numpy(np.stack(labels))
    for start in range(0, wanted.shape[1], recipe.batch):
        part = slice(start, start + recipe.batch)
        yield table[:, torch.from_numpy(images[:, part])], wanted[:, part]
