"""The sums of a core of rows: the sum of what was added at an address, whatever follows what.

Of each lane one address is followed, any one. No cycle is asked to be free of anything: the same
address may come in every cycle, and what is still on its way to the memory counts.
"""

from __future__ import annotations

from typing import Any

from ....hdl.rows.layouts import added_shape, ring_bits
from ....layout import Accumulator, RowCore
from ...tools.solver import z3
from .. import golden
from ..contract import Contract, Delays, Part, Ports, bit, high
from ..netlist import Netlist
from ..parts import lanes_of, packed

#: How many cycles after an operation, whose address comes a cycle before it, a sum is shown, and
#: meets its weight.
SHOWN = 2
#: How many cycles after an operation a sum is in memory, where a read sees it.
IN_MEMORY = 5


class RowTotalsGhosts(Delays):
    """Of each lane: ``at``, any address; ``came``, whether it came in the cycle ``before``;
    ``here[i]``, whether i cycles before there was an operation at it; ``sum``, what was added
    there before the last two cycles, ``known`` from its first clearing on.

    ``adds[i]``: i cycles before something was added. ``over``: of the last sum, whether it did not
    fit.
    """

    def __init__(self, core: RowCore, accumulator: Accumulator, ports: Ports) -> None:
        super().__init__(ports.name)
        lanes, bits = core.lanes, accumulator.bits
        used = z3.Or(*(ports[kind] == 1 for kind in ("add", "update", "clear")))
        self.adds = self.line("adds", ports["add"], SHOWN)
        self.used = self.line("used", bit(used), IN_MEMORY)
        self.at: list[Any] = []
        self.came: list[Any] = []
        self.before: list[Any] = []
        self.ran = self.line("ran", z3.BitVecVal(1, 1), 1)[1]
        self.here: list[list[Any]] = []
        self.sum: list[Any] = []
        self.known: list[Any] = []
        self.over: list[Any] = []
        for lane in range(lanes):
            address = address_of(core, accumulator, ports, lane)
            at = z3.BitVec(f"{ports.name}: address {lane}", address.size())
            came = bit(ports[f"address_{lane}_1"] == at)
            self.before.append(self.line(f"address {lane}", address, 1, None)[1])
            here = self.line(f"here {lane}", bit(z3.And(used, came == 1)), IN_MEMORY)
            self.came.append(came)
            sum_ = z3.BitVec(f"{ports.name}: sum {lane}", bits)
            known, over = (z3.BitVec(f"{ports.name}: {n} {lane}", 1) for n in ("known", "over"))
            weight = golden.lane(ports["weights"], lane, added_shape(core).width)
            shown = golden.lane(ports["total"], lane, bits)
            adds, now = self.adds[SHOWN] == 1, here[SHOWN] == 1
            result = z3.If(adds, added(accumulator, sum_, weight)[0], 0)
            self.ghosts[sum_] = (None, z3.If(now, result, sum_))
            self.ghosts[known] = (0, known | bit(z3.And(now, z3.Not(adds))))
            clips = z3.If(adds, bit(added(accumulator, shown, weight)[1]), z3.BitVecVal(0, 1))
            self.ghosts[over] = (0, clips)
            self.at.append(at)
            self.here.append(here)
            self.sum.append(sum_)
            self.known.append(known)
            self.over.append(over)


def address_of(core: RowCore, accumulator: Accumulator, ports: Ports, lane: int) -> Any:
    """Where a lane's sum lies: the word, above it the low bits of the ring's slot."""
    word = golden.lane(ports["words"], lane, core.word_bits)
    slot = golden.lane(ports["slots"], lane, ring_bits(core))
    bits = (accumulator.slots - 1).bit_length()
    return z3.Concat(z3.Extract(bits - 1, 0, slot), word) if bits else word


