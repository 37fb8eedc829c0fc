"""A failure leaves a folder that shows it again, anywhere; and those that were mended stay so."""

from __future__ import annotations

import csv
import json
import re
import shutil
from dataclasses import asdict, replace
from itertools import permutations
from pathlib import Path

import numpy as np
import pytest
from designs import FAULT, QUICK, contents, make, swap

from fxlif import FxlifError, NetworkParams, NeuronParams, load
from fxlif.hdl.interface import Field
from fxlif.params.design import load_hardware
from fxlif.sim import verify
from fxlif.sim.bench.run import Job
from fxlif.sim.bench.scoreboard import Expected, Report, Scoreboard
from fxlif.sim.bench.simulation import simulate, wrapped
from fxlif.sim.bench.trace import Trace
from fxlif.sim.bench.wrapper import Interface
from fxlif.sim.failure import folder as failures
from fxlif.sim.failure import narrow
from fxlif.sim.failure.narrow import starts
from fxlif.sim.report import write
from fxlif.sim.report.difference import Difference, difference_table
from fxlif.sim.report.findings import Findings
from fxlif.sim.tools import simulators, words
from fxlif.sim.tools.simulators import Results

KEPT = Path(__file__).parent / "failures"
EXAMPLE = KEPT / "threshold_compared_with_gt"
SIMULATOR = QUICK
NETWORK = NetworkParams.chain(make(2, 2, 1, NeuronParams(v_threshold=60, state_bits=10)))
NEURON = NeuronParams(v_threshold=64)


# --- the folders that are kept --------------------------------------------------------------------


def test_there_is_something_to_ask():
    assert EXAMPLE in list(KEPT.iterdir())


@pytest.mark.parametrize("folder", sorted(p.name for p in KEPT.iterdir() if p.is_dir()))
def test_mended_failures_stay_mended(folder):
    """The Verilog of today, with the stimulus that once failed."""
    done = failures.replay(KEPT / folder, simulator=SIMULATOR, regenerate=True)
    assert done.reasons == []
    assert done.report.cycles == len(done.failure.words)


def test_a_generator_that_is_still_broken_fails():
    done = failures.replay(EXAMPLE, simulator=SIMULATOR, regenerate=True, edit=FAULT)
    assert done.reasons != []
    assert done.reproduced


# --- a failure from end to end --------------------------------------------------------------------


def fail(monkeypatch, params, design: Path, edit, **options) -> Findings:
    """``fxlif verify`` with a fault planted in the Verilog."""
    real = verify.check
    with monkeypatch.context() as patch:
        patch.setattr(verify, "check", lambda *a, **k: real(*a, edit=edit, **k))
        return verify.verify(params, design, simulator=SIMULATOR, bulk=0, **options)


