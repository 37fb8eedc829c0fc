"""One step of a network at a time, for closed loops: what a step brings decides the next input."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import numpy.typing as npt

from ..arrays import Ints, integers, within
from ..errors import FxlifError
from ..params.quantise import signed_range
from ..params.sources import EventSource
from ..progress import late_interrupts
from ..rule.step import NeuronState
from .events import TICK
from .external_input import ExternalInput, external_input
from .numpy_engine import NumpyEngine
from .writes import Change, applied, must_be_writable

if TYPE_CHECKING:
    from .model import Network

GivenCurrents = Mapping[str, npt.ArrayLike] | None
#: The addresses of one step.
GivenAddresses = Mapping[str, npt.ArrayLike] | npt.ArrayLike | None


class StepEngine(Protocol):
    """Carries out single steps; the network's state is up to date after :meth:`sync`."""

    def step(self, currents: GivenCurrents, events: GivenAddresses) -> dict[str, Ints]: ...
    def write(self, change: Change) -> None: ...
    def sync(self) -> None: ...
    def close(self) -> None: ...


class Stepper:
    """The steps of a network, one by one: made by :meth:`fxlif.Network.stepper`.

    ``spikes = step(currents, events)`` is one step. What it returns, and where the network then
    stands, are bit for bit those of :meth:`fxlif.Network.run` with the same input.
    """

    def __init__(self, network: Network, engine: StepEngine) -> None:
        self._network, self._engine = network, engine
        self._step = engine.step
        #: Whether anything was written.
        self.has_written = False

    def __call__(
        self, currents: GivenCurrents = None, events: GivenAddresses = None
    ) -> dict[str, Ints]:
        """One step: by population, the indices of the neurons that spike, (spikes,) int64.

        They ascend; a neuron that spikes several times stands there as often. The arrays are new
        ones, which the caller may keep and change.

        Args:
            currents: by population, the external current of this step: integers () or (n,).
            events: by event source, the addresses of this step in their order, (events,); or the
                addresses themselves where there is one event source.

        Raises:
            FxlifError: as :meth:`fxlif.Network.run`, and nothing has changed; or the ``with`` block
                of this stepper has ended.
        """
        return self._step(currents, events)

    def write(self, population: str | int, parameter: str, value: int, at: Any = None) -> None:
        """Write what is ``writable`` before the next step, as :meth:`fxlif.Network.write` does.

        Raises:
            FxlifError: as that, or something that is not ``writable``; the block has ended.
        """
        if self._step is _refuse:
            _refuse(None, None)
        change = must_be_writable(self._network, (population, parameter, value, at))
        with late_interrupts():
            self.has_written = True
            self._engine.write(change)

    @property
    def states(self) -> Mapping[str, NeuronState]:
        """By population, the state after the last step: arrays (n,) int64, copies."""
        return self._network.states

    def sync(self) -> None:
        """Bring the network's own state to where the stepper is."""
        self._engine.sync()

    def close(self) -> None:
        """End it: the network's own state stands behind the last step."""
        self.sync()
        self._step = _refuse
        self._engine.close()


def _refuse(currents: GivenCurrents, events: GivenAddresses) -> dict[str, Ints]:
    raise FxlifError("stepper: it has ended with its block", key="stepper")


class NumpySteps:
    """Single steps of the numpy engine."""

    def __init__(self, network: Network) -> None:
        self._network = network

    def step(self, currents: GivenCurrents, events: GivenAddresses) -> dict[str, Ints]:
        """One step, all of it or nothing."""
        given = step_input(self._network, currents, events)
        with late_interrupts():
            fired = NumpyEngine(self._network, given).step(0)
            self._network.count_dropped(given, 0, 1)
        return {p.name: fired[p.name] for p in self._network.graph.populations}

    def write(self, change: Change) -> None:
        """Write before the next step."""
        applied(self._network, [change])

    def sync(self) -> None:
        """Nothing: it works on the network's own state."""

    close = sync


def step_input(
    network: Network, currents: GivenCurrents, events: GivenAddresses = None
) -> ExternalInput:
    """The checked input of one step."""
    streams: dict[str, Ints] = {}
    sources = {s.name: s for s in network.graph.sources if isinstance(s, EventSource)}
    if events is not None and not isinstance(events, Mapping):
        if len(sources) != 1:
            raise FxlifError.must_be(
                "events", "addresses by the name of their event source", events,
                found=f"addresses for {len(sources)} event sources",
            )  # fmt: skip
        events = {next(iter(sources)): events}
    for name, addresses in (events or {}).items():
        key = f"events[{name!r}]"
        array = integers(key, addresses, shape="(events,)")
        within(key, array, 0, signed_range(64)[1])
        streams[name] = np.append(array.astype(np.int64), TICK)
    return external_input(network.graph, 1, streams, currents, network.synaptic_ranges)
