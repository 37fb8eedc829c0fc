"""The rows of a network in hardware, replayed in plain Python, are the golden network."""

from __future__ import annotations

import random
import tomllib
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from fxlif import Network, NetworkParams, NeuronParams, Recording
from fxlif.layout import golden_of, hardware_network
from fxlif.layout.rows import dense_shape, fill, shapes, sparse_shape
from fxlif.network.events import TICK, split_steps
from fxlif.network.topology import synapses_of
from fxlif.params.core import CoreParams, address_bits
from fxlif.params.design import outline
from fxlif.params.network import Population, Projection
from fxlif.params.neuron import ExponentialSynapse
from fxlif.params.quantise import signed_range
from fxlif.params.sources import EventSource, RegularSource
from fxlif.params.topology import (
    AllToAll,
    Dense,
    FixedInDegree,
    FixedProbability,
    Grid,
    OneToOne,
    Sparse,
)
from fxlif.rule.step import initial_state, step

STEPS = 25

# --- random networks ----------------------------------------------------------------------------


def random_network(rng):
    """Any network that fits the hardware: sources, populations, projections, delays, lanes."""
    sources = [EventSource(f"in_{k}", rng.randint(1, 6), max_events_per_input=rng.randint(1, 2))
               for k in range(rng.choice([0, 1, 1, 1, 2]))]  # fmt: skip
    sources += [
        RegularSource(f"clock_{k}", rng.randint(1, 4), interval=rng.randint(1, 5), seed=k)
        for k in range(rng.choice([0, 0, 1, 2]))
    ]
    rng.shuffle(sources)
    parts = []
    for k in range(rng.randint(1, 4)):
        n = rng.randint(1, 12)
        many = rng.random() < 0.2
        parts.append(Population(
            f"p{k}", n, NeuronParams(
                v_threshold=rng.randint(3, 20), bias=rng.randint(0, 3), weight_bits=6,
                refractory=0 if many else rng.randint(0, 1),
                reset="subtract" if many else "to_value",
                max_spikes_per_step=rng.randint(2, 3) if many else 1,
                synapse=rng.choice([{"kind": "delta"}, ExponentialSynapse()]),
            ),
            lanes=rng.randint(1, n),
        ))  # fmt: skip
    names = [part.name for part in parts]
    rank = {name: k for k, name in enumerate(rng.sample(names, len(names)))}
    projections = []
    for k in range(rng.randint(1, 7)):
        source, target = rng.choice([*sources, *parts]), rng.choice(parts)
        forward = rank.get(source.name, -1) < rank[target.name]
        low = rng.randint(0, 2) if forward else rng.randint(1, 3)
        delay = rng.choice([low, (low, low + rng.randint(1, 6))])
        projections.append(Projection(
            source.name, target.name, random_synapses(rng, source.n, target.n),
            delay=delay, delay_seed=k, weight_shift=rng.randint(0, 2),
        ))  # fmt: skip
    outputs = rng.sample(names, rng.randint(0, len(names)))
    return NetworkParams(source=sources, population=parts, projection=projections, outputs=outputs)


def random_synapses(rng, n_pre, n_post):
    weight, seed = rng.choice([9, -4, (-6, 15), 0]), rng.randrange(99)
    matrix = np.random.default_rng(seed).integers(-8, 16, (n_pre, n_post))
    matrix *= np.random.default_rng(seed + 1).random((n_pre, n_post)) < rng.choice([0.2, 0.8])
    there = matrix != 0
    table = {
        "shape": [n_pre, n_post],
        "indptr": [0, *np.cumsum(there.sum(axis=1)).tolist()],
        "indices": np.nonzero(matrix)[1].tolist(),
        "data": matrix[there].tolist(),
    }
    choices = [
        Dense(weights=matrix),
        Sparse(matrix=table),
        AllToAll(weight=weight, seed=seed),
        FixedProbability(probability=rng.choice([0, 0.1, 0.5]), weight=weight, seed=seed),
        FixedInDegree(indegree=rng.randint(0, n_pre - 1), weight=weight, seed=seed),
    ]
    if n_pre == n_post:
        choices += [
            OneToOne(weight=weight, seed=seed),
            OneToOne(weight=3),
            Grid(shape=(1, n_pre), kernel=[[3, 0, -2]]),
            Grid(shape=(n_pre, 1), kernel=[[1], [2], [0]], edges="open"),
        ]
    if n_pre == n_post > 2:
        choices += [Grid(shape=(1, n_pre), kernel=[[3, 0, -2]], edges="periodic")]
    return rng.choice(choices)


