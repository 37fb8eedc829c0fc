"""fxlif by its public interface: ``LIFPopulation.run`` and ``Network.run``, recording spikes."""

from __future__ import annotations

from typing import Any

import numpy as np
from harness import Job, Ready, Run, fingerprint, serve, timed

import fxlif
from fxlif.digits import DESIGN
from fxlif.network import events
from fxlif.params.leaks import ScaleLeak, ShiftLeak
from fxlif.params.neuron import Adaptation, ExponentialSynapse

Array = np.ndarray[Any, Any]
DECAY_BITS = 12
#: The form of workload B whose drive is an array with a row for each step.
STEP_BY_STEP = "input array"


def current_based(job: Job) -> fxlif.NeuronParams:
    """Loihi's neuron: two multiplicative 12-bit decays toward zero, 24-bit state."""

    def decay(amount: int) -> ScaleLeak:
        factor = (1 << DECAY_BITS) - amount
        return ScaleLeak(factor=factor, shift=DECAY_BITS, rounding="toward_zero")

    return fxlif.NeuronParams(
        leak=decay(job["decay_v"]),
        synapse=ExponentialSynapse(leak=decay(job["decay_i"])),
        v_threshold=job["threshold"],
        threshold_bits=24,
        state_bits=24,
        current_bits=24,
    )


def population(job: Job) -> Ready:
    """Workloads A and C."""
    currents = np.load(job["input"])
    neuron = (
        current_based(job)
        if job["workload"] == "C"
        else fxlif.NeuronParams(v_threshold=job["threshold"])
    )
    neurons = fxlif.LIFPopulation(job["n"], neuron)
    out = np.empty(currents.shape, np.bool_) if job.get("form") == "preallocated" else None

    def run() -> Run:
        neurons.reset()
        seconds, spikes = timed(lambda: neurons.run(currents, threads=job["threads"], out=out))

        def outcome() -> dict[str, int]:
            flat = np.flatnonzero(spikes)
            return {"spikes": flat.size, "fingerprint": fingerprint(flat)}

        return Run(seconds, outcome)

    return Ready(run, "LIFPopulation.run" + ("" if out is None else ", output allocated once"))


def sheet(job: Job) -> fxlif.NetworkParams:
    """Workload D: a grid with a small kernel, neurons with adaptive thresholds."""
    rows, columns = job["shape"]
    neuron = fxlif.NeuronParams(
        v_threshold=job["threshold"],
        adaptation=Adaptation(increment=job["increment"], leak=ShiftLeak(shift=job["theta_shift"])),
    )
    return fxlif.NetworkParams(
        population=(fxlif.Population(name="sheet", n=rows * columns, neuron=neuron),),
        projection=(
            fxlif.Projection(
                source="sheet",
                target="sheet",
                synapses=fxlif.Grid(shape=(rows, columns), kernel=job["kernel"]),
                delay=1,
            ),
        ),
    )


def balanced(job: Job, network: dict[str, Any]) -> fxlif.NetworkParams:
    """Workloads B and E: one population, its synapses as they were drawn for all contenders."""
    from scipy.sparse import csr_array

    parts = network["weights"], network["targets"], network["indptr"]
    matrix = csr_array(parts, shape=(job["n"], job["n"]))
    choices = {"v_threshold": job["threshold"], "weight_bits": 16, **job.get("neuron", {})}
    neuron = fxlif.NeuronParams(**choices)
    return fxlif.NetworkParams(
        population=(fxlif.Population(name="all", n=job["n"], neuron=neuron),),
        projection=(
            fxlif.Projection(
                source="all", target="all", synapses=fxlif.Sparse(matrix=matrix), delay=1
            ),
        ),
    )


def network(job: Job) -> Ready:
    """Workloads B, D and E."""
    arrays = dict(np.load(job["network"]))
    params = sheet(job) if job["workload"] == "D" else balanced(job, arrays)
    by_step = job.get("form") == STEP_BY_STEP
    engine = "auto" if by_step else job.get("form") or "auto"
    emulator = fxlif.Network(params, engine=engine)
    name = params.population[0].name
    drive = arrays["drive"]
    if by_step:  # the same values, in an array of (steps, n)
        drive = np.tile(drive.astype(np.int16), (job["steps"], 1))

    def run() -> Run:
        emulator.reset()
        seconds, recording = timed(
            lambda: emulator.run(job["steps"], currents={name: drive}, threads=job["threads"])
        )
        return Run(seconds, lambda: outcome(recording.spikes(name)))

    def outcome(stream: Array) -> dict[str, int]:
        ticks = stream < 0
        fired = stream[~ticks]
        steps = np.cumsum(ticks)[~ticks]
        # The numpy form of D is shorter than that of the kernels: they share the first steps.
        early = steps < int(job.get("compare_steps") or job["steps"])
        flat = (steps * params.population[0].n + fired)[early]
        counts = {"spikes": fired.size, "fingerprint": fingerprint(flat)}
        if "indptr" in arrays:
            counts["events"] = int(np.diff(arrays["indptr"])[fired].sum())
        return counts

    what = f", an array {drive.shape} of {drive.dtype}" if by_step else ""
    return Ready(run, f"Network.run, engine {engine}{what}")


