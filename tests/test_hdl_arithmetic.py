"""Each function of the hardware's arithmetic against its namesake in :mod:`fxlif.rule.arithmetic`.

Exhaustive over every operand of small shapes. An expression is read through a signal of the
expression's own shape: where that shape were too narrow, the value would differ.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import product
from typing import Any, NamedTuple

import pytest
from amaranth.hdl import Module, Shape, Signal, Value, signed, unsigned
from amaranth.sim import Simulator

from fxlif.hdl import arithmetic as hardware
from fxlif.params.leaks import Leak, LinearLeak, MultiShiftLeak, NoLeak, ScaleLeak, ShiftLeak
from fxlif.params.neuron import Adaptation, ExponentialSynapse, NeuronParams
from fxlif.params.quantise import signed_range
from fxlif.rule import arithmetic as golden

ROUNDINGS = ("floor", "toward_zero", "away_from_zero", "nearest_even")
SHIFTS = range(9)  # beyond the width of every operand here


class Case(NamedTuple):
    """An expression over the operands, and what it is to be; ``bits``: signed, and no wider."""

    name: str
    build: Callable[..., Value]
    want: Callable[..., Any]
    bits: int | None = None


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
    for number, case in enumerate(cases):
        value = Value.cast(case.build(*operands))
        if case.bits is not None:
            assert value.shape().signed, case.name
            assert len(value) <= case.bits, case.name
        result = Signal(value.shape(), name=f"y{number}")
        statements.append(result.eq(value))
        results.append(result)
    m = Module()
    m.d.comb += statements
    compared = 0

    async def bench(ctx: Any) -> None:
        nonlocal compared
        for point in product(*map(values, shapes)):
            for operand, value in zip(operands, point, strict=True):
                ctx.set(operand, value)
            for case, result in zip(cases, results, strict=True):
                found, wanted = ctx.get(result), int(case.want(*point))
                assert found == wanted, f"{case.name} of {point}: {found}, wanted {wanted}"
                compared += 1

    simulator = Simulator(m)
    simulator.add_testbench(bench)
    simulator.run()
    points = 1
    for shape in shapes:
        points *= 1 << shape.width
    assert compared == points * len(cases) > 0


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
            for shift, rounding in product((*SHIFTS, 31), ROUNDINGS)
        ],
    )


def every_leak() -> list[Leak]:
    leaks: list[Leak] = [NoLeak()]
    leaks += [LinearLeak(step=k) for k in (0, 1, 2, 5, 31, 32, 33, 63, 64, 100, (1 << 31) - 1)]
    for rounding, minimum in product(ROUNDINGS, (0, 1)):
        how: dict[str, Any] = {"rounding": rounding, "minimum_step": minimum}
        leaks += [ShiftLeak(shift=s, **how) for s in (*SHIFTS, 31)]
        terms = [((0,), (-1,)), ((1, 1), ()), ((2, 2), (1, -1)), ((0, 0, 0), ()), ((1, 7, 8), ())]
        terms += [((1, 3), (1, -1)), ((3, 1), (-1, 1)), ((0,) * 8, (-1,) * 8), ((31, 2), (-1, 1))]
        leaks += [MultiShiftLeak(shifts=s, signs=g, **how) for s, g in terms]
        pairs = [(0, 0), (1, 0), (0, 2), (3, 2), (4, 2), (1, 1), (5, 4), (16, 4), (127, 7)]
        pairs += [(1, 8), (4095, 12), (1 << 15, 16), (1 << 16, 16), (65535, 16)]
        leaks += [ScaleLeak(factor=f, shift=s, **how) for f, s in pairs]
    return leaks


@pytest.mark.parametrize("shape", OPERANDS, ids=str)
def test_leak(shape: Shape) -> None:
    check(
        [shape],
        [
            Case(
                repr(rule),
                lambda x, rule=rule: hardware.leak(rule, x),
                lambda x, rule=rule: golden.leak(rule, x),
            )
            for rule in every_leak()
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
            for mode in ("saturate", "wrap")
        ]
    check([signed(width)], cases)


def test_synaptic_current() -> None:
    check(
        [signed(6)],
        [
            Case(
                f"synaptic_current {shift} {bias}",
                lambda x, s=shift, b=bias: hardware.synaptic_current(x, s, b),
                lambda x, s=shift, b=bias: golden.synaptic_current(x, s, b),
            )
            for shift, bias in product(
                (0, 1, 5, 16), (0, 1, -1, 37, -37, (1 << 31) - 1, -(1 << 31))
            )
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
]


def small(**choices: Any) -> NeuronParams:
    widths = ("state_bits", "threshold_bits", "current_bits", "theta_bits")
    return NeuronParams(**{**dict.fromkeys(widths, 4), "v_threshold": 2, "v_reset": 0, **choices})


#: The golden form of what the hardware works out.
GOLDEN: dict[str, Callable[..., Any]] = {
    "synapse": lambda n, i_syn, current: golden.synapse(n, i_syn, current)[0],
    "integrate": lambda n, v, i: golden.narrow(n, golden.leak_v(n, v) + i),
    "reaches": golden.reaches,
    "reset": golden.reset,
}


def neuron_cases(name: str, neurons: Sequence[NeuronParams], bits: int | None) -> list[Case]:
    """The functions of this name that take a neuron first."""
    return [
        Case(
            f"{name} {neuron!r}",
            lambda *x, n=neuron: getattr(hardware, name)(n, *x),
            lambda *x, n=neuron: GOLDEN[name](n, *x),
            bits,
        )
        for neuron in neurons
    ]


def test_synapse() -> None:
    delta = [small()]
    check([signed(4), signed(6)], neuron_cases("synapse", delta, 6))
    exponential = [
        small(synapse=ExponentialSynapse(leak=rule), overflow=overflow)
        for rule, overflow in product(LEAKS, ("saturate", "wrap"))
    ]
    check([signed(4), signed(6)], neuron_cases("synapse", exponential, 4))
    check([signed(4), signed(1)], neuron_cases("synapse", exponential, 4))


def test_integrate() -> None:
    neurons = [
        small(leak=rule, overflow=overflow, v_leak=v_leak, v_floor=v_floor)
        for rule, overflow, v_leak, v_floor in product(
            LEAKS, ("saturate", "wrap"), (0, -8, 3), (None, -8, -3, 0, 7)
        )
    ]
    # Without a floor, the result has the bits of the state, neither more nor fewer.
    plain = [neuron for neuron in neurons if neuron.v_floor is None]
    check([signed(4), signed(6)], neuron_cases("integrate", plain, 4))
    check([signed(4), signed(6)], neuron_cases("integrate", neurons[::7], None))
    check([signed(4), signed(1)], neuron_cases("integrate", neurons, None))


@pytest.mark.parametrize("threshold", [signed(4), signed(7), unsigned(5)], ids=str)
def test_reaches_and_reset(threshold: Shape) -> None:
    pairs = list(product(("ge", "gt"), ("to_value", "subtract"), ("saturate", "wrap"), (-8, 0, 7)))
    neurons = [
        small(compare=compare, reset=reset, overflow=overflow, v_reset=v_reset)
        for compare, reset, overflow, v_reset in pairs
    ]
    check([signed(4), threshold], neuron_cases("reaches", neurons, None))
    check([signed(4), threshold], neuron_cases("reset", neurons, 4))


@pytest.mark.parametrize("bits", [4, 6])
def test_adapt(bits: int) -> None:
    top = (1 << bits) - 1
    neurons = [
        NeuronParams(adaptation=Adaptation(increment=increment, leak=rule), theta_bits=bits)
        for rule, increment in product([*LEAKS, *every_leak()[bits::6]], (0, 1, top // 2, top))
    ]
    check(
        [unsigned(bits), unsigned(1)],
        [
            Case(
                repr(neuron.adaptation),
                lambda theta, fire, neuron=neuron: hardware.adapt(neuron, theta, fire),
                lambda theta, fire, neuron=neuron: golden.adapt(neuron, theta, bool(fire)),
            )
            for neuron in neurons
        ],
    )


@pytest.mark.parametrize(("bits", "weight_bits"), [(4, 4), (6, 4), (5, 1), (2, 2)])
def test_accumulate(bits: int, weight_bits: int) -> None:
    def part(module: Any, number: int) -> Callable[..., Any]:
        return lambda total, weight: module.accumulate(total, weight, bits)[number]

    check(
        [signed(bits), signed(weight_bits)],
        [
            Case("the sum", part(hardware, 0), part(golden, 0), bits),
            Case("whether it saturated", part(hardware, 1), part(golden, 1)),
        ],
    )
