"""A design as a NIR file: what its integers stand for, and the integers themselves as metadata.

The float values are those that an Euler step makes the integers' own. The metadata has the design
but for its weights, and what the last bit of each potential stands for; so whoever reads the file
with :func:`~fxlif.nir.read` gets the same design, and whoever reads it otherwise a network of NIR.
"""

from __future__ import annotations

import io
import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import FxlifError, short
from ..files import as_path, whole_file
from ..network.topology import synapses_of
from ..params.design import validated
from ..params.network import NetworkParams, Population, Projection
from ..params.neuron import ExponentialSynapse
from ..params.sources import EventSource, RegularSource
from ..params.topology import Dense, Sparse
from ..quantise.leak import kept
from .graph import Graph
from .linear import scipy_sparse

if TYPE_CHECKING:
    from ..quantise.result import Quantised

#: The key of the metadata, and the version of what stands there.
KEY, VERSION = "fxlif", 1
Content = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Scales:
    """What the integers stand for: ``dt``, and by population the last bit of v and ``v_leak``."""

    dt: float
    units: Mapping[str, float]
    rests: Mapping[str, float]

    @classmethod
    def of(cls, made: NetworkParams | Quantised) -> Scales:
        """Those of a quantised network; of a design by itself one for each."""
        if isinstance(made, NetworkParams):
            names = [population.name for population in made.graph.populations]
            rests = {p.name: float(p.neuron.v_leak) for p in made.graph.populations}
            return cls(dt=1.0, units=dict.fromkeys(names, 1.0), rests=rests)
        groups = made.effective.groups
        times = {group.neuron.dt for group in groups}
        if len(times) != 1:
            raise FxlifError.must_be("dt", "the same of all groups", sorted(times))
        return cls(
            dt=times.pop(), units=dict(made.units),
            rests={group.name: group.neuron.v_leak for group in groups},
        )  # fmt: skip


def write(made: NetworkParams | Quantised, path: str | os.PathLike[str]) -> None:
    """Write a design, or what was quantised, as a NIR file, whole or not at all.

    Raises:
        FxlifError: what NIR cannot say, by its key in the design; a file that cannot be written.
    """
    path = as_path("path", path)
    try:
        import nir
    except ModuleNotFoundError:
        raise FxlifError.not_installed("nir", "'fxlif[nir]'") from None
    design = made if isinstance(made, NetworkParams) else getattr(made, "design", None)
    if not isinstance(design, NetworkParams):
        raise FxlifError.must_be("design", "NetworkParams or Quantised", made, found=short(made))
    content = content_of(design, Scales.of(made))
    # HDF5 itself ends the process where a disk is full.
    raw = io.BytesIO()
    nir.write(raw, nir.dict2NIRNode(content))
    with whole_file(path) as temporary:
        temporary.write_bytes(raw.getvalue())


# --- the design itself --------------------------------------------------------------------------


def _apart(design: NetworkParams) -> Iterator[int]:
    """The projections whose weights the nodes say: all given ones, but sparse ones with zeros."""
    steady = {source.name for source in _bias_sources(design)}
    for k, projection in enumerate(design.projection):
        given = projection.synapses
        if projection.source in steady:  # a bias is no node
            continue
        whole = isinstance(given, Sparse) and not given.own_delays and np.all(given.matrix.weights)
        if (isinstance(given, Dense) and given.delays is None) or whole:
            yield k


def _skeleton(design: NetworkParams) -> Content:
    """The design as in a design file, without the weights that the nodes say."""
    both = {"weights", "matrix"}
    left_out: Any = {
        "projection": {k: {"synapses": both} for k in _apart(design)},
        "core": {k: {"weights"} for k in range(len(design.core))},
    }
    return design.model_dump(mode="json", exclude_none=True, exclude=left_out)