def digits(job: Job) -> Ready:
    """Workload F: the shipped test images, from pixels to classes."""
    params = fxlif.load(DESIGN)
    with np.load(DESIGN.with_name(params.input.file)) as data:
        images, labels = data["images"], data["labels"]
    network = fxlif.Network(params)
    last = params.graph.populations[-1].name

    def counts() -> tuple[Array, Any]:
        streams = events.encode_images(images, params.input.steps, params.input.maximum)
        if job["form"] == "batch":
            record = network.run(
                events=streams, batch=len(streams), record=fxlif.Recording([last]),
                threads=job["threads"],
            )  # fmt: skip
            return record.counts(last), record.dense(last)
        rasters = []
        for stream in streams:
            network.reset()
            rasters.append(events.to_counts(network.stream(stream), 10))
        return np.sum(rasters, axis=1), np.array(rasters)

    def run() -> Run:
        seconds, (found, raster) = timed(counts)
        classes = found.argmax(axis=1)

        def outcome() -> dict[str, int]:
            flat = np.flatnonzero(raster)
            right = int((classes == labels).sum())
            return {"spikes": flat.size, "fingerprint": fingerprint(flat), "right": right}

        return Run(seconds, outcome)

    return Ready(run, f"Network, {job['form']}, from pixels to counts")


def populations(job: Job) -> Ready:
    """Workload G: neurons in so many populations, in a run or step by step."""
    from scipy.sparse import csr_array

    arrays = dict(np.load(job["network"]))
    n, parts = job["n"], job["populations"]
    drawn = arrays["weights"], arrays["targets"], arrays["indptr"]
    matrix = csr_array(drawn, shape=(n, n))
    neuron = fxlif.NeuronParams(v_threshold=job["threshold"], weight_bits=16)
    size = n // parts
    places = {f"p{k}": slice(k * size, (k + 1) * size) for k in range(parts)}
    blocks = [
        (source, target, block)
        for source, rows in places.items()
        for target, columns in places.items()
        if (block := csr_array(matrix[rows, columns])).nnz
    ]
    emulator = fxlif.Network(
        fxlif.NetworkParams(
            population=[fxlif.Population(name, size, neuron) for name in places],
            projection=[
                fxlif.Projection(source, target, fxlif.Sparse(matrix=block), delay=1)
                for source, target, block in blocks
            ],
        )
    )
    currents = {name: arrays["drive"][place] for name, place in places.items()}
    firsts = {name: place.start for name, place in places.items()}

    def run() -> Run:
        emulator.reset()
        if job["form"] == "run":
            seconds, recording = timed(
                lambda: emulator.run(job["steps"], currents=currents, threads=job["threads"])
            )
            rasters = {name: recording.raster(name) for name in places}
            flat = [steps * n + found + firsts[p] for p, (steps, found) in rasters.items()]
        else:
            with emulator.stepper(threads=job["threads"]) as step:
                seconds, taken = timed(lambda: [step(currents) for _ in range(job["steps"])])
            flat = [
                t * n + found + firsts[p]
                for t, spikes in enumerate(taken)
                for p, found in spikes.items()
            ]

        def outcome() -> dict[str, int]:
            places = np.sort(np.concatenate(flat))
            events = int(np.diff(arrays["indptr"])[places % n].sum())
            return {
                "spikes": places.size,
                "fingerprint": fingerprint(places),
                "events": events,
            }

        return Run(seconds, outcome)

    call = "run" if job["form"] == "run" else "stepper"
    return Ready(run, f"Network.{call}, {len(blocks):,} projections")


def prepare(job: Job) -> Ready:
    if job["workload"] == "G":
        return populations(job)
    if job["workload"] == "F":
        return digits(job)
    return (population if job["workload"] in "AC" else network)(job)


if __name__ == "__main__":
    serve(prepare, "fxlif", "numpy", "numba", "scipy", "pydantic")
