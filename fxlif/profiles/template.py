"""A commented design of a profile's neurons (``fxlif init --profile``)."""

from __future__ import annotations

import json
from inspect import signature
from textwrap import fill
from typing import Any

from .. import profiles
from ..errors import FxlifError
from ..params.topology import Dense
from .profile import Profile

INPUTS, NEURONS = 4, 3


def profile_named(name: str) -> Profile:
    """The profile of a system with all its parameters at their defaults.

    Raises:
        FxlifError: no such profile; it says which name is nearest.
    """
    if name not in profiles.NAMES:
        raise FxlifError.unknown("--profile", "profile", name, profiles.NAMES)
    made: Profile = getattr(profiles, name)()
    return made


def design_of(name: str) -> str:
    """The text of a design file: one population of the named profile, and its input.

    Raises:
        FxlifError: no such profile.
    """
    profile = profile_named(name)
    given = signature(getattr(profiles, name)).parameters.values()
    call = ", ".join(f"{p.name}={p.default!r}" for p in given)
    stored = profile.weights
    # Weights such that something fires, in the form in which the system stores them.
    unit = 1 << stored.unstored
    low, high = (end // unit * unit // 2 // unit * unit for end in (stored.low, stored.high))
    rows = [[high, high // 2 // unit * unit, (i % 2) * unit] for i in range(INPUTS)]
    if not stored.one_sign:
        rows[-1] = [low, low, high]
    projection = profile.projection("input", "neurons", rows, outside=True)
    limits = {
        "neurons": profile.limits.neurons,
        "synapses into a neuron": profile.limits.fan_in,
        "delays": "{}..{}".format(*profile.limits.delays),
        "weights": f"{stored.low}..{stored.high}" + (f", multiples of {unit}" if unit > 1 else ""),
    }
    comment = [
        f"The neuron of {name}: {call}",
        f"With other parameters: fxlif.profiles.{name}(...) in Python.",
        f"Rule: {profile.source}.",
        f"Compared with: {profile.evidence}.",
        "Limits: " + ", ".join(f"{k} {v}" for k, v in limits.items() if v is not None) + ".",
        *profile.notes,
        "Run it: fxlif run design.toml --input events.txt -o spikes.txt (docs/profiles.md).",
    ]
    head = "\n".join(
        fill(line, 100, initial_indent="# ", subsequent_indent="#   ") for line in comment
    )
    assert isinstance(projection.synapses, Dense)
    weights = "".join(f"    {row},\n" for row in projection.synapses.weights.tolist())
    return f"""{head}

name = "{name}"

[[source]]
name = "input"
kind = "events"
n = {INPUTS}

[[population]]
name = "neurons"
n = {NEURONS}

{_neuron(profile)}
[[projection]]
source = "input"
target = "neurons"
delay = {projection.delay}
weight_shift = {projection.weight_shift}
synapses = {{ kind = "dense", weights = [
{weights}] }}
"""


def _neuron(profile: Profile) -> str:
    """The neuron's table: what the system lets one choose, then what is its rule."""
    fields = profile.neuron.model_dump(mode="json", exclude_none=True)
    groups: dict[str, list[str]] = {"parameters of the system": [], "its rule": []}
    for key, value in fields.items():
        group = "parameters of the system" if key in profile.free else "its rule"
        chosen = key in profile.free or key in profile.neuron.model_fields_set
        if chosen:
            groups[group].append(f"{key} = {_inline(value)}")
    parts = (f"# {title}\n" + "\n".join(lines) for title, lines in groups.items())
    return "[population.neuron]\n" + "\n".join(parts) + "\n"


def _inline(value: Any) -> str:
    """A value in TOML on one line."""
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{key} = {_inline(v)}" for key, v in value.items()) + " }"
    return json.dumps(value)  # texts, integers, booleans and lists are written as in JSON
