"""What was seen to be written at the write port, brought to the golden network."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from ...cycles.access import NONE, NUMBERS, AddressMap, as_register, is_single
from ...cycles.latency import AnyCore
from ...layout import RowCore
from ...network.events import TICK
from ...params.protocol import AnyCores
from .golden import GoldenStream
from .wrapper import Cycles

Ints = npt.NDArray[np.int64]
#: (core, number of the parameter, row, place, value).
Write = tuple[int, int, int, int, int]


class GoldenWrites:
    """The events of a design that is written while it runs, by its ``golden`` network.

    A write to a core between two of its updates is done between the same two steps of the network.
    Which these are is seen at the trace: a core's step ends with its last word. Cores are at
    different steps: an event of a step may come out before a later core is written before that
    step, so the last steps can be run again.
    """

    def __init__(self, params: AnyCores, golden: GoldenStream) -> None:
        self._params, self._golden = params, golden
        self._cores: Sequence[AnyCore] = params.cores
        self._map = AddressMap(params.cores)
        self._names = {number: name for name, number in NUMBERS.items()}
        self._clear()

    def _clear(self) -> None:
        self._pending = np.zeros(0, dtype=np.int64)  # events in of the step that has not ended
        #: By step since the reset: its events in, what is written before it; of those that were
        #: run, the network before it and the events out.
        self._inputs: dict[int, Ints] = {}
        self._writes: dict[int, list[Write]] = defaultdict(list)
        self._before: dict[int, GoldenStream] = {}
        self._outs: dict[int, Ints] = {}
        self._step = self._fed = 0  # the next to be run, the next of which events come in
        self._first = self._given = 0  # the oldest that is kept, the events given from there on
        self._updates = [0] * len(self._cores)

    def take(self, cycles: Cycles, window: slice) -> int:
        """Note what is written in some cycles, the last of them with a reset if any is; how many
        writes that are."""
        taken = (cycles["write.valid"] & cycles["write.ready"] & (1 - cycles["rst"]))[window] != 0
        writes = self._map.decode(
            cycles["write.payload.address"][window], cycles["write.payload.data"][window]
        )
        for k, (core, signals) in enumerate(zip(self._cores, self._params.signals, strict=True)):
            last = cycles[signals.trace_index][window] == core.words - 1
            done = np.cumsum(last & (cycles[signals.trace_valid][window] != 0))
            for at in np.flatnonzero(taken & (writes.core == k)):
                parts = writes.parameter, writes.row, writes.place, writes.value
                parameter, row, place, value = (int(part[at]) for part in parts)
                step = self._updates[k] + int(done[at])
                self._writes[step].append((k, parameter, row, place, value))
                self._back_to(step)
            self._updates[k] += int(done[-1]) if len(done) else 0
        return int(np.count_nonzero(taken & (writes.core != NONE)))

    def _back_to(self, step: int) -> None:
        if step < self._step:
            self._golden = self._before[step]
            for later in range(step, self._step):
                del self._before[later], self._outs[later]
            self._step = step

    def feed(self, events: Ints) -> None:
        """Take events in."""
        waiting = np.concatenate([self._pending, events])
        start = 0
        for end in np.flatnonzero(waiting == TICK):
            self._inputs[self._fed] = waiting[start : end + 1]
            self._fed, start = self._fed + 1, int(end) + 1
        self._pending = waiting[start:]

    def give(self, count: int) -> Ints:
        """The next events out, so many or those that there are. No step is run before one of its
        events is wanted: what is written before it is known by then, of cores that send it."""
        outs = [self._outs[step] for step in range(self._first, self._step)]
        wanted = self._given + count
        while sum(map(len, outs)) < wanted and self._step < self._fed:
            outs.append(self._run())
        given = np.concatenate([np.zeros(0, dtype=np.int64), *outs])[self._given : wanted]
        self._given += len(given)
        self._forget()
        return given

    def _run(self) -> Ints:
        step = self._step
        self._before[step] = self._golden.copy()
        for write in self._writes.get(step, ()):
            self._write(*write)
        self._outs[step] = self._golden.stream(self._inputs[step])
        self._step += 1
        return self._outs[step]

    def _forget(self) -> None:
        """Forget the steps that all cores are behind, and whose events were given."""
        behind = min(min(self._updates), self._step)
        while self._first < behind and len(self._outs[self._first]) <= self._given:
            self._given -= len(self._outs.pop(self._first))
            del self._before[self._first], self._inputs[self._first]
            self._writes.pop(self._first, None)
            self._first += 1

    def reset(self) -> None:
        """Write what is left: it stays over the reset."""
        for step in sorted(step for step in self._writes if step >= self._step):
            for write in self._writes[step]:
                self._write(*write)
        self._golden.reset()
        self._clear()

    def _write(self, k: int, parameter: int, row: int, place: int, value: int) -> None:
        core, name = self._cores[k], self._names[parameter]
        population: str | int = core.name if isinstance(core, RowCore) else f"core_{k}"
        at: Any = (row, place)
        if name == "weights" and isinstance(core, RowCore):
            number = core.weight_slots[row, place]
            memory = core.memories[number]
            population = memory.projection
            pre, post, word, lane = memory.synapses
            (entry,) = np.flatnonzero((word == row - core.first_words[number]) & (lane == place))
            at = int(pre[entry]), int(post[entry])
        if name == "thresholds":
            at = None if is_single(core, name) else place
            value <<= core.neuron.threshold_shift
        elif as_register(name) is not None:
            at = None
            if name == "refractory" and core.neuron.refractory_count == "before":
                value += 1
        self._golden.network.write(population, name, value, at)
