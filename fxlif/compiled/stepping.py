"""Single steps in compiled code, for :class:`fxlif.network.stepper.Stepper`.

What a run works out anew is kept from step to step: the narrow arrays, the compiled steps, the
tables and their addresses. What remains for a call is to look at its input, to write it where the
compiled code reads it, and to read who spiked.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from ..cycles.latency import COUNTER_BITS
from ..network.external_input import ExternalInput
from ..network.stepper import GivenAddresses, GivenCurrents, step_input
from ..network.writes import NO_ROOM, Change
from ..params.neuron import MAX_CURRENT_BITS
from ..params.quantise import signed_bits, signed_range
from ..params.sources import EventSource
from ..progress import late_interrupts
from .grouping import GroupedNetwork
from .network_run import CompiledRun, repeated
from .plan import ExecutionPlan

if TYPE_CHECKING:
    from ..network.model import Network

Ints = npt.NDArray[np.int64]

#: What numpy turns into int64 without a change of value.
SAFE = frozenset("?bhilqBHI")
#: How wide currents may be before the steps are compiled for wider ones.
WIDTHS = (16, 32, MAX_CURRENT_BITS + 1)


class CompiledSteps:
    """Single steps of a network in compiled code."""

    def __init__(self, network: Network, grouped: GroupedNetwork, plan: ExecutionPlan) -> None:
        self._network = network
        #: What can be written at once, and what was since the network last knew.
        self._room, self._written = NO_ROOM, list[Change]()
        self._build(grouped, plan)
        self._open(WIDTHS[0])

    def _build(self, grouped: GroupedNetwork, plan: ExecutionPlan) -> None:
        """Have compiled code use these tables."""
        network, self._grouped, self._plan = self._network, grouped, plan
        self._drive = np.zeros(plan.width, np.int64)
        #: By population: its place in that array.
        self._drives: dict[str, Ints] = {}
        for p in network.graph.populations:
            group, at = grouped.place_of(p.name)
            begin = plan.pending_at[group] + at
            self._drives[p.name] = self._drive[begin : begin + p.n]
        self._in_order = sorted(self._drives, key=lambda name: self._drives[name].ctypes.data)
        self._sizes = [len(self._drives[name]) for name in self._in_order]
        self._driven = False
        ranges = network.synaptic_ranges.values()
        low, high = signed_range(MAX_CURRENT_BITS)
        #: What any population may be given.
        self._allowed = low - min(a for a, _ in ranges), high - max(b for _, b in ranges)
        self._sources = {s.name: s.n for s in network.graph.sources if isinstance(s, EventSource)}
        self._fed = False
        self._waiting: dict[str, Ints] = {}

    def _open(self, bits: int) -> None:
        """Make ready for currents of so many bits."""
        low, high = signed_range(bits)
        self._low, self._high = max(low, self._allowed[0]), min(high, self._allowed[1])
        self._bits = bits
        self._grouped.load()
        given = ExternalInput(1)
        for p in self._grouped.graph.populations:
            at = self._plan.pending_at[p.name]
            # Two rows in one place: what changes is read where it lies.
            given.currents[p.name] = np.broadcast_to(self._drive[at : at + p.n], (2, p.n))
            given.ranges[p.name] = low, high
        self._run = CompiledRun(self._grouped, self._plan, given)
        self._call = self._run.one_step()
        self._readers = [
            (name, self._grouped.members_of(name), reader(self._run, self._plan.places[name]))
            for name in self._grouped.state.neurons
        ]
        # Sources whose events are under way for more than a step are given with those before.
        self._late = self._sources.keys() & self._grouped.state.history.keys()

    def step(self, currents: GivenCurrents, events: GivenAddresses) -> dict[str, Ints]:
        """One step, all of it or nothing."""
        if currents is not None:
            self._driven = True
            self._take(currents)
        elif self._driven:
            self._drive.fill(0)
            self._driven = False
        self._waiting = {}
        lost = self._feed(events) if events is not None or self._fed else {}
        now = self._run.now
        if self._plan.threads > 1 or lost or self._late:
            with late_interrupts():
                self._advance(lost)
        else:
            # In one thread the step is either done, with the number of the next, or not begun,
            # whenever Ctrl-C comes.
            self._call()
        found: dict[str, Ints] = {}
        for name, members, reader in self._readers:
            spikes = reader(now)
            if members is None:
                found[name] = spikes
            else:
                names, firsts, ends = members
                cuts = spikes.searchsorted(ends).tolist()
                spikes -= firsts[spikes]
                found.update(zip(names, [spikes[a:b] for a, b in pairwise(cuts)], strict=True))
        return found

    def _advance(self, lost: dict[str, int]) -> None:
        for name in self._late:
            self._run.give(name, self._waiting.get(name))
        self._call()
        for name, count in lost.items():
            dropped = self._network.dropped
            dropped[name] = (dropped[name] + count) % (1 << COUNTER_BITS)

    def write(self, change: Change) -> None:
        """Write before the next step."""
        if not self._room.has(change):
            self.sync()
            self._run.close()
            self._room = self._room.grown(self._network, [change])
            grouped = GroupedNetwork(self._network, self._room)
            grouped.load()  # before it is the one that is synchronised
            self._build(grouped, ExecutionPlan(grouped, self._plan.threads, grouped.room))
            self._open(self._bits)
        self._run.write(self._grouped.own(change))
        self._written.append(change)

    # --- input ----------------------------------------------------------------------------------

    def _take(self, currents: Mapping[str, npt.ArrayLike]) -> None:
        """Write the currents to where they are read, once they are seen to be right."""
        drive = self._drive
        if not self._taken_quickly(currents):
            drive.fill(0)
            for name, array in step_input(self._network, currents).currents.items():
                self._drives[name][:] = array[0]
        low, high = np.minimum.reduce(drive), np.maximum.reduce(drive)
        if low < self._low or high > self._high:
            step_input(self._network, currents)
            needed = signed_bits(int(low), int(high))
            if needed > self._bits:
                self.sync()
                self._run.close()
                self._open(next(bits for bits in WIDTHS if bits >= needed))

    def _taken_quickly(self, currents: Any) -> bool:
        """Whether the currents are of the usual forms, and written."""
        drives = self._drives
        try:
            if len(currents) == len(drives):
                values = [currents[name] for name in self._in_order]
                if [*map(len, values)] == self._sizes:
                    np.concatenate(values, out=self._drive, casting="safe")
                    return True
        except (IndexError, KeyError, TypeError, ValueError):
            pass  # other forms, or mistakes
        if not isinstance(currents, dict) or not currents.keys() <= drives.keys():
            return False
        self._drive.fill(0)
        for name, value in currents.items():
            mine = drives[name]
            if type(value) is int and -(1 << 62) < value < 1 << 62:
                mine.fill(value)
            elif (
                type(value) is np.ndarray and value.shape == mine.shape and value.dtype.char in SAFE
            ):
                mine[:] = value
            else:
                return False
        return True

    def _feed(self, events: GivenAddresses) -> dict[str, int]:
        """Give the sources their events; by source, how many had unknown addresses."""
        given = step_input(self._network, None, events)
        for name in self._sources:
            mine = given.events[name][0] if name in given.events else None
            if name not in self._late:
                self._run.give(name, mine)
            elif mine is not None:
                self._waiting[name] = mine
        self._fed = events is not None
        return {name: count for name, (count,) in given.unknown.items() if count}

    # --- the network's state --------------------------------------------------------------------

    def sync(self) -> None:
        """Bring the network's state up to date."""
        # Once it has begun the two are equal: what it does looks at the network's state itself.
        if self._run.now != self._grouped.step_count or self._written:
            with late_interrupts():
                written, self._written = self._written, []
                self._run.sync()
                self._grouped.store(written)

    def close(self) -> None:
        """End the threads."""
        self._run.close()


def reader(run: CompiledRun, place: int) -> Callable[[int], Ints]:
    """What gives the spikes of a part in a step, (spikes,) int64, new ones each time."""
    part, lists = run.tables["parts"][place], run.written["", "lists"]
    mask, room, counted = int(part["list_mask"]), int(part["list_room"]), part["counted"]
    begins = [int(share["list"]) for share in run.tables["shares"][:, place]]

    def listed(at: int) -> Ints:
        found: Ints = lists[at + 1 : at + 1 + lists.item(at)].astype(np.int64)
        return repeated(found) if counted else found

    def read(step: int) -> Ints:
        at = (step & mask) * room
        if len(begins) == 1:
            return listed(at + begins[0])
        return np.concatenate([listed(at + begin) for begin in begins])

    return read
