"""What a design takes on a device, estimated in about a second, without the tools of the device.

The block memories follow from their depths and widths. LUTs and flip-flops are sums of what the
netlist is made of (:mod:`fxlif.hdl.flow.features`), each with a factor that was fitted to designs
that were synthesised and packed: ``tests/benchmarks/fpga_estimate.py`` fits them, and prints how
far they are off designs that they were not fitted to. They are fitted to cores, chains and networks
of cores that read rows, events one by one among them; to no tops of buses and boards, and to no
single neurons.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from ...errors import FxlifError
from ...params.network import NetworkParams
from ...params.protocol import AnyParams
from ..limits import supported
from .features import features_of
from .targets import CALLED, Target, target_of

if TYPE_CHECKING:
    from ...study.subject import Objective

#: Family → words of a block memory → bits of each, in all its shapes.
_SHAPES = {
    "ecp5": {512: 36, 1024: 18, 2048: 9, 4096: 4, 8192: 2, 16384: 1},
    "ice40": {256: 16, 512: 8, 1024: 4, 2048: 2},
}
FILE = "estimate.json"
KINDS = ("LUT", "FF")


@dataclass(frozen=True, kw_only=True)
class Model:
    """What was fitted to one family: ``factors``, kind of resource → feature → factor; how many
    designs it was ``fitted`` to, by which ``command``; ``errors``, relative, those of the LUTs of
    random designs by factors that were fitted to all the others; ``fresh``, by the factors as they
    are, those of designs that were drawn when they had been fitted."""

    factors: Mapping[str, Mapping[str, float]]
    fitted: int
    errors: tuple[float, ...]
    command: str = ""
    fresh: tuple[float, ...] = ()

    @property
    def said(self) -> str:
        """How good it is."""
        said = (
            f"an estimate, fitted to {self.fitted} designs; the LUTs of {len(self.errors)} random "
            f"ones, each by a fit to the others, were off by {_spread(self.errors)}"
        )
        if not self.fresh:
            return f"{said}; too few others were tried to tell"
        return f"{said}; those of {len(self.fresh)} drawn afterwards by {_spread(self.fresh)}"


def _spread(errors: Sequence[float]) -> str:
    """How large these errors are."""
    sizes = sorted(map(abs, errors))
    within = sum(size <= 0.15 for size in sizes)
    return (
        f"{sizes[len(sizes) // 2]:.0%} in the median, {sizes[-1]:.0%} at most, and {within} of "
        "them within 15%"
    )


@cache
def models() -> dict[str, Model]:
    """Family → what was fitted to it."""
    found: dict[str, dict[str, Any]] = json.loads((files(__package__) / FILE).read_text())
    return {
        family: Model(
            **{**each, "errors": tuple(each["errors"]), "fresh": tuple(each.get("fresh", ()))}
        )
        for family, each in found.items()
    }


def blocks_of(memories: Sequence[tuple[int, int]], family: str) -> int:
    """How many block memories those of these depths and widths take."""
    return sum(
        min(-(-depth // words) * -(-width // bits) for words, bits in _SHAPES[family].items())
        for depth, width in memories
    )


def weighted(bits: Mapping[str, int], factors: Mapping[str, float]) -> int:
    """The sum of all features, each with its factor; ``one`` is 1 of each core."""
    return max(0, round(sum(factor * bits.get(name, 0) for name, factor in factors.items())))


def model_of(target: Target) -> Model:
    """What was fitted to the family of a device.

    Raises:
        FxlifError: nothing was.
    """
    if target.family not in models():
        allowed = f"of a family whose estimate was fitted ({', '.join(models())})"
        raise FxlifError.must_be("target", allowed, target.name)
    return models()[target.family]


def estimate(design: AnyParams, target: Target) -> dict[str, int]:
    """Resource → how many of it the design takes on the device, about; block memories alone where
    nothing was fitted to its family.

    ``design``: what the hardware is made from (:func:`fxlif.hdl.limits.supported`).
    """
    model = models().get(target.family)
    bits, memories = features_of(design)
    found = {} if model is None else {kind: weighted(bits, model.factors[kind]) for kind in KINDS}
    return {**found, "RAM": blocks_of(memories, target.family)}


@lru_cache(maxsize=4)  # of several resources of a design the first asks
def _taken(design: NetworkParams, target: str) -> dict[str, int]:
    return estimate(supported(design), target_of(target))


def objective(name: str, target: str) -> Objective:
    """How many of a resource of the device ``target`` a design takes; it also is a number where the
    device has too few.

    Raises:
        FxlifError: no such resource, or no such device, or one that has no estimate.
    """
    # Packages of studies, which a mere estimate needs none of.
    from ...study.spec import RESOURCES
    from ...study.subject import Objective

    if name not in RESOURCES:
        raise FxlifError.unknown("name", "resource of a device", name, RESOURCES)
    device, kind = target_of(target), RESOURCES[name]
    model_of(device)
    return Objective(
        name=f"{name}_{target.replace('-', '_')}", title=f"{CALLED[kind]} on {target}",
        direction="minimize", available=device.resources.get(kind),
        measure=lambda design: _taken(design, target)[kind],
    )  # fmt: skip
