"""The control of a network of nodes, one clock edge after the other, as plain integer code.

:mod:`fxlif.cycles.row_model` says what it does and keeps its values; numba compiles it where it is
installed. What a core has in common with one of a chain is that of :mod:`fxlif.cycles.control`.
"""

from __future__ import annotations

from typing import NamedTuple

from ..compiled.jit import inline, njit
from .chain import Access, clock_ports, offer_accesses, reset_ports, take_offers
from .control import (
    ADD,
    CLEAR,
    CLIPS_BITS,
    CLIPS_OLDEST,
    CLIPS_YOUNGER,
    CONTROL,
    CONTROL_FLAGS,
    HIGHEST,
    IDLE_ISSUE,
    LOWEST,
    NONE,
    UPDATE,
    Block,
    Chain,
    CompiledSteps,
    Driven,
    Ints,
    Record,
    Records,
    compiled_update,
    control_flags,
    emit,
    offer,
    record,
    show_trace,
    write,
)
from .latency import ROW_STAGES

#: Stands for an update among the rows that are looked up.
UPDATE_ROW = -2
#: ``early_clips`` has CLIPS_BITS for each of the stages before those of ``clips``.

#: What a core is, as :data:`~fxlif.cycles.control.CORE`; ``write_distance`` is counted from issue.
#: ``clear_slots``: of a clear, of which the last pass begins with slot ``clear_from``.
#: ``ring_mask``: of the longest ring. Its ``inputs`` and ``accumulators`` begin in their tables at
#: ``inputs_at`` and ``accumulators_at``; ``node``: its own. An operation takes ``least_slots``.
ROW_CORE = record(
    "n_neurons", "words", "lanes", "write_distance", "counter_mask", "lfsr_mask",
    "spikes_at", "queue_at", "history_at", "variables",
    "clear_slots", "clear_from", "ring_mask", "node", "n_events", "first_input",
    "inputs", "inputs_at", "accumulators", "accumulators_at", "least_slots", "room", "arrived_at",
    "by_rule",
)  # fmt: skip

#: Where a core is, beside what :data:`~fxlif.cycles.control.CONTROL` says; ``row`` is the place of
#: the next weight, or the first one of an event that acts by itself. ``length``: the slots of the
#: operation under way, ``accumulator`` what it adds to. ``base``: the slot of the rings that is
#: this step's, and what it was at the last update, ``update_base``. Front: the ``input`` that is
#: read, the ``part`` of it; ``looked_up`` and ``waiting``: the rows in the two stages, UPDATE_ROW
#: or NONE. In this cycle: ``takes`` what waits, has ``room`` for one more. ``begun``: of the input
#: that is read something was looked up, or found it ready, and its TICK did not move yet.
#: ``early_clips``: those of the cycles before ``clips``.
ROW_CONTROL = record(
    *(CONTROL.names or ()),
    "length", "accumulator", "base", "update_base", "input", "part", "looked_up", "waiting",
    "takes", "room", "begun", "early_clips",
)  # fmt: skip

EARLY_OLDEST = (ROW_STAGES - 1) * CLIPS_BITS
EARLY_YOUNGER = (1 << EARLY_OLDEST) - 1

#: An input of a core: the node whose stream it reads, whether of the step before; its ``memories``
#: begin at ``memories_at``, and a SPIKE takes so many ``parts``.
ROW_INPUT = record("node", "backward", "memories", "memories_at", "parts")
#: The synapses of a projection: rows ``first`` .. ``first + n_pre - 1`` of its input begin in the
#: table of rows at ``rows_at``.
ROW_MEMORY = record("first", "n_pre", "rows_at")
#: A row of synapses: where its weights begin, how many words, and what they are added to.
ROW = record("weights_at", "length", "accumulator")
#: An accumulator: where its totals begin, how many these are, those of one slot of the ring, which
#: slots there are, the ends of a total, and its shift.
ACCUMULATOR = record("totals_at", "ring", "size", "mask", "low", "high", "shift")
#: A node: what its stream shows; how many consumers it has, and how many of them are not ready.
NODE = record("valid", "address", "tick", "consumers", "unready")
#: A regular source and where it is: see :class:`fxlif.layout.RegularNode`.
REGULAR = record("node", "n", "interval", "entries_at", "place", "count", "fresh")
#: An output: its node and the address of its first neuron.
OUTPUT = record("node", "first")

