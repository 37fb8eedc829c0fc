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

from collections.abc import Iterator, Mapping, Sequence
from functools import partial

from ...cycles.signals import Port
from ..tools.solver import z3
from .counterexample import explain_edge, explain_pair
from .netlist import constants, label
from .prover import Prover, Theorem


def held_theorem(prover: Prover, module: str) -> Theorem:
    """An event that a module, a core or its end, offers stays until it is taken."""
    net = prover.netlist(module)
    valid, payload = net[Port.OUT_VALID], net[Port.OUT_PAYLOAD]
    later_valid, later_payload = net.after(valid), net.after(payload)

    def explain(model: Mapping[str, int]) -> Iterator[str]:
        yield f"expected next: valid 1, payload {model['payload']}"
        yield f"observed next: valid {model['later valid']}, payload {model['later payload']}"
        yield from explain_edge(net, model)

    return Theorem(
        mode="1-step induction from every state",
        given=[net["rst"] == 0, valid == 1, net[Port.OUT_READY] == 0],
        claims={"valid kept": later_valid == 1, "payload held": later_payload == payload},
        values={"payload": payload, "later valid": later_valid, "later payload": later_payload,
                **net.edge},
        explain=explain,
    )  # fmt: skip


def free_theorem(
    prover: Prover, k: int, inputs: Sequence[str] = (), while_low: str = ""
) -> Theorem:
    """The ``inputs``, or all, have no influence: on the outputs of the same cycle; or, with
    ``while_low``, on what the registers and memories become while that signal is low."""
    net = prover.core(k)
    # What holds the input for a write is meant to do so at once.
    changed = inputs or [port for port in net.input_ports if port != "hold"]
    # A second copy of the core, from the same state, has others there.
    leaves = [leaf for port in changed for leaf in constants([net.input(port)])]
    others = [(leaf, z3.Const(f"{leaf} of the copy", leaf.sort())) for leaf in leaves]
    if while_low:
        given, results = [net[while_low] == 0], {label(r): term for r, term in net.next.items()}
    else:
        given, results = [], {port: net[port] for port in net.ports["output"]}
    claims = {name: term == z3.substitute(term, *others) for name, term in results.items()}
    start = {n: t for n, t in net.edge.items() if n.startswith(("input ", "address ", "word "))}
    copy = {f"copy {name}": z3.substitute(term, *others) for name, term in start.items()}
    return Theorem(
        mode="two copies, every state and input, no induction", given=given, claims=claims,
        values={**net.edge, **copy}, explain=partial(explain_pair, net),
    )  # fmt: skip


def wiring_theorem(prover: Prover) -> Theorem:
    """The network's streams, resets and counters are those of its cores."""
    modules = map(prover.core_module, range(len(prover.cores)))
    net = prover.netlist(prover.hardware.top, *modules)
    claims = {}
    cores = prover.params.signals
    for k, signals in enumerate(cores):
        claims[f"reset of core {k}"] = net[f"{prover.instance(net, k)}.rst"] == net["rst"]
        counters = {"dropped": signals.dropped, "saturated": signals.saturated}
        for inside, shown in counters.items():
            claims[shown] = net[shown] == net[f"{prover.instance(net, k)}.{inside}"]
    events_in, events_out = streams = "events_in_", "events_out_"
    inner = (f"{prover.instance(net, k)}.{stream}" for k in range(len(cores)) for stream in streams)
    ends = [events_in, *inner, events_out]
    for source, sink in zip(ends[::2], ends[1::2], strict=True):
        for part in ("valid", "payload", "ready"):
            claims[f"{source}{part} to {sink}{part}"] = net[source + part] == net[sink + part]
    return Theorem(mode="every state and input, no induction", claims=claims)


#: Theorem → the inputs that have no influence on the next state while a signal is low.
WITHOUT_INFLUENCE: dict[str, tuple[Sequence[str], str]] = {
    "no output waits for an input of the same cycle": ((), ""),
    "no valid ever waits for ready": ([Port.OUT_READY], Port.OUT_VALID),
    "an event not offered has no influence": ([Port.IN_PAYLOAD], Port.IN_VALID),
    "an event not taken has no influence": ([Port.IN_VALID, Port.IN_PAYLOAD], Port.IN_READY),
}


def prove_streams(prover: Prover) -> None:
    """The streams of every core, and how they are joined."""
    for k in range(len(prover.cores)):
        held = f"streams: payload held, valid kept until ready, core {k}"
        prover.attempt(held, held_theorem, prover, prover.core_module(k))
        for name, free in WITHOUT_INFLUENCE.items():
            prover.attempt(f"streams: {name}, core {k}", free_theorem, prover, k, *free)
    if prover.cores:
        name = "streams: the network joins its cores end to end"
        prover.attempt(name, wiring_theorem, prover)
