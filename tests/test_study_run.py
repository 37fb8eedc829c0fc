"""A study runs: whatever happens to it, no finished trial is lost and none is evaluated twice."""

from __future__ import annotations

import math
import os
import resource
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import closing, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from fxlif.cli.study import command_line
from fxlif.errors import FxlifError
from fxlif.progress import lasting_interrupts
from fxlif.study import leases, storage, trials
from fxlif.study.spec import Plan, StudyParams, load_plan, plan_of
from fxlif.study.subject import Objective
from fxlif.study.table import Row, Table
from fxlif.workers import Workers

pytest.importorskip("optuna")
from fxlif.study.engine import run

TOY = '''
import os
import time
from fxlif.errors import FxlifError
from fxlif.study.subject import Objective, Parameter, Subject

class Toy(Subject):
    """a**2 against its distance from 5; each evaluation leaves a line."""
    parameters = {
        "a": Parameter(name="a", title="a", low=0, high=100),
        "b": Parameter(name="b", title="b", choices=("x", "y")),
    }
    objectives = {
        "near": Objective(name="near", title="near", direction="zero", interval=True),
        "cost": Objective(name="cost", title="cost", direction="minimize"),
    }
    def __init__(self, table, folder):
        self.pause, self.folder = table.get("pause", 0.0), folder
    def evaluate(self, values, wanted):
        with open(self.folder / "evaluated", "a") as file:
            file.write(f"{values['a']}{values['b']}\\n")
        (self.folder / f"of_{os.getppid()}").touch()
        while (self.folder / "slow").exists() and len(list(self.folder.glob("of_*"))) < 2:
            time.sleep(0.01)  # none goes ahead before the other has begun
        time.sleep(self.pause * (self.folder / "slow").exists())
        if values["a"] == 3:
            raise FxlifError("a: must be another number")
        if values["a"] == 4:
            raise ZeroDivisionError("division by zero")
        near = values["a"] - 5.0
        return {"near": near, "near_low": near - 1, "near_high": near + 1,
                "cost": values["a"] ** 2 + (values["b"] == "x")}

def designless(design):
    return 1.0
'''
GRID: dict[str, Any] = {
    "name": "toy",
    "subject": {"kind": "toy_subject:Toy"},
    "parameters": {"a": {"low": 2, "high": 6}, "b": ["x", "y"]},
    "objectives": ["near", "cost"],
}
SEARCH = {**GRID, "search": "nsga2", "population": 5, "trials": 11}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    (tmp_path / "toy_subject.py").write_text(TOY)
    monkeypatch.setattr(sys, "path", list(sys.path))
    yield tmp_path
    sys.modules.pop("toy_subject", None)


def plan(folder: Path, spec: dict[str, Any] = GRID, **changes: Any) -> Plan:
    return plan_of(StudyParams(**{**spec, **changes}), folder)


class Here(Workers):
    """Works in this process; ``before`` is called with the count of trials so far."""

    def __init__(self, before: Callable[[int], None] = lambda count: None) -> None:
        self.before, self.given = before, 0

    count = 1

    def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> Future[Any]:
        self.before(self.given)
        self.given += 1
        future: Future[Any] = Future()
        future.set_result(fn(*args, **kwargs))
        return future

    def stop(self) -> None: ...


def run_here(plan: Plan, folder: Path, workers: Workers | None = None) -> Table:
    return run(plan, storage.url_of(folder / "study.db"), nullcontext(workers or Here()))


def evaluated(folder: Path) -> Counter[str]:
    file = folder / "evaluated"
    return Counter(file.read_text().split()) if file.exists() else Counter()


def timeless(table: Table) -> list[Any]:
    return [replace(row, seconds=0.0) for row in table.rows]


def stop_at(count: int) -> Callable[[int], None]:
    def before(given: int) -> None:
        if given == count:
            raise KeyboardInterrupt

    return before