def added(accumulator: Accumulator, total: Any, weight: Any) -> tuple[Any, Any]:
    """A sum and a weight added up by the golden rule, and whether that did not fit; without
    saturation modulo a power of two, which the theorem of ``overflow`` says is never needed."""
    bits = accumulator.bits
    if accumulator.saturates:
        wide, over = golden.accumulated(total, weight, 0, bits, weight.size())
        return z3.Extract(bits - 1, 0, wide), over
    width = max(bits, weight.size())
    wide = golden.widen(total, width) + golden.widen(weight, width)
    return z3.Extract(bits - 1, 0, wide), z3.BoolVal(False)


def totals_contract(
    core: RowCore, accumulator: Accumulator, ports: Ports
) -> tuple[Contract, RowTotalsGhosts]:
    """Two cycles after an operation, ``total`` shows the golden sum of all weights that were added
    at its address since that was last put to 0; ``clipped`` says of a sum, one cycle later, whether
    it did not fit."""
    g = RowTotalsGhosts(core, accumulator, ports)
    shown = lanes_of(ports["total"], core.lanes)
    gives = {
        f"total of lane {lane}": z3.Implies(
            high(g.here[lane][SHOWN], g.known[lane]), shown[lane] == g.sum[lane]
        )
        for lane in range(core.lanes)
    }
    if accumulator.saturates:
        gives["clipped"] = ports["clipped"] == packed(g.over)
    return Contract(ghosts=g.ghosts, gives=gives), g


def totals_part(net: Netlist, core: RowCore, number: int) -> Part:
    """Accumulator ``number``: where the sum of an address stands while it is on its way."""
    p, accumulator = Ports(net, f"totals_{number}"), core.accumulators[number]
    contract, g = totals_contract(core, accumulator, p)
    invariants: dict[str, Any] = {
        f"added {i} before": p[f"add_{i}"] == g.adds[i] for i in range(1, SHOWN + 1)
    }
    for i in range(1, IN_MEMORY):
        invariants[f"used {i} before"] = p[f"used_{i}"] == g.used[i]
    for lane in range(core.lanes):
        memory, read = p[f"bank_{lane}"], net.read_data(f"{p.instance}.bank_{lane}")
        here, sum_, known = ([False, *(h == 1 for h in g.here[lane][1:])], g.sum[lane],
                             g.known[lane] == 1)  # fmt: skip
        done, total = p[f"done_{lane}"], golden.lane(p["total"], lane, accumulator.bits)

        def says(name: str, when: list[Any], value: Any, lane: int = lane, sum_: Any = sum_,
                 known: Any = known) -> None:  # fmt: skip
            invariants[f"{name}, lane {lane}"] = z3.Implies(z3.And(known, *when), value == sum_)

        says("just added", [here[3]], done)
        says("in memory", [z3.Not(here[3])], z3.Select(memory, g.at[lane]))
        says("written", [here[4], z3.Not(here[3])], p[f"written_{lane}"])
        came, late = g.came[lane] == 1, z3.Or(here[4], here[5])
        says("read", [came, z3.Not(z3.Or(here[3], here[4]))], read)
        says("answered", [here[1], z3.Not(z3.Or(here[3], late))], p[f"answer_{lane}"])
        says("kept", [here[1], late, z3.Not(here[3])], p[f"earlier_{lane}"])
        says("shown", [here[2]], total)
        invariants[f"on its way, lane {lane}"] = z3.And(
            z3.Implies(here[2], (p[f"of_one_{lane}"] == 1) == here[3]),
            z3.Implies(here[1], (p[f"of_two_{lane}"] == 1) == here[3]),
            z3.Implies(here[1], (p[f"of_more_{lane}"] == 1) == late),
        )
        invariants[f"the address of the cycle before, lane {lane}"] = z3.Implies(
            g.ran == 1, p[f"address_{lane}_1"] == g.before[lane]
        )
        for i in range(1, IN_MEMORY):
            at = p[f"address_{lane}_{i + 1}"] == g.at[lane]
            invariants[f"address {i} before, lane {lane}"] = here[i] == z3.And(g.used[i] == 1, at)
    return Part(net=net, owns=p.owns, contract=contract, invariants=invariants)
