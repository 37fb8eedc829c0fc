"""Cocotb bench of a chain of cores."""

from __future__ import annotations

from typing import Any

import cocotb

from .run import run_bench, stream_driver, stream_model


@cocotb.test()
async def bench_network(dut: Any) -> None:
    """Every output and written-back state of every core, in every cycle, against the models."""
    await run_bench(dut, stream_driver, stream_model)
