"""Theorem 4, the proof: how the registers of a core stand to each other and to the ghosts.

Everything follows from two clocks. ``moves`` counts how far the pipeline of the sweep has gone
since it started: the stage at distance s from its beginning holds word ``moves - s``. ``slot``
counts the words of a row of weights, and the stages behind it (``adding``, ``writing``) hold the
words before. None of this is assumed: each line is proved to hold always.
"""

from __future__ import annotations

from typing import Any

from ..tools.solver import z3
from . import bitvectors
from .core_claims import CoreProof, packed, read_address
from .sums import read_data
from .transition import driver_of


def invariants(p: CoreProof) -> dict[str, Any]:
    """Name → formula over registers and ghosts."""
    return {**_control(p), **_emitter(p), **_row(p), **_contents(p)}


def sweeping(p: CoreProof) -> Any:
    """A sweep is under way, or its events are still being emitted."""
    return z3.Or(p.ghosts["moves"] < p.words + 3, p.on("tick"))


def _control(p: CoreProof) -> dict[str, Any]:
    g, idle = p.ghosts, p.words + 3
    at = {
        "issue": p.number(read_address(p.net, "states")),
        **{stage: p.number(f"{stage}_word") for stage in ("read", "compute", "write")},
    }
    found = {
        "moves in range": z3.And(g["moves"] >= 0, g["moves"] <= idle),
        "TICKs inside": g["inside"]
        == p.number("pending") + z3.If(sweeping(p), p.const(1), p.const(0)),
        "in time": z3.And(
            g["waited"] >= 0,
            z3.If(
                g["inside"] > 0,
                g["waited"] + _time_left(p) <= p.patience,
                g["waited"] == 0,
            ),
        ),
        "clearing in range": z3.Implies(p.on("clearing"), p.number("clear_word") < p.words),
        "nothing else while clearing": z3.Implies(
            p.on("clearing"),
            z3.And(
                g["moves"] == idle,
                *(p.net[r] == 0 for r in ("pending", "active", "adding", "writing", "tick")),
                p.net["waiting"] == 0,
            ),
        ),
    }
    for distance, (stage, word) in enumerate(at.items()):
        here = g["moves"] - distance
        inside = z3.And(here >= 0, here < p.words)
        found[f"stage {stage}"] = z3.And(
            p.on(f"{stage}_valid") == inside, z3.Implies(inside, word == here)
        )
    return found


def _time_left(p: CoreProof) -> Any:
    """Cycles of a ready output in which the oldest TICK leaves, whatever fires: an upper bound."""
    moves, total = p.ghosts["moves"], p.words + 3
    to_write = z3.If(moves > 3, total - moves, p.const(p.words))
    waiting = [p.number(bitvectors.lane(p.net["waiting"], lane, 1)) for lane in range(p.lanes)]
    under_way = total - moves + to_write * p.lanes + z3.Sum(waiting) + 1
    return z3.If(sweeping(p), under_way, p.const(p.patience))


def _emitter(p: CoreProof) -> dict[str, Any]:
    g, net = p.ghosts, p.net
    waiting, first = net["waiting"], (g["moves"] - 4) * p.lanes
    written = g["moves"] - 3
    done = z3.If(written > 0, written, p.const(0))
    base, modulus = p.number("base"), (1 << net["base"].size()) - 1
    found = {
        "TICK after the last word": z3.Implies(p.on("tick"), g["moves"] == p.words + 3),
        "last spikes before the TICK": z3.Implies(
            z3.And(g["moves"] == p.words + 3, waiting != 0), p.on("tick")
        ),
        "spikes of a written word": z3.Implies(waiting != 0, g["moves"] >= 4),
        "base of the emitter": z3.Implies(
            z3.Or(waiting != 0, p.on("tick")), base == first & modulus
        ),
        "next base": z3.Implies(
            g["moves"] < p.words + 3, p.number("next_base") == (done * p.lanes) & modulus
        ),
        "due are those waiting": g["due"]
        == z3.If(waiting != 0, bitvectors.widen(waiting, p.set_bits, signed=False) << p.many(first),
                 z3.BitVecVal(0, p.set_bits)),
        "words done": g["done"]
        == z3.If(sweeping(p), p.one(done) - 1, z3.BitVecVal(0, p.set_bits)),
        "floor": z3.And(
            g["floor"] >= 0,
            z3.If(sweeping(p), g["floor"] <= done * p.lanes, g["floor"] == 0),
        ),
        "fillers are silent": z3.And(
            z3.Implies(g["moves"] == p.words + 3, waiting & p.filler == 0),
            z3.Implies(g["moves"] == p.words + 2, net["spike"] & p.filler == 0),
        ),
    }  # fmt: skip
    for lane in range(p.lanes):
        found[f"floor below lane {lane}"] = z3.Implies(
            bitvectors.lane(waiting, lane, 1) == 1, first + lane >= g["floor"]
        )
    return found


