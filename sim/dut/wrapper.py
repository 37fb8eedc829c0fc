"""The wrapper around a foreign core, which gives it the signals that fxlif's own cores have.

Polarity, slices, strobes and missing handshakes are adapted in it. Beside each compared output
``x`` stands ``x.unknown``: whether a simulator of four states shows an x or z in it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from ...errors import FxlifError
from ...hdl.interface import Field
from ...params.core import address_bits
from ...params.network import NetworkParams
from ...params.neuron import MAX_CURRENT_BITS, NeuronParams
from ...params.sources import EventSource
from ..bench.wrapper import TOP, Interface
from ..tools.ports import VerilogPort, literal, read_ports
from .map import CoreMap, DutMap, NeuronMap, StateMap, StreamMap, parse_ref

#: Counters since reset that a map may name.
COUNTERS = ("dropped", "saturated")
SIGNED_STATE = ("v", "i_syn")


@dataclass(frozen=True)
class Bits:
    """Bits ``low`` to ``low + width - 1`` of a port."""

    port: VerilogPort
    low: int
    width: int

    def __str__(self) -> str:
        if self.width == self.port.width:
            return self.port.name
        high = self.low + self.width - 1
        return f"{self.port.name}[{self.low}]" if self.width == 1 else (
            f"{self.port.name}[{high}:{self.low}]"
        )  # fmt: skip

    @property
    def wire(self) -> str:
        """The same bits of the wrapper's wire on that port."""
        return f"{_wire(self.port)}[{self.low} +: {self.width}]"


@dataclass
class Wiring:
    """Which bits of which port each key of the map names, and what drives each input.

    What does not fit is collected in :attr:`mistakes`. ``drivers``: input port → its bits, each
    with the expression that drives them.
    """

    top: str
    ports: Mapping[str, VerilogPort]
    mistakes: list[FxlifError] = field(default_factory=list)
    drivers: dict[str, list[tuple[Bits, str]]] = field(default_factory=dict)

    def refuse(self, key: str, allowed: str, found: object) -> None:
        """Note a mistake in the map."""
        self.mistakes.append(FxlifError.must_be(key, allowed, found))

    def bits(
        self, key: str, text: str, direction: str, *, least: int = 1, most: int = 1, why: str = ""
    ) -> Bits | None:
        """The bits that a key of the map names, of a port of this direction and this wide."""
        ref = parse_ref(text)
        port = self.ports.get(ref.port)
        if port is None or port.direction != direction:
            what = {"in": "inputs", "out": "outputs"}[direction]
            known = ", ".join(str(p) for p in self.ports.values() if p.direction == direction)
            self.refuse(key, f"one of the {what} of {self.top} ({known})", ref.port)
            return None
        high, low = ref.high, ref.low
        if high is None or low is None:
            high, low = port.width - 1, 0
        if high >= port.width:
            self.refuse(key, f"bits of {port}", text)
            return None
        width = high - low + 1
        if not least <= width <= most:
            allowed = f"{least}" if least == most else f"{least} to {most}"
            plural = "bit" if allowed == "1" else "bits"
            self.mistakes.append(
                FxlifError.must_be(key, f"of {allowed} {plural}{why}", text,
                                   found=f"{text!r} of {width}")
            )  # fmt: skip
            return None
        return Bits(port, low, width)

    def connect(self, key: str, bits: Bits | None, expression: str) -> None:
        """Drive an input, or bits of it, that a key of the map names."""
        if bits is None:
            return
        taken = self.drivers.setdefault(bits.port.name, [])
        if any(bits.low < b.low + b.width and b.low < bits.low + bits.width for b, _ in taken):
            self.refuse(key, "an input that no other key names", str(bits))
        else:
            taken.append((bits, expression))

    def drive(self, key: str, text: str, expression: str) -> None:
        """Drive the one bit of an input that a key of the map names."""
        self.connect(key, self.bits(key, text, "in"), expression)

    def finish(self, file: str) -> None:
        """Raise what was collected, and name the inputs that nothing drives."""
        idle = [
            str(port)
            for port in self.ports.values()
            if port.direction == "in"
            and sum(bits.width for bits, _ in self.drivers.get(port.name, [])) < port.width
        ]
        if idle and not self.mistakes:
            missing = ", ".join(idle)
            self.mistakes.append(FxlifError(
                f"ties: a constant is missing for {missing}, which no other key names",
                key="ties", value=missing, allowed="a key or a constant for every input",
            ))  # fmt: skip
        if self.mistakes:
            raise FxlifError.several(self.mistakes, file)


@dataclass(frozen=True)
class Wrapped(Interface):
    """The interface of a wrapped module: which port shows each signal, and what has no port."""

    shown_by: dict[str, str]
    not_compared: tuple[str, ...]

    @property
    def compared(self) -> list[str]:
        """The outputs that a port shows."""
        return [name for name in self.response if f"{name}.unknown" in self.response]


