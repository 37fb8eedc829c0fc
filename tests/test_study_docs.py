"""The figures of docs/studies.md are those that the studies which ship give."""

from __future__ import annotations

import re
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path

import pytest

from fxlif.study.spec import SHIPPED, Plan, load_plan, study_file

MINUS = "\u2212"
DOCS = Path(str(files("fxlif") / "docs"))
TEXT = (DOCS / "studies.md").read_text()
BEFORE, AFTER = TEXT.split("## Studies that ship")[1].split("### Digits, trained")


def rows_of(text: str) -> dict[str, list[str]]:
    """The rows of the tables that hold figures, by how they begin."""
    rows = [line.strip("| ").split(" | ") for line in text.splitlines() if line.startswith("| ")]
    return {first: rest for first, *rest in rows if len(rest) > 2}


THROUGH, AFTER = rows_of(AFTER.split("###")[0]), AFTER.split("### Fidelity")[1]
ROWS = rows_of(BEFORE) | rows_of(AFTER)
ROUNDINGS = {
    "`floor` of a shift, what is taken away": ("shift", "floor"),
    "`floor` of scale, what is kept": ("scale", "floor"),
    "`nearest_even` of either": ("shift", "nearest_even"),
}


@pytest.fixture(scope="module")
def plans() -> dict[str, Plan]:
    return {name: load_plan(study_file(Path(name))) for name in ("digits", "fidelity", "leaks")}


def found(plan: Plan, values: Mapping[str, object]) -> Mapping[str, float]:
    """The objectives of one of the study's own points."""
    assert values in plan.points
    return plan.subject.evaluate(values, [one.name for one in plan.objectives])


def numbers(text: str) -> list[float]:
    return [float(x) for x in re.findall(r"-?[\d.]+", text.replace(MINUS, "-").replace(",", ""))]


@pytest.mark.parametrize("bits", [8, 4, 2])
def test_digits(bits: int, plans: dict[str, Plan]) -> None:
    values = {"weight_bits": bits, "state_bits": 24, "rounding": "nearest_even"}
    made = found(plans["digits"], values)
    accuracy, same, memory = map(numbers, ROWS[str(bits)])
    for told, name in ((accuracy, "accuracy"), (same, "same_trains")):
        ends = [made[name + end] for end in ("", "_low", "_high")]
        assert told == [round(100 * end, 1) for end in ends]
    assert memory == [made["memory_bits"]]


@pytest.mark.parametrize("row", list(ROUNDINGS))
def test_fidelity(row: str, plans: dict[str, Plan]) -> None:
    leak, rounding = ROUNDINGS[row]
    made = found(plans["fidelity"], {"leak": leak, "rounding": rounding, "fractional_bits": 8})
    error, half = numbers(ROWS[row][1].replace("±", " "))
    assert error == round(made["rate_error"], 2)
    assert half == round((made["rate_error_high"] - made["rate_error_low"]) / 2, 2)


def test_digits_trained_through(monkeypatch: pytest.MonkeyPatch) -> None:
    """From the weights that ship: nothing is trained."""
    monkeypatch.setattr("fxlif.study.network.trained", None)
    plan = load_plan(study_file(Path("digits_through")))
    values = {"weight_bits": 2, "state_bits": 24, "rounding": "nearest_even", "training": "through"}
    each = [100 * found(plan, {**values, "seed": seed})["accuracy"] for seed in range(1, 6)]
    assert numbers(THROUGH["2"][1]) == [
        round(number, 1) for number in (sum(each) / 5, min(each), max(each))
    ]
    assert len(list((SHIPPED / "digits_through").glob("*.npz"))) == len(plan.points) // 2


def test_leaks(plans: dict[str, Plan]) -> None:
    error, shifts, scale = (float(x.replace(MINUS, "-")) for x in ROWS["20"][1].split(", "))
    for leak, told in (("multi_shift", shifts), ("scale", scale)):
        made = found(plans["leaks"], {"tau": 20.0, "leak": leak, "adders": 2})
        assert told == round(made["rate_error"], 2)
        assert error == round(made["tau_error"], 2)


def test_the_plots_are_small_and_shown() -> None:
    plots = sorted((DOCS / "plots").iterdir())
    assert len(plots) >= 9
    for plot in plots:
        assert plot.stat().st_size <= 60_000
        assert any(f"](plots/{plot.name})" in page.read_text() for page in DOCS.glob("*.md"))
