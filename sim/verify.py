"""The whole way for one design: Verilog, build, simulation, comparison, verdict."""

from __future__ import annotations

import shlex
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..errors import FxlifError
from ..hdl.limits import supported
from ..network import events as event_files
from ..network.model import Network
from ..params.core import CoreParams
from ..params.network import EventInput, ImageInput, NetworkParams
from ..params.neuron import NeuronParams
from ..progress import SILENT, Progress
from .bench.agents import RESET
from .bench.run import JOB, PROGRESS, REPORT, STIMULUS, Job
from .bench.scoreboard import Report
from .bench.simulation import simulate, wrapped
from .failure.folder import leave_run
from .report.findings import Check, Findings
from .tools import simulators
from .tools.simulators import PID, RESULTS

#: Cycles of random stimulus where the design brings no input and the user names no number.
DEFAULT_CYCLES = 200_000
#: More than any design with an input of its own needs; it ends when its input has ended.
UNBOUNDED = 1 << 40
#: What a bench and its parent tell each other: of no use once it is over.
PASSING = (JOB, PROGRESS, PID, STIMULUS)


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
    """What came out; :attr:`reasons` is empty if and only if the design passed.

    ``findings`` say the same, check by check. ``folder`` holds logs and report, unless they were
    removed; ``failure`` is the failure folder that a difference left. ``replay`` is the command
    that shows the failure again, or repeats the run where there is none to show.
    """

    report: Report
    reasons: list[str]
    findings: Findings
    simulator: str
    seed: int
    folder: Path
    replay: str
    failure: Path | None = None
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


def _doubts_of_run(results: simulators.Results, report: Report | None) -> list[str]:
    reasons = []
    if results.passed + results.failed + results.skipped != 1:
        ran = results.passed + results.failed + results.skipped
        reasons.append(f"{ran} benches ran, 1 expected {results.message}".rstrip())
    if results.failed:
        first_line = results.message.partition("\n")[0]
        reasons.append(f"the bench failed: {first_line}")
    if results.skipped:
        reasons.append("the bench was skipped")
    if report is None:
        return [*reasons, "the bench left no report"]
    if report.cycles == 0:
        reasons.append("no cycle was checked")
    return reasons


def _doubts_of_cycles(report: Report) -> list[str]:
    reasons = []
    if report.unchecked_cycles:
        reasons.append(f"nothing was compared in {report.unchecked_cycles} cycles")
    if report.mismatches:
        reasons.append(f"{report.mismatches} mismatches")
    return reasons


def _doubts_of_spikes(report: Report) -> list[str]:
    silent = "no neuron ever fired: such a run agrees with everything"
    return [] if report.spikes else [silent]


def doubts(results: simulators.Results, report: Report | None) -> list[str]:
    """Why a run does not count as passed. An empty run, or one that saw nothing, did not."""
    reasons = _doubts_of_run(results, report)
    if report is None:
        return reasons
    return [*reasons, *_doubts_of_spikes(report), *_doubts_of_cycles(report)]


def _answer(name: str, reasons: list[str], shown: str, seconds: float = 0.0) -> Check:
    return Check(
        name=name, outcome="failed" if reasons else "passed", seconds=seconds,
        detail="\n".join(reasons) or shown,
    )  # fmt: skip


