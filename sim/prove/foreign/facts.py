"""What may hold of a core and the machine beside it, wherever its control is in one state.

Random runs suggest it: which register of the core holds which number of the golden core now, or
held by it before the last event or step; which is constant. Nothing says that it is so always: a
proof has to find out (:mod:`.control`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from ...tools.solver import z3
from ..golden import widen
from ..netlist import constants, label, substituted
from .collected import Collected, collecting, of_collected
from .concrete import Runner, compiled
from .machine import Machine, Numbers
from .pieces import Fact, Piece, alike, constant, equal, is_term
from .source import Source

#: Registers of more values than this, in random runs, are no control.
_VALUES = 256
#: A register that held fewer different values may equal anything by chance.
_TELLING = 4
#: Registers of more bits than this are not told by an address.
_MOST_BITS = 32
#: The outputs that a control is behind.
_CONTROLLED = ("events_in.ready", "events_out.valid", "events_out.payload.tick",
               "events_out.both", "trace.valid")  # fmt: skip
Row = Sequence[int]


@dataclass(kw_only=True)
class Facts:
    """Everything that may hold.

    Attributes:
        control: the registers of the core, and of the machine, whose values are a state of control.
        homes: bits of the core that were seen to hold a number at rest → the numbers that they may
            hold, now or before, of the same neuron.
        parts: bits of wider registers that were seen to hold what a trace is to show, in some state
            of control, such as those of a shift register → those numbers.
        lines: registers that were seen to be a multiple of the last event's address and something
            more, in some state of control → the multiples with what is added.
        vectors: registers that were seen to hold the events since the last TICK at rest.
    """

    source: Source
    machine: Machine
    runner: Runner
    control: list[Any] = field(default_factory=list)
    homes: dict[Piece, list[Any]] = field(default_factory=dict)
    parts: dict[Piece, list[Any]] = field(default_factory=dict)
    lines: dict[Piece, set[tuple[int, int]]] = field(default_factory=dict)
    vectors: list[Collected] = field(default_factory=list)

    def __post_init__(self) -> None:
        numbers = self.machine.numbers
        assert numbers is not None
        self._numbers = numbers
        self.steps_owed = z3.BitVec("owed steps owed", 8)
        self._at = {register.get_id(): k for k, register in enumerate(self.runner.registers)}
        self._relations = list(_relations(numbers))
        self._derived = compiled(self.runner.registers, [made for _, made in self._relations])
        ready = self.source["events_in.ready"]
        idle = [(pin, z3.BoolVal(False) if z3.is_bool(pin) else z3.BitVecVal(0, pin.size()))
                for pin in self.source.net.inputs]  # fmt: skip
        self._takes = compiled(self.runner.registers, substituted([ready], idle))
        self.current = [*numbers.sums, *(bits for state in numbers.states
                                         for bits in state.values())]  # fmt: skip
        self._former = _former(numbers)
        counters = [register for register in self.machine.next
                    if label(register) in ("owed dropped", "owed saturated")]  # fmt: skip
        self._past = [bits for state in numbers.past for bits in state.values()]
        self._shown = {bits.get_id() for bits in self._past}
        self._kept = [*self.current, *counters, numbers.address]
        self._others = [*self._former.values(), *numbers.sums_event, numbers.spikes, *self._past]

    def look(self, rows: Sequence[Row]) -> None:
        """Find control and homes in what random runs showed."""
        owed = self._index(self.steps_owed)
        rests = [row for row in rows if not row[owed] and self.ready(row)]
        self.homes = self._homes(rests)
        held = {piece.register.get_id() for piece in self.homes}
        others = [register for register in self.source.net.next if register.get_id() not in held]
        # A sum of weights that are 1 is no vector.
        self.vectors = list(collecting(others, self._numbers, partial(self._column, rests)))
        held |= {vector.register.get_id() for vector in self.vectors}
        self.control = [*self._controlling(rows, held), self.steps_owed]
        places: dict[tuple[int, ...], list[Row]] = {}
        for row in rows:
            places.setdefault(self.place(row), []).append(row)
        controls = {register.get_id() for register in self.control}
        data = [register for register in self.source.net.next if register.get_id() not in controls]
        for here in places.values():
            # What holds a number at rest may hold several on the way.
            self._find_parts(here, data)
        known = held | {piece.register.get_id() for piece in self.parts}
        others = [register for register in data if register.get_id() not in known]
        for here in places.values():
            self._find_lines(here, others)

    def holders(self) -> Iterator[tuple[Piece, Any]]:
        """The bits of the core that were seen to hold a number at rest, and the number."""
        for piece, (number, *_) in self.homes.items():
            yield piece, number
        for vector in self.vectors:
            yield from zip(vector.fields(), self._numbers.counts, strict=True)

    def ready(self, row: Row) -> bool:
        """Whether the core takes an event in a row, without a reset."""
        return bool(self._takes(row)[0])

    def place(self, row: Row) -> tuple[int, ...]:
        """The state of control in a row."""
        return tuple(row[self._index(register)] for register in self.control)

    def _index(self, register: Any) -> int:
        return self._at[register.get_id()]

    def _controlling(self, rows: Sequence[Row], held: set[int]) -> Iterator[Any]:
        """The registers that decide what the handshakes are, but for those that hold numbers."""
        outputs = [z3.simplify(self.source[name]) for name in _CONTROLLED
                   if name in self.source.job.interface.response]  # fmt: skip
        waiting, seen = list(constants(outputs)), set()
        while waiting:
            here = waiting.pop()
            if here.get_id() in seen or here.get_id() in held or here not in self.source.net.next:
                continue
            seen.add(here.get_id())
            if len({row[self._index(here)] for row in rows}) > _VALUES:
                continue
            yield here
            waiting += constants([self.source.net.next[here]])

    def _stepped(self, piece: Piece, made: Any) -> bool:
        """Whether a relation is about the last step."""
        numbers = self._numbers
        return piece.register.eq(numbers.spikes) or any(
            made.eq(after) for state in numbers.stepped for after in state.values()
        )

    def _homes(self, rests: Sequence[Row]) -> dict[Piece, list[Any]]:
        found: dict[Piece, list[Any]] = {}
        telling = {number: column for number in self._kept[:-1]
                   if len(set(column := self._column(rests, number))) >= _TELLING}  # fmt: skip
        used: Counter[Any] = Counter()
        for register in sorted(self.source.net.next, key=lambda each: (len(label(each)),
                                                                        label(each))):  # fmt: skip
            column = self._column(rests, register)
            if len(set(column)) < _TELLING:
                continue
            whole = Piece(register, 0, register.size())
            here = [number for number, other in telling.items()
                    if list(alike(whole.bits, column, number.size(), other))]  # fmt: skip
            # Two neurons may be alike: each has a register of its own.
            for piece, numbers in ({whole: here} if here else
                                   _slices(register, column, telling)).items():  # fmt: skip
                number = min(numbers, key=lambda each: used[each])
                used[number] += 1
                found[piece] = [number]
        return {piece: [*here, *self._before(here)] for piece, here in found.items()}

    def _find_parts(self, rows: Sequence[Row], registers: Sequence[Any]) -> None:
        """Add the bits of wider registers that hold what a trace is to show in all these rows."""
        telling = {number: column for number in self._past
                   if len(set(column := self._column(rows, number))) >= _TELLING}  # fmt: skip
        for register in registers if telling else []:
            column = self._column(rows, register)
            if len(set(column)) < _TELLING:
                continue
            for piece, numbers in _slices(register, column, telling).items():
                if piece.bits < register.size():
                    known = self.parts.setdefault(piece, [])
                    known += [each for each in numbers if all(not each.eq(one) for one in known)]

    def _find_lines(self, rows: Sequence[Row], registers: Sequence[Any]) -> None:
        addresses = self._column(rows, self._numbers.address)
        for piece in (Piece(register, 0, register.size()) for register in registers):
            column = self._column(rows, piece.register)
            if len(set(column)) > 1 and (line := _line(piece, column, addresses)):
                self.lines.setdefault(piece, set()).add(line)

    def _before(self, numbers: Sequence[Any]) -> Iterator[Any]:
        """The registers that hold what the numbers were."""
        for number in numbers:
            if (was := self._former.get(number)) is not None:
                yield was
        for number, was in zip(self._numbers.sums, self._numbers.sums_event, strict=True):
            if any(number.eq(each) for each in numbers):
                yield was

    def resolved(self, known: Mapping[Any, Any]) -> list[tuple[Any, Any]]:
        """What is known of registers, in terms of registers of which nothing is known.

        A register of the core may be a number of the machine, this what a number was, and that a
        constant.
        """
        numbers = self._numbers
        past = {bits.get_id() for state in numbers.past for bits in state.values()}
        current = {bits.get_id() for bits in (*self.current, numbers.spikes)}
        mine = {register.get_id() for register in self.machine.next}
        levels: list[list[tuple[Any, Any]]] = [[], [], [], []]
        for register, term in known.items():
            at = register.get_id()
            levels[3 if at not in mine else 2 if at in past else 1 if at in current else 0].append(
                (register, term))  # fmt: skip
        found: list[tuple[Any, Any]] = []
        for level in levels:
            made = substituted([term for _, term in level], found)
            found += [(register, term) for (register, _), term in zip(level, made, strict=True)]
        return found

    def _column(self, rows: Sequence[Row], register: Any) -> list[int]:
        at = self._index(register)
        return [row[at] for row in rows]

    def at(self, rows: Sequence[Row], *, rest: bool) -> dict[str, Fact]:
        """What holds in all of these rows, of one state of control, by name.

        At ``rest`` nothing that ties the golden numbers to each other or to what they were: from
        there they may be anything.
        """
        found = list(self._of_core(rows, rest=rest))
        found += self._of_machine(rows, rest=rest)
        return {str(number): fact for number, fact in enumerate(found)}

    def _of_core(self, rows: Sequence[Row], *, rest: bool) -> Iterator[Fact]:
        terms = self._kept if rest else [*self._kept, *self._others]
        columns = {term: self._column(rows, term) for term in terms}
        homes: dict[int, list[Piece]] = {}
        for piece in self.homes:
            homes.setdefault(piece.register.get_id(), []).append(piece)
        controls = {register.get_id() for register in self.control}
        collect = {vector.register.get_id() for vector in self.vectors}
        for piece, numbers in self.parts.items():
            # At rest, too: what a trace is to show is none of the golden core's numbers by then.
            part = [piece.of(value) for value in self._column(rows, piece.register)]
            for number in numbers:
                yield from equal(piece, part, number, self._column(rows, number))
        for vector in self.vectors:
            yield from of_collected(vector, self._numbers, partial(self._column, rows), rest=rest)
        addresses = columns[self._numbers.address]
        for piece, lines in self.lines.items():
            column = self._column(rows, piece.register)
            yield from (_on_line(piece, line, self._numbers.address) for line in sorted(lines)
                        if _keeps(piece, column, addresses, line))  # fmt: skip
        for register in self.source.net.next:
            if register.get_id() in controls:
                continue
            column = self._column(rows, register)
            pieces = homes.get(register.get_id(), [])
            if len(set(column)) == 1 and not (pieces and rest):
                yield constant(register, column[0])
            for piece in pieces:
                part = [piece.of(value) for value in column]
                for term in self.homes[piece]:
                    if term in columns:
                        yield from equal(piece, part, term, columns[term])
            if not pieces and register.get_id() not in collect:
                found = list(self._unknown(register, column, columns))
                # Two numbers that one register equals would be tied to each other.
                yield from found[:1] if rest and found and found[0].term is not None else found

    def _unknown(
        self, register: Any, column: list[int], columns: Mapping[Any, list[int]]
    ) -> Iterator[Fact]:
        """A register of the core without a home: any number that it was seen to equal, or what it
        is by the address of the last event."""
        piece, found = Piece(register, 0, register.size()), False
        telling = len(set(column)) >= _TELLING
        for term, other in columns.items():
            # What a trace is to show is worth a try even where few runs come.
            if telling or term.get_id() in self._shown:
                for fact in equal(piece, column, term, other):
                    found = telling
                    yield fact
        if not found and len(set(column)) > 1:
            yield from _by_address(piece, column, self._numbers.address,
                                   columns[self._numbers.address])  # fmt: skip

    def _of_machine(self, rows: Sequence[Row], *, rest: bool) -> Iterator[Fact]:
        controls = {register.get_id() for register in self.control}
        current = {number.get_id() for number in self.current}
        for register in self.machine.next:
            if register.get_id() in controls or (rest and register.get_id() in current):
                continue
            column = self._column(rows, register)
            if len(set(column)) == 1:
                yield constant(register, column[0])
        address, inputs = self._numbers.address, self._numbers.inputs
        if max(self._column(rows, address)) < inputs < 1 << address.size():
            yield Fact(z3.ULT(address, inputs))
        for holds in self._numbers.legal.values():
            yield Fact(holds)
        spikes = self._numbers.spikes
        word = self._column(rows, spikes)
        for n in range(spikes.size()):
            column = [value >> n & 1 for value in word]
            if len(set(column)) == 1:
                yield is_term(Piece(spikes, n, 1), z3.BitVecVal(column[0], 1))
        if rest:
            return
        derived = list(zip(*(self._derived(row) for row in rows), strict=True))
        owed = any(self._column(rows, self.steps_owed))
        for (piece, made), values in zip(self._relations, derived, strict=True):
            if not owed and self._stepped(piece, made):
                continue
            mine = [piece.of(value) for value in self._column(rows, piece.register)]
            if mine == list(values):
                yield is_term(piece, made)


def _relations(numbers: Numbers) -> Iterator[tuple[Piece, Any]]:
    """What the machine's registers are of what they were, while nothing else happens."""
    for total, made in zip(numbers.sums, numbers.added, strict=True):
        yield Piece(total, 0, total.size()), made
    for state, made in zip(numbers.states, numbers.stepped, strict=True):
        for name, bits in state.items():
            yield Piece(bits, 0, bits.size()), made[name]
    for n, fires in enumerate(numbers.fired):
        yield Piece(numbers.spikes, n, 1), fires
    for past, state in zip(numbers.past, numbers.states, strict=True):
        for name, bits in past.items():
            yield Piece(bits, 0, bits.size()), state[name]


