"""Seconds of an epoch of training the digits network through the integers, beside snnTorch's Leaky.

    python tests/benchmarks/training.py [--epochs N] [--images N] [--compile]

Both take turns on the same spikes, with the same shapes (64-64-10), batches, loss and optimiser.
snntorch and torch must be installed; nothing else is.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Callable
from itertools import pairwise

import numpy as np
import torch

SHAPES, STEPS, BATCH = (64, 64, 10), 8, 32


def of_fxlif() -> tuple[torch.nn.Module, Callable[[torch.Tensor], torch.Tensor]]:
    """The integer network, and its output spikes (steps, batch, classes)."""
    from fxlif import NeuronParams
    from fxlif.torch import IntegerNetwork

    network = IntegerNetwork(SHAPES, NeuronParams(v_threshold=256))
    return network, lambda inputs: network(inputs)[-1]


def of_snntorch() -> tuple[torch.nn.Module, Callable[[torch.Tensor], torch.Tensor]]:
    """The same with snnTorch's Leaky, in float."""
    import snntorch

    layers = [torch.nn.Linear(a, b, bias=False) for a, b in pairwise(SHAPES)]
    gradient = snntorch.surrogate.fast_sigmoid(slope=4)
    neurons = [snntorch.Leaky(beta=15 / 16, spike_grad=gradient) for _ in layers]

    def run(inputs: torch.Tensor) -> torch.Tensor:
        states = [neuron.init_leaky() for neuron in neurons]
        out = []
        for spikes in inputs:
            for k, layer in enumerate(layers):
                spikes, states[k] = neurons[k](layer(spikes), states[k])
            out.append(spikes)
        return torch.stack(out)

    return torch.nn.ModuleList([*layers, *neurons]), run


def epoch(
    module: torch.nn.Module,
    run: Callable[[torch.Tensor], torch.Tensor],
    spikes: torch.Tensor,
    labels: torch.Tensor,
) -> float:
    """Seconds of one pass over all images, with its steps of the optimiser."""
    optimiser = torch.optim.Adam(module.parameters(), lr=0.01)
    start = time.perf_counter()
    for at in range(0, len(labels), BATCH):
        counts = run(spikes[:, at : at + BATCH]).sum(dim=0)
        loss = torch.nn.functional.cross_entropy(counts, labels[at : at + BATCH])
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    return time.perf_counter() - start


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--epochs", type=int, default=5, help="of each, in turns")
    parser.add_argument("--images", type=int, default=1200)
    parser.add_argument("--compile", action="store_true", help="torch.compile for fxlif's, too")
    given = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(1)
    draw = np.random.default_rng(1)
    spikes = torch.tensor(draw.random((STEPS, given.images, SHAPES[0])) < 0.3).float()
    labels = torch.tensor(draw.integers(0, SHAPES[-1], given.images))
    made = {"fxlif": of_fxlif(), "snntorch": of_snntorch()}
    if given.compile:
        network, _ = made["fxlif"]
        compiled = torch.compile(network)
        made["fxlif, compiled"] = network, lambda inputs: compiled(inputs)[-1]
    seconds: dict[str, list[float]] = {name: [] for name in made}
    for number in range(given.epochs + 1):
        for name, (module, run) in made.items():
            taken = epoch(module, run, spikes, labels)
            if number:  # the first one warms up
                seconds[name].append(taken)
    medians = {name: statistics.median(each) for name, each in seconds.items()}
    for name, median in medians.items():
        ends = f"{min(seconds[name]):.3f}..{max(seconds[name]):.3f}"
        print(f"{name}: {median:.3f} s an epoch of {given.images} images ({ends}, {given.epochs})")
    print(f"ratio: {medians['fxlif'] / medians['snntorch']:.2f} (at most 3)")
    return 0


if __name__ == "__main__":
    sys.exit(main())
