"""The control of a chain of cores, one clock edge after the other, as plain integer code.

:mod:`fxlif.cycles.model` says what it does and keeps its values; numba compiles it where it is
installed. All tables are arrays of the records below, rows of named int64 numbers.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt

from ..compiled.jit import inline, njit
from .pipeline import STAGES

Bools = npt.NDArray[np.bool_]
Ints = npt.NDArray[np.int64]
Bytes = npt.NDArray[np.uint8]
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
CORE = record(
    "n_inputs", "n_neurons", "words", "lanes", "event_cycles", "low", "high", "weight_shift",
    "stages", "write_distance", "counter_mask",
    "weights_at", "totals_at", "spikes_at", "history_at", "variables",
)  # fmt: skip

#: Where a core is. Integration: words still to clear, the event under way, a TICK that waits, and
#: the additions that saturated in its stages. ``issued``: the word in the first stage of the
#: update; later stages are so many words behind. ``emit_next``, ``emit_end``: the next neuron to
#: emit or NONE, and the end of its word. ``update``: the row of the history, ``update_due``:
#: whether the values of a new one are to be made.
CONTROL = record(
    "clear", "active", "word", "address", "pending", "bank",
    "clipped_1", "clipped_2", "dropped", "saturated",
    "issued", "emit_next", "emit_end", "emit_tick", "update", "update_due", "was_reset",
)  # fmt: skip

#: What the control is doing, bit by bit, in ``flags`` of a trace.
CONTROL_FLAGS = (
    "clearing", "integrating", "pending", *STAGES, "emitting_spike", "emitting_tick",
)  # fmt: skip

#: What inputs and outputs show, one row per cycle; ``link``: what passes between two cores.
INPUT = record("rst", "in_valid", "in_address", "in_tick", "out_ready")
STREAM = record("in_ready", "out_valid", "out_address", "out_tick")
TRACE = record("written", "row", "dropped", "saturated", "flags")
LINK = record("valid", "address", "tick", "ready", "over")

# A row of the history holds for every neuron what these variables were in one update (FRESH, the
# first after a reset, for the first neuron only), then the state variables as they are stored.
FRESH, CURRENT, SPIKE, FIRST_STATE = 0, 1, 2, 3

#: A state variable of a compiled step: its address, the bytes of an element, the value after reset.
VARIABLE = record("address", "item_size", "initial")

#: Flags of a driven cycle.
IDLE, STALL, RESET = 1, 2, 4
#: How far a driver is: the next event, whether one is on offer, and which bit of it says TICK.
DRIVER = record("next_event", "holds", "tick_bit")


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
    ``after_reset``; flat, core after core,
    the ``weights``, the ``totals`` of both banks and the last ``spikes``; ``links`` (cores + 1,) of
    :data:`LINK` is room for one cycle."""

    control: Records
    after_reset: Records
    weights: Ints
    totals: Ints
    spikes: Bools
    links: Records


class Driven(NamedTuple):
    """What drives a chain: ``state`` (1,) of :data:`DRIVER`, packed ``events`` (n,), and ``flags``
    (cycles,)."""

    state: Records
    events: Ints
    flags: Bytes


class CompiledSteps(NamedTuple):
    """One compiled step per core: the ``calls`` (cores,) of
    :data:`~fxlif.compiled.neuron_step.STEP_CALL`, the state ``variables``
    (cores, state variables) of :data:`VARIABLE`, and of all cores, where a core's begin at its
    ``spikes_at``, the ``currents`` that it reads and what ``fired``."""

    calls: Records
    variables: Records
    currents: Ints
    fired: Bools


@inline
def next_spike(spikes: Bools, at: int, start: int, end: int) -> int:
    """The first neuron in start..end that spikes, or NONE."""
    for neuron in range(start, end):
        if spikes[at + neuron]:
            return neuron
    return NONE


@inline
def emitting(now: Record) -> bool:
    return bool(now["emit_next"] != NONE or now["emit_tick"] != 0)


@inline
def update_over(now: Record) -> bool:
    return bool(now["issued"] == NONE and not emitting(now))


