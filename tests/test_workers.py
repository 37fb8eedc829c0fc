"""Executors of processes and of a cluster, and what becomes of work when a worker dies."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from concurrent.futures import Executor, as_completed
from pathlib import Path

import pytest

from fxlif import FxlifError
from fxlif.workers import WorkerDied, workers
from fxlif.workers import cluster as cluster_module
from fxlif.workers.source import source


def double(number: int) -> int:
    return 2 * number


def who() -> tuple[int, int]:
    time.sleep(0.2)
    return os.getpid(), os.getppid()


def whose(executor: Executor) -> set[tuple[int, int]]:
    """The processes of an executor and their parents."""
    return {job.result() for job in as_completed([executor.submit(who) for _ in range(4)])}


def mistaken(value: int) -> None:
    raise FxlifError.must_be("value", "less", value)


def dies(folder: Path, times: int) -> str:
    """The first ``times`` calls kill their process."""
    mine = folder / f"{time.monotonic_ns()}"
    mine.touch()
    if len(list(folder.iterdir())) <= times:
        os.kill(os.getpid(), signal.SIGKILL)
    return "done"


def unpicklable() -> object:
    return lambda: None


# --- processes ------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def pool():
    """Two processes for all tests that end none."""
    with workers(2) as executor:
        yield executor


def test_work_is_done_in_other_processes(pool) -> None:
    assert isinstance(pool, Executor)
    assert pool.count == 2
    assert list(pool.map(double, range(20))) == list(range(0, 40, 2))
    found = whose(pool)
    assert len(found) == 2
    assert {parent for _, parent in found} == {os.getpid()}
    for pid, _ in found:  # Ctrl-C in a terminal goes to them too, and is not theirs
        os.kill(pid, signal.SIGINT)
    assert whose(pool) == found


def test_a_mistake_comes_back_as_it_was(pool) -> None:
    with pytest.raises(FxlifError) as caught:
        pool.submit(mistaken, 3).result()
    assert (caught.value.key, caught.value.value, caught.value.allowed) == ("value", 3, "less")
    assert "in mistaken" in caught.value.__notes__[0]
    with pytest.raises(SystemExit):
        pool.submit(sys.exit, 3).result()
    with pytest.raises(AttributeError, match="pickle"):
        pool.submit(unpicklable).result()
    with pytest.raises(AttributeError, match="pickle"):
        pool.submit(lambda: None).result()
    assert pool.submit(double, 2).result() == 4, "the processes go on"


def test_a_process_that_dies_is_told_and_its_work_done_again(tmp_path, capfd) -> None:
    with workers(2) as executor:
        others = [executor.submit(double, number) for number in range(10)]
        job = executor.submit(dies, tmp_path, 1)
        assert job.result() == "done"
        assert [other.result() for other in others] == list(range(0, 20, 2))
    told = capfd.readouterr().err.splitlines()
    assert len(told) == 1
    assert re.fullmatch(r"fxlif: dies\(.*, 1\): its process was ended by SIGKILL; trying once more",
                        told[0])  # fmt: skip


def test_work_that_kills_its_process_twice_is_a_mistake_that_names_it(tmp_path, capfd) -> None:
    with workers(1, told=lambda function, *_: f"the work {function.__name__}") as executor:
        with pytest.raises(WorkerDied, match="the work dies: its process was ended by SIGKILL"):
            executor.submit(dies, tmp_path, 2).result()
        assert executor.submit(double, 3).result() == 6
    assert len(capfd.readouterr().err.splitlines()) == 1


ENDED = """
import os, sys, time
from pathlib import Path
from fxlif.workers import workers
def work(folder):
    (folder / str(os.getpid())).touch()
    time.sleep(60)
if __name__ == "__main__":
    with workers(2) as executor:
        jobs = [executor.submit(work, Path(sys.argv[1])) for _ in range(9)]
        [job.result() for job in jobs]
"""


def is_there(pid: int) -> bool:
    """Whether a process still runs; one that ended may wait a while to be noticed."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_processes_end_with_the_one_that_started_them(how: signal.Signals, tmp_path) -> None:
    """Ctrl-C comes to all of them, a kill to the first alone."""
    (tmp_path / "script.py").write_text(ENDED)
    (tmp_path / "pids").mkdir()
    with (tmp_path / "said").open("w") as said:  # not a pipe, which the workers would hold open
        started = subprocess.Popen(
            [sys.executable, tmp_path / "script.py", tmp_path / "pids"],
            stderr=said, start_new_session=True,
        )  # fmt: skip
    while len(list((tmp_path / "pids").iterdir())) < 2:
        time.sleep(0.05)
        assert started.poll() is None
    (os.killpg if how == signal.SIGINT else os.kill)(started.pid, how)
    begin = time.monotonic()
    assert started.wait(timeout=10) != 0
    pids = {int(path.name) for path in (tmp_path / "pids").iterdir()}
    while any(map(is_there, pids)) and time.monotonic() < begin + 10:
        time.sleep(0.02)
    left = [pid for pid in pids if is_there(pid)]
    for pid in left:
        os.kill(pid, signal.SIGKILL)
    assert left == []
    assert time.monotonic() < begin + 5
    # Python's own traceback of the one that was interrupted, and nothing of the others.
    said = (tmp_path / "said").read_text()
    assert said.count("Traceback") == (how == signal.SIGINT)