def test_a_grid_and_its_failed_trials(folder: Path) -> None:
    table = run_here(plan(folder), folder)
    assert [(row.trial, *row.values.values()) for row in table.rows] == [
        (2 * k + j, a, b) for k, a in enumerate(range(2, 7)) for j, b in enumerate("xy")
    ]
    assert {row.trial: row.reason for row in table.rows if row.state == "failed"} == {
        2: "a: must be another number", 3: "a: must be another number",
        4: "ZeroDivisionError: division by zero", 5: "ZeroDivisionError: division by zero",
    }  # fmt: skip
    assert table.rows[7].found == {"near": 0.0, "near_low": -1.0, "near_high": 1.0, "cost": 25}
    assert [row.trial for row in table.front()] == [1, 7]
    assert timeless(run_here(plan(folder), folder)) == timeless(table)
    assert set(evaluated(folder).values()) == {1}


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_ctrl_c_is_not_lost_within_a_finaliser(folder: Path) -> None:
    """Python prints what a finaliser raises, and goes on."""

    class Finalised:
        def __del__(self) -> None:
            signal.raise_signal(signal.SIGINT)

    def before(given: int) -> None:
        if given == 3:
            Finalised()

    with pytest.raises(KeyboardInterrupt):
        run_here(plan(folder), folder, Here(before))
    assert 3 < evaluated(folder).total() < 10
    assert run_here(plan(folder), folder).rows[-1].trial == 9
    assert set(evaluated(folder).values()) == {1}


def test_a_handler_of_ones_own_hears_of_ctrl_c_once_more() -> None:
    """It need not raise anything: then it is not called in each turn from then on."""
    heard: list[int] = []
    before = signal.signal(signal.SIGINT, lambda number, _: heard.append(number))
    try:
        with lasting_interrupts() as look:
            signal.raise_signal(signal.SIGINT)
            look()
            look()
    finally:
        signal.signal(signal.SIGINT, before)
    assert heard == [signal.SIGINT] * 2


@pytest.mark.parametrize("spec", [GRID, SEARCH, {**SEARCH, "search": "tpe"}])
def test_a_study_that_is_broken_off_goes_on_and_repeats(folder: Path, spec: dict[str, Any]) -> None:
    whole = run_here(plan(folder, spec, name="whole"), folder)
    (folder / "evaluated").unlink()
    for count in (1, 6):
        with pytest.raises(KeyboardInterrupt):
            run_here(plan(folder, spec), folder, Here(stop_at(count)))
    assert timeless(run_here(plan(folder, spec), folder)) == timeless(whole)
    failed = {f"{row.values['a']}{row.values['b']}" for row in whole.rows if row.state == "failed"}
    # A complete trial is never run again, not even by one with the same values.
    assert {name for name, count in evaluated(folder).items() if count > 1} <= failed


def test_limits_that_a_search_keeps_to_are_those_it_was_begun_with(folder: Path) -> None:
    """A grid has its points whatever they are; its table is seen within the new ones."""
    limited = plan(folder, SEARCH, limits={"cost": 9})
    assert limited.identity == {**plan(folder, SEARCH).identity, "limits.cost": 9}
    (limit,) = (one.limit for one in limited.objectives if one.name == "cost")
    assert limit == 9
    assert plan(folder, limits={"cost": 9}).identity == plan(folder).identity


def test_a_search_may_be_given_more_trials(folder: Path) -> None:
    first = run_here(plan(folder, SEARCH, trials=5), folder)
    assert timeless(run_here(plan(folder, SEARCH), folder))[:5] == timeless(first)


@pytest.mark.parametrize(
    ("key", "changes"),
    [
        ("parameters.a", {"parameters": {"a": [2, 6], "b": ["x", "y"]}}),
        ("parameters.b", {"parameters": {"a": {"low": 2, "high": 6}}}),
        ("subject.pause", {"subject": {**GRID["subject"], "pause": 0.1}}),
        ("objectives", {"objectives": ["cost", "near"]}),
        ("search", {"search": "tpe", "trials": 3}),
    ],
)
def test_another_study_of_the_same_name_is_refused(
    folder: Path, key: str, changes: dict[str, Any]
) -> None:
    with pytest.raises(KeyboardInterrupt):
        run_here(plan(folder), folder, Here(stop_at(0)))
    said = r"must be [^'].*, as the study 'toy' in sqlite.* was begun"
    with pytest.raises(FxlifError, match=said) as caught:
        run_here(plan(folder, **changes), folder)
    assert caught.value.key == key


