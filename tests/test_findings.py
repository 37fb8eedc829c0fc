"""Findings: what may be called green, and what may not."""

from dataclasses import replace

import pytest

from fxlif.sim.report.difference import Difference
from fxlif.sim.report.findings import Check, Findings


def findings(*outcomes: str) -> Findings:
    checks = tuple(Check(name=f"check {k}", outcome=o) for k, o in enumerate(outcomes))
    return Findings(command="verify", design="d", digest="0", checks=checks, seed=3)


@pytest.mark.parametrize(
    ("outcomes", "passed"),
    [
        (["passed"], True),
        (["passed", "not_applicable"], True),
        (["passed", "failed"], False),
        (["passed", "unknown"], False),
        (["not_applicable"], False),
        ([], False),
    ],
)
def test_green_means_that_something_was_asked_and_all_of_it_answered(outcomes, passed):
    found = findings(*outcomes)
    assert found.passed is passed
    assert (found.reasons == []) is passed


def test_reasons_name_the_checks_that_failed():
    found = Findings(
        command="prove", design="d", digest="0",
        checks=(Check(name="a", outcome="failed", detail="v = 3\nmore"),
                Check(name="b", outcome="unknown"), Check(name="c", outcome="passed")),
    )  # fmt: skip
    assert found.reasons == ["a: v = 3", "b: unknown"]


def test_findings_survive_the_way_through_a_file():
    first = Difference(cycle=7, signal="v", width=9, expected=1, observed=-2, history={"v": [0]})
    found = replace(findings("passed", "failed"), first=first)
    assert Findings.from_json(found.to_json()) == found
    assert found.versions["fxlif"]
