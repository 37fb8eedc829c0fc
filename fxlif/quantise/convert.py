"""From a float network to integers."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import partial
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from ..arrays import integer, of_type, one_of
from ..errors import FxlifError, FxlifWarning
from ..params.base import Rounding
from ..params.network import NetworkParams, Population, Projection
from ..params.neuron import Overflow
from ..params.sources import EventSource, RegularSource
from ..params.topology import Dense, Sparse
from ..profiles.profile import quantity
from .activity import behaviour, recorded_ranges, saturations
from .group import MAX_BITS, MIN_BITS, Choices, IntegerGroup
from .leak import KINDS, kept
from .network import FloatConnection, FloatGroup, FloatNetwork, entries, is_sparse, mapped
from .result import Quantised, Row, rms
from .scale import FRACTIONS, METHODS, Method, weight_step

#: A coarser threshold than this is 0 in most neurons.
MAX_THRESHOLD_SHIFT = 15
#: The name of the source that brings each neuron its own bias.
ALWAYS = "always"
#: From this relative error of a time constant on there is a warning.
FAR_TAU = 0.05


def quantise(
    network: FloatNetwork,
    *,
    weight_bits: int | Mapping[str, int] = 8,
    scale: Method = "minmax",
    percentile: float = 99.9,
    per: Literal["group", "network"] = "group",
    tau_error: float = 0.02,
    resolution: float = 0.01,
    rounding: Rounding = "floor",
    overflow: Overflow = "saturate",
    leak: Literal["cheapest", "shift", "multi_shift", "scale"] = "cheapest",
    threshold_bits: int | None = None,
    threshold_shift: int = 0,
    state_bits: int | None = None,
    current_bits: int | None = None,
    widths: Literal["provable", "limited", "recorded"] = "provable",
    spikes: Mapping[str, npt.ArrayLike] | None = None,
    margin: float = 0.25,
) -> Quantised:
    """The network in integers, what they stand for, and every error.

    Potentials are counted from v_leak, so v_leak is 0 in the design. The cheapest leak within
    ``tau_error`` is taken. v gets as many bits below a weight's last as keep the sum of its
    rounding errors below ``resolution`` of the way from rest to threshold.

    Args:
        network: in float.
        weight_bits: 1..16, or by group.
        scale: how the step between two weights is found: see
            :func:`~fxlif.quantise.scale.weight_step`; ``search`` scales weights and threshold of
            group after group together, so that over ``spikes`` the counts differ least from float.
        percentile: 0..100, of ``percentile``.
        per: whether each group has its step, or the network one.
        tau_error: largest relative error of a time constant.
        resolution: see above.
        rounding: of all leaks.
        overflow: of all states.
        leak: the kind of all leaks, or the cheapest of all kinds.
        threshold_bits: 4..32; a threshold is then a multiple of a power of 2. None: exact.
        threshold_shift: 0..15; thresholds are multiples of 2**threshold_shift, or coarser.
        state_bits: 4..32, the most that v may have; v is coarser where it has to be.
        current_bits: 4..32, the most that the current of an exponential synapse may have.
        widths: ``provable``: no input whatever overflows (:mod:`fxlif.quantise.widths`);
            ``limited``: the same, but where state_bits or current_bits allow less it overflows;
            ``recorded``: those of the run over ``spikes``, and ``margin`` beyond it.
        spikes: by input, (steps, n) counts; what ``search`` and ``recorded`` run.
        margin: 0 or more, of the recorded range.

    Raises:
        FxlifError: weights that all become 0, thresholds that become 0, states that nothing bounds
            or that do not fit; arguments out of range.
        Warns (FxlifWarning): clipped weights, time constants off by more than 5 %.
    """
    of_type("network", network, FloatNetwork, "a FloatNetwork")
    one_of("scale", scale, METHODS)
    one_of("widths", widths, ("provable", "limited", "recorded"))
    one_of("leak", leak, ("cheapest", *KINDS))
    one_of("per", per, ("group", "network"))
    if spikes is None and (scale == "search" or widths == "recorded"):
        raise FxlifError.must_be("spikes", "given with scale = search or widths = recorded", None)
    asked = {"state_bits": state_bits, "current_bits": current_bits}
    for name, bits in {**asked, "threshold_bits": threshold_bits}.items():
        if bits is not None:
            integer(name, bits, MIN_BITS, MAX_BITS)
    most = {name: bits for name, bits in asked.items() if bits is not None}
    if current_bits is not None and all(g.neuron.decay_syn is None for g in network.groups):
        allowed = "left out: no group has an exponential synapse"
        raise FxlifError.must_be("current_bits", allowed, current_bits)
    choices = Choices(
        tau_error=quantity("tau_error", tau_error, 0, 1),
        resolution=quantity("resolution", resolution, 1e-6, 1),
        rounding=rounding, overflow=overflow, threshold_bits=threshold_bits,
        threshold_shift=integer("threshold_shift", threshold_shift, 0, MAX_THRESHOLD_SHIFT),
        leak=None if leak == "cheapest" else leak,
    )  # fmt: skip
    quantity("percentile", percentile, 0, 100)
    quantity("margin", margin, 0, 1e6)
    groups = _first(network, weight_bits, scale, percentile, per, choices)

    def design_of(groups: list[IntegerGroup]) -> NetworkParams:
        return _design(network, _as_fine_as_wanted(groups, state_bits), {})

    if scale == "search" and spikes is not None:
        groups = _searched(network, groups, design_of, spikes)
    groups = _as_fine_as_wanted(groups, state_bits)
    saturated = None
    if widths != "recorded":
        found = {one.group.name: _provable(one, most, widths == "limited") for one in groups}
    else:
        assert spikes is not None
        found = _recorded(network, groups, spikes, margin, most)
    design = _design(network, groups, found)
    if widths == "recorded" and spikes is not None:
        saturated = saturations(design, spikes)
    notes = tuple(_notes(groups))
    for note in notes:
        warnings.warn(note, FxlifWarning, stacklevel=2)
    return Quantised(
        design=design, asked=network, effective=_effective(network, groups, design),
        units={one.group.name: one.unit for one in groups},
        leaks={one.group.name: one.leaks for one in groups},
        rows=tuple(_rows(groups)), widths=_all_widths(groups, found), notes=notes,
        saturated=saturated,
    )  # fmt: skip


# --- the unit of v ------------------------------------------------------------------------------


def _first(
    network: FloatNetwork, weight_bits: int | Mapping[str, int], scale: Method, percentile: float,
    per: str, choices: Choices,
) -> list[IntegerGroup]:  # fmt: skip
    """The groups with steps between their weights, as fine as these and no finer."""
    given = weight_bits if isinstance(weight_bits, Mapping) else {}
    events = {**network.events}
    for group in network.groups:
        events[group.name] = int(group.neuron.rule.get("max_spikes_per_step", 1))
    for name in given:
        one_of("weight_bits", name, [group.name for group in network.groups])
    groups = []
    for group in network.groups:
        bits = given.get(group.name, 8) if isinstance(weight_bits, Mapping) else weight_bits
        bits = integer(f"weight_bits of {group.name}", bits, 1, 16)
        into = tuple(network.into(group.name))
        steps = tuple(
            weight_step(entries(one.weights) * group.neuron.gain, bits, scale, percentile)
            for one in into
        )
        if into and not any(steps):
            key = f"{into[0].source} -> {group.name}: weights"
            raise FxlifError.must_be(key, "of more than zeros", 0.0)
        groups.append(
            IntegerGroup(
                group=group, connections=into, steps=steps, weight_bits=bits, events=events,
                choices=choices,
            )
        )  # fmt: skip
    if per == "network":
        widest = max((step for one in groups for step in one.steps), default=0.0)
        groups = [replace(g, steps=tuple(widest if s else s for s in g.steps)) for g in groups]
    return groups


def _as_fine_as_wanted(groups: list[IntegerGroup], state_bits: int | None) -> list[IntegerGroup]:
    """The groups with v as fine as the resolution asks, or as so many bits allow."""
    most = MAX_BITS if state_bits is None else state_bits
    made = []
    for one in groups:
        fine = replace(one, fraction=one.wanted_fraction)
        while fine.fraction:
            widths = fine.provable_widths()
            if (widths or {"state_bits": 0})["state_bits"] <= most and (
                widths is not None or fine.needed()["state_bits"].low is None
            ):
                break
            fine = replace(fine, fraction=fine.fraction - 1)
        made.append(fine)
    return made


def _searched(
    network: FloatNetwork, groups: list[IntegerGroup], design_of: Any,
    spikes: Mapping[str, npt.ArrayLike],
) -> list[IntegerGroup]:  # fmt: skip
    """Each group's step at the fraction with which the counts of spikes differ least from float."""
    wanted = network.run(spikes)
    for k, one in enumerate(groups):
        tried = [
            [*groups[:k], replace(one, steps=tuple(s * f for s in one.steps)), *groups[k + 1 :]]
            for f in (FRACTIONS if any(one.steps) else FRACTIONS[:1])
        ]
        groups = min(tried, key=lambda these: behaviour(design_of(these), spikes, wanted))
    return groups


