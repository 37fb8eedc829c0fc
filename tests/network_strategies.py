"""Hypothesis strategies over small networks of populations, and over what drives them."""

from dataclasses import dataclass, field
from functools import cache

import numpy as np
from hypothesis import strategies as st
from strategies import between, leaks, neurons, signed, thresholds

from fxlif.params.network import NetworkParams, Population, Projection
from fxlif.params.neuron import Adaptation, DeltaSynapse, ExponentialSynapse, NeuronParams
from fxlif.params.noise import GaussianNoise, PoissonNoise
from fxlif.params.sources import EventSource, PoissonSource, RegularSource
from fxlif.params.topology import (
    AllToAll,
    Dense,
    FixedInDegree,
    FixedProbability,
    Grid,
    OneToOne,
    Sparse,
)

# Ranges of threads begin at multiples of 64.
SIZES = st.one_of(st.integers(1, 6), st.sampled_from([63, 64, 65, 127, 128, 129, 150, 200]))
SEEDS = st.one_of(st.integers(0, 9), st.integers(0, 2**63 - 1))


@st.composite
def lively(draw, **fixed):
    """Neurons that a few weights bring to a spike; ``fixed`` as for :func:`strategies.neurons`,
    which then makes every choice."""
    stochastic = draw(st.booleans())
    lfsr = draw(neurons(stochastic=stochastic)).lfsr
    lfsr_bits = lfsr.bits if stochastic else None
    tamed = {
        "lfsr": st.just(lfsr),
        "leak": leaks(lfsr_bits),
        "state_bits": st.integers(10, 32),
        "threshold_bits": st.integers(8, 32),
        "threshold_shift": st.integers(0, 2),
        "current_bits": st.integers(10, 32),
        "v_threshold": st.integers(1, 20).map(lambda x: 4 * x),
        "v_reset": st.integers(-10, 10),
        "v_leak": st.integers(-10, 10),
        "v_floor": st.one_of(st.none(), st.integers(-100, 0)),
        "refractory": st.integers(0, 3),
        "bias": st.integers(-2, 5),
        "weight_bits": st.integers(6, 16),
        "theta_bits": st.integers(6, 32),
        "synapse": st.one_of(st.none(), leaks(lfsr_bits)).map(
            lambda leak: {"kind": "delta"} if leak is None else ExponentialSynapse(leak=leak)
        ),
        "adaptation": st.one_of(
            st.none(),
            st.builds(Adaptation, increment=st.integers(0, 20), leak=leaks(lfsr_bits)),
        ),
    }
    return draw(neurons(stochastic=stochastic, whole=bool(fixed), **tamed | fixed))


@st.composite
def eventful(draw):
    """Lively neurons that take events one by one, fire on them, or spike several times a step.

    Narrow, so that what does not fit is lost within a step.
    """
    delta, taken = st.just(DeltaSynapse()), {"accumulate": st.just("per_event")}
    orders = st.permutations(["leak", "integrate", "act"])
    kinds = [
        taken | {"synapse": delta, "fire_on": st.just("step")},
        taken | {"synapse": st.builds(ExponentialSynapse, leak=leaks(), order=orders)},
        taken | {"synapse": delta, "fire_on": st.just("event")},
        {"max_spikes_per_step": st.integers(2, 31)},
    ]
    widths = {"state_bits": st.sampled_from([8, 8, 9, 16, 18]), "current_bits": st.integers(6, 17)}
    return draw(lively(**widths, **draw(st.sampled_from(kinds))))


@st.composite
def populations(draw, name, sizes=SIZES, kinds=None):
    if kinds is None:
        kinds = st.one_of(lively(), neurons(whole=True), eventful(), eventful())
    neuron, n = draw(kinds), draw(sizes)
    own = None
    if draw(st.booleans()) and neuron.max_spikes_per_step == 1:
        few = draw(
            st.lists(
                st.one_of(
                    st.just(neuron.v_threshold),
                    thresholds(neuron.threshold_bits, neuron.threshold_shift),
                ),
                min_size=1,
                max_size=5,
            )
        )
        own = [few[i % len(few)] for i in range(n)]
    quiet = st.just([])
    noise = draw(st.one_of(quiet, quiet, quiet, st.lists(noises(), min_size=1, max_size=2)))
    return Population(name=name, n=n, neuron=neuron, v_thresholds=own, noise=noise)


@cache
def noises():
    """Any noise, of few that the oracle takes a moment for."""
    weights = st.one_of(st.integers(-9, 30), st.sampled_from([2**31 - 1, 1 - 2**31]))
    means = st.sampled_from([0.0, 1e-9, 0.02, 0.7, 3.25, 40.0])
    sigmas = st.sampled_from([1.0, 1.5, 6.125])
    return st.one_of(
        st.builds(PoissonNoise, mean=means, weight=weights, seed=SEEDS),
        st.builds(
            GaussianNoise,
            mean=st.sampled_from([0.0, 10.5, -3.14]), sigma=sigmas, weight=weights, seed=SEEDS,
        ),
    )  # fmt: skip


