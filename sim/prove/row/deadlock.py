"""No deadlock: the network of contracts, each core a small automaton, for any number of steps.

A reader takes the streams of its inputs one after the other, each up to and with its TICK, and
counts the steps that it has read; a core then starts an update as soon as the one before it has
sent all its spikes. By :mod:`fxlif.sim.prove.row.parts` its hardware does so. A broadcast moves for
all readers of a node at once, so all of them have had as many TICKs of it as it has sent.

Proved is an invariant, by induction over whatever moves: which TICKs a reader has had follows from
its step and from the input that it is at. So the spikes of a step always meet the same step of
their reader. And from the invariant alone: of the nodes that have sent the fewest TICKs, the one
that comes first is at its next event or will be without a move of another node, and all its readers
wait for that event. So, if input and output are willing, every node sends every step.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ....layout import HardwareNetwork
from ...tools.solver import conjunction, z3
from ..netlist import constants
from ..prover import Prover, Result

#: Steps that are searched for a deadlock, to be shown.
SHOWN_STEPS = 4


@dataclass(frozen=True)
class Reader:
    """Who reads streams: the (node, backward) of each input in order, of which the first step
    begins with number ``first``; ``node`` is where a core sends its own events."""

    name: str
    inputs: tuple[tuple[int, bool], ...]
    first: int = 0
    node: int | None = None

    def had(self, number: int, step: Any, at: Any) -> Any:
        """How many TICKs of an input it has had, in a step, ``at`` an input."""
        backward = self.inputs[number][1]
        return step + z3.If(at > number, 0 if backward else 1, -1 if backward else 0)


def readers(network: HardwareNetwork) -> list[Reader]:
    """The cores, and the merge of several outputs."""
    first_core = 1 + len(network.regular)
    found = [
        Reader(core.name, tuple((i.node, i.backward) for i in core.inputs), core.first_input,
               first_core + k)
        for k, core in enumerate(network.cores)
    ]  # fmt: skip
    if len(network.outputs) > 1:
        merged = tuple((first_core + k, False) for k in network.outputs)
        found.append(Reader("output", merged))
    return found


class Automaton:
    """``sent``: TICKs of each node; of each reader the ``steps`` it has read, the input it is
    ``at``, and, of a core, how many updates have ``started``."""

    def __init__(self, nodes: Sequence[str], found: Sequence[Reader]) -> None:
        self.nodes, self.readers = nodes, found
        self.sent = [z3.Int(f"TICKs of {name}") for name in nodes]
        self.steps = [z3.Int(f"steps of {reader.name}") for reader in found]
        self.at = [z3.Int(f"input of {reader.name}") for reader in found]
        self.started = [z3.Int(f"updates of {reader.name}") for reader in found]
        self.state = [*self.sent, *self.steps, *self.at, *self.started]

    def first(self) -> list[Any]:
        """After a reset."""
        at = [a == reader.first for a, reader in zip(self.at, self.readers, strict=True)]
        return [*at, *(v == 0 for v in (*self.sent, *self.steps, *self.started))]

    def invariant(self) -> dict[str, Any]:
        """What holds always."""
        claims = {}
        for r, reader in enumerate(self.readers):
            step, at, started = self.steps[r], self.at[r], self.started[r]
            own = step if reader.node is None else self.sent[reader.node]
            had = [self.sent[node] == reader.had(number, step, at)
                   for number, (node, _) in enumerate(reader.inputs)]  # fmt: skip
            claims[f"{reader.name}: the step of each input"] = z3.And(
                step >= 0, at >= 0, at < len(reader.inputs), *had
            )
            claims[f"{reader.name}: its updates"] = z3.And(
                own >= 0, own <= started, started <= own + 2, started <= step
            )
        return claims

    def offers(self, node: int) -> Any:
        """The node has an event to send, or will have without any move of others."""
        for r, reader in enumerate(self.readers):
            if reader.node == node:
                # What waits starts as soon as nothing is left to be sent.
                return z3.Or(self.started[r] > self.sent[node], self.steps[r] > self.started[r])
        return z3.BoolVal(True)

    def reads(self, node: int) -> list[tuple[int, int]]:
        """The (reader, input) of a node."""
        return [(r, number) for r, reader in enumerate(self.readers)
                for number, (from_, _) in enumerate(reader.inputs) if from_ == node]  # fmt: skip

    def awaits(self, r: int, number: int) -> Any:
        """A reader takes the next event of an input, now or soon: what may keep it from that is an
        update that waits."""
        reader, waits = self.readers[r], self.steps[r] - self.started[r]
        soon = waits == 0
        if reader.node is not None:
            soon = z3.Or(soon, z3.And(waits == 1, self.started[r] <= self.sent[reader.node]))
        return z3.And(self.at[r] == number, soon)

    def earliest(self, node: int, reader: Reader) -> Any:
        """None of the nodes that matter to a reader has sent fewer TICKs than this one, and none
        before it as few."""
        here, others = self.sent[node], {node, *(other for other, _ in reader.inputs)}
        if reader.node is not None:
            others.add(reader.node)
        return conjunction(
            [here < self.sent[other] if other < node else here <= self.sent[other]
             for other in others]
        )  # fmt: skip

    def moves(self) -> Iterator[tuple[str, Any, dict[Any, Any]]]:
        """What can happen: name, when, and what changes. A core may take events while an update
        waits, or not; a SPIKE changes nothing here."""
        for node, name in enumerate(self.nodes):
            after: dict[Any, Any] = {self.sent[node]: self.sent[node] + 1}
            when = []
            for r, reader in enumerate(self.readers):
                if reader.node == node:
                    when.append(self.started[r] > self.sent[node])
            for r, number in self.reads(node):
                when.append(self.at[r] == number)
                last = number == len(self.readers[r].inputs) - 1
                after[self.at[r]] = z3.IntVal(0) if last else self.at[r] + 1
                if last:
                    after[self.steps[r]] = self.steps[r] + 1
                if last and self.readers[r].node is None:
                    after[self.started[r]] = self.started[r] + 1
            yield f"a TICK of {name}", z3.And(True, *when), after
        for r, reader in enumerate(self.readers):
            if reader.node is not None:
                # Of the update before it the TICK may still be there.
                free = self.started[r] <= self.sent[reader.node] + 1
                waits = self.steps[r] > self.started[r]
                yield f"an update of {reader.name}", z3.And(waits, free), {
                    self.started[r]: self.started[r] + 1
                }  # fmt: skip

    def questions(self) -> Iterator[tuple[str, list[Any]]]:
        """What must be impossible. Each is about a few readers, and assumes the invariant of these
        alone, so that a large network is many small questions."""
        invariant = list(self.invariant().values())
        for claim in invariant:
            yield "after a reset", [*self.first(), z3.Not(claim)]
        about = [{v.get_id() for v in constants([claim])} for claim in invariant]
        for name, when, after in self.moves():
            changed = {v.get_id() for v in after}
            for claim, variables in zip(invariant, about, strict=True):
                if changed & variables:
                    later = z3.substitute(claim, *after.items())
                    yield f"after {name}", [claim, when, z3.Not(later)]
        for node, name in enumerate(self.nodes):
            of_core = [r for r, reader in enumerate(self.readers) if reader.node == node]
            wanted = [(r, self.offers(node)) for r in of_core]
            wanted += [(r, self.awaits(r, number)) for r, number in self.reads(node)]
            for r, claim in wanted:
                yield f"where {name} is the earliest", [
                    *invariant[2 * r : 2 * r + 2], self.earliest(node, self.readers[r]),
                    z3.Not(claim),
                ]  # fmt: skip

    def run(self) -> list[str]:
        """What goes wrong within some steps after a reset, in words; nothing, if nothing does.

        What moves first makes no difference, since no move takes another one away.
        """
        state: dict[Any, Any] = {v: z3.IntVal(0) for v in self.state}
        for reader, at in zip(self.readers, self.at, strict=True):
            state[at] = z3.IntVal(reader.first)
        moves, invariant = list(self.moves()), self.invariant()

        def now(term: Any) -> Any:
            return z3.simplify(z3.substitute(term, *state.items()))

        while any(now(sent).as_long() < SHOWN_STEPS for sent in self.sent):
            for what, claim in invariant.items():
                if z3.is_false(now(claim)):
                    return [f"a run from reset breaks {what}"]
            ready = [
                after for _, when, after in moves
                if z3.is_true(now(when)) and self._behind(now, after)
            ]  # fmt: skip
            if not ready:
                return ["a run from reset ends where nothing moves any more:"] + [
                    f"{reader.name}: in step {now(step)}, waits for {self._waits(reader, now(at))}"
                    for reader, step, at in zip(self.readers, self.steps, self.at, strict=True)
                ]
            state |= {name: now(term) for name, term in ready[0].items()}
        return []

    def _behind(self, now: Any, after: Mapping[Any, Any]) -> bool:
        """Whether a move is one within the steps that are searched."""
        moved = [v for v in after if any(v is sent for sent in self.sent)]
        return all(now(v).as_long() < SHOWN_STEPS for v in moved)

    def _waits(self, reader: Reader, at: Any) -> str:
        return self.nodes[reader.inputs[at.as_long()][0]]


def node_names(network: HardwareNetwork) -> list[str]:
    """What the nodes are called, in order."""
    return ["the input", *(node.name for node in network.regular),
            *(core.name for core in network.cores)]  # fmt: skip


def never_stuck(prover: Prover, network: HardwareNetwork) -> Result:
    """The invariant, and that the earliest node can always move."""
    automaton = Automaton(node_names(network), readers(network))
    by = f"z3, integers, {len(automaton.nodes)} nodes, induction, any number of steps"
    solver = z3.SolverFor("QF_LIA")
    solver.set("timeout", max(1, int(prover.timeout_s * 1000)))
    for name, formulas in automaton.questions():
        solver.push()
        solver.add(*formulas)
        found = solver.check()
        if found == z3.sat:
            model = solver.model()
            values = ", ".join(f"{v} {model.eval(v, model_completion=True)}"
                               for v in automaton.state)  # fmt: skip
            lines = [f"{by}: does not hold {name}", f"state: {values}", *automaton.run()]
            return "failed", "\n".join(lines)
        solver.pop()
        if found != z3.unsat:
            return "unknown", f"{by}: no answer in {prover.timeout_s:.0f} s ({name})"
    return "passed", by
