"""An independent oracle for what a network of nodes shows in each clock cycle.

Written like the hardware, from its description and not from the cycle model: every register by
itself, every word in the stage where it is, totals that are read, forwarded and written in their
own cycles. What it has in common with a chain is that of :mod:`cycle_oracle`, the values are those
of :mod:`oracle`. It reads the plain fields of the layout, and is slow.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Any

import oracle
from cycle_oracle import Entry, Output, step_of_word

if TYPE_CHECKING:
    from fxlif.layout import HardwareNetwork, RegularNode, RowCore

Event = tuple[int, bool]
#: Stages behind issue: the totals are read, the step of neurons begins, totals are added to and
#: written.
READ, OPERATION, ADDED, WRITTEN = 4, 5, 7, 8
UPDATE = "update"


class Given:
    """The input: what is shown from outside."""

    def __init__(self) -> None:
        self.event: Event | None = None

    def reset(self) -> None:
        pass

    def clock(self, network: Network, moves: bool) -> None:
        pass


class Regular:
    """A regular source: a memory of (phase, index), read at each clock edge."""

    def __init__(self, source: RegularNode) -> None:
        self.interval = source.interval
        self.entries = sorted((int(phase), index) for index, phase in enumerate(source.phases))
        self.read: tuple[int, int] | None = None
        self.reset()

    def reset(self) -> None:
        self.place = self.count = 0
        self.fresh = False
        self.event: Event | None = None

    def clock(self, network: Network, moves: bool) -> None:
        answer = self.entries[self.place] if self.place < len(self.entries) else None
        free = self.event is None or moves
        if moves:
            self.event = None
        if not self.fresh:
            self.fresh = True
        elif free and self.read is not None and self.read[0] == self.count:
            self.event = self.read[1], False
            self.place, self.fresh = self.place + 1, False
        elif free:
            self.event = 0, True
            if self.count == self.interval - 1:
                self.count, self.place, self.fresh = 0, 0, False
            else:
                self.count += 1
        self.read = answer


@dataclass(frozen=True)
class Look:
    """What is looked up in the front: an update, or a row of a memory."""

    memory: int | None
    row: int = 0


class Front:
    """Reads the inputs of a core, one after the other."""

    def __init__(self, core: RowCore) -> None:
        self.core = core
        self.stopped = False  # something is to be written between two steps
        self.reset()

    def reset(self) -> None:
        forward = [k for k, each in enumerate(self.core.inputs) if not each.backward]
        self.select, self.part = forward[0], 0
        self.begun = False
        self.fetched: Look | None = None
        self.held: Look | None = None

    @property
    def reads(self) -> int:
        return self.core.inputs[self.select].node

    @property
    def parts(self) -> int:
        return max(1, len(self.core.inputs[self.select].memories))

    @property
    def stands(self) -> bool:
        """Whether what is read next is the first event of a forward input in this step."""
        first = next(k for k, each in enumerate(self.core.inputs) if not each.backward)
        return self.select == first and not self.begun

    def room(self, take: bool) -> bool:
        if self.stopped and self.stands:
            return False
        return self.fetched is None or self.held is None or take

    def ready(self, take: bool) -> bool:
        return self.room(take) and self.part == self.parts - 1

    def clock(self, event: Event | None, moves: bool, take: bool) -> bool:
        """A clock edge with what the input shows; whether an unknown SPIKE was taken."""
        room, unknown, pushed = self.room(take), False, None
        last = self.part == self.parts - 1
        if event is not None and room and (moves or not last):
            address, tick = event
            if not tick:
                pushed = self._row(address)
                unknown = last and self.reads == 0 and address >= self.core.n_events
            elif last and self.select == len(self.core.inputs) - 1:
                pushed = Look(None)
            self.begun = not (tick and last)
            if tick and last:
                self.select = (self.select + 1) % len(self.core.inputs)
            self.part = 0 if last else self.part + 1
        elif event is not None and room:  # not withdrawn from those who wait for it too
            self.begun = True
        if self.held is None or take:
            self.held, self.fetched = self.fetched, None
        if pushed is not None:
            assert self.fetched is None
            self.fetched = pushed
        return unknown

    def _row(self, address: int) -> Look | None:
        memories = self.core.inputs[self.select].memories
        if not memories:
            return None
        memory = self.core.memories[memories[self.part]]
        here = memory.first <= address < memory.first + memory.n_pre
        return Look(memories[self.part], address - memory.first) if here else None


@dataclass
class Slot:
    """A word on its way: of each accumulator that it is for, and each lane, the address of the
    total (slot of the ring, word), what was read there, and the sum; then the neurons' word."""

    op: str
    word: int
    neurons: bool
    places: dict[tuple[int, int], tuple[int, int]]
    weights: list[int] = field(default_factory=list)
    read: dict[tuple[int, int], int] = field(default_factory=dict)
    sums: dict[tuple[int, int], int] = field(default_factory=dict)
    clipped: int = 0
    states: list[oracle.State] = field(default_factory=list)
    spikes: list[int] = field(default_factory=list)
    arrived: list[list[int]] | None = None


