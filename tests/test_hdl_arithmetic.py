"""Each function of the hardware's arithmetic and operations against its namesake in
:mod:`fxlif.rule.arithmetic`.

Exhaustive over every operand of small shapes. An expression is read through a signal of the
expression's own shape: where that shape were too narrow, the value would differ.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from functools import partial
from itertools import permutations, product
from typing import Any, NamedTuple

import numpy as np
import pytest
from amaranth.hdl import Cat, Const, Module, Mux, Shape, Signal, Value, signed, unsigned
from amaranth.sim import Simulator
from designs import LONG

from fxlif.cycles.pipeline import spike_counts
from fxlif.hdl import arithmetic as hardware
from fxlif.hdl import operations
from fxlif.hdl.pipeline import Made, Pipeline
from fxlif.params.base import FIXED_ROUNDINGS
from fxlif.params.leaks import (
    ConstantLeak,
    DecayLeak,
    Leak,
    LinearLeak,
    MultiShiftLeak,
    NoLeak,
    ScaleLeak,
    ShiftLeak,
)
from fxlif.params.neuron import Adaptation, ExponentialSynapse, NeuronParams
from fxlif.params.quantise import signed_range
from fxlif.rule import arithmetic as golden

#: What roundings that are not stochastic draw.
NO_DRAW = Made("random", 0, [Const(0)])
#: A step that is not cut into parts, and what acted before where nothing did.
WHOLE = operations.Turn(Made("begins", 0, [Const(1)]), Made("ends", 0, [Const(1)]))
NOTHING = Made("acted", 0, [Const(0)])
OVERFLOWS = ("saturate", "saturate_symmetric", "wrap")
SHIFTS = range(9)  # beyond the width of every operand here


class Case(NamedTuple):
    """An expression over the operands, and what it is to be; ``bits``: signed, and no wider.

    Operations, which take a pipeline and what was made, are given one of a single stage.
    """

    name: str
    build: Callable[..., Value]
    want: Callable[..., Any]
    bits: int | None = None
    operation: bool = False


def values(shape: Shape) -> range:
    """Every value of a shape."""
    if shape.signed:
        low, high = signed_range(shape.width)
        return range(low, high + 1)
    return range(1 << shape.width)


def check(shapes: Sequence[Shape], cases: Sequence[Case]) -> None:
    """All cases at every combination of operands, in one simulation."""
    operands = [Signal(shape, name=f"x{number}") for number, shape in enumerate(shapes)]
    results = []
    statements = []
    m = Module()
    # Every operation that there may be, in the first stage.
    pipe = Pipeline(m, defaultdict(int), staged=False)
    made = [pipe.given("x", operand) for operand in operands]
    for number, case in enumerate(cases):
        found = case.build(pipe, *made) if case.operation else case.build(*operands)
        value = pipe.first(found) if isinstance(found, Made) else Value.cast(found)
        if case.bits is not None:
            assert value.shape().signed, case.name
            assert len(value) <= case.bits, case.name
        result = Signal(value.shape(), name=f"y{number}")
        statements.append(result.eq(value))
        results.append(result)
    # One access each at a point: every access of a testbench is dear.
    shown = Signal(len(Cat(operands)))
    seen = Signal(len(Cat(results)))
    m.d.comb += [Cat(operands).eq(shown), *statements, seen.eq(Cat(results))]
    # The first operand in the lowest bits; the rules take all points at once.
    grid = np.meshgrid(*map(values, reversed(shapes)), indexing="ij")
    points = [axis.ravel() for axis in reversed(grid)]
    packed = np.zeros_like(points[0])
    at = 0
    for shape, axis in zip(shapes, points, strict=True):
        packed |= (axis & ((1 << shape.width) - 1)) << at
        at += shape.width
    found: list[int] = []

    async def bench(ctx: Any) -> None:
        for word in packed.tolist():
            ctx.set(shown, word)
            found.append(ctx.get(seen))

    simulator = Simulator(m)
    simulator.add_testbench(bench)
    simulator.run()
    assert len(found) == 1 << sum(shape.width for shape in shapes)
    at = 0
    for case, result in zip(cases, results, strict=True):
        width, signed_bit = len(result), 1 << len(result) >> 1 if result.shape().signed else 0
        part = [(word >> at & (1 << width) - 1 ^ signed_bit) - signed_bit for word in found]
        at += width
        wanted = np.broadcast_to(case.want(*points), packed.shape).tolist()
        for number in [n for n, (x, y) in enumerate(zip(part, wanted, strict=True)) if x != y][:1]:
            point = tuple(int(axis[number]) for axis in points)
            pytest.fail(f"{case.name} of {point}: {part[number]}, wanted {wanted[number]}")


#: Signed: a potential's distance from rest, i_syn. Unsigned: theta.
OPERANDS = [signed(1), signed(2), signed(6), unsigned(1), unsigned(6)]


@pytest.mark.parametrize("shape", OPERANDS, ids=str)
def test_round_shift(shape: Shape) -> None:
    check(
        [shape],
        [
            Case(
                f"round_shift {shift} {rounding}",
                lambda x, s=shift, r=rounding: hardware.round_shift(x, s, r),
                lambda x, s=shift, r=rounding: golden.round_shift(x, s, r),
            )
            for shift, rounding in product((*SHIFTS, 31), FIXED_ROUNDINGS)
        ],
    )


def test_round_shift_at_random() -> None:
    """The low bits of a draw, of which there are no fewer than the rounding takes, are added."""
    shapes = [signed(5), unsigned(4)]
    check(
        shapes,
        [
            Case(
                f"round_shift {shift} stochastic",
                lambda x, draw, s=shift: hardware.round_shift(x, s, "stochastic", draw),
                lambda x, draw, s=shift: golden.round_shift(x, s, "stochastic", draw),
            )
            for shift in range(5)
        ],
    )


def every_leak() -> list[Leak]:
    leaks: list[Leak] = [NoLeak()]
    leaks += [ConstantLeak(step=k) for k in (-(1 << 31), -9, -1, 0, 1, 31, (1 << 31) - 1)]
    leaks += [LinearLeak(step=k) for k in (0, 1, 2, 5, 31, 32, 33, 63, 64, 100, (1 << 31) - 1)]
    for rounding, minimum in product(FIXED_ROUNDINGS, (0, 1)):
        how: dict[str, Any] = {"rounding": rounding, "minimum_step": minimum}
        leaks += [ShiftLeak(shift=s, **how) for s in (*SHIFTS, 31)]
        terms = [((0,), (-1,)), ((1, 1), ()), ((2, 2), (1, -1)), ((0, 0, 0), ()), ((1, 7, 8), ())]
        terms += [((1, 3), (1, -1)), ((3, 1), (-1, 1)), ((0,) * 8, (-1,) * 8), ((31, 2), (-1, 1))]
        leaks += [MultiShiftLeak(shifts=s, signs=g, **how) for s, g in terms]
        pairs = [(0, 0), (1, 0), (0, 2), (3, 2), (4, 2), (1, 1), (5, 4), (16, 4), (127, 7)]
        pairs += [(1, 8), (4095, 12), (1 << 15, 16), (1 << 16, 16), (65535, 16)]
        leaks += [
            kind(factor=f, shift=s, **how) for f, s in pairs for kind in (ScaleLeak, DecayLeak)
        ]
    return leaks


@pytest.mark.parametrize("shape", OPERANDS, ids=str)
def test_leak(shape: Shape) -> None:
    check(
        [shape],
        [
            Case(
                repr(rule),
                lambda pipe, x, rule=rule: operations.leak(pipe, "leak", rule, x, NO_DRAW),
                lambda x, rule=rule: golden.leak(rule, x),
                operation=True,
            )
            # A third has each kind with each rounding and minimum step.
            for rule in every_leak()[:: 1 if LONG or shape == signed(6) else 3]
        ],
    )


#: Bounds of either sign, within the operand and beyond it.
BOUNDS = [(0, 0), (0, 1), (0, 15), (0, 31), (0, 63), (0, 255), (3, 17), (5, 5)]
SIGNED_BOUNDS = [(-1, 0), (-1, 9), (-9, 1), (-32, 31), (-128, 127), (-7, -2), (-100, -1), (-1, -1)]


@pytest.mark.parametrize(
    ("shape", "bounds"),
    [(signed(6), BOUNDS + SIGNED_BOUNDS), (signed(2), BOUNDS + SIGNED_BOUNDS),
     (unsigned(6), BOUNDS), (unsigned(1), BOUNDS)],
    ids=str,
)  # fmt: skip
def test_clamp(shape: Shape, bounds: list[tuple[int, int]]) -> None:
    check(
        [shape],
        [
            Case(
                f"clamp {low} {high}",
                lambda x, low=low, high=high: hardware.clamp(x, low, high),
                lambda x, low=low, high=high: golden.clamp(x, low, high),
            )
            for low, high in bounds
        ],
    )


@pytest.mark.parametrize("width", [1, 2, 6])
def test_overflow(width: int) -> None:
    cases = []
    for bits in range(1, 9):
        most = max(bits, 2)  # nothing widens; one bit becomes two, for an end of the range
        cases += [
            Case(
                f"saturate {bits}",
                lambda x, bits=bits: hardware.saturate(x, bits),
                lambda x, bits=bits: golden.saturate(x, bits),
                most,
            ),
            Case(
                f"saturate_symmetric {bits}",
                lambda x, bits=bits: hardware.saturate_symmetric(x, bits),
                lambda x, bits=bits: golden.saturate_symmetric(x, bits),
                most,
            ),
            Case(
                f"wrap {bits}",
                lambda x, bits=bits: hardware.wrap(x, bits),
                lambda x, bits=bits: golden.wrap(x, bits),
                most,
            ),
        ]
        cases += [
            Case(
                f"overflow {bits} {mode}",
                lambda x, bits=bits, mode=mode: hardware.overflow(x, bits, mode),
                lambda x, bits=bits, mode=mode: golden.overflow(x, bits, mode),
                most,
            )
            for mode in OVERFLOWS
        ]
    check([signed(width)], cases)


def test_synaptic_current() -> None:
    check(
        [signed(6)],
        [
            Case(
                f"synaptic_current {shift}",
                lambda x, s=shift: hardware.synaptic_current(x, s),
                lambda x, s=shift: golden.synaptic_current(x, s, 0),
            )
            for shift in (0, 1, 5, 16)
        ],
    )


LEAKS: list[Leak] = [
    NoLeak(),
    LinearLeak(step=2),
    ShiftLeak(shift=1),
    ShiftLeak(shift=2, rounding="nearest_even", minimum_step=1),
    ShiftLeak(shift=9, rounding="away_from_zero"),
    MultiShiftLeak(shifts=(0, 0, 1), rounding="toward_zero"),
    MultiShiftLeak(shifts=(1, 3), signs=(1, -1), minimum_step=1),
    MultiShiftLeak(shifts=(0, 0), signs=(-1, -1)),  # leaves the range on both sides
    ScaleLeak(factor=11, shift=4, rounding="toward_zero"),
    ScaleLeak(factor=0, shift=4),
    DecayLeak(factor=5, shift=3, rounding="ceiling"),
    ConstantLeak(step=-3),
]


def small(**choices: Any) -> NeuronParams:
    widths = ("state_bits", "threshold_bits", "current_bits", "theta_bits")
    return NeuronParams(**{**dict.fromkeys(widths, 4), "v_threshold": 2, "v_reset": 0, **choices})


def neuron_cases(
    name: str, neurons: Sequence[NeuronParams], bits: int | None, build: Callable[..., Any],
    want: Callable[..., Any] | None = None, *, operation: bool = False,
) -> list[Case]:  # fmt: skip
    """What hardware makes by ``build``, which takes a neuron first, against ``want``; without it,
    against the golden function of this name."""
    wanted = want or getattr(golden, name)
    return [
        Case(f"{name} {neuron!r}", partial(build, neuron), partial(wanted, neuron), bits, operation)
        for neuron in neurons
    ]


def synapse_cases(neurons: Sequence[NeuronParams], bits: int, part: int) -> list[Case]:
    """One part of what the synapse answers; the current comes without its bias."""

    def build(neuron: NeuronParams, pipe: Pipeline, i_syn: Made, current: Made) -> Made:
        found = operations.synapse(pipe, neuron, i_syn, current, NO_DRAW, WHOLE, NOTHING)
        return (found.acts, found.i_syn)[part]

    def want(neuron: NeuronParams, i_syn: Any, current: Any) -> Any:
        found = golden.synapse(neuron, i_syn, current + neuron.bias)
        return found[part] if part else found[part] + neuron.bias_past_synapse

    # Past the synapse, a bias makes what acts on v wider.
    return [
        case
        for neuron in neurons
        for case in neuron_cases(
            "synapse", [neuron], None if neuron.bias else bits, build, want, operation=True
        )
    ]


@pytest.mark.parametrize("part", [0, 1], ids=["acts", "i_syn"])
def test_synapse(part: int) -> None:
    delta = [small()]
    check([signed(4), signed(6)], synapse_cases(delta, 6, part))
    orders = list(permutations(("leak", "integrate", "act")))
    exponential = [
        small(synapse=ExponentialSynapse(leak=rule, order=order), overflow_i_syn=overflow)
        for (rule, order), overflow in product(
            # All orders with some leaks, all leaks with the first order.
            [*((rule, orders[0]) for rule in LEAKS), *product(LEAKS[3::4], orders[1:])],
            OVERFLOWS,
        )
    ]
    # One bit more than i_syn has leaves its range on both sides.
    wide = signed(6 if LONG else 5)
    check([signed(4), wide], synapse_cases(exponential[part::2], 4, part))
    beside = [
        small(synapse=ExponentialSynapse(leak=LEAKS[3], order=order), bias=bias, bias_at=at)
        for order, bias, at in product(orders, (-9, 0, 3), ("v", "current"))
    ]
    own = [
        small(synapse=ExponentialSynapse(leak=LEAKS[6]), overflow=v, overflow_i_syn=i)
        for v, i in product(OVERFLOWS, (None, *OVERFLOWS))
    ]
    check([signed(4), wide], synapse_cases(beside, 4, part))
    check([signed(4), signed(1)], synapse_cases([*exponential, *own], 4, part))


def test_leak_v() -> None:
    neurons = [small(leak=rule, v_leak=v_leak) for rule, v_leak in product(LEAKS, (0, -8, 3))]

    def build(neuron: NeuronParams, pipe: Pipeline, v: Made) -> Made:
        return operations.leak_v(pipe, "leak", neuron, v, NO_DRAW)

    cases = neuron_cases("leak_v", neurons, None, build, operation=True)
    check([signed(4)], cases)
    # Where it leaks what the input was added to, it takes more than a state.
    check([signed(6)], cases)


def test_narrow() -> None:
    neurons = [
        small(overflow=overflow, v_floor=v_floor)
        for overflow, v_floor in product(OVERFLOWS, (None, -8, -3, 0, 7))
    ]

    def build(neuron: NeuronParams, pipe: Pipeline, v: Made) -> Made:
        return operations.narrow(pipe, "", neuron, v)

    # Without a floor, the result has the bits of the state, neither more nor fewer.
    plain = [neuron for neuron in neurons if neuron.v_floor is None]
    for shape in (signed(4), signed(7), signed(2)):
        check([shape], neuron_cases("narrow", plain, 4, build, operation=True))
        check([shape], neuron_cases("narrow", neurons, None, build, operation=True))


def test_change() -> None:
    neurons = [small(overflow=o, overflow_change=change)
               for o, change in product(OVERFLOWS, (False, True))]  # fmt: skip

    def build(neuron: NeuronParams, pipe: Pipeline, v: Made, exact: Made) -> Made:
        return operations.change(pipe, neuron, v, exact)

    check([signed(4), signed(7)], neuron_cases("change", neurons, None, build, operation=True))


def test_at_rest() -> None:
    neurons = [
        small(leak=rule, v_leak=v_leak, overflow=overflow, v_floor=floor, refractory_mode=mode)
        for rule, v_leak, overflow, floor, mode in product(
            LEAKS, (0, -8, 3), OVERFLOWS, (None, -3), ("clamp", "rest", "leak")
        )
    ]

    def build(neuron: NeuronParams, pipe: Pipeline, v: Made) -> Made:
        return operations.at_rest(pipe, neuron, v, None, NO_DRAW)

    check([signed(4)], neuron_cases("at_rest", neurons, None, build, operation=True))


@pytest.mark.parametrize("threshold", [signed(4), signed(7), unsigned(5)], ids=str)
def test_reaches_and_reset(threshold: Shape) -> None:
    neurons = [
        small(compare=compare, reset=reset, reset_at=at, overflow=overflow, v_reset=v_reset)
        for compare, reset, at, overflow, v_reset in product(
            ("ge", "gt"), ("to_value", "subtract"), ("compare", "next_step"), OVERFLOWS, (-8, 0, 7)
        )
    ]
    shapes = [signed(4), threshold]
    check(shapes, neuron_cases("reaches", neurons, None, hardware.reaches))
    check(shapes, neuron_cases("reset_exact", neurons, None, hardware.reset_exact))

    def reset(neuron: NeuronParams, u: Value, threshold: Value) -> Value:
        return hardware.reset(neuron, hardware.reset_exact(neuron, u, threshold))

    check(shapes, neuron_cases("reset", neurons, 4, reset))


def negative(neuron: NeuronParams, u: Value) -> Value:
    limit = neuron.negative_threshold
    return u if limit is None else Mux(u < limit, hardware.negative(neuron, u), u)


def test_negative() -> None:
    neurons = [
        small(negative_threshold=limit, negative_reset=reset, v_reset=v_reset)
        for limit, reset, v_reset in product(
            (None, -8, -7, -1, 0), ("floor", "mirror", "subtract"), (-7, 0, 7)
        )
    ]
    check([signed(4)], neuron_cases("negative", neurons, 4, negative))
    above = [small(negative_threshold=5, negative_reset=reset) for reset in ("floor", "mirror")]
    check([signed(4)], neuron_cases("negative", above, 4, negative))


@pytest.mark.parametrize("compare", ["ge", "gt"])
@pytest.mark.parametrize("most", [2, 3, 5, 6, 7, 12, 23, 30, 31])
def test_fire(most: int, compare: str) -> None:
    """The compares of the hardware's division make every count of the golden repetition."""
    neuron = small(
        max_spikes_per_step=most, compare=compare, reset="subtract", state_bits=6,
        negative_threshold=-9,
    )  # fmt: skip
    times = spike_counts(neuron)
    assert sum(times) == most
    assert len(times) == most.bit_length()

    def divided(part: int, pipe: Pipeline, u: Made, threshold: Made) -> Made:
        held, above = (x.map(f) for x, f in ((u, partial(negative, neuron)), (threshold, plus_one)))
        resting = pipe.given("resting", 0)
        return operations.fire_several(pipe, neuron, held, above, resting)[part]

    def plus_one(threshold: Value) -> Value:
        return threshold + 1

    check(
        [signed(6), unsigned(3)],
        [
            Case(
                name,
                partial(divided, part),
                lambda u, t, part=part: golden.fire(neuron, u, t + 1)[part],
                operation=True,
            )
            for part, name in enumerate(("the spikes", "the potential"))
        ],
    )


