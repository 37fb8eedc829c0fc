"""A network of cores that read rows in Amaranth's simulator, and by its cycle model."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from amaranth.hdl import Value
from pysim import clocked

from fxlif.cycles.model import CycleInputs
from fxlif.cycles.row_model import model_of
from fxlif.hdl.network import LIFGraph
from fxlif.layout import HardwareNetwork


def shown(network: HardwareNetwork, inputs: np.ndarray) -> list[dict[str, int]]:
    """What each port shows in each cycle; nothing of the events and words that are not valid."""
    dut = LIFGraph(network, trace=True)
    stream_in, stream_out = dut.events_in, dut.events_out
    ports: dict[str, Any] = {
        "in_ready": stream_in.ready, "out_valid": stream_out.valid,
        "out_address": stream_out.payload.address, "out_tick": stream_out.payload.tick,
    }  # fmt: skip
    behind = {"out_address": "out_valid", "out_tick": "out_valid"}
    for k, core in enumerate(network.cores):
        ports |= {f"{k} {name}": getattr(dut, f"{name}_{k}") for name in ("dropped", "saturated")}
        trace = getattr(dut, f"trace_{k}")
        words = {f"{k} index": trace.index}
        for lane in range(core.lanes):
            words[f"{k} spike {lane}"] = trace.spike[lane]
            words |= {f"{k} {name} {lane}": getattr(trace.state[lane], name)
                      for name in core.neuron.state_widths}  # fmt: skip
        ports |= {f"{k} valid": trace.valid, **words}
        behind |= dict.fromkeys(words, f"{k} valid")
    payload = stream_in.payload
    driven = [stream_in.valid, payload.address, payload.tick, stream_out.ready]
    rows = inputs[["rst", "in_valid", "in_address", "in_tick", "out_ready"]].tolist()
    found = []
    for row in clocked(dut, driven, list(map(Value.cast, ports.values())), rows):
        seen = dict(zip(ports, row, strict=True))
        found.append({n: v for n, v in seen.items() if n not in behind or seen[behind[n]]})
    return found


def wanted(network: HardwareNetwork, inputs: np.ndarray) -> Iterator[dict[str, int]]:
    """The same by the cycle model."""
    made = model_of(network).run(CycleInputs.of(inputs))
    words = [0] * len(network.cores)
    for cycle in range(len(inputs)):
        seen = {name: int(getattr(made, name)[cycle]) for name in ("in_ready", "out_valid")}
        if made.out_valid[cycle]:
            seen |= {n: int(getattr(made, n)[cycle]) for n in ("out_address", "out_tick")}
        for k, (core, trace) in enumerate(zip(network.cores, made.cores, strict=True)):
            each = ("dropped", "saturated", "valid")
            seen |= {f"{k} {name}": int(getattr(trace, name)[cycle]) for name in each}
            if not trace.valid[cycle]:
                continue
            seen[f"{k} index"] = int(trace.index[cycle])
            for lane in range(core.lanes):
                seen[f"{k} spike {lane}"] = int(trace.spike[words[k]][lane])
                seen |= {f"{k} {name} {lane}": int(values[words[k]][lane])
                         for name, values in trace.state.items()}  # fmt: skip
            words[k] += 1
        yield seen
