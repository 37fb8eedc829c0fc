"""What a page shows of single neurons beside float: rasters, a trace, the f-I curve."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from matplotlib.figure import Figure as Canvas

from ...params.neuron import NeuronParams
from ...plot import compare, f_i_curve, raster
from ..report.figures import SIZE, Figure, below, drop_legend, svg_of
from .runs import Run, decay_of, driven, float_run, integer_run

#: The drive that is shown, how many of its neurons, and how many of its steps.
DRIVE, NEURONS, STEPS = 1, 40, 200
#: Constant currents of an f-I curve, in rheobases, and its steps.
CURRENTS, LENGTH = np.linspace(0.8, 3.0, 45), 2000


class Design(NamedTuple):
    """A neuron that is shown: what it is called, its integers, its time constant in float."""

    name: str
    text: str
    neuron: NeuronParams
    tau: float


def of_neurons(designs: list[Design], seed: int) -> Iterator[Figure]:
    """The same currents into the float neuron and into each of ``designs``."""
    exact: dict[float, Run] = {}
    for one in designs:
        currents = driven(one.tau, seed, 1)[DRIVE].currents[:STEPS, :NEURONS]
        if one.tau not in exact:
            exact[one.tau] = float_run(currents, decay_of(one.tau))
            # One float neuron for all designs, or one for each time constant.
            tau = f", time constant {one.tau:.5g}" if len({d.tau for d in designs}) > 1 else ""
            yield _raster(f"Raster of float{tau}", exact[one.tau], "The same currents as below.")
        yield _raster(f"Raster of the {one.name}", integer_run(currents, one.neuron), one.text)
    for one in designs:
        currents = driven(one.tau, seed, 1)[DRIVE].currents[:STEPS, :1]
        upper, lower = Canvas(SIZE, layout="constrained").subplots(
            2, sharex=True, height_ratios=(3, 1.3)
        )
        found = integer_run(currents, one.neuron)
        compare(
            exact[one.tau].v[:, 0],
            found.v[:, 0],
            unit="thresholds",
            threshold=1.0,
            ax=(upper, lower),
        )
        drop_legend(upper)
        below(upper)
        yield Figure(f"Trace of the {one.name} and float", one.text, svg_of(upper))
    yield from _curves(designs)


def _raster(title: str, run: Run, text: str) -> Figure:
    ax = raster(run.spikes, ax=Canvas(SIZE, layout="constrained").subplots())
    return Figure(title, text, svg_of(ax))


def _curves(designs: list[Design]) -> Iterator[Figure]:
    """The f-I curve of each design with that of its float neuron."""
    for tau in dict.fromkeys(one.tau for one in designs):
        decay = decay_of(tau)
        currents = np.tile((CURRENTS * (1 - decay)).astype(np.float32), (LENGTH, 1))
        rates = {
            one.name: integer_run(currents, one.neuron, record=False).spikes.mean(axis=0)
            for one in designs
            if one.tau == tau
        }
        ax = f_i_curve(
            CURRENTS, rates, theory=float_run(currents, decay).spikes.mean(axis=0),
            ax=Canvas(SIZE, layout="constrained").subplots(), current_unit="rheobases",
        )  # fmt: skip
        drop_legend(ax)
        for line, text in zip(ax.get_lines(), ["float", *rates], strict=False):
            line.set_label(text)
        below(ax)
        title = f", time constant {tau:.5g}" if len({one.tau for one in designs}) > 1 else ""
        yield Figure(
            f"f-I curve{title}",
            "Constant currents; a rheobase holds v at the threshold.",
            svg_of(ax),
        )
