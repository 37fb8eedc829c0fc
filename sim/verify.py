"""The whole way for one design: Verilog, build, simulation, comparison, verdict."""

from __future__ import annotations

import shlex
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from .. import events as event_files
from ..core_params import CoreParams
from ..errors import FxlifError
from ..hdl.limits import chain_of, supported
from ..hdl.verilog import generate
from ..network import Network
from ..network_params import EventInput, ImageInput, NetworkParams
from ..params import NeuronParams
from . import toolchain
from .agents import RESET
from .bench import FOLDER, JOB, PROGRESS, REPORT, Job, get_progress, get_report, put_job
from .interface import TOP, wrap
from .scoreboard import Report
from .toolchain import PID, RESULTS

#: Cycles of random stimulus where the design brings no input and the user names no number.
DEFAULT_CYCLES = 200_000
#: More than any design with an input of its own needs; it ends when its input has ended.
UNBOUNDED = 1 << 40
BENCHES = {
    NeuronParams: "fxlif.sim.bench_neuron",
    CoreParams: "fxlif.sim.bench_core",
    NetworkParams: "fxlif.sim.bench_network",
}
Progress = Callable[[str, int, int | None], None]


@dataclass(frozen=True, kw_only=True)
class Labelled:
    """Images as event streams, and what they show."""

    streams: list[event_files.Events]
    labels: np.ndarray

    def accuracy(self, counts: np.ndarray) -> float:
        """The share of images, in per cent, whose label is the neuron with the most spikes."""
        return 100.0 * float((counts.argmax(axis=1) == self.labels).mean())


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What came out; :attr:`reasons` is empty if and only if the design passed."""

    report: Report
    reasons: list[str]
    simulator: str
    seed: int
    folder: Path
    replay: str
    golden_accuracy: float | None = None
    hardware_accuracy: float | None = None


def load_images(source: ImageInput, folder: Path, n_inputs: int, n_outputs: int) -> Labelled:
    """The images of a design's input, encoded; errors name the file and the array."""
    path = folder / source.file
    try:
        with np.load(path, allow_pickle=False) as file:
            images, labels = file["images"], file["labels"]
    except KeyError as error:
        raise FxlifError(f"{path}: found no array {error}, allowed images and labels") from None
    except Exception as error:  # whatever numpy and zipfile make of a broken file
        raise FxlifError(f"{path}: not a readable .npz file ({error})") from None
    if len(images) == 0:
        raise FxlifError(f"{path}: found no images, allowed 1 or more")
    if images.ndim != 2 or images.shape[1] != n_inputs or labels.shape != images.shape[:1]:
        raise FxlifError(
            f"{path}: found images {images.shape} and labels {labels.shape}, "
            f"allowed (k, {n_inputs}) and (k,)"
        )
    if labels.dtype.kind not in "iu" or not ((labels >= 0) & (labels < n_outputs)).all():
        raise FxlifError(f"{path}: found labels that name no output, allowed 0..{n_outputs - 1}")
    try:
        streams = event_files.encode_images(images, source.steps, source.maximum)
    except FxlifError as error:
        raise FxlifError(f"{path}: {error}") from None
    return Labelled(streams=streams, labels=labels)


def golden_counts(network: NetworkParams, images: Labelled) -> np.ndarray:
    """Output spikes of each neuron for each image, (images, n_outputs), by the golden network."""
    golden = Network(network)
    n_outputs = network.graph.populations[-1].n
    counts = []
    for stream in images.streams:
        golden.reset()
        counts.append(event_files.to_counts(golden.stream(stream), n_outputs).sum(0))
    return np.array(counts)


def read_input(network: NetworkParams, folder: Path) -> tuple[list[int] | None, Labelled | None]:
    """The packed stimulus that a chain of cores brings, None where there is none; its images."""
    first, source = network.core[0], network.input
    if source is not None and not (folder / source.file).exists():
        raise FxlifError(f"{folder / source.file}: no such file, allowed: what input.file names")
    if isinstance(source, EventInput):
        path = folder / source.file
        stream = event_files.read(path)
        try:
            return event_files.pack(stream, first.in_address_bits).tolist(), None
        except FxlifError as error:
            raise FxlifError(f"{path}: {error}") from None
    if isinstance(source, ImageInput):
        images = load_images(source, folder, first.n_inputs, network.core[-1].n_neurons)
        payloads: list[int] = []
        for stream in images.streams:
            payloads += event_files.pack(stream, first.in_address_bits).tolist()
            payloads.append(RESET)
        return payloads, images
    return None, None


