"""A float network of a NIR graph, and what had to be decided for it."""

from __future__ import annotations

import os
import re
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from math import prod
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from ..arrays import count_of, integer, one_of
from ..errors import FxlifError, FxlifWarning
from ..params.network import NetworkParams
from ..params.neuron import MAX_SPIKES, ExponentialSynapse
from ..profiles.profile import quantity
from ..quantise.network import FloatConnection, FloatGroup, FloatNetwork, Matrix
from ..quantise.neuron import RULES, StepNeuron
from .conventions import CONVENTIONS, Choices, Reset, Stepped, stepped
from .exporting import KEY, restored
from .graph import Graph, graph_of
from .reduce import Reduction, Signal

Index = npt.NDArray[np.int64]
#: From this share of weights on that are not 0 a matrix is kept whole.
DENSE = 0.25


@dataclass(frozen=True, kw_only=True, eq=False)
class Imported:
    """What :func:`read` made.

    Attributes:
        network: the float network.
        nodes: by group and input, the path of its node in the graph.
        outputs: the groups that the graph gives out, in its order.
        membranes: the groups that never fire, of LI and CubaLI: read by their v.
        decided: what no NIR file says and was given, or comes from the convention: a line each.
        design: the design, where :func:`~fxlif.nir.write` made the file; its integers are those
            that were written.
    """

    network: FloatNetwork
    nodes: Mapping[str, str]
    outputs: tuple[str, ...]
    membranes: tuple[str, ...]
    decided: tuple[str, ...]
    design: NetworkParams | None = None


def read(
    source: str | os.PathLike[str] | Any,
    *,
    convention: Literal["snntorch", "norse", "sinabs", "exact", "euler"] | None = None,
    dt: float | None = None,
    reset: Reset | None = None,
    refractory: int = 0,
    max_spikes_per_step: int | None = None,
    norm_input: bool = True,
    events: int = 1,
    name: str = "network",
) -> Imported:
    """The float network of a NIR file, or of a ``nir.NIRGraph``.

    Each neuron node becomes a group, several where its neurons differ in time constants or in
    v_reset; the linear nodes between them become connections. Round a loop without a Delay
    spikes take a step.

    Args:
        source: the file, or the graph.
        convention: how the network was stepped where it was trained: ``snntorch``, ``norse``,
            ``sinabs``; or NIR's equations, ``exact`` or in ``euler`` steps. None for a file of
            :func:`~fxlif.nir.write`, whose metadata say it.
        dt: length of a step, in the unit of the file's time constants.
        reset: ``subtract`` or ``to_value``; snntorch and sinabs have both, and it must be given.
        refractory: steps without a spike after a spike.
        max_spikes_per_step: 1..31; None: as the convention says.
        norm_input: of sinabs' LIF, whether its input is scaled by 1 - alpha.
        events: how often a line of an input may spike in a step, at most.
        name: of the network.

    Raises:
        FxlifError: a file that is none; what is missing; what cannot be represented: node and key.
        Warns (FxlifWarning): neurons that start at another v than they were trained with.
    """
    graph = graph_of(source)
    try:
        if convention is None and KEY in graph.metadata:
            return _own(graph, events, name)
        choices = _choices(convention, dt, reset, refractory, max_spikes_per_step, norm_input)
        return _network(graph, choices, integer("events", events, 1, 1 << 16), name)
    except FxlifError as error:
        raise (error if hasattr(source, "to_dict") else error.inside(source)) from None


def _choices(
    convention: str | None, dt: float | None, reset: Reset | None, refractory: int,
    several: int | None, norm_input: bool,
) -> Choices:  # fmt: skip
    """What was asked for, checked; an error names what no file says and nobody has said."""
    if convention is None:
        known = ", ".join(CONVENTIONS)
        raise _missing("convention", f"{known}; no NIR file says how it was stepped")
    one_of("convention", convention, tuple(CONVENTIONS))
    how = CONVENTIONS[convention]
    if dt is None:
        raise _missing("dt", f"{how.dt}; no NIR file has one")
    if not 0 < quantity("dt", dt, 0, np.inf) < np.inf:
        raise FxlifError.must_be("dt", "more than 0", dt)
    chosen = how.reset if reset is None else reset
    if chosen is None:
        raise _missing("reset", f"subtract or to_value; {convention}'s files do not say which")
    one_of("reset", chosen, ("subtract", "to_value"))
    if several is None:
        several = how.several if chosen == "subtract" else 1
    return Choices(
        convention=convention, dt=dt, reset=chosen,
        refractory=integer("refractory", refractory, 0, 255),
        several=integer("max_spikes_per_step", several, 1, MAX_SPIKES), norm_input=norm_input,
    )  # fmt: skip


