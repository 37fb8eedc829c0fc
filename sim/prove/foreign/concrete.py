"""A transition system on numbers: its terms as Python, and random runs of it."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ....progress import SILENT, Progress
from ...tools.solver import conjunction, z3
from ..netlist import constants, label, subterms
from .machine import Machine
from .search import Difference, first_values
from .source import LARGEST, Source

#: How often an input is 1, one for each run; what is not named is even.
_OFTEN = {
    "rst": (0.002, 0.002, 0.02), "events_in.valid": (0.8, 0.97), "events_out.ready": (0.6, 0.97),
    "events_in.payload.tick": (0.05, 0.15, 0.4),
}  # fmt: skip
#: Of the other words of the stimulus: how often it is the one that the run likes.
_LIKED = 0.6
_Habits = tuple[Mapping[str, float], Mapping[str, int]]
#: Inputs that are tried in a cycle until they keep what they must.
_TRIES = 60


def _size(term: Any) -> int:
    return 1 if z3.is_bool(term) else int(term.size())


def _signed(text: str, bits: int) -> str:
    return f"(({text} ^ {1 << (bits - 1)}) - {1 << (bits - 1)})"


#: Operators of two parts that are the same on numbers, but for the width of the result.
_PLAIN = {
    z3.Z3_OP_BADD: "+", z3.Z3_OP_BMUL: "*", z3.Z3_OP_BAND: "&", z3.Z3_OP_BOR: "|",
    z3.Z3_OP_BXOR: "^", z3.Z3_OP_AND: "&", z3.Z3_OP_OR: "|", z3.Z3_OP_XOR: "^",
    z3.Z3_OP_BSUB: "-",
}  # fmt: skip
_ORDER = {
    z3.Z3_OP_ULEQ: ("<=", False), z3.Z3_OP_ULT: ("<", False), z3.Z3_OP_UGEQ: (">=", False),
    z3.Z3_OP_UGT: (">", False), z3.Z3_OP_SLEQ: ("<=", True), z3.Z3_OP_SLT: ("<", True),
    z3.Z3_OP_SGEQ: (">=", True), z3.Z3_OP_SGT: (">", True),
}  # fmt: skip


def _text(term: Any, parts: Sequence[str]) -> str | None:
    """A term as Python over the names of its parts; None where it has no such form."""
    kind, bits = term.decl().kind(), 0 if z3.is_array(term) else _size(term)
    mask = (1 << bits) - 1
    if kind in _PLAIN:
        return f"({f' {_PLAIN[kind]} '.join(parts)}) & {mask}"
    if kind in _ORDER:
        sign, signed = _ORDER[kind]
        wide = _size(term.arg(0))
        a, b = (_signed(part, wide) if signed else part for part in parts)
        return f"1 if {a} {sign} {b} else 0"
    if kind == z3.Z3_OP_ITE:
        return f"{parts[1]} if {parts[0]} else {parts[2]}"
    if kind == z3.Z3_OP_EQ:
        return f"1 if {parts[0]} == {parts[1]} else 0"
    if kind == z3.Z3_OP_DISTINCT and len(parts) == 2:
        return f"1 if {parts[0]} != {parts[1]} else 0"
    if kind == z3.Z3_OP_IMPLIES:
        return f"{parts[1]} if {parts[0]} else 1"
    if kind in (z3.Z3_OP_NOT, z3.Z3_OP_BNOT):
        return f"{parts[0]} ^ {mask}"
    if kind == z3.Z3_OP_BNEG:
        return f"-{parts[0]} & {mask}"
    if kind == z3.Z3_OP_EXTRACT:
        return f"({parts[0]} >> {term.params()[1]}) & {mask}"
    if kind == z3.Z3_OP_CONCAT:
        found, at = [], 0
        for part, each in zip(reversed(parts), reversed(term.children()), strict=True):
            found.append(f"({part} << {at})")
            at += _size(each)
        return " | ".join(found)
    if kind == z3.Z3_OP_ZERO_EXT:
        return parts[0]
    if kind == z3.Z3_OP_SIGN_EXT:
        return f"{_signed(parts[0], _size(term.arg(0)))} & {mask}"
    if kind == z3.Z3_OP_BSHL:
        return f"(({parts[0]} << {parts[1]}) & {mask}) if {parts[1]} < {bits} else 0"
    if kind == z3.Z3_OP_BLSHR:
        return f"{parts[0]} >> {parts[1]}"
    if kind == z3.Z3_OP_BASHR:
        return f"({_signed(parts[0], bits)} >> {parts[1]}) & {mask}"
    return None


class Unsuitable(Exception):
    """What has no form on numbers here, in words, such as a memory that is not registers."""


def compiled(
    leaves: Sequence[Any], terms: Sequence[Any]
) -> Callable[[Sequence[int]], tuple[int, ...]]:
    """Terms as a function of the values of their constants.

    Raises:
        Unsuitable: one has no such form.
    """
    ready = [z3.simplify(term) for term in terms]
    names = {leaf.get_id(): f"g[{k}]" for k, leaf in enumerate(leaves)}
    lines = ["def made(g):"]
    for number, term in enumerate(subterms(ready)):
        if term.get_id() in names:
            continue
        if z3.is_bv_value(term):
            names[term.get_id()] = str(term.as_long())
        elif z3.is_true(term) or z3.is_false(term):
            names[term.get_id()] = str(int(z3.is_true(term)))
        else:
            text = _text(term, [names[part.get_id()] for part in term.children()])
            if text is None or not term.num_args():
                raise Unsuitable(f"it has the operator {term.decl().name().removesuffix('_i')}")
            names[term.get_id()] = f"t{number}"
            lines.append(f" t{number} = {text}")
    lines.append(f" return ({', '.join(names[term.get_id()] for term in ready)},)")
    space: dict[str, Any] = {}
    exec("\n".join(lines), space)
    made: Callable[[Sequence[int]], tuple[int, ...]] = space["made"]
    return made


@dataclass
class Runs:
    """What random runs showed.

    ``met``: situation → the first cycle that shows it. ``difference``: the shortest run that
    breaks a claim.
    """

    met: dict[str, int] = field(default_factory=dict)
    difference: Difference | None = None


class Runner:
    """Random runs of a core and the machine beside it.

    Attributes:
        registers: the constants of the state.
        inputs: those that are new in each cycle.
        after: from their values to those of the registers one clock later.

    Raises:
        Unsuitable: a term has no form in Python.
    """

    def __init__(self, source: Source, machine: Machine) -> None:
        system = machine.beside(source)
        self.registers, self.inputs = list(system.next), list(system.inputs)
        leaves = [*self.registers, *self.inputs]
        self._machine, self._source = machine, source
        large = sorted(label(leaf).removeprefix("dut.") for leaf in leaves if z3.is_array(leaf))
        if large:
            raise Unsuitable(f"the memory {large[0]} has more than {LARGEST} words")
        self._sizes = [_size(leaf) for leaf in leaves]
        first, others = first_values(system)
        if others:
            raise Unsuitable("what is said of power-up is no value of a register")
        self._first = {register: value.as_long() for register, value in first.items()}
        self.after = compiled(leaves, [system.next[register] for register in self.registers])
        kept = [conjunction([z3.BoolVal(True), *terms]) for terms in (system.given, machine.start)]
        self._given = compiled(leaves, kept)
        self._seen = compiled(leaves, [source.net["stimulus"], *machine.meets.values(),
                                       *machine.claims.values()])  # fmt: skip
        self._often: dict[str, tuple[float, ...]] = {}
        stays = set()
        for name in source.job.interface.stimulus:
            for pin in constants([z3.simplify(source.given(name))]):
                if name in _OFTEN and _size(pin) == 1:
                    self._often[label(pin)] = _OFTEN[name]
                if name not in ("rst", "events_out.ready"):
                    stays.add(label(pin))
        self._names = [label(pin) for pin in self.inputs]  # a question to z3 each
        self._stays = [name in stays for name in self._names]

    def runs(self, number: int, cycles: int, progress: Progress = SILENT) -> Runs:
        """So many runs of so many cycles, from power-up on."""
        found, draw = Runs(), random.Random(1)
        for k in range(number):
            progress("running the core", k, number)
            shorter = len(found.difference.words) - 1 if found.difference else cycles
            self._run(found, shorter, draw)
        return found

    def walks(self, number: int, cycles: int) -> Iterator[list[list[int]]]:
        """So many random runs of so many cycles: of each the registers behind every clock edge."""
        draw = random.Random(2)
        for _ in range(number):
            now, habits, before = self._power_up(draw), self._habits(draw), [0] * len(self.inputs)
            walk = []
            for cycle in range(cycles):
                inputs = self._drawn(now, before, cycle == 0, habits, draw)
                if inputs is None:
                    break
                now, before = list(self.after([*now, *inputs])), inputs
                walk.append(now)
            yield walk

    def _power_up(self, draw: random.Random) -> list[int]:
        """The registers at power-up; one without a value is drawn."""
        return [self._first.get(register, draw.getrandbits(bits))
                for register, bits in zip(self.registers, self._sizes, strict=False)]  # fmt: skip

    def _run(self, found: Runs, cycles: int, draw: random.Random) -> None:
        """A run, up to what breaks a claim."""
        now = self._power_up(draw)
        first, words = now, []
        before = [0] * len(self.inputs)
        habits = self._habits(draw)
        meets, claims = list(self._machine.meets), list(self._machine.claims)
        for cycle in range(cycles):
            inputs = self._drawn(now, before, cycle == 0, habits, draw)
            if inputs is None:
                return
            word, *values = self._seen([*now, *inputs])
            words.append(word)
            for name in (name for name, met in zip(meets, values, strict=False) if met):
                found.met[name] = min(cycle, found.met.get(name, cycle))
            broken = [name for name, holds in zip(claims, values[len(meets) :], strict=True)
                      if not holds]  # fmt: skip
            if broken:
                core = zip(self._source.net.next, first, strict=False)
                at_first = {label(register): value for register, value in core}
                found.difference = Difference(words=words, broken=tuple(broken), first=at_first)
                return
            now, before = list(self.after([*now, *inputs])), inputs

    def _habits(self, draw: random.Random) -> _Habits:
        """What a run does often, and which word of the stimulus it likes: some neuron may need many
        events of one input."""
        often = {name: draw.choice(chances) for name, chances in self._often.items()}
        sizes = self._sizes[len(self.registers) :]
        likes = {name: draw.getrandbits(bits)
                 for name, bits, stays in zip(self._names, sizes, self._stays, strict=True)
                 if stays and bits > 1}  # fmt: skip
        return often, likes

    def _drawn(
        self, now: list[int], before: list[int], start: bool, habits: _Habits,
        draw: random.Random,
    ) -> list[int] | None:  # fmt: skip
        """Inputs that keep what they must, after those of the cycle before; None: none came up."""
        often, likes = habits
        for attempt in range(_TRIES):
            inputs = []
            for name, bits, kept, old in zip(
                self._names, self._sizes[len(now) :], self._stays, before, strict=True
            ):
                if kept and attempt % 4 == 1 and not start:
                    inputs.append(old)  # what is offered has to stay
                elif name in often and attempt < _TRIES // 2:
                    inputs.append(int(draw.random() < often[name]))
                elif name in likes and draw.random() < _LIKED:
                    inputs.append(likes[name])
                else:
                    inputs.append(draw.getrandbits(bits))
            keeps, starts = self._given([*now, *inputs])
            if keeps and (starts or not start):
                return inputs
        return None