@pytest.mark.parametrize(
    ("key", "changes"),
    [
        ("objectives[1]", {"objectives": ["near", "costs"]}),
        ("objectives[1]", {"objectives": ["near", "near"]}),
        ("parameters.aa", {"parameters": {"aa": [1]}}),
        ("parameters.a[1]", {"parameters": {"a": [1, 101]}}),
        ("parameters.a", {"parameters": {"a": []}}),
        ("parameters.a", {"parameters": {"a": [1, 1]}}),
        ("parameters.a", {"parameters": {"a": 3}}),
        ("parameters.a.high", {"parameters": {"a": {"low": 1, "high": 101}}}),
        ("parameters.a.high", {"parameters": {"a": {"low": 4, "high": 2}}}),
        ("parameters.a.step", {"parameters": {"a": {"low": 1, "high": 2, "step": 0}}}),
        ("parameters.a.to", {"parameters": {"a": {"low": 1, "high": 2, "to": 0}}}),
        ("parameters.b[0]", {"parameters": {"b": ["z"]}}),
        ("subject.kind", {"subject": {"kind": "toy"}}),
        ("subject.kind", {"subject": {"kind": "toy_subject:Nothing"}}),
        ("objectives[0].function", {"objectives": [
            {"name": "luts", "function": "toy_subject:nothing", "direction": "minimize"}]}),
        ("objectives[0].direction", {"objectives": [{"name": "a", "function": "os:getpid"}]}),
        ("objectives[0].function", {"objectives": [{"name": "luts"}]}),
        ("objectives[0].name", {"objectives": [{"name": "lut", "target": "ecp5-25k"}]}),
        ("objectives[0].target", {"objectives": [{"name": "luts", "target": "ecp5"}]}),
        ("objectives[0].unit", {"objectives": [
            {"name": "luts", "target": "ecp5-25k", "unit": "LUT"}]}),
        ("objectives[0]", {"objectives": ["luts"]}),
        ("objectives[0]", {"objectives": [3]}),
        ("limits.costs", {"limits": {"costs": 3}}),
        ("limits.cost", {"limits": {"cost": "device"}}),
        ("limits.cost", {"limits": {"cost": True}}),
    ],
)  # fmt: skip
def test_what_is_wrong_in_the_file_is_named(
    folder: Path, key: str, changes: dict[str, Any]
) -> None:
    with pytest.raises(FxlifError) as caught:
        plan(folder, **changes)
    assert caught.value.key == key


def test_each_mistake_in_the_table_of_an_objective_is_a_line() -> None:
    with pytest.raises(FxlifError) as caught:
        StudyParams(**{**GRID, "objectives": [{"nam": "luts", "direction": "up"}]})
    keys = [f"objectives[0].{key}" for key in ("name", "direction", "nam")]
    assert [mistake.key for mistake in caught.value.mistakes] == keys
    assert [line.split(": ")[0] for line in str(caught.value).split("\n")] == keys


def test_keys_of_the_file(folder: Path) -> None:
    file = folder / "study.toml"
    file.write_text('name = "a b"\nserch = "grid"\n[subject]\nkind = "toy_subject:Toy"\n')
    with pytest.raises(FxlifError) as caught:
        load_plan(file)
    keys = [each.key for each in caught.value.mistakes]
    assert keys == ["name", "parameters", "objectives", "serch"]
    assert "did you mean search?" in str(caught.value)
    assert all(line.startswith(f"{file}: ") for line in str(caught.value).splitlines())


def test_a_search_is_told_that_a_trial_is_beyond_limits() -> None:
    """Worse than any within in every objective, the more the farther; and what it was begun with is
    kept to."""
    objectives = (
        Objective(name="right", title="", direction="maximize", limit=0.8),
        Objective(name="cost", title="", direction="minimize", limit=200),
    )

    def found(right: float, cost: float) -> list[float]:
        numbers = {"right": right, "cost": cost}
        return trials.told(objectives, Row(trial=0, state="complete", values={}, found=numbers))

    assert found(0.8, 200) == [0.8, 200]
    assert found(0.9, 300) == [-1.5e12, 1.5e12]
    assert found(0.3, 500) == [-3e12, 3e12]
    assert found(math.nan, 10) == [-math.inf, math.inf]


