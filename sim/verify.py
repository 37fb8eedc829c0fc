"""The whole way for one design: Verilog, build, simulation, comparison, verdict."""

from __future__ import annotations

import shlex
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from ..batch.labelled import Labelled, output_spikes, read_labelled
from ..errors import FxlifError
from ..hdl.limits import supported
from ..layout import HardwareNetwork
from ..network import events as event_files
from ..params.design import outline
from ..params.network import EventInput, NetworkParams
from ..params.neuron import NeuronParams
from ..params.protocol import AnyParams
from ..params.sources import EventSource
from ..progress import SILENT, Progress
from .bench.agents import RESET_MARK
from .bench.netlist import after_synthesis
from .bench.outcome import FIRED, answer, checks_of, figures, fired
from .bench.run import Job, clear, working_folder
from .bench.scoreboard import Counts, Report
from .bench.simulation import simulate, wrapped
from .failure.folder import leave_run
from .report.findings import Check, Findings, versions
from .soak.phase import Phase, not_run, run_phase, why_not
from .soak.segments import BULK_CYCLES
from .tools import simulators

#: Cycles of random stimulus where the design brings no input and the user names no number.
DEFAULT_CYCLES = 200_000
#: Cycles of the bulk phase after synthesis, whose cells are slow to simulate.
NETLIST_BULK = 10**6
#: More than any design with an input of its own needs; it ends when its input has ended.
UNBOUNDED = 1 << 40


def read_input(
    design: NetworkParams | HardwareNetwork, folder: Path
) -> tuple[list[int] | None, Labelled | None]:
    """The packed stimulus that a network brings, None where there is none; its samples."""
    source, bits = design.golden.input, design.in_address_bits
    if source is not None and not (folder / source.file).exists():
        raise FxlifError(
            f"{folder / source.file}: no such file (input.file)",
            key="input.file",
            value=source.file,
        )
    if isinstance(source, EventInput):
        path = folder / source.file
        stream = event_files.read(path)
        try:
            return event_files.pack(stream, bits).tolist(), None
        except FxlifError as error:
            raise error.inside(path) from None
    if source is None:
        return None, None
    (events,) = (s for s in design.golden.graph.sources if isinstance(s, EventSource))
    labelled = read_labelled(
        source, folder, design.n_inputs, design.n_outputs, events.max_events_per_input
    )
    payloads: list[int] = []
    for stream in labelled.streams:
        payloads += event_files.pack(stream, bits).tolist()
        payloads.append(RESET_MARK)
    return payloads, labelled


