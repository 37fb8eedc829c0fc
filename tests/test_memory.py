"""What cannot fit in memory is refused before it is tried, with what it takes and what there is."""

import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from fxlif import (
    AllToAll,
    FixedInDegree,
    FixedProbability,
    FloatPopulation,
    FxlifError,
    Grid,
    LIFPopulation,
    Network,
    NetworkParams,
    NeuronParams,
    OneToOne,
    Population,
    Projection,
    Recorder,
    Recording,
    Synapses,
    memory,
)
from fxlif.network import events
from fxlif.network.topology import synapses_of, table_bytes

GB = 10**9


@pytest.fixture
def two_gigabytes(monkeypatch):
    monkeypatch.setattr(memory, "available", lambda: 2 * GB)


def network(synapses=None, n: int = 100_000, times: int = 1) -> Network:
    projections = [] if synapses is None else [Projection("a", "a", synapses, delay=1)] * times
    return Network(
        NetworkParams(name="x", population=[Population("a", n)], projection=projections),
        engine="numpy",
    )


def rows(steps: int, kind=np.int16):
    """Many steps that take no memory."""
    return np.broadcast_to(kind(3), (steps, 1000))


SMALL_NETWORK = network(n=1000)
STATES = {"a": ["v"]}
TOO_LARGE = [
    (lambda: LIFPopulation(10**10), "n", "320.0 GB for 10,000,000,000 neurons"),
    (lambda: FloatPopulation(10**10), "n", "320.0 GB for 10,000,000,000 neurons"),
    (lambda: network(n=10**9), "population[0].n", "48.0 GB for 1,000,000,000 neurons"),
    (lambda: network(AllToAll(1)), "projection[0]",
     "40.0 GB for the synapses of 100,000 x 100,000 neurons"),
    (lambda: network(FixedProbability(0.5, 1)), "projection[0]", "40.0 GB for "),
    (lambda: network(FixedInDegree(20_000, 1)), "projection[0]", "24.0 GB for "),
    (lambda: network(Grid((1000, 1000), np.ones((31, 31), int)), 10**6), "projection[0]",
     "15.4 GB for "),
    (lambda: network(FixedProbability(0.02, 1), times=2), "projection[1]",
     "3.2 GB for the synapses of 100,000 x 100,000 neurons, with all before them"),
    (lambda: SMALL_NETWORK.run(10**7, record=Recording(states=STATES)), "record",
     "40.0 GB for a.v of 10,000,000 steps"),
    (lambda: LIFPopulation(1000).run(rows(10**8)), "currents",
     "100.0 GB for what is kept of 100,000,000 steps of 1,000 neurons"),
    (lambda: LIFPopulation(1000).run(rows(10**6), Recorder("v", "theta")), "currents", "17.0 GB "),
    (lambda: FloatPopulation(1000).trace(rows(10**6, np.float64)), "currents", "32.0 GB for "),
    (lambda: events.to_counts([0, -1], 10**12), "n", "8.0 TB for the counts of 1 steps"),
    (lambda: events.encode_images([[1]], 1 << 30, 1), "steps", "17.2 GB for "),
    (lambda: Synapses(10**5, 10**5, np.zeros(10**5 + 1, int), [], 1, 1).dense(), "synapses",
     "80.0 GB for a matrix"),
]  # fmt: skip


@pytest.mark.usefixtures("two_gigabytes")
@pytest.mark.parametrize(("call", "key", "found"), TOO_LARGE, ids=[f for *_, f in TOO_LARGE])
def test_refused_before_it_is_tried(call, key, found):
    tracemalloc.start()
    with pytest.raises(FxlifError) as caught:
        call()
    assert tracemalloc.get_traced_memory()[1] < 40 * 2**20  # of Grid's kernel and validators most
    tracemalloc.stop()
    assert caught.value.key == key
    line = f"{key}: must be of 2.0 GB at most, the memory that is available, not {found}"
    assert str(caught.value).startswith(line)


def test_a_recording_that_no_disk_holds(tmp_path: Path):
    folder = tmp_path / "not yet" / "there"
    with pytest.raises(FxlifError, match=rf"record: .*{tmp_path} has free.* TB for a\.v of "):
        SMALL_NETWORK.run(10**13, record=Recording(states=STATES, folder=folder))
    assert not folder.exists()


