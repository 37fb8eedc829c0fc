"""Which choices of a neuron mean nothing together, and which are seldom meant."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from ..errors import FxlifError

if TYPE_CHECKING:
    from .neuron import NeuronParams

#: What acts on v first, second and third, by default.
RULE_ORDER = ("leak", "integrate", "fire")


def seldom_meant(neuron: NeuronParams) -> Iterator[str]:
    """What is allowed and seldom meant."""
    level, threshold = neuron.v_reset, neuron.v_threshold
    reached = level >= threshold if neuron.compare == "ge" else level > threshold
    if neuron.reset == "to_value" and reached:
        above = "at" if level == threshold else "above"
        yield (
            f"v_reset: {level} is {above} the v_threshold of {threshold}: after a spike the neuron "
            "may spike on without input"
        )


def combinations(neuron: NeuronParams) -> Iterator[FxlifError]:
    """What is wrong with choices that mean nothing together (docs/rule.md#combinations)."""

    def only(key: str, allowed: str, because: str) -> FxlifError:
        return FxlifError.must_be(key, f"{allowed} (with {because})", getattr(neuron, key))

    def unused(because: str) -> Iterator[FxlifError]:
        """Which of three fields are not at their defaults, as ``because`` wants them."""
        if neuron.refractory:
            yield only("refractory", "0", because)
        for key in ("adaptation", "negative_threshold"):
            if getattr(neuron, key) is not None:
                yield only(key, "left out", because)

    before, _ = neuron.stages
    floor, negative = neuron.v_floor, neuron.negative_threshold
    if negative is not None:
        if floor is not None and floor >= negative:
            yield only("v_floor", f"below {negative}, or left out", "negative_threshold")
        low, high = neuron.state_range
        if neuron.negative_reset == "mirror" and not low <= -neuron.v_reset <= high:
            yield only("v_reset", f"{-high}..{high}", "negative_reset = mirror")
        if neuron.negative_reset == "subtract" and negative > 0:
            yield only("negative_threshold", "0 or less", "negative_reset = subtract")
    if neuron.max_spikes_per_step > 1:
        if neuron.reset != "subtract":
            yield only("reset", "subtract", "max_spikes_per_step > 1")
        if neuron.reset_at != "compare":
            yield only("reset_at", "compare", "max_spikes_per_step > 1")
    if neuron.resets_late:
        because = f"reset_at = {neuron.reset_at}"
        if neuron.order[-1] != "fire":
            yield only("order", "one that ends in fire", because)
        yield from unused(because)
        if neuron.accumulate != "exact":
            yield only("accumulate", "exact", because)
    if neuron.overflow_change:
        if neuron.order != RULE_ORDER:
            yield only("order", ", ".join(RULE_ORDER), "overflow_change")
        if neuron.sums_on_v:
            yield only("accumulate", "exact", "overflow_change and a delta synapse")
        if neuron.reset_at == "leak":
            yield only("reset_at", "compare or next_step", "overflow_change")
    if neuron.sums_on_v:
        because = "accumulate = per_event and a delta synapse"
        if "integrate" not in before:
            yield only("order", "one in which integrate comes before fire", because)
        if neuron.refractory and neuron.refractory_mode != "mask":
            yield only("refractory_mode", "mask", because)
    if neuron.fire_on == "event":
        because = "fire_on = event"
        if not neuron.sums_on_v:
            key = "synapse" if neuron.accumulate == "per_event" else "accumulate"
            yield only(key, "delta" if key == "synapse" else "per_event", because)
        if neuron.order[neuron.order.index("integrate") + 1 :][:1] != ("fire",):
            yield only("order", "one in which fire follows integrate", because)
        if neuron.reset_at != "compare":
            yield only("reset_at", "compare", because)
        if neuron.max_spikes_per_step > 1:
            yield only("max_spikes_per_step", "1, for each event", because)
        yield from unused(because)
