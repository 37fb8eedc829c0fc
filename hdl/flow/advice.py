"""What would make a design fit that does not."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from ...errors import FxlifError
from ...params.network import NetworkParams
from ...progress import SILENT, Progress
from ..limits import supported
from .estimate import estimate
from .place import CALLED, too_much
from .sweep import with_lanes
from .targets import TARGETS, Target


def what_would_fit(
    network: NetworkParams, target: Target, progress: Progress = SILENT
) -> Iterator[str]:
    """Texts: the most lanes and the most bits of a weight that fit by the estimate, if any do, and
    the smallest device of the family."""
    progress(f"{network.name}: what would fit")
    most = max([each.lanes for each in network.core] + [each.lanes for each in network.population])
    lanes = (most >> shift for shift in range(1, most.bit_length()))
    yield from _first(((f"lanes = {count}", with_lanes(network, count)) for count in lanes), target)
    yield from _first(_narrower(network), target)
    wanted = estimate(supported(network), target)
    for other in TARGETS.values():
        if other.family == target.family and other.placed and not too_much(wanted, other):
            yield f"target {other.name} ({_shown(wanted)})"
            return


def _narrower(network: NetworkParams) -> Iterator[tuple[str, NetworkParams]]:
    """The network with ever fewer bits for each weight; those that are larger are clipped."""
    widest = max(neuron.weight_bits for neuron in network.neurons)
    for bits in range(widest - 1, 1, -1):
        described = network.model_dump()
        for table in (*described["core"], *described["population"]):
            neuron = table["neuron"]
            neuron["weight_bits"] = min(bits, neuron["weight_bits"])
            if "weights" in table:
                table["clip_weights"] = True
        try:
            yield f"weight_bits = {bits}", NetworkParams.model_validate(described)
        except FxlifError:
            return  # weights of a projection are never clipped


def _first(tries: Iterator[tuple[str, NetworkParams]], target: Target) -> Iterator[str]:
    """The first of these networks that fits."""
    for name, network in tries:
        found = estimate(supported(network), target)
        if not too_much(found, target):
            yield f"{name} ({_shown(found)})"
            return


def _shown(found: Mapping[str, int]) -> str:
    return "about " + ", ".join(f"{count:,} {CALLED[kind]}" for kind, count in found.items())
