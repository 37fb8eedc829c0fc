"""A core of rows from its contracts: what each part takes, and what follows from the write-back on.

All parts are left out, as in :mod:`fxlif.sim.prove.composition`; only their wiring is that of the
Verilog. From an update's first slot on everything is as there, three cycles later: a slot becomes
an operation when the memories of synapses have answered.

The sum of a step is no theorem of its own but the chain of the contracts: an event that moves is
looked up in each memory of its input (``front``), its words enter the pipeline in the ring's slot
of the step (``issue``), each is added where its memory says (``synapses``), and what is read at an
update is all that was added there since the last one (``totals``). That each part is given what the
one before it gives, and the neurons the sum of all accumulators, is proved here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from ....cycles.access import is_accessible
from ....hdl.core.layouts import entry_layout, operation_layout
from ....hdl.rows.layouts import row_operation_layout, table_bits
from ....hdl.rows.synapses import OPERATION_DISTANCE, synapse_bits
from ....layout import RowCore
from ...tools.solver import z3
from .. import golden
from ..contract import Part, Ports, any_of, number, unpacked
from ..leaving import Leaving
from ..netlist import Netlist
from ..parts import lanes_of
from .front import front_contract
from .issue import is_row, issue_contract
from .synapses import synapses_contract


class RowComposition(Leaving):
    """The wiring of a core of rows, the contracts of its parts, and the ghosts of its theorems."""

    def __init__(self, net: Netlist, core: RowCore, address_bits: Sequence[int]) -> None:
        names = ("front", "issue", "synapses", "neurons", "queue")
        self.core, self.ports = core, {name: Ports(net, name) for name in names}
        row_size = sum(table_bits(core).values())

        def table(row: Any) -> Any:
            return z3.Function("row", row.sort(), z3.BitVecSort(row_size))(row)

        def content(m: int, pointer: Any) -> Any:
            size = core.lanes * sum(synapse_bits(core.memories[m]))
            return z3.Function(f"synapses {m}", pointer.sort(), z3.BitVecSort(size))(pointer)

        front, self.front = front_contract(core, self.ports["front"], address_bits, table)
        issue, self.slots = issue_contract(core, self.ports["issue"])
        synapses, self.synapses = synapses_contract(core, self.ports["synapses"], content)
        super().__init__(
            net, core, lead=OPERATION_DISTANCE, slots=max(1 << core.word_bits, self.slots.slots),
            largest=1 << self.slots.k.size(),
        )  # fmt: skip
        # What moves at its inputs is for the cores that send it.
        taken = {"taken when held": front.takes["taken when held"]}
        # What is written may be any weight: nothing here depends on weights.
        if "weights" in core.writable:
            kept = {n: term for n, term in synapses.gives.items() if not n.startswith("weight, ")}
            synapses = replace(synapses, gives=kept)
        self.parts |= {"front": replace(front, takes=taken), "issue": issue, "synapses": synapses}
        #: The slot in which the clearing of the neurons begins.
        self.begins = (core.slots - 1) << core.word_bits
        self.at = self.n(self.slots.k)
        begins = z3.And(self.slots.clears == 1, self.at == self.begins)
        self.starts = {"update": z3.And(self.slots.steps == 1, self.at == 0), "clear": begins}
        self.follow(opened_first=1)
        inside = self.ghost("TICKs inside")
        self.inside = inside + z3.If(self.starts["update"], self.n(1), self.n(0))
        left = self.inside - z3.If(self.tick_out, self.n(1), self.n(0))
        self.ghosts[inside] = (0, left)
        #: Whether it was held between two steps a cycle before, where it may be written and read.
        self.may = self.ghost("may be accessed", 1)
        self.assumed: list[Any] = []
        if is_accessible(core):
            self.ghosts[self.may] = (0, net["access_hold"] & net["access_between"])
            self.assumed = self.accesses_in(self.may)

    # --- what is shown ------------------------------------------------------------------------

    def claims(self) -> dict[str, Any]:
        """The theorems of a core."""
        return {
            **self._wiring(),
            "a TICK out for an update": z3.Implies(self.tick_out, self.inside >= 1),
            "at most two TICKs behind the front": z3.And(self.inside >= 0, self.inside <= 2),
            **self._accessed(),
            **self.leaving_claims(),
        }

    @property
    def _still(self) -> Any:
        """Whether nothing of a step was taken, or is under way."""
        return z3.And(self.front.rests, self.slots.rests)

    def _accessed(self) -> dict[str, Any]:
        """When something may be written or read, and that it is there."""
        if not is_accessible(self.core):
            return {}
        found = self.read_claims()
        found["between two steps"] = (self.net["access_between"] == 1) == self._still
        found["no event while it is held"] = z3.And(
            self.ports["front"]["hold"] == self.net["access_hold"],
            z3.Implies(self.front.kept, z3.Not(any_of(self.front.ready))),
        )
        return found

    def _wiring(self) -> dict[str, Any]:
        """What each part is given is what the one before it gives."""
        core, p = self.core, self.ports
        op = p["synapses"].fields("operation", row_operation_layout(core))
        stepping = p["neurons"].fields("operation", operation_layout(core))
        queue, written = p["queue"], self.written
        entry = unpacked(queue["entry"], entry_layout(core))
        found = {
            "lookups are issued": z3.And(p["issue"]["held"] == p["front"]["held"],
                                         p["issue"]["lookup"] == p["front"]["lookup"],
                                         p["front"]["take"] == p["issue"]["take"]),
            "slots are looked up": z3.And(*(
                self.synapses.slot[name] == term for name, term in self.slots.slot.items()
                if name != "begins" or self.slots.tells)),
            "neurons step": z3.And(stepping["update"] == op["update"],
                                   stepping["clear"] == op["begin"],
                                   stepping["word"] == op["word"]),
            "what fired is queued": z3.And(
                queue["push"] == written["valid"] & written["some"],
                *(entry[name] == written[name] for name in entry)),
        }  # fmt: skip
        return found | self.brought(op, stepping)

    def brought(self, op: dict[str, Any], stepping: dict[str, Any]) -> dict[str, Any]:
        """What an operation brings to the neurons: an update the sums of all accumulators."""
        core, p = self.core, self.ports
        found = {"neurons add nothing": stepping["add"] == 0}
        width = p["neurons"]["total"].size() // core.lanes
        currents = [z3.BitVecVal(0, width + 1)] * core.lanes
        for k, accumulator in enumerate(core.accumulators):
            totals = Ports(self.net, f"totals_{k}")
            same = [totals["add"] == z3.Extract(k, k, op["adds"]),
                    totals["weights"] == p["synapses"]["weights"]]  # fmt: skip
            same += [totals[name] == op[name] for name in ("update", "clear", "words", "slots")]
            found[f"sums of accumulator {k}"] = z3.And(*same)
            shown = lanes_of(totals["total"], core.lanes)
            for lane, total in enumerate(shown):
                current = golden.golden_current(total, accumulator.shift, 0)
                wide = max(width, current.size()) + len(core.accumulators)
                summed = golden.widen(currents[lane], max(wide, currents[lane].size()))
                currents[lane] = summed + golden.widen(current, summed.size())
        for lane, given in enumerate(lanes_of(p["neurons"]["total"], core.lanes)):
            exact = currents[lane]
            found[f"current of lane {lane}"] = golden.widen(given, exact.size()) == exact
        return found

    def invariants(self) -> dict[str, Any]:
        """How the ghosts stand to each other: no register lies between the parts."""
        still = {"still while it may be accessed": z3.Implies(self.may == 1, z3.And(
            self._still, z3.Not(self.opened)
        ))}  # fmt: skip
        held = still if is_accessible(self.core) else {}
        return {
            **self._control(), **self._lines(), **self.contents(), **self.on_its_way(), **held
        }  # fmt: skip

    def contents(self) -> dict[str, Any]:
        """The invariants of what events bring: sums are their own part."""
        return {}

    def _control(self) -> dict[str, Any]:
        s, f, e = self.slots, self.front, self.emitter
        stepping, clearing, adding = (kind == 1 for kind in (s.steps, s.clears, s.adds))
        late = z3.And(clearing, self.at >= self.begins)
        early = z3.And(clearing, self.at < self.begins)
        tick = z3.And(e.valid == 1, e.left == 0)
        flags = [z3.If(flag, self.n(1), self.n(0)) for flag in (self.updating, tick)]
        memories, width = len(self.core.memories), f.width

        def known(entry: Any) -> Any:
            return z3.Or(f.is_update(entry), z3.ULT(f.memory_of(entry), memories))

        return {
            "one kind under way": z3.And(
                *(z3.Not(z3.And(a, b)) for a, b in
                  ((adding, stepping), (adding, clearing), (stepping, clearing)))
            ),
            "words of an update": z3.Implies(stepping, self.n(s.n) == s.slots),
            "words of the clearing": z3.Implies(clearing, self.n(s.n) == s.clear_slots),
            "age": z3.And(self.age >= 0, self.age <= self.old),
            "age of an update": z3.Implies(stepping, z3.And(self.age == self.at, self.update)),
            "age of the clearing": z3.Implies(
                late, z3.And(self.age == self.at - self.begins, z3.Not(self.update))
            ),
            "before the clearing": z3.Implies(
                early, z3.And(self.age == self.old, z3.Not(self.update), self.opened)
            ),
            "nothing taken of a clearing": z3.Implies(z3.Not(self.update), self.floor == 0),
            "age of what was": z3.Implies(
                z3.Not(z3.Or(stepping, clearing)), self.age >= self.words
            ),
            "updating": (s.updating == 1) == self.opened,
            "a clearing is short": z3.Implies(
                z3.And(z3.Not(self.update), z3.Not(early)),
                self.opened == (self.age < self.words + self.end),
            ),
            "open until written": z3.Implies(self.age < self.words + self.end, self.opened),
            "TICKs": self.inside == sum(flags[1:], start=flags[0]),
            "rows of a memory": z3.And(
                z3.Implies(f.count != 0, known(f.oldest)),
                z3.Implies(z3.UGT(f.count, 1), known(f.second)),
                z3.Implies(adding, z3.ULT(number(s.memory, width), memories)),
            ),
        }  # fmt: skip

    def _lines(self) -> dict[str, Any]:
        """What was issued some cycles before, by the age of the update."""
        found, y, g = {}, self.synapses, self.neurons
        for before in range(1, self.end + 1):
            here = z3.And(self.age >= before, self.age - before < self.words)
            at = before - OPERATION_DISTANCE
            update, begin, word = (
                (y.update[before], y.begin[before], y.word[before])
                if at <= 0
                else (g.updates[at], g.clears[at], g.words[at])
            )
            found[f"update {before} before"] = z3.And(
                (update == 1) == z3.And(here, self.update),
                (begin == 1) == z3.And(here, z3.Not(self.update)),
                z3.Implies(here, self.n(word) == self.age - before),
            )
        return found

    def ticks(self) -> list[Any]:
        """TICKs at all inputs, and a ready output: with them little is left to search for a run."""
        front, found = self.ports["front"], [self.out_ready]
        for i, event in enumerate(self.front.events):
            shown = [front[f"input_{i}_{port}"] == 1 for port in ("shown", "valid")]
            # The core's own events come when it sends them.
            if i >= self.core.first_input:
                found += [*shown, event["tick"] == 1]
        return found

    def part(self) -> Part:
        """The proof of a core. How long rows are is by the images, which are compared one by
        one."""
        lookup = self.slots.lookup
        rows = z3.Implies(lookup["update"] == 0, is_row(self.core, lookup["length"]))
        return self.proof(lambda register: False, self.claims(), self.invariants(),
                          [rows, *self.assumed])  # fmt: skip
