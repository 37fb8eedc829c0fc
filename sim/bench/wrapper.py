"""One packed input and one packed output around a design, so that one access covers a cycle."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ...hdl.interface import Field, Hardware
from ..tools.words import as_rows, fields_of, starts

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


def wrap(hardware: Hardware) -> Interface:
    """The interface of a design, and the Verilog of its wrapper.

    An output that means nothing, since what says that it is valid is 0, shows 0 and no x there.
    """
    inputs = [p for p in hardware.ports if p.direction == "in" and p.name != "clk"]
    outputs = [p for p in hardware.ports if p.direction == "out"]
    *in_at, in_bits = starts(inputs)
    *out_at, bits = starts(outputs, in_bits)
    connections = [".clk(clk)"]
    for port, at in zip(inputs, in_at, strict=True):
        connections.append(f".{port.name}(stimulus[{at} +: {port.width}])")
    places = {p.name: f"response[{at} +: {p.width}]"
              for p, at in zip(outputs, out_at, strict=True)}  # fmt: skip
    wires = []
    for number, port in enumerate(outputs):
        valid = f"{port.name.rpartition('_')[0]}_valid"
        if valid in (places.keys() - {port.name}):
            wire = f"SHOWN_{number}"
            unknown = f"{places[valid]} === 1'b0 && (^{wire}) === 1'bx"
            wires.append(f"wire [{port.width - 1}:0] {wire};")
            wires.append(f"assign {places[port.name]} = {unknown} ? {port.width}'d0 : {wire};")
        else:
            wire = places[port.name]
        connections.append(f".{port.name}({wire})")
    joined = ",\n    ".join(connections)
    shown = "".join(f"  {line}\n" for line in wires)
    # The name of the design is escaped: it may be a word of the language.
    wrapper = f"""\
module {TOP} (
  input clk,
  input [{in_bits - 1}:0] stimulus,
  output [{bits - 1}:0] response
);
  assign response[{in_bits - 1}:0] = stimulus;
{shown}  \\{hardware.top} dut (
    {joined}
  );
endmodule
"""
    stimulus = fields_of(inputs)
    return Interface(stimulus, stimulus | fields_of(outputs, in_bits), in_bits, bits, wrapper)
