"""A sheet of neurons that excite their neighbours, with thresholds that spikes raise: a film of it.

    V[i, j] := V[i, j] (1 - dt / tau), + w for each neighbour that has spiked, + the input
    V[i, j] > V_t[i, j]: a spike, V[i, j] := 0 and rest; V_t[i, j] rises, and falls back slowly

Two places are poked now and then; what that sets off runs over the sheet as rings, which end where
they meet, for behind each the neurons rest. The raised thresholds let the third poke of the upper
place set off nothing. ``grid.toml`` describes the integers, in LSB of 1/64 mV.
"""

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from matplotlib.animation import PillowWriter
from matplotlib.figure import Figure
from numpy.typing import NDArray

from fxlif import FloatGrid, FloatNeuron, Network, Recording, load
from fxlif.plot import grid

ROWS, COLUMNS = SHAPE = (24, 24)
LSB = 1 / 64  # mV
POKE = 12.0  # mV, to nine neurons at each of two places
PLACES = {(6, 7): 18, (16, 17): 25}  # and how many steps from one poke to the next

in_float = FloatNeuron(
    tau_mem=16.0, v_leak=0.0, v_reset=0.0, v_threshold=10.0, compare="gt",
    t_refractory=4.0, tau_threshold=16.0, threshold_increment=5.0,
)  # fmt: skip  # ms, mV; a step of 1 ms
kernel = [[3.25, 5.5, 3.25], [5.5, 0.0, 5.5], [3.25, 5.5, 3.25]]  # mV


class Found(NamedTuple):
    """Spikes, bool, and V, in mV, of both: (steps, ROWS, COLUMNS)."""

    float_spikes: NDArray[Any]
    float_v: NDArray[Any]
    spikes: NDArray[Any]
    v: NDArray[Any]


def pokes(steps: int) -> NDArray[Any]:
    """What the input adds to each V in each step, in mV: (steps, ROWS, COLUMNS)."""
    added = np.zeros((steps, *SHAPE))
    for (row, column), period in PLACES.items():
        added[2::period, row - 1 : row + 2, column - 1 : column + 2] = POKE
    return added


def simulate(steps: int) -> Found:
    """The sheet both ways."""
    sheet = FloatGrid(SHAPE, in_float, kernel, edges="periodic", method="euler")
    float_spikes, state = sheet.trace(np.zeros((steps, *SHAPE)), jumps=pokes(steps))

    network = Network(load(Path(__file__).with_name("grid.toml")))
    currents = np.round(pokes(steps) / LSB).astype(int).reshape(steps, -1)
    record = network.run(
        steps, currents={"sheet": currents}, record=Recording(states={"sheet": ("v",)})
    )
    spikes = np.zeros((steps, ROWS * COLUMNS), dtype=bool)
    spikes[record.raster("sheet")] = True
    v = record.states("sheet", "v") * LSB
    return Found(float_spikes, state.v, spikes.reshape(steps, *SHAPE), v.reshape(steps, *SHAPE))


def main(steps: int = 60, folder: Path = Path()) -> Found:
    """Simulate ``steps`` steps both ways, and draw each as a frame of ``grid.gif``."""
    found = simulate(steps)
    figure = Figure((7.2, 3.6), layout="constrained")
    panels = figure.subplots(1, 2)
    both = ((found.float_v, found.float_spikes), (found.v, found.spikes))
    for ax, title, (v, spikes) in zip(panels, ("float", "integers"), both, strict=True):
        grid(v[0], spikes=spikes[0], limits=(0, 10), unit="mV", ax=ax)
        ax.set_title(title)
    figure.suptitle("step 0")
    figure.draw_without_rendering()
    figure.set_layout_engine("none")  # worked out once, and not again for each frame
    film = PillowWriter(fps=8)
    with film.saving(figure, str(folder / "grid.gif"), dpi=90):
        for step in range(steps):
            for ax, (v, spikes) in zip(panels, both, strict=True):
                ax.images[0].set_data(v[step])
                ax.lines[0].set_data(*np.nonzero(spikes[step])[::-1])
            figure.suptitle(f"step {step}")
            film.grab_frame()
    return found


if __name__ == "__main__":
    found = main()
    print(f"{found.float_spikes.sum()} spikes in float, {found.spikes.sum()} in integers")
    differs = (found.float_spikes != found.spikes).any(axis=(1, 2))
    since = f"since step {differs.argmax()}" if differs.any() else "in no step"
    print(f"They differ {since}: grid.gif")
