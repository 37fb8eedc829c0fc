"""Hypothesis strategies over the whole space of parameters, small widths and values favoured.

Every drawn object is valid. ``neurons`` and ``cores`` take keyword arguments that fix a field:
``neurons(reset=st.just("subtract"))``; the values of a fixed width hold for all that depends on it.
"""

from functools import cache  # hypothesis looks through each strategy that is made anew
from itertools import permutations

from hypothesis import strategies as st

from fxlif.params.base import FIXED_ROUNDINGS, ROUNDINGS
from fxlif.params.core import CoreParams
from fxlif.params.leaks import (
    ConstantLeak,
    DecayLeak,
    Lfsr,
    LinearLeak,
    MultiShiftLeak,
    NoLeak,
    ScaleLeak,
    ShiftLeak,
)
from fxlif.params.network import NetworkParams
from fxlif.params.neuron import Adaptation, DeltaSynapse, ExponentialSynapse, NeuronParams

OVERFLOWS = ("saturate", "saturate_symmetric", "wrap")
ORDERS = tuple(permutations(("leak", "integrate", "fire")))
SYNAPSE_ORDERS = tuple(permutations(("leak", "integrate", "act")))

#: What cores do not have in hardware, and so no neuron that is drawn without ``whole``.
IN_CORES = {
    "accumulate": st.just("exact"),
    "fire_on": st.just("step"),
}


def signed(bits):
    """(lowest, highest) value of a signed number; on purpose not the package's own."""
    return -(2 ** (bits - 1)), 2 ** (bits - 1) - 1


@cache
def between(low, high, small=20):
    """low..high: often near 0, often at an end, else anywhere."""
    near = st.integers(max(low, min(high, -small)), min(high, max(low, small)))
    return st.one_of(near, st.sampled_from([low, high]), st.integers(low, high))


@cache
def or_0(low, high, small=20):
    return st.one_of(st.just(0), between(low, high, small))


@cache
def shifts(most=31):
    return st.one_of(st.integers(0, min(6, most)), st.integers(0, most))


widths = st.one_of(st.integers(4, 8), st.integers(4, 32))


@st.composite
def roundings(draw, lfsr_bits):
    """(rounding, the highest shift): a stochastic one takes no more bits than the LFSR has.

    Without ``lfsr_bits`` none is stochastic.
    """
    rounding = draw(st.sampled_from(FIXED_ROUNDINGS if lfsr_bits is None else ROUNDINGS))
    return rounding, lfsr_bits if rounding == "stochastic" else 31


@st.composite
def lfsrs(draw):
    bits = draw(st.one_of(st.integers(2, 8), st.integers(2, 32)))
    return Lfsr(
        bits=bits,
        taps=[bits, *draw(st.lists(st.integers(1, bits - 1), unique=True, max_size=4))],
        seed=draw(between(1, 2**bits - 1)),
    )


@st.composite
def factor_leaks(draw, kind, lfsr_bits=None):
    rounding, most = draw(roundings(lfsr_bits))
    shift = draw(st.integers(0, min(16, most)))
    factor = draw(between(0, 2**shift))
    return kind(
        factor=factor,
        shift=shift,
        rounding=rounding,
        minimum_step=draw(st.integers(0, 1)),
    )


@st.composite
def multi_shift_leaks(draw, lfsr_bits=None):
    rounding, most = draw(roundings(lfsr_bits))
    taken = draw(st.lists(shifts(min(most, 31)), min_size=1, max_size=8))
    signs = st.lists(st.sampled_from([-1, 1]), min_size=len(taken), max_size=len(taken))
    return MultiShiftLeak(
        shifts=taken,
        signs=draw(st.one_of(st.just([]), signs)),
        rounding=rounding,
        minimum_step=draw(st.integers(0, 1)),
    )


@st.composite
def shift_leaks(draw, lfsr_bits=None):
    rounding, most = draw(roundings(lfsr_bits))
    return ShiftLeak(
        shift=draw(shifts(min(most, 31))), rounding=rounding, minimum_step=draw(st.integers(0, 1))
    )


@cache
def leaks(lfsr_bits=None):
    """Any leak; stochastic roundings only with ``lfsr_bits``, the width of the LFSR."""
    return st.one_of(
        st.just(NoLeak()),
        shift_leaks(lfsr_bits),
        multi_shift_leaks(lfsr_bits),
        factor_leaks(ScaleLeak, lfsr_bits),
        factor_leaks(DecayLeak, lfsr_bits),
        st.builds(LinearLeak, step=between(0, 2**31 - 1)),
        st.builds(ConstantLeak, step=between(-(2**31), 2**31 - 1)),
    )