def vcd_cycles(file: Path, name: str) -> dict[int, int]:
    """What a signal of the topmost scope shows before each rise of the clock, by cycle."""
    head, _, body = file.read_text().partition("$enddefinitions $end")
    picoseconds = {"1ps": 1, "1ns": 1000}[re.search(r"\$timescale\s+(\S+)\s+\$end", head)[1]]
    top = head.split("$scope")[1]
    codes = {n: c for c, n in re.findall(r"\$var +\w+ +\d+ +(\S+) +(\w+)", top)}
    seen, cycles = {}, {}
    for block in re.split(r"(?m)^#", body)[1:]:
        time, *changes = block.split("\n")
        now = {}
        for change in changes:
            value, _, code = change.partition(" ") if change[:1] == "b" else (
                "b" + change[:1], "", change[1:],
            )  # fmt: skip
            now[code] = value[1:]
        if now.get(codes["clk"]) == "1" and codes[name] in seen:
            nanosecond = int(time) * picoseconds // 1000
            cycles[(nanosecond - 1) // 2] = int(seen[codes[name]], 2)
        seen |= now
    return cycles


def shown_in(failure: failures.Failure, file: Path) -> dict[int, int]:
    """The signal of the first difference in the waves of a folder, by cycle."""
    field = failure.interface.response[failure.note.first.signal]
    responses = vcd_cycles(failure.folder / file, "response")
    return {
        cycle: failure.interface.decode([word])[field.name][0] for cycle, word in responses.items()
    }


def test_failure_of_a_network_moves_and_replays(run, tmp_path, monkeypatch):
    """The whole way; the folder is complete, and replays from elsewhere after a move."""
    verdict = fail(monkeypatch, NETWORK, tmp_path / "x.toml", FAULT, cycles=9000, seed=4)
    assert verdict.folder == "fxlif-failure-network-4"
    assert verdict.replay == "fxlif replay fxlif-failure-network-4"
    assert not verdict.passed
    folder = tmp_path / "elsewhere" / "moved"
    folder.parent.mkdir()
    shutil.move(tmp_path / verdict.folder, folder)
    assert sorted(contents(folder)) == [
        "README.txt", "bench.v", "design.toml", "design.v", "failure.json",
        "network_core_0_weights_0.mem", "stimulus.mem", "trace.csv", "waves.v", "waves.vcd",
    ]  # fmt: skip
    assert load(folder / "design.toml").digest() == NETWORK.digest()
    failure = failures.load(folder)
    seen, note = verdict.first, failure.note
    first = note.first
    assert (note.seed, note.reproduced, note.simulator) == (4, True, SIMULATOR)
    assert {"fxlif", "python", SIMULATOR} <= set(note.versions)
    assert any("mismatches" in reason for reason in note.reasons)
    assert note.notes == []
    # Narrowed: it begins at a reset.
    assert note.start > 0
    assert failure.words[0] >> failure.interface.stimulus["rst"].offset & 1
    assert (first.cycle + note.start, first.signal) == (seen.cycle, seen.signal)
    assert len(failure.words) == first.cycle + 21

    with (folder / "trace.csv").open() as file:
        rows = {int(row["cycle"]): row for row in csv.DictReader(file)}
    assert first.signal in rows[first.cycle]["differs"].split()
    assert int(rows[first.cycle][first.signal]) == first.observed
    assert int(rows[first.cycle][f"{first.signal} expected"]) == first.expected
    assert all(row["differs"] == "" for cycle, row in rows.items() if cycle < first.cycle)
    assert (min(rows), max(rows)) == (first.cycle - 50, first.cycle + 20)

    waves = shown_in(failure, "waves.vcd")
    assert (min(waves), max(waves)) == (max(0, first.cycle - 999), first.cycle + 20)
    assert [waves[c] for c in rows] == [int(row[first.signal]) for row in rows.values()]

    monkeypatch.chdir(folder)
    readme = Path("README.txt").read_text()
    assert "    fxlif replay .\n" in readme
    assert difference_table(first, 80) in readme
    # Each file is explained, and no other.
    listed = readme.partition("Files:\n")[2].splitlines()
    assert sorted(line.split()[0] for line in listed) == sorted(
        {*contents(folder)} - {"README.txt"}
    )
    ran = run("replay", folder)
    assert ran.code == 1
    assert f"first difference: cycle {first.cycle}, signal {first.signal}" in ran.out
    assert ran.out.endswith(
        f"REPRODUCED: cycle {first.cycle}, signal {first.signal}, as recorded\n"
    )


def test_failure_of_a_neuron(run, tmp_path, monkeypatch):
    """A state that no reset brings back: what came before the reset cannot be left out."""
    fault = swap(r"if \(rst\) begin\s+(n1) += 16'h0000;", r"if (1'b0) begin \1 = 16'h0000;")
    (tmp_path / "one.toml").write_text("[neuron]\nv_threshold = 64\n")
    real = verify.check
    monkeypatch.setattr(verify, "check", lambda *a, **k: real(*a, edit=fault, **k))
    ran = run("verify", "one.toml", "--simulator", SIMULATOR, "--cycles", "9000", "--out", "out",
              "--quick",              "--report", "report")  # fmt: skip
    assert ran.code == 1
    assert "kept in out\nreplay: fxlif replay out\n" in ran.out
    found = re.search(r"first difference: cycle (\d+), signal (\S+)", ran.out)
    assert write.read(tmp_path / "report")["verify.json"].replay == "fxlif replay out"
    failure = failures.load("out")
    assert load_hardware("out/design.toml") == NEURON == failure.params
    first = failure.note.first
    assert failure.note.reproduced
    rst = failure.interface.stimulus["rst"].offset
    resets = [k for k, word in enumerate(failure.words[: first.cycle + 1]) if word >> rst & 1]
    assert resets[-1] > 0, "it does not begin at the last reset"
    assert found.groups() == (str(first.cycle + failure.note.start), first.signal)
    assert not {"job.pickle", "stimulus.bin"} & set(contents(tmp_path / "out"))
    done = failures.replay("out", waves=True)
    assert done.reproduced
    assert not done.failure.folder.is_absolute()
    shown = shown_in(failure, "replay.vcd")
    assert list(shown) == list(range(len(failure.words)))
    assert shown[first.cycle] == first.observed
    # Mended, nothing differs: the same stimulus, the Verilog of today.
    ran = run("replay", "out", "--regenerate")
    assert ran.code == 0
    assert f"PASSED: nothing differs in {len(failure.words):,} cycles" in ran.out


def test_a_folder_that_cannot_be_written_hides_no_failure(tmp_path, monkeypatch):
    """The difference is told, and what there is to look at is kept."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "fxlif-failure-one-1").write_text("mine")
    verdict = fail(monkeypatch, NEURON, tmp_path / "one.toml", FAULT, cycles=9000)
    assert verdict.first is not None
    assert verdict.reasons[-1] == (
        "failure folder: fxlif-failure-one-1: must be a folder, not a file"
    )
    assert verdict.replay.startswith("fxlif verify --simulator")
    assert (Path(verdict.folder) / "simulation.log").exists()
    shutil.rmtree(verdict.folder)
    assert contents(tmp_path) == {"fxlif-failure-one-1": b"mine"}


@pytest.mark.slow
def test_failure_under_verilator(tmp_path, monkeypatch):
    monkeypatch.setattr("test_failures.SIMULATOR", "verilator")
    verdict = fail(monkeypatch, NETWORK, tmp_path / "x.toml", FAULT, cycles=9000, seed=4,
                   out=tmp_path / "out")  # fmt: skip
    failure = failures.load(verdict.folder)
    first = failure.note.first
    assert failure.note.notes == []
    assert failures.replay(verdict.folder).reproduced
    waves = shown_in(failure, "waves.vcd")
    assert (min(waves), max(waves)) == (max(0, first.cycle - 999), first.cycle + 20)
    assert waves[first.cycle] == first.observed


def test_given_words_are_shown_from_the_first_to_the_last(tmp_path):
    """In the very first cycle too, and past a difference: the end of the trace comes after it."""
    interface, sources = wrapped(NEURON, FAULT)
    current, enable = interface.stimulus["current"], interface.stimulus["enable"]
    at_threshold = 64 << current.offset | 1 << enable.offset
    given = [at_threshold] * 8200
    job = Job(params=NEURON, interface=interface, sources=sources, words=given, cycles=8200,
              seed=1, watch=narrow.watched(1))  # fmt: skip
    _, report = simulate(job, simulators.find(SIMULATOR), folder=tmp_path)
    shown = (tmp_path / "stimulus.bin").read_bytes()
    assert words.from_bytes(shown, interface.stimulus_bits) == given
    assert report.cycles == 8200
    assert report.first.cycle == 1
    lines = (tmp_path / "trace.csv").read_text().splitlines()
    assert [line.split(",")[0] for line in lines] == ["cycle", *map(str, range(22))]


def test_trace_shows_the_model_that_is_contradicted(tmp_path):
    """Two models speak of one signal; whichever is first, the wrong value is on show."""
    seen = ONE_BIT.decode([0, 1, 1, 0])
    right, wrong = np.array([0, 1, 1, 0]), np.array([1, 1])
    where = np.array([False, False, True, True])
    for k, items in enumerate(
        permutations([Expected("rst", right), Expected("rst", wrong, where)])
    ):
        trace = Trace(replace(ONE_BIT, stimulus={}), 11, 14)
        trace.add(10, seen, items)
        trace.write(tmp_path / str(k))
        assert (tmp_path / str(k)).read_text().splitlines() == [
            "cycle,differs,rst,rst expected", "11,,1,1", "12,,1,1", "13,rst,0,1",
        ]  # fmt: skip


def test_what_had_to_be_shown_reaches_into_the_block_before():
    """The history of a difference in the first cycles of a block: both blocks have their say."""

    class Model:
        blocks = iter((
            [Expected("rst", np.array([0, 0]), np.array([True, False, True]))],
            # The second model is contradicted in the second cycle.
            [Expected("rst", np.array([0, 0])), Expected("rst", np.array([0, 1]))],
        ))  # fmt: skip

        def expect(self, cycles):
            return next(self.blocks)

    board = Scoreboard(ONE_BIT, Model(), Report())
    assert board.take([0, 0, 0])
    assert not board.take([0, 0])
    first = board.report.first
    assert (first.cycle, first.cycles, first.history) == (4, range(5), {"rst": [0] * 5})
    assert first.due == {"rst": [0, None, 0, 0, 1]}
    assert first.widths == {"rst": 1}
    assert [each.wrong for each in first.signals] == [[False] * 4 + [True]]


# --- what is left out of a stimulus ---------------------------------------------------------------


def reset_in(cycles: set[int], count: int = 200) -> list[bool]:
    return [k in cycles for k in range(count)]


@pytest.mark.parametrize(
    ("resets", "cycle", "expected"),
    [
        (set(), 50, [0]),
        ({60}, 50, [0]),
        ({50}, 50, [50, 0]),
        ({0}, 50, [0]),
        ({40, 41, 42}, 50, [40, 0]),
        ({10, 20, 30, 40, 45, 60}, 50, [45, 40, 20, 0]),
        ({0, 20, 30, 40}, 50, [40, 30, 0]),
    ],
)
def test_starts(resets, cycle, expected):
    assert starts(reset_in(resets), cycle) == expected


BIT = Field(name="rst", offset=0, width=1)
ONE_BIT = Interface({"rst": BIT}, {"rst": BIT}, 1, 1, "")


@pytest.mark.parametrize(
    ("needed", "elsewhere", "start"),
    [(45, None, 45), (44, None, 40), (25, None, 20), (3, None, 0), (25, 45, 20), (-1, None, None)],
)
def test_narrow_keeps_what_the_difference_needs(monkeypatch, needed, elsewhere, start):
    """``needed``: the last cycle without which the difference is gone. A start that shows another
    difference (``elsewhere``) shows another failure."""
    given = [int(k in {10, 20, 30, 40, 45, 60}) for k in range(200)]

    def show(library, params, interface, rows, trace):
        begin = 71 - len(rows)
        assert words.as_ints(rows) == given[begin:71]
        if begin == elsewhere:
            return replace(FIRST, cycle=48 - begin)
        return replace(FIRST, cycle=50 - begin) if begin <= needed else None

    monkeypatch.setattr(narrow, "first_difference", show)
    done = narrow.narrow(Path("none"), NEURON, ONE_BIT, words.as_rows(given, 1), 50)
    assert (done.start if done else None) == start
    if done:
        assert done.words == given[start:71]
        assert done.first.cycle == 50 - start


#: A failure of NEURON that nothing shows.
FIRST = Difference(cycle=30, signal="spike", width=1, expected=1, observed=0, history={"rst": [0]})


def leave(folder: Path, *, params=NEURON, more=(), first=FIRST, edit=lambda verilog: verilog,
          shown=(0,), **options) -> failures.Failure:  # fmt: skip
    """Leave a failure folder without waves, and read it; ``more``: the name of another source."""
    interface, sources = wrapped(params, edit)
    job = Job(params=params, interface=interface, sources=sources | dict.fromkeys(more, ""),
              words=list(shown), cycles=len(shown), seed=1)  # fmt: skip
    options = {"waves": False, "name": "n", "simulator": SIMULATOR} | options
    return failures.load(failures.leave(folder, job, first, **options))


def test_a_difference_that_is_not_seen_again_is_left_all_the_same(tmp_path):
    """As a bulk run might report it: told in so many words, and the stimulus is whole."""
    shown = [2, 0] * 30
    failure = leave(tmp_path / "f", shown=shown)
    assert failure.words == shown[:51]
    assert not failure.note.reproduced
    assert failure.note.notes[-1] == "this stimulus was not seen to fail in this way"
    assert failure.note.first == FIRST


def test_without_a_library_the_run_is_left_as_it_was(tmp_path, monkeypatch):
    """Where Verilator is not installed; the folder says so, has a trace, and can be replayed."""

    def absent(sources):
        raise FxlifError("verilator: not installed")

    monkeypatch.setattr(failures.verilated, "build", absent)
    interface, _ = wrapped(NEURON)
    current, enable = interface.stimulus["current"], interface.stimulus["enable"]
    reset = 1 << interface.stimulus["rst"].offset
    at_threshold = 64 << current.offset | 1 << enable.offset
    shown = [0, reset, 0, reset, 0, at_threshold, 0, 0] + [0] * 40
    first = replace(FIRST, cycle=6)
    failure = leave(tmp_path / "f", edit=FAULT, shown=shown, first=first)
    assert failure.words == shown[: 6 + 21], "not from the last reset on"
    assert failure.note.notes == ["not narrowed: verilator: not installed"]
    assert (failure.note.reproduced, failure.note.start) == (True, 0)
    lines = (tmp_path / "f" / "trace.csv").read_text().splitlines()
    assert [line.split(",")[0] for line in lines] == ["cycle", *map(str, range(27))]
    assert failures.replay(tmp_path / "f").reproduced


@pytest.mark.slow
def test_verify_of_a_neuron(run, tmp_path):
    (tmp_path / "one.toml").write_text("[neuron]\nv_threshold = 64\nrefractory = 2\n")
    ran = run("verify", "one.toml", "--simulator", SIMULATOR, "--cycles", "9000", "--quick")
    assert ran.code == 0, ran.out + ran.err
    assert "cycles checked" in ran.out
    assert contents(tmp_path).keys() == {"one.toml"}


# --- words ----------------------------------------------------------------------------------------


def test_words_of_every_form(tmp_path):
    some = [0, 1, (1 << 70) - 1, 1 << 69, 5]
    raw = words.to_bytes(some, 70)
    assert words.from_bytes(raw, 70) == some
    assert words.from_bytes(raw + b"\1", 70) == some  # a bench that was killed as it wrote
    assert words.as_ints(some) == some
    table = [[word & (1 << 64) - 1, word >> 64] for word in some]
    assert words.as_ints(np.array(table, dtype=np.uint64)) == some
    assert words.as_ints(np.array([3, 4], dtype=np.uint64)) == [3, 4]
    (tmp_path / "a.mem").write_text(words.to_text(some, 70))
    assert words.read_text(tmp_path / "a.mem", 70) == some
    assert words.from_bytes(words.to_bytes([0x1FF], 8), 8) == [0xFF]


def test_repack_follows_the_names():
    old = {"a": Field(name="a", offset=0, width=3), "b": Field(name="b", offset=3, width=2)}
    new = {"a": Field(name="a", offset=2, width=3), "b": Field(name="b", offset=0, width=2)}
    assert words.repack([0b10_011, 0b01_100], old, new) == [0b011_10, 0b100_01]
    wider = {**new, "b": Field(name="b", offset=0, width=1)}
    for other in (wider, {"a": new["a"]}):
        with pytest.raises(FxlifError) as refused:
            words.repack([1], old, other)
        assert refused.value.key == "stimulus"
        assert refused.value.value == {name: f.width for name, f in old.items()}


# --- mistakes -------------------------------------------------------------------------------------


def edited(folder: Path, **changes) -> None:
    note = json.loads((folder / "failure.json").read_text())
    (folder / "failure.json").write_text(json.dumps({**note, **changes}))


MISTAKES = {
    "gone": (shutil.rmtree, "folder: must be one that a failure left, not 'f'"),
    "note gone": (lambda f: (f / "failure.json").unlink(), "f/failure.json: no such file"),
    "no JSON": (lambda f: (f / "failure.json").write_text("{"), "f/failure.json: "),
    "not text": (lambda f: (f / "failure.json").write_bytes(b"\xff"),
                 "f/failure.json: must be text, not other bytes"),
    "key": (lambda f: edited(f, sources=3), "f/failure.json: sources: must be a list, not 3"),
    "unknown key": (lambda f: edited(f, more=3), "f/failure.json: more: no such parameter"),
    "format": (lambda f: edited(f, format=2), "f/failure.json: format: must be 1, not 2"),
    "first": (lambda f: edited(f, first=3), "f/failure.json: first: must be a table, not 3"),
    "key of first": (lambda f: edited(f, first={**asdict(FIRST), "more": 3}),
                     "f/failure.json: first.more: must be left out, not 3"),
    "value in first": (lambda f: edited(f, first={**asdict(FIRST), "history": None}),
                         "f/failure.json: first.history: must be a table, not None"),
    "outside": (lambda f: edited(f, sources=["../x.v"]),
                "f/failure.json: sources: must be the name of a file in it, not '../x.v'"),
    "bench": (lambda f: edited(f, bench="os"), "f/failure.json: bench: no such parameter"),
    "source gone": (lambda f: (f / "design.v").unlink(), "f/design.v: no such file"),
    "design gone": (lambda f: (f / "design.toml").unlink(), "f/design.toml: no such file"),
    "other design": (lambda f: edited(f, kind="neuron"),
                     "f/design.toml: must be a neuron, as failure.json says, not 'network'"),
    "words gone": (lambda f: (f / "stimulus.mem").unlink(), "f/stimulus.mem: no such file"),
    "no words": (lambda f: (f / "stimulus.mem").write_text(""),
                 "f/stimulus.mem: must be 1 word or more, not none"),
    "few words": (lambda f: (f / "stimulus.mem").write_text("01\n"),
                  "f/stimulus.mem: must be 147 words or more, as failure.json says, not 1"),
    "broken word": (lambda f: (f / "stimulus.mem").write_text("01\nxyz\n"),
                    "f/stimulus.mem: line 2: must be 5 bits in hexadecimal, not 'xyz'"),
    "wide word": (lambda f: (f / "stimulus.mem").write_text("20\n"),
                  "f/stimulus.mem: line 1: must be 5 bits in hexadecimal, not '20'"),
    "simulator": (lambda f: edited(f, simulator="modelsim"),
                  "simulator: must be verilator or icarus, not 'modelsim'"),
}  # fmt: skip


@pytest.mark.parametrize(("mistake", "message"), MISTAKES.values(), ids=MISTAKES.keys())
def test_bad_folder_is_one_line(run, tmp_path, mistake, message):
    shutil.copytree(EXAMPLE, tmp_path / "f")
    mistake(tmp_path / "f")
    before = contents(tmp_path)
    assert run("replay", "f").refusal.startswith(message)
    assert contents(tmp_path) == before


def test_sources_keep_off_the_folders_own_names(tmp_path):
    for name in ("failure.json", "a/b.v", "stimulus.mem"):
        with pytest.raises(FxlifError) as error:
            leave(tmp_path / "f", more=[name])
        assert (error.value.key, error.value.value) == ("sources", name)
    assert contents(tmp_path) == {}


@pytest.fixture
def as_it_is(monkeypatch):
    """A difference is not looked for again."""
    seen = failures.Seen(words=[0] * 31, first=FIRST)
    monkeypatch.setattr(failures, "seen_again", lambda *_: seen)


@pytest.mark.usefixtures("as_it_is")
@pytest.mark.parametrize("fault", [OSError(28, "No space left on device"), KeyboardInterrupt()])
def test_whole_or_not_at_all(tmp_path, monkeypatch, fault):
    def write(*_):
        raise fault

    monkeypatch.setattr(failures, "to_text", write)
    with pytest.raises((FxlifError, KeyboardInterrupt)):
        leave(tmp_path / "f")
    assert contents(tmp_path) == {}


@pytest.mark.usefixtures("as_it_is")
def test_waves_that_cannot_be_made_are_noted(tmp_path, monkeypatch):
    def dump(*_):
        raise FxlifError("verilator: a bench without cocotb failed: no coroutines")

    monkeypatch.setattr(failures, "dump", dump)
    failure = leave(tmp_path / "f", params=NETWORK.core[0], waves=True)
    assert any("no coroutines" in note for note in failure.note.notes)
    assert failure.params.kind == "core"
    assert failure.params.digest() == NETWORK.core[0].digest()


@pytest.mark.parametrize(
    ("results", "report", "reason"),
    [
        ((1, 0, 0), Report(cycles=9), None),
        ((0, 0, 0), None, "no report"),
        ((0, 1, 0), Report(cycles=9), "did not pass"),
        ((0, 0, 1), Report(cycles=9), "did not pass"),
        ((2, 0, 0), Report(cycles=9), "did not pass"),
        ((1, 0, 0), Report(cycles=8), "8 cycles were checked, 9 expected"),
        ((1, 0, 0), Report(cycles=9, unchecked_cycles=2), "7 cycles were checked"),
        ((0, 1, 0), Report(cycles=9, first=FIRST), "cycle 30, signal spike"),
    ],
)
def test_a_replay_that_saw_nothing_did_not_pass(monkeypatch, results, report, reason):
    passed, failed, skipped = results
    outcome = Results(passed=passed, failed=failed, skipped=skipped, message="")
    example = failures.load(EXAMPLE)
    monkeypatch.setattr(failures, "load", lambda _: replace(example, words=[0] * 9))
    monkeypatch.setattr(failures, "simulate", lambda *_, **__: (outcome, report))
    found = failures.replay(EXAMPLE, simulator=SIMULATOR).reasons
    assert found == [] if reason is None else reason in found[0]
