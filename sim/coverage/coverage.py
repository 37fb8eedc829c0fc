"""Functional coverage of a design: which bins it has, and how often each was hit."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from ...cycles.access import AddressMap
from ...cycles.latency import AnyCore
from ...cycles.model import CycleInputs, CycleOutputs, Steps
from ...cycles.row_model import first_weights
from ...errors import FxlifError
from ...hdl.limits import sums_its_events, supported
from ...layout import HardwareNetwork
from ...params.protocol import AnyParams
from ..report.findings import Bin
from .access_bins import ReadCycles, WriteCycles, read_bins, write_bins
from .bins import BinCounts, Bools, Key
from .counters import CoreCounter, NeuronCounter, RowCounter
from .cycle_bins import Cycles, Source, stream_bins
from .row_bins import output_bins
from .synapses import most_spikes_of

NOT_SHOWN = "not hit, and not shown to be unreachable"


class Coverage:
    """The bins of a design and how often each was hit.

    Of a chain of cores, :meth:`take` counts blocks of cycles, cut anywhere; of a lone neuron,
    :meth:`take_neuron`. A bin counts steps of single neurons, steps of a core, events or
    cycles, whichever its group is about. With ``counts`` False a bin is no longer looked at once
    it was hit, nor if its parameters forbid it: what has been hit costs nothing. What ``earlier``,
    the coverage of another run of the design, has hit counts as hit.

    Raises:
        FxlifError: the hardware does not support the design.
    """

    def __init__(
        self,
        params: AnyParams,
        *,
        counts: bool = True,
        earlier: Coverage | None = None,
    ) -> None:
        made = supported(params)
        if made.kind == "neuron":
            sums_its_events(made, "coverage")
        self.params = params
        self._counts = BinCounts(counts=counts, hits=earlier.hits if earlier else {})
        #: Of bins that a solver was asked about: whether it can be reached (False or None), why.
        self.answers: dict[Key, tuple[bool | None, str]] = {}
        #: Bins that need not be hit, and the reasons that a person gave.
        self.waivers: Mapping[Key, str] = {}
        #: What the hardware is made from.
        self.design = made
        #: Its cores; none for a lone neuron.
        self.cores: tuple[AnyCore, ...] = made.cores
        self._neuron: NeuronCounter | None = None
        self._counters: list[CoreCounter] = []
        self._rows: list[RowCounter] = []
        if made.kind == "neuron":
            self._neuron = NeuronCounter(self._counts, made.neurons[0])
            return
        #: What stands before the groups of each core.
        self.prefixes = tuple(
            "" if signals.index is None else f"core[{k}]." for k, signals in enumerate(made.signals)
        )
        self._last: Cycles | None = None
        self._where = AddressMap(made.cores)
        self._writes: WriteCycles | None = None
        self._reads: ReadCycles | None = None
        self._write_bins = self._read_bins = None
        if any(core.writable for core in made.cores):
            self._write_bins = self._counts.declare(write_bins(self._where, self.prefixes))
        if any(core.readable for core in made.cores):
            self._read_bins = self._counts.declare(read_bins(self._where, self.prefixes))
        if isinstance(made, HardwareNetwork):
            for k, places in enumerate(first_weights(made.cores)):
                self._rows.append(RowCounter(self._counts, made, k, places))
            ends = (*stream_bins(made, self.prefixes[made.outputs[-1]]), *output_bins(made))
            self._streams = self._counts.declare(ends)
            return
        for k, core in enumerate(made.cores):
            before = Source(self.prefixes[k - 1], most_spikes_of(made.cores[k - 1])) if k else None
            last = k == len(made.cores) - 1
            self._counters.append(
                CoreCounter(self._counts, core, k, self.prefixes[k], before, last=last)
            )
        self._streams = self._counts.declare(stream_bins(made, self.prefixes[-1]))

    def take(self, inputs: CycleInputs, outputs: CycleOutputs) -> None:
        """Count a block of cycles of a chain of cores, with the steps that start in it."""
        cycles = self._last = Cycles(inputs, outputs, self._last)
        self._counts.count(self._streams, cycles)
        if self._write_bins is not None:
            self._writes = WriteCycles(self._where, inputs, outputs, cycles, self._writes)
            self._counts.count(self._write_bins, self._writes)
        if self._read_bins is not None:
            reads = ReadCycles(self._where, inputs, outputs, cycles, self._reads, self._writes)
            self._counts.count(self._read_bins, reads)
            self._reads = reads
        for rows, trace in zip(self._rows, outputs.cores, strict=bool(self._rows)):
            rows.take(cycles, trace, self._writes)
        sent = None
        for core, trace in zip(self._counters, outputs.cores, strict=not self._rows):
            sent = core.take(cycles, trace, sent, self._writes)

    def take_neuron(self, rst: Bools, enable: Bools, steps: Steps) -> None:
        """Count a block of cycles of a lone neuron: ``rst`` and ``enable`` (cycles,), and the steps
        of the cycles with ``enable`` and without ``rst``."""
        if self._neuron is None:
            raise FxlifError.must_be("take_neuron", "of a lone neuron", "a design of cores")
        self._neuron.take(np.asarray(rst) != 0, np.asarray(enable) != 0, steps)

    @property
    def hits(self) -> Mapping[Key, int]:
        """How often each bin was hit."""
        return self._counts.hits

    @property
    def bins(self) -> tuple[Bin, ...]:
        """Every bin, with its count and what is known of its reachability."""
        return tuple(self._bin(key) for key in self._counts.rules)

    def _bin(self, key: Key) -> Bin:
        count = self._counts.hits[key]
        reachable, why = (True, "") if count else self.reachable(key)
        return Bin(
            group=key[0], name=key[1], count=count, reachable=reachable, why=why,
            waiver=self.waivers.get(key, ""),
        )  # fmt: skip

    def reachable(self, key: Key) -> tuple[bool | None, str]:
        """Whether a bin that was not hit can be: False or None (not known), and why."""
        rule = self._counts.rules[key]
        if rule.impossible:
            return False, rule.impossible
        if rule.needs is not None and not self._counts.hits[rule.needs]:
            reachable, why = self.reachable(rule.needs)
            if reachable is False:
                return False, f"needs {': '.join(rule.needs)}: {why}"
        return self.answers.get(key, (None, NOT_SHOWN))

    @property
    def missing(self) -> tuple[Bin, ...]:
        """The bins that were not hit, though nothing says that they cannot."""
        return tuple(each for each in self.bins if each.missing)
