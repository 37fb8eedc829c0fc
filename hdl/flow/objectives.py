"""What a design takes on a device, by the estimate, as an objective of studies."""

from __future__ import annotations

from functools import lru_cache

from ...errors import FxlifError
from ...params.network import NetworkParams
from ...study.spec import RESOURCES
from ...study.subject import Objective
from ..limits import supported
from .estimate import estimate, model_of
from .place import CALLED
from .targets import target_of


@lru_cache(maxsize=4)  # of several resources of a design the first asks
def _taken(design: NetworkParams, target: str) -> dict[str, int]:
    return estimate(supported(design), target_of(target))


def objective(name: str, target: str) -> Objective:
    """How many of a resource of the device ``target`` a design takes; it also is a number where the
    device has too few.

    Raises:
        FxlifError: no such resource, or no such device, or one that has no estimate.
    """
    if name not in RESOURCES:
        raise FxlifError.unknown("name", "resource of a device", name, RESOURCES)
    device, kind = target_of(target), RESOURCES[name]
    model_of(device)
    return Objective(
        name=f"{name}_{target.replace('-', '_')}", title=f"{CALLED[kind]} on {target}",
        direction="minimize", available=device.resources.get(kind),
        measure=lambda design: _taken(design, target)[kind],
    )  # fmt: skip