#: What the control of a core is doing: bit by bit what CONTROL_FLAGS say, with an update that waits
#: in the front for ``pending``, and for ``in_stages`` and ``full`` a clear's last pass alone; then:
#: ``looked_up``, ``waiting``: a row or an update is in the first and the second stage of the front.
#: ``update_waits``: it would be issued, were the one before over. ``nothing``: a row without
#: synapses is passed over. ``no_room``: nothing can be looked up. ``later_part``: a SPIKE is looked
#: up in another memory than the first of its input. ``backward``: the input read is of the step
#: before. ``other_waits``: an event could move, but for another consumer. ``stalled``: the event at
#: the output does not move. ``ring_end``: the longest ring is at its last slot.
ROW_FLAGS = (
    *CONTROL_FLAGS,
    "looked_up", "waiting", "update_waits", "nothing", "no_room", "later_part", "backward",
    "other_waits", "stalled", "ring_end",
)  # fmt: skip
OWN_FLAGS = len(CONTROL_FLAGS)


class Graph(NamedTuple):
    """What joins the cores, and what they add: tables of the records above.

    ``turn`` (1,): which output is being sent. ``targets``: of each weight, the place of its total,
    counted from the base of its ring. ``phases`` and ``indices``: the entries of regular sources.
    ``arrived``: the rows of events that act one by one, as :func:`fxlif.cycles.chain.run_chain`.
    """

    inputs: Records
    memories: Records
    rows: Records
    accumulators: Records
    targets: Ints
    nodes: Records
    regular: Records
    phases: Ints
    indices: Ints
    outputs: Records
    turn: Ints
    arrived: Ints


@inline
def show_front(core: Record, now: Record, graph: Graph) -> None:
    """Whether a core takes what waits in its front, and is ready for an event of its input."""
    free = now["op"] == IDLE_ISSUE or now["slot"] == now["length"] - 1
    waiting = now["waiting"]
    stays = waiting == UPDATE_ROW and now["updating"]
    now["takes"] = waiting != NONE and free and not stays
    now["room"] = now["looked_up"] == NONE or waiting == NONE or now["takes"]
    parts = graph.inputs[core["inputs_at"] + now["input"]]["parts"]
    now["ready"] = now["room"] and now["part"] == parts - 1
    now["pending"] = waiting == UPDATE_ROW or now["looked_up"] == UPDATE_ROW


@inline
def show_row_ports(config: Records, control: Records, access: Access, cycle: int) -> None:
    """What the ports show; a core that one of them holds between two steps, where it has read all
    of the step before, looks nothing up."""
    for each in range(len(access.ports)):
        port, shown = access.ports[each], access.shown[each, cycle]
        ready, k = port["asked"] != 0, port["waits"]
        if ready and k >= 0:
            now = control[k]
            stands = now["input"] == config[k]["first_input"] and now["begun"] == 0
            empty = now["looked_up"] == NONE and now["waiting"] == NONE
            ready = stands and empty and now["op"] == IDLE_ISSUE and now["updating"] == 0
            if stands:
                now["ready"] = now["room"] = 0
        shown["ready"] = ready
        shown["missed"] = port["missed"]


