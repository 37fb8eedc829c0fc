"""The control of a chain of cores, one clock edge after the other, as plain integer code.

:mod:`fxlif.cycles.model` says what it does and keeps its values; numba compiles it where it is
installed. All tables are arrays of the records below, rows of named int64 numbers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt

from ..compiled.jit import inline, njit

Bools = npt.NDArray[np.bool_]
Ints = npt.NDArray[np.int64]
Bytes = npt.NDArray[np.uint8]
Counts = npt.NDArray[np.uint16]
#: A table, and one row of it.
Records = npt.NDArray[np.void]
Record = np.void

if TYPE_CHECKING:

    def call_step(call: Record, first: int, count: int, current: int, drive_row: int) -> None: ...

    def load(address: int, size: int) -> int: ...

    def store(address: int, size: int, value: int) -> None: ...
else:
    # What only compiled steps need, which there are none of without numba.
    with suppress(ImportError):
        from ..compiled.intrinsics import call_step, load, store


def record(*names: str) -> np.dtype[np.void]:
    """The type of a table's row with an int64 of each name."""
    return np.dtype([(name, np.int64) for name in names])


#: Stands for an empty stage, and for no neuron.
NONE = -1

#: What a core is: its shape, the ends of its accumulators, its pipeline, and where its numbers
#: begin in the arrays of all cores. The pipeline is data and no constant of the compiled code:
#: numba's cache looks at the file of a function, not at the constants that it takes from others.
#: ``lfsr_mask``: 0 where nothing is random. ``summed``: the words of a row that are summed, 0 where
#: events act one by one: there is ``room`` for so many of them, 0 elsewhere. ``by_rule``: registers
#: of the neurons can be written, so that each update takes the golden step and no compiled one.
CORE = record(
    "n_inputs", "n_neurons", "words", "lanes", "event_cycles", "low", "high", "weight_shift",
    "write_distance", "counter_mask", "lfsr_mask", "summed", "room", "by_rule",
    "weights_at", "spikes_at", "queue_at", "history_at", "arrived_at", "variables",
)  # fmt: skip

#: Where a core is. Issue: the operation under way, one of the numbers below, and its ``slot``, the
#: ``row`` of weights of an ADD, ``pending`` and ``updating``. ``age``: how far an update or a clear
#: is behind its first issue, NONE where none is under way: its word w is in the stage ``age - w``.
#: ``unknown``: an event was dropped that is not counted yet; ``clips``: the saturated additions of
#: the last cycles that are not counted yet. Queue: how many words were ``pushed`` and ``read`` in
#: this update. ``fetched``, ``held``, ``shown``: the words behind it, the last one at the output,
#: or NONE. ``again``: how often the event at the output is repeated. ``update``: the row of the
#: history, ``update_due``: whether the values of a new one are to be made (1), or events be taken
#: away (2); ``fresh``: no update since the reset, at which v was ``start``. ``arrived``: events of
#: this step that act one by one, and have not been ``spilled``.
CONTROL = record(
    "op", "slot", "row", "pending", "updating", "age",
    "unknown", "clips", "dropped", "saturated",
    "pushed", "read", "fetched", "held", "shown", "out_address", "out_tick", "again", "ready",
    "lfsr", "update", "update_due", "fresh", "start", "arrived", "spilled",
)  # fmt: skip

#: What issue does: nothing, or one of these; the numbers are bits of the flags of a trace.
IDLE_ISSUE, CLEAR, ADD, UPDATE = 0, 1, 2, 4

#: Additions that saturate are counted so many cycles after their issue: the stages up to the sum,
#: their flags, how many these are. ``clips`` has so many bits for each of these cycles.
CLIPS_CYCLES, CLIPS_BITS = 5, 10
CLIPS_OLDEST = (CLIPS_CYCLES - 1) * CLIPS_BITS
CLIPS_YOUNGER = (1 << CLIPS_OLDEST) - 1

#: What the control is doing, bit by bit, in ``flags`` of a trace. The first three: the operation
#: that issue is at, in a slot that does nothing too. ``pending``: a TICK was taken, its update has
#: not started. ``updating``: an update or a clear is under way, up to its end. ``starting``: the
#: first word of an update is issued. ``in_stages``: a word of an update or a clear is behind issue,
#: at the write-back at the latest; ``full``: all these stages hold one. ``queued``: a word with
#: spikes, or the last one, is in the queue; ``fetched``, ``held``: in the stages between it and the
#: output. ``emitting_spike``, ``emitting_tick``: the output is valid; ``repeating``: and the same
#: event comes again after it.
CONTROL_FLAGS = (
    "clearing", "adding", "issuing", "pending", "updating", "starting", "in_stages", "full",
    "queued", "fetched", "held", "emitting_spike", "emitting_tick", "repeating",
)  # fmt: skip

