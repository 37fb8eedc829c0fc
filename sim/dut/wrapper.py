"""The wrapper around a foreign core, which gives it the signals that fxlif's own cores have.

Polarity, slices, strobes and missing handshakes are adapted in it. Beside each compared output
``x`` stands ``x.unknown``: whether a simulator of four states shows an x or z in it.
"""

from __future__ import annotations

from collections.abc import Mapping

from ...errors import FxlifError
from ...params.network import NetworkParams
from ...params.neuron import MAX_CURRENT_BITS, NeuronParams
from ...params.sources import EventSource
from ..bench.wrapper import TOP
from ..tools.ports import read_ports, refusal
from .adapters.events import Flow, connect_events
from .adapters.states import connect_states, connect_trace
from .adapters.wiring import Packing, assemble
from .adapters.wiring import Wrapped as Wrapped
from .core_map import CoreMap, StateMap
from .map import DutMap, NeuronMap, Reset
from .names import parse_ref

#: Counters since reset that a map may name.
COUNTERS = ("dropped", "saturated")


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
    packing = Packing(top, ports)
    packing.drive("clock", dut_map.clock, "clk")
    _reset(packing, packing.give("rst"), dut_map.reset)
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
    _initial(packing, dut_map)
    packing.finish(map_file)
    wrapped = assemble(packing, dut_map, two_state=two_state)
    if wrapped.inside:
        _look_inside(wrapped, sources, top, map_file)
    return wrapped


def _reset(packing: Packing, asked: str, parts: Reset | None) -> None:
    """The reset, which the response shows as long as the core is in it."""
    if parts is None:
        packing.overruled["rst"] = "1'b0"
        return
    if parts.once or parts.cycles > 1 or parts.after:
        packing.adapter(
            "pace", "FxlifReset",
            {"ONCE": int(parts.once), "CYCLES": parts.cycles, "AFTER": parts.after},
            rst=asked, shown=packing.wire("reset_shown"), held=packing.wire("reset_held"),
        )  # fmt: skip
        packing.overruled["rst"], asked = "reset_shown", "reset_held"
    inverted = "~" if parts.active == "low" else ""
    packing.drive("reset.port", parts.port, f"{inverted}{asked}")


def _initial(packing: Packing, dut_map: DutMap) -> None:
    """What registers and memories inside hold at power-up."""
    for name, value in dut_map.initial.items():
        ref = parse_ref(name)
        packing.inside[f"initial.{name}"] = ref.of(0)
        if isinstance(value, int):
            packing.presets.append(f"initial dut.{ref.of(0)} = {value};")
        elif value not in dut_map.files:
            packing.refuse(f"initial.{name}", "a number, or one of files", value)
        else:
            packing.presets.append(f'initial $readmemh("{value}", dut.{ref.of(0)});')


def _look_inside(wrapped: Wrapped, sources: Mapping[str, str], top: str, map_file: str) -> None:
    """Check that the signals inside a module are there.

    Raises:
        FxlifError: one is not.
    """
    said = refusal({**sources, "fxlif_bench.v": wrapped.wrapper}, TOP)
    if not said:
        return
    parts = {
        key: path
        for key, path in wrapped.inside.items()
        if any(f"'{name}'" in said for name in (path, f"dut.{path}", *path.split(".")))
    }
    key, path = next(iter((parts or wrapped.inside).items()))
    raise FxlifError.must_be(f"{map_file}: {key}", f"a signal inside {top} ({said})", path)


def _neuron(packing: Packing, neuron: NeuronParams, parts: NeuronMap) -> None:
    _enable(packing, parts)
    _current(packing, parts)
    least = neuron.spike_bits
    most = 1 if least == 1 else 8
    why = f" (for {neuron.max_spikes_per_step} spikes)" if least > 1 else ""
    packing.show("spike", "neuron.spike", parts.spike, least=least, most=most, why=why)
    if parts.valid is not None:
        packing.show("valid", "neuron.valid", parts.valid)
    connect_states(packing, neuron, parts.state, "neuron.state", "state")


def _enable(packing: Packing, parts: NeuronMap) -> None:
    """The enable, which the response shows as the core is given it."""
    if parts.spacing == 1 or parts.enable is None:
        packing.feed("enable", "neuron.enable", parts.enable, otherwise="1'b1")
        return
    enable = f"({packing.give('enable')} & enable_open)"
    packing.overruled["enable"] = enable
    packing.drive("neuron.enable", parts.enable, enable)
    packing.adapter("pace", "FxlifSpacing", {"CYCLES": parts.spacing}, enable=enable,
                    open=packing.wire("enable_open"))  # fmt: skip


def _current(packing: Packing, parts: NeuronMap) -> None:
    """The input of a step; without a sign it has one that the response shows as 0."""
    key = "neuron.current"
    if not parts.unsigned:
        packing.feed("current", key, parts.current, least=2, most=MAX_CURRENT_BITS, signed=True)
        return
    bits = packing.bits(key, parts.current, "in", most=MAX_CURRENT_BITS - 1)
    width = bits.width if bits else 1
    packing.give("current", width + 1, signed=True)
    at = packing.stimulus["current"].offset
    packing.overruled["current"] = f"{{1'b0, stimulus[{at} +: {width}]}}"
    packing.connect(key, bits, f"stimulus[{at} +: {width}]")


def event_source(network: NetworkParams) -> EventSource:
    """Where the events come in.

    Raises:
        FxlifError: not exactly one event source.
    """
    found = [s for s in network.graph.sources if isinstance(s, EventSource)]
    if len(found) != 1:
        raise FxlifError.must_be("source", "a single event source, with --dut", len(found))
    return found[0]


def _core(packing: Packing, network: NetworkParams, parts: CoreMap) -> None:
    flow, last = Flow(), network.graph.populations[-1]
    connect_events(packing, network, event_source(network), parts, flow)
    if parts.trace is not None:
        connect_trace(packing, last.neuron, last.n, parts.trace, flow)
    else:
        connect_states(packing, last.neuron, StateMap(), "core.trace", "trace")
    packing.lines.append(f"assign in_open = {flow.open('in_tick')};")
    for name in COUNTERS:
        packing.show(name, f"core.{name}", getattr(parts, name), most=62)
