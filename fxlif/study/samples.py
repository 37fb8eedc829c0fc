"""The float network that a study quantises, and the samples that it is shown."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple

import numpy as np
from pydantic import BeforeValidator, Field, ValidationError

from ..arrays import Ints
from ..batch.labelled import Labelled, read_labelled
from ..errors import FxlifError
from ..files import as_path, cannot, read_arrays
from ..network.projections import placed
from ..params.base import Int, Params, plain_tuple
from ..params.design import load
from ..params.inputs import ImageInput, SpikeInput
from ..params.mistakes import explain
from ..params.network import NetworkParams
from ..params.neuron import ExponentialSynapse, NeuronParams
from ..params.sources import EventSource
from ..quantise.leak import kept
from ..quantise.network import FloatConnection, FloatGroup, FloatNetwork
from ..quantise.neuron import RULES, StepNeuron

#: The network that comes with fxlif, and its test images.
DIGITS = "digits"


class Checkpoint(Params):
    """What a checkpoint does not say: which arrays are the weights of its layers, and the neuron.

    Weights are (n of it, n before), as PyTorch's ``Linear`` keeps them.
    """

    layers: Annotated[
        tuple[str, ...],
        BeforeValidator(plain_tuple),
        Field(min_length=1, description="The weights of each layer, in their order."),
    ]
    biases: Annotated[
        tuple[str, ...],
        BeforeValidator(plain_tuple),
        Field(description="The biases of each layer; none where empty."),
    ] = ()
    decay: Annotated[float, Field(ge=0, le=1, description="What is left of v after a step.")]
    v_threshold: Annotated[float, Field(description="Where a neuron spikes.")] = 1.0
    reset: Annotated[
        Literal["subtract", "to_value"], Field(description="What a spike does to v.")
    ] = "to_value"


class NetworkTable(Params):
    """The table ``[subject]`` of a study of a network."""

    source: Annotated[
        str,
        Field(description="digits, or a file: a design (.toml, .json), .nir, .npz, .pt or .pth."),
    ]
    samples: Annotated[
        str | None, Field(description="An .npz with images or spikes, and labels; or the design's.")
    ] = None
    steps: Annotated[Int, Field(ge=1, le=4096, description="How long an image is shown.")] = 8
    maximum: Annotated[Int, Field(ge=1, le=65535, description="Of a pixel.")] = 16
    limit: Annotated[Int | None, Field(ge=1, description="So many samples, the first ones.")] = None
    nir: Annotated[
        dict[str, Any],
        Field(
            default_factory=dict, description="Of .nir: what fxlif.nir.read takes beside the file."
        ),
    ]
    training: Annotated[
        str | None,
        Field(description="As samples: those that training through the integers sees."),
    ] = None
    epochs: Annotated[Int, Field(ge=1, le=10_000, description="How often it sees them.")] = 20
    checkpoints: Annotated[
        str | None, Field(description="A folder that keeps weights that were trained.")
    ] = None
    checkpoint: Annotated[
        Checkpoint | None, Field(description="Of .npz, .pt and .pth: what the file does not say.")
    ] = None


class Source(NamedTuple):
    """A float network, the samples, and a text that changes with either; the samples to train on
    are read where they are used."""

    network: FloatNetwork
    spikes: Ints  # (steps, samples, inputs)
    labels: Ints | None
    fingerprint: str


def table_of(table: Mapping[str, Any]) -> NetworkTable:
    """The table, validated."""
    try:
        return NetworkTable.model_validate(dict(table))
    except ValidationError as error:
        raise explain(error, NetworkTable) from None


def source_of(table: NetworkTable, folder: Path) -> Source:
    """The network and the samples of a table; its paths begin at ``folder``.

    Raises:
        FxlifError: files that cannot be read, or do not fit together; keys that are missing.
    """
    if table.source == DIGITS:
        from .. import digits

        network = digits.float_network()
        spikes, labels = digits.test_set()
        return Source(network, spikes[:, : table.limit], labels[: table.limit], _digest(network))
    path = folder / as_path("source", table.source)
    network, design = _network(table, path)
    if len(network.inputs) != 1:
        raise FxlifError.must_be("source", "a network of one input", list(network.inputs))
    labelled = _read(table, network, *_samples(table, design, folder, path))
    cut = Labelled(spikes=labelled.spikes[:, : table.limit], labels=labelled.labels[: table.limit])
    digest = hashlib.sha256(np.ascontiguousarray(cut.spikes).tobytes() + cut.labels.tobytes())
    fingerprint = f"{_digest(network)} {digest.hexdigest()}"
    return Source(network, cut.spikes.astype(np.int64), cut.labels, fingerprint)


def training_of(table: NetworkTable, network: FloatNetwork, folder: Path) -> Labelled:
    """The samples that training through the integers sees.

    Raises:
        FxlifError: there are none; a file that cannot be read, or does not fit.
    """
    if table.source == DIGITS and table.training is None:
        from ..digits.data import split_digits
        from ..digits.recipe import RECIPES
        from ..digits.train import SHIPPED

        try:
            (images, labels), _, _ = split_digits(SHIPPED.split)
        except ModuleNotFoundError as error:
            raise FxlifError.not_installed(str(error.name), "'fxlif[train]'") from None
        return Labelled(spikes=RECIPES[DIGITS].spikes(images), labels=labels.astype(np.int64))
    if table.training is None:
        raise FxlifError("training: must be given with training = through", key="training",
                         allowed="an .npz with images or spikes, and labels")  # fmt: skip
    return _read(table, network, _input_of(table, table.training, folder), folder)


def _read(
    table: NetworkTable, network: FloatNetwork, given: ImageInput | SpikeInput, folder: Path
) -> Labelled:
    ((name, n),) = network.inputs.items()
    n_outputs, events = network.sizes[network.order[-1]], network.events.get(name, 1)
    return read_labelled(given, folder, n, n_outputs, events)


def _input_of(table: NetworkTable, file: str, folder: Path) -> ImageInput | SpikeInput:
    arrays = read_arrays(folder / file, ("labels",), ("images", "spikes"))
    if "spikes" in arrays:
        return SpikeInput(file=file)
    return ImageInput(file=file, steps=table.steps, maximum=table.maximum)


def _samples(
    table: NetworkTable, design: NetworkParams | None, folder: Path, path: Path
) -> tuple[ImageInput | SpikeInput, Path]:
    """The labelled input of a study, and the folder of its file."""
    if table.samples is None:
        if design is None or not isinstance(design.input, ImageInput | SpikeInput):
            raise FxlifError(
                "samples: must be given where the source is no design with labelled images or "
                "spikes as its [input]", key="samples", allowed="an .npz with labels",
            )  # fmt: skip
        return design.input, path.parent
    return _input_of(table, table.samples, folder), folder


def _network(table: NetworkTable, path: Path) -> tuple[FloatNetwork, NetworkParams | None]:
    """The float network of a file, and the design where the file is one."""
    suffix = path.suffix
    if suffix in (".toml", ".json"):
        design = load(path)
        return float_of(design), design
    if suffix == ".nir":
        from ..nir.importing import read

        try:
            return read(path, **table.nir).network, None
        except TypeError as error:
            raise FxlifError(f"nir: {error}", key="nir") from None
    if suffix in (".npz", ".pt", ".pth"):
        if table.checkpoint is None:
            raise FxlifError("checkpoint: must be given with a checkpoint", key="checkpoint",
                             allowed="a table of layers, decay, v_threshold")  # fmt: skip
        return _chain(table.checkpoint, path), None
    allowed = "digits, or a file .toml, .json, .nir, .npz, .pt or .pth"
    raise FxlifError.must_be("source", allowed, table.source)


def _chain(told: Checkpoint, path: Path) -> FloatNetwork:
    names = [*told.layers, *told.biases]
    arrays = read_arrays(path, names) if path.suffix == ".npz" else _state_dict(path)
    for name in names:
        if name not in arrays:
            raise FxlifError.unknown("checkpoint.layers", "array", name, list(arrays))
    neuron = StepNeuron(
        decay=told.decay, v_threshold=told.v_threshold, tau_of="euler", rule={"reset": told.reset}
    )
    return FloatNetwork.chain(
        [np.asarray(arrays[name], np.float64).T for name in told.layers], neuron,
        biases=[arrays[name] for name in told.biases] or None,
    )  # fmt: skip


def _state_dict(path: Path) -> dict[str, Any]:
    """The arrays of PyTorch's file of parameters; nothing in it is carried out."""
    try:
        import torch
    except ModuleNotFoundError:
        raise FxlifError.not_installed("torch", "'fxlif[torch]'") from None
    try:
        made = torch.load(path, map_location="cpu", weights_only=True)
        return {name: value.detach().numpy() for name, value in made.items()}
    except OSError as error:
        raise cannot("read", path, error) from None
    except Exception:  # unpickling something else raises a dozen kinds
        allowed = "a state_dict, as torch.save(module.state_dict(), FILE) writes it"
        raise FxlifError.must_be(str(path), allowed, path, found="another file") from None