class Totals:
    """The accumulators: a bank for each lane of each, by address."""

    def __init__(self, core: RowCore) -> None:
        self.core = core
        self.banks: dict[tuple[int, int], dict[tuple[int, int], int]] = {
            (number, lane): {}
            for number in range(len(core.accumulators))
            for lane in range(core.lanes)
        }

    def read(self, slot: Slot) -> None:
        slot.read = {at: self.banks[at].get(place, 99) for at, place in slot.places.items()}

    def add(self, slot: Slot, ahead: list[Slot | None]) -> dict[tuple[int, int], int]:
        """Make the sums of a slot, with the slots ``ahead`` of it, the nearest first, whose own
        may not have been written when it read; the totals that it found."""
        found = {}
        for at, place in slot.places.items():
            total = slot.read[at]
            for other in ahead:
                if other is not None and other.places.get(at) == place:
                    total = other.sums[at]
                    break
            found[at] = total
            slot.sums[at] = 0
            if slot.op == "add":
                slot.sums[at] = self._sum(at[0], total + slot.weights[at[1]], slot)
        return found

    def _sum(self, number: int, exact: int, slot: Slot) -> int:
        bits = self.core.accumulators[number].bits
        low, high = -(2 ** (bits - 1)), 2 ** (bits - 1) - 1
        clamped = min(max(exact, low), high)
        if clamped != exact:
            assert self.core.accumulators[number].saturates
            slot.clipped += 1
        return clamped

    def write(self, slot: Slot) -> None:
        for at, place in slot.places.items():
            self.banks[at][place] = slot.sums[at]