def restored(graph: Graph) -> tuple[NetworkParams, Scales]:
    """The design that a file of :func:`write` was made of, and what its integers stand for.

    Raises:
        FxlifError: metadata that are broken, or of another version; nodes that are not what was
            written with them.
    """
    key = f"metadata.{KEY}"
    changed = "as fxlif wrote it (give a convention to read the floats by themselves)"
    try:
        told = json.loads(graph.metadata[KEY])
        if told["version"] != VERSION:
            raise FxlifError.must_be(f"{key}.version", str(VERSION), told["version"])
        scales = Scales(dt=told["dt"], units=told["units"], rests=told["rests"])
        content = told["design"]
        for k, table in enumerate(content.get("core", ())):
            shift = table.get("weight_shift", 0)
            table["weights"] = _stored(graph, k, f"core_{k}", shift, scales)
        for k, table in enumerate(content.get("projection", ())):
            given = table["synapses"]
            if given["kind"] in ("dense", "sparse") and not {"weights", "matrix"} & {*given}:
                weights = _stored(graph, k, table["target"], table.get("weight_shift", 0), scales)
                sparse = given["kind"] == "sparse"
                if sparse:
                    given["matrix"] = scipy_sparse().csr_matrix(weights)
                else:
                    given["weights"] = weights
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        if isinstance(error, FxlifError):
            raise
        raise FxlifError.must_be(key, changed, None, found="something else") from None
    design = validated(NetworkParams, content, Path(key))
    wanted = content_of(design, scales)
    if {*graph.nodes} != {*wanted["nodes"]} or {*graph.edges} != {*wanted["edges"]}:
        raise FxlifError.must_be("nodes and edges", changed, None, found="others")
    for path, fields in wanted["nodes"].items():
        for name, value in fields.items():
            found: Any = graph.nodes[path].fields.get(name)
            same = found == value if name == "type" else np.array_equal(found, value)
            if not same:
                raise FxlifError.must_be(f"{path}.{name}", changed, found, found="another value")
    return design, scales


def _stored(graph: Graph, k: int, target: str, shift: int, scales: Scales) -> Any:
    """The integer weights (n_pre, n_post) of projection ``k``."""
    (node,) = [
        node for path, node in graph.nodes.items()
        if path.endswith(f".to.{target}.{k}")
    ]  # fmt: skip
    exact = node.numbers("weight").T / (scales.units[target] * (1 << shift))
    return np.rint(exact).astype(np.int64)


# --- the nodes ----------------------------------------------------------------------------------


def content_of(design: NetworkParams, scales: Scales) -> Content:
    """The graph as nested dictionaries, as ``to_dict`` of ``nir.NIRGraph`` gives it."""
    graph = design.graph
    nodes: dict[str, Content] = {}
    edges: list[tuple[str, str]] = []
    for k, source in enumerate(graph.sources):
        if isinstance(source, EventSource):
            nodes[source.name] = {"type": "Input", "shape": np.array([source.n])}
        elif source not in _bias_sources(design):
            allowed = "'events' in NIR, or one line that spikes in every step, as biases"
            raise FxlifError.must_be(f"source[{k}].kind", allowed, source.kind)
    biases = _biases(design, scales)
    open_ends = {population.name for population in graph.populations}
    for k, projection in enumerate(graph.projections):
        if projection.source not in {source.name for source in _bias_sources(design)}:
            name = f"{projection.source}.to.{projection.target}.{k}"
            bias = biases.pop(projection.target, None)
            edges += _joined(nodes, name, projection, design, scales, bias, f"projection[{k}]")
            if projection.source != projection.target:
                open_ends.discard(projection.source)
    for k, population in enumerate(graph.populations):
        if population.name in biases:
            allowed = "the target of a projection (NIR has no neurons without an input)"
            raise FxlifError.must_be(f"population[{k}]", allowed, population.name)
        nodes[population.name] = _neurons(f"population[{k}]", population, scales, open_ends)
        if population.name in open_ends:
            out = f"{population.name}.output"
            nodes[out] = {"type": "Output", "shape": np.array([population.n])}
            edges.append((population.name, out))
    told = {
        "version": VERSION, "dt": scales.dt, "units": dict(scales.units),
        "rests": dict(scales.rests), "design": _skeleton(design),
    }  # fmt: skip
    return {
        "type": "NIRGraph", "nodes": nodes, "edges": edges, "metadata": {KEY: json.dumps(told)},
        "type_check": False,
    }  # fmt: skip


def _bias_sources(design: NetworkParams) -> list[RegularSource]:
    """Single lines that spike in every step: what they bring is a bias."""
    return [
        source for source in design.source
        if isinstance(source, RegularSource) and source.n == source.interval == 1
    ]  # fmt: skip


