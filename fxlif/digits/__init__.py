"""The shipped networks of the digits: they read 8x8 handwritten digits (docs/networks.md)."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import FxlifError

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from ..params.network import NetworkParams
    from ..quantise.network import FloatNetwork

#: The design file of 64-64-10 neurons and 8-bit weights; they and its test images lie beside it.
DESIGN = Path(__file__).with_name("design.toml")
#: All shipped design files, by name.
DESIGNS = {
    "digits": DESIGN,
    **{
        name: DESIGN.with_name(f"{name}.toml")
        for name in ("digits_4bit", "digits_2bit", "digits_large")
    },
}


def test_set() -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """The test images as spikes, (8, 360, 64) counts, and their labels, (360,).

    ``Network(DESIGN).run(events=spikes.swapaxes(0, 1), batch=360)`` takes them all, as does
    ``float_network().run({"input": spikes})``, and each of them a single one, ``spikes[:, k]``. No
    choice was made with these images: whoever makes one states no accuracy on them any more.
    """
    from ..files import read_arrays
    from .recipe import RECIPES

    arrays = read_arrays(DESIGN.with_name("digits.npz"), ("images", "labels"))
    return RECIPES["digits"].spikes(arrays["images"]), arrays["labels"].astype("int64")


def float_network() -> FloatNetwork:
    """The float twin: the same network, trained in the same way, without rounding anywhere."""
    from ..files import read_arrays
    from .recipe import FLOAT, RECIPES, layer_names

    names = layer_names(2)
    arrays = read_arrays(DESIGN.with_name(f"{FLOAT}.npz"), names)
    return RECIPES[FLOAT].float_network([arrays[name] for name in names])


#: Weights of each network were trained from these seeds, on the same split of the images.
SEEDS = range(1, 6)


def trained(weight_bits: int | None, seed: int) -> NetworkParams | FloatNetwork:
    """64-64-10 neurons with weights of so many bits, trained through the integers from a seed of
    :data:`SEEDS`; with None their float twin.

    All were trained on the images that the shipped networks were trained on, so that
    :func:`test_set` is new to each.

    Raises:
        FxlifError: bits that are not shipped, or another seed.
    """
    from ..files import read_arrays
    from .recipe import FLOAT, RECIPES, layer_names

    arrays = read_arrays(DESIGN.with_name("seeds.npz"))
    there = {RECIPES[key.split(".")[0]].weight_bits: key.split(".")[0] for key in arrays}
    if weight_bits not in there:
        bits = ", ".join(str(each) for each in there if each)
        raise FxlifError.must_be("weight_bits", f"{bits}, or None for the float twin", weight_bits)
    if seed not in SEEDS:
        raise FxlifError.must_be("seed", f"{SEEDS[0]}..{SEEDS[-1]}", seed)
    name = there[weight_bits]
    weights = [arrays[f"{name}.{layer}"][SEEDS.index(seed)] for layer in layer_names(2)]
    if name == FLOAT:
        return RECIPES[name].float_network(weights)
    return RECIPES[name].network(weights, name)
