"""The projections of a network between its populations, their synapses drawn."""

from __future__ import annotations

from dataclasses import dataclass

from ..errors import FxlifError
from ..params.network import Graph, Population, Projection
from ..params.neuron import MAX_CURRENT_BITS
from ..params.quantise import accumulator_bits, signed_range
from ..params.sources import EventSource
from .synapses import Synapses
from .topology import synapses_of


@dataclass(frozen=True, eq=False)
class PlacedProjection:
    """A projection with its table of synapses.

    ``bits``: None where sums are exact. From an event source, whose spikes may be more than
    promised, the width of an accumulator of its own that saturates with every addition
    (docs/rule.md#accumulator).
    """

    projection: Projection
    synapses: Synapses
    bits: int | None

    @property
    def depth(self) -> int:
        """Steps that a spike may have to wait, and the one that is being summed."""
        return self.synapses.max_delay + 1

    @property
    def sum_range(self) -> tuple[int, int]:
        """Lowest and highest sum of weights into one neuron in one step, before the shift."""
        return self.synapses.weight_bounds() if self.bits is None else signed_range(self.bits)


def placed(graph: Graph) -> list[PlacedProjection]:
    """The projections of ``graph``, in its order, with their synapses.

    Raises:
        FxlifError: synapses that do not fit between the populations.
    """
    return [_place(graph, projection) for projection in graph.projections]


def _place(graph: Graph, projection: Projection) -> PlacedProjection:
    sizes = graph.sizes
    synapses = synapses_of(projection, sizes[projection.source], sizes[projection.target])
    source = next((s for s in graph.sources if s.name == projection.source), None)
    if not isinstance(source, EventSource):
        return PlacedProjection(projection, synapses, None)
    target = next(p for p in graph.populations if p.name == projection.target)
    bits = accumulator_bits(
        *synapses.weight_bounds(), events=source.max_events_per_input,
        weight_bits=target.neuron.weight_bits,
    )  # fmt: skip
    return PlacedProjection(projection, synapses, bits)


def synaptic_range(population: Population, projections: list[PlacedProjection]) -> tuple[int, int]:
    """Lowest and highest current that all synapses of ``population`` bring in one step.

    Raises:
        FxlifError: sums that could leave 48 bits, by the projection with which they do.
    """
    low = high = 0
    lowest, highest = signed_range(MAX_CURRENT_BITS)
    for k, placed_ in enumerate(projections):
        if placed_.projection.target != population.name:
            continue
        ends = placed_.sum_range
        low += ends[0] << placed_.projection.weight_shift
        high += ends[1] << placed_.projection.weight_shift
        if low < lowest or high > highest:
            raise FxlifError.must_be(
                f"projection[{k}]",
                f"such that the current into {population.name} stays within "
                f"{lowest}..{highest} ({MAX_CURRENT_BITS} bits)",
                (low, high),
                found=f"{low}..{high}",
            )
    return low, high
