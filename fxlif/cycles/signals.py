"""The names of a core's ports and of the signals inside it that proofs look at, spelled once.

The hardware builds its signals under these names and the proofs look them up under them; what is
shown at the top of a chain is in :class:`fxlif.params.protocol.CoreSignals`.
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


class Port(StrEnum):
    """The Verilog ports of a core's two streams."""

    IN_VALID = "events_in_valid"
    IN_READY = "events_in_ready"
    IN_PAYLOAD = "events_in_payload"
    OUT_VALID = "events_out_valid"
    OUT_READY = "events_out_ready"
    OUT_PAYLOAD = "events_out_payload"


class Inside(StrEnum):
    """Signals and memories inside a core, as the Verilog has them."""

    # Both halves of the core.
    CLEARING = "clearing"
    CLEAR_WORD = "clear_word"
    PENDING = "pending"
    BANK = "bank"
    START = "start"
    # Integration.
    ACTIVE = "active"
    SLOT = "slot"
    ADDING = "adding"
    ADDING_WORD = "adding_word"
    WRITING = "writing"
    WRITING_BANK = "writing_bank"
    WRITING_WORD = "writing_word"
    RESULT = "result"
    CLIPPED = "clipped"
    # Update.
    MOVING = "moving"
    WRITTEN = "written"
    SPIKE = "spike"
    # Emitter.
    WAITING = "waiting"
    TICK = "tick"
    BASE = "base"
    NEXT_BASE = "next_base"
    # Memories.
    WEIGHTS = "weights"
    THRESHOLDS = "thresholds"
    STATES = "states"
    # Ports of memories.
    WEIGHTS_ADDRESS = "weights_addr"
    STATE_WRITE_ENABLE = "state_write_en"
    STATE_WRITE_ADDRESS = "state_write_addr"
    STATE_WRITE_DATA = "state_write_data"


def totals_name(bank: int) -> str:
    """The memory of accumulators of one bank."""
    return f"totals_{bank}"


def step_name(lane: int, port: str = "") -> str:
    """The instance of the step of one lane, or one of its ports."""
    return f"step_{lane}.{port}" if port else f"step_{lane}"


def stage_valid(stage: str) -> str:
    """Whether there is a word in a stage of the update."""
    return f"{stage}_valid"


def stage_word(stage: str) -> str:
    """Which word is in a stage of the update."""
    return f"{stage}_word"
