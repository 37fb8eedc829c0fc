"""Streams of events: counts, steps, wire words, files, and what is said when they are wrong."""

import re
import struct
import tempfile
import warnings
from pathlib import Path

import numpy as np
import pytest
from designs import message
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from fxlif.errors import FxlifError
from fxlif.files import whole_file
from fxlif.network import events
from fxlif.network.events import TICK

FORMS = (".txt", ".npz", ".bin")
SMALL = np.array([3, 0, 3, TICK, TICK, 12, (1 << 31) - 1, TICK, 105, 7, TICK, 4])


def streams(highest):
    entries = st.integers(TICK, highest) | st.just(TICK)
    return st.lists(entries, max_size=40).map(lambda entries: np.array(entries, np.int64))


def read_or_refuse(path):
    """The stream in the file, or None where reading is refused in one line that names the file."""
    try:
        return events.read(path)
    except FxlifError as error:
        refusal = str(error)
    assert refusal.startswith(f"{path}: ")
    assert "\n" not in refusal
    return None


def assert_stream(found, expected):
    assert found.dtype == np.int64
    assert found.ndim == 1
    assert found.tolist() == list(expected)


# --- check --------------------------------------------------------------------------------------


@pytest.mark.parametrize("given", [[], [0], [TICK], [5, TICK, 5], np.array([1, 2], np.uint8)])
def test_check_gives_int64(given):
    assert_stream(events.check(given), list(given))


def test_check_does_not_copy():
    assert events.check(SMALL) is SMALL


def test_check_bounds():
    assert_stream(events.check([63, TICK, 0], 64), [63, TICK, 0])
    stream = np.zeros(20, int)
    stream[[17, 19]] = 90, 91
    assert message(events.check, stream, 64) == "event 17: must be an address 0..63, not 90"
    assert message(events.check, [64], 64) == "event 0: must be an address 0..63, not 64"


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ([0, -2], "event 1: must be -1 (tick) or more, not -2"),
        ([0.0], "events: must be integers, not dtype float64"),
        ([True], "events: must be integers, not dtype bool"),
        (["tick"], "events: must be integers, not dtype <U4"),
        ([[1, 2]], "events: must be of shape (count,), not (1, 2)"),
        (3, "events: must be of shape (count,), not ()"),
        ([[1], [1, 2]], "events: must be integers, not rows of different lengths"),
        (np.array([1 << 63], np.uint64), f"must be {(1 << 63) - 1} at most, not {1 << 63}"),
        ([1 << 70], "events: must be integers, not dtype object"),
    ],
)
def test_check_refuses(given, expected):
    assert expected in message(events.check, given)


@pytest.mark.parametrize("n", [0, -1, 2.0, "8"])
def test_check_refuses_n_inputs(n):
    assert message(events.check, [], n) == (
        f"n_inputs: must be {'' if n in (0, -1) else 'an integer, '}1 or more, not {n!r}"
    )


# --- counts and steps ---------------------------------------------------------------------------

counts = hnp.arrays(np.int64, hnp.array_shapes(min_dims=2, max_dims=2), elements=st.integers(0, 3))


def ref_from_counts(counts):
    stream = []
    for row in counts.tolist():
        for address, count in enumerate(row):
            stream += [address] * count
        stream.append(TICK)
    return stream


@given(counts)
def test_from_counts(counts):
    assert_stream(events.from_counts(counts), ref_from_counts(counts))


@given(counts)
def test_counts_round_trip(counts):
    found = events.to_counts(events.from_counts(counts), counts.shape[1])
    assert found.dtype == np.int64
    assert found.shape == counts.shape
    assert np.array_equal(found, counts)


@given(streams(9))
def test_to_counts_and_split_steps(stream):
    steps, step = [], []
    for entry in stream.tolist():
        if entry == TICK:
            steps.append(step)
            step = []
        else:
            step.append(entry)
    found = events.split_steps(stream)
    assert [addresses.tolist() for addresses in found] == steps
    assert all(addresses.dtype == np.int64 for addresses in found)
    complete = stream[: len(stream) - len(step)]
    expected = [[step.count(address) for address in range(10)] for step in steps]
    assert events.to_counts(complete, 10).shape == (len(steps), 10)
    assert events.to_counts(complete, 10).tolist() == expected
    if step:
        assert message(events.to_counts, stream, 10) == (
            f"event {len(complete)}: must be in a step that is ended by a tick, not "
            f"address {step[0]} after the last tick"
        )


