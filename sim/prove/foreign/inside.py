"""Signals inside a core that a map names: Yosys reads no such names, so they are wired up in its
netlist, and registers and memories are given there what the map says that they hold at power-up."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ....errors import FxlifError
from ...dut.adapters.wiring import PRESETS
from ...dut.names import parse_ref
from ...dut.testbench import WRAPPER, DutJob

_PRESETS = re.compile(
    rf"^  {PRESETS} presets \(\);\n|^module {PRESETS};\n.*?^endmodule\n", re.M | re.S
)
_BITS = re.compile(r"(.*)\[(\d+)(?::(\d+))?\]")
_WHAT = "a signal inside the core as Yosys names it, in a proof"


def named_inside(job: DutJob) -> bool:
    """Whether the map of a job names something inside its core."""
    return bool(job.interface.sights or job.dut_map.initial)


def without_names(job: DutJob) -> dict[str, str]:
    """The sources of a job; what its wrapper shows of the inside is driven by nothing."""
    wrapper = _PRESETS.sub("", job.sources[WRAPPER])
    for sight in job.interface.sights:
        wrapper = wrapper.replace(f"  {sight.line}\n", "")
    return {**job.sources, WRAPPER: wrapper}


def commands(job: DutJob, module: Mapping[str, Any], files: Mapping[str, bytes]) -> list[str]:
    """Yosys' commands that wire up what the map names inside, and set what it says of power-up, in
    the flat ``module`` as Yosys writes it as JSON; ``files``: name → content.

    Raises:
        FxlifError: what is not there, or counts its bits in another way, a line each.
    """
    return _Inside(job, module, files).commands()


@dataclass(frozen=True)
class _Inside:
    job: DutJob
    module: Mapping[str, Any]
    files: Mapping[str, bytes]

    def commands(self) -> list[str]:
        mistakes, sets, wires, split = [], [], [], dict[str, None]()
        for name, value in self.job.dut_map.initial.items():
            try:
                sets.append(self._set(f"initial.{name}", parse_ref(name).of(0), value))
            except FxlifError as error:
                mistakes.append(error)
        for sight in self.job.interface.sights:
            try:
                memory, place = self._found(sight.key, sight.path, sight.width)
            except FxlifError as error:
                mistakes.append(error)
                continue
            if memory:
                split[memory] = None
            wires.append(f"connect -nounset -set {sight.wire} {place}")
        if mistakes:
            raise FxlifError.several(mistakes)
        maps = [f"memory_map c:{_escaped(name)}" for name in split]
        return ["memory_collect", *sets, *maps, *wires]

    def _found(self, key: str, path: str, width: int) -> tuple[str, str]:
        """The memory that a signal is a word of, if it is, and the signal as Yosys takes it."""
        parts = list(_parts(path))
        for name, rest in parts:
            if name in self.module["netnames"]:
                self._bits(key, path, self.module["netnames"][name], rest, width)
                return "", f"{_escaped(name)}{_selected(rest)}"
        for name, rest in parts:
            if name not in self._memories or not rest:
                continue
            (at, *other), memory = rest, self._memories[name]
            first = memory.get("start_offset", 0)
            if at[0] != at[1] or len(other) > 1 or not first <= at[0] < first + memory["size"]:
                break
            self._bits(key, path, {"bits": [0] * memory["width"]}, other, width)
            return name, f"{_escaped(f'{name}[{at[0]}]')}{_selected(other)}"
        raise FxlifError.must_be(key, _WHAT, path)

    @property
    def _memories(self) -> Mapping[str, Any]:
        found: Mapping[str, Any] = self.module.get("memories", {})
        return found

    @staticmethod
    def _bits(
        key: str, path: str, net: Mapping[str, Any], rest: list[tuple[int, int]], width: int
    ) -> None:  # fmt: skip
        """Check that some bits of a net are there, and counted from 0."""
        there = len(net["bits"])
        high, low = rest[0] if rest else (width - 1, 0)
        if net.get("offset", 0) or net.get("upto", 0):
            raise FxlifError.must_be(key, "a signal whose bits are [N:0], in a proof", path)
        if len(rest) > 1 or high >= there or high - low + 1 != width:
            raise FxlifError.must_be(key, f"bits of one of {there}, in a proof", path)

    def _set(self, key: str, path: str, value: int | str) -> str:
        """The command that says what a register or memory holds at power-up."""
        name = f"dut.{path}"
        net, memory = self.module["netnames"].get(name), self._memories.get(name)
        if net is not None and isinstance(value, int):
            return f"setattr -set init {_constant(value, len(net['bits']))} w:{_escaped(name)}"
        if memory is None or isinstance(value, int):
            raise FxlifError.must_be(key, "a register with a number, or a memory with a file, in a "
                                     "proof", path)  # fmt: skip
        width, size = memory["width"], memory["size"]
        words = self._words(key, value, memory.get("start_offset", 0), size)
        if len(words) < size:
            raise FxlifError.must_be(key, f"a file of {size} words, in a proof", value)
        bits = "".join(
            f"{word % (1 << width):0{width}b}" for _, word in sorted(words.items(), reverse=True)
        )
        return f"setparam -set INIT {width * size}'b{bits} c:{_escaped(name)}"

    def _words(self, key: str, file: str, first: int, size: int) -> dict[int, int]:
        """Address → word of a file in the form of $readmemh."""
        text = re.sub(
            r"/\*.*?\*/|//[^\n]*", " ", self.files[file].decode(errors="replace"), flags=re.S
        )
        found, at = {}, first
        for word in text.split():
            try:
                if word.startswith("@"):
                    at = int(word[1:], 16)
                    continue
                found[at] = int(word.replace("_", ""), 16)
            except ValueError:
                raise FxlifError.must_be(key, "a file of words in hexadecimal, in a proof", file,
                                         found=f"{file}: {word!r}") from None  # fmt: skip
            at += 1
        return {at: word for at, word in found.items() if first <= at < first + size}


def _constant(value: int, width: int) -> str:
    return f"{width}'b{value % (1 << width):0{width}b}"


def _escaped(name: str) -> str:
    return f"\\{name}"


def _parts(path: str) -> Iterator[tuple[str, list[tuple[int, int]]]]:
    """A name below the core with the selections behind it, as much of the text as a name first."""
    name, rest = f"dut.{path}", list[tuple[int, int]]()
    yield name, rest
    while match := _BITS.fullmatch(name):
        name, high = match[1], int(match[2])
        rest = [(high, high if match[3] is None else int(match[3])), *rest]
        yield name, rest


def _selected(rest: list[tuple[int, int]]) -> str:
    return "".join(f"[{high}:{low}]" for high, low in rest)