def test_an_objective_of_ones_own_needs_a_design(folder: Path) -> None:
    own = {"name": "luts", "function": "toy_subject:designless", "direction": "minimize"}
    table = run_here(plan(folder, parameters={"a": [1], "b": ["x"]}, objectives=[own]), folder)
    assert "luts: must be measured of a subject with designs" in table.rows[0].reason


def test_a_database_that_is_locked(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(storage, "LOCKED_S", 0.1)
    with closing(sqlite3.connect(folder / "study.db")) as other:
        other.execute("begin exclusive")
        with pytest.raises(FxlifError, match="database is locked") as caught:
            run_here(plan(folder), folder)
    assert len(str(caught.value).splitlines()) == 1


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("sqlite:////nowhere/study.db", "unable to open"),
        ("postgresql+nothing://user:secret@host/base", "nothing"),
        ("no URL", "must be the URL of a database"),
    ],
)
def test_a_database_that_cannot_be_reached(folder: Path, url: str, said: str) -> None:
    with pytest.raises(FxlifError, match=said) as caught:
        run(plan(folder), url, nullcontext(Here()))
    assert "secret" not in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1


def test_a_password_is_not_shown() -> None:
    url = "postgresql+psycopg://me:secret@host/base"
    for words in (["study", "a.toml", "--storage", url], ["study", f"--storage={url}"]):
        shown = command_line(words, url)
        assert "secret" not in shown
        assert "me:***@host/base" in shown


def test_a_full_disk_loses_nothing_that_has_ended(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The operating system lets the database grow by some trials, and no further."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)

    def fill(count: int) -> None:
        if count == 3:
            size = max(file.stat().st_size for file in folder.glob("study.db*"))
            resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))

    many = plan(folder, parameters={"a": {"low": 5, "high": 40}, "b": ["x"]})
    with monkeypatch.context() as patched:
        patched.setattr(time, "sleep", lambda seconds: None)  # Optuna tries five times
        try:
            with pytest.raises(FxlifError, match="cannot be used") as caught:
                run_here(many, folder, Here(fill))
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert len(str(caught.value).splitlines()) == 1
    # Here the process lives on that could not give back what it held.
    monkeypatch.setattr(leases, "GRACE_S", 0.1)
    assert len(run_here(many, folder).complete) == 36
    # Two were under way that could not be kept.
    assert evaluated(folder).total() <= 36 + 2


