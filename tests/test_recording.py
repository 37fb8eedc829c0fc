"""Recordings: the same in memory, on disk and in the files alone, whole after any interruption."""

import json
import os
import re
import subprocess
import sys
import tempfile
import tracemalloc
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from designs import message
from hypothesis import given, settings
from hypothesis import strategies as st

from fxlif.errors import FxlifError
from fxlif.network import events, recording, tracks
from fxlif.network.events import TICK
from fxlif.network.recording import Recording
from fxlif.network.selection import VARIABLES
from fxlif.params.neuron import NeuronParams

SIZES = {"exc": 5, "inh": 2, "noise": 3}
RANGES = {
    "exc": {"v": (-200, 200), "i_syn": (-1, 127), "theta": (0, 1 << 31), "refractory": (0, 2)},
    "inh": {"v": (-32768, 32767), "i_syn": (0, 0), "theta": (0, 0), "refractory": (0, 0)},
}
SPIKES = ("exc", "noise")
STATES = {"exc": ("v", "theta"), "inh": ("i_syn",)}
NEURONS = {"exc": [3, 0]}
WATCHED = {("exc", "v"): 2, ("exc", "theta"): 2, ("inh", "i_syn"): 2}


def begun(folder=None):
    made = Recording(SPIKES, STATES, NEURONS, folder)
    made.begin(SIZES, RANGES)
    return made


def chunk(steps, seed=0):
    """What a run of some steps brings: events by name, rows by variable."""
    random = np.random.default_rng(seed)
    spikes = {
        name: events.from_counts(random.integers(0, 3, (steps, SIZES[name]))) for name in SPIKES
    }
    rows = {
        (population, variable): random.integers(
            *RANGES[population][variable], (steps, watched), endpoint=True
        )
        for (population, variable), watched in WATCHED.items()
    }
    return spikes, rows


def add(made, spikes, rows):
    for name, stream in spikes.items():
        made.add_spikes(name, stream)
    for (population, variable), values in rows.items():
        made.add_states(population, variable, values)


def record(made, *chunks):
    for taken in chunks:
        add(made, *taken)
        made.flush()
    return made


def assert_holds(made, *chunks):
    """The recording holds exactly these chunks."""
    chunks = [chunk(0), *chunks]
    assert made.steps == sum(len(rows["exc", "v"]) for _, rows in chunks)
    for name in SPIKES:
        stream = np.concatenate([spikes[name] for spikes, _ in chunks])
        assert made.spikes(name).dtype == np.int64
        assert made.spikes(name).tolist() == stream.tolist()
    for key in WATCHED:
        expected = np.concatenate([rows[key] for _, rows in chunks])
        found = made.states(*key)
        assert found.shape == expected.shape
        assert np.array_equal(found, expected)


def assert_files_hold(folder, *chunks):
    """Every file alone, read by whoever knows only its form, holds exactly these chunks."""
    chunks = [chunk(0), *chunks]
    for name in SPIKES:
        stream = np.concatenate([spikes[name] for spikes, _ in chunks])
        assert events.read(folder / f"{name}.spikes.bin").tolist() == stream.tolist()
    for population, variable in WATCHED:
        expected = np.concatenate([rows[population, variable] for _, rows in chunks])
        file = folder / f"{population}.{variable}.npy"
        for mode in ("r", None):
            found = np.load(file, mmap_mode=mode)
            assert found.shape == expected.shape
            assert np.array_equal(found, expected)


# --- the same everywhere ------------------------------------------------------------------------


@settings(max_examples=30)
@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 99)), max_size=4))
def test_memory_disk_and_files_agree(lengths):
    chunks = [chunk(*length) for length in lengths]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "new" / "folder"
        on_disk, in_memory = begun(folder), begun()
        assert_holds(Recording.open(folder))
        for at, taken in enumerate(chunks, start=1):
            record(on_disk, taken)
            record(in_memory, taken)
            for made in (on_disk, in_memory, Recording.open(folder)):
                assert_holds(made, *chunks[:at])
            assert_files_hold(folder, *chunks[:at])
        for name in SPIKES:
            table = events.to_counts(in_memory.spikes(name), SIZES[name])
            for made in (on_disk, in_memory, Recording.open(folder)):
                assert made.counts(name).dtype == np.int64
                assert made.counts(name).tolist() == table.sum(axis=0).tolist()
                step, neuron = made.raster(name)
                assert step.dtype == neuron.dtype == np.int64
                expected = np.repeat(np.argwhere(table), table[table > 0], axis=0)
                assert np.column_stack([step, neuron]).tolist() == expected.tolist()
        for key in WATCHED:
            assert on_disk.states(*key).dtype == in_memory.states(*key).dtype


