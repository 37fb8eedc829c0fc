"""The HTML page of a report: one file that needs nothing outside it, filled from page.html."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from importlib.resources import files

from jinja2 import Environment, StrictUndefined

from .difference import difference_table
from .findings import Check, Findings, Outcome, groups

#: What fxlif can check a design with; a report says which of them it knows nothing of.
COMMANDS = ("verify", "prove", "soak", "mutate")
#: Outcome → the word on its badge.
WORDS: dict[Outcome, str] = {
    "passed": "passed", "failed": "failed", "unknown": "not answered",
    "not_applicable": "not applicable",
}  # fmt: skip
#: Outcome → the sign that says it without colour.
SIGNS: dict[Outcome, str] = {"passed": "✓", "failed": "✗", "unknown": "?", "not_applicable": "-"}


def outcome_of(item: Findings) -> Outcome:
    """The worst outcome of the checks; ``not_applicable`` where nothing was asked."""
    outcomes = {check.outcome for check in item.checks}
    order: tuple[Outcome, ...] = ("failed", "unknown", "passed")
    return next((kind for kind in order if kind in outcomes), "not_applicable")


def of_outcome(item: Findings, *kinds: Outcome) -> list[Check]:
    """The checks that came out as one of ``kinds``, in the order of ``kinds``."""
    return [check for kind in kinds for check in item.checks if check.outcome == kind]


def page(findings: Sequence[Findings]) -> str:
    """The whole page as HTML; the order of ``findings`` is kept."""
    outcomes = [outcome_of(item) for item in findings]
    bad = [kind for kind in outcomes if kind != "passed"]
    # Nothing asked is as red as a failure.
    outcome: Outcome = "unknown" if set(bad) == {"unknown"} else "failed" if bad else "passed"
    verdict = (
        f"{len(bad)} of {len(outcomes)} not green" if bad else "Everything that was asked holds"
    )
    if not findings:
        outcome, verdict = "failed", "Nothing was checked"
    # "verify --dut" is verify, of a core that fxlif did not make.
    run = {item.command.partition(" ")[0] for item in findings}
    template = Environment(autoescape=True, undefined=StrictUndefined).from_string(
        (files("fxlif.sim.report") / "page.html").read_text(encoding="utf-8")
    )
    return template.render(
        findings=findings, outcome=outcome, verdict=verdict, words=WORDS, signs=SIGNS,
        counts=Counter(check.outcome for item in findings for check in item.checks),
        not_run=[name for name in COMMANDS if name not in run],
        outcome_of=outcome_of, of_outcome=of_outcome, groups=groups,
        difference_table=difference_table,
    )  # fmt: skip


__all__ = ["outcome_of", "page"]