def test_from_counts_kinds():
    assert_stream(events.from_counts(np.array([[True, False, True]])), [0, 2, TICK])
    assert_stream(events.from_counts(np.array([[2]], np.uint8)), [0, 0, TICK])
    assert_stream(events.from_counts(np.zeros((0, 5))), [])
    assert events.to_counts([], 5).shape == (0, 5)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ([[0, 1], [1, -1]], "step 1, input 1: must be a count of 0 or more, not -1"),
        ([[1.0]], "counts: must be integers, not dtype float64"),
        ([1, 2], "counts: must be of shape (steps, n), not (2,)"),
        ([[[1]]], "counts: must be of shape (steps, n), not (1, 1, 1)"),
        (np.zeros((3, 0), int), "counts: n: must be 1 or more, not 0"),
    ],
)
def test_from_counts_refuses(given, expected):
    assert message(events.from_counts, given) == expected


def test_to_counts_refuses():
    assert message(events.to_counts, [1, 4, TICK], 4) == "event 1: must be an address 0..3, not 4"


# --- images -------------------------------------------------------------------------------------


def ref_encode_image(image, steps, maximum):
    stream = []
    for t in range(steps):
        for i, p in enumerate(image):
            if (t + 1) * p // maximum > t * p // maximum:
                stream.append(i)
        stream.append(TICK)
    return stream


@given(st.data(), st.integers(1, 40), st.sampled_from([1, 2, 15, 16, 255, 65535]))
def test_encode_images(data, steps, maximum):
    shape = data.draw(hnp.array_shapes(min_dims=2, max_dims=2))
    images = data.draw(hnp.arrays(np.uint16, shape, elements=st.integers(0, maximum)))
    found = events.encode_images(images, steps, maximum)
    assert len(found) == len(images)
    for stream, image in zip(found, images.tolist(), strict=True):
        assert_stream(stream, ref_encode_image(image, steps, maximum))


def test_encode_images_by_hand():
    assert_stream(
        events.encode_images([[0, 1, 2, 4]], 4, 4)[0],
        [3, TICK, 2, 3, TICK, 3, TICK, 1, 2, 3, TICK],
    )


@pytest.mark.parametrize(
    ("args", "expected"),
    [
        (([[0, 16], [-1, 0]], 4, 15), "image 0, input 1: must be 0..15, not 16"),
        (([[0, 15], [-1, 0]], 4, 15), "image 1, input 0: must be 0..15, not -1"),
        (([[0.5]], 4, 15), "images: must be integers, not dtype float64"),
        (([0, 1], 4, 15), "images: must be of shape (k, n), not (2,)"),
        (([[0]], 0, 15), "steps: must be 1..2147483647, not 0"),
        (([[0]], 4, 0), "maximum: must be 1..2147483647, not 0"),
        (([[]], 4, 1), "images: n: must be 1 or more, not 0"),
    ],
)
def test_encode_images_refuses(args, expected):
    assert message(events.encode_images, *args) == expected


# --- the wire -----------------------------------------------------------------------------------


@given(st.data(), st.integers(1, 30))
def test_pack_round_trip(data, bits):
    stream = data.draw(streams((1 << bits) - 1))
    words = events.pack(stream, bits)
    assert words.dtype == np.uint32
    assert words.tolist() == [1 << bits if e == TICK else e for e in stream.tolist()]
    assert_stream(events.unpack(words, bits), stream)


def test_pack_refuses():
    assert message(events.pack, [0, 8], 3) == "event 1: must be an address 0..7, not 8"
    assert message(events.unpack, [0, 9], 3) == (
        "event 1: must be an address 0..0x7 or the tick 0x8, not the word 0x9"
    )
    assert message(events.unpack, [-1], 3).startswith("event 0: must be an address 0..0x7 or")
    for bits in (0, 31, 3.0):
        for call in (events.pack, events.unpack):
            allowed = "1..30" if isinstance(bits, int) else "an integer, 1..30"
            assert message(call, [0], bits) == f"address_bits: must be {allowed}, not {bits}"


# --- files --------------------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", FORMS)
@given(stream=streams((1 << 31) - 1))
def test_file_round_trip(suffix, stream):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"events{suffix}"
        events.write(path, stream)
        assert_stream(events.read(path), stream)
        assert_stream(events.read(str(path)), stream)
        assert list(Path(folder).iterdir()) == [path]


@pytest.mark.parametrize("suffix", [".txt", ".npz"])
def test_wide_addresses(tmp_path, suffix):
    path = tmp_path / f"events{suffix}"
    events.write(path, [(1 << 63) - 1, TICK])
    assert_stream(events.read(path), [(1 << 63) - 1, TICK])


def test_text_form(tmp_path):
    path = tmp_path / "events.txt"
    events.write(path, [12, TICK, 0])
    assert path.read_bytes() == b"# fxlif events 1\nspike 12\ntick\nspike 0\nend 3\n"
    path.write_bytes(
        b"# fxlif events 1\r\n\r\n# caf\xe9\r\nspike 12 \r\n#tick\r\ntick\r\nend 2\r\n\n"
    )
    assert_stream(events.read(path), [12, TICK])


