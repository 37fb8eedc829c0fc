"""The digits, trained in snnTorch by docs/tutorial.md, and in Norse: the NIR files of the pages.

    python tests/nir_digits.py FOLDER

needs the extra `peers-torch`, scikit-learn and fxlif, whose images and split these are. Of each
network FOLDER gets NAME.nir and NAME.npz: `last` (steps, images, 10), the spikes that the package
itself gives for the test images, in double precision; and `options`, with which
:func:`fxlif.nir.read` has to read the file, as JSON. Nothing is chosen on the test images.
"""

import json
import os
import re
import sys
from importlib.resources import files
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import nir
import norse.torch as norse
import numpy as np
import torch
from norse.torch.module.lif_box import LIFBoxCell, LIFBoxParameters
from torch import nn

from fxlif.digits import test_set
from fxlif.digits.data import split_digits
from fxlif.digits.recipe import RECIPES

#: Of the split: that of the shipped images.
SEED = 1
EPOCHS, BATCH = 40, 32


def digits_snntorch():
    """By the first example of the tutorial, in the folder at hand."""
    page = (files("fxlif") / "docs" / "tutorial.md").read_text()
    made: dict[str, Any] = {}
    exec(re.findall(r"(?ms)^```python\n(.*?)^```$", page)[0], made)
    net = made["net"]

    def run(x: torch.Tensor) -> torch.Tensor:
        spikes = []
        for layer in (net[1], net[3]):
            layer.reset_mem()
        for step in x:
            for module in net:
                step = module(step).to(x.dtype)  # spikes of snnTorch are of single precision
            spikes.append(step)
        return torch.stack(spikes)

    graph = nir.read("net.nir")
    return graph, net, run, {"convention": "snntorch", "dt": 1e-4, "reset": "subtract"}


def spikes_of(images: np.ndarray) -> torch.Tensor:
    """(steps, images, 64)."""
    return torch.from_numpy(RECIPES["digits"].spikes(images)).float()


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

    (images, labels), _, _ = split_digits(SEED)
    inputs, wanted = spikes_of(images), torch.from_numpy(labels.astype(np.int64))
    optimiser = torch.optim.Adam(net.parameters(), lr=5e-3)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, EPOCHS)
    for _ in range(EPOCHS):
        for batch in torch.randperm(len(labels)).split(BATCH):
            loss = nn.functional.cross_entropy(run(inputs[:, batch]).sum(0), wanted[batch])
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
        schedule.step()
    graph = norse.to_nir(net, torch.zeros(64), dt=1)
    return graph, net, run, {"convention": "norse", "dt": 1e-3}


NETWORKS = (digits_snntorch, digits_norse)


def main(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    folder = folder.resolve()
    torch.set_num_threads(1)
    spikes, labels = test_set()
    inputs = torch.from_numpy(spikes).double()
    with TemporaryDirectory() as here:
        os.chdir(here)
        for network in NETWORKS:
            torch.manual_seed(1)
            graph, net, run, options = network()
            nir.write(folder / f"{network.__name__}.nir", graph, compression=None)
            net.double()
            with torch.no_grad():
                last = run(inputs)
            np.savez_compressed(
                folder / f"{network.__name__}.npz", last=last.numpy().astype(np.bool_),
                options=json.dumps(options),
            )  # fmt: skip
            right = (last.sum(0).argmax(1).numpy() == labels).mean()
            each = last.sum() / len(labels)
            print(f"{network.__name__}: {right:.2%} of the test, {each:.1f} spikes of an image")
        with np.load("test.npz") as tutorial:  # whose test images are the shipped ones
            np.testing.assert_array_equal(tutorial["spikes"], spikes)
            np.testing.assert_array_equal(tutorial["labels"], labels)
        os.chdir(folder)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