@cache
def synapses(lfsr_bits=None):
    order = st.sampled_from(SYNAPSE_ORDERS)
    exponential = st.builds(ExponentialSynapse, leak=leaks(lfsr_bits), order=order)
    return st.one_of(st.just(DeltaSynapse()), exponential)


@cache
def adaptations(theta_bits, lfsr_bits):
    increments = between(0, min(2**theta_bits - 1, 2**31 - 1))
    adaptation = st.builds(Adaptation, increment=increments, leak=leaks(lfsr_bits))
    return st.one_of(st.none(), adaptation)


@cache
def thresholds(threshold_bits, threshold_shift, positive=False):
    """Every threshold that can be stored."""
    low, high = signed(threshold_bits)
    return between(1 if positive else low, high).map(lambda mantissa: mantissa << threshold_shift)


def thresholds_of(neuron):
    """Every threshold that this neuron can have."""
    several = neuron.max_spikes_per_step > 1
    return thresholds(neuron.threshold_bits, neuron.threshold_shift, several)


def orders(reset_at, late, on_v, on_event):
    """The orders of a step that go with when a reset acts and with how events reach v."""

    def fits(order):
        leak, integrate, fire = (order.index(name) for name in ("leak", "integrate", "fire"))
        return (
            (not late or fire == 2)
            and (late or reset_at != "leak" or fire < leak)
            and (not on_v or integrate < fire)
            and (not on_event or integrate + 1 == fire)
        )

    return st.sampled_from([order for order in ORDERS if fits(order)])


@st.composite
def neurons(draw, stochastic=False, whole=False, **fixed):
    """Any :class:`NeuronParams`; ``fixed`` gives fields a strategy of their own, where the choices
    made before them leave one.

    Only with ``whole`` does it make every choice of the rule, and only with that or ``stochastic``
    may a rounding be.
    """
    fixed = fixed if whole else IN_CORES | fixed

    def take(name, strategy, possible=True, otherwise=None):
        return draw(fixed.get(name, strategy)) if possible else otherwise

    lfsr = take("lfsr", lfsrs() if stochastic or whole else st.just(Lfsr()))
    lfsr_bits = lfsr.bits if stochastic or whole else None
    state_bits = take("state_bits", widths)
    threshold_bits = take("threshold_bits", widths)
    threshold_shift = take("threshold_shift", st.one_of(st.just(0), st.integers(0, 16)))
    theta_bits = take("theta_bits", widths)
    low, high = signed(state_bits)
    potentials = or_0(low, high)

    synapse = take("synapse", synapses(lfsr_bits))
    delta = (synapse["kind"] if isinstance(synapse, dict) else synapse.kind) == "delta"
    reset_at = take("reset_at", st.sampled_from(["compare", "compare", "leak", "next_step"]))
    late = reset_at == "next_step" or (reset_at == "leak" and draw(st.booleans()))
    accumulate = take("accumulate", st.sampled_from(["exact", "per_event"]), not late, "exact")
    on_v = accumulate == "per_event" and delta
    at_compare = reset_at == "compare"
    fire_on = take("fire_on", st.sampled_from(["step", "event"]), on_v and at_compare, "step")
    on_event = fire_on == "event"
    order = take("order", orders(reset_at, late, on_v, on_event))
    spikes = take(
        "max_spikes_per_step", st.sampled_from([1, 1, 2, 31]), at_compare and not on_event, 1
    )
    # A neuron without a memory of its spikes, or several compares in a step.
    simple = late or on_event
    floor = take("v_floor", st.one_of(st.none(), potentials))
    lowest_negative = low if floor is None else floor + 1
    negative = take(
        "negative_threshold",
        st.one_of(st.none(), between(lowest_negative, high)),
        not simple and lowest_negative <= high,
    )
    v_reset = take("v_reset", potentials)
    negative_resets = ["floor"]
    if negative is None or v_reset > low:
        negative_resets.append("mirror")
    if negative is None or negative <= 0:
        negative_resets.append("subtract")
    modes = st.sampled_from(["clamp", "mask", "rest", "leak"])
    change = order == ("leak", "integrate", "fire") and not on_v and reset_at != "leak"
    return NeuronParams(
        leak=take("leak", leaks(lfsr_bits)),
        v_leak=take("v_leak", potentials),
        v_threshold=take("v_threshold", thresholds(threshold_bits, threshold_shift, spikes > 1)),
        v_reset=v_reset,
        v_floor=floor,
        negative_threshold=negative,
        negative_reset=take("negative_reset", st.sampled_from(negative_resets)),
        compare=take("compare", st.sampled_from(["ge", "gt"])),
        reset=take("reset", st.sampled_from(["to_value", "subtract"]), spikes == 1, "subtract"),
        reset_at=reset_at,
        max_spikes_per_step=spikes,
        overflow=take("overflow", st.sampled_from(OVERFLOWS)),
        overflow_i_syn=take("overflow_i_syn", st.sampled_from([None, *OVERFLOWS])),
        overflow_change=take("overflow_change", st.booleans(), change, False),
        refractory=take(
            "refractory", st.one_of(st.integers(0, 3), st.integers(0, 255)), not simple, 0
        ),
        refractory_mode=take("refractory_mode", modes, not on_v, "mask"),
        refractory_count=take("refractory_count", st.sampled_from(["after", "before"])),
        synapse=synapse,
        adaptation=take("adaptation", adaptations(theta_bits, lfsr_bits), not simple),
        bias=take("bias", or_0(-(2**31), 2**31 - 1, small=5)),
        bias_at=take("bias_at", st.sampled_from(["current", "v"])),
        order=order,
        accumulate=accumulate,
        fire_on=fire_on,
        lfsr=lfsr,
        state_bits=state_bits,
        weight_bits=take("weight_bits", st.one_of(st.integers(1, 8), st.integers(1, 16))),
        threshold_bits=threshold_bits,
        threshold_shift=threshold_shift,
        current_bits=take("current_bits", widths),
        theta_bits=theta_bits,
    )


