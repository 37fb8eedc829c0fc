"""Random reads of what can be read of some cores while they run."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence

from ...cycles.access import AddressMap
from ...cycles.latency import AnyCore
from .writes import GAPS

#: One of so many goes to another address.
ANYWHERE = 4


def random_reads(cores: Sequence[AnyCore], seed: int) -> Iterator[tuple[int, int]]:
    """Cycles to wait, and address of each read, without end; some where there is nothing."""
    where, draw = AddressMap(cores), random.Random(f"{seed}:reads")
    while True:
        gap = draw.randrange(1 + draw.choice(GAPS))
        k = draw.choice([k for k, core in enumerate(cores) if core.readable])
        name = draw.choice([*where.items(cores[k]), *where.port_counts])
        is_state = name in cores[k].neuron.state_widths
        neuron = draw.randrange(cores[k].n_neurons) if is_state else 0
        address = where.read_address(0 if name in where.port_counts else k, name, neuron)
        if draw.randrange(ANYWHERE) == 0:
            # One that is hardly another, or any.
            address = draw.choice([
                address ^ 1 << draw.randrange(where.address_bits),
                draw.getrandbits(where.address_bits),
            ])  # fmt: skip
        yield gap, address
