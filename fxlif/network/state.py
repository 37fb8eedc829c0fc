"""What a network remembers between two steps, and the file that holds it."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from ..arrays import Ints
from ..errors import FxlifError
from ..files import as_path, read_arrays, whole_file
from ..params.network import Graph, Population
from ..params.sources import EventSource, Source
from ..rule.step import NeuronState, initial_state
from ..rule.written import WrittenNeuron
from .events import TICK, split_steps
from .projections import PlacedProjection

FORMAT = "fxlif state 1"


@dataclass
class NetworkState:
    """All that a network remembers between two steps.

    ``step``: steps since the reset. ``neurons``: by population, the state of its neurons.
    ``pending``: by population, (depth, n) int64, what is still to arrive, row t % depth for step t.
    ``sums``: the same for each projection with an accumulator of its own, by its index.
    ``history``: by source and population whose spikes populations take one by one and late, its
    spikes of so many last steps, the oldest first. ``lfsr``: by population, the state of its
    random numbers. ``dropped``: by event source, events with an
    unknown address. ``saturated``: by projection, additions that did not fit.
    """

    step: int
    neurons: dict[str, NeuronState]
    pending: dict[str, Ints]
    sums: dict[int, Ints]
    history: dict[str, list[Ints]]
    lfsr: dict[str, int]
    dropped: dict[str, int]
    saturated: list[int]

    def arrays(self) -> dict[str, Ints]:
        """The arrays of the state, by the name that they have in a file."""
        arrays = {
            f"{name}.{variable}": np.asarray(values)
            for name, neurons in self.neurons.items()
            for variable, values in neurons._asdict().items()
        }
        arrays |= {f"{name}.pending": values for name, values in self.pending.items()}
        arrays |= {f"projection_{k}.sums": values for k, values in self.sums.items()}
        for name, steps in self.history.items():
            entries = [entry for spikes in steps for entry in (spikes, [TICK])]
            arrays[f"{name}.history"] = np.concatenate(entries, dtype=np.int64)
        return arrays


def first_state(graph: Graph, projections: list[PlacedProjection]) -> NetworkState:
    """The state at step 0: neurons at reset, no spike under way, counters at 0."""
    depths = {p.name: 1 for p in graph.populations}
    past: dict[str, int] = {}
    for placed in projections:
        projection, delay = placed.projection, placed.synapses.max_delay
        if placed.per_event:
            if delay:
                past[projection.source] = max(past.get(projection.source, 0), delay)
        elif placed.bits is None:
            depths[projection.target] = max(depths[projection.target], placed.depth)
    return NetworkState(
        step=0,
        neurons={p.name: initial_state(p.neuron, p.n) for p in graph.populations},
        pending={p.name: np.zeros((depths[p.name], p.n), np.int64) for p in graph.populations},
        sums={
            k: np.zeros((placed.depth, placed.synapses.n_post), np.int64)
            for k, placed in enumerate(projections)
            if placed.bits is not None
        },
        history={name: [np.zeros(0, np.int64)] * steps for name, steps in past.items()},
        lfsr={p.name: p.neuron.lfsr.seed for p in graph.populations},
        dropped={s.name: 0 for s in graph.sources if isinstance(s, EventSource)},
        saturated=[0] * len(projections),
    )


def first_thresholds(population: Population) -> Ints:
    """The thresholds of its neurons by its description, (n,)."""
    if population.v_thresholds:
        return np.array(population.v_thresholds, dtype=np.int64)
    return np.full(population.n, population.neuron.v_threshold, np.int64)


def acting(graph: Graph) -> tuple[Source | Population, ...]:
    """Sources and populations, without what shapes the hardware only."""
    plain = {"lanes": 1, "readable": False}
    return (*graph.sources, *(p.model_copy(update=plain) for p in graph.populations))


def with_registers_of(written_to: Graph, graph: Graph) -> Graph:
    """``graph``, of equal populations, with the registers that another one has been given."""
    populations = []
    for one, other in zip(graph.populations, written_to.populations, strict=True):
        if isinstance(other.neuron, WrittenNeuron):
            neuron = other.neuron.of_seed(one.neuron.lfsr)
            one = one.model_copy(update={"neuron": neuron})
        populations.append(one)
    return replace(graph, populations=tuple(populations))


def written(graph: Graph, thresholds: Mapping[str, Ints]) -> dict[str, Ints]:
    """Of the populations to which something was written, by name, the ``thresholds``."""
    return {
        p.name: thresholds[p.name]
        for p in graph.populations
        if (thresholds[p.name] != first_thresholds(p)).any()
    }


def write_state(path: str | Path, state: NetworkState, digest: str) -> None:
    """Write ``state`` of the network with ``digest`` to an .npz file, whole or not at all.

    Raises:
        FxlifError: another suffix, or a file that cannot be written.
    """
    path = npz_path(path)
    about = {
        "format": FORMAT, "digest": digest, "step": state.step,
        "lfsr": state.lfsr, "dropped": state.dropped, "saturated": state.saturated,
    }  # fmt: skip
    buffer = io.BytesIO()
    arrays: dict[str, Any] = {"about": np.array(json.dumps(about)), **state.arrays()}
    np.savez(buffer, **arrays)
    with whole_file(path) as temporary:
        temporary.write_bytes(buffer.getvalue())


def read_state(path: str | Path, now: NetworkState, digest: str) -> NetworkState:
    """The state in a file of :func:`write_state`, of the network with ``digest``.

    ``now`` is the network's present state: that of the file has the same names and shapes.

    Raises:
        FxlifError: a file that is missing or broken, or the state of another design.
    """
    path = npz_path(path)
    found = read_arrays(path)
    broken = FxlifError.must_be(str(path), "what save() wrote", path, found="another .npz file")
    try:
        about = json.loads(str(found.pop("about")))
        form, of = about["format"], about["digest"]
    except (KeyError, TypeError, ValueError):
        raise broken from None
    if form != FORMAT:
        raise FxlifError.must_be(f"{path}: format", FORMAT, form)
    if of != digest:
        raise FxlifError.must_be(
            str(path), f"the state of this design ({digest[:12]})", of,
            found=f"of another ({str(of)[:12]})",
        )  # fmt: skip
    if _kinds(found, now) != _kinds(now.arrays(), now):
        raise broken
    return NetworkState(
        step=about["step"],
        neurons={
            name: NeuronState(*(found[f"{name}.{field}"] for field in NeuronState._fields))
            for name in now.neurons
        },
        pending={name: found[f"{name}.pending"] for name in now.pending},
        sums={k: found[f"projection_{k}.sums"] for k in now.sums},
        history={name: split_steps(found[f"{name}.history"]) for name in now.history},
        lfsr=about["lfsr"],
        dropped=about["dropped"],
        saturated=about["saturated"],
    )


def _kinds(arrays: dict[str, Ints], now: NetworkState) -> dict[str, Any]:
    """What the arrays of one design's states have in common."""
    kinds: dict[str, Any] = {name: (array.shape, array.dtype) for name, array in arrays.items()}
    for name in now.history:
        found = arrays.get(f"{name}.history", np.zeros(0))
        # As many spikes as there were, in as many steps as matter.
        kinds[f"{name}.history"] = found.ndim, found.dtype, int((found == TICK).sum())
    return kinds


def npz_path(path: str | Path) -> Path:
    """``path``, or an error where it does not end in .npz."""
    path = as_path("path", path)
    if path.suffix != ".npz":
        raise FxlifError.must_be(str(path), "a name that ends in .npz", path, found=path.suffix)
    return path
