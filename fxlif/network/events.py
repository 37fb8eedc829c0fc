"""Events and ticks: the one format between cores, in files and on the wire (docs/rule.md#events).

In memory a stream is a one-dimensional int64 array. An entry >= 0 is SPIKE(address), the entry
:data:`TICK` ends a step: all spikes before the k-th TICK belong to step k.
"""

from __future__ import annotations

import io
import operator
import os
import re
import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ..errors import FxlifError
from ..files import whole_file

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
    _first(
        stream < TICK, lambda at: f"event {at}: found {stream[at]}, allowed {TICK} (tick) or more"
    )
    if n_inputs is not None:
        n = _whole("n_inputs", n_inputs, 1)
        _first(
            stream >= n, lambda at: f"event {at}: found address {stream[at]}, allowed 0..{n - 1}"
        )
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
    _whole("counts: n", n, 1)
    _first(
        table < 0,
        lambda step, i: f"step {step}, input {i}: found count {table[step, i]}, allowed 0 or more",
    )
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
    _first(
        ~ticks & (step == steps),
        lambda at: (
            f"event {at}: found address {stream[at]} after the last tick, "
            "allowed complete steps only, each ended by a tick"
        ),
    )
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


def encode_images(images: npt.ArrayLike, steps: int, maximum: int) -> list[Events]:
    """One stream of ``steps`` steps per image, by a deterministic rate code.

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
    _whole("images: n", values.shape[1], 1)
    times = np.arange(_whole("steps", steps, 1, _MAX_INT32) + 1)[:, np.newaxis]
    maximum = _whole("maximum", maximum, 1, _MAX_INT32)
    _first(
        (values < 0) | (values > maximum),
        lambda k, i: f"image {k}, input {i}: found {values[k, i]}, allowed 0..{maximum}",
    )
    return [from_counts(np.diff(times * image // maximum, axis=0)) for image in values]


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
    return _pack(events, _whole("address_bits", address_bits, 1, 30))


def unpack(words: npt.ArrayLike, address_bits: int) -> Events:
    """The stream of the payload words, the inverse of :func:`pack`: (count,) int64.

    Raises:
        FxlifError: not (count,) integers, or a word that :func:`pack` never makes, by its position.
    """
    return _unpack(words, _whole("address_bits", address_bits, 1, 30))


def _pack(events: npt.ArrayLike, address_bits: int) -> npt.NDArray[np.uint32]:
    flag = 1 << address_bits
    stream = check(events, flag)
    return np.where(stream == TICK, flag, stream).astype(np.uint32)


def _unpack(words: npt.ArrayLike, address_bits: int) -> Events:
    flag = 1 << address_bits
    payload = _integers("words", words, "(count,)", booleans=False)
    _first(
        (payload < 0) | (payload > flag),
        lambda at: (
            f"event {at}: found word {payload[at]:#x}, "
            f"allowed an address 0..{flag - 1:#x} or the tick {flag:#x}"
        ),
    )
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
    path = Path(path)
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
    path = Path(path)
    _, from_bytes = _form(path)
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise FxlifError(f"{path}: no such file") from None
    except OSError as error:
        raise FxlifError(f"{path}: cannot be read ({error.strerror or error})") from None
    with _naming(path):
        return check(from_bytes(data))


_HEADER = "# fxlif events 1"
_LINE = re.compile(r"(?:(tick)|spike ([0-9]{1,19})|end ([0-9]{1,19}))\Z")


def _to_text(events: Events) -> bytes:
    lines = ["tick" if event == TICK else f"spike {event}" for event in events.tolist()]
    return "\n".join([_HEADER, *lines, f"end {len(lines)}", ""]).encode()


def _from_text(data: bytes) -> Events:
    # Lines of bytes end at \n, \r and \r\n only; lines of text would end at many more characters.
    lines = [line.decode(errors="replace").rstrip() for line in data.splitlines()]
    if not lines or lines[0] != _HEADER:
        raise FxlifError(f"line 1: found {_short(*lines[:1])}, allowed {_HEADER!r}")
    events: list[int] = []
    ended = False
    for number, line in enumerate(lines[1:], start=2):
        if not line or line.startswith("#"):
            continue
        if ended:
            raise FxlifError(f"line {number}: found {_short(line)}, allowed nothing after 'end'")
        match = _LINE.match(line)
        if match is None:
            raise FxlifError(
                f"line {number}: found {_short(line)}, "
                "allowed 'spike ADDRESS', 'tick' or 'end COUNT'"
            )
        tick, address, count = match.groups()
        if tick:
            events.append(TICK)
        elif address:
            if int(address) > _MAX_INT64:
                raise FxlifError(f"line {number}: found {line!r}, allowed address 0..{_MAX_INT64}")
            events.append(int(address))
        elif int(count) != len(events):
            raise FxlifError(
                f"line {number}: found {line!r} after {len(events)} events, "
                f"allowed 'end {len(events)}'"
            )
        else:
            ended = True
    if not ended:
        raise FxlifError(
            f"cut off: found {len(events)} events and no last line, allowed 'end {len(events)}'"
        )
    return np.array(events, np.int64)


def _to_npz(events: Events) -> bytes:
    buffer = io.BytesIO()
    np.savez(buffer, events=events)
    return buffer.getvalue()


def _from_npz(data: bytes) -> Events:
    try:
        loaded = np.load(io.BytesIO(data), allow_pickle=False)
        arrays = {} if isinstance(loaded, np.ndarray) else {k: loaded[k] for k in loaded.files}
    # A damaged archive makes zipfile, zlib and numpy raise a dozen kinds of exceptions.
    except Exception as error:
        what = str(error).splitlines() or [type(error).__name__]
        raise FxlifError(
            "found a file that is cut off or no archive, "
            f"allowed an .npz archive with the array 'events' ({what[0]})"
        ) from None
    if "events" not in arrays:
        names = ", ".join(map(repr, arrays)) or "none"
        raise FxlifError(f"found the arrays: {names}, allowed an array 'events'")
    return check(arrays["events"])


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
        raise FxlifError(f"found {data[:4]!r} as the first bytes, allowed {_MAGIC!r}")
    if len(data) < _PREFIX.size:
        raise FxlifError(f"cut off: found {len(data)} of the first {_PREFIX.size} bytes")
    _, version, count = _PREFIX.unpack_from(data)
    if version != _VERSION:
        raise FxlifError(f"found version {version}, allowed {_VERSION}")
    body = data[_PREFIX.size :]
    if len(body) < 4 * count:
        raise FxlifError(f"cut off: found {len(body) // 4} of {count} events")
    if len(body) > 4 * count:
        raise FxlifError(f"found {len(body) - 4 * count} bytes after event {count}, allowed none")
    return from_words(np.frombuffer(body, "<u4"))


_Form = tuple[Callable[[Events], bytes], Callable[[bytes], Events]]
_FORMS: dict[str, _Form] = {
    ".txt": (_to_text, _from_text),
    ".npz": (_to_npz, _from_npz),
    ".bin": (_to_binary, _from_binary),
}
#: The suffixes of event files.
SUFFIXES = tuple(_FORMS)


def _form(path: Path) -> _Form:
    if path.suffix not in _FORMS:
        raise FxlifError(f"{path}: found suffix {path.suffix!r}, allowed {', '.join(_FORMS)}")
    return _FORMS[path.suffix]


@contextmanager
def _naming(path: Path) -> Iterator[None]:
    try:
        yield
    except FxlifError as error:
        raise FxlifError(f"{path}: {error}") from None


# --- what the messages are made of --------------------------------------------------------------

_MAX_INT32 = (1 << 31) - 1
_MAX_INT64 = (1 << 63) - 1


def _short(value: object = "") -> str:
    text = repr(value).splitlines()[0]
    return text if len(text) <= 60 else text[:60] + "..."


def _whole(name: str, value: int, low: int, high: int | None = None) -> int:
    """``value`` as a Python int within low..high."""
    allowed = f"{low} or more" if high is None else f"{low}..{high}"
    try:
        number = operator.index(value)
    except TypeError:
        raise FxlifError(f"{name}: found {_short(value)}, allowed {allowed}") from None
    if number < low or (high is not None and number > high):
        raise FxlifError(f"{name}: found {number}, allowed {allowed}")
    return number


def _integers(name: str, value: npt.ArrayLike, shape: str, *, booleans: bool = True) -> Events:
    """``value`` as an int64 array with as many dimensions as the text ``shape`` names."""
    try:
        array = np.asarray(value)
    except (ValueError, OverflowError):
        raise FxlifError(f"{name}: found no array, allowed integers of shape {shape}") from None
    if array.ndim != len(shape.strip("(),").split(",")):
        raise FxlifError(f"{name}: found shape {array.shape}, allowed {shape}")
    # An empty list makes an array of floats.
    if array.size and array.dtype.kind not in ("iub" if booleans else "iu"):
        raise FxlifError(f"{name}: found {array.dtype} values, allowed integers")
    if array.dtype.kind == "u" and array.size and int(array.max()) > _MAX_INT64:
        raise FxlifError(f"{name}: found {array.max()}, allowed up to {_MAX_INT64}")
    return array.astype(np.int64, copy=False)


def _first(bad: npt.NDArray[np.bool_], message: Callable[..., str]) -> None:
    """Raise ``message(index...)`` for the first true entry."""
    if bad.any():
        raise FxlifError(message(*(int(i) for i in np.argwhere(bad)[0])))


__all__ = [
    "TICK",
    "Events",
    "check",
    "encode_images",
    "from_counts",
    "from_words",
    "header",
    "header_count",
    "pack",
    "read",
    "split_steps",
    "to_counts",
    "to_words",
    "unpack",
    "write",
]
