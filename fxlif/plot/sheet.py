"""A population on a sheet: one value, and one spike or none, at each place."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from ..arrays import finite, integer, integers
from ..errors import FxlifError
from ..network.recording import Recording
from .style import VERMILLION, axes_of, figure_of, integers_only

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def grid(
    frame: Any,
    name: str | None = None,
    *,
    shape: tuple[int, int] | None = None,
    variable: str = "v",
    step: int = -1,
    spikes: npt.ArrayLike | None = None,
    limits: tuple[float, float] | None = None,
    unit: str = "LSB",
    ax: Axes | None = None,
) -> Axes:
    """The frame of a sheet: a value at each place as a colour, and a mark where a neuron spikes.

    Args:
        frame: (rows, columns) numbers, or (n,) with ``shape``; or a Recording, of which the state
            variable of all neurons after one step is drawn, and the spikes of that step.
        name: of the population, with a Recording.
        shape: (rows, columns); of a neuron i the row is i // columns.
        variable: of the Recording; and the label of the colours.
        step: of the Recording; -1 is the last.
        spikes: which neurons spike, of the shape of ``frame``.
        limits: lowest and highest value of the colours; None: those of the frame.
        unit: of the values.

    Raises:
        FxlifError: other shapes, or no such population, variable or step.
    """
    if isinstance(frame, Recording):
        if name is None:
            raise FxlifError.must_be("name", "given with a recording", name)
        rows = frame.states(name, variable)
        at = range(len(rows))[integer("step", step, -len(rows), len(rows) - 1)] if len(rows) else 0
        if not len(rows):
            raise FxlifError.must_be("frame", "a recording of 1 step or more", 0, found="of none")
        frame, recorded = rows[at], frame
        if name in recorded.selection.spikes:
            steps, neurons = recorded.raster(name)
            spikes = np.bincount(neurons[steps == at], minlength=recorded.selection.sizes[name]) > 0
    values = _sheet("frame", finite("frame", frame), shape)
    rows_, columns_ = values.shape
    ax = axes_of(ax, 4.8, float(np.clip(0.8 + 3.4 * rows_ / columns_, 1.6, 5.0)))
    low, high = (values.min(), values.max()) if limits is None else limits
    image = ax.imshow(values, cmap="cividis", vmin=low, vmax=high, interpolation="nearest")
    # As high as the sheet, whatever its shape.
    beside = ax.inset_axes((1.03, 0, 0.05, 1))
    figure_of(ax).colorbar(image, cax=beside, label=f"{variable} ({unit})")
    if spikes is not None:
        fired = _sheet("spikes", integers("spikes", spikes, booleans=True), shape)
        if fired.shape != values.shape:
            allowed = f"of shape {values.shape}, as frame"
            raise FxlifError.must_be("spikes", allowed, spikes, found=str(fired.shape))
        at_row, at_column = np.nonzero(fired)
        height = ax.get_window_extent().height * 72 / figure_of(ax).dpi
        ax.plot(
            at_column, at_row, "o", color=VERMILLION, markeredgecolor="white",
            markeredgewidth=0.5,
            markersize=min(9.0, max(1.5, 0.5 * height / max(values.shape))), label="spike",
        )  # fmt: skip
    ax.set(xlabel="column", ylabel="row")
    ax.set_xlim(-0.5, values.shape[1] - 0.5)
    ax.set_ylim(values.shape[0] - 0.5, -0.5)
    ax.spines[["top", "right"]].set_visible(True)
    integers_only(ax.xaxis)
    integers_only(ax.yaxis)
    return ax


def _sheet(key: str, array: npt.NDArray[Any], shape: tuple[int, int] | None) -> npt.NDArray[Any]:
    """``array`` as (rows, columns), by ``shape`` where it is a row of neurons."""
    if array.ndim == 1 and array.size and shape is not None:
        if not isinstance(shape, tuple | list) or len(shape) != 2:
            raise FxlifError.must_be("shape", "(rows, columns)", shape)
        rows, columns = (integer("shape", size, 1) for size in shape)
        if rows * columns == array.size:
            return array.reshape(rows, columns)
        raise FxlifError.must_be("shape", f"of {array.size} neurons", shape)
    if array.ndim != 2 or not array.size:
        allowed = "of shape (rows, columns), or (n,) with shape"
        raise FxlifError.must_be(key, allowed, array, found=str(array.shape))
    return array
