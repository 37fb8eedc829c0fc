"""Stimulus for foreign cores: the agents as they are, aimed by the golden model, with an end."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Iterator
from itertools import chain, repeat
from typing import Any, assert_never

from ...params.neuron import NeuronParams
from ...params.quantise import signed_range
from ...rule import arithmetic
from ...rule.step import NeuronState, step
from ..bench.agents import RESET_MARK, StreamDriver
from ..bench.run import rng
from ..bench.wrapper import Interface
from ..stimulus.random import IDLE_AXIS, STALL_AXIS, held_back, resets
from ..stimulus.rates import NEURON_RESET_SPACING
from .reference import rest
from .wrapper import Wrapped

#: Cycles that the reset is held at power-up.
POWER_UP = 3
#: Cycles after the last answer in which nothing more may come.
LINGER = 500


# --- one neuron ---------------------------------------------------------------------------------

#: What the current of a step is aimed at.
AIMS = ("any", "small", "threshold", "threshold", "rest", "above", "below", "top", "bottom",
        "highest", "lowest", "none")  # fmt: skip


def decayed(neuron: NeuronParams, state: NeuronState) -> Any:
    """The potential that a step without any input leads to, before bias and overflow: of the shape
    of the state variables."""
    found = arithmetic.leak(neuron.leak, state.v - neuron.v_leak) + neuron.v_leak
    synapse = neuron.synapse
    if synapse.kind == "exponential":
        found = found + arithmetic.leak(synapse.leak, state.i_syn)
    elif synapse.kind != "delta":
        assert_never(synapse)
    return found


def aimed(
    neuron: NeuronParams, state: NeuronState, aim: str, draw: random.Random,
    limits: tuple[int, int],
) -> int:  # fmt: skip
    """A current within ``limits`` that brings the potential to where it is aimed."""
    low, high = limits
    threshold = neuron.v_threshold + state.theta
    if aim == "none":
        return min(max(0, low), high)
    if aim in ("highest", "lowest"):
        return high if aim == "highest" else low
    if aim == "any":
        return draw.randint(low, high)
    if aim == "small":
        most = max(1, abs(threshold))
        return min(max(draw.randint(-most // 4, most), low), high)
    bottom, top = neuron.state_range
    target = {
        "threshold": threshold + draw.randint(-1, 1),
        "rest": neuron.v_leak + draw.randint(-40, 40),
        "above": draw.randint(min(threshold, top), top),
        "below": draw.randint(bottom, min(max(threshold, bottom), top)),
        "top": top + draw.randint(-1, 2),
        "bottom": bottom + draw.randint(-2, 1),
    }[aim]
    wanted: int = target - int(decayed(neuron, state)) - neuron.bias
    return min(max(wanted, low), high)


def neuron_words(
    interface: Interface, neuron: NeuronParams, seed: int, *, has_reset: bool, spacing: int = 1,
    unsigned: bool = False,
) -> Iterator[int]:  # fmt: skip
    """Stimulus words of a neuron without end: phases of like currents, stalls and resets.

    ``spacing``: the least cycles from one enable to the next. ``unsigned``: no current is negative.
    """
    fields = interface.stimulus
    current = fields["current"]
    low, high = signed_range(current.width)
    limits, mask = (0 if unsigned else low, high), (1 << current.width) - 1
    draw = rng(seed, "current")
    reset: Iterator[int] = repeat(0)
    if has_reset:
        reset = chain(repeat(1, POWER_UP), resets(seed, NEURON_RESET_SPACING))
    held = held_back(seed, IDLE_AXIS)
    state, fired, since = rest(neuron), False, spacing
    while True:
        aim = draw.choice(AIMS)
        for _ in range(draw.choice((1, 1, 2, 3, 8, 40))):
            # Just after a spike, a reset has most to bring back.
            rst = next(reset) or (has_reset and fired and draw.random() < 0.03)
            enable = not next(held) and since >= spacing
            since = 1 if enable else since + 1
            value = aimed(neuron, state, aim, draw, limits)
            yield (
                (value & mask) << current.offset
                | int(enable) << fields["enable"].offset
                | int(rst) << fields["rst"].offset
            )
            if rst:
                state, fired = rest(neuron), False
            elif enable or interface.response["enable"] != fields["enable"]:
                state, fired = step(neuron, state, value + neuron.bias, neuron.v_threshold)


# --- event streams ------------------------------------------------------------------------------


class ForeignStreamDriver:
    """A :class:`~fxlif.sim.bench.agents.StreamDriver` that comes to an end.

    After ``cycles`` cycles no further event, stall or reset comes; when every TICK is answered, it
    waits for :data:`LINGER` cycles, and the ``held_up`` that the adapters may take, in which
    nothing more may come. A core that never answers is the scoreboard's to stop.
    ``reset_spacing``: see :class:`~fxlif.sim.stimulus.flags.Resets`, 0 for no random resets. At
    times the sink is shy, and ready waits for valid: a core whose valid waits for ready then stands
    still.
    """

    def __init__(
        self, wrapped: Wrapped, events: Iterable[int], *, cycles: int, seed: int, has_reset: bool,
        reset_spacing: int = 0, held_up: int = 0,
        on_reset: Callable[[], None] = lambda: None,
    ) -> None:  # fmt: skip
        at = wrapped.response
        self.done = False
        self.cycle = 0
        self._limit = cycles
        self._linger = LINGER + held_up
        self._on_reset = on_reset
        self._valid = 1 << at["events_out.valid"].offset
        self._ready = 1 << at["events_out.ready"].offset
        self._rst = 1 << at["rst"].offset
        self._tick = 1 << (at["events_in.payload.tick"].offset
                           - at["events_in.payload.address"].offset)  # fmt: skip
        self._power_up = POWER_UP if has_reset else 0
        self._draw, self._shy = rng(seed, "shy"), False
        if not has_reset:
            events = (event for event in events if event != RESET_MARK)
        self._inner = StreamDriver(
            wrapped,
            self._ending(events),
            idle=self._while_running(held_back(seed, IDLE_AXIS)),
            stall=self._while_running(held_back(seed, STALL_AXIS)),
            reset=self._while_running(resets(seed, reset_spacing)) if reset_spacing else (),
        )

    @property
    def _running(self) -> bool:
        return self.cycle < self._limit

    def _while_running(self, flags: Iterator[int]) -> Iterator[int]:
        while self._running:
            yield next(flags)

    def _ending(self, events: Iterable[int]) -> Iterator[int]:
        last = self._tick
        for last in events:
            if not self._running:
                break
            yield last
        # The step under way ends, so that all that was taken in is answered for.
        if last not in (self._tick, RESET_MARK) or not self._running:
            yield self._tick

    def clock(self, response: int) -> int:
        self.cycle += 1
        if response & self._rst:
            self._on_reset()
        word = self._inner.clock(response)
        if self.cycle <= self._power_up:
            word |= self._rst
        if self._inner.done:
            self._linger -= 1
            self.done = self._linger <= 0
            return word
        if response & self._valid:
            self._shy = self._draw.random() < 0.25
        elif self._shy:
            word &= ~self._ready
        return word


def repacked(events: Iterable[int], needed: int, given: int) -> Iterator[int]:
    """Payloads of ``needed`` address bits for a port of ``given``; :data:`RESET_MARK` stays."""
    for event in events:
        tick = event >> needed
        yield event if event == RESET_MARK or not tick else tick << given
