"""How the registers of a core stand to each other and to the ghosts, in every cycle.

This makes the claims of :mod:`fxlif.sim.prove.core_claims` inductive. All of it follows from two
counters. ``moves`` counts how far the pipeline of the update has gone since it started: the stage
at distance s from its beginning holds word ``moves - s``. ``slot`` counts the words of a row of
weights, and the stages behind it (``adding``, ``writing``) hold the words before. None of this is
assumed: each line is proved to hold always.
"""

from __future__ import annotations

from typing import Any

from ...cycles.pipeline import DISTANCE, STAGES, WRITE_DISTANCE
from ...cycles.signals import Inside, stage_valid, stage_word, step_name, totals_name
from ..tools.solver import z3
from . import golden
from .core_claims import CoreProof, read_address


def invariants(p: CoreProof) -> dict[str, Any]:
    """Name → formula over registers and ghosts."""
    return {**_control(p), **_emitter(p), **_row(p), **_contents(p)}


def updating(p: CoreProof) -> Any:
    """An update is under way, or its events are still being emitted."""
    return z3.Or(p.ghosts["moves"] < p.moves, p.on(Inside.TICK))


def _control(p: CoreProof) -> dict[str, Any]:
    g, idle = p.ghosts, p.moves
    at = {
        **{stage: p.number(stage_word(stage)) for stage in STAGES if stage != "issue"},
        "issue": p.number(read_address(p.net, Inside.STATES)),
    }
    idle_registers = (
        Inside.PENDING, Inside.ACTIVE, Inside.ADDING, Inside.WRITING, Inside.TICK, Inside.WAITING,
    )  # fmt: skip
    found = {
        "moves in range": z3.And(g["moves"] >= 0, g["moves"] <= idle),
        "TICKs inside": g["inside"]
        == p.number(Inside.PENDING) + z3.If(updating(p), p.const(1), p.const(0)),
        "in time": z3.And(
            g["waited"] >= 0,
            z3.If(
                g["inside"] > 0,
                g["waited"] + _time_left(p) <= p.patience,
                g["waited"] == 0,
            ),
        ),
        "clearing in range": z3.Implies(
            p.on(Inside.CLEARING), p.number(Inside.CLEAR_WORD) < p.words
        ),
        "nothing else while clearing": z3.Implies(
            p.on(Inside.CLEARING),
            z3.And(
                g["moves"] == idle,
                *(p.net[register] == 0 for register in idle_registers),
            ),
        ),
    }
    for stage, word in at.items():
        here = g["moves"] - DISTANCE[stage]
        inside = z3.And(here >= 0, here < p.words)
        found[f"stage {stage}"] = z3.And(
            p.on(stage_valid(stage)) == inside, z3.Implies(inside, word == here)
        )
    return found


def _time_left(p: CoreProof) -> Any:
    """Cycles of a ready output in which the oldest TICK leaves, whatever fires: an upper bound."""
    moves, total = p.ghosts["moves"], p.moves
    to_write = z3.If(moves > WRITE_DISTANCE, total - moves, p.const(p.words))
    waiting = [p.number(golden.lane(p.net[Inside.WAITING], lane, 1)) for lane in range(p.lanes)]
    under_way = total - moves + to_write * p.lanes + z3.Sum(waiting) + 1
    return z3.If(updating(p), under_way, p.const(p.patience))


def _emitter(p: CoreProof) -> dict[str, Any]:
    g, net = p.ghosts, p.net
    waiting, first = net[Inside.WAITING], (g["moves"] - WRITE_DISTANCE - 1) * p.lanes
    written = g["moves"] - WRITE_DISTANCE
    done = z3.If(written > 0, written, p.const(0))
    base, modulus = p.number(Inside.BASE), (1 << net[Inside.BASE].size()) - 1
    found = {
        "TICK after the last word": z3.Implies(p.on(Inside.TICK), g["moves"] == p.moves),
        "last spikes before the TICK": z3.Implies(
            z3.And(g["moves"] == p.moves, waiting != 0), p.on(Inside.TICK)
        ),
        "spikes of a written word": z3.Implies(waiting != 0, g["moves"] > WRITE_DISTANCE),
        "base of the emitter": z3.Implies(
            z3.Or(waiting != 0, p.on(Inside.TICK)), base == first & modulus
        ),
        "next base": z3.Implies(
            g["moves"] < p.moves, p.number(Inside.NEXT_BASE) == (done * p.lanes) & modulus
        ),
        "due are those waiting": g["due"]
        == z3.If(waiting != 0, golden.widen(waiting, p.set_bits, signed=False) << p.many(first),
                 z3.BitVecVal(0, p.set_bits)),
        "words done": g["done"]
        == z3.If(updating(p), p.one(done) - 1, z3.BitVecVal(0, p.set_bits)),
        "floor": z3.And(
            g["floor"] >= 0,
            z3.If(updating(p), g["floor"] <= done * p.lanes, g["floor"] == 0),
        ),
        "fillers are silent": z3.And(
            z3.Implies(g["moves"] == p.moves, waiting & p.filler == 0),
            z3.Implies(g["moves"] == p.moves - 1, net[Inside.SPIKE] & p.filler == 0),
        ),
    }  # fmt: skip
    for lane in range(p.lanes):
        found[f"floor below lane {lane}"] = z3.Implies(
            golden.lane(waiting, lane, 1) == 1, first + lane >= g["floor"]
        )
    return found