def currents():
    """The input of a step that a population may get: -2**47 .. 2**47 - 1, mostly small."""
    return st.one_of(st.integers(-10, 30), between(*signed(16)), between(*signed(48)))


@st.composite
def cores(draw, *, max_inputs=6, max_neurons=6, **fixed):
    """Any :class:`CoreParams` of a few neurons; ``fixed`` gives fields a strategy of their own."""

    def take(name, strategy):
        return draw(fixed.get(name, strategy))

    neuron = take("neuron", neurons(stochastic=draw(st.booleans())))
    n_inputs = take("n_inputs", st.integers(1, max_inputs))
    n_neurons = take("n_neurons", st.integers(1, max_neurons))
    weight = between(*signed(neuron.weight_bits))
    rows = st.lists(weight, min_size=n_neurons, max_size=n_neurons)
    events = take(
        "max_events_per_input", st.one_of(st.just(1), st.integers(1, 4), st.integers(1, 65535))
    )
    # Enough for the widest sum of such weights: the current is never wider than 48 bits.
    room = 48 - neuron.weight_bits - (n_inputs * events).bit_length()
    own = st.lists(thresholds_of(neuron), min_size=n_neurons, max_size=n_neurons)
    address = max(1, (n_inputs - 1).bit_length())
    return CoreParams(
        n_inputs=n_inputs,
        n_neurons=n_neurons,
        neuron=neuron,
        weights=take("weights", st.lists(rows, min_size=n_inputs, max_size=n_inputs)),
        weight_shift=take("weight_shift", st.one_of(st.just(0), st.integers(0, min(16, room)))),
        v_thresholds=take("v_thresholds", st.one_of(st.none(), own)),
        max_events_per_input=events,
        lanes=take("lanes", st.integers(1, n_neurons)),
        input_address_bits=take(
            "input_address_bits", st.one_of(st.none(), st.integers(address, address + 2))
        ),
    )


@st.composite
def networks(draw, max_cores=3):
    """A chain of small cores."""
    chain = [draw(cores())]
    for _ in range(draw(st.integers(0, max_cores - 1))):
        chain.append(
            draw(
                cores(
                    n_inputs=st.just(chain[-1].n_neurons),
                    input_address_bits=st.sampled_from([None, chain[-1].out_address_bits]),
                )
            )
        )
    return NetworkParams.chain(*chain)


def steps(core, max_steps=8, max_events=10):
    """Addresses of each step, in arrival order; some unknown, some again and again."""
    few = st.lists(st.integers(0, core.n_inputs + 1), max_size=max_events)
    burst = st.lists(st.integers(0, min(1, core.n_inputs - 1)), max_size=max_events)
    return st.lists(st.one_of(few, burst), min_size=1, max_size=max_steps)


@st.composite
def kept_promises(draw, core, max_steps=6):
    """Like :func:`steps`, but no input spikes more often than the core was promised."""
    found = []
    for _ in range(draw(st.integers(1, max_steps))):
        addresses = []
        for address in range(core.n_inputs):
            addresses += [address] * draw(st.integers(0, min(core.max_events_per_input, 4)))
        found.append(draw(st.permutations(addresses)))
    return found