def float_of(design: NetworkParams) -> FloatNetwork:
    """The float network that a design's integers are, without their roundings and limits.

    Raises:
        FxlifError: a leak that leaves no part of v, sources other than events, noise, synapses with
            delays of their own.
    """
    graph = design.graph
    inputs, events = {}, {}
    for source in graph.sources:
        if not isinstance(source, EventSource):
            raise FxlifError.must_be(source.name, "a source of events", source.kind)
        inputs[source.name] = source.n
        events[source.name] = source.max_events_per_input
    groups, connections = [], []
    for p in graph.populations:
        if p.noise:
            raise FxlifError.must_be(f"{p.name}.noise", "left out in a study", p.noise)
        groups.append(FloatGroup(name=p.name, n=p.n, neuron=_stepped(p.name, p.neuron),
                                 v_threshold=p.v_thresholds))  # fmt: skip
    for one in placed(graph):
        projection = one.projection
        low, high = projection.delay_range
        if low != high:
            key = f"{projection.source} -> {projection.target}: delay"
            raise FxlifError.must_be(key, "the same for all synapses", (low, high))
        connections.append(
            FloatConnection(
                source=projection.source, target=projection.target, delay=low,
                weights=one.synapses.dense() * 2.0**projection.weight_shift,
            )
        )  # fmt: skip
    return FloatNetwork(groups=groups, connections=connections, inputs=inputs, events=events,
                        name=design.name)  # fmt: skip


