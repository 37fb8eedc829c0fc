"""The trials of one study, which Optuna keeps in a database that several processes may share."""

from __future__ import annotations

import itertools
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..errors import FxlifError
from .leases import Leases
from .spec import Axis, Plan
from .storage import hidden, need_optuna, one_line, open_storage
from .subject import Objective, Value
from .table import Row, Table

#: Under which name Optuna's study keeps what it is about.
IDENTITY = "fxlif"
#: A search takes a trial beyond limits for worse than any within, the worse the farther it is: for
#: so bad in every objective.
FAR = 1e12


@dataclass(frozen=True)
class Job:
    """One trial to be evaluated."""

    trial: int
    values: Mapping[str, Value]


def _direction(objective: Objective) -> str:
    """Which way Optuna is to go: it knows no best value in the middle."""
    return "maximize" if objective.direction == "maximize" else "minimize"


def told(objectives: Sequence[Objective], row: Row) -> list[float]:
    """The objectives of a complete trial as Optuna takes them: something that is no number is
    worst, but for a trial beyond limits, whatever its numbers are."""
    far = sum(
        one.beyond(row.found[one.name]) / max(1.0, abs(one.limit))
        for one in objectives
        if one.limit is not None
    )
    scores = [FAR * (1 + far) if far else one.score(row.found[one.name]) for one in objectives]
    return [
        -score if one.direction == "maximize" else score
        for one, score in zip(objectives, scores, strict=True)
    ]


