"""What is written between the steps of a run acts from its step on: the same bits as step by step,
whatever carries the steps out."""

from __future__ import annotations

import random
import re
import signal
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

import fxlif
from fxlif import (
    AllToAll,
    Dense,
    EventSource,
    FixedProbability,
    FxlifError,
    Network,
    NetworkParams,
    NeuronParams,
    Population,
    Projection,
    Recording,
    RegularSource,
)
from fxlif.cli import app
from fxlif.network.events import TICK, from_counts, read
from fxlif.network.writes import read_writes

STEPS = 40
#: A synapse of projection 5.
FIRST = (0, 0)
PLAIN = NeuronParams(v_threshold=300, leak={"kind": "shift", "shift": 4}, refractory=2)
DRAWING = NeuronParams(
    v_threshold=200, state_bits=12, refractory=3, refractory_count="before", reset="to_value",
    leak={"kind": "shift", "shift": 3, "rounding": "stochastic"}, negative_threshold=-90,
    negative_reset="mirror", v_reset=4,
)  # fmt: skip
REGISTERS = ("leak_shift", "v_reset", "refractory")


def network(engine: str, **more) -> Network:
    """Four populations that would stand as one, two of them written to, so that the others do; one
    whose synapses are written in every form in which compiled code keeps them; and one to which
    nothing is written."""
    return Network(NetworkParams(
        source=[EventSource("touch", 5, max_events_per_input=2), RegularSource("clock", 3, 4)],
        population=[
            Population("skin", 6, PLAIN, writable=("thresholds", *REGISTERS)),
            Population("hand", 6, PLAIN, writable=("weights",)),
            Population("arm", 8, DRAWING, writable=("weights", "thresholds", *REGISTERS),
                       v_thresholds=tuple(range(150, 230, 10))),
            Population("last", 4, PLAIN),
            Population("foot", 6, PLAIN), Population("toe", 3, PLAIN),
        ],
        projection=[
            # Together these are one table for compiled code, which numbers what follows anew.
            Projection("clock", "foot", AllToAll(80), delay=0),
            Projection("clock", "toe", AllToAll(80), delay=0),
            Projection("touch", "skin", AllToAll(70), delay=0),
            Projection("touch", "hand", AllToAll(60), delay=0),  # accumulators
            Projection("clock", "hand", AllToAll(50), delay=0),  # rows of all neurons
            Projection("skin", "arm", FixedProbability(0.6, 60, seed=3), delay=0, weight_shift=1),
            Projection("hand", "arm", Dense(np.arange(-20, 28).reshape(6, 8)), delay=3),
            Projection("arm", "arm", FixedProbability(0.5, 30, seed=4), delay=(1, 5)),
            Projection("arm", "last", AllToAll(90), delay=1),
            Projection("foot", "arm", AllToAll(3), delay=1),
        ],
    ), engine=engine, **more)  # fmt: skip


def writes(seed: int, made: Network, steps: int = STEPS) -> list[tuple]:
    """Writes to all that can be written, several before some steps, the first before the first."""
    draw = random.Random(seed)

    def one() -> tuple:
        kind = draw.choice(["weight", "weight", "threshold", "threshold", draw.choice(REGISTERS)])
        name = draw.choice(["skin", "arm"])
        if kind == "weight":
            k = draw.choice([3, 4, 5, 6, 7])
            synapses = made.projections[k].synapses
            entry = draw.randrange(synapses.count)
            pre = int(np.searchsorted(synapses.indptr, entry, side="right")) - 1
            at = pre, int(synapses.targets[entry])
            return k, "weights", draw.choice([-128, 127, draw.randrange(-20, 120)]), at
        if kind == "threshold":
            at = draw.randrange(8) if name == "arm" else None
            return name, "thresholds", draw.randrange(-40, 700), at
        return name, kind, draw.choice([0, 2])

    at = sorted([0, 0, *(draw.randrange(steps) for _ in range(25))])
    return [(step, *one()) for step in at]


def given(seed: int, steps: int = STEPS) -> dict:
    draw = np.random.default_rng(seed)
    return {
        "events": {"touch": from_counts(draw.integers(0, 2, (steps, 5)))},
        "currents": {"arm": draw.integers(-20, 60, (steps, 8)), "last": 20},
    }