# --- widths -------------------------------------------------------------------------------------


def _provable(one: IntegerGroup, most: Mapping[str, int], limited: bool) -> dict[str, int]:
    widths = one.provable_widths()
    name = one.group.name
    if widths is None:
        ends = one.needed()
        loose = [key for key, (low, high) in ends.items() if low is None or high is None]
        why = f"no bound on {loose[0]}" if loose else f"more than {MAX_BITS} bits"
        allowed = "a neuron whose leak, floor or reset bounds its state, or widths = recorded"
        raise FxlifError.must_be(name, allowed, name, found=f"one with {why}")
    for key, bits in most.items():
        if key not in one.kept:
            continue
        if widths[key] > bits and not limited:
            allowed = f"{widths[key]} or more (no input overflows {name}), or widths = recorded"
            raise FxlifError.must_be(key, allowed, bits)
        widths[key] = _least(one, key, min(bits, widths[key]))
    return widths


def _least(one: IntegerGroup, key: str, bits: int) -> int:
    """``bits``, where they hold what is stored."""
    least = one.width(key, 0, 0)
    if least > bits:
        allowed = f"{least} or more (v_threshold of {one.group.name})"
        raise FxlifError.must_be(key, allowed, bits)
    return bits


def _recorded(
    network: FloatNetwork, groups: list[IntegerGroup], spikes: Mapping[str, npt.ArrayLike],
    margin: float, most: Mapping[str, int],
) -> dict[str, dict[str, int]]:  # fmt: skip
    ranges = recorded_ranges(_design(network, groups, {}), spikes)
    made = {}
    for one in groups:
        widths = {}
        for name, (low, high) in ranges[one.group.name].items():
            ends = (int(np.floor(low * (1 + margin))), int(np.ceil(high * (1 + margin))))
            widths[name] = min(MAX_BITS, one.width(name, *ends))
        for name in one.kept & most.keys():
            widths[name] = min(widths[name], _least(one, name, most[name]))
        made[one.group.name] = widths
    return made


