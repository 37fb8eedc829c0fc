"""A core from its contracts: its parts are left out, what they give stands in their place.

What is left is the issue and the wiring, as they are in the Verilog. Of it is proved, by induction
over one cycle, for any input, any stall and any length of run: what each part takes, which the
proofs of the parts assume (:mod:`fxlif.sim.prove.contract`); and the theorems of the core. The
registers of the other parts have any value in any cycle that agrees with their contracts, so
nothing here depends on how a part does its work, and little on its size.

Spikes and the TICK of an update are followed from the write-back to the emitter, which sends what
it takes; one word, ``word``, stands for all, and one number of an entry in the queue.
"""

from __future__ import annotations

from typing import Any

from ...cycles.latency import event_cycles
from ...hdl.core.layouts import entry_layout, operation_layout, written_layout
from ...hdl.events import event_layout
from ...params.core import CoreParams
from ..tools.solver import z3
from .contract import Contract, Part, Ports, any_of, bit, unpacked
from .netlist import Netlist
from .parts import (
    QUEUE_CYCLES,
    REGISTER,
    counted,
    emitter_contract,
    is_told,
    neurons_contract,
    queue_contract,
    rom_contract,
    totals_contract,
    unknown_add,
)
from .sums import row_address

Ghosts = dict[Any, tuple[int | None, Any]]


