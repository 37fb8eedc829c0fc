"""One neuron: its step as pure logic, and a single registered neuron."""

from __future__ import annotations

from typing import Any

from amaranth.hdl import Const, Module, Mux, Signal, Value, signed, unsigned
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from ..params.neuron import NeuronParams
from . import arithmetic


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


def named(m: Module, name: str, value: Value) -> Signal:
    """A signal of this value, so that the Verilog reads like the rule and says it once."""
    signal = Signal(value.shape(), name=name)
    m.d.comb += signal.eq(value)
    return signal


class LIFStep(wiring.Component):
    """One time step of the rule (docs/rule.md#step), combinational: latency 0.

    Ports: ``state`` and ``current`` (signed, ``input_bits``, the bias added) in, ``next_state``
    and ``spike`` out, which is a number where there may be several; with ``threshold_port``,
    ``threshold_mantissa`` in place of the constant.
    """

    def __init__(
        self, neuron: NeuronParams, *, input_bits: int, threshold_port: bool = False
    ) -> None:
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
        self._threshold_port = threshold_port
        super().__init__(members)

    def elaborate(self, platform: object) -> Module:
        m = Module()
        neuron, now, after = self.neuron, self.state, self.next_state
        i = self._current(m)
        threshold = self._threshold(m)
        v, late = now.v, None
        if neuron.resets_late:
            late = named(m, "spiked", arithmetic.reaches(neuron, v, threshold))
        if late is not None and neuron.reset_at == "next_step":
            v = named(m, "v", Mux(late, arithmetic.reset(neuron, v, threshold), v))
            late = None
        before_fire, after_fire = neuron.stages
        u = Signal(signed(neuron.state_bits))
        m.d.comb += u.eq(self._advance(m, before_fire, v, i, threshold, late))

        resting = named(m, "resting", now.refractory.any()) if neuron.rest_steps else None
        fired = self._fire(m, u, threshold, resting)
        if after_fire:
            at_leak = self.spike if neuron.reset_at == "leak" else None
            fired = named(m, "fired", fired)
            fired = self._advance(m, after_fire, fired, i, threshold, at_leak)
        if resting is not None:
            counted = Mux(resting, now.refractory - 1, 0)
            m.d.comb += after.refractory.eq(Mux(self.spike, neuron.rest_steps, counted))
            if neuron.refractory_mode != "mask":
                fired = Mux(resting, arithmetic.at_rest(neuron, now.v), fired)
        m.d.comb += after.v.eq(fired)
        if neuron.adaptation is not None:
            theta = arithmetic.adapt(neuron, now.theta, self.spike)
            m.d.comb += after.theta.eq(theta)
        return m

    def _threshold(self, m: Module) -> Value:
        neuron = self.neuron
        threshold: Value = Const(neuron.v_threshold)
        if self._threshold_port:
            threshold = self.threshold_mantissa << neuron.threshold_shift
        if neuron.adaptation is not None:
            threshold = named(m, "threshold", threshold + self.state.theta)
        return threshold

    def _current(self, m: Module) -> Value:
        """The current that acts on v."""
        if "i_syn" not in self.neuron.state_widths:
            return self.current
        before = self.state.i_syn
        acting, i_syn = arithmetic.synapse(self.neuron, before, self.current)
        i = named(m, "i", acting)
        m.d.comb += self.next_state.i_syn.eq(i if i_syn is acting else i_syn)
        past = self.neuron.bias_past_synapse
        return named(m, "i_and_bias", i + past) if past else i

    def _advance(
        self, m: Module, stages: tuple[str, ...], v: Value, i: Value, threshold: Value,
        spiked: Value | None,
    ) -> Value:  # fmt: skip
        """The potential after ``stages``, in its range; where it ``spiked`` the leak resets it."""
        neuron = self.neuron
        if not stages:
            return v
        exact = v
        for number, stage in enumerate(stages):
            if stage == "integrate":
                exact = exact + i
                continue
            exact = arithmetic.leak_v(neuron, named(m, "integrated", exact) if number else v)
            if spiked is not None:
                leaked = named(m, "leaked", exact)
                exact = Mux(spiked, arithmetic.reset_exact(neuron, leaked, threshold), leaked)
        if neuron.overflow_change:
            exact = named(m, "exact", exact)
            exact = named(m, "changed", arithmetic.change(neuron, v, exact))
        return arithmetic.narrow(neuron, exact)

    def _fire(self, m: Module, u: Value, threshold: Value, resting: Value | None) -> Value:
        """Drives ``spike``; the potential after the resets that act at the compare."""
        neuron = self.neuron

        def unless_resting(reached: Value) -> Value:
            return reached if resting is None else reached & ~resting

        v = arithmetic.negative(neuron, u)
        if resting is not None and neuron.negative_threshold is not None:
            v = Mux(resting, u, v)
        if neuron.max_spikes_per_step == 1:
            reached, left = arithmetic.fire(neuron, u, threshold)
            m.d.comb += self.spike.eq(unless_resting(reached))
            return Mux(self.spike, left, v)
        counts = []
        for number, times in enumerate(arithmetic.spike_counts(neuron)):
            before = named(m, f"before_{number}", v)
            reached, left = arithmetic.fire(neuron, before, threshold, times)
            fires = named(m, f"fires_{number}", unless_resting(reached))
            counts.append(Mux(fires, times, 0))
            v = Mux(fires, left, before)
        m.d.comb += self.spike.eq(sum(counts))
        return v


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
        current = arithmetic.synaptic_current(self.current, 0, self.neuron.bias)
        m.submodules.step = step = LIFStep(self.neuron, input_bits=len(current))
        m.d.comb += [step.current.eq(current), step.state.eq(self.state)]
        with m.If(self.enable):
            m.d.sync += [self.state.eq(step.next_state), self.spike.eq(step.spike)]
        return m
