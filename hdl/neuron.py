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


class LIFStep(wiring.Component):
    """One time step of the rule (docs/rule.md#step), combinational: latency 0.

    Ports: ``state`` and ``current`` (signed, ``input_bits``, the bias added) in, ``next_state``
    and ``spike`` out; with ``threshold_port``, ``threshold_mantissa`` in place of the constant.
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
            "spike": Out(1),
        }
        if threshold_port:
            members["threshold_mantissa"] = In(signed(neuron.threshold_bits))
        self._threshold_port = threshold_port
        super().__init__(members)

    def _threshold(self) -> Value:
        if self._threshold_port:
            return self.threshold_mantissa << self.neuron.threshold_shift
        return Const(self.neuron.v_threshold)

    def elaborate(self, platform: object) -> Module:
        m = Module()
        neuron, now, after = self.neuron, self.state, self.next_state
        # Named signals, so that the Verilog reads like the rule.
        i = self.current
        if "i_syn" in neuron.state_widths:
            i = Signal(signed(neuron.current_bits), name="i")
            m.d.comb += i.eq(arithmetic.synapse(neuron, now.i_syn, self.current))
            m.d.comb += after.i_syn.eq(i)
        u = Signal(signed(neuron.state_bits))
        m.d.comb += u.eq(arithmetic.integrate(neuron, now.v, i))

        threshold = self._threshold()
        if neuron.adaptation is not None:
            threshold = threshold + now.theta
        fire = arithmetic.reaches(neuron, u, threshold)
        held = u
        if neuron.refractory:
            resting = Signal()
            m.d.comb += resting.eq(now.refractory.any())
            fire = fire & ~resting
            if neuron.refractory_mode == "clamp":
                held = Mux(resting, now.v, u)
            counted = Mux(resting, now.refractory - 1, 0)
            m.d.comb += after.refractory.eq(Mux(self.spike, neuron.refractory, counted))
        m.d.comb += self.spike.eq(fire)
        m.d.comb += after.v.eq(Mux(self.spike, arithmetic.reset(neuron, u, threshold), held))
        if neuron.adaptation is not None:
            theta = arithmetic.adapt(neuron, now.theta, self.spike)
            m.d.comb += after.theta.eq(theta)
        return m


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
                "spike": Out(1),
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