#: What inputs and outputs show, one row per cycle.
INPUT = record("rst", "in_valid", "in_address", "in_tick", "out_ready")
STREAM = record("in_ready", "out_valid", "out_address", "out_tick")
#: ``word`` and ``ends`` of cores of rows alone, where a word of synapses is added: the place of its
#: first weight among those of all cores, and which ends of sums it met (:data:`LOWEST`, ...).
TRACE = record("written", "row", "dropped", "saturated", "flags", "word", "ends")
#: Ends of sums, as bits.
LOWEST, HIGHEST = 1, 2

# A row of the history holds for every neuron what these variables were in one update, then the
# state variables as they are stored. DRAWN, for the first neuron only: twice the first draw of the
# update; of the first one after a reset, twice the v that it begins with and 1 more.
DRAWN, CURRENT, SPIKE, FIRST_STATE = 0, 1, 2, 3

#: A state variable of a compiled step: its address, the bytes of an element, the value after reset.
VARIABLE = record("address", "item_size", "initial")

#: Flags of a driven cycle.
IDLE, STALL, RESET = 1, 2, 4


class Block(NamedTuple):
    """Some cycles of the model.

    ``config`` (cores,) of :data:`CORE`; ``inputs`` (cycles,) of :data:`INPUT`, ``streams``
    (cycles,) of :data:`STREAM`, ``traces`` (cores, cycles) of :data:`TRACE`; ``history`` is flat, a
    core's begins at its ``history_at`` with the row of the update before these cycles.
    """

    config: Records
    inputs: Records
    streams: Records
    traces: Records
    history: Ints


class Chain(NamedTuple):
    """What a chain of cores holds: ``control`` (cores,) of :data:`CONTROL`, and as it is
    ``after_reset``; flat, core after core, the ``weights``, the ``totals``, how often each neuron
    spiked in the last update, ``spikes``, and the word numbers in each ``queue``."""

    control: Records
    after_reset: Records
    weights: Ints
    totals: Ints
    spikes: Counts
    queue: Ints


class Driven(NamedTuple):
    """What drives a chain: ``state`` (1,) of :data:`.driver.DRIVER`, packed ``events``, ``flags``
    (cycles,)."""

    state: Records
    events: Ints
    flags: Bytes


class CompiledSteps(NamedTuple):
    """One compiled step per core: the ``calls`` (cores,) of
    :data:`~fxlif.compiled.neuron_step.STEP_CALL`, the state ``variables``
    (cores, state variables) of :data:`VARIABLE`, and of all cores, a core's at its ``spikes_at``,
    the ``currents`` and ``random`` numbers that it reads and the neurons ``fired``, its answer."""

    calls: Records
    variables: Records
    currents: Ints
    random: Ints
    fired: Bytes


@dataclass(frozen=True, kw_only=True)
class Tables:
    """What a kind of design is, for its model: one row of ``config`` and ``after_reset`` per core,
    with what that kind alone has; all ``weights``, flat; how many ``totals``; the lowest and the
    highest current that sums bring each core."""

    config: Records
    after_reset: Records
    weights: Ints
    totals: int
    currents: Sequence[tuple[int, int]]


def fill(table: Records, row: int, facts: Mapping[str, int]) -> None:
    """Write ``facts`` into a row of a table."""
    for name, value in facts.items():
        table[row][name] = value


@inline
def next_spike(core: Record, spikes: Counts, word: int, lane: int) -> int:
    """The first neuron of a word that spikes, from ``lane`` on, or NONE."""
    first = word * core["lanes"]
    for neuron in range(first + lane, first + core["lanes"]):
        if spikes[core["spikes_at"] + neuron]:
            return neuron
    return NONE


