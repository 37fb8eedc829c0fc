"""Which golden model belongs to what hardware."""

from __future__ import annotations

from ..params.core import CoreParams
from ..params.network import NetworkParams
from .parts import HardwareNetwork


def golden_of(design: CoreParams | NetworkParams | HardwareNetwork) -> NetworkParams:
    """The network whose golden model says what comes out of ``design``."""
    return NetworkParams.chain(design) if isinstance(design, CoreParams) else design.golden
