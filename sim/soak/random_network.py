"""Designs drawn at random over all that the golden model has and hardware does not refuse."""

from __future__ import annotations

import random
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Literal

import numpy as np

from ...errors import FxlifError
from ...hdl.limits import supported
from ...network.model import Network
from ...network.synapses import MAX_DELAY
from ...network.topology import synapses_of
from ...params.core import WRITABLE, CoreParams, Writable, checked_writable
from ...params.network import NetworkParams, Population, Projection
from ...params.neuron import NeuronParams
from ...params.quantise import signed_range
from ...params.sources import EventSource, RegularSource, Source
from ...params.topology import (
    AllToAll,
    Connectivity,
    Dense,
    FixedInDegree,
    FixedProbability,
    Grid,
    OneToOne,
    Sparse,
)
from .random_design import TRIAL, TRIES, any_core, random_design, random_neuron

#: Longest delays of a projection, and how often each: short rings, long ones, the longest.
LONGEST = (1, 1, 2, 3, 4, 8, 16, MAX_DELAY)

#: How often a neuron of a population may fire in a step of a trial, in the mean.
MOST_SPIKES = 31

#: What a neuron that fires on events must be, and the orders in which it may act
#: (docs/rule.md#combinations).
_FIRES_ON_EVENTS: dict[str, Any] = {
    "fire_on": "event", "synapse": {"kind": "delta"}, "adaptation": None, "refractory": 0,
    "negative_threshold": None, "reset_at": "compare", "max_spikes_per_step": 1,
    "overflow_change": False,
}  # fmt: skip
_EVENT_ORDERS = (("leak", "integrate", "fire"), ("integrate", "fire", "leak"))


def random_hardware(rng: random.Random) -> CoreParams | NetworkParams:
    """A core, a chain of cores or any other network, of whose outputs some neuron fires within 64
    steps of random input; of one in two, something may be written or read at run time. The same
    ``rng`` state gives the same design."""
    draws = (
        random_design, random_chain, random_event_chain, random_event_network, random_network,
        random_network,
    )  # fmt: skip
    design: CoreParams | NetworkParams = rng.choice(draws)(rng)
    return accessible(rng, design) if rng.randrange(2) else design


def accessible(
    rng: random.Random, design: CoreParams | NetworkParams
) -> CoreParams | NetworkParams:
    """The same design, of whose cores or populations something can be written or read, or nothing
    where it cannot."""
    part = "core" if design.cores else "population"
    given: Any = (design,) if isinstance(design, CoreParams) else getattr(design, part)
    drawn = [_access(rng, each) for each in given]
    for readable in (True, False):  # where events act one by one, not all can be read
        parts = [
            each.model_copy(update={"writable": names, "readable": readable and reads})
            for each, (names, reads) in zip(given, drawn, strict=True)
        ]
        described = dict(parts[0]) if isinstance(design, CoreParams) else {
            **{name: getattr(design, name) for name in NetworkParams.model_fields}, part: parts,
        }  # fmt: skip
        with suppress(FxlifError):
            made = type(design)(**described)
            supported(made)
            return made
    return design


def _access(rng: random.Random, part: CoreParams | Population) -> tuple[tuple[Writable, ...], bool]:
    """What can be written, and whether the state can be read."""
    names: tuple[Writable, ...] = ()
    for name in WRITABLE:
        if rng.randrange(3) == 0:
            with suppress(FxlifError):  # of this neuron it cannot be written
                names = checked_writable(part.neuron, (*names, name))
    return names, rng.randrange(2) == 0


def random_network(
    rng: random.Random, *, max_populations: int = 6, max_neurons: int = 10
) -> NetworkParams:
    """Populations of any kind, in any graph; see :func:`random_hardware`."""
    return _firing(rng, lambda: _populations(rng, max_populations, max_neurons))


def random_event_network(
    rng: random.Random, *, max_populations: int = 4, max_neurons: int = 10
) -> NetworkParams:
    """Populations in any graph, some of which take their events one by one; see
    :func:`random_hardware`."""
    return _firing(rng, lambda: _one_by_one(rng, _populations(rng, max_populations, max_neurons)))


def random_chain(rng: random.Random) -> NetworkParams:
    """Two or three cores, one behind the other; see :func:`random_hardware`."""
    return _firing(rng, lambda: _chain(rng))


def random_event_chain(rng: random.Random) -> NetworkParams:
    """One or two cores whose neurons take their events one by one; see :func:`random_hardware`."""
    return _firing(rng, lambda: _event_chain(rng))


