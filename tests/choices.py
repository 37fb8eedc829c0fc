"""Small neurons that make every choice of the rule, each with each other one where they agree.

A choice is one value on every axis of :data:`AXES`; :func:`covering` draws so many of them that
each pair of values is among them, :func:`allowed` says which the page lets stand together
(docs/rule.md#combinations; on purpose not the package's own words), and :func:`neuron` makes the
neuron, of four bits.
"""

from collections.abc import Iterator
from itertools import combinations, permutations, product
from random import Random
from typing import Any

from fxlif.params.base import ROUNDINGS
from fxlif.params.leaks import (
    ConstantLeak,
    DecayLeak,
    Leak,
    Lfsr,
    LinearLeak,
    MultiShiftLeak,
    NoLeak,
    ScaleLeak,
    ShiftLeak,
)
from fxlif.params.neuron import Adaptation, DeltaSynapse, ExponentialSynapse, NeuronParams

BITS = 4
#: Its draws are at most 15; every rounding below takes 2 or 3 bits.
SMALL_LFSR = Lfsr(bits=4, taps=(4, 3), seed=5)
OVERFLOWS = ("saturate", "saturate_symmetric", "wrap")


def small_leaks() -> list[Leak]:
    """Every kind with every rounding; "beyond" are those that leave the range of what leaks."""
    beyond = MultiShiftLeak(shifts=(0, 2)), MultiShiftLeak(shifts=(1,), signs=(-1,))
    leaks: list[Leak] = [NoLeak(), LinearLeak(step=2), ConstantLeak(step=2), ConstantLeak(step=-3)]
    leaks += beyond
    for rounding, minimum in product(ROUNDINGS, (0, 1)):
        how: dict[str, Any] = {"rounding": rounding, "minimum_step": minimum}
        leaks.append(ShiftLeak(shift=2, **how))
        leaks.append(MultiShiftLeak(shifts=(1, 3), signs=(1, -1), **how))
        leaks.append(ScaleLeak(factor=5, shift=3, **how))
        leaks.append(DecayLeak(factor=3, shift=3, **how))
    return leaks


LEAKS = small_leaks()

Choice = dict[str, Any]
AXES: Choice = {
    "leak": ("none", "linear", "constant", "beyond", "shift", "multi_shift", "scale", "decay"),
    "rounding": ROUNDINGS,
    "minimum_step": (0, 1),
    "overflow": OVERFLOWS,
    "overflow_i_syn": (None, *OVERFLOWS),
    "overflow_change": (False, True),
    "compare": ("ge", "gt"),
    "reset": ("to_value", "subtract"),
    "reset_at": ("compare", "leak", "next_step"),
    "max_spikes_per_step": (1, 2, 4),
    "refractory": (0, 1, 2),
    "refractory_mode": ("clamp", "mask", "rest", "leak"),
    "refractory_count": ("after", "before"),
    "v_floor": (None, -5),
    "negative_reset": (None, "floor", "mirror", "subtract"),
    #: None is drawn as often as each two of the orders.
    "synapse": (None, None, *permutations(("leak", "integrate", "act"))),
    "adapted": (False, True),
    "order": tuple(permutations(("leak", "integrate", "fire"))),
    "accumulate": ("exact", "per_event"),
    "fire_on": ("step", "event"),
    #: (v_leak, v_reset, bias); resets below the floor, and where symmetric saturation never ends.
    "rest": ((0, 0, 0), (-3, 1, 2), (2, -7, -1), (-8, -8, 1)),
    "bias_at": ("current", "v"),
    #: Whether each neuron has a threshold of its own.
    "own": (False, True),
}
NEGATIVE_THRESHOLD = -3
THRESHOLD = 2


def allowed(choice: Choice) -> bool:
    """Whether the page lets these values, one of each axis, stand together."""
    order, late = choice["order"], choice["reset_at"] == "next_step"
    leak, integrate, fire = (order.index(stage) for stage in ("leak", "integrate", "fire"))
    if choice["reset_at"] == "leak":
        late = leak < fire
    per_event = choice["accumulate"] == "per_event"
    on_v = per_event and choice["synapse"] is None
    on_event = choice["fire_on"] == "event"
    several = choice["max_spikes_per_step"] > 1
    negative = choice["negative_reset"] is not None
    remembers = choice["refractory"] > 0 or choice["adapted"] or negative
    change, mask = choice["overflow_change"], choice["refractory_mode"] == "mask"
    refused = (
        several and (choice["reset"] != "subtract" or choice["reset_at"] != "compare"),
        late and (fire != 2 or remembers or per_event),
        change and (order != ("leak", "integrate", "fire") or choice["reset_at"] == "leak" or on_v),
        on_v and (integrate > fire or (choice["refractory"] > 0 and not mask)),
        on_event and (not on_v or integrate + 1 != fire or choice["reset_at"] != "compare"),
        on_event and (several or remembers),
        choice["negative_reset"] == "mirror" and choice["rest"][1] == -8,
    )
    return not any(refused)