def _stepped(name: str, neuron: NeuronParams) -> StepNeuron:
    rule = {key: getattr(neuron, key) for key in RULES}
    if isinstance(neuron.synapse, ExponentialSynapse):
        rule["synapse_order"] = neuron.synapse.order
    rises = neuron.adaptation
    try:
        return StepNeuron(
            decay=float(kept(neuron.leak)), v_threshold=neuron.v_threshold, v_leak=neuron.v_leak,
            v_reset=neuron.v_reset, bias=neuron.bias, refractory=neuron.refractory, tau_of="euler",
            decay_syn=None if neuron.synapse_leak is None else float(kept(neuron.synapse_leak)),
            threshold_increment=0.0 if rises is None else rises.increment,
            decay_threshold=None if rises is None else float(kept(rises.leak)), rule=rule,
        )  # fmt: skip
    except FxlifError as error:
        raise error.under(name) from None


def _digest(network: FloatNetwork) -> str:
    digest = hashlib.sha256()
    for group in network.groups:
        digest.update(repr((group.name, group.n, group.neuron)).encode())
        digest.update(group.thresholds.tobytes() + group.biases.tobytes())
    for one in network.connections:
        digest.update(repr((one.source, one.target, one.delay)).encode())
        dense = one.weights.toarray() if hasattr(one.weights, "toarray") else one.weights
        digest.update(np.ascontiguousarray(dense).tobytes())
    return digest.hexdigest()
