"""A network in integers against the same network in float: the subject ``network``.

Every trial quantises the float network with its values (:func:`fxlif.quantise.quantise`) and shows
the integers all samples at once, each from a reset on. A membrane that its bits cannot hold
overflows; the trial says what that costs.
"""

from __future__ import annotations

import hashlib
import json
import warnings
from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from ..arrays import Ints
from ..errors import FxlifError, FxlifWarning
from ..metrics import Accuracy
from ..network.model import Network
from ..network.projections import placed
from ..params.base import FIXED_ROUNDINGS
from ..params.network import NetworkParams
from ..quantise.convert import MAX_THRESHOLD_SHIFT, quantise
from ..quantise.group import MAX_BITS, MIN_BITS
from ..quantise.leak import KINDS
from ..quantise.network import FloatNetwork, entries
from ..quantise.result import Quantised
from ..quantise.scale import METHODS
from .fidelity import MEASURES, Seen
from .samples import Source, source_of, table_of, training_of
from .subject import Objective, Parameter, Subject, Value
from .through import Samples, read_weights, trained, write_weights

if TYPE_CHECKING:
    from .report.figures import Figure
    from .table import Row

#: Whether weights are trained through the integers after they were quantised, and the seed of that.
TRAINING = (
    Parameter(name="training", title="training", choices=("post", "through")),
    Parameter(name="seed", title="seed of the training", low=0, high=(1 << 31) - 1),
)
#: How many quantised networks are kept: an evaluation, and then its design or a plot of it.
KEPT = 2


def _bits(name: str, title: str, low: int = MIN_BITS, high: int = MAX_BITS) -> Parameter:
    return Parameter(name=name, title=title, unit="bit", low=low, high=high)


#: Each is an argument of :func:`~fxlif.quantise.quantise`, but for the reset, which is a rule.
PARAMETERS = (
    _bits("weight_bits", "weights", 1, 16),
    _bits("state_bits", "membrane"),
    _bits("threshold_bits", "threshold"),
    _bits("current_bits", "current"),
    Parameter(
        name="threshold_shift", title="threshold shift", unit="bit", low=0, high=MAX_THRESHOLD_SHIFT
    ),
    Parameter(name="leak", title="leak", choices=("cheapest", *KINDS)),
    Parameter(name="rounding", title="rounding of the leak", choices=FIXED_ROUNDINGS),
    Parameter(name="overflow", title="overflow", choices=("saturate", "wrap")),
    Parameter(name="reset", title="reset", choices=("subtract", "to_value")),
    # A search runs the network at every step of the scale: a study does that by itself.
    Parameter(name="scale", title="scale", choices=METHODS[:-1]),
    Parameter(
        name="percentile", title="weights not clipped", unit="%", low=0, high=100, fractional=True
    ),
    Parameter(name="per", title="a scale for each", choices=("group", "network")),
    Parameter(name="tau_error", title="largest error of tau", low=0, high=1, fractional=True),
    Parameter(name="resolution", title="rounding errors", low=1e-6, high=1, fractional=True),
)