class Core:
    """One core; ``depth``: how many cycles the write-back of an update is behind OPERATION."""

    def __init__(self, core: RowCore, node: int, depth: int) -> None:
        self.core, self.node, self.depth = core, node, OPERATION + depth
        self.words = (core.n_neurons + core.lanes - 1) // core.lanes
        self.ring = max([1, *(each.slots for each in core.accumulators)])
        self.passes = 1
        while self.passes < self.words or self.passes < 2:
            self.passes *= 2
        self.totals = Totals(core)
        self.weights = [memory.weights.tolist() for memory in core.memories]
        self.stepping = core  # as it is with the thresholds that were written
        lanes = range(core.lanes)
        #: Events act one by one: the next operation comes when the last one has been written back.
        self.one_by_one = core.neuron.accumulate == "per_event"
        self.least = depth + 1 if self.one_by_one else 1
        #: By word and lane, the events that it has taken in this step.
        self.arrived = [[[99] for _ in lanes] for _ in range(self.words)]
        self.states = [[oracle.State(1, 1, 1, 1) for _ in lanes] for _ in range(self.words)]
        self.front = Front(core)
        self.reset()

    def reset(self) -> None:
        """All registers; no memory."""
        self.front.reset()
        self.op, self.slot, self.look = "clear", 0, None
        self.length = max(self.ring * self.passes, self.least)
        self.updating, self.base = True, 0
        #: The stages behind issue: element d - 1 is in the stage at distance d.
        self.pipe: list[Slot | None] = [None] * self.depth
        self.lfsr = oracle.Lfsr(self.core.neuron.lfsr)
        self.output = Output()
        self.dropped = self.saturated = 0
        self.drop_flag, self.clip_flags, self.clip_count = False, 0, 0

    # --- what is shown before a clock edge ------------------------------------------------------

    @property
    def event(self) -> Event | None:
        return self.output.event(self.core.lanes)

    @property
    def free(self) -> bool:
        return self.op == "" or self.slot == self.length - 1

    @property
    def take(self) -> bool:
        held = self.front.held
        if held is None or not self.free:
            return False
        return not (held.memory is None and self.updating)

    @property
    def between(self) -> bool:
        """Whether it is between two steps."""
        front = self.front
        waits = front.fetched is not None or front.held is not None
        return front.stands and not waits and self.op == "" and not self.updating

    @property
    def reads(self) -> int:
        return self.front.reads

    @property
    def ready(self) -> bool:
        return self.front.ready(self.take)

    @property
    def written(self) -> Slot | None:
        """The word that the trace shows."""
        slot = self.pipe[-1]
        return slot if slot is not None and slot.op == UPDATE else None

    def doing(self, network: Network) -> set[str]:
        """What the control is doing, by the names of the model's flags."""
        front, issued = self.front, self._issued() if self.op else None
        names = {"clear": "clearing", "add": "adding", UPDATE: "issuing"}
        behind = [slot is not None and slot.neurons for slot in self.pipe]
        source = network.sources[front.reads]
        found = {
            **{name: self.op == op for op, name in names.items()},
            "pending": Look(None) in (front.fetched, front.held),
            "updating": self.updating,
            "starting": self.op == UPDATE and self.slot == 0,
            "in_stages": any(behind),
            "full": issued is not None and issued.neurons and all(behind),
            **self.output.doing,
            "looked_up": front.fetched is not None,
            "waiting": front.held is not None,
            "update_waits": front.held == Look(None) and self.free and self.updating,
            "nothing": self.take and front.held.memory is not None and self._words(front.held) == 0,
            "no_room": not front.room(self.take),
            "later_part": front.part > 0,
            "backward": self.core.inputs[front.select].backward,
            "other_waits": source.event is not None
            and self.ready
            and not network.moves(front.reads),
            "stalled": self.event is not None and not network.moves(self.node),
            "ring_end": self.ring > 1 and self.base == self.ring - 1,
        }
        return {name for name, there in found.items() if there}

    # --- a clock edge ---------------------------------------------------------------------------

    def clock(self, network: Network, moves: bool) -> None:
        take, look = self.take, self.front.held
        event = network.sources[self.reads].event
        unknown = self.front.clock(event, network.moves(self.reads), take)
        done = self.output.clock(moves)
        finished = self.pipe[-1]
        if finished is not None and finished.neurons:
            self.states[finished.word] = finished.states
            last = finished.word == self.words - 1
            if finished.op == "clear":
                done = done or last
            elif any(finished.spikes) or last:
                self.output.queue.append(Entry(finished.word, finished.spikes, last))
        self._count(unknown)
        self._pipeline()
        if done:
            self.updating = False
        self._issue(look if take else None)

    def _pipeline(self) -> None:
        stages = [None, *self.pipe]  # by their distance from issue
        if self.one_by_one:
            self._take(stages[OPERATION], stages[-1])
        if stages[READ] is not None:
            self.totals.read(stages[READ])
        adding = stages[ADDED]
        if adding is not None:
            # Behind WRITTEN it was written before this one read, or in that very cycle.
            found = self.totals.add(adding, [*stages[WRITTEN:], None, None, None][:4])
            if adding.op == UPDATE:
                self._step(adding, found)
        if stages[WRITTEN] is not None:
            self.totals.write(stages[WRITTEN])
        self.pipe = [self._issued() if self.op else None, *self.pipe[:-1]]

    def _take(self, slot: Slot | None, finished: Slot | None) -> None:
        """Events that act one by one: ``slot`` reads those of its word, ``finished`` is written."""
        if slot is not None and slot.word != NOWHERE:
            taken = [[] for _ in range(self.core.lanes)]
            if slot.op != "clear":
                taken = [list(events) for events in self.arrived[slot.word]]
            if slot.op == "add":
                for events, weight in zip(taken, slot.weights, strict=True):
                    events += [weight] * (weight != 0)
            slot.arrived = taken
        if finished is not None and finished.word != NOWHERE:
            self.arrived[finished.word] = finished.arrived

    def _issued(self) -> Slot | None:
        lanes = range(self.core.lanes)
        if self.one_by_one and self.slot >= self.words:
            return None
        if self.op == "add":
            return self._row_word(self.core.memories[self.look.memory], self.slot)
        slots = [each.slots for each in self.core.accumulators]
        if self.op == UPDATE:
            ring, word, neurons = self.base, self.slot, True
        else:
            ring, word = divmod(self.slot, self.passes)
            neurons = ring == self.ring - 1 and word < self.words
        places = {
            (n, lane): (ring % count, word) for n, count in enumerate(slots) for lane in lanes
        }
        slot = Slot(self.op, word, neurons, places)
        if self.op == "clear" and neurons:
            slot.states = [oracle.initial(self.core.neuron) for _ in lanes]
        elif self.op == UPDATE:
            slot.states = list(self.states[word])
        return slot

    def _row_word(self, memory: Any, k: int) -> Slot:
        at = int(memory.starts[self.look.row]) + k
        places, weights = {}, []
        for lane in range(self.core.lanes):
            word = k if memory.dense else int(memory.words[at][lane])
            delay = memory.delay
            if memory.delays is not None:
                delay += int(memory.delays[at][lane])
            if memory.offsets is not None:
                word = (word + int(memory.offsets[self.look.row])) % self.passes
            weight = self.weights[self.look.memory][at][lane]
            weights.append(weight * 2**memory.weight_shift)
            if not self.one_by_one:
                count = self.core.accumulators[memory.accumulator].slots
                places[memory.accumulator, lane] = (self.base + delay) % count, word
        return Slot("add", k if self.one_by_one else NOWHERE, False, places, weights)

    def _words(self, look: Look) -> int:
        return int(self.core.memories[look.memory].lengths[look.row])

    def _step(self, slot: Slot, totals: dict[tuple[int, int], int]) -> None:
        currents = [
            sum(
                totals[number, lane] * 2**each.shift
                for number, each in enumerate(self.core.accumulators)
            )
            for lane in range(self.core.lanes)
        ]
        slot.states, slot.spikes = step_of_word(
            self.stepping, self.lfsr, slot.word, slot.states, currents, slot.arrived
        )
        slot.arrived = [[] for _ in range(self.core.lanes)]

    def _count(self, unknown: bool) -> None:
        """The counters and the registers before them."""
        self.dropped = (self.dropped + self.drop_flag) % 2**32
        self.drop_flag = unknown
        self.saturated = (self.saturated + self.clip_count) % 2**32
        self.clip_count = self.clip_flags
        summed = self.pipe[WRITTEN - 1]
        self.clip_flags = 0 if summed is None else summed.clipped

    def _issue(self, look: Look | None) -> None:
        if self.op and self.slot < self.length - 1:
            self.slot += 1
        elif self.op:
            self.base = (self.base + (self.op == UPDATE)) % self.ring
            self.op = ""
        if look is None:
            return
        if look.memory is None:
            self.op, self.slot, self.length = UPDATE, 0, max(self.words, self.least)
            self.updating = True
        elif self._words(look):
            self.op, self.slot, self.length = "add", 0, max(self._words(look), self.least)
            self.look = look


