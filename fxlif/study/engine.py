"""Runs a study: trials to workers, what comes out to the database, until all have ended."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Future, wait
from contextlib import AbstractContextManager, suppress

from ..errors import FxlifError
from ..progress import SILENT, Progress, lasting_interrupts
from ..workers import WorkerDied, Workers
from .evaluate import Order, Outcome, evaluate
from .spec import Plan
from .table import Row, Table
from .trials import Job, Trials

#: How long at most between two looks at what has come out, and at what others have done.
LOOK_S = 1.0


def run(
    plan: Plan, url: str, starting: AbstractContextManager[Workers], progress: Progress = SILENT
) -> Table:
    """All trials of the plan, those that ended earlier or elsewhere among them.

    Args:
        plan: what to study.
        url: the database that keeps the trials; others may work on the same.
        starting: starts the workers that evaluate, and ends them.
        progress: is told how many have ended, and how long the rest may take.

    Raises:
        FxlifError: the database; a study of the name that is another.
        KeyboardInterrupt: what has ended is kept, what was begun is given back.
    """
    trials = Trials(plan, url)
    try:
        if trials.ended < plan.trials:
            with lasting_interrupts() as look, starting as workers:
                _Loop(trials, workers, progress).run(look)
    finally:
        with suppress(FxlifError):  # where the database is gone, others take it over later
            trials.leave()
    trials.again()
    return trials.table()


class _Loop:
    """The trials on their way, of one process."""

    def __init__(self, trials: Trials, workers: Workers, progress: Progress) -> None:
        self.trials, self.workers, self.progress = trials, workers, progress
        self.order = Order.of(trials.plan)
        self.pending: dict[Future[Outcome], list[Job]] = {}
        self.begun, self.before = time.monotonic(), trials.ended

    def run(self, look: Callable[[], None]) -> None:
        """Until all have ended; ``look`` is called again and again."""
        self._tell()
        try:
            while self._send() or self.trials.ended < self.trials.plan.trials:
                done, _ = wait(self.pending, timeout=LOOK_S, return_when=FIRST_COMPLETED)
                for future in done:
                    self._take(future)
                self.trials.beat()
                self._tell()
                look()
        except BaseException:
            for future in [future for future in self.pending if future.done()]:
                with suppress(Exception):
                    self._take(future)
            raise

    def _send(self) -> bool:
        """Send trials to workers; whether any are on their way."""
        # One more than there are workers, so that none waits for the database.
        while len(self.pending) <= self.workers.count and (job := self.trials.take()) is not None:
            same = self.trials.same(job.values)
            twin = next((jobs for jobs in self.pending.values() if _equal(jobs[0], job)), None)
            if same is not None:
                self._end(job, Outcome(same.found, "", 0.0))
            elif twin is not None:
                twin.append(job)
            else:
                self.pending[self.workers.submit(evaluate, self.order, job.values)] = [job]
        if not self.pending and self.trials.ended < self.trials.plan.trials:
            # Others have what is left; it comes back if they die.
            time.sleep(LOOK_S / 4)
            self.trials.again()
        return bool(self.pending)

    def _take(self, future: Future[Outcome]) -> None:
        """Keep what came out of a trial, and of others with the same values."""
        jobs = self.pending.pop(future)
        try:
            outcome = future.result()
        except WorkerDied:
            reason = "its worker process died twice (killed, or out of memory)"
            outcome = Outcome({}, reason, 0.0)
        for job in jobs:
            self._end(job, outcome)

    def _end(self, job: Job, outcome: Outcome) -> None:
        self.trials.end(
            Row(
                trial=job.trial, state="failed" if outcome.reason else "complete",
                values=job.values, found={} if outcome.reason else outcome.found,
                reason=outcome.reason, seconds=round(outcome.seconds, 3),
            )
        )  # fmt: skip

    def _tell(self) -> None:
        trials, count = self.trials, self.trials.ended
        since, rest = count - self.before, trials.plan.trials - count
        left = ""
        if since and rest:
            left = f", {time_left(rest * (time.monotonic() - self.begun) / since)} left"
        self.progress(f"{trials.plan.spec.name}{left}", count, trials.plan.trials)


def _equal(one: Job, other: Job) -> bool:
    return dict(one.values) == dict(other.values)


#: Bounds that an estimate is below: few, so that a log has few lines of them.
BOUNDS = {
    10: "10 s", 30: "30 s", 60: "1 min", 120: "2 min", 300: "5 min", 600: "10 min",
    1200: "20 min", 1800: "30 min", 3600: "1 h", 7200: "2 h", 18000: "5 h", 43200: "12 h",
}  # fmt: skip


def time_left(seconds: float) -> str:
    """An estimate in words: "less than 5 min"."""
    for bound, words in BOUNDS.items():
        if seconds < bound:
            return f"less than {words}"
    return f"{seconds / 3600:.0f} h"
