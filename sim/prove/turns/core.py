"""A core whose events act one by one, from its contracts."""

from __future__ import annotations

from typing import Any

from ....params.core import CoreParams
from ...tools.solver import z3
from ..composition import Composition, Issued
from ..contract import high
from ..netlist import Netlist
from ..parts import REGISTER
from .neurons import goes_by_the_first


class InTurns(Issued):
    """Each event brings the weights of its row to the neurons, the first of a step begins it, and
    none comes to a word before the one ahead of it is written."""

    def bring(self) -> None:
        """Whether a step has begun, and whether what was taken last began it; where the weights of
        each addition lie."""
        begun, began = self.ghost("begun", 1), self.ghost("began", 1)
        self.begun, self.began = begun, began
        taken = z3.Or(self.spike_in, self.tick_in)
        self.ghosts |= {
            begun: (0, z3.If(self.spike_in, z3.BitVecVal(1, 1),
                             z3.If(self.tick_in, z3.BitVecVal(0, 1), begun))),
            began: (0, z3.If(taken, ~begun, began)),
        }  # fmt: skip
        self.lie = [self.address(self.row, self.at)]
        for before in range(1, REGISTER + 1):
            place = self.ghost(f"weights {before} before")
            self.ghosts[place] = (0, self.lie[-1])
            self.lie.append(place)

    def brought(self) -> dict[str, Any]:
        """What enters a part of a step."""
        op, size = self.op, self.rom.sort().domain().size()
        row = z3.Select(self.rom, z3.Extract(size - 1, 0, self.lie[REGISTER]))
        total = self.neurons_ports["total"]
        steps = z3.Or(op["add"] == 1, op["update"] == 1)
        found = {
            "the weights of the event": z3.Implies(self.neurons.adds[REGISTER] == 1, total == row),
        }
        if goes_by_the_first(self.net, self.core):
            begins = op["begins"] == self.began
            found["the first of a step begins it"] = z3.Implies(steps, begins)
        return found

    def contents(self) -> dict[str, Any]:
        """No event overtakes another."""
        g, fetched = self.neurons, self.fetched
        pending, stepping = self.on("pending"), self.on("stepping")
        slot = self.n(self.issue["slot"])
        kinds = z3.Concat(g.adds[1], g.updates[1], g.clears[1])
        found: dict[str, Any] = {
            "operation before": z3.And(
                kinds == self.kind,
                z3.Implies(self.kind != 0, self.n(g.words[1]) == self.before),
            ),
        }
        if goes_by_the_first(self.net, self.core):
            begins = self.issue["begins"]
            stepping_or_adding = z3.And(self.busy, z3.Not(self.on("clearing")))
            found |= {
                "begins": z3.Implies(
                    z3.And(z3.Not(pending), stepping_or_adding), begins == self.began
                ),
                "begun": self.issue["added_to"] == z3.If(pending, ~self.began, self.begun),
                "begun behind a TICK": z3.Implies(z3.Or(pending, stepping), self.begun == 0),
                "begins before": z3.Implies(
                    z3.And(self.busy, slot > 0, self.kind != 0), g.begins[1] == begins
                ),
            }
        for before in range(1, g.end + 1):
            found[f"word {before} before"] = z3.Implies(g.issued(before), self.apart(before))
        for before in range(1, REGISTER + 1):
            asked = self.n(fetched.addresses[before]) == self.lie[before]
            found[f"weights asked for {before} before"] = z3.Implies(
                g.adds[before] == 1, z3.And(high(*fetched.asked[1 : before + 1]), asked)
            )
        return found


def composition_of(net: Netlist, core: CoreParams) -> Issued:
    """The core from its contracts, by the way in which it takes its events."""
    return (InTurns if core.neuron.per_event else Composition)(net, core)
