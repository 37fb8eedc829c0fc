"""Events of a foreign core: handshakes, vectors and steps of its own as streams with TICKs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from ....params.core import address_bits
from ....params.network import NetworkParams
from ....params.sources import EventSource
from ..core_map import CoreMap, StepMap
from .wiring import Bits, Packing

#: Outputs of the adapters that tell of a breach: each is 0 where the core keeps to its protocol.
BREACHES = (
    "events_in.unasked", "events_out.both", "events_out.early", "events_out.moved",
    "events_out.withdrawn", "events_out.lost", "events_out.late", "events_out.stray",
    "events_out.between", "trace.lost",
)  # fmt: skip
#: Cycles of a step after which what is only counted is taken, whatever the sink says.
PATIENCE = 300
#: Cycles of a handshake of four phases in which nothing moves but the wrapper's side of it.
_FOUR_PHASES = 44


@dataclass
class Flow:
    """What holds events back: expressions that must be 1 for any event, and for a TICK alone, to be
    handed to the core; ``taken`` and ``given`` are the transfers into and out of the wrapper."""

    events: list[str] = field(default_factory=list)
    ticks: list[str] = field(default_factory=list)

    def open(self, tick: str) -> str:
        """Whether an event may come; 1 where nothing holds it back."""
        both = [*self.events, *([f"(~{tick} | ({' & '.join(self.ticks)}))"] if self.ticks else [])]
        return " & ".join(both) or "1'b1"


def held_up(parts: CoreMap, neurons: int) -> int:
    """Cycles in a row in which the adapters, and not the core, may keep its streams still."""
    step, trace, given = parts.step, parts.trace, parts.events_out
    found = _FOUR_PHASES * sum(s.request is not None for s in (parts.events_in, given))
    if step is not None:
        found += (step.cycles or 0) + (step.quiet or 0)
    if given.vector is not None or given.order == "any":
        found += PATIENCE + neurons
    if trace is not None and (trace.valid is None or trace.at_once):
        found += trace.settle + neurons
    return found


def connect_events(
    packing: Packing, network: NetworkParams, source: EventSource, parts: CoreMap, flow: Flow
) -> None:
    """Both streams of a core, and its steps."""
    for name in ("in_open", "in_taken", "tick_taken", "tick_given", "in_moves", "step_over",
                 "step_running"):  # fmt: skip
        packing.wire(name)
    neurons = network.graph.populations[-1].n
    step = parts.step
    if step is not None:
        flow.events.append("~step_running")
        if step.rests:
            flow.ticks.append("step_rests")
    _inputs(packing, source, parts)
    _outputs(packing, neurons, parts, flow)
    if step is None:
        packing.lines += ["assign step_over = 1'b0;", "assign step_running = 1'b0;"]
    else:
        _step(packing, step)


# --- in -----------------------------------------------------------------------------------------


def _inputs(packing: Packing, source: EventSource, parts: CoreMap) -> None:
    """The stream in; drives the core's ports of it."""
    stream, key, needed = parts.events_in, "core.events_in", address_bits(source.n)
    offered = packing.give("events_in.valid")
    bits = None
    if stream.address is not None:
        bits = packing.bits(f"{key}.address", stream.address, "in", least=needed, most=30,
                            why=f" (the inputs need {needed})")  # fmt: skip
    address = packing.give("events_in.payload.address", bits.width if bits else needed)
    tick = packing.wire("in_tick", packing.give("events_in.payload.tick"))
    packing.wire("in_valid", f"{offered} & in_open")
    strobed = parts.step is not None and parts.step.strobed
    event = f"in_valid & ~{tick}" if strobed else "in_valid"
    shown = address
    if stream.tick_address is not None and bits is not None:
        if stream.tick_address >> bits.width:
            packing.refuse(f"{key}.tick_address", f"a number of {bits.width} bits",
                           stream.tick_address)  # fmt: skip
        shown = f"({tick} ? {bits.width}'d{stream.tick_address} : {address})"
    if stream.vector is not None:
        ready = _vector_in(packing, source, parts, address, event)
    elif stream.request is not None:
        ready = _four_phase_in(packing, parts, bits, shown, tick, event)
    else:
        ready = _valid_ready_in(packing, parts, tick, event)
        packing.connect(f"{key}.address", bits, shown)
    if stream.spacing is not None:
        packing.overruled["events_in.ready"] = "open & in_open"
    else:
        by = stream.ready or stream.acknowledge or "the wrapper"
        packing.tell("events_in.ready", f"({ready}) & in_open", by=by)
    packing.lines += [
        f"assign in_taken = in_valid & ({ready});",
        f"assign tick_taken = in_taken & {tick};",
    ]


