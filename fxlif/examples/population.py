"""A population of neurons without connections, each under a current of its own, stepped by hand.

    tau_m du/dt = -(u - u_rest) + R I        u := u_rest where u passes u_th

:class:`fxlif.LIFPopulation` is the population in integers, :class:`fxlif.FloatPopulation` its twin;
``forward(x)`` is one step of either. Where u comes nearer to the threshold than the rounding of the
integers, a neuron may spike a step sooner or later than its twin, and is behind or ahead from then.
"""

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from fxlif import FloatNeuron, FloatPopulation, LIFPopulation, NeuronParams, ShiftLeak
from fxlif.plot import raster, save

N = 24
REST = -65.0  # mV, which is 0 in the integers
LSB = 1 / 128  # mV

in_float = FloatNeuron(tau_mem=16.0, v_leak=REST, v_reset=REST, t_refractory=2.0)  # ms, mV
in_integers = NeuronParams(
    leak=ShiftLeak(4, rounding="nearest_even"),  # dt / tau_m = 1/16
    v_threshold=round((in_float.v_threshold - REST) / LSB),
    refractory=in_float.refractory_steps,
)


class Found(NamedTuple):
    """Spikes of both, (steps, N) bool."""

    float_spikes: NDArray[Any]
    spikes: NDArray[Any]


def main(steps: int = 300, folder: Path = Path()) -> Found:
    """Simulate ``steps`` steps both ways, and draw them to ``population.png``."""
    currents = np.linspace(1.0, 4.0, N)  # nA: the weakest four never reach the threshold
    added = np.round(in_float.dt / in_float.tau_mem * in_float.r * currents / LSB).astype(int)

    twin = FloatPopulation(N, in_float, method="euler")
    neurons = LIFPopulation(N, in_integers)
    float_spikes = np.zeros((steps, N), dtype=bool)
    spikes = np.zeros((steps, N), dtype=bool)
    for step in range(steps):
        float_spikes[step] = twin.forward(currents)
        spikes[step] = neurons.forward(added)

    figure = Figure((7, 5), layout="constrained")
    above, below = figure.subplots(2, sharex=True)
    raster(float_spikes, dt=1, ax=above)
    raster(spikes, dt=1, ax=below, color="#D55E00")
    above.set(xlabel="", ylabel="neuron, float")
    below.set_ylabel("neuron, integer")
    save(figure, folder / "population.png")
    return Found(float_spikes, spikes)


if __name__ == "__main__":
    found = main()
    for name, each in (("float", found.float_spikes), ("integers", found.spikes)):
        print(f"{name:>8}:", *each.sum(axis=0), "spikes")
    same = (found.float_spikes == found.spikes).all(axis=0).sum()
    print(f"{same} of {N} neurons spike in the same steps: population.png")
