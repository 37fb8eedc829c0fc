"""Weights and thresholds of populations that are written while the hardware runs: between two
steps of their core, those that are there, exactly once; else counted."""

from __future__ import annotations

import random

import cycle_oracle
import numpy as np
import pytest
import row_oracle
from designs import LONG, SIMULATORS, looped, writable
from pysim import component, interface_of, simulate
from row_designs import random_network, stimulus
from source_edits import SourceMutant
from source_mutants import applied

from fxlif import (
    AllToAll,
    Dense,
    EventSource,
    FxlifError,
    Network,
    NetworkParams,
    NeuronParams,
    Population,
    Projection,
    RegularSource,
    Sparse,
)
from fxlif.cycles.access import NONE, AddressMap
from fxlif.cycles.model import CycleInputs
from fxlif.cycles.pipeline import write_distance
from fxlif.cycles.row_model import model_of
from fxlif.cycles.rows import ROW_FLAGS
from fxlif.hdl.limits import supported
from fxlif.hdl.verilog import generate
from fxlif.layout import HardwareNetwork, hardware_network
from fxlif.params.core import WRITABLE
from fxlif.sim.bench.models import StreamModel
from fxlif.sim.bench.outcome import failure_reasons
from fxlif.sim.bench.run import Job, stream_driver
from fxlif.sim.bench.scoreboard import Report, Scoreboard
from fxlif.sim.prove.run import prove
from fxlif.sim.soak.random_network import random_network as any_network
from fxlif.sim.verify import check


def addresses(network: HardwareNetwork, draw: np.random.Generator, count: int) -> np.ndarray:
    """Most of something that is there."""
    where = AddressMap(network.cores)
    every = np.arange(1 << where.address_bits)
    there = every[where.decode(every, every).core != NONE]
    return np.where(draw.random(count) < 0.7, draw.choice(there, count), draw.choice(every, count))


def with_writes(network: HardwareNetwork, cycles: int, seed: int) -> np.ndarray:
    """Inputs that keep the protocol in their first half, and writes that stay on offer for long."""
    draw, given = np.random.default_rng(seed), stimulus(network, cycles, seed)
    named = given.dtype.descr + [(f"write_{n}", "i8") for n in ("valid", "address", "data")]
    table = np.zeros(cycles, dtype=named)
    for name in given.dtype.names:
        table[name] = given[name]
    ends = np.cumsum(draw.choice((4, 6, 20, 60), cycles))
    number = np.searchsorted(ends, np.arange(cycles), side="right")
    table["write_valid"] = ~np.isin(np.arange(cycles), ends)
    table["write_address"] = addresses(network, draw, cycles)[number]
    table["write_data"] = draw.integers(0, 1 << 20, cycles)[number]
    return table


@pytest.mark.parametrize("seed", range(100, 140 if LONG else 103))
def test_every_cycle_is_the_oracles(seed: int) -> None:
    network = hardware_network(writable(random_network(seed).network))
    inputs = with_writes(network, 1500 if LONG else 500, seed)
    made = model_of(network).run(CycleInputs(**{n: inputs[n] for n in inputs.dtype.names}))
    depths = [write_distance(core.neuron) for core in network.cores]
    oracle = row_oracle.Network(network, depths)
    cycle_oracle.assert_every_cycle(made, oracle, inputs, ROW_FLAGS)
    assert np.count_nonzero(made.write_ready & (inputs["write_valid"] != 0)) > 5


# --- hardware ------------------------------------------------------------------------------------


def tiny() -> NetworkParams:
    """Two populations that drive each other, rows with slots that hold no synapse, both outputs."""
    neuron = NeuronParams(v_threshold=40, state_bits=10)
    some = {"shape": [3, 3], "indptr": [0, 2, 3, 5], "indices": [0, 2, 1, 0, 1],
            "data": [30, 0, 25, 20, -9]}  # fmt: skip
    one = {"shape": [3, 2], "indptr": [0, 1, 1, 1], "indices": [1], "data": [15]}
    return writable(NetworkParams(
        name="tiny",
        source=[EventSource("touch", 3)],
        population=[Population("near", 3, neuron, lanes=2, v_thresholds=(40, 30, 20)),
                    Population("far", 2, neuron)],
        projection=[Projection("touch", "near", Sparse(some), delay=0, weight_shift=1),
                    Projection("near", "far", Dense([[30, 0], [0, 20], [9, 9]]), delay=0),
                    Projection("far", "near", AllToAll(10), delay=1),
                    Projection("near", "near", Sparse(some), delay=2),
                    Projection("touch", "far", Sparse(one), delay=1)],
        outputs=["near", "far"],
    ))  # fmt: skip


