"""Small networks of cores that read rows, and what drives them."""

from __future__ import annotations

import random
from itertools import pairwise

import numpy as np

from fxlif import (
    AllToAll,
    EventSource,
    FixedProbability,
    NetworkParams,
    NeuronParams,
    OneToOne,
    Population,
    Projection,
    RegularSource,
)
from fxlif.cycles.control import IDLE, INPUT, RESET, STALL
from fxlif.cycles.driver import Driver
from fxlif.cycles.row_model import model_of
from fxlif.hdl.limits import supported
from fxlif.layout import HardwareNetwork, hardware_network
from fxlif.sim.soak.random_network import random_event_network
from fxlif.sim.stimulus.flags import HoldBack

NEURONS = (
    NeuronParams(v_threshold=60, state_bits=10),
    NeuronParams(v_threshold=8, reset="subtract", max_spikes_per_step=7, state_bits=9),
    NeuronParams(v_threshold=90, leak={"kind": "shift", "shift": 3, "rounding": "stochastic"},
                 bias=7, refractory=2, lfsr={"bits": 9, "taps": (9, 5), "seed": 77}),
    NeuronParams(v_threshold=70, synapse={"kind": "exponential"}, adaptation={"increment": 3}),
)  # fmt: skip


def random_network(seed: int) -> HardwareNetwork:
    """A small network of every kind of source, of one to four populations, as hardware."""
    draw = random.Random(seed)
    sources = [EventSource("a", draw.randint(1, 6)), EventSource("b", draw.randint(1, 4))]
    sources = draw.sample(sources, draw.choice((0, 1, 1, 2, 2)))
    for name in ("r", "s")[: draw.choice((0, 0, 1, 2))]:
        n, interval = draw.randint(1, 4), draw.randint(1, 4)
        sources.append(RegularSource(name, n, interval, phases=[-i % interval for i in range(n)]))
    populations = []
    for name in "wxyz"[: draw.randint(1, 4)]:
        n = draw.choice((1, 3, 4, 6, 7, 11, 15))
        neuron = draw.choice(NEURONS)
        own = [draw.randint(5, 99) for _ in range(n)] if draw.random() < 0.3 else None
        lanes = draw.randint(1, min(4, n))
        populations.append(Population(name, n, neuron, v_thresholds=own, lanes=lanes))
    ends = {part.name: part.n for part in (*sources, *populations)}
    projections = []
    for _ in range(draw.randint(2, 7)):
        source, target = draw.choice(list(ends)), draw.choice(populations).name
        low = draw.randint(-40, 20)
        weight = (low, draw.randint(low, 60))
        synapses = draw.choice((AllToAll(weight), FixedProbability(draw.random(), weight)))
        if ends[source] == ends[target]:
            synapses = draw.choice((synapses, OneToOne(weight)))
        delay = draw.randint(1, 5)
        projections.append(Projection(
            source, target, synapses, weight_shift=draw.choice((0, 0, 2)),
            delay=draw.choice((delay, (1, delay), (delay, 9))),
        ))  # fmt: skip
    for first, second in pairwise(populations):
        if draw.random() < 0.5:
            made = Projection(first.name, second.name, FixedProbability(0.7, 30), delay=0)
            projections.append(made)
    outputs = draw.sample([p.name for p in populations], draw.randint(1, len(populations)))
    return hardware_network(NetworkParams(
        source=sources, population=populations, projection=projections, outputs=outputs
    ))  # fmt: skip


def random_events(seed: int) -> HardwareNetwork:
    """A network of one to three populations, some of which take their events one by one."""
    for place in range(seed, seed + 10_000, 1_000):
        draw = random.Random(place)
        made = supported(random_event_network(draw, max_populations=3, max_neurons=9))
        if isinstance(made, HardwareNetwork):
            return made
    raise AssertionError("chains only")


def drawn_events(network: HardwareNetwork, count: int, draw: np.random.Generator) -> np.ndarray:
    """Packed events, here and there one spike so often that no promise is kept."""
    bits = network.in_address_bits
    events = draw.integers(0, 1 << bits, count)
    events[draw.random(count) < 0.3] = 1 << bits
    return np.repeat(events, np.where(events >> bits, 1, draw.choice((1, 1, 1, 2, 9), count)))


def held_back(cycles: int, seed: int) -> np.ndarray:
    """Flags of cycles with gaps at the input and stalls at the output."""
    flags = np.zeros(cycles, dtype=np.uint8)
    for axis, bit in ((2, IDLE), (3, STALL)):
        HoldBack(seed, axis, bit).add(flags)
    return flags


def stimulus(network: HardwareNetwork, cycles: int, seed: int) -> np.ndarray:
    """A protocol kept under stalls and gaps, then inputs that keep none; resets in both."""
    draw = np.random.default_rng(seed)
    half = cycles // 2
    driver = Driver(network.in_address_bits)
    driver.refill(drawn_events(network, cycles, draw))
    flags = held_back(half, seed)
    flags[draw.random(half) < 0.002] |= RESET
    table = np.zeros(cycles, dtype=INPUT)
    table[:half] = model_of(network).drive(driver, flags).inputs
    table["rst"][half:] = draw.random(cycles - half) < 0.002
    table["in_valid"][half:] = draw.random(cycles - half) < 0.7
    table["in_address"][half:] = draw.integers(0, 1 << network.in_address_bits, cycles - half)
    table["in_tick"][half:] = draw.random(cycles - half) < 0.2
    table["out_ready"][half:] = draw.random(cycles - half) < 0.6
    return table