@dataclass
class _Packing(Wiring):
    """Collects the fields of stimulus and response while the parts of a map are gone through."""

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

    def feed(
        self, name: str, key: str, text: str | None, *, least: int = 1, most: int = 1,
        why: str = "", signed: bool = False, otherwise: str = "",
    ) -> str:  # fmt: skip
        """A new field of the stimulus that drives the bits that a key of the map names, as an
        expression; where the map leaves the key out, the response shows ``otherwise``."""
        if text is None:
            self.overruled[name] = otherwise
            return self.give(name)
        bits = self.bits(key, text, "in", least=least, most=most, why=why)
        expression = self.give(name, bits.width if bits else 1, signed=signed)
        self.connect(key, bits, expression)
        return expression

    def show(
        self, name: str, key: str, text: str | None, *, least: int = 1, most: int = 1,
        why: str = "", signed: bool = False,
    ) -> None:  # fmt: skip
        """A new output, the bits that a key of the map names; where the map leaves the key out,
        it is noted as not compared."""
        if text is None:
            self.missing.append(name)
        elif bits := self.bits(key, text, "out", least=least, most=most, why=why):
            self.shown_by[name] = str(bits)
            self.outputs.append((name, bits.wire, bits.width, signed))


def wrap_sources(
    params: NeuronParams | NetworkParams, sources: Mapping[str, str], *, top: str,
    dut_map: DutMap, map_file: str = "map", two_state: bool = False,
) -> Wrapped:  # fmt: skip
    """The wrapper of the module ``top`` of ``sources`` (file name → text), as a map says.

    Raises:
        FxlifError: Verilog that is not accepted; a map of another kind of design; a port that is
            not there, too narrow or named twice, an input that nothing drives: one line each.
            ``map_file`` is how these name the map.

    ``two_state``: nothing is ever unknown, since no x is simulated.
    """
    alone = params.kind == "neuron"
    if alone != (dut_map.neuron is not None):
        found, allowed = ("core", "neuron") if alone else ("neuron", "core")
        raise FxlifError.must_be(map_file, f"a map of a {allowed}, as the design is", found)
    ports = read_ports(sources, top, dut_map.parameters)
    packing = _Packing(top, ports)
    packing.drive("clock", dut_map.clock, "clk")
    reset = packing.give("rst")
    if dut_map.reset is None:
        packing.overruled["rst"] = "1'b0"
    else:
        inverted = "~" if dut_map.reset.active == "low" else ""
        packing.drive("reset.port", dut_map.reset.port, f"{inverted}{reset}")
    for port, value in dut_map.ties.items():
        bits = packing.bits(f"ties.{port}", port, "in", most=1 << 16)
        if bits is not None:
            if value >> bits.width:
                packing.refuse(f"ties.{port}", f"a number of {bits.width} bits", value)
            packing.connect(f"ties.{port}", bits, f"{bits.width}'h{value:x}")
    if isinstance(params, NeuronParams):
        assert dut_map.neuron is not None
        _neuron(packing, params, dut_map.neuron)
    else:
        assert dut_map.core is not None
        _core(packing, params, dut_map.core)
    packing.finish(map_file)
    return _assemble(packing, dut_map, two_state=two_state)


def _neuron(packing: _Packing, neuron: NeuronParams, parts: NeuronMap) -> None:
    packing.feed("enable", "neuron.enable", parts.enable, otherwise="1'b1")
    packing.feed("current", "neuron.current", parts.current, least=2, most=MAX_CURRENT_BITS,
                 signed=True)  # fmt: skip
    least = neuron.spike_bits
    most = 1 if least == 1 else 8
    why = f" (for {neuron.max_spikes_per_step} spikes)" if least > 1 else ""
    packing.show("spike", "neuron.spike", parts.spike, least=least, most=most, why=why)
    if parts.valid is not None:
        packing.show("valid", "neuron.valid", parts.valid)
    _states(packing, neuron, parts.state, "neuron.state", "state")


def _states(
    packing: _Packing, neuron: NeuronParams, parts: StateMap, key: str, signal: str
) -> None:
    """The state variables that are mapped; the others are noted as not compared."""
    widths = neuron.state_widths
    for name, port in parts.mapped.items():
        if name not in widths:
            allowed = f"left out: the state of this neuron is {', '.join(widths)}"
            packing.refuse(f"{key}.{name}", allowed, port)
    for name, width in widths.items():
        packing.show(
            f"{signal}.{name}", f"{key}.{name}", parts.mapped.get(name), least=width, most=62,
            why=f" (the rule's {name} has {width})", signed=name in SIGNED_STATE,
        )  # fmt: skip


