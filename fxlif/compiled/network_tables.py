"""The records of the tables that :mod:`fxlif.compiled.network_loop` reads.

:mod:`fxlif.compiled.plan` and :mod:`fxlif.compiled.network_run` make the tables. Compiled code that
is kept on disk is compiled again when the layout of a table changes.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from .neuron_step import STEP_CALL


def _record(*fields: str | tuple[Any, ...]) -> np.dtype[np.void]:
    """The type of a table's row; a field of which only the name is given is an int64."""
    named = [(field, np.int64) if isinstance(field, str) else field for field in fields]
    return np.dtype(named, align=True)


def set_fields(row: np.void | npt.NDArray[np.void], **values: int) -> None:
    """Write the named fields of one row of a table."""
    for name, value in values.items():
        row[name] = value


def address_words(record: np.dtype[np.void], at: int = 0) -> list[int]:
    """Which 8-byte words of a record are addresses: :data:`ADDRESSES`, and those of arguments."""
    words: list[int] = []
    for name, (kind, offset, *_) in (record.fields or {}).items():
        if kind.fields:
            words += address_words(kind, at + offset)
        elif name in ADDRESSES:
            words.append((at + offset) // 8)
    return words


#: The kinds of a part.
POPULATION, POISSON, REGULAR, GIVEN = 0, 1, 2, 3
#: Stands in a field where a part or a link does not have what the field says.
NONE = -1

#: A run: the addresses of arrays that all parts or all threads share, and which steps are next.
#: ``done``: the step after the last one; ``meetings``: how often a thread came to the end of a
#: level. ``seen``: recorded variables.
RUN = _record(
    "now", "steps", "done", "depth", "width", "meetings", "spikes", "lists", "saturated",
    "watched", "seen",
)  # fmt: skip

#: A part: a source or a population. ``pending``: its first place in a row of what is pending;
#: ``neurons_before``: its first place in arrays over all parts; ``level_ends``: whether it is the
#: last part of its level; ``out``: the address of its recorded spikes or NONE. Its spikes of the
#: last ``list_mask`` + 1 steps, a power of 2, are listed, ``list_room`` places a step. ``phases``,
#: ``events``, ``event_ends`` are addresses; ``key`` is the hash of a Poisson source's seed;
#: ``receiver``: its row of that table, or NONE; ``counted``: whether its neurons may spike several
#: times in a step. ``first_noise`` to ``last_noise`` are its rows of the table of noise.
PART = _record(
    "kind", "size", "pending", "neurons_before", "first_link", "last_link", "level_ends", "out",
    "list_room", "list_mask", "period", "phases", ("key", np.uint64), "limit", "events",
    "event_ends", "lfsr_mask", "receiver", "counted", "first_noise", "last_noise",
    ("step", STEP_CALL),
)  # fmt: skip

#: The noise of a population: the hash of its seed; the address of the last words of its numbers
#: from ``first`` on, uint64, and their count; where in them to begin for each choice of a word's
#: ``guide_bits`` highest bits, the address of int32; what the numbers are multiplied by.
NOISE = _record(("key", np.uint64), "last", "n_last", "guide", "guide_bits", "first", "weight")

#: The neurons ``first`` to ``last`` of a part, which one thread owns; where the first list of their
#: spikes begins: its length, then indices, after each that stands there c > 1 times -c; how many
#: entries this thread recorded of the whole part; the state of the random numbers, and what takes
#: it over the neurons of the others.
SHARE = _record("first", "last", "list", "recorded", "register", ("skip", np.int64, 32))

#: A link: the synapses of a projection, or of several in one table, or those of one delay of a
#: projection whose events are taken one by one. ``offset``: the target's first place in a row of
#: what is pending. ``cuts``: the address of (threads + 1, rows), where in each
#: row the targets of each thread begin; ``targets``: its first place in the codes; ``weights``: the
#: address of as many as there are synapses, or rows where each has one (``even``). ``delay``: NONE
#: where they differ; ``full``: the size of the target where every neuron reaches every other, else
#: 0. ``sums``: its first place in the accumulators that saturate at ``low`` and ``high``, or NONE.
LINK = _record(
    "source", "target", "offset", "rows", "cuts", "targets", "weights", "n_weights", "even",
    "shift", "delay", "full", "sums", "sums_depth", "low", "high",
)  # fmt: skip

#: A population whose neurons count their spikes or take events one by one: those of the links
#: ``first_link`` to ``last_link``, in this order, are added to ``values``, the address of int32, or
#: NONE. Each result is brought into ``low``..``high``, or wrapped to -``half``..``half``
#: - 1 where that is not 0, then up to ``floor``. ``thresholds``: the address of the values from
#: which on each neuron fires on the event, by ``beyond`` above its threshold, which is then
#: subtracted (``subtracts``) or v set to ``v_reset``; NONE where events do not fire. ``counts``:
#: the address of how often each did, int32, of which ``most`` are its spikes. ``before``: what acts
#: before the events, where its function is not 0.
RECEIVER = _record(
    "first_link", "last_link", "values", "low", "high", "half", "floor",
    "thresholds", "beyond", "subtracts", "v_reset", "counts", "most", ("before", STEP_CALL),
)  # fmt: skip

#: A watch: a state variable of one part that is recorded, at ``address``; which rows of ``watched``
#: name its neurons; where its rows begin in ``seen``, and how long each is.
WATCH = _record("part", "address", "item_size", "first", "last", "rows_at", "row_length")
#: A watched neuron, and its column in the recording.
WATCHED = _record("neuron", "column")

#: The fields of all these records that are addresses; ``address``: of an argument of a step.
ADDRESSES = frozenset({
    "address", "meetings", "spikes", "lists", "saturated", "watched", "seen", "out", "phases",
    "events", "event_ends", "cuts", "weights", "values", "thresholds", "counts",
})  # fmt: skip