def run(design: HardwareNetwork, cycles: int, seed: int) -> Report:
    """A run in Amaranth's simulator with random writes, up to the first difference."""
    dut = component(design)
    interface = interface_of(dut)
    report = Report()
    board = Scoreboard(interface, StreamModel(design, report), report)
    job = Job(params=design, interface=interface, cycles=cycles, seed=seed)
    simulate(dut, stream_driver(job, design), cycles, board.take)
    return report


def test_hardware_is_the_models_and_the_golden_network_while_it_is_written() -> None:
    """And read: one of its cores."""
    near, far = tiny().population
    readable = near.model_copy(update={"readable": True})
    design = tiny().model_copy(update={"population": (readable, far)})
    report = run(supported(design), 1200, 1)
    assert report.first is None
    assert report.writes > 5
    assert report.reads > 5
    assert report.resets
    assert report.spikes


def test_registers_of_populations_are_written() -> None:
    neuron = NeuronParams(v_threshold=40, state_bits=10, v_reset=-3, refractory=2,
                          leak={"kind": "shift", "shift": 3})  # fmt: skip
    some = {"neuron": neuron, "writable": WRITABLE}
    network = tiny()
    populations = tuple(each.model_copy(update=some) for each in network.population)
    network = network.model_copy(update={"population": populations})
    report = run(supported(network), 1200, 1)
    assert report.first is None
    assert report.writes > 5
    assert report.resets
    assert report.spikes


FAULTS = [
    SourceMutant("wrong lane", "hdl.rows.synapses", "Const(1) << write.lane",
                 "Const(1) << (write.lane ^ 1)", "the synapse beside it is written"),
    SourceMutant("all lanes", "hdl.rows.synapses", "Const(1) << write.lane", "Const(-1)",
                 "the synapses beside it are written too"),
    SourceMutant("all memories", "hdl.rows.synapses", "write.weights & here", "write.weights",
                 "a word of each memory is written"),
    SourceMutant("wrong memory", "hdl.rows.synapses", "== first // memory.reach",
                 "== (first // memory.reach ^ 1)", "the word of another memory is written"),
    SourceMutant("padding written", "hdl.access", "writes & there", "writes",
                 "what no synapse is in a row is written"),
    SourceMutant("padding not counted", "hdl.access", "misses.append(writes & ~there)", "pass",
                 "a write to what no synapse is is not counted"),
    SourceMutant("in mid-step", "hdl.rows.front", "(select == core.first_input) & ~begun",
                 "(select == core.first_input)", "taken after the first events of a step"),
    SourceMutant("events behind", "hdl.rows.front", "stands & ~fetched & ~self.held", "stands",
                 "taken while rows of the step before wait"),
    SourceMutant("spikes behind", "hdl.rows.front", "(select == core.first_input) & ~begun",
                 "~begun", "taken before the spikes of the step before are read"),
    SourceMutant("row under way", "hdl.rows.issue", "self.rests.eq(~adding & ~updating)",
                 "self.rests.eq(~updating)", "taken while a row of the step before is added"),
    SourceMutant("during an update", "hdl.rows.issue", "self.rests.eq(~adding & ~updating)",
                 "self.rests.eq(~adding)", "taken while the last step is computed"),
    SourceMutant("not held", "hdl.rows.front", "room & ~(self.hold & stands)", "room",
                 "an event is looked at in the cycle of a write, or before it"),
    SourceMutant("another word", "hdl.rows.synapses", "write.row[:bits] if bits else 0",
                 "write.row", "what is written to a memory of one word goes elsewhere"),
    SourceMutant("withdrawn", "hdl.rows.front", "begun | (shown & goes)", "begun | passes",
                 "an event that others wait for too is withdrawn from them"),
    SourceMutant("reset clears it", "hdl.core.neurons",
                 "threshold_bits), init=init, reset_less=True", "threshold_bits), init=init",
                 "the threshold of all neurons is forgotten with a reset"),
    SourceMutant("lost while another waits", "hdl.access", "writes.eq(port.taken & port.found[k] &",
                 "writes.eq(port.taken & port.found[k] & accesses[1 - k].between &",
                 "a write to a core is lost where the other one is in mid-step"),
]  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_a_fault_is_found(fault: SourceMutant) -> None:
    with applied(fault):
        assert any(run(supported(tiny()), 3000, seed).first is not None for seed in (1, 2))