def random_events(rng, network):
    """By event source, its addresses of each step: more often than promised, unknown ones too."""
    return {
        source.name: [
            [rng.randrange(source.n) for _ in range(rng.randint(0, 2 * source.n))]
            for _ in range(STEPS)
        ]
        for source in network.source
        if isinstance(source, EventSource)
    }


# --- the oracle ---------------------------------------------------------------------------------


class Replay:
    """The rows of ``hardware``, read one by one: dicts, loops and Python ints.

    ``fired``: by node and step, the addresses that its stream brings. ``saturated``: by projection.
    """

    def __init__(self, hardware, given):
        self.hardware = hardware
        self.n_nodes = 1 + len(hardware.regular) + len(hardware.cores)
        self.fired = [[] for _ in range(self.n_nodes)]
        self.saturated = Counter()
        self.totals = [Counter() for _ in hardware.cores]
        self.states = [initial_state(core.neuron, core.n_neurons) for core in hardware.cores]
        offsets, at = {}, 0
        for source in hardware.network.source:
            if isinstance(source, EventSource):
                offsets[source.name], at = at, at + source.n
        for t in range(STEPS):
            self.fired[0].append(
                [offsets[name] + a for name, steps in given.items() for a in steps[t]]
            )
            for k, node in enumerate(hardware.regular, 1):
                due = [i for i in range(node.n) if (t - node.phases[i]) % node.interval == 0]
                self.fired[k].append([i for i in due if t >= node.phases[i]])
            for k in range(len(hardware.cores)):
                self.step(k, t)

    def step(self, k, t):
        core = self.hardware.cores[k]
        for stream in core.inputs:
            if stream.backward and t == 0:
                continue
            for address in self.fired[stream.node][t - stream.backward]:
                for number in stream.memories:
                    memory = core.memories[number]
                    if memory.first <= address < memory.first + memory.n_pre:
                        self.row(k, t, memory, address - memory.first)
        currents = []
        for i in range(core.n_neurons):
            word, lane = divmod(i, core.lanes)
            currents.append(sum(
                self.totals[k].pop((a, t % each.slots, word, lane), 0) << each.shift
                for a, each in enumerate(core.accumulators)
            ))  # fmt: skip
        self.states[k], fire = step(
            core.neuron, self.states[k], np.array(currents) + core.neuron.bias,
            np.array(core.thresholds), 0,
        )  # fmt: skip
        counts = np.asarray(fire).astype(int)
        self.fired[self.hardware.node_of(k)].append(
            np.repeat(np.arange(len(counts)), counts).tolist()
        )

    def row(self, k, t, memory, row):
        core = self.hardware.cores[k]
        into = core.accumulators[memory.accumulator]
        low, high = signed_range(into.bits)
        start = int(memory.starts[row])
        for place in range(int(memory.lengths[row])):
            for lane in range(core.lanes):
                at = start + place, lane
                word = place if memory.dense else int(memory.words[at])
                if memory.offsets is not None:
                    word = (word + int(memory.offsets[row])) % (1 << core.word_bits)
                delay = memory.delay + (0 if memory.delays is None else int(memory.delays[at]))
                key = memory.accumulator, (t + delay) % into.slots, word, lane
                total = self.totals[k][key] + (int(memory.weights[at]) << memory.weight_shift)
                if not low <= total <= high:
                    assert into.saturates
                    self.saturated[memory.projection] += 1
                    total = max(low, min(high, total))
                self.totals[k][key] = total


def golden(network, given):
    """The spikes of each population by step, and by projection its additions that saturated."""
    model = Network(network, engine="numpy")
    streams = {
        name: [entry for addresses in steps for entry in (*addresses, TICK)]
        for name, steps in given.items()
    }
    names = [population.name for population in network.population]
    record = model.run(STEPS, events=streams or None, record=Recording(names))
    spikes = {name: [s.tolist() for s in split_steps(record.spikes(name))] for name in names}
    return spikes, model.saturated


