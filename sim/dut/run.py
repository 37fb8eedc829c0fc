"""Any core against the golden model: Verilog that fxlif did not make, and a map of its ports.

:func:`verify_dut` is ``fxlif verify DESIGN --dut FILE.v --top NAME --map MAP.toml``;
:func:`check_dut` does the same to a job, which :func:`~fxlif.sim.dut.testbench.dut_job` makes of
Verilog text. For a cocotb test of one's own, without wrapper and
map, see :mod:`fxlif.sim.dut.check`.
"""

from __future__ import annotations

import shlex
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from ...errors import FxlifError
from ...params.design import outline
from ...params.network import NetworkParams
from ...params.neuron import NeuronParams
from ...progress import SILENT, Progress
from ..bench.outcome import failure_reasons, figures
from ..bench.run import STIMULUS, clear, working_folder
from ..bench.scoreboard import Report
from ..bench.simulation import simulate
from ..report.difference import Difference
from ..report.findings import Check, Findings, Outcome, share_hit, versions
from ..tools import simulators
from ..tools.ports import read_sources
from ..tools.simulators import LOG, WAVES, Results
from ..tools.words import from_bytes
from ..verify import DEFAULT_CYCLES
from .complaints import complaints
from .coverage import coverage_of
from .failure import leave_dut
from .map import DutMap, load_map
from .testbench import DutJob, dut_job

BENCH = "fxlif.sim.dut.bench"
#: What Verilator does not show.
TWO_STATES = Check(
    name="x and z", outcome="not_applicable",
    detail="not simulated: --simulator icarus of verify --dut shows them",
)  # fmt: skip


def check_dut(
    job: DutJob,
    *,
    folder: Path,
    files: Mapping[str, bytes] | None = None,
    simulator: str = "verilator",
    waves: bool = False,
    progress: Progress = SILENT,
) -> tuple[Results, Report | None]:
    """Simulate the module of a job in its wrapper, and compare it with the golden model.

    ``folder`` receives logs, waves and ``files`` (name → content), which the Verilog reads.

    Returns:
        What the simulator said and what the bench saw; :func:`dut_failure_reasons` judges both.
    """
    found = simulators.find(simulator)
    for name, content in (files or {}).items():
        (folder / name).write_bytes(content)
    results, report = simulate(
        job, found, folder=folder, module=BENCH, waves=waves, progress=progress
    )
    return replace(results, complaints=complaints(folder / LOG)), report


def dut_failure_reasons(results: Results, report: Report | None) -> list[str]:
    """Why a run does not count as passed, a line each; empty if and only if it does."""
    if report is None:
        return [*results.complaints, *failure_reasons(results, None)]
    # Before the first reset, and where the map says so, no output means anything.
    reasons = failure_reasons(
        results, replace(report, unchecked_cycles=report.unchecked_cycles - report.excused)
    )
    if report.steps == 0:
        reasons.append("no step was taken")
    if report.comparisons == 0:
        reasons.append("nothing was compared")
    return [*results.complaints, *reasons, *report.problems]


def verify_dut(
    params: NeuronParams | NetworkParams,
    *,
    name: str,
    named: str = "",
    sources: Sequence[Path],
    top: str,
    mapping: Path,
    simulator: str = "verilator",
    cycles: int | None = None,
    seed: int = 1,
    events: list[int] | None = None,
    waves: bool = False,
    out: Path | None = None,
    progress: Progress = SILENT,
) -> Findings:
    """Check the module ``top`` of the Verilog files ``sources`` against the rule ``params``.

    ``name`` is how the user named the design, ``mapping`` the map of the ports, ``events`` a core's
    packed stimulus where it is not to be random. Without ``out`` the working folder is removed
    again, unless the check failed.

    Raises:
        FxlifError: a file that cannot be read, Verilog that is not accepted, a map that does not
            fit; one line per mistake.
    """
    dut_map = load_map(mapping)
    texts = read_sources(sources, mapping.parent)
    files = read_files(dut_map, mapping)
    limit = cycles or (DEFAULT_CYCLES if events is None else 1 << 40)
    progress("reading the ports", 0, None)
    job = dut_job(params, texts, top=top, dut_map=dut_map, map_file=str(mapping), cycles=limit,
                  seed=seed, events=events)  # fmt: skip
    folder = working_folder(out)
    try:
        results, report = check_dut(
            job, folder=folder, files=files, simulator=simulator, waves=waves, progress=progress
        )
    except BaseException:
        if out is None:
            shutil.rmtree(folder, ignore_errors=True)
        raise
    reasons = dut_failure_reasons(results, report)
    seen = report or Report()
    short = seen.first.cycle + 20 if seen.first else limit
    command = ["fxlif", "verify", named or name]
    for path in sources:
        command += ["--dut", str(path)]
    command += ["--top", top, "--map", str(mapping), "--simulator", simulator]
    command += ["--seed", str(seed), "--cycles", str(short), "--waves", "--out", "replay"]
    kept, again = "", shlex.join(command)
    if reasons:
        kept, again = _leave(
            out or Path(f"fxlif-failure-{name}-{seed}"), folder, job, files, simulator, name,
            reasons, told(seen.first), again, progress,
            whole=report is not None and not (seen.first or results.complaints),
        )  # fmt: skip
    clear(folder)
    if out is None and kept != str(folder):
        shutil.rmtree(folder, ignore_errors=True)
    checks = [Check(name="the run", outcome="failed" if reasons else "passed",
                    detail="\n".join(reasons), seconds=seen.seconds)]  # fmt: skip
    checks += _checks(seen, job)
    if simulator == "verilator":
        checks.append(TWO_STATES)
    counted = coverage_of(params, dut_map)
    if isinstance(counted, str):
        checks.append(Check(name="coverage", outcome="not_applicable", detail=counted))
    counts = figures(seen, simulator)
    coverage = tuple(seen.bins)
    if coverage:
        counts["coverage"] = share_hit(coverage)
    return Findings(
        command="verify --dut", design=name, digest=params.digest(), checks=tuple(checks),
        figures=counts, seed=seed, coverage=coverage, replay=again,
        folder=kept, first=told(seen.first), parameters=outline(params),
        versions=versions(simulators.find(simulator)),
    )  # fmt: skip


