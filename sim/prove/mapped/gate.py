"""A netlist of a device's cells as a transition system, bit by bit, its block memories left out."""

from __future__ import annotations

import json
import re
import tempfile
from functools import cached_property
from pathlib import Path
from typing import Any

from ....hdl.flow import netlist as flow
from ....hdl.flow.gates import as_verilog, models_of
from ...tools.solver import z3
from ..netlist import Netlist, bits, label, substituted
from .memories import MEMORIES, Pin

#: The parameters of a model, and what it does.
_PARAMETERS = re.compile(r"#\(.*?\n\) \(", re.S)


def _shell(model: str) -> str:
    """The ports of a cell, and nothing behind them."""
    head = _PARAMETERS.sub("(", model, count=1)
    return f"{head[: head.index(');') + 2]}\nendmodule"


def bits_of(term: Any) -> list[Any]:
    """The bits of a bit-vector, the lowest first."""
    return [_bit(z3.simplify(z3.Extract(k, k, term))) for k in range(term.size())]


def _bit(term: Any) -> Any:
    """A Boolean as one bit is the bit that it is made of."""
    if z3.is_app_of(term, z3.Z3_OP_ITE) and z3.is_eq(term.arg(0)):
        bit, value = term.arg(0).children()
        if z3.is_bv_value(bit):
            bit, value = value, bit
        made = term.children()[1:]
        if value.sort() == term.sort() and all(map(z3.is_bv_value, (value, *made))):
            numbers = [each.as_long() for each in (value, *made)]
            if numbers[1] != numbers[2]:
                return bit if numbers[0] == numbers[1] else ~bit
    return term


class Gate:
    """The netlist ``mapped`` of a device of ``family``.

    Every register and every input is some bits, each a constant of its own: :attr:`registers` are
    those of flip-flops, with their value one clock later in :attr:`next`; :attr:`at_first` is what
    holds of them at power-up.
    """

    def __init__(self, mapped: flow.Netlist, family: str) -> None:
        self.name = mapped.name
        self.cells = {n: c for n, c in mapped.cells.items() if c["type"] in MEMORIES}
        self.all_cells = mapped.cells
        emptied = json.loads(mapped.text())
        for cell in emptied["modules"][mapped.name]["cells"].values():
            if cell["type"] in MEMORIES:
                cell["parameters"] = {}
        cut = sorted({cell["type"] for cell in self.cells.values()})
        models = models_of(family)
        models |= {name: _shell(models[name]) for name in cut}
        with tempfile.TemporaryDirectory(prefix="fxlif-") as folder:
            text = as_verilog(json.dumps(emptied), models, Path(folder))
        self.net = Netlist(text, mapped.name, cut=cut)
        self._split: list[tuple[Any, Any]] = []
        of_leaf = {}
        for leaf in (*self.net.next, *self.net.inputs):
            width = leaf.size() if z3.is_bv(leaf) else 1
            of = [z3.BitVec(f"{label(leaf)} bit {k}", 1) for k in range(width)]
            whole = z3.Concat(*reversed(of)) if width > 1 else of[0]
            self._split.append((leaf, whole == 1 if z3.is_bool(leaf) else whole))
            of_leaf[leaf] = of
        self.registers = {str(bit): bit for leaf in self.net.next for bit in of_leaf[leaf]}
        after = substituted([bits(term) for term in self.net.next.values()], self._split)
        self.next = {
            str(bit): following
            for leaf, term in zip(self.net.next, after, strict=True)
            for bit, following in zip(of_leaf[leaf], bits_of(term), strict=True)
        }
        self.at_first = self.of(self.net.init)

    def of(self, term: Any) -> Any:
        """A term of the netlist in terms of its bits."""
        return z3.simplify(z3.substitute(term, *self._split))

    @cached_property
    def signals(self) -> dict[str, Any]:
        """Every signal, in terms of the bits."""
        names = [name for name in self.net.signals if z3.is_bv(self.net[name])]
        terms = substituted([self.net[name] for name in names], self._split)
        return dict(zip(names, terms, strict=True))

    @cached_property
    def driven(self) -> set[str]:
        """The bits that flip-flops and the cells left out drive; what else has no driver may be
        anything."""
        pins = (f"{name}.{pin}" for name, cell in self.cells.items()
                for pin, way in cell["port_directions"].items() if way == "output")  # fmt: skip
        answers = [bit for pin in pins if pin in self.signals for bit in self.signal(pin)]
        return {*self.registers, *map(str, answers)}

    def signal(self, name: str) -> list[Any]:
        """The bits of a signal, the lowest first."""
        return bits_of(self.signals[name])

    def pin(self, cell: str, pin: Pin) -> Any:
        """A pin of a cell that is left out."""
        return self.signal(f"{cell}.{pin[0]}")[pin[1]]