def differs(hardware, given):
    """Whether a replay of the rows differs from the golden network, or leaves its range."""
    spikes, saturated = golden(hardware.network, given)
    try:
        replay = Replay(hardware, given)
    except (AssertionError, IndexError):
        return True
    found = {core.name: replay.fired[hardware.node_of(k)] for k, core in enumerate(hardware.cores)}
    return found != spikes or [replay.saturated[k] for k in range(len(saturated))] != saturated


def cases(count):
    for seed in range(count):
        rng = random.Random(seed)
        network = random_network(rng)
        yield seed, hardware_network(network), random_events(rng, network)


def test_rows_are_the_golden_network():
    kinds = Counter()
    for seed, hardware, given in cases(40):
        assert not differs(hardware, given), f"seed {seed}"
        spikes, saturated = golden(hardware.network, given)
        kinds["spikes"] += any(map(any, spikes.values()))
        kinds["saturated"] += any(saturated)
        for core in hardware.cores:
            kinds["backward"] += any(each.backward for each in core.inputs)
            kinds["pace"] += any(not each.memories for each in core.inputs)
            kinds["several"] += any(len(each.memories) > 1 for each in core.inputs)
            for memory in core.memories:
                kinds["dense" if memory.dense else "sparse"] += 1
                kinds["drawn delays"] += memory.delays is not None
                kinds["shifted"] += memory.weight_shift > 0
                kinds["shared"] += memory.offsets is not None
                kinds["equal rows"] += memory.depth < memory.lengths.sum()
    few = {kind: count for kind, count in kinds.items() if count < 5}
    assert (len(kinds), few) == (11, {}), kinds


# --- planted mistakes ---------------------------------------------------------------------------


def with_memories(hardware, change):
    cores = []
    for core in hardware.cores:
        backward = {m for each in core.inputs if each.backward for m in each.memories}
        memories = tuple(change(core, m, k in backward) for k, m in enumerate(core.memories))
        cores.append(replace(core, memories=memories))
    return replace(hardware, cores=tuple(cores))


def with_cores(hardware, change):
    return replace(hardware, cores=tuple(map(change, hardware.cores)))


def late_loop(hardware):
    return with_memories(hardware, lambda _, m, back: replace(m, delay=m.delay + back))


def early_feed(hardware):
    return with_memories(
        hardware, lambda _, m, back: m if back else replace(m, delay=max(0, m.delay - 1))
    )


def other_lane(hardware):
    return with_memories(
        hardware, lambda core, m, _: replace(m, weights=np.roll(m.weights, 1, axis=1))
    )


def next_row(hardware):
    return with_memories(hardware, lambda _, m, __: replace(m, starts=np.roll(m.starts, 1)))


def no_offsets(hardware):
    return with_memories(hardware, lambda _, m, __: replace(m, offsets=None))


def other_offsets(hardware):
    return with_memories(hardware, lambda _, m, __: replace(
        m, offsets=None if m.offsets is None else np.roll(m.offsets, 1)))  # fmt: skip


def short_row(hardware):
    return with_memories(hardware, lambda _, m, __: replace(m, lengths=np.minimum(m.lengths, 1)))


def no_delays(hardware):
    return with_memories(hardware, lambda _, m, __: replace(m, delays=None))


def unshifted(hardware):
    return with_memories(hardware, lambda _, m, __: replace(m, weight_shift=0))


def first_address(hardware):
    return with_memories(hardware, lambda _, m, __: replace(m, first=0))


