"""The names of a core's ports and of the steps inside it, spelled once; what is shown at the top of
a chain is in :class:`fxlif.params.protocol.CoreSignals`.
"""

from __future__ import annotations

from enum import StrEnum

#: Field of :data:`fxlif.cycles.control.INPUT` → the port, or the part of one, that it is.
INPUT_PORTS = {
    "rst": "rst",
    "in_valid": "events_in.valid",
    "in_address": "events_in.payload.address",
    "in_tick": "events_in.payload.tick",
    "out_ready": "events_out.ready",
}
#: Field of :data:`fxlif.cycles.control.STREAM` → the port, or the part of one, that it is.
OUTPUT_PORTS = {
    "in_ready": "events_in.ready",
    "out_valid": "events_out.valid",
    "out_address": "events_out.payload.address",
    "out_tick": "events_out.payload.tick",
}
#: Of a design of which something can be written: field of
#: :class:`~fxlif.cycles.model.CycleInputs` or :class:`~fxlif.cycles.model.CycleOutputs` → the port.
WRITE_INPUTS = {
    "write_valid": "write.valid",
    "write_address": "write.payload.address",
    "write_data": "write.payload.data",
}
WRITE_OUTPUTS = {"write_ready": "write.ready", "rejected": "rejected"}
#: The same of a design of which something can be read.
READ_INPUTS = {"read_valid": "read.valid", "read_address": "read.payload.address"}
READ_OUTPUTS = {
    "read_ready": "read.ready",
    "read_errors": "read_errors",
    "answer_valid": "answer.valid",
    "answer_data": "answer.data",
    "answer_error": "answer.error",
}
#: Of these, what counts where the answer is valid.
ANSWERED = ("answer_data", "answer_error")


class Port(StrEnum):
    """The Verilog ports of a core's two streams."""

    IN_VALID = "events_in_valid"
    IN_READY = "events_in_ready"
    IN_PAYLOAD = "events_in_payload"
    OUT_VALID = "events_out_valid"
    OUT_READY = "events_out_ready"
    OUT_PAYLOAD = "events_out_payload"


def step_name(lane: int, port: str = "") -> str:
    """The instance of the step of one lane, or one of its ports."""
    return f"step_{lane}.{port}" if port else f"step_{lane}"
