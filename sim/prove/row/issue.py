"""The head of the pipeline of a core of rows: which words enter it, and when a lookup is taken."""

from __future__ import annotations

from typing import Any

from ....cycles.access import is_accessible
from ....cycles.latency import least_slots
from ....hdl.rows.issue import clear_slots
from ....hdl.rows.layouts import longest, lookup_layout, slot_layout
from ....layout import RowCore
from ...tools.solver import z3
from ..contract import Contract, Part, Ports, bit, high, number
from ..netlist import Netlist
from ..turns.neurons import goes_by_the_first


class RowIssueGhosts:
    """A reference: word ``k`` of the ``n`` of what is under way, which adds, steps or clears
    (``kind``); the row of an addition begins at ``first`` in ``memory``, and its words at
    ``offset``. ``base``: the updates that are through, modulo the ring; ``updating``: one is under
    way and not done. Where events act one by one ``begun`` says that the step has begun, ``began``
    that what is under way begins it."""

    def __init__(self, core: RowCore, ports: Ports) -> None:
        self.lookup = lookup = ports.fields("lookup", lookup_layout(core))
        self.slot = ports.fields("slot", slot_layout(core))
        self.clear_slots = clear_slots(core)
        in_turns = core.neuron.per_event
        #: The slots that an update occupies; and a row, where events act one by one.
        self.slots = max(core.words, least_slots(core)) if in_turns else core.words
        largest = max(self.clear_slots, longest(core), self.slots, 1 << lookup["start"].size())
        width = largest.bit_length() + 1
        self.adds, self.steps, self.clears, self.updating = z3.BitVecs(
            "issue:adds issue:steps issue:clears issue:updating", 1
        )
        self.k, self.n, self.first = z3.BitVecs("issue:word issue:words issue:first", width)
        self.memory = z3.BitVec("issue:memory", lookup["memory"].size())
        self.base = z3.BitVec("issue:base", self.slot["base"].size())
        self.busy = z3.Or(*(kind == 1 for kind in (self.adds, self.steps, self.clears)))
        self.last = z3.And(self.busy, self.k == self.n - 1)
        self.free = z3.Or(z3.Not(self.busy), self.last)
        update, held = lookup["update"] == 1, ports["held"] == 1
        self.takes = z3.And(held, self.free, z3.Not(z3.And(update, self.updating == 1)))
        self.starts = z3.And(self.takes, update)
        adds = z3.And(self.takes, z3.Not(update), lookup["length"] != 0)
        row = self.slots if in_turns else number(lookup["length"], width)
        words = z3.If(update, z3.BitVecVal(self.slots, width), row)

        #: Whether no row and no update is under way.
        self.rests = z3.And(self.adds == 0, self.updating == 0)

        def following(ghost: Any, started: Any, otherwise: Any) -> Any:
            return z3.If(self.free, started, otherwise)

        none = z3.BitVecVal(0, 1)
        offset = {}
        if core.offset_bits:
            self.offset = z3.BitVec("issue:offset", core.offset_bits)
            taken = following(self.offset, lookup["offset"], self.offset)
            offset = {self.offset: (None, taken)}
        self.tells = in_turns and goes_by_the_first(ports.net, core)
        begins: dict[Any, tuple[int | None, Any]] = {}
        self.begun, self.began = z3.BitVecs("issue:begun issue:began", 1)
        if self.tells:
            begins = {
                self.begun: (0, z3.If(self.starts, none, self.begun | bit(adds))),
                self.began: (0, z3.If(z3.Or(adds, self.starts), ~self.begun, self.began)),
            }
        self.ghosts: dict[Any, tuple[int | None, Any]] = {
            self.adds: (0, following(self.adds, bit(adds), self.adds)),
            self.steps: (0, following(self.steps, bit(self.starts), self.steps)),
            self.clears: (1, following(self.clears, none, self.clears)),
            self.k: (0, following(self.k, z3.BitVecVal(0, width), self.k + 1)),
            self.n: (self.clear_slots, following(self.n, words, self.n)),
            self.first: (None, following(self.first, number(lookup["start"], width), self.first)),
            self.memory: (None, following(self.memory, lookup["memory"], self.memory)),
            **offset,
            **begins,
            self.base: (0, z3.If(
                z3.And(self.steps == 1, self.last), self.base + (core.slots > 1), self.base)),
            self.updating: (1, z3.If(self.starts, z3.BitVecVal(1, 1), z3.If(
                ports["done"] == 1, none, self.updating))),
        }  # fmt: skip


