"""A study as its file describes it: what is varied, what is measured, how it is searched."""

from __future__ import annotations

import itertools
import math
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from importlib.metadata import entry_points
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

from pydantic import BeforeValidator, Field, ValidationError, model_validator

from ..errors import FxlifError, short
from ..params.base import Int, Params, Seed, plain_tuple
from ..params.design import read_file, validated
from ..params.mistakes import explain
from .subject import Direction, Objective, Parameter, Subject, Value, found, subject_of

#: More points are a mistake in a range, or a case for a search.
MOST_POINTS = 100_000
#: Where installed packages say which objectives they bring.
ENTRY_POINTS = "fxlif.objectives"
#: What makes the objective of a name and a device: the floor above, looked up where a study asks.
OF_DEVICE = "fxlif.hdl.flow.estimate:objective"
#: Name of such an objective → kind of resource.
RESOURCES = {"luts": "LUT", "flip_flops": "FF", "block_memories": "RAM"}


class OwnObjective(Params):
    """An objective that a Python function measures, or that is estimated for a device."""

    name: Annotated[
        str,
        Field(
            pattern=r"^[a-z][a-z0-9_]{0,47}$",
            description="Its column, or a device's resource.",
        ),
    ]
    function: Annotated[
        str | None, Field(description="``module:name``, called with the design.")
    ] = None
    direction: Annotated[
        Direction | None, Field(description="Which way a function's number is better.")
    ] = None
    title: Annotated[str, Field(description="What stands at an axis; the name where empty.")] = ""
    unit: Annotated[str, Field(description="Stands behind the title.")] = ""
    target: Annotated[
        str | None, Field(description="The device on which the design is to take little of it.")
    ] = None

    @model_validator(mode="after")
    def _one_of_both(self) -> OwnObjective:
        if (self.function is None) == (self.target is None):
            raise FxlifError.must_be("function", "given, or target instead", self.function)
        if self.function is not None and self.direction is None:
            allowed = ", ".join(get_args(Direction))
            raise FxlifError.must_be("direction", allowed, self.direction)
        for key in ("direction", "title", "unit"):
            if self.target is not None and getattr(self, key):
                raise FxlifError.must_be(key, "left out beside target", getattr(self, key))
        return self


def _objective(given: object) -> object:
    """A table as the objective that it describes, so that its mistakes are those of no union."""
    if isinstance(given, str | OwnObjective):
        return given
    if not isinstance(given, Mapping):
        raise FxlifError.must_be("", "a name or a table", given)
    try:
        return OwnObjective.model_validate(dict(given))
    except ValidationError as error:
        raise explain(error, OwnObjective) from None


class StudyParams(Params):
    """What a file STUDY.toml says."""

    name: Annotated[
        str,
        Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$", description="Its name in a database."),
    ]
    search: Annotated[
        Literal["grid", "nsga2", "tpe"],
        Field(description="Every point of a grid, or a search by NSGA-II or TPE."),
    ] = "grid"
    trials: Annotated[
        Annotated[Int, Field(ge=1, le=MOST_POINTS)] | None,
        Field(description="How many a search makes; a grid has its points."),
    ] = None
    population: Annotated[
        Int, Field(ge=2, le=1000, description="Trials that are chosen at once, from those before.")
    ] = 20
    seed: Annotated[Seed, Field(description="Of what a search draws.")] = 1
    tolerance: Annotated[
        float,
        Field(ge=0, description="By how much the best design may miss the best first objective."),
    ] = 0.01
    subject: Annotated[dict[str, Any], Field(description="What is studied: its kind and its keys.")]
    parameters: Annotated[
        dict[str, Any],
        Field(min_length=1, description="By name a list, or a table of low, high and step."),
    ]
    objectives: Annotated[
        tuple[Annotated[str | OwnObjective, BeforeValidator(_objective)], ...],
        BeforeValidator(plain_tuple),
        Field(min_length=1, description="Their names; the first one says which design is best."),
    ]
    limits: Annotated[
        dict[str, Any],
        Field(
            default_factory=dict,
            description="By objective the worst that a design may have; ``device``: what there is.",
        ),
    ]

    @model_validator(mode="after")
    def _trials_of_a_search(self) -> StudyParams:
        if self.search == "grid" and self.trials is not None:
            allowed = "left out with search = grid, which has as many as points"
            raise FxlifError.must_be("trials", allowed, self.trials)
        if self.search != "grid" and self.trials is None:
            raise FxlifError(
                f"trials: must be given with search = {self.search}", key="trials",
                allowed="how many trials the search makes",
            )  # fmt: skip
        return self


