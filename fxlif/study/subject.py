"""What a study is about: its parameters, its objectives, and how one choice is evaluated."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from ..errors import FxlifError

if TYPE_CHECKING:
    from ..params.network import NetworkParams
    from .report.figures import Figure
    from .table import Row

#: What a parameter may be: something that TOML writes and every database keeps.
Value = bool | int | float | str
#: ``zero``: the nearer to 0 the better, whatever its sign.
Direction = Literal["minimize", "maximize", "zero"]


@dataclass(frozen=True, kw_only=True)
class Parameter:
    """One parameter of a subject: one of ``choices``, or where there are none a number from
    ``low`` to ``high``, an integer unless ``fractional``.

    ``title`` and ``unit`` stand at axes and in tables.
    """

    name: str
    title: str
    unit: str = ""
    choices: tuple[Value, ...] = ()
    low: float = -math.inf
    high: float = math.inf
    fractional: bool = False

    @property
    def allowed(self) -> str:
        """What it may be, in words."""
        if self.choices:
            return ", ".join(map(str, self.choices))
        kind = "a number" if self.fractional else "an integer"
        if math.isinf(self.low) and math.isinf(self.high):
            return kind
        if math.isinf(self.high):
            return f"{kind}, {self.low:g} or more"
        if math.isinf(self.low):
            return f"{kind}, {self.high:g} or less"
        return f"{kind} in {self.low:g}..{self.high:g}"

    def check(self, key: str, value: object) -> Value:
        """``value``, where it is allowed.

        Raises:
            FxlifError: it is not; its key is ``key``.
        """
        if self.choices:
            for choice in self.choices:  # True == 1, and is another choice
                if type(choice) is type(value) and choice == value:
                    return choice
            raise FxlifError.must_be(key, self.allowed, value)
        number = isinstance(value, int | float) and not isinstance(value, bool)
        if not isinstance(value, int | float) or not number:
            raise FxlifError.must_be(key, self.allowed, value)
        if not self.low <= value <= self.high or not (self.fractional or isinstance(value, int)):
            raise FxlifError.must_be(key, self.allowed, value)
        return value


@dataclass(frozen=True, kw_only=True)
class Objective:
    """One number that an evaluation gives, and which way it is better.

    ``interval``: there are also ``NAME_low`` and ``NAME_high``, the ends of a confidence interval.
    ``measure``: of an objective that comes from elsewhere, a function of the design; it may return
    the number, or the number and both ends. ``limit``: the worst that a design may have that is to
    be chosen; ``available``: of a device, how many there are.
    """

    name: str
    title: str
    direction: Direction
    unit: str = ""
    interval: bool = False
    measure: Callable[[NetworkParams], float | tuple[float, float, float]] | None = None
    limit: float | None = None
    available: float | None = None

    def score(self, value: float) -> float:
        """How bad ``value`` is, less is better; inf where it is no number."""
        if math.isnan(value):
            return math.inf
        if self.direction == "zero":
            return abs(value)
        return value if self.direction == "minimize" else -value

    def beyond(self, value: float) -> float:
        """By how much ``value`` is worse than the limit, 0 where it is not."""
        return 0.0 if self.limit is None else max(0.0, self.score(value) - self.score(self.limit))

    @property
    def columns(self) -> tuple[str, ...]:
        """Its columns in a table."""
        name = self.name
        return (name, f"{name}_low", f"{name}_high") if self.interval else (name,)


class Subject(ABC):
    """What is studied. An evaluation depends on the values alone: the same give the same numbers,
    in every process."""

    #: By name, all that a study of it may vary; each has a default.
    parameters: Mapping[str, Parameter]
    #: By name, all that it can measure.
    objectives: Mapping[str, Objective]

    @abstractmethod
    def evaluate(self, values: Mapping[str, Value], wanted: Collection[str]) -> Mapping[str, float]:
        """The objectives ``wanted``, by column (:attr:`Objective.columns`), others if they cost
        nothing. ``values``: by parameter; of those left out the default.

        Raises:
            FxlifError: no such design can be; the trial is recorded as failed, with this reason.
        """

    def design(self, values: Mapping[str, Value]) -> NetworkParams | None:
        """The design that the values make; None where the subject is none that hardware can be
        made of."""
        return None

    def pictures(self, chosen: Mapping[str, Row]) -> Iterator[Figure]:
        """What a page shows of the rows ``chosen``, by what they are called, beside float; at
        first nothing."""
        return iter(())

    @property
    def fingerprint(self) -> str:
        """A text that changes where what is studied does: the digests of the files that it reads.

        A study that was begun goes on only with the same.
        """
        return ""


#: By the ``kind`` of a study's table ``[subject]``: the function, ``module:name``, that makes the
#: subject of the table's other keys and the folder that its paths begin in.
SUBJECTS: dict[str, str] = {
    "network": "fxlif.study.network:NetworkSubject",
    "neuron": "fxlif.study.neuron.subject:OneNeuron",
    "mean_field": "fxlif.study.mean_field:MeanField",
    "balanced": "fxlif.study.mean_field:BalancedNetwork",
}


def found(place: str, key: str) -> Any:
    """What ``module:name`` names.

    Raises:
        FxlifError: there is no such module, or nothing of the name in it.
    """
    module, _, name = place.partition(":")
    if not module or not name:
        raise FxlifError.must_be(key, "module:name", place)
    try:
        return getattr(import_module(module), name)
    except (ImportError, AttributeError) as error:
        allowed = "a module that can be imported, and a name in it"
        raise FxlifError.must_be(key, allowed, place, found=f"{place} ({error})") from None


def refuse_others(table: Mapping[str, Any], known: Collection[str]) -> None:
    """Refuse a subject's table with a key that is none of ``known``.

    Raises:
        FxlifError: it has one.
    """
    for key in table:
        if key not in known:
            raise FxlifError.unknown(key, "key", key, known)


def subject_of(table: Mapping[str, Any], folder: Path) -> Subject:
    """The subject that a table ``[subject]`` describes; paths in it begin at ``folder``.

    A ``kind`` may also be ``module:name``, a function of one's own.

    Raises:
        FxlifError: an unknown ``kind``, or what is wrong with the table, its key from the table on.
    """
    kind = table.get("kind")
    if not isinstance(kind, str):
        raise FxlifError.must_be("kind", ", ".join(SUBJECTS), kind)
    if kind not in SUBJECTS and ":" not in kind:
        raise FxlifError.unknown("kind", "subject", kind, SUBJECTS)
    make = found(SUBJECTS.get(kind, kind), "kind")
    subject: Subject = make({k: v for k, v in table.items() if k != "kind"}, folder)
    return subject
