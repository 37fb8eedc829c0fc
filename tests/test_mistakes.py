"""What a slip in Python is answered with: one line that says what was wanted."""

import os
import pickle
import random
import warnings
from pathlib import Path
from typing import Annotated, get_args, get_origin, get_type_hints

import numpy as np
import pytest

from fxlif import (
    AllToAll,
    Core,
    CoreParams,
    EventSource,
    FloatNeuron,
    FloatPopulation,
    FxlifError,
    FxlifWarning,
    LIFPopulation,
    Network,
    NetworkParams,
    NeuronParams,
    Population,
    Projection,
    Recording,
    load,
    metrics,
    profiles,
    save,
)
from fxlif.cli.app import app
from fxlif.network import events
from fxlif.params.design import load_hardware
from fxlif.quantise import quantise
from fxlif.sim.soak.random_design import random_neuron

PARAMS = NetworkParams(
    name="small", source=[EventSource("in", 2)],
    population=[Population("a", 3), Population("b", 1)],
    projection=[Projection("in", "a", AllToAll(3)), Projection("a", "b", AllToAll(70))],
)  # fmt: skip


def mistake(call) -> FxlifError:
    with pytest.raises(FxlifError) as caught:
        call()
    assert len(str(caught.value).splitlines()) == 1
    return caught.value


ALONE = NetworkParams(name="alone", population=[Population("a", 1)])
CORE = CoreParams(n_inputs=1, n_neurons=1, weights=[[1]])
#: Two lines long when it is shown, and neither true nor false.
TABLE = np.array([[1, 2], [3, 4]])


def recorded() -> Recording:
    return Network(PARAMS, engine="numpy").run(1, record=Recording(states={"a": ["v"]}))


def batch():
    return Network(PARAMS, engine="numpy").run(1, batch=2)


def step(currents):
    with Network(PARAMS).stepper() as step:
        return step(currents)


