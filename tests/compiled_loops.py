"""Few forms of the compiled network loop.

What a network has not is left out where the loop is compiled for it: some twenty forms among all
tests, and each takes seconds to compile. In the default run they are compiled with everything,
which is then empty; what takes the fixture ``loops_as_they_are`` has them as users have.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from fxlif.compiled import network_run, stacked
from fxlif.compiled.network_tables import NOISE, NONE, POISSON, RECEIVER, WATCH

#: The loop as a user's runs have it, and that of batches.
as_it_is, items_as_they_are = network_run.run_steps, stacked.run_items


def _with_all(
    thread: int, run: Any, parts: Any, shares: Any, links: Any, codes: Any, pending: Any,
    sums: Any, random: Any, watches: Any, receivers: Any, noise: Any,
) -> None:  # fmt: skip
    assert sums is not None or (links["sums"] == NONE).all()
    assert random is not None or not (parts["lfsr_mask"].any() or POISSON in parts["kind"])
    sums, random = (np.zeros(0, np.int64) if x is None else x for x in (sums, random))
    watches = np.zeros(0, WATCH) if watches is None else watches
    assert noise is not None or (parts["first_noise"] == parts["last_noise"]).all()
    noise = np.zeros(0, NOISE) if noise is None else noise
    receivers = _receivers(receivers, pending, ())
    tables = shares, links, codes, pending, sums, random, watches, receivers, noise
    as_it_is(thread, run, parts, *tables)


def _receivers(receivers: Any, pending: Any, items: tuple[int, ...]) -> Any:
    """Those given; an empty table where what is pending is as wide as with receivers."""
    if receivers is None and pending.dtype == np.int64:
        return np.zeros((*items, 0), RECEIVER)
    return receivers


def _items_with_all(
    taken: int, items: int, run: Any, parts: Any, shares: Any, links: Any, codes: Any,
    pending: Any, sums: Any, random: Any, watches: Any, receivers: Any, noise: Any,
) -> None:  # fmt: skip
    rows = (len(pending),)
    receivers = _receivers(receivers, pending, rows)
    noise = np.zeros((*rows, 0), NOISE) if noise is None else noise
    tables = links, codes, pending, sums, random, watches, receivers, noise
    items_as_they_are(taken, items, run, parts, shares, *tables)


def use_few() -> None:
    """From now on, this process runs networks by the few forms."""
    network_run.run_steps = _with_all  # type: ignore[assignment]
    stacked.run_items = _items_with_all  # type: ignore[assignment]