@inline
def control_flags(core: Record, now: Record) -> int:
    """What the control is doing, as bits in the order of CONTROL_FLAGS."""
    age = now["age"]
    flags = now["op"] | now["pending"] << 3 | now["updating"] << 4
    if now["updating"]:
        flags |= (now["op"] == UPDATE and now["slot"] == 0) << 5 | (age > 0) << 6
        flags |= (core["write_distance"] <= age < core["words"]) << 7
        flags |= (now["read"] < now["pushed"]) << 8
        flags |= (now["fetched"] != NONE) << 9 | (now["held"] != NONE) << 10
    if now["shown"] != NONE:
        flags |= (now["out_tick"] ^ 1) << 11 | now["out_tick"] << 12 | (now["again"] > 0) << 13
    return int(flags)


@njit
def reset_core(chain: Chain, core: Record, k: int) -> None:
    """Bring core ``k`` into its state after a reset; the values that it showed stay to be seen."""
    now = chain.control[k]
    update = now["update"]
    chain.control[k] = chain.after_reset[k]
    now["update"] = update
    first = core["spikes_at"]
    for at in range(first, first + core["words"] * core["lanes"]):
        chain.totals[at] = 0


@inline
def add_word(core: Record, now: Record, weights: Ints, totals: Ints) -> int:
    """Add the word of weights that is issued to the sums; how many additions saturated."""
    clipped = 0
    first = now["slot"] * core["lanes"]
    row = core["weights_at"] + now["row"] * core["words"] * core["lanes"] + first
    sums = core["spikes_at"] + first
    for lane in range(core["lanes"]):
        total = totals[sums + lane] + weights[row + lane]
        if total < core["low"] or total > core["high"]:
            clipped += 1
            total = min(max(total, core["low"]), core["high"])
        totals[sums + lane] = total
    return clipped


@njit
def emit(core: Record, now: Record, spikes: Counts, queue: Ints, ready: int) -> None:
    """One clock edge of the queue's output, the stages behind it and the emitter."""
    word, neuron, free = now["shown"], NONE, False
    if word != NONE and not ready:
        pass
    elif now["again"]:
        now["again"] -= 1
    else:
        free = word == NONE or now["out_tick"] != 0
        if not free:
            lane = now["out_address"] + 1 - word * core["lanes"]
            neuron = next_spike(core, spikes, word, lane)
            free = neuron == NONE and word != core["words"] - 1
        if free:
            now["shown"] = word = now["held"]
            if word != NONE:
                neuron = next_spike(core, spikes, word, 0)
        now["out_tick"] = neuron == NONE
        if neuron != NONE:
            now["out_address"] = neuron
            now["again"] = spikes[core["spikes_at"] + neuron] - 1
        elif word != NONE:
            now["out_address"] = now["updating"] = now["pushed"] = now["read"] = 0
    free = free or now["held"] == NONE
    if free:
        now["held"] = now["fetched"]
    if free or now["fetched"] == NONE:
        now["fetched"] = NONE
        if now["read"] < now["pushed"]:
            now["fetched"] = queue[core["queue_at"] + now["read"]]
            now["read"] += 1


@inline
def write(core: Record, now: Record, spikes: Counts, queue: Ints) -> None:
    """One clock edge of the stages of an update or a clear: what is written back is queued."""
    word = now["age"] - core["write_distance"]
    last = word == core["words"] - 1
    if word >= 0 and now["fresh"]:
        if last:
            now["updating"] = 0
    elif word >= 0 and (last or next_spike(core, spikes, word, 0) != NONE):
        queue[core["queue_at"] + now["pushed"]] = word
        now["pushed"] += 1
    now["age"] = NONE if last else now["age"] + 1


@inline
def clock(
    chain: Chain, core: Record, now: Record, valid: bool, address: int, tick: int, out_ready: int
) -> None:
    """One clock edge of a core out of reset, from what its streams show."""
    waits = now["updating"] != 0
    start = now["pending"] != 0 and not waits
    if now["op"] == UPDATE and now["slot"] == 0:
        now["update_due"] = 1
    if now["unknown"]:
        now["dropped"] = (now["dropped"] + 1) & core["counter_mask"]
        now["unknown"] = 0
    if now["clips"]:
        counted = now["clips"] >> CLIPS_OLDEST
        now["saturated"] = (now["saturated"] + counted) & core["counter_mask"]
        now["clips"] = (now["clips"] & CLIPS_YOUNGER) << CLIPS_BITS
    if now["shown"] != NONE or now["pushed"]:
        emit(core, now, chain.spikes, chain.queue, out_ready)
    if now["age"] != NONE:
        write(core, now, chain.spikes, chain.queue)
    if now["op"]:
        if now["op"] == ADD and now["slot"] < core["summed"]:
            now["clips"] |= add_word(core, now, chain.weights, chain.totals)
        now["slot"] += 1
        if now["slot"] == core["event_cycles"]:
            now["op"] = IDLE_ISSUE
    if valid and now["ready"]:
        if tick:
            now["pending"] = 1
            start = not waits
        elif address < core["n_inputs"]:
            now["op"], now["slot"], now["row"] = ADD, 0, address
        else:
            now["unknown"] = 1
    if start:
        now["op"], now["slot"], now["age"] = UPDATE, 0, 0
        now["updating"], now["pending"] = 1, 0


