"""What cores take on FPGAs and how fast they are there, by open tools alone.

    python tests/benchmarks/fpga.py --out FOLDER
    python tests/benchmarks/fpga.py --only "8 lanes" --seeds 1

Needs `pip install '.[fpga]'`. Figures of one design are what `fxlif fpga DESIGN` prints; this has
those of many, beside aims and beside what was measured elsewhere, and what only a simulation says.
COMB are nextpnr's TRELLIS_COMB, on iCE40 its logic cells; MHz the median of the seeds; synaptic
operations per second those of all cores busy.

Digits: each of the 360 test images through the cycle model, from reset to the last TICK at the
output, and its class compared with the label and with the golden network. Balanced: 500 steps of
random input events through the cycle model; an operation is one synapse that a spike reaches,
counted by the golden network, and a step is 1 ms of real time.

What was made before is taken from the cache. Exit code 1: an image is classified otherwise than by
the golden network; a target that was missed is no error, but it is said.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from importlib.metadata import version
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np

from fxlif import (
    CoreParams,
    EventSource,
    FixedProbability,
    FxlifError,
    Grid,
    Network,
    NetworkParams,
    NeuronParams,
    OneToOne,
    Population,
    Projection,
    Sparse,
    load,
    profiles,
)
from fxlif.cycles import model_of
from fxlif.cycles.control import IDLE, RESET
from fxlif.cycles.driver import Driver
from fxlif.cycles.latency import event_cycles
from fxlif.cycles.model import CycleInputs, CycleModel
from fxlif.digits import DESIGN, test_set
from fxlif.hdl.flow.measure import Measured, measure
from fxlif.hdl.flow.peers import PEERS
from fxlif.hdl.flow.sweep import with_lanes
from fxlif.hdl.flow.targets import target_of
from fxlif.layout import HardwareNetwork, hardware_network
from fxlif.layout.packing import packing
from fxlif.layout.plan import planned
from fxlif.network.projections import placed
from fxlif.params.protocol import AnyParams
from fxlif.progress import Progress

#: tinyODIN as published; the core that this one replaces by this very program on
#: 22 November 2026, before it was removed (Yosys 0.70, nextpnr 0.11.1, seeds 1 to 3). Its 64 k
#: weights were read from images instead of `initial` blocks, which Yosys does not end on.
MEASURED = (
    PEERS["tinyodin"].row,
    ("the core before, 1 lane", "579", "324", "18", "64.0", "64"),
    ("the core before, 4 lanes", "2,208", "485", "15", "74.4", "298"),
    ("the core before, 8 lanes", "2,714", "805", "15", "77.9", "623"),
)
PLAIN: dict[str, Any] = {"leak": {"kind": "shift", "shift": 4}, "v_threshold": 200}
RICH: dict[str, Any] = {
    **PLAIN, "synapse": {"kind": "exponential", "leak": {"kind": "shift", "shift": 3}},
    "adaptation": {"increment": 20}, "refractory": 3,
}  # fmt: skip


@dataclass(frozen=True)
class Design:
    """A line of the table. ``comb`` at most and ``mhz`` at least are the aims; None: there is none.

    ``images``: whether it classifies digits.
    """

    name: str
    target: str
    make: Callable[[], AnyParams]
    comb: int | None = None
    mhz: float | None = None
    images: bool = False
    steps: int = 0  # of random input, to measure operations per second by


def random_core(
    lanes: int, n_inputs: int = 256, weight_bits: int = 4, state_bits: int = 12,
    neuron: dict[str, Any] = PLAIN, thresholds: bool = False,
) -> CoreParams:  # fmt: skip
    """256 neurons with random weights."""
    draw = np.random.default_rng(1)
    top = 1 << (weight_bits - 1)
    return CoreParams(
        n_inputs=n_inputs, n_neurons=256, lanes=lanes,
        neuron=NeuronParams(weight_bits=weight_bits, state_bits=state_bits, **neuron),
        weights=draw.integers(-top, top, (n_inputs, 256)),
        v_thresholds=tuple(map(int, draw.integers(100, 400, 256))) if thresholds else None,
    )  # fmt: skip


def digits(*lanes: int) -> NetworkParams:
    """The shipped digits with these lanes."""
    network = load(DESIGN)
    assert isinstance(network, NetworkParams)
    return with_lanes(network, *lanes)


def tinyodin(lanes: int) -> CoreParams:
    """256 of tinyODIN's neurons with random weights: events one by one, a compare after each."""
    neuron = profiles.tinyodin(param_leak_str=5, param_thr=200).neuron
    return CoreParams(
        n_inputs=256, n_neurons=256, lanes=lanes, neuron=neuron,
        weights=np.random.default_rng(1).integers(-8, 8, (256, 256)),
    )  # fmt: skip


