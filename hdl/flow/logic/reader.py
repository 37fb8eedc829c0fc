"""The graph of a design, from the netlist that Amaranth makes of it before it writes any text.

That netlist has no public name in Amaranth; the versions that fxlif takes have it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import reduce
from operator import and_, or_
from typing import Any

from amaranth.hdl import Fragment, Value, ValueCastable, _nir
from amaranth.hdl._ir import PortDirection, build_netlist
from amaranth.lib import wiring

from ....errors import FxlifError
from ...interface import Image
from ...memory import RAM, Images
from .graph import FALSE, TRUE, Bit, Graph, Part, Word
from .operators import operated, shifted

#: Cells that nothing goes through within a clock cycle.
_LEAVES = (
    _nir.Top, _nir.FlipFlop, _nir.SyncReadPort, _nir.AsyncReadPort, _nir.Instance, _nir.Memory,
    _nir.SyncWritePort,
)  # fmt: skip


def graph_of(component: wiring.Component) -> tuple[Graph, list[Bit]]:
    """What a component is made of, and what its outputs are."""
    ports = {}
    for path, member, port in component.signature.flatten(component):
        value = port.as_value() if isinstance(port, ValueCastable) else Value.cast(port)
        way = PortDirection.Input if member.flow == wiring.In else PortDirection.Output
        ports["__".join(map(str, path))] = value, way
    images = Images("top")
    netlist = build_netlist(Fragment.get(component, images), ports)
    return _Reader(netlist.cells, images.files).read()


class _Reader:
    """Reads the cells of a netlist, each where something first reads it."""

    def __init__(self, cells: list[Any], files: Mapping[str, Image]) -> None:
        self.cells, self.files = cells, files
        self.graph = Graph()
        #: Cell → its bits.
        self.done: dict[int, Word] = {}
        self.writes: dict[int, list[Any]] = {}
        #: What a bit of a register holds: data, resets, enable, start → the bit.
        self.registers: dict[tuple[Any, ...], Bit] = {}
        #: Cell that comes out of itself → the part that stands for it while it is read.
        self.loops: dict[int, int] = {}

    def read(self) -> tuple[Graph, list[Bit]]:
        leaves = []
        for k, cell in enumerate(self.cells):
            if isinstance(cell, _nir.Top):
                width = max((start + size for start, size in cell.ports_i.values()), default=2)
                leaves.append((cell, self._leaf(k, "port", width)))
            elif isinstance(cell, _nir.Instance):
                leaves.append((cell, self._constants(k, cell)))
            elif isinstance(cell, _nir.SyncReadPort | _nir.AsyncReadPort):
                part = self._leaf(k, "read", cell.width)
                part.depth = self.cells[cell.memory].depth
                leaves.append((cell, part))
            elif isinstance(cell, _nir.SyncWritePort):
                self.writes.setdefault(cell.memory, []).append(cell)
        for k, sources in in_order(self.cells):
            for source in sources:
                if source not in self.done:
                    width = len(self.cells[source].data)
                    self.done[source] = [
                        self.graph.part("register", [], 1).outputs[0] for _ in range(width)
                    ]
            self._register(k, self.word(self.cells[k].data))
        for cell, part in leaves:
            part.inputs = [self.word(nets) for nets in self._read_by(cell)]
        roots = self.word(net for value in self.cells[0].ports_o.values() for net in value)
        return self.graph, roots

    def _leaf(self, k: int, kind: str, width: int) -> Part:
        part = self.graph.part(kind, [], width)
        self.done[k] = part.outputs
        return part

    def _constants(self, k: int, cell: Any) -> Part:
        """A memory that begins with an image; of one that nothing writes, a bit that is the same in
        all words is constant."""
        width, depth = (cell.parameters[name] for name in ("WIDTH", "DEPTH"))
        part = self._leaf(k, "read", width)
        part.depth = depth
        if cell.type != RAM:
            words = [
                int(word, 16) for word in set(self.files[cell.parameters["IMAGE"]].text.split())
            ]
            ever, always = reduce(or_, words), reduce(and_, words)
            found = [always >> n & 1 if (ever ^ always) >> n & 1 == 0 else bit
                     for n, bit in enumerate(part.outputs)]  # fmt: skip
            self.done[k], part.outputs = found, [bit for bit in found if bit > TRUE]
        return part

    def _read_by(self, cell: Any) -> list[Any]:
        """What a port of a memory, or a module, reads."""
        if isinstance(cell, _nir.Top):
            return []
        if isinstance(cell, _nir.Instance):
            return list(cell.ports_i.values())
        enable = [[cell.en]] if isinstance(cell, _nir.SyncReadPort) else []
        stores = [
            word
            for each in self.writes.get(cell.memory, ())
            for word in (each.data, each.addr, each.en)
        ]
        return [cell.addr, *enable, *stores]

    def _register(self, k: int, word: Word) -> None:
        """The bits of a register; what always holds the same as another is that other."""
        graph, waiting = self.graph, self.done.get(k)
        found = []
        for n, bit in enumerate(word):
            own = waiting[n] if waiting else None
            start = self.cells[k].init >> n & 1
            data, resets, enable = stored(graph, bit, own)
            if data == start and all(value == start for _, value in resets):
                same: Bit | None = start
            else:
                same = self.registers.get(key := (data, resets, enable, start))
            if own is not None:
                part = graph.parts[graph.driver[own >> 1]]
                if same is not None:
                    part.kind, part.inputs = "alias", [[same]]
            elif same is None:
                part = graph.part("register", [], 1)
            if same is None:
                controls = [graph.any(by for by, _ in resets)] if resets else []
                part.inputs = [[data], controls, [enable] if enable != TRUE else []]
                self.registers[key] = same = part.outputs[0]
            found.append(same)
        self.done[k] = found

    def word(self, nets: Iterable[int]) -> Word:
        """The bits of nets, with all cells read that they come from."""
        nets = list(nets)
        waiting = [net >> 16 for net in nets if net > 1]
        open_: set[int] = set()
        while waiting:
            k = waiting[-1]
            if k in self.done:
                waiting.pop()
                continue
            cell = self.cells[k]
            if k not in open_:
                open_.add(k)
                read = {net >> 16 for net in cell.input_nets() if net > 1}
                wanted = [each for each in read if each not in self.done]
                if wanted:
                    waiting.extend(wanted)
                    continue
            waiting.pop()
            self._finish(k, cell)
        return self._bits(nets)

    def _finish(self, k: int, cell: Any) -> None:
        """Read a cell whose inputs are read, but for what comes out of the cell itself."""
        bits = self._read(cell)
        if k in self.loops:
            self.graph.parts[self.loops.pop(k)].inputs = [bits]
        self.done[k] = bits

    def _bits(self, nets: Iterable[int]) -> Word:
        found = []
        for net in nets:
            if net <= 1:
                found.append(int(net))
                continue
            k = net >> 16
            if k not in self.done and k not in self.loops:
                width = max(each & 0xFFFF for each in self.cells[k].output_nets(k)) + 1
                self.loops[k] = len(self.graph.parts)
                self.graph.part("loop", [], width)
            made = self.done[k] if k in self.done else self.graph.parts[self.loops[k]].outputs
            found.append(made[net & 0xFFFF])
        return found

    def _read(self, cell: Any) -> Word:
        graph = self.graph
        match cell:
            case _nir.Operator():
                return operated(graph, cell.operator, [self._bits(word) for word in cell.inputs])
            case _nir.Matches():
                return [self._matches(cell)]
            case _nir.PriorityMatch():
                found, enabled = [], self._bits([cell.en])[0]
                for bit in self._bits(cell.inputs):
                    found.append(graph.both(enabled, bit))
                    enabled = graph.both(enabled, bit ^ 1)
                return found
            case _nir.AssignmentList():
                paths = [(self._path(each.cond), each) for each in cell.assignments]
                return self._assigned(paths, 0, self._bits(cell.default))
            case _nir.Part():
                value, by = self._bits(cell.value), self._bits(cell.offset)
                fill = value[-1] if cell.value_signed and value else FALSE
                return shifted(graph, value, by, cell.stride, fill, cell.width)
        raise FxlifError(f"no estimate of {type(cell).__name__}", key="estimate")

    def _matches(self, cell: Any) -> Bit:
        """Whether a word is one of some patterns, the highest bit first."""
        value = self._bits(cell.value)[::-1]
        graph = self.graph
        return graph.any(
            graph.all(bit ^ (wanted == "0") for bit, wanted in zip(value, each, strict=True)
                      if wanted != "-")
            for each in cell.patterns
        )  # fmt: skip

    def _path(self, condition: int) -> list[tuple[int, int]]:
        """The cases of an assignment, from outside to inside: cell and number of each."""
        found: list[tuple[int, int]] = []
        while condition > 1:
            cell = self.cells[condition >> 16]
            if not isinstance(cell, _nir.PriorityMatch):
                break
            found.append((condition >> 16, condition & 0xFFFF))
            condition = cell.en
        return found[::-1]

    def _assigned(self, paths: Sequence[Any], depth: int, word: Word) -> Word:
        """A word after assignments, by choices as the cases stand: the first that holds."""
        start = 0
        while start < len(paths):
            path, each = paths[start]
            if len(path) <= depth:
                value = self._bits(each.value)
                word = [*word[: each.start], *value, *word[each.start + len(value) :]]
                start += 1
                continue
            end, last = start, -1
            switch = path[depth][0]
            while end < len(paths) and len(paths[end][0]) > depth:
                at, case = paths[end][0][depth]
                if at != switch or case < last:
                    break
                last = case
                end += 1
            word = self._switched(switch, paths[start:end], depth, word)
            start = end
        return word

    def _switched(self, switch: int, paths: Sequence[Any], depth: int, word: Word) -> Word:
        """A word after the cases of one switch."""
        cases: dict[int, list[Any]] = {}
        for each in paths:
            cases.setdefault(each[0][depth][1], []).append(each)
        found = word
        conditions = self._bits(self.cells[switch].inputs[: max(cases) + 1])
        for case in range(max(cases), -1, -1):
            inside = self._assigned(cases[case], depth + 1, word) if case in cases else word
            found = self.graph.chosen(conditions[case], inside, found)
        return found


def in_order(cells: Sequence[Any]) -> Iterator[tuple[int, list[int]]]:
    """The registers among cells, each behind those that it reads but for circles; and these."""
    sources = _sources(cells)
    numbers = [k for k, cell in enumerate(cells) if isinstance(cell, _nir.FlipFlop)]
    seen: set[int] = set()
    for first in numbers:
        waiting = [] if first in seen else [(first, iter(sources[first]))]
        seen.add(first)
        while waiting:
            k, rest = waiting[-1]
            following = next((each for each in rest if each not in seen), None)
            if following is None:
                waiting.pop()
                yield k, sources[k]
            else:
                seen.add(following)
                waiting.append((following, iter(sources[following])))


def _sources(cells: Sequence[Any]) -> dict[int, list[int]]:
    """Register → the registers that its data come from."""
    numbers = [k for k, cell in enumerate(cells) if isinstance(cell, _nir.FlipFlop)]
    place = {k: 1 << n for n, k in enumerate(numbers)}
    masks: dict[int, int] = {}

    def mask_of(nets: Iterable[int]) -> int:
        found = 0
        for k in {net >> 16 for net in nets if net > 1}:
            found |= place[k] if k in place else masks.get(k, 0)
        return found

    waiting = [k for k, cell in enumerate(cells) if k and not isinstance(cell, _LEAVES)]
    entered = set()
    while waiting:
        k = waiting[-1]
        inputs = [] if k in masks or k in entered else [
            each for each in {net >> 16 for net in cells[k].input_nets() if net > 1}
            if each not in entered and not isinstance(cells[each], _LEAVES)
        ]  # fmt: skip
        entered.add(k)
        if inputs:
            waiting.extend(inputs)
        else:
            waiting.pop()
            if k not in masks:
                masks[k] = mask_of(cells[k].input_nets())
    return {k: [numbers[n] for n in _ones(mask_of(cells[k].data))] for k in numbers}


def _ones(mask: int) -> Iterator[int]:
    """The numbers of the bits that are set, the lowest first."""
    while mask:
        yield (mask & -mask).bit_length() - 1
        mask &= mask - 1


def stored(graph: Graph, bit: Bit, own: Bit | None) -> tuple[Bit, tuple[tuple[Bit, Bit], ...], Bit]:
    """What a register takes in; by what it is reset, and to what; by what it is enabled.

    ``own`` is the register's own bit.
    """
    resets, enable = [], TRUE
    while len(fans := graph.fans[bit >> 1]) == 3:
        by, yes, no = fans[0], fans[1] ^ (bit & 1), fans[2] ^ (bit & 1)
        if own in (yes, no):
            enable = graph.both(enable, by if own == no else by ^ 1)
            bit = yes if own == no else no
        elif enable == TRUE and yes <= TRUE:
            resets.append((by, yes))
            bit = no
        elif enable == TRUE and no <= TRUE:
            resets.append((by ^ 1, no))
            bit = yes
        else:
            break
    return bit, tuple(resets), enable
