"""The house itself: three floors, no import circle, nothing private taken from another file."""

from __future__ import annotations

import ast
import re
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
#: From the ground up; a floor imports from itself and from those before it.
FLOORS = ("fxlif", "hdl", "sim")
MOST_LINES = 450
#: Beside ``__init__``.
MOST_MODULES = 16
#: The command line calls what stands on the floors above, when a command runs.
MAY_LOOK_UP = ("fxlif.cli.",)


def module_name(path: Path) -> str:
    """The name under which a file of the repository is installed."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    parts = parts if parts[0] == "fxlif" else ("fxlif", *parts)
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@cache
def modules() -> dict[str, Path]:
    return {module_name(p): p for floor in FLOORS for p in sorted((ROOT / floor).rglob("*.py"))}


@cache
def parsed(text: str) -> ast.Module:
    return ast.parse(text)


def floor_of(module: str) -> int:
    second = module.split(".")[1] if "." in module else ""
    return FLOORS.index(second) if second in FLOORS[1:] else 0


def statements(tree: ast.AST) -> Iterator[ast.AST]:
    """All statements, those inside others too: a tenth of the nodes, and every import is one."""
    left = [tree]
    while left:
        node = left.pop()
        for part in ("body", "orelse", "finalbody", "handlers", "cases"):
            left += getattr(node, part, ())
        yield node


def type_checking_only(tree: ast.Module) -> set[int]:
    """The statements under ``if TYPE_CHECKING``, which never run."""
    return {
        id(inner)
        for node in statements(tree)
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)
        for statement in node.body
        for inner in statements(statement)
    }


def imports(module: str, text: str, package: bool) -> Iterator[tuple[str, str, bool]]:
    """What a module takes from the product: (module, name, whether it needs it to run).

    An import inside a function counts like any other: a circle is one whenever it closes.
    """
    tree = parsed(text)
    skipped = type_checking_only(tree)
    for node in statements(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name, "", True
        if not isinstance(node, ast.ImportFrom):
            continue
        base = node.module or ""
        if node.level:
            parts = module.split(".") if package else module.split(".")[:-1]
            up = parts[: len(parts) - node.level + 1]
            base = ".".join([*up, *([base] if base else [])])
        for alias in node.names:
            inner = f"{base}.{alias.name}"
            found = (inner, "") if inner in modules() else (base, alias.name)
            if id(node) not in skipped or alias.name.startswith("_"):
                yield *found, id(node) not in skipped


@cache
def graph() -> dict[str, list[tuple[str, str, bool]]]:
    return {
        name: list(imports(name, path.read_text(), path.name == "__init__.py"))
        for name, path in modules().items()
    }


def circles(edges: dict[str, set[str]]) -> list[list[str]]:
    """Each circle once, as the modules on it (depth first; small graphs)."""
    found, done = [], set()

    def visit(node: str, path: list[str]) -> None:
        if node in path:
            found.append([*path[path.index(node) :], node])
        elif node not in done:
            for other in sorted(edges.get(node, ())):
                visit(other, [*path, node])
            done.add(node)

    for node in sorted(edges):
        visit(node, [])
    return found


def test_no_circle():
    edges = {
        name: {to for to, _, runs in taken if runs and to in modules() and to != name}
        for name, taken in graph().items()
        if modules()[name].name != "__init__.py"
    }
    assert circles({name: {to for to in many if to in edges} for name, many in edges.items()}) == []


def test_floors():
    wrong = [
        f"{name} imports {to}"
        for name, taken in graph().items()
        for to, _, _ in taken
        if floor_of(to) > floor_of(name) and not name.startswith(MAY_LOOK_UP)
    ]
    assert wrong == []


def test_no_private_name_crosses_a_file():
    wrong = [
        f"{name} takes {to}.{what}"
        for name, taken in graph().items()
        for to, what, _ in taken
        if to.startswith("fxlif") and what.startswith("_") and not what.startswith("__")
    ]
    for name, path in modules().items():
        nodes = list(ast.walk(parsed(path.read_text())))
        taken = {
            alias.asname or alias.name
            for node in nodes
            if isinstance(node, ast.ImportFrom)
            for alias in node.names
        }
        wrong += [
            f"{name} takes {ast.unparse(node)}"
            for node in nodes
            if isinstance(node, ast.Attribute)
            and node.attr.startswith("_")
            and not node.attr.startswith("__")
            and isinstance(node.value, ast.Name)
            and node.value.id in taken
            and node.value.id not in ("np", "sys", "os")
            and f"{name.rpartition('.')[0]}.{node.value.id}" in modules()
        ]
    assert wrong == []


def test_no_test_imports_a_test():
    wrong = [
        f"{path.name}: {line}"
        for path in sorted((ROOT / "tests").glob("*.py"))
        for line in re.findall(r"^ *(?:from|import) .*\btest_\w+", path.read_text(), re.MULTILINE)
        if not line.lstrip().startswith("from fxlif") and path.stem not in line
    ]
    assert wrong == []


@pytest.mark.parametrize(
    "folder",
    sorted({p.parent for p in modules().values()}),
    ids=lambda folder: str(folder.relative_to(ROOT)),
)
def test_folders_and_modules_stay_small(folder: Path):
    files = [p for p in sorted(folder.glob("*.py")) if p.name != "__init__.py"]
    assert len(files) <= MOST_MODULES
    long = {p.name: n for p in files if (n := len(p.read_text().splitlines())) > MOST_LINES}
    assert long == {}
    assert (folder / "__init__.py").read_text().startswith('"""')


def test_every_package_is_installed():
    """A package that pyproject does not list is missing from the wheel, and only there."""
    listed = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["packages"]
    there = {name for name, path in modules().items() if path.name == "__init__.py"}
    assert sorted(listed) == sorted(there)


# --- the tests themselves ------------------------------------------------------------------------


def test_a_planted_circle_is_found():
    assert circles({"a": {"b"}, "b": {"c"}, "c": {"a"}, "d": {"a"}}) == [["a", "b", "c", "a"]]
    assert circles({"a": {"b", "c"}, "b": {"c"}, "c": set()}) == []


@pytest.mark.parametrize(
    ("module", "text", "found"),
    [
        ("fxlif.rule.step", "from ..hdl.core import LIFCore", ("fxlif.hdl.core", "LIFCore", True)),
        ("fxlif.hdl.core", "from ..sim import verify", ("fxlif.sim.verify", "", True)),
        ("fxlif.hdl.core", "def f():\n from ..sim import verify", ("fxlif.sim.verify", "", True)),
        ("fxlif.sim.verify", "from .bench.run import _x", ("fxlif.sim.bench.run", "_x", True)),
    ],
)
def test_what_is_read_of_an_import(module: str, text: str, found: tuple[str, str, bool]):
    assert list(imports(module, text, package=False)) == [found]