VARIABLES = {"skin": ["v", "refractory"], "arm": ["v", "refractory"], "last": ["v"]}


def seen(record: Recording) -> dict[str, list]:
    """All that a recording of everything holds."""
    names = record.wanted_spikes
    states = {
        f"{name}.{variable}": record.states(name, variable).tolist()
        for name, variables in VARIABLES.items()
        for variable in variables
    }
    return {name: record.spikes(name).tolist() for name in names} | states


def step_by_step(seed: int) -> tuple[dict[str, list], Network]:
    """The numpy engine, one step after the other, written to in between."""
    made, record = network("numpy"), Recording(states=VARIABLES)
    due, whole = writes(seed, made), given(seed)
    events = np.split(
        whole["events"]["touch"], np.flatnonzero(whole["events"]["touch"] == TICK) + 1
    )
    for step in range(STEPS):
        for when, *write in due:
            if when == step:
                made.write(*write)
        currents = whole["currents"] | {"arm": whole["currents"]["arm"][step]}
        made.run(events={"touch": events[step]}, currents=currents, record=record)
    return seen(record), made


def by_stepper(made: Network, due: list[tuple], whole: dict) -> dict[str, list]:
    """The spikes of the last population in single steps, and v of another."""
    spikes, v = [], []
    events = np.split(
        whole["events"]["touch"], np.flatnonzero(whole["events"]["touch"] == TICK) + 1
    )
    with made.stepper(threads=1) as step:
        for number in range(STEPS):
            for when, *write in due:
                if when == number:
                    step.write(*write)
            currents = {"arm": whole["currents"]["arm"][number], "last": 20}
            spikes += [*step(currents, {"touch": events[number][:-1]})["last"].tolist(), TICK]
            v.append(step.states["arm"].v.tolist())
    return {"last": spikes, "arm.v": v}


def test_a_run_is_that_of_single_steps() -> None:
    """In one test: what the compiled steps of each register take to compile is spent once."""
    expected, last = step_by_step(1)
    due, whole = writes(1, last), given(1)
    assert {parameter for _, _, parameter, *_ in due} == {"weights", "thresholds", *REGISTERS}
    assert sum(entry >= 0 for entry in expected["last"]) > 5
    for engine, threads in (("numpy", 1), ("compiled", 2), ("compiled", 1)):
        made, record = network(engine), Recording(states=VARIABLES)
        made.run(3, threads=threads)  # what is kept from run to run must not outlive a write
        made.reset()
        made.run(**whole, writes=due, record=record, threads=threads)
        assert seen(record) == expected
        assert made.digest() == last.digest()  # what was written stays
    for engine in ("numpy", "compiled"):
        stepped = network(engine)
        found = by_stepper(stepped, due, whole)
        assert found == {name: expected[name] for name in found}
        assert stepped.digest() == last.digest()
    for each in (made, stepped, last):
        each.reset()
    after = [
        each.run(**given(9), threads=1).spikes("last").tolist() for each in (made, stepped, last)
    ]
    assert after[0] == after[1] == after[2]


