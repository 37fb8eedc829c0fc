"""The pipeline of a core, stage by stage: where its depth is written, once.

Hardware, cycle model, coverage, mutation and proof compute from what stands here, and it from the
parameters. A step is made of operations, each about one carry chain or one level of multiplexers;
:func:`schedule` says in which stage each of them is done. Whoever adds an operation names it
there, and builds it under that name in :mod:`fxlif.hdl.neuron`.
"""

from __future__ import annotations

from itertools import zip_longest

from ..params.leaks import (
    ConstantLeak,
    DecayLeak,
    Leak,
    LinearLeak,
    MultiShiftLeak,
    NoLeak,
    ScaleLeak,
)
from ..params.neuron import ExponentialSynapse, NeuronParams, Overflow

#: What happens to a word of weights in the integration of an event, one clock cycle each: its
#: address goes to the memories, they answer, their output registers are added, the sum is clamped.
INTEGRATION_STAGES = ("issue", "memory", "register", "sum")
#: How many cycles later the same word of totals may be read again.
EVENT_DISTANCE = len(INTEGRATION_STAGES)


# --- the step of a neuron -----------------------------------------------------------------------


def spike_counts(neuron: NeuronParams) -> tuple[int, ...]:
    """How many spikes each compare of a step decides on, all of them or none.

    A division, bit by bit: where the thresholds of a compare are reached, they are subtracted. Each
    has half of what is left, rounded up, so that together they make every number up to
    ``max_spikes_per_step``.
    """
    counts, left = [], neuron.max_spikes_per_step
    while left:
        counts.append((left + 1) // 2)
        left //= 2
    return tuple(counts)


def compares(neuron: NeuronParams) -> tuple[str, ...]:
    """The operations that compare, one for each of :func:`spike_counts`."""
    others = (f"compare_{number}" for number in range(2, len(spike_counts(neuron)) + 1))
    return ("compare", *others)


def leak_stages(name: str, rule: Leak, rest: int = 0) -> tuple[str, ...]:
    """The operations of a leak towards ``rest``, first to last, under the ``name`` of the leak."""
    if isinstance(rule, NoLeak):
        return ()
    if isinstance(rule, ConstantLeak):
        return (name,)
    if isinstance(rule, LinearLeak):
        found = [name, f"{name}_stop"]
    else:
        found = []
        if isinstance(rule, ScaleLeak | DecayLeak):
            found.append(f"{name}_multiply")
        if rule.rounding != "floor":
            found.append(f"{name}_round")
        if isinstance(rule, MultiShiftLeak):
            found += [f"{name}_{number}" for number in range(1, len(rule.shifts) + 1)]
        elif not isinstance(rule, ScaleLeak):
            found.append(name)
        if rule.minimum_step:
            found += [f"{name}_unmoved", f"{name}_least"]
    return (f"{name}_from_rest", *found, f"{name}_to_rest") if rest else tuple(found)


def narrow_stages(name: str, mode: Overflow, floor: int | None = None) -> tuple[str, ...]:
    """The operations that bring a value into its range, and up to the floor."""
    narrowed = () if mode == "wrap" else (f"narrow{name}",)
    return narrowed if floor is None else (*narrowed, f"floor{name}")


def schedule(neuron: NeuronParams) -> dict[str, int]:
    """The stage of each operation of a step, from 0: as early as what it needs allows.

    Only the threshold waits for its compare, since what it is made of is kept anyway. Where two
    operations share a stage, the one that ``v`` passes through comes last in the answer.
    """
    thresholds: dict[str, int] = {}
    beside: dict[str, int] = {}
    plan: dict[str, int] = {}

    def after(ready: int, *names: str, into: dict[str, int] = plan) -> int:
        """When the last of some operations, one after the other, is over."""
        for stage, name in enumerate(names, start=ready):
            into[name] = stage
        return ready + len(names)

    past = neuron.bias_past_synapse
    acting = after(0, *(("bias",) if neuron.bias != past else ()), into=beside)
    if isinstance(neuron.synapse, ExponentialSynapse):
        added, i_syn, order = acting, 0, neuron.synapse.order
        mode = neuron.overflow_i_syn or neuron.overflow
        for name, following in zip_longest(order, order[1:]):
            if name == "act":
                acting = i_syn
                continue
            if name == "integrate":
                i_syn = after(max(i_syn, added), "synapse_integrate", into=beside)
            else:
                names = leak_stages("synapse_leak", neuron.synapse.leak)
                i_syn = after(i_syn, *names, into=beside)
            if name == "integrate" or following != "integrate" or neuron.per_event:
                i_syn = after(i_syn, *narrow_stages(f"_synapse_{name}", mode), into=beside)
        acting = after(acting, *(("bias",) if past else ()), into=beside)

    floor = neuron.v_floor

    def advance(v: int, names: tuple[str, ...], suffix: str, spiked: int | None) -> int:
        for name in names:
            if name == "integrate":
                v = after(max(v, acting), "integrate")
                if neuron.sums_on_v:
                    v = after(v, *narrow_stages("_received", neuron.overflow, floor))
                continue
            v = after(v, *leak_stages("leak", neuron.leak, neuron.v_leak))
            if spiked is not None:
                v = after(max(v, spiked), "reset_leaked")
            if neuron.sums_on_v:
                v = after(v, *narrow_stages("_leaked", neuron.overflow, floor))
        if neuron.sums_on_v:
            return v
        if names and neuron.overflow_change:
            v = after(v, "change", *narrow_stages("_change", neuron.overflow), "changed")
        return after(v, *narrow_stages(suffix, neuron.overflow, floor)) if names else v

    late = at_rest = v = 0
    if neuron.resets_late:
        late = after(v, "compare_late")
    if neuron.reset_at == "next_step":
        v = after(late, "reset_late")
    before, behind = neuron.stages
    at_leak = late if neuron.resets_late and neuron.reset_at == "leak" else None
    v = advance(v, before, "", at_leak)

    if neuron.rest_steps and neuron.refractory_mode == "leak":
        leak_names = leak_stages("leak", neuron.leak, neuron.v_leak)
        if neuron.order[0] != "leak":  # the leak of the step is that of another v
            leak_names = leak_stages("rest_leak", neuron.leak, neuron.v_leak)
            after(0, *leak_names, into=beside)
        narrow_names = narrow_stages("_rest", neuron.overflow, neuron.v_floor)
        at_rest = after(len(leak_names), *narrow_names, into=beside)
    if neuron.negative_threshold is not None:
        v = after(v, "negative")
    several = neuron.max_spikes_per_step > 1
    made = (("threshold",) if neuron.adaptation else ()) + (("multiples",) if several else ())
    v = max(v, len(made), 0 if behind else at_rest)
    after(v - len(made), *made, into=thresholds)
    v = after(v, *compares(neuron))
    theta = 0
    if neuron.adaptation is not None:
        theta = after(0, *leak_stages("theta_leak", neuron.adaptation.leak), into=thresholds)
        if not several:
            theta = after(theta, "theta_raise", into=thresholds)
    v = spiked = after(v if several else max(v, theta), "reset")
    if neuron.adaptation is not None and several:
        risen = after(spiked, "theta_rise", into=thresholds)
        after(max(theta, risen), "theta_raise", into=thresholds)
    v = advance(v, behind, "_behind", spiked if behind and neuron.reset_at == "leak" else None)
    if behind and neuron.rest_steps and neuron.refractory_mode != "mask":
        after(max(v, at_rest), "rest")
    return {**thresholds, **beside, **plan}


def neuron_stages(neuron: NeuronParams) -> tuple[str, ...]:
    """The stages of a step, one clock cycle each, by the operation of each that ``v`` needs."""
    names = {stage: name for name, stage in schedule(neuron).items()}
    return tuple(names[stage] for stage in range(len(names)))


def update_stages(neuron: NeuronParams) -> tuple[str, ...]:
    """What happens to a word of neurons in an update: its address goes to the memories, they
    answer, the step passes through its stages, the result is written back."""
    return ("issue", "memory", *neuron_stages(neuron), "write")


def write_distance(neuron: NeuronParams) -> int:
    """How many cycles the write-back of an update is behind its issue."""
    return len(update_stages(neuron)) - 1


def event_distance(neuron: NeuronParams) -> int:
    """How many cycles later the same word may take another event: where they act one by one, when
    its state has been written back."""
    return write_distance(neuron) + 1 if neuron.per_event else EVENT_DISTANCE
