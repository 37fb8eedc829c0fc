"""What a command says fits into a terminal; the examples of its help are right."""

import re
import shlex
import sys

import pytest
import typer
from designs import commands_of

from fxlif.cli import app
from fxlif.cli.screen import conclude
from fxlif.sim.report.findings import Bin, Check, Findings

COMMANDS = commands_of(app)
#: Those that take a moment alone are run as well.
QUICK = ("doctor", "init", "run")


def examples(command: str) -> list[list[str]]:
    """The words of each example, without the environment that it sets."""
    lines = COMMANDS[command].epilog.splitlines()
    assert lines[:2] == ["\b", "Examples:"]
    words = [shlex.split(line) for line in lines[2:]]
    return [line[1:] if "=" in line[0] else line for line in words]


@pytest.mark.parametrize("width", [60, 80])
@pytest.mark.parametrize("command", ["", *COMMANDS])
def test_help_fits_into_a_terminal(command, width, run, monkeypatch):
    monkeypatch.setenv("COLUMNS", str(width))
    text = run(*command.split(), "--help").out
    assert max(map(len, text.splitlines())) <= width
    assert "…" not in text
    assert "..." not in text.replace("[ARGS]...", "").replace("snntorch...", "")
    if command:
        assert re.search(r"\n  Examples:\n    fxlif .+\n    .*fxlif .+\s*$", text)


@pytest.mark.parametrize("command", COMMANDS)
def test_examples_are_understood(command):
    """No option, argument or value of them is wrong; nothing is run."""
    assert len(examples(command)) == 2
    for program, *words in examples(command):
        name, rest = words[: len(command.split())], words[len(command.split()) :]
        assert (program, *name) == ("fxlif", *command.split())
        COMMANDS[command].make_context(command, rest)


@pytest.mark.parametrize("command", QUICK)
def test_examples_run(command, run, tmp_path):
    assert run("init", "start").code == 0
    (tmp_path / "start" / "design.toml").rename(tmp_path / "design.toml")
    (tmp_path / "in.txt").write_text("# fxlif events 1\nspike 1\ntick\nend 2\n")
    for number, (_, *words) in enumerate(examples(command)):
        again = [f"{word}{number}" if word == "mine" else word for word in words]
        assert run(*again).code == 0


@pytest.mark.parametrize("terminal", [True, False])
def test_a_verdict_fits_into_a_terminal(terminal, monkeypatch, capsys):
    """Elsewhere a line stays one."""
    long = " ".join(["every output in every cycle"] * 5)
    checks = [Check(name=f"{long} {k}", outcome="failed", detail=long) for k in range(2)]
    bins = [Bin(group="a", name=long, count=0, reachable=False, why=long)]
    found = Findings(
        command="verify", design="d", digest="", checks=tuple(checks), coverage=tuple(bins)
    )
    monkeypatch.setattr(sys.stdout, "isatty", lambda: terminal)
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("TERM", "dumb")
    with pytest.raises(typer.Exit):
        conclude(found, "all is well", bins="each")
    text = capsys.readouterr().out
    assert (max(map(len, text.splitlines())) <= 80) == terminal
    assert " ".join(text.split()).count(long) == 10
    assert (f"FAILED: {long} 1: {long}" in text) != terminal