def pairs_of(choice: Choice) -> set[Any]:
    """Every two values that a choice makes together, and its leak."""
    leak = tuple((name, choice[name]) for name in ("leak", "minimum_step", "rounding"))
    return {*combinations(sorted(choice.items()), 2), leak}


def all_pairs() -> Iterator[Any]:
    """Every two values of two axes, whether they agree or not, and every leak that rounds."""
    for (a, first), (b, second) in combinations(sorted(AXES.items()), 2):
        for x, y in product(first, second):
            yield (a, x), (b, y)
    yield from (tuple(leak.items()) for leak in leak_choices())


def leak_choices() -> list[Choice]:
    """The values on the axes of the leak, once for each leak."""
    axes = ("leak", "minimum_step", "rounding")
    chosen = [dict(zip(axes, values, strict=True)) for values in product(*map(AXES.get, axes))]
    return list({leak_of(choice): choice for choice in reversed(chosen)}.values())


def leak_of(choice: Choice) -> Leak:
    """The leak of v; a kind without a minimum step has two of it for its two values."""
    kind, least, mode = (choice[name] for name in ("leak", "minimum_step", "rounding"))
    if kind in ("constant", "beyond"):
        kinds = {"constant": LEAKS[2:4], "beyond": LEAKS[4:6]}
        return kinds[kind][least]
    (found,) = (
        rule
        for rule in LEAKS
        if rule.kind == kind and rule not in LEAKS[4:6]
        if getattr(rule, "rounding", mode) == mode
        if getattr(rule, "minimum_step", least) == least
    )
    return found


#: From these every pair of values that can be is one step away.
STARTS = [
    {name: axis[0] for name, axis in AXES.items()}
    | {"reset": "subtract", "refractory_mode": "mask", "synapse": synapse, "order": order}
    | {"accumulate": accumulate, "fire_on": "event" if accumulate == "per_event" else "step"}
    for synapse in (None, ("leak", "integrate", "act"))
    for order in (("leak", "integrate", "fire"), ("integrate", "fire", "leak"))
    for accumulate in AXES["accumulate"]
]


def drawn(rng: Random, fixed: Choice) -> Choice | None:
    """A choice that the page allows, with some values fixed; None where there is none."""
    starts = [start | fixed for start in STARTS if allowed(start | fixed)]
    if not starts:
        return None
    choice = rng.choice(starts)
    for name in rng.sample(list(AXES), len(AXES)) * 2:
        changed = choice | {name: rng.choice(AXES[name])} | fixed
        choice = changed if allowed(changed) else choice
    return choice


def covering(rng: Random) -> tuple[list[Choice], set[Any]]:
    """(so many choices that every pair of values that can be is among them, those that cannot)."""
    pairs = list(all_pairs())
    waiting = dict.fromkeys(rng.sample(pairs, len(pairs)))
    sample: list[Choice] = []
    impossible = set()
    while waiting:
        pair = next(iter(waiting))
        candidates = [found for _ in range(5) if (found := drawn(rng, dict(pair)))]
        if candidates:
            sample.append(max(candidates, key=lambda c: len(pairs_of(c) & waiting.keys())))
            known = pairs_of(sample[-1])
        else:
            impossible.add(pair)
            known = {pair}
        for each in known:
            waiting.pop(each, None)
    return sample, impossible


def neuron(choice: Choice, turn: int) -> NeuronParams:
    """The neuron of one choice; its other leaks walk through all with ``turn``."""
    v_leak, v_reset, bias = choice["rest"]
    as_they_are = (
        "overflow", "overflow_i_syn", "overflow_change", "compare", "reset", "reset_at",
        "max_spikes_per_step", "refractory", "refractory_mode", "refractory_count", "v_floor",
        "order", "accumulate", "fire_on", "bias_at",
    )  # fmt: skip
    synapse = DeltaSynapse()
    if choice["synapse"] is not None:
        # Every second one leaves the range of i_syn.
        rule = LEAKS[turn // 2 % len(LEAKS)] if turn % 2 else LEAKS[4 + turn // 2 % 2]
        synapse = ExponentialSynapse(leak=rule, order=choice["synapse"])
    more: Choice = {}
    if choice["negative_reset"] is not None:
        more["negative_threshold"] = NEGATIVE_THRESHOLD
        more["negative_reset"] = choice["negative_reset"]
    if choice["adapted"]:
        more["adaptation"] = Adaptation(increment=5, leak=LEAKS[turn * 7 % len(LEAKS)])
    return NeuronParams(
        leak=leak_of(choice),
        v_leak=v_leak,
        v_reset=v_reset,
        bias=bias,
        v_threshold=THRESHOLD,
        synapse=synapse,
        lfsr=SMALL_LFSR,
        state_bits=BITS,
        threshold_bits=BITS,
        threshold_shift=1,
        current_bits=BITS + 1,
        theta_bits=BITS,
        **more,
        **{name: choice[name] for name in as_they_are},
    )
