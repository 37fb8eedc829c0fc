"""Talking to a design on a board: its register map, the frames on the serial line, the program.

``registers`` is the one description of what a host can read and write; the hardware, its table, the
C header and :class:`Device` come from it. ``frames`` packs requests for a line that may lose bytes;
``device`` asks and answers; ``serial`` is a port of this machine. A simulated board, with the same
frames, is in :mod:`fxlif.sim.board`.
"""

from typing import TYPE_CHECKING

from ..lazy import exports

if TYPE_CHECKING:
    from .device import Device as Device
    from .registers import RegisterMap as RegisterMap
    from .registers import register_map as register_map

HOMES = {"Device": "device", "RegisterMap": "registers", "register_map": "registers"}
__all__ = list(HOMES)
__getattr__, __dir__ = exports(__name__, HOMES)
