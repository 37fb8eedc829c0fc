"""A neuron that spikes reach: V decays, jumps by a weight at each, fires, and rests for 5 ms.

    V := V exp(-dt / tau), and V := V + w for each spike that arrives
    V > V_t: a spike, V := V_reset, and nothing moves V until the rest is over

In integers the decay is a factor of 12 bits, and the weight is rounded to 8 bits.
"""

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from fxlif import FloatNeuron, FloatPopulation, LIFPopulation, NeuronParams, Recorder, ScaleLeak
from fxlif.plot import raster, save, trace

WEIGHT = 1.6  # mV
LSB = 1 / 64  # mV
INPUTS, PROBABILITY = 12, 0.06  # trains of spikes, and how likely each spikes in a step

in_float = FloatNeuron(
    tau_mem=18.0, v_leak=0.0, v_reset=0.0, v_threshold=10.0, t_refractory=5.0, compare="gt"
)  # ms, mV; a step of 1 ms
in_integers = NeuronParams(
    leak=ScaleLeak(factor=round(4096 * np.exp(-1 / 18)), shift=12, rounding="nearest_even"),
    v_threshold=round(in_float.v_threshold / LSB),
    compare="gt",
    refractory=in_float.refractory_steps,
)


class Found(NamedTuple):
    """Spikes (steps,) bool and V (steps,) of both."""

    float_spikes: NDArray[Any]
    float_v: NDArray[Any]
    spikes: NDArray[Any]
    v: NDArray[Any]


def main(steps: int = 250, folder: Path = Path(), seed: int = 3) -> Found:
    """Simulate ``steps`` steps both ways, and draw them to ``refractory.png``."""
    arriving = np.random.default_rng(seed).random((steps, INPUTS)) < PROBABILITY
    count = arriving.sum(axis=1, keepdims=True)

    population = FloatPopulation(1, in_float)
    float_spikes, state = population.trace(np.zeros((steps, 1)), jumps=WEIGHT * count)

    recorder = Recorder("v")
    spikes = LIFPopulation(1, in_integers).run(round(WEIGHT / LSB) * count, recorder)

    figure = Figure((7, 5.4), layout="constrained")
    above, middle, below = figure.subplots(3, sharex=True, height_ratios=(1, 1.6, 1.6))
    raster(arriving, dt=1, ax=above)
    trace(state.v, params=in_float, spikes=float_spikes, ax=middle)
    trace(recorder, params=in_integers, spikes=spikes, dt=1, ax=below)
    above.set(xlabel="", ylabel="inputs")
    middle.set(xlabel="", ylabel="float\nv (mV)")
    below.set_ylabel("integer\nv (LSB of 1/64 mV)")
    save(figure, folder / "refractory.png")
    return Found(float_spikes[:, 0], state.v[:, 0], spikes[:, 0], recorder["v"][:, 0])


if __name__ == "__main__":
    found = main()
    print("spikes in float    at steps", *np.flatnonzero(found.float_spikes))
    print("spikes in integers at steps", *np.flatnonzero(found.spikes))
    print(
        f"V differs by {np.abs(found.v * LSB - found.float_v).max():.3f} mV at most: refractory.png"
    )
