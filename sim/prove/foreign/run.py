"""``fxlif prove DESIGN --dut``: a mapped core does what the golden model says, in every cycle.

The core in its wrapper and the reference of ``fxlif verify --dut``, on bit-vectors, run side by
side on the same inputs, which may be anything. Each output is proved by k-induction: if the outputs
agreed in k cycles, they agree in the next one, whatever the hidden registers hold; from power-up
they agree in the first k. What is not inductive is proved of the runs of so many cycles alone, and
says so.

Trusted are Yosys' reading of the Verilog, and the solver. A counterexample is shown to a simulator.
"""

from __future__ import annotations

import shlex
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

from ....errors import FxlifError
from ....hdl.limits import chain_of, sums_its_events
from ....params.core import CoreParams
from ....params.design import outline
from ....params.network import NetworkParams
from ....params.neuron import NeuronParams
from ....progress import SILENT, Progress
from ...bench.scoreboard import Report
from ...dut.map import load_map
from ...dut.reference import default_patience
from ...dut.run import not_checked, read_files
from ...dut.testbench import DutJob, dut_job
from ...report.findings import Check, Findings, Outcome
from ...tools import yosys
from ...tools.ports import read_ports, read_sources
from ...tools.solver import choose, conjunction, decide, z3
from .concrete import Runner, Runs, Unsuitable
from .control import Control, Proof
from .core import RULES, core_machine
from .implied import implied_machine
from .machine import Machine
from .neuron import fits, neuron_machine
from .search import Difference, Found, Search
from .shown import leave, simulated, simulator
from .source import Source, read
from .streams import COUNTS, NO_DEADLOCK, stream_machine

#: Longest time for one question.
TIMEOUT_S = 120.0
#: Cycles from power-up that are searched for what is not inductive: of a neuron, of a core.
DEPTH, CORE_DEPTH = 24, 17
#: Random runs of a core, and the cycles of each.
RUNS, CYCLES = 30, 250
#: The longest induction that is tried, beyond the cycles that a result takes.
MOST = 6
#: The same of the rules of a core's streams.
STREAM_MOST = 1
#: What is said of what a proof does not cover.
UNPROVED, KEPT_OUT = "nothing is proved of it", "supposed not to come"
#: The checks of what comes of an event and of a TICK, by their name.
ANY_STATE = "from any state"
LIVELOCK = "not proved: whether a core whose registers go on changing comes to an answer"
#: Steps that a core may owe at once: tried one after the other.
ROOMS = (2, 8, 32)


class Dut(Protocol):
    """Verilog that fxlif did not make: its files, top module and map of ports."""

    @property
    def sources(self) -> Sequence[Path]: ...
    @property
    def top(self) -> str: ...
    @property
    def mapping(self) -> Path: ...


def prove_dut(
    params: NeuronParams | NetworkParams,
    dut: Dut,
    *,
    name: str,
    named: str = "",
    depth: int | None = None,
    timeout_s: float = TIMEOUT_S,
    solver: str = "auto",
    out: Path | None = None,
    progress: Progress = SILENT,
) -> Findings:
    """Prove the core ``dut`` against the rule ``params``.

    ``name`` is how the user named the design, ``named`` as it stands in a command; ``depth`` how
    many cycles from power-up are searched for what no induction proves, by default :data:`DEPTH` or
    :data:`CORE_DEPTH`; ``timeout_s`` is for each question. A difference leaves a folder, ``out`` or
    one of its own.

    Raises:
        FxlifError: a file that cannot be read, a map that does not fit, what a proof does not take,
            an unknown solver, a missing package.
    """
    chosen = choose(solver)
    dut_map = load_map(dut.mapping)
    texts = read_sources(dut.sources, dut.mapping.parent)
    files = read_files(dut_map, dut.mapping)
    progress("reading the ports", 0, None)
    job = dut_job(params, texts, top=dut.top, dut_map=dut_map, map_file=str(dut.mapping),
                  two_state=True)  # fmt: skip
    _taken(params, job, dut)
    yosys.begin(progress, "reading the Verilog")
    started = time.perf_counter()
    source = read(job, files)
    ask = _Ask(source, chosen, timeout_s, progress)
    checks, found = ask.neuron(params, depth or DEPTH) if isinstance(params, NeuronParams) else (
        ask.core(single_core(params), depth or CORE_DEPTH)
    )  # fmt: skip
    seconds = time.perf_counter() - started
    checks += [*not_checked(job, port=UNPROVED, input=KEPT_OUT), *_left_out(source)]
    command = ["fxlif", "prove", named or name]
    for path in dut.sources:
        command += ["--dut", str(path)]
    command += ["--top", dut.top, "--map", str(dut.mapping)]
    command += [] if depth is None else ["--depth", str(depth)]
    kept, first = "", None
    if found.difference is not None:
        progress(f"showing the difference to {simulator().name}", 0, None)
        watched = dut_job(params, texts, top=dut.top, dut_map=dut_map, map_file=str(dut.mapping))
        words = found.difference.words
        if NO_DEADLOCK in found.difference.broken and isinstance(params, NetworkParams):
            # It stays so for ever: a simulation has to lose its patience first.
            patience = default_patience(params, dut_map.core)
            words = [*words, *words[-1:] * (patience + 2)]
        report = simulated(watched, files, words, found.difference.first)
        first = report.first if report else None
        checks.append(_confirmed(found.difference, report))
        reasons = [f"{check.name}: {check.detail}" for check in checks
                   if check.outcome == "failed"]  # fmt: skip
        reasons += report.problems if report else []
        kept = leave(out or Path(f"fxlif-failure-{name}-prove"), watched, files, words, report,
                     name=name, reasons=reasons, command=shlex.join(command),
                     progress=progress)  # fmt: skip
        command = ["fxlif", "replay", kept]
    return Findings(
        command="prove --dut", design=name, digest=params.digest(), checks=tuple(checks),
        figures={"cycles from power-up": found.cycles, "seconds": f"{seconds:.1f}",
                 "solver": chosen},
        replay=shlex.join(command), folder=kept, first=first, parameters=outline(params),
    )  # fmt: skip


