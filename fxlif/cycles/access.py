"""Where a design's ports find what can be written and read while it runs: addresses and widths.

An address consists of fields, lowest first: lane, word, row, item, core. Neuron i is lane
``i % lanes`` of word ``i // lanes`` of its core, so that where the lanes are a power of two the two
fields are i. The fields are as wide as the largest core needs, those of rows (the inputs of a
core) where weights can be written. Of the weights of a core that reads rows of synapses, word and
row together are the number of a word (:attr:`~fxlif.layout.parts.RowCore.first_words`). The item
is a parameter that is written, or a state variable or a counter that is read.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from ..params.core import REGISTERS, WRITABLE, CoreParams, Register, Writable
from ..params.quantise import signed_range
from ..rule.written import register_range
from .latency import COUNTER_BITS, READ_CYCLES, AnyCore
from .signals import READ_INPUTS, READ_OUTPUTS, WRITE_INPUTS, WRITE_OUTPUTS

Ints = npt.NDArray[np.int64]
#: What is read besides state variables: counters of a core, and those of the ports of the design.
Count = Literal["dropped", "saturated"]
COUNTS: tuple[Count, ...] = ("dropped", "saturated")
PORT_COUNTS = ("rejected", "read_errors")
#: Parameter → its number in an address that is written.
NUMBERS: dict[Writable, int] = {name: number for number, name in enumerate(WRITABLE)}
#: State variable or counter → its number in an address that is read.
READ_NUMBERS: dict[str, int] = {
    "v": 8, "i_syn": 9, "theta": 10, "refractory": 11,
    "dropped": 12, "saturated": 13, "rejected": 14, "read_errors": 15,
}  # fmt: skip
#: Bits of a shift.
SHIFT_BITS = 5
#: State variables below 0 too.
SIGNED = ("v", "i_syn")
#: Bits of these numbers.
ITEM_BITS = 4
#: Stand for no core: where there is nothing, and for the design itself.
NONE, DESIGN = -1, -2


def _bits(count: int) -> int:
    """The fewest bits that number ``count`` things from 0; none for a single one."""
    return (count - 1).bit_length()


def is_accessible(core: AnyCore) -> bool:
    """Whether anything of a core can be written or read while it runs."""
    return bool(core.writable) or core.readable


def access_inputs(cores: Sequence[AnyCore]) -> dict[str, str]:
    """Field of :class:`~fxlif.cycles.shown.CycleInputs` → the port, of the ports for access that a
    design of these cores has."""
    written = WRITE_INPUTS if any(core.writable for core in cores) else {}
    return written | (READ_INPUTS if any(core.readable for core in cores) else {})


def access_outputs(cores: Sequence[AnyCore]) -> dict[str, str]:
    """Field of :class:`~fxlif.cycles.shown.CycleOutputs` → the port, likewise."""
    written = WRITE_OUTPUTS if any(core.writable for core in cores) else {}
    return written | (READ_OUTPUTS if any(core.readable for core in cores) else {})


def as_register(parameter: str) -> Register | None:
    """The register that a parameter is, if it is one."""
    return next((name for name in REGISTERS if name == parameter), None)


def registers_of(core: AnyCore) -> tuple[Register, ...]:
    """The registers of a core's neurons that can be written."""
    return tuple(name for name in REGISTERS if name in core.writable)


def value_bits(core: AnyCore, parameter: Writable) -> int:
    """The bits of a value of a parameter, as it is written."""
    neuron = core.neuron
    return {
        "weights": neuron.weight_bits, "thresholds": neuron.threshold_bits,
        "leak_shift": SHIFT_BITS, "v_reset": neuron.state_bits,
        "refractory": neuron.refractory_bits,
    }[parameter]  # fmt: skip


def is_signed(parameter: Writable) -> bool:
    """Whether a value may be below 0."""
    return parameter not in ("leak_shift", "refractory")


def bits_range(core: AnyCore, parameter: Writable) -> tuple[int, int]:
    """Lowest and highest value of the bits that are written."""
    bits = value_bits(core, parameter)
    return signed_range(bits) if is_signed(parameter) else (0, (1 << bits) - 1)


def value_range(core: AnyCore, parameter: Writable) -> tuple[int, int]:
    """Lowest and highest value that can be written; others are written to nothing."""
    register = as_register(parameter)
    if register is not None:
        return register_range(core.neuron, register)
    return bits_range(core, parameter)


def threshold_ends(core: AnyCore) -> tuple[int, int] | None:
    """Lowest and highest threshold that can be written; None where none can."""
    if "thresholds" not in core.writable:
        return None
    low, high = value_range(core, "thresholds")
    return low << core.neuron.threshold_shift, high << core.neuron.threshold_shift


def is_single(core: AnyCore, parameter: Writable) -> bool:
    """Whether there is one value of a parameter for the whole core."""
    if as_register(parameter) is not None:
        return True
    return parameter == "thresholds" and core.v_thresholds is None