def _all_widths(
    groups: list[IntegerGroup], found: Mapping[str, Mapping[str, int]]
) -> dict[str, dict[str, int]]:
    return {
        one.group.name: {
            "weight_bits": one.weight_bits,
            "threshold_bits": one.neuron(found[one.group.name]).threshold_bits,
            **found[one.group.name],
        }
        for one in groups
    }  # fmt: skip


# --- the design, and back -----------------------------------------------------------------------


def _design(
    network: FloatNetwork, groups: list[IntegerGroup], widths: Mapping[str, Mapping[str, int]]
) -> NetworkParams:
    by_name = {one.group.name: one for one in groups}
    places = {id(c): (one, k) for one in groups for k, c in enumerate(one.connections)}
    sources: list[EventSource | RegularSource] = [
        EventSource(name=name, n=n, max_events_per_input=network.events.get(name, 1))
        for name, n in network.inputs.items()
    ]
    projections = []
    for connection in network.connections:
        one, k = places[id(connection)]
        ints = mapped(one.weights[k], lambda w: w.astype(np.int64))
        projections.append(
            Projection(
                source=connection.source, target=connection.target,
                synapses=Sparse(matrix=ints) if is_sparse(ints) else Dense(weights=ints),
                weight_shift=one.shifts[k], delay=connection.delay,
            )
        )  # fmt: skip
    own = [one for one in groups if one.has_own_biases]
    if own:
        sources.append(RegularSource(name=ALWAYS, n=1, interval=1))
    for one in own:
        weights, shift = one.bias_weights
        projections.append(
            Projection(
                source=ALWAYS, target=one.group.name, synapses=Dense(weights=weights[None, :]),
                weight_shift=shift, delay=0,
            )
        )  # fmt: skip
    return NetworkParams(
        name=network.name,
        source=tuple(sources),
        population=tuple(
            Population(
                name=group.name, n=group.n,
                neuron=by_name[group.name].neuron(widths.get(group.name)),
                v_thresholds=_own_thresholds(by_name[group.name]),
            )
            for group in network.groups
        ),
        projection=tuple(projections),
    )  # fmt: skip


def _own_thresholds(one: IntegerGroup) -> tuple[int, ...] | None:
    values = one.thresholds.tolist()
    return tuple(values) if len(set(values)) > 1 else None