NETWORK = "params: must be NetworkParams, or the name of a design file, not "
BY_NAME = "by population, as in {'a': 5}"
MISTAKES = [
    (lambda: Network({}), "params", f"{NETWORK}{{}}"),
    (lambda: Network(3), "params", f"{NETWORK}3"),
    (lambda: Network(None), "params", f"{NETWORK}None"),
    (lambda: Network("x.toml"), "x.toml", "x.toml: no such file: fxlif init writes a design"),
    (lambda: Network(PARAMS).run(3, currents=5), "currents", f"currents: must be {BY_NAME}, not 5"),
    (lambda: Network(PARAMS).run(3, currents=[1, 2]), "currents",
     f"currents: must be {BY_NAME}, not [1, 2]"),
    (lambda: Network(PARAMS).run(3, currents=0), "currents", f"currents: must be {BY_NAME}, not 0"),
    (lambda: Network(PARAMS).run(3, record="v"), "record",
     "record: must be a Recording, as in Recording(['b']), not 'v'"),
    (lambda: Network(PARAMS).save(None), "path", "path: must be the name of a file, not None"),
    (lambda: Network(PARAMS).restore(3), "path", "path: must be the name of a file, not 3"),
    (lambda: Recording(states="v"), "states",
     "states: must be by population, as in {'exc': ['v']}, not 'v'"),
    (lambda: Recording(neurons=3), "neurons",
     "neurons: must be by population, as in {'exc': [0, 1]}, not 3"),
    (lambda: Recording(folder=3), "folder", "folder: must be the name of a file, not 3"),
    (lambda: Recording.open(None), "folder", "folder: must be the name of a file, not None"),
    (lambda: load(None), "path", "path: must be the name of a file, not None"),
    (lambda: load_hardware(3), "path", "path: must be the name of a file, not 3"),
    (lambda: save(PARAMS, None), "path", "path: must be the name of a file, not None"),
    (lambda: save({}, "x.toml"), "design",
     "design: must be NetworkParams or NeuronParams, not {}"),
    (lambda: LIFPopulation("x"), "n",
     "n: must be an integer, a number of neurons, 1 or more, not 'x'"),
    (lambda: LIFPopulation(3, {}), "params", "params: must be NeuronParams, not {}"),
    (lambda: LIFPopulation(3, 7, v_threshold=3), "params", "params: must be NeuronParams, not 7"),
    (lambda: LIFPopulation(3, initial=5), "initial",
     "initial: must be a NeuronState, or None, not 5"),
    (lambda: LIFPopulation(3).run([[1, 2, 3]], "v"), "recorder",
     "recorder: must be a Recorder, as in Recorder('v'), or None, not 'v'"),
    (lambda: Network(PARAMS).run(3, progress=3), "progress",
     "progress: must be a function of (steps done, steps in all), or None, not 3"),
    (lambda: Network(PARAMS).synapses("a"), "projection",
     "projection: must be an integer, the index of a projection, 0..1, not 'a'"),
    (lambda: Network(PARAMS).synapses(99), "projection",
     "projection: must be the index of a projection, 0..1, not 99"),
    (lambda: Network(ALONE).synapses(0), "projection",
     "projection: must be of a network that has projections, not 0"),
    (lambda: Network(PARAMS, engine=TABLE), "engine",
     "engine: must be auto, numpy, compiled, not array([[1, 2],..."),
    (lambda: Network(PARAMS).run(3, threads=TABLE), "threads",
     "threads: must be 1..256, or None, not array([[1, 2],..."),
    (lambda: Network(PARAMS).run(events=[0.5, -1]), "events",
     "events['in']: events: must be integers, not dtype float64"),
    (lambda: Network(PARAMS).run(events=[0, -2]), "event 1",
     "events['in']: event 1: must be -1 (tick) or more, not -2"),
    (lambda: Network(PARAMS).run(events=[[0, -1]]), "events",
     "events['in']: events: must be of shape (count,), not (1, 2)"),
    (lambda: Core(CORE).step([0.5]), "addresses", "addresses: must be integers, not dtype float64"),
    (lambda: Core(CORE).step([[0]]), "addresses",
     "addresses: must be of shape (events,), not (1, 1)"),
    (lambda: Recording("v"), "spikes", "spikes: must be several names, as in ('exc',), not 'v'"),
    (lambda: Recording(np.array("v")), "spikes",
     "spikes: must be several names, as in ('exc',), not array('v', dtype='<U1')"),
    (lambda: recorded().spikes(TABLE), "spikes",
     "spikes: must be a, b (what is recorded), not array([[1, 2],..."),
    (lambda: recorded().states("a", ["v"]), "states",
     "states: must be a.v (what is recorded), not \"a.['v']\""),
    (lambda: events.read(None), "path", "path: must be the name of a file, not None"),
    (lambda: events.write(3, [0, -1]), "path", "path: must be the name of a file, not 3"),
    (lambda: FloatNeuron("x"), "FloatNeuron",
     "FloatNeuron: must be given each value with its name, not 'x'"),
    (lambda: FloatNeuron(compare=TABLE), "compare",
     "compare: must be 'ge' or 'gt', not array([[1, 2],..."),
    (lambda: FloatPopulation(3, 7), "params", "params: must be a FloatNeuron, not 7"),
    (lambda: FloatPopulation(3, TABLE), "params",
     "params: must be a FloatNeuron, not array([[1, 2],..."),
    (lambda: quantise(3), "network", "network: must be a FloatNetwork, not 3"),
    (lambda: metrics.mean_accuracy("x"), "each", "each: must be numbers, not 'x'"),
    (lambda: metrics.membrane([[1]], {}), "found", "found: must be numbers, not {}"),
    (lambda: profiles.snntorch(reset_mechanism=TABLE), "reset_mechanism",
     "reset_mechanism: must be subtract, zero (fxlif has no neuron that spikes without a reset), "
     "not array([[1, 2],..."),
    (lambda: profiles.xylo(output="yes"), "output", "output: must be an integer, 0..1, not 'yes'"),
    (lambda: profiles.norse(tau_mem_inv="x"), "tau_mem_inv",
     "tau_mem_inv: must be a number, 0..inf, not 'x'"),
    (lambda: batch().spikes(TABLE, 0), "spikes",
     "spikes: must be a, b (what is recorded), not array([[1, 2],..."),
    (lambda: batch().final("a", ["v"]), "final",
     "final: must be a.v, b.v (what this network has), not \"a.['v']\""),
    (lambda: Network(PARAMS, engine="numpy").run(2, batch=2, events=np.array("x")), "events",
     "events['in']: events: must be of shape (count,), not ()"),
    (lambda: step(TABLE), "currents", f"currents: must be {BY_NAME}, not array([[1, 2],..."),
    (lambda: profiles.xylo(dash=3), "dash",
     "dash: no such parameter of xylo; did you mean dash_syn? There are "
     "dash_mem, dash_syn, threshold, bias, output"),
]  # fmt: skip