@pytest.mark.parametrize("block", [1, 3, 7])
def test_blocks_do_not_lose_events(tmp_path, monkeypatch, block):
    monkeypatch.setattr(recording, "_BLOCK", block)
    chunks = [chunk(4), chunk(5, 1)]
    for made in (record(begun(), *chunks), record(begun(tmp_path), *chunks)):
        assert_holds(made, *chunks)
        total = sum(events.to_counts(spikes["exc"], 5).sum(axis=0) for spikes, _ in chunks)
        assert made.counts("exc").tolist() == total.tolist()


def test_several_additions_between_flushes(tmp_path):
    chunks = [chunk(2), chunk(3, 1), chunk(0), chunk(1, 2)]
    for made in (begun(), begun(tmp_path)):
        for taken in chunks:
            add(made, *taken)
        assert_holds(made)  # nothing counts before the flush
        made.flush()
        assert_holds(made, *chunks)


@pytest.mark.parametrize("folder", [None, "out"])
def test_buffers_of_the_caller_may_be_used_again(tmp_path, folder):
    made = begun(folder and tmp_path / folder)
    spikes, rows = chunk(3)
    # Already of the dtypes that are kept: a conversion would copy by itself.
    mine = {name: stream.copy() for name, stream in spikes.items()}
    values = {key: rows[key].astype(made.states(*key).dtype) for key in rows}
    add(made, mine, values)
    for array in (*mine.values(), *values.values()):
        array[:] = 0
    made.flush()
    assert_holds(made, (spikes, rows))


@pytest.mark.parametrize("folder", [None, "out"])
def test_rows_in_any_layout(tmp_path, folder):
    made = Recording((), {"inh": ("v",)}, folder=folder and tmp_path / folder)
    made.begin(SIZES, RANGES)
    rows = np.arange(24).reshape(2, 12).T[::3]
    made.add_states("inh", "v", rows)
    made.add_states("inh", "v", np.asfortranarray(rows.astype(np.int16)))
    made.flush()
    assert made.states("inh", "v").tolist() == rows.tolist() * 2


# --- what is recorded ---------------------------------------------------------------------------


def test_default_is_the_spikes_of_every_population():
    made = Recording()
    made.begin(SIZES, {**RANGES, "noise": {}})
    assert made.wanted_spikes == ("exc", "inh")
    assert made.wanted_states == ()


def test_all_neurons_by_default_and_else_the_order_of_the_user(tmp_path):
    made = begun(tmp_path)
    for found in (made, Recording.open(tmp_path)):
        assert found.wanted_spikes == SPIKES
        assert [(p, v, i.tolist()) for p, v, i in found.wanted_states] == [
            ("exc", "v", [3, 0]),
            ("exc", "theta", [3, 0]),
            ("inh", "i_syn", [0, 1]),
        ]
        assert all(i.dtype == np.int64 for _, _, i in found.wanted_states)


def test_indices_are_the_recordings_own():
    mine = np.array([3, 0])
    made = Recording(states=STATES, neurons={"exc": mine})
    mine[:] = 1
    made.begin(SIZES, RANGES)
    made.wanted_states[0][2][:] = 2
    assert made.wanted_states[0][2].tolist() == [3, 0]


