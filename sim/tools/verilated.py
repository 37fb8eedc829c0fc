"""A Verilated design as a shared library that runs whole arrays of cycles in one call."""

from __future__ import annotations

import ctypes
import os
import shutil
import sysconfig
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Self

import numpy as np
import numpy.typing as npt

from ...builds import Recipe, entry
from ..bench.wrapper import TOP, Interface
from . import simulators
from .simulators import COMMON, VERILATOR_ARGS, find, headers, prepared, run_tool
from .sources import IMAGE, check_images, images, put, verilog_files
from .words import row_size

Words = npt.NDArray[np.uint32]
LIBRARY = "design.so"

HARNESS = """\
#include "Vdesign.h"
#include "verilated.h"
#include <cstring>
static thread_local const char* folder = "";
// The folder of the images, for the text above: the current one is the user's.
extern "C" const char* fxlif_folder() { return folder; }
struct Design {
    VerilatedContext context;
    Vdesign top{&context};
};
extern "C" {
void* design_new(const char* images) {
    folder = images;
    Design* design = new Design;
    design->top.clk = 0;
    design->top.eval();  // reads the images
    folder = "";
    return design;
}
void design_delete(void* design) { delete static_cast<Design*>(design); }
// One row of stimulus per cycle in, one row of response out, as it stands before the clock edge.
void design_run(void* design, const uint32_t* stimulus, size_t stimulus_words,
                uint32_t* response, size_t response_words, uint64_t cycles) {
    Vdesign& top = static_cast<Design*>(design)->top;
    for (; cycles; --cycles) {
        std::memcpy(&top.stimulus, stimulus, sizeof top.stimulus);
        top.clk = 0;
        top.eval();
        std::memcpy(response, &top.response, sizeof top.response);
        top.clk = 1;
        top.eval();
        stimulus += stimulus_words;
        response += response_words;
    }
}
}
"""
#: What memories of constants look for their images behind: a function of the harness.
FOLDER_FILE, FOLDER_OPTION = "fxlif_folder.sv", "-DFXLIF_FOLDER=fxlif_folder(),"
FOLDER_VERILOG = 'import "DPI-C" function string fxlif_folder();\n'
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
    flags = " ".join((*COMMON, *FAST, SLOW))
    options = {"recipe": Path(__file__).read_text(encoding="utf-8") + flags}
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
            ["verilator", "--cc", *VERILATOR_ARGS, "--top-module", top,
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
    run_tool(["g++", "-shared", "-o", LIBRARY, "unit.o", *objects, "-pthread"], work)
    for file in work.iterdir():
        if file.name not in (*sources, LIBRARY):
            file.unlink()


class VerilatedDesign:
    """One instance of a wrapped design, from power-up to the end of its ``with`` block."""

    def __init__(self, library: Path, interface: Interface) -> None:
        self._library = ctypes.CDLL(os.fspath(library))
        self._library.design_new.restype = ctypes.c_void_p
        self._library.design_new.argtypes = [ctypes.c_char_p]
        self._library.design_run.restype = self._library.design_delete.restype = None
        self._library.design_run.argtypes = [
            ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t,
            ctypes.c_void_p, ctypes.c_size_t, ctypes.c_uint64,
        ]  # fmt: skip
        self._library.design_delete.argtypes = [ctypes.c_void_p]
        self._interface = interface
        self._design = self._library.design_new(os.fsencode(library.parent) + b"/")

    def run(self, stimulus: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
        """The response of each cycle, (cycles, words) uint64, to ``stimulus`` (cycles, words)."""
        response = np.zeros(
            (len(stimulus), row_size(self._interface.response_bits)), dtype=np.uint64
        )
        stimulus = np.ascontiguousarray(stimulus)
        self._library.design_run(
            self._design, stimulus.ctypes.data, 2 * stimulus.shape[1],
            response.ctypes.data, 2 * response.shape[1], len(stimulus),
        )  # fmt: skip
        return response

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._library.design_delete(self._design)
