"""Few forms of the compiled loops: a network's steps, and the cycles of hardware.

What a network or a core has not is left out where the loop is compiled for it: some thirty forms
among all tests, and each takes seconds to compile. In the default run they are compiled with
everything, which is then empty; what takes the fixture ``loops_as_they_are``, and the processes
that tests start, have them as users have.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np

from fxlif.compiled import network_run, stacked
from fxlif.compiled.network_tables import NOISE, NONE, POISSON, RECEIVER, WATCH
from fxlif.compiled.neuron_step import STEP_CALL
from fxlif.cycles import model, row_model
from fxlif.cycles.chain import Access, no_access
from fxlif.cycles.control import VARIABLE, Block, CompiledSteps

#: What inputs may sum up to → the integers that they are kept in.
kept_as_it_is = network_run.element
#: The loop as a user's runs have it, and that of batches.
as_it_is, items_as_they_are = network_run.run_steps, stacked.run_items
#: Of a chain of cores, and of a network of rows.
chain_as_it_is, graph_as_it_is = model.run_chain, row_model.run_graph
#: The steps of a model of which none is compiled.
_NO_STEPS = CompiledSteps(
    np.zeros(0, STEP_CALL), np.zeros((0, 0), VARIABLE), np.zeros(0, np.int64),
    np.zeros(0, np.int64), np.zeros(0, np.uint8),
)  # fmt: skip
_NO_ROWS = np.zeros(0, np.int64)


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


def _kept(low: int, high: int) -> Any:
    """Of three widths two: the narrow one, and the one that any sum fits."""
    narrow = kept_as_it_is(low, high)
    return narrow if narrow.itemsize <= 2 else np.dtype(np.int64)


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


def _steps(block: Block, steps: CompiledSteps | None) -> CompiledSteps:
    """Those given; without any, none that a core may take."""
    if steps is not None:
        return steps
    block.config["by_rule"] = 1
    return _NO_STEPS


@cache
def _no_access(cores: int) -> Access:
    return no_access()._replace(begun=np.zeros(cores, np.int64))


def _chain_with_all(
    block: Block, chain: Any, first: int, driven: Any, steps: Any, access: Any, arrived: Any
) -> int:
    # That of a soak, whose processes would each compile it.
    common = driven is not None and steps is not None
    if common and access is None and arrived is None:
        return chain_as_it_is(block, chain, first, driven, steps, access, arrived)
    access = _no_access(len(block.config)) if access is None else access
    arrived = _NO_ROWS if arrived is None else arrived
    return chain_as_it_is(block, chain, first, driven, _steps(block, steps), access, arrived)


def _graph_with_all(
    block: Block, chain: Any, graph: Any, first: int, driven: Any, steps: Any, access: Access
) -> int:
    return graph_as_it_is(block, chain, graph, first, driven, _steps(block, steps), access)


def use_few() -> None:
    """From now on, this process runs networks and models by the few forms."""
    model.run_chain, row_model.run_graph = _chain_with_all, _graph_with_all  # type: ignore[assignment]
    network_run.run_steps = _with_all  # type: ignore[assignment]
    network_run.element = _kept
    stacked.run_items = _items_with_all  # type: ignore[assignment]
