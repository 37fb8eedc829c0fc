"""What a theorem is, and how it is settled: the generated Verilog, a solver, a time limit."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVarTuple

from ...cycles.access import is_accessible
from ...cycles.latency import AnyCore
from ...errors import FxlifError
from ...hdl.flow.tools import ToolDiedError
from ...hdl.interface import Hardware
from ...hdl.names import plain
from ...layout import HardwareNetwork
from ...params.core import CoreParams
from ...params.protocol import Design
from ...progress import Progress
from ..report.findings import Check, Outcome
from ..tools import yosys
from ..tools.solver import Answer, conjunction, decide, z3
from .counterexample import told
from .netlist import READING_S, Netlist, below, modules, to_smt2

Ts = TypeVarTuple("Ts")
#: An outcome and its detail, lines for people.
Result = tuple[Outcome, str]


@dataclass(frozen=True, kw_only=True)
class Theorem:
    """``claims`` (name → formula) follow from ``given``, for every value of all constants.

    Each of ``cases`` must be possible, lest a claim about it be about nothing.
    ``mode`` says how it is shown, such as ``1-step induction``. ``values`` are the terms that a
    counterexample needs; of their values ``explain`` makes lines for people, and simulates them.
    """

    mode: str
    claims: Mapping[str, Any]
    given: Sequence[Any] = ()
    cases: Mapping[str, Any] = field(default_factory=dict)
    values: Mapping[str, Any] = field(default_factory=dict)
    explain: Callable[[Mapping[str, int]], Iterable[str]] = lambda model: ()


@dataclass(kw_only=True)
class Prover:
    """One design, and the checks made of it. ``edit`` changes every Verilog text first."""

    params: Design | HardwareNetwork
    hardware: Hardware
    edit: Callable[[str], str]
    solver: str
    timeout_s: float
    progress: Progress
    checks: list[Check] = field(default_factory=list)
    _netlists: dict[tuple[str, ...], Netlist] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.verilog = self.edit(self.hardware.verilog)
        self.modules = modules(self.verilog)

    @property
    def cores(self) -> tuple[CoreParams, ...]:
        """The cores of a chain; none for a single neuron."""
        return () if isinstance(self.params, HardwareNetwork) else self.params.cores

    @property
    def cores_of_all(self) -> tuple[AnyCore, ...]:
        """The cores of a chain or of another network."""
        return self.params.cores

    def inner(self, name: str) -> str:
        """The Verilog module of a part of the design, behind a write or a read port or not."""
        inner = "design." if any(map(is_accessible, self.cores_of_all)) else ""
        return plain(f"{self.hardware.top}.{inner}{name}")

    def core_module(self, k: int) -> str:
        """The Verilog module of core ``k``."""
        return self.inner(self.params.signals[k].instance)

    def instance(self, net: Netlist, k: int) -> str:
        """The instance of core ``k`` in the top, behind a write or a read port or not."""
        wanted = re.compile(rf"((?:design(?:_\d+)?\.)?{self.params.signals[k].instance})\.")
        return next((found[1] for name in net.signals if (found := wanted.match(name))), "core")

    def part_module(self, k: int, part: str) -> str:
        """The Verilog module of a part of core ``k``."""
        wanted = re.compile(rf"{self.core_module(k)}_{part}(_\d+)?")
        return next((name for name in self.modules if wanted.fullmatch(name)), part)

    def core(self, k: int) -> Netlist:
        """Core ``k`` as it is in the Verilog."""
        return self.netlist(self.core_module(k))

    def netlist(self, *names: str) -> Netlist:
        """The first module of the Verilog, without the others, read once."""
        for name in names:
            if name not in self.modules:
                message = f"{self.hardware.top}: no module {name} in the Verilog"
                raise FxlifError(message, key=self.hardware.top, value=name)
        if names not in self._netlists:
            yosys.begin(self.progress, "reading the Verilog")
            text = to_smt2(below(self.verilog, names[0]), names[0], names[1:], images=None,
                           timeout_s=READING_S)  # fmt: skip
            self._netlists[names] = Netlist(
                self.verilog, names[0], images=self.hardware.image_texts, smt2=text
            )
        return self._netlists[names]

    def decide(self, formulas: Iterable[Any], seconds: float, values: Any = None) -> Answer:
        """Ask the solver."""
        return decide(formulas, solver=self.solver, timeout_s=seconds, values=values)

    def add(self, name: str, outcome: Outcome, detail: str, seconds: float = 0.0) -> None:
        """Write down an answer."""
        self.checks.append(Check(name=name, outcome=outcome, detail=detail, seconds=seconds))

    def attempt(self, name: str, ask: Callable[[*Ts], Theorem | Result], *arguments: *Ts) -> bool:
        """Settle the theorem that ``ask`` returns, if it is not settled yet, and write it down.

        A signal that the Verilog does not have makes it fail.
        """
        self.progress(f"proving {name}", len(self.checks), None)
        start = time.perf_counter()
        try:
            asked = ask(*arguments)
        except ToolDiedError:
            raise
        except ValueError as error:
            asked = "failed", f"cannot be stated: {error}"
        outcome, detail = self._settle(asked) if isinstance(asked, Theorem) else asked
        self.add(name, outcome, detail, time.perf_counter() - start)
        return outcome == "passed"

    def _settle(self, theorem: Theorem) -> Result:
        by = f"{self.solver}, {theorem.mode}"
        start = time.perf_counter()  # the solver's time alone: Yosys may take minutes to start

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
        return "failed", "\n".join([*lines, told(theorem.explain(answer.model))])


def each_core(
    name: str, ask: Callable[[Prover, int], Theorem | Result]
) -> Callable[[Prover], None]:
    """What attempts one theorem about each core, ``ask`` with its number, under ``name``."""

    def group(prover: Prover) -> None:
        for k in range(len(prover.cores)):
            prover.attempt(f"{name}, core {k}", ask, prover, k)

    return group
