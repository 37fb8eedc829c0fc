"""How a core is laid out in time: its latencies and the words of its memories.

What it computes is said by :class:`fxlif.network.model.Core`, with no notion of a clock; what it
shows in each cycle by :mod:`fxlif.cycles.model` for a core of a chain, and by
:mod:`fxlif.cycles.row_model` for one of a network of nodes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import numpy.typing as npt

from ..params.core import CoreParams
from .pipeline import event_distance, write_distance

if TYPE_CHECKING:
    from ..layout import RowCore

#: A core of a chain, or of a network of nodes.
AnyCore: TypeAlias = "CoreParams | RowCore"

#: Counters of dropped events and saturated additions have this width and wrap around.
COUNTER_BITS = 32
#: From the taking of a read to its answer: the address stands at the memory of states, that
#: answers, its output register, the choice of the lane and the variable, the choice of the core.
READ_CYCLES = 5
#: From the taking of a TICK to the first issue of its update.
TAKING = 1
#: The stages between issue and the totals and neurons of a core that adds rows of synapses: the
#: memories of synapses answer, their output registers, one more, the choice of the memory,
#: the addresses of sums.
ROW_STAGES = 5
#: From the taking of a TICK to the first word of its update behind these stages, in such a core:
#: two stages of the front come before issue.
ROW_TAKING = 3 + ROW_STAGES
#: From the write-back of a word with spikes to the first of them at the output: it is in the queue,
#: in the two stages behind it, then at the output.
EMIT_LATENCY = 4


def event_cycles(core: AnyCore) -> int:
    """Clock cycles for which one SPIKE, or one TICK, occupies the input of the core; of a core that
    adds rows of synapses the longest SPIKE (:func:`row_cycles`).

    In a chain ``max(ceil(fan_out / lanes), 4)``, where the fan-out of an input is ``n_neurons``: a
    sum that is added to can be read again 4 cycles later. Where events act one by one the state can
    be so ``write_distance + 1`` cycles later, which takes the place of the 4. A SPIKE with an
    address outside the core's inputs takes one cycle. So a step of E spikes occupies the input for
    :func:`step_cycles`.
    """
    if isinstance(core, CoreParams):
        return max(core.words, least_slots(core))
    return max(int(row_cycles(core, number).max()) for number in range(len(core.inputs)))


def least_slots(core: AnyCore) -> int:
    """How many slots of the pipeline an operation occupies at least, so that a word that it changes
    can be read by the next one. Sums of rows are forwarded."""
    if isinstance(core, CoreParams) or core.neuron.per_event:
        return event_distance(core.neuron)
    return 1


def row_cycles(core: RowCore, number: int) -> npt.NDArray[np.int64]:
    """Clock cycles for which a SPIKE of each address of input ``number`` occupies the core, when
    such come one after the other: (addresses,), of one address more than has synapses.

    The words of its rows, at least :func:`least_slots` each; but no less than one for each memory
    of the input, all of which it is looked up in.
    """
    read = core.inputs[number]
    memories = [core.memories[each] for each in read.memories]
    cycles = np.zeros(1 + max((each.first + each.n_pre for each in memories), default=0), np.int64)
    for each in memories:
        cycles[each.first : each.first + each.n_pre] += np.maximum(each.lengths, least_slots(core))
    return np.maximum(cycles, max(1, len(memories)))


def step_cycles(core: CoreParams, events: int) -> int:
    """Clock cycles for which a step of so many known spikes occupies the input of the core.

    ``(events + 1) * event_cycles``: the update takes as long as a spike. The next step's spikes are
    taken right behind it, but its TICK's update waits until this one is over
    (:func:`update_cycles`), and so does what follows that TICK.
    """
    return (events + 1) * event_cycles(core)


def write_cycles(core: AnyCore, word: int) -> int:
    """Clock cycles from the taking of a TICK to the write-back of a word, which the trace shows.

    For a TICK that need not wait for the update of the one before, nor for spikes before it. A core
    that has several inputs updates after the TICK of the last one.
    """
    taking = TAKING if isinstance(core, CoreParams) else ROW_TAKING
    return taking + word + write_distance(core.neuron)


def update_cycles(core: AnyCore, spikes: int | Sequence[int]) -> int:
    """Clock cycles from the taking of a TICK to the TICK at the output, never stalled.

    ``spikes``: how many each word of neurons emits, (words,). Word w is at the output from
    ``write_cycles(core, w) + 4`` on, or as soon as the words before it are through; each spike
    takes one cycle, and behind those of the last word the TICK goes. Where the TICK is pending,
    count from the cycle before the first issue.

    With a number, of all words together: so many cycles at most, which is exact where the last word
    emits them all.
    """
    if isinstance(spikes, int):
        return write_cycles(core, core.words - 1) + EMIT_LATENCY + spikes
    end = 0
    for word, count in enumerate(spikes):
        if count or word == core.words - 1:
            end = max(end, write_cycles(core, word) + EMIT_LATENCY) + count
    return end


def clear_cycles(core: AnyCore) -> int:
    """Clock cycles after a reset until the first event can be taken: those of a clear but the last.

    A core that adds rows of synapses clears all slots of its longest ring, as many words each as a
    word number can name; in its front it takes up to two rows before, which wait.

    The update of a TICK waits until all words are cleared (:func:`cleared_cycles`).
    """
    if isinstance(core, CoreParams):
        return event_cycles(core) - 1
    return max(core.slots << core.word_bits, least_slots(core)) - 1


def cleared_cycles(core: AnyCore) -> int:
    """Clock cycles after a reset until all words of neurons are cleared."""
    before = 0
    if not isinstance(core, CoreParams):
        before = ((core.slots - 1) << core.word_bits) + ROW_STAGES
    return before + core.words + write_distance(core.neuron)


def padded(core: AnyCore) -> int:
    """Neurons including those that only fill up the last word; they never emit a spike."""
    return core.words * core.lanes


def padded_thresholds(core: AnyCore) -> npt.NDArray[np.int64]:
    """The thresholds of all lanes of all words; a filler has the neuron's own. Shape (padded,)."""
    fillers = padded(core) - core.n_neurons
    return np.array(core.thresholds + (core.neuron.v_threshold,) * fillers, dtype=np.int64)


def padded_weights(core: CoreParams) -> npt.NDArray[np.int64]:
    """The weights of all lanes of all words; a filler's are 0. Shape (n_inputs, padded)."""
    return np.pad(core.weights, ((0, 0), (0, padded(core) - core.n_neurons)))