def inputs_of(core: AnyCore) -> int:
    """The rows of weights that can be written; 0 where none can."""
    return core.n_inputs if isinstance(core, CoreParams) and "weights" in core.writable else 0


def weight_words(core: AnyCore) -> int:
    """The words of weights that can be written in a core that reads rows, by their numbers."""
    if isinstance(core, CoreParams) or "weights" not in core.writable:
        return 0
    return len(core.weight_slots)


@dataclass(frozen=True)
class Writes:
    """What some addresses name, and what is written there, one entry each: arrays (n,).

    ``core`` is NONE where there is nothing at an address; ``waits`` the core that a write waits
    for, also where rows of synapses could hold one and do not. ``parameter``: its number; ``row``
    the input of a weight, ``place`` the number of the neuron; of a weight in rows the number of
    its word, and the lane.
    """

    core: Ints
    waits: Ints
    parameter: Ints
    row: Ints
    place: Ints
    value: Ints


@dataclass(frozen=True)
class Reads:
    """What some addresses name that is read, one entry each: arrays (n,).

    ``core`` is NONE where there is nothing at an address, DESIGN of a counter of the ports;
    ``item`` its number, ``place`` that of the neuron.
    """

    core: Ints
    item: Ints
    place: Ints


class AddressMap:
    """The addresses of what can be written and read in some ``cores``; ``counters``: the cores
    count what they drop and saturate."""

    def __init__(self, cores: Sequence[AnyCore], *, counters: bool = True) -> None:
        self.cores = tuple(cores)
        self._counts = COUNTS if counters else ()
        self.lane_bits = max(_bits(core.lanes) for core in cores)
        self.word_bits = max(_bits(core.words) for core in cores)
        self.row_at = self.lane_bits + self.word_bits
        rows = (_bits(max(1, inputs_of(core))) for core in cores)
        words = (_bits(max(1, weight_words(core))) - self.word_bits for core in cores)
        self.row_bits = max(0, *rows, *words)
        self.item_at = self.row_at + self.row_bits
        self.core_at = self.item_at + ITEM_BITS
        #: Width of an address, of a value that is written, and of an answer: that of the widest.
        self.address_bits = self.core_at + _bits(len(self.cores))
        self.data_bits = max(
            (value_bits(core, name) for core in cores for name in core.writable), default=1
        )
        widest = [bits for core in cores for bits in self.items(core).values()]
        self.answer_bits = max([COUNTER_BITS, *widest])

    def items(self, core: AnyCore) -> dict[str, int]:
        """What can be read of a core: state variable or counter → its bits."""
        if not core.readable:
            return {}
        return core.neuron.state_widths | dict.fromkeys(self._counts, COUNTER_BITS)

    @property
    def port_counts(self) -> tuple[str, ...]:
        """The counters of the ports that can be read, at core 0."""
        if not any(core.readable for core in self.cores):
            return ()
        return PORT_COUNTS[0 if any(core.writable for core in self.cores) else 1 :]

    def address(self, core: int, parameter: Writable, neuron: int = 0, row: int = 0) -> int:
        """Where a value is written; single values have neuron 0, all but weights row 0. A weight in
        rows has a lane in place of a neuron, and the number of a word."""
        is_slot = parameter == "weights" and weight_words(self.cores[core])
        row_at = self.lane_bits if is_slot else self.row_at
        return self._address(core, NUMBERS[parameter], neuron) | row << row_at

    def read_address(self, core: int, item: str, neuron: int = 0) -> int:
        """Where a value is read; counters have neuron 0, those of the ports core 0."""
        return self._address(core, READ_NUMBERS[item], neuron)

    def _address(self, core: int, number: int, neuron: int) -> int:
        word, lane = divmod(neuron, self.cores[core].lanes)
        return core << self.core_at | number << self.item_at | word << self.lane_bits | lane

    def synapses(self, projection: int) -> tuple[Ints, Ints, Ints]:
        """Source, target and address of the weight of each synapse of a projection whose weights
        can be written, in cores that read rows: (synapses,) each; none of other projections."""
        for k, core in enumerate(self.cores):
            if isinstance(core, CoreParams) or "weights" not in core.writable:
                continue
            for memory, first in zip(core.memories, core.first_words, strict=True):
                if memory.projection == projection:
                    pre, post, word, lane = memory.synapses
                    start = self.address(k, "weights", 0, first)
                    return pre, post, start + (word << self.lane_bits) + lane
        nothing = np.zeros(0, dtype=np.int64)
        return nothing, nothing, nothing

    def data(self, core: int, parameter: Writable, value: int) -> int:
        """The bits that stand for a value at the port."""
        return value & ((1 << value_bits(self.cores[core], parameter)) - 1)

    def fields(self, address: npt.ArrayLike) -> tuple[Ints, Ints, Ints, Ints, Ints]:
        """Lane, word, row, item and core that some addresses say, (n,) each."""
        given = np.asarray(address, dtype=np.int64)
        lane = given & ((1 << self.lane_bits) - 1)
        word = (given >> self.lane_bits) & ((1 << self.word_bits) - 1)
        row = (given >> self.row_at) & ((1 << self.row_bits) - 1)
        item = (given >> self.item_at) & ((1 << ITEM_BITS) - 1)
        return lane, word, row, item, given >> self.core_at

    def decode(self, address: npt.ArrayLike, data: npt.ArrayLike) -> Writes:
        """What is written where, (n,) each."""
        bits = np.asarray(data, dtype=np.int64)
        lane, word, row, parameter, named = self.fields(address)
        found = np.full(named.shape, NONE, dtype=np.int64)
        place, value = np.zeros_like(found), np.zeros_like(found)
        waits, rows = found.copy(), row.copy()
        for k, core in enumerate(self.cores):
            neuron = word * core.lanes + lane
            for name in core.writable:
                least, most = bits_range(core, name)
                stored = ((bits - least) & (most - least)) + least
                low, high = value_range(core, name)
                here = (named == k) & (parameter == NUMBERS[name])
                here &= (low <= stored) & (stored <= high)
                value[here] = stored[here]
                if name == "weights" and not isinstance(core, CoreParams):
                    number, words = row << self.word_bits | word, weight_words(core)
                    here &= (number < 1 << _bits(words)) & (lane < 1 << _bits(core.lanes))
                    waits[here & (words > 0)] = k
                    here &= (number < words) & (lane < core.lanes)
                    here[here] = core.weight_slots[number[here], lane[here]] >= 0
                    found[here], rows[here], place[here] = k, number[here], lane[here]
                    continue
                here &= (lane < core.lanes) & (row < (inputs_of(core) if name == "weights" else 1))
                here &= neuron < (1 if is_single(core, name) else core.n_neurons)
                found[here], waits[here], place[here] = k, k, neuron[here]
        return Writes(found, waits, parameter, rows, place, value)

    def decode_reads(self, address: npt.ArrayLike) -> Reads:
        """What is read where, (n,)."""
        lane, word, row, item, named = self.fields(address)
        found = np.full(named.shape, NONE, dtype=np.int64)
        first = (row == 0) & (word == 0) & (lane == 0)
        for name in self.port_counts:
            found[first & (named == 0) & (item == READ_NUMBERS[name])] = DESIGN
        place = np.zeros_like(found)
        for k, core in enumerate(self.cores):
            neuron = word * core.lanes + lane
            is_neuron = (row == 0) & (lane < core.lanes) & (neuron < core.n_neurons)
            for name in self.items(core):
                there = (named == k) & (item == READ_NUMBERS[name])
                there &= is_neuron if name in core.neuron.state_widths else first
                found[there], place[there] = k, neuron[there]
        return Reads(found, item, place)

    def described(self) -> dict[str, Any]:
        """The map as JSON values: what is written and read where, of the ports that there are."""
        layout = {
            "address_bits": self.address_bits, "lane_bits": self.lane_bits,
            "word_bits": self.word_bits, "row_bits": self.row_bits, "item_bits": ITEM_BITS,
        }  # fmt: skip
        writes = [
            {
                "core": k, "parameter": name, "address": self.address(k, name),
                "values": 1 if is_single(core, name) else core.n_neurons,
                "bits": value_bits(core, name), "signed": is_signed(name),
                "rows": inputs_of(core) if name == "weights" else 1,
                "shift": core.neuron.threshold_shift if name == "thresholds" else 0,
            }
            for k, core in enumerate(self.cores)
            for name in core.writable
            if name != "weights" or isinstance(core, CoreParams)
        ]  # fmt: skip
        writes += [
            {
                "core": k, "parameter": "weights", "projection": memory.projection,
                "address": self.address(k, "weights", 0, first), "words": memory.depth,
                "lanes": core.lanes, "bits": memory.weight_bits, "signed": True,
            }
            for k, core in enumerate(self.cores)
            if not isinstance(core, CoreParams) and "weights" in core.writable
            for memory, first in zip(core.memories, core.first_words, strict=True)
        ]  # fmt: skip
        reads: list[dict[str, Any]] = [
            {
                "core": k, "item": name, "address": self.read_address(k, name),
                "values": core.n_neurons if name in core.neuron.state_widths else 1,
                "bits": bits, "signed": name in SIGNED,
            }
            for k, core in enumerate(self.cores)
            for name, bits in self.items(core).items()
        ]  # fmt: skip
        reads += [
            {
                "core": None, "item": name, "address": self.read_address(0, name), "values": 1,
                "bits": COUNTER_BITS, "signed": False,
            }
            for name in self.port_counts
        ]  # fmt: skip
        made = {}
        if writes:
            made["writes"] = {**layout, "data_bits": self.data_bits, "ranges": writes}
        if reads:
            timing = {"data_bits": self.answer_bits, "cycles_to_answer": READ_CYCLES}
            made["reads"] = {**layout, **timing, "ranges": reads}
        return made
