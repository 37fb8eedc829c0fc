"""One neuron: its step as pure logic, and a single registered neuron."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from amaranth.hdl import Const, Module, Mux, Shape, Value, signed, unsigned
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from ..cycles.access import SHIFT_BITS
from ..cycles.pipeline import schedule
from ..params.core import Register
from ..params.neuron import NeuronParams
from . import arithmetic, operations
from .lfsr import Draws
from .operations import Acting, Registers, Turn
from .pipeline import Made, Pipeline, Stage


def state_layout(neuron: NeuronParams) -> data.StructLayout:
    """The state variables that this neuron has; v and i_syn are signed."""
    shapes = {
        name: signed(bits) if name in ("v", "i_syn") else unsigned(bits)
        for name, bits in neuron.state_widths.items()
    }
    return data.StructLayout(shapes)


def initial_state(neuron: NeuronParams) -> dict[str, int]:
    """The state after reset, as an initial value of :func:`state_layout`."""
    return {name: neuron.v_reset if name == "v" else 0 for name in neuron.state_widths}


def register_shape(neuron: NeuronParams, name: Register) -> Shape:
    """What holds a register of a neuron that can be written."""
    bits = {"leak_shift": SHIFT_BITS, "refractory": neuron.refractory_bits}
    return signed(neuron.state_bits) if name == "v_reset" else unsigned(bits[name])


class LIFStep(wiring.Component):
    """One time step of the rule (docs/rule.md#step).

    Combinational: latency 0. With ``staged``, registers stand behind each of its
    :func:`~fxlif.cycles.pipeline.neuron_stages` but the last: latency ``len(neuron_stages) - 1``,
    a step each cycle. ``in_turns``, of neurons whose events act one by one: each time it is a part
    of a step, by :class:`~fxlif.hdl.operations.Turn`.

    Ports: ``state`` and ``current`` (signed, ``input_bits``, without the bias) in, ``next_state``
    and ``spike`` out, which is a number where there may be several; with ``threshold_port``,
    ``threshold_mantissa`` in place of the constant; where a rounding is stochastic, ``random``,
    the draw of this neuron and step. ``in_turns``: ``begins`` and ``ends``; where
    :func:`~fxlif.hdl.operations.acts_early`, ``acted`` in and ``acts`` out, which is to be given
    there until the step ends; ``current`` is then that of one event, and 0 where it ends. Each of
    the ``registers`` that can be written is a port in place of a constant; of ``refractory`` the
    steps of rest.
    """

    def __init__(
        self, neuron: NeuronParams, *, input_bits: int, threshold_port: bool = False,
        staged: bool = False, in_turns: bool = False, registers: Sequence[Register] = (),
    ) -> None:  # fmt: skip
        self.neuron = neuron
        layout = state_layout(neuron)
        members: dict[str, Any] = {
            "current": In(signed(input_bits)),
            "state": In(layout),
            "next_state": Out(layout),
            "spike": Out(neuron.spike_bits),
        }
        if threshold_port:
            members["threshold_mantissa"] = In(signed(neuron.threshold_bits))
        if neuron.random_bits:
            members["random"] = In(neuron.lfsr.bits)
        if in_turns:
            members |= {"begins": In(1), "ends": In(1)}
            if operations.acts_early(neuron):
                bits = signed(neuron.current_bits)
                members |= {"acted": In(bits), "acts": Out(bits)}
        members |= {name: In(register_shape(neuron, name)) for name in registers}
        self._registers = registers
        self._threshold_port = threshold_port
        self._staged, self._in_turns = staged, in_turns
        super().__init__(members)

    def elaborate(self, platform: object) -> Module:
        m = Module()
        neuron = self.neuron
        pipe = Pipeline(m, schedule(neuron), staged=self._staged)
        now = {name: pipe.given(name, getattr(self.state, name)) for name in neuron.state_widths}
        random = pipe.given("random", self.random if neuron.random_bits else 0)
        mantissa = self.threshold_mantissa if self._threshold_port else None
        part = self._in_turns
        turn = Turn(*(pipe.given(n, getattr(self, n) if part else 1) for n in ("begins", "ends")))
        registers: Registers = {name: getattr(self, name) for name in self._registers}
        flow = _Flow(neuron, pipe, now, random, mantissa, turn, registers)
        v_reset = registers.get("v_reset")

        current, v = pipe.given("current", self.current), now["v"]
        i_syn = now.get("i_syn", current)
        kept_acting = part and operations.acts_early(neuron)
        acted = pipe.given("acted", self.acted if kept_acting else 0)
        flow.take(operations.synapse(pipe, neuron, i_syn, current, random, turn, acted))
        late = None
        if neuron.resets_late:
            reached, left = operations.compare(
                pipe.at("compare_late"), neuron, v, flow.threshold, v_reset
            )
            if neuron.reset_at == "next_step":
                at = pipe.at("reset_late")
                v = at.make("v", Mux(at(reached), arithmetic.reset(neuron, at(left)), at(v)))
            else:
                late = reached
        before, behind = neuron.stages
        u = flow.advance(before, "", v, late)
        spike, v = flow.fire(u)
        after_leak = spike if behind and neuron.reset_at == "leak" else None
        v = flow.advance(behind, "_behind", v, after_leak)
        if behind and flow.rest is not None:
            at = pipe.at("rest")
            v = at.once("v_next", Mux(at(flow.resting), at(flow.rest), at(v)))

        out = {"v": v, "i_syn": flow.synapse.i_syn}
        if neuron.adaptation is not None:
            out["theta"] = operations.adapt(pipe, neuron, now["theta"], spike, random)
        if neuron.rest_steps:
            out["refractory"] = flow.count_down(spike)
        # What an event leaves, which is not the last one of its step.
        kept = {**now, "v": flow.received, "i_syn": flow.synapse.received}
        for n in now:
            value = operations.either(pipe.last, turn.ends, out[n], kept[n])
            m.d.comb += getattr(self.next_state, n).eq(value)
        if kept_acting:
            m.d.comb += self.acts.eq(pipe.last(flow.synapse.unbiased))
        m.d.comb += self.spike.eq(pipe.last(spike))
        return m


class _Flow:
    """What acts on v in a step, through the stages of a pipeline."""

    #: What the synapse gives.
    synapse: Acting

    def __init__(
        self, neuron: NeuronParams, pipe: Pipeline, now: dict[str, Made], random: Made,
        mantissa: Value | None, turn: Turn, registers: Registers,
    ) -> None:  # fmt: skip
        self.neuron, self.pipe, self._now, self._random = neuron, pipe, now, random
        self._turn, self._written = turn, registers
        self._v_reset = registers.get("v_reset")
        #: v after an event that is not the last one of its step, and whether there is one.
        self.received, self._arrives = now["v"], pipe.given("arrives", 1)
        threshold: Value = Const(neuron.v_threshold)
        if mantissa is not None:
            threshold = mantissa << neuron.threshold_shift
        self.threshold = pipe.given("threshold", threshold)
        if neuron.adaptation is not None:
            at = pipe.at("threshold")
            exact = at(self.threshold) + at(now["theta"])
            self.threshold = at.make("threshold", exact)
        self.resting = pipe.given("resting", 0)
        if neuron.rest_steps:
            left, at = now["refractory"], pipe.first
            self.resting = at.once("resting", at(left).any())
            self._counted = at.once("counted", (at(left) - 1)[: neuron.refractory_bits])
        self._leaked: Made | None = None
        #: The potential after a step of rest, where that is another than else.
        self.rest: Made | None = None

    def take(self, synapse: Acting) -> None:
        """What acts on v in this step."""
        self.synapse = synapse
        if not self.neuron.sums_on_v:
            return
        biased = self.neuron.bias != self.neuron.bias_past_synapse
        at = self.pipe.at("bias") if biased else self.pipe.first
        any_at_all = at(synapse.acts).any()
        if self.neuron.fire_on == "event":
            self._arrives = at.once("arrives", any_at_all)
        elif not isinstance(at(self._turn.ends), Const):
            self._arrives = at.once("arrives", any_at_all | at(self._turn.ends))

    def advance(self, stages: tuple[str, ...], name: str, v: Made, spiked: Made | None) -> Made:
        """The potential after ``stages``, in its range; where it ``spiked`` the leak resets it."""
        neuron, pipe = self.neuron, self.pipe
        if not stages:
            return v
        exact = v
        for stage in stages:
            if stage == "integrate":
                at = pipe.at("integrate")
                before = exact
                exact = at.make("integrated", at(exact) + at(self.synapse.acts))
                if neuron.sums_on_v:
                    exact = operations.receive(pipe, neuron, before, exact, self._arrives)
                    self.received = exact
                continue
            exact = operations.leak_v(pipe, "leak", neuron, exact, self._random, self._written)
            if neuron.order[0] == "leak":
                self._leaked = exact
            if spiked is not None:
                at = pipe.at("reset_leaked")
                reset = arithmetic.reset_exact(neuron, at(exact), at(self.threshold), self._v_reset)
                exact = at.make("leaked_and_reset", Mux(at(spiked), reset, at(exact)))
            if neuron.sums_on_v:
                exact = operations.narrow(pipe, "_leaked", neuron, exact)
                if neuron.order[0] == "leak":  # in the first part of a step alone
                    at = pipe.at("integrate")
                    exact = at.make("begun", operations.either(at, self._turn.begins, exact, v))
        if neuron.sums_on_v:
            return exact
        exact = operations.change(pipe, neuron, v, exact)
        return operations.narrow(pipe, name, neuron, exact)

    def fire(self, u: Made) -> tuple[Made, Made]:
        """(The spikes; the potential after the resets that act at the compare)."""
        neuron, at = self.neuron, self.pipe.at("compare")
        held = self._held(at, u)
        if neuron.max_spikes_per_step > 1:
            return operations.fire_several(self.pipe, neuron, held, self.threshold, self.resting)
        reached, left = operations.compare(at, neuron, u, self.threshold, self._v_reset)
        at = self.pipe.at("reset")
        if neuron.fire_on == "event":
            spike = at.make("spikes", at(reached) & at(self._arrives))
            fired = at.make("fired", Mux(at(spike), arithmetic.reset(neuron, at(left)), at(u)))
            self.received = fired
            return spike, fired
        spike = at.make("spikes", at(reached) & ~at(self.resting))
        if neuron.reset_at == "compare":
            after = arithmetic.reset(neuron, at(left))
        elif held is u:
            return spike, u
        else:
            after = at(u)
        return spike, at.once("fired", Mux(at(spike), after, at(held)))

    def _held(self, at: Stage, u: Made) -> Made:
        """The potential of a neuron that does not fire."""
        neuron, pipe, held = self.neuron, self.pipe, u
        if neuron.negative_threshold is not None:
            before = pipe.at("negative")
            below = before.once("below", before(u) < neuron.negative_threshold)
            after = before.once("negative", arithmetic.negative(neuron, before(u), self._v_reset))
            below_here = at(below) & ~at(self.resting)
            held = at.make("held", Mux(below_here, at(after), at(u)))
        if neuron.rest_steps and neuron.refractory_mode != "mask":
            v, leaked = self._now["v"], self._leaked
            self.rest = operations.at_rest(pipe, neuron, v, leaked, self._random, self._written)
            if neuron.order[-1] == "fire":
                held = at.make("held_or_rest", Mux(at(self.resting), at(self.rest), at(held)))
        return held

    def count_down(self, spike: Made) -> Made:
        """The new steps of rest."""
        at = self.pipe.at("reset")
        counted = Mux(at(self.resting), at(self._counted), 0)
        if "refractory" in self._written:
            written = self._written["refractory"]
            return at.once("rest_left", Mux(at(spike).any(), written, counted))
        return at.once("rest_left", Mux(at(spike).any(), self.neuron.rest_steps, counted))


class LIFNeuron(wiring.Component):
    """One neuron in registers: takes a step at each clock edge at which ``enable`` is high.

    Ports: ``enable``, ``current`` (signed, ``input_bits``, without the bias) in; ``state`` and
    ``spike`` out, both registered: what they show is the result of the last step taken
    (latency 1). Reset brings back the initial state.
    """

    def __init__(self, neuron: NeuronParams, *, input_bits: int | None = None) -> None:
        self.neuron = neuron
        self.input_bits = input_bits or neuron.current_bits
        super().__init__(
            {
                "enable": In(1),
                "current": In(signed(self.input_bits)),
                "state": Out(state_layout(neuron), init=initial_state(neuron)),
                "spike": Out(neuron.spike_bits),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.step = step = LIFStep(self.neuron, input_bits=self.input_bits)
        m.d.comb += [step.current.eq(self.current), step.state.eq(self.state)]
        if self.neuron.random_bits:
            m.submodules.draws = draws = Draws(self.neuron.lfsr, 1, 1)
            m.d.comb += [step.random.eq(draws.draws[0]), draws.advance.eq(self.enable)]
        with m.If(self.enable):
            m.d.sync += [self.state.eq(step.next_state), self.spike.eq(step.spike)]
        return m
