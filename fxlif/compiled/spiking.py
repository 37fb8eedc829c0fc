"""Who spikes in a step of a whole network, compiled by numba for :mod:`.network_loop`."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..network.sources import GAMMA, MIX_1, MIX_2
from .intrinsics import array_at, load, lowest_bit
from .jit import merged, threaded_inner
from .network_tables import GIVEN


@threaded_inner
def mix(x: Any) -> Any:
    x = (x ^ (x >> np.uint64(30))) * np.uint64(MIX_1)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(MIX_2)
    return x ^ (x >> np.uint64(31))


@threaded_inner
def poisson(part: Any, step: int, first: int, last: int, spikes: Any) -> None:
    """The bytes of the sources that spike, as :func:`fxlif.network.sources.poisson` says."""
    gamma = np.uint64(GAMMA)
    start = mix(part["key"] + np.uint64(step + 1) * gamma)
    below = np.uint64(part["limit"])
    for k in range(first, last):
        word = mix(np.uint64(k + 1) * gamma + start)
        spikes[k] = (word >> np.uint64(32)) < below


@threaded_inner
def draw(state: int, mask: int, skip: Any, numbers: Any) -> int:
    """Fill ``numbers`` with draws of the register, then jump by the columns ``skip``."""
    for k in range(len(numbers)):
        numbers[k] = state
        state = (state >> 1) ^ (mask if state & 1 else 0)
    jumped = 0
    for bit in range(len(skip)):
        if (state >> bit) & 1:
            jumped ^= skip[bit]
    return jumped


@threaded_inner
def list_spikes(spikes: Any, first: int, last: int, found: Any) -> int:
    """Write the indices of set bytes ``first``..``last`` to ``found``: how many."""
    count = 0
    k = first
    while k + 8 <= last:
        # Most neurons do not spike: eight at a look, each a 1 in its byte.
        word = load(spikes.ctypes.data + k, 8)
        while word:
            found[count] = k + (lowest_bit(word) >> 3)
            count += 1
            word &= word - 1
        k += 8
    while k < last:
        found[count] = k
        count += spikes[k]
        k += 1
    return count


@threaded_inner
def list_counted(spikes: Any, counts: Any, most: int, first: int, last: int, found: Any) -> int:
    """As :func:`list_spikes`, where a neuron spikes as often as its byte and its count say, and at
    ``most`` so often; the counts begin anew."""
    length = 0
    for k in range(first, last):
        count = min(counts[k] + spikes[k], most)
        if count:
            counts[k] = 0
            found[length] = k
            length += 1
        if count > 1:
            found[length] = -count
            length += 1
    return length


@merged
def sent(run: Any, part: Any, share: Any, step: int) -> Any:
    """The spikes of a part in a step, of one thread's neurons; those of an event source at once."""
    if part["kind"] == GIVEN:
        ends = array_at(part["event_ends"] + 8 * (step - run["now"]), 2, np.int64)
        length = ends[1] - ends[0]
        at = part["events"] + 4 * ends[0]
    else:
        at = run["lists"] + 4 * (share["list"] + (step & part["list_mask"]) * part["list_room"])
        length = np.int64(array_at(at, 1, np.int32)[0])
        at += 4
    return array_at(at, length, np.int32)