def event_source(network: NetworkParams) -> EventSource:
    """Where the events come in.

    Raises:
        FxlifError: not exactly one event source.
    """
    found = [s for s in network.graph.sources if isinstance(s, EventSource)]
    if len(found) != 1:
        raise FxlifError.must_be("source", "a single event source, with --dut", len(found))
    return found[0]


def _core(packing: _Packing, network: NetworkParams, parts: CoreMap) -> None:
    _events_in(packing, parts, address_bits(event_source(network).n))
    last = network.graph.populations[-1]
    _events_out(packing, parts.events_out, address_bits(last.n))
    if parts.trace is not None:
        packing.show("trace.valid", "core.trace.valid", parts.trace.valid)
        packing.show("trace.index", "core.trace.index", parts.trace.index,
                     least=address_bits(last.n), most=30)  # fmt: skip
    _states(packing, last.neuron, parts.trace or StateMap(), "core.trace", "trace")
    for name in COUNTERS:
        packing.show(name, f"core.{name}", getattr(parts, name), most=62)


def _events_in(packing: _Packing, parts: CoreMap, needed: int) -> None:
    stream, key = parts.events_in, "core.events_in"
    valid = packing.give("events_in.valid")
    packing.feed("events_in.payload.address", f"{key}.address", stream.address, least=needed,
                 most=30, why=f" (the inputs need {needed})")  # fmt: skip
    tick = packing.give("events_in.payload.tick")
    if stream.ready is not None:
        packing.show("events_in.ready", f"{key}.ready", stream.ready)
    else:
        assert stream.spacing is not None
        packing.lines += _spacing(stream.spacing.model_dump(), valid, tick)
        packing.overruled["events_in.ready"] = "open"
        valid = f"({valid} & open)"
    if stream.tick is not None:
        packing.drive(f"{key}.valid", stream.valid, valid)
        packing.drive(f"{key}.tick", stream.tick, tick)
    elif stream.tick_strobe is not None:
        packing.drive(f"{key}.valid", stream.valid, f"{valid} & ~{tick}")
        packing.drive(f"{key}.tick_strobe", stream.tick_strobe, f"{valid} & {tick}")


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
    key = "core.events_out"
    packing.feed("events_out.ready", f"{key}.ready", stream.ready, otherwise="1'b1")
    packing.show("events_out.payload.address", f"{key}.address", stream.address, least=needed,
                 most=30, why=f" (the outputs need {needed})")  # fmt: skip
    if stream.tick is not None:
        packing.show("events_out.valid", f"{key}.valid", stream.valid)
        packing.show("events_out.payload.tick", f"{key}.tick", stream.tick)
        return
    assert stream.tick_strobe is not None
    valid = packing.bits(f"{key}.valid", stream.valid, "out")
    strobe = packing.bits(f"{key}.tick_strobe", stream.tick_strobe, "out")
    if valid is None or strobe is None:
        return
    spike, tick = valid.wire, strobe.wire
    for name, expression in (
        ("events_out.valid", f"{spike} | {tick}"),
        ("events_out.payload.tick", tick),
        ("events_out.both", f"{spike} & {tick}"),
    ):
        packing.outputs.append((name, expression, 1, False))
        packing.shown_by[name] = f"{valid} and {strobe}"


def _wire(port: VerilogPort) -> str:
    return f"port_{port.name.replace('$', '__')}_{'o' if port.direction == 'out' else 'i'}"


def _assemble(packing: _Packing, dut_map: DutMap, *, two_state: bool) -> Wrapped:
    ports = packing.ports
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
    for name, taken in packing.drivers.items():
        if name != dut_map.clock:
            body += [f"assign {b.wire} = {expression};" for b, expression in taken]
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
        unknown = "1'b0" if two_state else f"(^shown_{k}) === 1'bx"
        wires.append(f"wire unknown_{k} = {unknown};")
        respond(name, f"unknown_{k} ? {width}'d0 : shown_{k}", width, signed)
        respond(f"{name}.unknown", f"unknown_{k}", 1)
    parameters = ", ".join(
        f".\\{name} ({literal(value)})" for name, value in dut_map.parameters.items()
    )
    text = [
        f"module {TOP} (input clk, input [{packing.stimulus_bits - 1}:0] stimulus, "
        f"output [{at - 1}:0] response);",
        *(f"  {line}" for line in wires + body),
        f"  \\{packing.top} {'#(' + parameters + ') ' if parameters else ''}dut (",
        "    " + ",\n    ".join(links),
        "  );",
        "endmodule",
        "",
    ]
    return Wrapped(packing.stimulus, fields, packing.stimulus_bits, at, "\n".join(text),
                   packing.shown_by, tuple(packing.missing))  # fmt: skip
