"""The name under which benches of users import :mod:`fxlif.sim.dut.check` since version 0.1."""

from .dut.check import Difference, NeuronChecker, StreamChecker

__all__ = ["Difference", "NeuronChecker", "StreamChecker"]