def _valid_ready_in(packing: Packing, parts: CoreMap, tick: str, event: str) -> str:
    """A side with valid; returns what says that it is ready."""
    stream, key = parts.events_in, "core.events_in"
    assert stream.valid is not None
    if stream.spacing is not None:
        packing.declared += ["reg [31:0] wait_for;", "wire open;"]
        packing.lines += _spacing(stream.spacing.model_dump(), tick)
        ready = "open"
        event, strobe = f"{event} & open", f"in_valid & {tick} & open"
    else:
        assert stream.ready is not None
        bits = packing.bits(f"{key}.ready", stream.ready, "out")
        ready, strobe = bits.wire if bits else "1'b1", f"in_valid & {tick}"
    if stream.tick is not None:
        packing.drive(f"{key}.valid", stream.valid, event)
        packing.drive(f"{key}.tick", stream.tick, tick)
    else:
        packing.drive(f"{key}.valid", stream.valid, f"{event} & ~{tick}")
    if stream.tick_strobe is not None:
        packing.drive(f"{key}.tick_strobe", stream.tick_strobe, strobe)
    elif stream.tick is None and stream.ready is not None:
        ready = f"{tick} | {ready}"  # a TICK goes to the start of the step
    packing.lines += ["assign tick_given = tick_taken;", "assign in_moves = 1'b0;"]
    return ready


def _spacing(cycles: Mapping[str, int], tick: str) -> Iterator[str]:
    """A ready of the wrapper's own: it falls for as long as the core is to be left alone."""
    yield f"initial wait_for = {cycles['reset'] - 1};"
    yield "assign open = wait_for == 0;"
    yield "always @(posedge clk)"
    yield f"  if (response[0]) wait_for <= {cycles['reset'] - 1};"
    yield "  else if (in_taken)"
    yield f"    wait_for <= {tick} ? {cycles['tick'] - 1} : {cycles['spike'] - 1};"
    yield "  else if (!open) wait_for <= wait_for - 1;"


def _four_phase_in(
    packing: Packing, parts: CoreMap, bits: Bits | None, address: str, tick: str, event: str
) -> str:  # fmt: skip
    """A side with request and acknowledge; returns what says that it is ready."""
    stream, key = parts.events_in, "core.events_in"
    assert stream.request is not None
    assert stream.acknowledge is not None
    width, invert = bits.width if bits else 1, "~" if stream.active == "low" else ""
    for name in ("in_ready", "in_request", "in_given"):
        packing.wire(name)
    packing.wire("in_data", width=width + 1)
    acknowledge = packing.bits(f"{key}.acknowledge", stream.acknowledge, "out")
    packing.drive(f"{key}.request", stream.request, f"{invert}in_request")
    packing.connect(f"{key}.address", bits, f"in_data[{width - 1}:0]")
    if stream.tick is not None:
        packing.drive(f"{key}.tick", stream.tick, f"in_data[{width}]")
    wire = packing.wire("in_unasked")
    packing.adapter(
        "four_phase", "FxlifFourPhaseIn", {"WIDTH": width + 1}, valid=event, ready="in_ready",
        payload=f"{{{tick}, {address}}}", request="in_request",
        acknowledge=f"{invert}{acknowledge.wire if acknowledge else 1}", data="in_data",
        given="in_given", unasked=wire,
    )  # fmt: skip
    packing.tell("events_in.unasked", wire, by=stream.acknowledge)
    strobed = "tick_taken" if stream.tick is None else f"in_given & in_data[{width}]"
    packing.lines += [f"assign tick_given = {strobed};", "assign in_moves = in_request;"]
    return "in_ready"


