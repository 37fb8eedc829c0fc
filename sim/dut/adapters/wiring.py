"""What a wrapper is put together from: which bits of which port each key of a map names, what
drives each input, and the fields of stimulus and response."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.resources import files
from typing import NamedTuple

from ....errors import FxlifError
from ....hdl.interface import Field
from ...bench.wrapper import TOP, Interface
from ...tools.ports import VerilogPort, literal
from ..map import ONE_CLOCK, DutMap
from ..names import Ref, parse_ref

#: The module that says what a core holds at power-up.
PRESETS = "FxlifPresets"
#: Names under which an input is a clock, as it seems.
_CLOCK = re.compile(r"(?i)(?:.*_)?[a-z]?(?:clk|clock)\w*|s?ck")


@dataclass(frozen=True)
class Bits:
    """Bits ``low`` to ``low + width - 1`` of a port; or a signal inside, which has a ``path`` and
    is ``seen`` on a wire of the wrapper."""

    port: VerilogPort
    low: int
    width: int
    path: str = ""
    seen: str = ""

    def __str__(self) -> str:
        if self.path or self.width == self.port.width:
            return self.path or self.port.name
        high = self.low + self.width - 1
        return f"{self.port.name}[{self.low}]" if self.width == 1 else (
            f"{self.port.name}[{high}:{self.low}]"
        )  # fmt: skip

    @property
    def wire(self) -> str:
        """The same bits of the wrapper's wire on that port."""
        return self.seen or f"{wire_of(self.port)}[{self.low} +: {self.width}]"


class Sight(NamedTuple):
    """A signal inside a core, of so many bits: the wrapper's wire that shows it, the key of the map
    that names it, and its path below the core."""

    wire: str
    key: str
    path: str
    width: int

    @property
    def line(self) -> str:
        """The wrapper's line that looks inside."""
        return f"assign {self.wire} = dut.{self.path};"


@dataclass
class Wiring:
    """Which bits of which port each key of the map names, and what drives each input.

    What does not fit is collected in :attr:`mistakes`. ``drivers``: input port → its bits, each
    with the expression that drives them. ``inside``: key → the signal inside that it names, the
    first of them. ``sights``: the signals inside, and the wires that they are seen on.
    """

    top: str
    ports: Mapping[str, VerilogPort]
    mistakes: list[FxlifError] = field(default_factory=list)
    drivers: dict[str, list[tuple[Bits, str]]] = field(default_factory=dict)
    inside: dict[str, str] = field(default_factory=dict)
    sights: dict[str, Sight] = field(default_factory=dict)

    def refuse(self, key: str, allowed: str, found: object) -> None:
        """Note a mistake in the map."""
        self.mistakes.append(FxlifError.must_be(key, allowed, found))

    def bits(
        self, key: str, text: str, direction: str, *, least: int = 1, most: int = 1, why: str = ""
    ) -> Bits | None:
        """The bits that a key of the map names, of a port of this direction and this wide."""
        ref = parse_ref(text)
        if ref.inside and direction == "out":
            return self._inner(key, ref, text, least, most, why)
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
        return Bits(port, low, width) if self._fits(key, text, width, least, most, why) else None

    def _inner(self, key: str, ref: Ref, text: str, least: int, most: int, why: str) -> Bits | None:
        """A signal inside; whether it is there shows when the wrapper is read."""
        width = 1 if ref.high is None or ref.low is None else ref.high - ref.low + 1
        if not self._fits(key, text, width, least, most, why):
            return None
        path = ref.of(0)
        self.inside[key] = path
        seen = self.look(key, path, width)
        return Bits(VerilogPort(path, "out", width), ref.low or 0, width, path, seen)

    def look(self, key: str, path: str, width: int) -> str:
        """The wire of the wrapper that shows a signal inside, which a key of the map names."""
        sight = Sight(f"inside_{len(self.sights)}", key, path, width)
        return self.sights.setdefault(path, sight).wire

    def _fits(self, key: str, text: str, width: int, least: int, most: int, why: str) -> bool:
        if not least <= width <= most:
            allowed = f"{least}" if least == most else f"{least} to {most}"
            plural = "bit" if allowed == "1" else "bits"
            self.mistakes.append(
                FxlifError.must_be(key, f"of {allowed} {plural}{why}", text,
                                   found=f"{text!r} of {width}")
            )  # fmt: skip
            return False
        return True

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
            port
            for port in self.ports.values()
            if port.direction == "in"
            and sum(bits.width for bits, _ in self.drivers.get(port.name, [])) < port.width
        ]
        if idle and not self.mistakes:
            missing = ", ".join(map(str, idle))
            clocks = [port.name for port in idle if port.width == 1 and _CLOCK.fullmatch(port.name)]
            text = f"ties: a constant is missing for {missing}, which no other key names"
            if clocks:
                text += f"; {clocks[0]} looks like a second clock: {ONE_CLOCK}"
            allowed = "a key or a constant for every input"
            self.mistakes.append(FxlifError(text, key="ties", value=missing, allowed=allowed))
        if self.mistakes:
            raise FxlifError.several(self.mistakes, file)