def _effective(
    network: FloatNetwork, groups: list[IntegerGroup], design: NetworkParams
) -> FloatNetwork:
    """The float network that the integers stand for."""
    by_name = {one.group.name: one for one in groups}
    made = []
    for population in design.population:
        one = by_name[population.name]
        given = one.group.neuron
        left = {name: float(kept(one.leak(name))) for name in one.leaks}
        increment = population.neuron.adaptation
        thresholds = given.v_leak + one.thresholds * one.unit
        if not one.group.fires:
            thresholds = one.group.thresholds
        neuron = replace(
            given, decay=left["v"], decay_syn=left.get("i_syn"), decay_threshold=left.get("theta"),
            v_threshold=float(thresholds[0]),
            v_reset=given.v_leak + population.neuron.v_reset * one.unit,
            threshold_increment=increment.increment * one.unit if increment else 0.0,
            bias=0.0,
        )  # fmt: skip
        made.append(
            FloatGroup(
                name=population.name, n=population.n, neuron=neuron,
                v_threshold=thresholds,
                bias=one.effective_biases * (one.unit / given.gain),
            )
        )  # fmt: skip
    connections = []
    for connection in network.connections:
        one = by_name[connection.target]
        k = one.connections.index(connection)
        step = one.unit * (1 << one.shifts[k]) / one.group.neuron.gain
        weights = mapped(one.weights[k], partial(np.multiply, step))
        connections.append(
            FloatConnection(
                source=connection.source, target=connection.target, weights=weights,
                delay=connection.delay,
            )
        )  # fmt: skip
    return replace(network, groups=made, connections=connections)


# --- what it costs ------------------------------------------------------------------------------


def _rows(groups: list[IntegerGroup]) -> Iterator[Row]:
    names = {"v": "tau_mem", "i_syn": "tau_syn", "theta": "tau_threshold"}
    for one in groups:
        name, given = one.group.name, one.group.neuron
        for of, decay in given.decays.items():
            asked, means = given.tau(decay), one.chosen(of).tau
            yield Row(
                part=name, what=names[of], asked=asked, effective=means,
                error=0.0 if asked == means else means - asked,
            )  # fmt: skip
        if one.group.fires:
            yield _row_of(
                name, "v_threshold", one.group.thresholds - given.v_leak, one.thresholds * one.unit
            )
        reset = round((given.v_reset - given.v_leak) / one.unit) * one.unit
        if given.v_reset != given.v_leak:
            yield _row_of(name, "v_reset", given.v_reset - given.v_leak, reset)
        if one.group.biases.any():
            effective = one.effective_biases * (one.unit / given.gain)
            yield _row_of(name, "bias", one.group.biases, effective)
        if given.threshold_increment:
            increment = round(given.threshold_increment / one.unit) * one.unit
            yield _row_of(name, "threshold_increment", given.threshold_increment, increment)
        for k, connection in enumerate(one.connections):
            step = one.unit * (1 << one.shifts[k]) / given.gain
            what = f"weights from {connection.source}"
            yield _row_of(name, what, entries(connection.weights), entries(one.weights[k]) * step)


def _row_of(part: str, what: str, asked: Any, effective: Any) -> Row:
    """One number and its error; of several the root mean squares."""
    asked, effective = np.asarray(asked, np.float64), np.asarray(effective, np.float64)
    if (asked == asked.flat[0]).all():
        first = float(effective.flat[0])
        return Row(part=part, what=what, asked=float(asked.flat[0]), effective=first,
                   error=first - float(asked.flat[0]))  # fmt: skip
    return Row(part=part, what=what, asked=rms(asked), effective=rms(effective),
               error=rms(effective - asked))  # fmt: skip


def _notes(groups: list[IntegerGroup]) -> Iterator[str]:
    for one in groups:
        name = one.group.name
        for k, connection in enumerate(one.connections):
            clipped, count = one.clipped(k), entries(connection.weights).size
            if clipped:
                yield f"{connection.source} -> {name}: {clipped} of {count} weights clipped"
            if not entries(one.weights[k]).any() and entries(connection.weights).any():
                yield f"{connection.source} -> {name}: all weights become 0"
        for of in one.leaks:
            chosen = one.chosen(of)
            if chosen.error > FAR_TAU:
                yield f"{name}: the time constant of {of} is off by {chosen.error:.1%}"
        if one.has_own_biases:
            yield (
                f"{name}: its neurons have biases of their own: a source that spikes in every step "
                "brings them, so that the hardware is no chain of cores (docs/hardware.md); for a "
                "chain train with bias=False, or with one bias for all neurons of a layer"
            )
