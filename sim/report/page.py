"""The HTML page of a report: one file that needs nothing outside it, filled from page.html."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from importlib.resources import files

from jinja2 import Environment, StrictUndefined

from .difference import difference_table
from .findings import Check, Findings, Outcome, groups
from .waveform import waveform

#: What fxlif can check a design with, and what the page says that it does.
COMMANDS = {
    "verify": "The Verilog was simulated. In every clock cycle each output, and each state that is "
    "written back, was compared with the golden model: the exact integer model of the design.",
    "prove": "A solver looked for a state and an input for which the Verilog is wrong. Passed "
    "means that there is none; not answered, that its time ran out.",
    "soak": "The Verilog, compiled to a library, was given random input for many clock cycles. In "
    "each of them every output was compared with the golden model.",
    "mutate": "The Verilog was broken in many small ways, one at a time. Passed means that the "
    "comparison with the golden model notices nearly all of them.",
}
#: The same for Verilog that fxlif did not make.
FOREIGN = {
    "verify --dut": "Verilog that fxlif did not make was simulated, and the ports that its map "
    "names were compared with the golden model: the exact integer model of the design.",
    "mutate": COMMANDS["mutate"],
}
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


def when(item: Findings) -> str:
    """Date, time and the versions that matter most, in a line."""
    moment = item.made[:16].replace("T", " ")
    chosen = [name for name in ("fxlif", "python", "verilator", "icarus") if name in item.versions]
    parts = [f"{name} {item.versions[name]}" for name in chosen]
    return " · ".join([f"{moment} UTC", *parts] if moment else parts)


def page(findings: Sequence[Findings]) -> str:
    """The whole page as HTML; the order of ``findings`` is kept."""
    outcomes = [outcome_of(item) for item in findings]
    bad = [kind for kind in outcomes if kind != "passed"]
    # Nothing asked is as red as a failure.
    outcome: Outcome = "unknown" if set(bad) == {"unknown"} else "failed" if bad else "passed"
    verdict = (
        f"{len(bad)} of {len(outcomes)} did not pass"
        if bad
        else "Everything that was checked holds"
        + (", some of it only for runs of some length" if any(i.limits for i in findings) else "")
    )
    if not findings:
        outcome, verdict = "failed", "Nothing was checked"
    run = {item.command for item in findings}
    # Of a core that fxlif did not make, less can be asked.
    wanted = FOREIGN if "verify --dut" in run and run <= FOREIGN.keys() else COMMANDS
    template = Environment(autoescape=True, undefined=StrictUndefined).from_string(
        (files("fxlif.sim.report") / "page.html").read_text(encoding="utf-8")
    )
    return template.render(
        findings=findings, outcome=outcome, verdict=verdict, words=WORDS, signs=SIGNS,
        counts=Counter(check.outcome for item in findings for check in item.checks),
        not_run=[name for name in wanted if name not in run],
        about={**COMMANDS, **FOREIGN}, waveform=waveform, when=when,
        outcome_of=outcome_of, of_outcome=of_outcome, groups=groups,
        difference_table=difference_table,
    )  # fmt: skip


__all__ = ["outcome_of", "page"]
