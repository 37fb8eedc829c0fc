"""The bins of a core that reads rows of synapses: its front, its rows, its sums, its control."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import product
from typing import Any

import numpy as np

from ...cycles.control import HIGHEST, LOWEST
from ...cycles.latency import (
    EMIT_LATENCY,
    ROW_STAGES,
    ROW_TAKING,
    clear_cycles,
    cleared_cycles,
    least_slots,
    update_cycles,
)
from ...cycles.model import CONTROL_FLAGS
from ...cycles.pipeline import write_distance
from ...cycles.rows import ROW_FLAGS
from ...layout import HardwareNetwork, RowCore
from .bins import BinRule, Bools, Ints, Key
from .cycle_bins import FLAG, PLACES, CycleBin, Cycles
from .neuron_bins import fires_key
from .row_words import AHEAD, RowCycles, RowWords
from .synapses import synapses_in

RowBin = BinRule[RowCycles]
#: What is neither work nor waiting.
STANDING = FLAG["backward"] | FLAG["ring_end"]
NO_WORDS = "no row has words"


def prefix_of(k: int) -> str:
    """What stands before the groups of core ``k``."""
    return f"core[{k}]."


def waits_for_itself(network: HardwareNetwork, k: int) -> tuple[bool, bool]:
    """Whether core ``k`` updates in no step before its TICK of the step before has moved, and
    whether it adds nothing in that step before.

    So it is where it reads a node that sends nothing earlier: what reads it, and as outputs take
    turns, each output behind such a one; what is read by another one that first reads such a node,
    since an event moves for all its readers; or itself, whose spikes it adds as they come.
    """
    numbers = range(len(network.cores))
    outputs = {network.node_of(number) for number in network.outputs}

    def closed(found: set[int], waits: Callable[[RowCore], bool]) -> set[int]:
        """``found``, and what must wait for one of them."""
        while more := {
            network.node_of(n) for n in numbers
            if waits(network.cores[n]) or (
                network.node_of(n) in outputs and outputs & found
                and min(outputs & found) < network.node_of(n)
            )
        } - found:  # fmt: skip
            found |= more
        return found

    same: set[int] = {network.node_of(k)}
    closed(same, lambda core: any(not i.backward and i.node in same for i in core.inputs))
    following = set(outputs) if outputs & same else set()

    def loops(core: RowCore) -> list[bool]:
        return [each.node in (same if each.backward else following) for each in core.inputs]

    def held(node: int) -> bool:
        """A reader of the step behind waits."""
        reads = ((network.cores[reader], i) for reader, i in network.consumers(node))
        return any(any(loops(c)[:i]) for c, i in reads if not c.inputs[i].backward)

    while True:
        closed(following, lambda core: any(loops(core)))
        more = {node for node in range(network.node_of(len(network.cores))) if held(node)}
        if more <= following:
            break
        following |= more
    found = loops(network.cores[k])
    first = network.cores[k].inputs[0]
    # In all memories but the last it looks before the event may move.
    late = found[0] and first.node != network.node_of(k) and len(first.memories) < 2
    return any(found), late


def adds_close(network: HardwareNetwork, k: int) -> bool:
    """Whether core ``k`` may add a row so soon after an update that sums are still on their way."""
    core = network.cores[k]
    _, late = waits_for_itself(network, k)
    own = core.inputs[0].node == network.node_of(k)
    # The first spike of an update is sent, looked up, and added.
    back = ROW_STAGES + write_distance(core.neuron) + EMIT_LATENCY + ROW_TAKING - ROW_STAGES
    last = max(core.words, least_slots(core)) - 1
    return not late and not (own and last + AHEAD < back)


def earliest(network: HardwareNetwork, node: int) -> int:
    """Before so many cycles after a reset a node sends nothing: all cores before it are cleared."""
    number = node - network.node_of(0)
    if number < 0:
        return 0
    core = network.cores[number]
    before = (earliest(network, each.node) for each in core.inputs if not each.backward)
    return max(cleared_cycles(core), *before)


def long_before(network: HardwareNetwork, k: int) -> set[int]:
    """The inputs of core ``k`` whose rows are added long before its update: a TICK comes between
    that another core sends behind an update of its own, which waits for one that both read."""
    core, found = network.cores[k], set[int]()
    for (i, first), (_, second) in product(enumerate(core.inputs), repeat=2):
        other = second.node - network.node_of(0)
        same_step = first.backward == second.backward
        if not same_step or second.node <= first.node or not _behind(network, other, first.node):
            continue
        read = [m for each in core.inputs[: i + 1] for m in each.memories]
        longest = max((core.memories[m].longest for m in read), default=0)
        longest = max(longest, least_slots(core))
        # When the first TICK moves two rows wait, and before them one is added, or an update ends.
        own = network.node_of(k) in {each.node for each in core.inputs[: i + 1]}
        busy = 2 * longest + (longest if own else max(longest, core.words))
        if busy + AHEAD < update_cycles(network.cores[other], 0):
            found |= set(range(i + 1))
    return found


def _behind(network: HardwareNetwork, k: int, node: int) -> bool:
    """Whether core ``k`` updates in a step after ``node`` has sent its TICK."""
    return k >= 0 and any(
        not each.backward
        and (each.node == node or _behind(network, each.node - network.node_of(0), node))
        for each in network.cores[k].inputs
    )


class RowNames:
    """What the bins of core ``k`` are called after, and what they need."""

    def __init__(self, network: HardwareNetwork, k: int) -> None:
        self.network, self.core, self.prefix = network, network.cores[k], prefix_of(k)
        self._firsts = 1 + len(network.regular)

    def node(self, number: int) -> str:
        """The name of a node."""
        if not number:
            return "the input"
        named = (*network_names(self.network),)
        return named[number - 1]

    def fires(self, node: int) -> Key | None:
        """The bin without which a node sends no spike."""
        core = node - self._firsts
        return fires_key(prefix_of(core)) if core >= 0 else None

    def input_key(self, number: int) -> Key:
        """The bin of a spike of an input."""
        each = self.core.inputs[number]
        step = "of the step before" if each.backward else "of the same step"
        return (f"{self.prefix}inputs", f"a spike of {self.node(each.node)} {step}")

    def input_of(self, memory: int) -> int:
        """The number of the input that reads a memory."""
        return next(i for i, each in enumerate(self.core.inputs) if memory in each.memories)


def network_names(network: HardwareNetwork) -> Iterator[str]:
    """The names of all nodes but the input."""
    yield from (each.name for each in network.regular)
    yield from (each.name for each in network.cores)


def row_bins(network: HardwareNetwork, k: int, words: RowWords) -> Iterator[RowBin]:
    """The bins of what core ``k`` adds."""
    names = RowNames(network, k)
    core, prefix = names.core, names.prefix

    def of_memories(numbers: Sequence[int]) -> Callable[[RowCycles], Bools]:
        return lambda c: np.isin(words.memory[c.added], numbers)

    for number, each in enumerate(core.inputs):
        if each.memories:
            used = any(core.memories[m].longest for m in each.memories)
            yield RowBin(*names.input_key(number), of_memories(each.memories),
                         "" if used else NO_WORDS, names.fires(each.node))  # fmt: skip
    for m in range(len(core.memories)):
        yield from _memory_bins(names, m, words)
    for number, sums in enumerate(core.accumulators):
        group = f"{prefix}sums[{number}]"
        yield from _again_bins(network, k, number, words)
        if sums.slots > 1:
            yield RowBin(group, "a delay reaches beyond the end of the ring",
                         partial(_beyond, words, number, sums.slots - 1))  # fmt: skip
        if not sums.saturates:
            continue
        weights = [memory.weights for memory in core.memories if memory.accumulator == number]
        for end, name, sign in ((HIGHEST, "up", 1), (LOWEST, "down", -1)):
            some = any((sign * each > 0).any() for each in weights) or "weights" in core.writable
            why = "" if some else f"no weight is {'above' if sign > 0 else 'below'} 0"
            yield RowBin(group, f"saturates {name}", partial(_met, number, end), why)


def _met(number: int, end: int, c: RowCycles) -> Bools:
    return c.met(number, end)


def _beyond(words: RowWords, number: int, mask: int, c: RowCycles) -> Bools:
    ring = (c.added_base & mask)[:, np.newaxis] + words.delay[c.added]
    beyond = (ring > mask) & (words.weight[c.added] != 0)
    found: Bools = beyond.any(axis=1) & (words.accumulator[c.added] == number)
    return found


def _memory_bins(names: RowNames, m: int, words: RowWords) -> Iterator[RowBin]:
    """Rows of one word and the longest, one that is stored for another, and each delay, of a
    projection."""
    memory = names.core.memories[m]
    group = f"{names.prefix}projection[{memory.projection}]"
    number = names.input_of(m)
    bin_of = partial(RowBin, group, needs=names.input_key(number))

    def row_of(length: int) -> Callable[[RowCycles], Bools]:
        return lambda c: (words.memory[c.added] == m) & (words.length[c.added] == length)

    for length in sorted({1, memory.longest} - {0}):
        name = f"a row of {length} words" if length > 1 else "a row of one word"
        there = (memory.lengths == length).any()
        yield bin_of(name, row_of(length), "" if there else "no row has one word")
    if memory.offsets is not None:
        shifts = memory.offsets
        yield bin_of("a shared row, shifted", lambda c: (words.memory[c.added] == m)
                     & (shifts[words.row[c.added] % memory.n_pre] != 0))  # fmt: skip
    backward = names.core.inputs[number].backward

    def late(delay: int) -> Callable[[RowCycles], Bools]:
        holds = (words.memory == m) & ((words.delay == delay) & (words.weight != 0)).any(axis=1)
        return lambda c: holds[c.seen]

    for delay in np.unique(synapses_in(names.core, memory).delay).tolist():
        yield bin_of(f"a synapse of delay {delay + backward}", late(delay))


def _again_bins(
    network: HardwareNetwork, k: int, number: int, words: RowWords
) -> Iterator[RowBin]:  # fmt: skip
    """The bins of sums that are used again before they can be read from their memory."""
    core = network.cores[k]
    group = f"{prefix_of(k)}sums[{number}]"
    names, far = RowNames(network, k), long_before(network, k)
    starts, ends = words.ends(number)
    close = [m for m in range(len(core.memories)) if names.input_of(m) not in far]
    _, last_ends = words.ends(number, close)
    slots, last = core.accumulators[number].slots, core.words - 1
    late = not adds_close(network, k)

    def same(i: int, j: int) -> bool:
        return bool({*map(tuple, ends[i].tolist())} & {*map(tuple, starts[j].tolist())})

    def in_slot(sums: Ints, slot: int) -> Ints:
        """The words of neurons of those sums that lie in a slot of the ring."""
        found: Ints = sums[sums[:, 0] // core.words == slot][:, 0] % core.words
        return found

    # At least so many cycles lie between: words behind the one of the first row, those before the
    # one of the second, and of an update those behind or before the word.
    added = [1 + i + j for i, j in product(range(AHEAD), repeat=2) if 1 + i + j <= AHEAD
             and same(i, j)]  # fmt: skip
    taken = [1 + i + int(in_slot(last_ends[i], 0).min(initial=AHEAD)) for i in range(AHEAD)]
    anew = [1 + j + last - int(in_slot(starts[j], slots - 1).max(initial=last - AHEAD))
            for j in range(AHEAD)]  # fmt: skip
    if last + 2 < AHEAD:  # an update fits between, and what comes behind it is one slot further on
        added.append(last + 2)
    for cycles in range(1, AHEAD + 1):
        when = "a cycle" if cycles == 1 else f"{cycles} cycles"
        for name, first, then, least, short in (
            (f"a sum is added to again {when} later", "added", "added", added,
             "no row ends with a sum that another begins with"),
            (f"an update takes a sum {when} after an addition", "added", "taken", taken,
             "no row ends with a sum that an update begins with"),
            (f"a sum is added to {when} after an update took it", "taken", "added", anew,
             "no row begins with a sum that an update ends with"),
        ):  # fmt: skip
            why = "" if min(least, default=AHEAD + 1) <= cycles else f"{short}, so close"
            if first == "taken" and late:
                why = "it waits for an event of its own before it adds again"
            hit = partial(_again, number, first, then, cycles)
            yield RowBin(group, name, hit, why)


def _again(number: int, first: str, then: str, cycles: int, c: RowCycles) -> Bools:
    return c.again(number, first, then, cycles)


def row_control_bins(network: HardwareNetwork, k: int) -> Iterator[CycleBin]:
    """The bins of the front and the control of core ``k``."""
    core, prefix = network.cores[k], prefix_of(k)
    words, fires = core.words, fires_key(prefix)
    control, front = (partial(CycleBin, f"{prefix}{name}") for name in ("control", "front"))
    reads = [len(network.consumers(each.node)) + (each.node in _sent(network))
             for each in core.inputs]  # fmt: skip
    lengths = [memory.lengths for memory in core.memories]
    silent = "" if any(each.any() for each in lengths) else NO_WORDS
    any_loop, adds_late = waits_for_itself(network, k)
    own = "it waits for a TICK of its own before "
    late = f"{own}the next update" if any_loop else ""
    late_add = f"{own}it adds again" if adds_late else silent
    behind_own = silent if adds_close(network, k) else "it waits for an event of its own"
    stages = ROW_STAGES + write_distance(core.neuron)
    short = "" if words > stages else f"words = {words}, stages = {stages + 1}"
    clear, cleared = clear_cycles(core) + 1, cleared_cycles(core)
    forward = [each for each in core.inputs if not each.backward]
    first_update = max(earliest(network, each.node) for each in forward)
    first_row = min(
        (max(earliest(network, before.node) for before in forward[: i + 1])
         for i, each in enumerate(forward) if each.memories), default=0,
    )  # fmt: skip
    early = "the sums" if clear > cleared else "the cores before it"
    early += " take longer to be cleared than its neurons"
    no_clear = early if any_loop and first_update >= cleared else ""
    no_wait = early if any_loop and max(clear - 1, first_update) >= cleared else ""
    no_row = "the cores before it take longer to be cleared" if first_row > clear else silent
    once = "" if core.neuron.counts_spikes else "max_spikes_per_step = 1"
    node = network.node_of(k)
    heard = bool(network.consumers(node)) or node in _sent(network)
    #: Why a flag is never seen.
    never = {
        "adding": silent, "full": short, "repeating": once, "update_waits": no_wait,
        "nothing": "" if any((each == 0).any() for each in lengths) else "every row has words",
        "later_part": "" if any(len(each.memories) > 1 for each in core.inputs)
        else "each input has one memory at most",
        "backward": "" if core.first_input else "no input is of the step before",
        "other_waits": "" if max(reads) > 1 else "nobody else reads its inputs",
        "stalled": "" if heard else "nobody reads its output",
        "ring_end": "" if core.slots > 1 else "the rings have one slot",
    }  # fmt: skip
    needs = {"emitting_spike": fires, "repeating": fires}

    def when(*names: str, but: Sequence[str] = ()) -> Callable[[Cycles], Bools]:
        return lambda c: c.flags(k, *names, but=but)

    def behind(name: str, before: str) -> Callable[[Cycles], Bools]:
        return lambda c: c.follows(k, name, before)

    def idle(c: Cycles) -> Bools:
        found: Bools = c.control[k] & ~STANDING == 0
        return found

    told = {
        "looked_up": "a row or an update in the first stage",
        "waiting": "a row or an update in the second stage",
        "update_waits": "an update waits for the one before, or for a clear",
        "nothing": "a row without words is passed over",
        "no_room": "nothing more can be looked up",
        "later_part": "a spike is looked up in another memory than the first",
        "backward": "spikes of the step before are read",
        "other_waits": "an event waits for another reader",
        "stalled": "the event at the output is held back",
        "ring_end": "the longest ring is at its last slot",
    }
    for name in ROW_FLAGS[len(CONTROL_FLAGS) :]:
        yield front(told[name], when(name), never.get(name, ""))
    yield front("both stages at once", when("looked_up", "waiting"))

    yield control("nothing to do", idle)
    yield control("a row right behind an update", behind("adding", "issuing"), behind_own)
    yield control("an update right behind a row", behind("starting", "adding"), silent)
    yield control("a row right behind a clear", behind("adding", "clearing"), no_row)
    yield control("adds during an update or a clear", when("adding", "updating"), silent)
    yield control("adds while words are queued", when("adding", "queued", but=["in_stages"]),
                  late_add)  # fmt: skip
    yield control("an update waits: words in its stages", when("pending", "in_stages"), no_clear)
    yield control("an update waits: words queued", when("pending", "queued", but=["in_stages"]),
                  late)  # fmt: skip
    drained = ["in_stages", "queued", "fetched"]
    yield control("an update waits: one held", when("pending", "held", but=drained), late)

    yield control("an update starts behind a TICK at the output",
                  when("starting", "emitting_tick"), late)  # fmt: skip
    yield control("every stage of the update holds a word", when("full"), short)
    few = "" if words > PLACES else f"words = {words}: none is held before all are written"
    yield control("words are held while others are in the stages", when("held", "in_stages"),
                  few, fires)  # fmt: skip
    few = never["stalled"] or ("" if words >= PLACES else f"words = {words}")
    yield control("a word waits in every place behind the stages",
                  when("queued", "fetched", "held", "stalled"), few, fires)  # fmt: skip
    yield control("the TICK of the update before waits, with words behind it",
                  when("queued", "emitting_tick"), late)  # fmt: skip
    yield control("an event is repeated", when("repeating"), once, fires)
    yield control("an event that is repeated waits", when("repeating", "stalled"),
                  once or never["stalled"], fires)  # fmt: skip
    reset = partial(CycleBin, f"{prefix}reset")
    yield reset("while nothing is to do", lambda c: c.rst & idle(c))

    def reset_in(name: str) -> Callable[[Cycles], Bools]:
        return lambda c: c.rst & c.flags(k, name)

    for name in ROW_FLAGS:
        said = told.get(name, name.replace("_", " "))
        yield reset(f"while {said}", reset_in(name), never.get(name, ""), needs.get(name))


def _sent(network: HardwareNetwork) -> list[int]:
    """The nodes of the outputs."""
    return [network.node_of(k) for k in network.outputs]


def output_bins(network: HardwareNetwork) -> Iterator[CycleBin]:
    """The bins of the outputs where there are several, one after the other in each step."""
    if len(network.outputs) == 1:
        return
    first = 0

    def sent(low: int, high: int) -> Callable[[Cycles], Any]:
        return lambda c: (c.events_out.passes & ~c.out_tick
                          & (c.out_address >= low) & (c.out_address < high))  # fmt: skip

    def swallowed(k: int, ready: int) -> Callable[[Cycles], Any]:
        return lambda c: (c.flags(k, "emitting_tick", but=["stalled"]) & ~c.rst
                          & (c.out_ready == ready))  # fmt: skip

    for k in network.outputs:
        core = network.cores[k]
        outputs = partial(CycleBin, "outputs")
        fires = fires_key(prefix_of(k))
        yield outputs(f"a spike of {core.name}", sent(first, first + core.n_neurons), needs=fires)
        first += core.n_neurons
        if k != network.outputs[-1]:
            yield outputs(f"the turn after {core.name}", swallowed(k, 1))
            yield outputs(f"the turn after {core.name}, though events_out waits", swallowed(k, 0))
