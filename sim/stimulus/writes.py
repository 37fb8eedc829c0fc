"""Random writes to what can be written in some cores while they run."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence

from ...cycles.access import AddressMap, inputs_of, is_single, value_range
from ...cycles.latency import AnyCore
from ...params.core import CoreParams, Writable

#: Cycles between two writes: none, a few, or so many that steps pass undisturbed.
GAPS = (0, 0, 0, 3, 10, 40, 200, 400)
#: One of so many goes to another address, and one of so many has any value.
ANYWHERE, ANYTHING = 4, 6


def random_writes(cores: Sequence[AnyCore], seed: int) -> Iterator[tuple[int, int, int]]:
    """Cycles to wait, address and data of each write, without end.

    Some go to addresses at which there is nothing. Values are near those of the design, so that
    neurons go on firing, or any at all.
    """
    where, draw = AddressMap(cores), random.Random(f"{seed}:writes")
    while True:
        gap = draw.randrange(1 + draw.choice(GAPS))
        k = draw.choice([k for k, core in enumerate(cores) if core.writable])
        name = draw.choice(cores[k].writable)
        neuron = 0 if is_single(cores[k], name) else draw.randrange(cores[k].n_neurons)
        row = draw.randrange(inputs_of(cores[k])) if name == "weights" else 0
        value = where.data(k, name, _value(draw, cores[k], name, neuron, row))
        # What lies above the bits of a value means nothing.
        above = draw.getrandbits(where.data_bits) & ~where.data(k, name, -1)
        address = where.address(k, name, neuron, row)
        if draw.randrange(ANYWHERE) == 0:
            # One that is hardly another, or any.
            address = draw.choice([
                address ^ 1 << draw.randrange(where.address_bits),
                draw.getrandbits(where.address_bits),
            ])  # fmt: skip
        yield gap, address, value | above


def _value(draw: random.Random, core: AnyCore, name: Writable, neuron: int, row: int) -> int:
    low, high = value_range(core, name)
    if draw.randrange(ANYTHING) == 0:
        return draw.choice([low, high, draw.randint(low, high)])
    if name == "weights" and isinstance(core, CoreParams):
        now = int(core.weights[row, neuron])
    else:
        now = core.thresholds[neuron] >> core.neuron.threshold_shift
    near = max(1, abs(now) // 2)
    return min(max(now + draw.randint(-near, near), low), high)