#: The word of an operation that neurons have nothing to do with.
NOWHERE = -1


class Merge:
    """Sends the output populations one after the other in each step."""

    def __init__(self, nodes: list[int], sizes: list[int]) -> None:
        self.nodes = nodes
        self.first = [sum(sizes[:k]) for k in range(len(sizes))]
        self.turn, self.out_ready = 0, False

    def reset(self) -> None:
        self.turn = 0

    @property
    def reads(self) -> int:
        return self.nodes[self.turn]

    def swallows(self, network: Network) -> bool:
        event = network.sources[self.reads].event
        return event is not None and event[1] and self.turn < len(self.nodes) - 1

    def shows(self, network: Network) -> Event | None:
        """The event at the output: there when all other consumers of its node are ready."""
        event = network.sources[self.reads].event
        if event is None or self.swallows(network):
            return None
        if not all(c.reads == self.reads and c.ready for c in network.readers(self.reads)):
            return None
        address, tick = event
        return (0, True) if tick else (address + self.first[self.turn], False)

    def clock(self, network: Network) -> None:
        event = network.sources[self.reads].event
        if event is not None and event[1] and network.moves(self.reads):
            self.turn = (self.turn + 1) % len(self.nodes)


def bits(count: int) -> int:
    """The fewest bits that number so many things from 0."""
    return len(f"{count - 1:b}") if count > 1 else 0


