"""The commands for files of NIR: import makes a design of a trained network, export the reverse."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..errors import FxlifError
from .options import Design, output_file, output_folder

if TYPE_CHECKING:
    from ..params.network import NetworkParams


def import_(
    net: Annotated[Path, typer.Argument(metavar="NET.nir", help="A file of NIR.")],
    out: Annotated[
        Path,
        typer.Option(
            "-o", "--out", metavar="DIR", help="The folder to write to.", callback=output_folder
        ),
    ],
    convention: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="How it was stepped where it was trained: snntorch, norse, sinabs; or NIR's "
            "equations: exact, euler.",
        ),
    ] = None,
    dt: Annotated[
        float | None,
        typer.Option(metavar="TIME", help="A step, in the unit of the file's time constants."),
    ] = None,
    reset: Annotated[
        str | None, typer.Option(metavar="NAME", help="Of a spike: subtract or to_value.")
    ] = None,
    refractory: Annotated[
        int, typer.Option(metavar="N", help="Steps without a spike after a spike.")
    ] = 0,
    max_spikes: Annotated[
        int | None,
        typer.Option(metavar="N", help="In a step, 1..31; by default as the convention says."),
    ] = None,
    norm_input: Annotated[
        bool, typer.Option(help="With sinabs: LIF scales its input by 1 - alpha.")
    ] = True,
    events: Annotated[
        int, typer.Option(metavar="N", help="Spikes of an input line in a step, at most.")
    ] = 1,
    weight_bits: Annotated[int, typer.Option(metavar="N", help="1..16.")] = 8,
    scale: Annotated[
        str, typer.Option(metavar="NAME", help="Of weights: minmax, percentile or mse.")
    ] = "minmax",
    percentile: Annotated[
        float, typer.Option(metavar="X", help="With --scale percentile: weights not clipped.")
    ] = 99.9,
    tau_error: Annotated[
        float, typer.Option(metavar="X", help="Largest relative error of a time constant.")
    ] = 0.02,
    resolution: Annotated[
        float, typer.Option(metavar="X", help="Rounding errors of v, as a part of the threshold.")
    ] = 0.01,
    threshold_bits: Annotated[
        int | None, typer.Option(metavar="N", help="4..32; by default exact.")
    ] = None,
    state_bits: Annotated[
        int | None, typer.Option(metavar="N", help="Of v at most, 4..32.")
    ] = None,
) -> None:
    """Make a design of a trained NIR network.

    Prints what no NIR file says, the error of each number, and what hardware cannot do yet.
    """
    from ..nir.importing import read
    from ..quantise.convert import quantise
    from ..quantise.scale import METHODS

    if scale not in METHODS[:-1]:  # a search needs spikes
        raise FxlifError.must_be("--scale", ", ".join(METHODS[:-1]), scale)
    chosen: dict[str, Any] = {"convention": convention, "reset": reset}
    imported = read(
        net, dt=dt, refractory=refractory, max_spikes_per_step=max_spikes, norm_input=norm_input,
        events=events, **chosen,
    )  # fmt: skip
    if imported.design is not None:
        _written(imported.design, out, [*imported.decided, ""])
        return
    made = quantise(
        imported.network, weight_bits=weight_bits, scale=scale, percentile=percentile,
        tau_error=tau_error, resolution=resolution, threshold_bits=threshold_bits,
        state_bits=state_bits,
    )  # fmt: skip
    report = made.report().removesuffix("\n\n".join(made.notes)).rstrip()
    _written(made.design, out, [*imported.decided, "", report, ""])


def _written(design: NetworkParams, out: Path, lines: list[str]) -> None:
    """Write the design; then print what there is to say, and what hardware cannot do yet."""
    from ..files import whole_folder
    from ..hdl.limits import supported
    from ..params.design import save_folder

    with whole_folder(out) as folder:
        names = save_folder(design, folder)
    print("\n".join(lines))
    for name in names:
        print(out / name)
    try:
        supported(design)
    except FxlifError as obstacles:
        for line in str(obstacles).splitlines():
            print(f"fxlif: no hardware yet: {line}", file=sys.stderr)


def export(
    design: Design,
    out: Annotated[
        Path,
        typer.Option(
            "-o", "--out", metavar="NET.nir", help="The file to write.", callback=output_file
        ),
    ],
) -> None:
    """Write a design as a NIR file.

    Its integers are metadata: `fxlif import` of that file gives the same design.
    """
    from ..nir.exporting import write
    from ..params.design import load

    if out.suffix != ".nir":
        raise FxlifError.must_be(f"{out}: suffix", ".nir", out.suffix)
    write(load(design), out)
    print(out)