def _biases(design: NetworkParams, scales: Scales) -> dict[str, Any]:
    """By population the bias of each neuron, as a float in units of v."""
    graph = design.graph
    made = {p.name: np.full(p.n, float(p.neuron.bias)) for p in graph.populations}
    steady = {source.name for source in _bias_sources(design)}
    for k, projection in enumerate(graph.projections):
        if projection.source in steady:
            if projection.delay_range != (0, 0):
                raise FxlifError.must_be(
                    f"projection[{k}].delay", "0 of a bias in NIR", projection.delay
                )
            made[projection.target] += _integers(projection, design)[0]
    return {name: values * scales.units[name] for name, values in made.items()}


def _integers(projection: Projection, design: NetworkParams) -> Any:
    """(n_pre, n_post): what a spike adds to the current, in the last bit of v."""
    n_pre, n_post = (design.graph.sizes[x] for x in (projection.source, projection.target))
    table = synapses_of(projection, n_pre, n_post)
    return table.dense().astype(np.int64) << projection.weight_shift


def _joined(
    nodes: dict[str, Content], name: str, projection: Projection, design: NetworkParams,
    scales: Scales, bias: Any, key: str,
) -> Iterator[tuple[str, str]]:  # fmt: skip
    """Add the nodes of a projection; the edges of these."""
    low, high = projection.delay_range
    if low != high:
        raise FxlifError.must_be(f"{key}.delay", "one for all synapses in NIR", [low, high])
    weights = _integers(projection, design).T * scales.units[projection.target]
    before = projection.source
    if high:
        late, n = f"{name}.delay", weights.shape[1]
        nodes[late] = {"type": "Delay", "delay": np.full(n, high * scales.dt)}
        yield before, late
        before = late
    nodes[name] = {"type": "Linear", "weight": weights}
    if bias is not None and bias.any():
        nodes[name] = {"type": "Affine", "weight": weights, "bias": bias}
    yield before, name
    yield name, projection.target


#: What a neuron of NIR has not, with the one value that it may have.
NEITHER = {
    "v_floor": None, "negative_threshold": None, "adaptation": None, "bias_at": "current",
    "accumulate": "exact", "fire_on": "step",
}  # fmt: skip


def _neurons(key: str, population: Population, scales: Scales, open_ends: set[str]) -> Content:
    neuron, n = population.neuron, population.n
    for name, only in NEITHER.items():
        if getattr(neuron, name) != only:
            allowed = f"{only if only is not None else 'left out'} in NIR"
            raise FxlifError.must_be(f"{key}.neuron.{name}", allowed, getattr(neuron, name))
    if population.noise:
        raise FxlifError.must_be(f"{key}.noise", "left out in NIR", population.noise)
    unit, rest = scales.units[population.name], scales.rests[population.name]
    lost = 1 - _kept(f"{key}.neuron.leak", neuron.leak)

    def each(value: Any) -> Any:
        return np.broadcast_to(np.float64(value), n).copy()

    thresholds = np.array(population.v_thresholds or [neuron.v_threshold] * n)
    fires = population.name not in open_ends or thresholds.min() <= neuron.ranges["v"][1]
    fields = {"r": each(1 / lost if lost else 1 / scales.dt)}
    if lost:
        fields |= {"tau": each(scales.dt / lost), "v_leak": each(rest)}
    if fires:
        fields["v_threshold"] = rest + (thresholds - neuron.v_leak) * unit
        fields["v_reset"] = each(rest + (neuron.v_reset - neuron.v_leak) * unit)
    kind = ("LIF" if lost else "IF") if fires else "LI"
    synapse = neuron.synapse
    exponential = isinstance(synapse, ExponentialSynapse)
    if not lost and (not fires or rest or exponential):
        allowed = "one that loses something in NIR, with a v_leak, a synapse or no threshold"
        raise FxlifError.must_be(f"{key}.neuron.leak", allowed, neuron.leak.kind)
    if isinstance(synapse, ExponentialSynapse):
        lost_i = 1 - _kept(f"{key}.neuron.synapse.leak", synapse.leak)
        if not lost_i:
            allowed = "one that loses something in NIR"
            raise FxlifError.must_be(f"{key}.neuron.synapse.leak", allowed, synapse.leak.kind)
        kind, fields["tau_mem"] = f"Cuba{kind}", fields.pop("tau")
        fields |= {"tau_syn": each(scales.dt / lost_i), "w_in": each(1 / lost_i)}
    return {"type": kind, **fields}


def _kept(key: str, leak: Any) -> float:
    try:
        return float(kept(leak))
    except FxlifError as error:
        raise FxlifError.must_be(key, f"{error.allowed} in NIR", error.value) from None
