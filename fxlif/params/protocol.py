"""What a neuron, a core and a network have in common, so that nobody asks which one it is given."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeAlias

if TYPE_CHECKING:
    from ..layout import HardwareNetwork
    from .core import CoreParams
    from .network import NetworkParams
    from .neuron import NeuronParams

Kind = Literal["neuron", "core", "network"]
#: What has a stream of events in and one out.
AnyCores: TypeAlias = "CoreParams | NetworkParams | HardwareNetwork"
#: What hardware can be made from.
AnyParams: TypeAlias = "NeuronParams | CoreParams | NetworkParams | HardwareNetwork"


@dataclass(frozen=True)
class CoreSignals:
    """How the ports that belong to one core are called at the top of its design.

    A lone core has plain names. Core k of a network is the instance ``core_k``, and what it shows
    beside the streams ends in ``_k``.
    """

    index: int | None

    @property
    def instance(self) -> str:
        """The name of the core's instance inside the top; empty where the core is the top."""
        return "" if self.index is None else f"core_{self.index}"

    def _named(self, name: str) -> str:
        return name if self.index is None else f"{name}_{self.index}"

    @property
    def dropped(self) -> str:
        """The counter of spikes with an address that the core does not have."""
        return self._named("dropped")

    @property
    def saturated(self) -> str:
        """The counter of additions that met an end of the accumulator."""
        return self._named("saturated")

    @property
    def trace(self) -> str:
        """The trace port: the state words as they are written back."""
        return self._named("trace")

    @property
    def access(self) -> str:
        """What joins the core to the write port of its design."""
        return self._named("access")

    @property
    def trace_valid(self) -> str:
        """Whether the trace shows a word in this cycle."""
        return f"{self.trace}.valid"

    @property
    def trace_index(self) -> str:
        """Which word the trace shows."""
        return f"{self.trace}.index"

    def trace_spike(self, lane: int) -> str:
        """Whether the neuron of ``lane`` in the shown word spikes."""
        return f"{self.trace}.spike[{lane}]"

    def trace_state(self, lane: int, variable: str) -> str:
        """A state variable of the neuron of ``lane`` in the shown word."""
        return f"{self.trace}.state[{lane}].{variable}"


class Design(Protocol):
    """A description from which a model, hardware, a bench and proofs are made."""

    @property
    def kind(self) -> Kind:
        """Which of the three it is."""

    @property
    def cores(self) -> tuple[CoreParams, ...]:
        """The cores, first to last: none of a neuron; of a network those that it was given as."""

    @property
    def neurons(self) -> tuple[NeuronParams, ...]:
        """The neuron of each core, or the one neuron."""

    @property
    def signals(self) -> tuple[CoreSignals, ...]:
        """The names of what each core shows."""

    @property
    def n_inputs(self) -> int:
        """Addresses that events at the input have; 0 of a neuron, as all of these."""

    @property
    def in_address_bits(self) -> int:
        """Width of an input event's address."""

    @property
    def n_outputs(self) -> int:
        """Addresses that events at the output have."""

    @property
    def out_address_bits(self) -> int:
        """Width of an output event's address."""

    def described(self) -> dict[str, Any]:
        """What shapes the hardware, as JSON values."""

    def digest(self) -> str:
        """SHA-256 of what shapes the hardware, as hexadecimal text."""