class Composition:
    """The wiring of a core, the contracts of its parts, and the ghosts of its theorems."""

    def __init__(self, net: Netlist, core: CoreParams) -> None:
        self.net, self.core, self.words = net, core, core.words
        self.issue = Ports(net, "issue")
        weights = Ports(net, "weights")
        address, row = weights["address"], weights["data"]
        self.rom = z3.Array("weights", address.sort(), row.sort())
        contract, self.fetched = rom_contract(weights, lambda at: z3.Select(self.rom, at))
        totals, self.totals = totals_contract(core, Ports(net, "totals"), unknown_add)
        neurons, self.neurons = neurons_contract(core, Ports(net, "neurons"))
        queue, self.queue = queue_contract(core, Ports(net, "queue"))
        emitter, self.emitter = emitter_contract(core, Ports(net, "emitter"))
        self.parts = {"weights": contract, "totals": totals, "neurons": neurons, "queue": queue,
                      "emitter": emitter}  # fmt: skip
        self.end, self.last = self.neurons.end, event_cycles(core) - 1
        #: The cycles that it can take to send one entry, and to bring it to the emitter.
        times = (1 << core.neuron.spike_bits) - 1
        self.entry_cycles = core.lanes * times + 2
        self.patience = (
            self.words + self.end + 1 + self.words * (self.entry_cycles + QUEUE_CYCLES + 1)
        )
        #: From this age on an update is older than anything inside.
        self.old = self.last + self.words + self.end + 2
        largest = max(2 * self.patience, 2 * self.old, self.words * core.n_inputs)
        self.width = max(largest.bit_length(), core.in_address_bits, address.size()) + 2
        self.word = self.n(self.totals.word)
        self._signals()
        self.ghosts: Ghosts = {}
        self._ages()
        self._sums()
        self._spikes()

    # --- terms --------------------------------------------------------------------------------

    def n(self, term: Any) -> Any:
        """A number with room for sums, so that comparisons are those of integers."""
        if isinstance(term, int):
            return z3.BitVecVal(term, self.width)
        return z3.ZeroExt(self.width - term.size(), term)

    def ghost(self, name: str, width: int = 0) -> Any:
        """A ghost of the core."""
        return z3.BitVec(f"core: {name}", width or self.width)

    def on(self, register: str) -> Any:
        """Whether a register of the issue is high."""
        return self.issue[register] == 1

    def add(self, sums: Any, address: Any) -> Any:
        """The sums of a word with the weights that lie at an address."""
        size = self.rom.sort().domain().size()
        at = z3.Extract(size - 1, 0, address) if address.size() > size else address
        return unknown_add(sums, z3.Select(self.rom, at))[0]

    def address(self, row: Any, word: Any) -> Any:
        """Where the weights of a row and a word lie."""
        return row_address(self.core, row, word)

    def _signals(self) -> None:
        issue, core = self.issue, self.core
        event = unpacked(issue["events_in_payload"], event_layout(core.in_address_bits))
        self.ready = issue["events_in_ready"] == 1
        taken = z3.And(issue["events_in_valid"] == 1, self.ready)
        known = z3.ULT(self.n(event["address"]), core.n_inputs)
        self.input = self.n(event["address"])
        self.tick_in = z3.And(taken, event["tick"] == 1)
        self.spike_in = z3.And(taken, event["tick"] == 0, known)
        self.unknown_in = z3.And(taken, event["tick"] == 0, z3.Not(known))
        self.op = issue.fields("operation", operation_layout(core))
        self.at = self.n(self.op["word"])
        self.starts = {kind: z3.And(self.op[kind] == 1, self.at == 0)
                       for kind in ("add", "update", "clear")}  # fmt: skip
        self.first = z3.Or(self.starts["update"], self.starts["clear"])
        emitter = Ports(self.net, "emitter")
        out = emitter["events_out_valid"] & emitter["events_out_ready"]
        self.out_ready = emitter["events_out_ready"] == 1
        self.tick_out = z3.And(out == 1, self.emitter.left == 0)
        self.taken = z3.And(emitter["entries_valid"] == 1, self.emitter.free)
        self.entry = self.emitter.entry
        self.sent = emitter["done"] == 1
        self.cleared = Ports(self.net, "neurons")["cleared"] == 1
        self.done = issue["done"] == 1
        self.written = Ports(self.net, "neurons").fields("written", written_layout(core))

    def _ages(self) -> None:
        """How far the last update or clearing is, and what was taken."""
        age, kind, opened = self.ghost("age"), self.ghost("an update", 1), self.ghost("opened", 1)
        self.age = z3.If(self.first, self.n(0), age)
        self.update = z3.If(self.first, self.op["update"], kind) == 1
        self.opened = z3.Or(self.first, opened == 1)
        self.updating = z3.And(self.opened, self.update)
        older = z3.If(self.age == self.old, self.age, self.age + 1)
        self.fresh, self.took = self.ghost("fresh", 1), self.ghost("took", 1)
        self.waiting, self.was_open = self.ghost("waiting", 1), self.ghost("was open", 1)
        self.row, self.inside = self.ghost("row"), self.ghost("TICKs inside")
        self.kind, self.before = self.ghost("kind", 3), self.ghost("word before")
        kinds = z3.Concat(self.op["add"], self.op["update"], self.op["clear"])
        since = self.ghost("since")
        self.since = z3.If(z3.Or(*self.starts.values()), self.n(0), since)
        inside = self.inside + z3.If(self.tick_in, self.n(1), self.n(0))
        waits = z3.And(z3.Or(self.waiting == 1, self.tick_in), z3.Not(self.starts["update"]))
        later = z3.If(self.since == self.old, self.since, self.since + 1)
        self.kinds = kinds
        self.ghosts |= {
            age: (self.old, older), kind: (0, bit(self.update)),
            opened: (0, bit(z3.And(self.opened, z3.Not(self.done)))),
            self.fresh: (1, z3.BitVecVal(0, 1)), self.took: (0, bit(self.spike_in)),
            self.waiting: (0, bit(waits)), self.was_open: (0, bit(self.opened)),
            self.row: (0, z3.If(self.spike_in, self.input, self.row)),
            self.inside: (0, inside - z3.If(self.tick_out, self.n(1), self.n(0))),
            self.kind: (0, kinds), self.before: (0, self.at), since: (self.old, later),
        }  # fmt: skip
        done = z3.If(self.age < self.end, self.n(0), self.age - self.end)
        #: Words of the update that were written before this cycle.
        self.done_words = z3.If(done > self.words, self.n(self.words), done)

    def _sums(self) -> None:
        """The sums of ``word``: of the open step, and of the one that is being updated."""
        size = self.totals.sum.size()
        new, old = self.ghost("sum of the open step", size), self.ghost("sum of the update", size)
        none, begins = z3.BitVecVal(0, size), self.starts["update"]
        self.open_sum = z3.If(begins, none, new)
        self.old_sum = z3.If(begins, new, old)
        here = self.address(self.input, self.word)
        added = z3.If(self.spike_in, self.add(self.open_sum, here), self.open_sum)
        self.ghosts |= {new: (0, added), old: (0, self.old_sum)}

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

    # --- what is shown ------------------------------------------------------------------------

    def claims(self) -> dict[str, Any]:
        """The theorems of a core."""
        op, at = self.op, self.at
        follows = z3.And(self.kind == self.kinds, at == self.before + 1)
        unfinished = z3.And(self.kind != 0, self.before < self.words - 1)
        enters = z3.And(self.neurons.updates[REGISTER] == 1,
                        self.neurons.words[REGISTER] == self.totals.word)  # fmt: skip
        total = Ports(self.net, "neurons")["total"]
        return {
            "a word after the other": z3.Implies(
                z3.And(self.kinds != 0, at != 0), z3.And(unfinished, follows)
            ),
            "every word": z3.Implies(unfinished, z3.And(follows, at < self.words)),
            "an addition for an event": self.starts["add"] == (self.took == 1),
            "weights of the event": z3.Implies(
                op["add"] == 1,
                self.n(self.issue["weight_address"]) == self.address(self.row, at),
            ),
            "unknown events told": (self.issue["unknown"] == 1) == self.unknown_in,
            "cleared after a reset alone": self.starts["clear"] == (self.fresh == 1),
            "an update for a TICK": z3.Implies(self.starts["update"], self.waiting == 1),
            "one update at a time": z3.Implies(
                z3.And(self.waiting == 1, z3.Not(self.starts["update"])), self.was_open == 1
            ),
            "nothing taken behind a waiting TICK": z3.Implies(
                self.waiting == 1, z3.Not(self.ready)
            ),
            "input refused for a reason": z3.Implies(
                z3.Not(self.ready), z3.Or(self.waiting == 1, self.since < self.last)
            ),
            "the sum of the step": z3.Implies(enters, total == self.old_sum),
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
            "a TICK out for a TICK in": z3.Implies(self.tick_out, self.inside >= 1),
            "at most three TICKs inside": z3.And(self.inside >= 0, self.inside <= 3),
            "TICK in time": z3.Implies(self.updating, self.passed <= self.patience),
        }

    def invariants(self) -> dict[str, Any]:
        """How the registers of the issue and the ghosts stand to each other."""
        return {**self._control(), **self._lines(), **self._contents(), **self._leaving()}

    def _control(self) -> dict[str, Any]:
        slot = self.n(self.issue["slot"])
        adding, clearing, stepping = map(self.on, ("adding", "clearing", "stepping"))
        pending, begins = self.on("pending"), self.starts["update"]
        under_way = z3.Or(clearing, stepping)
        e = self.emitter
        tick = z3.And(e.valid == 1, e.left == 0)
        flags = [z3.If(flag, self.n(1), self.n(0)) for flag in (pending, self.updating, tick)]
        return {
            "one operation under way": z3.And(
                *(z3.Not(z3.And(a, b)) for a, b in
                  ((adding, clearing), (adding, stepping), (clearing, stepping)))
            ),
            "slot in range": slot <= self.last,
            "slot of nothing": z3.Or(adding, under_way, slot == 0),
            "free": self.on("free")
            == z3.Or(z3.Not(z3.Or(adding, under_way)), slot == self.last),
            "age": z3.And(self.age >= 0, self.age <= self.old,
                          under_way == (self.age <= self.last)),
            "age of what is under way": z3.Implies(
                under_way, z3.And(self.age == slot, stepping == self.update)
            ),
            "updating": self.on("updating") == self.opened,
            "a clearing is short": z3.Implies(
                z3.Not(self.update), self.opened == (self.age < self.words + self.end)
            ),
            "open until written": z3.Implies(self.age < self.words + self.end, self.opened),
            "waiting": (self.waiting == 1) == z3.Or(pending, begins),
            "pending alone": z3.Implies(
                pending, z3.And(z3.Not(adding), z3.Not(under_way),
                                z3.Or(self.was_open == 1, self.opened)),
            ),
            "just taken": (self.took == 1) == z3.And(adding, slot == 0),
            "row in range": z3.And(self.row >= 0, self.row < self.core.n_inputs),
            "since": z3.And(
                self.since >= 0, self.since <= self.old,
                z3.Implies(z3.Or(adding, under_way), self.since == slot),
            ),
            "TICKs": self.inside == sum(flags[1:], start=flags[0]),
            "word before": z3.If(
                z3.And(z3.Or(adding, under_way), slot > 0),
                z3.And(self.before == self.n(z3.Extract(
                    self.op["word"].size() - 1, 0, slot - 1)),
                    self.kind == z3.If(slot - 1 < self.words, z3.Concat(
                        self.issue["adding"], self.issue["stepping"], self.issue["clearing"]), 0)),
                z3.Or(self.kind == 0, self.before >= self.words - 1),
            ),
        }  # fmt: skip

    def _lines(self) -> dict[str, Any]:
        """What was issued, by the age of the update and by the slot."""
        found, g, t = {}, self.neurons, self.totals
        slot, slots = self.n(self.issue["slot"]), self.last + 1
        busy = z3.Or(*map(self.on, ("adding", "clearing", "stepping")))
        for before in range(1, self.end + 1):
            here = z3.And(self.age >= before, self.age - before < self.words)
            found[f"update {before} before"] = z3.And(
                (g.updates[before] == 1) == z3.And(here, self.update),
                (g.clears[before] == 1) == z3.And(here, z3.Not(self.update)),
                z3.Implies(here, self.n(g.words[before]) == self.age - before),
            )
        for before in range(1, len(t.here)):
            ended = self.word + before >= slots + z3.If(busy, slot, self.n(0))
            found[f"word {before} before"] = z3.Implies(
                t.here[before] == 1, z3.Or(z3.And(busy, slot == self.word + before), ended)
            )
            found[f"updated {before} before"] = g.issued(before) == z3.And(
                t.here[before] == 1, t.adds[before] == 0
            )
        return found

    def _contents(self) -> dict[str, Any]:
        """The sums of ``word``, with what is on its way to them."""
        t, slot = self.totals, self.n(self.issue["slot"])
        adding, clearing, stepping = map(self.on, ("adding", "clearing", "stepping"))
        none, at = z3.BitVecVal(0, t.sum.size()), self.fetched.addresses

        def through(sums: Any, before: int) -> Any:
            added = z3.If(t.adds[before] == 1, self.add(sums, at[before]), none)
            return z3.If(t.here[before] == 1, added, sums)

        read = through(t.sum, 2)
        flows = through(read, 1)
        ahead = slot <= self.word
        expected = z3.If(
            z3.And(adding, ahead), self.add(flows, self.address(self.row, self.word)), flows
        )
        kept = z3.And(stepping, ahead)
        settled = z3.Not(z3.And(z3.Or(clearing, stepping), ahead))
        g = self.neurons
        clear = any_of([z3.And(g.clears[b] == 1, g.words[b] == g.word) for b in (1, 2)])
        asked = self.fetched.asked
        return {
            "weights asked for": z3.And(
                *(z3.Implies(t.adds[b] == 1, asked[b] == 1) for b in (1, REGISTER))
            ),
            "sum of the open step": z3.Implies(settled, expected == self.open_sum),
            "sum to be read": z3.Implies(kept, flows == self.old_sum),
            "nothing added yet": z3.Implies(kept, self.open_sum == 0),
            "nothing added to a clearing": z3.Implies(clearing, self.open_sum == 0),
            "sum read": z3.Implies(
                z3.And(g.updates[1] == 1, g.words[1] == g.word), read == self.old_sum
            ),
            "sum that enters": z3.Implies(
                z3.And(g.updates[2] == 1, g.words[2] == g.word), t.sum == self.old_sum
            ),
            "cleared first": z3.Implies(
                z3.Not(z3.And(clearing, ahead)), z3.Or(t.known == 1, clear)
            ),
        }

    def entry_at(self, number: Any) -> dict[str, Any]:
        """What the queue holds under a number."""
        return unpacked(z3.Select(self.queue.entries, number), entry_layout(self.core))

    def _leaving(self) -> dict[str, Any]:
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
                inside, z3.And(counted(self.core, entry)["some"], is_told(self.core, entry))
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

    def part(self) -> Part:
        """The proof: what the parts take and the theorems, from what the parts give."""
        given: list[Any] = []
        ghosts, gives = dict(self.ghosts), self.claims()
        for name, contract in self.parts.items():
            given += [*contract.given, *contract.gives.values()]
            ghosts |= contract.ghosts
            gives |= {f"{name}: {what}": term for what, term in contract.takes.items()}
        q = self.queue
        index, later = z3.BitVecs("index later", q.pushed.size())
        places = [{index: place} for place in (q.popped, q.popped + 1, q.pushed - 1, self.place)]
        return Part(
            net=self.net, owns=self.issue.owns,
            contract=Contract(ghosts=ghosts, gives=gives, given=given),
            invariants=self.invariants(), of_each=self.of_each(index, later),
            places=[*places, {index: later}, {index: q.popped, later: index},
                    {index: q.popped, later: q.popped + 1}],
        )  # fmt: skip