@st.composite
def sources(draw, name, sizes=SIZES):
    kind = draw(st.sampled_from(["poisson", "regular", "events", "events"]))
    n = draw(sizes)
    if kind == "poisson":
        probability = draw(
            st.one_of(st.floats(0.05, 0.6), st.floats(0, 1), st.sampled_from([0.0, 1.0, 2**-33]))
        )
        return PoissonSource(name=name, n=n, probability=probability, seed=draw(SEEDS))
    if kind == "regular":
        interval = draw(st.one_of(st.integers(1, 5), st.sampled_from([2**31 - 1])))
        phases = None
        if draw(st.booleans()):
            few = draw(st.lists(st.integers(0, interval - 1), min_size=1, max_size=4))
            phases = [few[i % len(few)] for i in range(n)]
        return RegularSource(name=name, n=n, interval=interval, phases=phases, seed=draw(SEEDS))
    promised = draw(st.one_of(st.just(1), st.integers(1, 3), st.just(65535)))
    return EventSource(name=name, n=n, max_events_per_input=promised)


def _rng(draw):
    return np.random.default_rng(draw(st.integers(0, 2**32 - 1)))


def _matrix(draw, shape, low, high):
    """A matrix of weights: some 0 or none, all equal or not, small or anywhere."""
    rng = _rng(draw)
    form = draw(st.sampled_from(["any", "small", "equal", "rows", "ends"]))
    if form == "equal":
        matrix = np.full(shape, draw(between(low, high)))
    elif form == "rows":
        matrix = np.tile(rng.integers(low, high, (shape[0], 1), endpoint=True), shape[1])
    elif form == "ends":
        matrix = rng.choice([low, high], shape)
    else:
        ends = (low, high) if form == "any" else (max(low, min(high, -9)), min(high, max(low, 20)))
        matrix = rng.integers(*ends, shape, endpoint=True)
    matrix = matrix * (rng.random(shape) < draw(st.sampled_from([0.0, 0.3, 0.9, 1.0, 1.0])))
    if draw(st.booleans()):  # not one 0: a form of its own
        matrix[matrix == 0] = high or low
    return matrix


