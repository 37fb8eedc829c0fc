"""One trial, evaluated in whichever process it is sent to."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from ..errors import FxlifError
from .spec import Plan, StudyParams, plan_of
from .subject import Objective, Value


@dataclass(frozen=True)
class Order:
    """What a worker needs to know of a study: its file's content as JSON, and its folder."""

    spec: str
    folder: str

    @classmethod
    def of(cls, plan: Plan) -> Order:
        """The order of a plan."""
        return cls(json.dumps(plan.spec.model_dump(mode="json")), str(plan.folder.resolve()))


@dataclass(frozen=True)
class Outcome:
    """What came out: the numbers by column, or why there are none, and how long it took."""

    found: Mapping[str, float]
    reason: str
    seconds: float


@lru_cache(maxsize=2)
def _plan(order: Order) -> Plan:
    """The plan of an order; a worker makes it once, and with it the subject."""
    said: dict[str, Any] = json.loads(order.spec)
    return plan_of(StudyParams(**said), Path(order.folder))


def evaluate(order: Order, values: Mapping[str, Value]) -> Outcome:
    """What the values give. Whatever goes wrong with them is the outcome's reason, in one line."""
    begun = time.perf_counter()
    found: dict[str, float] = {}
    reason = ""
    try:
        found = measured(_plan(order), values)
    except FxlifError as error:
        reason = str(error)
    except Exception as error:  # a subject's or an objective's, whoever wrote them
        reason = f"{type(error).__name__}: {error}"
    return Outcome(found, " ".join(reason.split()), time.perf_counter() - begun)


def measured(plan: Plan, values: Mapping[str, Value]) -> dict[str, float]:
    """The objectives of a plan at the values, by column.

    Raises:
        FxlifError: no such design can be, or the subject left an objective out.
    """
    subject = plan.subject
    own = [one.name for one in plan.objectives if one.measure is None]
    given = dict(subject.evaluate(values, own)) if own else {}
    elsewhere = [one for one in plan.objectives if one.measure is not None]
    design = subject.design(values) if elsewhere else None
    for one in elsewhere:
        if design is None:
            raise FxlifError.must_be(one.name, "measured of a subject with designs", one.name)
        given |= _measured(one, design)
    columns = [name for one in plan.objectives for name in one.columns]
    for name in columns:
        if name not in given:
            raise FxlifError(f"{name}: the subject did not measure it", key=name)
    return {name: float(given[name]) for name in columns}


def _measured(objective: Objective, design: Any) -> dict[str, float]:
    assert objective.measure is not None
    made = objective.measure(design)
    numbers = made if isinstance(made, tuple) else (made,)
    if len(numbers) != len(objective.columns):
        raise FxlifError.must_be(objective.name, f"{len(objective.columns)} numbers", made)
    return dict(zip(objective.columns, numbers, strict=True))
