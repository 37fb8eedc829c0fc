"""What every theorem shares: the delivered Verilog, a solver with a time limit, and a verdict."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ...errors import FxlifError
from ...hdl.verilog import Hardware
from ...params.core import CoreParams
from ...params.protocol import Design
from ...progress import Progress
from ..report.findings import Check, Outcome
from ..tools.solver import Answer, conjunction, decide, z3
from .counterexample import simulate
from .netlist import Netlist, modules

#: What a counterexample means, from the values of the model, in lines for people.
Explain = Callable[[Mapping[str, int]], str]


@dataclass(frozen=True, kw_only=True)
class Theorem:
    """``claims`` (name → formula) follow from ``given``, for every value of all constants.

    Each of ``cases`` must be possible, lest a claim about it be about nothing.
    ``mode`` says how it is shown, such as ``1-step induction``. ``values`` are the terms that a
    counterexample needs, and ``explain`` makes it readable and replays it.
    """

    name: str
    mode: str
    claims: Mapping[str, Any]
    given: Sequence[Any] = ()
    cases: Mapping[str, Any] = field(default_factory=dict)
    values: Mapping[str, Any] = field(default_factory=dict)
    explain: Explain | None = None


@dataclass(kw_only=True)
class Prover:
    """One design on its way through the theorems. ``edit`` changes every Verilog text first."""

    params: Design
    hardware: Hardware
    edit: Callable[[str], str]
    solver: str
    timeout_s: float
    progress: Progress
    checks: list[Check] = field(default_factory=list)
    #: Module → the terms of one clock edge (:func:`fxlif.sim.prove.transition.values_of`).
    edges: dict[str, dict[str, Any]] = field(default_factory=dict)
    _netlists: dict[tuple[str, ...], Netlist] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.verilog = self.edit(self.hardware.verilog)
        self.modules = modules(self.verilog)

    @property
    def cores(self) -> tuple[CoreParams, ...]:
        """The cores of the chain; none for a single neuron."""
        return self.params.cores

    def core_module(self, k: int) -> str:
        """The Verilog module of core ``k``."""
        return f"{self.hardware.top}.{self.params.signals[k].instance}"

    def netlist(self, module: str, *cut: str) -> Netlist:
        """A module of the Verilog, without the modules ``cut``, read once."""
        for name in (module, *cut):
            if name not in self.modules:
                raise FxlifError(f"{self.hardware.top}: found no module {name} in the Verilog")
        key = (module, *cut)
        if key not in self._netlists:
            note = "reading the Verilog with Yosys" + (
                "" if self._netlists else " (from a cold cache, the first time takes a minute)"
            )
            self.progress(note, len(self._netlists), None)
            self._netlists[key] = Netlist(self.verilog, module, cut=cut)
        return self._netlists[key]

    def add(self, name: str, outcome: Outcome, detail: str, seconds: float = 0.0) -> None:
        """Write down an answer."""
        self.checks.append(Check(name=name, outcome=outcome, detail=detail, seconds=seconds))

    def attempt(self, name: str, make: Callable[[], Theorem]) -> bool:
        """Prove what ``make`` gives; a signal that the Verilog does not have is a failure."""
        start = time.perf_counter()
        try:
            theorem = make()
        except (FxlifError, ValueError) as error:
            self.add(name, "failed", f"cannot be stated: {error}", time.perf_counter() - start)
            return False
        return self.prove(theorem, start)

    def decide(self, formulas: Iterable[Any], seconds: float, values: Any = None) -> Answer:
        """Ask the solver."""
        return decide(formulas, solver=self.solver, timeout_s=seconds, values=values)

    def prove(self, theorem: Theorem, start: float | None = None) -> bool:
        """Settle one theorem and write down the answer; its time runs from ``start``."""
        self.progress(f"proving {theorem.name}", len(self.checks), None)
        start = time.perf_counter() if start is None else start
        outcome, detail = self._settle(theorem, start)
        self.add(theorem.name, outcome, detail, time.perf_counter() - start)
        return outcome == "passed"

    def _settle(self, theorem: Theorem, start: float) -> tuple[Outcome, str]:
        by = f"{self.solver}, {theorem.mode}"

        def left() -> float:
            return self.timeout_s - (time.perf_counter() - start)

        if not theorem.claims:
            return "failed", f"{by}\nvacuous: it claims nothing"
        # What follows from a contradiction follows from nothing.
        for case, formula in {"what it assumes": z3.BoolVal(True), **theorem.cases}.items():
            possible = self.decide([*theorem.given, formula], left())
            if possible.result == "unknown":
                return "unknown", f"{by}: no answer in {self.timeout_s:.0f} s ({case})"
            if possible.result == "unsat":
                return "failed", f"{by}\nvacuous: impossible is {case}"
        wrong = z3.Not(conjunction(theorem.claims.values()))
        values = {**theorem.values, **{f"claim {n}": c for n, c in theorem.claims.items()}}
        answer = self.decide([*theorem.given, wrong], left(), values)
        if answer.result == "unknown":
            return "unknown", f"{by}: no answer in {self.timeout_s:.0f} s"
        if answer.result == "unsat":
            return "passed", by
        broken = [n for n in theorem.claims if not answer.model[f"claim {n}"]]
        lines = [f"does not hold: {', '.join(broken)}", f"found by {by}"]
        if theorem.explain is not None:
            lines.append(theorem.explain(answer.model))
        return "failed", "\n".join(lines)

    def replay(
        self, module: str, inputs: Sequence[Mapping[str, int]], **state: Any
    ) -> tuple[str, list[dict[str, int | None]]] | str:
        """The outputs of a module in simulation, or why there are none."""
        try:
            return simulate(self.verilog, module, self.modules[module], inputs, **state)
        except FxlifError as error:
            return str(error)
