"""README and pages: every link leads somewhere, every anchor that code cites is a heading."""

from __future__ import annotations

import re
from importlib.resources import files
from pathlib import Path

import pytest

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


def test_the_pages_are_installed():
    shipped = {entry.name for entry in (files("fxlif") / "docs").iterdir()}
    assert {path.name for path in DOCS.glob("*.md")} <= shipped
