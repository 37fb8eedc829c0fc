"""Theorems about the delivered Verilog, each with its solver, mode and time.

``run`` is ``fxlif prove``. The theorems stand in ``step``, ``events``, ``sums`` and
``core_claims``, proved by ``prover`` and ``induction`` on the ``netlist`` that Yosys makes of the
Verilog.
"""

from typing import TYPE_CHECKING

from ...lazy import exports

if TYPE_CHECKING:
    from .run import prove as prove

HOMES = {
    "prove": "run",
}
__all__ = list(HOMES)
__getattr__, __dir__ = exports(__name__, HOMES)