@dataclass(frozen=True)
class Axis:
    """What one parameter is given: one of ``values``; where there are none, any number from
    ``low`` to ``high``."""

    values: tuple[Value, ...] = ()
    low: float = 0.0
    high: float = 0.0


@dataclass(frozen=True)
class Plan:
    """A study that can be run: its file, its subject, what each parameter is given and what is
    measured. Paths in it begin at ``folder``."""

    spec: StudyParams
    folder: Path
    subject: Subject
    axes: dict[str, Axis]
    objectives: tuple[Objective, ...]

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        """The parameters that are varied."""
        return tuple(self.subject.parameters[name] for name in self.axes)

    @cached_property
    def points(self) -> list[dict[str, Value]]:
        """The points of a grid; the last parameter changes first."""
        values = [axis.values for axis in self.axes.values()]
        return [dict(zip(self.axes, each, strict=True)) for each in itertools.product(*values)]

    @property
    def trials(self) -> int:
        """How many trials the study has."""
        return self.spec.trials or math.prod(len(axis.values) for axis in self.axes.values())

    @cached_property
    def identity(self) -> dict[str, Any]:
        """What must be the same for a study to go on, by key of the file."""
        said = self.spec.model_dump(mode="json")
        made: dict[str, Any] = {"search": said["search"]}
        if self.spec.search != "grid":
            made |= {"seed": said["seed"], "population": said["population"]}
            made |= {f"limits.{name}": limit for name, limit in said["limits"].items()}
        for table in ("subject", "parameters"):
            made |= {f"{table}.{key}": value for key, value in said[table].items()}
        made["objectives"] = [
            one if isinstance(one, str) else {k: v for k, v in one.items() if v is not None}
            for one in said["objectives"]
        ]
        made["the files that it reads"] = self.subject.fingerprint
        return made


#: The studies that ship, each a file named after it.
SHIPPED = Path(__file__).with_name("studies")


def study_file(asked: Path) -> Path:
    """The file of a study: ``asked``, or that of one that ships where it is the name of one.

    Raises:
        FxlifError: there is no such file, and none ships under this name.
    """
    if asked.suffix or asked.is_file():
        return asked
    names = sorted(path.stem for path in SHIPPED.glob("*.toml"))
    if str(asked) not in names:
        raise FxlifError.unknown(str(asked), "file, nor study that ships", str(asked), names)
    return SHIPPED / f"{asked}.toml"


def load_plan(path: Path) -> Plan:
    """The study of a file.

    Raises:
        FxlifError: a line for each mistake: file, key, what it must be and what it is.
    """
    spec = validated(StudyParams, read_file(path), path)
    try:
        return plan_of(spec, path.parent)
    except FxlifError as error:
        raise FxlifError.several(error.mistakes, str(path)) from None


def plan_of(spec: StudyParams, folder: Path) -> Plan:
    """The study that ``spec`` describes, everything in it looked up.

    Modules of one's own may lie in ``folder``.
    """
    if str(folder) not in sys.path:
        sys.path.append(str(folder))
    try:
        subject = subject_of(spec.subject, folder)
    except FxlifError as error:
        raise FxlifError.several([each.under("subject") for each in error.mistakes]) from None
    mistakes: list[FxlifError] = []
    axes: dict[str, Axis] = {}
    for name, given in spec.parameters.items():
        key = f"parameters.{name}"
        try:
            if name not in subject.parameters:
                raise FxlifError.unknown(key, "parameter", name, list(subject.parameters))
            axes[name] = axis_of(subject.parameters[name], key, given)
            if spec.search == "grid" and not axes[name].values:
                allowed = "a list, or a table with a step, with search = grid"
                raise FxlifError.must_be(key, allowed, given)
        except FxlifError as error:
            mistakes.append(error)
    objectives: dict[str, Objective] = {}
    for k, asked in enumerate(spec.objectives):
        try:
            one = objective_of(subject, f"objectives[{k}]", asked)
            if one.name in objectives or one.name in spec.parameters:
                raise FxlifError.must_be(f"objectives[{k}]", "of another name", one.name)
            objectives[one.name] = replace(one, limit=_limit(one, spec.limits.get(one.name)))
        except FxlifError as error:
            mistakes.append(error)
    for name in spec.limits:
        if not mistakes and name not in objectives:
            mistakes.append(FxlifError.unknown(f"limits.{name}", "objective", name, objectives))
    if mistakes:
        raise FxlifError.several(mistakes)
    plan = Plan(spec, folder, subject, axes, tuple(objectives.values()))
    if plan.trials > MOST_POINTS:
        raise FxlifError.must_be("parameters", f"{MOST_POINTS} points or fewer", plan.trials)
    return plan


