"""The projections of a network between its populations, their synapses drawn."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from .. import memory
from ..arrays import count_of, integer
from ..errors import FxlifError
from ..params.core import any_weights
from ..params.network import Graph, Population, Projection
from ..params.neuron import MAX_CURRENT_BITS
from ..params.quantise import accumulator_bits, signed_range
from ..params.sources import EventSource
from ..rule.step import STATE_BYTES
from .sources import noise_table
from .synapses import Synapses, pair
from .topology import synapses_of, table_bytes


@dataclass(frozen=True, eq=False)
class PlacedProjection:
    """A projection with its table of synapses.

    ``bits``: None where sums are exact. From an event source, whose spikes may be more than
    promised, the width of an accumulator of its own that saturates with every addition
    (docs/rule.md#accumulator). ``per_event``: the target takes its events one by one, so that
    there is no sum. ``most``: the spikes that one neuron of the source may send in one step, where
    they are summed exactly. ``ends``: the lowest and the highest sum of the weights into a neuron,
    where they can be written.
    """

    projection: Projection
    synapses: Synapses
    bits: int | None
    per_event: bool
    most: int = 1
    ends: tuple[int, int] | None = None

    @property
    def depth(self) -> int:
        """Steps that a spike may have to wait, and the one that is being summed."""
        return self.synapses.max_delay + 1

    @property
    def sum_range(self) -> tuple[int, int]:
        """Lowest and highest sum of weights into one neuron in one step, before the shift."""
        if self.bits is not None:
            return signed_range(self.bits)
        low, high = self.ends or self.synapses.weight_bounds()
        return low * self.most, high * self.most


def placed(graph: Graph) -> list[PlacedProjection]:
    """The projections of ``graph``, in its order, with their synapses.

    Raises:
        FxlifError: synapses that do not fit between the populations, or, with all the neurons, in
            memory; that is found before any of them is drawn.
    """
    _all_fit(graph)
    return [_place(graph, projection) for projection in graph.projections]


def _all_fit(graph: Graph) -> None:
    """Raise unless all neurons and synapses of ``graph`` are likely to fit in memory."""
    sizes = graph.sizes
    # Of a neuron the state, its threshold and what is still to arrive.
    parts = [
        (f"population[{k}].n", part.n * (STATE_BYTES + 8 + 8), count_of(part.n, "neuron"))
        for k, part in enumerate(graph.populations)
    ]
    for k, each in enumerate(graph.projections):
        n_pre, n_post = sizes[each.source], sizes[each.target]
        what = f"the synapses of {n_pre:,} x {n_post:,} neurons"
        parts.append((f"projection[{k}]", table_bytes(each, n_pre, n_post), what))
    if sum(needed for _, needed, _ in parts) < memory.SMALL:
        return
    room, needed = memory.available(), 0
    for key, own, what in parts:
        before = f"{what}, with all before them" if 20 * needed > own else what
        needed += own
        memory.must_fit(key, needed, before, room)


def _place(graph: Graph, projection: Projection) -> PlacedProjection:
    sizes = graph.sizes
    synapses = synapses_of(projection, sizes[projection.source], sizes[projection.target])
    parts: dict[str, Any] = {part.name: part for part in (*graph.sources, *graph.populations)}
    source, target = parts[projection.source], parts[projection.target]
    if target.neuron.accumulate == "per_event":
        return PlacedProjection(projection, synapses, None, per_event=True)
    ends = None
    if "weights" in target.writable:
        ends = any_weights(synapses.most_into_one(), target.neuron.weight_bits)
    if not isinstance(source, EventSource):
        most = source.neuron.max_spikes_per_step if isinstance(source, Population) else 1
        return PlacedProjection(projection, synapses, None, per_event=False, most=most, ends=ends)
    bits = accumulator_bits(
        *(ends or synapses.weight_bounds()), events=source.max_events_per_input,
        weight_bits=target.neuron.weight_bits,
    )  # fmt: skip
    return PlacedProjection(projection, synapses, bits, per_event=False, ends=ends)


def weight_at(
    graph: Graph, projections: list[PlacedProjection], where: str | int, value: int, at: Any
) -> tuple[int, int, int]:
    """The number of a projection, the entry of its synapse ``at`` (pre, post), and ``value`` as its
    weight: ``where`` is the number, or the population that it alone goes to.

    Raises:
        FxlifError: weights that cannot be written, a synapse that is not there, a weight that is
            not stored.
    """
    into = {k: each.projection.target for k, each in enumerate(projections)}
    writable = {p.name: p for p in graph.populations if "weights" in p.writable}
    if isinstance(where, str):
        if where not in writable:
            allowed = "one whose weights are writable"
            raise FxlifError.must_be("population", allowed, where)
        found = [k for k, target in into.items() if target == where]
        if len(found) != 1:
            allowed = f"the number of a projection ({len(found)} go to {where})"
            raise FxlifError.must_be("population", allowed, where)
        (k,) = found
    else:
        k = integer("projection", where, 0, len(into) - 1, what="the index of a projection, ")
        if into[k] not in writable:
            allowed = "one to a population whose weights are writable"
            raise FxlifError.must_be("projection", allowed, k)
    synapses = projections[k].synapses
    pre, post = pair("at", at, "(pre, post)")
    pre = integer("at[0]", pre, 0, synapses.n_pre - 1, what="a source neuron, ")
    post = integer("at[1]", post, 0, synapses.n_post - 1, what="a neuron, ")
    bits = writable[into[k]].neuron.weight_bits
    given = integer("value", value, *signed_range(bits), what=f"{bits} bits, ")
    place = synapses.place(pre, post)
    if place is None:
        raise FxlifError.must_be("at", f"a synapse of projection[{k}]", (pre, post))
    return k, place, given


def reweighted(
    placed_: PlacedProjection, entries: list[int], values: list[int]
) -> PlacedProjection:
    """A projection with other weights at some entries, one after the other; those who share its
    table keep theirs."""
    synapses = placed_.synapses
    weights = np.array(np.broadcast_to(synapses.weights, synapses.count), dtype=np.int32)
    weights[entries] = values
    return replace(placed_, synapses=replace(synapses, weights=weights))


def synaptic_range(population: Population, projections: list[PlacedProjection]) -> tuple[int, int]:
    """Lowest and highest current that noise and all synapses bring ``population`` in one step,
    summed.

    Events that are taken one by one are in no sum.

    Raises:
        FxlifError: sums that could leave 48 bits, by the noise or projection with which they do.
    """
    brought = [
        (f"{population.name}.noise[{k}]", noise_table(noise).ends)
        for k, noise in enumerate(population.noise)
    ]
    for k, placed_ in enumerate(projections):
        if placed_.projection.target == population.name and not placed_.per_event:
            lowest, highest = placed_.sum_range
            shift = placed_.projection.weight_shift
            brought.append((f"projection[{k}]", (lowest << shift, highest << shift)))
    low = high = 0
    lowest, highest = signed_range(MAX_CURRENT_BITS)
    for key, ends in brought:
        low, high = low + min(ends[0], 0), high + max(ends[1], 0)
        if low < lowest or high > highest:
            raise FxlifError.must_be(
                key,
                f"such that the current into {population.name} stays within "
                f"{lowest}..{highest} ({MAX_CURRENT_BITS} bits)",
                (low, high),
                found=f"{low}..{high}",
            )
    return low, high


def table_rows(graph: Graph, projections: list[PlacedProjection]) -> list[tuple[str, int, str]]:
    """Each part of a network as a row for people: its name, its neurons or synapses, parameters."""
    sources = [(part.name, part.n, repr(part)) for part in graph.sources]
    populations = [(p.name, p.n, repr(p.neuron)) for p in graph.populations]
    joined = [
        (
            f"{each.projection.source} \N{RIGHTWARDS ARROW} {each.projection.target}",
            each.synapses.count,
            repr(each.projection.synapses),
        )
        for each in projections
    ]
    return [*sources, *populations, *joined]
