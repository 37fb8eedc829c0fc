"""The bulk phase of ``fxlif verify``: what it adds to the simulation before it, and when it is not
there."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from designs import CORES, FINE, PASSED

from fxlif import FxlifError, NetworkParams, NeuronParams
from fxlif.cycles.model import Steps
from fxlif.engines import can_compile
from fxlif.hdl.limits import supported
from fxlif.rule.step import NeuronState
from fxlif.sim import verify as verify_module
from fxlif.sim.bench.outcome import FIRED, MAPPED
from fxlif.sim.bench.scoreboard import Report
from fxlif.sim.bench.simulation import wrapped
from fxlif.sim.coverage import until_covered
from fxlif.sim.coverage.coverage import Coverage
from fxlif.sim.dut.coverage import coverage_of
from fxlif.sim.dut.map import load_map
from fxlif.sim.failure.difference import Left
from fxlif.sim.report.findings import Check, Findings
from fxlif.sim.soak import phase as phase_module
from fxlif.sim.soak.bulk import BLOCK
from fxlif.sim.soak.foreign import phase as foreign_phase
from fxlif.sim.soak.phase import NAME, why_not
from fxlif.sim.soak.recorded import cover_run
from fxlif.sim.soak.segments import Target, bulk_of, target_of
from fxlif.sim.tools.words import as_ints, to_bytes
from fxlif.sim.verify import verify

pytestmark = pytest.mark.skipif(not can_compile(), reason="bulk runs need numba")
CORE = CORES["all options"]
NETWORK = NetworkParams.chain(CORE, name="small")
NEURON = NeuronParams(v_threshold=60, refractory=2)
#: What a bench reports in which only the core itself, its only one, fired.
REPORT = replace(FINE, fired=[[1] * CORE.n_neurons])


@pytest.fixture(scope="module")
def target() -> Target:
    return target_of(NETWORK)


@pytest.fixture
def simulated(monkeypatch, target, tmp_path):
    """A simulation that passes, and a bulk phase without a build; returns ``verify`` of these."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(phase_module, "target_of", lambda params, **how: target)

    def run(report: Report = REPORT, **options) -> Findings:
        monkeypatch.setattr(verify_module, "check", lambda params, **how: (PASSED, report))
        return verify(NETWORK, tmp_path / "design.toml", **{"bulk": 3 * BLOCK, **options})

    return run


def outcomes(found: Findings) -> dict[str, str]:
    return {check.name: check.outcome for check in found.checks}


def test_both_phases_are_one_verdict(simulated) -> None:
    found = simulated()
    assert found.passed
    assert found.figures["cycles checked"] == 10
    assert found.figures["in bulk: cycles checked"] == 3 * BLOCK
    assert int(found.figures["in bulk: comparisons"]) > 4 * 3 * BLOCK
    assert sum(each.hit for each in found.coverage) > 50
    quick = simulated(bulk=0)
    assert quick.passed
    assert NAME not in outcomes(quick)
    assert (quick.coverage, quick.replay.endswith("--quick")) == ((), True)


def test_what_the_simulation_lets_pass_is_a_failure_of_the_bulk_phase(
    simulated, target, monkeypatch
) -> None:
    thresholds = [each + 8 for each in CORE.thresholds]
    other = CORE.model_copy(update={"v_thresholds": tuple(thresholds)})
    wrong = replace(target, params=supported(NetworkParams.chain(other)))
    monkeypatch.setattr(phase_module, "target_of", lambda params, **how: wrong)
    asked = {}

    def leave(target, seed, segment, out, **how) -> Left:
        asked.update(seed=seed, number=segment.number, out=out)
        return Left("where", f"fxlif replay {out}", str(out))

    monkeypatch.setattr(phase_module, "leave_difference", leave)
    found = simulated(seed=3)
    assert found.reasons == [f"{NAME}: where"]
    assert asked == {"seed": 3, "number": 0, "out": Path("fxlif-failure-small-3")}
    assert found.folder == "fxlif-failure-small-3"
    assert found.replay == "fxlif replay fxlif-failure-small-3"
    assert simulated(bulk=0).passed


def test_a_machine_without_a_compiler_says_that_it_was_not_run(simulated, monkeypatch) -> None:
    monkeypatch.setattr(verify_module, "why_not", lambda: "g++: not found")
    found = simulated()
    (check,) = [each for each in found.checks if each.name == NAME]
    assert (check.outcome, check.detail) == ("not_applicable", "not run: g++: not found")
    assert found.passed


def test_why_nothing_can_be_run_in_bulk(monkeypatch) -> None:
    assert why_not() == ""
    monkeypatch.setattr(phase_module, "can_compile", lambda: False)
    assert why_not().startswith("numba: ")
    monkeypatch.setenv("PATH", os.devnull)
    assert "Verilator needs it" in why_not()


def test_it_is_not_run_after_a_failure(simulated) -> None:
    found = simulated(replace(REPORT, mismatches=1))
    assert outcomes(found)[NAME] == "not_applicable"
    assert not found.passed
    assert "in bulk: cycles checked" not in found.figures


def test_both_random_phases_are_asked_whether_neurons_fired(simulated, monkeypatch) -> None:
    """A simulation that is too short for a spike; not where the design brings the input."""
    silent = replace(REPORT, spikes=0, fired=[[0] * CORE.n_neurons])
    assert simulated(silent).passed
    assert not simulated(silent, bulk=0).passed
    monkeypatch.setattr(verify_module, "read_input", lambda params, folder: ([0], None))
    assert outcomes(simulated(silent))[FIRED] == "failed"


