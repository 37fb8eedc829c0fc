"""The command that writes a design as C."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..errors import FxlifError
from .options import Design, must_not_be_design, need, output_folder
from .screen import showing_progress

if TYPE_CHECKING:
    from ..layout import HardwareNetwork
    from ..params.network import NetworkParams
    from ..params.neuron import NeuronParams


def export_c(
    design: Design,
    out: Annotated[
        Path,
        typer.Option(
            "-o", "--out", metavar="DIR", help="The folder to write to.", callback=output_folder
        ),
    ],
) -> None:
    """Write the golden model as C.

    C99 without allocation or dependency; a SystemVerilog package that imports it by DPI-C; an
    example bench with the Verilog of `fxlif verilog` in it, and a makefile for both.
    """
    from ..export_c.files import files_of
    from ..files import whole_folder
    from ..params.design import load_hardware
    from ..params.network import NetworkParams

    params, hardware, why = _with_hardware(load_hardware(design))
    name = params.name if isinstance(params, NetworkParams) else "lif_neuron"
    with whole_folder(out) as folder, showing_progress() as progress:
        progress("writing C", 0, None)
        files = files_of(params, name, hardware)
        for file, text in files.items():
            must_not_be_design(out / file, design)
            (folder / file).write_text(text)
    for file in files:
        print(out / file)
    if why:
        print(f"fxlif: the golden network alone: {why}", file=sys.stderr)


def _with_hardware(
    design: NetworkParams | NeuronParams,
) -> tuple[NetworkParams | NeuronParams, HardwareNetwork | None, str]:
    """The design, as a chain of cores where its hardware is one; the hardware of another network
    of populations; and why it is not said what its ports show in each clock cycle, if it is not."""
    from ..export_c.files import no_access
    from ..layout import HardwareNetwork
    from ..params.network import NetworkParams

    why = no_access(design)
    if why or not isinstance(design, NetworkParams) or design.core:
        return design, None, why
    try:
        need("fxlif.hdl.limits", "hdl")
        from ..hdl.limits import hardware_of

        hardware = hardware_of(design)
    except FxlifError as error:
        return design, None, str(error).splitlines()[0]
    if isinstance(hardware, HardwareNetwork):
        return design, hardware, ""
    return hardware, None, ""
