"""A single registered neuron under random stimulus beside its model; it needs numba."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from ...compiled.jit import njit
from ...cycles.control import NONE, Bytes, Ints, Records
from ...cycles.model import Steps
from ...cycles.neuron import NEURON_INPUT, NeuronCycles
from ...params.neuron import NeuronParams
from ...rule.step import NeuronState
from ..bench.scoreboard import Counts
from ..bench.wrapper import Interface
from ..stimulus.lengths import Seen, offered_alone
from ..stimulus.neuron import NeuronInputs, NeuronStimulus
from ..tools.words import row_size
from .bulk import BLOCK
from .compare import COUNTS, Packed, columns, counts_of, differs, layout, pack

if TYPE_CHECKING:
    from ..coverage.coverage import Coverage


@njit
def compare_neuron(
    inputs: Records, shown: Ints, words: Packed, fields: Records, counts: Records
) -> None:
    """Compare every state variable and the spike with the model's, ``shown`` (cycles + 1, fields),
    and add to ``counts`` (1,), up to the first cycle that differs."""
    spike, count = shown.shape[1] - 1, counts[0]
    for cycle in range(len(inputs)):
        wrong = False
        for k in range(shown.shape[1]):
            wrong |= differs(words, cycle, fields[k], shown[cycle, k])
        count["comparisons"] += shown.shape[1]
        if wrong:
            count["first"] = cycle
            return
        if inputs[cycle]["rst"]:
            count["resets"] += 1
        elif inputs[cycle]["enable"]:
            count["steps"] += 1
            # The spike of a step is shown in the cycle after it.
            count["fired"] += shown[cycle + 1, spike]


def steps_of(neuron: NeuronParams, inputs: Records, shown: Ints, draws: Ints) -> Steps:
    """The steps of a block of cycles with these ``inputs`` (cycles,): ``shown`` (cycles + 1,
    fields), the state variables and the spike, and the ``draws`` of each cycle."""
    at = np.flatnonzero((inputs["enable"] != 0) & (inputs["rst"] == 0))
    spikes = shown[at + 1, -1]
    columns = {name: shown[:, k] for k, name in enumerate(neuron.state_widths)}

    def state(rows: Ints) -> NeuronState:
        nothing = np.zeros(len(rows), dtype=np.int64)
        return NeuronState(
            *(columns[n][rows] if n in columns else nothing for n in NeuronState._fields)
        )

    return Steps(
        before=state(at), after=state(at + 1), fire=spikes if neuron.counts_spikes else spikes != 0,
        current=inputs["current"][at] + neuron.bias,
        threshold=np.full(len(at), neuron.v_threshold, dtype=np.int64), random=draws[at],
    )  # fmt: skip


class NeuronBulk:
    """A single registered neuron."""

    def __init__(
        self, neuron: NeuronParams, interface: Interface, seed: int, *, segment: int = 0
    ) -> None:
        stimulus, response = interface.stimulus, interface.response
        bits = stimulus["current"].width
        self.model = NeuronCycles(neuron, bits)
        self._neuron = neuron
        self._stimulus = NeuronStimulus(neuron, bits, seed, segment=segment)
        self._inputs_layout = layout(stimulus[name] for name in NEURON_INPUT.names or ())
        names = [*(f"state.{name}" for name in neuron.state_widths), "spike"]
        self._layout = layout(response[name] for name in names)
        self._words = row_size(interface.stimulus_bits)
        self._found: Records = np.zeros(1, dtype=COUNTS)
        self._cycles = 0
        self.inputs: Records = np.zeros(0, dtype=NEURON_INPUT)
        self.shown = np.zeros((0, len(names)), dtype=np.int64)
        self._draws = np.zeros(0, dtype=np.int64)

    def aim(self) -> None:
        pass

    def march(self, blocks: int) -> None:
        pass  # its steps take a cycle each

    def cover(self, coverage: Coverage) -> None:
        rst = self.inputs["rst"] != 0
        enable = self.inputs["enable"] != 0
        steps = steps_of(self._neuron, self.inputs, self.shown, self._draws)
        coverage.take_neuron(rst, enable, steps)

    def stimulus(self) -> Packed:
        return self._words_of(self._stimulus.inputs(BLOCK))

    def shown_with(self, flags: Bytes) -> Packed:
        return self._words_of(self._stimulus.inputs(len(flags), flags))

    def seen(self) -> Seen:
        return offered_alone(self.inputs["enable"] != 0)

    def _words_of(self, inputs: NeuronInputs) -> Packed:
        self.show(inputs._asdict())
        words = np.zeros((len(self.inputs), self._words), dtype=np.uint64)
        pack(columns(self.inputs), self._inputs_layout, words)
        return words

    def show(self, inputs: Mapping[str, Ints]) -> None:
        """Show the model the inputs of the next cycles, (cycles,) by their names."""
        self.inputs = np.zeros(len(inputs["rst"]), dtype=NEURON_INPUT)
        for name, values in inputs.items():
            self.inputs[name] = values
        # One cycle more, in which nothing is done: it shows what the last step left.
        idle = np.zeros(1, dtype=NEURON_INPUT)
        shown = self.model.run(self.inputs)
        self._draws = self.model.draws
        self.shown = np.concatenate([shown, self.model.run(idle)])

    def check(self, response: Packed) -> int:
        self._found[0]["first"] = NONE
        compare_neuron(self.inputs, self.shown, response, self._layout, self._found)
        wrong = int(self._found[0]["first"])
        self._cycles += len(response) if wrong == NONE else wrong + 1
        return wrong

    @property
    def counts(self) -> Counts:
        return counts_of(self._cycles, self._found, [[int(self._found[0]["fired"])]])
