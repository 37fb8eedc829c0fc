"""Verilog as a transition system in z3 terms, read by Yosys.

Yosys' ``write_smt2`` turns a module into functions of its state. Here each register, memory and
input becomes one named constant, and each signal a term over these constants; so the state one
clock later is a substitution.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from ...errors import FxlifError
from ..tools import yosys
from ..tools.solver import z3
from ..tools.sources import put

#: Registers stay one by one and memories whole: nothing that optimises is between text and proof.
_SCRIPT = (
    "read_verilog -noblackbox design.v; hierarchy -check -top {top}; proc; {cuts}flatten; "
    "opt_clean; async2sync; dffunmap; memory_collect; memory_nordff; write_smt2 -wires design.smt2"
)
#: What a memory of constants holds is no matter of the module's logic.
_IMAGE = re.compile(r"\$readmemh\([^;]*;")
#: Leaves a module out: its outputs may be anything, and its inputs can still be seen.
_CUT = "setattr -set keep 1 {module}/x:*; cutpoint {module}; "
_LEAF = re.compile(r"^\(declare-fun \|([^|]+)\| \(\|([^|]+)_s\|\) (.+)\) ; (.*)$", re.MULTILINE)
_SIGNAL = re.compile(r"^\(define-fun \|\S+_(n|m) ([^|]+)\| \(\(state \|[^|]+\|\)\)", re.MULTILINE)
_MODULE = re.compile(r"^module (?:\\(\S+) |(\w+)).*?^endmodule$", re.M | re.S)
#: A name, or an escaped one without its backslash.
_WORD = re.compile(r"(?<=\\)\S+|\w+")
_PORT = re.compile(r"^; yosys-smt2-(input|output) (\S+) (\d+)$", re.MULTILINE)


#: Longest time that Yosys may take to read.
READING_S = 300.0


def modules(verilog: str) -> dict[str, str]:
    """Module name → its text, in order. Escaped names come without backslash."""
    found = _MODULE.finditer(verilog)
    return {match[1] or match[2]: match[0] + "\n" for match in found}


def below(verilog: str, top: str) -> str:
    """The module ``top`` of a text that fxlif generated, with those that it consists of: Yosys
    takes most of its time to read."""
    every = modules(verilog)
    found, waiting = set[str](), [top]
    while waiting:
        found.add(name := waiting.pop())
        words = set(_WORD.findall(every[name]))
        waiting += [other for other in every if other in words and other not in found]
    return "\n".join(text for name, text in every.items() if name in found)


def to_smt2(
    verilog: str, top: str, cut: Iterable[str] = (), *, images: Mapping[str, str] | None,
    timeout_s: float,
) -> str:  # fmt: skip
    """The module ``top`` of ``verilog``, flat and without the modules ``cut``, as SMT-LIB;
    ``images`` are what it reads (file name → text); with None its memories of constants may hold
    anything."""
    with tempfile.TemporaryDirectory(prefix="fxlif-") as folder:
        if images is not None:
            put({"design.v": verilog, **images}, Path(folder))
        else:
            (Path(folder) / "design.v").write_text(_IMAGE.sub(";", verilog))
        cuts = "".join(_CUT.format(module=f"\\{module}") for module in cut)
        script = _SCRIPT.format(top=f"\\{top}", cuts=cuts)
        yosys.run(["-p", script], Path(folder), what=f"read {top}", timeout_s=timeout_s)
        return (Path(folder) / "design.smt2").read_text()


def bits(term: Any) -> Any:
    """A Boolean as one bit; a bit-vector as it is."""
    if z3.is_bool(term):
        return z3.If(term, z3.BitVecVal(1, 1), z3.BitVecVal(0, 1))
    return term


def subterms(terms: Iterable[Any]) -> list[Any]:
    """Every term within ``terms`` once, each after what it consists of."""
    found, seen = [], set()
    waiting = [(term, False) for term in reversed(list(terms))]
    while waiting:
        here, parts_done = waiting.pop()
        if parts_done:
            found.append(here)
        elif here.get_id() not in seen:
            seen.add(here.get_id())
            waiting.append((here, True))
            waiting.extend((part, False) for part in here.children())
    return found


def substituted(terms: Sequence[Any], pairs: Sequence[tuple[Any, Any]]) -> list[Any]:
    """Some terms with all the ``pairs`` replaced, simplified: as one, for what they share and since
    z3 reads the pairs anew each time."""
    if not terms:
        return []
    whole = z3.Function("all", *(term.sort() for term in terms), z3.BoolSort())(*terms)
    found: list[Any] = z3.simplify(z3.substitute(whole, *pairs)).children()
    return found


def constants(terms: Iterable[Any]) -> list[Any]:
    """The free constants of some terms, by name."""
    found = [t for t in subterms(terms) if z3.is_const(t)
             and t.decl().kind() == z3.Z3_OP_UNINTERPRETED]  # fmt: skip
    return sorted(found, key=label)


def conjuncts(formula: Any) -> list[Any]:
    """The parts of a conjunction."""
    if z3.is_and(formula):
        return [part for child in formula.children() for part in conjuncts(child)]
    return [] if z3.is_true(formula) else [formula]


def label(register: Any) -> str:
    """The name that a register's constant has in the Verilog."""
    return str(register.decl().name()).removeprefix("~")


