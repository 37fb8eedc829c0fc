"""Functional coverage: which situations a design was in, counted from traces as arrays."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Self

import numpy as np

from ...cycles.model import CycleInputs, CycleOutputs, Steps
from ...errors import FxlifError
from ...hdl.limits import chain_of, supported
from ...params.core import CoreParams
from ...params.network import NetworkParams
from ...params.neuron import NeuronParams
from ..report.findings import Bin
from .event_bins import EventWindow
from .stream_bins import LENGTH_NAMES, Bools, Carry, CycleView, classes, runs_before, stream_bins
from .tally import CoreTally, Key, SweepTally, Tally

NOT_SHOWN = "not hit, and not shown to be unreachable"


class Coverage:
    """The bins of a design and how often each was hit.

    Of a chain of cores, :meth:`take` counts blocks of cycles, cut anywhere; of a lone neuron,
    :meth:`take_neuron`. A bin counts steps of single neurons, steps of a core, events or
    cycles, whichever its group is about. With ``counts`` False a bin is no longer looked at once
    it was hit ``goal`` times, nor if its parameters forbid it: what has been hit costs nothing.

    Raises:
        FxlifError: the design is none that the hardware supports.
    """

    def __init__(
        self,
        params: NetworkParams | CoreParams | NeuronParams,
        *,
        counts: bool = True,
        goal: int = 1,
    ) -> None:
        supported(params)
        self.params = params
        self.goal = goal
        self._tally = Tally(counts=counts, goal=goal)
        #: What a solver or a reader of the design said: key → (reachable, why).
        self.verdicts: dict[Key, tuple[bool | None, str]] = {}
        self._neuron = _Neuron(self._tally, params) if isinstance(params, NeuronParams) else None
        self._cores = () if isinstance(params, NeuronParams) else tuple(self._chain(params))

    def _chain(self, params: NetworkParams | CoreParams) -> Iterator[CoreTally]:
        cores = (params,) if isinstance(params, CoreParams) else chain_of(params).core
        self._carry = Carry()
        self._window = EventWindow(cores[0])
        self._streams = tuple(stream_bins(cores[0]))
        before = None
        for k in range(len(cores)):
            prefix = "" if isinstance(params, CoreParams) else f"core[{k}]."
            before = CoreTally(self._tally, cores, k, prefix, before)
            yield before
        for each in self._streams:
            needs = before.fires if each.spikes and before else None
            self._tally.declare(each.group, each.name, each.impossible, needs)

    @property
    def cores(self) -> tuple[CoreParams, ...]:
        """The cores of the chain; none for a lone neuron."""
        return tuple(each.core for each in self._cores)

    @property
    def prefixes(self) -> tuple[str, ...]:
        """What stands before the groups of each core."""
        return tuple(each.prefix for each in self._cores)

    def take(self, inputs: CycleInputs, outputs: CycleOutputs) -> None:
        """Count a block of cycles of a chain of cores, with the steps of its sweeps."""
        view = CycleView(inputs, outputs, self._carry)
        self._carry = view.carry
        for each in self._streams:
            if self._tally.wants(each.group, each.name):
                self._tally.add(each.group, each.name, each.count(view))
        for k, (core, trace) in enumerate(zip(self._cores, outputs.cores, strict=True)):
            starts = core.starts(view.rst, trace)
            window = None
            if k == 0:
                window = self._window.take(
                    view.events_in.passes, view.tick, view.address, view.rst, starts
                )
            core.take(view, trace, starts, window)

    def take_neuron(self, rst: Bools, enable: Bools, steps: Steps) -> None:
        """Count a block of cycles of a lone neuron: ``rst`` and ``enable`` (cycles,), and the steps
        of the cycles with ``enable`` and without ``rst``."""
        if self._neuron is None:
            raise FxlifError("take_neuron: found a design of cores, allowed a lone neuron")
        self._neuron.take(np.asarray(rst) != 0, np.asarray(enable) != 0, steps)

    @property
    def bins(self) -> tuple[Bin, ...]:
        """Every bin, with its count and what is known of its reachability."""
        return tuple(self._bin(key) for key in self._tally.rules)

    def _bin(self, key: Key) -> Bin:
        count = self._tally.hits[key]
        reachable, why = (True, "") if count else self.verdict(key)
        return Bin(
            group=key[0], name=key[1], count=count, goal=self.goal, reachable=reachable, why=why
        )

    def verdict(self, key: Key) -> tuple[bool | None, str]:
        """Whether a bin that was not hit is reachable, None where nobody knows, and why."""
        rule = self._tally.rules[key]
        if rule.impossible:
            return False, rule.impossible
        if rule.needs is not None and not self._tally.hits[rule.needs]:
            reachable, why = self.verdict(rule.needs)
            if reachable is False:
                return False, f"needs {': '.join(rule.needs)}: {why}"
        return self.verdicts.get(key, (None, NOT_SHOWN))

    @property
    def missing(self) -> tuple[Bin, ...]:
        """The bins that were not hit as often as wanted and are not shown to be unreachable."""
        return tuple(b for b in self.bins if not b.hit and b.reachable is not False)

    def __iadd__(self, other: Coverage) -> Self:
        """Add the counts of another run of the same design."""
        if other.params != self.params:
            raise FxlifError("coverage: found that of another design, allowed the same one")
        for (group, name), count in other._tally.hits.items():
            self._tally.add(group, name, count)
        self.verdicts |= other.verdicts
        return self

    def to_dict(self) -> dict[str, int]:
        """The counts alone, as JSON values: what :meth:`restore` adds to another run's. Events
        and sweeps under way are no part of it."""
        return {": ".join(key): count for key, count in self._tally.hits.items()}

    def restore(self, counts: Mapping[str, int]) -> None:
        """Add counts of :meth:`to_dict`.

        Raises:
            FxlifError: a bin that this design does not have.
        """
        known = {": ".join(key): key for key in self._tally.hits}
        for name in counts:
            if name not in known:
                raise FxlifError(f"coverage: found the bin {name!r}, allowed those of the design")
        for name, count in counts.items():
            self._tally.add(*known[name], count)


class _Neuron:
    """A lone neuron: its steps, its enable and its reset."""

    def __init__(self, tally: Tally, neuron: NeuronParams) -> None:
        self._tally = tally
        self._sweeps = SweepTally(tally, neuron, 1, "")
        for name in LENGTH_NAMES:
            tally.declare("enable", f"low for {name} cycles")
        for name in ("for 1 cycle", "for longer", "while enabled", "while not enabled"):
            tally.declare("reset", name)
        why = "" if neuron.refractory else "refractory = 0"
        tally.declare("reset", "while resting", why, needs=self._sweeps.fires)
        self._epoch = self._low = self._reset = 0
        self._resting = False

    def take(self, rst: Bools, enable: Bools, steps: Steps) -> None:
        tally = self._tally
        taken = enable & ~rst
        if len(steps.fire) != np.count_nonzero(taken):
            raise ValueError(
                f"steps: found {len(steps.fire)}, allowed {np.count_nonzero(taken)} (enabled)"
            )
        resets = np.cumsum(rst)
        self._sweeps.take(steps, self._epoch + resets[taken])
        low = runs_before(~enable & ~rst, self._low)
        for name, count in zip(LENGTH_NAMES, classes(low[:-1][taken]), strict=True):
            tally.add("enable", f"low for {name} cycles", count)
        runs = runs_before(rst, self._reset)
        ended = runs[:-1][~rst]
        tally.add("reset", "for 1 cycle", np.count_nonzero(ended == 1))
        tally.add("reset", "for longer", np.count_nonzero(ended > 1))
        tally.add("reset", "while enabled", np.count_nonzero(rst & enable))
        tally.add("reset", "while not enabled", np.count_nonzero(rst & ~enable))
        # Whether it rests before each cycle: after the last step, unless a reset came since.
        rests = np.append(steps.after.refractory > 0, self._resting)
        last = np.cumsum(taken) - taken - 1
        since = np.append(resets[taken], 0)[last] == resets - rst
        tally.add("reset", "while resting", np.count_nonzero(rst & rests[last] & since))
        self._low, self._reset = int(low[-1]), int(runs[-1])
        if len(rst):
            end = int(np.count_nonzero(taken)) - 1
            same = (resets[taken][end] if end >= 0 else 0) == resets[-1]
            self._resting = bool(rests[end] and same)
            self._epoch += int(resets[-1])
