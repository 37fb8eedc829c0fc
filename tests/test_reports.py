"""Reports: whoever reads only the page, or only the JUnit file, must not see more green than is."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import xml.etree.ElementTree as ET
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from fxlif import CoreParams, FxlifError, load
from fxlif.params.design import outline
from fxlif.sim.bench.outcome import checks_of, failure_reasons, figures
from fxlif.sim.bench.scoreboard import Report
from fxlif.sim.report import write as reports
from fxlif.sim.report.difference import Difference, difference_table
from fxlif.sim.report.findings import Bin, Check, Findings
from fxlif.sim.report.page import outcome_of, page
from fxlif.sim.report.write import junit, write
from fxlif.sim.tools.simulators import Results

MIXED = (
    Check(name="holds", outcome="passed", detail="12 cycles", seconds=1.25),
    Check(name="broken", outcome="failed", detail="v = 3 < 4 & more\nsecond line", seconds=0.5),
    Check(name="open", outcome="unknown", detail="z3: no answer in 9 s"),
    Check(name="elsewhere", outcome="not_applicable", detail="no labels"),
)


def findings(*checks: Check, **more) -> Findings:
    base = {"command": "verify", "design": "d", "digest": "ab12", "seed": 3, "replay": "fxlif x"}
    return Findings(checks=checks, versions={"fxlif": "0.1"}, **{**base, **more})


class Page(HTMLParser):
    """Tags and visible text; stops at what does not nest."""

    VOID = ("meta", "br", "link", "img")

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict]] = []
        self.words: list[str] = []
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open[-1:] != ["style"]:
            self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())

    @property
    def verdict(self) -> str:
        return next(a["class"] for t, a in self.tags if "verdict" in a.get("class", "")).split()[1]


# --- JUnit ----------------------------------------------------------------------------------------


def test_junit_of_every_outcome():
    root = ET.fromstring(junit([findings(*MIXED, figures={"spikes": 7})]))
    (suite,) = root
    assert (suite.tag, suite.get("name")) == ("testsuite", "verify d")
    for element in (root, suite):
        counts = [element.get(key) for key in ("tests", "failures", "errors", "skipped")]
        assert counts == ["4", "1", "1", "1"]
        assert float(element.get("time")) == 1.75
    cases = {case.get("name"): case for case in suite.iter("testcase")}
    assert [case.get("classname") for case in cases.values()] == ["fxlif.verify.d"] * 4
    assert [child.tag for child in cases["holds"]] == ["system-out"]
    (failure,) = cases["broken"]
    assert (failure.tag, failure.get("message")) == ("failure", "v = 3 < 4 & more")
    assert failure.text == "v = 3 < 4 & more\nsecond line\nfxlif x"
    assert cases["open"][0].tag == "error"
    assert (cases["elsewhere"][0].tag, cases["elsewhere"][0].get("message")) == (
        "skipped", "no labels",
    )  # fmt: skip
    facts = {p.get("name"): p.get("value") for p in suite.iter("property")}
    assert facts == {
        "digest": "ab12", "seed": "3", "replay": "fxlif x", "spikes": "7", "version.fxlif": "0.1",
    }  # fmt: skip


@pytest.mark.parametrize("checks", [(), (MIXED[3],)])
def test_nothing_asked_is_not_green(checks):
    """A suite without cases, or of skipped ones alone, is green wherever JUnit is read."""
    found = findings(*checks)
    assert not found.passed
    root = ET.fromstring(junit([found]))
    assert root.get("errors") == "1"
    assert root.find(".//error").get("message") == "nothing was checked"
    shown = Page(page([found]))
    assert shown.verdict == "failed"
    assert "nothing was checked" in shown.text
    assert Page(page([])).verdict == "failed"


def test_text_that_xml_cannot_hold():
    text = "\x1b[31mred\x00 ]]> <b> \ud800 \ufffe é"
    check = Check(name=text, outcome="failed", detail=text)
    root = ET.fromstring(junit([findings(check)]).encode("utf-8"))
    assert "[31mred" in root.find(".//failure").text
    assert "]]> <b>" in root.find(".//testcase").get("name")


# --- the page -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("checks", "verdict"),
    [
        (MIXED[:1], "passed"),
        ((MIXED[0], MIXED[3]), "passed"),
        ((MIXED[0], MIXED[2]), "unknown"),
        (MIXED, "failed"),
        (MIXED[3:], "failed"),
        ((), "failed"),
    ],
)
def test_verdict_of_the_page(checks, verdict):
    found = findings(*checks)
    assert Page(page([found])).verdict == verdict
    assert (verdict == "passed") is found.passed
    assert (outcome_of(found) == "passed") is found.passed
    good = findings(MIXED[0], design="other")
    assert Page(page([good, found, good])).verdict == verdict


def test_page_says_what_was_checked_and_what_not():
    shown = Page(page([findings(*MIXED, figures={"spikes": 12345, "score": "98 %"})]))
    text = shown.text
    assert text.index("failed broken") < text.index("passed holds")
    assert text.index("Not checked, and why") < text.index("elsewhere no labels")
    assert text.count("z3: no answer in 9 s") == 2  # on top, and where it is asked
    assert "spikes 12,345" in text
    assert "fxlif x" in text
    assert "seed 3" in text
    assert "fxlif 0.1" in text
    assert "Not run: prove, soak, mutate." in text
    assert "1 of 1 did not pass" in text
    foreign = replace(findings(*MIXED), command="verify --dut")
    assert "Not run: mutate." in Page(page([foreign])).text
    both = Page(page([foreign, replace(foreign, command="mutate")])).text
    assert "Not run" not in both


def test_page_shows_the_first_difference_and_what_is_left():
    first = Difference(
        cycle=7, signal="spike", width=1, expected=1, observed=0,
        history={"rst": [0, 0], "spike": [0, 0]},
    )  # fmt: skip
    text = Page(page([findings(*MIXED, first=first, folder="left/here")])).text
    assert "first difference: cycle 7, signal spike expected 0x1 (1) observed 0x0 (0)" in text
    assert "left/here" in text


WIDE = Difference(
    cycle=44, signal="out.<address>", width=3, expected=4, observed=0,
    history={
        "rst": [0] * 11, "in.valid": [1, 0] * 5 + [1], "total": list(range(-70_000, -69_989)),
        "out.<address>": [2] * 10 + [0], "dropped": [7] * 11,
    },
    due={"out.<address>": [None] * 5 + [2] * 5 + [4], "in.valid": [None] * 11},
    widths={"rst": 1, "in.valid": 1, "total": 18, "out.<address>": 3, "dropped": 32},
)  # fmt: skip


def test_a_table_keeps_its_columns():
    """In 80 columns the last cycles, and the signals that matter; else all of them."""
    lines = difference_table(WIDE, 80).splitlines()
    assert max(map(len, lines)) <= 80
    cycles = lines[4].split()
    assert (cycles[0], cycles[-1]) == ("cycle", "44")
    rows = {line[:15].strip(): line[15:].split() for line in lines[5:9]}
    assert list(rows) == ["out.<address>", "expected", "in.valid", "total"]
    assert {len(row) for row in rows.values()} == {len(cycles) - 1}
    assert (rows["out.<address>"][-2:], rows["expected"][-2:]) == (["2", "0"], ["2", "4"])
    # Each value stands under its cycle.
    ends = {m.end() for m in re.finditer(r"\S+", lines[4])}
    assert all({m.end() for m in re.finditer(r"\S+", line[13:])} <= {e - 13 for e in ends}
               for line in lines[5:9])  # fmt: skip
    assert lines[-1] == "the same in all these cycles: rst 0, dropped 7"
    whole = difference_table(WIDE).splitlines()
    assert whole[4].split() == ["cycle", *map(str, range(34, 45))]
    assert [line.split()[0] for line in whole[5:11]] == [
        "out.<address>", "expected", "in.valid", "total", "rst", "dropped",
    ]  # fmt: skip


def test_a_table_of_many_signals_stays_short():
    more = {f"signal {k}": [0] * 10 + [1] for k in range(100)}
    table = difference_table(replace(WIDE, history={**WIDE.history, **more}), 80)
    assert table.splitlines()[-1].endswith("more signals that change")
    assert table.count("\n") < 35


def test_the_waveform_of_a_difference():
    text = page([findings(*MIXED, first=WIDE)])
    shown = Page(text)
    assert sum(tag == "svg" for tag, _ in shown.tags) == 2
    drawn = text.partition('<div class="wave">')[2].partition("</div></div>")[0]
    # Names, cycles and values as text; what never changes is left to the table.
    words = re.findall(r"<text[^>]*>([^<]+)<", drawn)
    assert words[:5] == ["clock", "out.&lt;address&gt;", "expected", "in.valid", "total"]
    assert words[5:16] == [str(cycle) for cycle in range(34, 45)]
    assert words[16:20] == ["2", "0", "2", "4"]
    assert words.count("-70000") == 1
    assert "rst" not in words
    # One cycle is marked, and what differs in it; the five in which nothing is promised are dashed.
    at = re.findall(r'class="(?:at|wrong)" x="(\d+)" y="\d+" width="56"', drawn)
    assert at == ["560", "560", "560"]
    assert re.findall(r'class="any" d="M(\d+) \d+H(\d+)"', drawn) == [("2", "278")]
    assert len(re.findall('class="bad"', drawn)) == 2
    # No colour of its own: the style of the page has one for light and one for dark.
    assert not re.search(r"#[0-9a-f]{3}|rgb|(?:fill|stroke)=", drawn)


def test_the_page_says_when_of_what_and_by_what():
    core = CoreParams(n_inputs=2, n_neurons=3, weights=[[1, 2, 3]] * 2)
    found = findings(MIXED[0], parameters=outline(core), made="2026-11-21T22:04:05+00:00")
    found = replace(found, versions={**found.versions, "python": "3.11", "icarus": "12.0"})
    text = Page(page([found])).text
    assert "2026-11-21 22:04 UTC · fxlif 0.1 · python 3.11 · icarus 12.0 · seed 3" in text
    assert 'weights = "2 x 3 integers"' in text
    assert "v_threshold = 64" in text
    assert "The Verilog was simulated." in text
    # Findings that an older version wrote have no date, and none is made up for them.
    old = json.loads(found.to_json())
    del old["made"]
    assert "UTC" not in Page(page([Findings.from_json(json.dumps(old))])).text


def test_page_needs_nothing_outside_it():
    text = page([findings(*MIXED)])
    shown = Page(text)
    assert not {"script", "link", "img", "iframe"} & {tag for tag, _ in shown.tags}
    assert all(a.get("href", "#").startswith("#") for _, a in shown.tags)
    assert not re.search(r"url\(|@import|https?:", text)
    assert {a["href"][1:] for t, a in shown.tags if t == "a"} <= {
        a.get("id") for _, a in shown.tags
    }


def test_text_is_escaped():
    evil = "<script>alert('x')</script>&amp;\""
    bins = (Bin(group=evil, name=evil, count=0, why=evil),)
    found = findings(
        Check(name=evil, outcome="failed", detail=evil), Check(name=evil, outcome="unknown"),
        command=evil, design=evil, digest=evil, replay=evil, figures={evil: evil}, coverage=bins,
    )  # fmt: skip
    shown = Page(page([replace(found, versions={evil: evil})]))
    assert "script" not in {tag for tag, _ in shown.tags}
    assert shown.text.count(evil) >= 12


def test_coverage():
    bins = (
        Bin(group="overflow", name="up", count=4, goal=3, reachable=True),
        Bin(group="overflow", name="wraps", count=0, reachable=False, why="it saturates"),
        Bin(group="threshold", name="at", count=2, goal=3, reachable=True),
        Bin(group="threshold", name="below", count=0, why="no solver"),
    )
    assert [one.hit for one in bins] == [True, False, False, False]
    text = Page(page([findings(MIXED[0], coverage=bins)])).text
    assert "Coverage: 1 of 3 reachable bins" in text
    assert "overflow 1 of 1 1 threshold 0 of 2" in text
    missed = text[text.index("Bins that were not hit") : text.index("1 bins that were hit")]
    assert "overflow wraps 0 of 1 - unreachable it saturates" in missed
    assert "threshold at 2 of 3 ✗ missed" in missed
    assert "threshold below 0 of 1 ? missed no solver" in missed
    assert "overflow up 4 of 3 ✓ hit" in text


# --- folders --------------------------------------------------------------------------------------


def names(folder) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_every_command_adds_to_the_report(tmp_path):
    folder = tmp_path / "a" / "b"
    assert write(folder, findings(MIXED[0])) == [folder / "report.html", folder / "junit.xml"]
    assert names(folder) == ["junit.xml", "report.html", "verify.json"]
    write(
        folder, findings(MIXED[2], command="prove", coverage=(Bin(group="g", name="n", count=1),))
    )
    write(folder, findings(MIXED[0], design="other/name"))
    assert names(folder) == [
        "junit.xml", "prove.json", "report.html", "verify-other_name.json", "verify.json",
    ]  # fmt: skip
    suites = ET.parse(folder / "junit.xml").getroot()
    assert [s.get("name") for s in suites] == ["prove d", "verify other/name", "verify d"]
    assert Page((folder / "report.html").read_text()).verdict == "unknown"

    write(folder, findings(MIXED[1]))  # the same command and design: what it said before is gone
    assert len(names(folder)) == 5
    root = ET.parse(folder / "junit.xml").getroot()
    assert (root.get("tests"), root.get("failures")) == ("3", "1")
    assert Page((folder / "report.html").read_text()).verdict == "failed"
    assert reports.read(folder)["prove.json"].coverage == (Bin(group="g", name="n", count=1),)


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "{}", '{"checks": [{"name": 1}]}', '{"format": 1}']
)
def test_json_that_is_no_findings(tmp_path, text):
    """To pass over it could hide a red result."""
    (tmp_path / "prove.json").write_text(text)
    with pytest.raises(FxlifError) as caught:
        write(tmp_path, findings(MIXED[0]))
    assert caught.value.key == str(tmp_path / "prove.json")
    assert caught.value.allowed == "findings that --report wrote"
    assert "\n" not in str(caught.value)
    assert names(tmp_path) == ["prove.json"]


def test_a_file_that_was_half_written_blocks_nothing(tmp_path):
    """Killed between the temporary file and its final name."""
    script = """