@pytest.mark.parametrize(
    ("low", "high", "dtype"),
    [
        (0, 0, np.int8),
        (-128, 127, np.int8),
        (-129, 0, np.int16),
        (0, 128, np.int16),
        (0, 32768, np.int32),
        (-(1 << 31), (1 << 31) - 1, np.int32),
        (0, 1 << 31, np.int64),
        (-(1 << 47), 1 << 47, np.int64),
    ],
)
@pytest.mark.parametrize("folder", [None, "out"])
def test_narrowest_dtype_keeps_both_ends(tmp_path, low, high, dtype, folder):
    made = Recording((), {"a": ("v",)}, folder=folder and tmp_path / folder)
    made.begin({"a": 2}, {"a": {"v": (low, high)}})
    made.add_states("a", "v", [[low, high]])
    made.flush()
    found = made.states("a", "v")
    assert found.dtype == dtype
    assert found.tolist() == [[low, high]]
    assert not found.flags.writeable
    assert isinstance(found, np.memmap) == bool(folder)
    for wrong in (np.iinfo(dtype).min - 1, np.iinfo(dtype).max + 1):
        if -(1 << 63) <= wrong < 1 << 63:
            assert f"not {wrong}" in message(made.add_states, "a", "v", [[0, wrong]])


def test_ranges_of_a_neuron_are_what_begin_takes():
    made = Recording(states={"a": VARIABLES})
    made.begin({"a": 1}, {"a": NeuronParams().ranges})
    assert [variable for _, variable, _ in made.wanted_states] == list(VARIABLES)


def test_header_does_not_grow_with_the_count():
    for dtype in ("<i2", "<i8", "int8"):
        file = tracks.StateFile(Path("x.npy"), dtype, (1 << 30,))
        for count in (0, 9, 10, 1 << 31, 10**18):
            header = file.header(count)
            assert len(header) == 128
            assert file.header_count(header) == count


def test_highest_address(tmp_path):
    made = Recording(("a",), folder=tmp_path)
    made.begin({"a": 1 << 30}, {})
    made.add_spikes("a", [(1 << 30) - 1, TICK])
    made.flush()
    assert made.spikes("a").tolist() == [(1 << 30) - 1, TICK]


# --- interruptions ------------------------------------------------------------------------------


class Stop(Exception):
    """Stands for the end of the process."""


def interrupt(monkeypatch, owner, name, after):
    """The method does its work ``after`` times; then it stops the run before it has done any."""
    genuine = getattr(owner, name)
    left = [after]

    def method(*args):
        if not left[0]:
            raise Stop
        left[0] -= 1
        return genuine(*args)

    monkeypatch.setattr(owner, name, method)


OWNERS = {"FileTrack": tracks.FileTrack, "Track": tracks.Track, "Recording": Recording, "os": os}
MOMENTS = [
    ("FileTrack", "add", 1),  # between the data of two files
    ("FileTrack", "_write_header", 0),  # between data and header
    ("FileTrack", "_write_header", 1),  # between two headers
    ("FileTrack", "_write_header", 4),
    ("Recording", "_write_index", 0),  # between headers and index
    ("Track", "commit", 0),  # all is on disk, but the tracks do not know
    ("Track", "commit", 2),
]


@pytest.mark.parametrize("moment", [0, 2])
def test_interrupted_in_memory(monkeypatch, moment):
    made = record(begun(), chunk(3))
    with monkeypatch.context() as patched, suppress(Stop):
        interrupt(patched, tracks.Track, "commit", moment)
        record(made, chunk(9, 1))
        pytest.fail("not interrupted")
    made.begin(SIZES, RANGES)
    record(made, chunk(2, 2))
    assert_holds(made, chunk(3), chunk(9, 1), chunk(2, 2))


@pytest.mark.parametrize("goes_on", ["same", "opened"])
@pytest.mark.parametrize(("owner", "name", "after"), MOMENTS)
def test_interrupted_anywhere(tmp_path, monkeypatch, owner, name, after, goes_on):
    first, lost, then = chunk(3), chunk(9, 1), chunk(2, 2)
    made = record(begun(tmp_path), first)
    with monkeypatch.context() as patched, suppress(Stop):
        interrupt(patched, OWNERS[owner], name, after)
        record(made, lost)
        pytest.fail("not interrupted")
    # Once the index is replaced, the chunk is there for whoever opens the folder.
    kept = [first, lost] if name == "commit" else [first]
    opened = Recording.open(tmp_path)
    assert_holds(opened, *kept)
    if goes_on == "same":
        opened = made
    opened.begin(SIZES, RANGES)
    assert_files_hold(tmp_path, *kept)  # no bytes are left that a reader would refuse
    assert_holds(Recording.open(tmp_path), *kept)
    record(opened, then)
    for found in (opened, Recording.open(tmp_path)):
        assert_holds(found, *kept, then)
    assert_files_hold(tmp_path, *kept, then)