@inline
def takes_event(core: Record, now: Record, over: int) -> bool:
    row_done = now["active"] == 0 or now["word"] == core["event_cycles"] - 1
    return bool(now["clear"] == 0 and row_done and (over or now["pending"] == 0))


@inline
def stages_in_use(core: Record, now: Record) -> int:
    """The stages of the update that hold a word: bit s for the one that is s behind the first."""
    first = max(now["issued"] - core["words"] + 1, 0)
    end = min(now["issued"] + 1, core["stages"])
    return int((1 << end) - (1 << first)) if first < end else 0


@inline
def written_word(core: Record, now: Record) -> int:
    """The word that is written back if the update moves, or NONE."""
    return int(max(now["issued"] - core["write_distance"], NONE))


@inline
def control_flags(core: Record, now: Record) -> int:
    """What the control is doing, as bits in the order of CONTROL_FLAGS."""
    spike = now["emit_next"] != NONE
    tick = now["emit_tick"] != 0 and not spike
    flags = (now["clear"] > 0) | (now["active"] != 0) << 1 | (now["pending"] != 0) << 2
    emitting_at = 3 + core["stages"]
    return int(
        flags | stages_in_use(core, now) << 3 | spike << emitting_at | tick << (emitting_at + 1)
    )


@njit
def reset_core(chain: Chain, core: Record, k: int) -> None:
    """Bring core ``k`` into its state after a reset; the values that it showed stay to be seen."""
    now = chain.control[k]
    update = now["update"]
    chain.control[k] = chain.after_reset[k]
    now["update"] = update
    first = core["totals_at"]
    for at in range(first, first + 2 * core["words"] * core["lanes"]):
        chain.totals[at] = 0


@inline
def integrate_word(core: Record, now: Record, weights: Ints, totals: Ints) -> int:
    """Add the current word of weights to the current bank; how many additions saturated."""
    clipped = 0
    width = core["words"] * core["lanes"]
    first = now["word"] * core["lanes"]
    row = core["weights_at"] + now["address"] * width
    bank = core["totals_at"] + now["bank"] * width
    for neuron in range(first, first + core["lanes"]):
        total = totals[bank + neuron] + weights[row + neuron]
        if total < core["low"] or total > core["high"]:
            clipped += 1
            total = min(max(total, core["low"]), core["high"])
        totals[bank + neuron] = total
    return clipped


@inline
def clock_update(
    core: Record, now: Record, spikes: Bools, start: bool, emits: int, out_ready: int
) -> None:
    """One clock edge of the update and the emitter."""
    if emits:
        if not out_ready:
            return
        if now["emit_next"] == NONE:
            now["emit_tick"] = 0
        else:
            first = now["emit_next"] + 1
            now["emit_next"] = next_spike(spikes, core["spikes_at"], first, now["emit_end"])
    elif now["issued"] != NONE:
        word = written_word(core, now)
        last = word == core["words"] - 1
        if word != NONE:
            first = word * core["lanes"]
            now["emit_end"] = first + core["lanes"]
            now["emit_next"] = next_spike(spikes, core["spikes_at"], first, now["emit_end"])
            now["emit_tick"] = last
        now["issued"] = NONE if last else now["issued"] + 1
    elif start:
        now["issued"] = 0


@inline
def clock(
    chain: Chain, core: Record, now: Record, link: Record, emits: int, out_ready: int
) -> None:
    """One clock edge of a core out of reset; ``link``: what its input shows."""
    start = bool(now["pending"] != 0 and link["over"] != 0)
    taken = bool(link["valid"] and link["ready"])
    if now["clipped_2"]:
        now["saturated"] = (now["saturated"] + now["clipped_2"]) & core["counter_mask"]
    now["clipped_2"] = now["clipped_1"]
    now["clipped_1"] = 0
    if now["active"]:
        if now["word"] < core["words"]:
            now["clipped_1"] = integrate_word(core, now, chain.weights, chain.totals)
        now["word"] += 1
        if now["word"] == core["event_cycles"]:
            now["active"] = 0
    if now["clear"] > 0:
        now["clear"] -= 1
    if start:
        now["pending"] = 0
        now["bank"] ^= 1
        now["update_due"] = 1
    if taken and link["tick"]:
        now["pending"] = 1
    elif taken and link["address"] < core["n_inputs"]:
        now["active"] = 1
        now["word"] = 0
        now["address"] = link["address"]
    elif taken:
        now["dropped"] = (now["dropped"] + 1) & core["counter_mask"]
    clock_update(core, now, chain.spikes, start, emits, out_ready)