def test_no_event_is_withdrawn_from_the_output() -> None:
    """One that is shown there and to a core at once, which is to be written."""
    neuron = NeuronParams(v_threshold=40, state_bits=10)
    design = supported(writable(NetworkParams(
        source=[EventSource("touch", 3)],
        population=[Population("a", 3, neuron), Population("b", 2, neuron)],
        projection=[Projection("touch", "a", AllToAll(30)), Projection("a", "b", AllToAll(20))],
        outputs=["a", "b"],
    )))  # fmt: skip
    assert isinstance(design, HardwareNetwork)
    inputs = with_writes(design, 4000, 1)
    inputs["out_ready"] = np.random.default_rng(1).random(4000) < 0.15
    shown = model_of(design).run(CycleInputs(**{n: inputs[n] for n in inputs.dtype.names}))
    valid, rst = np.asarray(shown.out_valid) != 0, inputs["rst"] != 0
    waits = valid & (inputs["out_ready"] == 0) & ~rst
    assert waits.sum() > 500
    assert np.flatnonzero(waits[:-1] & ~valid[1:] & ~rst[1:]).tolist() == []


def proved(design: NetworkParams | HardwareNetwork, *theorems: str) -> set[str]:
    """The groups of theorems of which not all are proved."""
    found = prove(design, name="x", timeout_s=60, theorems=theorems or None)
    return {check.name.partition(":")[0] for check in found.checks
            if check.outcome not in ("passed", "not_applicable")}  # fmt: skip


def accessed(**more) -> NetworkParams:
    """The two populations, of which the first can be read too."""
    near, far = tiny().population
    parts = near.model_copy(update={"readable": True, **more}), far.model_copy(update=more)
    return tiny().model_copy(update={"population": parts})


def test_a_core_of_rows_is_proved_whatever_is_written() -> None:
    assert proved(accessed(), "events") == set()


@pytest.mark.slow
@pytest.mark.parametrize("registers", [False, True], ids=["weights", "registers"])
def test_all_is_proved_for_whatever_is_written(registers: bool) -> None:
    neuron = NeuronParams(v_threshold=40, state_bits=10, v_reset=-3, refractory=2,
                          leak={"kind": "shift", "shift": 3})  # fmt: skip
    assert (
        proved(accessed(**({"neuron": neuron, "writable": WRITABLE} if registers else {}))) == set()
    )


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, 4])
def test_drawn_networks_are_proved_whatever_is_written_and_read(seed: int) -> None:
    """All that can be of each population; 0 stands for one with all that a chain does not have."""
    drawn = any_network(random.Random(seed), max_populations=3) if seed else looped()
    parts = []
    for each in writable(drawn).population:
        neuron = each.neuron
        has = {"leak_shift": neuron.leak.kind == "shift", "v_reset": True,
               "refractory": neuron.refractory_bits}  # fmt: skip
        names = (*each.writable, *(name for name, there in has.items() if there))
        parts.append(each.model_copy(update={"readable": True, "writable": names}))
    assert proved(drawn.model_copy(update={"population": tuple(parts)})) == set()