def checks_of(
    results: simulators.Results, report: Report | None, *, neuron: bool, accuracy: Check
) -> tuple[Check, ...]:
    """The questions that one run answers; all of them passed if and only if there are no
    :func:`doubts` and ``accuracy`` is not failed."""
    ran = _answer("the bench ran, once and to its end", _doubts_of_run(results, report), "")
    names = (
        "every output and state in every cycle",
        "events out equal those of the golden network",
        "some neuron fired",
    )
    if report is None:
        gone = "the bench left no report"
        return (ran, *(Check(name=name, outcome="unknown", detail=gone) for name in names))
    first = report.first
    where = f"first in cycle {first['cycle']}, signal {first['signal']}" if first else ""
    cycles = _answer(
        names[0], [f"{line} {where}".rstrip() for line in _doubts_of_cycles(report)],
        f"{report.cycles:,} cycles, {report.comparisons:,} comparisons", report.seconds,
    )  # fmt: skip
    wrong = [f"{report.golden_mismatches} mismatches"] if report.golden_mismatches else []
    stream = _answer(names[1], wrong, f"{report.events_out:,} events")
    if neuron:
        stream = Check(
            name=names[1], outcome="not_applicable", detail="a single neuron has no events"
        )
    fired = _answer(names[2], _doubts_of_spikes(report), f"{report.spikes:,} spikes")
    return ran, cycles, stream, fired, accuracy


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
    progress: Progress = SILENT,
) -> tuple[simulators.Results, Report | None]:
    """Generate, build and simulate; compare every cycle. ``folder`` receives logs and waves.

    ``edit`` changes the Verilog on its way to the simulator: that is how a planted fault is shown
    to be found.
    """
    params = supported(params)
    found = simulators.find(simulator)
    progress("generating Verilog", 0, None)
    interface, sources = wrapped(params, edit)
    job = Job(params=params, interface=interface, cycles=cycles, seed=seed, events=events,
              sources=sources)  # fmt: skip
    return simulate(job, found, folder=folder, waves=waves, progress=progress)


def _working_folder(out: Path | None) -> Path:
    """The folder for logs and results, without what an earlier run left there."""
    if out is None:
        return Path(tempfile.mkdtemp(prefix="fxlif-")).resolve()
    try:
        out.mkdir(parents=True, exist_ok=True)
        for stale in (REPORT, RESULTS, *PASSING):
            (out / stale).unlink(missing_ok=True)
    except OSError as error:
        raise FxlifError(f"{out}: cannot be used as a folder ({error.strerror})") from None
    return out.resolve()


def verify(
    network: NetworkParams | NeuronParams,
    design: Path,
    *,
    named: str = "",
    simulator: str = "verilator",
    cycles: int | None = None,
    seed: int = 1,
    waves: bool = False,
    out: Path | None = None,
    until_covered: bool = False,
    progress: Progress = SILENT,
) -> Verdict:
    """Check the hardware of what the file ``design`` describes against the golden models.

    ``named`` is how the user named the design, for the replay command. Without ``out`` the
    working folder is removed again, unless the check failed in a way that no replay shows. A
    difference leaves a failure folder (see :mod:`fxlif.sim.failure.folder`): ``out``, or
    ``fxlif-failure-<design>-<seed>`` in the current folder. ``until_covered``: where all went well,
    go on with random stimulus until every reachable bin was hit (:mod:`fxlif.sim.coverage.run`).
    """
    neuron = isinstance(network, NeuronParams)
    name = design.stem if isinstance(network, NeuronParams) else network.name
    params = supported(network)
    payloads, images = None, None
    if isinstance(params, NetworkParams):
        payloads, images = read_input(params, design.parent)
    limit = cycles or (DEFAULT_CYCLES if payloads is None else UNBOUNDED)
    golden = None
    if images is not None and isinstance(network, NetworkParams):
        progress("golden model", 0, None)
        golden = images.accuracy(golden_counts(network, images))
    folder = _working_folder(out)
    try:
        results, report = check(
            params, folder=folder, simulator=simulator, cycles=limit, seed=seed,
            events=payloads, waves=waves, progress=progress,
        )  # fmt: skip
    except BaseException:
        if out is None:
            shutil.rmtree(folder, ignore_errors=True)
        raise
    reasons = doubts(results, report)
    seen = report or Report()
    hardware = None
    if images is not None and seen.resets >= len(images.labels):
        hardware = images.accuracy(np.array(seen.counts[: len(images.labels)]))
    accuracy = _accuracy(golden, hardware, whole=cycles is None)
    if accuracy.outcome == "failed":
        reasons.append(f"accuracy: {accuracy.detail}")
    command = ["fxlif", "verify", *([named] if named else []), "--simulator", simulator]
    command += ["--seed", str(seed), *([] if cycles is None else ["--cycles", str(cycles)])]
    failure = None
    if seen.first is not None:
        try:
            failure = leave_run(
                out or Path(f"fxlif-failure-{name}-{seed}"), folder, seen, name=name,
                simulator=simulator, reasons=reasons, progress=progress,
            )  # fmt: skip
            command = ["fxlif", "replay", str(failure)]
        except FxlifError as error:  # what was found must be told all the same
            reasons.append(f"no failure folder: {error}")
    unwell, more = bool(reasons), None
    if until_covered:
        command += ["--until-covered"] if failure is None else []
        more = _until_covered(params, reasons, name=name, seed=seed, out=out, progress=progress)
        reasons += more.reasons
        if more.replay:
            command = shlex.split(more.replay)
            failure = Path(command[-1])
    if out is None and (failure is not None or not unwell):
        shutil.rmtree(folder, ignore_errors=True)
    for passing in PASSING:
        (folder / passing).unlink(missing_ok=True)
    replay = shlex.join(command)
    findings = Findings(
        command="verify", design=name, digest=params.digest(), seed=seed, replay=replay,
        checks=(*checks_of(results, report, neuron=neuron, accuracy=accuracy),
                *(more.checks if more else ())),
        figures=figures(seen, golden, hardware, simulator) | (more.figures if more else {}),
        coverage=more.coverage if more else (),
    )  # fmt: skip
    return Verdict(
        report=seen, reasons=reasons, findings=findings, simulator=simulator, seed=seed,
        folder=folder, replay=replay, failure=failure, golden_accuracy=golden,
        hardware_accuracy=hardware,
    )  # fmt: skip


