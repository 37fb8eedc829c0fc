"""The state of all neurons, and the step that each word of them takes."""

from __future__ import annotations

from typing import Any

from amaranth.hdl import Module, Mux, Signal, Value, signed
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from ...cycles.latency import AnyCore
from ...cycles.pipeline import update_stages, write_distance
from ...cycles.signals import step_name
from .. import arithmetic
from ..lfsr import Draws
from ..memory import Rom, ram
from ..neuron import LIFStep, initial_state, state_layout
from .layouts import at_least, line, operation_layout, written_layout
from .weights import threshold_words


class Neurons(wiring.Component):
    """Takes the step of the operation's word, or puts it into the state after a reset.

    ``total``, the sums of the word's lanes, of ``total_bits``, must be there two cycles after the
    word is in stage ``issue``; shifted left by ``shift`` they are the current. In stage ``write``
    of :func:`~fxlif.cycles.pipeline.update_stages` a word that took the step shows at ``written``;
    ``cleared`` says that the last one of a clearing is there. Of what is on its way at a reset
    nothing shows, and the draws begin anew.
    """

    def __init__(self, core: AnyCore, total_bits: int, shift: int = 0) -> None:
        self.core = core
        self._shift = shift
        super().__init__(
            {
                "operation": In(operation_layout(core)),
                "total": In(data.ArrayLayout(signed(total_bits), core.lanes)),
                "written": Out(written_layout(core)),
                "cleared": Out(1),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        core, neuron = self.core, self.core.neuron
        answer = update_stages(neuron).index("memory") + 1
        end = write_distance(neuron)
        here = self.operation
        stepping = line(m, here.update, end, "update")
        clearing = line(m, here.clear, end, "clear")
        words = line(m, here.word, end, "word", is_data=True)
        is_last = Signal()
        last = Signal()
        m.d.sync += [is_last.eq(words[end - 2] == core.words - 1), last.eq(is_last)]

        state_word = data.ArrayLayout(state_layout(neuron), core.lanes)
        memory = ram(m, "states", state_word, core.words)
        read, write = memory.read_port(), memory.write_port()
        state = Signal(state_word, reset_less=True)
        m.d.comb += read.addr.eq(here.word)
        m.d.sync += state.eq(read.data)

        given = self._given(m, words[0], stepping[answer], words[answer])
        after = Signal(state_word, name="next_state", reset_less=True)
        spikes = Signal(self.written.spikes.shape(), name="spikes", reset_less=True)
        some = Signal()
        single = Signal()
        one_and_tick = Signal()
        fired = []
        for lane in range(core.lanes):
            current = arithmetic.synaptic_current(self.total[lane], self._shift)
            step = LIFStep(
                neuron, input_bits=len(current), threshold_port="threshold_mantissa" in given,
                staged=True,
            )  # fmt: skip
            m.submodules[step_name(lane)] = step
            m.d.comb += [step.state.eq(state[lane]), step.current.eq(current)]
            m.d.comb += [getattr(step, port).eq(values[lane]) for port, values in given.items()]
            # A lane that only fills up the last word never fires.
            fills_up = (core.words - 1) * core.lanes + lane >= core.n_neurons
            spike = Mux(is_last, 0, step.spike) if fills_up else step.spike
            fired.append(spike.any())
            m.d.sync += [after[lane].eq(step.next_state), spikes[lane].eq(spike)]
        with m.If(clearing[end - 1]):
            m.d.sync += after.eq(state_word.const([initial_state(neuron)] * core.lanes))

        # Known with the spikes, so that nothing stands between them and the queue.
        one, two, three = at_least(m, 3, [*fired, is_last])
        m.d.sync += [some.eq(one), single.eq(~two), one_and_tick.eq(is_last & two & ~three)]

        m.d.comb += [
            write.en.eq(stepping[end] | clearing[end]),
            write.addr.eq(words[end]),
            write.data.eq(after),
            self.written.valid.eq(stepping[end]),
            self.written.last.eq(last),
            self.written.some.eq(some),
            self.written.one.eq(single),
            self.written.one_and_tick.eq(one_and_tick),
            self.written.word.eq(words[end]),
            self.written.state.eq(after),
            self.written.spikes.eq(spikes),
            self.cleared.eq(clearing[end] & last),
        ]
        return m

    def _given(self, m: Module, word: Value, taken: Value, at: Value) -> dict[str, Any]:
        """Input of the step → its value for each lane, two cycles after ``word`` is issued."""
        core, neuron = self.core, self.core.neuron
        given: dict[str, Any] = {}
        mantissas = threshold_words(core)
        if mantissas is not None:
            m.submodules.thresholds = thresholds = Rom(
                "thresholds", mantissas, neuron.threshold_bits
            )
            m.d.comb += thresholds.address.eq(word)
            given["threshold_mantissa"] = thresholds.data
        if neuron.random_bits:
            m.submodules.draws = draws = Draws(neuron.lfsr, core.lanes, core.n_neurons)
            m.d.comb += [draws.advance.eq(taken), draws.last.eq(at == core.words - 1)]
            given["random"] = draws.draws
        return given
