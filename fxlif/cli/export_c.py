"""The command that writes a design as C."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from .options import Design, must_not_be_design, output_folder
from .screen import showing_progress


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
    from ..export_c.files import files_of, without_cycles
    from ..files import whole_folder
    from ..params.design import load_hardware
    from ..params.network import NetworkParams

    params = load_hardware(design)
    name = params.name if isinstance(params, NetworkParams) else "lif_neuron"
    with whole_folder(out) as folder, showing_progress() as progress:
        progress("writing C", 0, None)
        files = files_of(params, name)
        for file, text in files.items():
            must_not_be_design(out / file, design)
            (folder / file).write_text(text)
    for file in files:
        print(out / file)
    why = without_cycles(params)
    if why:
        print(f"fxlif: the golden network alone: {why}", file=sys.stderr)