@pytest.mark.parametrize("engine", ["numpy", "compiled"])
def test_an_interrupted_run_goes_on_with_what_is_left(engine: str, monkeypatch) -> None:
    """Where it stands, all writes of the steps before are done, and no other."""
    monkeypatch.setattr("fxlif.network.model.MAX_CHUNK_STEPS", 10)
    due = [(0, "arm", "thresholds", 60, 1), (9, 5, "weights", 127, FIRST),
           (10, 5, "weights", -128, FIRST), (10, 5, "weights", 90, FIRST),
           (25, "skin", "thresholds", 20)]  # fmt: skip
    whole = {"events": {"touch": from_counts(np.ones((30, 5), int))}, "record": Recording()}
    network(engine).run(**whole, writes=due)
    made, record = network(engine), Recording()

    def stop(done: int, total: int) -> None:
        if done == 10:
            signal.raise_signal(signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        made.run(**whole | {"record": record}, writes=due, progress=stop)
    assert made.step_count == record.steps == 10
    synapses = made.synapses(5)
    assert synapses.weights[synapses.place(*FIRST)] == 127
    left = [(step - 10, *write) for step, *write in due if step >= 10]
    events = from_counts(np.ones((20, 5), int))
    made.run(events={"touch": events}, writes=left, record=record)
    assert record.spikes("last").tolist() == whole["record"].spikes("last").tolist()
    assert record.spikes("arm").tolist() == whole["record"].spikes("arm").tolist()


def test_each_item_of_a_batch_is_written() -> None:
    made = network("compiled")
    due = [(3, "arm", "thresholds", 20, 1), (5, 5, "weights", 127, FIRST)]
    batch = made.run(**given(3), writes=due, batch=[0, 5])
    for place, item in enumerate((0, 5)):
        single = network("compiled").item(item)
        record = single.run(**given(3), writes=due)
        assert batch.spikes("arm", place).tolist() == record.spikes("arm").tolist()
    assert made.digest() == network("compiled").digest()
    with pytest.raises(FxlifError, match=r"threads: must be 1\.\.256"):
        made.run(**given(3), writes=due, batch=2, threads=0)


@pytest.mark.parametrize("engine", ["numpy", "compiled"])
def test_who_looks_at_a_network_sees_what_its_stepper_wrote(engine: str) -> None:
    made = network(engine)
    synapses, digests = made.synapses(5), [made.digest()]
    place = synapses.place(*FIRST)
    with made.stepper(threads=1) as step:
        for weight in (127, -128):
            step.write(5, "weights", weight, FIRST)
            assert made.synapses(5).weights[place] == weight
        digests.append(made.digest())
        step.write("arm", "thresholds", 61, 1)
        digests.append(made.digest())
    assert len({*digests}) == 3
    assert made.digest() == digests[2]


WRONG = [
    ([(0, "arm", "thresholds", 10, 8)], "writes[0].at"),
    ([(0, "arm", "thresholds", 10, 0), (STEPS, "arm", "thresholds", 10, 0)], "writes[1].step"),
    ([(-1, "arm", "thresholds", 10, 0)], "writes[0].step"),
    ([(5, "arm", "v_reset", 1), (4, "arm", "v_reset", 1)], "writes[1].step"),
    ([(0, "tail", "v_reset", 1)], "writes[0].population"),
    ([(0, ["arm"], "v_reset", 1)], "writes[0].population"),
    ([(0, "arm", "reset", 1)], "writes[0].parameter"),
    ([(0, "arm", "v_reset", 1 << 20)], "writes[0].value"),
    ([(0, "arm", "weights", 1, (0, 0))], "writes[0].population"),  # three go there
    ([(0, "last", "v_reset", 1)], "writes[0].parameter"),
    ([(0, 8, "weights", 1, (0, 0))], "writes[0].parameter"),
    ([(0, 10, "weights", 1, (0, 0))], "writes[0].projection"),
    ([(0, 3.0, "weights", 1, (0, 0))], "writes[0].projection"),
    ([(0, 3, "weights", 1 << 9, (0, 0))], "writes[0].value"),
    ([(0, "arm", "v_reset")], "writes[0]"),
    ([7], "writes[0]"),
    ("arm", "writes"),
    (7, "writes"),
]


@pytest.mark.parametrize(("due", "key"), WRONG)
def test_what_cannot_be_written_is_refused_before_anything_runs(due, key: str) -> None:
    made, record = network("numpy"), Recording()
    for options in ({"record": record}, {"batch": 2}):
        with pytest.raises(FxlifError) as caught:
            made.run(**given(1), writes=due, **options)
        assert (caught.value.key, str(caught.value).count("\n")) == (key, 0)
    assert (made.step_count, record.steps) == (0, 0)
    assert made.digest() == network("numpy").digest()


def test_a_run_of_no_steps_is_written_nothing() -> None:
    made = network("numpy")
    assert made.run(0, writes=[]).steps == 0
    with pytest.raises(FxlifError) as caught:
        made.run(0, writes=[(0, "arm", "thresholds", 10, 0)])
    assert str(caught.value) == "writes: must be left out of a run of no steps, not 1 write"


def test_who_writes_to_what_is_not_writable_reads_what_would_mend_it() -> None:
    with pytest.raises(FxlifError) as caught:
        network("numpy").run(3, writes=[(0, "last", "v_reset", 1)])
    assert "writable" in caught.value.allowed
    assert "last" in caught.value.allowed
    with network("compiled").stepper() as step:
        with pytest.raises(FxlifError) as caught:
            step.write("last", "v_reset", 1)
        assert caught.value.key == "parameter"
    with pytest.raises(FxlifError) as caught:
        step.write("arm", "v_reset", 1)
    assert caught.value.key == "stepper"


@pytest.mark.parametrize("engine", ["numpy", "compiled"])
def test_a_stochastic_shift_of_0_draws_nothing_whatever_is_written(engine: str) -> None:
    """docs/rule.md#written: what is rounded is then rounded by floor."""
    leaks = [
        {"kind": "shift", "shift": 0, "rounding": rounding} for rounding in ("stochastic", "floor")
    ]
    found = []
    for leak in leaks:
        neuron = NeuronParams(v_threshold=900, state_bits=14, leak=leak)
        skin = Population("a", 2, neuron, writable=("leak_shift",))
        made = Network(NetworkParams(population=[skin]), engine=engine)
        record = Recording(states={"a": ["v"]})
        made.run(20, currents={"a": 101}, writes=[(2, "a", "leak_shift", 3)], record=record)
        assert made.state.lfsr == {"a": 1}
        found.append(record.states("a", "v").tolist())
    assert found[0] == found[1]
    assert len(np.unique(found[0])) > 10


# --- files ---------------------------------------------------------------------------------------

PAGE = Path(fxlif.__file__).parent / "docs" / "networks.md"
#: The example of the page.
(TEXT,) = re.findall(r"(?ms)^```text\n(# fxlif writes 1\n.*?)^```$", PAGE.read_text())


def test_a_run_takes_the_writes_of_a_file(tmp_path) -> None:
    """The example of the page, as it says: the events are those of the same in Python."""
    params = NetworkParams(
        source=[RegularSource("touch", 2, 3)],
        population=[Population("skin", 8, writable=("weights", "thresholds", "v_reset"))],
        projection=[Projection("touch", "skin", AllToAll(20), delay=1)],
    )
    design, file, out = (tmp_path / name for name in ("design.toml", "writes.txt", "out.txt"))
    fxlif.save(params, design)
    file.write_text(f"\ufeff{TEXT}\n".replace("\n", "\r\n"))
    command = ["run", str(design), "--steps", "100", "--writes", str(file)]
    done = CliRunner().invoke(app, [*command, "-o", str(out)])
    assert done.exit_code == 0
    assert "100 steps, 3 writes, " in done.stdout
    due = [(10, "skin", "thresholds", 30), (10, "skin", "v_reset", -5),
           (25, 0, "weights", 90, (1, 3))]  # fmt: skip
    assert due == [tuple(w)[: len(d)] for w, d in zip(read_writes(file), due, strict=True)]
    expected = Network(params).run(100, writes=due).spikes("skin").tolist()
    assert read(out).tolist() == expected
    assert expected != Network(params).run(100).spikes("skin").tolist()
    file.write_text(TEXT.replace("write 25", "write 125"))
    done = CliRunner().invoke(app, [*command, "-o", str(tmp_path / "folder")])
    assert str(done.exception).startswith(f"{file}: writes[2].step: must be")
    assert not (tmp_path / "folder").exists()
    done = CliRunner().invoke(app, [*command, "-o", str(out), "--state", str(tmp_path / "s.npz")])
    assert str(done.exception).startswith("--writes: must be left out with --state")


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("# fxlif events 1\nend 0\n", "line 1"),
        ("", "line 1"),
        (TEXT.replace(" -5", " 5.0"), "line 3"),
        (TEXT.replace("90 1 3", "90 1 3 4"), "line 4"),
        (TEXT.replace("write 25", "25"), "line 4"),
        (TEXT.replace("end 3", "end 2"), "line 5"),
        (TEXT + "write 30 skin thresholds 3\n", "line 6"),
        (TEXT.replace("end 3", ""), "cut off"),
    ],
)
def test_another_file_is_refused_by_its_line(text: str, line: str, tmp_path) -> None:
    file = tmp_path / "writes.txt"
    file.write_text(text)
    with pytest.raises(FxlifError, match=rf"writes.txt: {line}: ") as caught:
        read_writes(file)
    assert "\n" not in str(caught.value)
    with pytest.raises(FxlifError, match="no such file"):
        read_writes(tmp_path / "none.txt")
