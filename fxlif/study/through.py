"""Training through the integers, from the weights that a quantisation gave (extra ``torch``)."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ..arrays import Ints
from ..errors import FxlifError
from ..files import make_folder, read_arrays, whole_file
from ..network.projections import placed
from ..params.network import NetworkParams
from ..params.quantise import signed_range
from ..params.topology import Dense

#: How many samples are seen at once.
BATCH = 32
#: The first step of the optimiser, as a part of the largest weight; it falls to 0 along a cosine.
RATE = 1 / 64


class Samples(NamedTuple):
    """What is trained on: spikes (steps, samples, inputs), and labels (samples,)."""

    spikes: Ints
    labels: Ints


def trained(design: NetworkParams, samples: Samples, *, epochs: int, seed: int) -> NetworkParams:
    """The design with weights trained through its own rule; everything else stays.

    The counts of the output's spikes are the logits. ``seed`` draws the order of the samples; the
    same seed gives the same weights, on one machine.

    Raises:
        FxlifError: no chain of layers without delays; what :mod:`fxlif.torch` cannot train; torch
            is not installed.
    """
    layers = _layers(design)
    try:
        import torch

        from ..torch import IntegerNetwork
    except ModuleNotFoundError as error:
        raise FxlifError.not_installed(str(error.name), "'fxlif[torch]'") from None
    torch.use_deterministic_algorithms(True)
    torch.set_num_threads(1)  # small tensors: threads wait for each other, and others train beside
    populations = [design.graph.populations[k] for k in range(len(layers))]
    shapes = [len(layers[0]), *(p.n for p in populations)]
    shifts = [one.weight_shift for one in design.graph.projections]
    most = max(p.neuron.max_spikes_per_step for p in populations)
    wide = max(
        p.neuron.weight_bits + shift + (before * most).bit_length()
        for p, shift, before in zip(populations, shifts, shapes, strict=False)
    )
    module = IntegerNetwork(shapes, [p.neuron for p in populations], current_bits=wide)
    groups: list[dict[str, Any]] = []
    with torch.no_grad():
        for (linear, lif), p, weights, shift in zip(
            module.layers(), populations, layers, shifts, strict=True
        ):
            low, high = signed_range(p.neuron.weight_bits)
            linear.weight_shift, linear.ends = shift, (float(low), float(high))
            linear.weight.copy_(torch.from_numpy(weights))
            if p.v_thresholds is not None:
                lif.v_threshold.copy_(torch.tensor(p.v_thresholds))
            groups.append({"params": [linear.weight], "lr": max(1, high) * RATE})
    optimiser = torch.optim.Adam(groups)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, epochs)
    rng = np.random.default_rng(seed)
    for _ in range(epochs):
        order = rng.permutation(len(samples.labels))
        for begin in range(0, len(order), BATCH):
            chosen = order[begin : begin + BATCH]
            output = module(torch.from_numpy(samples.spikes[:, chosen]))[-1].sum(dim=0)
            wanted = torch.from_numpy(samples.labels[chosen])
            loss = torch.nn.functional.cross_entropy(output, wanted)
            optimiser.zero_grad()
            torch.autograd.backward(loss)
            optimiser.step()
            module.clip()
        schedule.step()
    made = [linear.integers().detach().numpy() for linear, _ in module.layers()]
    return with_weights(design, [matrix.astype(np.int64) for matrix in made])


def _layers(design: NetworkParams) -> list[Ints]:
    """The weights of a chain of layers, each (n before, n of it), in order."""
    graph = design.graph
    before = graph.sources[0].name
    made = []
    if len(graph.sources) != 1 or len(graph.projections) != len(graph.populations):
        raise _no_chain("sources, or connections beside a chain's")
    for one, p in zip(placed(graph), graph.populations, strict=True):
        projection = one.projection
        if (projection.source, projection.target) != (before, p.name):
            raise _no_chain(f"{projection.source} -> {projection.target}")
        if projection.delay_range != (0, 0):
            raise _no_chain("delays")
        made.append(one.synapses.dense())
        before = p.name
    return made


def _no_chain(found: str) -> FxlifError:
    allowed = "post where the network is no chain of layers without delays and biases of their own"
    return FxlifError.must_be("training", allowed, "through", found=f"through: {found}")


def with_weights(design: NetworkParams, weights: list[Ints]) -> NetworkParams:
    """The design of a chain with other weights."""
    projections = [
        one.model_copy(update={"synapses": Dense(weights=matrix)})
        for one, matrix in zip(design.projection, weights, strict=True)
    ]
    fields = {name: getattr(design, name) for name in design.model_fields_set}
    return NetworkParams(**{**fields, "projection": tuple(projections)})


def write_weights(path: Path, design: NetworkParams) -> None:
    """Keep the weights of a chain, of 8 bits where they fit."""
    make_folder(path.parent)
    arrays: dict[str, Any] = {}
    for k, matrix in enumerate(_layers(design)):
        narrow = matrix.min() >= -128 and matrix.max() <= 127
        arrays[f"layer_{k}"] = matrix.astype(np.int8 if narrow else np.int16)
    with whole_file(path) as temporary:
        np.savez(temporary, **arrays)


def read_weights(path: Path, design: NetworkParams) -> NetworkParams:
    """The design with the weights of :func:`write_weights`.

    Raises:
        FxlifError: another file.
    """
    names = [f"layer_{k}" for k in range(len(design.projection))]
    arrays = read_arrays(path, names)
    try:
        return with_weights(design, [arrays[name].astype(np.int64) for name in names])
    except FxlifError as error:
        raise error.inside(path) from None
