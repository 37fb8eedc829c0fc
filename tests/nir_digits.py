"""The digits, trained in snnTorch and in Norse: the NIR files that docs/quantise.md imports.

    python tests/nir_digits.py FOLDER

needs the extra `peers-torch`, scikit-learn and fxlif, whose images, split and encoding these are.
Of each network FOLDER gets NAME.nir and NAME.npz: `last` (steps, images, 10), the spikes that the
package itself gives for the test images, in double precision; and `options`, with which
:func:`fxlif.nir.read` has to read the file, as JSON. Nothing is chosen on the test images.
"""

import json
import sys
from pathlib import Path

import nir
import norse.torch as norse
import numpy as np
import snntorch as snn
import torch
from norse.torch.module.lif_box import LIFBoxCell, LIFBoxParameters
from snntorch.export_nir import export_to_nir
from torch import nn

from fxlif.digits.data import split_digits
from fxlif.digits.recipe import RECIPES

#: Of the split: that of the shipped images.
SEED = 1
EPOCHS, BATCH = 40, 32


def spikes_of(images: np.ndarray) -> torch.Tensor:
    """(steps, images, 64)."""
    return torch.from_numpy(RECIPES["digits"].spikes(images)).float()


def trained(run, parameters, rate: float) -> None:
    """Train with the counts of the output's spikes as logits."""
    (images, labels), _, _ = split_digits(SEED)
    inputs, wanted = spikes_of(images), torch.from_numpy(labels.astype(np.int64))
    optimiser = torch.optim.Adam(parameters, lr=rate)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, EPOCHS)
    for _ in range(EPOCHS):
        for batch in torch.randperm(len(labels)).split(BATCH):
            loss = nn.functional.cross_entropy(run(inputs[:, batch]).sum(0), wanted[batch])
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
        schedule.step()


def digits_snntorch():
    def leaky(n: int) -> nn.Module:
        return snn.Leaky(
            beta=torch.full((n,), 0.9), threshold=torch.ones(n), init_hidden=True,
            reset_mechanism="subtract", spike_grad=snn.surrogate.fast_sigmoid(slope=5),
        )  # fmt: skip

    net = nn.Sequential(
        nn.Linear(64, 64, bias=False), leaky(64), nn.Linear(64, 10, bias=False), leaky(10)
    )

    def run(x: torch.Tensor) -> torch.Tensor:
        for layer in (net[1], net[3]):
            layer.reset_mem()
        spikes = []
        for step in x:
            for module in net:
                step = module(step).to(x.dtype)  # spikes of snnTorch are of single precision
            spikes.append(step)
        return torch.stack(spikes)

    trained(run, net.parameters(), 2e-3)
    graph = export_to_nir(net, torch.zeros(1, 64), ignore_dims=[0])
    return graph, net, run, {"convention": "snntorch", "dt": 1e-4, "reset": "subtract"}


def digits_norse():
    def box(n: int) -> nn.Module:
        values = {"tau_mem_inv": 100.0, "v_th": 0.3, "v_leak": 0.0}
        given = {key: torch.full((n,), value) for key, value in values.items()}
        return LIFBoxCell(LIFBoxParameters(**given, alpha=torch.tensor(5.0)))

    net = norse.SequentialState(
        nn.Linear(64, 64, bias=False), box(64), nn.Linear(64, 10, bias=False), box(10)
    )

    def run(x: torch.Tensor) -> torch.Tensor:
        state, spikes = None, []
        for step in x:
            step, state = net(step, state)
            spikes.append(step)
        return torch.stack(spikes)

    trained(run, net.parameters(), 5e-3)
    graph = norse.to_nir(net, torch.zeros(64), dt=1)
    return graph, net, run, {"convention": "norse", "dt": 1e-3}


NETWORKS = (digits_snntorch, digits_norse)


def main(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(1)
    _, validation, (images, labels) = split_digits(SEED)
    for network in NETWORKS:
        torch.manual_seed(1)
        graph, net, run, options = network()
        nir.write(folder / f"{network.__name__}.nir", graph, compression=None)
        net.double()
        with torch.no_grad():
            seen = run(spikes_of(validation[0]).double()).sum(0).argmax(1).numpy()
            last = run(spikes_of(images).double())
        right = last.sum(0).argmax(1).numpy() == labels
        np.savez_compressed(
            folder / f"{network.__name__}.npz", last=last.numpy().astype(np.bool_),
            options=json.dumps(options),
        )  # fmt: skip
        print(
            f"{network.__name__}: validation {(seen == validation[1]).mean():.2%}, "
            f"test {right.mean():.2%}, {last.sum() / len(images):.1f} spikes of an image"
        )


if __name__ == "__main__":
    main(Path(sys.argv[1]))