@pytest.mark.parametrize(("owner", "name"), [("os", "truncate"), ("FileTrack", "_write_header")])
@pytest.mark.parametrize("after", range(4))
def test_interrupted_while_rewinding(tmp_path, monkeypatch, owner, name, after):
    first, lost = chunk(3), chunk(9, 1)
    made = record(begun(tmp_path), first)
    genuine = Recording._write_index

    def write_and_stop(*args):
        genuine(*args)
        raise Stop

    # All is on disk, but the object does not know: it goes back to before the chunk.
    with monkeypatch.context() as patched, suppress(Stop):
        patched.setattr(Recording, "_write_index", write_and_stop)
        record(made, lost)
        pytest.fail("not interrupted")
    assert_holds(Recording.open(tmp_path), first, lost)
    with monkeypatch.context() as patched, suppress(Stop):
        interrupt(patched, OWNERS[owner], name, after)
        made.begin(SIZES, RANGES)
        pytest.fail("not interrupted")
    assert_holds(Recording.open(tmp_path), first)
    for population, variable in WATCHED:  # readable, since no header counts what is not there
        assert len(np.load(tmp_path / f"{population}.{variable}.npy", mmap_mode="r")) >= 3
    made.begin(SIZES, RANGES)
    assert_files_hold(tmp_path, first)


def test_killed(tmp_path):
    script = """
import os, signal, sys
sys.path.insert(0, sys.argv[2])
from test_recording import *
made = record(begun(Path(sys.argv[1])), chunk(3), chunk(2, 1))
spikes, rows = chunk(9, 2)
made.add_spikes("exc", spikes["exc"])
made.add_states("exc", "v", rows["exc", "v"])
os.kill(os.getpid(), signal.SIGKILL)
"""
    command = [sys.executable, "-c", script, str(tmp_path), str(Path(__file__).parent)]
    # From another folder, in which no source shadows the installed package.
    assert subprocess.run(command, cwd=tmp_path, check=False).returncode < 0
    assert "bytes too many after" in message(events.read, tmp_path / "exc.spikes.bin")
    opened = Recording.open(tmp_path)
    assert_holds(opened, chunk(3), chunk(2, 1))
    opened.begin(SIZES, RANGES)
    assert_holds(record(opened, chunk(1, 3)), chunk(3), chunk(2, 1), chunk(1, 3))
    assert_files_hold(tmp_path, chunk(3), chunk(2, 1), chunk(1, 3))


@pytest.mark.parametrize("folder", [None, "out"])
def test_exception_in_the_block_drops_the_chunk_under_way(tmp_path, folder):
    path = folder and tmp_path / folder
    with suppress(Stop), begun(path) as made:
        record(made, chunk(3))
        add(made, *chunk(2, 1))
        raise Stop
    assert_holds(made, chunk(3))
    if path:
        assert_files_hold(path, chunk(3))
    assert "before begin or after close" in message(made.flush)
    made.begin(SIZES, RANGES)
    assert_holds(record(made, chunk(4, 2)), chunk(3), chunk(4, 2))


@pytest.mark.parametrize("folder", [None, "out"])
def test_continuing(tmp_path, folder):
    path = folder and tmp_path / folder
    with begun(path) as made:
        record(made, chunk(3))
        add(made, *chunk(2, 1))  # closing flushes it
    made.close()
    assert_holds(made, chunk(3), chunk(2, 1))
    assert "before begin or after close" in message(made.add_spikes, "exc", [TICK])
    made.begin(SIZES, RANGES)
    made.begin(SIZES, RANGES)
    record(made, chunk(4, 2))
    assert_holds(made, chunk(3), chunk(2, 1), chunk(4, 2))


