"""The registers of a design on a bus: names, addresses, and what each says.

Registers are 32 bits wide, at byte addresses that are multiples of 4. The lower half of the address
space has the registers; the upper half, if the design has a write or a read port, is the window
through which a host reaches what those ports reach: their address (:mod:`fxlif.cycles.access`)
times 4.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from ..cycles.access import AddressMap, access_outputs, is_accessible
from ..errors import FxlifError
from ..params.protocol import AnyCores

#: Bits of a register, and bytes from one to the next.
REGISTER_BITS, STEP = 32, 4
#: What the first register says: that a design of fxlif is there; then the version of this map.
MAGIC, VERSION = 0x6678_6C66, 1
#: Most bits of an address in the window, so that all fit into 32 bits.
MOST_WINDOW_BITS = 29
#: Words of the design's hash.
HASH_WORDS = 4

Access = Literal["read", "read, write"]


@dataclass(frozen=True, kw_only=True)
class Register:
    """32 bits at a byte address. ``value``: what a constant one always says."""

    name: str
    address: int
    access: Access
    text: str
    value: int | None = None


@dataclass(frozen=True, kw_only=True)
class RegisterMap:
    """What stands where on the bus of a design. ``window``: its first byte address, if it has one;
    ``address_bits``: of a byte address."""

    design: str
    digest: str
    registers: tuple[Register, ...]
    address_bits: int
    window: int | None

    def __getitem__(self, name: str) -> Register:
        """The register of this name."""
        return next(register for register in self.registers if register.name == name)

    def described(self) -> list[dict[str, str | int | None]]:
        """The registers as JSON values."""
        return [vars(register) for register in self.registers]

    def markdown(self) -> str:
        """The registers as a table."""
        rows = [f"| 0x{r.address:03X} | `{r.name}` | {r.access} | {r.text} |"
                for r in self.registers]  # fmt: skip
        if self.window is not None:
            last = (1 << self.address_bits) - STEP
            rows.append(
                f"| 0x{self.window:X} to 0x{last:X} | window | read, write |"
                " 4 times an address of the write or the read port; only while `status` says idle |"
            )
        head = ["| address | register | access | meaning |", "|---|---|---|---|"]
        return "\n".join([f"# Registers of {self.design}", "", *head, *rows, ""])

    def c_header(self) -> str:
        """The addresses as macros of C."""
        prefix = re.sub(r"\W", "_", self.design).upper()
        guard = f"{prefix}_REGISTERS_H"
        lines = [f"/* Registers of {self.design}, 32 bits each: byte addresses. */",
                 f"#ifndef {guard}", f"#define {guard}"]  # fmt: skip
        for r in self.registers:
            lines.append(f"#define {prefix}_{r.name.upper()} 0x{r.address:X}u /* {r.text} */")
            if r.value is not None:
                lines.append(f"#define {prefix}_{r.name.upper()}_VALUE 0x{r.value:X}u")
        for name, bit in {**CONTROL, **STATUS}.items():
            lines.append(f"#define {prefix}_BIT_{name.upper()} {bit}")
        if self.window is not None:
            lines.append(f"#define {prefix}_WINDOW 0x{self.window:X}u")
        return "\n".join([*lines, f"#endif /* {guard} */", ""])

    def python_class(self) -> str:
        """The addresses as a class of Python, for a host without fxlif."""
        name = "".join(part.capitalize() for part in re.split(r"[\W_]+", self.design)) or "Design"
        name = f"{name}Registers" if name[0].isalpha() else f"Design{name}Registers"
        lines = [
            f"class {name}:",
            f'    """Byte addresses of the registers of {self.design}."""',
            "",
        ]
        for r in self.registers:
            lines.append(f"    {r.name.upper()} = 0x{r.address:X}  # {r.text}")
            if r.value is not None:
                lines.append(f"    {r.name.upper()}_VALUE = 0x{r.value:X}")
        for bit_name, bit in {**CONTROL, **STATUS}.items():
            lines.append(f"    BIT_{bit_name.upper()} = {bit}")
        if self.window is not None:
            lines.append(f"    WINDOW = 0x{self.window:X}  # 4 times an address of the ports")
        return "\n".join([*lines, ""])


#: Bits of the register ``control``, and of ``status``.
CONTROL = {"run": 0, "reset": 1}
STATUS = {"running": 0, "idle": 1}
#: The counters, all of which begin at 0 with a reset and wrap.
COUNTED = {
    "steps_in": "TICKs taken",
    "steps_out": "TICKs sent",
    "events_in": "SPIKEs taken",
    "events_out": "SPIKEs sent",
    "stalled": "clock cycles in which an event waited at the output",
    "waited": "clock cycles in which an event waited at the input",
    "refused": "accesses answered with an error",
}
#: Those of events from a stream, and those of requests from a serial line.
STREAM = {"malformed": "beats with an address that does not fit: swallowed"}
LINE = {
    "frames": "frames answered",
    "bad_frames": "frames that were broken: wrong CRC, too long, or while another one was answered",
}
#: Those of the ports behind the window.
PORT_COUNTED = {
    "rejected": "writes to an address where there is nothing",
    "read_errors": "reads of an address where there is nothing",
}
#: Where groups of registers begin.
CONTROL_AT, COUNTERS_AT, CORES_AT = 0x40, 0x80, 0x100


def window_bits(design: AnyCores) -> int | None:
    """The address bits of the write and the read port; None of a design that has neither."""
    if not any(is_accessible(core) for core in design.cores):
        return None
    return AddressMap(design.cores).address_bits


def register_map(
    design: AnyCores, name: str, *, stream: bool = False, line: bool = False
) -> RegisterMap:
    """The map of a design called ``name``; of one whose events come from a ``stream``, or all by
    the frames of a serial ``line``, with the counters of these.

    Raises:
        FxlifError: what can be written and read takes more addresses than a bus has.
    """
    registers: list[Register] = []

    def add(at: int, names: Sequence[tuple[str, str, int | None]], access: Access = "read") -> int:
        for label, text, value in names:
            registers.append(
                Register(name=label, address=at, access=access, text=text, value=value)
            )
            at += STEP
        return at

    digest = design.digest()
    words = [int(digest[8 * k : 8 * k + 8], 16) for k in range(HASH_WORDS)]
    at = add(0, [("magic", "a design of fxlif", MAGIC), ("version", "of this map", VERSION)])
    at = add(at, [(f"hash_{k}", f"SHA-256 of the design, word {k}", word)
                  for k, word in enumerate(words)])  # fmt: skip
    add(at, [("inputs", "addresses of events in", design.n_inputs),
             ("outputs", "addresses of events out", design.n_outputs),
             ("cores", "cores", len(design.cores))])  # fmt: skip
    control = "bit 0, run: events are taken; a step that has begun is ended"
    at = add(CONTROL_AT, [("control", f"{control}; bit 1, reset: of states and counters, once",
                           None)], "read, write")  # fmt: skip
    add(at, [("status", "bit 0, running; bit 1, idle: stopped, and all steps are through", None)])
    counted = {**COUNTED, **(STREAM if stream else {}), **(LINE if line else {})}
    at = add(COUNTERS_AT, [(key, text, None) for key, text in counted.items()])
    at = add(at, [("cycles", "clock cycles, low word: reading it holds the high one", None),
                  ("cycles_high", "clock cycles, high word", None)])  # fmt: skip
    port = window_bits(design)
    add(at, [(name, text, None) for name, text in PORT_COUNTED.items()
             if name in access_outputs(design.cores)])  # fmt: skip
    at = CORES_AT
    for k in range(len(design.cores)):
        at = add(at, [(f"dropped_{k}", f"core {k}: spikes with an unknown address", None),
                      (f"saturated_{k}", f"core {k}: sums that met an end", None)])  # fmt: skip
    low = (at - 1).bit_length()
    if port is None:
        return RegisterMap(design=name, digest=digest, registers=tuple(registers),
                           address_bits=low, window=None)  # fmt: skip
    if port > MOST_WINDOW_BITS:
        allowed = f"of {MOST_WINDOW_BITS} address bits at most on a bus"
        raise FxlifError.must_be("writable, readable", allowed, port, found=f"{port} bits")
    low = max(low, port + 2)
    return RegisterMap(design=name, digest=digest, registers=tuple(registers),
                       address_bits=low + 1, window=1 << low)  # fmt: skip