def _taken(params: NeuronParams | NetworkParams, job: DutJob, dut: Dut) -> None:
    """Refuse what no proof of a foreign core takes."""
    for port in read_ports(job.sources, dut.top, job.dut_map.parameters).values():
        if port.direction == "inout":
            raise FxlifError.must_be(f"{dut.top}: port {port.name}",
                                     "an input or an output, in a proof", "inout")  # fmt: skip
    for neuron in params.neurons:
        if neuron.random_bits:
            raise FxlifError.must_be(
                "rounding", "one without random numbers, in a proof with --dut", "stochastic"
            )
        if params.kind != "neuron" and neuron.counts_spikes:
            raise FxlifError.must_be("max_spikes_per_step", "1 in a core, in a proof with --dut",
                                     neuron.max_spikes_per_step)  # fmt: skip
    if not isinstance(params, NeuronParams):
        sums_its_events(params, "a proof with --dut")
        single_core(params)


def single_core(network: NetworkParams) -> CoreParams:
    """The network as one core.

    Raises:
        FxlifError: it is more than that.
    """
    cores = chain_of(network).core
    if len(cores) != 1:
        raise FxlifError.must_be("network", "a single core, in a proof with --dut", len(cores),
                                 found=f"{len(cores)} cores")  # fmt: skip
    return cores[0]