def test_a_full_device_loses_only_the_chunk(tmp_path, monkeypatch):
    made = record(begun(tmp_path), chunk(3))
    with monkeypatch.context() as patched:

        def full(*args):
            raise OSError(28, "No space left on device")

        patched.setattr(os, "replace", full)
        add(made, *chunk(2, 1))
        assert "No space left on device" in message(made.flush)
    made.begin(SIZES, RANGES)
    assert_holds(record(made, chunk(4, 2)), chunk(3), chunk(4, 2))
    assert_files_hold(tmp_path, chunk(3), chunk(4, 2))


def test_an_earlier_memory_map_stays_as_it_was(tmp_path):
    made = record(begun(tmp_path), chunk(3))
    early = made.states("exc", "v")
    record(made, chunk(2, 1))
    assert np.array_equal(early, chunk(3)[1]["exc", "v"])
    with pytest.raises(ValueError, match="read-only"):
        early[0, 0] = 1


def test_nothing_but_the_recording_is_left_in_the_folder(tmp_path):
    record(begun(tmp_path), chunk(3))
    assert sorted(file.name for file in tmp_path.iterdir()) == [
        "exc.spikes.bin",
        "exc.theta.npy",
        "exc.v.npy",
        "inh.i_syn.npy",
        "noise.spikes.bin",
        "recording.json",
    ]


# --- bounded memory -----------------------------------------------------------------------------


def peak(call):
    tracemalloc.start()
    try:
        call()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


MANY = 10_000_000


def record_many(made):
    made.begin({"a": 999}, {"a": {"v": (0, 99)}})
    stream = events.from_counts(np.ones((100, 999), np.int8))  # 100 000 entries
    rows = np.ones((100, 999), np.int64)
    for _ in range(MANY // len(stream)):
        made.add_spikes("a", stream)
        made.add_states("a", "v", rows)
        made.flush()


def test_memory_on_disk_does_not_grow_with_the_run(tmp_path):
    made = Recording(states={"a": ("v",)}, folder=tmp_path)
    assert peak(lambda: record_many(made)) < 8e6
    assert made.steps == 10_000
    assert peak(lambda: made.counts("a")) < 10e6
    assert made.counts("a").tolist() == [10_000] * 999
    assert peak(lambda: made.states("a", "v")) < 1e6
    assert peak(lambda: made.spikes("a")) < 8 * MANY + 10e6


def test_memory_takes_four_bytes_per_event():
    made = Recording(states={"a": ("v",)})
    # One byte per state beside the events.
    assert peak(lambda: record_many(made)) < 5 * MANY + 8e6
    assert made.counts("a").tolist() == [10_000] * 999


# --- what is refused ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("choices", "expected"),
    [
        ({"spikes": "exc"}, "spikes: must be several names, as in ('exc',), not 'exc'"),
        ({"spikes": 3}, "spikes: must be several names, as in ('exc',), not 3"),
        ({"spikes": (3,)}, "spikes: must be a name, not 3"),
        ({"spikes": ("exc", "exc")}, "spikes: must be each name once, not 'exc' twice"),
        ({"states": {"exc": "v"}}, "states.exc: must be several names, as in ('exc',), not 'v'"),
        ({"states": {"exc": ("v", "v")}}, "states.exc: must be each name once, not 'v' twice"),
        ({"neurons": {"exc": [4, 1, 4]}}, "neurons.exc: must be each neuron once, not 4 twice"),
        ({"neurons": {"exc": [1, -1]}}, "neurons.exc[1]: must be 0..1073741823, not -1"),
        ({"neurons": {"exc": 1}}, "neurons.exc: must be of shape (watched,), not ()"),
        (
            {"neurons": {"exc": [[1], [1, 2]]}},
            "neurons.exc: must be integers, not rows of different lengths",
        ),
        ({"neurons": {"exc": [1.0]}}, "neurons.exc: must be integers, not dtype float64"),
        ({"neurons": {"exc": [True, False]}}, "neurons.exc: must be integers, not dtype bool"),
    ],
)
def test_refused_at_once(choices, expected):
    assert expected in message(Recording, **choices)