def test_covering_goes_on_behind_the_bulk_phase(simulated, monkeypatch) -> None:
    """With another segment, and without what has been hit."""
    asked = {}

    def cover(params, **how) -> Findings:
        asked.update(how)
        return Findings(command="cover", design="", digest="", checks=())

    monkeypatch.setattr(until_covered, "cover", cover)
    found = simulated(until_covered=True)
    assert asked["segment"] == 1
    assert asked["before"].bins == found.coverage
    simulated(until_covered=True, bulk=0)
    assert (asked["segment"], asked["before"]) == (0, None)


@pytest.mark.parametrize("params", [NETWORK, NEURON],
                         ids=["network", "neuron"])  # fmt: skip
def test_the_coverage_of_a_simulation_is_counted_from_its_stimulus(params, tmp_path) -> None:
    interface, _ = wrapped(params)
    bulk, during = bulk_of(params, interface, 1), Coverage(params)
    with (tmp_path / "stimulus").open("wb") as file:
        for _ in range(2):
            file.write(to_bytes(as_ints(bulk.stimulus()), interface.stimulus_bits))
            bulk.cover(during)
    after = Coverage(params)
    cover_run(after, interface, tmp_path / "stimulus")
    assert sum(each.hit for each in after.bins) > 20
    assert after.bins == during.bins
    assert Coverage(params, earlier=after).hits == after.hits


# --- a core that fxlif did not make ---------------------------------------------------------------


@pytest.fixture
def foreign(monkeypatch):
    """``verify --dut`` of a simulation and a bulk phase that find what is given."""
    asked: list[dict] = []

    def of(simulation: str, soak: str | FxlifError, coverage=(), **options) -> Findings:
        def findings(command: str, outcome: str, **more) -> Findings:
            left = Check(name="trace.v", outcome="not_applicable", detail="not compared")
            checks = (Check(name=MAPPED, outcome=outcome), Check(name=FIRED, outcome="passed"),
                      left)  # fmt: skip
            return Findings(command=command, design="d", digest="", checks=checks, seed=1,
                            figures={"cycles checked": 7, "processes": 1}, **more)  # fmt: skip

        def soaked(params, **how) -> Findings:
            asked.append(how)
            if isinstance(soak, FxlifError):
                raise soak
            if how["coverage"] is not None:  # a reset of two cycles
                low, none = np.zeros(3, dtype=bool), np.zeros(0, dtype=np.int64)
                state = NeuronState(none, none, none, none)
                how["coverage"].count(np.array([True, True, False]), low, Steps(
                    before=state, after=state, current=none, threshold=none, fire=none,
                ))  # fmt: skip
            return findings("soak --dut", soak, folder="left", replay="how")

        monkeypatch.setattr(
            foreign_phase,
            "verify_dut",
            lambda params, **how: findings(
                "verify --dut", simulation, replay="so", coverage=coverage
            ),
        )
        monkeypatch.setattr(foreign_phase, "soak_dut", soaked)
        asked.clear()
        return foreign_phase.verify_foreign(NEURON, name="d", seed=5, **options)

    of.asked = asked
    return of


def test_a_foreign_core_is_run_in_bulk_behind_its_simulation(foreign) -> None:
    found = foreign("passed", "passed", out=Path("o"))
    assert (found.passed, found.command, found.replay) == (True, "verify --dut", "so")
    phase = [f"{MAPPED}, in bulk", f"{FIRED}, in bulk"]
    assert list(outcomes(found)) == [MAPPED, FIRED, "trace.v", *phase]
    assert found.figures == {"cycles checked": 7, "processes": 1, "in bulk: cycles checked": 7}
    (how,) = foreign.asked
    assert (how["cycles"], how["seed"], how["out"], how["name"]) == (10**7, 5, Path("o"), "d")
    assert f"{MAPPED}, in bulk" not in outcomes(foreign("passed", "failed", bulk=0))
    assert foreign.asked == []


def test_the_coverage_of_a_foreign_core_is_that_of_both_phases(foreign, tmp_path) -> None:
    mapping = tmp_path / "map.toml"
    mapping.write_text('clock = "c"\nreset = { port = "r" }\n'
                       '[neuron]\ncurrent = "i"\nspike = "s"\n')  # fmt: skip
    simulated = coverage_of(NEURON, load_map(mapping)).bins
    assert not any(each.hit for each in simulated)
    first = replace(simulated[0], count=3, reachable=True)
    found = foreign("passed", "passed", (first, *simulated[1:]), mapping=mapping)
    hits = {each.name: each.count for each in found.coverage if each.hit}
    assert hits == {first.name: 3, "for longer": 1, "while not enabled": 2}
    assert found.figures["coverage"].startswith("3 of ")


def test_what_the_bulk_phase_of_a_foreign_core_finds_is_the_verdict(foreign) -> None:
    found = foreign("passed", "failed")
    assert [reason.partition(":")[0] for reason in found.reasons] == [f"{MAPPED}, in bulk"]
    assert (found.folder, found.replay) == ("left", "how")


def test_a_foreign_core_that_cannot_be_run_in_bulk(foreign) -> None:
    found = foreign("passed", FxlifError("no Verilog for Verilator"))
    assert found.passed
    assert found.checks[-1] == Check(
        name=f"{MAPPED}, in bulk",
        outcome="not_applicable",
        detail="not run: no Verilog for Verilator",
    )
    found = foreign("failed", "passed")
    assert (found.passed, foreign.asked) == (False, [])
    assert found.checks[-1].detail == "not run: the simulation before it failed"
