"""The tutorial, and the pasted command lines: what the pages show is what comes out."""

from __future__ import annotations

import os
import re
import shlex
import shutil
from pathlib import Path

import numpy as np
import pytest
from designs import QUICK

from fxlif import load
from fxlif.digits import test_set as digits_test_set
from fxlif.sim.verify import verify

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "fxlif" / "docs"
SHIPPED = ROOT / "tests" / "evidence" / "nir"
#: What tests/nir_digits.py made; .ci/peers names a folder that it has just made.
TRAINED = Path(os.environ.get("FXLIF_NIR_EXPORTS", SHIPPED))
TUTORIAL = (DOCS / "tutorial.md").read_text()
CODE = re.findall(r"(?ms)^```python\n(.*?)^```$", TUTORIAL)
#: A command that is pasted with its output, which `...` shortens.
COMMAND = r"    (fxlif (?:import|verify) (?:tests/evidence|build)/.*)\n"
PASTED = re.findall(
    rf"(?m)^{COMMAND}\n((?:(?!{COMMAND})(?:    .*\n|\n))+)", (DOCS / "quantise.md").read_text()
)
PASTED = [(command, output) for command, output, _ in PASTED]


def lines(text: str) -> list[str]:
    """The lines of a block, without its margin, empty ones and what stands for others."""
    found = (line.strip() for line in text.splitlines())
    return [line for line in found if line and line != "..."]


@pytest.mark.filterwarnings("ignore::fxlif.errors.FxlifWarning")
def test_the_tutorial_from_what_it_trained(tmp_path, monkeypatch, capsys):
    """Its first example, which needs snnTorch, made the shipped file; .ci/peers runs that."""
    assert sum(bool(line) for code in CODE for line in code.splitlines()) < 60
    monkeypatch.chdir(tmp_path)
    shutil.copy(TRAINED / "digits_snntorch.nir", "net.nir")
    spikes, labels = digits_test_set()
    np.savez("test.npz", spikes=spikes.astype(bool), labels=labels)
    made: dict = {}
    for code in CODE[1:]:
        exec(compile(code, "tutorial", "exec"), made)
    shown = lines(capsys.readouterr().out)
    table = lines(TUTORIAL[TUTORIAL.index("    stepped as") : TUTORIAL.index("`float` is the")])
    assert len(table) == len(shown[: len(table)]) == 14
    if TRAINED == SHIPPED:  # another training ends in other weights
        assert table == shown[: len(table)]
    frame = made["frame"]
    assert frame["float"].min() >= 0.94
    assert (frame["integers"].loc[[8, 6]] >= frame["float"].min() - 0.02).all()
    assert "module network" in (tmp_path / "network.v").read_text()
    assert {*made["chosen"].design.neurons}.pop().weight_bits == 4


def imports() -> list[tuple[str, str]]:
    return [(command, output) for command, output in PASTED if command.startswith("fxlif import")]


def folder(command: str) -> str:
    """The folder that a command line makes or takes."""
    return re.findall(r"build/\w+", command)[-1]


def test_four_networks_are_imported_and_verified():
    made, taken = [], []
    for command, _ in PASTED:
        (made if command.startswith("fxlif import") else taken).append(folder(command))
    assert len(set(made)) == 4
    assert made == taken


@pytest.mark.parametrize(("command", "output"), imports(), ids=lambda text: text[-9:].strip())
def test_a_pasted_import_prints_what_is_pasted(run, tmp_path, command, output):
    for name in ("fxlif", "tests"):
        (tmp_path / name).symlink_to(ROOT / name)
    ran = run(*shlex.split(command)[1:])
    assert ran.code == 0, ran.err
    printed = lines(ran.out)
    assert [line for line in lines(output) if line not in printed] == []
    # Of the same network the hardware had the accuracy of the golden model.
    (right,) = re.findall(r"right in integers +([\d.]+)%", ran.out)
    assert float(right) >= 94
    both = [text for one, text in PASTED if folder(one) == folder(command)]
    (verified,) = (text for text in both if text != output)
    assert f"{right} %, golden model and hardware" in verified
    assert "PASSED" in verified


def test_hardware_of_an_imported_network_reads_images(run, tmp_path):
    """The first steps of two; the pasted command lines verify all of all, with 8 bits and 4."""
    spikes, labels = digits_test_set()
    np.savez("few.npz", spikes=spikes[:4, :2].astype(bool), labels=labels[:2])
    asked = ("--convention", "norse", "--dt", "1e-3", "--weight-bits", 4, "--spikes", "few.npz")
    assert run("import", TRAINED / "digits_norse.nir", *asked, "-o", "net").code == 0
    design = tmp_path / "net" / "design.toml"
    found = verify(load(design), design, simulator=QUICK, bulk=0)
    assert found.reasons == []
    assert found.figures["resets"] == 2
    assert found.figures["accuracy, golden model"] == found.figures["accuracy, hardware"]
