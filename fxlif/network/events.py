"""Events and ticks: the one format between cores, in files and on the wire (docs/rule.md#events).

In memory a stream is a one-dimensional int64 array. An entry >= 0 is SPIKE(address), the entry
:data:`TICK` ends a step: all spikes before the k-th TICK belong to step k.
"""

from __future__ import annotations

import codecs
import io
import os
import re
import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ..arrays import integer
from ..arrays import integers as any_integers
from ..errors import FxlifError, short
from ..files import as_path, cannot, read_arrays, whole_file
from ..memory import must_fit

Events = npt.NDArray[np.int64]

#: The entry that ends a step.
TICK = -1


# --- streams and counts -------------------------------------------------------------------------


def check(events: npt.ArrayLike, n_inputs: int | None = None) -> Events:
    """``events`` as a valid stream: (count,) int64; no copy where it is one already.

    Args:
        events: (count,) integers, each an address >= 0 or TICK.
        n_inputs: where given, every address must lie in 0..n_inputs - 1.

    Raises:
        FxlifError: not one-dimensional, not integers, or an entry out of range, by its position.
    """
    stream = _integers("events", events, "(count,)", booleans=False)
    _refuse(stream < TICK, stream, "event {}", f"{TICK} (tick) or more")
    if n_inputs is not None:
        n = integer("n_inputs", n_inputs, 1)
        _refuse(stream >= n, stream, "event {}", f"an address 0..{n - 1}")
    return stream


def from_counts(counts: npt.ArrayLike) -> Events:
    """The stream in which input i spikes ``counts[t, i]`` times in step t.

    Args:
        counts: (steps, n) non-negative integers or booleans, n >= 1.

    Returns:
        (counts.sum() + steps,) int64: per step the addresses in ascending order, then a TICK.

    Raises:
        FxlifError: another shape, not integers, or a negative count, by its step and input.
    """
    table = _integers("counts", counts, "(steps, n)")
    steps, n = table.shape
    integer("counts: n", n, 1)
    _refuse(table < 0, table, "step {}, input {}", "a count of 0 or more")
    entries = np.append(np.arange(n), TICK)
    repeats = np.column_stack([table, np.ones(steps, np.int64)])
    return np.repeat(np.tile(entries, steps), repeats.ravel())


def to_counts(events: npt.ArrayLike, n: int) -> npt.NDArray[np.int64]:
    """How often each of ``n`` inputs spikes in each step: (steps, n) int64.

    The inverse of :func:`from_counts`, whatever the order of the spikes within a step.

    Raises:
        FxlifError: as :func:`check`, or a spike after the last TICK, by its position.
    """
    stream = check(events, n)
    ticks = stream == TICK
    step = np.cumsum(ticks)
    steps = int(np.count_nonzero(ticks))
    must_fit("n", 8 * steps * n, f"the counts of {steps:,} steps of {n:,} inputs")
    _refuse(
        ~ticks & (step == steps), stream, "event {}", "in a step that is ended by a tick",
        "address {} after the last tick",
    )  # fmt: skip
    places = (step * n + stream)[~ticks]
    return np.bincount(places, minlength=steps * n).astype(np.int64).reshape(steps, n)


def split_steps(events: npt.ArrayLike) -> list[Events]:
    """The addresses of every complete step, in the order of the stream.

    Spikes after the last TICK belong to no complete step and are left out.

    Raises:
        FxlifError: as :func:`check`.
    """
    stream = check(events)
    ended = np.split(stream, np.flatnonzero(stream == TICK) + 1)[:-1]
    return [step[:-1] for step in ended]


