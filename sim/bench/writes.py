"""What was seen to be written at the write port, brought to the golden network."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import numpy as np

from ...cycles.access import NONE, NUMBERS, AddressMap, is_single
from ...cycles.latency import AnyCore
from ...network.model import Network
from ...params.protocol import AnyCores
from .wrapper import Cycles

#: (core, number of the parameter, row, place, value).
Write = tuple[int, int, int, int, int]


class GoldenWrites:
    """Writes to a core between two of its updates, done between the same two steps of ``golden``.

    Which these are is seen at the trace: a core's step ends with its last word.
    """

    def __init__(self, params: AnyCores, golden: Network) -> None:
        self._params, self._golden = params, golden
        self._cores: Sequence[AnyCore] = params.cores
        self._map = AddressMap(params.cores)
        self._names = {number: name for name, number in NUMBERS.items()}
        #: By step since the reset.
        self._waiting: dict[int, list[Write]] = defaultdict(list)
        self._updates = [0] * len(params.cores)
        self._step = 0

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
                self._waiting[step].append((k, parameter, row, place, value))
            self._updates[k] += int(done[-1]) if len(done) else 0
        return int(np.count_nonzero(taken & (writes.core != NONE)))

    def before_step(self) -> None:
        """Write what the next step of the golden network follows."""
        for write in self._waiting.pop(self._step, ()):
            self._write(*write)
        self._step += 1

    def reset(self) -> None:
        """Write what is left: it stays over the reset."""
        for step in sorted(self._waiting):
            for write in self._waiting[step]:
                self._write(*write)
        self._waiting.clear()
        self._updates = [0] * len(self._updates)
        self._step = 0

    def _write(self, k: int, parameter: int, row: int, place: int, value: int) -> None:
        core, name = self._cores[k], self._names[parameter]
        at: Any = (row, place)
        if name == "thresholds":
            at = None if is_single(core, name) else place
            value <<= core.neuron.threshold_shift
        self._golden.write(f"core_{k}", name, value, at)
