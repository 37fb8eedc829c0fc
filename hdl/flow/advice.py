"""What would make a design fit that does not."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from ...errors import FxlifError
from ...params.network import NetworkParams
from ...progress import SILENT, Progress
from ..limits import supported, total_bits
from .estimate import estimate
from .place import can_hold
from .sweep import with_lanes
from .targets import CALLED, TARGETS, Target, too_much

#: Bits of the narrowest weight that is tried.
NARROWEST = 2


def what_would_fit(
    network: NetworkParams, target: Target, progress: Progress = SILENT
) -> Iterator[str]:
    """Texts: the most lanes and the most bits of a weight that fit by the estimate, if any do, and
    the smallest device of the family."""
    progress(f"{network.name}: what would fit")
    bits, widest = total_bits(supported(network)), max(n.weight_bits for n in network.neurons)
    # Memory does not shrink with lanes, and with narrower weights not more than these do.
    if can_hold(bits * NARROWEST // widest, target):
        yield from _smaller(network, target)
    family = (each for each in TARGETS.values() if each.family == target.family and each.placed)
    others = [each for each in family if can_hold(bits, each)]
    wanted = estimate(supported(network), target) if others else {}
    for other in others:
        if not too_much(wanted, other):
            yield f"target {other.name} ({_shown(wanted)})"
            return


def _smaller(network: NetworkParams, target: Target) -> Iterator[str]:
    """The most lanes and the most bits of a weight that fit, if any do."""
    most = max([each.lanes for each in network.core] + [each.lanes for each in network.population])
    lanes = (most >> shift for shift in range(1, most.bit_length()))
    yield from _first(((f"lanes = {count}", with_lanes(network, count)) for count in lanes), target)
    yield from _first(_narrower(network), target)


def _narrower(network: NetworkParams) -> Iterator[tuple[str, NetworkParams]]:
    """The network with ever fewer bits for each weight; those that are larger are clipped."""
    widest = max(neuron.weight_bits for neuron in network.neurons)
    for bits in range(widest - 1, NARROWEST - 1, -1):
        described = network.model_dump()
        for table in (*described["core"], *described["population"]):
            neuron = table["neuron"]
            neuron["weight_bits"] = min(bits, neuron["weight_bits"])
            if "weights" in table:
                table["clip_weights"] = True
        try:
            made = NetworkParams(**described)
        except FxlifError:
            return  # weights of a projection are never clipped
        yield f"weight_bits = {bits}", made


def _first(tries: Iterator[tuple[str, NetworkParams]], target: Target) -> Iterator[str]:
    """The first of these networks that fits."""
    for name, network in tries:
        design = supported(network)
        if not can_hold(total_bits(design), target):
            continue
        found = estimate(design, target)
        if not too_much(found, target):
            yield f"{name} ({_shown(found)})"
            return


def _shown(found: Mapping[str, int]) -> str:
    return "about " + ", ".join(f"{count:,} {CALLED[kind]}" for kind, count in found.items())