def _firing(rng: random.Random, draw: Callable[[], NetworkParams]) -> NetworkParams:
    """The first network that has hardware and whose outputs fire."""
    for _ in range(TRIES):
        try:
            network = draw()
            supported(network)
        except FxlifError:
            continue  # parts that do not fit together
        if _fires(network, rng):
            return network
    raise FxlifError(f"random_network: none of {TRIES} networks that were drawn fires")


def _chain(rng: random.Random) -> NetworkParams:
    cores = [random_design(rng)]
    for _ in range(rng.randint(1, 2)):
        n = cores[-1].n_neurons
        core = any_core(rng, n, 8, min_inputs=n)
        cores.append(core.model_copy(update={"input_address_bits": None}))
    return NetworkParams.chain(*cores)


def _event_chain(rng: random.Random) -> NetworkParams:
    cores: list[CoreParams] = []
    for _ in range(rng.randint(1, 2)):
        before = cores[-1].n_neurons if cores else 1
        core = any_core(rng, before if cores else 8, 8, min_inputs=before)
        described = core.model_dump()
        described["input_address_bits"] = None
        described["neuron"] |= _takes_events(rng)
        cores.append(CoreParams(**described))
    return NetworkParams.chain(*cores)


def _takes_events(rng: random.Random) -> dict[str, Any]:
    """What makes a neuron take its events one by one, and maybe fire on them."""
    taken = {"accumulate": "per_event"}
    if rng.randrange(2):
        return taken
    return taken | _FIRES_ON_EVENTS | {"order": rng.choice(_EVENT_ORDERS)}


def _one_by_one(rng: random.Random, network: NetworkParams) -> NetworkParams:
    """The network with some populations that take their events one by one, and into these the
    projections that hardware has: one from each node, without another delay than the step of what
    is behind, in the order in which they are read."""
    order, sizes = network.graph.order, network.graph.sizes
    populations: dict[str, Any] = {each.name: each.model_dump() for each in network.population}
    turned = {name for name in order if rng.randrange(2)} or {rng.choice(order)}
    for name in order:
        if name in turned:
            populations[name]["neuron"] |= _takes_events(rng)
    joined: dict[tuple[str, str], Projection] = {}
    others = []
    for each in network.projection:
        if each.target not in turned:
            others.append(each)
            continue
        events = any(isinstance(s, EventSource) and s.name == each.source for s in network.source)
        behind = each.source in order and order.index(each.source) >= order.index(each.target)
        table = synapses_of(each, sizes[each.source], sizes[each.target])
        joined["" if events else each.source, each.target] = Projection(
            source=each.source,
            target=each.target,
            weight_shift=each.weight_shift,
            delay=int(behind),
            synapses=Dense(weights=table.dense()),
        )
    # Backward ones first, then those of event sources, the others by their node.
    nodes = ["", *(source.name for source in network.source), *order]

    def turn(ends: tuple[str, str]) -> tuple[bool, int]:
        return joined[ends].delay == 0, nodes.index(ends[0])

    return NetworkParams(
        population=tuple(populations.values()), source=network.source,
        projection=(*others, *(joined[ends] for ends in sorted(joined, key=turn))),
        outputs=network.outputs,
    )  # fmt: skip


def _populations(rng: random.Random, max_populations: int, max_neurons: int) -> NetworkParams:
    names = [f"p{k}" for k in range(rng.randint(1, max_populations))]
    equal = rng.randint(1, max_neurons)  # for what joins equals

    def size() -> int:
        return rng.choice((equal, rng.randint(1, max_neurons)))

    sources = [_source(rng, f"s{k}", size()) for k in range(rng.choice((0, 1, 1, 1, 2, 3)))]
    populations = {name: _population(rng, name, size()) for name in names}
    sizes = {part.name: part.n for part in (*sources, *populations.values())}
    joined = [(a, b) for a in sizes for b in names]
    # Each population is driven by something before it, then come any, in parallel too.
    pairs = [(rng.choice([*(s.name for s in sources), *names[: k + 1]]), name)
             for k, name in enumerate(names)]  # fmt: skip
    pairs += rng.choices(joined, k=rng.randint(0, 2 + len(names)))
    projections = [
        _projection(rng, a, b, sizes, names, populations[b].neuron)
        for a, b in rng.sample(pairs, len(pairs))
    ]
    outputs = rng.choice(((), tuple(rng.sample(names, rng.randint(1, len(names))))))
    return NetworkParams(
        population=tuple(populations[name] for name in rng.sample(names, len(names))),
        source=tuple(sources), projection=tuple(projections), outputs=outputs,
    )  # fmt: skip


def _source(rng: random.Random, name: str, n: int) -> Source:
    if rng.randrange(4):
        return EventSource(name=name, n=n, max_events_per_input=rng.choice((1, 1, 2, 5)))
    interval = rng.choice((1, 2, 3, 7, rng.randint(1, 40)))
    return RegularSource(name=name, n=n, interval=interval, seed=rng.randrange(1 << 16))


