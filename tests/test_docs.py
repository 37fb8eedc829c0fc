"""README and pages: links and citations lead somewhere, examples run, commands exist."""

from __future__ import annotations

import ast
import doctest
import inspect
import re
import shlex
import tomllib
from importlib import import_module
from importlib.resources import files
from pathlib import Path
from textwrap import dedent
from typing import get_args

import pytest
from designs import commands_of

import fxlif
from fxlif.cli import app
from fxlif.network.events import read
from fxlif.params.base import Params, Rounding
from fxlif.params.leaks import Leak
from fxlif.params.neuron import NeuronParams
from fxlif.params.noise import GaussianNoise, PoissonNoise
from fxlif.params.sources import EventSource, PoissonSource, RegularSource
from fxlif.sim.dut import check

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "fxlif" / "docs"
PAGES = {"README.md": ROOT / "README.md", **{f"docs/{p.name}": p for p in DOCS.glob("*.md")}}
#: A citation in code or prose, such as ``docs/rule.md#step``; the anchor may be absent.
CITED = re.compile(r"(?<![\w/-])(?:fxlif/)?docs/([\w-]+\.md)(?:#([\w-]+))?")
#: A Markdown link; the address of another site is not looked at.
LINK = re.compile(r"\]\((?!https?:)([^)#\s]*)(?:#([^)\s]+))?\)")


def anchors(page: Path) -> set[str]:
    """What a link can name: GitHub's form of the headings."""
    titles = re.findall(r"(?m)^#+ (.+)$", page.read_text())
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def sources() -> list[Path]:
    """Every text that may cite a page."""
    found = [path for name in ("fxlif", "hdl", "sim", "tests") for path in (ROOT / name).rglob("*")]
    wanted = {".py", ".toml", ".md", ".html", ".v"}
    return [*(path for path in found if path.suffix in wanted), ROOT / "README.md"]


def test_what_is_cited_exists():
    cited, wrong = set(), []
    for path in sources():
        for page, anchor in CITED.findall(path.read_text()):
            cited.add((page, anchor))
            if not (DOCS / page).exists() or (anchor and anchor not in anchors(DOCS / page)):
                wrong.append(f"{path.relative_to(ROOT)}: docs/{page}#{anchor}")
    assert wrong == []
    assert {anchor for page, anchor in cited if page == "rule.md"} >= {"step", "leaks", "events"}


@pytest.mark.parametrize("name", sorted(PAGES))
def test_links_lead_somewhere(name):
    page = PAGES[name]
    for target, anchor in LINK.findall(page.read_text()):
        aim = page if not target else page.parent / target
        assert aim.exists(), target
        assert not anchor or anchor in anchors(aim), f"{target}#{anchor}"


def test_the_rule_has_its_anchors():
    wanted = "step leaks rounding thresholds weights events networks refractory adaptation overflow"
    wanted += " stochastic accumulator delays sources"
    assert set(wanted.split()) <= anchors(DOCS / "rule.md")


def choices(annotation: object) -> set[str]:
    """The words of all Literals in an annotation; those of ``kind`` for a parameter object."""
    if isinstance(annotation, type) and issubclass(annotation, Params):
        field = annotation.model_fields.get("kind")
        return choices(field.annotation) if field else set()
    found = {word for word in get_args(annotation) if isinstance(word, str)}
    return found.union(*map(choices, get_args(annotation)))


def test_the_rule_names_every_parameter_and_every_choice():
    """Whoever adds a leak, a rounding or an option says on the page what it does."""
    text = (DOCS / "rule.md").read_text()
    words = set(NeuronParams.model_fields) | choices(Leak) | choices(Rounding)
    for field in NeuronParams.model_fields.values():
        words |= choices(field.annotation)
    assert {"shift", "stochastic", "subtract", "refractory_mode"} <= words
    assert {word for word in words if not re.search(rf"\b{word}\b", text)} == set()
    for source in (PoissonSource, RegularSource, EventSource, PoissonNoise, GaussianNoise):
        assert f"`{source.__name__}`" in text


def test_the_template_names_every_parameter_and_every_choice():
    text = (ROOT / "fxlif" / "template.toml").read_text()
    words = choices(Leak) | choices(Rounding) | set(NeuronParams.model_fields)
    for field in NeuronParams.model_fields.values():
        words |= choices(field.annotation)
    assert {word for word in words if not re.search(rf"\b{word}\b", text)} == set()


def test_the_pages_are_installed():
    shipped = {entry.name for entry in (files("fxlif") / "docs").iterdir()}
    assert {path.name for path in DOCS.glob("*.md")} <= shipped


# --- examples -------------------------------------------------------------------------------------

PYTHON = re.compile(r"(?ms)^```python\n(.*?)^```$")
EXAMPLES = [
    pytest.param(code, id=f"{name} {number}")
    for name, page in sorted(PAGES.items())
    for number, code in enumerate(PYTHON.findall(page.read_text()), start=1)
    # Those run where torch is, tests/peers; those of the tutorial one after the other.
    if "import torch" not in code and name != "docs/tutorial.md"
]


