"""The netlist of a design in the place of its Verilog: the same bench, after synthesis."""

from __future__ import annotations

from collections.abc import Callable

from ...errors import FxlifError
from ...hdl.flow.gates import gate_level
from ...hdl.flow.targets import TARGETS, Target, target_of
from ...hdl.limits import supported
from ...hdl.verilog import generate
from ...params.protocol import AnyParams
from ...progress import SILENT, Progress


def after_synthesis(
    params: AnyParams, target: str, progress: Progress = SILENT
) -> Callable[[str], str]:
    """What gives for the Verilog of ``params`` its netlist on the device of this name, with the
    ports of the trace.

    Raises:
        FxlifError: there is no such device, or no models of its cells; a tool is missing or fails.
    """
    on = device(target)
    design = supported(params)
    hardware = generate(design, trace=design.kind != "neuron")
    text = gate_level(hardware, on, progress)
    return lambda _: text


def device(name: str) -> Target:
    """The device of this name, of whose cells there are models.

    Raises:
        FxlifError: there is no such.
    """
    found = target_of(name)
    if not found.placed:
        known = [name for name, each in TARGETS.items() if each.placed]
        raise FxlifError.must_be("--netlist", f"one of {', '.join(known)}", name)
    return found
