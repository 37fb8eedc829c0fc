"""The step function of a leak: what it leaves of each distance from rest."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from ..arrays import Ints, integers
from ..errors import FxlifError
from ..params.leaks import ConstantLeak, LinearLeak, random_bits
from ..params.neuron import NeuronParams
from ..quantise.leak import kept
from ..rule.arithmetic import leak as step_of
from .style import BLACK, BLUE, GREY, ORANGE, axes_of, integers_only, legend

if TYPE_CHECKING:
    from matplotlib.axes import Axes

#: A leak by a smaller part of x is shown over this range all the same.
WIDEST = 4096


def leak_step(leak: Any, x: npt.ArrayLike | None = None, *, ax: Axes | None = None) -> Axes:
    """The step function of a leak: x, the distance from rest, against x' one step later.

    Beside it the line without rounding, the line x' = x, and shaded the dead zone: the x around 0
    that stay as they are. Where the rounding is stochastic, the lowest and the highest x'.

    Args:
        leak: a leak, or the NeuronParams whose ``leak`` is meant; or x' itself, (k,) integers.
        x: (k,) ascending integers; left out, twice as wide as the leak's dead zone can be.

    Raises:
        FxlifError: no leak, integers of other shapes, or x' without x.

    Example:
        >>> from fxlif import ShiftLeak
        >>> from fxlif.plot import leak_step
        >>> leak_step(ShiftLeak(2)).get_legend_handles_labels()[1][-1]
        'dead zone 0..3'
    """
    rule = leak.leak if isinstance(leak, NeuronParams) else leak
    ideal = None
    if hasattr(rule, "kind"):
        at = _range(rule) if x is None else _ascending(x)
        left = [step_of(rule, at, draw) for draw in _draws(random_bits(rule))]
        low, high = np.min(left, axis=0), np.max(left, axis=0)
        if not isinstance(rule, ConstantLeak | LinearLeak):
            ideal = at * float(kept(rule))
    else:
        if x is None:
            raise FxlifError.must_be("x", "given with x' in place of a leak", x)
        at, low = _ascending(x), integers("leak", leak, shape="(k,)")
        if low.shape != at.shape:
            allowed = f"a leak, or integers of shape {at.shape}, as x"
            raise FxlifError.must_be("leak", allowed, leak, found=str(low.shape))
        high = low
    ax = axes_of(ax, 4.6, 4.2)
    ax.plot(at, at, color=GREY, linewidth=0.8, linestyle=":", label="x' = x")
    if ideal is not None:
        ax.plot(at, ideal, color=BLACK, linewidth=0.8, label="without rounding")
    style: dict[str, Any] = {"drawstyle": "steps-mid", "color": BLUE, "linewidth": 1.4}
    apart = bool(np.any(low != high))
    ax.plot(at, low, label="x', lowest and highest" if apart else "x'", **style)
    if apart:
        ax.plot(at, high, label="", **style)
        ax.fill_between(at, low, high, step="mid", color=BLUE, alpha=0.25, linewidth=0)
    still = _dead_zone(at, (low == at) & (high == at))
    if still is not None:
        first, last = still
        inside = at[0] < first and last < at[-1]
        ax.axvspan(
            first - 0.5, last + 0.5, color=ORANGE, alpha=0.3, linewidth=0, zorder=0,
            label=f"dead zone {first}..{last}" if inside else "dead zone, wider than shown",
        )  # fmt: skip
    ax.set(xlabel="x, distance from rest (LSB)", ylabel="x' one step later (LSB)")
    ax.set_xlim(at[0] - 0.5, at[-1] + 0.5)
    integers_only(ax.xaxis)
    integers_only(ax.yaxis)
    legend(ax)
    return ax


def _ascending(x: npt.ArrayLike) -> Ints:
    at = integers("x", x, shape="(k,)").astype(np.int64)
    if not at.size or np.any(np.diff(at) <= 0):
        raise FxlifError.must_be("x", "ascending integers, one or more", x, found="others")
    return at


def _range(rule: Any) -> Ints:
    """x from -r to r, r twice the widest dead zone that a leak of this strength may have."""
    if isinstance(rule, LinearLeak | ConstantLeak):
        reach = 4 * abs(rule.step)
    else:
        lost = 1 - float(kept(rule))
        reach = round(min(2 / lost, WIDEST)) if lost else 8
    return np.arange(-max(reach, 8), max(reach, 8) + 1)


def _draws(bits: int) -> set[int]:
    """Draws of so many bits that round least and most: ones, at the low or at the high end."""
    ones = [(1 << count) - 1 for count in range(bits + 1)]
    return {*ones, *(ones[-1] - each for each in ones)}


def _dead_zone(x: Ints, stays: npt.NDArray[np.bool_]) -> tuple[int, int] | None:
    """The first and the last of the x around 0 that stay; None where but 0 itself does."""
    moving = x[~stays]
    below, above = moving[moving < 0], moving[moving > 0]
    inside = x[(x > below.max(initial=x[0] - 1)) & (x < above.min(initial=x[-1] + 1))]
    return (int(inside[0]), int(inside[-1])) if len(inside) > 1 else None
