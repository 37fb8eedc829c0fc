"""A wrapped design under random stimulus beside its model, in blocks of cycles, all compiled.

The stimulus comes from a seed and the model alone: that the design took an event is not seen but
known, and if it did not, that is the difference.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import numpy as np

from ...cycles.control import IDLE, NONE, RESET, Block, Bytes, Ints
from ...cycles.model import CycleInputs, Driver
from ...cycles.row_model import model_of
from ...params.protocol import AnyCores
from ..bench.scoreboard import Counts
from ..bench.wrapper import Interface
from ..stimulus.accesses import random_accesses, writes_of_all
from ..stimulus.aimed import aimed_events
from ..stimulus.lengths import REPEATED, Seen
from ..stimulus.march import TRIED, march, too_slow
from ..stimulus.planned import planned_events
from ..stimulus.random import RandomStimulus
from .compare import Comparison, Packed, counts_of

if TYPE_CHECKING:
    from ..coverage.coverage import Coverage

#: Cycles of a block: its tables stay in the cache.
BLOCK = 1 << 14


class Bulk(Protocol):
    """One run of a design, from power-up on."""

    def aim(self) -> None:
        """Let aimed inputs come before the next random ones, where the design has such."""

    def march(self, blocks: int) -> None:
        """Let a reset and a march come next, if it comes to its end in so many blocks."""

    def cover(self, coverage: Coverage) -> None:
        """Count what the last block did."""

    def stimulus(self) -> Packed:
        """The inputs of the next block, (BLOCK, words)."""

    def shown_with(self, flags: Bytes) -> Packed:
        """The inputs of a block of as many cycles as there are ``flags``, of
        :mod:`fxlif.cycles.control`, with steps that are soon over: (cycles, words)."""

    def seen(self) -> Seen:
        """What the streams showed in the last block."""

    def check(self, response: Packed) -> int:
        """The first cycle of that block in which the response is wrong, or NONE."""

    @property
    def counts(self) -> Counts:
        """Of all blocks so far; where one is wrong, up to the wrong cycle."""


class StreamBulk:
    """A core or a network of cores."""

    def __init__(
        self, params: AnyCores, interface: Interface, seed: int, *, segment: int = 0
    ) -> None:
        self.model = model_of(params, engine="compiled")
        self._params = params
        self._stimulus, self._seed = RandomStimulus(params, seed, segment=segment), seed
        self._driver = Driver(params.in_address_bits)
        self._accesses = random_accesses(params.cores, seed, self._driver)
        self._comparison = Comparison(params, interface)
        self._cycles = 0
        self._aiming = False
        # Events that are to come behind a reset, one part after the other.
        self._parts: list[Ints] = []
        # Of a march: its events, the blocks that it may have, and those that it has had.
        self._march, self._most, self._marched = 0, 0, 0
        self._repeated: list[Ints] = []
        self.block: Block | None = None

    def aim(self) -> None:
        self._driver.refill(aimed_events(self._params))
        # What is aimed at is the design as it is, from now on.
        for source, _ in self._accesses:
            source.drop()
        self._driver.writes.refill(writes_of_all(self._params.cores))
        self._aiming = True
        self._parts = list(planned_events(self._params))

    def march(self, blocks: int) -> None:
        self._driver.drop()
        self._aiming = True
        self._parts = [march(self._params, self._seed)]
        self._march, self._most, self._marched = len(self._parts[0]), blocks, 0

    def _flags(self) -> Bytes:
        """The flags of the next block."""
        if not self._aiming:
            flags = self._stimulus.flags(BLOCK)
            if self._stimulus.sweep_begins:
                self._driver.drop()
            return flags
        # Nothing may come between the steps that are aimed.
        flags = np.zeros(BLOCK, dtype=np.uint8)
        if self._driver.left == 0:
            flags[0] = RESET | IDLE  # what is offered in it may be taken and lost
            self._driver.refill(self._parts.pop(0))
        self._marched += self._march > 0
        return flags

    def stimulus(self) -> Packed:
        left = self._driver.left
        if self._marched == TRIED and too_slow(self._march, left, TRIED, self._most):
            self._driver.drop()
        if self._driver.left == 0 and not self._parts:
            self._aiming, self._march, self._marched = False, 0, 0
        flags = self._flags()
        if not self._aiming and self._driver.left < BLOCK:
            self._driver.refill(self._stimulus.events(BLOCK))
        for source, drawn in self._accesses:
            if not self._aiming and source.left < BLOCK // 2:
                source.refill(drawn.take(BLOCK // 2))
        self.block = self.model.drive(self._driver, flags)
        return self._comparison.stimulus(self.block, self.model.port)

    def shown_with(self, flags: Bytes) -> Packed:
        if self._driver.left < len(flags):
            self._driver.refill(self._stimulus.short_events(len(flags)))
        self.block = self.model.drive(self._driver, flags)
        return self._comparison.stimulus(self.block, self.model.port)

    def seen(self) -> Seen:
        assert self.block is not None
        inputs, streams = self.block.inputs, self.block.streams
        offered = inputs["in_valid"] != 0
        return Seen(
            offered, offered & (streams["in_ready"] != 0), inputs["in_tick"] != 0,
            streams["out_valid"] != 0, streams["out_tick"] != 0, streams["out_address"],
        )  # fmt: skip

    def repeat(self, number: int) -> None:
        """See :class:`~fxlif.sim.stimulus.lengths.Source`."""
        while len(self._repeated) <= number:
            self._repeated.append(self._stimulus.short_events(REPEATED))
        self._driver.drop()
        self._driver.refill(self._repeated[number])

    def expose(self) -> None:
        """Nothing: the trace shows every state."""

    def cover(self, coverage: Coverage) -> None:
        assert self.block is not None
        port = self.model.port
        tables = [self.block.inputs] if port is None else [self.block.inputs, port.inputs]
        coverage.take(CycleInputs.of(*tables), self.model.outputs(self.block))

    def check(self, response: Packed) -> int:
        assert self.block is not None
        wrong = self._comparison.check(self.block, response, self.model.port)
        self._cycles += len(response) if wrong == NONE else wrong + 1
        return wrong

    @property
    def counts(self) -> Counts:
        return counts_of(self._cycles, self._comparison.counts, self._comparison.fired)