@inline
def row_flags(core: Record, now: Record, graph: Graph) -> int:
    """What the control is doing, as bits in the order of ROW_FLAGS."""
    read = graph.inputs[core["inputs_at"] + now["input"]]
    source, own = graph.nodes[read["node"]], graph.nodes[core["node"]]
    waiting = now["waiting"]
    flags = now["looked_up"] != NONE
    flags |= (waiting != NONE) << 1
    free = now["op"] == IDLE_ISSUE or now["slot"] == now["length"] - 1
    flags |= (waiting == UPDATE_ROW and free and now["updating"] != 0) << 2
    if now["takes"] and waiting != UPDATE_ROW:
        flags |= (graph.rows[waiting]["length"] == 0) << 3
    flags |= (not now["room"]) << 4 | (now["part"] > 0) << 5 | read["backward"] << 6
    flags |= (source["valid"] and now["ready"] and source["unready"] > 0) << 7
    flags |= (own["valid"] and own["unready"] > 0) << 8
    flags |= (core["ring_mask"] > 0 and now["base"] == core["ring_mask"]) << 9
    return int(control_flags(core, now) | flags << OWN_FLAGS)


@inline
def add_row_word(core: Record, now: Record, chain: Chain, graph: Graph, trace: Record) -> int:
    """Add the word of weights that is issued to the totals; how many additions saturated."""
    sums = graph.accumulators[now["accumulator"]]
    # Out of the tables once: what is written might be in them, for all that the compiler knows.
    totals, weights, targets = chain.totals, chain.weights, graph.targets
    ring, low, high = sums["ring"], sums["low"], sums["high"]
    start = sums["totals_at"] + (now["base"] & sums["mask"]) * sums["size"]
    end = sums["totals_at"] + ring
    clipped = ends = 0
    first, behind = now["row"], now["row"] + core["lanes"]
    now["row"] = behind
    for at in range(first, behind):
        place = start + targets[at]
        if place >= end:
            place -= ring
        total = totals[place] + weights[at]
        if total < low or total > high:
            clipped += 1
            ends |= LOWEST if total < low else HIGHEST
            total = min(max(total, low), high)
        totals[place] = total
    trace["word"], trace["ends"] = first, ends
    return clipped


@inline
def take(core: Record, now: Record, graph: Graph) -> None:
    """Issue what waits in the front."""
    if now["waiting"] == UPDATE_ROW:
        now["op"], now["slot"] = UPDATE, 0
        now["length"] = max(core["words"], core["least_slots"])
        now["age"], now["updating"] = 0, 1
    else:
        row = graph.rows[now["waiting"]]
        if row["length"]:
            now["op"], now["slot"] = ADD, 0
            now["length"] = max(row["length"], core["least_slots"])
            now["row"], now["accumulator"] = row["weights_at"], row["accumulator"]
    now["waiting"] = NONE


@inline
def look_up(core: Record, now: Record, graph: Graph) -> None:
    """One clock edge of the front with an event of its input, which moves with its last part."""
    read = graph.inputs[core["inputs_at"] + now["input"]]
    source = graph.nodes[read["node"]]
    last = now["part"] == read["parts"] - 1
    if last and source["unready"]:
        now["begun"] = 1  # it is not withdrawn from the others
        return
    now["begun"] = not (last and source["tick"])
    if not source["tick"]:
        address = source["address"]
        if now["part"] < read["memories"]:
            memory = graph.memories[read["memories_at"] + now["part"]]
            row = address - memory["first"]
            if 0 <= row < memory["n_pre"]:
                now["looked_up"] = memory["rows_at"] + row
        if last and read["node"] == 0 and address >= core["n_events"]:
            now["unknown"] = 1
    elif last:
        now["input"] += 1
        if now["input"] == core["inputs"]:
            now["looked_up"], now["input"] = UPDATE_ROW, 0
    now["part"] = 0 if last else now["part"] + 1


