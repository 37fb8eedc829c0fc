"""The memories of synapses: what each word of a row adds, and to which sums."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ....hdl.core.layouts import write_layout
from ....hdl.rows.layouts import added_shape, ring_bits, row_operation_layout, slot_layout
from ....hdl.rows.synapses import OPERATION_DISTANCE, WEIGHTS_DISTANCE, synapse_bits
from ....layout import RowCore
from ...tools.solver import z3
from .. import golden
from ..alone import rom_word
from ..contract import Contract, Delays, Part, Ports, any_of, bit, number, unpacked
from ..netlist import Netlist
from ..parts import lanes_of, packed
from ..turns.neurons import goes_by_the_first

#: How many cycles after its slot a word's weights are shown.
WEIGHTS = OPERATION_DISTANCE + WEIGHTS_DISTANCE


class SynapsesGhosts(Delays):
    """What the slots of some cycles before do: each a line, the slot's own cycle first.

    ``content`` (memory, pointer) is the word that lies there.
    """

    def __init__(self, core: RowCore, ports: Ports, content: Callable[[int, Any], Any]) -> None:
        super().__init__(ports.name)
        self.core = core
        self.slot = slot = ports.fields("slot", slot_layout(core))
        ring, bits = ring_bits(core), core.word_bits
        self.here = [z3.And(slot["add"] == 1, slot["memory"] == m)
                     for m in range(len(core.memories))]  # fmt: skip
        count = slot["count"]
        word, turn = golden.split(count, {"word": bits, "turn": count.size() - bits}).values()
        ends = OPERATION_DISTANCE
        accumulators = range(max(1, len(core.accumulators)))
        into = [any_of([here for here, memory in zip(self.here, core.memories, strict=True)
                        if memory.accumulator == k]) for k in accumulators]  # fmt: skip
        begins = z3.And(slot["clear"] == 1, turn == core.slots - 1, z3.ULE(word, core.words - 1))
        self.adds = self.line("adds", packed([bit(one) for one in into]), ends)
        self.update = self.line("update", slot["update"], ends)
        self.clear = self.line("clear", slot["clear"], ends)
        self.begin = self.line("begin", bit(begins), ends)
        self.word = self.line("word", word, ends, None)
        if core.neuron.per_event:
            self.begins = self.line("begins", slot["begins"], ends, None)
        words, turns, weights = [], [], []
        found = [content(m, slot["pointer"]) for m in range(len(core.memories))]
        for lane in range(core.lanes):
            at = word
            here = z3.If(slot["clear"] == 1, z3.Extract(ring - 1, 0, turn), slot["base"])
            weight = z3.BitVecVal(0, added_shape(core).width)
            for m, memory in enumerate(core.memories):
                widths = dict(zip(("weight", "word", "delay"), synapse_bits(memory), strict=True))
                stored = golden.lane(found[m], lane, sum(widths.values()))
                fields = golden.split(stored, {n: w for n, w in widths.items() if w})
                there = number(fields["word"], bits) if "word" in fields else word
                if memory.offset_bits:
                    there = there + slot["offset"]
                at = z3.If(self.here[m], there, at)
                late = slot["base"] + memory.delay
                if "delay" in fields:
                    delay = fields["delay"]
                    late = late + (number(delay, ring) if delay.size() <= ring
                                   else z3.Extract(ring - 1, 0, delay))  # fmt: skip
                here = z3.If(self.here[m], late, here)
                value = golden.widen(fields["weight"], weight.size()) << memory.weight_shift
                weight = z3.If(self.here[m], value, weight)
            words.append(at)
            turns.append(here)
            weights.append(weight)
        self.words = self.line("words", packed(words), ends, None)
        self.turns = self.line("slots", packed(turns), ends, None)
        self.weights = self.line("weights", packed(weights), WEIGHTS, None)
        self.added = self.line("added", slot["add"], WEIGHTS)


def synapses_contract(
    core: RowCore, ports: Ports, content: Callable[[int, Any], Any]
) -> tuple[Contract, SynapsesGhosts]:
    """Five cycles after its slot a word of a row is added where its memory says: of each lane the
    word of neurons, from the row's offset on, and the slot of the ring that many steps ahead, an
    address that shows a cycle before; seven cycles after its slot the weights show. An update is of
    the ring's slot of this step, a clearing goes through all. Where events act one by one the word
    of neurons takes the weights of a dense row, and it shows whether it begins the step."""
    g = SynapsesGhosts(core, ports, content)
    op, ends = ports.fields("operation", row_operation_layout(core)), OPERATION_DISTANCE
    before = ends - 1  # the addresses of sums
    used = z3.Or(g.adds[before] != 0, g.update[before] == 1, g.clear[before] == 1)
    neurons = z3.Or(g.update[ends] == 1, g.begin[ends] == 1)
    if core.neuron.per_event:
        neurons = z3.Or(neurons, g.adds[ends] != 0)
    gives = {
        "added to": op["adds"] == g.adds[ends],
        "update": op["update"] == g.update[ends],
        "begin": op["begin"] == g.begin[ends],
        "word of neurons": z3.Implies(neurons, op["word"] == g.word[ends]),
    }
    # Of a ring of one slot its number is nothing.
    turn_bits = (core.slots - 1).bit_length()
    sums = [("word", "words", g.words, core.word_bits), ("slot", "slots", g.turns, turn_bits)]
    if core.neuron.per_event:  # there are no sums, and nobody looks at what is for them
        sums = []
        if goes_by_the_first(ports.net, core):
            stepped = z3.Or(g.adds[ends] != 0, g.update[ends] == 1)
            gives["begins"] = z3.Implies(stepped, op["begins"] == g.begins[ends])
    else:
        gives["clear"] = op["clear"] == g.clear[ends]
    for what, port, line, bits in sums:
        lanes = zip(lanes_of(op[port], core.lanes), lanes_of(line[before], core.lanes), strict=True)
        for lane, (shown, wanted) in enumerate(lanes if bits else ()):
            here = z3.Extract(bits - 1, 0, shown) == z3.Extract(bits - 1, 0, wanted)
            gives[f"{what} of the sum, lane {lane}"] = z3.Implies(used, here)
    shown = lanes_of(ports["weights"], core.lanes)
    for lane, wanted in enumerate(lanes_of(g.weights[WEIGHTS], core.lanes)):
        gives[f"weight, lane {lane}"] = z3.Implies(g.added[WEIGHTS] == 1, shown[lane] == wanted)
    kinds = [g.slot[kind] == 1 for kind in ("add", "update", "clear")]
    takes = {
        "a memory": z3.Implies(kinds[0], any_of(g.here)),
        "one kind": z3.Not(z3.Or(*(z3.And(a, b) for a, b in zip(kinds, kinds[1:] + kinds[:1],
                                                                 strict=True)))),
    }  # fmt: skip
    if "weights" in core.writable:
        written = unpacked(ports.net["access_write"], write_layout(core))["weights"] == 1
        takes["nothing looked up while it is written"] = z3.Implies(written, z3.Not(kinds[0]))
    return Contract(ghosts=g.ghosts, gives=gives, takes=takes), g


def joined_lanes(words: Sequence[Any], lanes: int) -> Any:
    """One word of some words of as many lanes: in each lane that of the first in the low bits."""
    parts = [lanes_of(word, lanes) for word in words]
    return packed([packed(lane) for lane in zip(*parts, strict=True)])


def synapses_part(net: Netlist, core: RowCore) -> Part:
    """Nothing is stored for longer than a word takes: after so many cycles all of it is new."""
    p = Ports(net, "synapses")

    def content(m: int, pointer: Any) -> Any:
        depth = max(2, core.memories[m].depth)
        at = z3.Extract(min(pointer.size(), (depth - 1).bit_length()) - 1, 0, pointer)
        names = ["synapses"]
        if "weights" in core.writable:
            _, *others = synapse_bits(core.memories[m])
            names = ["weights", "targets"][: 1 + any(others)]
        inside = [Ports(net, f"{p.instance}.{name}_{m}").instance for name in names]
        found = [rom_word(net, instance, f"{name}_{m}", at)
                 for name, instance in zip(names, inside, strict=True)]  # fmt: skip
        return joined_lanes(found, core.lanes)

    contract, _ = synapses_contract(core, p, content)
    return Part(net=net, owns=p.owns, contract=contract, depth=WEIGHTS + 1)