@pytest.mark.parametrize(
    ("choices", "expected"),
    [
        ({"spikes": ("u",)}, "spikes: must be exc, inh, noise, not 'u'"),
        ({"states": {"u": ("v",)}}, "states: must be exc, inh, not 'u'"),
        (
            {"states": {"noise": ("v",)}},
            "states: must be exc, inh, not 'noise' (a source has no states)",
        ),
        (
            {"states": {"exc": ("v", "u")}},
            "states.exc: must be v, i_syn, theta, refractory, not 'u'",
        ),
        (
            {"states": {"inh": ("v",)}, "neurons": {"inh": [1, 2]}},
            "neurons.inh: must be 0..1, not 2",
        ),
        (
            {"states": {"inh": ("v",), "exc": ()}, "neurons": {"exc": [1]}},
            "neurons: must be inh (whose states are recorded), not 'exc'",
        ),
        ({"neurons": {"exc": [1]}}, "neurons: must be none (whose states are recorded), not 'exc'"),
    ],
)
@pytest.mark.parametrize("folder", [None, "out"])
def test_refused_by_begin(tmp_path, choices, expected, folder):
    path = folder and tmp_path / folder
    assert expected in message(Recording(**choices, folder=path).begin, SIZES, RANGES)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("sizes", "ranges", "expected"),
    [
        ({"a": 0}, {}, "sizes.a: must be 1..1073741824, not 0"),
        ({"a": (1 << 30) + 1}, {}, "sizes.a: must be 1..1073741824, not 1073741825"),
        ({"../a": 1}, {}, "sizes: must be names of letters, digits and _ - ., not '../a'"),
        (
            {"a": 1},
            {"a": {"v": (0, 1 << 63)}},
            "a.v: must be within 64 bits, not 0..9223372036854775808",
        ),
    ],
)
def test_refused_networks(tmp_path, sizes, ranges, expected):
    states = {"a": ("v",)} if ranges else None
    made = Recording(states=states, folder=tmp_path / "out")
    assert expected in message(made.begin, sizes, ranges)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("kind", ["memory", "disk", "opened"])
def test_another_network_is_refused_and_changes_nothing(tmp_path, kind):
    made = record(begun(None if kind == "memory" else tmp_path), chunk(3))
    if kind == "opened":
        made = Recording.open(tmp_path)
    assert "as it began, not {'exc': 6," in message(made.begin, {**SIZES, "exc": 6}, RANGES)
    wider = {**RANGES, "exc": {**RANGES["exc"], "v": (0, 1 << 20)}}
    assert message(made.begin, SIZES, wider) == (
        "exc.v: must be within int16, as it began, not of int32"
    )
    assert_holds(made, chunk(3))
    made.begin(SIZES, RANGES)


def test_other_spikes_are_refused():
    made = Recording()
    made.begin(SIZES, RANGES)
    assert message(made.begin, SIZES, {**RANGES, "noise": RANGES["inh"]}) == (
        "spikes: must be ('exc', 'inh'), as it began, not ('exc', 'inh', 'noise')"
    )


def test_a_folder_with_a_recording_is_refused(tmp_path):
    record(begun(tmp_path), chunk(3))
    other = Recording(("inh",), folder=tmp_path)
    for _ in range(2):
        assert message(other.begin, SIZES, RANGES) == (
            f"{tmp_path}: must be a folder without a recording, not one with a recording"
        )
    assert_holds(Recording.open(tmp_path), chunk(3))
    add(begun(tmp_path / "empty"), *chunk(2))  # a run that ended before its first flush
    assert_holds(record(begun(tmp_path / "empty"), chunk(3)), chunk(3))
    (tmp_path / "recording.json").unlink()  # nor is anything else overwritten
    assert message(begun, tmp_path) == (
        f"{tmp_path / 'exc.spikes.bin'}: must be not there before a recording begins, not a file"
    )
    assert_files_hold(tmp_path, chunk(3))