def _row(p: CoreProof) -> dict[str, Any]:
    """The stages of the integration: none meets the word of another."""
    g, words, last = p.ghosts, p.words, p.slots - 1
    active, adding, writing = p.on("active"), p.on("adding"), p.on("writing")
    slot, added, written = (p.number(n) for n in ("slot", "adding_word", "writing_word"))
    fresh = z3.Or(z3.Not(active), slot == 0)  # the row has just ended
    # Where the row is, one and two cycles after its last word was read.
    after_one = fresh if words == p.slots else z3.And(active, slot == words)
    after_two = fresh if words + 1 >= p.slots else z3.And(active, slot == words + 1)
    in_row = z3.And(active, slot == added + 1, g["row before"] == g["row"])
    pointer = p.number("weights__addr")
    return {
        "row in range": z3.And(g["row"] >= 0, g["row"] < p.core.n_inputs, g["row before"] >= 0,
                               g["row before"] < p.core.n_inputs),
        "slot in range": z3.Implies(active, slot <= last),
        "pointer": z3.Implies(
            z3.And(active, slot < words), pointer == slot * p.core.n_inputs + g["row"]
        ),
        "a TICK ends the row": z3.Implies(p.on("pending"), z3.Not(active)),
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
            z3.And(writing, p.net["writing_bank"] != p.net["bank"]),
            z3.And(g["moves"] == 0, written == words - 1, words == p.slots),
        ),
    }  # fmt: skip


def _contents(p: CoreProof) -> dict[str, Any]:
    """What the memories hold for ``word``, what is on its way included."""
    g, net, word, words = p.ghosts, p.net, p.word, p.words
    bank = p.on("bank")
    one_bank, other_bank = (p.read(f"totals_{b}") for b in (0, 1))
    here = z3.If(bank, other_bank, one_bank)
    there = z3.If(bank, one_bank, other_bank)
    data = [read_data(net, f"totals_{b}") for b in (0, 1)]
    data_here, data_there = z3.If(bank, data[1], data[0]), z3.If(bank, data[0], data[1])
    adding = z3.And(p.on("adding"), p.number("adding_word") == word)
    writing = z3.And(p.on("writing"), p.number("writing_word") == word)
    same_bank = net["writing_bank"] == net["bank"]
    weights = read_data(net, "weights")
    reading = z3.And(p.on("active"), p.number("slot") <= word)
    summed = z3.If(
        z3.And(writing, same_bank), net["result"],
        z3.If(adding, p.accumulated(data_here, weights), here),
    )  # fmt: skip
    summed = z3.If(reading, p.added(summed, g["row"]), summed)
    swept = z3.If(z3.And(writing, z3.Not(same_bank)), net["result"], there)
    cleared = z3.Not(z3.And(p.on("clearing"), p.number("clear_word") <= word))
    pending = p.on("pending")
    expected = z3.If(pending, z3.If(sweeping(p), g["mid"], g["old"]), g["new"])
    ahead = z3.And(sweeping(p), g["moves"] <= word + 3)

    def stage(distance: int, formula: Any) -> Any:
        return z3.Implies(g["moves"] == word + distance, formula)

    stepped = packed([p.stepped("next_state", lane) for lane in range(p.lanes)])
    last = word == words - 1
    fires = []
    for lane in range(p.lanes):
        fire = p.stepped("spike", lane)
        fires.append(z3.If(last, z3.BitVecVal(0, 1), fire) if p.filler >> lane & 1 else fire)
    state, total = driver_of(net, "step_0.state"), driver_of(net, "step_0.current")
    row_weights = p.read("weights", word * p.core.n_inputs + g["row before"])
    found = {
        "new is 0 until events come": z3.Implies(z3.Or(p.on("clearing"), pending), g["new"] == 0),
        "sums of the open step": z3.Implies(cleared, summed == expected),
        "sums of the sweep": z3.Implies(cleared, swept == z3.If(ahead, g["old"], 0)),
        "read for adding": z3.Implies(adding, z3.And(data_here == here, weights == row_weights)),
        "states": z3.Implies(cleared, p.read("states") == g["state"]),
        "cleared is initial": z3.Implies(p.on("clearing"), g["state"] == p.initial_state),
        "sums are read": stage(1, z3.And(sweeping(p), data_there == g["old"])),
        "states are read": stage(1, read_data(net, "states") == g["state"]),
        "sums are stepped": stage(2, total == g["old"]),
        "states are stepped": stage(2, state == g["state"]),
        "steps are written": stage(3, net["written"] == stepped),
        "spikes are written": stage(3, net["spike"] == packed(fires)),
    }
    if p.core.v_thresholds is not None:
        mantissa = driver_of(net, "step_0.threshold_mantissa")
        held = p.read("thresholds")
        found["thresholds are read"] = stage(1, read_data(net, "thresholds") == held)
        found["thresholds are stepped"] = stage(2, mantissa == held)
    return found