def adapt(neuron: NeuronParams, pipe: Pipeline, theta: Made, spikes: Made) -> Made:
    return operations.adapt(pipe, neuron, theta, spikes, NO_DRAW)


@pytest.mark.parametrize("bits", [4, 6])
def test_adapt(bits: int) -> None:
    top = (1 << bits) - 1
    # Every leak of theta by itself: test_leak.
    leaks = [*LEAKS, *every_leak()[bits :: 6 if LONG else 60]]
    neurons = [
        NeuronParams(adaptation=Adaptation(increment=increment, leak=rule), theta_bits=bits)
        for rule, increment in product(leaks, (0, 1, top // 2, top))
    ]

    def want(neuron: NeuronParams, theta: Any, fire: Any) -> Any:
        return golden.adapt(neuron, theta, fire != 0)

    cases = neuron_cases("adapt", neurons, None, adapt, want, operation=True)
    check([unsigned(bits), unsigned(1)], cases)


@pytest.mark.parametrize("most", [2, 31])
def test_adapt_to_several_spikes(most: int) -> None:
    neurons = [
        small(adaptation=Adaptation(increment=increment, leak=rule), reset="subtract",
              max_spikes_per_step=most)
        for rule, increment in product(LEAKS, (0, 1, 15))
    ]  # fmt: skip
    cases = neuron_cases("adapt", neurons, None, adapt, operation=True)
    check([unsigned(4), unsigned(most.bit_length())], cases)
