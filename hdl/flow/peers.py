"""Figures of other hardware as others say them: quoted, and nothing of it is built here."""

from __future__ import annotations

from dataclasses import dataclass

from ...errors import FxlifError
from .targets import Target


@dataclass(frozen=True, kw_only=True)
class Peer:
    """What somebody else's hardware takes on devices of a ``family``, and how fast it is there."""

    name: str
    family: str
    luts: int
    flip_flops: int
    memories: int
    mhz: str
    operations: str

    @property
    def row(self) -> tuple[str, ...]:
        """As a line of a table: LUT, FF, RAM, MHz, M synaptic operations per second."""
        return (
            f"{self.name}, as published", f"{self.luts:,}", f"{self.flip_flops:,}",
            str(self.memories), self.mhz, self.operations,
        )  # fmt: skip


#: Name → hardware. tinyODIN: 256 neurons that take events one by one, 64 k synapses of 4 bits
#: (github.com/ChFrenkel/tinyODIN).
PEERS = {
    "tinyodin": Peer(
        name="tinyODIN", family="ecp5", luts=2981, flip_flops=1810, memories=17, mhz="30 to 40",
        operations="20",
    )
}  # fmt: skip


def peer_of(name: str, target: Target) -> Peer:
    """The hardware of this name.

    Raises:
        FxlifError: there is none, or its figures are those of other devices.
    """
    if name not in PEERS:
        raise FxlifError.unknown("--beside", "hardware whose figures are known", name, PEERS)
    peer = PEERS[name]
    if peer.family != target.family:
        allowed = f"left out with {target.name}: its figures are those of {peer.family}"
        raise FxlifError.must_be("--beside", allowed, name)
    return peer
