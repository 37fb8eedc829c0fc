"""How a map names ports, parts of ports, and signals inside a foreign core."""

from __future__ import annotations

import re
from typing import Annotated, Any, NamedTuple

from pydantic import AfterValidator, Field

from ...errors import FxlifError
from ...params.base import Int, Params

#: Stands in the name of a signal for the number of a neuron.
EACH = "{n}"
_NAME = r"[A-Za-z_][A-Za-z0-9_$]*"
_PART = rf"{_NAME}(?:\[(?:\d{{1,5}}|\{{n\}})\])*?"
_REF = re.compile(rf"(\.?{_PART}(?:\.{_PART})*)(?:\[(\d{{1,5}})(?::(\d{{1,5}}))?\])?")


class Ref(NamedTuple):
    """A port or a signal inside, or the bits ``high`` down to ``low`` of it (both None: all)."""

    port: str
    high: int | None
    low: int | None

    @property
    def inside(self) -> bool:
        """Whether this is a signal inside the core, and not a port."""
        return "." in self.port or "[" in self.port

    @property
    def each(self) -> bool:
        """Whether there is one for every neuron."""
        return EACH in self.port

    def of(self, neuron: int) -> str:
        """A signal inside, that of a neuron, as text of the language below the core."""
        bits = "" if self.high is None else f"[{self.high}:{self.low}]"
        if self.high is not None and self.high == self.low:
            bits = f"[{self.high}]"
        return self.port.removeprefix(".").replace(EACH, str(neuron)) + bits


def parse_ref(text: str) -> Ref:
    """``port``, ``port[3]`` or ``port[7:0]``, or with dots a signal inside the core, as in
    ``bank.memory[{n}][7:0]``; :class:`FxlifError` on anything else."""
    match = _REF.fullmatch(text)
    if match is None:
        raise FxlifError.must_be("", "port, port[3] or port[7:0]", text)
    high = None if match[2] is None else int(match[2])
    low = high if match[3] is None else int(match[3])
    if high is not None and low is not None and high < low:
        raise FxlifError.must_be("", "a range with the higher bit first", text)
    return Ref(match[1], high, low)


def _checked_output(text: str) -> str:
    if parse_ref(text).each:
        raise FxlifError.must_be("", f"one signal: {EACH} is for states without a port", text)
    return text


def _checked_state(text: str) -> str:
    parse_ref(text)
    return text


def _checked_port(text: str) -> str:
    ref = parse_ref(text)
    if ref.high is not None or ref.inside:
        raise FxlifError.must_be("", "a whole port", text)
    return text


def _checked_value(value: Any) -> int | str:
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise FxlifError.must_be("", "an integer or text", value)
    if isinstance(value, int) and not -(1 << 31) <= value < 1 << 31:
        raise FxlifError.must_be("", "an integer of 32 bits", value)
    if isinstance(value, str) and not re.fullmatch(r"[ !#-\[\]-~]*", value):
        raise FxlifError.must_be("", 'printable text without " and \\', value)
    return value


def only_one(params: Params, *keys: str) -> None:
    """Check that one of some keys is given.

    Raises:
        FxlifError: more than one is given, or none.
    """
    given = [key for key in keys if getattr(params, key) is not None]
    if len(given) != 1:
        listed = f"{', '.join(keys[:-1])} and {keys[-1]}"
        found = "neither" if len(keys) == 2 else "none"
        if given:
            found = "both" if len(keys) == 2 else " and ".join(given)
        allowed = f"one of {listed}"
        raise FxlifError(f"{keys[0]}: {allowed} must be given, not {found}", key=keys[0],
                         value=found, allowed=allowed)  # fmt: skip


def goes_with(params: Params, key: str, needed: str) -> None:
    """Check that ``key`` is given only beside ``needed``.

    Raises:
        FxlifError: ``key`` alone is given.
    """
    found = getattr(params, key)
    if found is not None and getattr(params, needed) is None:
        raise FxlifError.must_be(key, f"left out, without {needed}", found)


PortRef = Annotated[str, AfterValidator(_checked_output)]
StateRef = Annotated[str, AfterValidator(_checked_state)]
PortName = Annotated[str, AfterValidator(_checked_port)]
Value = Annotated[Any, AfterValidator(_checked_value)]
ParameterName = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_$]*$")]
Cycles = Annotated[Int, Field(ge=1, le=1 << 24)]
