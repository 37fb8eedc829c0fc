"""The states of a design on a board beside those of its golden network, between two steps."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ...cycles.access import SIGNED, AddressMap
from ...cycles.latency import AnyCore
from ...errors import FxlifError
from ...host.device import Device
from ...layout import RowCore
from ...params.protocol import AnyCores
from ..bench.golden import GoldenStream

#: How often a design that was stopped is asked whether it stands still.
MOST_ASKED = 10_000


class StateReader:
    """What can be read of the neurons of ``design``; false where nothing can. ``compared``: how
    many values were."""

    def __init__(self, design: AnyCores) -> None:
        cores: Sequence[AnyCore] = design.cores
        where = AddressMap(cores)
        #: Population, variable and the addresses of its neurons.
        self._read = [
            (core.name if isinstance(core, RowCore) else f"core_{k}", name,
             [where.read_address(k, name, neuron) for neuron in range(core.n_neurons)])
            for k, core in enumerate(cores) if core.readable
            for name in core.neuron.state_widths
        ]  # fmt: skip
        self.compared = 0

    def __bool__(self) -> bool:
        return bool(self._read)

    def differences(self, device: Device, golden: GoldenStream, steps: int) -> list[str]:
        """Where a board that was stopped after so many ``steps`` has another state, the first
        neuron of each variable.

        Raises:
            FxlifError: it does not come to rest.
        """
        if not any(device.idle for _ in range(MOST_ASKED)):
            raise FxlifError("the board: is stopped, and never between two steps",
                             key="the board", allowed="idle")  # fmt: skip
        wrong = []
        for population, name, addresses in self._read:
            # A register has the low bits of a wider state.
            kind = np.int32 if name in SIGNED else np.uint32
            found = np.array(device.read_port(addresses), dtype=np.uint32).astype(kind)
            expected = np.asarray(getattr(golden.network.states[population], name)).astype(kind)
            self.compared += len(found)
            differs = np.flatnonzero(found != expected)
            if len(differs):
                k = int(differs[0])
                wrong.append(f"after step {steps - 1}: {name} of neuron {k} of {population}: "
                             f"{expected[k]} expected, {found[k]} read")  # fmt: skip
        return wrong