def balanced(lanes: int = 8) -> NetworkParams:
    """800 excitatory and 200 inhibitory neurons, 2 % of all pairs joined, delays 1 to 16."""
    neuron = NeuronParams(
        v_threshold=300, leak={"kind": "shift", "shift": 4}, state_bits=16, refractory=2
    )
    weights = {"exc": (10, 60), "inh": (-127, -60)}
    recurrent = [
        Projection(
            source, target, delay=(1, 16),
            synapses=FixedProbability(
                probability=0.02, weight=weights[source], seed=seed, autapses=True
            ),
        )
        for seed, (source, target) in enumerate(product(weights, weights))
    ]  # fmt: skip
    drive = FixedProbability(probability=0.1, weight=(20, 60), seed=9, autapses=True)
    return NetworkParams(
        name="balanced",
        source=[EventSource("in", 100)],
        population=[
            Population("exc", 800, neuron, lanes=lanes), Population("inh", 200, neuron, lanes=lanes)
        ],
        projection=[Projection("in", "exc", drive, delay=0), *recurrent],
    )  # fmt: skip


def convolution(channels: int) -> NetworkParams:
    """32 x 32 inputs to ``channels`` maps of as many neurons, by kernels of 5 x 5."""
    draw, targets, weights = np.random.default_rng(1), [], []
    kernels = draw.integers(1, 8, (channels, 5, 5)) * draw.choice((-1, 1), (channels, 5, 5))
    for y, x in product(range(32), repeat=2):
        near = [(i, j) for i in range(y - 2, y + 3) for j in range(x - 2, x + 3)
                if 0 <= i < 32 and 0 <= j < 32]  # fmt: skip
        targets.append([m * 1024 + i * 32 + j for m in range(channels) for i, j in near])
        weights.append([k[i - y + 2, j - x + 2] for k in kernels for i, j in near])
    matrix = {
        "shape": [1024, channels * 1024],
        "indptr": [0, *np.cumsum([len(row) for row in targets]).tolist()],
        "indices": np.concatenate(targets).tolist(),
        "data": np.concatenate(weights).tolist(),
    }
    neuron = NeuronParams(v_threshold=30, state_bits=12, weight_bits=4)
    return NetworkParams(
        name="convolution",
        source=[EventSource("image", 1024)],
        population=[Population("maps", channels * 1024, neuron, lanes=8)],
        projection=[Projection("image", "maps", Sparse(matrix=matrix))],
    )


def sheet() -> NetworkParams:
    """A sheet of 32 x 32 neurons, one for each input, that excite each other within 5 x 5."""
    kernel = np.random.default_rng(2).integers(1, 8, (5, 5))
    neuron = NeuronParams(v_threshold=100, state_bits=12, weight_bits=4)
    return NetworkParams(
        name="sheet",
        source=[EventSource("image", 1024)],
        population=[Population("sheet", 1024, neuron, lanes=8)],
        projection=[
            Projection("image", "sheet", OneToOne(7)),
            Projection("sheet", "sheet", Grid(shape=(32, 32), kernel=kernel, edges="periodic")),
        ],
    )


def mnist_sized() -> NetworkParams:
    """784-128-10 with random 4-bit weights: the size that Spiker+ and others publish for MNIST."""
    rng = np.random.default_rng(1)
    layers = ((784, 128, 8, 200), (128, 10, 2, 60))
    cores = [
        CoreParams(n_inputs=n_inputs, n_neurons=n, lanes=lanes,
                   weights=rng.integers(-8, 8, (n_inputs, n)),
                   neuron=NeuronParams(weight_bits=4, v_threshold=threshold, state_bits=12))
        for n_inputs, n, lanes, threshold in layers
    ]  # fmt: skip
    return NetworkParams.chain(*cores, name="mnist")


def unshared(network: NetworkParams) -> HardwareNetwork:
    """The same, where each row of synapses has words of its own."""
    made = hardware_network(network)
    cores = [replace(core, memories=tuple(each.unrolled for each in core.memories))
             for core in made.cores]  # fmt: skip
    return replace(made, cores=tuple(cores))


