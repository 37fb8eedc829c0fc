"""A recording in one figure, and figures as files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..arrays import count_of
from ..errors import FxlifError
from ..files import as_path, whole_file
from ..network.recording import Recording
from ..params.network import NetworkParams
from .data import Window, one_name
from .membrane import trace
from .spikes import raster
from .style import figure_of, new_axes

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SUFFIXES = (".png", ".svg")
#: More panels make no legible figure.
MOST_PANELS = 24
#: Of a state of more neurons that nobody chose, the first alone is drawn.
MOST_TRACES = 4


def overview(
    recording: Recording,
    populations: Sequence[str] | None = None,
    traces: Mapping[tuple[str, str], Sequence[int]] | None = None,
    *,
    design: NetworkParams | None = None,
    steps: Window | None = None,
    dt: float | None = None,
) -> Figure:
    """A figure of a recording: a raster of each population, and below them traces.

    Args:
        populations: those whose spikes are drawn; None: all that are recorded, or as many of the
            first as make 24 panels with the traces; a line says how many more there are.
        traces: by population and variable the neurons that are drawn; None: those of each state
            that is recorded, of more than four the first alone.
        design: the network, for thresholds and refractory times.
        steps: the first step to draw and the one behind the last.
        dt: ms of a step; without it the axis has steps.

    Raises:
        FxlifError: an unknown population or variable, a neuron that was not recorded, a recording
            of no steps or of nothing that can be drawn, or more than 24 panels.
    """
    selection = recording.selection
    if traces is None:
        traces = {
            (name, of): watched[: len(watched) if len(watched) <= MOST_TRACES else 1].tolist()
            for name, of, watched in selection.watched
        }
    lines = [(name, of, each) for (name, of), chosen in traces.items() for each in chosen]
    most = max(0, MOST_PANELS - len(lines))
    names = selection.spikes[:most] if populations is None else tuple(populations)
    count = len(names) + len(lines)
    if not 1 <= count <= MOST_PANELS:
        allowed = f"1..{MOST_PANELS} populations and traces"
        raise FxlifError.must_be("overview", allowed, count, found=f"{count}")
    for name in names:
        one_name(name, selection.spikes)
    heights = [_height(selection.sizes[name]) for name in names] + [1.3] * len(lines)
    figure = figure_of(new_axes(7.0, 0.6 + sum(heights)))
    figure.clear()
    panels = figure.subplots(count, sharex=True, squeeze=False, height_ratios=heights)[:, 0]
    for ax, name in zip(panels, names, strict=False):
        raster(recording, name, steps=steps, dt=dt, ax=ax)
        ax.set_ylabel(f"{name}\nneuron")
    for at, (name, of, neuron) in enumerate(lines):
        ax = panels[len(names) + at]
        trace(
            recording, name, variable=of, neuron=neuron, steps=steps, dt=dt, ax=ax,
            **_neuron(design, name, neuron),
        )  # fmt: skip
        ax.set_ylabel(f"{name} {neuron}\n{ax.get_ylabel()}")
    for ax in panels[:-1]:
        ax.set_xlabel("")
        ax.tick_params(labelbottom=False)
    if populations is None and len(selection.spikes) > most:
        text = f"{count_of(len(selection.spikes) - most, 'population')} more"
        figure.suptitle(text, x=1, ha="right", fontsize="small")
    figure.align_ylabels(panels)
    return figure


def _height(n: int) -> float:
    """Inches of the raster of so many neurons."""
    return float(np.clip(0.7 + 0.25 * np.log2(n), 0.8, 2.6))


def _neuron(design: NetworkParams | None, name: str, neuron: int) -> dict[str, Any]:
    """What a design says of a neuron: its parameters and its threshold."""
    parts = {} if design is None else {part.name: part for part in design.graph.populations}
    if name not in parts:
        return {}
    params, own = parts[name].neuron, parts[name].v_thresholds
    if own is not None:
        params = params.model_copy(update={"v_threshold": own[neuron]})
    return {"params": params}


def save(drawn: Axes | Figure, path: str | PathLike[str]) -> None:
    """Write the figure, or that of the axes, to a file, .png or .svg, whole or not at all.

    The same figure gives the same bytes.

    Raises:
        FxlifError: another suffix, or a file that cannot be written.
    """
    from matplotlib import rc_context
    from matplotlib.axes import Axes

    path = must_be_picture(path)
    figure = figure_of(drawn) if isinstance(drawn, Axes) else drawn
    metadata = {"Date": None} if path.suffix == ".svg" else {"Software": None}
    with whole_file(path) as temporary, rc_context({"svg.hashsalt": "fxlif"}):
        figure.savefig(temporary, dpi=150, metadata=metadata)


def must_be_picture(path: str | PathLike[str]) -> Path:
    """``path``, or an error unless it names a file that :func:`save` can write."""
    found = as_path("path", path)
    if found.suffix not in SUFFIXES:
        raise FxlifError.must_be(
            str(found), f"a file with suffix {' or '.join(SUFFIXES)}", found.suffix
        )
    return found
