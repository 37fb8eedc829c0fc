"""``fxlif soak DESIGN --dut``: a core that fxlif did not make, millions of cycles a minute.

It is driven through the map of its ports in the Verilated library, by agents in C++ that react to
it, and held against the golden network by the rules of ``fxlif verify --dut``.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

from ....params.network import NetworkParams
from ....params.neuron import NeuronParams
from ....progress import SILENT, Progress
from ...bench.outcome import COMPARED, MAPPED
from ...dut.coverage import ForeignCoverage
from ...dut.map import load_map
from ...dut.run import TWO_STATES, not_checked, read_files
from ...dut.testbench import DutJob, dut_job
from ...failure.difference import Left
from ...report.findings import Findings
from ...tools.ports import read_sources
from ...tools.verilated import build
from ..run import Store, soak_segments
from ..segments import Segment, must_compile, parts_with
from .difference import leave_foreign
from .segments import ForeignTarget


def soak_dut(
    params: NeuronParams | NetworkParams,
    *,
    name: str,
    named: str = "",
    sources: Sequence[Path],
    top: str,
    mapping: Path,
    cycles: int,
    seed: int = 1,
    processes: int | None = None,
    cluster: str | None = None,
    state: Path | None = None,
    out: Path | None = None,
    coverage: ForeignCoverage | None = None,
    progress: Progress = SILENT,
) -> Findings:
    """Check the module ``top`` of the Verilog files ``sources`` against the rule ``params`` for at
    least ``cycles`` cycles of random stimulus.

    ``name`` is how the user named the design, ``mapping`` the map of the ports, ``coverage`` what
    counts what is seen, where all is run in this process; the rest is as in
    :func:`~fxlif.sim.soak.run.soak`.

    Raises:
        FxlifError: a file that cannot be read, Verilog that is not accepted, a map that does not
            fit; Verilator or numba is not installed; and as that.
    """
    dut_map = load_map(mapping)
    texts = read_sources(sources, mapping.parent)
    files = read_files(dut_map, mapping)
    progress("reading the ports", 0, None)
    job = dut_job(params, texts, top=top, dut_map=dut_map, map_file=str(mapping), two_state=True,
                  seed=seed)  # fmt: skip
    command = ["fxlif", "soak", named or name]
    for path in sources:
        command += ["--dut", str(path)]
    command += ["--top", top, "--map", str(mapping), "--seed", str(seed)]
    command += ["--cycles", str(cycles)]
    return soak_job(
        job, files, name=name, cycles=cycles, seed=seed, processes=processes, cluster=cluster,
        state=state, out=out, command=shlex.join(command), coverage=coverage, progress=progress,
    )  # fmt: skip


def soak_job(
    job: DutJob,
    files: Mapping[str, bytes],
    *,
    name: str,
    cycles: int,
    seed: int = 1,
    processes: int | None = None,
    cluster: str | None = None,
    state: Path | None = None,
    out: Path | None = None,
    command: str = "",
    coverage: ForeignCoverage | None = None,
    progress: Progress = SILENT,
) -> Findings:
    """The same of a job of two states (see :func:`~fxlif.sim.dut.testbench.dut_job`) and the
    ``files`` (name → content) that its Verilog reads. ``command`` shows what is found again."""

    def made(store: Store) -> ForeignTarget:
        must_compile()
        # All that decides what is checked, and stands in no file of the library.
        map_and_files = job.dut_map.model_dump_json() + _digest(files)
        store.generated({**job.sources, "map": map_and_files})
        progress("building a library with Verilator", 0, None)
        return ForeignTarget(
            job=job, library=build(job.sources), files=dict(files), coverage=coverage
        )

    def left(target: ForeignTarget, segment: Segment) -> Left:
        folder = out or Path(f"fxlif-failure-{name}-{seed}")
        return leave_foreign(
            target, seed, segment, parts_with(target, cycles)[1][segment.number], folder, name=name,
            command=command, progress=progress,
        )  # fmt: skip

    found = soak_segments(
        job.params, made, left, name=name, cycles=cycles, seed=seed, processes=processes,
        cluster=cluster, state=state, progress=progress,
    )  # fmt: skip
    checks = [replace(c, name=MAPPED) if c.name == COMPARED else c for c in found.checks]
    checks += [*not_checked(job), TWO_STATES]
    return replace(found, command="soak --dut", checks=tuple(checks))


def _digest(files: Mapping[str, bytes]) -> str:
    """Stands for the names and contents of some files."""
    return " ".join(f"{name} {sha256(content).hexdigest()}" for name, content in files.items())
