"""The cycle-accurate model of the hardware core and of a chain of cores.

Given what the inputs show in each clock cycle, it says what every output shows, for any
pattern of valid, ready and reset. Whole arrays of cycles run at once: the control is the plain
integer code of :mod:`fxlif.cycles.control`; the values come once per update for the whole
population, from the golden step (:func:`fxlif.rule.step.step`) or from the compiled one
(:mod:`fxlif.compiled.neuron_step`).

What the control of one core does (the hardware must do the same):

- **Issue.** One operation after the other passes the pipelines of :mod:`fxlif.cycles.pipeline`, a
  word a cycle, none of which ever stands still: the words of the row of weights of a SPIKE are
  added to the sums, or all words of the population are updated, or cleared. Each takes
  :func:`~fxlif.cycles.latency.event_cycles` cycles. A SPIKE with an unknown address is counted and
  dropped in one cycle.
- **Reset** issues a clear; the first event can be taken in its last cycle.
- **Update.** A TICK is an update, issued at once; or, where the last update or the clear is not
  over, *pending* until it is, and nothing is taken meanwhile. An update uses the sums, sets them to
  0, and is over when its TICK moves to the output. Where events act one by one there are no sums:
  each word of a row changes the state; the values of the whole step are made with its update.
- **Queue and emitter.** A word with spikes, and the last word, is queued as it is written back. Two
  stages behind the queue, an event goes out per transfer: the spikes of a word, lowest neuron first
  and each as often as it fired, and after those of the last word the TICK.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import numpy.typing as npt

from ..engines import choose_engine
from ..params.core import CoreParams, Register
from ..params.quantise import signed_range
from ..rule.arithmetic import Arrivals, Number
from ..rule.lfsr import draws, jump
from ..rule.step import NeuronState, initial_state, step
from ..rule.written import with_register
from . import control
from .access import COUNTS, as_register, is_accessible
from .chain import run_chain
from .control import (
    CURRENT,
    DRAWN,
    FIRST_STATE,
    NONE,
    SPIKE,
    Block,
    Bools,
    Bytes,
    Chain,
    CompiledSteps,
    Driven,
    Ints,
    Records,
    Tables,
    fill,
)
from .driver import Driver as Driver
from .latency import (
    COUNTER_BITS,
    AnyCore,
    event_cycles,
    padded,
    padded_thresholds,
    padded_weights,
)
from .pipeline import write_distance
from .port import AccessPorts, in_updates
from .shown import CoreTrace as CoreTrace
from .shown import CycleInputs as CycleInputs
from .shown import CycleOutputs as CycleOutputs
from .shown import Steps as Steps

if TYPE_CHECKING:
    from .event_step import EventStep

CONTROL_FLAGS = control.CONTROL_FLAGS
#: For so many events that act one by one a core has room before they are taken away.
ROOM = 256


class DesignModel(ABC):
    """The cycle-accurate model of a design, from power-up on: what all such have in common.

    :meth:`run` takes any number of cycles and goes on from where the last call ended. ``engine``
    says where values come from: ``numpy`` is the golden step, ``compiled`` the compiled one, some
    twenty times faster; the same results.
    """

    #: The names of the bits of :attr:`CoreTrace.control`.
    control_flags: ClassVar[tuple[str, ...]]

    def __init__(self, cores: Sequence[AnyCore], tables: Tables, *, engine: str) -> None:
        self.cores = tuple(cores)
        sizes = [padded(core) for core in self.cores]
        self._config = tables.config
        self._chain = Chain(
            control=tables.after_reset.copy(),
            after_reset=tables.after_reset,
            weights=tables.weights,
            totals=np.zeros(tables.totals, dtype=np.int64),
            spikes=np.zeros(sum(sizes), dtype=np.uint16),
            queue=np.zeros(sum(core.words for core in self.cores), dtype=np.int64),
        )
        first = self._chain.after_reset
        first["op"] = control.CLEAR
        first["fetched"] = first["held"] = first["shown"] = NONE
        first["updating"] = first["fresh"] = 1
        first["lfsr"] = [core.neuron.lfsr.seed for core in self.cores]
        first["start"] = [core.neuron.v_reset for core in self.cores]
        #: What the cores are, and as they are after a reset; all weights, flat; how many totals.
        self.config, self.after_reset = tables.config.copy(), first.copy()
        self.weights, self.totals = tables.weights, tables.totals
        #: Each core's, with the registers that were written.
        self._neurons = [core.neuron for core in self.cores]
        self._chain.control[:] = first
        self._thresholds = [padded_thresholds(core) for core in self.cores]
        self._states = [initial_state(c.neuron, n) for c, n in zip(self.cores, sizes, strict=True)]
        # The row of the last update of each core, which a block may still have to show.
        self._last_rows: list[Ints] = []
        spikes_at = queue_at = 0
        for k, (core, size) in enumerate(zip(self.cores, sizes, strict=True)):
            variables = FIRST_STATE + len(core.neuron.state_widths)
            facts = {
                "n_neurons": core.n_neurons, "words": core.words, "lanes": core.lanes,
                "counter_mask": (1 << COUNTER_BITS) - 1,
                "lfsr_mask": core.neuron.lfsr.mask if core.neuron.random_bits else 0,
                "spikes_at": spikes_at, "queue_at": queue_at, "variables": variables,
                "by_rule": any(map(as_register, core.writable)),
                "room": ROOM if core.neuron.per_event else 0, "arrived_at": ROOM * k,
            }  # fmt: skip
            fill(self._config, k, facts)
            self._last_rows.append(np.zeros((variables, size), dtype=np.int64))
            spikes_at += size
            queue_at += core.words
        #: Where the weights begin of the events of this step that act one by one, as many as a core
        #: has room for; by core, those that were taken away, and those of each update of a block.
        self._arrived = np.zeros(ROOM * len(self.cores), dtype=np.int64)
        self._events: list[list[int]] = [[] for _ in self.cores]
        self._acted: list[list[Ints]] = [[] for _ in self.cores]
        self._driven: Block | None = None
        self.port = AccessPorts(cores) if any(map(is_accessible, cores)) else None
        self._steps: CompiledSteps | None = None
        #: By core, the compiled steps of those whose events act one by one.
        self._event_steps: dict[int, EventStep] = {}
        self._compared: list[npt.NDArray[Any]] = []  # thresholds of the compiled steps
        if choose_engine(engine) == "compiled":
            from .compiled_steps import compiled_steps

            self._steps, self._event_steps, self._compared, self._kept = compiled_steps(
                self.cores, self._thresholds, tables.currents
            )

    @abstractmethod
    def _taken(self, k: int) -> Ints:
        """The currents of the update that core ``k`` has just started, without bias; the sums that
        it takes are 0 again."""

    def _came(self, k: int) -> Ints:
        """Where the weights begin of the events of that update, where they act one by one: there
        are none left behind it."""
        now = self._chain.control[k]
        places = np.array(self._events[k][: now["spilled"]], dtype=np.int64)
        now["spilled"] = 0
        self._acted[k].append(places)  # of weights that no one writes
        return places

    def _shift(self, k: int) -> int:
        """How far the weights of an event are still to be shifted."""
        core = self.cores[k]
        return core.weight_shift if isinstance(core, CoreParams) else 0

    def _added(self, k: int, places: Ints) -> Ints:
        """What events add whose weights begin at these places, (events, neurons)."""
        lanes = np.arange(padded(self.cores[k]))
        rows: Ints = self._chain.weights[places[:, np.newaxis] + lanes] << self._shift(k)
        return rows

    @abstractmethod
    def _advance(self, block: Block, cycle: int, driven: Driven | None) -> int:
        """Run from ``cycle`` on until a core needs the values of an update; the next cycle."""

    def _update(self, k: int, history: Ints) -> None:
        """Make the values of the update that core ``k`` has just started, or, where it has no room
        for more of them, take events away."""
        now, config, core = self._chain.control[k], self._config[k], self.cores[k]
        due, now["update_due"] = now["update_due"], 0
        if core.neuron.per_event:
            first, events = config["arrived_at"], self._events[k]
            del events[now["spilled"] :]  # those of before a reset
            events += self._arrived[first : first + now["arrived"]].tolist()
            now["arrived"], now["spilled"] = 0, len(events)
            if due == 2:
                return
        size = padded(core)
        here = slice(config["spikes_at"], config["spikes_at"] + size)
        drawn = int(now["lfsr"]) << 1
        if now["fresh"]:
            drawn = int(now["start"]) << 1 | 1
            start = initial_state(core.neuron, size)
            self._states[k] = start._replace(v=np.full(size, now["start"]))
            if k in self._event_steps:
                self._event_steps[k].reset(now["start"])
            now["fresh"] = 0
        random: Number = 0
        if core.neuron.random_bits:
            # Fillers draw too, but the register goes on behind the last neuron.
            random, _ = draws(core.neuron.lfsr, int(now["lfsr"]), size)
            now["lfsr"] = jump(core.neuron.lfsr, int(now["lfsr"]), core.n_neurons)
        shifted: Number = 0
        arrivals: Arrivals = ()
        places = self._came(k) if core.neuron.per_event else None
        compiled = self._event_steps.get(k)
        if compiled is not None and places is not None:
            fire: Number = compiled.step(
                self._chain.weights, places, self._shift(k), self._thresholds[k], random
            )
            state: Mapping[str, Ints] = compiled.state
        else:
            shifted = self._taken(k)
            if places is not None:  # a weight of 0 is no synapse
                rows = self._added(k, places)
                arrivals = [(np.flatnonzero(row), row[row != 0]) for row in rows]
            self._states[k], fire = step(
                self._neurons[k], self._states[k], shifted + core.neuron.bias,
                self._thresholds[k], random, arrivals,
            )  # fmt: skip
            state = self._states[k]._asdict()
        spikes = np.where(np.arange(size) < core.n_neurons, fire, 0)
        # The count of those that fire on events saturates.
        spikes = np.minimum(spikes, (1 << core.spike_bits) - 1)
        self._chain.spikes[here] = spikes
        now["update"] += 1
        row = self._rows(k, history)[now["update"]]
        row[DRAWN], row[CURRENT], row[SPIKE] = drawn, shifted, spikes
        for place, name in enumerate(core.neuron.state_widths, start=FIRST_STATE):
            row[place] = state[name]

    def _set_register(self, k: int, name: Register, value: int) -> None:
        """Give a register of core ``k`` another value."""
        self._neurons[k] = with_register(self._neurons[k], name, value)
        self._chain.after_reset[k]["start"] = self._neurons[k].v_reset

    def _value(self, k: int, item: str, place: int, block: Block) -> int:
        """What a counter of core ``k`` shows, or a state variable of a neuron between two steps."""
        now, core = self._chain.control[k], self.cores[k]
        if item in COUNTS:
            return int(now[item])
        if now["fresh"]:
            return int(now["start"]) if item == "v" else 0
        variable = FIRST_STATE + list(core.neuron.state_widths).index(item)
        return int(self._rows(k, block.history)[now["update"], variable, place])

    def _rows(self, k: int, history: Ints) -> Ints:
        """The history of core ``k``, (rows, variables, neurons of all lanes)."""
        shape = (-1, *self._last_rows[k].shape)
        end = self._config[k + 1]["history_at"] if k + 1 < len(self.cores) else len(history)
        return history[self._config[k]["history_at"] : end].reshape(shape)

    def _room(self, cycles: int) -> Block:
        """Room for so many cycles."""
        length = 0
        for k, (core, last) in enumerate(zip(self.cores, self._last_rows, strict=True)):
            self._config[k]["history_at"] = length
            # Between two updates all words are written back, of the first one or of a clear.
            length += (cycles // (core.words + write_distance(core.neuron)) + 2) * last.size
        return Block(
            config=self._config.copy(),
            inputs=np.zeros(cycles, dtype=control.INPUT),
            streams=np.zeros(cycles, dtype=control.STREAM),
            traces=np.zeros((len(self.cores), cycles), dtype=control.TRACE),
            history=np.zeros(length, dtype=np.int64),
        )

    def _fill(self, block: Block, driven: Driven | None = None) -> Block:
        """Run the cycles of a block, with its inputs or with those that a driver shows."""
        self._config = block.config
        now = self._chain.control
        for k, last in enumerate(self._last_rows):
            self._rows(k, block.history)[0] = last
        now["update"] = 0
        self._acted = [[] for _ in self.cores]
        cycle = 0
        while cycle < len(block.inputs):
            cycle = self._advance(block, cycle, driven)
            if self.port is not None:
                for k, name, value in self.port.store(
                    cycle - 1, now["update"], self._thresholds, self._compared
                ):
                    self._set_register(k, name, value)
                self.port.read(cycle - 1, lambda k, name, at: self._value(k, name, at, block))
            for due in np.flatnonzero(now["update_due"]):
                self._update(int(due), block.history)
        for k in range(len(self.cores)):
            self._last_rows[k] = self._rows(k, block.history)[now[k]["update"]].copy()
        if self.port is not None:
            self.port.finish(block.inputs["rst"] != 0)
        return block

    def run(self, inputs: CycleInputs) -> CycleOutputs:
        """The outputs for these cycles; see :class:`CycleInputs` and :class:`CycleOutputs`."""
        return self.outputs(self.show(inputs))

    def show(self, inputs: CycleInputs) -> Block:
        """Run these cycles."""
        block = self._room(len(np.asarray(inputs.rst)))
        for name in control.INPUT.names or ():
            block.inputs[name] = getattr(inputs, name)
        if self.port is not None:
            self.port.offer(len(block.inputs), inputs)
        return self._fill(block)

    def drive(self, driver: Driver, flags: Bytes) -> Block:
        """Run as many cycles as there are ``flags``, with the inputs that ``driver`` shows.

        The block is overwritten by the next call: fresh memory would cost as much as the cycles.
        """
        if self._driven is None or len(self._driven.inputs) != len(flags):
            self._driven = self._room(len(flags))
        if self.port is not None:
            self.port.drive(len(flags), driver.writes, driver.reads)
        return self._fill(self._driven, Driven(driver.state, driver.events, flags))

    def outputs(self, block: Block) -> CycleOutputs:
        """A block that this model has just run, under names."""
        made = CycleOutputs(
            in_ready=block.streams["in_ready"] != 0,
            out_valid=block.streams["out_valid"] != 0,
            out_address=block.streams["out_address"],
            out_tick=block.streams["out_tick"] != 0,
            cores=[self._trace(k, block) for k in range(len(self.cores))],
        )
        if self.port is None:
            return made
        return replace(made, **self.port.shown())

    def _trace(self, k: int, block: Block) -> CoreTrace:
        core, trace, rows = self.cores[k], block.traces[k], self._rows(k, block.history)
        valid = trace["written"] != NONE
        lanes = rows.reshape(*rows.shape[:2], core.words, core.lanes)
        written = lanes[trace["row"][valid], :, trace["written"][valid]]
        names = enumerate(core.neuron.state_widths, start=FIRST_STATE)
        state = {name: written[:, place] for place, name in names}
        return CoreTrace(
            valid=valid, index=trace["written"], state=state, dropped=trace["dropped"],
            spike=self._spikes(core, written[:, SPIKE]), saturated=trace["saturated"],
            control=trace["flags"], word=trace["word"], ends=trace["ends"],
            steps=self._steps_of(k, rows[: self._chain.control[k]["update"] + 1]),
        )  # fmt: skip

    def _steps_of(self, k: int, rows: Ints) -> Steps:
        core = self.cores[k]
        real = rows[:, :, : core.n_neurons]
        drawn = real[1:, DRAWN, 0]
        fresh = (drawn & 1 != 0)[:, np.newaxis]
        began = (drawn >> 1)[:, np.newaxis]
        first_draws = np.where(drawn & 1, core.neuron.lfsr.seed, drawn >> 1)
        random = np.zeros(len(drawn) * core.n_neurons, dtype=np.int64)
        if core.neuron.random_bits and len(drawn):
            random = np.concatenate(
                [draws(core.neuron.lfsr, int(first), core.n_neurons)[0] for first in first_draws]
            )

        def variable(name: str) -> tuple[Ints, Ints]:
            if name not in core.neuron.state_widths:
                nothing = np.zeros(fresh.size * core.n_neurons, dtype=np.int64)
                return nothing, nothing
            place = FIRST_STATE + list(core.neuron.state_widths).index(name)
            first = began if name == "v" else 0
            before = np.where(fresh, first, real[:-1, place])
            return before.ravel(), real[1:, place].ravel()

        variables = [variable(name) for name in NeuronState._fields]
        kept = [] if self.port is None else self.port.kept[k]
        thresholds = in_updates(kept, len(fresh), self._thresholds[k])[:, : core.n_neurons]
        return Steps(
            before=NeuronState(*(before for before, _ in variables)),
            current=real[1:, CURRENT].ravel() + core.neuron.bias,
            threshold=thresholds.ravel(),
            after=NeuronState(*(after for _, after in variables)),
            fire=self._spikes(core, real[1:, SPIKE].ravel()),
            random=random,
            arrivals=[self._added(k, each)[:, : core.n_neurons] for each in self._acted[k]],
        )

    def _spikes(self, core: AnyCore, counts: Ints) -> Bools | Ints:
        """How often neurons fired: a truth value where they do so once in a step."""
        return counts if core.neuron.counts_spikes else counts != 0


class CycleModel(DesignModel):
    """The cycle-accurate model of a chain of cores."""

    control_flags = CONTROL_FLAGS

    def __init__(self, cores: Sequence[CoreParams], *, engine: str = "numpy") -> None:
        config: Records = np.zeros(len(cores), dtype=control.CORE)
        currents = []
        weights_at = 0
        for k, core in enumerate(cores):
            low, high = signed_range(core.accumulator_bits)
            facts = {
                "n_inputs": core.n_inputs, "event_cycles": event_cycles(core), "low": low,
                "high": high, "write_distance": write_distance(core.neuron),
                "weight_shift": core.weight_shift, "weights_at": weights_at,
                "summed": 0 if core.neuron.per_event else core.words,
            }  # fmt: skip
            fill(config, k, facts)
            currents.append((low << core.weight_shift, high << core.weight_shift))
            weights_at += core.n_inputs * padded(core)
        tables = Tables(
            config=config,
            after_reset=np.zeros(len(cores), dtype=control.CONTROL),
            weights=np.concatenate([padded_weights(core).ravel() for core in cores]),
            totals=sum(padded(core) for core in cores),
            currents=currents,
        )
        super().__init__(cores, tables, engine=engine)
        if self.port is not None:
            ends = np.cumsum([core.n_inputs * padded(core) for core in cores])
            parts = np.split(self._chain.weights, ends[:-1])
            self.port.weights = [
                part.reshape(-1, padded(core)) for part, core in zip(parts, cores, strict=True)
            ]

    def _taken(self, k: int) -> Ints:
        config = self._config[k]
        totals = self._chain.totals[config["spikes_at"] :][: config["words"] * config["lanes"]]
        current: Ints = totals << config["weight_shift"]
        totals[:] = 0
        return current

    def _advance(self, block: Block, cycle: int, driven: Driven | None) -> int:
        access = None if self.port is None else self.port.access
        arrived = self._arrived if any(self._config["room"]) else None
        return run_chain(block, self._chain, cycle, driven, self._steps, access, arrived)
