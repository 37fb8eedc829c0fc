"""The checks of a foreign core for a cocotb test of one's own: no wrapper, no map.

Sample after ``RisingEdge(clk)``: there cocotb shows the values before the edge. Once a cycle::

    from fxlif import load
    from fxlif.sim.dut.check import StreamChecker

    @cocotb.test()
    async def spikes_are_right(dut):
        checker = StreamChecker(load("design.toml"))
        cocotb.start_soon(Clock(dut.clk, 2, unit="ns").start())
        cocotb.start_soon(my_own_stimulus(dut))
        for _ in range(10_000):
            await RisingEdge(dut.clk)
            checker.clock(
                rst=not dut.rst_n.value,
                in_valid=dut.in_valid.value, in_ready=dut.in_ready.value,
                in_address=dut.in_data.value, in_tick=dut.in_tick.value,
                out_valid=dut.out_valid.value, out_ready=dut.out_ready.value,
                out_address=dut.out_data.value, out_tick=dut.out_tick.value,
            )
        checker.finish()

Values are ints, bools or cocotb's own; signed ones (``current``, ``v``, ``i_syn``) are ints:
``dut.v.value.to_signed()``. Whatever differs first raises :class:`Difference`; a value with an x in
it raises too, where it is compared, and is ignored where it means nothing.
"""

from __future__ import annotations

from typing import Any, NoReturn

from ...network.events import TICK
from ...params.core import CoreParams
from ...params.network import NetworkParams
from ...params.neuron import NeuronParams
from .reference import (
    KNOWN,
    STREAMS,
    NeuronReference,
    NeuronTiming,
    Reference,
    StreamReference,
    default_patience,
    neuron_outputs,
)


class Difference(AssertionError):
    """The first difference: ``cycle`` (from 0), ``signal``, ``expected`` and ``observed``."""

    def __init__(self, cycle: int, signal: str, expected: object, observed: object) -> None:
        super().__init__(f"cycle {cycle}: {signal}: expected {expected}, observed {observed}")
        self.cycle, self.signal = cycle, signal
        self.expected, self.observed = expected, observed


class _Checker:
    """A reference, and the counts of what was compared with it."""

    _reference: Reference

    def __init__(self) -> None:
        self.cycles = self.comparisons = 0

    @property
    def steps(self) -> int:
        """Steps taken; of a core, TICKs taken in."""
        return self._reference.report.steps

    @property
    def spikes(self) -> int:
        """Spikes that were due: a test in which none was shows little."""
        return self._reference.report.spikes

    def _compare(self, signal: str, expected: object, observed: object) -> None:
        self.comparisons += 1
        if expected != observed:
            self._differ(signal, expected, observed)

    def _differ(self, signal: str, expected: object, observed: object) -> NoReturn:
        raise Difference(self.cycles, signal, expected, observed)


class NeuronChecker(_Checker):
    """Compares a neuron with the golden step, in every cycle.

    The keyword arguments are those of :class:`~fxlif.sim.dut.reference.NeuronTiming`. Cycles before
    the first reset count only if ``known_at_power_up``.
    """

    def __init__(
        self, neuron: NeuronParams, *, known_at_power_up: bool = False, **timing: Any
    ) -> None:
        super().__init__()
        self._reference = NeuronReference(
            neuron, NeuronTiming(**timing), neuron_outputs(neuron), known=known_at_power_up
        )
        self._signals = {name.removeprefix("state."): name for name in self._reference.shown}

    def clock(self, *, current: Any, rst: Any = 0, enable: Any = 1, **observed: Any) -> None:
        """One cycle. ``observed``: any of ``spike``, ``valid``, ``v``, ``i_syn``, ``theta``,
        ``refractory``.

        Raises:
            Difference: one of them is not what the rule says.
            TypeError: a name that is none of these.
        """
        rst, enable = int(rst), int(enable)
        current = int(current) if enable and not rst else 0
        due = self._reference.clock({"rst": rst, "enable": enable, "current": current})
        for name, found in observed.items():
            if name not in self._signals:
                raise TypeError(f"{name}: must be one of {', '.join(self._signals)}")
            expected = due.get(self._signals[name])
            if expected is not None:
                self.comparisons += 1
                if _int(found) != expected:
                    self._differ(name, expected, found)
        self.cycles += 1


class StreamChecker(_Checker):
    """Compares the event stream out of a core or network with the golden network's, and checks
    that what is offered stays until it is taken.

    ``patience``: cycles without a transfer after which a core that owes one is stuck.
    """

    _reference: StreamReference

    def __init__(
        self, params: NetworkParams | CoreParams, *, known_at_power_up: bool = False,
        patience: int | None = None,
    ) -> None:  # fmt: skip
        super().__init__()
        network = params if isinstance(params, NetworkParams) else NetworkParams.chain(params)
        self._reference = StreamReference(
            network, STREAMS, known=known_at_power_up,
            patience=patience or default_patience(network),
        )  # fmt: skip

    def clock(
        self, *, in_valid: Any, in_address: Any, in_tick: Any, out_valid: Any, out_address: Any,
        out_tick: Any, rst: Any = 0, in_ready: Any = 1, out_ready: Any = 1,
    ) -> None:  # fmt: skip
        """One cycle; a side without a ready leaves it out. Payloads count where valid is high.

        Raises:
            Difference: an event that is not owed, a wrong one, one that was withdrawn, or silence.
        """
        reference = self._reference
        if int(rst) or not reference.known:
            reference.clock({"rst": int(rst)})
            self.cycles += 1
            return
        seen = {"rst": 0, **dict.fromkeys(STREAMS, 0), "events_out.ready": int(out_ready)}
        if int(in_valid):
            seen |= {"events_in.valid": 1, "events_in.ready": int(in_ready)}
            seen |= _payload("events_in", in_address, in_tick)
        if int(out_valid):
            seen |= {"events_out.valid": 1, **_payload("events_out", out_address, out_tick)}
        due = reference.clock(seen)
        if due["events_in.ready"] != KNOWN:
            self._compare("in_ready", due["events_in.ready"], seen["events_in.ready"])
        valid, out = due["events_out.valid"], "no event"
        if seen["events_out.valid"]:
            out = _event(seen["events_out.payload.tick"], seen["events_out.payload.address"])
        if valid != KNOWN and valid != seen["events_out.valid"]:
            self._differ("out_valid", self.owed[0] if valid else "no event", out)
        self.comparisons += valid != KNOWN
        if seen["events_out.valid"]:
            expected = _event(
                due["events_out.payload.tick"], due.get("events_out.payload.address", KNOWN)
            )
            self._compare("event out", expected, out)
        self.cycles += 1

    @property
    def owed(self) -> list[str]:
        """The events that have not come out."""
        return [_event(event == TICK, event) for event in self._reference.owed]

    def finish(self) -> None:
        """The end of the test, after time enough to answer.

        Raises:
            Difference: events that are still owed.
        """
        if self.owed:
            self._differ("events out", ", ".join(self.owed[:10]), "the end")


def _int(value: Any) -> int | None:
    try:
        return int(value)
    except ValueError:  # an x or z in it, which is never what is expected
        return None


def _payload(stream: str, address: Any, tick: Any) -> dict[str, int]:
    """A payload as numbers; the address of a TICK may be anything."""
    number = int(tick)
    return {f"{stream}.payload.tick": number,
            f"{stream}.payload.address": 0 if number else int(address)}  # fmt: skip


def _event(tick: object, address: object) -> str:
    return "TICK" if tick else f"spike {address}"