@inline
def clock_row(chain: Chain, graph: Graph, core: Record, now: Record, trace: Record) -> None:
    """One clock edge of a core out of reset."""
    if now["op"] == UPDATE and now["slot"] == 0:
        now["update_due"], now["update_base"] = 1, now["base"]
    if now["unknown"]:
        now["dropped"] = (now["dropped"] + 1) & core["counter_mask"]
        now["unknown"] = 0
    if now["clips"] | now["early_clips"]:
        counted = now["clips"] >> CLIPS_OLDEST
        now["saturated"] = (now["saturated"] + counted) & core["counter_mask"]
        now["clips"] = (now["clips"] & CLIPS_YOUNGER) << CLIPS_BITS
        now["clips"] |= now["early_clips"] >> EARLY_OLDEST
        now["early_clips"] = (now["early_clips"] & EARLY_YOUNGER) << CLIPS_BITS
    if now["shown"] != NONE or now["pushed"]:
        emit(core, now, chain.spikes, chain.queue, not graph.nodes[core["node"]]["unready"])
    if now["age"] != NONE:
        write(core, now, chain.spikes, chain.queue)
    if now["op"]:
        if now["op"] == ADD:
            if core["room"] == 0:
                now["early_clips"] |= add_row_word(core, now, chain, graph, trace)
            else:
                word = now["row"] + now["slot"] * core["lanes"]
                trace["word"] = word if now["slot"] < core["words"] else NONE
            if core["room"] and now["slot"] == 0:
                graph.arrived[core["arrived_at"] + now["arrived"]] = now["row"]
                now["arrived"] += 1
                now["update_due"] = 2 * (now["arrived"] == core["room"])
        now["slot"] += 1
        if now["slot"] == now["length"]:
            if now["op"] == UPDATE:
                now["base"] = (now["base"] + 1) & core["ring_mask"]
            now["op"] = IDLE_ISSUE
        elif now["op"] == CLEAR and now["slot"] == core["clear_from"]:
            now["age"] = 0
    if now["takes"]:
        take(core, now, graph)
    if now["waiting"] == NONE:
        now["waiting"], now["looked_up"] = now["looked_up"], NONE
    if now["room"] and graph.nodes[graph.inputs[core["inputs_at"] + now["input"]]["node"]]["valid"]:
        look_up(core, now, graph)


@inline
def clock_regular(graph: Graph, source: Record) -> None:
    """One clock edge of a regular source out of reset."""
    shown = graph.nodes[source["node"]]
    if shown["unready"] == 0:
        shown["valid"] = 0
    if not source["fresh"]:
        source["fresh"] = 1
    elif not shown["valid"]:
        place = source["entries_at"] + source["place"]
        shown["valid"] = 1
        if source["place"] < source["n"] and graph.phases[place] == source["count"]:
            shown["address"], shown["tick"] = graph.indices[place], 0
            source["place"] += 1
            source["fresh"] = 0
        else:
            shown["address"], shown["tick"] = 0, 1
            source["count"] += 1
            if source["count"] == source["interval"]:
                source["count"] = source["place"] = source["fresh"] = 0


@njit
def sum_totals(totals: Ints, currents: Ints, graph: Graph, core: Record, now: Record) -> None:
    """The currents of an update, (neurons of all lanes,); the totals that it takes are 0 again."""
    currents[:] = 0
    first = core["accumulators_at"]
    for k in range(first, first + core["accumulators"]):
        sums = graph.accumulators[k]
        at = sums["totals_at"] + (now["update_base"] & sums["mask"]) * sums["size"]
        for i in range(sums["size"]):
            currents[i] += totals[at + i] << sums["shift"]
            totals[at + i] = 0


@njit
def reset_row(chain: Chain, graph: Graph, core: Record, k: int) -> None:
    """Bring core ``k`` into its state after a reset; the values that it showed stay to be seen."""
    now = chain.control[k]
    update = now["update"]
    chain.control[k] = chain.after_reset[k]
    now["update"] = update
    first = core["accumulators_at"]
    for number in range(first, first + core["accumulators"]):
        sums = graph.accumulators[number]
        for at in range(sums["totals_at"], sums["totals_at"] + sums["ring"]):
            chain.totals[at] = 0


