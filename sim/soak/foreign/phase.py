"""``fxlif verify --dut``: the simulation under cocotb, and behind it the bulk phase."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from ....errors import FxlifError
from ....params.network import NetworkParams
from ....params.neuron import NeuronParams
from ....progress import SILENT, Progress
from ...bench.outcome import MAPPED
from ...bench.scoreboard import Counts
from ...dut.coverage import coverage_of
from ...dut.map import load_map
from ...dut.run import verify_dut
from ...report.findings import Check, Findings, share_hit
from ..phase import why_not
from ..segments import BULK_CYCLES
from .run import soak_dut

NAME = f"{MAPPED}, in bulk"
#: Which figures of a soak are shown under which name.
RATE = "checked cycles per second and core"
SHOWN = {name: name for name in ("cycles checked", *Counts().figures, "never fired")}
SHOWN |= {RATE: "cycles per second", "lengths from the Verilog": "lengths from the Verilog"}


def verify_foreign(
    params: NeuronParams | NetworkParams,
    *,
    bulk: int = BULK_CYCLES,
    out: Path | None = None,
    seed: int = 1,
    simulator: str = "verilator",
    cycles: int | None = None,
    waves: bool = False,
    progress: Progress = SILENT,
    **core: Any,
) -> Findings:
    """What :func:`~fxlif.sim.dut.run.verify_dut` finds and then, in the ``bulk`` phase of so many
    cycles, :func:`~fxlif.sim.soak.foreign.run.soak_dut`; ``core`` as both take it.

    The bulk phase is left out where the simulation failed, or where the core cannot be run in bulk:
    a check says so, and why. The coverage is that of both.

    Raises:
        FxlifError: as :func:`~fxlif.sim.dut.run.verify_dut`.
    """
    found = verify_dut(
        params, simulator=simulator, cycles=cycles, seed=seed, waves=waves, out=out,
        progress=progress, **core,
    )  # fmt: skip
    if not bulk:
        return found
    why = why_not() if found.passed else "the simulation before it failed"
    soaked = coverage = None
    if found.coverage:
        hits = {(each.group, each.name): each.count for each in found.coverage}
        counted = coverage_of(params, load_map(core["mapping"]), hits)
        coverage = None if isinstance(counted, str) else counted
    if not why:
        try:
            soaked = soak_dut(
                params, cycles=bulk, seed=seed, processes=1, out=out, coverage=coverage,
                progress=progress, **core,
            )  # fmt: skip
        except FxlifError as error:  # the simulation, of whatever simulator, has passed
            why = str(error)
    if soaked is None:
        left_out = Check(name=NAME, outcome="not_applicable", detail=f"not run: {why}")
        return replace(found, checks=(*found.checks, left_out))
    if coverage is not None:
        figures = {**found.figures, "coverage": share_hit(coverage.bins)}
        found = replace(found, coverage=coverage.bins, figures=figures)
    return _joined(found, soaked)


def _joined(found: Findings, soaked: Findings) -> Findings:
    """Both as one, with the coverage of ``found``; what the bulk phase left to look at is that of
    both."""
    told = {each.name for each in found.checks if each.outcome == "not_applicable"}
    checks: list[Check] = [
        replace(each, name=f"{each.name}, in bulk")
        for each in soaked.checks
        if each.outcome != "not_applicable" or each.name not in told
    ]
    figures = {
        f"in bulk: {shown}": soaked.figures[name]
        for name, shown in SHOWN.items()
        if name in soaked.figures
    }
    joined = replace(
        found, checks=(*found.checks, *checks), figures={**found.figures, **figures},
    )  # fmt: skip
    if soaked.passed:
        return joined
    return replace(
        joined, first=soaked.first, folder=soaked.folder, replay=soaked.replay or found.replay
    )