def is_row(core: RowCore, length: Any) -> Any:
    """Whether a row may have so many words; that all rows have is compared in the images."""
    if core.neuron.per_event:
        return length == core.words
    return z3.ULE(length, longest(core))


def issue_contract(core: RowCore, ports: Ports) -> tuple[Contract, RowIssueGhosts]:
    """Of a lookup that is taken as many words as its row has enter, one a cycle from the next cycle
    on, those that lie behind its start; of an update all words of neurons, after the update before
    it is done. After a reset every word of every slot of the ring is cleared once. The ring's slot
    is the number of updates before. Where events act one by one, what is taken occupies the issue
    until its words are written back, and the first event behind an update begins the step, or the
    next update does."""
    g = RowIssueGhosts(core, ports)
    slot, k = g.slot, g.k
    shown = bit(z3.ULT(k, core.words)) if core.neuron.per_event else z3.BitVecVal(1, 1)
    adds, whole = slot["add"] == 1, z3.Or(slot["update"] == 1, slot["clear"] == 1)

    def low(term: Any, signal: Any) -> Any:
        more = signal.size() - term.size()
        return number(term, signal.size()) if more >= 0 else z3.Extract(
            signal.size() - 1, 0, term)  # fmt: skip

    gives = {
        "a lookup taken": ports["take"] == bit(g.takes),
        "an addition for a row": slot["add"] == g.adds & shown,
        "an update": slot["update"] == g.steps & shown,
        "a clearing": slot["clear"] == g.clears,
        "memory of the row": z3.Implies(adds, slot["memory"] == g.memory),
        "words of the row": z3.Implies(adds, slot["pointer"] == low(g.first + k, slot["pointer"])),
        **(
            {"offset of the row": z3.Implies(adds, slot["offset"] == g.offset)}
            if core.offset_bits
            else {}
        ),
        "words in order": z3.Implies(z3.Or(adds, whole), slot["count"] == low(k, slot["count"])),
        "slot of the ring": slot["base"] == g.base,
        "no row beyond its length": z3.Implies(g.busy, z3.ULT(k, g.n)),
    }
    if g.tells:
        gives["the first of a step begins it"] = z3.Implies(
            z3.Or(adds, slot["update"] == 1), slot["begins"] == g.began
        )
    rows = z3.And(ports["held"] == 1, g.lookup["update"] == 0)
    takes = {"a row": z3.Implies(rows, is_row(core, g.lookup["length"]))}
    if is_accessible(core):
        gives["rests"] = (ports["rests"] == 1) == g.rests
    return Contract(ghosts=g.ghosts, gives=gives, takes=takes), g


def issue_part(net: Netlist, core: RowCore) -> Part:
    """The registers count what is left, the reference what is through."""
    p = Ports(net, "issue")
    contract, g = issue_contract(core, p)
    width = max(g.n.size(), p["left"].size())
    left = number(p["left"], width)
    invariants = {
        "free": p["free"] == bit(g.free),
        "left": z3.Implies(g.busy, left == number(g.n - g.k, width)),
        "updating": p["updating"] == g.updating,
        "one kind": z3.Not(z3.Or(high(g.adds, g.steps), high(g.adds, g.clears),
                                 high(g.steps, g.clears))),
        "all words": z3.And(
            z3.Implies(g.steps == 1, g.n == g.slots),
            z3.Implies(g.clears == 1, g.n == g.clear_slots),
            z3.Implies(g.adds == 1, z3.ULE(g.n, max(g.slots, longest(core)))),
        ),
    }  # fmt: skip
    if g.tells:
        invariants["begun"] = p["added_to"] == g.begun
        invariants["began"] = p["begins"] == g.began
    if core.neuron.per_event:
        count = number(p["count"], g.k.size())
        invariants["count"] = z3.Implies(g.busy, count == g.k)
    return Part(net=net, owns=p.owns, contract=contract, invariants=invariants)
