"""The one table of what random stimulus draws, and how often: every bench and every run reads it.

It names lengths, not chances per cycle: a chance of 0.9 per cycle would hold back for 256 cycles
once in 10^12. A *tail* has no usual length: it doubles as often as a coin shows heads, so that
lengths of every order of magnitude take the same share of the cycles. No length is drawn beyond a
share of the cycles that went before, so a short run still sees a bit of everything.
"""

from __future__ import annotations

import numpy as np

#: A length of 0 is no run at all, a negative one a tail that begins with its size.
NONE, ONE, FEW = (0,), (1,), (1, 2, 3, 16)
#: Runs of cycles that are as long as if each ended by chance: once in 2 or in 10 cycles.
MEAN_2 = (1, 1, 1, 1, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 4, 5)
MEAN_10 = (1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 34)

#: How an agent holds back for a while: for how many cycles, for how many not, and how often it
#: does so, of the sum of all. Where one of the two is no run, the other is a single one.
HOLDING = {
    "full speed": (NONE, (256, 512, -512, -512), 3),
    "rarely": (ONE, MEAN_10, 6),
    "evenly": (MEAN_2, MEAN_2, 6),
    "mostly": (MEAN_10, ONE, 3),
    "alternating": (ONE, ONE, 2),
    "bursts": (FEW, (16, 64, 256), 2),
    "famine": ((16, 16, 64), ONE, 2),
    "blockage": ((-256,), NONE, 1),
}
#: Cycles for which it goes on like this.
PHASES = (16, 64, 256, 512)
#: The longest run, and which share of the cycles before it a run may have: 1 in 2**3.
LONGEST, SHARE = 1 << 17, 3

#: Cycles from reset to reset, a tail; they last one cycle or three. Of every EPOCH cycles, those
#: after the first LIVELY have none, so that what counts slowly comes to its end.
RESET_SPACING, LIVELY, EPOCH = 128, 3 << 19, 1 << 23
RESET_LENGTHS = (1, 1, 1, 3)
#: The first reset after every so many cycles, but the first of them, is one of these, in turn: a
#: board holds it for long.
LONG_RESETS, HELD_RESETS = 1 << 17, (20, 70, 260, 1030, 5000)
#: A sweep has so many cycles of hold-backs, each one cycle longer than the one before. It comes in
#: the first segment of a run where its resets end, in the others early: a plain ``fxlif verify`` is
#: over soon after the first.
SWEEP, SWEEPS = 1 << 21, (LIVELY, 1 << 18)
#: A sweep of resets has so many cycles of them, and so many from one to the next; less than so many
#: of these are idle before the first event.
RESET_SWEEP, RESET_GAP, RESET_IDLE = 1 << 19, 256, 32
#: Stalls up to these lengths come once more each.
AGAIN = (512, 1024)
#: From this cycle on it is once in SOON times any number of cycles below the tail: a reset may meet
#: what the one before it began.
LATE_CYCLES, SOON = 1 << 16, 4

#: The kinds of steps of a phase, and how often each is drawn. A neuron is excited or inhibited by
#: the inputs that push it most; *held*, it is the same neuron for the whole phase.
SILENT, SPARSE, ANY, EXCITE, INHIBIT, HOLD, UNKNOWN, REPEATED, FLOOD, LONG, FULL = range(11)
#: Instead of HOLD: up and down in turn.
SWING = 11
STEPS = {
    SILENT: 1, SPARSE: 1, ANY: 2, EXCITE: 4, INHIBIT: 1, HOLD: 2, UNKNOWN: 1, REPEATED: 1,
    FLOOD: 1, LONG: 1, FULL: 1,
}  # fmt: skip
#: Those that are over soon and yet let neurons fire.
SHORT = frozenset({SPARSE, ANY, EXCITE})
#: How many steps such a phase has; with silent ones, and with a neuron that is held, a tail.
STEP_COUNTS = (1, 2, 8, 40)
#: Most inputs of a step, how often each, and most events more of one input than it may have.
MOST, REPEATS, EXCESS = 24, 8, 12
#: Most events that shall make an accumulator saturate, and most of a step that holds a neuron.
FLOOD_EVENTS, HOLD_EVENTS = 600, 256
#: How many events a long step, and a phase that holds a neuron, may have from the start.
LEAST = 16
#: Where a long step may have so many, what is rarer comes too: once in SWINGS a neuron that is held
#: is pushed up and down in turn, steps with every input follow each other, a full accumulator goes
#: on being filled for a tail from EXCESS on, and addresses that no input has come for a tail from
#: STRAYS on: what is dropped and what saturates is counted beyond 16 bits.
LATE, SWINGS, STRAYS = 2048, 3, 128
#: Where the tail of the events of a whole phase that holds a neuron, and of a long step, begins.
HOLD_TAIL, LONG_TAIL = 128, 32

#: What the currents of a neuron are for a phase, and how often: small and around its threshold,
#: the same one, anything, either end of the range in turn, one end of it for a tail.
NEAR, CONSTANT, ANYTHING, ENDS, LOWEST, HIGHEST = range(6)
CURRENTS = (NEAR, NEAR, NEAR, CONSTANT, ANYTHING, ENDS, LOWEST, HIGHEST)
#: Cycles from reset to reset of a neuron, a tail.
NEURON_RESET_SPACING = 16


def laws(lengths: tuple[tuple[int, ...], ...]) -> np.ndarray:
    """Lengths to draw from, (laws, 48), each row as often as it goes."""
    width = 48  # divisible by how many lengths a law has
    return np.array([np.tile(law, width // len(law)) for law in lengths], dtype=np.int64)


_HELD, _FREE, _OFTEN = zip(*HOLDING.values(), strict=True)
#: :data:`HOLDING` as arrays (modes, 48): the runs that hold back and those between; and the modes,
#: each as often as it is drawn.
HELD_RUNS, FREE_RUNS = laws(_HELD), laws(_FREE)
MODES = np.repeat(np.arange(len(HOLDING)), _OFTEN)