@inline
def merge(graph: Graph, stream: Record, ready: int) -> None:
    """What the output shows; the output whose turn it is is ready, or it is not."""
    output = graph.outputs[graph.turn[0]]
    node = graph.nodes[output["node"]]
    inner = node["tick"] and graph.turn[0] + 1 < len(graph.outputs)
    stream["out_valid"] = node["valid"] and node["unready"] == 1 and not inner
    stream["out_tick"] = node["tick"]
    stream["out_address"] = 0 if node["tick"] else output["first"] + node["address"]
    if ready or inner:
        node["unready"] -= 1


@njit
def run_graph(
    block: Block, chain: Chain, graph: Graph, first: int, driven: Driven | None,
    steps: CompiledSteps | None, access: Access,
) -> int:  # fmt: skip
    """Run from cycle ``first`` to the end, or until a core needs the values of a new update, or
    something is written or read; as :func:`fxlif.cycles.chain.run_chain`. Where nothing can be,
    ``access`` has no ports."""
    config, control, nodes = block.config, chain.control, graph.nodes
    cores = len(config)
    for cycle in range(first, len(block.inputs)):
        shown, stream = block.inputs[cycle], block.streams[cycle]
        if driven is not None:
            offer(driven, driven.flags[cycle], shown)
        for number in range(len(nodes)):
            nodes[number]["unready"] = nodes[number]["consumers"]
        nodes[0]["valid"], nodes[0]["address"] = shown["in_valid"], shown["in_address"]
        nodes[0]["tick"] = shown["in_tick"]
        for k in range(cores):
            show_front(config[k], control[k], graph)
        if driven is not None:
            offer_accesses(access, driven.state[0], cycle)
        show_row_ports(config, control, access, cycle)
        if driven is not None:
            take_offers(access, cycle)
        for k in range(cores):
            core, now = config[k], control[k]
            own = nodes[core["node"]]
            own["valid"] = now["shown"] != NONE
            own["address"], own["tick"] = now["out_address"], now["out_tick"]
            if now["ready"]:
                nodes[graph.inputs[core["inputs_at"] + now["input"]]["node"]]["unready"] -= 1
        merge(graph, stream, shown["out_ready"])
        stream["in_ready"] = nodes[0]["unready"] == 0
        for k in range(cores):
            flags = row_flags(config[k], control[k], graph)
            show_trace(config[k], control[k], block.traces[k, cycle], flags)
        if driven is not None and shown["in_valid"] and stream["in_ready"]:
            driven.state[0]["holds"] = 0
        if shown["rst"]:
            for k in range(cores):
                reset_row(chain, graph, config[k], k)
            for number in range(len(graph.regular)):
                source = graph.regular[number]
                source["place"] = source["count"] = source["fresh"] = 0
                nodes[source["node"]]["valid"] = 0
            graph.turn[0] = 0
            reset_ports(access)
            continue
        due = clock_ports(access, cycle, config[0]["counter_mask"])
        for k in range(cores):
            core, now = config[k], control[k]
            clock_row(chain, graph, core, now, block.traces[k, cycle])
            if now["update_due"]:
                if steps is not None and core["room"] == 0 and not core["by_rule"]:
                    at = core["spikes_at"]
                    size = core["words"] * core["lanes"]
                    sum_totals(chain.totals, steps.currents[at : at + size], graph, core, now)
                    compiled_update(block, chain, steps, core, now, k)
                due += now["update_due"]
        output = nodes[graph.outputs[graph.turn[0]]["node"]]
        if output["valid"] and output["tick"] and not output["unready"]:
            graph.turn[0] = (graph.turn[0] + 1) % len(graph.outputs)
        for number in range(len(graph.regular)):
            clock_regular(graph, graph.regular[number])
        if due:
            return cycle + 1
    return len(block.inputs)
