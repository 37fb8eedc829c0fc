"""The rules of :class:`~fxlif.sim.dut.reference.StreamReference` over a block of responses.

The same rules, compiled: what a core took is gathered first, the golden network answers it, and
the block is walked with the answers at hand.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, NamedTuple

import numpy as np

from ....compiled.jit import inline, njit
from ....cycles.control import NONE, Ints, Records, record
from ....cycles.latency import COUNTER_BITS
from ....hdl.interface import Field
from ....network.events import TICK
from ...dut.adapters.events import BREACHES
from ...dut.wrapper import COUNTERS
from ..compare import FIELD, Packed, get, row_of

#: What is read of a response; of width 0 what no port shows.
SIGNALS = (
    "rst", "events_in.valid", "events_in.ready", "events_in.payload.tick",
    "events_in.payload.address", "events_out.valid", "events_out.ready", "events_out.payload.tick",
    "events_out.payload.address", "trace.valid", "trace.index", *COUNTERS, *BREACHES,
)  # fmt: skip
#: Where the walk is: whether the outputs mean anything; whether the last cycle was in reset;
#: cycles without a transfer; whether something was on offer that was not taken; events of the step
#: under way, and unknown addresses among them; the totals of the counters; how many TICKs of the
#: block were taken; the owed events, from ``head`` to before ``tail`` of the answers; rows of
#: states that are there to be shown.
WALK = record(
    "known", "in_reset", "silent", "stalled", "pending", "unknown", "dropped", "saturated", "tick",
    "head", "tail", "rows",
)  # fmt: skip
#: What does not change.
RULES = record("inputs", "neurons", "patience", "trace")
#: The first difference: the signal, of :data:`SIGNALS` or after them a state variable of the trace,
#: and what it had to show.
WRONG = record("signal", "expected", "observed")
(RST, IN_VALID, IN_READY, IN_TICK, IN_ADDRESS, OUT_VALID, OUT_READY, OUT_TICK, OUT_ADDRESS,
 TRACE_VALID, TRACE_INDEX, DROPPED, SATURATED, BREACH) = range(14)  # fmt: skip
#: Counters of the golden network count modulo 2**32.
_COUNTER = (1 << COUNTER_BITS) - 1


class Wrong(NamedTuple):
    """The first difference of a block: its cycle, the signal, what it had to show and showed."""

    cycle: int
    signal: str
    expected: int
    observed: int


class Answers(NamedTuple):
    """The golden answers to what a block took, after those that are left of the blocks before.

    ``events`` (count,); ``ends`` (steps,): where those to each step end; ``states`` (rows,
    variables, n): the states after each step that the trace has not shown; ``saturated`` (steps,):
    the total after each step; ``spikes`` (steps,): how many of all populations.
    """

    events: Ints
    ends: Ints
    states: Ints
    saturated: Ints
    spikes: Ints


@inline
def seen(words: Packed, cycle: int, fields: Any, signal: int) -> Any:
    """What a signal shows; 0 where no port shows it."""
    field = fields[signal]
    if field["width"] == 0:
        return 0
    return get(words, cycle, field["offset"], field["width"], field["signed"])


@njit
def gather(words: Packed, fields: Records, known: int, events: Ints, cuts: Ints) -> tuple[int, int]:
    """Write the ``events`` that were taken, and as ``cuts`` how many were before each reset: how
    many of both. What comes before the outputs are ``known`` to mean something is not taken."""
    count = resets = in_reset = 0
    for cycle in range(len(words)):
        rst = seen(words, cycle, fields, RST)
        if rst or not known:
            known |= rst
            if not in_reset:
                cuts[resets] = count
                resets += 1
            in_reset = 1
            continue
        in_reset = 0
        if seen(words, cycle, fields, IN_VALID) and seen(words, cycle, fields, IN_READY):
            tick = seen(words, cycle, fields, IN_TICK)
            events[count] = TICK if tick else seen(words, cycle, fields, IN_ADDRESS)
            count += 1
    return count, resets


@inline
def differ(wrong: Any, signal: int, expected: int, observed: int) -> None:
    """Take down a difference, if it is the first."""
    if wrong["signal"] == NONE:
        wrong["signal"], wrong["expected"], wrong["observed"] = signal, expected, observed


@inline
def asked(words: Packed, cycle: int, fields: Any, signal: int, due: int, wrong: Any) -> int:
    """Ask a signal for what it must show; how many comparisons that were."""
    if fields[signal]["width"] == 0:
        return 0
    found = seen(words, cycle, fields, signal)
    if found != due:
        differ(wrong, signal, due, found)
    return 1


@njit
def walk(
    words: Packed, fields: Records, variables: Records, rule: Records, now: Records, shown: Ints,
    events: Ints, ends: Ints, states: Ints, saturated: Ints, spikes: Ints, counts: Records,
    wrong: Records,
) -> None:  # fmt: skip
    """Compare the responses of a block with the rules and the :class:`Answers`, and add to
    ``counts`` (1,) of COUNTS, up to the first cycle that differs.

    ``fields`` (signals,) and ``variables`` (state variables of the trace,) of FIELD; ``rule``
    (1,) of RULES; ``now`` (1,) of WALK; ``shown`` (n,): the next row of each neuron.
    """
    rules, at, count, first = rule[0], now[0], counts[0], wrong[0]
    for cycle in range(len(words)):
        rst = seen(words, cycle, fields, RST)
        if rst and not at["in_reset"]:
            count["resets"] += 1
        at["in_reset"] = rst
        if rst or not at["known"]:
            at["known"] |= rst
            at["silent"] = at["stalled"] = at["pending"] = at["unknown"] = 0
            at["dropped"] = at["saturated"] = 0
            at["head"] = at["tail"]
            for neuron in range(rules["neurons"]):
                shown[neuron] = at["rows"]
            continue
        compared = 0
        if at["head"] == at["tail"] and at["pending"] == 0:
            for signal in (DROPPED, SATURATED):
                total = at["dropped"] if signal == DROPPED else at["saturated"]
                width = fields[signal]["width"]
                due = min(total, (1 << width) - 1)
                compared += asked(words, cycle, fields, signal, due, first)
        offered = seen(words, cycle, fields, IN_VALID)
        taken = offered and seen(words, cycle, fields, IN_READY)
        valid = seen(words, cycle, fields, OUT_VALID)
        held = seen(words, cycle, fields, OUT_READY) == 0
        if taken:
            count["taken"] += 1
            if seen(words, cycle, fields, IN_TICK):
                count["steps"] += 1
                count["fired"] += spikes[at["tick"]]
                at["tail"] = ends[at["tick"]]
                at["saturated"] = saturated[at["tick"]]
                at["dropped"] = (at["dropped"] + at["unknown"]) & _COUNTER
                at["pending"] = at["unknown"] = 0
                at["tick"] += 1
                at["rows"] += 1
            else:
                at["pending"] += 1
                at["unknown"] += seen(words, cycle, fields, IN_ADDRESS) >= rules["inputs"]
        owed = at["head"] < at["tail"]
        at["silent"] += 1
        if taken or valid or (not owed and (not offered or taken)):
            at["silent"] = 0
        stuck = at["silent"] > rules["patience"]
        for breach in range(BREACH, len(fields)):
            compared += asked(words, cycle, fields, breach, 0, first)
        if stuck and not owed:
            compared += asked(words, cycle, fields, IN_READY, 1, first)
        if not owed:
            compared += asked(words, cycle, fields, OUT_VALID, 0, first)
        elif at["stalled"] or stuck:
            compared += asked(words, cycle, fields, OUT_VALID, 1, first)
        if valid and owed:
            event = events[at["head"]]
            compared += asked(words, cycle, fields, OUT_TICK, event == TICK, first)
            if event != TICK:
                compared += asked(words, cycle, fields, OUT_ADDRESS, event, first)
        at["stalled"] = owed and valid and held
        if valid and not held:
            count["given"] += 1
            at["head"] += owed
        if rules["trace"] and seen(words, cycle, fields, TRACE_VALID):
            index = seen(words, cycle, fields, TRACE_INDEX)
            compared += 1
            if not 0 <= index < rules["neurons"] or shown[index] >= at["rows"]:
                differ(first, TRACE_VALID, 0, 1)
            else:
                row = shown[index]
                shown[index] += 1
                for k in range(len(variables)):
                    field = variables[k]
                    found = get(words, cycle, field["offset"], field["width"], field["signed"])
                    compared += 1
                    if found != states[row, k, index]:
                        differ(first, len(fields) + k, states[row, k, index], found)
        count["comparisons"] += compared
        if first["signal"] != NONE:
            count["first"] = cycle
            return


def fields_of(response: Mapping[str, Field], shown: Collection[str]) -> Records:
    """Where the :data:`SIGNALS` stand, (signals,) of FIELD: the inputs, and what is ``shown``."""
    rows = [
        row_of(response[name])
        if name in response and (name in shown or f"{name}.unknown" not in response)
        else (0, 0, False)
        for name in SIGNALS
    ]
    return np.array(rows, dtype=FIELD)
