"""Streams: the handshake contract of every stream, for every state and with any memory.

- ``held``: valid and payload stay as they are until the event is taken (1-step induction from an
  arbitrary state: nothing is assumed about how it was reached).
- ``free``: no output, and so neither valid nor payload nor ready, depends on an input within a
  cycle; while valid is low, ready has no influence on the next state of anything; and an event that
  is offered but not taken, or not offered, has none either. Two copies of the core that differ in
  that input alone behave alike.
- ``wiring``: the streams of the network are the streams of its cores, end to end, and nothing lies
  between.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..tools.solver import z3
from . import transition
from .counterexample import ports
from .netlist import Netlist
from .prover import Prover, Theorem

OUT, IN = "events_out__", "events_in__"
INDUCTION = "1-step induction from every state"
TWO_COPIES = "two copies, every state and input, no induction"


def held_theorem(prover: Prover, name: str, module: str) -> Theorem:
    """An event that is offered stays until it is taken."""
    net = prover.netlist(module)
    valid, payload, ready = (net[OUT + part] for part in ("valid", "payload", "ready"))

    def explain(model: Mapping[str, int]) -> str:
        told = f"expected next: valid 1, payload {model['payload']}"
        seen = f"observed next: valid {model['later valid']}, payload {model['later payload']}"
        return "\n".join([told, seen, transition.explain(prover, module, model)])

    later = {part: net.after(net[OUT + part], "'") for part in ("valid", "payload")}
    return Theorem(
        name=name, mode=INDUCTION, given=[net["rst"] == 0, valid == 1, ready == 0],
        claims={"valid kept": later["valid"] == 1, "payload held": later["payload"] == payload},
        values={"payload": payload, "later valid": later["valid"],
                "later payload": later["payload"], **transition.values_of(prover, module)},
        explain=explain,
    )  # fmt: skip


def copied(net: Netlist, term: Any, changed: Sequence[str]) -> Any:
    """The term in a second copy of the module, whose inputs ``changed`` are others."""
    leaves = [leaf for port in changed for leaf in net.drivers(port)]
    pairs = [(leaf, z3.Const(f"{leaf} of the copy", leaf.sort())) for leaf in leaves]
    return z3.substitute(term, *pairs)


def free_theorem(
    prover: Prover, name: str, module: str, inputs: Sequence[str] | None, *, while_low: str = ""
) -> Theorem:
    """The ``inputs``, None for all, have no influence: on the outputs of the same cycle; or, with
    ``while_low``, on what the registers and memories become while that signal is low."""
    net = prover.netlist(module)
    changed = transition.input_ports(prover, module) if inputs is None else inputs
    given = [net[while_low] == 0] if while_low else []
    for port in changed:
        if not set(net.drivers(port)) <= set(net.inputs):
            raise ValueError(f"{port} is not an input")
    if while_low:
        pairs = {transition.label(register): after for register, after in net.next.items()}
    else:
        outputs = [n for n, (way, _) in ports(prover.modules[module]).items() if way == "output"]
        pairs = {port: net[port] for port in outputs}
    claims = {what: term == copied(net, term, changed) for what, term in pairs.items()}

    def explain(model: Mapping[str, int]) -> str:
        other = {port: model[f"copy {port}"] for port in changed}
        return transition.explain_pair(prover, module, model, other)

    values = transition.values_of(prover, module)
    values |= {f"copy {port}": copied(net, net[port], changed) for port in changed}
    return Theorem(
        name=name, mode=TWO_COPIES, given=given, claims=claims, values=values, explain=explain
    )


def wiring_theorem(prover: Prover, name: str) -> Theorem:
    """The network's streams, resets and counters are those of its cores."""
    modules = map(prover.core_module, range(len(prover.cores)))
    net = prover.netlist(prover.hardware.top, *modules)
    claims = {}
    cores = prover.params.signals
    for k, signals in enumerate(cores):
        claims[f"reset of core {k}"] = net[f"{signals.instance}.rst"] == net["rst"]
        counters = {"dropped": signals.dropped, "saturated": signals.saturated}
        for inside, shown in counters.items():
            claims[shown] = net[shown] == net[f"{signals.instance}.{inside}"]
    ends = [IN, *(f"{core.instance}.{end}" for core in cores for end in (IN, OUT)), OUT]
    for source, sink in zip(ends[::2], ends[1::2], strict=True):
        for part in ("valid", "payload", "ready"):
            claims[f"{source}{part} to {sink}{part}"] = net[source + part] == net[sink + part]
    return Theorem(name=name, mode="every state and input, no induction", claims=claims)


def prove_streams(prover: Prover) -> None:
    """The streams of every core, and how they are joined."""
    if not prover.cores:
        return
    for k in range(len(prover.cores)):
        _prove_core(prover, k)
    name = "streams: the network joins its cores end to end"
    prover.attempt(name, lambda: wiring_theorem(prover, name))


def _prove_core(prover: Prover, k: int) -> None:
    module = prover.core_module(k)
    held = f"streams: payload held, valid kept until ready, core {k}"
    prover.attempt(held, lambda: held_theorem(prover, held, module))
    free = f"streams: no output waits for an input of the same cycle, core {k}"
    prover.attempt(free, lambda: free_theorem(prover, free, module, None))

    waits = f"streams: no valid ever waits for ready, core {k}"
    prover.attempt(
        waits, lambda: free_theorem(prover, waits, module, [OUT + "ready"], while_low=OUT + "valid")
    )
    taken = f"streams: an event not offered has no influence, core {k}"
    prover.attempt(
        taken, lambda: free_theorem(prover, taken, module, [IN + "payload"], while_low=IN + "valid")
    )
    refused = f"streams: an event not taken has no influence, core {k}"
    offered = [IN + "valid", IN + "payload"]
    prover.attempt(
        refused, lambda: free_theorem(prover, refused, module, offered, while_low=IN + "ready")
    )
