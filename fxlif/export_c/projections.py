"""A projection of a golden network in C: its synapses, and what a spike does."""

from __future__ import annotations

from functools import cached_property

import numpy as np

from ..network.model import Network
from ..network.projections import PlacedProjection
from ..params.quantise import signed_range
from .expressions import c_type, literal, width
from .populations import PopulationText
from .tables import joined, table


class ProjectionText:
    """The C of projection ``k``: its table of synapses, and what a spike does."""

    def __init__(self, network: Network, k: int, stride: int | None) -> None:
        self.network, self.tag = network, f"j{k}"
        self.placed: PlacedProjection = network.projections[k]
        self.synapses = self.placed.synapses
        self.source, self.target = self.placed.projection.source, self.placed.projection.target
        self.per_event = self.placed.per_event
        self.factor = 1 << self.placed.projection.weight_shift
        n_pre, n_post = self.synapses.n_pre, self.synapses.n_post
        #: Of a table with an entry for each pair: how far its rows are apart; else 0.
        self.stride = 0
        equal = self.synapses.min_delay == self.synapses.max_delay
        names = [p.name for p in network.graph.populations]
        self.into = f"p{names.index(self.target)}"
        target = network.graph.populations[names.index(self.target)]
        self.writable = "weights" in target.writable
        #: Lowest and highest weight that there can be.
        self.weight_ends = signed_range(target.neuron.weight_bits)
        if self.writable:
            pass  # by its synapses, so that no other is written
        elif stride is not None:
            self.stride = stride
        elif equal and not self.per_event and 2 * self.synapses.count >= n_pre * n_post:
            self.stride = n_post

    @cached_property
    def adds(self) -> tuple[int, int]:
        """The least and the most that one event adds."""
        weights = np.asarray(self.synapses.weights)
        if not self.synapses.count:
            return 0, 0
        if self.writable:
            return self.weight_ends[0] * self.factor, self.weight_ends[1] * self.factor
        return min(0, int(weights.min())) * self.factor, max(0, int(weights.max())) * self.factor

    @property
    def tables(self) -> str:
        """Its synapses."""
        synapses, tag = self.synapses, self.tag
        if self.empty:
            return ""
        if self.stride:
            weights = np.zeros((synapses.n_pre, self.stride), np.int64)
            weights[:, : synapses.n_post] = synapses.dense()
            return table(f"{tag}_weights", weights)
        made = table(f"{tag}_rows", synapses.indptr, "uint32_t")
        made += table(f"{tag}_targets", synapses.targets, "uint32_t")
        if not isinstance(synapses.weights, int) and not self.writable:
            made += table(f"{tag}_weights", synapses.weights)
        if not isinstance(synapses.delays, int):
            bits = next(w for w in (8, 16, 32) if synapses.max_delay < 1 << w)
            made += table(f"{tag}_delays", synapses.delays, f"uint{bits}_t")
        return made

    @property
    def empty(self) -> bool:
        """Whether it has neither synapses nor a table."""
        return not self.synapses.count and not self.stride

    @property
    def _weight(self) -> str:
        if self.writable:
            return f"n->written.{self.tag}_weights[e]"
        if isinstance(self.synapses.weights, int) and not self.stride:
            return literal(self.synapses.weights)
        return f"{self.tag}_weights[e]"

    @property
    def deliver(self) -> str:
        """The function of what one neuron of the source brings, where it is summed."""
        if self.per_event or self.empty:
            return ""
        saturates = self.placed.bits is not None
        depth = self.placed.depth if saturates else self._depth()
        ring = f"n->{self.tag}_sums" if saturates else f"n->{self.into}_pending"
        one = isinstance(self.synapses.delays, int)
        delay = f"{self.synapses.delays}u" if one else f"{self.tag}_delays[e]"
        made = [f"static void deliver_{self.tag}(NAME_network *n, uint32_t from, uint32_t times)",
                "{", f"    const uint32_t now = (uint32_t)(n->step % {depth});"]  # fmt: skip
        made += ["    uint32_t clipped = 0;"] if saturates else []
        made += ["    (void)times;"] if saturates else []
        if self.stride:
            made += [f"    uint32_t k, e = from * {self.stride};",
                     f"    for (k = 0; k < {self.synapses.n_post}; ++k, ++e) {{"]  # fmt: skip
        else:
            made += ["    uint32_t e;",
                     f"    for (e = {self.tag}_rows[from]; e < {self.tag}_rows[from + 1]; ++e) {{",
                     f"        const uint32_t k = {self.tag}_targets[e];"]  # fmt: skip
        made.append(f"        const uint32_t slot = (now + {delay}) % {depth}u;")
        made += self._saturating(ring) if saturates else self._exact(ring)
        made.append("    }")
        if saturates:
            made.append(f"    n->saturated[{self.tag[1:]}] += clipped;")
        return joined(made, "}")

    def _depth(self) -> int:
        return max(
            placed.depth for placed in self.network.projections
            if placed.projection.target == self.target and placed.bits is None
            and not placed.per_event
        )  # fmt: skip

    def _exact(self, ring: str) -> list[str]:
        ends = self.network.synaptic_ranges[self.target]
        kind, inside = c_type(*ends), f"int{max(32, width(*ends))}_t"
        added = f"({inside}){self._weight} * {literal(self.factor)} * ({inside})times"
        return [f"        {ring}[slot][k] = ({kind})({ring}[slot][k] + {added});"]

    def _saturating(self, ring: str) -> list[str]:
        low, high = signed_range(self.placed.bits or 0)
        kind = c_type(low, high)
        inside = c_type(low + min(0, self.adds[0]), high + max(0, self.adds[1]))
        made = [f"        {inside} total = ({inside})(({inside}){ring}[slot][k] + {self._weight});"]
        for meets, end in (
            (self.adds[0] < 0, f"< {literal(low)}"),
            (self.adds[1] > 0, f"> {literal(high)}"),
        ):
            if meets:
                made += [f"        clipped += total {end};",
                         f"        total = total {end} ? {end[2:]} : total;"]  # fmt: skip
        return [*made, f"        {ring}[slot][k] = ({kind})total;"]

    def act(self) -> list[str]:
        """Within the update of the target, the calls that bring the events one by one."""
        if not self.synapses.count:
            return []
        delays = range(self.synapses.max_delay, self.synapses.min_delay - 1, -1)
        return [f"    act_{self.tag}(n, {delay});" for delay in delays]

    def acting(self, population: PopulationText, tag: str, rows: int, counts: bool) -> str:
        """The function of the events of so many steps before, of a source of tag ``tag`` whose
        spikes are kept for ``rows`` steps, and ``counts`` them."""
        if not self.synapses.count:
            return ""
        values = population.reads() | {"added": "added"}
        call = f"event_{population.tag}({population.text.arguments(values, 'event')});"
        kind = c_type(*self.adds)
        times = f"n->{tag}_times[row][at]" if counts else "1"
        rows_of = [
            f"            for (e = {self.tag}_rows[from]; e < {self.tag}_rows[from + 1]; ++e) {{",
            f"                const uint32_t k = {self.tag}_targets[e];",
        ]
        if self.stride:
            start, n_post = f"e = from * {self.stride}, k = 0", self.synapses.n_post
            rows_of = [f"            for ({start}; k < {n_post}; ++e, ++k) {{"]
        skip = []
        if self.stride:
            skip = [f"                if (!{self._weight}) continue;"]
        if not isinstance(self.synapses.delays, int):
            skip = [f"                if ({self.tag}_delays[e] != delay) continue;"]
        added = f"const {kind} added = ({kind})({self._weight} * {literal(self.factor)});"
        return joined(
            [f"static void act_{self.tag}(NAME_network *n, uint32_t delay)", "{",
             f"    const uint32_t row = (uint32_t)((n->step + {rows} - delay) % {rows});",
             "    uint32_t at, again, e" + (", k;" if self.stride else ";"),
             f"    for (at = 0; at < n->{tag}_listed[row]; ++at) {{",
             f"        const uint32_t from = n->{tag}_list[row][at];",
             f"        for (again = 0; again < {times}; ++again) {{",
             *rows_of, *skip,
             f"                {added}",
             f"                {call}",
             "            }", "        }", "    }", "}"],
        )  # fmt: skip