def _own(graph: Graph, events: int, name: str) -> Imported:
    """The design that fxlif wrote, and the float network that its integers stand for."""
    design, scales = restored(graph)
    choices = _choices("euler", scales.dt, "to_value", 0, None, True)
    imported = _network(graph, choices, events, name)
    neurons = {population.name: population.neuron for population in design.graph.populations}
    groups = []
    for group in imported.network.groups:
        neuron = neurons[group.name]
        rule = {key: getattr(neuron, key) for key in RULES}
        if isinstance(neuron.synapse, ExponentialSynapse):
            rule["synapse_order"] = neuron.synapse.order
        stepped = replace(group.neuron, rule=rule, refractory=neuron.refractory)
        groups.append(replace(group, neuron=stepped))
    order = {population.name: k for k, population in enumerate(design.graph.populations)}
    groups.sort(key=lambda group: order[group.name])
    return replace(
        imported, network=replace(imported.network, groups=groups), design=design,
        decided=(f"dt = {scales.dt:g}, rule and integers: from the metadata of fxlif",),
    )  # fmt: skip


def _missing(key: str, allowed: str) -> FxlifError:
    return FxlifError(f"{key}: must be given (--{key}): {allowed}", key=key, allowed=allowed)


def _network(graph: Graph, choices: Choices, events: int, name: str) -> Imported:
    reduction = Reduction(graph, choices.dt)
    inputs = graph.inputs
    into = {path: reduction.into(path) for path in reduction.emitters if path not in inputs}
    order, late = _order(inputs, into)
    names = _names([*inputs, *order])
    sizes = {path: prod(reduction.shape(path)) for path in (*inputs, *order)}
    # Of each emitter, the groups that it became, and which of its lines are theirs.
    parts: dict[str, list[tuple[str, Index]]] = {
        path: [(names[path], np.arange(sizes[path]))] for path in inputs
    }
    kinds: dict[str, Stepped] = {}
    for path in order:
        node = graph.nodes[path]
        if prod(into[path].shape) != sizes[path]:
            allowed = f"of {prod(into[path].shape)} neurons, as its input"
            raise FxlifError.must_be(path, allowed, sizes[path])
        kinds[path] = stepped(node, sizes[path], choices)
        _as_trained(path, kinds[path], into[path], choices)
        parts[path] = list(_alike(names[path], kinds[path]))
    groups, connections = [], []
    for path in order:
        for group, where in parts[path]:
            try:
                groups.append(_group(group, kinds[path], where, into[path].constant, choices))
            except FxlifError as error:
                raise error.inside(path) from None
            for (emitter, delay), matrix in into[path].parts.items():
                steps = delay + ((emitter, path) in late and not delay)
                for source, lines in parts[emitter]:
                    weights = matrix[lines][:, where].multiply(kinds[path].gain[where]).tocsr()
                    if weights.nnz or len(parts[emitter]) == len(parts[path]) == 1:
                        connections.append(
                            FloatConnection(
                                source=source, target=group, weights=_kept(weights), delay=steps
                            )
                        )
    outputs = [_output(path, reduction.into(path), inputs) for path in graph.outputs]
    silent = [path for path in order if np.isinf(kinds[path].threshold).any()]
    for path in silent:
        behind = [one for one in order if any(emitter == path for emitter, _ in into[one].parts)]
        if behind:
            allowed = "a last node: its membrane is no spike that others could take"
            raise FxlifError.must_be(path, allowed, behind, found=f"before {behind[0]}")
    return Imported(
        network=FloatNetwork(
            groups=groups, connections=connections, inputs={names[p]: sizes[p] for p in inputs},
            events={names[path]: events for path in inputs}, name=name,
        ),
        nodes={group: path for path in (*inputs, *order) for group, _ in parts[path]},
        outputs=tuple(group for path in outputs for group, _ in parts[path]),
        membranes=tuple(group for path in silent for group, _ in parts[path]),
        decided=tuple(_decided(choices, parts, late, silent)),
    )  # fmt: skip


def _as_trained(path: str, kinds: Stepped, into: Signal, choices: Choices) -> None:
    """Raise where a node does what the rule has no choice for; warn of another first v."""
    how = CONVENTIONS[choices.convention]
    itself = any(emitter == path for emitter, _ in into.parts)
    if choices.convention == "snntorch" and choices.reset == "to_value" and itself:
        allowed = "subtract for snnTorch's RLeaky: with zero it loses its input as well"
        raise FxlifError.must_be(f"{path}: reset", allowed, choices.reset)
    away = kinds.misplaced(how.starts_at)
    if away:
        warnings.warn(
            f"{path}: v starts at v_reset, where trained at {how.starts_at}: {away:.1%} of the way "
            "from rest to threshold apart",
            FxlifWarning, stacklevel=2,
        )  # fmt: skip


