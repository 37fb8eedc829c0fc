"""Designs in C, compiled and run: their answers as arrays."""

from __future__ import annotations

import subprocess
from pathlib import Path

import numpy as np

from fxlif import FxlifError
from fxlif.cycles.access import NUMBERS
from fxlif.network.events import TICK

FLAGS = ["-std=c99", "-Wall", "-Wextra", "-Wconversion", "-Werror", "-pedantic"]
CHECKED = ["-O0", "-fsanitize=undefined", "-fno-sanitize-recover"]
#: Stands in a stream for a reset; of two numbers, for a state variable of all neurons of a
#: population; for the counters; before the five numbers of a write: the part, the number of the
#: parameter, the value, the neuron, the source neuron.
RESET, STATES, WRITE = -2, -3, -4

NETWORK_MAIN = r"""
#include <stdio.h>
#include "NAME.h"
static NAME_network n;
static void say(int64_t x) { fwrite(&x, sizeof x, 1, stdout); }
int main(void)
{
    const uint32_t sizes[] = {SIZES};
    const int populations = (int)(sizeof sizes / sizeof *sizes);
    int64_t x;
    int p, v;
    uint32_t k;
    int32_t found;
    NAME_reset(&n);
    while (fread(&x, sizeof x, 1, stdin) == 1) {
        if (x >= 0) NAME_push_event(&n, (uint32_t)x);
        if (x == -2) NAME_reset(&n);
        if (x == -1) {
            NAME_tick(&n);
            while ((found = NAME_next_event(&n)) != NAME_TICK) say(found);
            say(-1);
        }
        if (x == -3) {
            for (p = 0; p < populations; ++p)
                for (v = 0; v < 4; ++v)
                    for (k = 0; k < sizes[p]; ++k) say(NAME_state(&n, p, v, k));
            say(n.dropped);
            for (k = 0; k < sizeof n.saturated / sizeof *n.saturated; ++k) say(n.saturated[k]);
        }
    }
    return 0;
}
"""

WRITE_MAIN = r"""
        if (x == -4) {
            int64_t w[5];
            if (fread(w, sizeof w, 1, stdin) != 1) return 1;
            say(NAME_write(&n, (int)w[0], (int)w[1], w[2], (uint32_t)w[3], (uint32_t)w[4]));
        }
"""


def written(folder: Path, files: dict[str, str]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / name).write_text(text)


def compiled(folder: Path, files: dict[str, str], name: str, main: str, *options: str) -> Path:
    """The program of a design's C and a ``main`` of which NAME is its name."""
    written(folder, files | {"main.c": main.replace("NAME", name)})
    made = folder / "main"
    command = ["gcc", *FLAGS, *(options or CHECKED), "main.c", f"{name}.c", "-o", str(made)]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return made


def answers(program: Path, given) -> np.ndarray:
    """What a program says to a stream of numbers."""
    stream = np.asarray(given, np.int64).tobytes()
    done = subprocess.run([str(program)], input=stream, capture_output=True)
    assert done.returncode == 0, done.stderr.decode()
    return np.frombuffer(done.stdout, np.int64)


def network_main(network) -> str:
    sizes = ", ".join(str(p.n) for p in network.graph.populations)
    main = NETWORK_MAIN.replace("SIZES", sizes)
    if any(p.writable for p in network.graph.populations):
        main = main.replace("    NAME_reset(&n);\n    while", "    NAME_init(&n);\n    while")
        main = main.replace("        if (x == -2)", WRITE_MAIN + "        if (x == -2)")
    return main


def golden_answers(stream, given) -> np.ndarray:
    """What the golden network says to the same; ``stream`` is a GoldenStream."""
    said: list[np.ndarray] = []
    network = stream.network
    waiting: list[int] = []
    dropped = 0
    inputs = network.params.n_inputs
    numbers = iter(np.asarray(given).tolist())
    for x in numbers:
        if x == WRITE:
            row = [next(numbers) for _ in range(5)]
            said.append(np.array([-1 if waiting else golden_write(network, *row)]))
        elif x >= 0:
            waiting.append(x)
            dropped += x >= inputs
        elif x == TICK:
            said.append(stream.stream(np.array([*waiting, TICK])))
            waiting = []
        elif x == RESET:
            stream.reset()
            waiting, dropped = [], 0
        else:
            for population in network.graph.populations:
                for values in network.states[population.name]:
                    said.append(np.broadcast_to(values, population.n))
            said += [np.array([dropped]), np.array(network.saturated or [0])]
    return np.concatenate(said).astype(np.int64)


