"""Theorems about the delivered Verilog, each with its solver, mode and time.

``run`` is ``fxlif prove``. The theorems stand in ``step``, ``sums``, ``streams``, ``parts`` and
``composition``, proved by ``prover`` and ``induction`` on the ``netlist`` that Yosys makes of the
Verilog: ``core`` has each part alone, by its ``contract``, then the core.
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
