"""Studies: what may be varied, what comes out, and that nothing that was finished is lost."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import pytest

from fxlif.errors import FxlifError
from fxlif.study.subject import Objective, Parameter, subject_of
from fxlif.study.table import Row, Table

BITS = Parameter(name="weight_bits", title="weight bits", unit="bit", low=1, high=16)
LEAK = Parameter(name="leak", title="leak", choices=("shift", "scale"))
ACCURACY = Objective(name="accuracy", title="accuracy", direction="maximize", interval=True)
MEMORY = Objective(name="memory", title="memory", direction="minimize", unit="bit")


@pytest.mark.parametrize(
    ("parameter", "value"),
    [(BITS, 0), (BITS, 17), (BITS, 4.0), (BITS, True), (BITS, "4"), (LEAK, "multi"), (LEAK, 1)],
)
def test_a_value_that_is_not_allowed_is_named(parameter: Parameter, value: object) -> None:
    with pytest.raises(FxlifError) as caught:
        parameter.check("parameters.x", value)
    assert caught.value.key == "parameters.x"
    assert caught.value.value == value
    assert caught.value.allowed == parameter.allowed


def test_a_choice_is_not_taken_for_another_type() -> None:
    switch = Parameter(name="on", title="on", choices=(True, False))
    assert switch.check("on", True) is True
    with pytest.raises(FxlifError):
        switch.check("on", 1)


def row(trial: int, accuracy: float, memory: float) -> Row:
    ends = {"accuracy_low": accuracy - 0.01, "accuracy_high": accuracy + 0.01}
    return Row(
        trial=trial, state="complete", values={"weight_bits": 8, "leak": "shift"},
        found={"accuracy": accuracy, "memory": memory, **ends},
    )  # fmt: skip


def table(*rows: Row) -> Table:
    return Table(name="a", parameters=(BITS, LEAK), objectives=(ACCURACY, MEMORY), rows=rows)


FAILED = Row(trial=3, state="failed", values={}, found={}, reason="state_bits: too few")


def test_the_front_has_no_row_that_another_beats() -> None:
    rows = row(0, 0.9, 10), row(1, 0.9, 12), row(2, 0.8, 10), FAILED, row(4, 0.95, 20)
    assert [one.trial for one in table(*rows, row(5, 0.9, 10)).front()] == [0, 4, 5]


def test_the_cheapest_within_a_tolerance() -> None:
    found = table(row(0, 0.90, 10), row(1, 0.95, 12), row(2, 0.955, 20), FAILED)
    assert found.cheapest("accuracy", 0.01) == found.rows[1]
    assert found.cheapest("accuracy", 0.001) == found.rows[2]
    assert table(FAILED).cheapest("accuracy", 0.01) is None


def test_a_row_beyond_a_limit_keeps_its_numbers_and_is_not_chosen() -> None:
    """A limit itself may be reached. What lies beyond is in neither front nor choice."""
    objectives = replace(ACCURACY, limit=0.8), replace(MEMORY, limit=12)
    rows = row(0, 0.9, 12), row(1, 0.95, 13), row(2, 0.8, 10), row(3, 0.79, 2), FAILED
    found = replace(table(*rows), objectives=objectives)
    assert [one.trial for one in found.feasible] == [0, 2]
    assert [one.trial for one in found.front()] == [0, 2]
    assert found.cheapest("accuracy", 0.0) == rows[0]
    records = list(found.records())
    assert [record["memory"] for record in records] == [12, 13, 10, 2, None]
    assert records[1]["reason"] == "memory: 13 is beyond its limit, 12"
    assert records[3]["reason"] == "accuracy: 0.79 is beyond its limit, 0.8"
    assert replace(found, rows=(rows[1],)).cheapest("accuracy", 1.0) is None
    error = Objective(name="error", title="error", direction="zero", limit=0.1)
    assert [round(error.beyond(value), 6) for value in (-0.1, -0.3, math.nan)] == [0, 0.2, math.inf]


def test_the_table_is_tidy(tmp_path: Path) -> None:
    found = table(row(0, 0.9, 10), FAILED)
    found.write_csv(tmp_path / "table.csv")
    assert (tmp_path / "table.csv").read_text() == (
        "trial,state,reason,seconds,weight_bits,leak,accuracy,accuracy_low,accuracy_high,memory\n"
        "0,complete,,0.0,8,shift,0.9,0.89,0.91,10\n"
        "3,failed,state_bits: too few,0.0,,,,,,\n"
    )
    found.write_parquet(tmp_path / "table.parquet")
    parquet = pytest.importorskip("pyarrow.parquet").read_table(tmp_path / "table.parquet")
    assert parquet.to_pylist() == list(found.records())


def test_a_subject_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(FxlifError) as caught:
        subject_of({"kind": "netwrk"}, tmp_path)
    assert caught.value.key == "kind"