def short_ring(hardware):
    return with_cores(hardware, lambda core: replace(core, accumulators=tuple(
        replace(a, slots=max(1, a.slots // 2)) for a in core.accumulators)))  # fmt: skip


def narrow(hardware):
    return with_cores(hardware, lambda core: replace(core, accumulators=tuple(
        replace(a, bits=a.bits - 1) for a in core.accumulators)))  # fmt: skip


def all_forward(hardware):
    return with_cores(hardware, lambda core: replace(core, inputs=tuple(
        replace(each, backward=False) for each in core.inputs)))  # fmt: skip


MISTAKES = [late_loop, early_feed, other_lane, next_row, no_offsets, other_offsets, short_row,
            no_delays, unshifted, first_address, short_ring, narrow, all_forward]  # fmt: skip


@pytest.mark.parametrize("mistake", MISTAKES, ids=lambda mistake: mistake.__name__)
def test_the_replay_finds(mistake):
    assert any(differs(mistake(hardware), given) for _, hardware, given in cases(40))


# --- rows ---------------------------------------------------------------------------------------


def drawn(rng, n_pre, n_post):
    projection = Projection(
        "a", "b", random_synapses(rng, n_pre, n_post), delay=rng.choice([3, (1, 9)])
    )
    return synapses_of(projection, n_pre, n_post)


@pytest.mark.parametrize("seed", range(20))
def test_rows_hold_the_synapses(seed):
    """Each synapse in its lane, ascending by delay and word; a row as long as its fullest lane."""
    rng = random.Random(seed)
    n_pre, n_post = rng.randint(1, 9), rng.randint(1, 20)
    lanes = rng.randint(1, n_post)
    synapses = drawn(rng, n_pre, n_post)
    count = synapses.count
    weights, delays = (
        np.broadcast_to(each, count).tolist() for each in (synapses.weights, synapses.delays)
    )
    shape = sparse_shape(synapses, lanes)
    starts, packed, words, late = fill(synapses, shape)
    assert packed.shape == words.shape == (shape.depth, lanes)
    late = np.zeros_like(words) if late is None else late
    for row in range(n_pre):
        own = range(synapses.indptr[row], synapses.indptr[row + 1])
        by_lane = [[] for _ in range(lanes)]
        for k in own:
            word, lane = divmod(int(synapses.targets[k]), lanes)
            by_lane[lane].append((delays[k] - synapses.min_delay, word, weights[k]))
        assert shape.lengths[row] == max(map(len, by_lane))
        for lane, expected in enumerate(by_lane):
            expected = sorted(expected)
            expected += [(0, 0, 0)] * (shape.lengths[row] - len(expected))
            rows = slice(starts[row], starts[row] + shape.lengths[row])
            columns = (each[rows, lane].tolist() for each in (late, words, packed))
            assert list(zip(*columns, strict=True)) == expected
    dense = shapes(synapses, lanes).dense
    assert (dense is None) == (len(set(delays)) > 1)
    if dense is None:
        return
    starts, packed, *rest = fill(synapses, dense)
    assert rest == [None, None]
    width = -(-n_post // lanes)
    kept = packed.reshape(-1, width * lanes)[:, :n_post]
    assert kept[starts // width].tolist() == synapses.dense().tolist()
    assert (starts % width).tolist() == [0] * n_pre
    if 0 not in weights:  # else rows with other targets have the same words
        assert len(kept) == len(np.unique(kept, axis=0))


def test_rows_that_can_be_written_are_not_shared():
    synapses = synapses_of(Projection("a", "b", OneToOne(weight=3)), 4, 4)
    forms = shapes(synapses, 2)
    assert [forms.shared.depth, forms.sparse.depth, forms.dense.depth] == [2, 4, 8]
    equal = synapses_of(Projection("a", "b", AllToAll(weight=3)), 4, 4)
    forms = shapes(equal, 2, weight_bits=6)
    assert (forms.sparse.weight_bits, forms.dense.weight_bits) == (6, 6)
    assert (forms.sparse.depth, forms.dense.depth, forms.shared) == (8, 8, None)
    assert len(fill(equal, forms.dense)[1]) == 8
    assert [each.depth for each in (shapes(equal, 2).sparse, shapes(equal, 2).dense)] == [2, 2]


def test_rows_without_words_begin_within_the_memory():
    """Those behind the last word of a memory of a power of two: its depth is no address."""
    weights = np.zeros((4, 8), int)
    weights[0, [0, 2, 4]], weights[1, 6] = (3, -2, 5), 7
    synapses = synapses_of(Projection("a", "b", Dense(weights=weights)), 4, 8)
    shape = shapes(synapses, 1).sparse
    assert fill(synapses, shape)[0].tolist() == [0, 3, 0, 0]
    assert (shape.depth, shape.lengths.tolist()) == (4, [3, 1, 0, 0])


@pytest.mark.parametrize("seed", range(20))
def test_the_cheaper_form(seed):
    """Bits of memory times cycles per spike, both counted on the filled memories."""
    rng = random.Random(seed)
    n_pre, n_post = rng.randint(1, 9), rng.randint(1, 20)
    lanes = rng.randint(1, n_post)
    synapses = drawn(rng, n_pre, n_post)
    costs = {}
    forms = shapes(synapses, lanes)
    for name, shape in forms.named.items():
        _, weights, words, delays = fill(synapses, shape)
        lowest, highest = weights.min(), weights.max()
        bits = next(b for b in range(1, 20) if -(1 << b - 1) <= lowest <= highest < 1 << b - 1)
        entry = address_bits(len(weights)) + int(shape.lengths.max()).bit_length()
        if words is not None:
            bits += address_bits(int(words.max()) + 1 if shape.offset_bits else -(-n_post // lanes))
        if delays is not None:
            bits += int(delays.max()).bit_length()
        if shape.offsets is not None:
            entry += address_bits(-(-n_post // lanes))
        table = n_pre * entry
        cycles = [max(1, length) for length in shape.lengths.tolist()]
        costs[name] = (bits * weights.size + table) * sum(cycles) / n_pre
        assert shape.bits == bits * weights.size + table
    assert costs[forms.cheapest] == min(costs.values())


def test_a_tie_is_dense():
    """One neuron to one neuron: the same word either way, and a word number costs."""
    synapses = synapses_of(Projection("a", "b", AllToAll(weight=1)), 4, 4)
    assert shapes(synapses, 4).cheapest == "dense"
    assert dense_shape(synapses, 4).cycles == 1


def test_time_counts_as_much_as_memory():
    """Half of all synapses, 2-bit weights: more bits as rows, half the cycles."""
    half = Projection("a", "b", FixedInDegree(indegree=8, weight=1))
    forms = shapes(synapses_of(half, 16, 16), 1)
    assert forms.sparse.bits > forms.dense.bits
    assert forms.sparse.cycles == 8 == forms.dense.cycles / 2
    assert forms.chosen is forms.sparse


@pytest.mark.parametrize(("lanes", "share"), [(2, 0.80), (4, 0.60), (8, 0.45), (16, 0.30)])
def test_slots_that_hold_synapses(lanes, share):
    """1,000 neurons, 2 %, delays 1..16; 800 and 200 of them with lanes in proportion as well."""
    drawn = FixedProbability(probability=0.02, weight=(-128, 127), seed=lanes)
    sizes = {"exc": (800, lanes), "inh": (200, max(1, lanes // 4))}
    both = NetworkParams(
        population=[Population(name, n, lanes=k) for name, (n, k) in sizes.items()],
        projection=[Projection(a, b, drawn, delay=(1, 16)) for a in sizes for b in sizes],
    )
    one = NetworkParams(
        population=[Population("all", 1000, lanes=lanes)],
        projection=[Projection("all", "all", drawn, delay=(1, 16))],
    )
    for network in (one, both):
        memories = [m for core in hardware_network(network).cores for m in core.memories]
        synapses = sum(each.synapses.count for each in Network(network).projections)
        assert synapses / sum(m.weights.size for m in memories) >= share


# --- nodes --------------------------------------------------------------------------------------


def test_nodes_inputs_and_consumers():
    """Two sources share node 0; what acts earlier in a step is read forward, the rest backward."""
    one = AllToAll(weight=1)
    network = NetworkParams(
        source=[
            RegularSource("idle", 2, interval=2),
            EventSource("left", 3),
            RegularSource("clock", 2, interval=3, phases=[2, 0]),
            EventSource("right", 4),
        ],
        population=[Population("last", 6, lanes=4), Population("mid", 5), Population("free", 2)],
        projection=[
            Projection("right", "mid", one, delay=0, weight_shift=1),
            Projection("mid", "last", one, delay=0),
            Projection("last", "mid", one, delay=2, weight_shift=3),
            Projection("clock", "mid", one, delay=5, weight_shift=2),
            Projection("clock", "free", one, delay=1),
            Projection("right", "mid", one, delay=(0, 3)),
            Projection("mid", "mid", one, delay=1, weight_shift=2),
        ],
        outputs=["free", "last"],
    )
    hardware = hardware_network(network)
    assert [(r.name, r.interval, r.phases.tolist()) for r in hardware.regular] == [
        ("clock", 3, [2, 0])
    ]
    assert [core.name for core in hardware.cores] == list(network.graph.order)
    mid, last, free = (
        next(c for c in hardware.cores if c.name == name) for name in ("mid", "last", "free")
    )
    node = {core.name: hardware.node_of(k) for k, core in enumerate(hardware.cores)}
    assert node == {"mid": 2, "last": 3, "free": 4}
    assert [(i.node, i.backward, i.memories) for i in mid.inputs] == [
        (2, True, (4,)), (3, True, (1,)), (0, False, (0, 3)), (1, False, (2,))
    ]  # fmt: skip
    assert mid.first_input == 2
    assert mid.row_starts == (0, 4, 10, 12, 16)
    assert mid.rows == 21
    assert [(m.first, m.delay, m.weight_shift, m.accumulator) for m in mid.memories] == [
        (3, 0, 0, 0), (0, 1, 1, 2), (0, 5, 0, 2), (3, 0, 0, 1), (0, 0, 0, 2)
    ]  # fmt: skip
    assert [(a.slots, a.shift, a.saturates) for a in mid.accumulators] == [
        (1, 1, True), (4, 0, True), (8, 2, False)
    ]  # fmt: skip
    # 6 neurons of last twice as strong as the 2 of clock and the 5 of mid: 12 + 2 + 5.
    assert [a.bits for a in mid.accumulators] == [8, 8, 6]
    assert [(i.node, i.backward) for i in last.inputs] == [(2, False)]
    assert [(i.node, i.backward, i.memories) for i in free.inputs] == [
        (0, False, ()), (1, False, (0,))
    ]  # fmt: skip
    assert hardware.consumers(0) == ((0, 2), (2, 0))
    assert hardware.consumers(1) == ((0, 3), (2, 1))
    assert hardware.consumers(2) == ((0, 0), (1, 0))
    assert hardware.consumers(3) == ((0, 1),)
    assert hardware.consumers(4) == ()
    assert hardware.outputs == (1, 2)
    assert (hardware.n_inputs, hardware.in_address_bits) == (7, 3)
    assert (hardware.n_outputs, hardware.out_address_bits) == (8, 3)
    assert (last.words, last.word_bits, free.word_bits, mid.slots) == (2, 1, 1, 8)
    assert hardware.digest() == network.digest()


def test_golden_of():
    core = CoreParams(n_inputs=1, n_neurons=1, weights=[[1]])
    chain = NetworkParams.chain(core)
    graph = NetworkParams(population=[Population("p", 2)])
    assert golden_of(core) == golden_of(chain) == chain
    assert golden_of(hardware_network(graph)) is graph


def test_without_an_event_source():
    hardware = hardware_network(NetworkParams(population=[Population("p", 2)]))
    assert (hardware.n_inputs, hardware.in_address_bits) == (0, 1)
    assert hardware.cores[0].inputs[0].node == 0
    assert hardware.cores[0].accumulators == ()


def test_what_shapes_the_hardware_alone():
    """Lanes and outputs are of the design, not of what the golden network does or remembers."""
    drawn = FixedProbability(probability=0.5, weight=(-5, 20))
    join = Projection("p", "p", drawn, delay=(1, 3))
    plain = NetworkParams(population=[Population("p", 6), Population("q", 2)], projection=[join])
    other = NetworkParams(
        population=[Population("p", 6, lanes=3), Population("q", 2)],
        projection=[join], outputs=["p"],
    )  # fmt: skip
    assert other.digest() != plain.digest()
    assert Network(other).digest() == Network(plain).digest()
    runs = [Network(each).run(30, currents={"p": 7}).spikes("p") for each in (plain, other)]
    assert runs[0].tolist() == runs[1].tolist()
    assert max(runs[0]) >= 0
    assert (plain.output_names, other.output_names) == (("q",), ("p",))
    assert (plain.n_outputs, other.n_outputs) == (2, 6)


def test_outline_of_populations():
    """For people: what a design file says, of its arrays the shape alone."""
    network = NetworkParams(
        source=[RegularSource("clock", 2, interval=3, phases=[1, 2])],
        population=[Population("p", 3, v_thresholds=[7, 8, 9], lanes=3)],
        projection=[
            Projection("clock", "p", Dense(weights=[[1, 2, 3], [4, 5, 6]])),
            Projection("p", "p", AllToAll(weight=3)),
        ],
    )
    found = tomllib.loads(outline(hardware_network(network)))
    assert found["source"] == [
        {"name": "clock", "n": 2, "interval": 3, "kind": "regular", "seed": 1}
    ]
    assert found["population"][0]["lanes"] == 3
    assert "v_thresholds" not in found["population"][0]
    first, second = found["projection"]
    assert first["synapses"] == {"kind": "dense", "weights": "2 x 3 integers"}
    assert second["synapses"]["weight"] == 3