@dataclass(frozen=True)
class _Ask:
    """What is asked of a wrapped core: what was found out, and where it ended."""

    source: Source
    solver: str
    timeout_s: float
    progress: Progress

    def neuron(self, neuron: NeuronParams, depth: int) -> tuple[list[Check], Found]:
        job, machine = self.source.job, neuron_machine(self.source, neuron)
        found = self._search(machine, depth, _stages(job) + MOST)
        checks = [_rule(neuron, self.source, self.solver, self.timeout_s)]
        return [*checks, *_checks(machine, found, job, self.solver), *_possible(found)], found

    def core(self, core: CoreParams, depth: int) -> tuple[list[Check], Found]:
        """Random runs; the rules of the streams by induction, then what comes out from any state,
        else in short runs, then the rules that were not inductive, with a reset in any cycle;
        nothing behind the first difference."""
        streams = stream_machine(self.source, core)
        machine, runs = self._random(core)
        found = Found(difference=runs.difference)
        found.met = {name: True for name, cycle in runs.met.items() if cycle < depth}
        ruled = replace(found)
        any_state: list[Check] = []
        if found.difference is None:
            machine, proof = self._any_state(core)
            any_state = list(from_rest(proof, self.solver))
            if proof.proved:
                found = replace(found, proved=dict.fromkeys(machine.claims, 1))
                found.met = {name: name in runs.met for name in machine.meets}
                ruled.proved = self._implied(core, machine)
            else:
                ruled = self._search(streams, 1, STREAM_MOST)
                rules = {NO_DEADLOCK} - ruled.proved.keys()
                machine, found = self._short(core, depth, found.met, rules)
        last, broken = found, set(found.difference.broken if found.difference else ())
        if found.difference is None and streams.claims.keys() - ruled.proved.keys():
            last = self._search(streams, depth, 0)
        again = replace(last, proved=ruled.proved)
        checks = list(_bounded(streams, again, self, depth, "resets in any cycle"))
        checks += [check for check in _bounded(machine, found, self, depth, "a reset first alone")
                   if check.name not in streams.claims]  # fmt: skip
        if machine.of_room & broken:
            owed = f"more than {ROOMS[-1]} steps are owed at once"
            checks.append(Check(name="what comes out", outcome="unknown", detail=owed))
            last = replace(last, difference=None)
        checks += [*any_state, *_possible(found)]
        if all(check.name != "no livelock" for check in any_state):
            checks.append(Check(name="no livelock", outcome="not_applicable", detail=LIVELOCK))
        return checks, last

    def _implied(self, core: CoreParams, proved: Machine) -> dict[str, int]:
        """The rules of the streams that hold since all claims of a machine do, those among them;
        and the k of each induction."""
        machine = implied_machine(self.source, core, proved)
        more = self._search(machine, 1, STREAM_MOST).proved
        return {**dict.fromkeys(proved.claims, 1), **more}

    def _any_state(self, core: CoreParams) -> tuple[Machine, Proof]:
        """What comes out in runs of any length, by an induction at each state of the control."""
        for room in ROOMS:
            machine = core_machine(self.source, core, room, rules=RULES, history=True)
            try:
                proof = Control(
                    source=self.source, machine=machine, solver=self.solver,
                    timeout_s=self.timeout_s, progress=self.progress,
                ).proof()  # fmt: skip
            except Unsuitable as error:
                return machine, Proof(why=f"no random runs suggest anything: {error}")
            if not machine.of_room & proof.broken.keys():
                break
        return machine, proof

    def _random(self, core: CoreParams) -> tuple[Machine, Runs]:
        """What random runs show: many a mistake at once, which a solver is long in finding; and
        situations."""
        for room in ROOMS:
            machine = core_machine(self.source, core, room, rules=RULES)
            try:
                runs = Runner(self.source, machine).runs(RUNS, CYCLES, self.progress)
            except Unsuitable:
                return machine, Runs()
            if runs.difference is None or not machine.of_room & set(runs.difference.broken):
                break
        else:
            runs = replace(runs, difference=None)  # for those who search every run to say
        return machine, runs

    def _short(
        self,
        core: CoreParams,
        depth: int,
        met: Mapping[str, bool | None],
        rules: Collection[str],
    ) -> tuple[Machine, Found]:
        """What comes out in every run of so many cycles; what was ``met`` is not looked for."""
        for room in ROOMS:
            machine = core_machine(self.source, core, room, rules=rules)
            machine.meets = {name: each for name, each in machine.meets.items() if name not in met}
            found = self._search(machine, depth, 0, once=True)
            if found.difference is None or not machine.of_room & set(found.difference.broken):
                break
        found.met = {**met, **found.met}
        return machine, found

    def _search(self, machine: Machine, depth: int, most: int, *, once: bool = False) -> Found:
        return Search(
            source=self.source, machine=machine, depth=depth, most=most, solver=self.solver,
            timeout_s=self.timeout_s, progress=self.progress, once=once,
        ).found()  # fmt: skip


def _bounded(machine: Machine, found: Found, ask: _Ask, depth: int, runs: str) -> Iterator[Check]:
    """What was proved of each rule of a core, and how far."""
    if ask.source.job.dut_map.reset is None:
        runs = "no reset"
    for name in machine.claims:
        (outcome, detail), bound = _proved(name, found, ask.solver), None
        if outcome == "unknown" and found.difference is None and found.cycles == depth:
            outcome, bound = "passed", depth
            detail = (f"{ask.solver}, bounded: every run of {depth} cycles from power-up, with "
                      f"{runs}; longer ones are not proved")  # fmt: skip
        if name in machine.of_room:
            continue
        yield Check(name=name, outcome=outcome, detail=detail, bound=bound)


