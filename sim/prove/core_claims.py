"""What a core does with events, as claims about its registers and ghosts beside them.

A *ghost* is state that the proof adds to the hardware and that never acts on it. One set of ghosts
keeps the specification (the sums of the steps under way, by
:func:`fxlif.rule.arithmetic.accumulate`; the neurons that fired and were not yet emitted);
:meth:`CoreProof.claims` says that the hardware agrees with it.
:func:`fxlif.sim.prove.core_invariants.invariants` says how the registers relate to each other,
which makes the claims inductive; they are proved with them and not assumed.

One word of the memories, ``word``, stands for all: it is any, and never changes. The step of a
neuron is left out: it is a function of state, current and threshold of which nothing is known, so
that the theorem holds for any, and the one it is instantiated with is proved by itself.
"""

from __future__ import annotations

from functools import cached_property
from typing import Any

from ...cycles.latency import COUNTER_BITS, event_cycles, padded, update_cycles
from ...cycles.pipeline import update_moves
from ...cycles.signals import Inside, Port, step_name
from ...params.core import CoreParams
from ..tools.solver import z3
from . import golden
from .induction import System
from .netlist import Netlist, bits, subterms
from .sums import accumulator_bits


def read_address(net: Netlist, memory: str) -> Any:
    """The address that a memory is read at."""
    following = subterms([net.next[net.read_data(memory)]])
    return next(t.arg(1) for t in following if z3.is_select(t) and t.arg(0).eq(net[memory]))