@dataclass(frozen=True)
class Wrapped(Interface):
    """The interface of a wrapped module: which port shows each signal, what has no port, the
    keys of the map that name a signal inside the module, and how the wrapper sees these."""

    shown_by: dict[str, str]
    not_compared: tuple[str, ...]
    inside: dict[str, str]
    sights: tuple[Sight, ...] = ()

    @property
    def compared(self) -> list[str]:
        """The outputs that a port shows."""
        return [name for name in self.response if f"{name}.unknown" in self.response]


@dataclass
class Packing(Wiring):
    """Collects the fields of stimulus and response while the parts of a map are gone through."""

    stimulus: dict[str, Field] = field(default_factory=dict)
    #: What the response shows of a stimulus field, where it is not the field itself.
    overruled: dict[str, str] = field(default_factory=dict)
    outputs: list[tuple[str, str, int, bool]] = field(default_factory=list)
    shown_by: dict[str, str] = field(default_factory=dict)
    missing: list[str] = field(default_factory=list)
    #: Declarations, which come before all that reads them, and what stands behind them.
    declared: list[str] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)
    #: What the core holds at power-up, whatever it says itself: in a module behind it, so that this
    #: comes last.
    presets: list[str] = field(default_factory=list)
    #: What clocks the core.
    clock: str = "clk"
    #: Adapters beside the wrapper: the files of this folder that it uses.
    adapters: dict[str, None] = field(default_factory=dict)

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
            self.tell(name, bits.wire, bits.width, signed=signed, by=str(bits))

    def tell(
        self, name: str, expression: str, width: int = 1, *, by: str, signed: bool = False
    ) -> None:
        """A new output, whatever it is made of; ``by``: what of the core shows it."""
        self.shown_by[name] = by
        self.outputs.append((name, expression, width, signed))

    def wire(self, name: str, expression: str = "", width: int = 1) -> str:
        """A wire of the wrapper's own, by its name."""
        self.declared.append(f"wire [{width - 1}:0] {name};")
        if expression:
            self.lines.append(f"assign {name} = {expression};")
        return name

    def adapter(
        self, file: str, module: str, parameters: Mapping[str, int], **ports: str
    ) -> None:  # fmt: skip
        """One of the adapters of a file of this folder; ``clk`` and ``rst`` are connected."""
        self.adapters[file] = None
        values = ", ".join(f".{name}({value})" for name, value in parameters.items())
        links = {"clk": "clk", "rst": "response[0]", **ports}
        joined = ", ".join(f".{name}({expression})" for name, expression in links.items())
        number = sum(f" {module} " in line for line in self.lines)
        self.lines.append(
            f" {module} {f'#({values}) ' if values else ''}{module.lower()}_{number} ({joined});"
        )


def wire_of(port: VerilogPort) -> str:
    """The wrapper's wire on a port."""
    return f"port_{port.name.replace('$', '__')}_{'o' if port.direction == 'out' else 'i'}"


def assemble(packing: Packing, dut_map: DutMap, *, two_state: bool) -> Wrapped:
    """The wrapper's text, and where each field stands."""
    ports = packing.ports
    links = []
    for port in ports.values():
        if port.name == dut_map.clock:
            links.append(
                f".\\{port.name} ({packing.clock})"
            )  # escaped: it may be a word of the language
        elif port.direction == "inout":
            links.append(f".\\{port.name} ()")
        else:
            links.append(f".\\{port.name} ({wire_of(port)})")
    # Declared before anything reads them.
    wires = [f"wire [{p.width - 1}:0] {wire_of(p)};" for p in ports.values()
             if p.direction != "inout" and p.name != dut_map.clock]  # fmt: skip
    sights = tuple(packing.sights.values())
    wires += [f"wire [{sight.width - 1}:0] {sight.wire};" for sight in sights]
    wires += packing.declared
    body = [*(sight.line for sight in sights), *packing.lines]
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
        wires.append(f"wire [{width - 1}:0] shown_{k};")
        body.append(f"assign shown_{k} = {expression};")
        unknown = "1'b0" if two_state else f"(^shown_{k}) === 1'bx"
        wires.append(f"wire unknown_{k};")
        body.append(f"assign unknown_{k} = {unknown};")
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
        *([f"  {PRESETS} presets ();"] if packing.presets else []),
        "endmodule",
        "",
    ]
    if packing.presets:
        text += [
            f"module {PRESETS};",
            *(f"  {line}" for line in packing.presets),
            "endmodule",
            "",
        ]
    here = files(__package__)
    text += [(here / f"{name}.v").read_text(encoding="utf-8") for name in packing.adapters]
    return Wrapped(packing.stimulus, fields, packing.stimulus_bits, at, "\n".join(text),
                   packing.shown_by, tuple(packing.missing), packing.inside, sights)  # fmt: skip
