"""The cycle-accurate model of the hardware core and of a chain of cores.

Given what the inputs show in each clock cycle, it says what every output shows, for any
pattern of valid, ready and reset. Whole arrays of cycles run at once: the control below is plain
integer code that numba compiles where it is installed; the values come from the golden
step (:func:`fxlif.neuron.step`), once per sweep for the whole population.

What the control of one core does (the page that the hardware is held to):

- **Reset** clears all memories word by word; the first event can be taken ``words`` cycles later.
- **Integration.** A SPIKE occupies the input for :func:`~fxlif.core.event_cycles` cycles, in which
  the words of its row of weights are added to the accumulators of the current bank. A SPIKE with an
  unknown address is counted and dropped. A TICK is *pending* until the sweep can start; while it
  waits, nothing is taken.
- **Sweep.** It starts when a TICK is pending and the last sweep is over; the banks swap. Each word
  passes address, memory, step and write-back, one stage per cycle. A word with spikes goes into
  the emitter as it is written back, and the sweep stands still until the emitter is empty again.
- **Emitter.** One event per transfer, lowest neuron first; after the last word, the TICK.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import numpy.typing as npt

from . import arithmetic
from .core import COUNTER_BITS, event_cycles, padded, padded_thresholds, padded_weights
from .core_params import CoreParams
from .neuron import NeuronState, initial_state, step
from .quantise import signed_range

Bools = npt.NDArray[np.bool_]
Ints = npt.NDArray[np.int64]
F = TypeVar("F", bound=Callable[..., Any])

if TYPE_CHECKING:

    def njit(function: F) -> F: ...
else:
    try:
        from numba import njit as _numba_njit

        njit = _numba_njit(cache=True)
    except ImportError:  # the same results, some hundred times slower

        def njit(function):
            return function


# Columns of the configuration: what a core is.
N_INPUTS, WORDS, LANES, EVENT_CYCLES = 0, 1, 2, 3
LOW, HIGH, WEIGHTS_AT, TOTALS_AT, SPIKES_AT = 4, 5, 6, 7, 8
CONFIG_COLUMNS = 9

# Columns of the control: where a core is. NONE stands for an empty stage.
NONE = -1
CLEAR, ACTIVE, WORD, ADDRESS, PENDING, BANK = 0, 1, 2, 3, 4, 5  # integration
CLIPPED_1, CLIPPED_2, DROPPED, SATURATED = 6, 7, 8, 9
ISSUE, READ, COMPUTE, WRITE = 10, 11, 12, 13  # the word in each stage of the sweep
EMIT_NEXT, EMIT_END, EMIT_TICK = 14, 15, 16  # next neuron to emit or NONE; end of its word
SWEEP, SWEEP_DUE, WAS_RESET = 17, 18, 19  # for the caller: which values, and when to make them
CONTROL_COLUMNS = 20


@njit
def next_spike(spikes: Bools, at: int, start: int, end: int) -> int:
    """The first neuron in start..end that spikes, or NONE."""
    for neuron in range(start, end):
        if spikes[at + neuron]:
            return neuron
    return NONE


@njit
def emitting(now: Ints) -> bool:
    return bool(now[EMIT_NEXT] != NONE or now[EMIT_TICK] != 0)


@njit
def sweep_over(now: Ints) -> bool:
    stages_empty = (
        now[ISSUE] == NONE and now[READ] == NONE and now[COMPUTE] == NONE and now[WRITE] == NONE
    )
    return bool(stages_empty and not emitting(now))


@njit
def takes_event(core: Ints, now: Ints) -> bool:
    row_done = now[ACTIVE] == 0 or now[WORD] == core[EVENT_CYCLES] - 1
    return bool(now[CLEAR] == 0 and row_done and (now[PENDING] == 0 or sweep_over(now)))


@njit
def reset_control(core: Ints, now: Ints, totals: Ints) -> None:
    sweep = now[SWEEP]
    now[:] = 0
    now[CLEAR] = core[WORDS]
    now[ISSUE] = now[READ] = now[COMPUTE] = now[WRITE] = now[EMIT_NEXT] = NONE
    now[SWEEP] = sweep
    now[WAS_RESET] = 1
    for at in range(core[TOTALS_AT], core[TOTALS_AT] + 2 * core[WORDS] * core[LANES]):
        totals[at] = 0


@njit
def integrate_word(core: Ints, now: Ints, weights: Ints, totals: Ints) -> int:
    """Add the current word of weights to the current bank; how many additions saturated."""
    clipped = 0
    width = core[WORDS] * core[LANES]
    first = now[WORD] * core[LANES]
    row = core[WEIGHTS_AT] + now[ADDRESS] * width
    bank = core[TOTALS_AT] + now[BANK] * width
    for neuron in range(first, first + core[LANES]):
        total = totals[bank + neuron] + weights[row + neuron]
        if total < core[LOW] or total > core[HIGH]:
            clipped += 1
            total = min(max(total, core[LOW]), core[HIGH])
        totals[bank + neuron] = total
    return clipped


@njit
def clock_sweep(core: Ints, now: Ints, spikes: Bools, start: bool, out_ready: int) -> None:
    """One clock edge of the sweep and the emitter."""
    if emitting(now):
        if out_ready:
            if now[EMIT_NEXT] != NONE:
                now[EMIT_NEXT] = next_spike(
                    spikes, core[SPIKES_AT], now[EMIT_NEXT] + 1, now[EMIT_END]
                )
            else:
                now[EMIT_TICK] = 0
        return
    if now[WRITE] != NONE:
        first = now[WRITE] * core[LANES]
        now[EMIT_END] = first + core[LANES]
        now[EMIT_NEXT] = next_spike(spikes, core[SPIKES_AT], first, now[EMIT_END])
        now[EMIT_TICK] = int(now[WRITE] == core[WORDS] - 1)
    now[WRITE] = now[COMPUTE]
    now[COMPUTE] = now[READ]
    now[READ] = now[ISSUE]
    if start:
        now[ISSUE] = 0
    elif now[ISSUE] != NONE:
        now[ISSUE] = now[ISSUE] + 1 if now[ISSUE] < core[WORDS] - 1 else NONE


@njit
def clock(
    core: Ints, now: Ints, weights: Ints, totals: Ints, spikes: Bools,
    valid: int, address: int, tick: int, out_ready: int, mask: int,
) -> None:  # fmt: skip
    """One clock edge of a core out of reset."""
    taken = valid != 0 and takes_event(core, now)
    start = bool(now[PENDING] != 0 and sweep_over(now))
    now[SATURATED] = (now[SATURATED] + now[CLIPPED_2]) & mask
    now[CLIPPED_2] = now[CLIPPED_1]
    now[CLIPPED_1] = 0
    if now[ACTIVE]:
        if now[WORD] < core[WORDS]:
            now[CLIPPED_1] = integrate_word(core, now, weights, totals)
        now[WORD] += 1
        if now[WORD] == core[EVENT_CYCLES]:
            now[ACTIVE] = 0
    if now[CLEAR] > 0:
        now[CLEAR] -= 1
    if start:
        now[PENDING] = 0
        now[BANK] ^= 1
        now[SWEEP_DUE] = 1
    if taken and tick:
        now[PENDING] = 1
    elif taken and address < core[N_INPUTS]:
        now[ACTIVE], now[WORD], now[ADDRESS] = 1, 0, address
    elif taken:
        now[DROPPED] = (now[DROPPED] + 1) & mask
    clock_sweep(core, now, spikes, start, out_ready)


@njit
def run_chain(
    config: Ints, control: Ints, weights: Ints, totals: Ints, spikes: Bools, mask: int,
    inputs: Ints, first: int, streams: Ints, traces: Ints,
) -> int:  # fmt: skip
    """Run from cycle ``first`` to the end, or until a core needs the values of a new sweep.

    ``inputs`` (cycles, 5): rst, in_valid, in_address, in_tick, out_ready. Fills ``streams``
    (cycles, 4): in_ready, out_valid, out_address, out_tick; and ``traces`` (cores, cycles, 4): word
    written back or NONE, which sweep, dropped, saturated. Returns the next cycle.
    """
    cores = len(config)
    valid = np.zeros(cores + 1, dtype=np.int64)
    address = np.zeros(cores + 1, dtype=np.int64)
    tick = np.zeros(cores + 1, dtype=np.int64)
    ready = np.zeros(cores + 1, dtype=np.int64)
    for cycle in range(first, len(inputs)):
        valid[0], address[0], tick[0] = inputs[cycle, 1], inputs[cycle, 2], inputs[cycle, 3]
        ready[cores] = inputs[cycle, 4]
        for k in range(cores):
            now = control[k]
            ready[k] = takes_event(config[k], now)
            valid[k + 1] = emitting(now)
            tick[k + 1] = now[EMIT_NEXT] == NONE
            address[k + 1] = 0 if now[EMIT_NEXT] == NONE else now[EMIT_NEXT]
            traces[k, cycle, 0] = NONE if emitting(now) else now[WRITE]
            traces[k, cycle, 1] = now[SWEEP]
            traces[k, cycle, 2] = now[DROPPED]
            traces[k, cycle, 3] = now[SATURATED]
        streams[cycle, 0] = ready[0]
        streams[cycle, 1] = valid[cores]
        streams[cycle, 2] = address[cores]
        streams[cycle, 3] = tick[cores]
        due = 0
        for k in range(cores):
            if inputs[cycle, 0]:
                reset_control(config[k], control[k], totals)
            else:
                clock(
                    config[k], control[k], weights, totals, spikes,
                    valid[k], address[k], tick[k], ready[k + 1], mask,
                )  # fmt: skip
                due += control[k, SWEEP_DUE]
        if due:
            return cycle + 1
    return len(inputs)


@dataclass(frozen=True, kw_only=True)
class CycleInputs:
    """What the inputs show, cycle by cycle: arrays (cycles,)."""

    rst: npt.ArrayLike
    in_valid: npt.ArrayLike
    in_address: npt.ArrayLike
    in_tick: npt.ArrayLike
    out_ready: npt.ArrayLike


@dataclass(frozen=True, kw_only=True)
class CoreTrace:
    """What one core's trace port and counters show. A value counts where its valid does.

    ``valid`` and ``index`` (cycles,): a word was written back, and which. ``state`` names each
    state variable's (written, lanes) values and ``spike`` the (written, lanes) spikes of the
    cycles in which ``valid`` holds, in order. ``dropped``, ``saturated`` (cycles,): the counters.
    """

    valid: Bools
    index: Ints
    state: dict[str, Ints]
    spike: Bools
    dropped: Ints
    saturated: Ints


@dataclass(frozen=True, kw_only=True)
class CycleOutputs:
    """What the outputs show, cycle by cycle: arrays (cycles,), and one trace per core.

    ``out_address`` and ``out_tick`` mean something where ``out_valid`` holds.
    """

    in_ready: Bools
    out_valid: Bools
    out_address: Ints
    out_tick: Bools
    cores: list[CoreTrace]


@dataclass
class _Values:
    """The values of one core: its state, and the tables of the sweeps that are being traced."""

    core: CoreParams
    thresholds: Ints
    real: Bools
    state: NeuronState
    sweeps: list[tuple[NeuronState, Bools]] = field(default_factory=list)


class CycleModel:
    """The cycle-accurate model of a chain of cores, from power-up on.

    :meth:`run` takes any number of cycles and goes on from where the last call ended.
    """

    def __init__(self, cores: Sequence[CoreParams]) -> None:
        self.cores = tuple(cores)
        self._config = np.zeros((len(self.cores), CONFIG_COLUMNS), dtype=np.int64)
        self._control = np.zeros((len(self.cores), CONTROL_COLUMNS), dtype=np.int64)
        sizes = [padded(core) for core in self.cores]
        self._totals = np.zeros(2 * sum(sizes), dtype=np.int64)
        self._spikes = np.zeros(sum(sizes), dtype=np.bool_)
        self._weights = np.concatenate([padded_weights(core).ravel() for core in self.cores])
        self._values = []
        weights_at = spikes_at = 0
        for k, (core, size) in enumerate(zip(self.cores, sizes, strict=True)):
            low, high = signed_range(core.accumulator_bits)
            self._config[k] = (
                core.n_inputs, core.words, core.lanes, event_cycles(core),
                low, high, weights_at, 2 * spikes_at, spikes_at,
            )  # fmt: skip
            self._values.append(
                _Values(
                    core=core,
                    thresholds=padded_thresholds(core),
                    real=np.arange(size) < core.n_neurons,
                    state=initial_state(core.neuron, size),
                )
            )
            reset_control(self._config[k], self._control[k], self._totals)
            weights_at += core.n_inputs * size
            spikes_at += size
        # Compiles, or loads, the control now and not in the first cycle that is timed.
        no_cycles = np.zeros(0, dtype=np.int64)
        self.run(CycleInputs(**dict.fromkeys(CycleInputs.__dataclass_fields__, no_cycles)))

    def _sweep(self, k: int) -> None:
        """Make the values of the sweep that core ``k`` has just started."""
        now, values, core = self._control[k], self._values[k], self.cores[k]
        size = padded(core)
        if now[WAS_RESET]:
            values.state = initial_state(core.neuron, size)
            now[WAS_RESET] = 0
        at = self._config[k, TOTALS_AT] + (now[BANK] ^ 1) * size
        current = arithmetic.synaptic_current(
            self._totals[at : at + size], core.weight_shift, core.neuron.bias
        )
        values.state, fire = step(core.neuron, values.state, current, values.thresholds)
        self._totals[at : at + size] = 0
        at = self._config[k, SPIKES_AT]
        self._spikes[at : at + size] = fire & values.real
        now[SWEEP] = len(values.sweeps)
        values.sweeps.append((values.state, fire & values.real))
        now[SWEEP_DUE] = 0

    def run(self, inputs: CycleInputs) -> CycleOutputs:
        """The outputs for these cycles; see :class:`CycleInputs` and :class:`CycleOutputs`."""
        columns = (
            inputs.rst, inputs.in_valid, inputs.in_address, inputs.in_tick, inputs.out_ready,
        )  # fmt: skip
        table = np.stack([np.asarray(column, dtype=np.int64) for column in columns], axis=1)
        streams = np.zeros((len(table), 4), dtype=np.int64)
        traces = np.zeros((len(self.cores), len(table), 4), dtype=np.int64)
        cycle = 0
        mask = (1 << COUNTER_BITS) - 1
        while cycle < len(table):
            cycle = run_chain(
                self._config, self._control, self._weights, self._totals, self._spikes,
                mask, table, cycle, streams, traces,
            )  # fmt: skip
            for k in np.flatnonzero(self._control[:, SWEEP_DUE]):
                self._sweep(int(k))
        return CycleOutputs(
            in_ready=streams[:, 0] != 0,
            out_valid=streams[:, 1] != 0,
            out_address=streams[:, 2],
            out_tick=streams[:, 3] != 0,
            cores=[self._trace(k, trace) for k, trace in enumerate(traces)],
        )

    def _trace(self, k: int, trace: Ints) -> CoreTrace:
        values, core = self._values[k], self.cores[k]
        valid = trace[:, 0] != NONE
        words, sweeps = trace[valid, 0], trace[valid, 1]

        def gather(tables: list[Any]) -> Any:
            if not tables:
                return np.zeros((0, core.lanes), dtype=np.int64)
            stacked = np.stack(tables).reshape(len(tables), core.words, core.lanes)
            return stacked[sweeps, words]

        state = {
            name: gather([getattr(made, name) for made, _ in values.sweeps])
            for name in core.neuron.state_widths
        }
        spike = gather([made for _, made in values.sweeps]).astype(np.bool_)
        # Only the last sweep can still be under way when the next call goes on.
        values.sweeps = values.sweeps[-1:]
        self._control[k, SWEEP] = 0
        return CoreTrace(
            valid=valid, index=trace[:, 0], state=state, spike=spike,
            dropped=trace[:, 2], saturated=trace[:, 3],
        )  # fmt: skip