def _leave(
    folder: Path, run: Path, job: DutJob, files: Mapping[str, bytes], simulator: str, name: str,
    reasons: list[str], first: Difference | None, command: str, progress: Progress, *, whole: bool,
) -> tuple[str, str]:  # fmt: skip
    """Leave what the simulator wrote in the folder ``run`` in the failure folder ``folder``, with
    all that it takes to see it again. Returns the folder and the command that shows it; where it
    cannot be written, ``run`` and the command of the check itself, ``command``."""
    logs = [run / file for file in (LOG, *WAVES) if (run / file).exists()]
    noted = run / STIMULUS
    words = from_bytes(noted.read_bytes(), job.interface.stimulus_bits) if noted.exists() else []
    try:
        leave_dut(
            folder, replace(job, words=words), files, simulators.find(simulator), name=name,
            reasons=reasons, first=first, command=command, progress=progress, whole=whole,
            logs=[] if run == folder.resolve() else logs,
        )  # fmt: skip
    except FxlifError:
        return str(run), command
    return str(folder), shlex.join(["fxlif", "replay", str(folder)])


def read_files(dut_map: DutMap, mapping: Path) -> dict[str, bytes]:
    """Name → content of the files beside the map that the Verilog reads."""
    found = {}
    for k, name in enumerate(dut_map.files):
        path = mapping.parent / name
        try:
            found[path.name] = path.read_bytes()
        except OSError as error:
            raise FxlifError.must_be(
                f"{mapping}: files[{k}]", "a file beside the map", name,
                found=f"{name!r} ({error.strerror})",
            ) from None  # fmt: skip
    return found


def _checks(report: Report, job: DutJob) -> Iterator[Check]:
    """What was compared, signal by signal; what was not, and why."""
    tallies: dict[str, list[int]] = {}
    for name, (count, wrong) in report.signals.items():
        tally = tallies.setdefault(name.removesuffix(".unknown"), [0, 0])
        tally[0] += count
        tally[1] += wrong
    for signal, (count, wrong) in tallies.items():
        port = job.interface.shown_by.get(signal, signal)
        detail = f"port {port}: {count:,} comparisons"
        if wrong:
            detail = _difference(report, signal, port) or f"port {port}: {wrong:,} mismatches"
        elif not count:
            detail = f"port {port}: never compared"
        outcome: Outcome = "failed" if wrong else "passed" if count else "unknown"
        yield Check(name=signal, outcome=outcome, detail=detail)
    yield from not_checked(job)


def not_checked(
    job: DutJob, *, port: str = "not compared", input: str = "not in the stimulus"
) -> Iterator[Check]:
    """What nothing is said of: a ``port`` that the map does not name, an ``input`` that it keeps
    from the core."""
    left = dict.fromkeys(job.interface.not_compared, f"{port}: the map has no port")
    for key in ("unknown_addresses", "broken_promise"):
        if job.dut_map.core is not None and not getattr(job.dut_map.core, key):
            left[key] = f"{input}: the map says so"
    if job.dut_map.neuron is not None and job.dut_map.neuron.unsigned:
        left["negative currents"] = f"{input}: the map says so"
    for name, detail in left.items():
        yield Check(name=name, outcome="not_applicable", detail=detail)


def _difference(report: Report, signal: str, port: str) -> str:
    """The first difference in one line, if it is this signal's."""
    first = report.first
    if first is None or first.signal.removesuffix(".unknown") != signal:
        return ""
    where = f"port {port}: cycle {first.cycle}: "
    if first.signal.endswith(".unknown"):
        return f"{where}observed x or z"
    return f"{where}expected {first.expected}, observed {first.observed}"


def told(first: Difference | None) -> Difference | None:
    """A first difference without the flags of unknown bits that are never set, for people."""
    if first is None:
        return None
    history = {
        name: values for name, values in first.history.items()
        if not name.endswith(".unknown") or any(values)
    }  # fmt: skip
    return replace(first, history=history)
