"""The wrapper around a foreign core: to the agents and the scoreboard it looks like one of fxlif's.

Polarity, slices, strobes and missing handshakes end here. Beside each compared output ``x`` stands
``x.unknown``: whether a simulator of four states shows an x or z in it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from ...hdl.verilog import Field
from ...params.core import address_bits
from ...params.network import EventSource, NetworkParams
from ...params.neuron import MAX_CURRENT_BITS, NeuronParams
from ..bench.wrapper import TOP, Interface
from .map import CoreMap, DutMap, NeuronMap, StateMap, StreamMap
from .ports import Bits, DutPort, Fitting, literal

SIGNED_STATE = ("v", "i_syn")


@dataclass(frozen=True)
class Wrapped:
    """A wrapped module: its interface, which port shows each signal, and what has no port."""

    interface: Interface
    shown_by: dict[str, str]
    not_compared: tuple[str, ...]

    @property
    def compared(self) -> list[str]:
        """The outputs that a port shows."""
        return [name for name in self.interface.response if f"{name}.unknown" in
                self.interface.response]  # fmt: skip


@dataclass
class _Packing:
    """Collects the fields of stimulus and response while the parts of a map are gone through."""

    fitting: Fitting
    stimulus: dict[str, Field] = field(default_factory=dict)
    #: What the response shows of a stimulus field, where it is not the field itself.
    overruled: dict[str, str] = field(default_factory=dict)
    outputs: list[tuple[str, str, int, bool]] = field(default_factory=list)
    shown_by: dict[str, str] = field(default_factory=dict)
    missing: list[str] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)

    @property
    def stimulus_bits(self) -> int:
        return sum(f.width for f in self.stimulus.values())

    def give(self, name: str, width: int = 1, *, signed: bool = False) -> str:
        """A new field of the stimulus, as an expression."""
        at = self.stimulus_bits
        self.stimulus[name] = Field(name=name, offset=at, width=width, signed=signed)
        return f"stimulus[{at} +: {width}]"

    def show(self, name: str, bits: Bits | None, *, signed: bool = False) -> str:
        """A new output of these bits, as an expression."""
        if bits is None:
            return "1'b0"
        self.shown_by[name] = str(bits)
        expression = f"{_wire(bits.port)}[{bits.low} +: {bits.width}]"
        self.outputs.append((name, expression, bits.width, signed))
        return expression


def wrap_dut(
    params: NeuronParams | NetworkParams, ports: dict[str, DutPort], top: str, dut_map: DutMap,
    file: str,
) -> Wrapped:  # fmt: skip
    """The wrapper of a module with these ports, as the map ``file`` says.

    Raises:
        FxlifError: a port that is not there, too narrow or given twice, an input without a part:
            one line each.
    """
    fitting = Fitting(top, ports)
    packing = _Packing(fitting)
    fitting.drive("clock", dut_map.clock, "clk")
    reset = packing.give("rst")
    if dut_map.reset is None:
        packing.overruled["rst"] = "1'b0"
    else:
        inverted = "~" if dut_map.reset.active == "low" else ""
        fitting.drive("reset.port", dut_map.reset.port, f"{inverted}{reset}")
    for port, value in dut_map.ties.items():
        bits = fitting.drive(f"ties.{port}", port, "", most=1 << 16)
        if bits is not None:
            if value >> bits.width:
                fitting.mistakes.append(
                    f"ties.{port}: found {value}, allowed {bits.width} bits"
                )  # fmt: skip
            taken = fitting.drivers[bits.port.name]
            taken[-1] = (bits, f"{bits.width}'h{value:x}")
    if isinstance(params, NeuronParams):
        assert dut_map.neuron is not None
        _neuron(packing, params, dut_map.neuron)
    else:
        assert dut_map.core is not None
        _core(packing, params, dut_map.core)
    fitting.finish(file)
    return _assemble(packing, dut_map)


def _neuron(packing: _Packing, neuron: NeuronParams, parts: NeuronMap) -> None:
    fitting = packing.fitting
    enable = packing.give("enable")
    if parts.enable is None:
        packing.overruled["enable"] = "1'b1"
    else:
        fitting.drive("neuron.enable", parts.enable, enable)
    found = fitting.bits("neuron.current", parts.current, "in", least=2, most=MAX_CURRENT_BITS)
    if found is not None:
        current = packing.give("current", found.width, signed=True)
        fitting.drive("neuron.current", parts.current, current, most=MAX_CURRENT_BITS)
    packing.show("spike", fitting.bits("neuron.spike", parts.spike, "out"))
    if parts.valid is not None:
        packing.show("valid", fitting.bits("neuron.valid", parts.valid, "out"))
    _states(packing, neuron, parts.state, "neuron.state", "state")


def _states(
    packing: _Packing, neuron: NeuronParams, parts: StateMap, key: str, signal: str
) -> None:
    """The state variables that are mapped; the others are noted as not compared."""
    widths = neuron.state_widths
    for name, port in parts.mapped.items():
        if name not in widths:
            packing.fitting.mistakes.append(
                f"{key}.{name}: found a port of a variable that the neuron does not have, "
                f"allowed {', '.join(widths)}"
            )
            continue
        bits = packing.fitting.bits(
            f"{key}.{name}", port, "out", least=widths[name], most=62,
            why=f" (the rule's {name} has {widths[name]})",
        )  # fmt: skip
        packing.show(f"{signal}.{name}", bits, signed=name in SIGNED_STATE)
    packing.missing += [f"{signal}.{name}" for name in widths if name not in parts.mapped]


def event_source(network: NetworkParams) -> EventSource:
    """Where the events come in.

    Raises:
        ValueError: not exactly one event source.
    """
    found = [s for s in network.graph.sources if isinstance(s, EventSource)]
    if len(found) != 1:
        raise ValueError(f"source: found {len(found)} event sources, allowed 1 with --dut")
    return found[0]


def _core(packing: _Packing, network: NetworkParams, parts: CoreMap) -> None:
    fitting = packing.fitting
    _events_in(packing, parts, address_bits(event_source(network).n))
    last = network.graph.populations[-1]
    _events_out(packing, parts.events_out, address_bits(last.n))
    if parts.trace is not None:
        packing.show("trace.valid", fitting.bits("core.trace.valid", parts.trace.valid, "out"))
        packing.show("trace.index", fitting.bits(
            "core.trace.index", parts.trace.index, "out", least=address_bits(last.n), most=30,
        ))  # fmt: skip
        _states(packing, last.neuron, parts.trace, "core.trace", "trace")
    else:
        packing.missing += [f"trace.{name}" for name in last.neuron.state_widths]
    for name, port in (("dropped", parts.dropped), ("saturated", parts.saturated)):
        if port is None:
            packing.missing.append(name)
        else:
            packing.show(name, fitting.bits(f"core.{name}", port, "out", most=62))


def _events_in(packing: _Packing, parts: CoreMap, needed: int) -> None:
    fitting, stream, key = packing.fitting, parts.events_in, "core.events_in"
    why = f" (the inputs need {needed})"
    valid = packing.give("events_in.valid")
    found = fitting.bits(f"{key}.address", stream.address, "in", least=needed, most=30, why=why)
    address = packing.give("events_in.payload.address", found.width if found else 1)
    tick = packing.give("events_in.payload.tick")
    if found is not None:
        fitting.drive(f"{key}.address", stream.address, address, most=30)
    if stream.ready is not None:
        ready = packing.show("events_in.ready", fitting.bits(f"{key}.ready", stream.ready, "out"))
    else:
        assert stream.spacing is not None
        ready = "open"
        packing.lines += _spacing(stream.spacing.model_dump(), valid, tick)
        packing.overruled["events_in.ready"] = ready
        valid = f"({valid} & open)"
    if stream.tick is not None:
        fitting.drive(f"{key}.valid", stream.valid, valid)
        fitting.drive(f"{key}.tick", stream.tick, tick)
    elif stream.tick_strobe is not None:
        fitting.drive(f"{key}.valid", stream.valid, f"{valid} & ~{tick}")
        fitting.drive(f"{key}.tick_strobe", stream.tick_strobe, f"{valid} & {tick}")


def _spacing(cycles: Mapping[str, int], valid: str, tick: str) -> Iterator[str]:
    """A ready of the wrapper's own: it falls for as long as the core is to be left alone."""
    yield f"reg [31:0] wait_for = {cycles['reset'] - 1};"
    yield "wire open = wait_for == 0;"
    yield "always @(posedge clk)"
    yield f"  if (response[0]) wait_for <= {cycles['reset'] - 1};"
    yield f"  else if ({valid} & open)"
    yield f"    wait_for <= {tick} ? {cycles['tick'] - 1} : {cycles['spike'] - 1};"
    yield "  else if (!open) wait_for <= wait_for - 1;"