@st.composite
def connectivities(draw, n_pre, n_post, weight_bits, first, last, equal=None):
    """Any synapses; their own delays, if they have some, from ``first`` to ``last``.

    With ``equal``, a number that may not fit, all weights are that, or as many as fit.
    """
    low, high = signed(weight_bits)
    if equal is not None:
        low = high = max(low, min(high, equal))
    kinds = ["dense", "dense", "sparse", "sparse", "all_to_all", "fixed_probability"]
    kinds += ["fixed_indegree", *(["one_to_one", "grid"] if n_pre == n_post else [])]
    kind = draw(st.sampled_from(kinds))
    if kind in ("dense", "sparse"):
        matrix = _matrix(draw, (n_pre, n_post), low, high)
        delays = None
        if draw(st.booleans()):
            delays = _rng(draw).integers(first, last, matrix.shape, endpoint=True)
        if kind == "dense":
            return Dense(weights=matrix, delays=delays)
        # Rows in no order, stored zeros among them.
        there = _rng(draw).random(matrix.shape) < 0.7
        columns = np.nonzero(there)[1]
        table = {
            "shape": [n_pre, n_post],
            "indptr": np.concatenate([[0], np.cumsum(there.sum(axis=1))]).tolist(),
            "indices": columns.tolist(),
            "data": matrix[there].tolist(),
        }
        for start, stop in zip(table["indptr"], table["indptr"][1:], strict=False):
            for key in ("indices", "data"):
                table[key][start:stop] = reversed(table[key][start:stop])
        if delays is not None:
            table["delays"] = delays[there].tolist()
        return Sparse(matrix=table)
    if kind == "grid":
        shapes = [(r, n_pre // r) for r in range(1, n_pre + 1) if n_pre % r == 0]
        shape = draw(st.sampled_from(shapes))
        edges = draw(st.sampled_from(["open", "periodic"]))
        sides = [
            draw(st.sampled_from([k for k in (1, 3, 5) if edges == "open" or k <= size]))
            for size in shape
        ]
        kernel = _matrix(draw, tuple(sides), low, high)
        return Grid(shape=shape, kernel=kernel, edges=edges)
    ends = sorted([draw(between(low, high)), draw(between(low, high))])
    weight = draw(st.one_of(between(low, high), st.just(tuple(ends))))
    chosen = {"weight": weight, "seed": draw(SEEDS)}
    if kind == "one_to_one":
        return OneToOne(**chosen)
    chosen["autapses"] = n_pre == 1 or draw(st.booleans())
    if kind == "all_to_all":
        return AllToAll(**chosen)
    if kind == "fixed_probability":
        probability = draw(st.one_of(st.sampled_from([0.0, 1.0]), st.floats(0, 1)))
        return FixedProbability(probability=probability, **chosen)
    most = n_pre if chosen["autapses"] else n_pre - 1
    return FixedInDegree(indegree=draw(st.integers(0, most)), **chosen)


@st.composite
def networks_alike(draw):
    """Networks most of whose populations have equal neurons: compiled code sees them as one."""
    one = draw(lively(accumulate=st.just("exact")).filter(lambda neuron: not neuron.random_bits))
    other = one.model_copy(update={"v_threshold": one.v_threshold + 4})
    kinds = st.one_of(*[st.just(one)] * 4, st.just(other), eventful())
    sizes = st.one_of(st.integers(1, 6), st.sampled_from([64, 65, 129]))
    return draw(networks(sizes, draw(st.sampled_from([2, 9])), 5, kinds))


@st.composite
def networks(draw, sizes=SIZES, max_delay=63, most=4, kinds=None):
    """A network of populations; delay 0 only from earlier to later ones of a random order.

    Their neurons are of ``kinds``, or of any.
    """
    names = [f"p{k}" for k in range(draw(st.integers(1, most)))]
    parts = {name: draw(populations(name, sizes, kinds)) for name in names}
    feeding = [draw(sources(f"s{k}", sizes)) for k in range(draw(st.integers(0, 3)))]
    everything = {source.name: source for source in feeding} | parts
    projections = []
    for _ in range(draw(st.integers(0, 6 if kinds is None else 12))):
        source = draw(st.sampled_from(list(everything)))
        target = draw(st.sampled_from(names))
        forward = source not in parts or names.index(source) < names.index(target)
        first = 0 if forward else 1
        farthest = st.one_of(st.integers(first, min(4, max_delay)), st.integers(first, max_delay))
        last = draw(farthest)
        delay = draw(st.sampled_from([last, last, (first, last), (last, last)]))
        neuron = parts[target].neuron
        if not _can_follow(parts.get(source), neuron):
            continue
        synapses = draw(
            connectivities(
                everything[source].n, everything[target].n, neuron.weight_bits, first, last
            )
        )
        projections.append(
            Projection(
                source=source,
                target=target,
                synapses=synapses,
                # At most 16 + 8 + 16 + 2 + 5 bits: the widest current has 48.
                weight_shift=draw(st.sampled_from([0, 0, 1, 2])),
                delay=delay,
                delay_seed=draw(SEEDS),
            )
        )
        # The same to others: what compiled code may send at once.
        for other in draw(st.lists(st.sampled_from(names), max_size=3)):
            forward = source not in parts or names.index(source) < names.index(other)
            if isinstance(delay, tuple) or (delay == 0 and not forward):
                continue
            if not _can_follow(parts.get(source), parts[other].neuron):
                continue
            equal = getattr(synapses, "weight", 5)
            ends = everything[source].n, everything[other].n, parts[other].neuron.weight_bits
            again = projections[-1].model_dump() | {
                "target": other,
                "weight_shift": draw(st.sampled_from([0, 0, 1])),
                "delay": draw(st.sampled_from([delay, delay, 1])),
                "synapses": draw(
                    connectivities(*ends, delay, delay, equal if isinstance(equal, int) else 5)
                ),
            }
            projections.append(Projection(**again))
    order = draw(st.permutations(names))
    few = [projections[k] for k in _bounded(everything, projections)]
    return NetworkParams(population=[parts[name] for name in order], source=feeding, projection=few)


def _can_follow(source, neuron):
    """Whether spikes of ``source`` have a number, or the target sums none."""
    without = isinstance(source, Population) and source.neuron.fire_on == "event"
    return not without or neuron.accumulate == "per_event"


def _bounded(parts, projections, steps=14, most=3000):
    """The projections that can be kept so that no neuron spikes too often in one of some steps.

    Each event may be a spike: in a loop they double and double again.
    """
    kept = []
    for k, projection in enumerate(projections):
        kept.append(k)
        if not _can_follow(parts[projection.source], NeuronParams()):
            often = dict.fromkeys(parts, 1)
            for _ in range(steps):
                for name, part in parts.items():
                    if not _can_follow(part, NeuronParams()):
                        into = [projections[j] for j in kept if projections[j].target == name]
                        often[name] = 1 + sum(often[p.source] * parts[p.source].n for p in into)
            if max(often.values()) > most:
                kept.pop()
    return kept


@dataclass
class Given:
    """What drives a run, step by step for the oracle and as arrays for the network."""

    steps: int
    events: dict[str, list[list[int]]] = field(default_factory=dict)
    currents: dict[str, np.ndarray] = field(default_factory=dict)

    def part(self, start: int, stop: int) -> dict:
        """The arguments of a run of some of the steps."""
        streams = {
            name: [entry for step in steps[start:stop] for entry in [*step, -1]]
            for name, steps in self.events.items()
        }
        currents = {
            name: array[start:stop] if array.ndim == 2 else array
            for name, array in self.currents.items()
        }
        events = {name: np.array(stream, np.int64) for name, stream in streams.items()}
        return {"steps": stop - start, "events": events, "currents": currents}

    def listed(self, sizes: dict[str, int]) -> dict[str, list[list[int]]]:
        return {
            name: np.broadcast_to(array, (self.steps, sizes[name])).tolist()
            for name, array in self.currents.items()
        }


@st.composite
def drives(draw, network, max_steps=14):
    """Event streams and external currents for a :class:`fxlif.Network`."""
    steps = draw(st.integers(1, max_steps))
    given = Given(steps)
    for source in network.params.source:
        if source.kind != "events" or draw(st.integers(0, 9)) == 0:
            continue
        rng = _rng(draw)
        rate = draw(st.sampled_from([0, 2, 5, source.n // 2]))
        beyond = draw(st.sampled_from([0, 0, 2, 1000]))
        bursts = draw(st.sampled_from([1, 1, 4]))
        given.events[source.name] = [
            np.repeat(
                rng.integers(0, source.n + beyond, rng.integers(0, rate, endpoint=True)), bursts
            ).tolist()
            for _ in range(steps)
        ]
    limit_low, limit_high = signed(48)
    for population in network.params.population:
        form = draw(st.sampled_from(["none", "none", "one", "each", "steps", "steps"]))
        if form == "none":
            continue
        n = population.n
        shape = {"one": (), "each": (n,), "steps": (steps, n)}[form]
        below, above = network.synaptic_ranges[population.name]
        lowest, highest = limit_low - below, limit_high - above
        ends = draw(
            st.sampled_from(
                [(-5, 30), (0, 90), (-128, 127), (-(2**31), 2**31 - 1), (lowest, highest), (0, 0)]
            )
        )
        low, high = max(ends[0], lowest), min(ends[1], highest)
        values = _rng(draw).integers(low, high, shape, endpoint=True)
        if form == "steps" and draw(st.booleans()):
            values = values % draw(st.sampled_from([2, 90, 200, 40_000]))
        kinds = [k for k in KINDS if np.array_equal(values, np.asarray(values).astype(k))]
        array = np.asarray(values).astype(draw(st.sampled_from(kinds)))
        layout = draw(st.sampled_from(list(LAYOUTS))) if form == "steps" else "c"
        given.currents[population.name] = laid_out(array, layout)
    return given


#: What elements external currents may have, and how their rows may lie.
KINDS = ("?", "i1", "u1", "<i2", "<u2", "<i4", "<u4", "<i8", "<u8", ">i2", ">u4", ">i8")
LAYOUTS = ("c", "fortran", "read-only", "reversed", "wide rows", "apart", "unaligned", "alike")


def laid_out(array, layout):
    """The values of ``array`` (steps, n) in an array that lies otherwise; in ``alike`` every row
    is the first."""
    if layout == "c":
        return array
    steps, n = array.shape
    room = np.zeros((2 * steps, 2 * n + 1), array.dtype)
    if layout == "fortran":
        return np.asfortranarray(array)
    if layout == "read-only":
        array = array.copy()
        array.flags.writeable = False
    elif layout == "reversed":
        array = array[::-1].copy()[::-1]
    elif layout == "wide rows":
        room[::2, 1 : n + 1] = array
        array = room[::2, 1 : n + 1]
    elif layout == "apart":
        room[:steps, 1::2] = array
        array = room[:steps, 1::2]
    elif layout == "unaligned":
        record = np.zeros(steps, [("odd", "i1"), ("row", array.dtype, (n,))])
        record["row"] = array
        array = record["row"]
    elif layout == "alike":
        array = np.broadcast_to(array[0], array.shape)
    return array


@st.composite
def without_chance(draw, max_delay=6):
    """Networks as :func:`networks` draws them, without what no hardware has: noise, and Poisson
    sources, in whose place events come. With any lanes and outputs."""
    network = draw(networks(st.integers(1, 9), max_delay))
    made = [
        population.model_copy(update={"noise": (), "lanes": draw(st.integers(1, population.n))})
        for population in network.population
    ]
    names = st.sampled_from([population.name for population in made])
    return NetworkParams(
        population=made,
        source=[
            EventSource(each.name, each.n) if isinstance(each, PoissonSource) else each
            for each in network.source
        ],
        projection=network.projection,
        outputs=draw(st.lists(names, min_size=1, unique=True)),
    )
