"""A core from its contracts: its parts are left out, what they give stands in their place.

What is left is the issue and the wiring, as they are in the Verilog. Of it is proved, by induction
over one cycle, for any input, any stall and any length of run: what each part takes, which the
proofs of the parts assume (:mod:`fxlif.sim.prove.contract`); and the theorems of the core. The
registers of the other parts have any value in any cycle that agrees with their contracts, so
nothing here depends on how a part does its work, and little on its size.

What leaves is followed in :mod:`fxlif.sim.prove.leaving`, as of every core.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

from ...cycles.access import is_accessible
from ...cycles.latency import event_cycles
from ...hdl.core.layouts import operation_layout
from ...hdl.events import event_layout
from ...params.core import CoreParams
from ..tools.solver import z3
from . import golden
from .contract import Part, Ports, any_of, bit, high, unpacked
from .leaving import Leaving
from .netlist import Netlist
from .parts import (
    REGISTER,
    lanes_of,
    packed,
    rom_contract,
    totals_contract,
    unknown_add,
)
from .sums import row_address


class Issued(Leaving, ABC):
    """The issue of a core, the contracts of its parts, and the ghosts of the theorems: what all
    cores of a chain have in common. What the events bring is said by :class:`Composition`, or,
    where they act one by one, by :class:`fxlif.sim.prove.turns.core.InTurns`."""

    def __init__(self, net: Netlist, core: CoreParams) -> None:
        weights, self.last = Ports(net, "weights"), event_cycles(core) - 1
        address, row = weights["address"], weights["data"]
        largest = max(self.last, core.words * core.n_inputs, 1 << core.in_address_bits)
        super().__init__(
            net, core, lead=0, slots=self.last + 1, largest=max(largest, 1 << address.size())
        )
        self.core, self.issue = core, Ports(net, "issue")
        self.rom = z3.Array("weights", address.sort(), row.sort())
        contract, self.fetched = rom_contract(weights, lambda at: z3.Select(self.rom, at))
        self.parts["weights"] = contract
        #: The weights one cycle later.
        self.rom_after = self.rom
        #: What is known of the inputs that say what is written.
        self.assumed: list[Any] = []
        self.held: Any = False
        self._signals()
        self.follow(opened_first=0)
        self._inside()
        if is_accessible(core):
            self._accessed()
        self.bring()

    def _accessed(self) -> None:
        """What is written and read, and when it may be: in the cycle behind one in which the core
        was held between two steps (:mod:`fxlif.sim.prove.access` proves that it is so)."""
        taken = z3.And(self.issue["events_in_valid"] == 1, self.ready)
        event = unpacked(self.issue["events_in_payload"], event_layout(self.core.in_address_bits))
        hold, self.between = self.issue["hold"], self.issue["between"]
        self.opens, self.may = self.ghost("event taken", 1), self.ghost("may be accessed", 1)
        self.held = high(hold, ~self.opens)
        self.ghosts |= {
            self.opens: (0, z3.If(taken, ~event["tick"], self.opens)),
            self.may: (0, hold & self.between),
        }
        self.assumed = self.accesses_in(self.may)
        if "weights" in self.core.writable:
            p = Ports(self.net, "weights")
            lanes, row = self.core.lanes, z3.Select(self.rom, p["place"])
            word = packed([
                z3.If(golden.lane(p["write"], lane, 1) == 1, p["value"], old)
                for lane, old in enumerate(lanes_of(row, lanes))
            ])  # fmt: skip
            self.rom_after = z3.Store(self.rom, p["place"], word)
            self.ghosts[self.rom] = (None, self.rom_after)

    def written_claims(self) -> dict[str, Any]:
        """When something may be written or read, what that keeps waiting, and what answers."""
        if not is_accessible(self.core):
            return {}
        idle = z3.And(self.opens == 0, self.waiting == 0, z3.Not(self.opened))
        found = {
            "between two steps": (self.between == 1) == idle,
            "no event while it is held": z3.Implies(self.held, z3.Not(self.ready)),
        }
        return found | self.read_claims()

    def written_invariants(self) -> dict[str, Any]:
        """Nothing that may be written or read is used by what is under way."""
        if not is_accessible(self.core):
            return {}
        still = z3.And(
            self.opens == 0, self.waiting == 0, z3.Not(self.opened), self.took == 0,
            *(z3.Not(self.on(flag)) for flag in ("adding", "stepping", "clearing", "pending")),
        )  # fmt: skip
        behind = self.neurons.adds[1:]  # of events that act one by one, up to their write-back
        return {
            **{
                f"added {before} before": z3.Implies(
                    flag == 1,
                    z3.Or(self.opens == 1, self.waiting == 1, self.age < before),
                )
                for before, flag in enumerate(behind, start=1)
            },
            "an event taken": self.issue["begun"] == self.opens,
            "taken, what is added": z3.Implies(self.on("adding"), self.opens == 1),
            "still while it may be accessed": z3.Implies(self.may == 1, still),
        }

    @abstractmethod
    def bring(self) -> None:
        """The ghosts of what the events bring."""

    @abstractmethod
    def brought(self) -> dict[str, Any]:
        """The theorems about what the events bring."""

    @abstractmethod
    def contents(self) -> dict[str, Any]:
        """The invariants of what the events bring, and of where it is on its way."""

    # --- terms --------------------------------------------------------------------------------

    def on(self, register: str) -> Any:
        """Whether a register of the issue is high."""
        return self.issue[register] == 1

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

    def _inside(self) -> None:
        """What was taken and has not left."""
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
            self.fresh: (1, z3.BitVecVal(0, 1)), self.took: (0, bit(self.spike_in)),
            self.waiting: (0, bit(waits)), self.was_open: (0, bit(self.opened)),
            self.row: (0, z3.If(self.spike_in, self.input, self.row)),
            self.inside: (0, inside - z3.If(self.tick_out, self.n(1), self.n(0))),
            self.kind: (0, kinds), self.before: (0, self.at), since: (self.old, later),
        }  # fmt: skip

    # --- what is shown ------------------------------------------------------------------------

    def claims(self) -> dict[str, Any]:
        """The theorems of a core."""
        op, at = self.op, self.at
        follows = z3.And(self.kind == self.kinds, at == self.before + 1)
        unfinished = z3.And(self.kind != 0, self.before < self.words - 1)
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
                z3.Not(self.ready), z3.Or(self.waiting == 1, self.since < self.last, self.held)
            ),
            **self.written_claims(),
            "a TICK out for a TICK in": z3.Implies(self.tick_out, self.inside >= 1),
            "at most three TICKs inside": z3.And(self.inside >= 0, self.inside <= 3),
            **self.brought(),
            **self.leaving_claims(),
        }

    def invariants(self) -> dict[str, Any]:
        """How the registers of the issue and the ghosts stand to each other."""
        return {
            **self._control(),
            **self._lines(),
            **self.contents(),
            **self.on_its_way(),
            **self.written_invariants(),
        }

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
        found, g = {}, self.neurons
        for before in range(1, self.end + 1):
            here = z3.And(self.age >= before, self.age - before < self.words)
            found[f"update {before} before"] = z3.And(
                (g.updates[before] == 1) == z3.And(here, self.update),
                (g.clears[before] == 1) == z3.And(here, z3.Not(self.update)),
                z3.Implies(here, self.n(g.words[before]) == self.age - before),
            )
        return found

    def part(self) -> Part:
        """The proof of a core."""
        return self.proof(self.issue.owns, self.claims(), self.invariants(), self.assumed)

    @property
    def busy(self) -> Any:
        """Whether an operation is under way."""
        return z3.Or(*map(self.on, ("adding", "clearing", "stepping")))

    def apart(self, before: int) -> Any:
        """Where the issue is, if ``word`` was issued so many cycles before."""
        slot, at = self.n(self.issue["slot"]), self.word + before
        ended = at >= self.last + 1 + z3.If(self.busy, slot, self.n(0))
        return z3.Or(z3.And(self.busy, slot == at), ended)


class Composition(Issued):
    """A core that sums its events: the sum of each step is that of its events."""

    def bring(self) -> None:
        """The sums of ``word``: of the open step, and of the one that is being updated."""
        totals, self.totals = totals_contract(self.core, Ports(self.net, "totals"), unknown_add)
        self.parts["totals"] = totals
        size = self.totals.sum.size()
        new, old = self.ghost("sum of the open step", size), self.ghost("sum of the update", size)
        none, begins = z3.BitVecVal(0, size), self.starts["update"]
        self.open_sum = z3.If(begins, none, new)
        self.old_sum = z3.If(begins, new, old)
        here = self.address(self.input, self.word)
        sum_after = self.add(self.open_sum, here, self.rom_after)
        added = z3.If(self.spike_in, sum_after, self.open_sum)
        self.ghosts |= {new: (0, added), old: (0, self.old_sum)}

    def add(self, sums: Any, address: Any, rom: Any = None) -> Any:
        """The sums of a word with the weights that lie at an address."""
        rom = self.rom if rom is None else rom
        size = self.rom.sort().domain().size()
        at = z3.Extract(size - 1, 0, address) if address.size() > size else address
        return unknown_add(sums, z3.Select(rom, at))[0]

    def brought(self) -> dict[str, Any]:
        """What enters the step of ``word``."""
        enters = z3.And(self.neurons.updates[REGISTER] == 1,
                        self.neurons.words[REGISTER] == self.totals.word)  # fmt: skip
        total = self.neurons_ports["total"]
        return {"the sum of the step": z3.Implies(enters, total == self.old_sum)}

    def contents(self) -> dict[str, Any]:
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
        lines = {}
        for before in range(1, len(t.here)):
            lines[f"word {before} before"] = z3.Implies(t.here[before] == 1, self.apart(before))
            lines[f"updated {before} before"] = g.issued(before) == z3.And(
                t.here[before] == 1, t.adds[before] == 0
            )
        clear = any_of([z3.And(g.clears[b] == 1, g.words[b] == g.word) for b in (1, 2)])
        asked = self.fetched.asked
        if self.core.writable:
            for before in range(1, len(t.adds)):
                behind = z3.And(self.opened, self.update, self.age < before)
                under_way = z3.Or(self.opens == 1, self.on("pending"), behind)
                lines[f"added {before} before"] = z3.Implies(t.adds[before] == 1, under_way)
                lines[f"not added {before} before a write"] = z3.Implies(
                    self.may == 1, t.adds[before] == 0
                )
        return {
            **lines,
            "weights asked for": z3.And(
                *(z3.Implies(t.adds[b] == 1, high(*asked[1 : b + 1])) for b in (1, REGISTER))
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
