"""Bulk co-simulation of cores that fxlif did not make: right ones pass, and what is wrong is found
in the cycle in which ``fxlif verify --dut``, with the rules in Python, finds it."""

from __future__ import annotations

import random
from dataclasses import replace
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from foreign_cores import SAID, WHICH, Cores

from fxlif import FxlifError, NeuronParams
from fxlif.cycles.control import NONE, RESET
from fxlif.hdl.interface import Field
from fxlif.sim.bench.scoreboard import Counts, Report, Scoreboard
from fxlif.sim.bench.wrapper import Cycles
from fxlif.sim.dut.coverage import ForeignCoverage, coverage_of
from fxlif.sim.dut.map import DutMap
from fxlif.sim.dut.replay import load_dut, replay_dut
from fxlif.sim.dut.testbench import DutJob, ReferenceModel
from fxlif.sim.dut.wrapper import Wrapped
from fxlif.sim.examples import mistakes
from fxlif.sim.soak.bulk import BLOCK
from fxlif.sim.soak.foreign import stream
from fxlif.sim.soak.foreign.difference import show
from fxlif.sim.soak.foreign.run import soak_job
from fxlif.sim.soak.foreign.segments import ForeignTarget, check_of, parts_of, run_segment
from fxlif.sim.soak.segments import SEGMENT, seed_of
from fxlif.sim.stimulus.march import TRIED
from fxlif.sim.tools.verilated import VerilatedDesign
from fxlif.sim.tools.words import as_ints, as_rows, pack

#: Cycles in which every wrong core of the examples is found.
ENOUGH = 1 << 17


@pytest.fixture(scope="module")
def cores(tmp_path_factory) -> Cores:
    kinds = ["right", "overflow", "early_tick", "error", "stop"]
    return Cores("core", kinds, tmp_path_factory.mktemp("cores"))


def by_reference(job: DutJob, words: list[int]) -> tuple[int | None, Report]:
    """The first cycle that the Python reference finds wrong, and what it counted."""
    model = ReferenceModel(job)
    board = Scoreboard(job.interface, model, model.reference.report)
    for at in range(0, len(words), 2048):
        if not board.take(words[at : at + 2048]):
            break
    board.report.bins = list(model.bins)
    first = board.report.first
    return None if first is None else first.cycle, board.report


def by_rules(
    job: DutJob, words: list[int], at_once: int, coverage: ForeignCoverage | None = None
) -> tuple[int | None, Counts]:
    """The same of the compiled rules, so many cycles at a time."""
    check, rows = check_of(job, coverage), as_rows(words, job.interface.response_bits)
    for at in range(0, len(rows), at_once):
        wrong = check.check(rows[at : at + at_once])
        if wrong is not None:
            return at + wrong.cycle, check.counts
    return None, check.counts


def seen(target: ForeignTarget, cycles: int, seed: int = 1) -> list[int]:
    """The responses of a segment, to its end or to the block that differs."""
    parts = parts_of(target, seed_of(seed, 0), cycles)
    return as_ints(np.concatenate([part.response for part in parts]))


