"""A study on workers that die: no trial that has ended is lost, and the table is the same."""

from __future__ import annotations

import os
import signal
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest

from fxlif.progress import Progress
from fxlif.study.spec import StudyParams, plan_of
from fxlif.study.storage import url_of
from fxlif.study.table import Table
from fxlif.workers import Workers, workers

pytest.importorskip("optuna")
from fxlif.study.engine import run

SUBJECT = '''
import os, signal, time
from fxlif.study.subject import Objective, Parameter, Subject

class Deadly(Subject):
    """The square of a; each evaluation leaves a line with its process."""
    parameters = {"a": Parameter(name="a", title="a", low=0, high=100)}
    objectives = {"square": Objective(name="square", title="square", direction="minimize")}
    def __init__(self, table, folder):
        self.pause, self.deaths, self.folder = table["pause"], table.get("deaths", {}), folder
    def evaluate(self, values, wanted):
        with open(self.folder / "evaluated", "a") as file:
            file.write(f"{values['a']} {os.getpid()}\\n")
        lines = (self.folder / "evaluated").read_text().splitlines()
        mine = [line for line in lines if line.startswith(f"{values['a']} ")]
        if len(mine) <= self.deaths.get(str(values["a"]), 0):
            os.kill(os.getpid(), signal.SIGKILL)
        time.sleep(self.pause)
        return {"square": values["a"] ** 2}
'''


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    (tmp_path / "deadly.py").write_text(SUBJECT)
    monkeypatch.setattr(sys, "path", list(sys.path))
    yield tmp_path
    sys.modules.pop("deadly", None)


def study(
    folder: Path,
    starting: AbstractContextManager[Workers],
    progress: Progress | None = None,
    **subject: Any,
) -> Table:
    plan = plan_of(
        StudyParams(
            name="toy", parameters={"a": {"low": 0, "high": 9}}, objectives=["square"],
            subject={"kind": "deadly:Deadly", "pause": 0.0, **subject},
        ),
        folder,
    )  # fmt: skip
    return run(plan, url_of(folder / "study.db"), starting, progress or Progress())


def evaluated(folder: Path) -> list[tuple[int, int]]:
    """Number and process of each evaluation."""
    lines = (folder / "evaluated").read_text().splitlines()
    return [(int(number), int(pid)) for number, pid in map(str.split, lines)]


def rows(table: Table) -> list[tuple[int, str, float | None]]:
    return [(row.trial, row.state, row.found.get("square")) for row in table.rows]


RIGHT = [(number, "complete", number**2) for number in range(10)]


def test_a_worker_process_that_is_killed_loses_no_trial(folder: Path, capfd) -> None:
    """Trial 3 kills its process once, trial 5 twice: that one fails, alone."""
    table = study(folder, workers(1), deaths={"3": 1, "5": 2})
    assert rows(table) == [*RIGHT[:5], (5, "failed", None), *RIGHT[6:]]
    assert "died" in table.rows[5].reason
    counts = Counter(number for number, _ in evaluated(folder))
    assert counts == {**dict.fromkeys(range(10), 1), 3: 2, 5: 2}
    said = capfd.readouterr().err.splitlines()
    assert len(said) == 2
    assert said[0].endswith("{'a': 3}): its process was ended by SIGKILL; trying once more")


def test_a_study_on_a_cluster(folder: Path, cluster: str) -> None:
    assert rows(study(folder, workers(cluster=cluster))) == RIGHT
    assert rows(study(folder, workers(cluster="tcp://127.0.0.1:9"))) == RIGHT, "nothing left to do"
    assert len(evaluated(folder)) == 10


class Killing(Progress):
    """Kills the process of the trial that was begun last, once three have ended."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.killed = folder, 0

    def __call__(self, what: str, done: int = 0, total: int | None = None) -> None:
        if done >= 3 and not self.killed:
            self.killed = evaluated(self.folder)[-1][1]
            os.kill(self.killed, signal.SIGKILL)


@pytest.mark.slow
def test_a_worker_of_a_cluster_that_is_killed_loses_no_trial(folder: Path, capfd) -> None:
    distributed = pytest.importorskip("distributed")
    killing = Killing(folder)
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, host="127.0.0.1", dashboard_address=":0"
    ) as cluster:  # fmt: skip
        table = study(folder, workers(cluster=cluster.scheduler_address), killing, pause=0.5)
    assert rows(table) == RIGHT
    done = evaluated(folder)
    assert len(done) > 10, "one was under way when its worker died"
    assert len({pid for _, pid in done}) >= 2
    counts = Counter(number for number, _ in done)
    twice = [number for number, count in counts.items() if count > 1]
    # What had ended is done once; what is done twice was begun in the process that was killed.
    assert all((number, killing.killed) in done for number in twice)
    said = [line for line in capfd.readouterr().err.splitlines() if line.startswith("fxlif: ")]
    assert said
    assert all(" is gone" in line for line in said)
