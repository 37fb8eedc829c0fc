"""Is this formula satisfiable? Asked of z3 or Bitwuzla, with a time limit and a model."""

from __future__ import annotations

import re
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from importlib.util import find_spec
from typing import Any, Literal

from ...errors import FxlifError

if find_spec("z3") is None:
    raise FxlifError.not_installed("z3", "'fxlif[formal]'")

import z3

__all__ = ["SOLVERS", "Answer", "available", "choose", "conjunction", "decide", "simplified", "z3"]

SOLVERS = ("z3", "bitwuzla")
Result = Literal["sat", "unsat", "unknown"]
#: z3's simplifier writes divisions by a name of its own, which mean the same as SMT-LIB's.
_DIVIDES = re.compile(r"\(bv([su](?:div|rem)|smod)_i ")


@dataclass(frozen=True, kw_only=True)
class Answer:
    """``model`` names the value of each constant that was asked for, where the result is sat."""

    result: Result
    solver: str
    seconds: float
    model: Mapping[str, int] = field(default_factory=dict)


def available() -> tuple[str, ...]:
    """The solvers that are installed."""
    return tuple(name for name in SOLVERS if find_spec(name) is not None)


def choose(solver: str) -> str:
    """``auto`` is Bitwuzla where it is installed, else z3; a name must be installed."""
    if solver == "auto":
        return available()[-1]
    if solver not in SOLVERS:
        raise FxlifError.must_be("solver", " or ".join(("auto", *SOLVERS)), solver)
    if solver not in available():
        raise FxlifError.not_installed(solver, solver)
    return solver


def conjunction(formulas: Iterable[Any]) -> Any:
    """All of them; one alone is itself, since Bitwuzla takes no "and" of one part."""
    parts = list(formulas)
    return parts[0] if len(parts) == 1 else z3.And(*parts)


def simplified(formulas: Iterable[Any]) -> list[Any]:
    """Formulas that can all hold exactly where these can: little is left of a run whose registers
    have one value in most cycles."""
    goal = z3.Goal()
    goal.add(*formulas)
    (found,) = z3.Then("simplify", "propagate-values")(goal)
    return list(found)


def decide(
    formulas: Iterable[Any],
    *,
    solver: str,
    timeout_s: float,
    values: Mapping[str, Any] | None = None,
) -> Answer:
    """Whether all ``formulas`` (z3 terms) can hold at once; ``values`` are wanted from the model.

    The terms among ``values`` are Booleans or bit-vectors; their numbers are unsigned.
    """
    formulas = list(formulas)
    if timeout_s <= 0:
        return Answer(result="unknown", solver=solver, seconds=0.0)
    ask = _z3 if solver == "z3" else _bitwuzla
    start = time.perf_counter()
    result, model = ask(formulas, timeout_s, dict(values or {}))
    return Answer(result=result, solver=solver, seconds=time.perf_counter() - start, model=model)


def _number(value: Any) -> int:
    return int(z3.is_true(value)) if z3.is_bool(value) else int(value.as_long())


def _z3(
    formulas: list[Any], timeout_s: float, values: dict[str, Any]
) -> tuple[Result, dict[str, int]]:
    # Flattens to propositional logic where it can; the tactic for bit-vectors and arrays.
    asked = z3.SolverFor("QF_ABV")
    asked.set("timeout", max(1, int(timeout_s * 1000)))
    asked.add(*formulas)
    found = asked.check()
    if found != z3.sat:
        return ("unsat" if found == z3.unsat else "unknown"), {}
    model = asked.model()
    return "sat", {
        name: _number(model.eval(term, model_completion=True)) for name, term in values.items()
    }


def _as_text(formulas: Sequence[Any]) -> str:
    """SMT-LIB that asserts them. As a solver of z3 writes it, which would take each in first."""
    *others, last = formulas or [z3.BoolVal(True)]
    terms = (z3.Ast * len(others))(*(term.as_ast() for term in others))
    context = last.ctx.ref()
    text: str = z3.Z3_benchmark_to_smtlib_string(
        context, "", "", "unknown", "", len(others), terms, last.as_ast()
    )
    return _DIVIDES.sub(r"(bv\1 ", text)


def _bitwuzla(
    formulas: list[Any], timeout_s: float, values: dict[str, Any]
) -> tuple[Result, dict[str, int]]:
    # By name: it is optional, and brings no types.
    bitwuzla: Any = import_module("bitwuzla")
    asked_of = [z3.BoolVal(f) if isinstance(f, bool) else f for f in formulas]
    wanted = {}
    for number, (name, term) in enumerate(values.items()):
        # A constant of a name of our own: the text of a term need not survive the parser.
        wanted[name] = z3.Const(f"wanted!{number}", term.sort())
        asked_of.append(wanted[name] == term)
    options = bitwuzla.Options()
    options.set(bitwuzla.Option.PRODUCE_MODELS, bool(values))
    options.set(bitwuzla.Option.TIME_LIMIT_PER, max(1, int(timeout_s * 1000)))
    parser = bitwuzla.Parser(bitwuzla.TermManager(), options)
    parser.parse(_as_text(asked_of), True, False)
    asked = parser.bitwuzla()
    found = asked.check_sat()
    if found != bitwuzla.Result.SAT:
        return ("unsat" if found == bitwuzla.Result.UNSAT else "unknown"), {}
    functions = {str(term): term for term in parser.get_declared_funs()}
    model = {}
    for name, constant in wanted.items():
        found_value = asked.get_value(functions[constant.decl().name()]).value()
        model[name] = int(found_value) if isinstance(found_value, bool) else int(found_value, 2)
    return "sat", model
