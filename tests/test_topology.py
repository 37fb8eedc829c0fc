"""From a projection to its synapses: which seed draws what."""

import numpy as np
import pytest

from fxlif.network import generators
from fxlif.network import synapses as tables
from fxlif.network.topology import synapses_of
from fxlif.params.network import NetworkParams, Population, Projection
from fxlif.params.topology import (
    AllToAll,
    Dense,
    FixedInDegree,
    FixedProbability,
    Grid,
    OneToOne,
    Sparse,
)

scipy_sparse = pytest.importorskip("scipy.sparse")

TABLE = np.array([[0, 3, -1], [5, 0, 0], [0, 7, 2]])
MATRIX = scipy_sparse.csr_matrix(TABLE)
OWN = [4, 0, 2, 1, 3]


def joined(synapses, **choices):
    return Projection(source="a", target="b", synapses=synapses, **choices)


def rng(seed):
    return np.random.Generator(np.random.PCG64(seed))


def delays(table):
    return np.broadcast_to(table.delays, table.count).tolist()


@pytest.mark.parametrize("synapses", [Dense(weights=TABLE), Sparse(matrix=MATRIX)])
def test_given_weights(synapses):
    assert np.array_equal(synapses_of(joined(synapses), 3, 3).dense(), TABLE)
    assert delays(synapses_of(joined(synapses), 3, 3)) == [1] * 5
    assert delays(synapses_of(joined(synapses, delay=0), 3, 3)) == [0] * 5
    drawn = synapses_of(joined(synapses, delay=(2, 9), delay_seed=5), 3, 3)
    assert delays(drawn) == tables.draw((2, 9), 5, rng(5), "delay").tolist()
    assert joined(synapses, delay=(2, 9)).delay_range == (2, 9)


def test_own_delays_are_those_that_hold(tmp_path):
    steps = np.full((3, 3), 9)
    steps[TABLE != 0] = OWN
    scipy_sparse.save_npz(tmp_path / "plain.npz", MATRIX)
    with np.load(tmp_path / "plain.npz") as file:
        np.savez(tmp_path / "own.npz", delays=OWN, **file)
    given = (
        Dense(weights=TABLE, delays=steps),
        Sparse(matrix=MATRIX, delays=OWN),
        Sparse(matrix=str(tmp_path / "own.npz")),
    )
    for synapses in given:
        projection = joined(synapses, delay=7)
        assert delays(synapses_of(projection, 3, 3)) == OWN
        assert projection.delay_range == (0, 4)
    plain = joined(Sparse(matrix=str(tmp_path / "plain.npz")), delay=7)
    assert delays(synapses_of(plain, 3, 3)) == [7] * 5
    assert plain.delay_range == (7, 7)


def test_seeds():
    projection = joined(
        FixedProbability(probability=0.5, weight=(-9, 9), seed=3), delay=(0, 5), delay_seed=4
    )
    generator = rng(3)
    indptr, targets = generators.fixed_probability(6, 8, 0.5, generator)
    found = synapses_of(projection, 6, 8)
    assert found.indptr.tolist() == indptr.tolist()
    assert found.targets.tolist() == targets.tolist()
    assert found.weights.tolist() == tables.draw((-9, 9), len(targets), generator).tolist()
    assert found.delays.tolist() == tables.draw((0, 5), len(targets), rng(4), "delay").tolist()
    assert synapses_of(projection, 6, 8).digest() == found.digest()


def test_generated():
    def made(synapses, n_pre=4, n_post=4, target="b"):
        projection = Projection(source="a", target=target, synapses=synapses)
        return synapses_of(projection, n_pre, n_post).dense()

    assert made(AllToAll(weight=2), 2, 3).tolist() == [[2, 2, 2], [2, 2, 2]]
    assert np.array_equal(made(OneToOne(weight=3)), 3 * np.eye(4))
    assert made(FixedInDegree(indegree=3, weight=1), 5, 4).sum(axis=0).tolist() == [3] * 4
    ring = Grid(shape=(1, 4), kernel=[[1, 0, 2]], edges="periodic")
    assert made(ring)[0].tolist() == [0, 2, 0, 1]
    assert made(Grid(shape=(1, 4), kernel=[[1, 0, 2]]))[0].tolist() == [0, 2, 0, 0]
    for synapses in (
        AllToAll(weight=1, autapses=False),
        FixedProbability(probability=1.0, weight=1, autapses=False),
        FixedInDegree(indegree=3, weight=1, autapses=False),
    ):
        assert np.array_equal(made(synapses, target="a"), 1 - np.eye(4))
        # Neuron i of another population is not the neuron itself.
        if not isinstance(synapses, FixedInDegree):
            assert made(synapses).tolist() == np.ones((4, 4)).tolist()
            assert made(synapses, 4, 5).shape == (4, 5)


@pytest.mark.parametrize(
    "synapses",
    [
        Dense(weights=TABLE, delays=abs(TABLE)),
        Sparse(matrix=MATRIX),
        Sparse(matrix=MATRIX, delays=OWN),
        FixedInDegree(indegree=2, weight=(1, 5)),
        Grid(shape=(1, 3), kernel=[[1, 0, 2]]),
    ],
)
def test_written_out_and_read_again(synapses):
    network = NetworkParams(
        population=[Population(name="a", n=3), Population(name="b", n=3)],
        projection=[joined(synapses, delay=(1, 6))],
    )
    again = NetworkParams.model_validate(network.model_dump(mode="json", exclude_none=True))
    assert again == network
    first, second = (synapses_of(x.projection[0], 3, 3) for x in (network, again))
    assert first.digest() == second.digest()