import os, signal, sys
from pathlib import Path
from fxlif.sim.report.findings import Check, Findings
from fxlif.sim.report.write import write
os.replace = lambda *paths: os.kill(os.getpid(), signal.SIGKILL)
write(sys.argv[1], Findings(command="verify", design="d", digest="", checks=()))
"""
    done = subprocess.run([sys.executable, "-c", script, str(tmp_path / "r")], cwd=tmp_path)
    assert done.returncode < 0
    (left,) = names(tmp_path / "r")
    (tmp_path / "r" / left).write_text("{")
    write(tmp_path / "r", findings(MIXED[0]))
    assert names(tmp_path / "r") == [left, "junit.xml", "report.html", "verify.json"]
    assert Page((tmp_path / "r" / "report.html").read_text()).verdict == "passed"


def test_folder_that_cannot_be(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(FxlifError, match="file: must be a folder, not a file") as caught:
        write(tmp_path / "file", findings(MIXED[0]))
    assert caught.value.key == str(tmp_path / "file")


# --- what fxlif verify says -----------------------------------------------------------------------

RAN = Results(passed=1, failed=0, skipped=0, message="")
FINE = Report(cycles=10, comparisons=40, spikes=1)


@pytest.mark.parametrize("neuron", [False, True])
@pytest.mark.parametrize(
    ("results", "report"),
    [
        (RAN, FINE),
        (replace(RAN, passed=0), FINE),
        (replace(RAN, passed=0, failed=1, message="gone\nmore"), FINE),
        (replace(RAN, passed=0, failed=1), FINE),
        (replace(RAN, passed=0, skipped=1), FINE),
        (RAN, None),
        (RAN, replace(FINE, cycles=0)),
        (RAN, replace(FINE, unchecked_cycles=1)),
        (RAN, replace(FINE, spikes=0)),
        (RAN, replace(FINE, fired=[[1, 0], [0, 2]])),
        (RAN, replace(FINE, fired=[[1, 1], [0, 0]])),
        (RAN, replace(FINE, mismatches=3)),
    ],
)
def test_findings_are_green_exactly_where_the_verdict_is(results, report, neuron):
    checks = checks_of(results, report, neuron=neuron)
    assert findings(*checks).passed is (failure_reasons(results, report) == [])


def test_what_never_fired_is_said() -> None:
    """A core whose weights are all zero agrees with everything; a silent neuron is named."""
    report = replace(FINE, fired=[[1] * 4, [0] * 4])
    assert [why for why in failure_reasons(RAN, report) if "no neuron of core 1 ever" in why]
    report = replace(FINE, fired=[[2] * 3, [0, 1, *[0] * 9]])
    assert failure_reasons(RAN, report) == []
    said = "10 of 11 of core 1 (0, 2, 3, 4, 5, 6, 7, 8, ...)"
    assert figures(report, "icarus")["never fired"] == said
    assert "never fired" not in figures(replace(report, fired=[[1, 1]]), "icarus")


def test_findings_tell_the_golden_network_from_the_cycle_model():
    first = Difference(
        cycle=7, signal="events_out.payload.tick", width=1, expected=1, observed=0, history={}
    )
    report = replace(FINE, mismatches=3, golden_mismatches=2, first=first)
    checks = checks_of(RAN, report, neuron=False)
    outcomes = {check.name: check.outcome for check in checks}
    assert outcomes["every output and state in every cycle"] == "failed"
    assert outcomes["events out equal those of the golden network"] == "failed"
    assert "cycle 7, signal events_out.payload.tick" in checks[1].detail
    checks = checks_of(RAN, replace(report, golden_mismatches=0), neuron=False)
    assert [check.outcome for check in checks].count("failed") == 1


def test_report_of_the_command(run, tiny, tmp_path, monkeypatch):
    """The command line writes what the run found, of a network and of a neuron."""
    from fxlif.sim import verify as module

    def check(params, **options):
        return RAN, replace(FINE, spikes=5, steps=6, mismatches=0)

    monkeypatch.setattr(module, "check", check)
    (tmp_path / "one.toml").write_text("[neuron]\nv_threshold = 64\n")
    ran = run("verify", tiny, "--report", "reports", "--simulator", "verilator", "--quick")
    assert ran.code == 0
    assert "report: reports/report.html" in ran.out
    assert run("verify", "one.toml", "--report", "reports", "--cycles", "9", "--quick").code == 0
    assert names(tmp_path / "reports") == [
        "junit.xml", "report.html", "verify-one.json", "verify.json",
    ]  # fmt: skip
    found = reports.read(tmp_path / "reports")
    assert found["verify.json"].design == "tiny"
    assert found["verify.json"].digest == load(tiny).digest()
    assert found["verify.json"].figures["spikes"] == 5
    assert found["verify-one.json"].replay == (
        "fxlif verify one.toml --simulator verilator --seed 1 --cycles 9 --quick"
    )

    def silent(params, **options):
        return RAN, replace(FINE, spikes=0)

    monkeypatch.setattr(module, "check", silent)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    ran = run("verify", tiny, "--report", "reports", "--quick")
    assert ran.code == 1
    assert Page((tmp_path / "reports" / "report.html").read_text()).verdict == "failed"