def _until_covered(
    params: NeuronParams | CoreParams | NetworkParams,
    reasons: list[str],
    *,
    name: str,
    seed: int,
    out: Path | None,
    progress: Progress,
) -> Findings:
    """What random stimulus until full coverage finds; nothing where something failed before."""
    from .coverage.run import COVERED, cover

    if not reasons:
        return cover(params, name=name, seed=seed, out=out, progress=progress)
    why = "not asked, since the verification failed before"
    unasked = Check(name=COVERED, outcome="unknown", detail=why)
    return Findings(command="cover", design=name, digest=params.digest(), checks=(unasked,))


def _accuracy(golden: float | None, hardware: float | None, *, whole: bool) -> Check:
    """Whether the hardware classifies as the golden model does, if the ``whole`` input was run."""
    name = "accuracy on the labelled images"
    if golden is None:
        return Check(
            name=name, outcome="not_applicable", detail="the design brings no labelled images"
        )
    if not whole:
        return Check(name=name, outcome="not_applicable", detail="--cycles cuts the images short")
    wrong = [f"golden model {golden}, hardware {hardware}"] if golden != hardware else []
    return _answer(name, wrong, f"{golden:.2f} %, golden model and hardware")


def figures(
    report: Report, golden: float | None, hardware: float | None, simulator: str
) -> dict[str, int | float | str]:
    """What a run counted, in the order in which it is shown."""
    rows: dict[str, int | float | str] = {
        "cycles checked": report.cycles, "steps": report.steps, "events in": report.events_in,
        "events out": report.events_out, "spikes": report.spikes, "resets": report.resets,
        "comparisons": report.comparisons, "mismatches": report.mismatches,
    }  # fmt: skip
    for model, accuracy in (("golden model", golden), ("hardware", hardware)):
        if accuracy is not None:
            rows[f"accuracy, {model}"] = f"{accuracy:.2f} %"
    rate = report.cycles / report.seconds if report.seconds else 0.0
    return {**rows, "cycles per second": round(rate), "simulator": simulator}