def _limit(one: Objective, given: object) -> float | None:
    """The limit of an objective as a number; None: it has none."""
    if given is None or (given == "device" and one.available is not None):
        return None if given is None else one.available
    if isinstance(given, bool) or not isinstance(given, int | float) or math.isnan(given):
        allowed = "a number" if one.available is None else "a number, or device"
        raise FxlifError.must_be(f"limits.{one.name}", allowed, given)
    return float(given)


def axis_of(parameter: Parameter, key: str, given: object) -> Axis:
    """What ``given``, a list or a table of low, high and step, lets the parameter be."""
    if isinstance(given, list):
        values = tuple(parameter.check(f"{key}[{k}]", v) for k, v in enumerate(given))
        if not values or len({(type(v), v) for v in values}) < len(values):
            raise FxlifError.must_be(key, "a list of one value or more, all different", given)
        return Axis(values)
    if not isinstance(given, Mapping) or not {"low", "high"} <= given.keys():
        allowed = "a list of values, or a table of low, high and step"
        raise FxlifError.must_be(key, allowed, given, found=short(given))
    for name in given:
        if name not in ("low", "high", "step"):
            raise FxlifError.unknown(f"{key}.{name}", "key", name, ["low", "high", "step"])
    if parameter.choices:
        raise FxlifError.must_be(key, f"a list of {parameter.allowed}", given)
    low, high = (parameter.check(f"{key}.{end}", given[end]) for end in ("low", "high"))
    assert not isinstance(low, str)
    assert not isinstance(high, str)
    if low > high:
        raise FxlifError.must_be(f"{key}.high", f"low = {low} or more", high)
    if parameter.fractional and "step" not in given:
        return Axis((), float(low), float(high))
    step = given.get("step", 1)
    kinds = int | float if parameter.fractional else int
    if not isinstance(step, kinds) or isinstance(step, bool) or not 0 < step < math.inf:
        kind = "a number" if parameter.fractional else "an integer"
        raise FxlifError.must_be(f"{key}.step", f"{kind} above 0", step)
    count = math.floor((high - low) / step + 1e-9) + 1
    if count > MOST_POINTS:
        raise FxlifError.must_be(f"{key}.step", f"such that there are {MOST_POINTS} at most", step)
    return Axis(tuple(low + k * step for k in range(count)))


def objective_of(subject: Subject, key: str, asked: str | OwnObjective) -> Objective:
    """The objective of a name: the subject's, one that a package brings, or a function."""
    if isinstance(asked, OwnObjective):
        if asked.target is not None:
            of_device: Callable[[str, str], Objective] = found(OF_DEVICE, "target")
            try:
                return of_device(asked.name, asked.target)
            except FxlifError as error:
                raise error.under(key) from None
        assert asked.function is not None
        assert asked.direction is not None
        measure = found(asked.function, f"{key}.function")
        if not callable(measure):
            raise FxlifError.must_be(f"{key}.function", "a function", asked.function)
        return Objective(
            name=asked.name, title=asked.title or asked.name, direction=asked.direction,
            unit=asked.unit, measure=measure,
        )  # fmt: skip
    if asked in RESOURCES:
        allowed = f'a table with a device, as {{ name = "{asked}", target = "ecp5-25k" }}'
        raise FxlifError.must_be(key, allowed, asked)
    if asked in subject.objectives:
        return subject.objectives[asked]
    brought = {point.name: point for point in entry_points(group=ENTRY_POINTS)}
    if asked in brought:
        one = brought[asked].load()
        if not isinstance(one, Objective):
            raise FxlifError.must_be(key, "an Objective", asked, found=short(one))
        return one
    known = [*subject.objectives, *brought]
    raise FxlifError.unknown(key, "objective", asked, known)
