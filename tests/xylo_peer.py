"""xylosim, SynSense's simulator of Xylo, fed like a network of fxlif: an independent peer."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt


class XyloDesign(NamedTuple):
    """A layer of Xylo: inputs (n_in, n), recurrent weights (n, n), thresholds (n,)."""

    weights_in: npt.NDArray[np.int64]
    weights_rec: npt.NDArray[np.int64]
    shift_in: int
    shift_rec: int
    dash_mem: int
    dash_syn: int
    thresholds: npt.NDArray[np.int64]
    bias: int = 0


class XyloRun(NamedTuple):
    """Each (steps, n)."""

    i_syn: npt.NDArray[np.int64]
    v: npt.NDArray[np.int64]
    spikes: npt.NDArray[np.int64]


#: xylosim keeps pointers into the lists that it was given: they must live as long as the layer.
_alive: list[Any] = []


def layer_of(design: XyloDesign) -> Any:
    """xylosim's layer, ready to ``evolve``."""
    import xylosim.v2 as xylosim

    n = len(design.thresholds)

    def rows(weights: npt.NDArray[np.int64]) -> list[list[Any]]:
        return [
            [xylosim.XyloSynapse(j, 0, int(w)) for j, w in enumerate(row) if w] for row in weights
        ]

    lists = (
        rows(design.weights_in), rows(design.weights_rec), [[] for _ in range(n)],
        [[] for _ in range(n)],
    )  # fmt: skip
    layer = xylosim.XyloLayer(
        synapses_in=lists[0], synapses_rec=lists[1], synapses_out=lists[2], aliases=lists[3],
        threshold=design.thresholds.tolist(), threshold_out=[], has_bias=bool(design.bias),
        bias=[design.bias] * n,
        bias_out=[], weight_shift_inp=design.shift_in, weight_shift_rec=design.shift_rec,
        weight_shift_out=0, dash_mem=[design.dash_mem] * n, dash_mem_out=[],
        dash_syns=[[design.dash_syn] * 2] * n, dash_syns_out=[], name="layer",
    )  # fmt: skip
    _alive.append((lists, layer))
    return layer


def run(design: XyloDesign, counts: npt.NDArray[np.int64]) -> XyloRun:
    """What the layer shows for ``counts`` (steps, n_in), how often each input spikes."""
    layer = layer_of(design)
    layer.evolve(counts.tolist())
    found = (layer.rec_i_syn, layer.rec_v_mem, layer.rec_recurrent_spikes)
    arrays = [np.array(x, np.int64) for x in found]
    steps = len(counts)
    # State is kept by neuron, spikes by step.
    return XyloRun(arrays[0].T[:steps], arrays[1].T[:steps], arrays[2])
