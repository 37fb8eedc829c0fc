"""The rate of a neuron that noise drives, against theory: in float, in integers, and on paper.

    tau_m dV/dt = -V + mu + sigma sqrt(tau_m) xi(t)        xi: white noise

V is looked at once in a step, and so crosses the threshold later than in continuous time. Theory
says by how much: as if the threshold were 0.5826 sigma sqrt(dt / tau_m) higher (docs/theory.md).
Needs ``pip install 'fxlif[plot,theory]'``.
"""

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fxlif import FloatNeuron, FloatPopulation, LIFPopulation, NeuronParams, ScaleLeak
from fxlif.plot import f_i_curve, save
from fxlif.theory import firing_rate

TAU_M, TAU_R, V_TH, V_0 = 20.0, 2.0, 15.0, 0.0  # ms, ms, mV, mV
DT = 0.5  # ms
SIGMA = 4.0  # mV
MEANS = np.arange(9.0, 25.0, 1.5)  # mV
LSB = 1 / 256  # mV

in_float = FloatNeuron(
    tau_mem=TAU_M, v_leak=0.0, v_reset=V_0, v_threshold=V_TH, t_refractory=TAU_R, dt=DT
)
in_integers = NeuronParams(
    leak=ScaleLeak(factor=round(2**16 * np.exp(-DT / TAU_M)), shift=16, rounding="nearest_even"),
    v_threshold=round(V_TH / LSB),
    refractory=in_float.refractory_steps,
)


class Found(NamedTuple):
    """Rates in Hz, one for each of MEANS."""

    in_float: NDArray[Any]
    in_integers: NDArray[Any]
    theory: NDArray[Any]


def main(steps: int = 4000, neurons: int = 150, folder: Path = Path(), seed: int = 1) -> Found:
    """Simulate so many neurons for each mean, and draw their rates to ``rate.png``."""
    # What a step adds to V so that V, without a threshold, has the mean mu and this sigma.
    decay = np.exp(-DT / TAU_M)
    mean = np.repeat(MEANS, neurons) * (1 - decay)
    added = np.random.default_rng(seed).normal(
        mean, SIGMA * np.sqrt((1 - decay**2) / 2), (steps, len(mean))
    )
    float_spikes = FloatPopulation(len(mean), in_float).run(np.zeros_like(added), jumps=added)
    spikes = LIFPopulation(len(mean), in_integers).run(np.round(added / LSB).astype(np.int32))

    def rates(fired: NDArray[Any]) -> Any:
        later = fired[steps // 10 :]  # V begins at 0, and not as if it had been driven for long
        return later.mean(axis=0).reshape(len(MEANS), neurons).mean(axis=1) * 1000 / DT

    neuron = {"tau_m": TAU_M, "tau_r": TAU_R, "V_th": V_TH, "V_0": V_0}
    found = Found(rates(float_spikes), rates(spikes), firing_rate(MEANS, SIGMA, dt=DT, **neuron))
    ax = f_i_curve(
        MEANS,
        {"float": found.in_float, "integers": found.in_integers},
        theory={
            f"theory, steps of {DT} ms": found.theory,
            "theory, continuous time": firing_rate(MEANS, SIGMA, **neuron),
        },
        current_unit="mean, mV",
        rate_unit="Hz",
    )
    save(ax, folder / "rate.png")
    return found


if __name__ == "__main__":
    found = main()
    print("mean (mV)  float  integers  theory (Hz)")
    for row in zip(MEANS, *found, strict=True):
        print("{:9.1f} {:6.2f} {:9.2f} {:7.2f}".format(*row))