@pytest.mark.parametrize(("call", "key", "line"), MISTAKES, ids=[line for *_, line in MISTAKES])
def test_a_slip_is_one_line(call, key, line):
    error = mistake(call)
    assert (error.key, str(error)) == (key, line)


def test_a_network_of_a_file(tmp_path: Path):
    save(PARAMS, tmp_path / "small.toml")
    for path in (tmp_path / "small.toml", str(tmp_path / "small.toml")):
        assert Network(path).params == PARAMS


@pytest.mark.parametrize("suffix", [".toml", ".json"])
def test_a_mark_of_the_byte_order_is_read_over(suffix: str, tmp_path: Path):
    """Windows' editors begin a file of UTF-8 with one."""
    path = tmp_path / f"design{suffix}"
    save(PARAMS, path)
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    assert load(path) == PARAMS


def test_a_mark_of_the_byte_order_in_events(tmp_path: Path):
    path = tmp_path / "events.txt"
    events.write(path, [0, -1, 1])
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    assert events.read(path).tolist() == [0, -1, 1]


def test_what_is_shown_of_an_object():
    network = Network(PARAMS)
    shown = "<Network small: 4 neurons, 2 populations, 9 synapses, at step "
    assert repr(network) == f"{shown}0>"
    record = Recording(states={"a": ["v"]})
    assert repr(record) == "<Recording: not begun>"
    network.run(2, record=record)
    assert repr(network) == f"{shown}2>"
    assert repr(record) == "<Recording: 2 steps, spikes of 2 parts, 1 state variable>"
    assert repr(LIFPopulation(4000, engine="numpy")) == "<LIFPopulation: 4,000 neurons, numpy>"
    assert repr(LIFPopulation(1, engine="numpy")) == "<LIFPopulation: 1 neuron, numpy>"


#: Files of numpy's that only unpickling could read; numpy's own message advises to do that.
@pytest.mark.parametrize("name", ["objects.npz", "pickled.npz", "objects.npy", "pickled.npy"])
def test_no_advice_to_unpickle(name: str, tmp_path: Path):
    path = tmp_path / name
    objects = np.array([1, "a", None], object)
    if name.startswith("pickled"):
        objects.dump(path)
    elif path.suffix == ".npy":
        np.save(path, objects)
    else:
        names = ("format", "shape", "indptr", "indices", "data", "events", "about", "")
        np.savez(path, **dict.fromkeys(names, objects))
    design = tmp_path / "design.toml"
    population = "[[population]]\nname = 'a'\nn = 1\n"
    projection = (
        "[[projection]]\nsource = 'a'\ntarget = 'a'\n"
        "synapses = {{ kind = '{}', {} = '{}' }}\n"
    )  # fmt: skip
    texts = [
        population + projection.format("sparse", "matrix", name),
        population + projection.format("dense", "weights", name),
        population + projection.format("dense", "weights", f"{name}:data"),
        population + f"v_thresholds = '{name}'\n",
    ]
    calls = [lambda: Network(PARAMS).restore(path), lambda: events.read(path)]
    for text in texts:
        calls.append(lambda text=text: (design.write_text(text), load(design)))
    for call in calls:
        said = str(mistake(call))
        assert name in said
        assert "pickle" not in said.replace(str(tmp_path), "").replace(name, "")