#: Which theorems do not hold with a fault.
PROVED = {
    "wrong lane": "writes", "all lanes": "writes", "all memories": "writes",
    "wrong memory": "writes", "padding written": "writes", "padding not counted": "writes",
    "in mid-step": "rows", "events behind": "rows", "spikes behind": "rows",
    "row under way": "rows", "during an update": "rows", "not held": "rows",
    "withdrawn": "rows", "reset clears it": "writes", "lost while another waits": "writes",
}  # fmt: skip
#: What no access to the hardware shows: a table of what there is, and how the parts are joined.
MORE_FAULTS = {
    SourceMutant("all slots are there", "hdl.access", "core.weight_slots >= 0",
                 "core.weight_slots >= -1", "slots without a synapse are addresses"): "weights",
    SourceMutant("kept in vain", "hdl.rows.core", "front.hold.eq(self.access.hold)",
                 "front.hold.eq(0)", "a step begins while something is written"): "events",
    SourceMutant("between at once", "hdl.rows.core", "front.rests & issue.rests", "front.rests",
                 "written while an update is under way"): "events",
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize(
    ("fault", "group"),
    [*((f, PROVED[f.name]) for f in FAULTS if f.name in PROVED), *MORE_FAULTS.items()],
    ids=lambda each: each.name if isinstance(each, SourceMutant) else each,
)  # fmt: skip
def test_no_proof_of_a_fault(fault: SourceMutant, group: str) -> None:
    with applied(fault):
        assert proved(accessed(), group) == {group}


@pytest.mark.slow
@pytest.mark.parametrize("simulator", SIMULATORS)
@pytest.mark.parametrize("name", ["looped", "random"])
def test_bench_with_random_writes(name: str, simulator: str, tmp_path) -> None:
    """Seed 1008: memories of one word."""
    network = looped() if name == "looped" else any_network(random.Random(1008), max_populations=4)
    results, report = check(
        writable(network), folder=tmp_path, simulator=simulator, cycles=20_000, seed=3
    )
    assert failure_reasons(results, report) == []
    assert report is not None
    assert report.writes > 50


# --- addresses, and what is there ----------------------------------------------------------------


@pytest.mark.parametrize("seed", range(110, 116))
def test_each_synapse_has_one_address(seed: int) -> None:
    """In rows as in the golden network: all of them, each once, those with weight 0 too."""
    network = hardware_network(writable(random_network(seed).network))
    where, golden = AddressMap(network.cores), Network(network.network, engine="numpy")
    every = np.arange(1 << where.address_bits)
    found = where.decode(every, every)
    there = every[(found.core != NONE) & (found.parameter == 0)].tolist()
    named = []
    for number, placed in enumerate(golden.projections):
        pre, post, address = where.synapses(number)
        synapses = placed.synapses
        rows = np.repeat(np.arange(synapses.n_pre), np.diff(synapses.indptr))
        assert sorted(zip(pre.tolist(), post.tolist(), strict=True)) == list(
            zip(rows.tolist(), synapses.targets.tolist(), strict=True)
        )
        named += address.tolist()
    assert sorted(named) == there


def test_what_is_waited_for_is_paced() -> None:
    """Who writes between two TICKs must not wait for a core that has begun by itself."""
    clocked = NetworkParams(
        source=[EventSource("touch", 2), RegularSource("clock", 2, interval=2)],
        population=[Population("p", 2), Population("q", 2)],
        projection=[Projection("touch", "p", AllToAll(9)), Projection("clock", "q", AllToAll(9)),
                    Projection("p", "q", AllToAll(9), delay=0)],
    )  # fmt: skip
    assert [each.node for each in hardware_network(clocked).cores[1].inputs] == [1, 2]
    (_, core) = hardware_network(writable(clocked)).cores
    assert [(each.node, each.memories) for each in core.inputs] == [(0, ()), (1, (0,)), (2, (1,))]


def test_a_line_of_populations_is_a_chain_where_each_pair_is_a_synapse() -> None:
    def line(synapses) -> NetworkParams:
        return writable(NetworkParams(
            source=[EventSource("touch", 2)], population=[Population("p", 2)],
            projection=[Projection("touch", "p", synapses, delay=0)],
        ))  # fmt: skip

    chain = supported(line(AllToAll(9)))
    assert chain.cores[0].writable == ("weights", "thresholds")
    assert isinstance(supported(line(Dense([[9, 9], [0, 9]]))), HardwareNetwork)


def test_the_sidecar_says_where_rows_begin() -> None:
    made = generate(supported(tiny())).sidecar["writes"]["ranges"]
    rows = {each["projection"]: each for each in made if each["parameter"] == "weights"}
    assert sorted(rows) == [0, 1, 2, 3, 4]
    assert rows[4]["words"] == 1
    assert rows[0]["bits"] == 8


def test_what_never_rests_is_not_read() -> None:
    """Events that act one by one, of which some come from the step before, change the state."""
    each = NeuronParams(accumulate="per_event")
    loop = NetworkParams(
        source=[EventSource("touch", 2)], population=[Population("p", 2, each, readable=True)],
        projection=[Projection("p", "p", AllToAll(9)),
                    Projection("touch", "p", AllToAll(9), delay=0)],
    )  # fmt: skip
    with pytest.raises(FxlifError) as caught:
        supported(loop)
    assert caught.value.key == "population[0].readable"