def _row(p: CoreProof) -> dict[str, Any]:
    """The stages of the integration: none meets the word of another."""
    g, words, last = p.ghosts, p.words, p.slots - 1
    active, adding, writing = p.on(Inside.ACTIVE), p.on(Inside.ADDING), p.on(Inside.WRITING)
    slot, added, written = (
        p.number(n) for n in (Inside.SLOT, Inside.ADDING_WORD, Inside.WRITING_WORD)
    )
    fresh = z3.Or(z3.Not(active), slot == 0)  # the row has just ended
    # Where the row is, one and two cycles after its last word was read.
    after_one = fresh if words == p.slots else z3.And(active, slot == words)
    after_two = fresh if words + 1 >= p.slots else z3.And(active, slot == words + 1)
    in_row = z3.And(active, slot == added + 1, g["row before"] == g["row"])
    pointer = p.number(Inside.WEIGHTS_ADDRESS)
    return {
        "row in range": z3.And(g["row"] >= 0, g["row"] < p.core.n_inputs, g["row before"] >= 0,
                               g["row before"] < p.core.n_inputs),
        "slot in range": z3.Implies(active, slot <= last),
        "pointer": z3.Implies(
            z3.And(active, slot < words), pointer == slot * p.core.n_inputs + g["row"]
        ),
        "a TICK ends the row": z3.Implies(p.on(Inside.PENDING), z3.Not(active)),
        "adding follows reading": z3.Implies(
            adding, z3.And(added < words, z3.Or(in_row, z3.And(added == last, fresh)))
        ),
        "the last word leaves reading": z3.Implies(
            z3.And(adding, added == words - 1), after_one
        ),
        "writing follows adding": z3.Implies(
            writing,
            z3.And(
                written < words,
                z3.If(
                    adding,
                    z3.Or(written + 1 == added, z3.And(written == last, added == 0)),
                    z3.And(written == words - 1, after_two),
                ),
            ),
        ),
        "writing across a start": z3.Implies(
            z3.And(writing, p.net[Inside.WRITING_BANK] != p.net[Inside.BANK]),
            z3.And(g["moves"] == 0, written == words - 1, words == p.slots),
        ),
    }  # fmt: skip


def _contents(p: CoreProof) -> dict[str, Any]:
    """What the memories hold for ``word``, what is on its way included."""
    g, net, word = p.ghosts, p.net, p.word
    bank = p.on(Inside.BANK)
    one_bank, other_bank = (p.read(totals_name(b)) for b in (0, 1))
    here = z3.If(bank, other_bank, one_bank)
    there = z3.If(bank, one_bank, other_bank)
    data = [net.read_data(totals_name(b)) for b in (0, 1)]
    data_here, data_there = z3.If(bank, data[1], data[0]), z3.If(bank, data[0], data[1])
    adding = z3.And(p.on(Inside.ADDING), p.number(Inside.ADDING_WORD) == word)
    writing = z3.And(p.on(Inside.WRITING), p.number(Inside.WRITING_WORD) == word)
    same_bank = net[Inside.WRITING_BANK] == net[Inside.BANK]
    weights = net.read_data(Inside.WEIGHTS)
    reading = z3.And(p.on(Inside.ACTIVE), p.number(Inside.SLOT) <= word)
    summed = z3.If(
        z3.And(writing, same_bank), net[Inside.RESULT],
        z3.If(adding, p.accumulated(data_here, weights), here),
    )  # fmt: skip
    summed = z3.If(reading, p.added(summed, g["row"]), summed)
    swept = z3.If(z3.And(writing, z3.Not(same_bank)), net[Inside.RESULT], there)
    cleared = z3.Not(z3.And(p.on(Inside.CLEARING), p.number(Inside.CLEAR_WORD) <= word))
    pending = p.on(Inside.PENDING)
    expected = z3.If(pending, z3.If(updating(p), g["mid"], g["old"]), g["new"])
    ahead = z3.And(updating(p), g["moves"] <= word + WRITE_DISTANCE)

    def in_stage(stage: str, formula: Any) -> Any:
        return z3.Implies(g["moves"] == word + DISTANCE[stage], formula)

    state, total = net.register(step_name(0, "state")), net.register(step_name(0, "current"))
    row_weights = p.read(Inside.WEIGHTS, word * p.core.n_inputs + g["row before"])
    found = {
        "new is 0 until events come": z3.Implies(
            z3.Or(p.on(Inside.CLEARING), pending), g["new"] == 0
        ),
        "sums of the open step": z3.Implies(cleared, summed == expected),
        "sums of the update": z3.Implies(cleared, swept == z3.If(ahead, g["old"], 0)),
        "read for adding": z3.Implies(adding, z3.And(data_here == here, weights == row_weights)),
        "states": z3.Implies(cleared, p.read(Inside.STATES) == g["state"]),
        "cleared is initial": z3.Implies(p.on(Inside.CLEARING), g["state"] == p.initial_state),
        "sums are read": in_stage("read", z3.And(updating(p), data_there == g["old"])),
        "states are read": in_stage("read", net.read_data(Inside.STATES) == g["state"]),
        "sums are stepped": in_stage("compute", total == g["old"]),
        "states are stepped": in_stage("compute", state == g["state"]),
        "steps are written": in_stage("write", net[Inside.WRITTEN] == p.states()),
        "spikes are written": in_stage("write", net[Inside.SPIKE] == p.fires()),
    }
    if p.core.v_thresholds is not None:
        mantissa = net.register(step_name(0, "threshold_mantissa"))
        held = p.read(Inside.THRESHOLDS)
        found["thresholds are read"] = in_stage("read", net.read_data(Inside.THRESHOLDS) == held)
        found["thresholds are stepped"] = in_stage("compute", mantissa == held)
    return found