def _vector_in(
    packing: Packing, source: EventSource, parts: CoreMap, address: str, event: str
) -> str:  # fmt: skip
    """All inputs at once, as many events as came of each; always ready between two steps."""
    stream, key, n = parts.events_in, "core.events_in.vector", source.n
    assert stream.vector is not None
    bits = packing.bits(key, stream.vector, "in", least=n, most=n << 5,
                        why=f" (for {n} inputs)")  # fmt: skip
    each, rest = divmod(bits.width if bits else n, n)
    if rest:
        packing.refuse(key, f"of as many bits for each of {n} inputs", stream.vector)
    elif source.max_events_per_input >> each:
        packing.refuse(key, f"wide enough for {source.max_events_per_input} events of an input "
                       "(max_events_per_input)", stream.vector)  # fmt: skip
    packing.wire("in_vector", width=n * each)
    packing.adapter(
        "steps", "FxlifCollect", {"N": n, "BITS": each, "WIDTH": address_bits(n)}, add=event,
        address=address, clear="step_over & step_running", vector="in_vector",
    )  # fmt: skip
    packing.connect(key, bits, "in_vector")
    packing.lines += ["assign tick_given = tick_taken;", "assign in_moves = 1'b0;"]
    return "1'b1"


# --- out ----------------------------------------------------------------------------------------


def _outputs(packing: Packing, neurons: int, parts: CoreMap, flow: Flow) -> None:
    """The stream out; drives what the core is answered with."""
    stream, key, needed = parts.events_out, "core.events_out", address_bits(neurons)
    if stream.vector is not None:
        _vector_out(packing, neurons, parts, flow)
        return
    field = packing.give("events_out.ready")
    lasting = stream.request is None and stream.ready is None
    if lasting and stream.order == "ascending":  # an event lasts one cycle, and must be taken
        packing.overruled["events_out.ready"] = field = "1'b1"
    packing.wire("out_valid")
    packing.wire("out_ready", field if stream.order == "ascending" else "")
    bits = packing.bits(f"{key}.address", str(stream.address), "out", least=needed, most=30,
                        why=f" (the outputs need {needed})")  # fmt: skip
    by = str(stream.request or stream.valid)
    strobe = None
    if stream.request is not None:
        _four_phase_out(packing, parts, bits)
    else:
        valid = packing.bits(f"{key}.valid", str(stream.valid), "out")
        if stream.tick_strobe is not None:
            strobe = packing.bits(f"{key}.tick_strobe", stream.tick_strobe, "out")
            by = f"{valid} and {strobe}"
        packing.lines.append(f"assign out_valid = {valid.wire if valid else 0};")
        if stream.ready is not None:
            packing.drive(f"{key}.ready", stream.ready, "out_ready")
    if parts.step is not None:
        _ending(packing, neurons, parts, flow, field, bits, by)
        return
    if bits is not None:
        packing.tell("events_out.payload.address", bits.wire, bits.width, by=str(bits))
    if strobe is not None:
        spike, tick = "out_valid", strobe.wire
        for name, expression in (
            ("events_out.valid", f"{spike} | {tick}"),
            ("events_out.payload.tick", tick),
            ("events_out.both", f"{spike} & {tick}"),
        ):
            packing.tell(name, expression, by=by)
    elif stream.tick is not None:
        packing.tell("events_out.valid", "out_valid", by=by)
        packing.show("events_out.payload.tick", f"{key}.tick", stream.tick)


def _four_phase_out(packing: Packing, parts: CoreMap, bits: Bits | None) -> None:
    """A side with request and acknowledge, as ``out_valid`` and ``out_ready``."""
    stream, key = parts.events_out, "core.events_out"
    assert stream.request is not None
    assert stream.acknowledge is not None
    invert = "~" if stream.active == "low" else ""
    request = packing.bits(f"{key}.request", stream.request, "out")
    packing.drive(f"{key}.acknowledge", stream.acknowledge, f"{invert}out_acknowledge")
    data = [bits.wire] if bits else []
    width = bits.width if bits else 0
    if stream.tick is not None and (tick := packing.bits(f"{key}.tick", stream.tick, "out")):
        data, width = [*data, tick.wire], width + 1
    for name in ("out_acknowledge", "out_early", "out_moved"):
        packing.wire(name)
    packing.adapter(
        "four_phase", "FxlifFourPhaseOut", {"WIDTH": max(1, width)},
        request=f"{invert}{request.wire if request else 0}", acknowledge="out_acknowledge",
        data=f"{{{', '.join(data) or 0}}}", valid="out_valid", ready="out_ready",
        early="out_early", moved="out_moved",
    )  # fmt: skip
    packing.tell("events_out.early", "out_early", by=stream.request)
    packing.tell("events_out.moved", "out_moved", by=str(stream.address))