def test_binary_form(tmp_path):
    path = tmp_path / "events.bin"
    events.write(path, [12, TICK, (1 << 31) - 1])
    assert path.read_bytes() == (
        b"FXLE\x01\0\0\0\x03\0\0\0\0\0\0\0\x0c\0\0\0\x00\0\0\x80\xff\xff\xff\x7f"
    )


def test_npz_form(tmp_path):
    path = tmp_path / "events.npz"
    events.write(path, SMALL)
    with np.load(path) as archive:
        assert archive.files == ["events"]
        assert_stream(archive["events"], SMALL)
    np.savez_compressed(path, events=SMALL.astype(np.int32), other=[1.5])
    assert_stream(events.read(path), SMALL)


@pytest.mark.parametrize("stream", [SMALL, SMALL[:0]], ids=["small", "empty"])
@pytest.mark.parametrize("suffix", FORMS)
def test_every_cut(tmp_path, suffix, stream):
    path = tmp_path / f"events{suffix}"
    events.write(path, stream)
    whole = path.read_bytes()
    for size in range(len(whole)):
        path.write_bytes(whole[:size])
        if whole[size:] == b"\n" and suffix == ".txt":
            assert_stream(events.read(path), stream)
        else:
            found = message(events.read, path)
            assert found.startswith(f"{path}: ")
            assert "must be" in found or "cut off" in found


def test_every_broken_byte_of_an_archive(tmp_path):
    """The checksum guards the contents; what a flip elsewhere does, it does without a traceback."""
    path = tmp_path / "events.npz"
    events.write(path, SMALL)
    whole = path.read_bytes()
    contents = range(whole.index(b"\x93NUMPY"), whole.index(b"PK\x01\x02"))
    for at in range(len(whole)):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 0x41]) + whole[at + 1 :])
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            found = read_or_refuse(path)
        if found is not None:
            assert at not in contents
            assert_stream(found, SMALL)


@given(st.sampled_from(FORMS), st.binary(max_size=60))
def test_garbage(suffix, start):
    head = {".txt": b"# fxlif events 1\n", ".npz": b"PK\x03\x04", ".bin": b"FXLE\1\0\0\0"}[suffix]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"events{suffix}"
        for data in (start, head + start):
            path.write_bytes(data)
            found = read_or_refuse(path)
            if found is not None:
                assert_stream(events.check(found), found)


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (
            "# fxlif events 2\nend 0\n",
            "line 1: must be '# fxlif events 1', with which every text file of events begins, "
            "not '# fxlif events 2'",
        ),
        (
            "spike 3\ntick\n",
            "line 1: must be '# fxlif events 1', with which every text file of events begins, "
            "not 'spike 3'",
        ),
        (
            "",
            "line 1: must be '# fxlif events 1', with which every text file of events begins, "
            "not ''",
        ),
        (
            "# fxlif events 1\n\ntick\nspik 3\nend 2\n",
            "line 4: must be 'spike ADDRESS', 'tick' or 'end COUNT', not 'spik 3'",
        ),
        (
            "# fxlif events 1\nspike -1\n",
            "line 2: must be 'spike ADDRESS', 'tick' or 'end COUNT', not 'spike -1'",
        ),
        (
            "# fxlif events 1\nspike \u0663\n",
            "line 2: must be 'spike ADDRESS', 'tick' or 'end COUNT', not 'spike \u0663'",
        ),
        (
            "# fxlif events 1\ntick\ntick",
            "cut off: the last line, 'end 2', is missing",
        ),
        (
            "# fxlif events 1\ntick\nend 2\n",
            "line 3: must be 'end 1' after 1 events, not 'end 2'",
        ),
        ("# fxlif events 1\nend 0\n\ntick\n", "line 4: must be empty after 'end', not 'tick'"),
        ("# fxlif events 1\nend 0\nend 0\n", "line 3: must be empty after 'end', not 'end 0'"),
        (
            f"# fxlif events 1\nspike {1 << 63}\n",
            f"line 2: must be a spike of an address 0..{(1 << 63) - 1}, not 'spike {1 << 63}'",
        ),
        (
            f"# fxlif events 1\n{'x' * 5000}\n",
            f"line 2: must be 'spike ADDRESS', 'tick' or 'end COUNT', not '{'x' * 56}...",
        ),
    ],
)
def test_text_refuses(tmp_path, lines, expected):
    path = tmp_path / "bad.txt"
    path.write_bytes(lines.encode())
    assert message(events.read, path).startswith(f"{path}: {expected}")


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"", "first bytes: must be b'FXLE', not b''"),
        (b"FXLX", "first bytes: must be b'FXLE', not b'FXLX'"),
        (b"FXL", "cut off after 3 of the first 16 bytes"),
        (b"FXLE" + struct.pack("<IQ", 2, 0), "version: must be 1, not 2"),
        (
            b"FXLE" + struct.pack("<IQ", 1, 123) + bytes(4 * 90 + 3),
            "cut off after 90 of 123 events",
        ),
        (b"FXLE" + struct.pack("<IQ", 1, 1 << 63), f"cut off after 0 of {1 << 63} events"),
        (
            b"FXLE" + struct.pack("<IQ", 1, 1) + bytes(5),
            "1 bytes too many after 1 events",
        ),
        (
            b"FXLE" + struct.pack("<IQI", 1, 1, 0x80000005),
            (
                "event 0: must be an address 0..0x7fffffff or the tick 0x80000000, not the word "
                "0x80000005"
            ),
        ),
    ],
)
def test_binary_refuses(tmp_path, data, expected):
    path = tmp_path / "bad.bin"
    path.write_bytes(data)
    assert message(events.read, path) == f"{path}: {expected}"


