"""What neurons keep of a step between its events, which act one by one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ....cycles.latency import AnyCore
from ....cycles.signals import step_name
from ...tools.solver import conjunction, z3
from .. import golden
from ..contract import Ports, bit, high
from ..netlist import Netlist, label
from ..parts import REGISTER, NeuronsGhosts, lanes_of, packed

Ghosts = dict[Any, tuple[int | None, Any]]


def goes_by_the_first(net: Netlist, core: AnyCore) -> bool:
    """Whether anything of a step goes by which of its events is the first: the counts of spikes,
    the draws, what stands before the events. Else nothing of the hardware tells."""
    neuron = core.neuron
    begins = step_name(0, "begins") in Ports(net, "neurons")
    return neuron.fire_on == "event" or bool(neuron.random_bits) or begins


def counted(before: Any, fired: Any, lanes: int) -> Any:
    """The counts of a word when some lanes have fired: what is full stays so."""
    counts = []
    for lane, count in enumerate(lanes_of(before, lanes)):
        more = golden.lane(fired, lane, 1) == 1
        counts.append(z3.If(z3.And(more, count + 1 != 0), count + 1, count))
    return packed(counts)


class Kept:
    """Of ``word``: a value that an event leaves for those behind it, in ``ghost``; ``known`` from
    the first event that begins a step on."""

    def __init__(self, name: str, g: NeuronsGhosts, after: Any) -> None:
        self.ghost = z3.BitVec(f"neurons: {name}", after.size())
        self.known = z3.BitVec(f"neurons: {name} known", 1)
        here = z3.And(g.adds[g.end] == 1, g.words[g.end] == g.word)
        begins = z3.And(here, g.begins[g.end] == 1)
        self.ghosts: Ghosts = {
            self.ghost: (None, z3.If(here, after, self.ghost)),
            self.known: (0, self.known | bit(begins)),
        }

    def in_memory(self, net: Netlist, p: Ports, g: NeuronsGhosts, place: int) -> dict[str, Any]:
        """It lies in the one memory of ``p``, and in the register behind that, when ``word`` is
        ``place`` cycles behind its issue."""
        memory = p.memory
        read = net.read_data(label(memory))
        behind = [r for r, following in net.next.items() if following.eq(read)]
        name = str(self.ghost)
        return {
            f"{name} in memory": z3.Implies(
                self.known == 1, z3.Select(memory, g.word) == self.ghost
            ),
            f"{name} read": z3.Implies(
                z3.And(self.known == 1, g.issued(place)), read == self.ghost
            ),
            f"{name} shown": z3.Implies(
                z3.And(self.known == 1, g.issued(place + 1)),
                conjunction(register == self.ghost for register in behind),
            ),
        }


class SpikesOfStep:
    """How often ``word`` fired in its step; what it is when the word is written."""

    def __init__(self, net: Netlist, core: AnyCore, p: Ports, g: NeuronsGhosts, fired: Any) -> None:
        size = core.lanes * core.spike_bits
        self._g, before = g, z3.BitVec("neurons: spikes of the step", size)
        begun = z3.If(g.begins[g.end] == 1, z3.BitVecVal(0, size), before)
        self.after = counted(begun, fired, core.lanes)
        self.kept = Kept("spikes of the step", g, self.after)
        self.ghosts = self.kept.ghosts
        self.invariants = self.kept.in_memory(net, Ports(net, f"{p.instance}.counts"), g, g.end - 2)

    def shown(self, spikes: Any) -> Any:
        """What shows as the ``spikes`` of ``word``."""
        g = self._g
        stepped = z3.Or(g.adds[g.end] == 1, g.updates[g.end] == 1)
        known = z3.Or(g.begins[g.end] == 1, self.kept.known == 1)
        here = z3.And(stepped, g.words[g.end] == g.word, known)
        return z3.Implies(here, spikes == self.after)


class ActingOfStep:
    """What acts at the end of the step of ``word``, where that is known before its events."""

    def __init__(self, net: Netlist, core: AnyCore, p: Ports, g: NeuronsGhosts, made: Any) -> None:
        self._g, self.kept = g, Kept("acting", g, made)
        self.ghosts = self.kept.ghosts
        memory = Memory(net, p, "acting")
        self.invariants = self.kept.in_memory(net, memory, g, 1)
        self.invariants["acts"] = z3.Implies(g.adds[g.end] == 1, p["acts_next"] == made)

    def given(self, acted: Any, lane: int, lanes: int) -> Any:
        """What a part of a step that does not begin it is given."""
        ghost = lanes_of(self.kept.ghost, lanes)[lane]
        begins = self._g.begins[REGISTER] == 1
        return z3.Or(begins, self.kept.known == 0, acted == ghost)


class Memory(Ports):
    """A part, of whose memories one is meant."""

    def __init__(self, net: Netlist, ports: Ports, name: str) -> None:
        self.net, self.name, self.instance, self._memory = net, ports.name, ports.instance, name

    @property
    def memory(self) -> Any:
        """The memory of that name."""
        return self[self._memory]


class DrawsOfStep:
    """The draw of the next word. The first event of a step draws for all that follow, and its last
    word puts back what there was at its first."""

    def __init__(self, core: AnyCore, p: Ports, g: NeuronsGhosts, draw: Any, shifted: Any) -> None:
        self._g = g
        first, known = z3.BitVec("neurons: first draw", draw.size()), z3.BitVec("neurons: drew", 1)
        begins = z3.And(g.adds[REGISTER] == 1, g.begins[REGISTER] == 1)
        self.takes = z3.Or(g.updates[REGISTER] == 1, begins)
        word = g.words[REGISTER]
        at_first = z3.If(word == 0, draw, first)
        ends = z3.And(begins, word == core.words - 1)
        self.ghosts: Ghosts = {
            first: (None, z3.If(self.takes, at_first, first)),
            known: (0, known | bit(z3.And(self.takes, word == 0))),
            draw: (core.neuron.lfsr.seed,
                   z3.If(self.takes, z3.If(ends, at_first, shifted), draw)),
        }  # fmt: skip
        draws = Ports(p.net, f"{p.instance}.draws")
        held = [golden.shifted(core.neuron.lfsr, first, lane) for lane in range(core.lanes)]
        # Each is held beside the draw of its lane: the first when the last word ends a turn.
        begun = [draws[name] for name in sorted(
            (name for name in _names(draws) if name.startswith("begun")),
            key=lambda name: int("0" + name.removeprefix("begun").removeprefix("_")),
        )]  # fmt: skip
        before = z3.Or(g.updates[REGISTER + 1] == 1,
                       z3.And(g.adds[REGISTER + 1] == 1, g.begins[REGISTER + 1] == 1))  # fmt: skip
        self.invariants = {
            "first draws": z3.Implies(
                known == 1, conjunction(a == b for a, b in zip(begun, held, strict=True))
            ),
            "drew at first": z3.Implies(before, known == 1),
            **{f"in order {k} before": g.follows(k) for k in range(1, REGISTER + 1)},
        }


def _names(ports: Ports) -> list[str]:
    first = f"{ports.instance}."
    return [name.removeprefix(first) for name in ports.net.signals if name.startswith(first)]


def into_the_part(ports: Ports, g: NeuronsGhosts, lane: int) -> Sequence[Any]:
    """Which part of a step a lane is given."""
    found = [ports[step_name(lane, "ends")] == g.updates[REGISTER]]
    if step_name(lane, "begins") in ports:
        found.append(ports[step_name(lane, "begins")] == g.begins[REGISTER])
    return found


def parts_of_step(core: AnyCore, p: Ports, g: NeuronsGhosts) -> dict[str, Any]:
    """The registers that say which part of a step is on its way."""
    found, neuron = {}, core.neuron
    begins = REGISTER if goes_by_the_first(p.net, core) else 0  # how far it matters
    if neuron.fire_on == "event":
        begins = g.end - 1
    for before in range(1, g.end + 1):
        found[f"event {before} before"] = p[f"add_{before}"] == g.adds[before]
        if before <= begins:
            same = p[f"begins_{before}"] == g.begins[before]
            found[f"begins {before} before"] = z3.Implies(g.used(before), same)
        found[f"an event alone {before} before"] = z3.Not(
            z3.Or(high(g.adds[before], g.updates[before]), high(g.adds[before], g.clears[before]))
        )
    return found
