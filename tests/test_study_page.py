"""The page of a study: whole in one file, right for every table, safe from what is in it."""

from __future__ import annotations

import base64
import itertools
import math
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest
from matplotlib.figure import Figure

from fxlif.errors import FxlifError
from fxlif.study.network import NetworkSubject
from fxlif.study.neuron.subject import OneNeuron
from fxlif.study.report.figures import Points, show_limit
from fxlif.study.report.page import chosen, measured, sections_of
from fxlif.study.report.page import page as page_of
from fxlif.study.spec import SHIPPED, load_plan, study_file
from fxlif.study.subject import Objective, Parameter, Subject
from fxlif.study.table import Row, Table

ACCURACY = Objective(name="accuracy", title="accuracy", direction="maximize", interval=True)
COST = Objective(name="cost", title="memory", unit="bits", direction="minimize")
ERROR = Objective(name="error", title="rate error", unit="%", direction="zero")
BITS = Parameter(name="bits", title="weight bits", unit="bits", low=1, high=16)
STATE = Parameter(name="state", title="membrane bits", unit="bits", low=4, high=32)
KIND = Parameter(name="kind", title="leak", choices=("b", "a"))
SEED = Parameter(name="seed", title="seed", low=0)


def table(parameters, objectives, rows, name="digits") -> Table:
    made = [
        Row(trial=k, state="complete" if found else "failed", values=values, found=found,
            reason="" if found else "v: does not <fit>")
        for k, (values, found) in enumerate(rows)
    ]  # fmt: skip
    return Table(
        name=name, parameters=tuple(parameters), objectives=tuple(objectives), rows=tuple(made)
    )


def accuracy(value: float) -> dict[str, float]:
    return {"accuracy": value, "accuracy_low": value - 0.02, "accuracy_high": value + 0.02}


def whole() -> Table:
    """A grid of 3 x 3 x 2, one point of which failed."""
    rows = []
    for bits, state, kind in itertools.product((2, 4, 8), (8, 12, 16), "ab"):
        values = {"bits": bits, "state": state, "kind": kind}
        found = accuracy(1 - 1 / (bits * state)) | {"cost": bits * state, "error": bits - state}
        rows.append((values, {} if (bits, state, kind) == (2, 8, "b") else found))
    return table([BITS, STATE, KIND], [ACCURACY, COST, ERROR], rows)


def page(made: Table, subject: Subject | None = None, **given) -> str:
    """The page with its plots."""
    return page_of(made, sections_of(made, subject, given.get("tolerance", 0.01)), **given)


