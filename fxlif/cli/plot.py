"""The command that draws a recording, and what ``run`` draws of its own."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..errors import FxlifError
from .options import output_file

if TYPE_CHECKING:
    from ..network.recording import Recording
    from ..params.network import NetworkParams

#: By population and variable the neurons of the traces.
Traces = Mapping[tuple[str, str], list[int]]


def picture(path: Path | None) -> Path | None:
    """The picture that an option names to write to; refused before anything else is done."""
    if path is not None:
        from ..plot.figures import must_be_picture

        must_be_picture(path)
    return output_file(path)


Trace = Annotated[
    list[str] | None,
    typer.Option(
        metavar="NAME",
        help="A state of neurons of a population: exc.v=0,7; or exc.v, of neuron 0; may be given "
        "again.",
    ),
]


def plot(
    recording: Annotated[
        Path,
        typer.Argument(metavar="RECORDING", help="What run wrote: a folder, or a file of events."),
    ],
    out: Annotated[
        Path,
        typer.Option("-o", "--out", metavar="FILE", help="A .png or .svg.", callback=picture),
    ],
    population: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="Of these the rasters alone; may be given again."),
    ] = None,
    trace: Trace = None,
    design: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Its design, for thresholds and refractory times."),
    ] = None,
    first: Annotated[int, typer.Option(min=0, metavar="N", help="The first step drawn.")] = 0,
    last: Annotated[
        int | None, typer.Option(min=0, metavar="N", help="The last step drawn.")
    ] = None,
    dt: Annotated[float | None, typer.Option(metavar="MS", help="How long a step is.")] = None,
) -> None:
    """Draw what run recorded.

    A raster of each population, and traces of the states that were recorded.
    """
    from ..params.design import load
    from ..plot.figures import overview, save

    found = _opened(recording)
    if not found.steps:
        allowed = "a recording of 1 step or more"
        raise FxlifError.must_be(str(recording), allowed, recording, found="one of none")
    behind = found.steps if last is None else last + 1
    for key, value, low in (("--first", first, 0), ("--last", behind - 1, first)):
        if not low <= value < found.steps:
            raise FxlifError.must_be(key, f"{low}..{found.steps - 1}", value)
    network = None if design is None else load(design)
    figure = overview(
        found, population, traces_of(trace) if trace else None,
        design=network, steps=(first, behind), dt=dt,
    )  # fmt: skip
    save(figure, out)
    print(out)


def _opened(path: Path) -> Recording:
    """The recording of a folder, or that of the one stream of a file."""
    from ..network import events
    from ..network.recording import Recording

    if path.suffix not in events.SUFFIXES or path.is_dir():
        if path.is_dir():
            return Recording.open(path)
        if not path.exists():
            raise FxlifError(f"{path}: no such file or folder", key=str(path), value=path)
        allowed = f"a folder of run, or a file with suffix {', '.join(events.SUFFIXES)}"
        raise FxlifError.must_be(str(path), allowed, path.suffix)
    stream = events.read(path)
    # A file of events does not say how many neurons there are, nor what they are called.
    record = Recording(["events"])
    record.begin({"events": int(stream.max(initial=0)) + 1}, {})
    ends = (stream == events.TICK).nonzero()[0]
    record.add_spikes("events", stream[: ends[-1] + 1 if len(ends) else 0])
    record.close()
    return record


def traces_of(given: list[str]) -> Traces:
    """What ``--trace`` names.

    Raises:
        FxlifError: a text of another form.
    """
    traces: dict[tuple[str, str], list[int]] = {}
    for text in given:
        found = re.fullmatch(r"([\w.-]+)\.(\w+)(?:=(\d{1,9}(?:,\d{1,9})*))?", text)
        if found is None:
            allowed = "POPULATION.VARIABLE or POPULATION.VARIABLE=NEURONS, as in exc.v=0,7"
            raise FxlifError.must_be("--trace", allowed, text)
        neurons = [int(each) for each in (found[3] or "0").split(",")]
        kept = traces.setdefault((found[1], found[2]), [])
        kept += [each for each in dict.fromkeys(neurons) if each not in kept]
    return traces


def to_record(
    traces: Traces, network: NetworkParams
) -> tuple[dict[str, list[str]], dict[str, list[int]]]:
    """The states and the neurons that a run must record for these traces.

    Of a neuron whose spikes raise its threshold, ``theta`` too.
    """
    raised = {p.name for p in network.graph.populations if p.neuron.adaptation is not None}
    states: dict[str, list[str]] = {}
    neurons: dict[str, list[int]] = {}
    for (name, variable), chosen in traces.items():
        wanted = [variable, "theta"] if variable == "v" and name in raised else [variable]
        kept = states.setdefault(name, [])
        kept += [each for each in wanted if each not in kept]
        neurons[name] = sorted({*neurons.get(name, []), *chosen})
    return states, neurons
