"""From parameters to a simulation: Verilog and wrapper, build, bench, report."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Callable
from pathlib import Path

from ...files import cannot
from ...hdl.verilog import generate
from ...params.protocol import AnyParams
from ...progress import SILENT, Progress
from ..tools import simulators
from ..tools.sources import images
from .run import FOLDER, Job, get_progress, get_report, put_job
from .scoreboard import Report
from .wrapper import TOP, Interface, wrap

#: The cocotb module that benches every design.
BENCH = "fxlif.sim.bench.bench"


def wrapped(
    params: AnyParams,
    edit: Callable[[str], str] = lambda verilog: verilog,
) -> tuple[Interface, dict[str, str]]:
    """The interface of the hardware of ``params``, and its Verilog, wrapper and images included."""
    hardware = generate(params, trace=params.kind != "neuron")
    interface = wrap(hardware)
    sources = {"design.v": edit(hardware.verilog), "bench.v": interface.wrapper}
    return interface, {**sources, **hardware.image_texts}


def simulate(
    job: Job,
    simulator: simulators.Simulator,
    *,
    folder: Path,
    module: str | None = None,
    waves: bool = False,
    progress: Progress = SILENT,
) -> tuple[simulators.Results, Report | None]:
    """Build the sources of a job and run it. ``module``: its bench, if not that of its parameters.

    ``folder`` receives the job, the report, the stimulus that was shown, logs and waves.

    Raises:
        FxlifError: the build failed, or the folder cannot be written.
    """
    progress(f"building with {simulator.name} {simulator.version}", 0, None)
    built = simulators.build(simulator, job.sources, top=TOP, waves=waves)
    read = images(job.sources)
    try:
        put_job(folder, job)
        for name, text in read.items():
            (folder / name).write_text(text, encoding="utf-8")
    except OSError as error:
        raise cannot("written", folder, error) from None
    total = job.cycles if job.events is None else None
    results = simulators.run(
        simulator, built, top=TOP, module=module or BENCH, folder=folder,
        seed=job.seed, environment={FOLDER: str(folder)}, waves=waves,
        waiting=lambda: progress("simulating", get_progress(folder), total),
    )  # fmt: skip
    for name in read:
        (folder / name).unlink(missing_ok=True)
    report = get_report(folder)
    if report is None and shutil.disk_usage(folder).free == 0:
        raise cannot("written", folder, OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)))
    return results, report