class Read(HTMLParser):
    """What a browser would find: tags, addresses, images with their titles, rows of tables."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.addresses: list[str] = []
        self.images: dict[str, str] = {}
        self.rows: list[list[str]] = []
        self.text = ""
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        self.addresses += [given[key] for key in ("src", "href", "action") if key in given]
        if tag == "img":
            self.images[given["alt"]] = given["src"]
        elif tag == "tr":
            self.rows.append([])
        elif tag in ("td", "th"):
            self.rows[-1].append("")
        if tag not in ("img", "meta"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data
        if self.open and self.open[-1] in ("td", "th"):
            self.rows[-1][-1] += data

    def trial(self, number: int) -> list[str]:
        """The last row of that number: the table of all trials."""
        return [row for row in self.rows if row and row[0] == str(number)][-1]


def test_a_page_holds_every_image_and_every_trial():
    made = whole()
    read = Read(
        page(made, verilog="fxlif verilog best/design.toml -o best", command="fxlif study x")
    )
    assert all(address.startswith("data:image/svg+xml;base64,") for address in read.addresses)
    for source in read.images.values():
        assert b"</svg>" in base64.b64decode(source.partition(",")[2], validate=True)
    assert set(read.images) >= {
        "accuracy against weight bits", "accuracy against membrane bits", "accuracy, leak a",
        "accuracy, leak b", "accuracy and memory", "accuracy and rate error",
    }  # fmt: skip
    for row in made.complete:
        assert read.trial(row.trial)[1:4] == [str(v) for v in row.values.values()]
        assert read.trial(row.trial)[4] == measured(row, ACCURACY)
    failed = next(row for row in made.rows if row.state == "failed")
    assert read.trial(failed.trial)[-1] == failed.reason
    assert "18 trials, 1 of which failed." in read.text
    assert "fxlif verilog best/design.toml -o best" in read.text
    # 95.8 % at 24 bits is within 5 points of the best; 93.8 % at 16 is not.
    assert "0.96 (0.94 to 0.98)" in Read(page(made, tolerance=0.05)).text.split("18 trials")[0]


def test_a_page_says_which_limits_there_are_and_what_is_beyond():
    made = whole()
    objectives = (*made.objectives[:1], replace(COST, limit=80), *made.objectives[2:])
    limited = replace(made, objectives=objectives)
    beyond = [row for row in limited.complete if row.found["cost"] > 80]
    assert beyond
    read = Read(page_of(limited, {}))
    assert f"1 of which failed and {len(beyond)} of which are beyond a limit" in read.text
    assert "less is better, limit 80" in read.text
    assert read.trial(beyond[0].trial)[-1].endswith("is beyond its limit, 80")
    none = replace(limited, objectives=(*made.objectives[:1], replace(COST, limit=-1)))
    assert "compare by, within the limits" in Read(page_of(none, {})).text


@pytest.mark.parametrize(("limit", "lines"), [(80, 1), (130, 1), (24_288, 0), (None, 0)])
def test_a_limit_far_from_what_is_shown_does_not_flatten_it(limit: float | None, lines: int):
    ax = Figure().subplots()
    ax.plot([1, 2, 3], [20.0, 50.0, 100.0], "o")
    show_limit(ax, "y", replace(COST, limit=limit))
    assert (len(ax.lines) - 1, ax.get_ylim()[1] < 150) == (lines, True)


def test_whatever_stands_in_a_table_is_escaped():
    evil = "<script>alert(1)</script>&\"'"
    parameter = Parameter(name="kind", title=evil, choices=(evil, "b"))
    objective = Objective(name="cost", title=evil, unit=evil, direction="minimize")
    rows = [({"kind": evil}, {"cost": 1.0}), ({"kind": "b"}, {"cost": 2.0}), ({"kind": evil}, {})]
    text = page(
        table([parameter], [objective], rows, evil), verilog=evil, command=evil, facts={evil: evil}
    )
    assert "alert(1)</script>" not in text
    assert text.count("<script") == 1
    assert evil in Read(text).text
    assert "does not <fit>" in Read(text).trial(2)[-1]


@pytest.mark.parametrize(
    ("parameters", "objectives", "rows"),
    [
        ([BITS], [ACCURACY], [({"bits": 8}, accuracy(0.9))]),
        ([BITS], [ACCURACY], [({"bits": 8}, {})]),
        ([BITS], [ERROR], [({"bits": k}, {"error": math.nan}) for k in (1, 2, 3)]),
        ([BITS], [ERROR, COST], [({"bits": k}, {"error": 0.0, "cost": math.inf}) for k in (1, 2)]),
        ([BITS], [ACCURACY], [({"bits": k}, accuracy(k / 9)) for k in range(1, 9)]),
        ([KIND], [ACCURACY], [({"kind": k}, accuracy(0.5)) for k in "ab"]),
        ([BITS, STATE], [COST], []),
    ],
    ids=["one trial", "one failed", "no number", "infinite", "one parameter", "names", "none"],
)  # fmt: skip
def test_a_table_of_little(parameters, objectives, rows):
    made = table(parameters, objectives, rows)
    read = Read(page(made))
    for row in made.rows:
        assert read.trial(row.trial)
    best = Points(made).best
    assert ("No trial gave a number" in read.text) == (best is None)
    assert ("cheapest" in read.text or "The best" in read.text) == (best is not None)


def test_ten_parameters_of_a_search():
    """Points of a search lie on no grid: each is drawn, and no map is."""
    parameters = [Parameter(name=f"p{k}", title=f"p{k}", low=0, high=99) for k in range(10)]
    rows = [
        (
            {f"p{k}": (7 * trial + k * k) % 31 for k in range(10)},
            accuracy(trial / 50) | {"cost": -trial},
        )
        for trial in range(40)
    ]
    read = Read(page(table(parameters, [ACCURACY, COST], rows)))
    assert "accuracy and memory" in read.images
    assert sum(title.startswith("accuracy against") for title in read.images) == 2
    assert "whatever its other parameters" in read.text
    assert "Over two parameters" not in read.text


def test_repeats_become_a_band():
    rows = [
        ({"bits": bits, "seed": seed}, accuracy(0.1 * bits + 0.01 * seed))
        for bits in (2, 4) for seed in (1, 2, 3)
    ]  # fmt: skip
    made = table([BITS, SEED], [ACCURACY], rows)
    assert [one.name for one in Points(made).varied] == ["bits"]
    read = Read(page(made))
    assert "accuracy against weight bits" in read.images
    assert "lowest and highest seed" in read.text


def test_an_interval_says_how_many_digits_count():
    def row(value: float, half: float) -> Row:
        found = {"accuracy": value, "accuracy_low": value - half, "accuracy_high": value + half}
        return Row(trial=0, state="complete", values={}, found=found)

    assert measured(row(0.49823, 0.036), ACCURACY) == "0.50 (0.46 to 0.53)"
    assert measured(row(-24.2113, 0.21), ACCURACY) == "-24.2 (-24.4 to -24.0)"
    assert measured(row(0.5, 0.0), ACCURACY) == "0.5"


def test_the_best_of_an_error_is_the_nearest_to_0():
    rows = [({"bits": k}, {"error": error}) for k, error in enumerate((-9.0, 0.5, -0.2, 4.0), 1)]
    points = Points(table([BITS], [ERROR], rows))
    assert {name: row.values["bits"] for name, row in chosen(points, None).items()} == {
        "best": 3, "worst": 1,
    }  # fmt: skip


@pytest.mark.parametrize("path", sorted(SHIPPED.glob("*.toml")), ids=lambda path: path.stem)
def test_a_study_that_ships_is_one(path: Path):
    plan = load_plan(study_file(Path(path.stem)))
    assert plan.spec.name == path.stem
    assert 1 < plan.trials <= 400


def test_the_name_of_no_study():
    with pytest.raises(FxlifError, match="did you mean leaks") as caught:
        study_file(Path("leak"))
    assert (caught.value.key, caught.value.value) == ("leak", "leak")
    assert study_file(Path("mine.toml")) == Path("mine.toml")


def test_neurons_stand_beside_float():
    subject = OneNeuron({"work": 1}, Path())
    names = ("fractional_bits", "rounding")
    objectives = [subject.objectives["rate_error"], subject.objectives["state_bits"]]
    rows = []
    for values in (
        {"fractional_bits": 4, "rounding": "floor"},
        {"fractional_bits": 12, "rounding": "floor"},
    ):
        rows.append((values, subject.evaluate(values, ["rate_error"])))
    made = table([subject.parameters[name] for name in names], objectives, rows)
    read = Read(page(made, subject, tolerance=1.0))
    assert set(read.images) >= {
        "Raster of float", "Raster of the best", "Raster of the worst",
        "Trace of the best and float", "f-I curve",
    }  # fmt: skip


def test_networks_stand_beside_float():
    """With 8 bits most of the first digits have the spikes of float, with 2 bits none has."""
    subject = NetworkSubject({"source": "digits", "limit": 12}, Path())
    rows = [
        (values, subject.evaluate(values, ["accuracy", "same_trains"]))
        for values in ({"weight_bits": 8}, {"weight_bits": 2})
    ]
    objectives = [subject.objectives[name] for name in ("same_trains", "accuracy")]
    made = table([subject.parameters["weight_bits"]], objectives, rows)
    best, worst = (round(12 * row.found["same_trains"]) for row in made.rows)
    assert best > 6 > worst
    read = Read(page(made, subject))
    assert f"In {best} of them every spike" in read.text
    assert f"In {worst} of them every spike" in read.text
    assert {"Output of float", "Output of the best", "Weights of the worst"} <= set(read.images)
