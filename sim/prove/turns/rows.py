"""A core of rows whose events act one by one, from its contracts."""

from __future__ import annotations

from itertools import combinations
from typing import Any

from ....hdl.rows.synapses import OPERATION_DISTANCE
from ....layout import RowCore
from ...tools.solver import z3
from ..contract import any_of
from ..netlist import Netlist
from ..row.composition import RowComposition


class RowsInTurns(RowComposition):
    """Each event brings the weights of its row to the neurons, and none comes to a word before the
    one ahead of it is written. That its row is the event's, and that the first of a step begins it,
    is said by the contracts of ``front``, ``issue`` and ``synapses``."""

    def brought(self, op: dict[str, Any], stepping: dict[str, Any]) -> dict[str, Any]:
        weights = self.ports["synapses"]["weights"]
        stepped = z3.Or(op["adds"] == 1, op["update"] == 1)
        found = {
            "neurons add": stepping["add"] == op["adds"],
            "weights of the event": self.ports["neurons"]["total"] == weights,
        }
        if self.slots.tells:
            begins = stepping["begins"] == op["begins"]
            found["neurons begin"] = z3.Implies(stepped, begins)
        return found

    def line(self, before: int) -> tuple[Any, Any, Any, Any, Any]:
        """What was issued so many cycles before: (adds, updates, clears the neurons, its word,
        whether it begins a step)."""
        g, y, at = self.neurons, self.synapses, before - OPERATION_DISTANCE
        if at <= 0:
            flags = y.adds[before], y.update[before], y.begin[before]
            return *flags, y.word[before], y.begins[before]
        return g.adds[at], g.updates[at], g.clears[at], g.words[at], g.begins[at]

    def contents(self) -> dict[str, Any]:
        """Where ``word`` is on its way, and what followed what."""
        s = self.slots
        found = {"words of a row": z3.Implies(s.adds == 1, self.n(s.n) == s.slots)}
        here = [z3.BoolVal(False)]
        for before in range(1, self.end + 1):
            adds, updates, clears, word, _ = self.line(before)
            kinds = [flag == 1 for flag in (adds, updates, clears)]
            two = z3.Or(*(z3.And(a, b) for a, b in combinations(kinds, 2)))
            found[f"one operation {before} before"] = z3.And(
                z3.Not(two), z3.Implies(z3.Or(*kinds), self.n(word) < self.words)
            )
            here.append(z3.And(z3.Or(*kinds), self.n(word) == self.word))
            found[f"word {before} before"] = z3.Implies(here[before], self._apart(before))
            found[f"in order {before} before"] = self._follows(before)
        for first in range(1, self.end + 1):
            again = [here[later] for later in
                     range(first + 1, min(first + self.neurons.end, self.end) + 1)]  # fmt: skip
            found[f"once, {first} before"] = z3.Not(z3.And(here[first], any_of(again)))
        return found | self._now()

    def _apart(self, before: int) -> Any:
        """Where the issue is, if ``word`` was issued so many cycles before."""
        s, at = self.slots, self.word + before
        return z3.Or(
            z3.And(s.busy, self.at == at), at >= s.slots + z3.If(s.busy, self.at, self.n(0))
        )

    def _follows(self, before: int) -> Any:
        """A word behind the first one, issued so many cycles before, followed another of the same
        operation."""
        if before == self.end:
            return z3.BoolVal(True)
        now, earlier = self.line(before), self.line(before + 1)
        adds, updates, _, word, begins = now
        same = z3.And(adds == earlier[0], updates == earlier[1],
                      self._same_turn(begins, earlier[4]),
                      self.n(word) == self.n(earlier[3]) + 1)  # fmt: skip
        return z3.Implies(z3.And(z3.Or(adds == 1, updates == 1), self.n(word) != 0), same)

    def _now(self) -> dict[str, Any]:
        """What was issued in the cycle before a word that is not the first of its operation."""
        s, (adds, updates, _, word, begins) = self.slots, self.line(1)
        behind = z3.And(s.clears == 0, self.at != 0, self.at <= self.words)
        same = z3.And(adds == s.adds, updates == s.steps, self._same_turn(begins, s.began),
                      self.n(word) == self.at - 1)  # fmt: skip
        return {"the word before": z3.Implies(z3.And(s.busy, behind), same)}

    def _same_turn(self, begins: Any, other: Any) -> Any:
        """Two words begin a step or neither does, where that is told."""
        return begins == other if self.slots.tells else z3.BoolVal(True)


def rows_composition(net: Netlist, core: RowCore, address_bits: list[int]) -> RowComposition:
    """The core from its contracts, by the way in which it takes its events."""
    made = RowsInTurns if core.neuron.per_event else RowComposition
    return made(net, core, address_bits)
