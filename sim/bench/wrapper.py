"""One packed input and one packed output around a design, so that one access covers a cycle."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ...hdl.verilog import Field, Hardware, Port
from ..tools.words import as_rows

#: With capitals, which no design's name has.
TOP = "FxlifBench"
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Interface:
    """Where each number stands in the packed ``stimulus`` and ``response`` of the wrapper.

    The response begins with the stimulus as the design's ports show it, so that monitors see what
    the design saw and not what a driver meant.
    """

    stimulus: dict[str, Field]
    response: dict[str, Field]
    stimulus_bits: int
    response_bits: int
    wrapper: str

    def decode(self, words: list[int]) -> Cycles:
        """Response words, one per cycle, as something to take fields from."""
        return Cycles(self.response, as_rows(words, self.response_bits))


@dataclass(frozen=True)
class Cycles:
    """The responses of consecutive cycles."""

    fields: dict[str, Field]
    words: npt.NDArray[np.uint64]

    def __getitem__(self, name: str) -> Ints:
        """A field of every cycle, (cycles,) int64."""
        return self.take(name, slice(None))

    def take(self, name: str, cycles: slice | npt.NDArray[np.bool_]) -> Ints:
        """A field of some cycles, int64."""
        field = self.fields[name]
        column, shift = divmod(field.offset, 64)
        value = self.words[cycles, column] >> np.uint64(shift)
        if shift + field.width > 64:
            value = value | (self.words[cycles, column + 1] << np.uint64(64 - shift))
        value = value & np.uint64((1 << field.width) - 1)
        result = value.astype(np.int64)
        if field.signed:
            half = 1 << (field.width - 1)
            result = (result ^ half) - half
        return result


def _pack(ports: list[Port], start: int = 0) -> tuple[dict[str, Field], dict[str, int], int]:
    fields: dict[str, Field] = {}
    offsets: dict[str, int] = {}
    at = start
    for port in ports:
        offsets[port.name] = at
        for field in port.fields:
            fields[field.name] = Field(
                name=field.name, offset=at + field.offset, width=field.width, signed=field.signed
            )
        at += port.width
    return fields, offsets, at


def wrap(hardware: Hardware) -> Interface:
    """The interface of a design, and the Verilog of its wrapper."""
    inputs = [p for p in hardware.ports if p.direction == "in" and p.name != "clk"]
    outputs = [p for p in hardware.ports if p.direction == "out"]
    stimulus, in_at, in_bits = _pack(inputs)
    answers, out_at, bits = _pack(outputs, in_bits)
    connections = [".clk(clk)"]
    for port in inputs:
        connections.append(f".{port.name}(stimulus[{in_at[port.name]} +: {port.width}])")
    for port in outputs:
        connections.append(f".{port.name}(response[{out_at[port.name]} +: {port.width}])")
    wrapper = "\n".join(
        [
            f"module {TOP} (",
            "  input clk,",
            f"  input [{in_bits - 1}:0] stimulus,",
            f"  output [{bits - 1}:0] response",
            ");",
            f"  assign response[{in_bits - 1}:0] = stimulus;",
            f"  \\{hardware.top} dut (",  # escaped: the name may be a word of the language
            "    " + ",\n    ".join(connections),
            "  );",
            "endmodule",
            "",
        ]
    )
    return Interface(stimulus, {**stimulus, **answers}, in_bits, bits, wrapper)