def _former(numbers: Numbers) -> dict[Any, Any]:
    """What each number was before the last step."""
    found = dict(zip(numbers.sums, numbers.sums_before, strict=True))
    for state, before in zip(numbers.states, numbers.states_before, strict=True):
        found |= {bits: before[name] for name, bits in state.items()}
    return found


def _slices(
    register: Any, column: list[int], telling: Mapping[Any, list[int]]
) -> dict[Piece, list[Any]]:
    """The bits of a word that hold numbers side by side."""
    found: dict[Piece, list[Any]] = {}
    low = 0
    while low < register.size():
        here: dict[Piece, list[Any]] = {}
        for number, other in telling.items():
            piece = Piece(register, low, number.size())
            if low + piece.bits <= register.size() and [piece.of(c) for c in column] == other:
                here.setdefault(piece, []).append(number)
        if not here:
            low += 1
            continue
        widest = max(here, key=lambda piece: piece.bits)
        found[widest] = here[widest]
        low += widest.bits
    return found


def _line(
    piece: Piece, column: Sequence[int], addresses: Sequence[int]
) -> tuple[int, int] | None:  # fmt: skip
    """What a register is a multiple of the address by, and what is added; None: it is not so."""
    points = sorted(set(zip(addresses, column, strict=True)))
    if piece.bits > _MOST_BITS or points[0][0] == points[-1][0]:
        return None
    (a, first), (b, second) = points[0], points[-1]
    step = (second - first) // (b - a)
    line = step, first - step * a
    return line if _keeps(piece, column, addresses, line) else None


def _keeps(
    piece: Piece, column: Sequence[int], addresses: Sequence[int], line: tuple[int, int]
) -> bool:  # fmt: skip
    step, more = line
    size = (1 << piece.bits) - 1
    return all((more + step * at) & size == value
               for at, value in zip(addresses, column, strict=True))  # fmt: skip


def _on_line(piece: Piece, line: tuple[int, int], address: Any) -> Fact:
    step, more = line
    width = max(piece.bits, address.size())
    wide = widen(address, width, signed=False) * step + more
    return is_term(piece, z3.Extract(piece.bits - 1, 0, wide))


def _by_address(
    piece: Piece, column: Sequence[int], address: Any, addresses: Sequence[int]
) -> Iterator[Fact]:
    """What a register is for each address, where this tells it."""
    if piece.bits > _MOST_BITS or _line(piece, column, addresses):
        return
    by: dict[int, set[int]] = {}
    for at, value in zip(addresses, column, strict=True):
        by.setdefault(at, set()).add(value)
    if len(by) > 1 and all(len(values) == 1 for values in by.values()):
        for at, (value,) in sorted(by.items()):
            yield Fact(z3.Implies(address == at, piece.term == value))
