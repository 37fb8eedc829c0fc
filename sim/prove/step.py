"""Step and registers: the golden step and the delivered ``LIFStep`` are the same function.

The golden model's own :func:`fxlif.rule.step.step` runs on bit-vectors that are wide enough for
every value it computes (:func:`fxlif.sim.prove.bitvectors.golden_width`); the Verilog's result is
read as a number. No state and no input is left out, also none that a neuron cannot reach.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ...params.neuron import NeuronParams
from ...rule.step import NeuronState, initial_state, step
from ..tools.solver import z3
from . import bitvectors
from .bitvectors import is_signed, widen
from .lemmas import with_lemmas
from .netlist import Netlist
from .prover import Prover, Theorem

#: No induction: the module has no registers, or the state before is any at all.
EVERY_STATE = "every state and input, no induction"


def as_number(value: int, bits: int, *, signed: bool) -> int:
    """Bits as the number that they stand for."""
    return value - (1 << bits) if signed and value >> (bits - 1) else value


def unpack(word: int, widths: Mapping[str, int]) -> dict[str, int]:
    """The state variables of a packed state."""
    values = {}
    for name, bits in widths.items():
        values[name] = as_number(word & ((1 << bits) - 1), bits, signed=is_signed(name))
        word >>= bits
    return values


def step_claims(
    prover: Prover,
    neuron: NeuronParams,
    state: Any,
    current: Any,
    mantissa: Any,
    next_state: Any,
    spike: Any,
) -> tuple[dict[str, Any], int]:
    """The claims that a packed next state and a spike are those of the golden step, and how many
    lemmas stand between (:mod:`fxlif.sim.prove.lemmas`)."""
    widths = neuron.state_widths
    golden = bitvectors.golden_step(neuron, bitvectors.split(state, widths), current, mantissa)
    numbers, lemmas = with_lemmas(
        [*golden.state.values(), golden.fire], [next_state, spike],
        solver=prover.solver, timeout_s=prover.timeout_s / 2,
    )  # fmt: skip
    claims = {"spike": numbers.pop() == (spike == 1)}
    after = bitvectors.split(next_state, widths)
    for name, number in zip(golden.state, numbers, strict=True):
        # The golden number may need more bits than the register, and must not.
        held = widen(after[name], golden.width, signed=is_signed(name))
        claims[f"next {name}"] = number == held
    return claims, lemmas


def golden_replay(
    neuron: NeuronParams, state: Mapping[str, int], current: int, mantissa: int | None
) -> tuple[dict[str, int], bool]:
    """The golden step on Python ints."""
    threshold = neuron.v_threshold if mantissa is None else mantissa << neuron.threshold_shift
    before = NeuronState(0, 0, 0, 0)._replace(**state)
    after, fire = step(neuron, before, current, threshold)
    return {name: int(getattr(after, name)) for name in state}, bool(fire)


def _ports(net: Netlist, neuron: NeuronParams, *, threshold_port: bool) -> dict[str, Any]:
    ports = {"state": net["state"], "current": net["current"]}
    if threshold_port:
        ports["threshold_mantissa"] = net["threshold_mantissa"]
    for port in ports:
        if not set(net.drivers(port)) <= set(net.inputs):
            raise ValueError(f"{port} is not an input")
    return ports


def step_theorem(
    prover: Prover, name: str, module: str, neuron: NeuronParams, *, threshold_port: bool
) -> Theorem:
    """The module is the golden step of ``neuron``."""
    net = prover.netlist(module)
    ports = _ports(net, neuron, threshold_port=threshold_port)
    mantissa = ports.get("threshold_mantissa")
    outputs = {"next_state": net["next_state"], "spike": net["spike"]}

    def explain(model: Mapping[str, int]) -> str:
        return explain_step(prover, module, neuron, model)

    width = bitvectors.golden_width(neuron, ports["current"].size(), threshold_port=threshold_port)
    claims, lemmas = step_claims(
        prover, neuron, ports["state"], ports["current"], mantissa, **outputs
    )
    return Theorem(
        name=name,
        mode=f"{EVERY_STATE}, golden step on {width} bits, {lemmas} lemmas",
        claims=claims,
        values={**ports, **outputs},
        explain=explain,
    )


def explain_step(
    prover: Prover, module: str, neuron: NeuronParams, model: Mapping[str, int]
) -> str:
    """State, input, expected and observed; whether golden model and simulation say the same."""
    widths = neuron.state_widths
    bits = prover.netlist(module)["current"].size()
    current = as_number(model["current"], bits, signed=True)
    mantissa = model.get("threshold_mantissa")
    if mantissa is not None:
        mantissa = as_number(mantissa, neuron.threshold_bits, signed=True)
    state = unpack(model["state"], widths)
    expected, fires = golden_replay(neuron, state, current, mantissa)
    observed = unpack(model["next_state"], widths)
    lines = [
        f"state: {state}",
        f"input: current {current}" + ("" if mantissa is None else f", threshold {mantissa}"),
        f"expected next: {expected}, spike {int(fires)}",
        f"observed next: {observed}, spike {model['spike']}",
    ]
    names = ("state", "current", "threshold_mantissa")
    inputs = {port: model[port] for port in names if port in model}
    shown = prover.replay(module, [inputs])
    if isinstance(shown, str):
        return "\n".join([*lines, f"replay in simulation: impossible ({shown})"])
    simulator, (outputs,) = shown
    agrees = outputs["next_state"] == model["next_state"] and outputs["spike"] == model["spike"]
    differs = (observed, bool(model["spike"])) != (expected, fires)
    return "\n".join([*lines, verdict(simulator, agrees and differs, outputs)])


def prove_steps(prover: Prover) -> None:
    """Every step module of the design; modules of the same text are proved once."""
    if prover.params.kind == "neuron":
        module, (neuron,) = f"{prover.hardware.top}.step", prover.params.neurons
        _attempt(prover, "step: golden step = LIFStep", module, neuron, threshold_port=False)
        return
    for k, core in enumerate(prover.cores):
        by_text: dict[str, list[int]] = {}
        for lane in range(core.lanes):
            text = prover.modules.get(f"{prover.core_module(k)}.step_{lane}", "")
            by_text.setdefault(text.partition("(")[2], []).append(lane)
        for lanes in by_text.values():
            what = "all lanes" if len(by_text) == 1 else f"lanes {', '.join(map(str, lanes))}"
            _attempt(
                prover, f"step: golden step = LIFStep, core {k}, {what}",
                f"{prover.core_module(k)}.step_{lanes[0]}", core.neuron,
                threshold_port=core.v_thresholds is not None,
            )  # fmt: skip


def _attempt(
    prover: Prover, name: str, module: str, neuron: NeuronParams, *, threshold_port: bool
) -> None:
    prover.attempt(
        name, lambda: step_theorem(prover, name, module, neuron, threshold_port=threshold_port)
    )


# --- the registers of a single neuron -------------------------------------------------------------


def pack_initial(neuron: NeuronParams) -> int:
    """The golden state after reset, as a word of the hardware."""
    first = initial_state(neuron, 1)
    word = at = 0
    for variable, bits in neuron.state_widths.items():
        word |= (int(getattr(first, variable)[0]) & ((1 << bits) - 1)) << at
        at += bits
    return word


def registers_theorem(prover: Prover, name: str, neuron: NeuronParams) -> Theorem:
    """The registers of a single neuron: power-up, reset, hold, and a step when enabled."""
    net = prover.netlist(prover.hardware.top)
    ports = {port: net[port] for port in ("rst", "enable", "current", "state", "spike")}
    state, spike = ports["state"], ports["spike"]
    later = {"later state": net.after(state, "'"), "later spike": net.after(spike, "'")}
    reset, enable = ports["rst"] == 1, ports["enable"] == 1
    current = bitvectors.golden_current(ports["current"], 0, neuron.bias)
    first = pack_initial(neuron)
    is_first = z3.And(later["later state"] == first, later["later spike"] == 0)
    holds = z3.And(later["later state"] == state, later["later spike"] == spike)
    claims = {
        "power-up is the initial state": z3.Implies(net.init, z3.And(state == first, spike == 0)),
        "reset brings the initial state": z3.Implies(reset, is_first),
        "without enable it holds": z3.Implies(z3.And(z3.Not(reset), z3.Not(enable)), holds),
    }
    stepped, lemmas = step_claims(prover, neuron, state, current, None, *later.values())
    for what, claim in stepped.items():
        claims[f"with enable, {what}"] = z3.Implies(z3.And(z3.Not(reset), enable), claim)

    def explain(model: Mapping[str, int]) -> str:
        return _explain_registers(prover, neuron, model)

    return Theorem(
        name=name, mode=f"every state and input, one transition, {lemmas} lemmas", claims=claims,
        cases={"power-up": net.init, "reset": reset, "a step": z3.And(z3.Not(reset), enable)},
        values={**ports, **later}, explain=explain,
    )  # fmt: skip


def _explain_registers(prover: Prover, neuron: NeuronParams, model: Mapping[str, int]) -> str:
    widths = neuron.state_widths
    bits = prover.netlist(prover.hardware.top)["current"].size()
    current = as_number(model["current"], bits, signed=True)
    before = unpack(model["state"], widths)
    expected, fires = before, bool(model["spike"])
    if model["rst"]:
        expected, fires = unpack(pack_initial(neuron), widths), False
    elif model["enable"]:
        expected, fires = golden_replay(neuron, before, current + neuron.bias, None)
    lines = [
        f"state: {before}, spike {model['spike']}",
        f"input: rst {model['rst']}, enable {model['enable']}, current {current}",
        f"expected next: {expected}, spike {int(fires)}",
        f"observed next: {unpack(model['later state'], widths)}, spike {model['later spike']}",
    ]
    inputs = {port: model[port] for port in ("rst", "enable", "current")}
    start = {port: model[port] for port in ("state", "spike")}
    shown = prover.replay(prover.hardware.top, [inputs, {}], state=start)
    if isinstance(shown, str):
        return "\n".join([*lines, f"replay in simulation: impossible ({shown})"])
    simulator, (_, after) = shown
    agrees = (after["state"], after["spike"]) == (model["later state"], model["later spike"])
    return "\n".join([*lines, verdict(simulator, agrees, after)])


def verdict(simulator: str, confirms: bool, seen: Mapping[str, int | None]) -> str:
    """What a replay came to, as a line."""
    if confirms:
        return f"replay: golden model and {simulator} confirm it"
    return f"replay: {simulator} does NOT confirm it, it shows {dict(seen)}"


def prove_registers(prover: Prover) -> None:
    """The registers of a single neuron; a core's are the business of other theorems."""
    name = "registers: reset, hold and step of LIFNeuron"
    if prover.params.kind == "neuron":
        (neuron,) = prover.params.neurons
        prover.attempt(name, lambda: registers_theorem(prover, name, neuron))
