"""The commands for files of NIR: import makes a design of a trained network, export the reverse."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer

from ..errors import FxlifError
from .options import Design, output_file, output_folder, refuse_beside

if TYPE_CHECKING:
    from ..batch.labelled import Labelled
    from ..nir.importing import Imported
    from ..params.inputs import ImageInput, SpikeInput
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
        str,
        typer.Option(
            metavar="NAME", help="Of weights: minmax, percentile, mse; with samples also search."
        ),
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
    lanes: Annotated[
        int | None,
        typer.Option(
            min=1, metavar="N",
            help="A design of cores that update up to N neurons in a cycle; by default of "
            "populations, whose hardware updates one.",
        ),
    ] = None,
    widths: Annotated[
        str, typer.Option(metavar="NAME", help="provable; with samples also recorded.")
    ] = "provable",
    images: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="Labelled images for verify, .npz: images (k, n), labels (k,)."
        ),
    ] = None,
    steps: Annotated[
        int | None,
        typer.Option(min=1, max=4096, metavar="N", help="With --images: how long one is shown."),
    ] = None,
    maximum: Annotated[
        int | None,
        typer.Option(
            min=1, max=65535, metavar="N",
            help="With --images: a value that spikes in each step; by default the largest.",
        ),
    ] = None,
    spikes: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="Labelled spikes, .npz: spikes (steps, k, n), labels (k,)."
        ),
    ] = None,
) -> None:  # fmt: skip
    """Make a design of a trained NIR network.

    Prints what no NIR file says, the error of each number, with labelled samples the accuracy in
    float and in integers, and what hardware cannot do yet.
    """
    from ..nir.importing import read
    from ..quantise.accuracy import compare
    from ..quantise.convert import quantise

    given: dict[str, Any] = {"convention": convention, "reset": reset}
    named = _named(images, steps, maximum, spikes)
    imported = read(
        net, dt=dt, refractory=refractory, max_spikes_per_step=max_spikes, norm_input=norm_input,
        events=events, **given,
    )  # fmt: skip
    samples = None if named is None else named.read_for(imported)
    said = [*imported.decided, *([] if named is None else named.decided), ""]
    if imported.design is not None:
        design = imported.design
    else:
        if samples is None:
            for option, value, needs in (
                ("--scale", scale, "search"), ("--widths", widths, "recorded")
            ):  # fmt: skip
                if value == needs:
                    allowed = "given with --images or --spikes, which it runs,"
                    raise FxlifError.must_be(f"{option} {needs}", allowed, value, found="alone")
        chosen: dict[str, Any] = {"scale": scale, "widths": widths}
        (only, *_) = imported.network.inputs
        made = quantise(
            imported.network, weight_bits=weight_bits, percentile=percentile, tau_error=tau_error,
            resolution=resolution, threshold_bits=threshold_bits, state_bits=state_bits,
            spikes=None if samples is None else {only: samples.spikes}, **chosen,
        )  # fmt: skip
        design = made.design
        said += [made.report().removesuffix("\n\n".join(made.notes)).rstrip(), ""]
    if named is not None and samples is not None:
        design = design.model_copy(update={"input": named.source})
        found = compare(imported.network, design, samples.spikes, samples.labels)
        said += [found.report(), ""]
        if imported.design is None and (scale == "search" or widths == "recorded"):
            said[-1:-1] = ["these samples were looked at to choose: verify with others for a test"]
    _written(design if lanes is None else _with_lanes(design, lanes), out, said, named)


class _Named(NamedTuple):
    """The file of labelled samples that the user named."""

    source: ImageInput | SpikeInput
    path: Path
    decided: list[str]

    def read_for(self, imported: Imported) -> Labelled:
        """The samples, for the input and the output of a network.

        Raises:
            FxlifError: they do not fit, or not one input or one last group that spikes.
        """
        from ..batch.labelled import read_labelled

        network = imported.network
        last = network.groups[-1]
        if len(network.inputs) != 1:
            found = ", ".join(network.inputs)
            raise FxlifError.must_be("inputs", "one, with samples", [*network.inputs], found=found)
        if imported.outputs != (last.name,) or not last.fires:
            membrane = "" if last.fires else ", read by its membrane"
            raise FxlifError.must_be(
                "outputs", "one last group that spikes, with samples", imported.outputs,
                found=", ".join(imported.outputs) + membrane,
            )  # fmt: skip
        ((name, n),) = network.inputs.items()
        events = network.events.get(name, 1)
        return read_labelled(self.source, self.path.parent, n, last.n, events)


def _named(
    images: Path | None, steps: int | None, maximum: int | None, spikes: Path | None
) -> _Named | None:
    """What the options name, as the input of a design; None where they name nothing."""
    from ..arrays import integer, integers
    from ..files import read_arrays
    from ..params.inputs import ImageInput, SpikeInput

    if images is None:
        refuse_beside("without --images", {"--steps": steps, "--maximum": maximum})
        if spikes is None:
            return None
        return _Named(SpikeInput(file=_npz("--spikes", spikes)), spikes, [])
    refuse_beside("with --images", {"--spikes": spikes})
    file = _npz("--images", images)
    if steps is None:
        raise FxlifError(
            "--steps: must be given with --images: how many steps an image is shown",
            key="--steps", allowed="1..4096, with --images",
        )  # fmt: skip
    decided = []
    if maximum is None:
        values = read_arrays(images, ("images",))["images"]
        try:
            largest = int(integers("images", values).max(initial=1))
            maximum = integer("images: largest value", largest, 1, 65535)
        except FxlifError as error:
            raise error.inside(images) from None
        decided = [f"an input of {maximum} spikes in every step (--maximum; the largest there is)"]
    return _Named(ImageInput(file=file, steps=steps, maximum=maximum), images, decided)


def _npz(option: str, path: Path) -> str:
    """The name that the file has beside the design."""
    if path.suffix != ".npz":
        raise FxlifError.must_be(f"{option}: suffix", ".npz", path.suffix)
    return path.name


def _written(design: NetworkParams, out: Path, lines: list[str], named: _Named | None) -> None:
    """Write the design and its samples; then print what there is to say, and what hardware
    cannot do."""
    import shutil
    from contextlib import nullcontext

    from ..files import make_folder, whole_file
    from ..hdl.limits import supported
    from ..params.design import arrays_of, save

    make_folder(out)
    path = out / "design.toml"
    samples = None if named is None else out / named.source.file
    with nullcontext() if samples is None else whole_file(samples) as temporary:
        if named is not None and temporary is not None:
            shutil.copyfile(named.path, temporary)
        save(design, path, inline=64)
    print("\n".join(lines))
    arrays = [out / name for name in sorted(arrays_of(path))]
    for each in [path, *arrays, *([] if samples is None else [samples])]:
        print(each)
    try:
        supported(design)
    except FxlifError as obstacles:
        for line in str(obstacles).splitlines():
            print(f"fxlif: no hardware: {line}", file=sys.stderr)


def _with_lanes(design: NetworkParams, lanes: int) -> NetworkParams:
    """The design with so many lanes, or where a population has less neurons one for each; where
    its hardware is a chain of cores, as those.

    Raises:
        FxlifError: there is no hardware for it.
    """
    from ..hdl.limits import hardware_of
    from ..params.network import NetworkParams

    populations = tuple(
        population.model_copy(update={"lanes": min(lanes, population.n)})
        for population in design.population
    )
    wide = design.model_copy(update={"population": populations})
    hardware = hardware_of(wide)
    return hardware if isinstance(hardware, NetworkParams) else wide


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
