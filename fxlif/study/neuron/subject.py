"""The subject ``neuron``: one integer neuron against the same in float64 (:mod:`.runs`)."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from ... import metrics
from ...arrays import integer
from ...params.base import ROUNDINGS, Rounding
from ...params.core import CoreParams
from ...params.network import NetworkParams
from ...params.neuron import NeuronParams
from ...quantise.leak import LeakCandidate, leak_candidates
from ...quantise.result import describe
from ..subject import Objective, Parameter, Subject, Value, refuse_others
from .runs import (
    ABOVE,
    PROBES,
    WORK,
    Drive,
    decay_of,
    driven,
    float_run,
    integer_run,
    rate_error,
)

if TYPE_CHECKING:
    from ..report.figures import Figure
    from ..table import Row

KINDS = ("shift", "multi_shift", "scale")
Named = TypeVar("Named", Parameter, Objective)


@lru_cache
def nearest_leak(kind: str, decay: float, most: int, rounding: Rounding) -> LeakCandidate:
    """The leak nearest to ``decay`` of a kind and at most ``most`` adders.

    One shift is also the shortest of several; shifts alone make no other product than ``scale``.
    """
    kinds = ("shift", "multi_shift") if kind == "multi_shift" else (kind,)
    candidates = leak_candidates(decay, rounding=rounding)
    good = [one for one in candidates if one.leak.kind in kinds and one.adders <= most]
    return min(good, key=lambda one: (one.error, one.adders))


def by_name(*all_: Named) -> dict[str, Named]:
    """Parameters or objectives by their name."""
    return {one.name: one for one in all_}


PARAMETERS = by_name(
    Parameter(name="tau", title="time constant", unit="steps", low=1, high=1000, fractional=True),
    Parameter(name="leak", title="leak", choices=KINDS),
    Parameter(name="adders", title="adders at most", low=1, high=8),
    Parameter(name="rounding", title="rounding", choices=ROUNDINGS),
    Parameter(name="minimum_step", title="smallest step of the leak", unit="LSB", low=0, high=1),
    Parameter(name="fractional_bits", title="fractional bits of v", unit="bits", low=2, high=24),
)
#: The time constant is that of a shift by 4, which every kind of leak has without an error.
DEFAULTS: Mapping[str, Value] = {
    "tau": -1 / math.log(15 / 16), "leak": "shift", "adders": 3, "rounding": "nearest_even",
    "minimum_step": 0, "fractional_bits": 12,
}  # fmt: skip
OBJECTIVES = by_name(
    Objective(name="rate_error", title="rate error", unit="%", direction="zero", interval=True),
    Objective(name="tau_error", title="error of the time constant", unit="%", direction="minimize"),
    Objective(
        name="divergence", title="first other spike, median", unit="steps",
        direction="maximize",
    ),
    Objective(name="sqnr", title="signal to noise of v", unit="dB", direction="maximize"),
    Objective(name="adders_used", title="adders of the leak", direction="minimize"),
    Objective(name="state_bits", title="width of v", unit="bits", direction="minimize"),
)  # fmt: skip


class OneNeuron(Subject):
    """A neuron whose time constant, leak, rounding and width are varied.

    Keys of its table, both optional: ``seed`` of the currents, and ``work``, how many steps of
    neurons are compared.
    """

    parameters = PARAMETERS
    objectives = OBJECTIVES
    defaults = DEFAULTS

    def __init__(self, table: Mapping[str, Any], folder: Path) -> None:
        refuse_others(table, ("seed", "work"))
        self.seed = integer("seed", table.get("seed", 1))
        self.work = integer("work", table.get("work", WORK), 1, 1 << 28)

    def all_values(self, values: Mapping[str, Value]) -> dict[str, Any]:
        """The value of every parameter."""
        return {**self.defaults, **values}

    def leak(self, values: Mapping[str, Value]) -> LeakCandidate:
        """The leak that the values choose, and what it costs."""
        given = self.all_values(values)
        decay = decay_of(given["tau"])
        one = nearest_leak(given["leak"], decay, given["adders"], given["rounding"])
        leak = one.leak.model_copy(update={"minimum_step": given["minimum_step"]})
        return replace(one, leak=leak)

    def neuron(self, values: Mapping[str, Value]) -> NeuronParams:
        """The integer neuron that the values make."""
        bits = self.all_values(values)["fractional_bits"]
        width = bits + ABOVE
        return NeuronParams(
            leak=self.leak(values).leak, v_threshold=1 << bits, state_bits=width,
            threshold_bits=width, current_bits=width,
        )  # fmt: skip

    def design(self, values: Mapping[str, Value]) -> NetworkParams | None:
        """A core of one such neuron; a spike of its one input adds a quarter of the threshold."""
        neuron = self.neuron(values)
        quarter = neuron.v_threshold // 4
        shift = max(0, quarter.bit_length() - neuron.weight_bits + 1)
        core = CoreParams(
            n_inputs=1, n_neurons=1, weights=((quarter >> shift,),), weight_shift=shift,
            neuron=neuron,
        )  # fmt: skip
        return NetworkParams(name="neuron", core=(core,))

    def evaluate(self, values: Mapping[str, Value], wanted: Collection[str]) -> dict[str, float]:
        """The objectives; see :class:`~fxlif.study.subject.Subject`."""
        neuron, leak = self.neuron(values), self.leak(values)
        drives = driven(float(self.all_values(values)["tau"]), self.seed, self.work)
        found = {
            "tau_error": 100 * leak.error,
            "adders_used": leak.adders,
            "state_bits": neuron.state_bits,
        }
        if "rate_error" in wanted:
            counts = [
                integer_run(drive.currents, neuron, record=False).spikes.sum(axis=0)
                for drive in drives
            ]
            due = [drive.spikes.sum(axis=0) for drive in drives]
            error = rate_error(np.concatenate(due), np.concatenate(counts))
            columns = self.objectives["rate_error"].columns
            found |= dict(zip(columns, (100 * value for value in error), strict=True))
        if {"divergence", "sqnr"} & set(wanted):
            found |= self.step_by_step(drives, neuron, decay_of(self.all_values(values)["tau"]))
        return found

    def pictures(self, chosen: Mapping[str, Row]) -> Iterator[Figure]:
        """Rasters, a trace and the f-I curve of the float neuron and of those chosen."""
        from .pictures import Design, of_neurons

        designs = []
        for name, row in chosen.items():
            given = self.all_values(row.values)
            bits = given["fractional_bits"]
            text = f"{describe(self.leak(given))}, {given['rounding']}, {bits} fractional bits."
            designs.append(Design(name, text, self.neuron(given), float(given["tau"])))
        return of_neurons(designs, self.seed)

    def step_by_step(
        self, drives: tuple[Drive, ...], neuron: NeuronParams, decay: float
    ) -> dict[str, float]:
        """``divergence`` and ``sqnr``, the mean over neurons, of the first neurons of each drive.

        A neuron that never differs counts as one that does after the last step; one that differs
        in the first step has no noise to be measured, nor has one without any.
        """
        first, noise = [], []
        for drive in drives:
            currents = drive.currents[:, :PROBES]
            exact, found = float_run(currents, decay), integer_run(currents, neuron)
            for k in range(PROBES):
                own = [
                    array[:, k : k + 1] for array in (exact.v, found.v, exact.spikes, found.spikes)
                ]
                at = metrics.first_divergence(own[2], own[3])
                first.append(len(currents) if at is None else at)
                noise.append(float(metrics.membrane(*own).sqnr[0]))
        known = [ratio for ratio in noise if math.isfinite(ratio)]
        return {
            "divergence": float(np.median(first)),
            "sqnr": float(np.mean(known)) if known else math.nan,
        }
