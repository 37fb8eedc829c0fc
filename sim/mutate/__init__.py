"""Mutation: would the verification notice a design that is wrong by one small thing?

``run`` is ``fxlif mutate``, ``foreign`` the same with ``--dut``. Both draw ``mutants`` with Yosys,
let ``judge`` run and count them, and leave out those that ``equivalence``, or for cores that read
rows ``forward``, proves to do what the design does, from what is ``known`` of its registers.
"""

from typing import TYPE_CHECKING

from ...lazy import exports

if TYPE_CHECKING:
    from .run import mutate as mutate

HOMES = {
    "mutate": "run",
}
__all__ = list(HOMES)
__getattr__, __dir__ = exports(__name__, HOMES)
