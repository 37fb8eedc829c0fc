"""One neuron under a constant current, integrated by forward Euler: in float, and in integers.

    tau_m dV/dt = -V + R I        V := 0 where V reaches the threshold

A step of Euler is V += (dt / tau_m) (R I - V). With dt / tau_m = 1/64 the leak is a shift by 6
bits, and integers do the same with one shift and two additions.
"""

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fxlif import FloatNeuron, FloatPopulation, LIFPopulation, NeuronParams, Recorder, ShiftLeak
from fxlif.plot import compare, save

DT = 0.125  # ms, so that dt / tau_m is 1/64
CURRENT = 2.0  # nA; through 10 MOhm it lifts V to 20 mV, past the threshold
LSB = 1 / 1024  # mV: what the last bit of the integer V stands for

in_float = FloatNeuron(
    tau_mem=8.0, r=10.0, v_leak=0.0, v_reset=0.0, v_threshold=14.0, dt=DT
)  # ms, MOhm, mV
in_integers = NeuronParams(
    leak=ShiftLeak(6, rounding="nearest_even"), v_threshold=round(in_float.v_threshold / LSB)
)


class Found(NamedTuple):
    """Spikes (steps,) bool and V (steps,) of both."""

    float_spikes: NDArray[Any]
    float_v: NDArray[Any]
    spikes: NDArray[Any]
    v: NDArray[Any]


def main(steps: int = 400, folder: Path = Path()) -> Found:
    """Simulate ``steps`` steps both ways, and draw them to ``euler.png``."""
    population = FloatPopulation(1, in_float, method="euler")
    float_spikes, state = population.trace(np.full((steps, 1), CURRENT))

    # What a step adds to V, (dt / tau_m) R I = 0.3125 mV, is 320 LSB: here nothing is rounded.
    added = round(DT / in_float.tau_mem * in_float.r * CURRENT / LSB)
    recorder = Recorder("v")
    spikes = LIFPopulation(1, in_integers).run(np.full((steps, 1), added), recorder)

    found = Found(float_spikes[:, 0], state.v[:, 0], spikes[:, 0], recorder["v"][:, 0])
    axes = compare(
        found.float_v, found.v, lsb=LSB, dt=DT, unit="mV", threshold=in_float.v_threshold
    )
    save(axes[0], folder / "euler.png")
    return found


if __name__ == "__main__":
    found = main()
    print("spikes in float    at steps", *np.flatnonzero(found.float_spikes))
    print("spikes in integers at steps", *np.flatnonzero(found.spikes))
    print(f"V differs by {np.abs(found.v * LSB - found.float_v).max():.4f} mV at most: euler.png")
