"""The head of a core of rows: the inputs one after the other, and the rows of their spikes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ....cycles.access import is_accessible
from ....hdl.events import event_layout
from ....hdl.rows.layouts import lookup_layout, table_bits
from ....layout import RowCore
from ...tools.solver import z3
from ..alone import banks_in, rom_word
from ..contract import Contract, Delays, Part, Ports, any_of, bit, number, unpacked
from ..netlist import Netlist
from ..parts import packed

#: Most lookups that wait: the one that is shown, and the one behind it.
WAITING = 2


class FrontGhosts(Delays):
    """A reference: the input ``select`` is read, and memory ``part`` of it is looked into; of the
    ``count`` lookups that wait, ``oldest`` was first. One is an update, or a row of a memory, as
    ``entry`` packs it."""

    def __init__(self, core: RowCore, ports: Ports, address_bits: Sequence[int]) -> None:
        super().__init__(ports.name)
        self.core, self.ports = core, ports
        self.lookup = ports.fields("lookup", lookup_layout(core))
        inputs = range(len(core.inputs))
        self.width = max(*address_bits, (core.rows + 1).bit_length(), 8) + 1
        self.events = [unpacked(ports[f"input_{i}_payload"], event_layout(bits))
                       for i, bits in zip(inputs, address_bits, strict=True)]  # fmt: skip
        self.ready = [ports[f"input_{i}_ready"] == 1 for i in inputs]
        self.moved = [z3.And(ports[f"input_{i}_valid"] == 1, self.ready[i]) for i in inputs]
        self.shown = [ports[f"input_{i}_shown"] == 1 for i in inputs]
        self.parts = [max(1, len(each.memories)) for each in core.inputs]
        self.select, self.part = z3.BitVecs("front:select front:part", self.width)
        self.count = z3.BitVec("front:count", 2)
        self.waited = z3.BitVec("front:waited", 2)
        self.take = z3.And(ports["take"] == 1, ports["held"] == 1)
        self.room = z3.Or(z3.ULT(self.count, WAITING), self.take)
        self.here = [self.select == i for i in inputs]
        self.last_part = [z3.And(here, self.part == parts - 1)
                          for here, parts in zip(self.here, self.parts, strict=True)]  # fmt: skip
        read = list(zip(self.here, self.moved, self.events, strict=True))
        self.moves = any_of([z3.And(here, moved) for here, moved, _ in read])
        self.ticks = any_of(
            [z3.And(here, moved, event["tick"] == 1) for here, moved, event in read]
        )
        waits = [z3.And(here, shown, z3.Not(last)) for here, shown, last in
                 zip(self.here, self.shown, self.last_part, strict=True)]  # fmt: skip
        last_input = self.select == len(core.inputs) - 1
        self._rest()
        self.passes = z3.And(self.goes, any_of(waits))
        self.update = z3.And(self.ticks, last_input)
        self._lookups()
        self._queue()
        none = z3.BitVecVal(0, self.width)
        found = [z3.And(here, shown) for here, shown in zip(self.here, self.shown, strict=True)]
        following = z3.If(last_input, none, self.select + 1)
        self.ghosts |= {
            self.select: (core.first_input, z3.If(self.ticks, following, self.select)),
            self.part: (0, z3.If(self.moves, none,
                                 z3.If(self.passes, self.part + 1, self.part))),
            self.begun: (0, z3.If(self.moves, bit(z3.Not(self.ticks)),
                                  self.begun | bit(z3.And(self.goes, any_of(found))))),
        }  # fmt: skip
        waits = [z3.And(shown, z3.Not(moved))
                 for shown, moved in zip(self.shown, self.moved, strict=True)]  # fmt: skip
        self.waits = [self.line(f"waits {i}", bit(waits[i]), 1)[1] == 1 for i in inputs]
        self.before = [self.line(f"payload {i}", ports[f"input_{i}_payload"], 1, None)[1]
                       for i in inputs]  # fmt: skip
        self.was_ready = [
            self.line(f"ready {i}", bit(z3.And(self.ready[i], z3.Not(self.moved[i]))), 1)[1] == 1
            for i in inputs
        ]
        self.was_shown = [self.line(f"shown {i}", bit(self.shown[i]), 1)[1] == 1 for i in inputs]

    def _rest(self) -> None:
        """Whether no event of a step was looked at (``stands``), where the core may be ``kept``."""
        self.begun = z3.BitVec("front:begun", 1)
        self.stands = z3.And(self.select == self.core.first_input, self.begun == 0)
        self.kept = z3.BoolVal(False)
        if is_accessible(self.core):
            self.kept = z3.And(self.ports["hold"] == 1, self.stands)
        self.goes = z3.And(self.room, z3.Not(self.kept))

    def _lookups(self) -> None:
        """Which row of which memory the event that is shown has, if any."""
        core = self.core
        hits, memory, row = [], z3.BitVecVal(0, self.width), z3.BitVecVal(0, self.width)
        for i, each in enumerate(core.inputs):
            address = number(self.events[i]["address"], self.width)
            for place, m in enumerate(each.memories):
                of = core.memories[m]
                asked = z3.And(self.here[i], self.part == place)
                inside = z3.And(z3.UGE(address, of.first), z3.ULT(address, of.first + of.n_pre))
                hits.append(z3.And(asked, self.events[i]["tick"] == 0, inside))
                memory = z3.If(asked, z3.BitVecVal(m, self.width), memory)
                row = z3.If(asked, address - of.first + core.row_starts[m], row)
        looked = z3.And(z3.Or(self.moves, self.passes), any_of(hits))
        self.pushes = z3.Or(self.update, looked)
        self.entry = packed([row, memory, bit(self.update)])

    def _queue(self) -> None:
        """The lookups that wait, in order."""
        size = self.entry.size()
        self.oldest, self.second = z3.BitVecs("front:oldest front:second", size)
        left = self.count - number(bit(self.take), 2)
        first = z3.If(self.take, self.second, self.oldest)
        waits = z3.And(self.count != 0, self.ports["held"] == 0)
        self.ghosts |= {
            self.count: (0, left + number(bit(self.pushes), 2)),
            self.oldest: (None, z3.If(z3.And(self.pushes, left == 0), self.entry, first)),
            self.second: (None, z3.If(z3.And(self.pushes, left == 1), self.entry, self.second)),
            self.waited: (0, z3.If(waits, self.waited + 1, z3.BitVecVal(0, 2))),
        }

    @property
    def rests(self) -> Any:
        """Whether no event of a step was looked at, and nothing waits."""
        return z3.And(self.stands, self.count == 0)

    def row_of(self, entry: Any) -> Any:
        """The number of the row that a lookup is of."""
        return z3.Extract(self.width - 1, 0, entry)

    def memory_of(self, entry: Any) -> Any:
        """The number of its memory."""
        return z3.Extract(2 * self.width - 1, self.width, entry)

    def is_update(self, entry: Any) -> Any:
        """Whether it is an update."""
        return z3.Extract(2 * self.width, 2 * self.width, entry) == 1


def front_contract(
    core: RowCore, ports: Ports, address_bits: Sequence[int], table: Callable[[Any], Any]
) -> tuple[Contract, FrontGhosts]:
    """Every event that moves is looked up in each memory of its input, in their order; a lookup is
    shown in the order in which it came, once, and soon, with what the ``table`` says of its row.
    The inputs are read in order, each up to its TICK; behind the TICK of the last one an update
    waits. An input that is ready stays so until an event of it moves, but for one of a core that is
    kept between two steps, where no event is shown yet."""
    g = FrontGhosts(core, ports, address_bits)
    held = ports["held"] == 1
    is_row = z3.And(held, z3.Not(g.is_update(g.oldest)))
    gives = {
        "no lookup invented": z3.Implies(held, g.count != 0),
        "no more than two": z3.ULE(g.count, WAITING),
        "lookups in time": z3.Implies(z3.And(g.count != 0, z3.Not(held)), g.waited == 0),
        "an update behind the last TICK": z3.Implies(
            held, (g.lookup["update"] == 1) == g.is_update(g.oldest)
        ),
        "memory looked into": z3.Implies(
            is_row, number(g.lookup["memory"], g.width) == g.memory_of(g.oldest)
        ),
    }
    if core.rows:
        found = packed([g.lookup[name] for name in table_bits(core)])
        gives["the row of the event"] = z3.Implies(is_row, found == table(g.row_of(g.oldest)))
    unknown = []
    for i, each in enumerate(core.inputs):
        gives[f"ready for input {i}"] = g.ready[i] == z3.And(g.last_part[i], g.goes)
        gives[f"input {i} stays ready"] = z3.Implies(
            z3.And(g.was_ready[i], z3.Or(g.was_shown[i], z3.Not(g.kept))), g.ready[i]
        )
        # A core may wait for others in its last memory: all of its lookups are of one event.
        gives[f"input {i}: one event in all memories"] = z3.Implies(
            z3.And(g.here[i], g.part != 0), g.waits[i]
        )
        if each.node == 0:
            address = number(g.events[i]["address"], g.width)
            unknown.append(z3.And(g.here[i], g.moved[i], g.events[i]["tick"] == 0,
                                  z3.UGE(address, core.n_events)))  # fmt: skip
    if is_accessible(core):
        gives["rests between two steps"] = (ports["rests"] == 1) == g.rests
    gives["unknown events told"] = (ports["unknown"] == 1) == any_of(unknown)
    takes = {"taken when held": z3.Implies(ports["take"] == 1, held)}
    for i in range(len(core.inputs)):
        payload = ports[f"input_{i}_payload"]
        takes[f"input {i} moves what is shown"] = z3.Implies(
            ports[f"input_{i}_valid"] == 1, g.shown[i]
        )
        takes[f"input {i} is held"] = z3.Implies(
            g.waits[i], z3.And(g.shown[i], payload == g.before[i])
        )
    return Contract(ghosts=g.ghosts, gives=gives, takes=takes), g


def rom_answer(net: Netlist, instance: str, name: str) -> Any:
    """What the read registers of a memory of constants hold: of each bank, and that of the bank
    which was read."""
    found = None
    for bank, prefix in enumerate(banks_in(net, instance, name)):
        slices: list[Any] = []
        while f"{prefix}_{len(slices)}.data" in net:
            slices.append(net[f"{prefix}_{len(slices)}.data"])
        word = packed(slices)
        found = word if found is None else z3.If(net[f"{instance}.reading"] == bank, word, found)
    return found


def front_part(net: Netlist, core: RowCore, address_bits: Sequence[int]) -> Part:
    """The lookups that wait lie in two registers, and the rows of both in those of the table."""
    p = Ports(net, "front")
    depth = max(2, core.rows)

    def table(row: Any) -> Any:
        at = z3.Extract((depth - 1).bit_length() - 1, 0, row)
        return rom_word(net, f"{p.instance}.rows", "rows", at)

    contract, g = front_contract(core, p, address_bits, table)
    fetched, held = p["fetched"], p["held"]
    second = z3.If(held == 1, g.second, g.oldest)
    invariants = {
        "select": z3.And(number(p["select"], g.width) == g.select,
                         z3.ULT(g.select, len(core.inputs))),
        "part": z3.And(number(p["part"], g.width) == g.part, *(
            z3.Implies(here, z3.ULT(g.part, parts))
            for here, parts in zip(g.here, g.parts, strict=True))),
        "count": g.count == number(fetched, 2) + number(held, 2),
        "fetched": z3.Implies(fetched == 1, (p["fetched_update"] == 1) == g.is_update(second)),
    }  # fmt: skip
    if is_accessible(core):
        invariants["begun"] = p["begun"] == g.begun
    if core.rows:
        row = z3.And(fetched == 1, z3.Not(g.is_update(second)))
        answer = rom_answer(net, f"{p.instance}.rows", "rows")
        invariants |= {
            "fetched memory": z3.Implies(
                row, number(p["fetched_memory"], g.width) == g.memory_of(second)
            ),
            "fetched row": z3.Implies(row, answer == table(g.row_of(second))),
        }
    return Part(net=net, owns=p.owns, contract=contract, invariants=invariants)
