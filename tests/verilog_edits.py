"""Faults planted into Verilog, to see that a proof finds them."""

from __future__ import annotations

import re
from collections.abc import Callable

from fxlif.sim.prove.netlist import modules

Edit = Callable[[str], str]


def swap(pattern: str, by: str, count: int = 1) -> Edit:
    """An edit of the Verilog that must change something."""

    def edit(text: str) -> str:
        changed, found = re.subn(pattern, by, text, count=count)
        assert found > 0, pattern
        assert changed != text, pattern
        return changed

    return edit


def within(module: str, pattern: str, by: str, count: int = 1) -> Edit:
    """An edit of the Verilog of the one module of such a name."""

    def edit(text: str) -> str:
        (name,) = [name for name in modules(text) if re.fullmatch(module, name)]
        body = modules(text)[name]
        return text.replace(body, swap(pattern, by, count)(body))

    return edit