def _with_probes(text: str, top: str, names: list[tuple[str, str]]) -> str:
    """The state's registers as constants; one assertion per signal, then the first and the next
    state."""
    used: dict[str, int] = {}

    def constant(match: re.Match[str]) -> str:
        function, state, sort, name = match.groups()
        if function == f"{top}_is":
            return match[0]
        # Marked, since Yosys calls the parameter of each function "state".
        name = "~" + name.replace("\\", "").replace("|", "!")
        used[name] = used.get(name, 0) + 1
        if used[name] > 1:
            name = f"{name} #{used[name]}"
        return (
            f"(declare-fun |{name}| () {sort})\n"
            f"(define-fun |{function}| ((state |{state}_s|)) {sort} |{name}|)"
        )

    lines = [_LEAF.sub(constant, text)]
    lines += [f"(declare-fun |{state}| () |{top}_s|)" for state in ("now!", "later!")]
    for kind, name in names:
        call = f"(|{top}_{kind} {name}| |now!|)"
        lines.append(f"(assert (= {call} {call}))")
    lines += [f"(assert (|{top}_i| |now!|))", f"(assert (|{top}_t| |now!| |later!|))"]
    return "\n".join(lines)


class Netlist:
    """One module of a Verilog text, flat, with everything below it.

    :attr:`ports` are the widths of its inputs and outputs, by name. :attr:`next` maps the constant
    of each register and memory to its value one clock later; :attr:`inputs` are all other
    constants, which may be anything in any cycle. :attr:`init` is what holds at power-up. The
    modules ``cut`` are left out: what they drive are inputs. ``images`` are what the Verilog reads
    (file name → text); only with ``contents`` they are read here, else a memory of constants may
    hold anything. ``smt2`` is what Yosys made of it, where it has read it already.

    Raises:
        FxlifError: an image is missing, Yosys does not accept the Verilog, or there is no such
            module.
    """

    def __init__(
        self, verilog: str, top: str, *, cut: Sequence[str] = (),
        images: Mapping[str, str] | None = None, contents: bool = False,
        timeout_s: float = READING_S, smt2: str = "",
    ) -> None:  # fmt: skip
        self.verilog, self.top, self.images = verilog, top, images or {}
        read = self.images if contents else None
        text = smt2 or to_smt2(verilog, top, cut, images=read, timeout_s=timeout_s)
        self.ports: dict[str, dict[str, int]] = {"input": {}, "output": {}}
        for direction, port, width in _PORT.findall(text):
            self.ports[direction][port] = int(width)
        names = _SIGNAL.findall(text)
        *probes, self.init, step = z3.parse_smt2_string(_with_probes(text, top, names))
        self._terms = {
            name: bits(probe.arg(0)) for (_, name), probe in zip(names, probes, strict=True)
        }
        self.next: dict[Any, Any] = {
            equation.arg(1): equation.arg(0) for equation in conjuncts(step)
        }
        every = constants([step, self.init, *self._terms.values()])
        self.inputs = [leaf for leaf in every if leaf not in self.next]
        self._drivers: dict[str, list[Any]] = {}

    def __contains__(self, signal: str) -> bool:
        return signal in self._terms

    def __getitem__(self, signal: str) -> Any:
        """A signal as a bit-vector, a memory as an array, in terms of the constants."""
        if signal not in self._terms:
            message = f"{self.top}: no signal {signal} in the Verilog"
            raise FxlifError(message, key=self.top, value=signal, allowed="a signal of the Verilog")
        return self._terms[signal]

    @property
    def signals(self) -> Iterable[str]:
        """The names of all signals."""
        return self._terms

    @cached_property
    def input_ports(self) -> list[str]:
        """The names of the inputs but for the clock."""
        return [name for name in self.ports["input"] if name != "clk"]

    def drivers(self, port: str) -> list[Any]:
        """The constants that make up an input port."""
        if port not in self._drivers:
            self._drivers[port] = constants([self[port]])
        return self._drivers[port]

    def input(self, port: str) -> Any:
        """An input port; in a design with a fault it may be something else."""
        if not set(self.drivers(port)) <= set(self.inputs):
            raise FxlifError(f"{self.top}: {port} must be an input", key=port, allowed="an input")
        return self[port]

    def register(self, signal: str) -> Any:
        """The constant of the one register that ``signal`` is a part of."""
        found = self.drivers(signal)
        if len(found) != 1 or found[0] not in self.next:
            names = ", ".join(map(str, found))
            raise FxlifError.must_be(signal, "a part of one register", names, found=names)
        return found[0]

    def read_data(self, memory: str) -> Any:
        """The register that holds what a memory answered."""
        array = self[memory]
        found = []
        for register, value in self.next.items():
            # enabled ? memory[address] : what it was; deeper down it would be someone else's.
            parts = value.children() if z3.is_app_of(value, z3.Z3_OP_ITE) else [value]
            if any(z3.is_select(part) and part.arg(0).eq(array) for part in parts):
                found.append(register)
        if len(found) != 1:
            raise FxlifError.must_be(memory, "read at one port", len(found), found=f"{len(found)}")
        return found[0]

    def after(self, term: Any) -> Any:
        """The same term one clock later; the inputs of that cycle are new constants."""
        return z3.substitute(term, *self.clocked)

    @cached_property
    def clocked(self) -> list[tuple[Any, Any]]:
        """What one clock makes of each constant."""
        later = [(leaf, z3.Const(f"{leaf}'", leaf.sort())) for leaf in self.inputs]
        return [*self.next.items(), *later]

    @cached_property
    def edge(self) -> dict[str, Any]:
        """The terms that say all about one clock edge: inputs, registers before and after it, and
        the words of the memories that are read or written."""
        terms = {f"input {port}": self[port] for port in self.input_ports if port in self}
        for register, after in self.next.items():
            if not z3.is_array(register):
                terms[f"before {label(register)}"] = register
                terms[f"after {label(register)}"] = after
        places = {}
        for term in subterms(self.next.values()):
            if z3.is_select(term) or z3.is_store(term):
                memory = term.arg(0)
                while memory.num_args():  # condition ? memory with a word stored : memory
                    memory = memory.arg(0 if z3.is_store(memory) else 1)
                places[label(memory), term.arg(1).get_id()] = memory, term.arg(1)
        for number, (memory, address) in enumerate(places.values()):
            place = f"{number} of {label(memory)}"
            terms[f"address {place}"] = address
            terms[f"word {place}"] = z3.Select(memory, address)
            terms[f"later word {place}"] = z3.Select(self.next.get(memory, memory), address)
        return terms
