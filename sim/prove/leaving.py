"""From the write-back to the emitter: what the theorems of every core have in common.

Spikes and the TICK of an update are followed until the emitter takes them, which sends what it
takes; one word, ``word``, stands for all, and one number of an entry in the queue.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ...cycles.access import COUNTS
from ...cycles.latency import AnyCore
from ...hdl.core.layouts import entry_layout, read_layout, written_layout
from ..tools.solver import z3
from .contract import Contract, Part, Ports, bit, unpacked
from .netlist import Netlist
from .parts import (
    QUEUE_CYCLES,
    counted,
    emitter_contract,
    is_told,
    neurons_contract,
    queue_contract,
    written_now,
)

Ghosts = dict[Any, tuple[int | None, Any]]


class Leaving:
    """The contracts of neurons, queue and emitter, and the ghosts that follow an update.

    ``starts``: by name whether the first word of an update, or of a clearing of the neurons, is
    issued; the neurons have a word ``lead`` cycles after it is issued. A core sets ``starts``, then
    calls :meth:`follow`. Update and clearing occupy the issue for ``slots`` cycles at most, and no
    number of the theorems is over ``largest``.
    """

    starts: Mapping[str, Any]

    def __init__(self, net: Netlist, core: AnyCore, *, lead: int, slots: int, largest: int) -> None:
        self.net, self.words = net, core.words
        self._core = core
        self.neurons_ports, self.emitter_ports = Ports(net, "neurons"), Ports(net, "emitter")
        neurons, self.neurons = neurons_contract(core, self.neurons_ports)
        queue, self.queue = queue_contract(core, Ports(net, "queue"))
        emitter, self.emitter = emitter_contract(core, self.emitter_ports)
        self.parts = {"neurons": neurons, "queue": queue, "emitter": emitter}
        #: From the issue of a word to its write-back.
        self.end = self.neurons.end + lead
        #: The cycles that it can take to send one entry, and to bring it to the emitter.
        times = (1 << core.spike_bits) - 1
        self.entry_cycles = core.lanes * times + 2
        self.patience = (
            self.words + self.end + 1 + self.words * (self.entry_cycles + QUEUE_CYCLES + 1)
        )
        #: From this age on an update is older than anything inside.
        self.old = slots + self.words + self.end + 1
        self.width = max(2 * self.patience, 2 * self.old, largest).bit_length() + 2
        self.word = self.n(self.neurons.word)
        self.ghosts: Ghosts = {}
        out_valid = self.emitter_ports["events_out_valid"]
        self.out_ready = self.emitter_ports["events_out_ready"] == 1
        self.tick_out = z3.And(out_valid == 1, self.out_ready, self.emitter.left == 0)
        self.taken = z3.And(self.emitter_ports["entries_valid"] == 1, self.emitter.free)
        self.entry = self.emitter.entry
        self.sent = self.emitter_ports["done"] == 1
        self.done = Ports(net, "issue")["done"] == 1
        self.written = self.neurons_ports.fields("written", written_layout(core))

    # --- terms --------------------------------------------------------------------------------

    def n(self, term: Any) -> Any:
        """A number with room for sums, so that comparisons are those of integers."""
        if isinstance(term, int):
            return z3.BitVecVal(term, self.width)
        return z3.ZeroExt(self.width - term.size(), term)

    def ghost(self, name: str, width: int = 0) -> Any:
        """A ghost of the core."""
        return z3.BitVec(f"core: {name}", width or self.width)

    def follow(self, *, opened_first: int) -> None:
        """How far the last update or clearing is, whether it is ``opened``, which after a reset is
        so or not, and what of it has left."""
        age, kind, opened = self.ghost("age"), self.ghost("an update", 1), self.ghost("opened", 1)
        self.first = z3.Or(self.starts["update"], self.starts["clear"])
        self.age = z3.If(self.first, self.n(0), age)
        self.update = z3.If(self.first, self.starts["update"], kind == 1)
        self.opened = z3.Or(self.first, opened == 1)
        self.updating = z3.And(self.opened, self.update)
        older = z3.If(self.age == self.old, self.age, self.age + 1)
        done = z3.If(self.age < self.end, self.n(0), self.age - self.end)
        #: Words of the update that were written before this cycle.
        self.done_words = z3.If(done > self.words, self.n(self.words), done)
        self.ghosts |= {
            age: (self.old, older), kind: (0, bit(self.update)),
            opened: (opened_first, bit(z3.And(self.opened, z3.Not(self.done)))),
        }  # fmt: skip
        self._spikes()

    def _spikes(self) -> None:
        """What ``word`` fired and was not taken by the emitter; where it lies in the queue."""
        self.owed, self.place = self.ghost("owed", 1), self.ghost("place", self.queue.pushed.size())
        self.spikes = self.ghost("spikes", self.entry["spikes"].size())
        self.floor, self.time = self.ghost("floor"), self.ghost("time")
        fires = z3.And(self.written["valid"] == 1, self.n(self.written["word"]) == self.word,
                       self.written["spikes"] != 0)  # fmt: skip
        self.takes_word = z3.And(self.taken, self.n(self.entry["word"]) == self.word,
                                 self.entry["spikes"] != 0)  # fmt: skip
        still = z3.And(self.owed == 1, z3.Not(self.takes_word))
        floor = z3.If(self.taken, self.n(self.entry["word"]) + 1, self.floor)
        time = z3.If(self.starts["update"], self.n(0), self.time)
        self.passed = time
        more = z3.And(self.updating, self.out_ready)
        self.ghosts |= {
            self.owed: (0, bit(z3.Or(fires, still))),
            self.place: (None, z3.If(fires, self.queue.pushed, self.place)),
            self.spikes: (None, z3.If(fires, self.written["spikes"], self.spikes)),
            self.floor: (0, z3.If(self.done, self.n(0), floor)),
            self.time: (0, z3.If(more, time + 1, time)),
        }

    # --- what is written and read -------------------------------------------------------------

    def accesses_in(self, may: Any) -> list[Any]:
        """That something is written or read only where it ``may`` be."""
        found = []
        if self._core.writable:
            found.append(z3.Implies(written_now(self.net, self._core), may == 1))
        if self._core.readable:
            reads = unpacked(self.net["access_read"], read_layout(self._core))["valid"] == 1
            found.append(z3.Implies(reads, may == 1))
        return found

    def read_claims(self) -> dict[str, Any]:
        """How what answers is joined to what is read."""
        if not self._core.readable:
            return {}
        answer, read = Ports(self.net, "answer"), self.net["access_read"]
        return {"read where it is asked": z3.And(
            self.neurons_ports["read"] == read, answer["read"] == read,
            answer["state"] == self.neurons_ports["state"],
            *(answer[name] == self.net[name] for name in COUNTS if name in answer),
            self.net["access_answer"] == answer["answer"],
        )}  # fmt: skip

    # --- what is shown ------------------------------------------------------------------------

    def leaving_claims(self) -> dict[str, Any]:
        """The theorems about what leaves."""
        return {
            "spikes of the word once": z3.Implies(
                self.takes_word,
                z3.And(self.owed == 1, self.entry["spikes"] == self.spikes),
            ),
            "words ascend": z3.Implies(self.taken, self.n(self.entry["word"]) >= self.floor),
            "TICK after all words": z3.Implies(
                self.sent, z3.And(self.updating, self.age >= self.end + self.words)
            ),
            "TICK after all spikes": z3.Implies(self.sent, z3.Or(self.owed == 0, self.takes_word)),
            "done once": z3.Implies(self.done, self.opened),
            "TICK in time": z3.Implies(self.updating, self.passed <= self.patience),
        }

    def entry_at(self, number: Any) -> dict[str, Any]:
        """What the queue holds under a number."""
        return unpacked(z3.Select(self.queue.entries, number), entry_layout(self._core))

    def on_its_way(self) -> dict[str, Any]:
        """From the write-back to the emitter."""
        q, e = self.queue, self.emitter
        held = self.n(q.held)
        newest = self.entry_at(q.pushed - 1)
        all_written = self.done_words == self.words
        place = self.entry_at(self.place)
        return {
            "room": held <= self.done_words,
            "nothing after the TICK": z3.Implies(
                z3.Not(self.updating), z3.And(held == 0, z3.Not(self.emitter.to_come))
            ),
            "the last entry": z3.Implies(
                z3.And(self.updating, all_written),
                z3.Or(z3.And(held != 0, newest["last"] == 1), self.emitter.to_come),
            ),
            "the last entry alone": z3.Implies(
                self.emitter.to_come, z3.And(self.updating, all_written, held == 0)
            ),
            "spikes of an update": z3.Implies(
                z3.And(e.valid == 1, e.last == 0), z3.And(self.updating, e.left != 0)
            ),
            "owed": z3.Implies(
                self.owed == 1,
                z3.And(self.updating, q.inside(self.place), place["spikes"] == self.spikes,
                       self.spikes != 0, self.n(place["word"]) == self.word),
            ),
            "floor": z3.And(self.floor >= 0, self.floor <= self.done_words,
                            z3.Implies(z3.Not(self.opened), self.floor == 0)),
            "waited": z3.ULE(q.waited, QUEUE_CYCLES),
            "in time": z3.Implies(
                self.updating,
                z3.And(self.passed >= 0, self.passed + self._time_left() <= self.patience),
            ),
        }  # fmt: skip

    def of_each(self, index: Any, later: Any) -> dict[str, Any]:
        """What holds of every entry in the queue, and of every two."""
        q, entry = self.queue, self.entry_at(index)
        word = self.n(entry["word"])
        newest = z3.And(index == q.pushed - 1, self.done_words == self.words)
        inside = q.inside(index)
        return {
            "entry of a word": z3.Implies(
                inside, z3.And(word < self.done_words, word >= self.floor)
            ),
            "entry of events": z3.Implies(
                inside, z3.And(counted(self._core, entry)["some"], is_told(self._core, entry))
            ),
            "last entry": z3.Implies(inside, (entry["last"] == 1) == newest),
            "entries ascend": z3.Implies(
                z3.And(q.inside(later), z3.ULT(index - q.popped, later - q.popped)),
                word < self.n(self.entry_at(later)["word"]),
            ),
            "entry that is owed": z3.Implies(
                z3.And(inside, word == self.word, entry["spikes"] != 0),
                z3.And(self.owed == 1, index == self.place),
            ),
        }

    def _time_left(self) -> Any:
        """Cycles of a ready output until the TICK shows, whatever fires: an upper bound."""
        e, q = self.emitter, self.queue
        each = self.entry_cycles + QUEUE_CYCLES + 1
        valid = Ports(self.net, "queue")["entries_valid"] == 1
        to_write = z3.If(self.age < self.words + self.end, self.words + self.end - self.age,
                         self.n(0))  # fmt: skip
        unwritten = (self.words - self.done_words) * each
        waits = z3.If(valid, self.n(0), QUEUE_CYCLES + 1 - self.n(q.waited))
        held = self.n(q.held)
        queued = z3.If(held == 0, self.n(0), (held - 1) * each + self.entry_cycles + waits)
        return to_write + unwritten + queued + e.cycles_left(self.n)

    def proof(
        self, owns: Callable[[Any], bool], claims: Mapping[str, Any],
        invariants: Mapping[str, Any], given: Sequence[Any] = (),
    ) -> Part:  # fmt: skip
        """What the parts take, and the ``claims``, from what the parts give."""
        given = list(given)
        ghosts, gives = dict(self.ghosts), dict(claims)
        for name, contract in self.parts.items():
            given += [*contract.given, *contract.gives.values()]
            ghosts |= contract.ghosts
            gives |= {f"{name}: {what}": term for what, term in contract.takes.items()}
        q = self.queue
        index, later = z3.BitVecs("index later", q.pushed.size())
        places = [{index: place} for place in (q.popped, q.popped + 1, q.pushed - 1, self.place)]
        return Part(
            net=self.net, owns=owns, contract=Contract(ghosts=ghosts, gives=gives, given=given),
            invariants=invariants, of_each=self.of_each(index, later),
            places=[*places, {index: later}, {index: q.popped, later: index},
                    {index: q.popped, later: q.popped + 1}],
        )  # fmt: skip
