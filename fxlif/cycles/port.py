"""The write port of a cycle model: what is offered to it, and what was written when."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from .access import NUMBERS, AddressMap, is_single
from .chain import OFFERED, PORT, PORT_SHOWN, Access
from .control import Bools, Ints, Records, record
from .driver import WRITE, WriteSource
from .latency import AnyCore

#: What stands at the port in a cycle, as in :class:`~fxlif.cycles.model.CycleInputs`.
WRITE_INPUT = record("write_valid", "write_address", "write_data")


class WritePort:
    """The write port of some ``cores``, from power-up on.

    ``kept``: by core, the updates of the block before which something was written, and what the
    thresholds had been until then.
    """

    def __init__(self, cores: Sequence[AnyCore]) -> None:
        self._map = AddressMap(cores)
        self._decoded: Records | None = None
        self._port = np.zeros(1, dtype=PORT)
        self._begun = np.zeros(len(cores), dtype=np.int64)
        #: By core, the weights that it reads, (n_inputs, neurons of all lanes).
        self.weights: list[Ints] = []
        self.offer(0)

    def offer(
        self, cycles: int, valid: npt.ArrayLike = 0, address: npt.ArrayLike = 0,
        data: npt.ArrayLike = 0,
    ) -> None:  # fmt: skip
        """What stands at the port in the next ``cycles``: one number each, or (cycles,)."""
        source = WriteSource()
        source.writes = np.zeros(cycles, dtype=WRITE)
        source.writes["address"], source.writes["data"] = address, data
        self.drive(cycles, source)
        self.access.offered["valid"], self.access.offered["write"] = valid, np.arange(cycles)

    def drive(self, cycles: int, source: WriteSource) -> None:
        """Let the next ``cycles`` show what ``source`` does."""
        writes = source.writes
        if writes is not self._decoded:
            self._decoded = writes
            self._writes = self._map.decode(writes["address"], writes["data"])
        offered, shown = np.zeros(cycles, dtype=OFFERED), np.zeros(cycles, dtype=PORT_SHOWN)
        named = self._writes.core
        self.access = Access(self._port, self._begun, offered, shown, named, source.state, writes)
        self.kept: list[list[tuple[int, Ints]]] = [[] for _ in self._begun]

    def store(
        self, cycle: int, updates: Ints, *copies: Sequence[npt.NDArray[np.signedinteger]]
    ) -> None:
        """Store what is written in ``cycle``, if anything is: a weight, or in all ``copies`` of the
        thresholds, by core; each core is behind so many ``updates``. To be asked once."""
        if not self._port[0]["written"]:
            return
        self._port["written"] = 0
        at = self.access.offered[cycle]["write"]
        k, place, value = (int(getattr(self._writes, n)[at]) for n in ("core", "place", "value"))
        if self._writes.parameter[at] == NUMBERS["weights"]:
            self.weights[k][self._writes.row[at], place] = value
            return
        core = self._map.cores[k]
        self.kept[k].append((int(updates[k]), copies[0][k].astype(np.int64)))
        here = slice(None) if is_single(core, "thresholds") else slice(place, place + 1)
        for each in copies:
            if each:
                each[k][here] = value << core.neuron.threshold_shift

    @property
    def inputs(self) -> Records:
        """What stood at the port, (cycles,) of :data:`WRITE_INPUT`."""
        offered, writes = self.access.offered, self.access.writes
        valid = offered["valid"] != 0
        made: Records = np.zeros(len(valid), dtype=WRITE_INPUT)
        given = writes[offered["write"][valid]]
        made["write_valid"][valid] = 1
        made["write_address"][valid], made["write_data"][valid] = given["address"], given["data"]
        return made

    @property
    def ready(self) -> Bools:
        """Whether the port was ready, (cycles,)."""
        shown: Bools = self.access.shown["ready"] != 0
        return shown

    @property
    def rejected(self) -> Ints:
        """The counter of writes to nothing, (cycles,)."""
        return self.access.shown["rejected"]


def in_updates(kept: list[tuple[int, Ints]], updates: int, now: Ints) -> Ints:
    """The thresholds of each of so many updates, (updates, n): what they had been until some of
    these is in :attr:`WritePort.kept`, and what they are ``now``."""
    rows = np.empty((updates, len(now)), dtype=np.int64)
    done = 0
    for update, thresholds in [*kept, (updates, now)]:
        rows[done:update] = thresholds
        done = update
    return rows