def _events_out(packing: _Packing, stream: StreamMap, needed: int) -> None:
    fitting, key = packing.fitting, "core.events_out"
    ready = packing.give("events_out.ready")
    if stream.ready is None:
        packing.overruled["events_out.ready"] = "1'b1"
    else:
        fitting.drive(f"{key}.ready", stream.ready, ready)
    why = f" (the outputs need {needed})"
    valid = fitting.bits(f"{key}.valid", stream.valid, "out")
    address = fitting.bits(f"{key}.address", stream.address, "out", least=needed, most=30, why=why)
    if stream.tick is not None:
        packing.show("events_out.valid", valid)
        packing.show("events_out.payload.address", address)
        packing.show("events_out.payload.tick", fitting.bits(f"{key}.tick", stream.tick, "out"))
        return
    assert stream.tick_strobe is not None
    strobe = fitting.bits(f"{key}.tick_strobe", stream.tick_strobe, "out")
    if valid is None or strobe is None:
        return
    spike, tick = (f"{_wire(b.port)}[{b.low} +: 1]" for b in (valid, strobe))
    for name, expression in (
        ("events_out.valid", f"{spike} | {tick}"),
        ("events_out.payload.tick", tick),
        ("events_out.both", f"{spike} & {tick}"),
    ):
        packing.outputs.append((name, expression, 1, False))
        packing.shown_by[name] = f"{valid} and {strobe}"
    packing.show("events_out.payload.address", address)