def doubts(results: toolchain.Results, report: Report | None) -> list[str]:
    """Why a run does not count as passed. An empty run, or one that saw nothing, did not."""
    reasons = []
    if results.passed + results.failed + results.skipped != 1:
        ran = results.passed + results.failed + results.skipped
        reasons.append(f"{ran} benches ran, 1 expected {results.message}".rstrip())
    if results.failed:
        reasons.append(f"the bench failed: {results.message}")
    if results.skipped:
        reasons.append("the bench was skipped")
    if report is None:
        return [*reasons, "the bench left no report"]
    if report.cycles == 0:
        reasons.append("no cycle was checked")
    if report.unchecked_cycles:
        reasons.append(f"nothing was compared in {report.unchecked_cycles} cycles")
    if report.spikes == 0:
        reasons.append("no neuron ever fired: such a run agrees with everything")
    if report.mismatches:
        reasons.append(f"{report.mismatches} mismatches")
    return reasons


def check(
    params: NeuronParams | CoreParams | NetworkParams,
    *,
    folder: Path,
    simulator: str = "verilator",
    cycles: int = DEFAULT_CYCLES,
    seed: int = 1,
    events: list[int] | None = None,
    waves: bool = False,
    edit: Callable[[str], str] = lambda verilog: verilog,
    progress: Progress = lambda what, done, total: None,
) -> tuple[toolchain.Results, Report | None]:
    """Generate, build and simulate; compare every cycle. ``folder`` receives logs and waves.

    ``edit`` changes the Verilog on its way to the simulator: that is how a planted fault is shown
    to be found.
    """
    params = supported(params)
    found = toolchain.find(simulator)
    progress("generating Verilog", 0, None)
    hardware = generate(params, trace=not isinstance(params, NeuronParams))
    interface = wrap(hardware)
    sources = {f"{hardware.name}.v": edit(hardware.verilog), "bench.v": interface.wrapper}
    progress(f"building with {found.name} {found.version}", 0, None)
    built = toolchain.build(found, sources, top=TOP, waves=waves)
    put_job(folder, Job(params=params, interface=interface, cycles=cycles, seed=seed,
                        events=events))  # fmt: skip
    total = cycles if events is None else None
    results = toolchain.run(
        found, built, top=TOP, module=BENCHES[type(params)], folder=folder, seed=seed,
        environment={FOLDER: str(folder)}, waves=waves,
        waiting=lambda: progress("simulating", get_progress(folder), total),
    )  # fmt: skip
    return results, get_report(folder)


def _working_folder(out: Path | None) -> Path:
    """The folder for logs and results, without what an earlier run left there."""
    if out is None:
        return Path(tempfile.mkdtemp(prefix="fxlif-")).resolve()
    try:
        out.mkdir(parents=True, exist_ok=True)
        for stale in (JOB, REPORT, PROGRESS, RESULTS, PID):
            (out / stale).unlink(missing_ok=True)
    except OSError as error:
        raise FxlifError(f"{out}: cannot be used as a folder ({error.strerror})") from None
    return out.resolve()


def verify(
    network: NetworkParams,
    design: Path,
    *,
    named: str = "",
    simulator: str = "verilator",
    cycles: int | None = None,
    seed: int = 1,
    waves: bool = False,
    out: Path | None = None,
    progress: Progress = lambda what, done, total: None,
) -> Verdict:
    """Check the hardware of the network in the file ``design`` against the golden models.

    ``named`` is how the user named the design, for the replay command. Without ``out`` the
    working folder is removed again, unless the check failed.
    """
    chain = chain_of(network)
    payloads, images = read_input(chain, design.parent)
    limit = cycles or (DEFAULT_CYCLES if payloads is None else UNBOUNDED)
    golden = None
    if images is not None:
        progress("golden model", 0, None)
        golden = images.accuracy(golden_counts(network, images))
    folder = _working_folder(out)
    try:
        results, report = check(
            chain, folder=folder, simulator=simulator, cycles=limit, seed=seed,
            events=payloads, waves=waves, progress=progress,
        )  # fmt: skip
    except BaseException:
        if out is None:
            shutil.rmtree(folder, ignore_errors=True)
        raise
    reasons = doubts(results, report)
    report = report or Report()
    hardware = None
    if images is not None and report.resets >= len(images.labels):
        hardware = images.accuracy(np.array(report.counts[: len(images.labels)]))
    if images is not None and cycles is None and hardware != golden:
        reasons.append(f"accuracy: golden model {golden}, hardware {hardware}")
    if out is None and not reasons:
        shutil.rmtree(folder, ignore_errors=True)
    first = report.first["cycle"] if report.first else 0
    command = ["fxlif", "verify", *([named] if named else []), "--simulator", simulator]
    command += ["--seed", str(seed), "--cycles", str(first + 20), "--waves", "--out", "replay"]
    return Verdict(
        report=report, reasons=reasons, simulator=simulator, seed=seed, folder=folder,
        replay=shlex.join(command), golden_accuracy=golden, hardware_accuracy=hardware,
    )  # fmt: skip
