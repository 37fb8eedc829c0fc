"""The table of source-level mutants: mistakes that hurt in practice, as edits of the hardware's
source. Each ``old`` text occurs exactly once in its module: a refactoring that moves a rule breaks
the table loudly (``tests/test_source_mutants.py``)."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class SourceMutant:
    """In ``fxlif.hdl.<module>``, the text ``old`` is replaced by ``new``. ``why`` is the mistake in
    words; ``name`` is unique."""

    name: str
    module: str
    old: str
    new: str
    why: str


def _of(module: str, *rows: tuple[str, str, str, str]) -> tuple[SourceMutant, ...]:
    return tuple(SourceMutant(name, module, old, new, why) for name, old, new, why in rows)


_ROUNDING = _of(
    "arithmetic",
    ("floor-truncates",
     'if rounding == "floor":\n        return quotient\n',
     'if rounding == "floor":\n        return quotient + (negative & inexact)\n',
     "truncation towards zero where the rule says floor"),
    ("truncate-floors", "return quotient + (negative & inexact)", "return quotient",
     "a plain arithmetic shift where the rule says toward zero"),
    ("away-from-zero-is-ceiling", "quotient + (~negative & inexact)", "quotient + inexact",
     "negative numbers rounded up as well"),
    ("nearest-ties-up", "half & quotient[0]", "half", "ties always up instead of to even"),
    ("nearest-ties-down", "(beyond_half | tie_to_odd)", "beyond_half", "ties always down"),
    ("minimum-step-ignored", "if not rule.minimum_step:", "if True:", "the dead zone stays"),
    ("minimum-step-away", "Mux(_as_signed(x)[-1], 1, -1)", "Mux(_as_signed(x)[-1], -1, 1)",
     "the minimum step leads away from rest"),
    ("minimum-step-at-rest", "(leaked == x) & x.any()", "leaked == x",
     "the minimum step leaves rest itself"),
)  # fmt: skip

_LEAKS = _of(
    "arithmetic",
    ("shift-leak-off", "leaked = x - round_shift(x, rule.shift, rule.rounding)", "leaked = x",
     "a leak that never acts, which spike counts alone may not show"),
    ("shift-leak-halved", "x - round_shift(x, rule.shift, rule.rounding)",
     "x - round_shift(x, rule.shift + 1, rule.rounding)", "a shift that is one too large"),
    ("multi-shift-sign-lost", "leaked - term if sign > 0 else leaked + term", "leaked - term",
     "every term subtracted, whatever its sign"),
    ("multi-shift-term-lost", "in rule.terms:", "in rule.terms[:-1]:", "the last term left out"),
    ("scale-leak-off", "leaked = round_shift(x * rule.factor, rule.shift, rule.rounding)",
     "leaked = x", "a leak that never acts"),
    ("scale-factor-off-by-one", "x * rule.factor,", "x * (rule.factor + 1),",
     "a decay factor that is one too large"),
    ("linear-leak-off", "return Mux(x > rule.step, x - rule.step, rest)", "return x",
     "a leak that never acts"),
    ("linear-leak-overshoots", "return Mux(x > rule.step,", "return Mux(x > 0,",
     "passes rest instead of stopping there"),
    ("linear-leak-one-sided", "Mux(x < -rule.step, x + rule.step, 0)", "x",
     "below rest nothing leaks"),
)  # fmt: skip

_WIDTHS = _of(
    "arithmetic",
    ("wrap-for-saturate", 'saturate(x, bits) if mode == "saturate" else wrap(x, bits)',
     "wrap(x, bits)", "two's complement where the rule saturates"),
    ("saturate-for-wrap", 'saturate(x, bits) if mode == "saturate" else wrap(x, bits)',
     "saturate(x, bits)", "saturation where the rule wraps"),
    ("saturates-to-wrong-end", "Mux(x[-1], low, high)", "Mux(x[-1], high, low)",
     "too large becomes the lowest value"),
    ("saturates-symmetrically", "Mux(x[-1], low, high)", "Mux(x[-1], low + 1, high)",
     "the lowest value of two's complement is never reached"),
    ("weight-shift-lost", "shifted = Cat(Const(0, weight_shift), total).as_signed()",
     "shifted = total", "the sum enters the neuron without its scale"),
    ("bias-lost", "return shifted + bias if bias else shifted", "return shifted",
     "no constant current"),
    ("weight-sign-lost", "exact = total + weight", "exact = total + weight.as_unsigned()",
     "an inhibiting weight excites"),
    ("accumulator-wraps", "return saturate(exact, bits), ~fits(exact, bits)",
     "return wrap(exact, bits), ~fits(exact, bits)", "a broken promise wraps the sum"),
    ("saturation-not-reported", "return saturate(exact, bits), ~fits(exact, bits)",
     "return saturate(exact, bits), Const(0, 1)", "a sum that did not fit is not counted"),
)  # fmt: skip

_STEP = _of(
    "arithmetic",
    ("leak-after-integrate", "u = leak(neuron.leak, distance) + i",
     "u = leak(neuron.leak, distance + i)", "the input of this step leaks at once"),
    ("synapse-leak-after-input", "leak(neuron.synapse.leak, i_syn) + current",
     "leak(neuron.synapse.leak, i_syn + current)", "the input of this step leaks at once"),
    ("synapse-forgets", "if isinstance(neuron.synapse, DeltaSynapse):", "if True:",
     "an exponential synapse without memory"),
    ("leak-towards-zero", "distance = v - neuron.v_leak if neuron.v_leak else v", "distance = v",
     "the distance from rest is taken from 0"),
    ("rest-not-added-back", "u = overflow(u + neuron.v_leak if neuron.v_leak else u,",
     "u = overflow(u,", "the distance from rest is taken for the potential"),
    ("floor-ignored", "if neuron.v_floor is not None:", "if False:", "v falls below v_floor"),
    ("floor-off-by-one", "Mux(u < neuron.v_floor, neuron.v_floor, u)",
     "Mux(u < neuron.v_floor, neuron.v_floor + 1, u)", "v stops one above v_floor"),
    ("gt-for-ge", 'u >= threshold if neuron.compare == "ge" else u > threshold', "u > threshold",
     "no spike exactly at the threshold"),
    ("ge-for-gt", 'u >= threshold if neuron.compare == "ge" else u > threshold', "u >= threshold",
     "a spike exactly at the threshold"),
    ("value-for-subtract", 'if neuron.reset == "to_value":', "if True:",
     "what exceeds the threshold is lost"),
    ("subtract-for-value", 'if neuron.reset == "to_value":', "if False:",
     "what exceeds the threshold is kept"),
    ("reset-to-zero", "return Const(neuron.v_reset,", "return Const(0,", "v_reset ignored"),
    ("theta-decays-after-spike", "leak(rule.leak, theta) + Mux(fire, rule.increment, 0), 0,",
     "leak(rule.leak, theta + Mux(fire, rule.increment, 0)), 0,",
     "the increment of this step decays at once"),
    ("theta-not-raised", "Mux(fire, rule.increment, 0), 0, theta_max", "0, 0, theta_max",
     "a spike does not raise the threshold"),
    ("theta-never-decays", "clamp(leak(rule.leak, theta) +", "clamp(theta +",
     "the threshold only rises"),
    ("theta-wraps", "return clamp(leak(rule.leak, theta) + Mux(fire, rule.increment, 0),"
     " 0, theta_max)", "return leak(rule.leak, theta) + Mux(fire, rule.increment, 0)",
     "a theta that is full starts again from below"),
)  # fmt: skip

_NEURON = _of(
    "neuron",
    ("starts-at-zero", 'neuron.v_reset if name == "v" else 0 for name', "0 for name",
     "v is 0 after a reset, and not v_reset"),
    ("threshold-shift-lost", "self.threshold_mantissa << self.neuron.threshold_shift",
     "self.threshold_mantissa", "the stored mantissa is taken for the threshold"),
    ("one-threshold-for-all", "if self._threshold_port:", "if False:",
     "the thresholds of the single neurons are ignored"),
    ("theta-ignored", "threshold = threshold + now.theta", "threshold = threshold + 0",
     "adaptation that does not adapt"),
    ("fire-before-integrate", "fire = arithmetic.reaches(neuron, u, threshold)",
     "fire = arithmetic.reaches(neuron, now.v, threshold)", "the threshold sees the old potential"),
    ("i-syn-frozen-in-refractory", "m.d.comb += after.i_syn.eq(i)",
     "m.d.comb += after.i_syn.eq(Mux(now.refractory.any(), now.i_syn, i)\n"
     "                                        if neuron.refractory else i)",
     "the synapse rests together with the membrane"),
    ("refractory-one-short", "Mux(self.spike, neuron.refractory, counted)",
     "Mux(self.spike, neuron.refractory - 1, counted)", "R - 1 steps of rest"),
    ("refractory-one-long", "Mux(self.spike, neuron.refractory, counted)",
     "Mux(self.spike, neuron.refractory + 1, counted)", "R + 1 steps of rest"),
    ("refractory-ends-early", "resting.eq(now.refractory.any())", "resting.eq(now.refractory > 1)",
     "the last step of rest may fire"),
    ("refractory-never-ends", "Mux(resting, now.refractory - 1, 0)", "now.refractory",
     "after its first spike a neuron is silent"),
    ("fires-while-refractory", "fire = fire & ~resting", "fire = fire",
     "the counter runs, and nothing heeds it"),
    ("mask-for-clamp", 'if neuron.refractory_mode == "clamp":', "if False:",
     "v integrates while it should be held"),
    ("clamp-for-mask", 'if neuron.refractory_mode == "clamp":', "if True:",
     "v is held while it should integrate"),
    ("spike-without-reset", "Mux(self.spike, arithmetic.reset(neuron, u, threshold), held)",
     "held", "v stays above the threshold"),
    ("subtracts-without-theta", "arithmetic.reset(neuron, u, threshold)",
     "arithmetic.reset(neuron, u, self._threshold())",
     "the fixed threshold is subtracted, not the effective one"),
    ("theta-raised-by-held-back-spike", "now.theta, self.spike)",
     "now.theta, arithmetic.reaches(neuron, u, threshold))",
     "a spike that the refractory period holds back raises theta"),
    ("theta-frozen-in-refractory", "m.d.comb += after.theta.eq(theta)",
     "m.d.comb += after.theta.eq(Mux(now.refractory.any(), now.theta, theta)\n"
     "                                        if neuron.refractory else theta)",
     "theta rests together with the membrane"),
    ("enable-ignored", "with m.If(self.enable):", "with m.If(Const(1)):",
     "a step in every cycle"),
    ("spike-stays", "self.spike.eq(step.spike)]", "self.spike.eq(self.spike | step.spike)]",
     "the spike of a single neuron is never taken back"),
    ("registers-not-reset", "m.d.comb += [step.current.eq(current), step.state.eq(self.state)]",
     "m.d.comb += [step.current.eq(current), step.state.eq(self.state)]\n"
     "        self.state.as_value()._reset_less = True",
     "the state of a single neuron survives a reset"),
)  # fmt: skip

_INTEGRATION = _of(
    "core",
    ("update-overtakes-update", "start.eq(pending & over)", "start.eq(pending)",
     "an update starts before the last one is over"),
    ("banks-never-swap", "bank.eq(~bank)", "bank.eq(bank)",
     "integration and update share no accumulator"),
    ("accumulator-not-reset", "m.d.comb += [write.en.eq(1), write.addr.eq(clear_word)]",
     "m.d.comb += [write.en.eq(0), write.addr.eq(clear_word)]",
     "sums from before a reset enter the first step after it"),
    ("taken-while-clearing", "ready.eq(~clearing & (~active", "ready.eq((~active",
     "events are taken before the memories are cleared"),
    ("row-cut-off", "(~active | last_slot) & (~pending | over)", "(~pending | over)",
     "the next event ends the row that is being added"),
    ("row-pauses", "(~active | last_slot)", "~active", "an idle cycle after each row"),
    ("step-boundary-lost", " & (~pending | over)),", "),",
     "events of the next step join one whose TICK was taken"),
    ("last-input-lost", "event.address < core.n_inputs", "event.address < core.n_inputs - 1",
     "the last input counts as unknown"),
    ("address-off-by-one", "event.address < core.n_inputs", "event.address <= core.n_inputs",
     "the first unknown address counts as known"),
    ("unknown-address-added", "with m.Elif(taken & known):", "with m.Elif(taken):",
     "whatever lies behind the weights is added"),
    ("row-stride-of-one", "pointer.eq(pointer + core.n_inputs)", "pointer.eq(pointer + 1)",
     "the next input's weights instead of the next neurons'"),
    ("dropped-not-counted", "self.dropped.eq(self.dropped + 1)", "self.dropped.eq(self.dropped)",
     "an unknown address leaves no trace"),
    ("last-synapses-lost", "active & (slot < core.words)", "active & (slot < core.words - 1)",
     "the last word of every row is not added"),
    ("sum-of-the-update", "Mux(bank, totals[1][0].data.as_value(), totals[0][0].data.as_value())",
     "Mux(bank, totals[0][0].data.as_value(), totals[1][0].data.as_value())",
     "weights are added to what the update's bank shows"),
    ("write-to-new-bank", "writing & (writing_bank == number)", "writing & (bank == number)",
     "what is written when the banks swap lands in the next step"),
    ("saturation-counted-once", "self.saturated + sum(clipped)", "self.saturated + clipped.any()",
     "lanes that saturate together count as one"),
)  # fmt: skip

_UPDATE = _of(
    "core",
    ("update-one-word-short", 'with m.If(at[first] == last_word):',
     'with m.If(at[first] == max(0, last_word - 1)):', "the last neurons never take a step"),
    ("threshold-of-first-word", 'thresholds.addr.eq(at["issue"])', "thresholds.addr.eq(0)",
     "all words compare with the thresholds of the first"),
    ("updates-the-wrong-bank",
     "Mux(bank, totals[0][0].data.as_value(), totals[1][0].data.as_value())",
     "Mux(bank, totals[1][0].data.as_value(), totals[0][0].data.as_value())",
     "the neurons see the sum that is still growing"),
    ("spare-lanes-fire", 'step.spike if real else step.spike & (at["compute"] != last_word)',
     "step.spike", "lanes that only fill up the last word emit spikes"),
    ("pipeline-does-not-wait", 'with m.If(moving & valid["compute"]):',
     'with m.If(valid["compute"]):', "a stalled output loses the word behind it"),
    ("state-not-reset", "state_write.en.eq(writing | clearing)", "state_write.en.eq(writing)",
     "the neurons' state survives a reset"),
    ("state-reset-misses-last-word", "state_write.en.eq(writing | clearing)",
     "state_write.en.eq(writing | (clearing & (clear_word != last_word)))",
     "the last neurons' state survives a reset"),
    ("accumulator-not-cleared", 'write.en.eq(1), write.addr.eq(at["write"])',
     'write.en.eq(0), write.addr.eq(at["write"])', "the sum of a step is added again"),
    ("tick-before-last-word", 'writing, at["write"] == last_word, spike',
     'writing, at["write"] == max(0, last_word - 1), spike',
     "the TICK overtakes the spikes of the last word"),
    ("highest-lane-first", "for number in reversed(range(core.lanes)):",
     "for number in range(core.lanes):", "the spikes of a word in descending order"),
    ("valid-waits-for-ready", "out.valid.eq(~moving)", "out.valid.eq(~moving & out.ready)",
     "against the contract of a stream: two that wait for each other never move"),
    ("tick-before-spikes", "out.payload.tick.eq(~waiting.any())", "out.payload.tick.eq(tick)",
     "the TICK comes out before the spikes of the last word"),
    ("address-without-base", "Mux(waiting.any(), base + lane, 0)", "Mux(waiting.any(), lane, 0)",
     "every word has the addresses of the first"),
    ("base-counts-words", "next_base.eq(next_base + core.lanes)", "next_base.eq(next_base + 1)",
     "addresses of words instead of neurons"),
    ("base-not-reset", "next_base.eq(0)", "next_base.eq(next_base)",
     "addresses go on counting in the next update"),
    ("payload-not-held", "with m.If(out.valid & out.ready):", "with m.If(out.valid):",
     "an event that was not taken is gone"),
    ("one-spike-per-word", "waiting.eq(waiting & (waiting - 1))", "waiting.eq(0)",
     "of spikes in the same word the first alone comes out"),
    ("tick-lost", "with m.If(~waiting.any()):", "with m.If(~(waiting & (waiting - 1)).any()):",
     "the last spike of a step takes the TICK with it"),
)  # fmt: skip

MUTANTS = (*_ROUNDING, *_LEAKS, *_WIDTHS, *_STEP, *_NEURON, *_INTEGRATION, *_UPDATE)
