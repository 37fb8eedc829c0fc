"""What stays the same from run to run of one network in compiled code.

The synapses of all projections stand in a few arrays, one after the other, and a table says where
each begins (:mod:`fxlif.compiled.network_loop` has the records). With several threads each owns a
range of the neurons of every part and all that arrives there, so that nothing is added by two.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any, assert_never

import numpy as np
import numpy.typing as npt

from ..engines import share_out
from ..memory import must_fit
from ..network.sources import limit, mix, phases
from ..network.writes import NO_ROOM, Room
from ..params.quantise import signed_range
from ..params.sources import EventSource, PoissonSource, RegularSource, Source
from .jit import threaded
from .network_tables import (
    GIVEN,
    LINK,
    NONE,
    PART,
    POISSON,
    POPULATION,
    RECEIVER,
    REGULAR,
    SHARE,
    set_fields,
)
from .neuron_step import address, element, received, state_type
from .noise import noise_of

if TYPE_CHECKING:
    from ..network.projections import PlacedProjection
    from ..network.synapses import Synapses
    from ..params.network import Graph
    from .protocols import Emulated

Ints = npt.NDArray[np.int64]


def _offsets(lengths: list[int]) -> list[int]:
    """Where each of some stretches begins in the array that holds them all, and where it ends."""
    ends: list[int] = np.concatenate([[0], np.cumsum(lengths, dtype=np.int64)]).tolist()
    return ends


@threaded
def row_cuts(indptr: Any, targets: Any, bounds: Any, cuts: Any) -> None:
    """Where in each row the targets of each thread begin: ``cuts`` (threads + 1, rows)."""
    for row in range(len(indptr) - 1):
        for k in range(len(bounds)):
            low, high = indptr[row], indptr[row + 1]
            while low < high:
                middle = (low + high) // 2
                if targets[middle] < bounds[k]:
                    low = middle + 1
                else:
                    high = middle
            cuts[k, row] = low


def levels_of(graph: Graph, projections: list[PlacedProjection]) -> dict[str, int]:
    """By source and population: 0, or one more than the highest that reaches it without delay."""
    at_once: dict[str, set[str]] = {}
    for link in projections:
        if link.synapses.count and link.synapses.min_delay == 0:
            at_once.setdefault(link.projection.target, set()).add(link.projection.source)
    levels = {source.name: 0 for source in graph.sources}
    for name in graph.order:
        levels[name] = max((levels[b] for b in at_once.get(name, ())), default=-1) + 1
    return levels


class ExecutionPlan:
    """The tables of one network that runs on so many threads.

    ``names``: its parts, in the order in which they are updated; ``places``: each one's number.
    ``parts``, ``shares``, ``links``: tables of :data:`PART`, :data:`SHARE`, :data:`LINK`;
    ``receivers``: of :data:`RECEIVER`; ``first_projections``: by link, the number of its first
    projection. ``codes``: of all synapses
    where each adds, a place in a row of what is pending, with delays of its own
    ``delay * width + place``. All populations stand side by side in such a row, ``pending_at`` says
    where; there are ``depth`` rows of ``width``.
    """

    def __init__(self, network: Emulated, threads: int, room: Room = NO_ROOM) -> None:
        self.threads = threads
        graph = network.graph
        levels = levels_of(graph, network.projections)
        everything = {part.name: part for part in (*graph.sources, *graph.populations)}
        self.names = sorted(everything, key=lambda name: levels[name])
        self.places = {name: p for p, name in enumerate(self.names)}
        sizes = [everything[name].n for name in self.names]
        widths = [p.n for p in graph.populations]
        names = [p.name for p in graph.populations]
        self.pending_at = dict(zip(names, _offsets(widths), strict=False))
        self.width = sum(widths)
        summed = [link for link in network.projections if link.bits is None and not link.per_event]
        self.depth = max([1, *(link.depth for link in summed)])
        self.neurons = sum(sizes)
        self._held: list[npt.NDArray[Any]] = []  # arrays whose addresses stand in the tables
        self.parts = np.zeros(len(sizes), PART)
        self.parts["out"] = self.parts["receiver"] = NONE
        self.parts["size"], self.parts["neurons_before"] = sizes, _offsets(sizes)[:-1]
        after = [*(levels[name] for name in self.names[1:]), NONE]
        self.parts["level_ends"] = [levels[n] != b for n, b in zip(self.names, after, strict=True)]
        for name, at in self.pending_at.items():
            set_fields(self.parts[self.places[name]], kind=POPULATION, pending=at)
        for source in graph.sources:
            self._describe(source)
        self._describe_receivers(network)
        #: Whether anything in it draws random numbers.
        self.is_random = any(p.neuron.random_bits or p.noise for p in graph.populations) or any(
            isinstance(source, PoissonSource) for source in graph.sources
        )
        self.noise, held, places = noise_of(graph.populations)
        self._held += held
        for name, (first, last) in places.items():
            set_fields(self.parts[self.places[name]], first_noise=first, last_noise=last)
        #: Of each population: the types of its state variables; its thresholds, and their ends.
        self.state_types = {
            p.name: {name: state_type(p.neuron, name, "after") for name in p.neuron.state_widths}
            for p in graph.populations
        }
        #: By population, its neuron without the seed, on which no compiled step depends.
        self.unseeded = {
            p.name: p.neuron.model_copy(
                update={"lfsr": p.neuron.lfsr.model_copy(update={"seed": 1})}
            )
            if p.neuron.random_bits
            else p.neuron
            for p in graph.populations
        }
        self.thresholds = {
            name: _narrow(values, room.thresholds.get(name))
            for name, values in network.thresholds.items()
        }
        #: Of each projection whose weights are written, by its number: those of its synapses.
        self.weights: dict[int, npt.NDArray[np.int16]] = {}
        self.shares = np.zeros((threads, len(sizes)), SHARE)
        bounds = np.array([share_out(n, threads) for n in sizes], dtype=np.int64).T
        self.shares["first"], self.shares["last"] = bounds[:-1], bounds[1:]
        self._place_lists({name: len(steps) for name, steps in network.state.history.items()})
        self._join(network.projections, room.weights)

    def _describe(self, source: Source) -> None:
        part = self.parts[self.places[source.name]]
        if isinstance(source, PoissonSource):
            set_fields(part, kind=POISSON, key=mix(source.seed), limit=limit(source))
        elif isinstance(source, RegularSource):
            known = phases(source)
            self._held.append(known)
            set_fields(part, kind=REGULAR, period=source.interval, phases=address(known))
        elif isinstance(source, EventSource):
            part["kind"] = GIVEN
        else:
            assert_never(source)

    def _describe_receivers(self, network: Emulated) -> None:
        """The table of populations that count spikes or take events one by one."""
        populations = [
            p for p in network.graph.populations if p.neuron.counts_spikes or received(p.neuron)
        ]
        self.receivers = np.zeros(len(populations), RECEIVER)
        for k, population in enumerate(populations):
            neuron = population.neuron
            part = self.parts[self.places[population.name]]
            set_fields(part, receiver=k, counted=neuron.counts_spikes)
            on_v = neuron.sums_on_v
            overflow = neuron.overflow if on_v else neuron.overflow_i_syn or neuron.overflow
            bits = neuron.state_bits if on_v else neuron.current_bits
            low, high = signed_range(bits)
            low = -high if overflow == "saturate_symmetric" else low
            set_fields(
                self.receivers[k],
                values=NONE,
                low=low,
                high=high,
                half=1 << (bits - 1) if overflow == "wrap" else 0,
                floor=neuron.v_floor if on_v and neuron.v_floor is not None else low,
                thresholds=NONE,
                beyond=neuron.compare == "gt",
                subtracts=neuron.reset == "subtract",
                v_reset=neuron.v_reset,
                most=network.graph.most_spikes[population.name],
            )
            if neuron.fire_on == "event":
                reached = network.thresholds[population.name] + (neuron.compare == "gt")
                self._held.append(reached)
                self.receivers[k]["thresholds"] = address(reached)

    def _place_lists(self, kept: dict[str, int]) -> None:
        """Where the spikes of each part are listed, with those of ``kept`` steps before."""
        self.list_places = 0
        for name, place in self.places.items():
            part, share = self.parts[place], self.shares[:, place]
            # A thread may list the next step's while others read this one's, and those before. One
            # cache line is between what two threads write.
            steps = 1 << (kept.get(name, 0) + 1).bit_length()
            part["list_mask"] = steps - 1
            part["list_room"] = part["size"] * (1 + part["counted"]) + 16 * self.threads
            share["list"] = share["first"] * (1 + part["counted"]) + 16 * np.arange(self.threads)
            share["list"] += self.list_places
            self.list_places += steps * int(part["list_room"])

    def _join(self, projections: list[PlacedProjection], rewritten: Collection[int]) -> None:
        """The tables of all synapses, one after the other, those of a bundle as one.

        What is summed stands there by source; behind it, in the order of arrival by target, what is
        not, each delay of a projection for itself.
        """
        whole = [(k, one) for k, one in enumerate(projections) if not one.per_event]
        single = [
            (k, of_delay)
            for name in self.places
            for k, one in enumerate(projections)
            if one.per_event and one.projection.target == name
            for of_delay in _by_delay(one)
        ]
        numbers = [k for k, _ in whole + single]
        projections = [one for _, one in whole + single]
        row_weights = [
            None if is_full(one) or k in rewritten else _row_weights(one.synapses)
            for k, one in zip(numbers, projections, strict=True)
        ]
        bundles = self._bundles(projections[: len(whole)], row_weights[: len(whole)])
        n_summed = len(bundles)
        bundles += [[k] for k in range(len(whole), len(projections))]
        self.first_projections = [numbers[bundle[0]] for bundle in bundles]
        first = [projections[bundle[0]] for bundle in bundles]
        for name, part in zip(self.names, self.parts, strict=True):
            mine = [k for k, one in enumerate(first[:n_summed]) if _source(one) == name]
            ends = (mine[0], mine[-1] + 1) if mine else (0, 0)
            part["first_link"], part["last_link"] = ends
            into = [k for k, one in enumerate(first) if one.per_event and _target(one) == name]
            if into:
                receiver = self.receivers[part["receiver"]]
                receiver["first_link"], receiver["last_link"] = into[0], into[-1] + 1
        targets_at = _offsets(
            [
                0 if is_full(one) else sum(projections[j].synapses.count for j in bundle)
                for one, bundle in zip(first, bundles, strict=True)
            ]
        )
        sums_at = _offsets([one.depth * one.synapses.n_post if one.bits else 0 for one in first])
        self.n_sums = sums_at[-1]
        rows = [one.depth for one in first if not isinstance(one.synapses.delays, int)]
        highest = self.width * max(rows, default=1)
        codes_type = (
            np.uint16 if highest <= 1 << 16 else np.int32 if highest < 1 << 31 else np.int64
        )
        must_fit(
            "synapses", targets_at[-1] * np.dtype(codes_type).itemsize,
            f"the tables of {targets_at[-1]:,} synapses in compiled code",
        )  # fmt: skip
        self.codes = np.empty(targets_at[-1], codes_type)
        self.links = np.zeros(len(bundles), LINK)
        for k, (bundle, one) in enumerate(zip(bundles, first, strict=True)):
            synapses, target = one.synapses, one.projection.target
            even, full = row_weights[bundle[0]], is_full(one)
            starts: Ints = np.sum([projections[j].synapses.indptr for j in bundle], axis=0)
            cuts = np.empty((self.threads + 1, synapses.n_pre), np.int64)
            cuts[0], cuts[-1] = starts[:-1], starts[1:]
            if self.threads > 1:
                bounds = self.shares["first"][1:, self.places[target]].copy()
                row_cuts(synapses.indptr, synapses.targets, bounds, cuts[1:-1])
            weights = synapses.weights if even is None else even
            if isinstance(weights, int):  # full: each row has its own in the array
                weights = np.full(synapses.count, weights, np.int16)
            weights = np.ascontiguousarray(weights, np.int16)
            if numbers[bundle[0]] in rewritten:
                weights = self.weights[numbers[bundle[0]]] = weights.copy()
            self._held += [cuts, weights]
            low, high = (0, 0) if one.bits is None else signed_range(one.bits)
            set_fields(
                self.links[k],
                source=self.places[_source(one)],
                target=self.places[target],
                offset=self.pending_at[target],
                rows=synapses.n_pre,
                cuts=address(cuts),
                targets=targets_at[k],
                weights=address(weights),
                n_weights=len(weights),
                even=even is not None,
                shift=one.projection.weight_shift,
                delay=synapses.delays if isinstance(synapses.delays, int) else NONE,
                full=synapses.n_post if full else 0,
                sums=NONE if one.bits is None else sums_at[k],
                sums_depth=one.depth,
                low=low,
                high=high,
            )
            if not full:
                codes = self.codes[targets_at[k] : targets_at[k + 1]]
                self._fill([projections[j] for j in bundle], starts, codes)

    def _bundles(
        self, links: list[PlacedProjection], row_weights: list[npt.NDArray[np.int16] | None]
    ) -> list[list[int]]:
        """Links that are one table: from one source, with one delay and the same row weights.

        Each row that a spike looks up costs as much as a dozen synapses. With several threads a
        row must be in the order of its targets' owners, and links stay apart.
        """
        bundles: dict[Any, list[int]] = {}
        for k, (link, weights) in enumerate(zip(links, row_weights, strict=True)):
            delays = link.synapses.delays
            alike = weights is not None and isinstance(delays, int) and link.bits is None
            key: Any = k
            if self.threads == 1 and alike and weights is not None:
                key = (_source(link), weights.tobytes(), delays, link.projection.weight_shift)
            bundles.setdefault(key, []).append(k)
        return sorted(bundles.values(), key=lambda ks: self.places[_source(links[ks[0]])])

    def _fill(self, links: list[PlacedProjection], starts: Ints, codes: npt.NDArray[Any]) -> None:
        """Write the targets of some links into one table whose rows begin at ``starts``."""
        filled = starts[:-1].copy()
        for link in links:
            synapses, target = link.synapses, link.projection.target
            # Within accumulators of its own a link has rows of its own width.
            width, at = self.width, self.pending_at[target]
            if link.bits is not None or link.per_event:
                width, at = synapses.n_post, 0
            values: Any = synapses.targets
            if at:
                values = values + at
            if not isinstance(synapses.delays, int):
                values = values + synapses.delays.astype(codes.dtype) * codes.dtype.type(width)
            if len(links) == 1:
                codes[:] = values
                return
            lengths = np.diff(synapses.indptr)
            places = np.repeat(filled - synapses.indptr[:-1], lengths) + np.arange(synapses.count)
            codes[places] = values
            filled += lengths


def _narrow(
    thresholds: Ints, room: tuple[int, int] | None
) -> tuple[npt.NDArray[np.signedinteger], tuple[int, int]]:
    """Thresholds as a compiled step reads them, and the lowest and the highest that they are, or
    that they may become (``room``)."""
    ends = room or (int(thresholds.min()), int(thresholds.max()))
    return thresholds.astype(element(*ends)), ends


def _row_weights(synapses: Synapses) -> npt.NDArray[np.int16] | None:
    """The weight of each row, where all synapses of a row have the same."""
    if isinstance(synapses.weights, int):
        return np.full(synapses.n_pre, synapses.weights, np.int16)
    lengths = np.diff(synapses.indptr)
    weights = np.zeros(synapses.n_pre, np.int16)
    weights[lengths > 0] = synapses.weights[synapses.indptr[:-1][lengths > 0]]
    even = all(
        np.array_equal(np.repeat(weights[a:b], lengths[a:b]), synapses.weights[i:j])
        for a, b, i, j in _some_rows(synapses)
    )
    return weights if even else None


def _some_rows(synapses: Synapses) -> Iterator[tuple[int, int, int, int]]:
    """All rows, a few thousand at a time, and their synapses: little memory, an early end."""
    for first in range(0, synapses.n_pre, 4096):
        last = min(first + 4096, synapses.n_pre)
        yield first, last, int(synapses.indptr[first]), int(synapses.indptr[last])


def _source(link: PlacedProjection) -> str:
    return link.projection.source


def _target(link: PlacedProjection) -> str:
    return link.projection.target


def _by_delay(link: PlacedProjection) -> Iterator[PlacedProjection]:
    """The projection cut into one for each delay, the longest first: in the order of arrival."""
    synapses = link.synapses
    if isinstance(synapses.delays, int):
        yield link
        return
    before = np.zeros(synapses.count + 1, np.int64)
    for delay in np.unique(synapses.delays)[::-1].tolist():
        chosen = synapses.delays == delay
        np.cumsum(chosen, out=before[1:])
        weights = synapses.weights
        mine = replace(
            synapses,
            indptr=before[synapses.indptr],
            targets=synapses.targets[chosen],
            weights=weights if isinstance(weights, int) else weights[chosen],
            delays=delay,
        )
        yield replace(link, synapses=mine)


def is_full(link: PlacedProjection) -> bool:
    """Whether every neuron reaches every other, after the same delay."""
    synapses = link.synapses
    full = synapses.count == synapses.n_pre * synapses.n_post
    exact = link.bits is None and not link.per_event
    return full and exact and isinstance(synapses.delays, int)
