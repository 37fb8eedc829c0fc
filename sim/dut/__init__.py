"""Any core against the golden model: Verilog that fxlif did not make, and a map of its ports.

``run`` is ``fxlif verify --dut``, ``check`` the checkers for a cocotb test of one's own. A ``map``
says which port plays which part; ``wrapper`` gives the module the signals of fxlif's own cores;
``reference`` says what they must show, and ``coverage`` what was met on the way. ``stimulus`` and
``events`` drive it, and ``testbench`` puts all this together: for cocotb in ``bench``, and for the
mutants of :mod:`fxlif.sim.mutate.foreign`.
"""

from typing import TYPE_CHECKING

from ...lazy import exports

if TYPE_CHECKING:
    from .check import NeuronChecker as NeuronChecker
    from .check import StreamChecker as StreamChecker
    from .run import verify_dut as verify_dut

HOMES = {
    "NeuronChecker": "check",
    "StreamChecker": "check",
    "verify_dut": "run",
}
__all__ = list(HOMES)
__getattr__, __dir__ = exports(__name__, HOMES)