def golden_write(network, part: int, number: int, value: int, neuron: int, source: int) -> int:
    """Write to a golden network by the numbers of the C: whether that was taken."""
    (name,) = (each for each, its in NUMBERS.items() if its == number)
    if name == "weights":
        where, at = part, (source, neuron)
    else:
        population = network.graph.populations[part]
        own = name == "thresholds" and population.v_thresholds is not None
        where, at = population.name, neuron if own else None
        if source or (neuron and not own):
            return 0
    try:
        network.write(where, name, value, at)
    except FxlifError:
        return 0
    return 1


CYCLES_MAIN = r"""
#include <stdio.h>
#include "NAME.h"
static NAME_cycles n;
static void say(int64_t x) { fwrite(&x, sizeof x, 1, stdout); }
int main(void)
{
    const uint32_t lanes[] = {LANES};
    const int cores = (int)(sizeof lanes / sizeof *lanes);
    int64_t in[5];
    int c, v;
    uint32_t k;
    NAME_shown shown;
    NAME_cycles_reset(&n);
    while (fread(in, sizeof in, 1, stdin) == 1) {
        NAME_cycles_show(&n, &shown);
        say(shown.in_ready);
        say(shown.out_valid);
        say(shown.out_valid ? (int64_t)shown.out_address : 0);
        say(shown.out_valid ? shown.out_tick : 0);
        for (c = 0; c < cores; ++c) {
            const int32_t word = shown.core[c].written;
            say(word);
            say(shown.core[c].dropped);
            say(shown.core[c].saturated);
            say(shown.core[c].flags);
            for (k = 0; word >= 0 && k < lanes[c]; ++k) {
                const uint32_t neuron = (uint32_t)word * lanes[c] + k;
                say(NAME_cycles_spikes(&n, c, neuron));
                for (v = 0; v < 4; ++v) say(NAME_cycles_state(&n, c, v, neuron));
            }
        }
        NAME_cycles_clock(&n, (int)in[0], (int)in[1], (uint32_t)in[2], (int)in[3], (int)in[4]);
    }
    return 0;
}
"""


def cycles_main(cores) -> str:
    return CYCLES_MAIN.replace("LANES", ", ".join(str(core.lanes) for core in cores))


def shown_by(outputs, cores, flags: bool = True) -> np.ndarray:
    """What a cycle model says, in the order of the program of CYCLES_MAIN."""
    cycles = len(outputs.in_ready)
    valid = outputs.out_valid
    columns = [outputs.in_ready, valid, np.where(valid, outputs.out_address, 0),
               np.where(valid, outputs.out_tick, 0)]  # fmt: skip
    parts = [[column[:, np.newaxis].astype(np.int64)] for column in columns]
    made = []
    for core, trace in zip(cores, outputs.cores, strict=True):
        words = np.where(trace.valid, trace.index, -1)
        heads = np.stack([words, trace.dropped, trace.saturated, trace.control * flags], axis=1)
        none = np.zeros_like(trace.spike, dtype=np.int64)
        states = [trace.state.get(name, none) for name in ("v", "i_syn", "theta", "refractory")]
        lanes = np.stack([trace.spike, *states], axis=2).reshape(len(trace.spike), 5 * core.lanes)
        made.append((heads, np.flatnonzero(trace.valid), lanes))
    rows: list[list[int]] = np.concatenate([part[0] for part in parts], axis=1).tolist()
    for heads, at, lanes in made:
        places = dict(zip(at.tolist(), lanes.tolist(), strict=True))
        for cycle in range(cycles):
            rows[cycle] += heads[cycle].tolist() + places.get(cycle, [])
    return np.array([x for row in rows for x in row], np.int64)