def test_an_unknown_parameter_of_the_float_reference():
    said = str(mistake(lambda: FloatNeuron(tau=3)))
    assert said.startswith("tau: no such parameter; did you mean tau_")
    assert pickle.loads(pickle.dumps(FloatNeuron(r=3.0))) == FloatNeuron(r=3.0)


# --- words of a command ---------------------------------------------------------------------------

COMMANDS = [
    ("verify --cycles=-1", "--cycles", "not -1"),
    ("verify --cycles 1.5", "--cycles", "an integer"),
    ("soak --cycles nan", "--cycles", "not nan"),
    ("soak --cycles=inf", "--cycles: must be a finite number, not inf", ""),
    ("soak --cycles=1e400", "--cycles: must be a finite number, not inf", ""),
    ("mutate --count=0", "--count", "not 0"),
    ("prove --timeout=x", "--timeout", "a number"),
    ("verfy", "No such command 'verfy'", "see fxlif --help"),
    ("run", "Missing argument '", "see fxlif run --help"),
    ("run x --bogus", "No such option", "--bogus"),
    ("verify --cycles", "Option '--cycles' requires an argument", "--help"),
    ("verify digits b", "Got unexpected extra argument", "see fxlif verify --help"),
]  # fmt: skip


@pytest.mark.parametrize(("command", "begins", "holds"), COMMANDS, ids=[c for c, *_ in COMMANDS])
def test_a_wrong_word_is_one_line(command, begins, holds, run):
    line = run(*command.split()).refusal
    assert line.startswith(begins)
    assert holds in line


# --- where a command shall write to ---------------------------------------------------------------

DESIGN = "none.toml"  # not there: what is said of the folder comes first
FOLDERS = [
    ("verify", DESIGN, "--report"), ("verify", DESIGN, "--out"), ("prove", DESIGN, "--report"),
    ("soak", DESIGN, "--report"), ("soak", DESIGN, "--out"), ("mutate", DESIGN, "--report"),
    ("verilog", DESIGN, "-o"), ("run", DESIGN, "--steps", 1, "-o"), ("init",),
    ("init", "--example", "neuron"), ("replay", "--waves"),
]  # fmt: skip
FILES = [
    ("soak", DESIGN, "--state"), ("run", DESIGN, "-o", "out.txt", "--steps", 1, "--state"),
    ("run", DESIGN, "--steps", 1, "-o"),
]  # fmt: skip


@pytest.mark.parametrize("command", ["verify", "soak"])
def test_a_failure_does_not_write_over_files_of_ones_own(command, run, tmp_path):
    for name in ("design.toml", "README.txt"):
        file = tmp_path / name
        file.write_text("mine")
        refusal = run(command, DESIGN, "--out", ".").refusal
        assert refusal.startswith(f"--out: must be a folder without a {name}")
        file.unlink()
    # What an earlier failure has left makes room for the next one.
    (tmp_path / "README.txt").write_text("A check of x failed")
    assert run(command, DESIGN, "--out", ".").refusal.startswith(DESIGN)
    (tmp_path / "design.toml").write_text("")
    (tmp_path / "failure.json").write_text("{}")
    assert run(command, DESIGN, "--out", ".").refusal.startswith(DESIGN)


#: Parameters that name what is read; a failure folder, in which replay writes with --waves alone.
READ = {
    "design", "dut", "mapping", "waivers", "input", "start", "folder", "net", "images", "spikes",
    "file", "recording", "writes",
}  # fmt: skip


@pytest.mark.parametrize("arguments", FOLDERS, ids=lambda a: " ".join(map(str, a)))
def test_a_folder_that_cannot_be_written_is_refused_first(arguments, run, monkeypatch, tmp_path):
    (tmp_path / "file").write_text("")
    assert run(*arguments, "file").refusal == "file: must be a folder, not a file"
    line = "file/new: cannot be written (Not a directory)"
    assert run(*arguments, "file/new").refusal == line
    monkeypatch.setattr(os, "access", lambda path, how: how == os.R_OK)  # root may write anywhere
    for path in ("new", "new/newer", "."):
        assert run(*arguments, path).refusal == f"{path}: cannot be written (Permission denied)"
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