def test_the_command_line_refuses(run, tmp_path: Path):
    text = "[[population]]\nname = 'a'\nn = 1073741824\n\n"
    texts = [text, *(text.replace("'a'", f"'p{k}'") for k in range(2000))]
    (tmp_path / "design.toml").write_text("".join(texts))
    ran = run("run", "design.toml", "-o", "out.txt", "--steps", "3")
    assert ran.refusal.startswith("population[")
    assert " GB at most, the memory that is available, not " in ran.refusal


@pytest.mark.parametrize("synapses", [
    AllToAll(3), AllToAll((1, 9)), AllToAll((-40_000, 40_000)), OneToOne(2), OneToOne((1, 9)),
    FixedProbability(0.3, 5), FixedProbability(0.3, (-9, 9)), FixedInDegree(200, 1),
    FixedInDegree(200, (1, 9)), Grid((25, 40), [[1] * 9] * 9), Grid((25, 40), [[3]]),
], ids=repr)  # fmt: skip
@pytest.mark.parametrize("delay", [1, (1, 9)])
def test_what_is_said_to_be_taken_is_taken(synapses, delay):
    """No less than what the table takes, no more than its drawing: nothing that fits is refused."""
    n = 1000
    projection = Projection("a", "b", synapses, delay=delay)
    said = table_bytes(projection, n, n)
    tracemalloc.start()
    made = synapses_of(projection, n, n)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    columns = (made.indptr, made.targets, made.weights, made.delays)
    taken = sum(column.nbytes for column in columns if not isinstance(column, int))
    assert 0.9 * taken <= said <= 1.02 * peak


# --- what there is --------------------------------------------------------------------------------


def system(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return root


MACHINE = {"proc/meminfo": "MemTotal: 9000 kB\nMemAvailable: 5000 kB\nSwapFree: 1000 kB\n"}
V2, V1 = "sys/fs/cgroup/", "sys/fs/cgroup/memory/"
SYSTEMS = {
    "the machine": ({}, 6000 * 1024),
    "no limit": ({"proc/self/cgroup": "0::/a\n", f"{V2}a/memory.max": "max\n"}, 6000 * 1024),
    "version 2": ({
        "proc/self/cgroup": "0::/a/b\n", f"{V2}a/memory.max": "3000000\n",
        f"{V2}a/memory.current": "1000000\n", f"{V2}a/b/memory.max": "max\n",
        f"{V2}a/memory.stat": "anon 5\ninactive_file 300\nactive_file 20\nfile 900\n",
    }, 2_000_320),
    "version 1, the path is the host's": ({
        "proc/self/cgroup": "3:cpu:/x\n4:memory:/docker/abc\n0::/\n",
        f"{V1}memory.limit_in_bytes": "4000000\n", f"{V1}memory.usage_in_bytes": "1000000\n",
        f"{V1}memory.stat": "inactive_file 7\ntotal_inactive_file 10\ntotal_active_file 5\n",
    }, 3_000_015),
    "full": ({
        "proc/self/cgroup": "0::/\n", f"{V2}memory.max": "3000\n", f"{V2}memory.current": "4000\n",
    }, 0),
}  # fmt: skip


@pytest.mark.parametrize(("files", "room"), SYSTEMS.values(), ids=SYSTEMS)
def test_what_there_is(files: dict[str, str], room: int, tmp_path: Path):
    assert memory.available(system(tmp_path, MACHINE | files)) == room


def test_what_there_is_here():
    room = memory.available()
    assert room is None or 1 << 20 < room < 1 << 60


@pytest.mark.usefixtures("two_gigabytes")
def test_small_things_are_not_asked_about(monkeypatch):
    monkeypatch.setattr(memory, "available", lambda: pytest.fail("asked"))
    Network(
        NetworkParams(name="x", population=[Population("a", 900, NeuronParams())],
                      projection=[Projection("a", "a", AllToAll(1), delay=1)]),
        engine="numpy",
    ).run(1, record=Recording(states=STATES))  # fmt: skip