def _wire(port: DutPort) -> str:
    return f"port_{port.name.replace('$', '__')}_{'o' if port.direction == 'out' else 'i'}"


def _assemble(packing: _Packing, dut_map: DutMap) -> Wrapped:
    ports = packing.fitting.ports
    body = list(packing.lines)
    links = []
    for port in ports.values():
        if port.name == dut_map.clock:
            links.append(f".\\{port.name} (clk)")  # escaped: it may be a word of the language
        elif port.direction == "inout":
            links.append(f".\\{port.name} ()")
        else:
            links.append(f".\\{port.name} ({_wire(port)})")
    # Declared before anything reads them.
    wires = [f"wire [{p.width - 1}:0] {_wire(p)};" for p in ports.values()
             if p.direction != "inout" and p.name != dut_map.clock]  # fmt: skip
    for name, taken in packing.fitting.drivers.items():
        if name != dut_map.clock:
            body += [f"assign {_wire(ports[name])}[{b.low} +: {b.width}] = {expression};"
                     for b, expression in taken]  # fmt: skip
    fields, at = dict(packing.stimulus), packing.stimulus_bits
    for name, given in packing.stimulus.items():
        shown = packing.overruled.get(name, f"stimulus[{given.offset} +: {given.width}]")
        body.append(f"assign response[{given.offset} +: {given.width}] = {shown};")

    def respond(name: str, expression: str, width: int, signed: bool = False) -> None:
        nonlocal at
        fields[name] = Field(name=name, offset=at, width=width, signed=signed)
        body.append(f"assign response[{at} +: {width}] = {expression};")
        at += width

    for name, expression in packing.overruled.items():
        if name not in packing.stimulus:
            respond(name, expression, 1)
    for k, (name, expression, width, signed) in enumerate(packing.outputs):
        wires.append(f"wire [{width - 1}:0] shown_{k} = {expression};")
        wires.append(f"wire unknown_{k} = (^shown_{k}) === 1'bx;")
        respond(name, f"unknown_{k} ? {width}'d0 : shown_{k}", width, signed)
        respond(f"{name}.unknown", f"unknown_{k}", 1)
    parameters = ", ".join(
        f".\\{name} ({literal(value)})" for name, value in dut_map.parameters.items()
    )
    text = [
        f"module {TOP} (input clk, input [{packing.stimulus_bits - 1}:0] stimulus, "
        f"output [{at - 1}:0] response);",
        *(f"  {line}" for line in wires + body),
        f"  \\{packing.fitting.top} {'#(' + parameters + ') ' if parameters else ''}dut (",
        "    " + ",\n    ".join(links),
        "  );",
        "endmodule",
        "",
    ]
    return Wrapped(
        Interface(packing.stimulus, fields, packing.stimulus_bits, at, "\n".join(text)),
        packing.shown_by,
        tuple(packing.missing),
    )
