"""A counterexample that is one clock edge of a module, from any state: as text, and replayed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..tools.solver import z3
from .counterexample import ports
from .netlist import Netlist
from .prover import Prover


def label(register: Any) -> str:
    """The name that a register's constant has in the Verilog."""
    return str(register.decl().name()).removeprefix("~")


def selects(terms: Sequence[Any]) -> list[Any]:
    """Every reading of a memory within ``terms``."""
    found, seen, waiting = [], set(), list(terms)
    while waiting:
        here = waiting.pop()
        if here.get_id() not in seen:
            seen.add(here.get_id())
            if z3.is_select(here) and z3.is_const(here.arg(0)):
                found.append(here)
            waiting.extend(here.children())
    return sorted(found, key=lambda select: int(select.get_id()))


def input_ports(prover: Prover, module: str) -> list[str]:
    """The input ports of a module but its clock."""
    found = ports(prover.modules[module]).items()
    return [name for name, (way, _) in found if way == "input" and name != "clk"]


def values_of(prover: Prover, module: str) -> dict[str, Any]:
    """The terms that say all about one clock edge: inputs, registers, what they become, and the
    memory words that are read."""
    if module not in prover.edges:
        prover.edges[module] = _values_of(prover, module)
    return dict(prover.edges[module])


def _values_of(prover: Prover, module: str) -> dict[str, Any]:
    net = prover.netlist(module)
    terms = {f"input {port}": net[port] for port in input_ports(prover, module) if port in net}
    for register, after in net.next.items():
        if not z3.is_array(register):
            terms[f"before {label(register)}"] = register
            terms[f"after {label(register)}"] = after
    for number, select in enumerate(selects(list(net.next.values()))):
        terms[f"address {number}"] = select.arg(1)
        terms[f"word {number}"] = select
    return terms


def _registers(net: Netlist) -> list[str]:
    return [label(r) for r in net.next if not z3.is_array(r)]


def _start(net: Netlist, model: Mapping[str, int]) -> dict[str, Any]:
    """The registers and memory words of a model, as a simulation takes them."""
    words = {}
    for number, select in enumerate(selects(list(net.next.values()))):
        words[label(select.arg(0)), model[f"address {number}"]] = model[f"word {number}"]
    held = {name: model[f"before {name}"] for name in _registers(net) if not _is_leftover(name)}
    return {"state": held, "words": words, "internal": tuple(held)}


def explain(
    prover: Prover, module: str, model: Mapping[str, int], shown: Sequence[str] = ()
) -> str:
    """The state before, the inputs, what the registers become; the same edge in simulation.

    Of the registers are told: ``shown``, those that are not 0, and those that change.
    """
    net = prover.netlist(module)
    before = {name: model[f"before {name}"] for name in _registers(net)}
    after = {name: model[f"after {name}"] for name in before}
    told = [n for n in before if "$" not in n and (n in shown or before[n] or after[n])]
    inputs = _inputs(model)
    lines = [
        f"state: {_listed(before, told)}",
        f"input: {_listed(inputs, inputs)}",
        f"observed next: {_listed(after, told)}",
    ]
    start = _start(net, model)
    found = prover.replay(module, [inputs, {}], **start)
    if isinstance(found, str):
        return "\n".join([*lines, f"replay in simulation: impossible ({found})"])
    simulator, (_, seen) = found
    wrong = [name for name in start["state"] if seen[name] != after[name]]
    if wrong:
        lines.append(f"replay: {simulator} does NOT confirm it: {_listed(seen, wrong)}")
    else:
        lines.append(f"replay: {simulator} confirms it, every register, from this state")
    return "\n".join(lines)


def explain_pair(
    prover: Prover, module: str, model: Mapping[str, int], changed: Mapping[str, int]
) -> str:
    """Two copies from the same state, whose inputs ``changed`` differ, and where they part."""
    net = prover.netlist(module)
    inputs, start = _inputs(model), _start(net, model)
    told = [name for name, value in start["state"].items() if "$" not in name and value]
    lines = [
        f"state: {_listed(start['state'], told)}",
        f"input: {_listed(inputs, inputs)}",
        f"input of the copy: {_listed(changed, changed)}",
    ]
    copies = []
    for given in (inputs, {**inputs, **changed}):
        found = prover.replay(module, [given, {}], **start)
        if isinstance(found, str):
            return "\n".join([*lines, f"replay in simulation: impossible ({found})"])
        simulator, (now, after) = found
        # Outputs before the edge, registers after it.
        copies.append({**after, **{n: now[n] for n in now if n not in start["state"]}})
    first, second = copies
    parted = [name for name in first if first[name] != second[name]]
    lines += [
        f"expected: as the copy, {_listed(second, parted)}",
        f"observed: {_listed(first, parted)}",
    ]
    lines.append(f"replay: {simulator} " + ("confirms it" if parted else "does NOT confirm it"))
    return "\n".join(lines)


def _inputs(model: Mapping[str, int]) -> dict[str, int]:
    return {n.removeprefix("input "): v for n, v in model.items() if n.startswith("input ")}


def _is_leftover(register: str) -> bool:
    # Yosys' own registers for the ports of memories have no counterpart in the Verilog.
    return "$memwr$" in register or "$memrd$" in register


def _listed(values: Mapping[str, int | None], names: Sequence[str] | Mapping[str, int]) -> str:
    return ", ".join(f"{name} {values[name]}" for name in names) or "all 0"


def driver_of(net: Netlist, signal: str) -> Any:
    """The one register that a signal is a part of."""
    found = [leaf for leaf in net.drivers(signal) if leaf in net.next]
    if len(found) != 1 or len(net.drivers(signal)) != 1:
        raise ValueError(f"{signal}: found {len(net.drivers(signal))} drivers, allowed a register")
    return found[0]