def _ending(
    packing: Packing, neurons: int, parts: CoreMap, flow: Flow, ready: str, bits: Bits | None,
    by: str,
) -> None:  # fmt: skip
    """The spikes of a core that gives no TICK, and the wrapper's TICK behind them."""
    stream = parts.events_out
    if stream.order == "any":
        over, also = "step_over", ""
        if stream.request is None and stream.ready is None:
            packing.lines.append("assign out_ready = 1'b1;")
        else:
            _take(packing, "out_valid", bits, ready, over="step_over", by=by)
            if not (parts.step and parts.step.rests):
                over, also = _last_taken(packing, flow), " | out_again"
        width = bits.width if bits else 1
        spikes = {"vector": "0", "add": "out_valid & out_ready",
                  "address": bits.wire if bits else "1'b0"}  # fmt: skip
        counted = {"N": neurons, "BITS": 16, "WIDTH": width, "COUNTED": 1}
        flow.events.append("~out_giving")
        _answers(packing, counted, spikes, over=over, ready=ready, by=by, also=also)
        return
    for name in ("out_shown", "out_tick", "out_giving", "out_lost", "out_late"):
        packing.wire(name)
    packing.adapter(
        "steps", "FxlifTickAfter", {}, over="step_over", spike="out_valid", ready="out_ready",
        valid="out_shown", tick="out_tick", giving="out_giving", lost="out_lost",
        late="out_late",
    )  # fmt: skip
    flow.ticks.append("~out_giving")
    packing.tell("events_out.valid", "out_shown", by=by)
    packing.tell("events_out.payload.tick", "out_tick", by="the wrapper, at the end of a step")
    packing.tell("events_out.lost", "out_lost", by=by)
    packing.tell("events_out.late", "out_late", by=by)
    if bits is not None:
        packing.tell("events_out.payload.address", f"out_tick ? {bits.width}'d0 : {bits.wire}",
                     bits.width, by=str(bits))  # fmt: skip


def _last_taken(packing: Packing, flow: Flow) -> str:
    """When a step is over and the spike that was on offer then is taken."""
    for name in ("out_ended", "out_last", "out_again"):
        packing.wire(name)
    packing.adapter(
        "steps", "FxlifLast", {}, over="step_over", spike="out_valid", take="out_ready",
        ended="out_ended", waiting="out_last", again="out_again",
    )  # fmt: skip
    flow.events.append("~out_last")
    return "out_ended"


def _take(
    packing: Packing, valid: str, bits: Bits | None, ready: str, *, over: str, by: str
) -> None:  # fmt: skip
    """``out_ready`` for what the sink is shown later: it stalls the core all the same."""
    wire = packing.wire("out_withdrawn")
    packing.adapter(
        "steps", "FxlifTaker", {"PATIENCE": PATIENCE, "WIDTH": bits.width if bits else 1},
        over=over, valid=valid, data=bits.wire if bits else "1'b0", ready=ready, take="out_ready",
        withdrawn=wire,
    )  # fmt: skip
    packing.tell("events_out.withdrawn", wire, by=by)