DESIGNS = (
    *(Design(f"{lanes} lane{'s' * (lanes > 1)}", "ecp5-25k", lambda lanes=lanes: random_core(lanes),
             comb, mhz)
      for lanes, comb, mhz in ((1, 450, 110), (4, None, None), (8, 1300, 150), (16, 2200, 140),
                               (32, 4200, 130))),
    *(Design(f"tinyODIN's neuron, {lanes} lane{'s' * (lanes > 1)}", "ecp5-25k",
             lambda lanes=lanes: tinyodin(lanes), 2981, 40) for lanes in (1, 4, 8)),
    Design("8 lanes, rich neuron", "ecp5-25k",
           lambda: random_core(8, neuron=RICH, thresholds=True), 3000, 120),
    Design("digits, 8 and 2 lanes", "ecp5-25k", lambda: digits(8, 2), 2200, 130, images=True),
    Design("digits, 16 and 2 lanes", "ecp5-25k", lambda: digits(16, 2), images=True),
    Design("784-128-10, 8 and 2 lanes", "ecp5-25k", mnist_sized),
    Design("balanced 800 + 200, 8 lanes", "ecp5-85k", balanced, mhz=110, steps=500),
    *(Design(f"{name}{', rows unshared' * (not shared)}", "ecp5-85k",
             lambda make=make, shared=shared: make() if shared else unshared(make()))
      for name, make in (("convolution, 2 maps", lambda: convolution(2)),
                         ("convolution, 8 maps", lambda: convolution(8)), ("sheet", sheet))
      for shared in (True, False)),
    Design("up5k 256 x 32, 8/16 bits, 1 lane", "ice40-up5k",
           lambda: random_core(1, 32, 8, 16), mhz=50),
    Design("hx8k 256 x 64, 4 bits, 4 lanes", "ice40-hx8k", lambda: random_core(4, 64), mhz=110),
    Design("hx8k digits, 8 and 2 lanes", "ice40-hx8k", lambda: digits(8, 2), images=True),
)  # fmt: skip


@dataclass(frozen=True)
class Images:
    """What the cycle model makes of the test images: cycles of each, and how many are right."""

    cycles: list[int]
    right: int
    as_golden: int


def images_of(network: NetworkParams) -> Images:
    """All test images, one after the other, each from a reset."""
    counts, labels = test_set()
    golden = Network(network).run(events=counts.swapaxes(0, 1), batch=counts.shape[1])
    classes = golden.counts(f"core_{len(network.cores) - 1}").argmax(axis=1)
    model = CycleModel(network.cores, engine="auto")
    first, last = network.cores[0], network.cores[-1]
    cycles, found = [], []
    for image in counts.swapaxes(0, 1):
        events: list[int] = []
        for step in image:
            events += [*np.repeat(np.arange(len(step)), step).tolist(), 1 << first.in_address_bits]
        driver = Driver(first.in_address_bits)
        driver.refill(np.array(events, dtype=np.int64))
        # More than enough: nothing overlaps, and every neuron fires in every step.
        longest = sum(event_cycles(c) + c.n_neurons + 32 for c in network.cores) * len(image)
        flags = np.zeros(len(events) * event_cycles(first) + 2 * longest + 100, dtype=np.uint8)
        flags[0] = RESET | IDLE
        block = model.drive(driver, flags)
        shown = model.outputs(block)
        valid = shown.out_valid & ~np.asarray(CycleInputs.of(block.inputs).rst, dtype=bool)
        ticks = np.flatnonzero(valid & shown.out_tick)
        assert len(ticks) == len(image)
        cycles.append(int(ticks[-1]))
        spikes = shown.out_address[valid & ~shown.out_tick]
        found.append(int(np.bincount(spikes, minlength=last.n_neurons).argmax()))
    return Images(cycles, int((found == labels).sum()), int((found == classes).sum()))


@dataclass(frozen=True)
class Activity:
    """Means of a step of random input: cycles, spikes of all neurons, synapses that they reach."""

    cycles: float
    spikes: float
    operations: float


def activity_of(network: NetworkParams, steps: int) -> Activity:
    """``steps`` steps in which 2 % of the inputs spike: the golden network says what happens, the
    cycle model, whose output is never held back, how long it takes."""
    (source,) = network.source
    inputs = np.random.default_rng(1).random((steps, source.n)) < 0.02
    stream = np.concatenate([[*np.flatnonzero(step), -1] for step in inputs])
    recording = Network(network).run(steps, events={source.name: stream})
    spikes = {source.name: stream}
    spikes |= {population.name: recording.spikes(population.name)
               for population in network.population}  # fmt: skip
    operations = 0
    for table in placed(network.graph):
        fan_out = np.diff(table.synapses.indptr)
        events = spikes[table.projection.source]
        operations += int(fan_out[events[events >= 0]].sum())
    made = hardware_network(network)
    model = model_of(made, engine="auto")
    tick = 1 << made.in_address_bits
    driver = Driver(made.in_address_bits)
    driver.refill(np.where(stream < 0, tick, stream))
    ticks, cycles = 0, 0
    flags = np.zeros(1 << 16, dtype=np.uint8)
    while ticks < steps:
        shown = model.outputs(model.drive(driver, flags))
        found = np.flatnonzero(shown.out_valid & shown.out_tick)
        ticks += len(found)
        if ticks >= steps:
            cycles += int(found[len(found) - 1 - (ticks - steps)])
        else:
            cycles += len(flags)
    fired = sum(int((spikes[population.name] >= 0).sum()) for population in network.population)
    return Activity(cycles / steps, fired / steps, operations / steps)


