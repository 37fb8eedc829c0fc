"""Where the weights lie in their memory."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from amaranth.hdl import Cat, Module, Mux, Signal, Value

from ...cycles.latency import AnyCore, padded_thresholds, padded_weights
from ...params.core import CoreParams, address_bits


def is_power_of_two(count: int) -> bool:
    """Whether a number of things, at least one, makes an address by their bits alone."""
    return count & (count - 1) == 0


def rows_together(core: CoreParams) -> bool:
    """Whether the weights lie row after row, and not word after word: where a row is a power of two
    of words."""
    return is_power_of_two(core.words)


def weight_words(core: CoreParams) -> npt.NDArray[np.int64]:
    """The weight memory, (n_inputs * words, lanes): row after row where :func:`rows_together`; else
    word after word, so that the next word of a row is ``n_inputs`` further and no multiplier is
    needed."""
    rows = padded_weights(core).reshape(core.n_inputs, core.words, core.lanes)
    if not rows_together(core):
        rows = rows.transpose(1, 0, 2)
    return rows.reshape(-1, core.lanes)


def weight_depth(core: CoreParams) -> int:
    """How many words the weight memory has."""
    return core.n_inputs * core.words


def weight_address(m: Module, core: CoreParams, address: Value, takes: Value, slot: Value) -> Value:
    """Where the word ``slot`` lies of the row of the ``address`` at which ``takes`` last held."""
    row_bits, word_bits = address_bits(core.n_inputs), (core.words - 1).bit_length()
    rows, words = is_power_of_two(core.n_inputs), rows_together(core)
    if words or rows:
        row = Signal(row_bits, name="row", reset_less=True)
        with m.If(takes):
            m.d.sync += row.eq(address)
        # Slots beyond the words of a row read something that nobody looks at.
        word = slot[:word_bits]
        return Cat(word, row) if words else Cat(row[: (core.n_inputs - 1).bit_length()], word)
    pointer = Signal(range(weight_depth(core)), name="pointer", reset_less=True)
    m.d.sync += pointer.eq(Mux(takes, address, pointer + core.n_inputs))
    return pointer


def weight_place(core: CoreParams, row: Value, word: Value) -> Value:
    """Where a ``word`` of a ``row`` lies."""
    if rows_together(core):
        return Cat(word[: (core.words - 1).bit_length()], row)
    if is_power_of_two(core.n_inputs):
        return Cat(row[: (core.n_inputs - 1).bit_length()], word)
    return row + word * core.n_inputs


def threshold_words(core: AnyCore) -> npt.NDArray[np.int64] | None:
    """The mantissas, (words, lanes), where each neuron has its own threshold."""
    if core.v_thresholds is None:
        return None
    mantissas = padded_thresholds(core) >> core.neuron.threshold_shift
    return mantissas.reshape(-1, core.lanes)
