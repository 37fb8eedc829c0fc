"""The bins of events that act one by one, against the rule walked through in plain ints."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace

import coverage_oracle
import numpy as np
import oracle
import pytest
from designs import EVENT_CORES, ONE_BY_ONE, random_inputs

from fxlif.cycles.model import CycleInputs, CycleModel
from fxlif.params.core import CoreParams
from fxlif.params.neuron import NeuronParams
from fxlif.rule.step import NeuronState
from fxlif.sim.coverage import counters
from fxlif.sim.coverage.bins import BinCounts
from fxlif.sim.coverage.counters import StepCounter
from fxlif.sim.coverage.coverage import Coverage
from fxlif.sim.coverage.turns.bins import turn_bins
from fxlif.sim.coverage.unreachable import prove_unreachable


def walked(params: NeuronParams, state: oracle.State, events: list[int], random: int):
    """Of a step: (what each event leaves before its overflow, what it adds), the last one, which is
    the bias, behind them; the spikes of each; what a leak of v that stands alone leaves."""
    exact, fired, left = [], [], None
    if params.synapse.kind == "exponential":
        mode, value = params.overflow_i_syn or params.overflow, state.i_syn
        for stage in params.synapse.order:
            if stage == "leak":
                value = oracle.leak(params.synapse.leak, value, random)
                value = oracle.overflow(mode, value, params.current_bits)
            elif stage == "integrate":
                for added in (*events, params.bias if params.bias_at == "current" else 0):
                    exact.append(value + added)
                    value = oracle.overflow(mode, exact[-1], params.current_bits)
        return exact, fired, left
    v = state.v
    for stage in params.order[: params.order.index("integrate") + 1]:
        if stage == "leak":
            left = oracle._leak_v(params, v, random)
            v = oracle._narrow(params, left)
            continue
        for added in (*events, params.bias):
            exact.append(v + added)
            fired.append(False)
            if params.fire_on == "event" and not added:
                continue
            v = oracle._narrow(params, exact[-1])
            if params.fire_on == "event" and oracle._reaches(params, v, params.v_threshold):
                fired[-1] = True
                v = oracle._reset(params, v, params.v_threshold)
    if left is None:  # it stands behind them
        left = oracle._leak_v(params, v, random)
        if params.reset_at == "leak" and oracle._reaches(params, v, params.v_threshold):
            left -= params.v_threshold
    return exact, fired, left


def hits(params: NeuronParams, state: oracle.State, events: list[int], random: int) -> Iterator:
    """The bins of one step that its events alone hit."""
    exact, fired, left = walked(params, state, events, random)
    on_v, on_events = params.synapse.kind == "delta", params.fire_on == "event"
    mode = params.overflow if on_v else params.overflow_i_syn or params.overflow
    for number, (value, added) in enumerate(zip(exact, (*events, params.bias), strict=True)):
        last = number == len(events)
        if not last:
            yield "event", "above 0" if added > 0 else "below 0"
        if on_events and not added:
            continue
        if not on_v:
            yield from coverage_oracle.overflow_hits(mode, "i_syn", value, params.current_bits)
            continue
        yield from coverage_oracle.narrowed_hits(params, "v", value)
        if not on_events:
            continue
        u = oracle._narrow(params, value)
        away = {-1: "u one below", 0: "u equal", 1: "u one above"}.get(u - params.v_threshold)
        if away:
            yield "threshold", away
        yield "threshold", "fires" if fired[number] else "stays silent"
        if fired[number]:
            if last:
                yield "threshold", "fires by the bias"
            yield from coverage_oracle.reset_hits(params, u, params.v_threshold)
    if on_v:
        yield from coverage_oracle.narrowed_hits(params, "v after leak", left)
    if on_events:
        name = ("none", "one", "several")[min(2, sum(fired))]
        yield "spikes in a step", name
    if len(events) != 1:
        yield "event", "several in a step" if events else "none in a step"


def counted(params: NeuronParams, seed: int, steps: int = 140, n: int = 5):
    """(What is counted of some steps of n neurons, what the walk finds)."""
    draw = np.random.default_rng(seed)
    near = {"v": params.v_threshold, "i_syn": 0, "theta": 0, "refractory": 0}
    before = NeuronState(*(
        np.where(draw.random(steps * n) < 0.6,
                 np.clip(draw.integers(near[name] - 9, near[name] + 10, steps * n), *ends),
                 draw.integers(ends[0], ends[1] + 1, steps * n))
        for name, ends in params.ranges.items()
    ))  # fmt: skip
    events = [draw.integers(-40, 60, (draw.integers(0, 5), n)) * draw.integers(0, 2, n)
              for _ in range(steps)]  # fmt: skip
    random = draw.integers(1, 1 << 16, steps * n) * bool(params.random_bits)
    counts = BinCounts()
    counter = StepCounter(counts, params, n)
    none = np.zeros(steps * n, dtype=np.int64)
    counter.take(before, none + params.bias, none + params.v_threshold, none,
                 np.zeros(steps, dtype=np.int64), random, events)  # fmt: skip
    expected: Counter = Counter()
    for k, (*state, drawn) in enumerate(zip(*before, random, strict=True)):
        mine = [int(row[k % n]) for row in events[k // n] if row[k % n]]
        state = oracle.State(*map(int, state))
        expected.update(hits(params, state, mine, int(drawn)))
    return Counter(counts.hits), expected


#: Of a synapse these are told by steps, not by events.
OF_STEPS = {
    ("i_syn", "above 0"), ("i_syn", "below 0"), ("i_syn", "acts without input"),
    ("i_syn", "acts as another value than is stored"),
}  # fmt: skip


def differing(params: NeuronParams) -> set:
    """The bins of events that are not counted as they were walked through."""
    found, expected = counted(params, 1)
    groups = {"event", *(("v", "v after leak") if params.sums_on_v else ("i_syn",))}
    groups |= {"threshold", "reset", "spikes in a step"} if params.fire_on == "event" else set()
    keys = {key for key in found | expected if key[0] in groups} - OF_STEPS
    assert len(keys & set(expected)) > 4
    return {key for key in keys if found[key] != expected[key]}


@pytest.mark.parametrize("name", ONE_BY_ONE)
def test_events_against_the_walk(name: str, monkeypatch) -> None:
    """Also where steps are looked at a few at a time."""
    monkeypatch.setattr(counters, "CHUNK", 64)
    assert differing(ONE_BY_ONE[name]) == set()


def test_a_wrong_predicate_is_seen(monkeypatch) -> None:
    """Every single bin, replaced by its opposite, is found by the comparison."""
    neuron = ONE_BY_ONE["leaks, then fires on events"]
    declared = turn_bins(neuron)
    for k, each in enumerate(declared):
        if each.impossible:
            continue
        wrong = replace(each, hit=lambda e, hit=each.hit: ~hit(e))
        changed = (*declared[:k], wrong, *declared[k + 1 :])
        monkeypatch.setattr(counters, "turn_bins", lambda *_, changed=changed: changed)
        assert differing(neuron) == {each.key}


def run(core: CoreParams, cycles: int, lengths: list[int]) -> Coverage:
    """The coverage of a core under random inputs, in blocks of these ``lengths``, over and over."""
    columns = {name: np.resize(values, cycles)
               for name, values in random_inputs(core, cycles, 3).items()}  # fmt: skip
    coverage, model, at, turn = Coverage(core), CycleModel([core]), 0, 0
    while at < cycles:
        end = at + lengths[turn % len(lengths)]
        block = CycleInputs(**{name: values[at:end] for name, values in columns.items()})
        coverage.take(block, model.run(block))
        at, turn = end, turn + 1
    return coverage


@pytest.mark.parametrize("name", ["leaks, then fires on events", "fires on events"])
def test_events_of_a_core_however_they_are_cut(name: str, z3) -> None:
    """What a core takes is what its bins count, however its cycles are cut; and what a solver calls
    unreachable is not among it."""
    core = EVENT_CORES[name]
    whole, cut = run(core, 700, [700]), run(core, 700, [40, 1, 99])
    found = {(b.group, b.name): b.count for b in whole.bins}
    assert found == {(b.group, b.name): b.count for b in cut.bins}
    model = CycleModel([core])
    steps = model.run(CycleInputs(**random_inputs(core, 700, 3))).cores[0].steps
    added = np.concatenate([events.ravel() for events in steps.arrivals])
    # At most the last step is not over.
    last = steps.arrivals[-1]
    for bin_name, sign in (("above 0", 1), ("below 0", -1)):
        count = int(np.count_nonzero(added * sign > 0))
        assert 0 <= count - found["event", bin_name] <= np.count_nonzero(last * sign > 0)
        assert found["event", bin_name]
    if core.neuron.random_bits:
        return
    judged = Coverage(core)
    prove_unreachable(judged, seconds=20)
    proofs = {(b.group, b.name) for b in judged.bins if "proved by" in b.why}
    assert proofs
    assert not {key for key in proofs if found[key]}


@pytest.fixture
def z3():
    return pytest.importorskip("z3")