def image_counts(images: npt.ArrayLike, steps: int, maximum: int) -> Events:
    """How often each input spikes in each step of each image, (k, steps, n) int64, 0 or 1: a
    deterministic rate code.

    An input of value p spikes in step t when floor((t+1) p / maximum) > floor(t p / maximum), as
    :class:`fxlif.params.network.ImageInput` says; p = maximum spikes in every step.

    Args:
        images: (k, n) integers 0..maximum, n >= 1.
        steps: 1 or more.
        maximum: 1 or more.

    Raises:
        FxlifError: another shape, not integers, or a value out of range, by its image and input.
    """
    values = _integers("images", images, "(k, n)")
    integer("images: n", values.shape[1], 1)
    steps = integer("steps", steps, 1, _MAX_INT32)
    what = f"{steps:,} steps of {values.shape[1]:,} inputs"
    must_fit("steps", 8 * steps * (1 + values.shape[1]), what)
    times = np.arange(steps + 1)[:, np.newaxis]
    maximum = integer("maximum", maximum, 1, _MAX_INT32)
    _refuse((values < 0) | (values > maximum), values, "image {}, input {}", f"0..{maximum}")
    return np.diff(times * values[:, np.newaxis] // maximum, axis=1)


def encode_images(images: npt.ArrayLike, steps: int, maximum: int) -> list[Events]:
    """One stream of ``steps`` steps per image, of :func:`image_counts`, which see."""
    counts = image_counts(images, steps, maximum)
    # Image by image it would take longer than a small network does to read them.
    stream = from_counts(counts.reshape(-1, counts.shape[2]))
    ends = np.flatnonzero(stream == TICK)[steps - 1 :: steps] + 1
    return np.split(stream, ends)[:-1]


# --- the wire -----------------------------------------------------------------------------------


def pack(events: npt.ArrayLike, address_bits: int) -> npt.NDArray[np.uint32]:
    """The payload word of each event: the address in the low bits, the tick flag above them.

    Args:
        events: (count,) a stream.
        address_bits: 1..30.

    Returns:
        (count,) uint32; a TICK is the flag, bit ``address_bits``, with address 0.

    Raises:
        FxlifError: as :func:`check`, with 2**address_bits inputs.
    """
    return _pack(events, integer("address_bits", address_bits, 1, 30))


def unpack(words: npt.ArrayLike, address_bits: int) -> Events:
    """The stream of the payload words, the inverse of :func:`pack`: (count,) int64.

    Raises:
        FxlifError: not (count,) integers, or a word that :func:`pack` never makes, by its position.
    """
    return _unpack(words, integer("address_bits", address_bits, 1, 30))


def _pack(events: npt.ArrayLike, address_bits: int) -> npt.NDArray[np.uint32]:
    flag = 1 << address_bits
    stream = check(events, flag)
    return np.where(stream == TICK, flag, stream).astype(np.uint32)


def _unpack(words: npt.ArrayLike, address_bits: int) -> Events:
    flag = 1 << address_bits
    payload = _integers("words", words, "(count,)", booleans=False)
    _refuse(
        (payload < 0) | (payload > flag), payload, "event {}",
        f"an address 0..{flag - 1:#x} or the tick {flag:#x}", "the word {:#x}",
    )  # fmt: skip
    return np.where(payload == flag, TICK, payload)


# --- files --------------------------------------------------------------------------------------


def write(path: str | os.PathLike[str], events: npt.ArrayLike) -> None:
    """Write a stream to a file, whole or not at all; the form follows the suffix.

    - ``.txt``: the line ``# fxlif events 1``, a line ``spike ADDRESS`` or ``tick`` per event, the
      line ``end COUNT``; blank lines and lines that start with # may stand in between;
    - ``.npz``: the array ``events``;
    - ``.bin``: little-endian, b"FXLE", uint32 version 1, uint64 count, then a uint32 per event: the
      tick in bit 31, the address in the bits below.

    Raises:
        FxlifError: another suffix, no valid stream, an address of more than 31 bits in a ``.bin``
            file, or a file that cannot be written; always names the file.
    """
    path = as_path("path", path)
    to_bytes, _ = _form(path)
    with _naming(path):
        data = to_bytes(check(events))
    with whole_file(path) as temporary:
        temporary.write_bytes(data)


def read(path: str | os.PathLike[str]) -> Events:
    """The stream in a file made by :func:`write`: (count,) int64.

    Raises:
        FxlifError: another suffix, or a file that is missing, cut off or of another content; always
            names the file.
    """
    path = as_path("path", path)
    _, from_bytes = _form(path)
    try:
        data = path.read_bytes()
    except OSError as error:
        raise cannot("read", path, error) from None
    with _naming(path):
        return check(from_bytes(data))


_HEADER = "# fxlif events 1"
_FIRST = f"{_HEADER!r}, with which every text file of events begins"
_LINE = re.compile(r"(?:(tick)|spike ([0-9]{1,19})|end ([0-9]{1,19}))\Z")


def _to_text(events: Events) -> bytes:
    lines = ["tick" if event == TICK else f"spike {event}" for event in events.tolist()]
    return "\n".join([_HEADER, *lines, f"end {len(lines)}", ""]).encode()


def _from_text(data: bytes) -> Events:
    data = data.removeprefix(codecs.BOM_UTF8)
    # Lines of bytes end at \n, \r and \r\n only; lines of text would end at many more characters.
    lines = [line.decode(errors="replace").rstrip() for line in data.splitlines()]
    if not lines or lines[0] != _HEADER:
        raise _line(1, _FIRST, lines[0] if lines else "")
    events: list[int] = []
    ended = False
    for number, line in enumerate(lines[1:], start=2):
        if not line or line.startswith("#"):
            continue
        if ended:
            raise _line(number, "empty after 'end'", line)
        match = _LINE.match(line)
        if match is None:
            raise _line(number, "'spike ADDRESS', 'tick' or 'end COUNT'", line)
        tick, address, count = match.groups()
        if tick:
            events.append(TICK)
        elif address:
            if int(address) > _MAX_INT64:
                raise _line(number, f"a spike of an address 0..{_MAX_INT64}", line)
            events.append(int(address))
        elif int(count) != len(events):
            raise _line(number, f"'end {len(events)}' after {len(events)} events", line)
        else:
            ended = True
    if not ended:
        raise FxlifError(f"cut off: the last line, 'end {len(events)}', is missing")
    return np.array(events, np.int64)


def _line(number: int, allowed: str, line: str) -> FxlifError:
    return FxlifError.must_be(f"line {number}", allowed, line, found=short(line))


def _to_npz(events: Events) -> bytes:
    buffer = io.BytesIO()
    np.savez(buffer, events=events)
    return buffer.getvalue()


def _from_npz(data: bytes) -> Events:
    return check(read_arrays(io.BytesIO(data), ("events",))["events"])


_MAGIC = b"FXLE"
_VERSION = 1
_PREFIX = struct.Struct("<4sIQ")
_FILE_ADDRESS_BITS = 31


def header(count: int) -> bytes:
    """The header of a ``.bin`` file of ``count`` events; its last eight bytes are the count."""
    return _PREFIX.pack(_MAGIC, _VERSION, count)


def header_count(found: bytes) -> int:
    """The count in a :func:`header`."""
    return int(_PREFIX.unpack(found)[2])


def to_words(events: npt.ArrayLike) -> npt.NDArray[np.uint32]:
    """The words of a ``.bin`` file: (count,) little-endian uint32.

    Raises:
        FxlifError: as :func:`check`, or an address of more than 31 bits.
    """
    return _pack(events, _FILE_ADDRESS_BITS).astype("<u4", copy=False)


def from_words(words: npt.ArrayLike) -> Events:
    """The stream of the words of a ``.bin`` file, the inverse of :func:`to_words`."""
    return _unpack(words, _FILE_ADDRESS_BITS)


def _to_binary(events: Events) -> bytes:
    words = to_words(events)
    return header(len(words)) + words.tobytes()


def _from_binary(data: bytes) -> Events:
    if not _MAGIC.startswith(data[:4]) or not data:
        raise FxlifError.must_be("first bytes", repr(_MAGIC), data[:4])
    if len(data) < _PREFIX.size:
        raise FxlifError(f"cut off after {len(data)} of the first {_PREFIX.size} bytes")
    _, version, count = _PREFIX.unpack_from(data)
    if version != _VERSION:
        raise FxlifError.must_be("version", str(_VERSION), version)
    body = data[_PREFIX.size :]
    if len(body) < 4 * count:
        raise FxlifError(f"cut off after {len(body) // 4} of {count} events")
    if len(body) > 4 * count:
        raise FxlifError(f"{len(body) - 4 * count} bytes too many after {count} events")
    return from_words(np.frombuffer(body, "<u4"))


_Form = tuple[Callable[[Events], bytes], Callable[[bytes], Events]]
_FORMS: dict[str, _Form] = {
    ".txt": (_to_text, _from_text),
    ".npz": (_to_npz, _from_npz),
    ".bin": (_to_binary, _from_binary),
}
#: The suffixes of event files.
SUFFIXES = tuple(_FORMS)


def check_suffix(path: Path) -> None:
    """Raise unless a path has one of the :data:`SUFFIXES`."""
    _form(path)


def _form(path: Path) -> _Form:
    if path.suffix not in _FORMS:
        raise FxlifError.must_be(f"{path}: suffix", ", ".join(_FORMS), path.suffix)
    return _FORMS[path.suffix]


@contextmanager
def _naming(path: Path) -> Iterator[None]:
    try:
        yield
    except FxlifError as error:
        raise error.inside(path) from None


# --- checks -------------------------------------------------------------------------------------

_MAX_INT32 = (1 << 31) - 1
_MAX_INT64 = (1 << 63) - 1


def _integers(key: str, value: npt.ArrayLike, shape: str, *, booleans: bool = True) -> Events:
    """``value`` as an int64 array with as many dimensions as the text ``shape`` names."""
    array = any_integers(key, value, shape=shape, booleans=booleans)
    if array.dtype.kind == "u" and array.size and int(array.max()) > _MAX_INT64:
        raise FxlifError.must_be(key, f"{_MAX_INT64} at most", int(array.max()))
    return array.astype(np.int64, copy=False)


def _refuse(
    wrong: npt.NDArray[np.bool_], values: Events, place: str, allowed: str, found: str = "{}"
) -> None:
    """Raise at the first true entry; ``place`` takes its indices, ``found`` its value."""
    if wrong.any():
        at = tuple(int(i) for i in np.argwhere(wrong)[0])
        value = int(values[at])
        raise FxlifError.must_be(place.format(*at), allowed, value, found=found.format(value))


__all__ = [
    "TICK",
    "Events",
    "check",
    "encode_images",
    "from_counts",
    "from_words",
    "header",
    "header_count",
    "image_counts",
    "pack",
    "read",
    "split_steps",
    "to_counts",
    "to_words",
    "unpack",
    "write",
]
