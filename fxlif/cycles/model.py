"""The cycle-accurate model of the hardware core and of a chain of cores.

Given what the inputs show in each clock cycle, it says what every output shows, for any
pattern of valid, ready and reset. Whole arrays of cycles run at once: the control is the plain
integer code of :mod:`fxlif.cycles.control`; the values come once per sweep for the whole
population, from the golden step (:func:`fxlif.neuron.step`) or from the compiled one
(:mod:`fxlif.kernels`).

What the control of one core does (the page that the hardware is held to):

- **Reset** clears all memories word by word; the first event can be taken ``words`` cycles later.
- **Integration.** A SPIKE occupies the input for :func:`~fxlif.cycles.latency.event_cycles` cycles,
  in which the words of its row of weights are added to the accumulators of the current bank. A
  SPIKE with an unknown address is counted and dropped. A TICK is *pending* until the sweep can
  start; while it waits, nothing is taken.
- **Sweep.** It starts when a TICK is pending and the last sweep is over; the banks swap. Each word
  passes address, memory, step and write-back, one stage per cycle. A word with spikes goes into
  the emitter as it is written back, and the sweep stands still until the emitter is empty again.
- **Emitter.** One event per transfer, lowest neuron first; after the last word, the TICK.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from ..engines import choose_engine
from ..params.core import CoreParams
from ..params.quantise import signed_range
from ..rule import arithmetic
from ..rule.step import NeuronState, initial_state, step
from . import control
from .control import Bools, Bytes, Ints
from .latency import COUNTER_BITS, event_cycles, padded, padded_thresholds, padded_weights

if TYPE_CHECKING:
    from .compiled_steps import Kernels

CONTROL_FLAGS = control.CONTROL_FLAGS


@dataclass(frozen=True, kw_only=True)
class CycleInputs:
    """What the inputs show, cycle by cycle: arrays (cycles,)."""

    rst: npt.ArrayLike
    in_valid: npt.ArrayLike
    in_address: npt.ArrayLike
    in_tick: npt.ArrayLike
    out_ready: npt.ArrayLike


@dataclass(frozen=True, kw_only=True)
class Steps:
    """Steps of single neurons, sweep after sweep: arrays (n,).

    ``current`` is exact, with weight_shift and bias; ``threshold`` the stored one, without theta.
    """

    before: NeuronState
    current: Ints
    threshold: Ints
    after: NeuronState
    fire: Bools


@dataclass(frozen=True, kw_only=True)
class CoreTrace:
    """What one core's trace port and counters show. A value counts where its valid does.

    ``valid`` and ``index`` (cycles,): a word was written back, and which. ``state`` names each
    state variable's (written, lanes) values and ``spike`` the (written, lanes) spikes of the
    cycles in which ``valid`` holds, in order. ``dropped``, ``saturated`` (cycles,): the counters.
    ``control`` (cycles,): what the control is doing, bit k for :data:`CONTROL_FLAGS` [k].
    ``steps``: of the sweeps that started in these cycles, every neuron's.
    """

    valid: Bools
    index: Ints
    state: dict[str, Ints]
    spike: Bools
    dropped: Ints
    saturated: Ints
    control: Ints
    steps: Steps


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


@dataclass(frozen=True, kw_only=True)
class Block:
    """Some cycles of the model as the tables of :mod:`fxlif.cycles.control`.

    ``inputs`` (cycles, INPUT_COLUMNS), ``streams`` (cycles, STREAM_COLUMNS), ``traces`` (cores,
    cycles, TRACE_COLUMNS); ``history`` is flat, a core's begins at its HISTORY_AT in ``config``
    with the row of the sweep before these cycles.
    """

    config: Ints
    inputs: Ints
    streams: Ints
    traces: Ints
    history: Ints


class Driver:
    """A source of packed events for a model that drives itself; an event on offer stays."""

    def __init__(self, address_bits: int) -> None:
        self.table = np.zeros(control.DRIVER_COLUMNS, dtype=np.int64)
        self.table[control.TICK_BIT] = address_bits
        self.events = np.zeros(0, dtype=np.int64)

    def refill(self, events: Ints) -> None:
        """Drop the events that are used up and append ``events``."""
        # The last one offered may still be on offer.
        used = int(self.table[control.NEXT_EVENT]) - int(self.table[control.HOLDS])
        self.events = np.concatenate([self.events[used:], events])
        self.table[control.NEXT_EVENT] -= used

    @property
    def left(self) -> int:
        """How many events have not been offered."""
        return len(self.events) - int(self.table[control.NEXT_EVENT])


class CycleModel:
    """The cycle-accurate model of a chain of cores, from power-up on.

    :meth:`run` takes any number of cycles and goes on from where the last call ended. ``engine``
    says where values come from: ``numpy`` is the golden step, ``compiled`` the compiled one, some
    twenty times faster; the same results.
    """

    def __init__(self, cores: Sequence[CoreParams], *, engine: str = "numpy") -> None:
        self.cores = tuple(cores)
        self._config = np.zeros((len(self.cores), control.CONFIG_COLUMNS), dtype=np.int64)
        self._control = np.zeros((len(self.cores), control.CONTROL_COLUMNS), dtype=np.int64)
        sizes = [padded(core) for core in self.cores]
        self._totals = np.zeros(2 * sum(sizes), dtype=np.int64)
        self._spikes = np.zeros(sum(sizes), dtype=np.bool_)
        self._weights = np.concatenate([padded_weights(core).ravel() for core in self.cores])
        self._thresholds = [padded_thresholds(core) for core in self.cores]
        self._states = [initial_state(c.neuron, n) for c, n in zip(self.cores, sizes, strict=True)]
        # The row of the last sweep of each core, which a block may still have to show.
        self._last_rows: list[Ints] = []
        weights_at = spikes_at = 0
        for k, (core, size) in enumerate(zip(self.cores, sizes, strict=True)):
            low, high = signed_range(core.accumulator_bits)
            variables = control.FIRST_STATE + len(core.neuron.state_widths)
            self._config[k] = (
                core.n_inputs, core.n_neurons, core.words, core.lanes, event_cycles(core),
                low, high, weights_at, 2 * spikes_at, spikes_at, 0, variables, core.weight_shift,
            )  # fmt: skip
            self._last_rows.append(np.zeros((variables, size), dtype=np.int64))
            control.reset_control(self._config, self._control, k, self._totals)
            weights_at += core.n_inputs * size
            spikes_at += size
        self._between = tuple(np.zeros(len(self.cores) + 1, dtype=np.int64) for _ in range(5))
        self._driven: Block | None = None
        self._kernels: Kernels | None = None
        if choose_engine(engine) == "compiled":
            from .compiled_steps import Kernels

            self._kernels = Kernels(self.cores, self._thresholds)
        # Compiles, or loads, the control now and not in the first cycle that is timed.
        no_cycles = np.zeros(0, dtype=np.int64)
        self.run(CycleInputs(**dict.fromkeys(CycleInputs.__dataclass_fields__, no_cycles)))

    def _sweep(self, k: int, history: Ints) -> None:
        """Make the values of the sweep that core ``k`` has just started."""
        now, config, core = self._control[k], self._config[k], self.cores[k]
        size = padded(core)
        fresh = int(now[control.WAS_RESET])
        if fresh:
            self._states[k] = initial_state(core.neuron, size)
            now[control.WAS_RESET] = 0
        at = config[control.TOTALS_AT] + (now[control.BANK] ^ 1) * size
        shifted = arithmetic.synaptic_current(self._totals[at : at + size], core.weight_shift, 0)
        current = shifted + core.neuron.bias
        self._states[k], fire = step(core.neuron, self._states[k], current, self._thresholds[k])
        self._totals[at : at + size] = 0
        at = config[control.SPIKES_AT]
        spikes = fire & (np.arange(size) < core.n_neurons)
        self._spikes[at : at + size] = spikes
        now[control.SWEEP] += 1
        now[control.SWEEP_DUE] = 0
        row = self._rows(k, history)[now[control.SWEEP]]
        row[control.FRESH], row[control.CURRENT], row[control.SPIKE] = fresh, shifted, spikes
        for place, name in enumerate(core.neuron.state_widths, start=control.FIRST_STATE):
            row[place] = getattr(self._states[k], name)

    def _rows(self, k: int, history: Ints) -> Ints:
        """The history of core ``k``, (rows, variables, neurons of all lanes)."""
        shape = (-1, *self._last_rows[k].shape)
        end = self._config[k + 1, control.HISTORY_AT] if k + 1 < len(self.cores) else len(history)
        return history[self._config[k, control.HISTORY_AT] : end].reshape(shape)

    def _tables(self, cycles: int) -> Block:
        """Room for so many cycles."""
        length, config = 0, self._config.copy()
        for k, (core, last) in enumerate(zip(self.cores, self._last_rows, strict=True)):
            config[k, control.HISTORY_AT] = length
            # After a reset a sweep waits until all words are cleared: it takes more cycles than
            # there are words, one way or the other.
            length += (cycles // (core.words + 1) + 2) * last.size
        return Block(
            config=config,
            inputs=np.zeros((cycles, control.INPUT_COLUMNS), dtype=np.int64),
            streams=np.zeros((cycles, control.STREAM_COLUMNS), dtype=np.int64),
            traces=np.zeros((len(self.cores), cycles, control.TRACE_COLUMNS), dtype=np.int64),
            history=np.zeros(length, dtype=np.int64),
        )

    def _fill(
        self, block: Block, driver: Ints | None = None, events: Ints | None = None,
        flags: Bytes | None = None,
    ) -> Block:  # fmt: skip
        """Run the cycles of a block, with its inputs or with those that a driver shows."""
        self._config[:, control.HISTORY_AT] = block.config[:, control.HISTORY_AT]
        for k, last in enumerate(self._last_rows):
            self._rows(k, block.history)[0] = last
        self._control[:, control.SWEEP] = 0
        mask = (1 << COUNTER_BITS) - 1
        kernels, currents, fired = self._kernels.tables if self._kernels else (None, None, None)
        cycle = 0
        while cycle < len(block.inputs):
            cycle = control.run_chain(
                self._config, self._control, self._weights, self._totals, self._spikes, mask,
                block.inputs, cycle, block.streams, block.traces, self._between,
                kernels, currents, fired, block.history, driver, events, flags,
            )  # fmt: skip
            for due in np.flatnonzero(self._control[:, control.SWEEP_DUE]):
                self._sweep(int(due), block.history)
        for k in range(len(self.cores)):
            rows = self._rows(k, block.history)
            self._last_rows[k] = rows[self._control[k, control.SWEEP]].copy()
        return block

    def run(self, inputs: CycleInputs) -> CycleOutputs:
        """The outputs for these cycles; see :class:`CycleInputs` and :class:`CycleOutputs`."""
        block = self._tables(len(np.asarray(inputs.rst)))
        block.inputs[:, control.RST] = inputs.rst
        block.inputs[:, control.IN_VALID] = inputs.in_valid
        block.inputs[:, control.IN_ADDRESS] = inputs.in_address
        block.inputs[:, control.IN_TICK] = inputs.in_tick
        block.inputs[:, control.OUT_READY] = inputs.out_ready
        return self.outputs(self._fill(block))

    def drive(self, driver: Driver, flags: Bytes) -> Block:
        """Run as many cycles as there are ``flags``, with the inputs that ``driver`` shows.

        The block is overwritten by the next call: fresh memory would cost as much as the cycles.
        """
        if self._driven is None or len(self._driven.inputs) != len(flags):
            self._driven = self._tables(len(flags))
        return self._fill(self._driven, driver.table, driver.events, flags)

    def outputs(self, block: Block) -> CycleOutputs:
        """A block that this model has just run, under names."""
        return CycleOutputs(
            in_ready=block.streams[:, control.IN_READY] != 0,
            out_valid=block.streams[:, control.OUT_VALID] != 0,
            out_address=block.streams[:, control.OUT_ADDRESS],
            out_tick=block.streams[:, control.OUT_TICK] != 0,
            cores=[self._trace(k, block) for k in range(len(self.cores))],
        )

    def _trace(self, k: int, block: Block) -> CoreTrace:
        core, trace, rows = self.cores[k], block.traces[k], self._rows(k, block.history)
        valid = trace[:, control.WRITTEN] != control.NONE
        words = trace[valid, control.WRITTEN]
        lanes = rows.reshape(*rows.shape[:2], core.words, core.lanes)
        written = lanes[trace[valid, control.ROW], :, words]
        state = {
            name: written[:, place]
            for place, name in enumerate(core.neuron.state_widths, start=control.FIRST_STATE)
        }
        return CoreTrace(
            valid=valid, index=trace[:, control.WRITTEN], state=state,
            spike=written[:, control.SPIKE] != 0, dropped=trace[:, control.TRACE_DROPPED],
            saturated=trace[:, control.TRACE_SATURATED], control=trace[:, control.FLAGS],
            steps=self._steps(k, rows[: self._control[k, control.SWEEP] + 1]),
        )  # fmt: skip

    def _steps(self, k: int, rows: Ints) -> Steps:
        core = self.cores[k]
        real = rows[:, :, : core.n_neurons]
        fresh = real[1:, control.FRESH, :1] != 0
        start = initial_state(core.neuron, core.n_neurons)

        def variable(name: str) -> tuple[Ints, Ints]:
            if name not in core.neuron.state_widths:
                nothing = np.zeros(fresh.size * core.n_neurons, dtype=np.int64)
                return nothing, nothing
            place = control.FIRST_STATE + list(core.neuron.state_widths).index(name)
            before = np.where(fresh, getattr(start, name), real[:-1, place])
            return before.ravel(), real[1:, place].ravel()

        variables = [variable(name) for name in NeuronState._fields]
        return Steps(
            before=NeuronState(*(before for before, _ in variables)),
            current=real[1:, control.CURRENT].ravel() + core.neuron.bias,
            threshold=np.tile(self._thresholds[k][: core.n_neurons], len(fresh)),
            after=NeuronState(*(after for _, after in variables)),
            fire=real[1:, control.SPIKE].ravel() != 0,
        )
