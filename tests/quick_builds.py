"""Simulators that are compiled quickly: most of them run for a second in a test, and half of what
the compiler reads are Verilator's headers, which are the same for each.

Nothing is optimised, and the headers are compiled once for all tests (two forms of 80 MB, kept in
the cache). The long run compiles as a user does.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from unittest import mock

import pytest

from fxlif import builds
from fxlif.caches import cache_folder
from fxlif.sim.tools import simulators, verilated
from fxlif.sim.tools.simulators import COMMON, MAKE_VARIABLES, Simulator

#: What Verilator's code and cocotb's main include.
_HEADER = "".join(
    f"#include <{name}>\n"
    for name in ("verilated.h", "verilated_dpi.h", "verilated_vpi.h", "svdpi.h", "cstring",
                 "iostream", "memory", "string")
) + "#if VM_TRACE_VCD\n#include <verilated_vcd_c.h>\n#endif\n"  # fmt: skip
_PLAIN = ("-O0", *COMMON)
#: The compiler takes the form that was compiled with the options that it is given.
_FORMS = {
    "plain": _PLAIN,
    "waves": tuple(re.sub("(VM_TRACE|VM_TRACE_VCD)=0", r"\1=1", option) for option in _PLAIN),
}
_headers, _prepared, _cache = simulators.headers, simulators.prepared, cache_folder()
#: Of what is the Python's in a simulator alone.
_IN_SIMULATORS = str(Path(__file__).with_name("in_simulators"))
_fast, _slow = verilated.FAST, verilated.SLOW


@cache
def _precompiled(verilator: Simulator) -> Path:
    """The headers, with their compiled forms beside, in the cache of all tests."""

    def make(work: Path) -> None:
        (work / "all.h").write_text(_HEADER)
        (work / "all.h.gch").mkdir()
        for name, options in _FORMS.items():
            command = ["g++", *_headers(verilator), *options, "-x", "c++-header", "all.h"]
            simulators.run_tool([*command, "-o", f"all.h.gch/{name}"], work)

    recipe = builds.Recipe(
        kind="header", tools={verilator.name: verilator.version},
        inputs={"header": _HEADER, "options": repr(_FORMS)}, used=("all.h",),
    )  # fmt: skip
    with mock.patch.dict(os.environ, {"FXLIF_CACHE": str(_cache)}):
        return builds.entry(recipe, make) / "all.h"


def _quick_headers(verilator: Simulator) -> list[str]:
    return [*_headers(verilator), "-include", str(_precompiled(verilator))]


@contextmanager
def _quickly_prepared(simulator: Simulator, variables: str) -> Iterator[None]:
    if simulator.name == "verilator" and variables == simulators.MAKE_VARIABLES:
        variables += f" USER_CPPFLAGS=-fPIC\\ -include\\ {_precompiled(simulator)}"
    # cocotb hands the path of this process to that of the simulator.
    with (
        _prepared(simulator, variables),
        mock.patch.object(sys, "path", [_IN_SIMULATORS, *sys.path]),
    ):
        yield


def use(libraries: bool) -> None:
    """From now on in this process; without ``libraries`` those are as fast as a user's, as tests
    want that run long."""
    # Their runtime is a user's: the gate has it by then, from its first command line.
    simulators.MAKE_VARIABLES = MAKE_VARIABLES.replace("OPT_FAST=-O2", "OPT_FAST=-O0")
    spaced = re.search(r"\s", str(_cache))  # which no makefile takes
    if not spaced:
        simulators.prepared = _quickly_prepared
    if libraries:
        verilated.FAST, verilated.SLOW = ("-O0",), ""
        if not spaced:
            verilated.headers = _quick_headers  # type: ignore[attr-defined]


def libraries_as_they_are(patch: pytest.MonkeyPatch) -> None:
    """Libraries are compiled as a user's are until ``patch`` ends."""
    patch.setattr(verilated, "FAST", _fast)
    patch.setattr(verilated, "SLOW", _slow)
    patch.setattr(verilated, "headers", _headers)