@inline
def compiled_update(
    block: Block, chain: Chain, steps: CompiledSteps, core: Record, now: Record, k: int
) -> None:
    """The values of the update that core ``k`` starts: from the compiled step, into the next row of
    the history."""
    history, totals = block.history, chain.totals
    size = core["words"] * core["lanes"]
    now["update"] += 1
    row = core["history_at"] + now["update"] * core["variables"] * size
    variables = core["variables"] - FIRST_STATE
    bank = core["totals_at"] + (now["bank"] ^ 1) * size
    history[row + FRESH * size] = now["was_reset"]
    at = core["spikes_at"]
    for i in range(size):
        steps.currents[at + i] = totals[bank + i] << core["weight_shift"]
        history[row + CURRENT * size + i] = steps.currents[at + i]
        totals[bank + i] = 0
    if now["was_reset"]:
        for variable in range(variables):
            reset_variable(steps.variables[k, variable], size)
        now["was_reset"] = 0
    call_step(steps.calls[k], 0, size, 0, 0)
    for i in range(size):
        chain.spikes[at + i] = steps.fired[at + i] and i < core["n_neurons"]
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
def show(core: Record, now: Record, link: Record, following: Record, trace: Record) -> None:
    """What a core shows before a clock edge: at its input, its output and its trace."""
    link["over"] = update_over(now)
    link["ready"] = takes_event(core, now, link["over"])
    following["valid"] = emitting(now)
    following["tick"] = now["emit_next"] == NONE
    following["address"] = max(now["emit_next"], 0)
    trace["written"] = NONE if following["valid"] else written_word(core, now)
    trace["row"] = now["update"]
    trace["dropped"] = now["dropped"]
    trace["saturated"] = now["saturated"]
    trace["flags"] = control_flags(core, now)


@njit
def run_chain(
    block: Block, chain: Chain, first: int, driven: Driven | None, steps: CompiledSteps | None
) -> int:
    """Run from cycle ``first`` to the end, or until a core needs the values of a new update.

    The inputs of the block are read; where the chain is ``driven`` they are filled instead. Fills
    streams and traces, and with compiled ``steps`` the history. Returns the next cycle.
    """
    cores, links = len(block.config), chain.links
    for cycle in range(first, len(block.inputs)):
        shown, stream = block.inputs[cycle], block.streams[cycle]
        if driven is not None:
            offer(driven, driven.flags[cycle], shown)
        links[0]["valid"] = shown["in_valid"]
        links[0]["address"] = shown["in_address"]
        links[0]["tick"] = shown["in_tick"]
        links[cores]["ready"] = shown["out_ready"]
        for k in range(cores):
            now, trace = chain.control[k], block.traces[k, cycle]
            show(block.config[k], now, links[k], links[k + 1], trace)
        stream["in_ready"] = links[0]["ready"]
        stream["out_valid"] = links[cores]["valid"]
        stream["out_address"] = links[cores]["address"]
        stream["out_tick"] = links[cores]["tick"]
        if driven is not None and links[0]["valid"] and links[0]["ready"]:
            driven.state[0]["holds"] = 0
        due = 0
        for k in range(cores):
            core, now = block.config[k], chain.control[k]
            if shown["rst"]:
                reset_core(chain, core, k)
                continue
            clock(chain, core, now, links[k], links[k + 1]["valid"], links[k + 1]["ready"])
            if steps is not None and now["update_due"]:
                compiled_update(block, chain, steps, core, now, k)
            due += now["update_due"]
        if due:
            return cycle + 1
    return len(block.inputs)