def _population(rng: random.Random, name: str, n: int) -> Population:
    neuron, thresholds = random_neuron(rng), None
    if rng.randrange(2):
        unit = 1 << neuron.threshold_shift
        most = max(1, neuron.v_threshold // unit)
        thresholds = tuple(rng.randint(max(1, most // 2), most) * unit for _ in range(n))
    return Population(
        name=name, n=n, neuron=neuron, v_thresholds=thresholds, lanes=rng.randint(1, n)
    )


def _projection(
    rng: random.Random, source: str, target: str, sizes: dict[str, int], names: list[str],
    neuron: NeuronParams,
) -> Projection:  # fmt: skip
    forward = source not in names or names.index(source) < names.index(target)
    first = 0 if forward and rng.randrange(4) else 1
    last = max(first, rng.choice((0, rng.randint(first, rng.choice(LONGEST)))))
    low, high = signed_range(neuron.weight_bits)
    reach = max(2, min(high, neuron.v_threshold * rng.choice((1, 2, 8)) // 2))
    ends = max(low, -reach * 2 // 3), reach
    synapses = _synapses(rng, sizes[source], sizes[target], ends, (first, last))
    return Projection(
        source=source, target=target, synapses=synapses, weight_shift=rng.choice((0, 0, 1, 2)),
        delay=rng.choice((first, last, (first, last), (first, last))),
        delay_seed=rng.randrange(1 << 16),
    )  # fmt: skip


def _synapses(
    rng: random.Random, n_pre: int, n_post: int, ends: tuple[int, int], delays: tuple[int, int]
) -> Connectivity:
    kinds = ["dense", "dense", "sparse", "sparse", "all_to_all", "probability", "indegree"]
    kinds += ["one_to_one", "grid"] * (n_pre == n_post)
    kind, there = rng.choice(kinds), rng.choice((0.05, 0.3, 0.7, 1.0))
    if kind in ("dense", "sparse"):
        draw = np.random.default_rng(rng.getrandbits(64))
        weights = draw.integers(*ends, (n_pre, n_post), endpoint=True)
        weights[draw.random(weights.shape) >= there] = 0
        own = draw.integers(*delays, weights.shape, endpoint=True) if rng.randrange(2) else None
        if kind == "dense":
            return Dense(weights=weights, delays=own)
        present = weights != 0
        table = {
            "shape": [n_pre, n_post],
            "indptr": [0, *np.cumsum(present.sum(axis=1)).tolist()],
            "indices": np.nonzero(present)[1].tolist(),
            "data": weights[present].tolist(),
        }
        if own is not None:
            table["delays"] = own[present].tolist()
        return Sparse(matrix=table)
    if kind == "grid":
        rows = rng.choice([r for r in range(1, n_pre + 1) if n_pre % r == 0])
        shape = rows, n_pre // rows
        edges: Literal["open", "periodic"] = rng.choice(("open", "periodic"))
        sides = [rng.choice([k for k in (1, 3) if edges == "open" or k <= n]) for n in shape]
        kernel = [[rng.randint(*ends) for _ in range(sides[1])] for _ in range(sides[0])]
        return Grid(shape=shape, kernel=kernel, edges=edges)
    drawn: dict[str, Any] = {"weight": ends, "seed": rng.randrange(1 << 16)}
    if kind == "one_to_one":
        return OneToOne(**drawn)
    drawn["autapses"] = n_pre == 1 or bool(rng.randrange(2))
    if kind == "all_to_all":
        return AllToAll(**drawn)
    if kind == "probability":
        return FixedProbability(probability=there, **drawn)
    return FixedInDegree(indegree=rng.randint(0, n_pre - (not drawn["autapses"])), **drawn)


def _fires(network: NetworkParams, rng: random.Random) -> bool:
    """Whether any neuron of the outputs fires under random events, and no population so often that
    of a loop of neurons that fire on events little else would be seen."""
    draw = np.random.default_rng(rng.getrandbits(64))
    events = {}
    for source in network.graph.sources:
        if isinstance(source, EventSource):
            most = source.max_events_per_input
            counts = draw.integers(1, most, (TRIAL, source.n), endpoint=True)
            counts[draw.random(counts.shape) < 0.5] = 0
            events[source.name] = [np.repeat(np.arange(source.n), each) for each in counts]
    fires = False
    with Network(network, engine="numpy").stepper() as step:
        for number in range(TRIAL):
            fired = step(events={name: given[number] for name, given in events.items()})
            if any(len(fired[each.name]) > MOST_SPIKES * each.n for each in network.population):
                return False
            fires = fires or any(len(fired[name]) for name in network.output_names)
    return fires
