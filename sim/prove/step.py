"""Step and registers: the golden step and the generated ``LIFStep`` are the same function.

The golden model's own :func:`fxlif.rule.step.step` runs on bit-vectors that are wide enough for
every value it computes (:func:`fxlif.sim.prove.golden.golden_width`); the Verilog's result is
read as a number. No state and no input is left out, also none that a neuron cannot reach.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from types import MappingProxyType
from typing import Any

from ...cycles.access import registers_of
from ...cycles.pipeline import neuron_stages
from ...hdl.operations import acts_early, narrowing_moves
from ...params.core import REGISTERS, Register
from ...params.neuron import NeuronParams
from ...rule import arithmetic
from ...rule.step import NeuronState, step
from ...rule.written import with_register
from ..tools.solver import z3
from . import golden
from .access.registers import any_value, is_legal, value_size
from .counterexample import confirmation, simulate
from .induction import Run, System
from .lemmas import with_lemmas
from .netlist import Netlist, label
from .parts import reads_thresholds
from .prover import Prover, Theorem
from .turns import step as turns

#: A register that keeps simulators awake has a number of its own in each module.
_NUMBERED = re.compile(r"_dump_module_\d+")
#: No induction: the module has no registers, or the state before is any at all.
EVERY_STATE = "every state and input, no induction"


def step_claims(
    prover: Prover, neuron: NeuronParams, before: Mapping[str, Any], next_state: Any, spike: Any,
    registers: Mapping[Register, Any] = MappingProxyType({}),
) -> tuple[dict[str, Any], int]:  # fmt: skip
    """The claims that a packed next state and a spike are those of the golden step, and how many
    lemmas stand between (:mod:`fxlif.sim.prove.lemmas`).

    ``before`` are the terms ``state``, ``current`` and, where they are ports,
    ``threshold_mantissa`` and ``random``; ``registers`` what those hold that can be written.
    """
    wanted = golden.golden_step(
        neuron, golden.split(before["state"], neuron.state_widths), before["current"],
        before.get("threshold_mantissa"), before.get("random"), registers,
    )  # fmt: skip
    return claims_of(prover, neuron, wanted, next_state, spike)


def claims_of(
    prover: Prover, neuron: NeuronParams, wanted: golden.Golden, next_state: Any, spike: Any
) -> tuple[dict[str, Any], int]:
    """The claims that a packed next state and a spike are what is ``wanted``, and how many lemmas
    stand between."""
    numbers, lemmas = with_lemmas(
        [*wanted.state.values(), wanted.spikes], [next_state, spike],
        solver=prover.solver, timeout_s=prover.timeout_s / 2,
    )  # fmt: skip
    spikes = numbers.pop()
    number = spike == 1 if z3.is_bool(spikes) else golden.widen(spike, wanted.width, signed=False)
    claims = {"spike": spikes == number}
    after = golden.split(next_state, neuron.state_widths)
    for name, number in zip(wanted.state, numbers, strict=True):
        # The golden number may need more bits than the register, and must not.
        held = golden.widen(after[name], wanted.width, signed=golden.is_signed(name))
        claims[f"next {name}"] = number == held
    return claims, lemmas


def step_theorem(
    prover: Prover, module: str, neuron: NeuronParams, threshold_port: bool = False,
    cycles: int = 0, in_turns: bool = False, registers: Sequence[Register] = (),
) -> Theorem:  # fmt: skip
    """The module is the golden step of ``neuron``, ``cycles`` clock edges later; ``in_turns`` a
    part of one at a time.

    Of a step in stages each cycle has inputs of its own, and any registers at first: those of the
    first cycle alone decide what comes out, since the golden step knows no others. ``registers``
    that can be written are inputs that hold any legal value, and stay as they are in a step
    (:mod:`fxlif.sim.prove.access.registers`).
    """
    net = prover.netlist(module)
    names = ["state", "current"]
    names += ["threshold_mantissa"] * threshold_port + ["random"] * bool(neuron.random_bits)
    names += ["ends"] * in_turns + ["acted"] * (in_turns and acts_early(neuron))
    # One that no step of this neuron reads has no port.
    read = [name for name in registers if name in net]
    held = {leaf: leaf for name in read for leaf in net.drivers(name)}
    run = Run(system=System(
        next={**_out_of_reset(net), **held},
        inputs=[leaf for leaf in net.inputs if leaf not in held], base=[],
    ))  # fmt: skip
    ports = {name: run.at(net.input(name), 0) for name in [*names, *read]}
    shown = ["next_state", "spike"] + ["acts"] * ("acted" in ports)
    later = {name: run.at(net[name], cycles) for name in shown}
    given = [run.at(net["rst"], at) == 0 for at in range(cycles + 1)] if "rst" in net else []
    values = dict(ports)
    if in_turns:
        # Where nothing is done before the first event, there is no such port.
        port = run.at(net.input("begins"), 0) if "begins" in net else z3.BitVec("begins", 1)
        values["begins"] = port
        values["first"] = z3.BitVec("first", neuron.state_widths[turns.summed(neuron)])
        claims, width, lemmas, agreed = _turn_claims(prover, neuron, values, later)
        given += agreed
    else:
        current = golden.golden_current(ports["current"], 0, neuron.bias)
        before = {**ports, "current": current}
        written = {name: ports[name] if name in ports else any_value(neuron, name)
                   for name in registers}  # fmt: skip
        values.update(dict[str, Any](written.items()))
        given += [is_legal(neuron, name, value) for name, value in written.items()]
        width = golden.golden_width(
            neuron, current.size(), threshold_port=threshold_port, registers=registers
        )
        claims, lemmas = step_claims(
            prover, neuron, before, later["next_state"], later["spike"], written
        )
    mode = f"{cycles} clock edges from every state" if cycles else EVERY_STATE
    mode += ", every legal value of a register" * bool(registers)
    return Theorem(
        mode=f"{mode}, golden step on {width} bits, {lemmas} lemmas", claims=claims, given=given,
        # Of a port that is partly constant the Verilog has the other bits, under another name.
        values={**{port: run.at(net[port], 0) for port in net.input_ports}, **values,
                **{f"later {name}": term for name, term in later.items()}},
        explain=partial(explain_step, net, neuron, cycles=cycles),
    )  # fmt: skip


def _turn_claims(
    prover: Prover, neuron: NeuronParams, before: Mapping[str, Any], later: Mapping[str, Any]
) -> tuple[dict[str, Any], int, int, list[Any]]:
    """The claims that a part of a step is the golden one; on how many bits that is, with how many
    lemmas; and what the parts agree on: nothing arrives with the end of a step, and what is given
    as acting is what the part that began the step showed."""
    state = golden.split(before["state"], neuron.state_widths)
    wanted, acts = turns.golden_turn(neuron, before, state, before["first"])
    claims, lemmas = claims_of(prover, neuron, wanted, later["next_state"], later["spike"])
    ends, given = before["ends"] == 1, []
    given.append(z3.Implies(ends, before["current"] == 0))
    if neuron.fire_on == "step":  # what an event shows there is not looked at
        claims["spike"] = z3.Implies(ends, claims["spike"])
    if "acted" in before:
        acted, shown = (golden.widen(each, wanted.width)
                        for each in (before["acted"], later["acts"]))  # fmt: skip
        given.append(z3.Implies(before["begins"] == 0, acted == acts))
        claims["acts"] = shown == acts
    if not (neuron.sums_on_v and narrowing_moves(neuron)):
        # No step leaves what the addition of 0 would move: so an event of 0 adds it like any other.
        name = turns.summed(neuron)
        rule = arithmetic.narrow if neuron.sums_on_v else arithmetic.narrow_i_syn
        after = golden.split(later["next_state"], neuron.state_widths)
        found, left = (golden.widen(each[name], wanted.width) for each in (state, after))
        first = golden.split(
            z3.BitVecVal(golden.pack_initial(neuron), before["state"].size()), neuron.state_widths
        )[name]  # fmt: skip
        first = golden.widen(first, wanted.width)
        given.append(rule(neuron, found) == found)
        claims[f"next {name} is a sum"] = rule(neuron, left) == left
        claims[f"first {name} is a sum"] = rule(neuron, first) == first
    return claims, wanted.width, lemmas, given


def _out_of_reset(net: Netlist) -> Mapping[Any, Any]:
    """The registers, of which a step with stages has some, one clock later."""
    if "rst" not in net:
        return net.next
    (pin,) = net.drivers("rst")
    low = z3.BoolVal(False) if z3.is_bool(pin) else z3.BitVecVal(0, 1)
    return {register: z3.substitute(after, (pin, low)) for register, after in net.next.items()}


def registers_theorem(prover: Prover, neuron: NeuronParams) -> Theorem:
    """The registers of a single neuron: power-up, reset, hold, and a step when enabled."""
    net = prover.netlist(prover.hardware.top)
    ports = {port: net[port] for port in ("rst", "enable", "current", "state", "spike")}
    state, spike = ports["state"], ports["spike"]
    later = {"later state": net.after(state), "later spike": net.after(spike)}
    reset, enable = ports["rst"] == 1, ports["enable"] == 1
    first = golden.pack_initial(neuron)
    is_first = z3.And(later["later state"] == first, later["later spike"] == 0)
    holds = z3.And(later["later state"] == state, later["later spike"] == spike)
    claims = {
        "power-up is the initial state": z3.Implies(net.init, z3.And(state == first, spike == 0)),
        "reset brings the initial state": z3.Implies(reset, is_first),
        "without enable it holds": z3.Implies(z3.And(z3.Not(reset), z3.Not(enable)), holds),
    }
    current = golden.golden_current(ports["current"], 0, neuron.bias)
    before = {"state": state, "current": current}
    if neuron.random_bits:
        draw, lfsr = net["step.random"], neuron.lfsr
        ports["random"], before["random"] = draw, draw
        later["next draw"], moved = net.after(draw), golden.shifted(lfsr, draw)
        claims["power-up is the seed"] = z3.Implies(net.init, draw == lfsr.seed)
        claims["a draw for each step"] = later["next draw"] == z3.If(
            reset, z3.BitVecVal(lfsr.seed, lfsr.bits), z3.If(enable, moved, draw)
        )
    stepped, lemmas = step_claims(
        prover, neuron, before, later["later state"], later["later spike"]
    )
    for what, claim in stepped.items():
        claims[f"with enable, {what}"] = z3.Implies(z3.And(z3.Not(reset), enable), claim)
    return Theorem(
        mode=f"every state and input, one transition, {lemmas} lemmas", claims=claims,
        cases={"power-up": net.init, "reset": reset, "a step": z3.And(z3.Not(reset), enable)},
        values={**ports, **later}, explain=partial(explain_step, net, neuron),
    )  # fmt: skip


def explain_step(
    net: Netlist, neuron: NeuronParams, model: Mapping[str, int], *, cycles: int = 0
) -> Iterator[str]:
    """State, input, expected and observed; whether golden model and simulation say the same.

    ``model`` has the ports of a step module or of a single neuron, and what comes out as
    ``later ...``.
    """
    widths = neuron.state_widths
    inputs = {port: model[port] for port in net.input_ports}
    current = golden.as_number(model["current"], net["current"].size())
    told = {name: value for name, value in inputs.items() if "$" not in name}
    numbers = {**told, "state": model["state"], "current": current}
    threshold = neuron.v_threshold
    if "threshold_mantissa" in model:
        mantissa = golden.as_number(model["threshold_mantissa"], neuron.threshold_bits)
        numbers["threshold_mantissa"], threshold = mantissa, mantissa << neuron.threshold_shift
    state = golden.unpack(numbers.pop("state"), widths)
    for register in REGISTERS:
        if register in model:
            signed = register == "v_reset"
            value = golden.as_number(model[register], value_size(neuron, register), signed=signed)
            numbers[register] = value
            neuron = with_register(neuron, register, value)
    expected, spikes = state, model.get("spike", 0)
    registered = "enable" in inputs
    if model.get("rst"):
        expected, spikes = golden.unpack(golden.pack_initial(neuron), widths), 0
    elif model.get("enable", 1):
        before = NeuronState(0, 0, 0, 0)._replace(**state)
        draw = model.get("random", 0)
        if "begins" in model:
            first = golden.as_number(model["first"], widths[turns.summed(neuron)])
            now = turns.Turn(
                begins=bool(model["begins"]), ends=bool(model["ends"]), first=first,
                added=current, threshold=threshold, random=draw,
            )  # fmt: skip
            after, fired, _ = turns.turn(neuron, before, now)
        else:
            after, fired = step(neuron, before, current + neuron.bias, threshold, draw)
        expected, spikes = {name: int(getattr(after, name)) for name in state}, int(fired)
    later = {name.removeprefix("later "): v for name, v in model.items() if "later " in name}
    next_state, spike, *_ = later.values()
    observed = golden.unpack(next_state, widths)
    yield f"state: {state}" + (f", spike {model['spike']}" if registered else "")
    yield "input: " + ", ".join(f"{name} {value}" for name, value in numbers.items())
    yield f"expected next: {expected}, spike {spikes}"
    yield f"observed next: {observed}, spike {spike}"
    start = {name: model[name] for name in ("state", "spike")} if registered else {}
    if registered and neuron.random_bits:
        start[label(net.register("step.random"))] = model["random"]
    held: dict[str, int] = {name: inputs[name] for name in REGISTERS if name in inputs}
    rows = [inputs, *[held] * (cycles + registered)]
    simulator, (*_, seen) = simulate(net, rows, start, shown=later)
    agrees = all(seen[name] == value for name, value in later.items())
    differs = (observed, spike) != (expected, spikes)
    yield confirmation(f"golden model and {simulator}", agrees and differs, seen)


def prove_steps(prover: Prover) -> None:
    """Every step module of the design; modules of the same text are proved once."""
    name = "step: golden step = LIFStep"
    if prover.params.kind == "neuron":
        module, (neuron,) = f"{prover.hardware.top}_step", prover.params.neurons
        prover.attempt(name, step_theorem, prover, module, neuron)
    for k, core in enumerate(prover.cores_of_all):
        by_text: dict[str, list[int]] = {}
        first = f"{prover.core_module(k)}_neurons_step_"
        for lane in range(core.lanes):
            text = prover.modules.get(f"{first}{lane}", "").partition("(")[2]
            by_text.setdefault(_NUMBERED.sub("", text), []).append(lane)
        for lanes in by_text.values():
            what = "all lanes" if len(by_text) == 1 else f"lanes {', '.join(map(str, lanes))}"
            prover.attempt(
                f"{name}, core {k}, {what}", step_theorem, prover, f"{first}{lanes[0]}",
                core.neuron, reads_thresholds(core), len(neuron_stages(core.neuron)) - 1,
                core.neuron.per_event, registers_of(core),
            )  # fmt: skip


def prove_registers(prover: Prover) -> None:
    """The registers of a single neuron; other theorems are about those of a core."""
    if prover.params.kind == "neuron":
        name = "registers: reset, hold and step of LIFNeuron"
        prover.attempt(name, registers_theorem, prover, prover.params.neurons[0])
