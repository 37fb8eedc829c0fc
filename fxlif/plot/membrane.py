"""The membrane potential of a neuron: by itself, and in integers against float."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from ..arrays import Ints, finite, integers, of_type
from ..batch.recording import BatchRecording
from ..errors import FxlifError
from ..network.recording import Recording
from ..params.neuron import NeuronParams
from ..reference import FloatNeuron
from .data import Window, population_of, spikes_of, values_of, window
from .style import (
    BLACK,
    BLUE,
    GREY,
    PALE,
    VERMILLION,
    NotebookAxes,
    axes_of,
    figure_of,
    integers_only,
    legend,
    line,
    new_axes,
    png_of,
    time_scale,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Floats = npt.NDArray[np.float64]
#: The resets of more spikes are not marked one by one.
MOST_RESETS = 60


def trace(
    data: Any,
    name: str | None = None,
    *,
    variable: str = "v",
    neuron: int = 0,
    params: NeuronParams | FloatNeuron | None = None,
    threshold: npt.ArrayLike | None = None,
    spikes: Any = None,
    item: int | None = None,
    steps: Window | None = None,
    dt: float | None = None,
    unit: str = "",
    color: str = BLUE,
    show_legend: bool = True,
    ax: Axes | None = None,
) -> Axes:
    """A state variable of one neuron after each step, with its threshold, resets and rests.

    Args:
        data: a Recorder, Recording or BatchRecording that has taken the variable; or its values,
            (steps,) of the neuron or (steps, n) of all.
        name: of the population, where a recording has the variable of several.
        params: the neuron, from which the threshold and the refractory time come, and of a
            FloatNeuron the units; without it neither is drawn, unless it is given or recorded.
        threshold: in place of that of ``params``: one number, or (steps,). Where a recording has
            ``theta`` of the neuron, that is added; one that spikes raise is not drawn without it.
        spikes: those of ``data`` that is no recording, (steps,) or of the shape of ``data``; a
            recording has its own.
        unit: of the axis; by default LSB, or mV of a FloatNeuron.
        item, steps, dt: as of :func:`fxlif.plot.raster`.

    Raises:
        FxlifError: no such data, population, variable, neuron or steps, or other shapes.

    Example:
        >>> from fxlif import LIFPopulation, Recorder
        >>> from fxlif.plot import trace
        >>> population, recorder = LIFPopulation(1, refractory=2), Recorder("v")
        >>> spikes = population.run([[20]] * 30, recorder)
        >>> trace(recorder, params=population.params, spikes=spikes).get_ylabel()
        'v (LSB)'
    """
    if isinstance(data, Recording | BatchRecording):
        name = population_of(data, name, variable)
    values = values_of(data, name, variable, neuron=neuron, item=item)
    first, last = window(steps, len(values))
    theta = _recorded(data, name, "theta", neuron, item)
    rest = 0
    if params is not None:
        if isinstance(params, FloatNeuron):
            unit, dt = unit or "mV", params.dt if dt is None else dt
            rest = params.refractory_steps
        else:
            of_type("params", params, NeuronParams, "NeuronParams or a FloatNeuron")
            rest = params.rest_steps
        if threshold is None and (theta is not None or not _adapts(params)):
            threshold = params.v_threshold
    length, time = time_scale(dt)
    times = np.arange(first, last) * length
    fired = _fired(data, name, neuron, item, len(values), spikes)
    inside = fired[(fired >= first) & (fired < last)]
    shown = values[first:last].astype(np.float64)
    rests = _rests(data, name, neuron, item, fired, rest)
    ax = axes_of(ax)
    line(ax, times, shown, variable, color=color, linewidth=1.2)
    if variable == "v" and threshold is not None:
        level = _level(threshold, len(values))
        if theta is not None:
            level = level + theta
        line(ax, times, level[first:last], "threshold", color=BLACK, linestyle="--", linewidth=1)
    if len(inside):
        if variable == "v" and len(inside) <= MOST_RESETS:
            ax.plot(
                inside * length, values[inside], "o", color=color, markersize=3.5,
                markerfacecolor="white", label="after reset",
            )  # fmt: skip
        bottom, top = ax.get_ylim()
        ax.set_ylim(bottom, top + 0.12 * (top - bottom))
        ax.plot(
            inside * length, np.full(len(inside), 0.95), "|", color=VERMILLION, markersize=7,
            markeredgewidth=1.4, transform=ax.get_xaxis_transform(), label="spike",
        )  # fmt: skip
    rests = np.clip(rests, first, last - 1)
    rests = rests[rests[:, 1] > rests[:, 0]]
    if len(rests):
        ax.broken_barh(
            [(start * length, (end - start) * length) for start, end in rests], (0, 1),
            transform=ax.get_xaxis_transform(), facecolors=PALE, zorder=0, label="refractory",
        )  # fmt: skip
    ax.set(
        xlabel=time, ylabel=f"{variable} ({'steps' if variable == 'refractory' else unit or 'LSB'})"
    )
    ax.set_xlim((first - 0.5) * length, (last - 0.5) * length)  # as a raster's
    if dt is None:
        integers_only(ax.xaxis)
    if show_legend and ax.get_legend_handles_labels()[1] != [variable]:
        legend(ax)
    return ax


def _adapts(neuron: NeuronParams | FloatNeuron) -> bool:
    """Whether its spikes raise its threshold."""
    if isinstance(neuron, FloatNeuron):
        return neuron.threshold_increment > 0
    return neuron.adaptation is not None


def _fired(
    data: Any, name: str | None, neuron: int, item: int | None, steps: int, spikes: Any
) -> Ints:
    """The steps in which the neuron spikes; none where nobody says."""
    if isinstance(data, Recording | BatchRecording):
        if spikes is not None:
            raise FxlifError.must_be("spikes", "left out with a recording", spikes, found="given")
        if name not in data.selection.spikes:
            return np.zeros(0, np.int64)
        taken = spikes_of(data, name, item=item)
        found: Ints = taken.step[taken.neuron == neuron]
        return found
    if spikes is None:
        return np.zeros(0, np.int64)
    array = integers("spikes", spikes, booleans=True)
    if array.ndim == 1:
        array, neuron = array[:, np.newaxis], 0
    if array.ndim != 2 or len(array) != steps or neuron >= array.shape[1]:
        allowed = f"of shape ({steps},) or ({steps}, n)"
        raise FxlifError.must_be("spikes", allowed, spikes, found=str(np.shape(spikes)))
    return np.flatnonzero(array[:, neuron])


def _recorded(
    data: Any, name: str | None, variable: str, neuron: int, item: int | None
) -> npt.NDArray[Any] | None:
    """Another state variable of the neuron, where a recording has it."""
    if not isinstance(data, Recording | BatchRecording):
        return None
    if not any(
        (each, of) == (name, variable) and neuron in watched
        for each, of, watched in data.selection.watched
    ):
        return None
    return values_of(data, name, variable, neuron=neuron, item=item)


def _rests(
    data: Any, name: str | None, neuron: int, item: int | None, fired: Ints, rest: int
) -> Ints:
    """From which step to which the neuron rests: (rests, 2), by what is left after each step where
    that is recorded, else so many steps from each spike on."""
    left = _recorded(data, name, "refractory", neuron, item)
    if left is None:
        return np.stack([fired, fired + rest], axis=1)
    edges = np.flatnonzero(np.diff(np.concatenate([[False], left > 0, [False]])))
    pairs: Ints = edges.reshape(-1, 2)
    return pairs


def _level(threshold: npt.ArrayLike, steps: int) -> Floats:
    """The threshold of each step."""
    level = finite("threshold", threshold)
    if level.shape not in ((), (steps,)):
        allowed = f"one number, or of shape ({steps},)"
        raise FxlifError.must_be("threshold", allowed, threshold, found=str(level.shape))
    return np.broadcast_to(level, (steps,))


class Pair(tuple["Axes", "Axes"]):
    """The upper and the lower axes of one figure, which a notebook shows."""

    def _repr_png_(self) -> bytes:
        return png_of(self[0])


def compare(
    float_values: npt.ArrayLike,
    integer_values: npt.ArrayLike,
    *,
    lsb: float = 1.0,
    zero: float = 0.0,
    dt: float | None = None,
    unit: str = "",
    threshold: float | None = None,
    ax: tuple[Axes, Axes] | None = None,
) -> tuple[Axes, Axes]:
    """A neuron in float and in integers, with the difference, integer - float, below.

    Args:
        float_values: (steps,), in ``unit``.
        integer_values: (steps,), in LSB.
        lsb: what 1 LSB stands for, in ``unit``: of a quantised network
            :attr:`fxlif.quantise.Quantised.units`.
        zero: what 0 LSB stands for, in ``unit``.
        dt: ms of a step; without it the axis has steps.
        unit: of both axes; by default LSB.
        threshold: drawn above, in ``unit``.
        ax: the upper and the lower axes; None: of a new figure.

    Raises:
        FxlifError: other shapes, no step, no finite numbers.
    """
    exact = finite("float_values", float_values)
    found = finite("integer_values", integer_values) * float(finite("lsb", lsb)) + float(
        finite("zero", zero)
    )
    if exact.ndim != 1 or not exact.size:
        allowed = "of shape (steps,), of 1 step or more"
        raise FxlifError.must_be("float_values", allowed, float_values, found=str(exact.shape))
    if found.shape != exact.shape:
        allowed = f"of shape {exact.shape}, as float_values"
        raise FxlifError.must_be("integer_values", allowed, integer_values, found=str(found.shape))
    length, time = time_scale(dt)
    if ax is None:
        figure = figure_of(new_axes(6.4, 3.8))
        figure.clear()
        upper, lower = figure.subplots(
            2, sharex=True, height_ratios=(3, 1.3), subplot_kw={"axes_class": NotebookAxes}
        )
        upper.tick_params(labelbottom=False)
    elif isinstance(ax, tuple | list | np.ndarray) and len(ax) == 2:
        upper, lower = ax
    else:
        raise FxlifError.must_be("ax", "two Axes, upper and lower, or None", ax)
    upper, lower = axes_of(upper), axes_of(lower)
    times = np.arange(len(exact)) * length
    line(upper, times, exact, "float", color="0.6", linewidth=2.6)
    line(upper, times, found, "integer", color=BLUE, linewidth=1)
    if threshold is not None:
        level = np.full(len(exact), float(finite("threshold", threshold)))
        line(upper, times, level, "threshold", color=BLACK, linestyle="--", linewidth=1)
    lower.axhline(0, color=GREY, linewidth=0.8)
    line(lower, times, found - exact, color=VERMILLION, linewidth=1)
    unit = unit or "LSB"
    upper.set(ylabel=f"v ({unit})")
    lower.set(xlabel=time, ylabel=f"integer - float\n({unit})")
    lower.set_xlim(-0.5 * length, (len(times) - 0.5) * length)
    upper.set_xlim(lower.get_xlim())
    if dt is None:
        integers_only(lower.xaxis)
    legend(upper)
    return Pair((upper, lower))