class NetworkSubject(Subject):
    """The network and the samples of a table (:class:`.samples.NetworkTable`)."""

    objectives: Mapping[str, Objective] = {one.name: one for one, _ in MEASURES}

    def __init__(self, table: Mapping[str, Any], folder: Path) -> None:
        self.table, self.folder = table_of(table), folder
        self.source: Source = source_of(self.table, folder)
        self.parameters = {one.name: one for one in (*PARAMETERS, *TRAINING)}
        self._designs: dict[tuple[tuple[str, Value], ...], NetworkParams] = {}
        network = self.network
        if all(group.neuron.decay_syn is None for group in network.groups):
            del self.parameters["current_bits"]  # no group keeps a current
        if not next(g for g in network.groups if g.name == self.output).fires:
            allowed = "a network whose last group spikes"
            raise FxlifError.must_be("source", allowed, self.output, found="one read by its v")

    @property
    def network(self) -> FloatNetwork:
        """The float network."""
        return self.source.network

    @property
    def output(self) -> str:
        """The name of the group whose spikes are looked at: the last one."""
        return self.network.order[-1]

    @property
    def fingerprint(self) -> str:
        return self.source.fingerprint

    @property
    def _input(self) -> str:
        return next(iter(self.network.inputs))

    @cached_property
    def wanted(self) -> Ints:
        """The output spikes of the float network, (steps, samples, n)."""
        return self.network.run({self._input: self.source.spikes})[self.output]

    def design(self, values: Mapping[str, Value]) -> NetworkParams:
        key = tuple(sorted(values.items()))
        if key not in self._designs:
            if len(self._designs) >= KEPT:
                del self._designs[next(iter(self._designs))]
            made = self.quantised(values).design
            through = values.get("training") == "through"
            self._designs[key] = self._through(made, values) if through else made
        return self._designs[key]

    def _through(self, design: NetworkParams, values: Mapping[str, Value]) -> NetworkParams:
        """The design with weights trained through its integers, or kept from such a training."""
        kept, seed = None, values.get("seed", 0)
        assert isinstance(seed, int)
        if self.table.checkpoints is not None:
            told = json.dumps([dict(values), self.table.epochs, self.fingerprint], sort_keys=True)
            name = hashlib.sha256(told.encode()).hexdigest()[:16]
            kept = self.folder / self.table.checkpoints / f"{name}.npz"
            if kept.exists():
                return read_weights(kept, design)
        labelled = training_of(self.table, self.network, self.folder)
        samples = Samples(labelled.spikes.astype(np.int64), labelled.labels)
        made = trained(design, samples, epochs=self.table.epochs, seed=seed)
        if kept is not None:
            write_weights(kept, made)
        return made

    def quantised(self, given: Mapping[str, Value]) -> Quantised:
        """The network in the integers that the values make, before they are trained any further."""
        network, values = self.network, dict[str, Any](given)
        for parameter in TRAINING:
            values.pop(parameter.name, None)
        reset = values.pop("reset", None)
        if reset is not None:
            groups = [
                replace(g, neuron=replace(g.neuron, rule={**g.neuron.rule, "reset": reset}))
                for g in network.groups
            ]
            network = replace(network, groups=groups)
        with warnings.catch_warnings():  # the table says what every choice costs
            warnings.simplefilter("ignore", FxlifWarning)
            return quantise(network, widths="limited", **values)

    def evaluate(self, values: Mapping[str, Value], wanted: Collection[str]) -> Mapping[str, float]:
        seen = self.seen(self.design(values))
        found: dict[str, float] = {}
        for objective, measure in MEASURES:
            if objective.name in wanted:
                made = measure(seen)
                numbers = made if isinstance(made, Accuracy) else (made,)
                found |= dict(zip(objective.columns, numbers, strict=True))
        return found

    def pictures(self, chosen: Mapping[str, Row]) -> Iterator[Figure]:
        """The output spikes of the first samples, and the weights, of float and of those chosen."""
        from .report.networks import of_networks

        made, weights = {}, {}
        for name, row in chosen.items():
            quantised, design = self.quantised(row.values), self.design(row.values)
            made[name] = self.seen(design).made
            weights[name] = _weights(quantised.asked), _trained(quantised, design)
        return of_networks(self.wanted, made, weights)

    def seen(self, design: NetworkParams) -> Seen:
        """What a design does with the samples, beside the float network."""
        network = Network(design)
        shown = self.source.spikes.swapaxes(0, 1)
        record = network.run(events=shown, batch=len(shown))
        spikes = {p.name: record.counts(p.name).sum(axis=0) for p in design.graph.populations}
        for source in design.graph.sources:
            steps = shown.shape[1] * len(shown)
            # The one that brings neurons their own bias spikes in every step.
            every = source.name not in self.network.inputs
            spikes[source.name] = (
                np.full(source.n, steps) if every else self.source.spikes.sum(axis=(0, 1))
            )
        return Seen(
            design=design, projections=placed(design.graph), wanted=self.wanted,
            made=record.dense(self.output).swapaxes(0, 1).astype(np.int64),
            labels=self.source.labels, spikes=spikes,
        )  # fmt: skip


def _weights(network: FloatNetwork) -> npt.NDArray[np.float64]:
    return np.concatenate([entries(one.weights) for one in network.connections])


def _trained(quantised: Quantised, design: NetworkParams) -> npt.NDArray[np.float64]:
    """What the weights of a design stand for; those of ``quantised``, if it was not trained."""
    if design == quantised.design:
        return _weights(quantised.effective)
    gains = {group.name: group.neuron.gain for group in quantised.asked.groups}
    return np.concatenate(
        [
            one.synapses.dense().ravel()
            * (2.0**p.weight_shift * quantised.units[p.target] / gains[p.target])
            for one, p in zip(placed(design.graph), design.projection, strict=True)
        ]
    )
