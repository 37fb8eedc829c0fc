"""The state of all neurons, and the step that each word of them takes."""

from __future__ import annotations

from typing import Any

from amaranth.hdl import Cat, Const, Module, Mux, Signal, Value, signed
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from ...cycles.latency import AnyCore
from ...cycles.pipeline import update_stages, write_distance
from ...cycles.signals import step_name
from ...params.core import REGISTERS, Register
from ...rule.written import register_value
from .. import arithmetic
from ..lfsr import Draws
from ..memory import Rom, ram
from ..neuron import LIFStep, initial_state, register_shape, state_layout
from ..operations import acts_early
from .counts import COUNTED_AFTER, SpikeCounts
from .layouts import at_least, line, operation_layout, read_layout, write_layout, written_layout
from .weights import threshold_words


class Neurons(wiring.Component):
    """Takes the step of the operation's word, or puts it into the state after a reset.

    ``total``, the sums of the word's lanes, of ``total_bits``, must be there two cycles after the
    word is in stage ``issue``; shifted left by ``shift`` they are the current. Where events act one
    by one, each takes its part of the step, and the weights of its row stand there. In stage
    ``write`` of :func:`~fxlif.cycles.pipeline.update_stages` a word that took the step shows at
    ``written``; ``cleared`` says that the last one of a clearing is there. Of what is on its way at
    a reset nothing shows, and the draws begin anew. The ``state`` of a word that is ``read`` shows
    2 cycles later.
    """

    def __init__(self, core: AnyCore, total_bits: int, shift: int = 0) -> None:
        self.core = core
        self._shift = shift
        self._state_word = data.ArrayLayout(state_layout(core.neuron), core.lanes)
        members: dict[str, Any] = {
            "operation": In(operation_layout(core)),
            "total": In(data.ArrayLayout(signed(total_bits), core.lanes)),
            "written": Out(written_layout(core)),
            "cleared": Out(1),
        }
        if core.writable:
            members["write"] = In(write_layout(core))
        if core.readable:
            members |= {"read": In(read_layout(core)), "state": Out(self._state_word)}
        super().__init__(members)

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
        writes = stepping[end] | clearing[end]
        m.d.sync += [is_last.eq(words[end - 2] == core.words - 1), last.eq(is_last)]

        state_word = self._state_word
        memory = ram(m, "states", state_word, core.words)
        read, write = memory.read_port(), memory.write_port()
        state = Signal(state_word, reset_less=True)
        word: Value = here.word
        if core.readable:  # between two steps, when no word is issued
            word = Mux(self.read.valid, self.read.word, word)
            m.d.comb += self.state.eq(state)
        m.d.comb += read.addr.eq(word)
        m.d.sync += state.eq(read.data)

        draws = stepping[answer]
        if neuron.per_event:
            adding = line(m, here.add, end, "add")
            begins = line(m, here.begins, end - 1, "begins", is_data=True)
            draws = draws | (adding[answer] & begins[answer])
            writes = writes | adding[end]
        registers = self._registers(m)
        given = self._given(m, words, draws, ~stepping[answer])
        if neuron.per_event:
            given |= {"begins": [begins[answer]] * core.lanes}
            given |= {"ends": [stepping[answer]] * core.lanes}
        if acts_early(neuron):
            given["acted"], acts = self._acted(m, words, adding[end])
        after = Signal(state_word, name="next_state", reset_less=True)
        spikes = Signal(self.written.spikes.shape(), name="spikes", reset_less=True)
        some = Signal()
        single = Signal()
        one_and_tick = Signal()
        fired = []
        for lane in range(core.lanes):
            total = self.total[lane]
            if neuron.per_event:  # nothing arrives with the end of a step
                total = Mux(stepping[answer], 0, total).as_signed()
            current = arithmetic.synaptic_current(total, self._shift)
            step = LIFStep(
                neuron, input_bits=len(current), threshold_port="threshold_mantissa" in given,
                staged=True, in_turns=neuron.per_event, registers=[*registers],
            )  # fmt: skip
            m.submodules[step_name(lane)] = step
            m.d.comb += [step.state.eq(state[lane]), step.current.eq(current)]
            m.d.comb += [getattr(step, port).eq(values[lane]) for port, values in given.items()]
            m.d.comb += [getattr(step, name).eq(value) for name, value in registers.items()]
            # A lane that only fills up the last word never fires.
            fills_up = (core.words - 1) * core.lanes + lane >= core.n_neurons
            spike = Mux(is_last, 0, step.spike) if fills_up else step.spike
            fired.append(spike.any())
            m.d.sync += after[lane].eq(step.next_state)
            if neuron.fire_on == "step":
                m.d.sync += spikes[lane].eq(spike)
            if acts_early(neuron):
                m.d.comb += acts[lane].eq(step.acts)
        if neuron.fire_on == "event":
            m.submodules.counts = counts = SpikeCounts(core)
            m.d.comb += [
                counts.word.eq(words[end - 1 - COUNTED_AFTER]),
                counts.begins.eq(begins[end - 1]),
                counts.fired.eq(Cat(fired)),
                counts.stored.eq(adding[end]),
                counts.stored_word.eq(words[end]),
                spikes.eq(counts.counts),
            ]
            fired = list(counts.some)
        with m.If(clearing[end - 1]):
            m.d.sync += after.eq(state_word.const([initial_state(neuron)] * core.lanes))
            if "v_reset" in registers:
                m.d.sync += [after[lane].v.eq(registers["v_reset"]) for lane in range(core.lanes)]

        # Known with the spikes, so that nothing stands between them and the queue.
        one, two, three = at_least(m, 3, [*fired, is_last])
        m.d.sync += [some.eq(one), single.eq(~two), one_and_tick.eq(is_last & two & ~three)]

        m.d.comb += [
            write.en.eq(writes),
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

    def _registers(self, m: Module) -> dict[Register, Value]:
        """The registers that can be written, by name."""
        found: dict[Register, Value] = {}
        for name in REGISTERS:
            if name in self.core.writable:
                shape = register_shape(self.core.neuron, name)
                init = register_value(self.core.neuron, name)
                register = Signal(shape, name=name, init=init, reset_less=True)
                # No If, as for a threshold (below).
                written = Mux(getattr(self.write, name), self.write.value, register)
                m.d.sync += register.eq(written)
                found[name] = register
        return found

    def _acted(self, m: Module, words: list[Value], writes: Value) -> tuple[Value, Signal]:
        """What acts at the end of a step as its first event left it, and that of a word in the last
        stage, which is kept where it ``writes``."""
        layout = data.ArrayLayout(signed(self.core.neuron.current_bits), self.core.lanes)
        memory = ram(m, "acting", layout, self.core.words)
        read, write = memory.read_port(), memory.write_port()
        before = Signal(layout, name="acted", reset_less=True)
        acts = Signal(layout, name="acts")
        after = Signal(layout, name="acts_next", reset_less=True)
        m.d.sync += [before.eq(read.data), after.eq(acts)]
        m.d.comb += [
            read.addr.eq(words[0]),
            write.en.eq(writes),
            write.addr.eq(words[-1]),
            write.data.eq(after),
        ]
        return before, acts

    def _given(self, m: Module, words: list[Value], taken: Value, again: Value) -> dict[str, Any]:
        """Input of the step → its value for each lane, two cycles after ``word`` is issued.

        Draws are ``taken`` by the word that is there then; ``again`` by the operation behind.
        """
        core, neuron = self.core, self.core.neuron
        word, at = words[0], words[update_stages(neuron).index("memory") + 1]
        given: dict[str, Any] = {}
        mantissas = threshold_words(core)
        writes = "thresholds" in core.writable
        if mantissas is not None:
            m.submodules.thresholds = thresholds = Rom(
                "thresholds", mantissas, neuron.threshold_bits, writable=writes
            )
            m.d.comb += thresholds.address.eq(word)
            if writes:
                lanes = Const(1) << self.write.lane
                m.d.comb += thresholds.write.eq(Mux(self.write.thresholds, lanes, 0))
                m.d.comb += thresholds.place.eq(self.write.word)
                m.d.comb += thresholds.value.eq(self.write.value)
            given["threshold_mantissa"] = thresholds.data
        elif writes:
            init = neuron.v_threshold >> neuron.threshold_shift
            threshold = Signal(signed(neuron.threshold_bits), init=init, reset_less=True)
            # No If: a block that waits for a change of what it reads has none at power-up in some
            # simulators, and this register is one that no reset clears.
            m.d.sync += threshold.eq(Mux(self.write.thresholds, self.write.value, threshold))
            given["threshold_mantissa"] = [threshold] * core.lanes
        if neuron.random_bits:
            m.submodules.draws = draws = Draws(
                neuron.lfsr, core.lanes, core.n_neurons, repeats=neuron.per_event
            )
            m.d.comb += [draws.advance.eq(taken), draws.last.eq(at == core.words - 1)]
            if neuron.per_event:
                m.d.comb += [draws.first.eq(at == 0), draws.again.eq(again)]
            given["random"] = draws.draws
        return given
