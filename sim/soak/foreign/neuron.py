"""A foreign neuron under random stimulus, by the rules of
:class:`~fxlif.sim.dut.reference.NeuronReference`, compiled."""

from __future__ import annotations

import numpy as np

from ....compiled.jit import njit
from ....cycles.control import NONE, Bools, Bytes, Ints, Records, record
from ....cycles.neuron import NEURON_INPUT, NeuronCycles
from ....params.neuron import NeuronParams
from ...bench.scoreboard import Counts
from ...dut.coverage import NeuronCoverage
from ...dut.reference import rest
from ...dut.stimulus import POWER_UP
from ...dut.testbench import DutJob, timing_of
from ...stimulus.lengths import Seen, offered_alone
from ...stimulus.neuron import NeuronInputs, NeuronStimulus
from ...tools.verilated import VerilatedDesign
from ...tools.words import row_size
from ..bulk import BLOCK
from ..bulk_neuron import steps_of
from ..compare import COUNTS, FIELD, Packed, columns, counts_of, get, layout, pack, row_of
from .walk import WRONG, Wrong, asked

#: What does not change: :class:`~fxlif.sim.dut.reference.NeuronTiming`, and how many rows of the
#: table come before the first cycle.
TIMING = record("latency", "of_state", "held", "low", "asynchronous", "history")
#: Where the walk is: whether the outputs mean anything, whether the last cycle was in reset, and
#: how many cycles there were since the last one that was.
PLACE = record("known", "in_reset", "made")
SPIKE, VALID, STATE = range(3)


@njit
def take_inputs(words: Packed, fields: Records, inputs: Records) -> None:
    """The inputs that the responses show; ``fields`` (3,): rst, enable, current."""
    for cycle in range(len(words)):
        for k in range(3):
            field = fields[k]
            found = get(words, cycle, field["offset"], field["width"], field["signed"])
            if k == 0:
                inputs[cycle]["rst"] = found
            elif k == 1:
                inputs[cycle]["enable"] = found
            else:
                inputs[cycle]["current"] = found


@njit
def walk_neuron(
    words: Packed, fields: Records, timing: Records, now: Records, inputs: Records, table: Ints,
    stepped: Bools, initial: Ints, counts: Records, wrong: Records,
) -> None:  # fmt: skip
    """Compare the responses of a block with the rules, and add to ``counts`` (1,) of COUNTS, up to
    the first cycle that differs.

    ``fields``: of spike, valid and the state variables; ``table`` (history + cycles, 1 +
    variables): the spikes and the state that each cycle made, ``stepped`` (history + cycles,)
    whether by a step; ``initial`` (variables,).
    """
    rule, at, count, first = timing[0], now[0], counts[0], wrong[0]
    for cycle in range(len(words)):
        rst, row = inputs[cycle]["rst"], cycle + rule["history"]
        if rst and not at["in_reset"]:
            count["resets"] += 1
        at["in_reset"] = rst
        if rst and rule["asynchronous"]:
            at["made"] = 0
        if stepped[row]:
            count["steps"] += 1
            count["fired"] += table[row, 0]
        compared = 0
        if at["known"]:
            latency = rule["latency"]
            if latency or not rst:
                there = at["made"] >= latency
                done = there and stepped[row - latency]
                compared += asked(words, cycle, fields, VALID, done, first)
                if done or (rule["held"] and there):
                    due = table[row - latency, 0]
                    compared += asked(words, cycle, fields, SPIKE, due, first)
                elif rule["held"] or rule["low"]:
                    compared += asked(words, cycle, fields, SPIKE, 0, first)
            there = at["made"] >= rule["of_state"]
            for k in range(len(initial)):
                due = table[row - rule["of_state"], 1 + k] if there else initial[k]
                compared += asked(words, cycle, fields, STATE + k, due, first)
        count["comparisons"] += compared
        at["known"] |= rst
        at["made"] = 0 if rst else at["made"] + 1
        if first["signal"] != NONE:
            count["first"] = cycle
            return


