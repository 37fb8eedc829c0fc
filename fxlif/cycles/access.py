"""Where a design's write port finds what can be written while it runs: addresses and widths.

An address consists of fields, lowest first: lane, word, row, parameter, core. Neuron i is lane
``i % lanes`` of word ``i // lanes`` of its core, so that where the lanes are a power of two the two
fields are i. The fields are as wide as the largest core needs, those of rows (the inputs of a
core) where weights can be written.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ..params.core import CoreParams, Writable
from ..params.quantise import signed_range
from .latency import AnyCore

Ints = npt.NDArray[np.int64]
#: Parameter → its number in an address.
NUMBERS: dict[Writable, int] = {"weights": 0, "thresholds": 1}
#: Bits of that number.
PARAMETER_BITS = 3
#: Stands for no core.
NONE = -1


def _bits(count: int) -> int:
    """The fewest bits that number ``count`` things from 0; none for a single one."""
    return (count - 1).bit_length()


def value_bits(core: AnyCore, parameter: Writable) -> int:
    """The bits of a value of a parameter, as it is written; all are signed."""
    return {
        "weights": core.neuron.weight_bits, "thresholds": core.neuron.threshold_bits,
    }[parameter]  # fmt: skip


def value_range(core: AnyCore, parameter: Writable) -> tuple[int, int]:
    """Lowest and highest value that can be written."""
    return signed_range(value_bits(core, parameter))


def threshold_ends(core: AnyCore) -> tuple[int, int] | None:
    """Lowest and highest threshold that can be written; None where none can."""
    if "thresholds" not in core.writable:
        return None
    low, high = value_range(core, "thresholds")
    return low << core.neuron.threshold_shift, high << core.neuron.threshold_shift


def is_single(core: AnyCore, parameter: Writable) -> bool:
    """Whether there is one value of a parameter for the whole core."""
    return parameter == "thresholds" and core.v_thresholds is None


def inputs_of(core: AnyCore) -> int:
    """The rows of weights that can be written; 0 where none can."""
    return core.n_inputs if isinstance(core, CoreParams) and "weights" in core.writable else 0


@dataclass(frozen=True)
class Writes:
    """What some addresses name, and what is written there, one entry each: arrays (n,).

    ``core`` is NONE where there is nothing at an address; ``parameter`` its number; ``row`` the
    input of a weight, ``place`` the number of the neuron.
    """

    core: Ints
    parameter: Ints
    row: Ints
    place: Ints
    value: Ints


class AddressMap:
    """The addresses of what can be written in some ``cores``."""

    def __init__(self, cores: Sequence[AnyCore]) -> None:
        self.cores = tuple(cores)
        self.lane_bits = max(_bits(core.lanes) for core in cores)
        self.word_bits = max(_bits(core.words) for core in cores)
        self.row_at = self.lane_bits + self.word_bits
        self.row_bits = max(_bits(max(1, inputs_of(core))) for core in cores)
        self.parameter_at = self.row_at + self.row_bits
        self.core_at = self.parameter_at + PARAMETER_BITS
        #: Width of an address, and of a value: that of the widest.
        self.address_bits = self.core_at + _bits(len(self.cores))
        self.data_bits = max(
            (value_bits(core, name) for core in cores for name in core.writable), default=1
        )

    def address(self, core: int, parameter: Writable, neuron: int = 0, row: int = 0) -> int:
        """Where a value is written; single values have neuron 0, all but weights row 0."""
        word, lane = divmod(neuron, self.cores[core].lanes)
        return (
            core << self.core_at
            | NUMBERS[parameter] << self.parameter_at
            | row << self.row_at
            | word << self.lane_bits
            | lane
        )

    def data(self, core: int, parameter: Writable, value: int) -> int:
        """The bits that stand for a value at the port."""
        return value & ((1 << value_bits(self.cores[core], parameter)) - 1)

    def fields(self, address: npt.ArrayLike) -> tuple[Ints, Ints, Ints, Ints, Ints]:
        """Lane, word, row, parameter and core that some addresses say, (n,) each."""
        given = np.asarray(address, dtype=np.int64)
        lane = given & ((1 << self.lane_bits) - 1)
        word = (given >> self.lane_bits) & ((1 << self.word_bits) - 1)
        row = (given >> self.row_at) & ((1 << self.row_bits) - 1)
        parameter = (given >> self.parameter_at) & ((1 << PARAMETER_BITS) - 1)
        return lane, word, row, parameter, given >> self.core_at

    def decode(self, address: npt.ArrayLike, data: npt.ArrayLike) -> Writes:
        """What is written where, (n,) each."""
        bits = np.asarray(data, dtype=np.int64)
        lane, word, row, parameter, named = self.fields(address)
        found = np.full(named.shape, NONE, dtype=np.int64)
        place, value = np.zeros_like(found), np.zeros_like(found)
        for k, core in enumerate(self.cores):
            neuron = word * core.lanes + lane
            for name in core.writable:
                low, high = value_range(core, name)
                there = (named == k) & (parameter == NUMBERS[name]) & (lane < core.lanes)
                there &= row < (inputs_of(core) if name == "weights" else 1)
                there &= neuron < (1 if is_single(core, name) else core.n_neurons)
                found[there], place[there] = k, neuron[there]
                value[there] = ((bits[there] - low) & (high - low)) + low
        return Writes(found, parameter, row, place, value)

    def described(self) -> dict[str, Any]:
        """The map as JSON values: what of a core is written where."""
        ranges = [
            {
                "core": k, "parameter": name, "address": self.address(k, name),
                "values": 1 if is_single(core, name) else core.n_neurons,
                "bits": value_bits(core, name), "signed": True,
                "rows": inputs_of(core) if name == "weights" else 1,
                "shift": core.neuron.threshold_shift if name == "thresholds" else 0,
            }
            for k, core in enumerate(self.cores)
            for name in core.writable
        ]  # fmt: skip
        return {
            "address_bits": self.address_bits, "data_bits": self.data_bits,
            "lane_bits": self.lane_bits, "word_bits": self.word_bits, "row_bits": self.row_bits,
            "ranges": ranges,
        }  # fmt: skip