class Lines(Progress):
    """A line for each piece of work."""

    def __call__(self, what: str, done: int = 0, total: int | None = None) -> None:
        parts = f" {done + 1} of {total}" if total else ""
        print(f"{time.strftime('%X')} {what}{parts}", file=sys.stderr, flush=True)


def line(name: str, *cells: object) -> str:
    widths = (7, 6, 6, 5, 10, 8, 14)
    return f"{name:34}" + "".join(f"{c!s:>{w}}" for c, w in zip(cells, widths, strict=False))


def shown(design: Design, found: Measured) -> str:
    figures, used = found.figures, found.figures.used
    aims = [f"COMB {used['LUT']:,} > {design.comb:,}"
            if design.comb and used["LUT"] > design.comb else "",
            f"MHz < {design.mhz}" if design.mhz and figures.mhz < design.mhz else ""]  # fmt: skip
    missed = ", ".join(filter(None, aims))
    text = line(
        design.name, f"{used['LUT']:,}", f"{used['FF']:,}", used["RAM"], used.get("DSP", 0),
        f"{figures.mhz:.1f}", f"{figures.best.mhz:.1f}",
        f"{found.rates.operations * figures.mhz:,.0f}",
    )  # fmt: skip
    return text + (f"  MISSED: {missed}" if missed else "")


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", help="designs whose name has this text")
    parser.add_argument("--seeds", type=int, default=3, help="how many runs of place and route")
    parser.add_argument("--no-merge", action="store_true", help="without merged output registers")
    parser.add_argument("--out", type=Path, help="folder for fpga.json")
    given = parser.parse_args(arguments)
    chosen = [d for d in DESIGNS if given.only is None or given.only in d.name]
    print(", ".join(f"{tool} {version(f'yowasp-{tool}')}"
                    for tool in ("yosys", "nextpnr-ecp5", "nextpnr-ice40")))  # fmt: skip
    print(line("", "COMB", "FF", "RAM", "DSP", "MHz", "best", "M syn.op./s"))
    for name, *taken, mhz, operations in MEASURED:
        print(line(name, *taken, "", mhz, "", operations))
    results: dict[str, Any] = {}
    wrong = False
    for design in chosen:
        params = design.make()
        try:
            found = measure(
                params, target_of(design.target), seeds=range(1, given.seeds + 1),
                merge=not given.no_merge, progress=Lines(),
            )  # fmt: skip
        except FxlifError as error:
            print(f"{design.name:34}{error}", flush=True)
            results[design.name] = {"error": str(error)}
            continue
        print(shown(design, found), flush=True)
        if isinstance(params, NetworkParams) and params.population:
            print(*packing(planned(params)), sep="\n", flush=True)
        figures = found.figures
        results[design.name] = found.described()
        if design.images:
            assert isinstance(params, NetworkParams)
            images = images_of(params)
            cycles, most = float(np.mean(images.cycles)), max(images.cycles)
            count = len(images.cycles)
            wrong |= images.as_golden < count
            microseconds = cycles / figures.mhz
            print(f"    {cycles:,.0f} cycles an image, {most:,} at most: {microseconds:.2f} us; "
                  f"{images.right} of {count} right, {images.as_golden} as golden")  # fmt: skip
            results[design.name] |= {
                "cycles": cycles, "most_cycles": most, "us": microseconds,
                "right": images.right, "images": count,
            }  # fmt: skip
        if design.steps:
            assert isinstance(params, NetworkParams)
            mean = activity_of(params, design.steps)
            per_second = 1e6 * figures.mhz / mean.cycles
            print(f"    {mean.cycles:,.0f} cycles a step of {mean.spikes:.1f} spikes and "
                  f"{mean.operations:,.0f} operations: {per_second / 1e3:,.0f} times real time, "
                  f"{per_second * mean.operations / 1e6:,.0f} M operations/s")  # fmt: skip
            results[design.name] |= {**asdict(mean), "steps_per_second": per_second}
    if given.out:
        given.out.mkdir(parents=True, exist_ok=True)
        (given.out / "fpga.json").write_text(json.dumps(results, indent=1) + "\n")
    return int(wrong)


if __name__ == "__main__":
    sys.exit(main())
