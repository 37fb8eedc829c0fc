"""What is plotted, taken from recordings or arrays, in one form."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from ..arrays import Ints, finite, integer, integers
from ..batch.recording import BatchRecording
from ..errors import FxlifError
from ..network import events
from ..network.recording import Recording
from ..network.selection import Selection, listed
from ..population import Recorder

Floats = npt.NDArray[np.float64]
#: The first step and the one behind the last.
Window = tuple[int, int]


class Spikes(NamedTuple):
    """Step and neuron of each spike, int64, in the steps from ``first`` to before ``last`` of
    ``n`` neurons."""

    first: int
    last: int
    n: int
    step: Ints
    neuron: Ints


def spikes_of(
    data: Any, name: str | None = None, *, item: int | None = None, steps: Window | None = None
) -> Spikes:
    """The spikes of ``data``: a recording's, of a stream (count,), or of an array (steps, n).

    Args:
        data: a Recording or BatchRecording; an event stream, int64 with a TICK per step; or how
            often each neuron spikes in each step, integers or booleans.
        name: of the population, where a recording has several.
        item: which of a batch; left out where there is one.
        steps: the first step and the one behind the last; None: all.

    Raises:
        FxlifError: no such data, population, item or steps, or a recording of no steps.
    """
    if isinstance(data, Recording | BatchRecording):
        name = one_name(name, data.selection.spikes)
        n = data.selection.sizes[name]
        if isinstance(data, BatchRecording):
            return _raster(data.spikes(name, _item(item, data)), n, steps)
        _none_but("a batch", item=item)
        return _raster(data.spikes(name), n, steps)
    _none_but("a recording", name=name, item=item)
    array = integers("data", data, booleans=True)
    if array.ndim == 1 and array.dtype.kind != "b":
        stream = events.check(array)
        return _raster(stream, int(stream.max(initial=0)) + 1, steps)
    if array.ndim != 2 or not array.shape[1]:
        raise FxlifError.must_be(
            "data", "a recording, an event stream, or spikes of shape (steps, n)", data,
            found=f"shape {array.shape}",
        )  # fmt: skip
    if array.size and array.min() < 0:
        raise FxlifError.must_be("data", "counts of 0 or more", int(array.min()))
    first, last = window(steps, len(array))
    step, neuron = np.nonzero(array[first:last])
    times = array[first:last][step, neuron].astype(np.int64)
    return Spikes(
        first, last, array.shape[1], np.repeat(step + first, times), np.repeat(neuron, times)
    )


def _raster(stream: events.Events, n: int, steps: Window | None) -> Spikes:
    ticks = stream == events.TICK
    first, last = window(steps, int(np.count_nonzero(ticks)))
    step = np.cumsum(ticks, dtype=np.int64)
    inside = ~ticks & (step >= first) & (step < last)
    return Spikes(first, last, n, step[inside], stream[inside])


def values_of(
    data: Any, name: str | None, variable: str, *, neuron: int = 0, item: int | None = None
) -> npt.NDArray[Any]:
    """A state variable of one neuron after each step: (steps,).

    Args:
        data: a Recorder, Recording or BatchRecording that has taken it; or the values (steps,) of
            the neuron or (steps, n) of all.
        name: of the population, where a recording has the variable of several.
        neuron: which, of those of the population or array.

    Raises:
        FxlifError: as :func:`spikes_of`, or a variable or neuron that was not recorded.
    """
    if isinstance(data, Recording | BatchRecording):
        name = population_of(data, name, variable)
        if isinstance(data, BatchRecording):
            rows: npt.NDArray[Any] = data.states(name, variable)[_item(item, data)]
        else:
            _none_but("a batch", item=item)
            rows = data.states(name, variable)
        return rows[:, _column(data.selection, name, variable, neuron)]
    _none_but("a recording", name=name, item=item)
    array = data[variable] if isinstance(data, Recorder) else finite("data", data)
    if array.ndim == 1 and array.size:
        array = array[:, np.newaxis]
    if array.ndim != 2 or not array.size:
        raise FxlifError.must_be(
            "data", "a recording, or values of shape (steps,) or (steps, n), of 1 step or more",
            data, found=f"shape {array.shape}",
        )  # fmt: skip
    return array[:, integer("neuron", neuron, 0, array.shape[1] - 1)]


def population_of(data: Recording | BatchRecording, name: str | None, variable: str) -> str:
    """``name``, or the only population whose ``variable`` is recorded.

    Raises:
        FxlifError: there is none, there are several, or it is not ``name``.
    """
    names = [each for each, of, _ in data.selection.watched if of == variable]
    if not names:
        kept = listed(f"{each}.{of}" for each, of, _ in data.selection.watched)
        raise FxlifError.must_be("variable", f"of {kept} (what is recorded)", variable)
    return one_name(name, names)


def _column(selection: Selection, name: str, variable: str, neuron: int) -> int:
    (watched,) = (w for each, of, w in selection.watched if (each, of) == (name, variable))
    integer("neuron", neuron)
    if neuron not in watched:
        raise FxlifError.must_be("neuron", f"{listed(map(str, watched[:20]))} (recorded)", neuron)
    return int(np.flatnonzero(watched == neuron)[0])


def one_dimension(key: str, values: npt.ArrayLike, length: int | None = None) -> Floats:
    """``values`` as finite numbers (k,), or (length,); one at least."""
    array = finite(key, values)
    if array.ndim != 1 or not array.size or length not in (None, len(array)):
        allowed = "of shape (k,), k 1 or more" if length is None else f"of shape ({length},)"
        raise FxlifError.must_be(key, allowed, values, found=str(array.shape))
    return array


def window(steps: Window | None, count: int) -> Window:
    """The first of the steps that are meant and the one behind the last, of ``count``."""
    if not count:
        raise FxlifError.must_be("data", "a recording of 1 step or more", 0, found="one of none")
    if steps is None:
        return 0, count
    if not isinstance(steps, tuple | list) or len(steps) != 2:
        raise FxlifError.must_be("steps", "(first, the one behind the last)", steps)
    first = integer("steps[0]", steps[0], 0, count - 1)
    return first, integer("steps[1]", steps[1], first + 1, count)


def one_name(name: str | None, names: Any) -> str:
    """``name``, or the only one of ``names``."""
    if name is None and len(names) == 1:
        return str(names[0])
    if not isinstance(name, str):
        allowed = f"one of {listed(names)} (what is recorded)"
        raise FxlifError.must_be("name", allowed, name)
    if name not in names:
        raise FxlifError.unknown("name", "recorded population", name, names)
    return name


def _item(item: int | None, data: BatchRecording) -> int:
    if item is None and data.batch != 1:
        raise FxlifError.must_be("item", f"0..{data.batch - 1}, one of the batch", item)
    return integer("item", item or 0, 0, data.batch - 1)


def _none_but(what: str, **given: object) -> None:
    for key, value in given.items():
        if value is not None:
            raise FxlifError.must_be(key, f"left out but with {what}", value)