def _order(inputs: list[str], into: Mapping[str, Signal]) -> tuple[list[str], set[tuple[str, str]]]:
    """The neuron nodes, each behind those before it, and the edges that close a loop without
    delay: found from the inputs on, in the order of the graph."""
    after: dict[str, list[str]] = {}
    for path, signal in into.items():
        for emitter, delay in signal.parts:
            if not delay:
                after.setdefault(emitter, []).append(path)
    order: list[str] = []
    late: set[tuple[str, str]] = set()
    done: set[str] = set()

    def visit(path: str, way: tuple[str, ...]) -> None:
        done.add(path)
        for other in after.get(path, ()):
            if other in (*way, path):
                late.add((path, other))
            elif other not in done:
                visit(other, (*way, path))
        if path in into:
            order.insert(0, path)

    # The last start comes to stand first: inputs before nodes that nothing reaches from them.
    starts = [path for path in into if path not in _reached(inputs, after)]
    for path in (*reversed(starts), *reversed(inputs)):
        if path not in done:
            visit(path, ())
    return order, late


def _reached(inputs: list[str], after: Mapping[str, list[str]]) -> set[str]:
    found, ahead = set(inputs), list(inputs)
    while ahead:
        new = [path for path in after.get(ahead.pop(), ()) if path not in found]
        found.update(new)
        ahead += new
    return found


def _names(paths: list[str]) -> dict[str, str]:
    """Of each path a name that a population may have."""
    made: dict[str, str] = {}
    for path in paths:
        word = re.sub(r"[^a-z0-9_]", "_", path.lower())[:40]
        word = word if re.match("[a-z]", word) else f"n_{word}"
        taken, k = {*made.values(), "always"}, 1
        while (name := word if k == 1 else f"{word}_{k}") in taken:
            k += 1
        made[path] = name
    return made


def _alike(name: str, kinds: Stepped) -> Iterator[tuple[str, Index]]:
    """The neurons of a node in groups of one decay, one synapse and one v_reset."""
    columns = [kinds.decay, kinds.v_reset - kinds.v_leak]
    if kinds.decay_syn is not None:
        columns.append(kinds.decay_syn)
    values, which = np.unique(np.stack(columns, axis=1), axis=0, return_inverse=True)
    for k in range(len(values)):
        where = np.flatnonzero(which.ravel() == k)
        yield (name if len(values) == 1 else f"{name}_{k}"), where


def _group(
    name: str, kinds: Stepped, where: Index, constant: npt.NDArray[np.float64], choices: Choices
) -> FloatGroup:
    v_leak, first = kinds.v_leak[where], where[0]
    # Neurons of different rest are counted from it: weights and thresholds are distances.
    base = 0.0 if (v_leak == v_leak[0]).all() else v_leak
    thresholds = kinds.threshold[where] - base
    neuron = StepNeuron(
        decay=float(kinds.decay[first]),
        decay_syn=None if kinds.decay_syn is None else float(kinds.decay_syn[first]),
        v_threshold=float(thresholds[0]), v_leak=float((v_leak - base)[0]),
        v_reset=float((kinds.v_reset[where] - base)[0]), refractory=choices.refractory,
        tau_of=CONVENTIONS[choices.convention].method, dt=choices.dt, rule=kinds.rule,
    )  # fmt: skip
    return FloatGroup(
        name=name, n=len(where), neuron=neuron, v_threshold=thresholds,
        bias=constant[where] * kinds.gain[where],
    )  # fmt: skip


def _kept(matrix: Any) -> Matrix:
    """A sparse matrix, or as an array where it is not sparse."""
    matrix.eliminate_zeros()
    n, m = matrix.shape
    return matrix.toarray() if matrix.nnz >= DENSE * n * m or not matrix.nnz else matrix


def _output(path: str, signal: Signal, inputs: list[str]) -> str:
    """The node whose spikes, or membrane, an Output gives as they are."""
    if len(signal.parts) == 1 and not signal.constant.any():
        ((emitter, delay), matrix), n = next(iter(signal.parts.items())), prod(signal.shape)
        same = matrix.shape == (n, n) and (matrix.diagonal() == 1).all() and matrix.nnz == n
        if same and not delay and emitter not in inputs:
            return emitter
    allowed = "directly behind one node of neurons (an LI adds up spikes by weights)"
    raise FxlifError.must_be(path, allowed, None, found="behind linear nodes or several")


def _decided(
    choices: Choices, parts: Mapping[str, list[tuple[str, Index]]], late: set[tuple[str, str]],
    silent: list[str],
) -> Iterator[str]:  # fmt: skip
    yield f"stepped as {CONVENTIONS[choices.convention].title}"
    several = f", {choices.several} spikes in a step at most" if choices.several > 1 else ""
    rest = count_of(choices.refractory, "step") if choices.refractory else "none"
    yield (f"dt = {choices.dt:g}, reset: {choices.reset}, refractory period: {rest}{several}")
    if choices.convention == "sinabs":
        scaled = "scaled by 1 - alpha" if choices.norm_input else "not scaled"
        yield f"the input of LIF is {scaled} (norm_input = {choices.norm_input})"
    for path, groups in parts.items():
        if len(groups) > 1:
            yield f"{path}: {len(groups)} groups, its neurons differ in time constants or v_reset"
    for a, b in sorted(late):
        yield f"{a} -> {b}: closes a loop without a Delay; spikes act one step later"
    for path in silent:
        yield f"{path}: never fires, and is read by its membrane"
