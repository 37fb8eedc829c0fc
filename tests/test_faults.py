"""The permanent set of faults: each fits the Verilog of today, and the rare ones are found."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest
from planted import (
    FOREIGN,
    GENERATED,
    Fault,
    all_faults,
    faults_of,
    first_difference,
    params_of,
    path_of,
    verilog_of,
)

from fxlif.cycles.control import NONE
from fxlif.engines import can_compile
from fxlif.sim.dut.map import load_map
from fxlif.sim.dut.run import read_files
from fxlif.sim.dut.testbench import dut_job
from fxlif.sim.soak.foreign.segments import ForeignTarget
from fxlif.sim.soak.run import run_segments
from fxlif.sim.soak.segments import BULK_CYCLES, sizes, target_of
from fxlif.sim.tools.verilated import build
from fxlif.sim.verify import check

#: What each kind of fault is about, of issue and table.
KINDS = {
    "lost under a stall", "doubled under a stall", "FIFO off by one", "wrong bank", "lane crossed",
    "sign lost", "one end of saturation", "wrap for saturate", "counter of 16 bits",
    "after many ticks", "reset that misses a word", "tick lost when full", "state forwarded late",
    "backpressure removed", "threshold", "rounding", "after an exact length",
}  # fmt: skip
#: Of each design one that needs what a stimulus seldom brings.
RARE = {
    "neuron/lost_after_70000_idle_cycles", "chain/queue_of_two", "chain/saturated_has_16_bits",
    "rows/ring_slips_after_65536_ticks",
}  # fmt: skip


def fault_named(name: str) -> Fault:
    """A fault by its design and its name."""
    (fault,) = (each for each in all_faults() if f"{each.of}/{each.name}" == name)
    return fault


@pytest.mark.parametrize("design", [*GENERATED, *FOREIGN])
def test_each_fault_fits_the_verilog(design: str) -> None:
    """A generator that writes another text, or a core that was edited, must say so here."""
    verilog = verilog_of(design)
    texts = {fault.name: fault(verilog) for fault in faults_of(design)}
    assert len(texts) == len(faults_of(design))
    assert len({*texts.values(), verilog}) == len(texts) + 1


def test_the_set_is_complete() -> None:
    faults = all_faults()
    assert len(faults) >= 60
    assert {fault.kind for fault in faults} == KINDS
    stalls = Counter(
        int(n.replace(",", "")) for fault in faults if fault.kind.endswith("under a stall")
        for n in re.findall(r"[\d,]+", fault.says.removesuffix(","))[:1]
    )  # fmt: skip
    assert all(stalls[n] >= 2 for n in (1, 16, 100, 256, 1000, 70000)), stalls


def test_a_fault_that_fits_no_more_is_no_fault() -> None:
    fault = faults_of("serial")[0]
    with pytest.raises(ValueError, match="0 times"):
        fault("module core; endmodule")
    twice = verilog_of("serial") * 2
    with pytest.raises(ValueError, match="2 times"):
        fault(twice)


@pytest.mark.slow
@pytest.mark.skipif(not can_compile(), reason="bulk runs need numba")
@pytest.mark.parametrize("name", sorted(RARE))
def test_a_rare_fault_is_found_in_bulk(name: str) -> None:
    fault = fault_named(name)
    target = target_of(params_of(fault.of), edit=fault)
    wanted = dict(enumerate(sizes(BULK_CYCLES)))
    assert [s for s in run_segments(target, 1, wanted, None) if s.wrong != NONE]


@pytest.mark.slow
@pytest.mark.skipif(not can_compile(), reason="bulk runs need numba")
@pytest.mark.parametrize(
    "name", ["neuron/rest_ends_late_after_1000_steps", "chain/idle_256_loses_a_weight"]
)
def test_the_library_shows_the_stimulus_of_cocotb(name: str, tmp_path: Path) -> None:
    """The table asks the library for what the cocotb phase finds: one cycle earlier."""
    fault = fault_named(name)
    target = target_of(params_of(fault.of), edit=fault)
    found = first_difference(target, 1, 100_000)
    _, report = check(params_of(fault.of), folder=tmp_path, cycles=100_000, edit=fault)
    assert report is not None
    assert report.first is not None
    assert found is not None
    assert report.first.cycle == found + 1


@pytest.mark.slow
@pytest.mark.skipif(not can_compile(), reason="bulk runs need numba")
@pytest.mark.parametrize("design", GENERATED)
def test_without_a_fault_nothing_differs(design: str) -> None:
    segments = list(run_segments(target_of(params_of(design)), 1, {0: 1 << 20}, None))
    assert [s.wrong for s in segments] == [NONE]
    assert segments[0].counts.spikes


@pytest.mark.slow
@pytest.mark.skipif(not can_compile(), reason="bulk runs need numba")
@pytest.mark.parametrize(
    "name", ["wide/dropped_has_16_bits", "wide/lost_after_70000_stalled_cycles"]
)
def test_a_rare_fault_of_a_foreign_core_is_found_in_bulk(name: str) -> None:
    fault = fault_named(name)
    mapping, sources = path_of(fault.of, "_map.toml"), {"dut.v": fault(verilog_of(fault.of))}
    dut_map = load_map(mapping)
    job = dut_job(params_of(fault.of), sources, top=fault.of, dut_map=dut_map, two_state=True)
    target = ForeignTarget(job=job, library=build(job.sources), files=read_files(dut_map, mapping))
    wanted = dict(enumerate(sizes(BULK_CYCLES)))
    assert [s for s in run_segments(target, 1, wanted, None) if s.wrong != NONE]