def test_a_begin_that_fails_leaves_nothing_and_can_be_repeated(tmp_path):
    (tmp_path / "exc.theta.npy").write_text("mine")
    made = Recording(SPIKES, STATES, NEURONS, tmp_path)
    assert "exc.theta.npy: must be not there before" in message(made.begin, SIZES, RANGES)
    assert [file.name for file in tmp_path.iterdir()] == ["exc.theta.npy"]
    assert "before a run has begun" in message(made.spikes, "exc")
    (tmp_path / "exc.theta.npy").unlink()
    made.begin(SIZES, RANGES)
    assert_holds(record(made, chunk(2)), chunk(2))


def test_no_folder_can_be_made(tmp_path):
    file = tmp_path / "file"
    file.write_text("")
    assert message(begun, file) == f"{file}: must be a folder, not a file"
    assert f"{file / 'out'}: cannot be made (" in message(begun, file / "out")


@pytest.mark.parametrize(
    ("name", "stream", "expected"),
    [
        ("inh", [TICK], "spikes: must be exc, noise (what is recorded), not 'inh'"),
        ("exc", [1, TICK, 2], "exc: the last event: must be -1 (tick), not 2"),
        ("exc", [1, 5, TICK], "exc: event 1: must be an address 0..4, not 5"),
        ("exc", [-2, TICK], "exc: event 0: must be -1 (tick) or more, not -2"),
        ("exc", [[1, TICK]], "exc: events: must be of shape (count,), not (1, 2)"),
        ("exc", [0.5, TICK], "exc: events: must be integers, not dtype float64"),
    ],
)
def test_refused_spikes(name, stream, expected):
    assert expected in message(begun().add_spikes, name, stream)


@pytest.mark.parametrize(
    ("key", "rows", "expected"),
    [
        (
            ("exc", "i_syn"),
            [[1, 2]],
            "must be exc.v, exc.theta, inh.i_syn (what is recorded), not 'exc.i_syn'",
        ),
        (("exc", "v"), [[1, 2, 3]], "exc.v: must be of shape (steps, 2), not (1, 3)"),
        (("exc", "v"), [1, 2], "exc.v: must be of shape (steps, 2), not (2,)"),
        (("exc", "v"), [[1.0, 2.0]], "exc.v: must be integers, not dtype float64"),
        (("inh", "i_syn"), np.array([[1, 255]], np.uint8), "must be -128..127, not 255"),
    ],
)
def test_refused_rows(key, rows, expected):
    assert expected in message(begun().add_states, *key, rows)


@pytest.mark.parametrize("folder", [None, "out"])
def test_things_out_of_step_are_refused(tmp_path, folder):
    made = begun(folder and tmp_path / folder)
    record(made, chunk(3))
    spikes, rows = chunk(2)
    del rows["exc", "theta"]
    add(made, spikes, rows)
    expected = "recording: must be as many steps of each, not 0 of exc.theta and 2 of exc"
    assert message(made.flush) == expected
    assert message(made.close) == expected
    assert_holds(made, chunk(3))
    if folder:
        assert_files_hold(tmp_path / folder, chunk(3))


def test_before_the_run():
    made = Recording()
    for call in (
        lambda: made.wanted_spikes,
        lambda: made.wanted_states,
        lambda: made.spikes("exc"),
        lambda: made.states("exc", "v"),
        lambda: made.counts("exc"),
        lambda: made.raster("exc"),
    ):
        assert "before a run has begun" in message(call)
    assert made.steps == 0
    assert "before begin or after close" in message(made.add_spikes, "exc", [TICK])
    assert "before begin or after close" in message(made.add_states, "exc", "v", [[1]])
    assert "before begin or after close" in message(made.flush)
    made.close()


@pytest.mark.parametrize(
    "call",
    [
        lambda made: made.spikes("inh"),
        lambda made: made.counts("inh"),
        lambda made: made.raster("inh"),
        lambda made: made.states("inh", "v"),
    ],
)
def test_not_recorded(call):
    assert "(what is recorded)" in message(call, begun())


# --- damaged folders ----------------------------------------------------------------------------


def edit(file, change):
    content = json.loads(file.read_text())
    change(content)
    file.write_text(json.dumps(content))


