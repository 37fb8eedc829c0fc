"""Verilog as a transition system in z3 terms, read by Yosys.

Yosys' ``write_smt2`` turns a module into functions of its state. Here each register, memory and
input becomes one named constant, and each signal a term over these constants; so the state one
clock later is a substitution.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Collection
from pathlib import Path
from typing import Any

from ...errors import FxlifError
from ..tools import yosys
from ..tools.solver import z3

#: Registers stay one by one and memories whole: nothing that optimises is between text and proof.
_SCRIPT = (
    "read_verilog -noblackbox design.v; hierarchy -check -top {top}; proc; flatten; opt_clean; "
    "async2sync; dffunmap; memory_collect; memory_nordff; write_smt2 -wires design.smt2"
)
_LEAF = re.compile(r"^\(declare-fun \|([^|]+)\| \(\|([^|]+)_s\|\) (.+)\) ; (.*)$", re.MULTILINE)
_SIGNAL = re.compile(r"^\(define-fun \|\S+_(n|m) ([^|]+)\| \(\(state \|[^|]+\|\)\)", re.MULTILINE)


def modules(verilog: str) -> dict[str, str]:
    """Module name → its text, in order. Escaped names come without backslash."""
    found = re.finditer(r"^module (?:\\(\S+) |(\w+)).*?^endmodule$", verilog, re.M | re.S)
    return {match[1] or match[2]: match[0] + "\n" for match in found}


def emptied(module: str) -> str:
    """A module's text with its ports and nothing else; those that now lead nowhere are kept."""
    ports = re.findall(r"^  ((?:input|output) .*;)\n", module, re.MULTILINE)
    lines = [module[: module.index(";") + 1], *(f"  (* keep *) {port}" for port in ports)]
    return "\n".join([*lines, "endmodule\n"])


def to_smt2(verilog: str, top: str, *, timeout_s: float) -> str:
    """The module ``top`` of ``verilog``, flat, as SMT-LIB by Yosys."""
    with tempfile.TemporaryDirectory(prefix="fxlif-") as folder:
        (Path(folder) / "design.v").write_text(verilog)
        script = _SCRIPT.format(top=f"\\{top}")
        yosys.run(["-p", script], Path(folder), what=f"read {top}", timeout_s=timeout_s)
        return (Path(folder) / "design.smt2").read_text()


def bits(term: Any) -> Any:
    """A Boolean as one bit; a bit-vector as it is."""
    if z3.is_bool(term):
        return z3.If(term, z3.BitVecVal(1, 1), z3.BitVecVal(0, 1))
    return term


def constants(term: Any) -> set[Any]:
    """The free constants of a term."""
    found, seen, waiting = set(), set(), [term]
    while waiting:
        here = waiting.pop()
        if here.get_id() in seen:
            continue
        seen.add(here.get_id())
        if z3.is_const(here) and here.decl().kind() == z3.Z3_OP_UNINTERPRETED:
            found.add(here)
        waiting.extend(here.children())
    return found


def _name(constant: Any) -> str:
    return str(constant.decl().name())


def conjuncts(formula: Any) -> list[Any]:
    """The parts of a conjunction."""
    if z3.is_and(formula):
        return [part for child in formula.children() for part in conjuncts(child)]
    return [] if z3.is_true(formula) else [formula]


def _with_probes(text: str, top: str, names: list[tuple[str, str]]) -> str:
    """The state's registers as constants; one assertion per signal, then the first and the next
    state."""
    used: dict[str, int] = {}

    def constant(match: re.Match[str]) -> str:
        function, state, sort, name = match.groups()
        if function == f"{top}_is":
            return match[0]
        # Marked, since Yosys calls the parameter of each function "state".
        name = "~" + name.removeprefix("\\").replace("|", "!")
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

    :attr:`next` maps the constant of each register and memory to its value one clock later;
    :attr:`inputs` are all other constants, which may be anything in any cycle. :attr:`init` is
    what holds at power-up. The modules ``cut`` are left out: what they drive are inputs.
    """

    def __init__(
        self, verilog: str, top: str, *, cut: Collection[str] = (), timeout_s: float = 300
    ) -> None:
        for module in cut:
            text = modules(verilog)[module]
            verilog = verilog.replace(text, emptied(text))
        self.top = top
        text = to_smt2(verilog, top, timeout_s=timeout_s)
        names = _SIGNAL.findall(text)
        *probes, self.init, step = z3.parse_smt2_string(_with_probes(text, top, names))
        self._terms = {
            name: bits(probe.arg(0)) for (_, name), probe in zip(names, probes, strict=True)
        }
        self.next: dict[Any, Any] = {
            equation.arg(1): equation.arg(0) for equation in conjuncts(step)
        }
        every = z3.And(step, self.init, *(term == term for term in self._terms.values()))
        self.inputs = sorted(constants(every) - set(self.next), key=_name)

    def __contains__(self, signal: str) -> bool:
        return signal in self._terms

    def __getitem__(self, signal: str) -> Any:
        """A signal as a bit-vector, a memory as an array, in terms of the constants."""
        if signal not in self._terms:
            raise FxlifError(f"{self.top}: found no signal {signal} in the Verilog")
        return self._terms[signal]

    def drivers(self, port: str) -> list[Any]:
        """The constants that make up an input port."""
        return sorted(constants(self[port]), key=_name)

    def after(self, term: Any, tag: str) -> Any:
        """The same term one clock later; the inputs of that cycle are new constants, named with
        ``tag``."""
        return z3.substitute(term, *self.next.items(), *self.later_inputs(tag).items())

    def later_inputs(self, tag: str) -> dict[Any, Any]:
        """The constants that stand for the inputs in another cycle."""
        return {leaf: z3.Const(f"{leaf}{tag}", leaf.sort()) for leaf in self.inputs}
