"""A wrapped design under random stimulus beside its model, in blocks of cycles, all compiled.

The stimulus comes from a seed and the model alone: that the design took an event is not seen but
known, and if it did not, that is the difference.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from .. import neuron_cycles
from ..control import NONE, Ints, njit
from ..core_params import CoreParams
from ..cycles import Block, CycleModel, Driver
from ..network_params import NetworkParams
from ..neuron_cycles import NeuronCycles, NeuronStimulus
from ..params import NeuronParams
from ..stimulus import RandomStimulus
from .compare import (
    COMPARISONS,
    COUNTS,
    FIRED,
    FIRST,
    GIVEN,
    RESETS,
    STEPS,
    TAKEN,
    Comparison,
    Packed,
    differs,
    layout,
    pack,
)
from .interface import Interface

#: Cycles of a block: its tables stay in the cache.
BLOCK = 1 << 14


@dataclass
class Counts:
    """What was checked, and what was seen meanwhile."""

    cycles: int = 0
    comparisons: int = 0
    steps: int = 0
    events_in: int = 0
    events_out: int = 0
    spikes: int = 0
    resets: int = 0

    def add(self, other: Counts) -> None:
        """Add what another part of the run counted."""
        for name, value in vars(other).items():
            setattr(self, name, getattr(self, name) + value)


class Bulk(Protocol):
    """One run of a design, from power-up on."""

    def stimulus(self) -> Packed:
        """The inputs of the next block, (BLOCK, words)."""

    def check(self, response: Packed) -> int:
        """The first cycle of that block in which the response is wrong, or NONE."""

    @property
    def counts(self) -> Counts:
        """Of all blocks so far; where one is wrong, up to the wrong cycle."""


class ChainBulk:
    """A core or a chain of cores."""

    def __init__(self, params: CoreParams | NetworkParams, interface: Interface, seed: int) -> None:
        chain = isinstance(params, NetworkParams)
        cores = params.core if isinstance(params, NetworkParams) else (params,)
        self.model = CycleModel(cores, engine="kernels")
        self._stimulus = RandomStimulus(cores[0], seed)
        self._driver = Driver(cores[0].in_address_bits)
        self._comparison = Comparison(cores, interface, chain=chain)
        self._cycles = 0
        self.block: Block | None = None

    def stimulus(self) -> Packed:
        if self._driver.left < BLOCK:
            self._driver.refill(self._stimulus.events(BLOCK))
        self.block = self.model.drive(self._driver, self._stimulus.flags(BLOCK))
        return self._comparison.stimulus(self.block)

    def check(self, response: Packed) -> int:
        assert self.block is not None
        wrong = self._comparison.check(self.block, response)
        self._cycles += BLOCK if wrong == NONE else wrong + 1
        return wrong

    @property
    def counts(self) -> Counts:
        found = self._comparison.counts.tolist()
        return Counts(
            cycles=self._cycles, comparisons=found[COMPARISONS], steps=found[STEPS],
            events_in=found[TAKEN], events_out=found[GIVEN], spikes=found[FIRED],
            resets=found[RESETS],
        )  # fmt: skip


@njit
def compare_neuron(inputs: Ints, shown: Ints, words: Packed, layouts: Ints, counts: Ints) -> None:
    """Compare every state variable and the spike with the model's."""
    spike = shown.shape[1] - 1
    for cycle in range(len(inputs)):
        wrong = False
        for k in range(shown.shape[1]):
            wrong |= differs(words, cycle, layouts, k, shown[cycle, k])
        counts[COMPARISONS] += shown.shape[1]
        if wrong:
            counts[FIRST] = cycle
            return
        if inputs[cycle, neuron_cycles.RST]:
            counts[RESETS] += 1
        elif inputs[cycle, neuron_cycles.ENABLE]:
            counts[STEPS] += 1
            # The spike of a step is shown in the cycle after it.
            if cycle + 1 < len(inputs):
                counts[FIRED] += shown[cycle + 1, spike]


class NeuronBulk:
    """A single registered neuron."""

    def __init__(self, neuron: NeuronParams, interface: Interface, seed: int) -> None:
        stimulus, response = interface.stimulus, interface.response
        bits = stimulus["current"].width
        self.model = NeuronCycles(neuron, bits)
        self._stimulus = NeuronStimulus(neuron, bits, seed)
        self._inputs_layout = layout(stimulus[name] for name in ("rst", "enable", "current"))
        names = [*(f"state.{name}" for name in neuron.state_widths), "spike"]
        self._layout = layout(response[name] for name in names)
        self._words = -(-interface.stimulus_bits // 64) + 1
        self._found = np.zeros(COUNTS, dtype=np.int64)
        self._cycles = 0
        self.inputs = np.zeros((0, neuron_cycles.INPUT_COLUMNS), dtype=np.int64)
        self.shown = np.zeros((0, len(names)), dtype=np.int64)

    def stimulus(self) -> Packed:
        self.inputs = self._stimulus.inputs(BLOCK)
        self.shown = self.model.run(self.inputs)
        words = np.empty((BLOCK, self._words), dtype=np.uint64)
        pack(self.inputs, self._inputs_layout, words)
        return words

    def check(self, response: Packed) -> int:
        self._found[FIRST] = NONE
        compare_neuron(self.inputs, self.shown, response, self._layout, self._found)
        wrong = int(self._found[FIRST])
        self._cycles += BLOCK if wrong == NONE else wrong + 1
        return wrong

    @property
    def counts(self) -> Counts:
        return Counts(
            cycles=self._cycles, comparisons=int(self._found[COMPARISONS]),
            steps=int(self._found[STEPS]), spikes=int(self._found[FIRED]),
            resets=int(self._found[RESETS]),
        )  # fmt: skip


def bulk_of(
    params: NeuronParams | CoreParams | NetworkParams, interface: Interface, seed: int
) -> Bulk:
    """The run of a design with this seed."""
    if isinstance(params, NeuronParams):
        return NeuronBulk(params, interface, seed)
    return ChainBulk(params, interface, seed)
