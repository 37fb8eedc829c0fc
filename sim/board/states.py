"""The states of a design on a board beside those of its golden network, between two steps."""

from __future__ import annotations

import numpy as np

from ...cycles.access import SIGNED
from ...host.device import Device
from ...params.protocol import AnyCores
from ..bench.golden import GoldenStream


class StateReader:
    """What can be read of the neurons of ``design``; false where nothing can. ``compared``: how
    many values were."""

    def __init__(self, design: AnyCores) -> None:
        self._readable = any(core.readable for core in design.cores)
        self.compared = 0

    def __bool__(self) -> bool:
        return self._readable

    def differences(self, device: Device, golden: GoldenStream, steps: int) -> list[str]:
        """Where a board, which is stopped after so many ``steps``, has another state, the first
        neuron of each variable.

        Raises:
            FxlifError: it does not come to rest.
        """
        device.rest()
        wrong = []
        for population, variables in device.states().items():
            for name, found in variables.items():
                # A register has the low bits of a wider state.
                expected = np.asarray(getattr(golden.network.states[population], name))
                expected = expected.astype(np.int32 if name in SIGNED else np.uint32)
                self.compared += len(found)
                differs = np.flatnonzero(found != expected)
                if len(differs):
                    k = int(differs[0])
                    wrong.append(f"after step {steps - 1}: {name} of neuron {k} of {population}: "
                                 f"{expected[k]} expected, {found[k]} read")  # fmt: skip
        return wrong
