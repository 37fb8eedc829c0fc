"""xylosim and fxlif's ``xylo`` on one recurrent network: the same spikes, and the ratio of times.

    pip install '.[peers]'
    python tests/benchmarks/peers_xylo.py

1,000 hidden neurons, 16 inputs to all of them of which each spikes in 10 % of the steps, 10 %
recurrent synapses; 200 steps. Only the run is timed, the best of several in turn; xylosim's
includes its recordings, fxlif's those of all spikes. Exit code 1 means that spikes differ.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np

from fxlif import EventSource, Network, NetworkParams, Recording, profiles

sys.path.insert(0, str(Path(__file__).parents[1]))
import xylo_peer

N, N_IN, STEPS, TURNS = 1000, 16, 200, 5


def design(draw: np.random.Generator) -> xylo_peer.XyloDesign:
    """A layer in which some spikes go round, without running away."""
    recurrent = np.where(draw.random((N, N)) < 0.1, draw.integers(-20, 15, (N, N)), 0)
    return xylo_peer.XyloDesign(
        draw.integers(-60, 128, (N_IN, N)), recurrent, 1, 0, 4, 3, np.full(N, 900)
    )


def network(layer: xylo_peer.XyloDesign) -> NetworkParams:
    """The same in fxlif."""
    xylo = profiles.xylo(dash_mem=layer.dash_mem, dash_syn=layer.dash_syn, threshold=900)
    return NetworkParams(
        source=[EventSource(name="input", n=N_IN)],
        population=[xylo.population("hidden", N)],
        projection=[
            xylo.projection(
                "input", "hidden", layer.weights_in, outside=True, weight_shift=layer.shift_in
            ),
            xylo.projection("hidden", "hidden", layer.weights_rec),
        ],
    )


def timed(work: Callable[[], object]) -> float:
    """Seconds that ``work`` takes."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def main() -> int:
    draw = np.random.default_rng(1)
    layer = design(draw)
    counts = (draw.random((STEPS, N_IN)) < 0.1).astype(np.int64)
    stream = np.concatenate([[*np.flatnonzero(row), -1] for row in counts])
    golden = Network(network(layer))
    times: dict[str, list[float]] = {"xylosim": [], "fxlif": []}
    expected = xylo_peer.run(layer, counts).spikes
    differ = False
    for turn in range(TURNS + 1):
        golden.reset()
        record = Recording(spikes=("hidden",))
        spent = timed(partial(golden.run, events=stream, record=record, threads=1))
        found = np.zeros((STEPS, N), np.int64)
        np.add.at(found, record.raster("hidden"), 1)
        differ |= bool((found != expected).any())
        peer = xylo_peer.layer_of(layer)
        rows = counts.tolist()
        its = timed(partial(peer.evolve, rows))
        if turn:  # the first compiles
            times["fxlif"].append(spent)
            times["xylosim"].append(its)
    fan_out = (layer.weights_in != 0).sum(1), (layer.weights_rec != 0).sum(1)
    events = int(counts.sum(0) @ fan_out[0] + expected.sum(0) @ fan_out[1])
    best = {name: min(each) for name, each in times.items()}
    for name, seconds in best.items():
        print(
            f"{name:8} {seconds * 1e3:9.2f} ms, {events / seconds / 1e6:8.1f} M synaptic events/s"
        )
    print(f"spikes {int(expected.sum()):,}, synaptic events {events:,}, engine {golden.engine}")
    print(f"ratio {best['xylosim'] / best['fxlif']:.1f}")
    if differ:
        print("spikes differ", file=sys.stderr)
    return int(differ)


if __name__ == "__main__":
    sys.exit(main())
