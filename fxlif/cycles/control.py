"""The control of a chain of cores, one clock edge after the other, as plain integer code.

:mod:`fxlif.cycles.model` says what it does and keeps its values; numba compiles it where it is
installed. All tables are int64 arrays whose columns have the names below.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import numpy.typing as npt

Bools = npt.NDArray[np.bool_]
Ints = npt.NDArray[np.int64]
Bytes = npt.NDArray[np.uint8]
F = TypeVar("F", bound=Callable[..., Any])

if TYPE_CHECKING:

    def njit(function: F) -> F: ...

    inline = njit

    def call_kernel(words: int) -> None: ...

    def load(address: int, size: int) -> int: ...

    def store(address: int, size: int, value: int) -> None: ...
else:
    try:
        from numba import njit as _numba_njit

        from ..compiled.intrinsics import call_kernel, load, store

        # Counting references to the tables, at each call, took seven eighths of the time: without
        # numba's runtime there are none, and no memory can be asked for.
        njit = _numba_njit(cache=True, nogil=True, _nrt=False)
        # A call passes every array as nine words: dearer than what these functions do.
        inline = _numba_njit(cache=True, nogil=True, _nrt=False, forceinline=True)
    except ImportError:  # the same results, some hundred times slower

        def njit(function):
            return function

        inline = njit


# Columns of the configuration: what a core is.
N_INPUTS, N_NEURONS, WORDS, LANES, EVENT_CYCLES = 0, 1, 2, 3, 4
LOW, HIGH, WEIGHTS_AT, TOTALS_AT, SPIKES_AT = 5, 6, 7, 8, 9
HISTORY_AT, VARIABLES, WEIGHT_SHIFT = 10, 11, 12
CONFIG_COLUMNS = 13

# Columns of the control: where a core is. NONE stands for an empty stage.
NONE = -1
CLEAR, ACTIVE, WORD, ADDRESS, PENDING, BANK = 0, 1, 2, 3, 4, 5  # integration
CLIPPED_1, CLIPPED_2, DROPPED, SATURATED = 6, 7, 8, 9
ISSUED = 10  # the word in the first stage of the sweep; later stages are so many words behind
EMIT_NEXT, EMIT_END, EMIT_TICK = 11, 12, 13  # next neuron to emit or NONE; end of its word
SWEEP, SWEEP_DUE, WAS_RESET = 14, 15, 16  # row of the history, and when to make a new one
CONTROL_COLUMNS = 17
#: How far behind the first stage of the sweep the others are.
READ, COMPUTE, WRITE = 1, 2, 3

#: What the control is doing, bit by bit, in the column FLAGS of a trace.
CONTROL_FLAGS = (
    "clearing", "integrating", "pending", "issue", "read", "compute", "write",
    "emitting_spike", "emitting_tick",
)  # fmt: skip

# Columns of the inputs, the streams and a trace, one row per cycle.
RST, IN_VALID, IN_ADDRESS, IN_TICK, OUT_READY = 0, 1, 2, 3, 4
INPUT_COLUMNS = 5
IN_READY, OUT_VALID, OUT_ADDRESS, OUT_TICK = 0, 1, 2, 3
STREAM_COLUMNS = 4
WRITTEN, ROW, TRACE_DROPPED, TRACE_SATURATED, FLAGS = 0, 1, 2, 3, 4
TRACE_COLUMNS = 5

# A row of the history holds for every neuron what these variables were in one sweep (FRESH, the
# first after a reset, for the first neuron only), then the state variables as they are stored.
FRESH, CURRENT, SPIKE, FIRST_STATE = 0, 1, 2, 3

# Columns of a compiled step: of each state variable the address, the bytes of an element and the
# value after reset; then the words of the call.
STATE_AT, STATE_SIZE, STATE_INITIAL, CALL = 0, 4, 8, 12

# Flags of a driven cycle, and columns of the driver.
IDLE, STALL, RESET = 1, 2, 4
NEXT_EVENT, HOLDS, TICK_BIT = 0, 1, 2
DRIVER_COLUMNS = 3


@inline
def next_spike(spikes: Bools, at: int, start: int, end: int) -> int:
    """The first neuron in start..end that spikes, or NONE."""
    for neuron in range(start, end):
        if spikes[at + neuron]:
            return neuron
    return NONE


@inline
def emitting(now: Ints, k: int) -> bool:
    return bool(now[k, EMIT_NEXT] != NONE or now[k, EMIT_TICK] != 0)


@inline
def sweep_over(now: Ints, k: int) -> bool:
    return bool(now[k, ISSUED] == NONE and not emitting(now, k))


@inline
def takes_event(core: Ints, now: Ints, k: int, over: int) -> bool:
    row_done = now[k, ACTIVE] == 0 or now[k, WORD] == core[k, EVENT_CYCLES] - 1
    return bool(now[k, CLEAR] == 0 and row_done and (over or now[k, PENDING] == 0))


@inline
def in_stage(core: Ints, now: Ints, k: int, stage: int) -> bool:
    """Whether there is a word in this stage of the sweep."""
    word = now[k, ISSUED] - stage
    return bool(0 <= word < core[k, WORDS])


@inline
def written_word(now: Ints, k: int) -> int:
    """The word that is written back if the sweep moves, or NONE."""
    return int(max(now[k, ISSUED] - WRITE, NONE))


@inline
def control_flags(core: Ints, now: Ints, k: int) -> int:
    """What the control is doing, as bits in the order of CONTROL_FLAGS."""
    spike = now[k, EMIT_NEXT] != NONE
    return int(
        (now[k, CLEAR] > 0) | (now[k, ACTIVE] != 0) << 1 | (now[k, PENDING] != 0) << 2
        | in_stage(core, now, k, 0) << 3 | in_stage(core, now, k, READ) << 4
        | in_stage(core, now, k, COMPUTE) << 5 | in_stage(core, now, k, WRITE) << 6
        | spike << 7 | (now[k, EMIT_TICK] != 0 and not spike) << 8
    )  # fmt: skip


@njit
def reset_control(core: Ints, now: Ints, k: int, totals: Ints) -> None:
    for column in range(CONTROL_COLUMNS):
        if column != SWEEP:
            now[k, column] = 0
    now[k, CLEAR] = core[k, WORDS]
    now[k, ISSUED] = now[k, EMIT_NEXT] = NONE
    now[k, WAS_RESET] = 1
    first = core[k, TOTALS_AT]
    for at in range(first, first + 2 * core[k, WORDS] * core[k, LANES]):
        totals[at] = 0


@inline
def integrate_word(core: Ints, now: Ints, k: int, weights: Ints, totals: Ints) -> int:
    """Add the current word of weights to the current bank; how many additions saturated."""
    clipped = 0
    width = core[k, WORDS] * core[k, LANES]
    first = now[k, WORD] * core[k, LANES]
    row = core[k, WEIGHTS_AT] + now[k, ADDRESS] * width
    bank = core[k, TOTALS_AT] + now[k, BANK] * width
    for neuron in range(first, first + core[k, LANES]):
        total = totals[bank + neuron] + weights[row + neuron]
        if total < core[k, LOW] or total > core[k, HIGH]:
            clipped += 1
            total = min(max(total, core[k, LOW]), core[k, HIGH])
        totals[bank + neuron] = total
    return clipped


@inline
def clock_sweep(
    core: Ints, now: Ints, k: int, spikes: Bools, start: bool, emits: int, out_ready: int
) -> None:
    """One clock edge of the sweep and the emitter."""
    if emits:
        if not out_ready:
            return
        if now[k, EMIT_NEXT] == NONE:
            now[k, EMIT_TICK] = 0
        else:
            first = now[k, EMIT_NEXT] + 1
            now[k, EMIT_NEXT] = next_spike(spikes, core[k, SPIKES_AT], first, now[k, EMIT_END])
    elif now[k, ISSUED] != NONE:
        word = written_word(now, k)
        last = word == core[k, WORDS] - 1
        if word != NONE:
            first = word * core[k, LANES]
            now[k, EMIT_END] = first + core[k, LANES]
            now[k, EMIT_NEXT] = next_spike(spikes, core[k, SPIKES_AT], first, now[k, EMIT_END])
            now[k, EMIT_TICK] = last
        now[k, ISSUED] = NONE if last else now[k, ISSUED] + 1
    elif start:
        now[k, ISSUED] = 0


@inline
def clock(
    core: Ints, now: Ints, k: int, weights: Ints, totals: Ints, spikes: Bools,
    taken: bool, address: int, tick: int, over: int, emits: int, out_ready: int, mask: int,
) -> None:  # fmt: skip
    """One clock edge of a core out of reset."""
    start = bool(now[k, PENDING] != 0 and over != 0)
    if now[k, CLIPPED_2]:
        now[k, SATURATED] = (now[k, SATURATED] + now[k, CLIPPED_2]) & mask
    now[k, CLIPPED_2] = now[k, CLIPPED_1]
    now[k, CLIPPED_1] = 0
    if now[k, ACTIVE]:
        if now[k, WORD] < core[k, WORDS]:
            now[k, CLIPPED_1] = integrate_word(core, now, k, weights, totals)
        now[k, WORD] += 1
        if now[k, WORD] == core[k, EVENT_CYCLES]:
            now[k, ACTIVE] = 0
    if now[k, CLEAR] > 0:
        now[k, CLEAR] -= 1
    if start:
        now[k, PENDING] = 0
        now[k, BANK] ^= 1
        now[k, SWEEP_DUE] = 1
    if taken and tick:
        now[k, PENDING] = 1
    elif taken and address < core[k, N_INPUTS]:
        now[k, ACTIVE] = 1
        now[k, WORD] = 0
        now[k, ADDRESS] = address
    elif taken:
        now[k, DROPPED] = (now[k, DROPPED] + 1) & mask
    clock_sweep(core, now, k, spikes, start, emits, out_ready)


@njit
def compiled_sweep(
    core: Ints, now: Ints, k: int, totals: Ints, spikes: Bools, kernels: Ints, currents: Ints,
    fired: Bools, history: Ints,
) -> None:  # fmt: skip
    """The values of the sweep that starts: from the compiled step, into the next row of history."""
    size = core[k, WORDS] * core[k, LANES]
    now[k, SWEEP] += 1
    row = core[k, HISTORY_AT] + now[k, SWEEP] * core[k, VARIABLES] * size
    variables = core[k, VARIABLES] - FIRST_STATE
    bank = core[k, TOTALS_AT] + (now[k, BANK] ^ 1) * size
    history[row + FRESH * size] = now[k, WAS_RESET]
    at = core[k, SPIKES_AT]
    for i in range(size):
        currents[at + i] = totals[bank + i] << core[k, WEIGHT_SHIFT]
        history[row + CURRENT * size + i] = currents[at + i]
        totals[bank + i] = 0
    if now[k, WAS_RESET]:
        for variable in range(variables):
            width = kernels[k, STATE_SIZE + variable]
            for i in range(size):
                place = kernels[k, STATE_AT + variable] + i * width
                store(place, width, kernels[k, STATE_INITIAL + variable])
        now[k, WAS_RESET] = 0
    call_kernel(kernels[k, CALL:].ctypes.data)
    for i in range(size):
        spikes[at + i] = fired[at + i] and i < core[k, N_NEURONS]
        history[row + SPIKE * size + i] = spikes[at + i]
    for variable in range(variables):
        place, width = kernels[k, STATE_AT + variable], kernels[k, STATE_SIZE + variable]
        for i in range(size):
            history[row + (FIRST_STATE + variable) * size + i] = load(place + i * width, width)
    now[k, SWEEP_DUE] = 0


@inline
def offer(driver: Ints, events: Ints, flags: int, inputs: Ints, cycle: int) -> None:
    """What a source, a sink and a reset show in a driven cycle; an event on offer stays."""
    if not driver[HOLDS] and not flags & IDLE and driver[NEXT_EVENT] < len(events):
        driver[HOLDS] = 1
        driver[NEXT_EVENT] += 1
    event = events[driver[NEXT_EVENT] - 1] if driver[HOLDS] else 0
    inputs[cycle, RST] = (flags & RESET) != 0
    inputs[cycle, IN_VALID] = driver[HOLDS]
    inputs[cycle, IN_ADDRESS] = event & ((1 << driver[TICK_BIT]) - 1)
    inputs[cycle, IN_TICK] = event >> driver[TICK_BIT]
    inputs[cycle, OUT_READY] = not flags & STALL


@njit
def run_chain(
    core: Ints, now: Ints, weights: Ints, totals: Ints, spikes: Bools, mask: int,
    inputs: Ints, first: int, streams: Ints, traces: Ints, between: Any,
    kernels: Any, currents: Any, fired: Any, history: Any, driver: Any, events: Any, flags: Any,
) -> int:  # fmt: skip
    """Run from cycle ``first`` to the end, or until a core needs the values of a new sweep.

    ``core`` (cores, CONFIG_COLUMNS) and ``now`` (cores, CONTROL_COLUMNS) say what and where the
    cores are. ``inputs`` (cycles, INPUT_COLUMNS) is read; with a ``driver`` it is filled instead,
    from packed ``events`` and ``flags`` (cycles,). Fills ``streams`` (cycles, STREAM_COLUMNS) and
    ``traces`` (cores, cycles, TRACE_COLUMNS). ``between`` (5 arrays of cores + 1) is room for what
    passes between the cores in a cycle. With ``kernels`` the values of a sweep are made
    here, into ``history``. Returns the next cycle.
    """
    cores = len(core)
    valid, address, tick, ready, over = between
    for cycle in range(first, len(inputs)):
        if driver is not None:
            offer(driver, events, flags[cycle], inputs, cycle)
        valid[0], address[0] = inputs[cycle, IN_VALID], inputs[cycle, IN_ADDRESS]
        tick[0], ready[cores] = inputs[cycle, IN_TICK], inputs[cycle, OUT_READY]
        for k in range(cores):
            over[k] = sweep_over(now, k)
            ready[k] = takes_event(core, now, k, over[k])
            valid[k + 1] = emitting(now, k)
            tick[k + 1] = now[k, EMIT_NEXT] == NONE
            address[k + 1] = 0 if now[k, EMIT_NEXT] == NONE else now[k, EMIT_NEXT]
            traces[k, cycle, WRITTEN] = NONE if valid[k + 1] else written_word(now, k)
            traces[k, cycle, ROW] = now[k, SWEEP]
            traces[k, cycle, TRACE_DROPPED] = now[k, DROPPED]
            traces[k, cycle, TRACE_SATURATED] = now[k, SATURATED]
            traces[k, cycle, FLAGS] = control_flags(core, now, k)
        streams[cycle, IN_READY] = ready[0]
        streams[cycle, OUT_VALID] = valid[cores]
        streams[cycle, OUT_ADDRESS] = address[cores]
        streams[cycle, OUT_TICK] = tick[cores]
        if driver is not None and valid[0] and ready[0]:
            driver[HOLDS] = 0
        due = 0
        for k in range(cores):
            if inputs[cycle, RST]:
                reset_control(core, now, k, totals)
                continue
            taken = bool(valid[k] and ready[k])
            clock(
                core, now, k, weights, totals, spikes,
                taken, address[k], tick[k], over[k], valid[k + 1], ready[k + 1], mask,
            )  # fmt: skip
            if kernels is not None and now[k, SWEEP_DUE]:
                compiled_sweep(core, now, k, totals, spikes, kernels, currents, fired, history)
            due += now[k, SWEEP_DUE]
        if due:
            return cycle + 1
    return len(inputs)