def check(
    params: AnyParams,
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
    bulk: int | None = None,
    until_covered: bool = False,
    waivers: Path | None = None,
    netlist: str | None = None,
    progress: Progress = SILENT,
) -> Findings:
    """Check the hardware of what the file ``design`` describes against the golden models: under
    cocotb, and then in ``bulk``, so many cycles of random stimulus in the Verilated library.

    ``named`` is how the user named the design, for the replay command. Without ``out`` the
    working folder is removed again, unless the check failed in a way that no replay shows. A
    difference leaves a failure folder (see :mod:`fxlif.sim.failure.folder`): ``out``, or
    ``fxlif-failure-<design>-<seed>`` in the current folder. ``bulk``: 0 leaves this phase out, None
    means :data:`~fxlif.sim.soak.segments.BULK_CYCLES`, after synthesis :data:`NETLIST_BULK`. Where
    nothing can be compiled for it, a check says that it was not run, and why. ``until_covered``:
    where all went well, go on with random stimulus until every reachable bin was hit, but for those
    that the file ``waivers`` names (:mod:`fxlif.sim.coverage.until_covered`,
    :mod:`fxlif.sim.coverage.waivers`).
    ``netlist``: after synthesis for the device of this name (:mod:`fxlif.sim.bench.netlist`).
    """
    name = design.stem if isinstance(network, NeuronParams) else network.name
    # Refused before anything is simulated.
    params = supported(network)
    if until_covered:
        from .coverage.coverage import Coverage

        Coverage(network, counts=False)
    waived: dict[tuple[str, str], str] = {}
    if waivers is not None:
        from .coverage.coverage import Coverage
        from .coverage.waivers import read_waivers

        if not until_covered:
            raise FxlifError.must_be("waivers", "given with until_covered alone", str(waivers))
        waived = read_waivers(waivers, [(b.group, b.name) for b in Coverage(network).bins])
    edit: dict[str, Callable[[str], str]] = {}
    if netlist:
        edit = {"edit": after_synthesis(params, netlist, progress)}
    payloads, labelled = None, None
    if isinstance(params, NetworkParams | HardwareNetwork):
        payloads, labelled = read_input(params, design.parent)
    limit = cycles or (DEFAULT_CYCLES if payloads is None else UNBOUNDED)
    golden = None
    if labelled is not None and isinstance(network, NetworkParams):
        progress("golden model", 0, None)
        golden = _per_cent(labelled, output_spikes(network, labelled).sum(axis=0))
    length = (NETLIST_BULK if netlist else BULK_CYCLES) if bulk is None else bulk
    target = out or Path(f"fxlif-failure-{name}-{seed}")
    folder, phase = working_folder(out), Phase()
    try:
        results, report = check(
            params, folder=folder, simulator=simulator, cycles=limit, seed=seed,
            events=payloads, waves=waves, **edit, progress=progress,
        )  # fmt: skip
        checks = checks_of(results, report, neuron=params.kind == "neuron")
        if length:
            phase = _in_bulk(
                network, folder, checks, name=name, cycles=length, seed=seed, out=target, **edit,
                progress=progress,
            )  # fmt: skip
    except BaseException:
        if out is None:
            shutil.rmtree(folder, ignore_errors=True)
        raise
    seen = report or Report()
    if payloads is None and phase.counts.cycles:  # both phases are random
        both = Counts()
        both.add(seen)
        both.add(phase.counts)
        checks = [fired(both) if each.name == FIRED else each for each in checks]
    hardware = None
    if labelled is not None and seen.resets >= len(labelled.labels):
        hardware = _per_cent(labelled, np.array(seen.counts[: len(labelled.labels)]))
    counted = figures(seen, simulator)
    if netlist:
        counted = {"netlist": netlist, **counted}
    for model, accuracy in (("golden model", golden), ("hardware", hardware)):
        if accuracy is not None:
            counted[f"accuracy, {model}"] = f"{accuracy:.2f} %"
    checks.append(_accuracy(golden, hardware, whole=cycles is None))
    counted |= phase.figures
    found = Findings(
        command="verify", design=name, digest=params.digest(), seed=seed,
        checks=(*checks, *phase.checks), figures=counted, first=seen.first or phase.left.first,
        folder=phase.left.folder, parameters=outline(params),
        coverage=phase.coverage.bins if phase.coverage else (),
        versions=versions(simulators.find(simulator)),
    )  # fmt: skip
    command = ["fxlif", "verify", *([named] if named else []), "--simulator", simulator]
    command += ["--seed", str(seed), *([] if cycles is None else ["--cycles", str(cycles)])]
    command += ["--netlist", netlist] if netlist else []
    command += [] if length else ["--quick"]
    if phase.left.replay:
        command = shlex.split(phase.left.replay)
    if seen.first is not None:
        try:
            failure = leave_run(
                target, folder, seen, name=name, simulator=simulator, reasons=found.reasons,
                progress=progress,
            )  # fmt: skip
            command = ["fxlif", "replay", str(failure)]
            found = replace(found, folder=str(failure))
        except FxlifError as error:  # what was found must be told all the same
            missing = Check(name="failure folder", outcome="failed", detail=str(error))
            found = replace(found, checks=(*found.checks, missing))
    if out is None and (found.folder or found.passed):
        shutil.rmtree(folder, ignore_errors=True)
    elif not found.passed and not found.folder:
        found = replace(found, folder=str(folder))
    clear(folder)
    if until_covered:
        if found.first is None:
            command += ["--until-covered", *(["--waivers", str(waivers)] if waivers else [])]
        more = _until_covered(
            network, found, phase, name=name, seed=seed, out=out, waivers=waived, progress=progress
        )
        if more.replay:
            command = shlex.split(more.replay)
            found = replace(found, folder=more.folder, first=more.first)
        found = replace(
            found, checks=(*found.checks, *more.checks), figures=counted | more.figures,
            coverage=more.coverage or found.coverage,
        )  # fmt: skip
    return replace(found, replay=shlex.join(command))


def _in_bulk(params: AnyParams, folder: Path, checks: Sequence[Check], **how: Any) -> Phase:
    """The bulk phase after a bench that ran in ``folder`` and answered ``checks``; ``how`` as in
    :func:`~fxlif.sim.soak.phase.run_phase`."""
    # That nothing fired yet is what a longer run may mend.
    if any(
        each.outcome == "failed" or each.outcome == "unknown"
        for each in checks
        if each.name != FIRED
    ):
        return not_run("the simulation before it failed")
    why = why_not()
    return not_run(why) if why else run_phase(params, folder, **how)


def _until_covered(
    params: AnyParams,
    before: Findings,
    phase: Phase,
    *,
    name: str,
    seed: int,
    out: Path | None,
    waivers: Mapping[tuple[str, str], str],
    progress: Progress,
) -> Findings:
    """What random stimulus until full coverage finds; nothing where something failed before."""
    from .coverage.until_covered import COVERED, cover

    if before.passed:
        return cover(
            params, name=name, seed=seed, segment=phase.segments, before=phase.coverage, out=out,
            waivers=waivers, progress=progress,
        )  # fmt: skip
    why = "not asked, since the verification failed before"
    unasked = Check(name=COVERED, outcome="unknown", detail=why)
    return Findings(command="cover", design=name, digest=params.digest(), checks=(unasked,))


def _per_cent(labelled: Labelled, counts: np.ndarray) -> float:
    """The accuracy of so many output spikes, (samples, n), in per cent."""
    return 100.0 * labelled.right(counts) / len(labelled.labels)


def _accuracy(golden: float | None, hardware: float | None, *, whole: bool) -> Check:
    """Whether the hardware classifies as the golden model does, if the ``whole`` input was run."""
    name = "accuracy on the labelled samples"
    if golden is None:
        return Check(
            name=name, outcome="not_applicable", detail="the design brings no labelled samples"
        )
    if not whole:
        return Check(name=name, outcome="not_applicable", detail="--cycles cuts the samples short")
    wrong = [f"golden model {golden}, hardware {hardware}"] if golden != hardware else []
    return answer(name, wrong, f"{golden:.2f} %, golden model and hardware")
