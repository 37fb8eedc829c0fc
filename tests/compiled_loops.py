"""Few forms of the compiled network loop.

What a network has not is left out where the loop is compiled for it: some twenty forms among all
tests, and each takes seconds to compile. In the default run they are compiled with everything,
which is then empty; what takes the fixture ``loops_as_they_are`` has them as users have.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from fxlif.compiled import network_run
from fxlif.compiled.network_tables import NOISE, NONE, POISSON, WATCH

#: The loop as a user's runs have it.
as_it_is = network_run.run_steps


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
    tables = shares, links, codes, pending, sums, random, watches, receivers, noise
    as_it_is(thread, run, parts, *tables)


def use_few() -> None:
    """From now on, this process runs networks by the few forms."""
    network_run.run_steps = _with_all  # type: ignore[assignment]
