"""A regular source: in each step the neurons whose phase it is, lowest first, then the TICK."""

from __future__ import annotations

from typing import Any

import numpy as np

from ....hdl.events import event_layout
from ....hdl.rows.regular import entries
from ....layout import RegularNode
from ....params.core import address_bits
from ...tools.solver import z3
from ..alone import rom_word
from ..contract import Contract, Part, bit, number, unpacked
from ..netlist import Netlist
from ..prover import Prover, Result
from ..sums import read_rom
from .front import rom_answer

#: For how many cycles nothing is shown behind a spike, an interval, or a reset.
PAUSE = 2


class RegularGhosts:
    """A reference: ``step`` modulo the interval, ``sent``, how many spikes of the interval have
    left, and for how many cycles nothing is shown."""

    def __init__(self, source: RegularNode, net: Netlist, table: Any) -> None:
        bits = address_bits(source.n)
        self.width = max(bits, address_bits(source.interval), (source.n + 1).bit_length()) + 2
        self.step, self.sent = z3.BitVecs("regular:step regular:sent", self.width)
        self.waited = z3.BitVec("regular:waited", 2)
        self.waits = z3.BitVec("regular:waits", 1)
        self.event = unpacked(net["events_out_payload"], event_layout(bits))
        self.shown = net["events_out_valid"] == 1
        self.moves = z3.And(self.shown, net["events_out_ready"] == 1)
        entry = table(self.sent)
        self.neuron = z3.Extract(bits - 1, 0, entry)
        phase = number(z3.Extract(entry.size() - 1, bits, entry), self.width)
        self.spikes = z3.And(z3.ULT(self.sent, source.n), phase == self.step)
        wraps = self.step == source.interval - 1
        none = z3.BitVecVal(0, self.width)
        #: Step and number of spikes once the event that is due has left.
        self.next_step = z3.If(self.spikes, self.step, z3.If(wraps, none, self.step + 1))
        self.next_sent = z3.If(self.spikes, self.sent + 1, z3.If(wraps, none, self.sent))
        self.ghosts: dict[Any, tuple[int | None, Any]] = {
            self.step: (0, z3.If(self.moves, self.next_step, self.step)),
            self.sent: (0, z3.If(self.moves, self.next_sent, self.sent)),
            self.waits: (0, bit(z3.And(self.shown, z3.Not(self.moves)))),
            self.waited: (0, z3.If(self.shown, z3.BitVecVal(0, 2), self.waited + 1)),
        }


def regular_part(net: Netlist, source: RegularNode) -> Part:
    """Every event is the one that is due, none is left out, and none is long in coming.

    The table is taken to be sorted by phase: :func:`table_equal` compares it with the network's.
    """
    depth = max(2, source.n)

    def table(place: Any) -> Any:
        at = z3.Extract((depth - 1).bit_length() - 1, 0, place)
        return rom_word(net, "entries", "entries", at)

    g = RegularGhosts(source, net, table)
    gives = {
        "the event that is due": z3.Implies(g.shown, z3.And(
            (g.event["tick"] == 1) == z3.Not(g.spikes),
            g.event["address"] == z3.If(g.spikes, g.neuron, g.neuron & 0))),
        "an event stays": z3.Implies(g.waits == 1, g.shown),
        "an event in time": z3.Implies(z3.Not(g.shown), z3.ULE(g.waited, PAUSE)),
    }  # fmt: skip
    bits = address_bits(source.n)

    def phase(place: Any) -> Any:
        return number(z3.Extract(table(place).size() - 1, bits, table(place)), g.width)

    # Of the images, entry by entry where it is used.
    last = z3.BitVecVal(source.n - 1, g.width)
    given = [
        phase(last) == int(source.phases.max()), table(last & 0) == int(entries(source)[0, 0]),
        *(z3.Implies(z3.ULT(at, source.n - 1), z3.ULE(phase(at), phase(at + 1)))
          for at in (g.sent, g.sent + 1)),
        *(z3.Implies(z3.ULT(at, source.n), z3.ULE(phase(at), int(source.phases.max())))
          for at in (g.sent, g.sent + 1)),
    ]  # fmt: skip
    sent = z3.If(g.shown, g.next_sent, g.sent)
    fresh, answer = net["fresh"] == 1, rom_answer(net, "entries", "entries")
    held = net["entries.data"]
    here = z3.ULT(sent, source.n)
    following = number(net["following"], g.width)
    invariants = {
        "step": number(net["step"], g.width) == z3.If(g.shown, g.next_step, g.step),
        "sent": number(net["number"], g.width) == sent,
        "in range": z3.And(z3.ULE(g.sent, source.n), z3.ULT(g.step, source.interval)),
        "none left out": z3.Implies(here, z3.UGE(phase(sent), z3.If(
            g.shown, g.next_step, g.step))),
        "none left out here": z3.Implies(z3.ULT(g.sent, source.n), z3.UGE(phase(g.sent), g.step)),
        "following": following == z3.If(sent == source.n, g.sent & 0, sent + 1),
        "held": z3.Implies(z3.And(here, fresh, net["begun"] == 1), held == table(sent)),
        "begun": z3.Implies(net["begun"] == 0, sent == 0),
        "read": z3.Implies(z3.And(here, z3.Not(fresh), net["begun"] == 1), answer == table(sent)),
        "soon": z3.Implies(z3.Not(g.shown), z3.ULE(g.waited, z3.If(
            fresh, z3.BitVecVal(PAUSE, 2), z3.BitVecVal(PAUSE - 1, 2)))),
    }  # fmt: skip
    return Part(
        net=net, owns=lambda register: True, invariants=invariants,
        contract=Contract(ghosts=g.ghosts, gives=gives, given=given),
    )  # fmt: skip


def table_equal(prover: Prover, source: RegularNode, j: int) -> Result:
    """The image of regular source ``j`` has each of its neurons once, by phase, then by number."""
    module = f"{prover.inner(f'regular_{j}')}_entries"
    held = read_rom(prover, module, "entries", max(2, source.n))[: source.n]
    bits = address_bits(source.n)
    order = np.lexsort((np.arange(source.n), source.phases))
    wanted = [int(neuron) | int(source.phases[neuron]) << bits for neuron in order]
    wrong = [place for place, pair in enumerate(zip(held, wanted, strict=True))
             if pair[0] != pair[1]]  # fmt: skip
    if wrong:
        return "failed", f"entry {wrong[0]}: Verilog {held[wrong[0]]}, network {wanted[wrong[0]]}"
    return "passed", f"compared one by one, {source.n} entries"
