"""A Verilated design as a shared library that runs whole arrays of cycles in one call."""

from __future__ import annotations

import ctypes
import os
import shutil
import sysconfig
from collections.abc import Mapping
from contextlib import chdir, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Self

import numpy as np
import numpy.typing as npt

from ...builds import Recipe, entry
from ...cycles.control import Bytes, Ints, Records, record
from ...errors import FxlifError
from ..bench.wrapper import TOP, Interface
from . import simulators
from .harness import HARNESS
from .simulators import COMMON, VERILATOR_ARGS, find, headers, prepared, run_tool
from .sources import IMAGE, check_images, images, put, verilog_files
from .words import row_size

Words = npt.NDArray[np.uint32]
LIBRARY = "design.so"

#: What memories of constants look for their images behind: a function of the harness.
FOLDER_FILE, FOLDER_OPTION = "fxlif_folder.sv", "-DFXLIF_FOLDER=fxlif_folder(),"
FOLDER_VERILOG = 'import "DPI-C" function string fxlif_folder();\n'
#: The harness takes the place of one function of Verilator's runtime, and of what it prints with.
REPLACING = ("-Wl,--allow-multiple-definition", "-Wl,--wrap=printf", "-Wl,--wrap=__printf_chk")
#: The agent that drives streams, as the harness has it: where its bits stand in the stimulus, and
#: those that it looks at in the response; the address bits of an event; which event is next,
#: whether it is offered and was taken; whether something came out; whether the sink is shy; a
#: random number.
AGENT = record(
    "rst", "in_valid", "in_address", "in_tick", "out_ready", "valid_seen", "ready_seen", "out_seen",
    "address_bits", "next", "offered", "taken", "out_valid", "shy", "random",
)  # fmt: skip
#: How the code that runs once a cycle is compiled, and from which line on that which runs once.
FAST, SLOW = ("-O3", "-march=native"), '#pragma GCC optimize ("O1")'


def library_recipe(sources: Mapping[str, str], *, top: str = TOP) -> Recipe:
    """What the library of ``sources`` (file name → text) is made from.

    Raises:
        FxlifError: Verilator is not installed, or an image is missing.
    """
    check_images(sources)
    tools = {"verilator": find("verilator").version, "python": sysconfig.get_path("platlib")}
    # This file is the recipe: a build made by another one is another build.
    flags = " ".join((*COMMON, *FAST, SLOW, *REPLACING))
    recipe = Path(__file__).read_text(encoding="utf-8") + HARNESS + flags
    options = {"recipe": recipe}
    return Recipe(
        kind="library", tools=tools, inputs={**options, "top": top, **sources},
        used=(LIBRARY, f"*{IMAGE}"), native=True,
    )  # fmt: skip


def build(sources: Mapping[str, str], *, top: str = TOP) -> Path:
    """The shared library of ``sources`` (file name → text), built anew if need be; the images lie
    beside it.

    Raises:
        FxlifError: Verilator is not installed, an image is missing, or the build failed.
    """
    recipe = library_recipe(sources, top=top)
    read = images(sources)
    if not read:
        return entry(recipe, lambda work: _compile(sources, top, work)) / LIBRARY

    def make(work: Path) -> None:
        # What is compiled depends on the Verilog alone.
        compiled = {name: sources[name] for name in verilog_files(sources)}
        shared = replace(recipe, inputs={k: v for k, v in recipe.inputs.items() if k not in read})
        library = entry(shared, lambda work: _compile(compiled, top, work)) / LIBRARY
        shutil.copyfile(library, work / LIBRARY)
        put(sources, work)

    return entry(recipe, make) / LIBRARY


def _compile(sources: Mapping[str, str], top: str, work: Path) -> None:
    """Make the library of some Verilog in the folder ``work``."""
    simulator = find("verilator")
    for name, text in {**sources, FOLDER_FILE: FOLDER_VERILOG, "harness.cpp": HARNESS}.items():
        (work / name).write_text(text)
    with prepared(simulator, ""):
        run_tool(
            ["verilator", "--cc", "--no-timing", *VERILATOR_ARGS, "--top-module", top,
             "--prefix", "Vdesign", "--Mdir", str(work), FOLDER_OPTION, FOLDER_FILE, *sources],
            work,
        )  # fmt: skip
    # One unit: half of what the compiler reads are Verilator's headers.
    files = sorted(work.glob("*.cpp"), key=lambda file: (file.stem.endswith("Slow"), file.name))
    code = [f'#include "{file.name}"' for file in files]
    code.insert(sum(not file.stem.endswith("Slow") for file in files), SLOW)
    (work / "unit.cc").write_text("\n".join(code))
    run_tool(["g++", "-I.", *headers(simulator), *COMMON, *FAST, "-c", "unit.cc"], work)
    objects = map(str, simulators.runtime(simulator, ("", "_threads")))
    run_tool(["g++", "-shared", *REPLACING, "-o", LIBRARY, "unit.o", *objects, "-pthread"], work)
    for file in work.iterdir():
        if file.name not in (*sources, LIBRARY):
            file.unlink()