class WritePort:
    """The write port: looks at what is on offer for a cycle, then waits for its core."""

    def __init__(self, cores: list[Core]) -> None:
        self.cores = cores
        self.lane = bits(max(core.core.lanes for core in cores))
        self.word = bits(max(core.words for core in cores))
        #: By core, where its memories begin among its words of weights, and how many these are.
        self.first: list[dict[int, int]] = []
        self.count: list[int] = []
        for core in cores:
            sizes = [2 ** bits(len(memory.weights)) for memory in core.core.memories]
            starts, at = {}, 0
            for number in sorted(range(len(sizes)), key=lambda k: (-sizes[k], k)):
                starts[number], at = at, at + sizes[number]
            self.first.append(starts)
            self.count.append(at if "weights" in core.core.writable else 0)
        self.row = max(0, bits(max(self.count)) - self.word)
        self.due: Any = None
        self.reset()

    def reset(self) -> None:
        self.asked, self.rejects, self.rejected = False, False, 0
        self.waits: Core | None = None
        self.names: Any = None

    def find(self, address: int, data: int) -> tuple[Core | None, Any]:
        """The core that a write waits for, and what it does there, if anything."""
        parts = []
        for width in (self.lane, self.word, self.row, 4):
            parts.append(address % 2**width)
            address //= 2**width
        lane, word, row, item = parts
        if address >= len(self.cores):
            return None, None
        core = self.cores[address]
        if item == 1 and "thresholds" in core.core.writable and row == 0:
            return self._threshold(core, word * core.core.lanes + lane, lane, data)
        if item == 0 and self.count[address]:
            return self._weight(core, address, row * 2**self.word + word, lane, data)
        return None, None

    def _threshold(self, core: Core, neuron: int, lane: int, data: int) -> tuple[Core | None, Any]:
        single = core.core.v_thresholds is None
        if lane >= core.core.lanes or neuron >= (1 if single else core.core.n_neurons):
            return None, None
        value = signed(data, core.core.neuron.threshold_bits) << core.core.neuron.threshold_shift

        def write() -> None:
            own, neuron_of = core.stepping.v_thresholds, core.stepping.neuron
            if single:
                neuron_of = neuron_of.model_copy(update={"v_threshold": value})
            else:
                own = (*own[:neuron], value, *own[neuron + 1 :])
            core.stepping = replace(core.stepping, v_thresholds=own, neuron=neuron_of)

        return core, write

    def _weight(
        self, core: Core, k: int, number: int, lane: int, data: int
    ) -> tuple[Core | None, Any]:
        if number >= 2 ** bits(self.count[k]) or lane >= 2 ** bits(core.core.lanes):
            return None, None
        for m, first in self.first[k].items():
            word = number - first
            inside = 0 <= word < len(core.weights[m]) and lane < core.core.lanes
            if inside and core.core.memories[m].holds[word][lane]:
                return core, partial(self._store, core.weights[m][word], lane, core, data)
        return core, None

    @staticmethod
    def _store(weights: list[int], lane: int, core: Core, data: int) -> None:
        weights[lane] = signed(data, core.core.neuron.weight_bits)

    @property
    def ready(self) -> bool:
        return self.asked and (self.waits is None or self.waits.between)

    def stop(self) -> None:
        """Keep the core that is waited for between two steps."""
        for core in self.cores:
            core.front.stopped = self.asked and self.waits is core

    def clock(self, shown: Any) -> None:
        if self.due is not None:
            self.due()
        self.due = None
        if shown["rst"]:
            self.reset()
            return
        self.rejected = (self.rejected + self.rejects) % 2**32
        taken = shown["write_valid"] and self.ready
        self.rejects = bool(taken and self.names is None)
        self.due = self.names if taken else None
        self.asked = bool(shown["write_valid"]) and not self.ready
        self.waits, self.names = self.find(int(shown["write_address"]), int(shown["write_data"]))


