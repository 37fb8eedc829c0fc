"""A Verilated design as a shared library that runs whole arrays of cycles in one call."""

from __future__ import annotations

import ctypes
import os
import subprocess
import sysconfig
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Self

import numpy as np
import numpy.typing as npt

from ..bench.wrapper import TOP, Interface
from .cache import Recipe, entry
from .simulators import VERILATOR_ARGS, failed, find, prepared
from .words import row_size

Words = npt.NDArray[np.uint32]
LIBRARY = "design.so"

HARNESS = """\
#include "Vdesign.h"
#include "verilated.h"
#include <cstring>
struct Design {
    VerilatedContext context;
    Vdesign top{&context};
};
extern "C" {
void* design_new() { return new Design; }
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
#: The runtime is the same for all designs: compiled once.
RUNTIME = ("verilated", "verilated_threads")
COMMON = ("-fPIC", "-std=gnu++17", "-DVERILATOR=1", "-DVM_COVERAGE=0", "-DVM_SC=0", "-DVM_TRACE=0",
          "-DVM_TIMING=0", "-DVM_TRACE_FST=0", "-DVM_TRACE_VCD=0")  # fmt: skip
#: What runs once a cycle, and what runs once.
FAST, SLOW = ("-O3", "-march=native"), ("-O1",)


def _run(command: Sequence[str], folder: Path) -> None:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        raise failed(f"{Path(command[0]).name}: the build failed", done.stdout + done.stderr)


def _include(include: Path) -> list[str]:
    return ["-I", str(include), "-I", str(include / "vltstd")]


def build(sources: Mapping[str, str], *, top: str = TOP) -> Path:
    """The shared library of ``sources`` (file name → Verilog text), built anew if need be.

    Raises:
        FxlifError: Verilator is not installed, or the build failed.
    """
    simulator = find("verilator")
    assert simulator.path is not None
    include = simulator.path.parent / "include"
    tools = {"verilator": simulator.version, "python": sysconfig.get_path("platlib")}
    # This file is the recipe: a build made by another one is another build.
    options = {"recipe": Path(__file__).read_text(encoding="utf-8")}

    def compile_runtime(work: Path) -> None:
        for name in RUNTIME:
            source = [str(include / f"{name}.cpp"), "-o", f"{name}.o"]
            _run(["g++", *_include(include), *COMMON, "-O2", "-c", *source], work)

    def make(work: Path) -> None:
        recipe = Recipe(kind="runtime", tools=tools, inputs=options, used=("*.o",))
        runtime = entry(recipe, compile_runtime)
        for name, text in sources.items():
            (work / name).write_text(text)
        (work / "harness.cpp").write_text(HARNESS)
        with prepared(simulator):
            _run(
                ["verilator", "--cc", *VERILATOR_ARGS, "--top-module", top,
                 "--prefix", "Vdesign", "--Mdir", str(work), *sources],
                work,
            )  # fmt: skip
        objects = [str(runtime / f"{name}.o") for name in RUNTIME]
        # One unit for each speed: most of what the compiler reads are Verilator's headers.
        sources_of: dict[str, list[str]] = {"fast": [], "slow": []}
        for file in sorted(work.glob("*.cpp")):
            sources_of["slow" if file.stem.endswith("Slow") else "fast"].append(file.name)
        for unit, speed in (("fast", FAST), ("slow", SLOW)):
            included = "".join(f'#include "{name}"\n' for name in sources_of[unit])
            (work / f"{unit}.cc").write_text(included)
            _run(["g++", "-I.", *_include(include), *COMMON, *speed, "-c", f"{unit}.cc",
                  "-o", f"{unit}.o"], work)  # fmt: skip
            objects.append(f"{unit}.o")
        _run(["g++", "-shared", "-o", LIBRARY, *objects, "-pthread"], work)
        for file in work.iterdir():
            if file.name not in (*sources, LIBRARY):
                file.unlink()

    recipe = Recipe(
        kind="library", tools=tools, inputs={**options, "top": top, **sources}, used=(LIBRARY,),
        native=True,
    )  # fmt: skip
    return entry(recipe, make) / LIBRARY


class VerilatedDesign:
    """One instance of a wrapped design, from power-up to the end of its ``with`` block."""

    def __init__(self, library: Path, interface: Interface) -> None:
        self._library = ctypes.CDLL(os.fspath(library))
        self._library.design_new.restype = ctypes.c_void_p
        self._library.design_run.restype = self._library.design_delete.restype = None
        self._library.design_run.argtypes = [
            ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t,
            ctypes.c_void_p, ctypes.c_size_t, ctypes.c_uint64,
        ]  # fmt: skip
        self._library.design_delete.argtypes = [ctypes.c_void_p]
        self._interface = interface
        self._design = self._library.design_new()

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