class CoreProof:
    """The registers, ghosts, claims and invariants of one core, out of reset.

    ``net`` is the core with its step modules cut out, or, with ``whole``, as it is: then the golden
    step takes the place of the unknown function, for runs that are shown in simulation.
    """

    def __init__(self, net: Netlist, core: CoreParams, *, whole: bool = False) -> None:
        self.net, self.core, self.whole = net, core, whole
        self.words, self.lanes, self.slots = core.words, core.lanes, event_cycles(core)
        self.bits = accumulator_bits(net, core)
        #: How often the pipeline moves in an update.
        self.moves = update_moves(core.words)
        self.state_bits = sum(core.neuron.state_widths.values())
        # Of unsigned numbers with room to spare, signed comparisons are those of integers.
        largest = max(self.slots + 2, (self.words + 1) * max(core.n_inputs, self.lanes))
        largest = max(largest, 2 * self.patience)
        self.width = max(largest.bit_length(), core.in_address_bits) + 2
        self.word = z3.BitVec("word", self.width)
        # A set of neurons or words; a number shifts it without being cut.
        self.set_bits = max(self.words * self.lanes, self.width)
        (self.reset,) = net.drivers("rst")
        self._cut = [] if whole else self._functions()

    # --- terms --------------------------------------------------------------------------------

    def number(self, signal: Any) -> Any:
        """An unsigned signal, by name or as a term, with room for sums."""
        term = self.net[signal] if isinstance(signal, str) else signal
        return z3.ZeroExt(self.width - term.size(), term)

    def const(self, value: int) -> Any:
        """A number as a term."""
        return z3.BitVecVal(value, self.width)

    def on(self, signal: str) -> Any:
        """Whether a signal is high, out of reset."""
        return self.net[signal] == 1

    def _functions(self) -> list[tuple[Any, Any]]:
        """What each step module drives, as an unknown function of what goes into it."""
        inputs = ["state", "current"]
        inputs += ["threshold_mantissa"] if self.core.v_thresholds is not None else []
        pairs = []
        for lane in range(self.lanes):
            ports = [self.net[step_name(lane, port)] for port in inputs]
            for output in ("next_state", "spike"):
                pairs += self._unknown(step_name(lane, output), ports)
        return pairs

    def _unknown(self, output: str, arguments: list[Any]) -> list[tuple[Any, Any]]:
        """The constants of an output of a step, each with a function of ``arguments``."""
        sorts = [argument.sort() for argument in arguments]
        return [
            (leaf, z3.Function(f"step {leaf}", *sorts, leaf.sort())(*arguments))
            for leaf in self.net.drivers(output)
        ]

    def reset_is(self, high: bool) -> tuple[Any, Any]:
        """The reset and a value for it, to substitute; Yosys makes it a bit or a Boolean."""
        as_bool = z3.is_bool(self.reset)
        return self.reset, z3.BoolVal(high) if as_bool else z3.BitVecVal(int(high), 1)

    def term(self, value: Any) -> Any:
        """A term of the hardware, with the functions in place of the steps, out of reset."""
        return z3.substitute(value, *self._cut, self.reset_is(False))

    @cached_property
    def ghosts(self) -> dict[str, Any]:
        """The ghosts, by name."""
        sums = self.lanes * self.bits
        widths = {
            "inside": self.width,  # TICKs taken and not yet given
            "new": sums, "mid": sums, "old": sums,  # sums of the open, next and oldest step
            "state": self.lanes * self.state_bits,  # of ``word``
            "due": self.set_bits, "done": self.set_bits,  # neurons that fired, words written
            "floor": self.width,  # no neuron below it may still be emitted in this update
            "moves": self.width,  # of the pipeline since the update started
            "waited": self.width,  # cycles of a ready output since the oldest TICK could leave
            "row": self.width, "row before": self.width,  # input of the last event; a cycle ago
        }  # fmt: skip
        return {name: z3.BitVec(f"ghost {name}", bits) for name, bits in widths.items()}

    def stepped(self, output: str, lane: int) -> Any:
        """What the golden order of events says that the step of ``word`` gives in ``lane``."""
        core, at = self.core, step_name(lane)
        total = golden.lane(self.ghosts["old"], lane, self.bits)
        current = golden.golden_current(total, core.weight_shift, core.neuron.bias)
        size = self.net[f"{at}.current"].size()
        current = golden.widen(current, max(size, current.size()))
        arguments = [
            golden.lane(self.ghosts["state"], lane, self.state_bits),
            z3.Extract(size - 1, 0, current),
        ]
        if core.v_thresholds is not None:
            word = self.read(Inside.THRESHOLDS)
            arguments.append(golden.lane(word, lane, core.neuron.threshold_bits))
        if self.whole:
            return self._golden(output, arguments)
        port = f"{at}.{output}"
        return z3.substitute(self.net[port], *self._unknown(port, arguments))

    def _golden(self, output: str, arguments: list[Any]) -> Any:
        """The golden step, as the ports of the hardware show it."""
        state, current, *mantissa = arguments
        widths = self.core.neuron.state_widths
        wanted = golden.golden_step(
            self.core.neuron, golden.split(state, widths), current, *mantissa
        )
        if output == "spike":
            return bits(wanted.spikes)
        return packed([z3.Extract(widths[n] - 1, 0, wanted.state[n]) for n in widths])

    def read(self, memory: str, address: Any = None) -> Any:
        """A word of a memory: ``word``, or the one at ``address``."""
        array = self.net[memory]
        at = self.word if address is None else address
        return z3.Select(array, z3.Extract(array.sort().domain().size() - 1, 0, at))

    def added(self, sums: Any, row: Any) -> Any:
        """The sums of ``word`` with the weights of an input, by the golden rule, lane by lane."""
        weights = self.read(Inside.WEIGHTS, self.word * self.core.n_inputs + row)
        return self.accumulated(sums, weights)

    def accumulated(self, sums: Any, weights: Any) -> Any:
        """The golden :func:`fxlif.rule.arithmetic.accumulate` on each lane."""
        sizes = self.bits, self.core.neuron.weight_bits
        wide = [golden.accumulated(sums, weights, lane, *sizes)[0] for lane in range(self.lanes)]
        return packed([z3.Extract(self.bits - 1, 0, term) for term in wide])

    def fires(self) -> Any:
        """The spikes of the golden step of ``word``; a lane that only fills it up has none."""
        last = self.word == self.words - 1
        spikes = [self.stepped("spike", lane) for lane in range(self.lanes)]
        return packed([
            z3.If(last, z3.BitVecVal(0, 1), spike) if self.filler >> lane & 1 else spike
            for lane, spike in enumerate(spikes)
        ])  # fmt: skip

    def states(self) -> Any:
        """The state after the golden step of ``word``, all lanes."""
        return packed([self.stepped("next_state", lane) for lane in range(self.lanes)])

    @cached_property
    def seen(self) -> dict[str, Any]:
        """What happens in a cycle, by the ports and by the writes to the memory of states."""
        net, core = self.net, self.core
        bits, out_bits = core.in_address_bits, core.out_address_bits
        taken = z3.And(self.on(Port.IN_VALID), self.on(Port.IN_READY))
        given = z3.And(self.on(Port.OUT_VALID), self.on(Port.OUT_READY))
        payload, out = net[Port.IN_PAYLOAD], net[Port.OUT_PAYLOAD]
        is_tick = z3.Extract(bits, bits, payload) == 1
        out_tick = z3.Extract(out_bits, out_bits, out) == 1
        address = self.number(z3.Extract(bits - 1, 0, payload))
        known = address < core.n_inputs
        return {
            "tick in": z3.And(taken, is_tick),
            "spike in": z3.And(taken, z3.Not(is_tick), known),
            "unknown in": z3.And(taken, z3.Not(is_tick), z3.Not(known)),
            "input": address,
            "tick out": z3.And(given, out_tick),
            "spike out": z3.And(given, z3.Not(out_tick)),
            "output": self.number(z3.Extract(out_bits - 1, 0, out)),
            "write-back": z3.And(
                self.on(Inside.STATE_WRITE_ENABLE), z3.Not(self.on(Inside.CLEARING))
            ),
            "written": self.number(Inside.STATE_WRITE_ADDRESS),
        }

    # --- the specification ---------------------------------------------------------------------

    def ghost_next(self) -> dict[Any, Any]:
        """How the ghosts go on."""
        g, s = self.ghosts, self.seen
        one, zero = self.const(1), self.const(0)
        none = z3.BitVecVal(0, g["new"].size())
        tick_in, tick_out = s["tick in"], s["tick out"]
        left = g["inside"] - z3.If(tick_out, one, zero)
        # The oldest step leaves with its TICK; a TICK that comes in closes the open one.
        oldest = z3.If(tick_out, g["mid"], g["old"])
        alone = z3.And(tick_in, left == 0)
        opened = z3.If(s["spike in"], self.added(g["new"], s["input"]), g["new"])
        here = z3.And(s["write-back"], s["written"] == self.word)
        due = z3.If(s["spike out"], g["due"] & ~self.one(s["output"]), g["due"])
        fired = golden.widen(self.net[Inside.SPIKE], self.set_bits, signed=False)
        fired = fired << self.many(s["written"] * self.lanes)
        due = z3.If(s["write-back"], due | fired, due)
        done = z3.If(s["write-back"], g["done"] | self.one(s["written"]), g["done"])
        moves = z3.If(
            z3.And(self.on(Inside.MOVING), g["moves"] < self.moves), g["moves"] + 1, g["moves"]
        )
        waited = g["waited"] + z3.If(self.on(Port.OUT_READY), one, zero)
        values = {
            "inside": left + z3.If(tick_in, one, zero),
            "new": z3.If(tick_in, none, opened),
            "mid": z3.If(z3.And(tick_in, left != 0), g["new"], g["mid"]),
            "old": z3.If(alone, g["new"], oldest),
            "state": z3.If(here, self.states(), g["state"]),
            "due": due,
            "done": z3.If(tick_out, z3.BitVecVal(0, self.set_bits), done),
            "floor": z3.If(tick_out, zero, z3.If(s["spike out"], s["output"] + 1, g["floor"])),
            "moves": z3.If(self.on(Inside.START), zero, moves),
            "waited": z3.If(z3.Or(tick_out, g["inside"] == 0), zero, waited),
            "row": z3.If(s["spike in"], s["input"], g["row"]),
            "row before": g["row"],
        }
        return {g[name]: value for name, value in values.items()}

    def many(self, number: Any) -> Any:
        """A number as a term of ``set_bits`` bits, to shift a set by."""
        return z3.ZeroExt(self.set_bits - number.size(), number)

    def one(self, number: Any) -> Any:
        """The set of one neuron or word."""
        return z3.BitVecVal(1, self.set_bits) << self.many(number)

    @property
    def patience(self) -> int:
        """Cycles that a step takes if every neuron fires and the output is always ready."""
        return update_cycles(self.core, padded(self.core))

    @property
    def initial_state(self) -> int:
        """A word of the memory of states after a reset."""
        state = golden.pack_initial(self.core.neuron)
        return sum(state << lane * self.state_bits for lane in range(self.lanes))

    @property
    def filler(self) -> int:
        """The lanes of the last word that only fill it up, as a mask."""
        real = self.core.n_neurons - (self.words - 1) * self.lanes
        return (1 << self.lanes) - (1 << real)

    def claims(self) -> dict[str, Any]:
        """What is to be shown, of every cycle."""
        g, s, net = self.ghosts, self.seen, self.net
        here = z3.And(s["write-back"], s["written"] == self.word)
        dropped = net["dropped"] + z3.ZeroExt(COUNTER_BITS - 1, bits(s["unknown in"]))
        return {
            "at most two TICKs inside": z3.And(g["inside"] >= 0, g["inside"] <= 2),
            "a TICK out for a TICK in": z3.Implies(s["tick out"], g["inside"] >= 1),
            "TICK out after all spikes": z3.Implies(s["tick out"], g["due"] == 0),
            "TICK out after all words": z3.Implies(
                s["tick out"], g["done"] == (1 << self.words) - 1
            ),
            "TICK out in time": g["waited"] <= self.patience,
            "TICK out has address 0": z3.Implies(s["tick out"], s["output"] == 0),
            "spike out fired": z3.Implies(
                s["spike out"],
                z3.And(s["output"] < self.core.n_neurons, g["due"] & self.one(s["output"]) != 0),
            ),
            "spikes out ascend": z3.Implies(s["spike out"], s["output"] >= g["floor"]),
            "write-back within a step": z3.Implies(s["write-back"], g["inside"] >= 1),
            "write-back once": z3.Implies(
                s["write-back"],
                z3.And(s["written"] < self.words, g["done"] & self.one(s["written"]) == 0),
            ),
            "write-back of the golden step": z3.Implies(
                here, net[Inside.STATE_WRITE_DATA] == self.states()
            ),
            "spikes of the golden step": z3.Implies(here, net[Inside.SPIKE] == self.fires()),
            "unknown addresses counted": self.term(net.after(net["dropped"])) == dropped,
        }

    @cached_property
    def after_reset(self) -> dict[Any, Any]:
        """Register → value, of those that a reset sets; memories and what they answered stay."""
        values = {}
        for register, after in self.net.next.items():
            value = z3.simplify(z3.substitute(after, self.reset_is(True)))
            if z3.is_bv_value(value):
                values[register] = value
        return values

    def system(self) -> System:
        """The core and the ghosts, from a reset on, with any memory contents."""
        following = {r: self.term(n) for r, n in self.net.next.items()}
        following |= {g: self.term(n) for g, n in self.ghost_next().items()}
        first = dict.fromkeys(self.ghosts, 0)
        first["moves"] = self.moves
        first["state"] = self.initial_state
        base = [self.ghosts[name] == value for name, value in first.items()]
        base += [register == value for register, value in self.after_reset.items()]
        cut = {leaf for leaf, _ in self._cut}
        inputs = [i for i in self.net.inputs if i not in cut]
        given = [self.word >= 0, self.word < self.words]
        return System(next=following, inputs=inputs, base=base, given=given)


def packed(lanes: list[Any]) -> Any:
    """Lanes as one word, lane 0 in the low bits."""
    return lanes[0] if len(lanes) == 1 else z3.Concat(*reversed(lanes))
