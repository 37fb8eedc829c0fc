"""Input events that bring a neuron of an inner core exactly beyond an end of its range.

Chance, and one push for all, do not: it may take all that excites the neuron at once, and more in
the steps before. What comes of a plan is worked out by the golden step, for many plans at a time.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from ...cycles.control import Ints
from ...params.core import CoreParams
from ...params.protocol import AnyCores
from ...params.quantise import signed_range
from ...rule.arithmetic import Number, synaptic_current, untold
from ...rule.step import initial_state, step

#: Steps of a plan, and those without events behind it, in which all comes out.
STEPS, AFTER = 8, 8
#: Plans that are worked out together, and rounds, in which the best of them are changed a little;
#: how often a search begins anew. After so many rounds a neuron that is not half as far as it shall
#: come is left alone.
PLANS, BEST, ROUNDS, SEARCHES, EARLY = 128, 12, 40, 8, 10
#: Changes of a plan, at most, each of how often one input comes in one step; and the most of that.
CHANGES, BY, MOST = 4, (-20, -8, -3, -2, -1, 1, 2, 3, 8, 20), 64
#: What the golden step calls a potential before its overflow.
EXACT = ("exact u", "exact v")
#: Most weights of a chain, cores behind its first one and lanes of each, for which plans are made.
MOST_WEIGHTS, INNER, LANES = 1 << 14, 2, 4


def planned_events(design: AnyCores) -> Iterator[Ints]:
    """Packed events for the inputs of a chain, each array to come behind a reset: for each lane of
    each inner core the neuron that is excited or inhibited most is brought beyond the upper and the
    lower end of its range, as near as a search comes."""
    cores = [core for core in design.cores if isinstance(core, CoreParams)]
    if len(cores) < len(design.cores) or sum(c.weights.size for c in cores) > MOST_WEIGHTS:
        return
    if any(core.neuron.per_event or core.neuron.random_bits for core in cores):
        return
    tick = 1 << design.in_address_bits
    for depth in range(1, min(len(cores), INNER + 1)):
        low, high = cores[depth].neuron.state_range
        for goal in (low - 1, high + 1):
            for neuron in _targets(cores[depth], up=goal > 0):
                plan = search(cores[: depth + 1], neuron, goal)
                if plan is not None:
                    yield np.concatenate(
                        [part for counts in plan for part in (in_turn(counts), [tick])]
                        + [np.full(AFTER, tick)]
                    )


def search(cores: Sequence[CoreParams], neuron: int, goal: int) -> Ints | None:
    """How often each input comes in each step, (steps, n_inputs), so that the potential of a neuron
    of the last core comes to the ``goal``, or as near as a search finds; None where it does not
    come half as far. The same one each time."""
    draw, nearest = np.random.default_rng(neuron), None
    if out_of_reach(cores[-1], neuron, goal):
        return None
    half = abs(goal - cores[-1].neuron.v_reset) // 2
    for _ in range(SEARCHES):
        plan, left = _one_search(cores, neuron, goal, half, draw)
        if nearest is None or left < nearest[1]:
            nearest = plan, left
        if left == 0 or left > half:
            break
    return nearest[0] if nearest is not None and nearest[1] <= half else None


def _one_search(
    cores: Sequence[CoreParams], neuron: int, goal: int, half: int, draw: np.random.Generator
) -> tuple[Ints, int]:
    """The best plan of some rounds, and how far it is from the goal."""
    plans = draw.integers(0, 4, (PLANS, STEPS, cores[0].n_inputs))
    plans *= draw.random(plans.shape) < 0.5
    for turn in range(ROUNDS):
        far = distances(cores, plans, neuron, goal)
        order = np.argsort(far, kind="stable")[:BEST]
        best, left = plans[order], int(far[order[0]])
        if left == 0 or (turn == EARLY and left > half):
            break
        plans = best[draw.integers(0, BEST, PLANS)]
        rows = np.arange(PLANS)[:, np.newaxis]
        steps = draw.integers(0, STEPS, (PLANS, CHANGES))
        inputs = draw.integers(0, plans.shape[2], (PLANS, CHANGES))
        by = draw.choice(BY, (PLANS, CHANGES)) * (draw.random((PLANS, CHANGES)) < 0.6)
        np.add.at(plans, (rows, steps, inputs), by)
        plans = np.clip(plans, 0, MOST)
        plans[:BEST] = best
    return best[0], left


def out_of_reach(core: CoreParams, neuron: int, goal: int) -> bool:
    """Whether all that pushes a neuron, in every step of a plan, brings it not half as far."""
    up, start = goal > 0, core.neuron.v_reset
    state, most = initial_state(core.neuron, 1), 0
    pushed = int(_reach(core, up=up)[neuron]) * (1 if up else -1)
    current = synaptic_current(pushed, core.weight_shift, core.neuron.bias)

    def note(name: str, value: Number) -> None:
        nonlocal most
        if name in EXACT:
            most = max(most, int(np.ravel(value)[0] - start) * (1 if up else -1))

    for _ in range(STEPS):
        state, _ = step(core.neuron, state, np.array([current]), core.thresholds[neuron], note=note)
    return 2 * most < abs(goal - start)


def distances(cores: Sequence[CoreParams], plans: Ints, neuron: int, goal: int) -> Ints:
    """How near plans (plans, steps, n_inputs) bring the potential of a neuron of the last core,
    before its overflow, to the ``goal``: (plans,). Plans that saturate a sum are far off."""
    states = [initial_state(core.neuron, core.n_neurons) for core in cores]
    # What a step does before it integrates is the same in every plan at first.
    shapes = [(len(plans), core.n_neurons) for core in cores]
    nearest = np.full(len(plans), abs(goal) << 8, dtype=np.int64)
    lost = np.zeros(len(plans), dtype=np.bool_)

    def note(name: str, value: Number) -> None:
        if name in EXACT:
            far = np.abs(np.broadcast_to(value, shapes[-1])[:, neuron] - goal)
            # What is one off was cut off there before, and stays.
            np.minimum(nearest, np.where(far == 1, nearest, far), out=nearest)

    for at in range(plans.shape[1]):
        given = plans[:, at]
        for k, core in enumerate(cores):
            total = given @ core.weights
            low, high = signed_range(core.accumulator_bits)
            lost |= ((total < low) | (total > high)).any(axis=1)
            current = synaptic_current(total, core.weight_shift, core.neuron.bias)
            told = note if k == len(cores) - 1 else untold
            states[k], spikes = step(
                core.neuron, states[k], current, np.array(core.thresholds), note=told
            )
            given = np.broadcast_to(spikes, shapes[k]).astype(np.int64)
    nearest[lost] = abs(goal) << 8
    return nearest


def in_turn(counts: Ints) -> Ints:
    """Addresses, each so often as ``counts`` (n_inputs,) says, mixed so that sums grow evenly."""
    addresses = np.repeat(np.arange(len(counts)), counts)
    rank = np.arange(len(addresses)) - np.repeat(np.cumsum(counts) - counts, counts)
    order = np.argsort((rank + 0.5) / np.maximum(counts, 1)[addresses], kind="stable")
    mixed: Ints = addresses[order]
    return mixed


def _targets(core: CoreParams, *, up: bool) -> list[int]:
    """The neuron of each lane, of some lanes, that is pushed most."""
    order = np.argsort(-_reach(core, up=up), kind="stable")
    lanes = range(min(core.lanes, LANES, core.n_neurons))
    return [int(order[order % core.lanes == lane][0]) for lane in lanes]


def _reach(core: CoreParams, *, up: bool) -> Ints:
    """All that excites each neuron, or inhibits it: (n_neurons,)."""
    reach: Ints = np.maximum(core.weights if up else -core.weights, 0).sum(axis=0)
    return reach
