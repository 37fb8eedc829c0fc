"""Labelled samples: spikes, each sample from a reset on, and what it shows."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ..arrays import Ints, integers, within
from ..errors import FxlifError
from ..files import read_arrays
from ..metrics import classes
from ..network.events import Events, from_counts, image_counts
from ..network.model import Network
from ..network.recording import Recording
from ..params.inputs import ImageInput, SpikeInput
from ..params.network import NetworkParams


@dataclass(frozen=True, kw_only=True, eq=False)
class Labelled:
    """Samples, each shown from a reset on.

    Attributes:
        spikes: how often each input spikes, (steps, samples, n_inputs).
        labels: the output neuron that should spike most, (samples,).
    """

    spikes: npt.NDArray[np.integer]
    labels: Ints

    @property
    def streams(self) -> list[Events]:
        """The event stream of each sample."""
        return [from_counts(sample) for sample in self.spikes.swapaxes(0, 1)]

    def right(self, counts: npt.ArrayLike) -> int:
        """Of how many samples the :func:`~fxlif.metrics.classes` of ``counts`` (samples, n) is the
        label."""
        return int((classes(counts) == self.labels).sum())


def read_labelled(
    source: ImageInput | SpikeInput, folder: Path, n_inputs: int, n_outputs: int, events: int = 1
) -> Labelled:
    """The samples of a design's input, encoded.

    Args:
        source: names the file.
        folder: where it lies.
        n_inputs: how many inputs a sample has.
        n_outputs: how many classes there are.
        events: how often an input may spike in a step.

    Raises:
        FxlifError: no such file; arrays that are missing, of other shapes, no integers, or out of
            range. It names the file and the array.
    """
    path = folder / source.file
    values = "images" if isinstance(source, ImageInput) else "spikes"
    arrays = read_arrays(path, (values, "labels"))
    given, labels = arrays[values], arrays["labels"]
    try:
        axes = ("k", str(n_inputs)) if values == "images" else ("steps", "k", str(n_inputs))
        wanted = f"({', '.join(axes)}) and (k,)"
        here = given.shape[-1:] == (n_inputs,) and labels.shape == given.shape[-2:-1]
        if given.ndim != len(axes) or not here:
            shapes = given.shape, labels.shape
            found = f"{shapes[0]} and {shapes[1]}"
            raise FxlifError.must_be(f"{values} and labels", f"of shapes {wanted}", shapes,
                                     found=found)  # fmt: skip
        if not given.size:
            raise FxlifError.must_be(values, "1 or more", 0, found="none")
        within("labels", integers("labels", labels), 0, n_outputs - 1)
        if isinstance(source, ImageInput):
            spikes = image_counts(given, source.steps, source.maximum).swapaxes(0, 1)
        else:
            spikes = integers("spikes", given, booleans=True).astype(np.int64)
            within("spikes", spikes, 0, events, " (events of an input in a step)")
    except FxlifError as error:
        raise error.inside(path) from None
    return Labelled(spikes=spikes, labels=labels.astype(np.int64))


def output_spikes(design: NetworkParams, labelled: Labelled) -> npt.NDArray[np.integer]:
    """How often each neuron of the outputs spikes in each step of each sample, by the golden
    network: (steps, samples, n)."""
    names, counts = list(design.output_names), labelled.spikes.swapaxes(0, 1)
    record = Network(design).run(events=counts, batch=len(counts), record=Recording(names))
    return np.concatenate([record.dense(name) for name in names], axis=2).swapaxes(0, 1)
