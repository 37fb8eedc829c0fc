"""The write and the read port of a cycle model: what is offered, written and answered when."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from ..params.core import WRITABLE, CoreParams, Register
from .access import (
    DESIGN,
    NONE,
    NUMBERS,
    READ_NUMBERS,
    AddressMap,
    access_inputs,
    access_outputs,
    as_register,
    is_single,
)
from .chain import OFFERED, PORT, PORT_SHOWN, READ, WRITE, Access
from .control import Bools, Ints, Records, record
from .driver import ACCESS, AccessSource
from .latency import READ_CYCLES, AnyCore
from .shown import CycleInputs

_ITEMS = {number: name for name, number in READ_NUMBERS.items()}


class AccessPorts:
    """The write and the read port of some ``cores``, from power-up on.

    ``kept``: by core, the updates of the block before which something was written, and what the
    thresholds had been until then.
    """

    def __init__(self, cores: Sequence[AnyCore]) -> None:
        self._map = AddressMap(cores)
        self._inputs, self._outputs = record(*access_inputs(cores)), access_outputs(cores)
        self._answer_mask = (1 << self._map.answer_bits) - 1
        self._decoded: list[Records | None] = [None, None]
        self._ports = np.zeros(2, dtype=PORT)
        self._begun = np.zeros(len(cores), dtype=np.int64)
        #: By core, the weights that it reads, (n_inputs, neurons of all lanes); of one that reads
        #: rows those of each memory, (words * lanes,), shifted.
        self.weights: list[Ints | Sequence[Ints]] = []
        #: Reads on their way: the cycle in which each was taken, its answer, whether an error.
        self._reads: list[tuple[int, int, bool]] = []
        #: Whether there is an answer in each cycle, what it is, and whether an error: (3, cycles).
        self.answers = np.zeros((3, 0), dtype=np.int64)
        self.drive(0, AccessSource(), AccessSource())

    def offer(self, cycles: int, inputs: CycleInputs) -> None:
        """Let the next ``cycles`` show the ``inputs`` of the ports."""
        writes, reads = AccessSource(), AccessSource()
        for source in (writes, reads):
            source.rows = np.zeros(cycles, dtype=ACCESS)
        writes.rows["address"], writes.rows["data"] = inputs.write_address, inputs.write_data
        reads.rows["address"] = inputs.read_address
        self.drive(cycles, writes, reads)
        offered = self.access.offered
        offered["number"] = np.arange(cycles)
        offered[WRITE]["valid"], offered[READ]["valid"] = inputs.write_valid, inputs.read_valid

    def drive(self, cycles: int, writes: AccessSource, reads: AccessSource) -> None:
        """Let the next ``cycles`` write and read what these sources do."""
        if writes.rows is not self._decoded[WRITE]:
            self._writes = self._map.decode(writes.rows["address"], writes.rows["data"])
        if reads.rows is not self._decoded[READ]:
            self._named = self._map.decode_reads(reads.rows["address"])
        self._decoded = [writes.rows, reads.rows]
        self.access = Access(
            self._ports, self._begun, np.zeros((2, cycles), dtype=OFFERED),
            np.zeros((2, cycles), dtype=PORT_SHOWN), (writes.rows, reads.rows),
            (writes.state, reads.state), (self._writes.core, self._named.core),
            (self._writes.waits, self._named.core),
        )  # fmt: skip
        self.kept: list[list[tuple[int, Ints]]] = [[] for _ in self._begun]

    def _taken(self, port: int, cycle: int) -> int | None:
        """The number of the access that was taken at a port in ``cycle``, if any was. To be asked
        once."""
        if not self._ports[port]["taken"]:
            return None
        self._ports[port]["taken"] = 0
        return int(self.access.offered[port, cycle]["number"])

    def store(
        self, cycle: int, updates: Ints, *copies: Sequence[npt.NDArray[np.signedinteger]]
    ) -> Iterator[tuple[int, Register, int]]:
        """Store what is written in ``cycle``, if anything is: a weight, or in all ``copies`` of the
        thresholds, by core; each core is behind so many ``updates``. The core, name and value of a
        register, which is not stored here. To be asked once."""
        at = self._taken(WRITE, cycle)
        if at is None or self._writes.core[at] == NONE:
            return
        k, place, value = (int(getattr(self._writes, n)[at]) for n in ("core", "place", "value"))
        if self._writes.parameter[at] == NUMBERS["weights"]:
            row, core = int(self._writes.row[at]), self._map.cores[k]
            if isinstance(core, CoreParams):
                self.weights[k][row][place] = value
                return
            m = core.weight_slots[row, place]
            slot = (row - core.first_words[m]) * core.lanes + place
            self.weights[k][m][slot] = value << core.memories[m].weight_shift
            return
        register = as_register(WRITABLE[self._writes.parameter[at]])
        if register is not None:
            yield k, register, value
            return
        core = self._map.cores[k]
        self.kept[k].append((int(updates[k]), copies[0][k].astype(np.int64)))
        here = slice(None) if is_single(core, "thresholds") else slice(place, place + 1)
        for each in copies:
            if each:
                each[k][here] = value << core.neuron.threshold_shift

    def read(self, cycle: int, value: Callable[[int, str, int], int]) -> None:
        """Note what is read in ``cycle``, if anything is: the ``value`` of a core, by its number,
        the item and the neuron. To be asked once."""
        at = self._taken(READ, cycle)
        if at is None:
            return
        k, data = int(self._named.core[at]), 0
        if k != NONE:
            item = _ITEMS[int(self._named.item[at])]
            if k == DESIGN:
                data = int(self._ports[WRITE if item == "rejected" else READ]["missed"])
            else:
                data = value(k, item, int(self._named.place[at]))
        self._reads.append((cycle, data & self._answer_mask, k == NONE))

    def finish(self, rst: Bools) -> None:
        """Answer what was read before the end of some cycles with these resets, (cycles,)."""
        self.answers = np.zeros((3, len(rst)), dtype=np.int64)
        left = []
        for taken, data, error in self._reads:
            due = taken + READ_CYCLES
            if rst[max(taken + 1, 0) : max(due, 0)].any():  # it is lost
                continue
            if due < len(rst):
                self.answers[:, due] = 1, data, error
            else:
                left.append((taken - len(rst), data, error))
        self._reads = left

    @property
    def inputs(self) -> Records:
        """What stood at the ports, (cycles,), by the fields of
        :class:`~fxlif.cycles.shown.CycleInputs` that are there."""
        made: Records = np.zeros(self.access.offered.shape[1], dtype=self._inputs)
        for name in self._inputs.names or ():
            side, _, field = name.partition("_")
            each = WRITE if side == "write" else READ
            offered = self.access.offered[each]
            valid = offered["valid"] != 0
            given = self.access.rows[each][offered["number"][valid]]
            made[name][valid] = 1 if field == "valid" else given[field]
        return made

    def shown(self) -> dict[str, Any]:
        """What the ports show, (cycles,) each, by the fields of :class:`.shown.CycleOutputs`."""
        valid, data, error = self.answers
        shown = self.access.shown
        found = {
            "write_ready": shown[WRITE]["ready"] != 0, "rejected": shown[WRITE]["missed"],
            "read_ready": shown[READ]["ready"] != 0, "read_errors": shown[READ]["missed"],
            "answer_valid": valid != 0, "answer_data": data, "answer_error": error != 0,
        }  # fmt: skip
        return {field: found[field] for field in self._outputs}


def in_updates(kept: list[tuple[int, Ints]], updates: int, now: Ints) -> Ints:
    """The thresholds of each of so many updates, (updates, n): what they had been until some of
    these is in :attr:`AccessPorts.kept`, and what they are ``now``."""
    rows = np.empty((updates, len(now)), dtype=np.int64)
    done = 0
    for update, thresholds in [*kept, (updates, now)]:
        rows[done:update] = thresholds
        done = update
    return rows