def test_a_right_core_passes_and_its_segment_comes_to_an_end(cores: Cores) -> None:
    found = run_segment(cores.target("right"), 1, 0, 4 * BLOCK)
    assert (found.wrong, found.reasons) == (NONE, ())
    counts = found.counts
    assert counts.cycles > 4 * BLOCK
    assert min(counts.steps, counts.spikes, counts.comparisons // 100) > 200
    assert counts.resets > 20
    # What is left unanswered in the end was reset.
    assert counts.steps / 2 < counts.events_out - counts.spikes <= counts.steps


def test_what_a_right_core_shows_is_counted_as_the_reference_does(cores: Cores) -> None:
    """The bins of its coverage too."""
    target = cores.target("right")
    words = seen(target, 1)[:6000]
    wrong, counts = by_reference(target.job, words)
    coverage = coverage_of(target.job.params, target.job.dut_map)
    again, mine = by_rules(target.job, words, 1000, coverage)
    assert wrong is again is None
    assert coverage.bins == tuple(counts.bins)
    assert sum(each.hit for each in coverage.bins) > 40
    for name in ("cycles", "steps", "events_in", "events_out", "spikes", "resets"):
        assert getattr(mine, name) == getattr(counts, name), name
    assert mine.comparisons < counts.comparisons  # which asks for unknown bits too


def test_a_march_comes_whole_or_is_given_up(cores: Cores, monkeypatch: pytest.MonkeyPatch) -> None:
    """Behind a reset and with nothing held back, however long the steps of the core take."""
    target, flags, drive = cores.target("right"), list[np.ndarray](), VerilatedDesign.drive

    def spied(self, agent, events, these):
        flags.append(these.copy())
        return drive(self, agent, events, these)

    monkeypatch.setattr(VerilatedDesign, "drive", spied)
    monkeypatch.setattr(stream, "MARCHES", {0: 1})
    for blocks in (SEGMENT // BLOCK, TRIED + 2):
        flags.clear()
        monkeypatch.setattr(stream, "SEGMENT", blocks * BLOCK + BLOCK)
        assert not any(part.failed for part in parts_of(target, seed_of(1, 0), 8 * BLOCK))
        shown = np.concatenate(flags[1:8])
        assert shown[0] == RESET
        assert not shown[1 : TRIED * BLOCK].any()
        assert shown[TRIED * BLOCK :].any() == (blocks == TRIED + 2)


@pytest.mark.parametrize("kind", ["overflow", "early_tick"])
def test_a_wrong_core_is_found_where_the_reference_finds_it(kind: str, cores: Cores) -> None:
    must_be_found(cores.target(kind))


def must_be_found(target: ForeignTarget, seed: int = 2) -> None:
    found = run_segment(target, seed, 0, ENOUGH)
    assert found.wrong != NONE
    wrong, _ = by_reference(target.job, seen(target, ENOUGH, seed))
    assert wrong == found.wrong


@pytest.mark.parametrize("kind", ["error", "stop"])
def test_what_a_core_says_itself_fails_the_run_and_not_the_process(kind, cores: Cores) -> None:
    found = run_segment(cores.target(kind), 1, 0, BLOCK)
    (reason,) = found.reasons
    assert f"${kind}" in reason
    assert found.wrong == 3  # the first cycle out of reset
    assert kind != "error" or reason.endswith(": not so")


#: Signals whose bits are wrong at times.
OUTPUTS = ("events_in.ready", "events_out.valid", "events_out.payload.tick", "trace.valid",
           "events_out.payload.address", "trace.index", "trace.v", "dropped")  # fmt: skip
CHANGES = {
    "flipped": lambda word, bits: word ^ bits, "cleared": lambda word, bits: word & ~bits,
    "set": lambda word, bits: word | bits,
}  # fmt: skip


def hidden(job: DutJob, signal: str) -> DutJob:
    """The same without one of the outputs."""
    response = {k: v for k, v in job.interface.response.items() if k != f"{signal}.unknown"}
    return replace(job, interface=replace(job.interface, response=response))


def test_the_rules_are_those_of_the_reference(cores: Cores) -> None:
    """On what a right core shows from a reset on, with bits of it wrong for a cycle or a while: the
    same verdict in the same cycle."""
    target, draw = cores.target("right"), random.Random(7)
    parts = target.job.dut_map.core.model_copy(update={"answer_within": 20})
    job = replace(target.job, dut_map=target.job.dut_map.model_copy(update={"core": parts}))
    words, fields = seen(target, 1), job.interface.response
    begins = [at for at, word in enumerate(words) if word >> fields["rst"].offset & 1]
    verdicts = []
    for signal, change, length, asked in product(OUTPUTS, CHANGES, (1, 120), (job, "trace.v")):
        asked = hidden(job, asked) if isinstance(asked, str) else asked
        start, field = draw.choice(begins), fields[signal]
        bits = 1 << field.offset + draw.randrange(field.width)
        wrong, at = words[start : start + 320], draw.randrange(60, 180)
        if signal == "events_out.valid" and change == "cleared":  # what was held is withdrawn
            at = next(k for k in range(1, 300) if on(fields, wrong[k - 1]) == (1, 0)
                      and not wrong[k] >> fields["rst"].offset & 1)  # fmt: skip
        changed = [CHANGES[change](word, bits) for word in wrong[at : at + length]]
        wrong[at : at + length] = changed
        expected, _ = by_reference(asked, wrong)
        assert by_rules(asked, wrong, draw.choice((1, 100, 320)))[0] == expected
        verdicts.append((signal, expected))
    assert {signal for signal, cycle in verdicts if cycle is not None} == {*OUTPUTS}
    assert sum(cycle is None for _, cycle in verdicts) > 10


def on(fields: dict[str, Field], word: int) -> tuple[int, int]:
    """Whether something is offered, and whether it is taken."""
    valid, ready = (fields[f"events_out.{name}"].offset for name in ("valid", "ready"))
    return word >> valid & 1, word >> ready & 1


@pytest.mark.parametrize("taken", [0, 1])
def test_silence_is_found_in_the_same_cycle(taken: int, cores: Cores) -> None:
    """Of a core that takes nothing, and of one that takes a TICK and answers nothing."""
    job = cores.target("right").job
    parts = job.dut_map.core.model_copy(update={"answer_within": 20})
    job = replace(job, dut_map=job.dut_map.model_copy(update={"core": parts}))
    bit = {name: 1 << field.offset for name, field in job.interface.response.items()}
    offered = bit["events_in.valid"] | bit["events_in.payload.tick"]
    after = 0 if taken else offered
    words = [bit["rst"], offered | taken * bit["events_in.ready"], *[after] * 40]
    expected, _ = by_reference(job, words)
    assert expected == 21 + taken
    assert by_rules(job, words, 7)[0] == expected


def test_the_counter_of_the_example_saturates(cores: Cores) -> None:
    """More unknown addresses than its 16 bits count, and a step, at whose end it is compared."""
    target = cores.target("right")
    given, shown = target.job.interface.stimulus, target.job.interface.response
    bit = {name: 1 << field.offset for name, field in given.items()}
    unknown = bit["events_in.valid"] | 6 * bit["events_in.payload.address"]
    tick = bit["events_in.valid"] | bit["events_in.payload.tick"]
    ready = bit["events_out.ready"]
    # Out of reset it clears its 5 neurons.
    words = [bit["rst"], *[ready] * 8, *[unknown | ready] * 65_540, tick | ready, *[ready] * 40]
    with target.design() as design:
        response = design.run_to_end(as_rows(words, target.job.interface.stimulus_bits))
    check = check_of(target.job)
    assert check.check(response) is None
    assert check.counts.events_in == 65_541
    assert check.problems() == []
    assert Cycles(shown, response)["dropped"][-1] == 65_535


# --- neurons, of which no core is needed ----------------------------------------------------------

RULE = NeuronParams(
    v_threshold=60, refractory=2, state_bits=9, bias=3, adaptation={"increment": 5},
    synapse={"kind": "exponential", "leak": {"kind": "shift", "shift": 2}},
)  # fmt: skip
COUNTING = NeuronParams(v_threshold=10, max_spikes_per_step=6, reset="subtract", state_bits=12)


def neuron_job(neuron: NeuronParams, reset: dict | None, **timing) -> DutJob:
    """A job whose wrapper shows all that there is of a neuron."""
    widths = {"rst": 1, "enable": 1, "current": 8}
    shown = {"spike": neuron.spike_bits, "valid": 1}
    shown |= {f"state.{name}": width for name, width in neuron.state_widths.items()}
    fields, at = {}, 0
    for name, width in [*widths.items(), *shown.items()]:
        signed = name in ("current", "state.v", "state.i_syn")
        fields[name] = Field(name=name, offset=at, width=width, signed=signed)
        at += width
    for name in shown:
        fields[f"{name}.unknown"] = Field(name=name, offset=at, width=1)
        at += 1
    given = {name: fields[name] for name in widths}
    interface = Wrapped(given, fields, 10, at, "", {}, (), {})
    dut_map = DutMap.model_validate({
        "clock": "clk", **({"reset": reset} if reset else {}),
        "neuron": {"current": "i", "spike": "s", "enable": "e", **timing},
    })  # fmt: skip
    return DutJob(params=neuron, interface=interface, dut_map=dut_map, cycles=0, seed=1)


SYNCHRONOUS, ASYNCHRONOUS = {"port": "r"}, {"port": "r", "synchronous": False}


@pytest.mark.parametrize(
    ("neuron", "reset", "timing"),
    [
        (RULE, SYNCHRONOUS, {}),
        (COUNTING, ASYNCHRONOUS, {}),
        (RULE, None, {"latency": 2}),
        (COUNTING, SYNCHRONOUS, {"latency": 0, "between": "low"}),
        (RULE, SYNCHRONOUS, {"latency": 0, "between": "any", "state_latency": 3}),
        (COUNTING, ASYNCHRONOUS, {"latency": 3, "between": "low", "state_latency": 1}),
        (RULE, ASYNCHRONOUS, {"latency": 4, "between": "held"}),
        (COUNTING, SYNCHRONOUS, {"latency": 5, "state_latency": 2, "between": "any"}),
    ],
)
def test_a_neuron_is_asked_for_what_the_reference_asks_for(neuron, reset, timing) -> None:
    """A neuron that shows what the reference says, and anything where that says nothing, passes;
    with one bit wrong both find the same cycle, or it is one that does not matter."""
    job, draw = neuron_job(neuron, reset, **timing), random.Random(str(timing))
    model = ReferenceModel(job)
    cycles = 250
    columns = {
        "rst": np.array([draw.random() < 0.05 for _ in range(cycles)], dtype=np.int64),
        "enable": np.array([draw.random() < 0.7 for _ in range(cycles)], dtype=np.int64),
        "current": np.array([draw.randrange(-40, 90) for _ in range(cycles)]),
    }
    if reset is None:
        columns["rst"][:] = 0
    shown = {name: [] for name in job.interface.compared}
    for rst, enable, current in zip(*(columns[n].tolist() for n in columns), strict=True):
        due = model.reference.clock({"rst": rst, "enable": enable, "current": current})
        for name, values in shown.items():
            values.append(due.get(name, draw.randrange(2)))
    fields = {name: job.interface.response[name] for name in (*columns, *shown)}
    columns |= {name: np.array(values, dtype=np.int64) for name, values in shown.items()}
    words = pack(fields, columns)
    steps = model.reference.report
    coverage = coverage_of(neuron, job.dut_map)
    wrong, counts = by_rules(job, words, 64, coverage)
    assert wrong is None
    assert coverage.bins == tuple(by_reference(job, words)[1].bins)
    assert (counts.steps, counts.spikes, counts.resets) == (steps.steps, steps.spikes, steps.resets)
    matters = 0
    for _ in range(20):
        signal, at = draw.choice(list(shown)), draw.randrange(cycles)
        field = fields[signal]
        bad = [*words]
        bad[at] ^= 1 << field.offset + draw.randrange(field.width)
        expected, _ = by_reference(job, bad)
        assert by_rules(job, bad, draw.choice((64, cycles)))[0] == expected
        matters += expected == at
    assert matters > 7


# --- the whole way --------------------------------------------------------------------------------


def soaked(target: ForeignTarget, **more):
    return soak_job(target.job, target.files, name="core", processes=1, **more)


def test_a_soak_goes_on_from_its_state_unless_a_file_has_changed(cores: Cores, tmp_path) -> None:
    right, state = cores.target("right"), tmp_path / "state.json"
    first = soaked(right, cycles=BLOCK, state=state)
    assert first.passed
    told = {check.name: check.detail for check in first.checks}
    assert next(iter(told)) == "every mapped output in every cycle"
    assert told["saturated"] == "not compared: the map has no port"
    assert told["broken_promise"] == "not in the stimulus: the map says so"
    assert told["x and z"].startswith("not simulated")
    again = soaked(right, cycles=BLOCK, state=state)
    assert again.figures["of these in earlier runs"] == BLOCK
    assert again.figures["spikes"] == first.figures["spikes"]
    with pytest.raises(FxlifError, match=r"state\.json: library: must be"):
        soaked(cores.target("overflow"), cycles=BLOCK, state=state)


def test_a_difference_is_narrowed_and_left(cores: Cores, tmp_path, monkeypatch) -> None:
    """From the last reset on that shows it, in a folder with all that it takes to see it."""
    monkeypatch.setattr(
        "fxlif.sim.dut.failure.make_waves", lambda job, *these, **those: left.append(job)
    )
    left: list[DutJob] = []
    target, folder = cores.target("overflow"), tmp_path / "failure"
    found = soaked(target, cycles=ENOUGH, out=folder, command="fxlif soak this")
    assert not found.passed
    assert (found.folder, found.replay) == (str(folder), f"fxlif replay {folder}")
    assert "    fxlif soak this\n" in (folder / "README.txt").read_text()
    (job,) = left
    stimulus = as_rows(job.words, job.interface.stimulus_bits)
    wrong, _, reasons, _ = show(target, stimulus)
    assert wrong is not None
    assert not reasons
    assert (wrong.cycle, wrong.signal) == (found.first.cycle, found.first.signal)
    assert wrong.observed == found.first.history[wrong.signal][-1] != wrong.expected
    whole = run_segment(target, 1, 0, ENOUGH).wrong
    assert len(stimulus) < whole
    assert job.words[0] >> job.interface.stimulus["rst"].offset & 1
    assert show(cores.target("right"), stimulus).wrong is None
    note, again, files = load_dut(folder)
    assert (again.words, again.sources, files) == (job.words, target.job.sources, target.files)
    assert (note.first, note.two_state) == (found.first, True)
    with pytest.raises(FxlifError, match="knows no x, not 'icarus'"):
        replay_dut(folder, simulator="icarus")
    text = (folder / "README.txt").read_text()
    assert f"segment 0 of the run, cycle {whole}, signal {wrong.signal} (port out_" in text
    assert {path.name for path in folder.iterdir()} > {"dut.v", "core_weights.mem"}


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["overflow", "stop"])
def test_what_a_soak_left_is_shown_again(kind: str, cores: Cores, tmp_path) -> None:
    """A difference, and what the core said itself."""
    found = soaked(cores.target(kind), cycles=ENOUGH, out=tmp_path / "left")
    again = replay_dut(tmp_path / "left")
    assert again.reproduced
    assert (again.report.first is None) == (kind == "stop") == (found.first is None)
    number = cores.target("right").files[WHICH]
    (tmp_path / "left" / WHICH).write_bytes(number)
    mended = replay_dut(tmp_path / "left")
    assert (mended.reasons, mended.reproduced) == ([], False)


@pytest.mark.slow
@pytest.mark.parametrize("example", ["core", "neuron"])
def test_every_mistake_is_found_where_the_reference_finds_it(example: str, tmp_path: Path) -> None:
    cores = Cores(example, ["right", *SAID, *mistakes(example)], tmp_path)
    assert run_segment(cores.target("right"), 1, 0, 1 << 21).wrong == NONE
    for kind in mistakes(example):
        must_be_found(cores.target(kind))
    for kind in SAID:
        found = run_segment(cores.target(kind), 1, 0, ENOUGH)
        assert f"${kind}" in found.reasons[0], kind
