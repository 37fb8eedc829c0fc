"""Mutants of a foreign core, all in one netlist, and which of them are none.

Around the core goes a shell without parameters, in which its ties are constants and only what the
map compares leads out: logic that nobody looks at is gone before a mutant is drawn from it.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from typing import Any

from ...errors import FxlifError
from ...params.network import NetworkParams
from ...params.neuron import NeuronParams
from ..bench.wrapper import TOP
from ..dut.map import DutMap, Ref, parse_ref
from ..dut.wrapper import Wrapped, wrap_sources
from ..prove.netlist import Netlist
from ..tools.ports import VerilogPort as DutPort
from ..tools.ports import literal, read_ports
from ..tools.solver import decide, z3
from .mutants import SELECT, Same, draw

SHELL = "fxlif_shell"
#: One core in its wrapper, the choice of the mutant on top of its stimulus.
LANE = "fxlif_lane"
#: The values of so many bits of registers are gone through one by one.
SMALL = 8
#: Registers of so many bits may say which of the others count.
CONTROL = 3


@dataclass(frozen=True, kw_only=True)
class Herd:
    """A foreign core with a choice of mutants. ``texts[k - 1]`` says in words what mutant k is.

    ``verilog`` and ``lane`` are what is simulated: module :data:`SHELL`, and its wrapper
    :data:`LANE`, which takes the number of the mutant above the bits of the stimulus.
    """

    wrapped: Wrapped
    dut_map: DutMap
    verilog: str
    synchronous: str
    lane: str
    width: int
    texts: tuple[str, ...]


def herd(
    params: NeuronParams | NetworkParams,
    sources: Mapping[str, str],
    *,
    top: str,
    dut_map: DutMap,
    files: Mapping[str, bytes],
    count: int,
    seed: int,
    map_file: str = "map",
) -> Herd:
    """Draw ``count`` mutants of the module ``top``, or as many as there are.

    ``sources`` are file name → Verilog, ``files`` name → content of what it reads.

    Raises:
        FxlifError: a map that does not fit, Verilog that Yosys cannot read, a port named
            :data:`SELECT`.
    """
    wrapped = wrap_sources(params, sources, top=top, dut_map=dut_map, map_file=map_file)
    ports = read_ports(sources, top, dut_map.parameters)
    if SELECT in ports:
        raise FxlifError(f"{top}: found a port named {SELECT}, allowed any other name")
    shell = _shell(ports, top, dut_map, wrapped)
    texts = {**sources, f"{SHELL}.v": shell}
    drawn = draw(
        {**files, **{name: text.encode() for name, text in texts.items()}},
        reads=[f"read_verilog {'-sv ' if name.endswith('.sv') else ''}{name}" for name in texts],
        top=SHELL, count=count, seed=seed,
    )  # fmt: skip
    ties = {**dut_map.ties, SELECT: 0}
    inner = dut_map.model_copy(update={"parameters": {}, "files": (), "ties": ties})
    made = wrap_sources(params, {f"{SHELL}.v": drawn.verilog}, top=SHELL, dut_map=inner)
    width = count.bit_length()
    return Herd(
        wrapped=made, dut_map=inner, verilog=drawn.verilog, synchronous=drawn.synchronous,
        lane=_lane(made, width), width=width, texts=drawn.texts,
    )  # fmt: skip


def _compared(wrapped: Wrapped) -> dict[str, Ref]:
    """Signal → bits of a port that show it; a signal of two ports has two entries."""
    return {
        f"{signal}/{k}": parse_ref(text)
        for signal, shown in wrapped.shown_by.items()
        for k, text in enumerate(shown.split(" and "))
    }


def _ends(ref: Ref, port: DutPort) -> tuple[int, int]:
    return (port.width - 1, 0) if ref.high is None or ref.low is None else (ref.high, ref.low)


def _shell(ports: Mapping[str, DutPort], top: str, dut_map: DutMap, wrapped: Wrapped) -> str:
    """The core, parameters and ties given; bits of outputs that are not compared show 0."""
    seen: dict[str, int] = {}
    for ref in _compared(wrapped).values():
        high, low = _ends(ref, ports[ref.port])
        seen[ref.port] = seen.get(ref.port, 0) | (2 << high) - (1 << low)
    tied: dict[str, tuple[int, int]] = {}
    for text, value in dut_map.ties.items():
        ref = parse_ref(text)
        high, low = _ends(ref, ports[ref.port])
        mask, bits = tied.get(ref.port, (0, 0))
        tied[ref.port] = mask | (2 << high) - (1 << low), bits | value << low
    declared, links = [], []
    for number, port in enumerate(p for p in ports.values() if p.direction != "inout"):
        width = port.width
        kind = "input" if port.direction == "in" else "output"
        declared.append(f"  {kind} [{width - 1}:0] \\{port.name} ;")
        if port.direction == "out":
            declared.append(f"  wire [{width - 1}:0] fxlif_shown_{number};")
            mask = seen.get(port.name, 0)
            declared.append(
                f"  assign \\{port.name} = fxlif_shown_{number} & {width}'h{mask:x};"
            )  # fmt: skip
            links.append(f".\\{port.name} (fxlif_shown_{number})")
        elif port.name in tied:
            mask, bits = tied[port.name]
            rest = ~mask & ((1 << width) - 1)
            links.append(f".\\{port.name} (\\{port.name} & {width}'h{rest:x} | {width}'h{bits:x})")
        else:
            links.append(f".\\{port.name} (\\{port.name} )")
    given = ", ".join(f".\\{name} ({literal(value)})" for name, value in dut_map.parameters.items())
    names = ", ".join(f"\\{p.name} " for p in ports.values() if p.direction != "inout")
    return "\n".join([
        f"module {SHELL} ({names});", *declared,
        f"  \\{top} {f'#({given}) ' if given else ''}dut ({', '.join(links)});", "endmodule\n",
    ])  # fmt: skip


def _lane(wrapped: Wrapped, width: int) -> str:
    """The wrapper, in which the stimulus chooses the mutant too."""
    interface = wrapped.interface
    bits = interface.stimulus_bits
    text = interface.wrapper
    for old, new in (
        (f"module {TOP} (", f"module {LANE} ("),
        (f"input [{bits - 1}:0] stimulus", f"input [{bits + width - 1}:0] stimulus"),
        (f"= {width}'h0;", f"= stimulus[{bits} +: {width}];"),
    ):
        at = text.index(f"port_{SELECT}_i[0 +: {width}] {new[:1]}") if new[0] == "=" else 0
        head, tail = text[:at], text[at:]
        assert old in tail, old
        text = head + tail.replace(old, new, 1)
    return text


def side_by_side(made: Herd, lanes: int) -> str:
    """The top module: so many cores, their stimulus and response one above the other."""
    given, shown = made.wrapped.interface.stimulus_bits + made.width, 0
    shown = made.wrapped.interface.response_bits
    lines = [f"module {TOP} (input clk, input [{lanes * given - 1}:0] stimulus, "
             f"output [{lanes * shown - 1}:0] response);"]  # fmt: skip
    lines += [
        f"  {LANE} lane_{k} (.clk(clk), .stimulus(stimulus[{k * given} +: {given}]), "
        f".response(response[{k * shown} +: {shown}]));"
        for k in range(lanes)
    ]
    return "\n".join([*lines, "endmodule\n"])


# --- which of them are none -----------------------------------------------------------------------


def _when(signal: str, made: Herd, net: Netlist) -> Any:
    """When a signal is compared: a payload while it is valid, an address while it is no TICK."""
    refs = _compared(made.wrapped)

    def one(name: str) -> Any:
        ref = refs[f"{name}/0"]
        term = net[ref.port]
        return z3.Extract(ref.low or 0, ref.low or 0, term) == 1

    name = signal.partition("/")[0]
    parts = made.dut_map.core
    if name in ("events_out.payload.address", "events_out.payload.tick"):
        valid = one("events_out.valid")
        if parts is not None and parts.events_out.tick is not None and "address" in name:
            return z3.And(valid, z3.Not(one("events_out.payload.tick")))
        if parts is not None and parts.events_out.tick is not None:
            return valid
    if name.startswith("trace.") and name != "trace.valid":
        return one("trace.valid")
    return z3.BoolVal(True)


def _shown(made: Herd, net: Netlist) -> Iterator[tuple[Any, Any]]:
    for signal, ref in _compared(made.wrapped).items():
        if ref.port not in net:
            continue
        term = net[ref.port]
        if ref.high is not None and ref.low is not None:
            term = z3.Extract(ref.high, ref.low, term)
        yield term, _when(signal, made, net)


@dataclass
class _Group:
    """Registers whose values are gone through: ``before`` and ``after`` a clock."""

    before: Any
    after: Any
    reached: set[int] = field(default_factory=lambda: {0})

    def among(self, term: Any) -> Any:
        return z3.Or(z3.BoolVal(False), *(term == value for value in sorted(self.reached)))


def reachable(net: Netlist, *, budget_s: float = 40.0) -> list[Any]:
    """What holds in every state of the design itself that can be reached: which values small
    registers, and pairs of them, can have. Nothing where the time did not suffice.

    All registers start from 0 (see :mod:`fxlif.sim.mutate.mutants`). From there the sets grow until
    no state within all of them leads out of one: they are an invariant, whatever the inputs.
    """
    (select,) = net.drivers(SELECT)
    none = (select, z3.BitVecVal(0, select.size()))
    registers = [(r, z3.simplify(z3.substitute(n, none))) for r, n in net.next.items()
                 if z3.is_bv(r) and r.size() <= SMALL]  # fmt: skip
    groups = [_Group(r, n) for r, n in registers]
    for (r, n), (s, m) in combinations(registers, 2):
        if r.size() + s.size() <= SMALL:
            groups.append(_Group(z3.Concat(r, s), z3.Concat(n, m)))
    until = time.perf_counter() + budget_s
    while groups:
        inside = [group.among(group.before) for group in groups]
        leaves = z3.Or(*(z3.Not(group.among(group.after)) for group in groups), z3.BoolVal(False))
        answer = decide(
            [*inside, leaves], solver="z3", timeout_s=until - time.perf_counter(),
            values={str(k): group.after for k, group in enumerate(groups)},
        )  # fmt: skip
        if answer.result == "unsat":
            return inside
        if answer.result == "unknown":
            return []
        for k, group in enumerate(groups):
            group.reached.add(answer.model[str(k)])
        groups = [group for group in groups if len(group.reached) < 1 << group.before.size()]
    return []


@dataclass
class _Tie:
    """A register that is claimed to hold the same with and without a mutant, in every cycle in
    which ``when`` holds."""

    when: Any
    register: Any

    def apart(self, step: Sequence[tuple[Any, Any]], other: Sequence[tuple[Any, Any]]) -> Any:
        """That it does not, in the states that the two substitutions lead to."""
        here = z3.substitute(self.register, *step)
        return z3.And(z3.substitute(self.when, *step), here != z3.substitute(self.register, *other))


class SameSoFar(Same):
    """As :class:`~fxlif.sim.mutate.mutants.Same`, and where a register differs only while nobody
    reads it: both run side by side, and what is equal, by the value of a small register such as the
    state of a control, is an invariant found by leaving out what does not hold.
    """

    def __init__(
        self, net: Netlist, shown: Sequence[tuple[Any, Any]], assumed: Sequence[Any], *, solver: str
    ) -> None:
        super().__init__(net, shown, assumed, solver=solver)
        self._net, self._shown = net, shown

    def unseen(self, mutant: int, *, timeout_s: float = 20.0) -> bool:
        """Whether it is shown that a mutant, different or not, never changes what is compared."""
        small = [r for r in self._net.next if z3.is_bv(r) and r.size() <= CONTROL]
        return any(self._beside(mutant, control, timeout_s) for control in small)

    def _beside(self, mutant: int, control: Any, timeout_s: float) -> bool:
        """Whether no output that counts ever differs, by an invariant split at ``control``."""
        until = time.perf_counter() + timeout_s
        twin = {r: z3.Const(f"{r}twin", r.sort()) for r in self._net.next}
        now, there = [(r, r) for r in twin], list(twin.items())
        after = [(r, self._at(n, 0)) for r, n in self._net.next.items()]
        later = [(r, z3.substitute(self._at(n, mutant), *there)) for r, n in self._net.next.items()]
        ties = [_Tie(control == value, register) for register in twin if not register.eq(control)
                for value in range(1 << control.size())]  # fmt: skip
        ties.append(_Tie(z3.BoolVal(True), control))
        while time.perf_counter() < until:
            if not ties[-1].when.eq(z3.BoolVal(True)):
                return False
            held = [z3.Not(tie.apart(now, there)) for tie in ties]
            apart = [tie.apart(after, later) for tie in ties]
            answer = decide(
                [*held, *self._assumed, z3.Or(*apart)], solver="z3",
                timeout_s=until - time.perf_counter(),
                values={str(k): one for k, one in enumerate(apart)},
            )  # fmt: skip
            if answer.result == "unsat":
                return self._silent(mutant, held, there, until - time.perf_counter())
            if answer.result == "unknown":
                return False
            ties = [tie for k, tie in enumerate(ties) if not answer.model[str(k)]]
            if not ties:
                return False
        return False

    def _silent(self, mutant: int, held: list[Any], there: list[Any], timeout_s: float) -> bool:
        differ = [
            z3.And(
                self._at(when, 0),
                self._at(term, 0) != z3.substitute(self._at(term, mutant), *there),
            )
            for term, when in self._shown
        ]  # fmt: skip
        answer = decide([*held, *self._assumed, z3.Or(*differ)], solver="z3", timeout_s=timeout_s)
        return answer.result == "unsat"


def same(made: Herd, *, solver: str) -> SameSoFar:
    """Says which mutants are none: in no reachable state does anything that is compared differ.

    Raises:
        FxlifError: Yosys cannot make formulas of it.
    """
    net = Netlist(made.synchronous, SHELL)
    return SameSoFar(net, list(_shown(made, net)), reachable(net), solver=solver)