@pytest.mark.parametrize("code", EXAMPLES)
def test_python_examples_run(code, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    exec(compile(code, "example", "exec"), {"__name__": "example"})


@pytest.mark.parametrize("page", sorted(PAGES))
def test_designs_on_a_page_run(page, tmp_path):
    for text in re.findall(r"(?ms)^```toml\n(.*?)^```$", PAGES[page].read_text()):
        (tmp_path / "design.toml").write_text(text)
        network = fxlif.Network(tmp_path / "design.toml", engine="numpy")
        assert sum(network.run(50).counts(p.name).sum() for p in network.graph.populations) > 0


def test_there_are_examples():
    assert len(EXAMPLES) >= 5


DOCTESTED = [
    f"fxlif.{'.'.join(path.relative_to(folder.parent if inner else folder).with_suffix('').parts)}"
    for folder, inner in ((ROOT / "fxlif", False), (ROOT / "hdl", True), (ROOT / "sim", True))
    for path in sorted(folder.rglob("*.py"))
    if ">>> " in path.read_text()
]


@pytest.mark.parametrize("name", DOCTESTED)
def test_examples_in_docstrings_run(name):
    found = doctest.testmod(import_module(name))
    assert found.attempted
    assert not found.failed


def test_docstrings_have_examples():
    assert {"fxlif.population", "fxlif.network.model"} <= set(DOCTESTED)


def test_the_example_of_a_check_in_ones_own_bench_names_what_there_is():
    """It needs a simulator, and runs as tests/bench_own_dut.py; here each name is looked at."""
    _, _, block = check.__doc__.partition("::\n\n")
    example, _, _ = block.partition("\n\nValues are")
    calls = [node for node in ast.walk(ast.parse(dedent(example))) if isinstance(node, ast.Call)]
    (clock,) = [each for each in calls if ast.unparse(each.func) == "checker.clock"]
    names = {keyword.arg for keyword in clock.keywords}
    assert names <= set(inspect.signature(check.StreamChecker.clock).parameters)
    assert {"rst", "in_valid", "out_tick"} <= names


def test_the_first_example_says_what_happens():
    """``array([False])`` in its comment, and a threshold that is reached within its 40 steps."""
    space: dict = {}
    exec(PYTHON.findall(PAGES["README.md"].read_text())[0], space)
    assert space["spikes"].any()
    assert not space["fxlif"].LIFPopulation(n=1).forward(4).any()


def test_the_example_of_an_event_file_is_one(tmp_path):
    (text,) = re.findall(
        r"(?ms)^```\n(# fxlif events 1\n.*?)^```$", PAGES["docs/rule.md"].read_text()
    )
    (tmp_path / "in.txt").write_text(text)
    assert read(tmp_path / "in.txt").tolist() == [3, 0, -1, -1]


# --- commands -------------------------------------------------------------------------------------


def commands(page: Path) -> list[list[str]]:
    """The words of each command that stands in a code block or a code span of a page."""
    text = PYTHON.sub("", page.read_text())
    blocks = re.findall(r"(?m)^    (.+)$", text)
    spans = re.findall(r"`([^`\n]+)`", text)
    found = []
    for line in [*blocks, *spans]:
        for part in line.replace("\\|", "/").split("&&"):
            try:
                words = shlex.split(part, comments=True)
            except ValueError:  # prose with an apostrophe
                continue
            # [--cycles N] is an option that may be left out, .[sim] is an extra.
            found.append([w.strip("[]") if w[0] == "[" or "[" not in w else w for w in words if w])
    return [words for words in found if words]


COMMANDS = commands_of(app)
EXTRAS = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]


def mistakes(words: list[str]) -> list[str]:
    """What a command names that is not there; nothing for words that are no command."""
    program = words[0].removeprefix("../").removeprefix(".venv/bin/")
    options = {word.split("=")[0] for word in words[1:] if re.match(r"--?[a-z]", word)}
    if program == "fxlif" and len(words) > 1:
        command = next((c for c in (words[1], " ".join(words[1:3])) if c in COMMANDS), None)
        if command is None:
            return [words[1]]
        known = {name for parameter in COMMANDS[command].params for name in parameter.opts}
        return sorted(options - known)
    if program == "python":
        module = words[words.index("-m") + 1] if "-m" in words else ""
        script = ROOT / (f"{module.replace('.', '/')}.py" if module else words[1])
        if module in ("pip", "venv"):
            return []
        return [o for o in options - {"-m"} if o not in script.read_text()]
    if program == "pip":
        extras = re.findall(r"^\.?(?:fxlif)?\[(\w+)\]$", words[-1])
        return [extra for extra in extras if extra not in EXTRAS]
    if program.startswith(".ci/"):
        return [] if (ROOT / program).exists() else [program]
    return []


@pytest.mark.parametrize("name", sorted(PAGES))
def test_commands_and_options_exist(name):
    assert [(words, mistakes(words)) for words in commands(PAGES[name]) if mistakes(words)] == []


def test_every_command_is_in_the_readme():
    named = [" ".join(words[1:3]) for words in commands(PAGES["README.md"])
             if words[0] == "fxlif" and words[1:]]  # fmt: skip
    missing = {c for c in COMMANDS if not any(f"{n} ".startswith(f"{c} ") for n in named)}
    assert missing == set()


def test_a_wrong_command_is_seen(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("`fxlif prove --nonsense`\n\n    cd x && fxlif sook\n    pip install '.[no]'\n")
    assert [mistakes(words) for words in commands(page)] == [[], ["sook"], ["no"], ["--nonsense"]]


@pytest.mark.parametrize("name", sorted(PAGES))
def test_files_that_are_named_exist(name):
    spans = re.findall(r"`((?:fxlif|hdl|sim|tests|\.ci)/[\w./-]*)`", PAGES[name].read_text())
    assert [path for path in spans if not (ROOT / path).exists()] == []


# --- the README -----------------------------------------------------------------------------------


def test_readme_is_short_and_has_the_lines_that_ci_runs():
    lines = PAGES["README.md"].read_text().splitlines()
    assert len(lines) < 150
    for end in ("fxlif verify", "pytest"):
        assert any(re.match(rf" *python3 -m venv .*{end}$", line) for line in lines)


def test_import_paths_of_earlier_readmes_still_work():
    from fxlif.sim import dut_check

    assert dut_check.StreamChecker is check.StreamChecker
    assert dut_check.NeuronChecker is check.NeuronChecker
