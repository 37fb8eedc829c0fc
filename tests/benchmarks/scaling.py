"""Time and memory of ``Network.run`` over three decades of neurons, synapses and steps.

    python tests/benchmarks/scaling.py [--sweeps neurons,synapses,steps] [--short] [--out FOLDER]

Each point is a process of its own, whose peak of resident memory is read at its end. It prints a
table and the slope of a line through the logarithms, over all points and over the last two: 1 is
linear, and where a fixed cost still shows the first of the two is below that. With ``--out``
it writes ``scaling.md``, ``scaling.json`` and, where matplotlib is there, ``scaling.png``.
Exit code 1 means that a point failed or needed more than the 8 GB it may have.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

#: What a point may take, in bytes.
LIMIT = 8 * 10**9
INDEGREE = 100
Point = dict[str, Any]


class Sweep(NamedTuple):
    """Points that differ in one size."""

    name: str
    title: str
    points: list[dict[str, int]]


def sweeps(decades: int) -> list[Sweep]:
    """Three sweeps; the largest sizes of the full form are those of three ``decades``."""
    sizes = [10**power for power in range(decades + 1)]
    return [
        Sweep(
            "neurons",
            "independent neurons, 1,000 steps, constant current",
            [{"neurons": 1_000 * size, "indegree": 0, "steps": 1_000} for size in sizes],
        ),
        Sweep(
            "synapses",
            f"synapses, {INDEGREE} into each neuron, 100 steps",
            [{"neurons": 1_000 * size, "indegree": INDEGREE, "steps": 100} for size in sizes],
        ),
        Sweep(
            "steps",
            f"steps of 1,000 neurons with {INDEGREE} synapses into each",
            [{"neurons": 1_000, "indegree": INDEGREE, "steps": 100 * size} for size in sizes],
        ),
    ]


def size_of(sweep: str, point: Point) -> int:
    """The size that the sweep is about."""
    if sweep == "synapses":
        return int(point["neurons"] * point["indegree"])
    return int(point[sweep])


def work(neurons: int, indegree: int, steps: int) -> Point:
    """One point, in the process that this file was started as: build, run, measure."""
    import fxlif

    neuron = fxlif.NeuronParams(v_threshold=5120, weight_bits=16)
    synapses = fxlif.FixedInDegree(indegree=indegree, weight=(-60, 40), seed=1)
    projection = fxlif.Projection(source="all", target="all", synapses=synapses, delay=1)
    params = fxlif.NetworkParams(
        population=(fxlif.Population(name="all", n=neurons, neuron=neuron),),
        projection=(projection,) if indegree else (),
    )
    # About 10 Hz at 1 ms a step: only those above 320 ever reach the threshold by themselves.
    drive = np.random.default_rng(1).integers(0, 421, neurons)
    start = time.perf_counter()
    network = fxlif.Network(params)
    # The first run builds what is built late and loads what was compiled; it counts as building.
    network.run(1, currents={"all": drive}, threads=1)
    network.reset()
    built = time.perf_counter()
    recording = network.run(steps, currents={"all": drive}, threads=1)
    done = time.perf_counter()
    stream = recording.spikes("all")
    return {
        "build_s": built - start,
        "run_s": done - built,
        "spikes": int(np.count_nonzero(stream >= 0)),
        "peak_bytes": peak_bytes(),
    }


def peak_bytes() -> int:
    """The highest resident memory of this process so far."""
    try:
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) << 10
    except OSError:
        pass
    # Elsewhere; on Linux this would count the parent from before the exec too.
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak << 10


def measure(point: dict[str, int], repeats: int) -> Point:
    """The median of ``repeats`` processes; or why there is none."""
    runs: list[Point] = []
    command = [sys.executable, __file__, "--point", json.dumps(point)]
    for _ in range(repeats):
        # Set before the process starts: numba and the linear algebra read these at import.
        limits = dict.fromkeys(("OMP_NUM_THREADS", "NUMBA_NUM_THREADS"), "1")
        done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, **limits})
        if done.returncode:
            lines = done.stderr.strip().splitlines() or ["no message"]
            return {**point, "failure": f"exit code {done.returncode}: {lines[-1]}"}
        runs.append(json.loads(done.stdout.splitlines()[-1]))
    return {**point, **{key: statistics.median(run[key] for run in runs) for key in runs[0]}}


def slope(sizes: list[int], values: list[float]) -> float:
    """Of the straight line through the logarithms, by least squares."""
    x, y = np.log(sizes), np.log(values)
    x = x - x.mean()
    return float((x * (y - y.mean())).sum() / (x * x).sum())


def slopes(sweep: str, points: list[Point], key: str, idle: float, least: float) -> str:
    """Over all points and over the last decade; ``idle`` is taken off every value.

    Points of ``least`` or less are left out: they show the noise, not the size.
    """
    values = {size_of(sweep, point): point[key] - idle for point in points}
    sizes = [size for size, value in values.items() if value > least]
    if len(sizes) < 2:
        return "too little to tell"
    whole = slope(sizes, [values[size] for size in sizes])
    last = slope(sizes[-2:], [values[size] for size in sizes[-2:]])
    return f"{whole:.2f} over {len(sizes)} points, {last:.2f} over the last two"


def report(sweep: Sweep, points: list[Point], idle: float) -> str:
    """The table of one sweep and its slopes."""
    lines = [
        f"### {sweep.title}\n",
        f"10 neurons and 10 steps: peak {idle / 1e6:,.0f} MB, taken off for the slope.\n",
        f"| {sweep.name} | build, s | run, s | ns per neuron and step | spikes | peak, MB |",
        "| -: | -: | -: | -: | -: | -: |",
    ]
    for point in points:
        size = f"{size_of(sweep.name, point):,}"
        if "failure" in point:
            lines.append(f"| {size} | {point['failure']} | | | | |")
            continue
        each = point["run_s"] / (point["neurons"] * point["steps"]) * 1e9
        lines.append(
            f"| {size} | {point['build_s']:.3f} | {point['run_s']:.4f} | {each:.3f} | "
            f"{point['spikes']:,.0f} | {point['peak_bytes'] / 1e6:,.0f} |"
        )
    complete = [point for point in points if "failure" not in point]
    for what, key, rest, least in (
        ("the time of building", "build_s", 0.0, 0.02),
        ("the time of the run", "run_s", 0.0, 0.0),
        ("memory", "peak_bytes", idle, 3e6),
    ):
        found = slopes(sweep.name, complete, key, rest, least)
        lines.append(f"\nSlope of {what}: {found}.")
    return "\n".join(lines) + "\n"


def plot(measured: list[tuple[Sweep, list[Point]]], path: Path) -> str:
    """Time and memory, a panel each; why there is no plot, or nothing."""
    try:
        import matplotlib
    except ImportError:
        return "no plot: matplotlib is not installed"
    matplotlib.use("Agg")  # no window, also where there is a display
    from matplotlib import pyplot

    figure, (times, memory) = pyplot.subplots(1, 2, figsize=(10, 4.2), layout="constrained")
    for sweep, points in measured:
        complete = [point for point in points if "failure" not in point]
        if not complete:
            continue
        sizes = [size_of(sweep.name, point) for point in complete]
        times.loglog(sizes, [point["run_s"] for point in complete], "o-", label=sweep.name)
        # Without what ten neurons take, which would hide the line; the smallest are noise.
        grown = [point["peak_bytes"] - point["idle_bytes"] for point in complete]
        shown = [(size, more / 1e6) for size, more in zip(sizes, grown, strict=True) if more > 1e6]
        if shown:
            memory.loglog(*zip(*shown, strict=True), "o-", label=sweep.name)
    memory.axhline(LIMIT / 1e6, color="0.5", linestyle=":", label="8 GB")
    for axes, what in ((times, "run, s"), (memory, "peak memory above that of 10 neurons, MB")):
        axes.set(xlabel="neurons, synapses or steps", ylabel=what)
        axes.grid(True, which="major", alpha=0.3)
        axes.legend()
    figure.savefig(path, dpi=150)
    pyplot.close(figure)
    return ""


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--sweeps", default="neurons,synapses,steps")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--short", action="store_true", help="one decade instead of three")
    parser.add_argument("--out", type=Path, help="folder for the table and the plot")
    parser.add_argument("--point", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.point:
        print(json.dumps(work(**json.loads(options.point))))
        return 0
    if options.repeats < 1:
        parser.error(f"--repeats: found {options.repeats}, allowed 1 or more")
    known = {sweep.name: sweep for sweep in sweeps(1 if options.short else 3)}
    names = [name.strip() for name in options.sweeps.split(",")]
    for name in names:
        if name not in known:
            parser.error(f"--sweeps: found {name!r}, allowed {', '.join(known)}")
    measured: list[tuple[Sweep, list[Point]]] = []
    everything: list[Point] = []
    texts: list[str] = []
    for sweep in (known[name] for name in names):
        # What Python, the libraries and the compiled code take before any size matters.
        smallest = {"neurons": 10, "indegree": min(5, sweep.points[0]["indegree"]), "steps": 10}
        nothing = measure(smallest, options.repeats)
        idle = nothing.get("peak_bytes", 0)
        points = []
        for point in sweep.points:
            print(f"{sweep.name}: {size_of(sweep.name, point):,}", file=sys.stderr, flush=True)
            points.append({**measure(point, options.repeats), "idle_bytes": idle})
        measured.append((sweep, points))
        everything += [nothing, *points]
        texts.append(report(sweep, points, idle))
    wrong = [point["failure"] for point in everything if "failure" in point]
    wrong += [
        f"{point['neurons']:,} neurons, {point['indegree']} synapses each, {point['steps']:,} "
        f"steps: {point['peak_bytes'] / 1e9:.1f} GB"
        for point in everything
        if point.get("peak_bytes", 0) > LIMIT
    ]
    if options.out:
        options.out.mkdir(parents=True, exist_ok=True)
        missing = plot(measured, options.out / "scaling.png")
        texts += [missing + "\n"] if missing else []
        as_json = {sweep.name: points for sweep, points in measured}
        (options.out / "scaling.json").write_text(json.dumps(as_json, indent=1) + "\n")
    if wrong:
        texts.append("### WRONG\n\n" + "\n".join(f"- {line}" for line in wrong) + "\n")
    text = "\n".join(texts)
    print(text)
    if options.out:
        (options.out / "scaling.md").write_text(text)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
