"""Events: none lost, none invented, TICKs in order; and a TICK always comes out.

Shown by induction over one cycle, for any input, any stall and any length of run. What is claimed
stands in :mod:`fxlif.sim.prove.core_claims`, what makes it inductive in
:mod:`fxlif.sim.prove.core_invariants`. It is proved of a small core with the neuron of the design,
and of the core itself where that is not too large. If it does not hold, a bounded search on the
small core looks for a run that shows it, in the cycle model and in simulation.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np

from ...cycles.latency import clear_cycles, update_cycles
from ...cycles.model import CycleInputs, CycleModel
from ...cycles.signals import Inside, Port
from ...errors import FxlifWarning
from ...hdl.interface import Hardware
from ...hdl.verilog import generate
from ...params.core import CoreParams
from ...params.network import NetworkParams
from ...params.neuron import NeuronParams
from ...params.quantise import signed_range
from ..tools.solver import z3
from .core_claims import CoreProof
from .core_invariants import invariants, updating
from .counterexample import confirmation, listed, simulate, told
from .induction import Run, System, induct
from .netlist import Netlist, modules
from .prover import Prover, Result, Theorem

#: A core of more neurons or words is not proved itself: its sets become too wide for the solver.
#: 64 neurons in 8 words take 7 s, 128 in 16 words 15 s, 256 in 8 words 37 s, in 16 words 57 s.
MAX_NEURONS, MAX_WORDS = 256, 64
SMALL = "prove_small"
#: A core of no more neurons and inputs is searched itself for a run that shows a fault.
MAX_SEARCHED = 8
#: Clock cycles of the search, from reset on.
SEARCH_CYCLES = 24


def small_core(core: CoreParams) -> CoreParams:
    """2 inputs x 3 neurons on 2 lanes, so that a lane is left over, with the same neuron.

    Its weights are the largest, and a threshold that they would take long to reach is lowered: a
    short run is to show spikes. The proof is of any weights and any step.
    """
    neuron = core.neuron
    low, high = signed_range(neuron.weight_bits)
    # Above rest, and what the neuron can store.
    reached = (max(high, 1) << core.weight_shift) // 2 + max(neuron.v_leak, 0)
    reached = max(reached >> neuron.threshold_shift, 1) << neuron.threshold_shift
    if neuron.v_threshold > reached:
        with warnings.catch_warnings(action="ignore", category=FxlifWarning):
            neuron = NeuronParams(**{**neuron.model_dump(), "v_threshold": reached})
    thresholds = None if core.v_thresholds is None else (neuron.v_threshold,) * 3
    return CoreParams(
        n_inputs=2, n_neurons=3, lanes=2, neuron=neuron,
        weights=np.array([[high, high, low], [high, low, high]]),
        weight_shift=core.weight_shift, v_thresholds=thresholds, input_address_bits=2,
    )  # fmt: skip


def is_small(core: CoreParams) -> bool:
    """Whether runs of the core are short enough to be searched."""
    return max(core.n_inputs, core.n_neurons, core.words) <= MAX_SEARCHED


def prove_events(prover: Prover) -> None:
    """Of a small core for each neuron of the design, and of each core that is not too large."""
    seen: list[tuple[Any, ...]] = []
    for k, core in enumerate(prover.cores):
        kind = (core.neuron, core.weight_shift, core.v_thresholds is None)
        if kind not in seen and not is_small(core):
            seen.append(kind)
            small = small_core(core)
            made = generate(NetworkParams.chain(small, name=SMALL))
            label = f"small core (2 x 3, 2 lanes) with the neuron of core {k}"
            _prove(
                prover,
                label,
                replace(made, verilog=prover.edit(made.verilog)),
                f"{SMALL}_core_0",
                small,
            )
        label = f"core {k} ({core.n_inputs} x {core.n_neurons}, {core.lanes} lanes)"
        if core.n_neurons > MAX_NEURONS or core.words > MAX_WORDS:
            why = (
                f"{core.n_neurons} neurons in {core.words} words; itself proved up to "
                f"{MAX_NEURONS} in {MAX_WORDS}, this one as the small core with its neuron"
            )
            prover.add(f"events: {label}", "not_applicable", why)
            continue
        _prove(
            prover,
            label,
            replace(prover.hardware, verilog=prover.verilog),
            prover.core_module(k),
            core,
        )


def _prove(prover: Prover, label: str, made: Hardware, top: str, core: CoreParams) -> None:
    cut = [module for module in modules(made.verilog) if module.startswith(f"{top}_step_")]
    proof = cache(
        lambda: CoreProof(Netlist(made.verilog, top, cut=cut, images=made.image_texts), core)
    )
    name = f"events: none lost, none invented, TICKs in order, {label}"
    passed = prover.attempt(name, lambda: _induction(prover, proof()))
    prover.attempt(f"reset: {label}", lambda: reset_theorem(proof()))
    progress = f"progress: a TICK always comes out, {label}"
    if passed:
        prover.attempt(progress, lambda: progress_theorem(proof()))
    else:
        prover.add(progress, "unknown", "it rests on invariants that were not proved")


def _induction(prover: Prover, proof: CoreProof) -> Result:
    claims = {name: proof.term(claim) for name, claim in proof.claims().items()}
    lemmas = {name: proof.term(lemma) for name, lemma in invariants(proof).items()}
    system = proof.system()
    found = induct(
        system, {**claims, **lemmas}, depth=1, solver=prover.solver, timeout_s=prover.timeout_s,
        apart=not is_small(proof.core),
    )  # fmt: skip
    by = f"{prover.solver}, induction, depth 1, unbounded"
    if found.stage == "vacuous":
        return "failed", f"{by}\nvacuous: no first cycle is possible"
    if found.stage == "unknown":
        return "unknown", f"{by}: no answer in {prover.timeout_s:.0f} s"
    if found.stage == "done":
        witness = _witness(prover, proof, system)
        if witness != "sat":
            return ("failed" if witness == "unsat" else "unknown"), (
                f"{by}\nvacuous: no run from reset emits a spike and a TICK ({witness})"
            )
        return "passed", f"{by}: {len(claims)} claims by {len(lemmas)} invariants"
    where = "does not hold after a reset" if found.stage == "base" else "not inductive"
    lines = [f"{where}: {', '.join(found.broken)}", f"found by {by}"]
    if not is_small(proof.core):
        return "unknown", "\n".join([*lines, "a run that shows it is looked for on the small core"])
    shown = search(prover, proof)
    if shown is None:
        lines.append(
            f"no run from reset shows it within {SEARCH_CYCLES} cycles "
            f"(bounded, depth {SEARCH_CYCLES}: not a proof beyond it)"
        )
        return "unknown", "\n".join(lines)
    return "failed", "\n".join([*lines, shown])


def _witness(prover: Prover, proof: CoreProof, system: System) -> str:
    """Whether a run exists that takes a TICK, emits a spike and a TICK: sat, unsat or unknown."""
    # Words of equal state and sum fire alike, whatever the step: one spike of each word.
    end = clear_cycles(proof.core) + update_cycles(proof.core, proof.words)
    # The same inputs in every cycle, TICKs and a ready output: little is left to search.
    tick = 1 << proof.core.in_address_bits
    inputs = {Port.IN_VALID: 1, Port.IN_PAYLOAD: tick, Port.OUT_READY: 1}
    fixed = [proof.net[port] == value for port, value in inputs.items()]
    run = Run(system=replace(system, given=[*system.given, *fixed]))
    emitted = [run.at(proof.term(proof.seen["spike out"]), end - 1),
               run.at(proof.term(proof.seen["tick out"]), end)]  # fmt: skip
    return prover.decide([*system.base, *run.conditions(end), *emitted], prover.timeout_s).result


# --- resets and progress --------------------------------------------------------------------------


def reset_theorem(proof: CoreProof) -> Theorem:
    """Power-up, and every reset from any state, is the first state of the induction."""
    net = proof.net
    claims = {}
    for register, value in proof.after_reset.items():
        claims[f"power-up: {register}"] = z3.Implies(net.init, register == value)
        after = z3.substitute(net.next[register], proof.reset_is(True))
        claims[f"reset: {register}"] = after == value
    return Theorem(
        mode="every state and input, one transition", claims=claims,
        cases={"power-up": net.init},
    )  # fmt: skip


def progress_theorem(proof: CoreProof) -> Theorem:
    """While the output is ready, a step of E spikes takes ``update_cycles(core, E)`` cycles.

    In each cycle of an update exactly one thing happens: the pipeline moves
    (:func:`fxlif.cycles.pipeline.update_moves` times), a spike goes out, or the TICK does. The
    input is refused only while memories are cleared, while a row is added, which ends, or while a
    TICK waits for the update before it.
    """
    g, s, net = proof.ghosts, proof.seen, proof.net
    following = proof.ghost_next()
    moved = proof.term(following[g["moves"]]) == g["moves"] + 1
    kept = proof.term(following[g["moves"]]) == g["moves"]
    lost = net[Inside.WAITING] & (net[Inside.WAITING] - 1)
    after = {
        n: proof.term(net.next[net.drivers(n)[0]])
        for n in (Inside.WAITING, Inside.TICK, Inside.SLOT)
    }
    under_way = updating(proof)
    outs = (s["spike out"], s["tick out"])
    ready = proof.on(Port.OUT_READY)
    quiet = z3.And(*(z3.Not(out) for out in outs))
    last = proof.slots - 1
    refused = z3.Or(
        proof.on(Inside.CLEARING),
        z3.And(proof.on(Inside.ACTIVE), proof.number(Inside.SLOT) < last),
        z3.And(proof.on(Inside.PENDING), under_way),
    )
    claims = {
        "one thing in a cycle": z3.Implies(
            z3.And(under_way, ready),
            z3.Or(
                z3.And(moved, quiet, g["moves"] < proof.moves),
                z3.And(s["spike out"], kept, after[Inside.WAITING] == lost),
                z3.And(s["tick out"], after[Inside.TICK] == 0, after[Inside.WAITING] == 0),
            ),
        ),
        "a waiting TICK starts": z3.Implies(
            z3.And(proof.on(Inside.PENDING), z3.Not(under_way)), proof.on(Inside.START)
        ),
        "input refused for a reason": z3.Implies(z3.Not(proof.on(Port.IN_READY)), refused),
        "a row goes on": z3.Implies(
            z3.And(proof.on(Inside.ACTIVE), proof.number(Inside.SLOT) < last),
            proof.number(after[Inside.SLOT]) == proof.number(Inside.SLOT) + 1,
        ),
        "clearing goes on": z3.Implies(
            proof.on(Inside.CLEARING),
            z3.Or(
                proof.term(net.after(net[Inside.CLEARING])) == 0,
                proof.number(proof.term(net.after(net[Inside.CLEAR_WORD])))
                == proof.number(Inside.CLEAR_WORD) + 1,
            ),
        ),
    }
    given = [proof.term(lemma) for lemma in invariants(proof).values()]
    cases = {
        "an update": z3.And(under_way, ready),
        "a TICK that waits": z3.And(proof.on(Inside.PENDING), z3.Not(under_way)),
        "a row": z3.And(proof.on(Inside.ACTIVE), proof.number(Inside.SLOT) < last),
    }
    return Theorem(
        mode="from the invariants proved by induction, unbounded",
        claims={what: proof.term(claim) for what, claim in claims.items()},
        given=[*given, *proof.system().given],
        cases={case: proof.term(formula) for case, formula in cases.items()},
    )  # fmt: skip


# --- a run that shows a fault ---------------------------------------------------------------------


def search(prover: Prover, cut: CoreProof) -> str | None:
    """A run from power-up that breaks a claim, in words; None if there is none within the bound."""
    proof = CoreProof(
        Netlist(cut.net.verilog, cut.net.top, images=cut.net.images), cut.core, whole=True
    )
    claims = {name: proof.term(claim) for name, claim in proof.claims().items()}
    system = proof.system()
    run, first = Run(system=system), [*system.base, proof.net.init]
    deadline = time.perf_counter() + prover.timeout_s
    inputs: dict[str, Any] = {}
    # Cycle by cycle: one question about all cycles at once takes ten times as long.
    for cycle in range(SEARCH_CYCLES):
        prover.progress("looking for a run that shows it", cycle, SEARCH_CYCLES)
        driven = run.all_at({port: proof.net[port] for port in PORTS}, cycle)
        inputs |= {f"{port} {cycle}": term for port, term in driven.items()}
        there = run.all_at(claims, cycle)
        answer = prover.decide(
            [*first, *run.conditions(cycle), z3.Not(z3.And(*there.values()))],
            deadline - time.perf_counter(), {**there, **inputs},
        )  # fmt: skip
        if answer.result == "unknown":
            return None
        if answer.result == "sat":
            broken = [name for name in claims if not answer.model[name]]
            return told(_explain_run(proof, answer.model, cycle, broken))
    return None


#: What drives a core, beside its reset.
PORTS = (Port.IN_VALID, Port.IN_PAYLOAD, Port.OUT_READY)


def _explain_run(
    proof: CoreProof, model: Mapping[str, int], cycle: int, broken: list[str]
) -> Iterator[str]:
    core = proof.core
    inputs: list[Mapping[str, int]]
    inputs = [{port: model[f"{port} {at}"] for port in PORTS} for at in range(cycle + 1)]
    yield f"run from reset: cycle {cycle} breaks {', '.join(broken)}"
    yield from (f"  cycle {at}: {_event(core, given)}" for at, given in enumerate(inputs))
    inputs += [{Port.OUT_READY: 1}] * (update_cycles(core, core.n_neurons) + 4)
    simulator, seen = simulate(proof.net, inputs)
    by = f"golden cycle model and {simulator}"
    for at, (expected, shown) in enumerate(zip(golden_ports(core, inputs), seen, strict=True)):
        wrong = [port for port, value in expected.items() if shown[port] != value]
        if wrong:
            yield f"expected in cycle {at}: {listed({port: expected[port] for port in wrong})}"
            yield f"observed in cycle {at}: {listed({port: shown[port] for port in wrong})}"
            yield confirmation(by, True, {})
            return
    yield confirmation(by, False, seen[cycle])


def _event(core: CoreParams, given: Mapping[str, int]) -> str:
    payload = given[Port.IN_PAYLOAD]
    what = "TICK" if payload >> core.in_address_bits else f"SPIKE({payload})"
    offered = what if given[Port.IN_VALID] else "nothing"
    return f"offered {offered}, out_ready {given[Port.OUT_READY]}"


def golden_ports(core: CoreParams, inputs: Sequence[Mapping[str, int]]) -> list[dict[str, int]]:
    """What the cycle model says that the ports show; the payload where valid."""
    model = CycleModel([core])
    payload = np.array([given.get(Port.IN_PAYLOAD, 0) for given in inputs])
    mask = (1 << core.in_address_bits) - 1
    out = model.run(CycleInputs(
        rst=np.zeros(len(inputs), dtype=np.int64),
        in_valid=np.array([given.get(Port.IN_VALID, 0) for given in inputs]),
        in_address=payload & mask, in_tick=payload >> core.in_address_bits,
        out_ready=np.array([given.get(Port.OUT_READY, 0) for given in inputs]),
    ))  # fmt: skip
    rows = []
    for at in range(len(inputs)):
        row = {
            Port.IN_READY: int(out.in_ready[at]), Port.OUT_VALID: int(out.out_valid[at]),
            "dropped": int(out.cores[0].dropped[at]), "saturated": int(out.cores[0].saturated[at]),
        }  # fmt: skip
        if out.out_valid[at]:
            tick = int(out.out_tick[at]) << core.out_address_bits
            row[Port.OUT_PAYLOAD] = int(out.out_address[at]) | tick
        rows.append(row)
    return rows
