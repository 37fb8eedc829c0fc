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

from typing import Any

from ...network.events import TICK
from ...params.core import CoreParams
from ...params.network import NetworkParams
from ...params.neuron import NeuronParams
from .reference import NeuronReference, NeuronTiming, StreamReference, default_patience


class Difference(AssertionError):
    """The first difference: ``cycle`` (from 0), ``signal``, ``expected`` and ``observed``."""

    def __init__(self, cycle: int, signal: str, expected: object, observed: object) -> None:
        super().__init__(f"cycle {cycle}: {signal}: expected {expected}, observed {observed}")
        self.cycle, self.signal = cycle, signal
        self.expected, self.observed = expected, observed


class NeuronChecker:
    """Compares a neuron with the golden step, in every cycle.

    The keyword arguments are those of :class:`~fxlif.sim.dut.reference.NeuronTiming`. Cycles before
    the first reset count only if ``known_at_power_up``.
    """

    def __init__(
        self, neuron: NeuronParams, *, known_at_power_up: bool = False, **timing: Any
    ) -> None:
        self._oracle = NeuronReference(neuron, NeuronTiming(**timing))
        self._known = known_at_power_up
        self.cycles = self.comparisons = 0

    @property
    def steps(self) -> int:
        """Steps taken."""
        return self._oracle.steps

    @property
    def spikes(self) -> int:
        """Spikes that were due: a test in which none was shows little."""
        return self._oracle.spikes

    def clock(self, *, current: Any, rst: Any = 0, enable: Any = 1, **observed: Any) -> None:
        """One cycle. ``observed``: any of ``spike``, ``valid``, ``v``, ``i_syn``, ``theta``,
        ``refractory``.

        Raises:
            Difference: one of them is not what the rule says.
            TypeError: a name that is none of these.
        """
        rst, enable = int(rst), int(enable)
        due = dict(zip(
            (name.removeprefix("state.") for name in self._oracle.names),
            self._oracle.clock(rst, enable, int(current) if enable and not rst else 0),
            strict=True,
        ))  # fmt: skip
        for name, found in observed.items():
            if name not in due:
                raise TypeError(f"{name}: allowed {', '.join(due)}")
            expected = due[name]
            if self._known and expected is not None:
                self.comparisons += 1
                if _int(found) != expected:
                    raise Difference(self.cycles, name, expected, found)
        self._known |= bool(rst)
        self.cycles += 1


class StreamChecker:
    """Compares the event stream out of a core or network with the golden network's, and checks
    that what is offered stays until it is taken.

    ``patience``: cycles without a transfer after which a core that owes one is stuck.
    """

    def __init__(
        self, params: NetworkParams | CoreParams, *, known_at_power_up: bool = False,
        patience: int | None = None,
    ) -> None:  # fmt: skip
        network = params if isinstance(params, NetworkParams) else NetworkParams.chain(params)
        self._oracle = StreamReference(network, patience=patience or default_patience(network))
        self._known = known_at_power_up
        self.cycles = self.comparisons = 0

    @property
    def steps(self) -> int:
        """TICKs taken in."""
        return self._oracle.steps

    @property
    def spikes(self) -> int:
        """Spikes that were due: a test in which none was shows little."""
        return self._oracle.spikes

    def clock(
        self, *, in_valid: Any, in_address: Any, in_tick: Any, out_valid: Any, out_address: Any,
        out_tick: Any, rst: Any = 0, in_ready: Any = 1, out_ready: Any = 1,
    ) -> None:  # fmt: skip
        """One cycle; a side without a ready leaves it out. Payloads count where valid is high.

        Raises:
            Difference: an event that is not owed, a wrong one, one that was withdrawn, or silence.
        """
        rst = int(rst)
        self._known |= bool(rst)
        if not self._known or rst:
            self._oracle.clock(1, offered=None, ready=0, out_valid=0, out_ready=0)
            self.cycles += 1
            return
        offered = None
        if int(in_valid):
            offered = TICK if int(in_tick) else int(in_address)
        ready = int(in_ready) if offered is not None else 0
        valid = int(out_valid)
        due = self._oracle.clock(
            0, offered=offered, ready=ready, out_valid=valid, out_ready=int(out_ready)
        )
        found = None
        if valid:
            found = TICK if int(out_tick) else int(out_address)
        self._compare("in_ready", due.ready, ready)
        if due.valid is not None and due.valid != valid:
            shown = "no event" if found is None else _event(found)
            raise Difference(self.cycles, "out_valid", _event(due.event), shown)
        self.comparisons += due.valid is not None
        if valid:
            self._compare("event out", _event(due.event), _event(found))
        self.cycles += 1

    def finish(self) -> None:
        """The end of the test, after time enough to answer.

        Raises:
            Difference: events that are still owed.
        """
        if self._oracle.owed:
            owed = [_event(event) for event in self._oracle.owed]
            raise Difference(self.cycles, "events out", ", ".join(owed[:10]), "the end")

    def _compare(self, signal: str, expected: object, found: object) -> None:
        if expected is None:
            return
        self.comparisons += 1
        if expected != found:
            raise Difference(self.cycles, signal, expected, found)


def _int(value: Any) -> int | None:
    try:
        return int(value)
    except ValueError:  # an x or z in it, which is never what is expected
        return None


def _event(event: int | None) -> str:
    return "no event" if event is None else "TICK" if event == TICK else f"spike {event}"