@pytest.mark.parametrize("arguments", FILES, ids=lambda a: " ".join(map(str, a)))
def test_a_file_that_cannot_be_written_is_refused_first(arguments, run, monkeypatch, tmp_path):
    (tmp_path / "folder.txt").mkdir()
    assert run(*arguments, "folder.txt").refusal == "folder.txt: must be a file, not a folder"
    assert run(*arguments, "gone/x.txt").refusal == "gone/x.txt: there is no folder gone"
    monkeypatch.setattr(os, "access", lambda path, how: how == os.R_OK)
    assert run(*arguments, "x.txt").refusal == "x.txt: cannot be written (Permission denied)"


def test_a_report_folder_of_something_else_is_refused_first(run, tmp_path):
    (tmp_path / "package.json").write_text("{}")
    line = run("prove", DESIGN, "--report", ".").refusal
    assert line.startswith("package.json: must be findings that --report wrote, not ")


def test_a_state_of_another_suffix_is_refused_first(run):
    ran = run("run", DESIGN, "-o", "out.txt", "--steps", 1, "--state", "state.txt")
    assert ran.refusal == "state.txt: must be a name that ends in .npz, not .txt"


def test_every_path_that_is_written_to_is_asked_about():
    """An option that names a path is read from, or is refused first where it cannot be written."""
    unasked = set()
    for command in app.registered_commands:
        for name, kind in get_type_hints(command.callback, include_extras=True).items():
            holds, *option = get_args(kind) if get_origin(kind) is Annotated else (kind,)
            if "Path" in str(holds) and option[0].callback is None:
                unasked.add(f"{command.callback.__name__} {name}")
    read = {name for name in unasked if name.split()[1] in READ}
    # Of run, where the suffix says whether it is a folder.
    assert unasked - read == {"run out"}
    assert {name.split()[1] for name in read} == READ


# --- what is allowed and seldom meant -------------------------------------------------------------

AGAIN = "after a spike the neuron may spike on without input"


@pytest.mark.parametrize(("choices", "said"), [
    ({"v_reset": 64}, f"v_reset: 64 is at the v_threshold of 64: {AGAIN}"),
    ({"v_reset": 65, "compare": "gt"}, f"v_reset: 65 is above the v_threshold of 64: {AGAIN}"),
    ({"v_threshold": -3}, f"v_reset: 0 is above the v_threshold of -3: {AGAIN}"),
])  # fmt: skip
def test_a_reset_to_where_it_spikes_warns(choices, said):
    with pytest.warns(FxlifWarning) as caught:
        NeuronParams(**choices)
    assert [str(each.message) for each in caught] == [said]
    assert caught[0].filename == __file__


@pytest.mark.parametrize("choices", [
    {}, {"v_reset": 63}, {"v_reset": 64, "compare": "gt"}, {"v_reset": 64, "reset": "subtract"},
])  # fmt: skip
def test_another_reset_does_not_warn(choices):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        neuron = NeuronParams(**choices)
        Population("a", 3, neuron)
        neuron.model_copy()


def test_what_is_drawn_does_not_warn():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        drawn = [random_neuron(random.Random(seed)) for seed in range(300)]
    assert any(neuron.reset == "to_value" and neuron.v_reset >= neuron.v_threshold
               for neuron in drawn)  # fmt: skip


@pytest.mark.filterwarnings("default::fxlif.errors.FxlifWarning")
def test_the_command_line_warns_in_one_line(run, tmp_path: Path):
    text = "[[population]]\nname = '{}'\nn = 1\nneuron = {{ v_reset = 64 }}\n"
    (tmp_path / "design.toml").write_text(text.format("a") + text.format("b"))
    ran = run("run", "design.toml", "-o", "out.txt", "--steps", "3")
    assert ran.code == 0
    said = [line for line in ran.err.splitlines() if "v_reset" in line]
    assert said == [f"fxlif: v_reset: 64 is at the v_threshold of 64: {AGAIN}"]
    assert "FxlifWarning" not in ran.err
