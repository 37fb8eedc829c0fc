"""The coverage of a run whose stimulus is known: what a simulator was shown, word by word."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from ...cycles.neuron import NEURON_INPUT
from ...cycles.row_model import model_of
from ...params.protocol import AnyCores
from ..bench.wrapper import Cycles, Interface
from ..coverage.coverage import Coverage
from ..failure.difference import inputs_of
from ..tools.words import as_rows, from_bytes, to_bytes
from .bulk import BLOCK


def cover_run(coverage: Coverage, interface: Interface, stimulus: Path) -> None:
    """Count what a design did from power-up on: a simulator was shown the words in the file
    ``stimulus``, one per cycle (:func:`~fxlif.sim.tools.words.to_bytes`)."""
    if coverage.design.kind == "neuron":
        from .bulk_neuron import NeuronBulk

        bulk = NeuronBulk(coverage.design, interface, seed=1)
        for part in _blocks(stimulus, interface.stimulus_bits):
            shown = Cycles(interface.stimulus, as_rows(part, interface.stimulus_bits))
            bulk.show({name: shown[name] for name in NEURON_INPUT.names or ()})
            bulk.cover(coverage)
        return
    design: AnyCores = coverage.design
    model = model_of(design, engine="compiled")
    for part in _blocks(stimulus, interface.stimulus_bits):
        inputs = inputs_of(interface, part)
        coverage.take(inputs, model.run(inputs))


def _blocks(stimulus: Path, bits: int) -> Iterator[list[int]]:
    size = len(to_bytes([0], bits))
    with stimulus.open("rb") as file:
        while part := from_bytes(file.read(BLOCK * size), bits):
            yield part