# --- a cluster ------------------------------------------------------------------------------------


def test_a_cluster_does_the_same_work(cluster) -> None:
    with workers(cluster=cluster) as executor:
        assert isinstance(executor, Executor)
        assert executor.count == 2
        assert list(executor.map(double, range(20))) == list(range(0, 40, 2))
        first, second = executor.submit(time.monotonic_ns), executor.submit(time.monotonic_ns)
        assert first.result() != second.result(), "the same call twice is two calls"
        with pytest.raises(FxlifError) as caught:
            executor.submit(mistaken, 3).result()
        assert (caught.value.key, caught.value.allowed) == ("value", "less")


def test_a_worker_with_another_fxlif_is_refused(cluster, monkeypatch) -> None:
    """The one that is there at the start, and the one that comes later."""
    monkeypatch.setattr(cluster_module, "source", lambda: "fxlif 7 (source abc)")
    with pytest.raises(FxlifError) as caught, workers(cluster=cluster):
        pass
    assert caught.value.key == "cluster"
    assert str(caught.value).startswith("cluster: worker tcp://127.0.0.1:")
    assert f"has {source()}, and here is fxlif 7 (source abc): " in str(caught.value)
    with pytest.raises(FxlifError, match=re.escape("has fxlif 7 (source abc), and here is other")):
        cluster_module.called_there("other", b"")


def test_a_scheduler_that_is_gone_is_one_line(monkeypatch, capfd) -> None:
    distributed = pytest.importorskip("distributed")
    monkeypatch.setattr(cluster_module, "PATIENCE", 1.0)
    cluster = distributed.LocalCluster(
        n_workers=1, threads_per_worker=1, processes=False, host="127.0.0.1", protocol="tcp://",
        dashboard_address=":0",
    )  # fmt: skip
    with cluster, workers(cluster=cluster.scheduler_address) as executor:
        job = executor.submit(time.sleep, 1)
        cluster.close()
        for again in range(3):  # while the client looks for the scheduler, and once it has given up
            with pytest.raises(FxlifError, match=r"^tcp://.*: the connection to the scheduler is"):
                (executor.submit(double, 1) if again else job).result(timeout=20)
            assert executor.count == 1
    assert "Traceback" not in capfd.readouterr().err


@pytest.mark.parametrize(
    "given", ["", "host", "host:8786", "http://host:8786", "tcp://host", "tcp://:8786", "tcp://h:x"]
)
def test_an_address_of_another_form_is_refused(given: str) -> None:
    with pytest.raises(FxlifError) as caught, workers(cluster=given):
        pass
    assert (caught.value.key, caught.value.value) == ("cluster", given)
    assert "such as tcp://host:8786" in caught.value.allowed


def test_a_cluster_that_does_not_answer_is_one_line(monkeypatch, capfd) -> None:
    pytest.importorskip("distributed")
    monkeypatch.setattr(cluster_module, "PATIENCE", 0.3)
    with pytest.raises(FxlifError) as caught, workers(cluster="tcp://127.0.0.1:9"):
        pass
    assert str(caught.value) == (
        "cluster: must be a Dask scheduler that answers and has workers, "
        "not tcp://127.0.0.1:9 (no answer within 0.3 s)"
    )
    assert capfd.readouterr().err == ""


def test_without_its_package_a_cluster_says_what_brings_it(monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(FxlifError) as caught, workers(cluster="tcp://127.0.0.1:9"):
        pass
    assert caught.value.allowed == "pip install 'fxlif[cluster]'"


RUN_TOOL = """\
from pathlib import Path
from fxlif.hdl.flow import tools
tools.version_of = lambda *_: "1"
tools.run_tool("fake", [], Path())
"""
FAKE = """\
import os, time
def run_fake(arguments):
    with open("part", "w") as file:
        file.write(str(os.getpid()))
    os.rename("part", "begun")
    time.sleep(600)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="prctl is Linux's")
def test_no_tool_outlives_who_started_it(tmp_path: Path) -> None:
    (tmp_path / "yowasp_fake.py").write_text(FAKE)
    (tmp_path / "run.py").write_text(RUN_TOOL)
    process = subprocess.Popen(
        [sys.executable, "run.py"], cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(tmp_path)}
    )
    while not (tmp_path / "begun").exists():
        assert process.poll() is None
        time.sleep(0.02)
    tool = int((tmp_path / "begun").read_text())
    assert is_there(tool)
    process.kill()
    process.wait()
    limit = time.monotonic() + 60
    while is_there(tool):
        assert time.monotonic() < limit
        time.sleep(0.02)