def _answers(
    packing: Packing, parameters: Mapping[str, int], spikes: Mapping[str, str], *, over: str,
    ready: str, by: str, also: str = "",
) -> None:  # fmt: skip
    """The answer to a step, one event after the other; ``also``: when else one is lost."""
    for name in ("out_shown", "out_tick", "out_giving", "out_waits", "out_lost", "out_stray"):
        packing.wire(name)
    width = parameters["WIDTH"]
    packing.wire("out_neuron", width=width)
    packing.adapter(
        "steps", "FxlifAnswers", parameters, begun="tick_taken", over=over, **spikes,
        valid="out_shown", ready=ready, neuron="out_neuron", tick="out_tick", giving="out_giving",
        waits="out_waits", lost="out_lost", stray="out_stray",
    )  # fmt: skip
    packing.tell("events_out.valid", "out_shown", by=by)
    packing.tell("events_out.payload.tick", "out_tick", by="the wrapper, at the end of a step")
    packing.tell("events_out.payload.address", "out_neuron", width, by=by)
    packing.tell("events_out.lost", f"out_lost{also}", by=by)
    if parameters["COUNTED"]:
        packing.tell("events_out.stray", "out_stray", by=by)


def _vector_out(packing: Packing, neurons: int, parts: CoreMap, flow: Flow) -> None:
    """All spikes of a step at once, with a strobe of their own or where the step is over."""
    stream, key = parts.events_out, "core.events_out"
    ready = packing.give("events_out.ready")
    bits = packing.bits(f"{key}.vector", str(stream.vector), "out", least=neurons,
                        most=neurons << 4, why=f" (for {neurons} neurons)")  # fmt: skip
    each, rest = divmod(bits.width if bits else neurons, neurons)
    if rest:
        packing.refuse(f"{key}.vector", f"of as many bits for each of {neurons} neurons",
                       stream.vector)  # fmt: skip
    over = "step_over"
    if stream.valid is not None:
        valid = packing.bits(f"{key}.valid", stream.valid, "out")
        over = valid.wire if valid else "1'b0"
        if stream.ready is not None:
            packing.drive(f"{key}.ready", stream.ready, packing.wire("out_ready"))
            _take(packing, over, bits, f"({ready} & ~out_giving)", over=f"{over} & out_ready",
                  by=stream.valid)  # fmt: skip
            over = f"({over} & out_ready)"
    vector, by = bits.wire if bits else "0", str(stream.vector)
    spikes = {"vector": vector, "add": "1'b0", "address": "0"}
    counted = {"N": neurons, "BITS": each, "WIDTH": address_bits(neurons), "COUNTED": 0}
    flow.ticks.append("~out_waits")
    _answers(packing, counted, spikes, over=over, ready=ready, by=by)
    if stream.between != "any":
        wrong = packing.wire("out_between")
        packing.adapter(
            "steps", "FxlifBetween",
            {"WIDTH": neurons * each, "HELD": int(stream.between == "held")},
            answers=over, vector=vector, wrong=wrong,
        )  # fmt: skip
        packing.tell("events_out.between", wrong, by=by)


# --- steps --------------------------------------------------------------------------------------


def _step(packing: Packing, step: StepMap) -> None:
    """When a step begins, and when it is over."""
    key = "core.step"

    def level(name: str, otherwise: str) -> str:
        text = getattr(step, name)
        bits = packing.bits(f"{key}.{name}", text, "out") if text is not None else None
        return bits.wire if bits else otherwise

    idle = level("idle", "1'b1") if step.busy is None else f"~{level('busy', '0')}"
    for name in ("step_start", "step_rests"):
        packing.wire(name)
    end, cycles = (2, step.quiet or 1) if step.rests else (1, step.cycles or 0)
    if step.done is not None:
        end = 0
    out_moves = "out_valid" if "wire [0:0] out_valid;" in packing.declared else "1'b0"
    packing.adapter(
        "steps", "FxlifStep", {"END": end, "CYCLES": cycles, "STROBE": int(step.strobed)},
        tick="tick_taken", given="tick_given", ready=level("ready", "1'b1"),
        done=level("done", "1'b0"), idle=idle, takes="in_taken", moves=f"in_moves | {out_moves}",
        start="step_start", running="step_running", rests="step_rests", over="step_over",
    )  # fmt: skip
    if step.start is not None:
        packing.drive(f"{key}.start", step.start, "step_start")
    if step.clock:
        packing.clock = packing.wire("core_clock")
        packing.adapter("pace", "FxlifClock", {}, open="step_start", gated="core_clock")
