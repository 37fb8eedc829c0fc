"""The C of designs beside the compiled Python path: the same work, on one thread, in turns.

    python tests/benchmarks/export_c.py [--turns 5] [--native]

Processor time alone is measured, of the run and not of what is read, built or loaded; each figure
is the median of the turns, the ratio the median of the ratios within a turn. A target that is
missed (half of the compiled path) is said, and the exit code is 1.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np

from fxlif import CoreParams, LIFPopulation, Network, NetworkParams, NeuronParams
from fxlif.cycles import CycleInputs, CycleModel
from fxlif.export_c.files import files_of
from fxlif.params.design import load
from fxlif.shipped import DESIGNS

FLAGS = ["-std=c99", "-O2"]
TARGET = 0.5
MAIN = r"""
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include "NAME.h"
int main(int argc, char **argv)
{
    const long size = atol(argv[1]);
    int64_t checked = 0;
    TYPE *in = malloc((size_t)size * sizeof *in);
    long at, got = (long)fread(in, sizeof *in, (size_t)size, stdin);
    clock_t start;
    (void)argc;
    if (got != size) return 1;
    SETUP
    start = clock();
    WORK
    printf("%.9f %lld\n", (double)(clock() - start) / CLOCKS_PER_SEC, (long long)checked);
    return 0;
}
"""
NEURON = ("int16_t", """
    static int16_t v[WIDTH];
    static uint8_t spiked[WIDTH];
    uint32_t k;
""", """
    for (at = 0; at < size; at += WIDTH) {
        NAME_steps(WIDTH, v, in + at, spiked);
        for (k = 0; k < WIDTH; k += 64) checked += spiked[k];
    }
""")  # fmt: skip
NETWORK = ("int32_t", "static NAME_network n; int32_t found; NAME_reset(&n);", """
    for (at = 0; at < size; ++at) {
        if (in[at] >= 0) NAME_push_event(&n, (uint32_t)in[at]);
        else {
            NAME_tick(&n);
            while ((found = NAME_next_event(&n)) != NAME_TICK) checked += found + 1;
        }
    }
""")  # fmt: skip
CYCLES = ("int32_t", "static NAME_cycles n; NAME_shown shown; NAME_cycles_reset(&n);", """
    for (at = 0; at < size; ++at) {
        const uint32_t x = (uint32_t)in[at];
        NAME_cycles_show(&n, &shown);
        checked += shown.out_valid + shown.core[0].flags;
        NAME_cycles_clock(&n, 0, 1, x >> 2, x & 1, (x >> 1) & 1);
    }
""")  # fmt: skip


class Work(NamedTuple):
    """The same work twice: how many ``units`` of it, the C program and its input, and Python."""

    name: str
    units: float
    program: Path
    given: bytes
    count: int
    python: Callable[[], object]


def built(folder: Path, files: dict[str, str], name: str, kind: tuple[str, str, str]) -> Path:
    """The program of a kind of work."""
    folder.mkdir()
    of_type, setup, work = kind
    main = MAIN.replace("SETUP", setup).replace("WORK", work).replace("TYPE", of_type)
    for file, text in {**files, "main.c": main.replace("NAME", name)}.items():
        (folder / file).write_text(text)
    command = ["gcc", *FLAGS, "main.c", f"{name}.c", "-o", "main"]
    subprocess.run(command, cwd=folder, check=True)
    return folder / "main"


def neurons(folder: Path, width: int) -> Work:
    """Steps of independent neurons."""
    steps = (1 << 23) // width
    currents = np.random.default_rng(1).integers(-20, 40, (steps, width)).astype(np.int16)
    population = LIFPopulation(width)
    out = np.zeros((steps, width), np.bool_)
    kind = (NEURON[0], *(part.replace("WIDTH", str(width)) for part in NEURON[1:]))
    program = built(folder, files_of(NeuronParams(), "lone"), "lone", kind)
    return Work(f"{width} neurons, neuron steps", currents.size, program, currents.tobytes(),
                currents.size, lambda: population.run(currents, threads=1, out=out))  # fmt: skip


def network(folder: Path, design: NetworkParams, steps: int = 20_000) -> Work:
    """Steps of a network, twenty events in each."""
    draw = np.random.default_rng(2)
    rows = draw.integers(0, design.n_inputs, (steps, 21))
    rows[:, -1] = -1
    events = rows.ravel()
    golden = Network(design)
    program = built(folder, files_of(design, design.name), design.name, NETWORK)
    return Work(f"{design.name}, network steps", steps, program, events.astype(np.int32).tobytes(),
                events.size, lambda: golden.run(events=events, threads=1))  # fmt: skip


def cycles(folder: Path, design: NetworkParams, count: int = 400_000) -> Work:
    """Clock cycles of a chain, an event on offer in each."""
    draw = np.random.default_rng(3)
    address = draw.integers(0, design.n_inputs, count)
    tick, ready = draw.random(count) < 0.05, draw.random(count) < 0.8
    packed = (address << 2 | ready << 1 | tick).astype(np.int32)
    inputs = CycleInputs(
        rst=np.zeros(count, np.bool_), in_valid=np.ones(count, np.bool_), in_address=address,
        in_tick=tick, out_ready=ready,
    )  # fmt: skip
    model = CycleModel(design.core, engine="compiled")
    program = built(folder, files_of(design, design.name), design.name, CYCLES)
    return Work(f"{design.name}, clock cycles", count, program, packed.tobytes(), count,
                lambda: model.run(inputs))  # fmt: skip


def measured(work: Work, turns: int) -> float:
    """The median ratio of the speeds, C to Python, printed with both."""
    work.python()
    pairs = []
    for _ in range(turns):
        done = subprocess.run(
            [str(work.program), str(work.count)], input=work.given, capture_output=True, check=True
        )
        start = time.process_time()
        work.python()
        pairs.append((float(done.stdout.split()[0]), time.process_time() - start))
    ratio = statistics.median(python / in_c for in_c, python in pairs)
    in_c, python = (work.units / statistics.median(each) for each in zip(*pairs, strict=True))
    print(f"{work.name:34} C {in_c:16,.0f}/s   Python {python:16,.0f}/s   ratio {ratio:5.2f}")
    return ratio


def main() -> None:
    """Measure all."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument("--native", action="store_true", help="with -O3 -march=native, not -O2")
    given = parser.parse_args()
    if given.native:
        FLAGS[1:] = ["-O3", "-march=native"]
    turns = given.turns
    draw = np.random.default_rng(0)
    weights = draw.integers(-50, 80, (64, 64))
    core = CoreParams(n_inputs=64, n_neurons=64, lanes=4, weights=weights)
    digits, one = load(DESIGNS["digits"]), NetworkParams.chain(core, name="core_of_64")
    with tempfile.TemporaryDirectory() as name:
        at = Path(name)
        works = [
            neurons(at / "a", 4096), neurons(at / "b", 64), network(at / "c", digits),
            network(at / "d", one), cycles(at / "e", digits), cycles(at / "f", one),
        ]  # fmt: skip
        ratios = [measured(work, turns) for work in works]
    missed = sum(ratio < TARGET for ratio in ratios)
    print(f"target {TARGET}: " + (f"missed by {missed}" if missed else "reached by all"))
    sys.exit(missed > 0)


if __name__ == "__main__":
    main()