def signed(data: int, width: int) -> int:
    """The value of so many lowest bits."""
    value = data % 2**width
    return value - 2**width if value >= 2 ** (width - 1) else value


class Network:
    """Nodes, and who reads them."""

    def __init__(self, network: HardwareNetwork, depths: list[int]) -> None:
        first = 1 + len(network.regular)
        self.cores = [Core(c, first + k, depths[k]) for k, c in enumerate(network.cores)]
        self.given = Given()
        self.sources: list[Any] = [
            self.given, *(Regular(source) for source in network.regular), *self.cores
        ]  # fmt: skip
        outputs = [first + k for k in network.outputs]
        self.port = WritePort(self.cores) if any(c.writable for c in network.cores) else None
        self.merge = Merge(outputs, [network.cores[k].n_neurons for k in network.outputs])

    def readers(self, node: int) -> list[Core]:
        """The cores that have this node among their inputs."""
        return [c for c in self.cores if any(each.node == node for each in c.core.inputs)]

    def all_ready(self, node: int) -> bool:
        ready = all(c.reads == node and c.ready for c in self.readers(node))
        if node in self.merge.nodes:
            turn = self.merge.reads == node
            ready = ready and turn and (self.merge.out_ready or self.merge.swallows(self))
        return ready

    def moves(self, node: int) -> bool:
        """Whether an event of the node moves, or could were there one."""
        return self.moving[node]

    def cycle(self, shown: Any) -> dict[str, Any]:
        """What a cycle with such inputs shows; then its clock edge."""
        self.given.event = None
        if shown["in_valid"]:
            self.given.event = int(shown["in_address"]), bool(shown["in_tick"])
        self.merge.out_ready = bool(shown["out_ready"])
        port = self.port
        written = None if port is None else (port.ready, port.rejected)
        if port is not None:
            port.stop()
        self.moving = [self.all_ready(node) for node in range(len(self.sources))]
        seen: dict[str, Any] = {
            "in_ready": self.moving[0], "out": self.merge.shows(self), "cores": [
                (core.doing(self), core.dropped, core.saturated, None if core.written is None else (
                    core.written.word, list(core.written.spikes), list(core.written.states)
                )) for core in self.cores
            ], "write": written}  # fmt: skip
        if port is not None:
            port.clock(shown)
        if shown["rst"]:
            for part in (*self.sources, self.merge):
                part.reset()
            return seen
        events = [source.event for source in self.sources]
        frozen = Frozen(self, events)
        self.merge.clock(self)
        for node, source in enumerate(self.sources):
            source.clock(frozen, self.moving[node] and events[node] is not None)
        return seen


class Frozen:
    """What a network showed before a clock edge, while its parts change one by one."""

    def __init__(self, network: Network, events: list[Event | None]) -> None:
        self.moving = network.moving
        self.sources = [Shown(event) for event in events]

    def moves(self, node: int) -> bool:
        return self.moving[node]


@dataclass(frozen=True)
class Shown:
    """What one node showed."""

    event: Event | None
