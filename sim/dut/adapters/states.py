"""States of a foreign core: one neuron at a time, several at once, or read inside it."""

from __future__ import annotations

from ....params.core import address_bits
from ....params.neuron import NeuronParams
from ..core_map import StateMap, TraceMap
from ..names import parse_ref
from .events import Flow
from .wiring import Bits, Packing

SIGNED_STATE = ("v", "i_syn")


def connect_states(
    packing: Packing, neuron: NeuronParams, parts: StateMap, key: str, signal: str
) -> None:
    """The state variables that are mapped; the others are noted as not compared."""
    widths = neuron.state_widths
    _refuse_unknown(packing, neuron, parts, key)
    for name, width in widths.items():
        packing.show(
            f"{signal}.{name}", f"{key}.{name}", parts.mapped.get(name), least=width, most=62,
            why=f" (the rule's {name} has {width})", signed=name in SIGNED_STATE,
        )  # fmt: skip


def _refuse_unknown(packing: Packing, neuron: NeuronParams, parts: StateMap, key: str) -> None:
    widths = neuron.state_widths
    for name, port in parts.mapped.items():
        if name not in widths:
            allowed = f"left out: the state of this neuron is {', '.join(widths)}"
            packing.refuse(f"{key}.{name}", allowed, port)


def connect_trace(
    packing: Packing, neuron: NeuronParams, n: int, parts: TraceMap, flow: Flow
) -> None:
    """What shows the states of ``n`` neurons."""
    key = "core.trace"
    if not parts.at_once and not any(parse_ref(port).each for port in parts.mapped.values()):
        packing.show("trace.valid", f"{key}.valid", parts.valid)
        packing.show("trace.index", f"{key}.index", parts.index, least=address_bits(n), most=30)
        connect_states(packing, neuron, parts, key, "trace")
        return
    _refuse_unknown(packing, neuron, parts, key)
    if parts.index is not None and any(parse_ref(port).each for port in parts.mapped.values()):
        packing.refuse(f"{key}.index", "left out, beside {n}", parts.index)
    lanes = parts.lanes or (n if parts.index is None else 1)
    if parts.index is None and lanes != n:
        packing.refuse(f"{key}.lanes", f"{n}, all neurons, without index", lanes)
    groups = -(-n // lanes)
    words = _words(packing, neuron, lanes, parts)
    index: Bits | None = None
    if parts.index is not None:
        index = packing.bits(f"{key}.index", parts.index, "out", least=address_bits(groups),
                             most=30, why=f" (for {groups} groups)")  # fmt: skip
    width = sum(width for _, _, width in words)
    for name in ("trace_valid", "trace_giving", "trace_lost"):
        packing.wire(name)
    packing.wire("trace_index", width=30)
    packing.wire("trace_word", width=max(1, width))
    lanes_text = ", ".join(
        columns[lane] for lane in reversed(range(lanes)) for _, columns, _ in reversed(words)
    )
    packing.adapter(
        "traces", "FxlifTrace",
        {"N": n, "LANES": lanes, "WIDTH": max(1, width), "INDEX": index.width if index else 1,
         "DEPTH": groups},
        tick="tick_taken", take=_taken(packing, parts, flow), group=index.wire if index else "1'b0",
        words=f"{{{lanes_text or 0}}}", valid="trace_valid", index="trace_index",
        word="trace_word", giving="trace_giving", lost="trace_lost",
    )  # fmt: skip
    flow.ticks.append("~trace_giving")
    by = str(parts.valid or "the wrapper, at the end of a step")
    packing.tell("trace.valid", "trace_valid", by=by)
    packing.tell("trace.index", "trace_index", 30, by=str(parts.index or by))
    packing.tell("trace.lost", "trace_lost", by=by)
    at = 0
    for name, _, wide in words:
        packing.tell(f"trace.{name}", f"trace_word[{at} +: {wide}]", wide,
                     signed=name in SIGNED_STATE, by=str(parts.mapped[name]))  # fmt: skip
        at += wide


def _words(
    packing: Packing, neuron: NeuronParams, lanes: int, parts: TraceMap
) -> list[tuple[str, list[str], int]]:
    """For each state variable that is mapped: name, the expression of each lane, and its width."""
    found = []
    for name, least in neuron.state_widths.items():
        key, text = f"core.trace.{name}", parts.mapped.get(name)
        why = f" (the rule's {name} has {least})"
        if text is None:
            packing.missing.append(f"trace.{name}")
            continue
        ref = parse_ref(text)
        if ref.each:
            bits = packing.bits(key, text, "out", least=least, most=62, why=why)
            wide = bits.width if bits else least
            shown = [packing.look(key, ref.of(k), wide) for k in range(lanes)]
            found.append((name, shown, wide))
            continue
        bits = packing.bits(key, text, "out", least=least * lanes, most=62 * lanes,
                            why=f"{why[:-1]}, in each of {lanes} lanes)")  # fmt: skip
        wide, rest = divmod(bits.width if bits else least * lanes, lanes)
        if rest:
            packing.refuse(key, f"of as many bits for each of {lanes} lanes", text)
        if bits is not None:
            wire = packing.wire(f"lanes_{name}", bits.wire, bits.width)
            found.append((name, [f"{wire}[{k * wide} +: {wide}]" for k in range(lanes)], wide))
    return found


def _taken(packing: Packing, parts: TraceMap, flow: Flow) -> str:
    """When a group of states is taken."""
    if parts.valid is not None:
        bits = packing.bits("core.trace.valid", parts.valid, "out")
        return bits.wire if bits else "1'b0"
    for name in ("trace_waits", "trace_take"):
        packing.wire(name)
    tick, valid = (next((text for name, text, *_ in packing.outputs if name == wanted), "1'b0")
                   for wanted in ("events_out.payload.tick", "events_out.valid"))  # fmt: skip
    ready = packing.overruled.get("events_out.ready")
    if ready is None:
        at = packing.stimulus["events_out.ready"].offset
        ready = f"stimulus[{at} +: 1]"
    packing.adapter(
        "traces", "FxlifSettle", {"CYCLES": parts.settle}, tick_in="tick_taken",
        tick_out=f"({valid}) & ({tick}) & {ready}", waits="trace_waits", take="trace_take",
    )  # fmt: skip
    flow.events.append("~trace_waits")
    return "trace_take"
