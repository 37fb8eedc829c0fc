"""The random stimulus of a design with event streams, from one seed."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from functools import cached_property, partial
from itertools import chain, count

import numpy as np

from ...cycles.control import IDLE, RESET, STALL, Bytes, Ints
from ...params.protocol import AnyCores
from . import rates
from .durations import largest_words
from .events import Events
from .flags import Flags, HoldBack, Resets
from .layer import layer_of, missing

#: The axes of a stimulus, each with a generator of its own.
EVENT_AXIS, IDLE_AXIS, STALL_AXIS, RESET_AXIS, WRITE_AXIS, READ_AXIS, SWEEP_AXIS = range(1, 8)
#: Cycles and events that an iterator draws at a time.
AT_ONCE = 4096


class RandomStimulus:
    """Events, idle gaps, stalls and resets for a design.

    ``reset_spacing``: see :class:`~fxlif.sim.stimulus.flags.Resets`; None: what suits the design.
    ``strict`` and ``without``: see :class:`~fxlif.sim.stimulus.events.Events`; ``segment``: which
    one of a run it is for.
    """

    def __init__(
        self, design: AnyCores, seed: int, *, segment: int = 0, reset_spacing: int | None = None,
        strict: bool = False, without: Collection[int] = (),
    ) -> None:  # fmt: skip
        spacing = spacing_of(design) if reset_spacing is None else reset_spacing
        without = {*without, *missing(design)}
        layer = layer_of(design)
        self._events = Events(layer, seed, EVENT_AXIS, strict=strict, without=without)
        longer = rates.STEPS.keys() - rates.SHORT if design.n_inputs else set()
        self._swept = partial(Events, layer, seed, SWEEP_AXIS, strict=strict,
                              without={*without, *longer})  # fmt: skip
        axes: list[HoldBack | Resets] = [
            HoldBack(seed, IDLE_AXIS, IDLE), HoldBack(seed, STALL_AXIS, STALL),
            Resets(seed, RESET_AXIS, spacing, RESET),
        ]  # fmt: skip
        self._flags = Flags(axes, (STALL, IDLE), segment)

    def flags(self, cycles: int) -> Bytes:
        """IDLE, STALL and RESET of :mod:`fxlif.cycles.control` for the next cycles: (cycles,)."""
        return self._flags.take(cycles)

    def events(self, least: int) -> Ints:
        """At least the next ``least`` packed events."""
        return (self._short if self._flags.sweeping else self._events).take(least)

    def short_events(self, least: int) -> Ints:
        """At least the next ``least`` packed events of steps that are soon over."""
        return self._short.take(least)

    @cached_property
    def _short(self) -> Events:
        # What waits in a sweep shall wait for as long as is held back: it must be there in time.
        return self._swept()

    @property
    def sweep_begins(self) -> bool:
        """Whether a sweep began with the flags that were asked for last: events that were drawn
        before are to be dropped."""
        return self._flags.begins


def spacing_of(design: AnyCores) -> int:
    """The distance of resets that suits a design: what takes long takes longer in a larger one."""
    return rates.RESET_SPACING * max(1, largest_words(design) // 8)


def random_events(
    design: AnyCores, seed: int, *, strict: bool = False, without: Collection[int] = ()
) -> Iterator[int]:
    """Packed events one by one and without end; see :class:`~fxlif.sim.stimulus.events.Events`."""
    without = {*without, *missing(design)}
    events = Events(layer_of(design), seed, EVENT_AXIS, strict=strict, without=without)
    return _one_by_one(lambda: events.take(AT_ONCE))


def held_back(seed: int, axis: int) -> Iterator[int]:
    """Whether an agent holds back, cycle by cycle and without end."""
    return _cycles(HoldBack(seed, axis))


def resets(seed: int, spacing: int, axis: int = RESET_AXIS) -> Iterator[int]:
    """Whether the reset is held, cycle by cycle and without end."""
    return _cycles(Resets(seed, axis, spacing, 1))


def _cycles(axis: HoldBack | Resets) -> Iterator[int]:
    return _one_by_one(lambda: axis.add(np.zeros(AT_ONCE, dtype=np.uint8)))


def _one_by_one(draw: Callable[[], Bytes | Ints]) -> Iterator[int]:
    """The numbers of one drawn block after the other. The first block is drawn at once: whatever
    is compiled for it is there before a clock starts."""
    first = draw()
    return chain(first.tolist(), chain.from_iterable(draw().tolist() for _ in count()))