@pytest.mark.parametrize(
    "change",
    [
        lambda content: content.pop("steps"),
        lambda content: content.update(steps=-1),
        lambda content: content.update(version=2),
        lambda content: content.update(format="else"),
        lambda content: content.update(more=1),
        lambda content: content.update(counts=[1]),
        lambda content: content["plan"].update(spikes=["exc", "u"]),
        lambda content: content["plan"].update(spikes=["exc", "exc"]),
        lambda content: content["plan"]["sizes"].update(exc=0),
        lambda content: content["plan"]["sizes"].update(exc=3),
        lambda content: content["plan"]["sizes"].pop("inh"),
        lambda content: content["plan"]["states"][0].update(variable="../v"),
        lambda content: content["plan"]["states"][0].update(dtype="object"),
        lambda content: content["plan"]["states"][0].update(neurons=[1, 1]),
        lambda content: content["plan"]["states"][1].update(variable="v"),
    ],
)
def test_damaged_index(tmp_path, change):
    record(begun(tmp_path), chunk(3))
    file = tmp_path / "recording.json"
    edit(file, change)
    assert message(Recording.open, tmp_path).startswith(f"{file}: ")


@pytest.mark.parametrize("text", ["", "{", "[]", "\xff"])
def test_no_index(tmp_path, text):
    file = tmp_path / "recording.json"
    assert message(Recording.open, tmp_path) == f"{file}: no such file"
    file.write_text(text, encoding="latin-1")
    assert message(Recording.open, tmp_path).startswith(f"{file}: ")


@pytest.mark.parametrize("name", ["exc.spikes.bin", "exc.v.npy"])
def test_damaged_files(tmp_path, name):
    record(begun(tmp_path), chunk(3))
    file = tmp_path / name
    whole = file.read_bytes()
    for length in range(len(whole)):
        file.write_bytes(whole[:length])
        assert message(Recording.open, tmp_path).startswith(f"{file}: ")
    head = 16 if name.endswith("bin") else 128
    for at in range(head):
        file.write_bytes(whole[:at] + b"\xff" + whole[at + 1 :])
        # Only the count may differ: it may be ahead.
        with suppress(FxlifError):
            assert_holds(Recording.open(tmp_path), chunk(3))
    file.unlink()
    assert message(Recording.open, tmp_path) == f"{file}: no such file"


def test_another_dtype_or_width_in_the_file_is_refused(tmp_path):
    record(begun(tmp_path), chunk(3))
    file = tmp_path / "exc.v.npy"
    for other in (np.zeros((3, 2), np.int32), np.zeros((9, 1), np.int16), np.zeros(9, np.int16)):
        np.save(file, other)
        assert "must be a file with the header that recording.json describes" in message(
            Recording.open, tmp_path
        )


def test_a_header_that_counts_less_is_refused(tmp_path):
    record(begun(tmp_path), chunk(3))
    file = tmp_path / "exc.spikes.bin"
    data = bytearray(file.read_bytes())
    data[8] -= 1
    file.write_bytes(data)
    assert re.fullmatch(
        f"{file}: must be a file of [0-9]+ entries or more, not cut off",
        message(Recording.open, tmp_path),
    )


def test_damaged_after_opening(tmp_path):
    made = record(begun(tmp_path), chunk(3))
    spikes, states = tmp_path / "exc.spikes.bin", tmp_path / "exc.v.npy"
    data = bytearray(spikes.read_bytes())
    data[16:20] = b"\x05\0\0\0"
    spikes.write_bytes(data)
    assert message(made.counts, "exc") == (
        "exc: from event 0 on: event 0: must be an address 0..4, not 5"
    )
    os.truncate(spikes, 20)
    os.truncate(states, 130)
    assert message(made.spikes, "exc").startswith(f"{spikes}: must be a file of ")
    assert message(made.states, "exc", "v").startswith(f"{states}: must be a file of ")
    states.unlink()
    assert message(made.states, "exc", "v") == f"{states}: no such file"
    assert message(made.begin, SIZES, RANGES) == f"{states}: no such file"