@inline
def take_sums(totals: Ints, currents: Ints, core: Record) -> None:
    """The currents of an update; the sums that it takes are 0 again."""
    at = core["spikes_at"]
    for i in range(at, at + core["words"] * core["lanes"]):
        currents[i] = totals[i] << core["weight_shift"]
        totals[i] = 0


@inline
def compiled_update(
    block: Block, chain: Chain, steps: CompiledSteps, core: Record, now: Record, k: int
) -> None:
    """The values of the update that core ``k`` starts: from its currents and the compiled step,
    into the next row of the history."""
    history = block.history
    size = core["words"] * core["lanes"]
    now["update"] += 1
    row = core["history_at"] + now["update"] * core["variables"] * size
    variables = core["variables"] - FIRST_STATE
    history[row + DRAWN * size] = now["start"] << 1 | 1 if now["fresh"] else now["lfsr"] << 1
    at = core["spikes_at"]
    for i in range(size):
        history[row + CURRENT * size + i] = steps.currents[at + i]
    if core["lfsr_mask"]:
        draw = now["lfsr"]
        for i in range(size):
            if i == core["n_neurons"]:
                now["lfsr"] = draw
            steps.random[at + i] = draw
            draw = (draw >> 1) ^ (core["lfsr_mask"] if draw & 1 else 0)
        if size == core["n_neurons"]:
            now["lfsr"] = draw
    if now["fresh"]:
        for variable in range(variables):
            reset_variable(steps.variables[k, variable], size)
        now["fresh"] = 0
    call_step(steps.calls[k], 0, size, 0, 0)
    for i in range(size):
        chain.spikes[at + i] = steps.fired[at + i] if i < core["n_neurons"] else 0
        history[row + SPIKE * size + i] = chain.spikes[at + i]
    for variable in range(variables):
        place = steps.variables[k, variable]
        address, width = place["address"], place["item_size"]
        for i in range(size):
            history[row + (FIRST_STATE + variable) * size + i] = load(address + i * width, width)
    now["update_due"] = 0


@inline
def reset_variable(variable: Record, size: int) -> None:
    """Give ``size`` neurons the value after a reset."""
    address, width = variable["address"], variable["item_size"]
    for i in range(size):
        store(address + i * width, width, variable["initial"])


@inline
def offer(driven: Driven, flags: int, shown: Record) -> None:
    """What a source, a sink and a reset show in a cycle; an event on offer stays."""
    driver = driven.state[0]
    if not driver["holds"] and not flags & IDLE and driver["next_event"] < len(driven.events):
        driver["holds"] = 1
        driver["next_event"] += 1
    event = driven.events[driver["next_event"] - 1] if driver["holds"] else 0
    shown["rst"] = (flags & RESET) != 0
    shown["in_valid"] = driver["holds"]
    shown["in_address"] = event & ((1 << driver["tick_bit"]) - 1)
    shown["in_tick"] = event >> driver["tick_bit"]
    shown["out_ready"] = not flags & STALL


@inline
def show(core: Record, now: Record, trace: Record) -> None:
    """What a core shows before a clock edge: whether it is ready for an event, and its trace."""
    free = now["op"] == IDLE_ISSUE or now["slot"] == core["event_cycles"] - 1
    now["ready"] = free and not now["pending"]
    show_trace(core, now, trace, control_flags(core, now))


@inline
def show_trace(core: Record, now: Record, trace: Record, flags: int) -> None:
    """What the trace and the counters of a core show before a clock edge."""
    shows = now["age"] >= core["write_distance"] and not now["fresh"]
    trace["written"] = now["age"] - core["write_distance"] if shows else NONE
    trace["row"] = now["update"]
    trace["dropped"], trace["saturated"] = now["dropped"], now["saturated"]
    trace["flags"] = flags