def from_rest(proof: Proof, solver: str) -> Iterator[Check]:
    """What was proved of an event and a TICK from any state."""
    if not proof.proved:
        yield Check(name=ANY_STATE, outcome="unknown", detail=f"not proved: {_not_proved(proof)}")
        return
    held = ", ".join(f"{number} in {bits}" for number, bits in proof.held.items())
    within = {name: f"at rest again within {cycles} cycles where nothing stalls"
              for name, cycles in proof.longest.items() if cycles is not None}  # fmt: skip
    collects = any(number.startswith(COUNTS) for number in proof.held)
    of_events = ", the sums those of the events that it holds" if collects else ""
    for name in proof.longest:
        detail = (f"{solver}, induction at {proof.places} states of its control: whatever the "
                  f"numbers are at rest{of_events}, under any stalls; {held}")  # fmt: skip
        ends = f"; {within[name]}" if name in within else ""
        yield Check(name=f"{ANY_STATE}: {name}", outcome="passed", detail=detail + ends)
    if proof.stuck or len(within) < len(proof.longest):
        where = proof.stuck or "it has taken an event or a TICK"
        yield Check(name="no livelock", outcome="unknown",
                    detail=f"not shown to come to rest again where {where}")  # fmt: skip
        return
    detail = "; ".join(f"{name}: {ends}" for name, ends in within.items())
    yield Check(name="no livelock", outcome="passed", detail=f"{solver}: {detail}")


def _not_proved(proof: Proof) -> str:
    if proof.why:
        return proof.why
    if not proof.broken:
        return "it was seen at rest nowhere"
    name, where = next(iter(proof.broken.items()))
    lost = f"; {proof.lost}" if proof.lost else ""
    return f"no induction over the states of its control shows {name} where {where}{lost}"


def _stages(job: DutJob) -> int:
    """Cycles in which a result is on its way."""
    neuron = job.dut_map.neuron
    return max(1, neuron.latency, neuron.state_latency or 1) if neuron else 1


def _rule(neuron: NeuronParams, source: Source, solver: str, timeout_s: float) -> Check:
    """That the bits which stand for the golden state are its numbers."""
    started = time.perf_counter()
    claims = fits(neuron, source.job.interface.stimulus["current"].width)
    answer = decide([z3.Not(conjunction(claims))], solver=solver, timeout_s=timeout_s)
    outcomes: dict[str, Outcome] = {"unsat": "passed", "sat": "failed", "unknown": "unknown"}
    return Check(
        name="rule: the golden step fits its registers", outcome=outcomes[answer.result],
        detail=f"{solver}, every state and input", seconds=time.perf_counter() - started,
    )  # fmt: skip


def _checks(machine: Machine, found: Found, job: DutJob, solver: str) -> Iterator[Check]:
    """What was proved of each output, and how far."""
    for name in machine.claims:
        outcome, detail = _proved(name, found, solver)
        port = job.interface.shown_by.get(name, name)
        yield Check(name=name, outcome=outcome, detail=f"port {port}: {detail}")


def _proved(name: str, found: Found, solver: str) -> tuple[Outcome, str]:
    if (k := found.proved.get(name)) is not None:
        cycles = "1 cycle" if k == 1 else f"{k} cycles"
        return "passed", f"{solver}, induction over {cycles}: every run, every state and input"
    if found.difference is not None:
        length = len(found.difference.words)
        if name in found.difference.broken:
            return "failed", f"a run of {length} cycles from power-up breaks it"
        return "unknown", f"not searched behind the run of {length} cycles that breaks another one"
    ended = ", then the solver had no answer in time" if found.late else ""
    return "unknown", (
        f"not inductive; no run of {found.cycles} cycles from power-up breaks it{ended}, "
        "longer ones are not proved"
    )


def _possible(found: Found) -> Iterator[Check]:
    """That the claims are about something."""
    for name, met in found.met.items():
        outcome: Outcome = "passed" if met else "unknown"
        detail = "some run shows it" if met else "no run that was looked at shows it"
        yield Check(name=f"possible: {name}", outcome=outcome, detail=detail)


def _left_out(source: Source) -> Iterator[Check]:
    if source.says:
        yield Check(
            name="what the core says of itself", outcome="not_applicable",
            detail=f"{source.says} statements such as $display and assertions are left out",
        )  # fmt: skip


def _confirmed(difference: Difference, report: Report | None) -> Check:
    """What a simulator says of a difference."""
    name = f"simulation of the run of {len(difference.words)} cycles"
    if report is None:
        return Check(name=name, outcome="unknown", detail="it could not be simulated")
    if report.first is None:
        detail = f"NOT confirmed by {simulator().name}: the core does what it should"
        return Check(name=name, outcome="failed", detail=detail)
    first = report.first
    where = f"cycle {first.cycle}, {first.signal.removesuffix('.unknown')}: "
    shown = f"expected {first.expected}, observed {first.observed}"
    if first.signal.endswith(".unknown"):
        shown = "observed x or z"
    return Check(name=name, outcome="failed",
                 detail=f"confirmed by {simulator().name}: {where}{shown}")  # fmt: skip
