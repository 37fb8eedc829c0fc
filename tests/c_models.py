"""Designs in C, compiled and run: their answers as arrays."""

from __future__ import annotations

import subprocess
from pathlib import Path

import numpy as np

from fxlif.network.events import TICK

FLAGS = ["-std=c99", "-Wall", "-Wextra", "-Werror", "-pedantic"]
CHECKED = ["-O0", "-fsanitize=undefined", "-fno-sanitize-recover"]
#: Stands in a stream for a reset; of two numbers, for a state variable of all neurons of a
#: population; for the counters.
RESET, STATES = -2, -3

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
    return NETWORK_MAIN.replace("SIZES", sizes)


def golden_answers(stream, given) -> np.ndarray:
    """What the golden network says to the same; ``stream`` is a GoldenStream."""
    said: list[np.ndarray] = []
    network = stream.network
    waiting: list[int] = []
    dropped = 0
    inputs = sum(stream.network.graph.sizes[name] for name in stream._first)
    for x in np.asarray(given).tolist():
        if x >= 0:
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