class VerilatedDesign:
    """One instance of a wrapped design, from power-up to the end of its ``with`` block.

    ``folder``: where files lie that the Verilog reads when it starts; None: in the current folder.
    """

    def __init__(self, library: Path, interface: Interface, *, folder: Path | None = None) -> None:
        self._library = ctypes.CDLL(os.fspath(library))
        self._library.design_new.restype = ctypes.c_void_p
        self._library.design_new.argtypes = [ctypes.c_char_p]
        self._library.design_run.restype = self._library.design_drive.restype = ctypes.c_uint64
        self._library.design_delete.restype = None
        self._library.design_said.restype = ctypes.c_char_p
        self._library.design_run.argtypes = [
            ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t,
            ctypes.c_void_p, ctypes.c_size_t, ctypes.c_uint64,
        ]  # fmt: skip
        self._library.design_drive.argtypes = [
            ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int64, ctypes.c_void_p,
            ctypes.c_void_p, ctypes.c_size_t, ctypes.c_void_p, ctypes.c_size_t, ctypes.c_uint64,
        ]  # fmt: skip
        self._library.design_delete.argtypes = self._library.design_said.argtypes = [
            ctypes.c_void_p
        ]
        self._interface = interface
        with nullcontext() if folder is None else chdir(folder):
            self._design = self._library.design_new(os.fsencode(library.parent) + b"/")

    def run(self, stimulus: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
        """The response of each cycle, (cycles, words) uint64, to ``stimulus`` (cycles, words).

        Raises:
            FxlifError: the design has ended the simulation, which none of fxlif's own does.
        """
        response = self.run_to_end(stimulus)
        if len(response) < len(stimulus):
            said = " ".join(self.said.split())
            raise FxlifError(f"design: ended its simulation ({said})", key="design", value=said)
        return response

    def run_to_end(self, stimulus: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
        """As :meth:`run`; of fewer cycles where the design ends the simulation, as by $stop."""
        response = self._room(len(stimulus), self._interface.response_bits)
        stimulus = np.ascontiguousarray(stimulus)
        done = self._library.design_run(
            self._design, stimulus.ctypes.data, 2 * stimulus.shape[1],
            response.ctypes.data, 2 * response.shape[1], len(stimulus),
        )  # fmt: skip
        return response[:done]

    def drive(
        self, agent: Records, events: Ints, flags: Bytes
    ) -> tuple[npt.NDArray[np.uint64], npt.NDArray[np.uint64]]:
        """The stimulus that an agent (1,) of :data:`AGENT` shows in cycles with these ``flags``
        (cycles,), IDLE, STALL and RESET of :mod:`fxlif.cycles.control`, and the response: (cycles,
        words) each, of fewer cycles where the design ends the simulation.

        ``events`` are packed payloads, from which the agent goes on at its ``next``.
        """
        stimulus = self._room(len(flags), self._interface.stimulus_bits)
        response = self._room(len(flags), self._interface.response_bits)
        done = self._library.design_drive(
            self._design, agent.ctypes.data, events.ctypes.data, len(events), flags.ctypes.data,
            stimulus.ctypes.data, 2 * stimulus.shape[1], response.ctypes.data,
            2 * response.shape[1], len(flags),
        )  # fmt: skip
        return stimulus[:done], response[:done]

    @staticmethod
    def _room(cycles: int, bits: int) -> npt.NDArray[np.uint64]:
        return np.zeros((cycles, row_size(bits)), dtype=np.uint64)

    @property
    def said(self) -> str:
        """What the design has complained of so far ($error, $warning, $stop ...), as printed."""
        text: bytes = self._library.design_said(self._design)
        return text.decode(errors="replace")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._library.design_delete(self._design)