def test_npz_refuses(tmp_path):
    path = tmp_path / "bad.npz"
    np.savez(path, spikes=[1], other=[2])
    assert message(events.read, path) == (
        f"{path}: must be an .npz file with the array 'events', not one with 'spikes', 'other'"
    )
    np.savez(path, events=[0.5])
    assert message(events.read, path) == f"{path}: events: must be integers, not dtype float64"
    np.savez(path, events=[0, -2])
    assert message(events.read, path) == f"{path}: event 1: must be -1 (tick) or more, not -2"
    np.savez(path, events=np.array([None]))
    assert message(events.read, path).startswith(f"{path}: must be a .npy or .npz file of numbers")
    path.write_bytes(b"nothing of the kind")
    assert "must be a .npy or .npz file of numbers" in message(events.read, path)
    with path.open("wb") as file:
        np.save(file, SMALL)
    assert message(events.read, path) == (
        f"{path}: must be an .npz file with the array 'events', not a single array"
    )


def test_suffix_and_missing(tmp_path):
    for name in ("events.csv", "events", "events.TXT"):
        path = tmp_path / name
        expected = f"{path}: suffix: must be .txt, .npz, .bin, not {path.suffix!r}"
        assert message(events.write, path, SMALL) == expected
        assert message(events.read, path) == expected
    for suffix in FORMS:
        path = tmp_path / f"none{suffix}"
        assert message(events.read, path) == f"{path}: no such file"
        path.mkdir()
        assert re.fullmatch(
            re.escape(f"{path}: cannot be read (") + r".+\)", message(events.read, path)
        )
        assert message(events.write, path, SMALL).startswith(f"{path}: cannot be written (")
        assert list(tmp_path.glob(".*")) == []


def test_write_refuses_and_keeps_the_old_file(tmp_path):
    path = tmp_path / "events.bin"
    events.write(path, SMALL)
    assert message(events.write, path, [1 << 31]) == (
        f"{path}: event 0: must be an address 0..{(1 << 31) - 1}, not {1 << 31}"
    )
    assert message(events.write, path, [-7]).startswith(
        f"{path}: event 0: must be -1 (tick) or more"
    )
    assert_stream(events.read(path), SMALL)
    path = tmp_path / "no" / "events.txt"
    assert message(events.write, path, SMALL) == (f"{path}: there is no folder {path.parent}")
    assert not path.parent.exists()


def test_whole_file(tmp_path):
    path = tmp_path / "out.json"
    with whole_file(str(path)) as temporary:
        assert (temporary.parent, temporary.suffix) == (tmp_path, ".json")
        assert temporary != path
        temporary.write_text("old")
        assert not path.exists()
    assert list(tmp_path.iterdir()) == [path]

    def stop_half_way(mistake):
        with whole_file(path) as temporary:
            temporary.write_text("half")
            raise mistake

    for mistake in (RuntimeError, KeyboardInterrupt):
        with pytest.raises(mistake):
            stop_half_way(mistake)
        assert list(tmp_path.iterdir()) == [path]
        assert path.read_text() == "old"
    with whole_file(path) as temporary:
        temporary.write_text("new")
    assert path.read_text() == "new"


def test_whole_file_disk_full(tmp_path):
    path = tmp_path / "out.txt"

    def write():
        with whole_file(path) as temporary:
            temporary.write_text("half")
            raise OSError(28, "No space left on device")

    assert message(write) == f"{path}: cannot be written (No space left on device)"
    assert list(tmp_path.iterdir()) == []
