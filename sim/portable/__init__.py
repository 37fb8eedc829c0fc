"""The self-checking bench in plain Verilog, which needs neither Python nor cocotb.

``testbench`` writes it, ``expected`` works out its stimulus and what it expects.
"""

from typing import TYPE_CHECKING

from ...lazy import exports

if TYPE_CHECKING:
    from .testbench import bench_of as bench_of
    from .testbench import with_bench as with_bench

HOMES = {
    "bench_of": "testbench",
    "with_bench": "testbench",
}
__all__ = list(HOMES)
__getattr__, __dir__ = exports(__name__, HOMES)