class Trials:
    """The trials of ``plan`` in the database ``url``: which are next, and what came out.

    A grid's trial has the number of its point. A search chooses ``population`` trials at once, when
    all before them have ended, each with a seed of its own: what it chooses depends on the results
    alone, and neither on how many processes work nor on when one was killed.

    Raises:
        FxlifError: the database, or a study of this name in it that is another.
    """

    def __init__(self, plan: Plan, url: str) -> None:
        self._optuna = need_optuna()
        self.plan, self.url = plan, url
        self._ended: dict[int, Row] = {}
        self._next = 0
        self._read = 0  # so many of Optuna's trials, the first ones, are known and have ended
        with one_line(url):
            self._storage = open_storage(url)
            self._leases = Leases(self._storage.engine, plan.spec.name)
            self._study = self._optuna.create_study(
                storage=self._storage, study_name=plan.spec.name, load_if_exists=True,
                directions=[_direction(one) for one in plan.objectives],
            )  # fmt: skip
            self._must_be_the_same()
            self._distributions = {n: self._distribution(a) for n, a in plan.axes.items()}
            self.refresh()

    def _must_be_the_same(self) -> None:
        kept = self._study.user_attrs.get(IDENTITY)
        now = json.loads(json.dumps(self.plan.identity))
        if kept is None and not self._study.get_trials(deepcopy=False):
            self._study.set_user_attr(IDENTITY, now)
            return
        kept = kept or {}
        for key in [*now, *(key for key in kept if key not in now)]:
            if kept.get(key) != now.get(key):
                where = f"the study {self.plan.spec.name!r} in {hidden(self.url)}"
                was = json.dumps(kept[key]) if key in kept else "left out"
                found = json.dumps(now[key]) if key in now else "left out"
                if "files" in key:
                    was, found = "those with which it was begun", "others"
                raise FxlifError.must_be(
                    key, f"{was:.200}, as {where} was begun (another name begins another)",
                    now.get(key), found=f"{found:.200}",
                )  # fmt: skip

    def _distribution(self, axis: Axis) -> Any:
        of = self._optuna.distributions
        values = axis.values
        if not values:
            return of.FloatDistribution(axis.low, axis.high)
        ints = [v for v in values if type(v) is int]
        if len(ints) == len(values) > 2:
            steps = {b - a for a, b in itertools.pairwise(ints)}
            if len(steps) == 1 and min(steps) > 0:
                return of.IntDistribution(ints[0], ints[-1], step=min(steps))
        return of.CategoricalDistribution(values)

    # --- what there is --------------------------------------------------------------------------

    def refresh(self) -> None:
        """Take note of what has ended, here and elsewhere."""
        trials = self._study.get_trials(deepcopy=False)
        while self._read < len(trials) and trials[self._read].state.is_finished():
            self._note(trials[self._read])
            self._read += 1
        for trial in trials[self._read :]:
            self._note(trial)

    def _note(self, trial: Any) -> None:
        if trial.state.is_finished():
            number = int(trial.user_attrs.get("trial", trial.number))
            if number not in self._ended:
                attributes = trial.user_attrs
                complete = trial.state == self._optuna.trial.TrialState.COMPLETE
                self._ended[number] = Row(
                    trial=number, state="complete" if complete else "failed",
                    values=dict(trial.params), found=attributes.get("found", {}),
                    reason=attributes.get("reason", ""), seconds=attributes.get("seconds", 0.0),
                )  # fmt: skip

    @property
    def ended(self) -> int:
        """How many trials have ended, as far as known."""
        return sum(number < self.plan.trials for number in self._ended)

    def table(self) -> Table:
        """What has ended, as the table."""
        rows = (self._ended[k] for k in sorted(self._ended) if k < self.plan.trials)
        return Table(
            name=self.plan.spec.name, parameters=self.plan.parameters,
            objectives=self.plan.objectives, rows=tuple(rows),
        )  # fmt: skip

    # --- what is next ---------------------------------------------------------------------------

    def take(self) -> Job | None:
        """The next trial for this process; None where others hold all that can be begun now."""
        with one_line(self.url):
            grid = self.plan.spec.search == "grid"
            for k in range(self._next, self.plan.trials if grid else self._chosen()):
                if k in self._ended:
                    self._next += k == self._next
                elif self._leases.take(f"trial {k}"):
                    self._next = max(self._next, k + 1)
                    self.refresh()  # its last holder may have ended it, and died before it said so
                    if k not in self._ended:
                        return Job(k, self.plan.points[k] if grid else self._trial(k).params)
            return None

    def again(self) -> None:
        """Look at every trial again that has not ended: its holder may have died."""
        self._next = 0
        with one_line(self.url):
            self.refresh()

    def _trial(self, number: int) -> Any:
        trials = self._study.get_trials(deepcopy=False)
        return trials[number] if number < len(trials) else None

    def _chosen(self) -> int:
        """How many trials of a search have their values; more are chosen where it is time."""
        size = self.plan.spec.population
        self.refresh()
        first = next(k for k in itertools.count() if k not in self._ended)
        begin = first // size * size
        end = min(self.plan.trials, begin + size)
        if self._unchosen(end) == end:
            return end
        if not self._leases.take("choice"):
            return begin
        try:
            for number in range(self._unchosen(end), end):
                self._choose(number)
        finally:
            self._leases.give("choice")
        return end

    def _unchosen(self, end: int) -> int:
        """The first trial before ``end`` that has not all its values; ``end`` where each has."""
        trials = self._study.get_trials(deepcopy=False)[:end]
        whole = (len(trial.params) == len(self._distributions) for trial in trials)
        return next((k for k, all_ in enumerate(whole) if not all_), len(trials))

    def _choose(self, number: int) -> None:
        """Let the search choose the values of a trial."""
        spec = self.plan.spec
        # As many bits as numpy's older generators take.
        seed = (spec.seed * 1_000_003 + number) % (1 << 32)
        samplers = self._optuna.samplers
        if spec.search == "nsga2":
            sampler = samplers.NSGAIISampler(population_size=spec.population, seed=seed)
        else:
            sampler = samplers.TPESampler(seed=seed)
        study = self._optuna.load_study(
            study_name=spec.name, storage=self._storage, sampler=sampler
        )
        there = self._trial(number)
        # One that was broken off while its values were chosen gets the others now.
        trial = self._optuna.trial.Trial(study, there._trial_id) if there else study.ask()
        for name, distribution in self._distributions.items():
            trial._suggest(name, distribution)

    # --- what came out --------------------------------------------------------------------------

    def same(self, values: Mapping[str, Value]) -> Row | None:
        """A complete trial with these values, which need not be evaluated again."""
        for row in self._ended.values():
            if row.state == "complete" and dict(row.values) == dict(values):
                return row
        return None

    def end(self, row: Row) -> None:
        """Keep what came out of a trial, for good."""
        state = self._optuna.trial.TrialState
        complete = row.state == "complete"
        kept = {
            "trial": row.trial, "found": dict(row.found), "reason": row.reason,
            "seconds": row.seconds,
        }  # fmt: skip
        values = told(self.plan.objectives, row) if complete else None
        with one_line(self.url):
            self.refresh()
            if row.trial in self._ended:
                # Another process took this one for dead, after a sleep of the computer maybe.
                return
            if self.plan.spec.search == "grid":
                made = self._optuna.trial.create_trial(
                    state=state.COMPLETE if complete else state.FAIL, values=values,
                    params=dict(row.values), distributions=self._distributions, user_attrs=kept,
                )  # fmt: skip
                self._study.add_trial(made)
            else:
                trial = self._trial(row.trial)
                for key, value in kept.items():
                    self._storage.set_trial_user_attr(trial._trial_id, key, value)
                self._study.tell(row.trial, values, state.COMPLETE if complete else state.FAIL)
            self._leases.give(f"trial {row.trial}", done=True)
        self._ended[row.trial] = row

    def beat(self) -> None:
        """Say that this process lives; called often, it does so now and then."""
        with one_line(self.url):
            self._leases.beat()

    def leave(self) -> None:
        """Give back what this process holds and has not ended, so that others need not wait."""
        with one_line(self.url):
            self._leases.give_all()