def test_a_piece_of_work_has_one_holder(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = storage.open_storage(storage.url_of(folder / "study.db")).engine
    one, other = leases.Leases(engine, "a"), leases.Leases(engine, "a")
    assert one.take("x")
    assert not other.take("x")
    assert leases.Leases(engine, "b").take("x")
    one.give("x")
    assert other.take("x")
    other.give("x", done=True)
    assert not one.take("x")

    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    here, process, rest = one.holder.rsplit(" ", 2)
    for holder, at_once in [(f"{here} {gone.pid} {rest}", True), (f"elsewhere {process} 1", False)]:
        one.holder = holder
        assert one.take(holder)
        assert other.take(holder) == at_once
    assert not other.take(holder)
    one.beat()
    monkeypatch.setattr(leases, "GRACE_S", 0.0)
    assert not other.take(holder)  # it was heard of
    time.sleep(0.01)
    assert other.take(holder)


def test_what_ended_unmarked_is_not_done_again(folder: Path) -> None:
    """Its holder kept the result, and died before it gave the trial back."""
    url = storage.url_of(folder / "study.db")
    first, second = (trials.Trials(plan(folder), url) for _ in range(2))
    job = first.take()
    assert job is not None
    found = {"near": 0.0, "near_low": 0.0, "near_high": 0.0, "cost": 0.0}
    row = Row(trial=job.trial, state="complete", values=job.values, found=found)
    first.end(row)
    with storage.open_storage(url).engine.begin() as connection:
        connection.exec_driver_sql("update fxlif_leases set holder = ''")
    again = second.take()
    assert again is not None
    assert again.trial == job.trial + 1
    # One that was taken for dead while its computer slept ends what another has ended.
    second.end(replace(row, reason="late"))
    assert timeless(second.table()) == timeless(trials.Trials(plan(folder), url).table()) == [row]


def begin(folder: Path, out: str, *more: str) -> subprocess.Popen[str]:
    """The command, in a process group of its own, which Ctrl-C reaches as a whole."""
    command = [sys.executable, "-c", "import fxlif.cli as c; c.main()", "study", "study.toml"]
    return subprocess.Popen(
        [*command, "-o", out, "--processes", "1", *more], cwd=folder, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True,
    )  # fmt: skip


def when_evaluated(folder: Path, count: int, process: int) -> None:
    """Wait until so many trials have begun, one of them for ``process``."""
    limit = time.monotonic() + 300
    while evaluated(folder).total() < count or not (folder / f"of_{process}").exists():
        assert time.monotonic() < limit
        time.sleep(0.02)


def shared(folder: Path, points: int, url: str) -> tuple[int, str, int]:
    """Two share a study; one gets Ctrl-C, one is killed, this process goes on. Each point is in the
    table, and was evaluated once, but for those under way at one of the ends: two for a process
    with one worker. Returns what Ctrl-C gave, and how many points were evaluated twice."""
    (folder / "study.toml").write_text(
        'name = "toy"\nobjectives = ["near", "cost"]\n'
        '[subject]\nkind = "toy_subject:Toy"\npause = 0.2\n'
        f'[parameters]\na = {{low = 5, high = {points + 4}}}\nb = ["x"]\n'
    )
    (folder / "slow").touch()  # as long as both have to be at it
    first, second = (begin(folder, out, "--storage", url) for out in ("first", "second"))
    when_evaluated(folder, 4, first.pid)
    os.killpg(first.pid, signal.SIGINT)
    _, said = first.communicate(timeout=300)
    when_evaluated(folder, 8, second.pid)
    os.killpg(second.pid, signal.SIGKILL)
    second.communicate(timeout=300)
    (folder / "slow").unlink()
    table = run(load_plan(folder / "study.toml"), url, nullcontext(Here()))
    assert [row.trial for row in table.complete] == list(range(points))
    counts = evaluated(folder)
    assert len(counts) == points
    return first.returncode, said, counts.total() - points


def test_processes_share_a_study_and_end_in_every_way(folder: Path) -> None:
    code, said, twice = shared(folder, 80, storage.url_of(folder / "study.db"))
    assert code == 130
    last = said.splitlines()[-1]
    assert last.startswith("fxlif: stopped; what has ended is kept in sqlite:")
    assert last.endswith(f"--storage {storage.url_of(folder / 'study.db')}")
    assert twice <= 4


@pytest.mark.slow
def test_processes_share_a_study_in_postgresql(folder: Path) -> None:
    """With a server of Debian's package, started for the test."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    if not found:
        pytest.skip("no PostgreSQL server in /usr/lib/postgresql: apt-get install postgresql")
    pytest.importorskip("psycopg")
    programs = found[-1].parent
    # PostgreSQL does not run as root: as another user, who is root for files alone.
    other = ["unshare", "--user", "--map-user=1000"] if os.getuid() == 0 else []
    # A socket's path must be short.
    with tempfile.TemporaryDirectory(prefix="fxlif-pg-") as made:
        data = Path(made) / "data"

        def program(name: str, *arguments: str) -> None:
            command = [*other, str(programs / name), *arguments]
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL)

        program("initdb", "-D", str(data), "-U", "fxlif", "--auth=trust", "--no-sync")
        options = f"-c listen_addresses='' -k {made} -c fsync=off"
        program("pg_ctl", "-D", str(data), "-l", f"{made}/log", "-o", options, "-w", "start")
        try:
            url = f"postgresql+psycopg://fxlif@/postgres?host={made}"
            code, _, twice = shared(folder, 80, url)
            assert code == 130
            assert twice <= 4
            run_here(plan(folder, SEARCH, name="search"), folder)
            rows = run(plan(folder, SEARCH, name="search"), url, nullcontext(Here()))
            assert timeless(rows) == timeless(run_here(plan(folder, SEARCH, name="search"), folder))
        finally:
            program("pg_ctl", "-D", str(data), "-m", "immediate", "-w", "stop")
        with pytest.raises(FxlifError, match="cannot be used") as caught:
            run(plan(folder), url, nullcontext(Here()))
        assert len(str(caught.value).splitlines()) == 1