class NeuronCheck:
    """Compares the responses of a foreign neuron with the golden step, block by block; those
    without a difference count as ``coverage``."""

    def __init__(self, job: DutJob, coverage: NeuronCoverage | None = None) -> None:
        neuron, interface = job.params, job.interface
        assert isinstance(neuron, NeuronParams)
        response, shown = interface.response, interface.compared
        self._inputs = layout(response[name] for name in NEURON_INPUT.names or ())
        self._names = ["spike", "valid", *(f"state.{name}" for name in neuron.state_widths)]
        rows = [row_of(response[n]) if n in shown else (0, 0, False) for n in self._names]
        self._fields: Records = np.array(rows, dtype=FIELD)
        timing = timing_of(job.dut_map)
        history = max(timing.latency, timing.of_state)
        self._timing: Records = np.array(
            [(timing.latency, timing.of_state, timing.between == "held", timing.between == "low",
              timing.asynchronous_reset, history)], dtype=TIMING,
        )  # fmt: skip
        self._neuron, self._coverage = neuron, coverage
        self._model = NeuronCycles(neuron, response["current"].width)
        initial = rest(neuron)._asdict()
        self._initial = np.array([initial[n] for n in neuron.state_widths], dtype=np.int64)
        self._now: Records = np.zeros(1, dtype=PLACE)
        self._now["known"] = job.dut_map.reset is None
        self._table = np.zeros((history, len(self._names) - 1), dtype=np.int64)
        self._stepped = np.zeros(history, dtype=np.bool_)
        self._found: Records = np.zeros(1, dtype=COUNTS)
        self._cycles = 0

    def check(self, words: Packed) -> Wrong | None:
        """The first difference of the next cycles, whose responses are ``words``."""
        inputs: Records = np.zeros(len(words), dtype=NEURON_INPUT)
        take_inputs(words, self._inputs, inputs)
        # One cycle more, in which nothing is done: it shows what the last step left.
        before, draws = self._model.run(inputs), self._model.draws
        shown = np.concatenate([before, self._model.run(np.zeros(1, dtype=NEURON_INPUT))])
        made = np.roll(shown[1:], 1, axis=1)
        stepped = (inputs["enable"] != 0) & (inputs["rst"] == 0)
        table = np.concatenate([self._table, made])
        whether = np.concatenate([self._stepped, stepped])
        self._found["first"] = NONE
        wrong: Records = np.full(3, NONE, dtype=np.int64).view(WRONG)
        walk_neuron(words, self._fields, self._timing, self._now, inputs, table, whether,
                    self._initial, self._found, wrong)  # fmt: skip
        first = int(self._found["first"][0])
        self._cycles += len(words) if first == NONE else first + 1
        if first != NONE:
            signal, expected, observed = wrong[0].tolist()
            return Wrong(first, self._names[signal], expected, observed)
        self._table, self._stepped = table[len(words) :], whether[len(words) :]
        if self._coverage is not None:
            rst, enable = inputs["rst"] != 0, inputs["enable"] != 0
            self._coverage.count(rst, enable, steps_of(self._neuron, inputs, shown, draws))
        return None

    @property
    def open(self) -> bool:
        """Nothing is awaited of a neuron."""
        return False

    def problems(self) -> list[str]:
        """Nothing is owed at the end."""
        return []

    @property
    def counts(self) -> Counts:
        """Of all blocks so far; where one is wrong, up to the wrong cycle."""
        return counts_of(self._cycles, self._found, [[int(self._found[0]["fired"])]])


class NeuronRun:
    """One run of a foreign neuron, from power-up on, under random stimulus from ``seed``."""

    def __init__(
        self,
        job: DutJob,
        design: VerilatedDesign,
        seed: int,
        checker: NeuronCheck,
        *,
        segment: int = 0,
    ) -> None:
        neuron, interface = job.params, job.interface
        assert isinstance(neuron, NeuronParams)
        self._design = design
        self.checker = checker
        self._stimulus = NeuronStimulus(
            neuron, interface.stimulus["current"].width, seed, segment=segment
        )
        self._layout = layout(interface.stimulus[name] for name in NEURON_INPUT.names or ())
        self._words = row_size(interface.stimulus_bits)
        self._has_reset, self._begun = job.dut_map.reset is not None, False
        self._given: Bools = np.zeros(0, dtype=np.bool_)

    def block(self) -> tuple[Packed, Packed]:
        """Drive the next block of cycles: what was shown and seen, (cycles, words) each, fewer
        where the neuron ends the simulation."""
        return self._shown(self._stimulus.inputs(BLOCK))

    def drive(self, flags: Bytes) -> tuple[Packed, Packed]:
        """Drive as many cycles as there are ``flags``."""
        return self._shown(self._stimulus.inputs(len(flags), flags))

    def seen(self) -> Seen:
        """When it was given something in the cycles that were driven last."""
        return offered_alone(self._given)

    def _shown(self, given: NeuronInputs) -> tuple[Packed, Packed]:
        self._given = given.enable != 0
        inputs: Records = np.zeros(len(given.rst), dtype=NEURON_INPUT)
        for name, values in given._asdict().items():
            inputs[name] = values
        if not self._has_reset:
            inputs["rst"] = 0
        elif not self._begun:
            inputs["rst"][:POWER_UP] = 1
        self._begun = True
        words = np.zeros((len(inputs), self._words), dtype=np.uint64)
        pack(columns(inputs), self._layout, words)
        response = self._design.run_to_end(words)
        return words[: len(response)], response

    def ending(self) -> None:
        """Nothing is awaited of a neuron."""
