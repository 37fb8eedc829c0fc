"""NIR: files of the packages that write them, graphs by hand, and what is refused."""

from __future__ import annotations

import json
import os
import warnings
from itertools import pairwise, product
from pathlib import Path

import h5py
import nir
import numpy as np
import pytest
from designs import SEED
from scipy import sparse

from fxlif import (
    Dense,
    EventSource,
    FxlifError,
    FxlifWarning,
    Network,
    NetworkParams,
    NeuronParams,
    Population,
    Projection,
    Recording,
    RegularSource,
    Sparse,
    load,
)
from fxlif import nir as fxlif_nir
from fxlif.batch.labelled import output_spikes, read_labelled
from fxlif.digits import DESIGN as DIGITS
from fxlif.digits import test_set as digits_test_set
from fxlif.hdl.limits import chain_of
from fxlif.metrics import classes
from fxlif.network.events import from_counts
from fxlif.nir.graph import Node
from fxlif.nir.linear import linear_node
from fxlif.params.leaks import DecayLeak, LinearLeak, MultiShiftLeak, NoLeak, ScaleLeak, ShiftLeak
from fxlif.params.neuron import Adaptation, DeltaSynapse, ExponentialSynapse
from fxlif.params.topology import AllToAll
from fxlif.quantise import quantise
from fxlif.quantise.leak import kept

pytestmark = pytest.mark.filterwarnings("ignore::fxlif.errors.FxlifWarning")

#: What tests/nir_peer.py made; .ci/peers names a folder that it has just made.
EXPORTS = Path(os.environ.get("FXLIF_NIR_EXPORTS", Path(__file__).parent / "evidence" / "nir"))
FILES = sorted(path for path in EXPORTS.glob("*.nir") if not path.stem.startswith("digits"))
#: What tests/nir_digits.py trained.
TRAINED = ("digits_snntorch", "digits_norse")


def rng(case: int = 0) -> np.random.Generator:
    return np.random.default_rng([SEED, case])


def read_export(path: Path):
    """What is read of the file, the inputs (steps, n), and what the package's last node gave."""
    with np.load(path.with_suffix(".npz")) as made:
        imported = fxlif_nir.read(path, **json.loads(str(made["options"])))
        return imported, made["inputs"].astype(np.int64), made["last"]


# --- the packages -------------------------------------------------------------------------------


def test_every_export_is_there():
    assert len(FILES) >= 13
    for package in ("snntorch", "norse", "sinabs"):
        assert sum(path.stem.startswith(package) for path in FILES) >= 4


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_the_float_network_does_what_the_package_does(path):
    """In every step every spike; of a leaky integrator the membrane, within what its integers
    round."""
    imported, inputs, last = read_export(path)
    (out,) = imported.outputs
    given = dict.fromkeys(imported.network.inputs, inputs)
    if not imported.membranes:
        spikes = imported.network.run(given)[out]
        assert spikes.sum() > 20
        assert (spikes == 0).any()
        np.testing.assert_array_equal(spikes, last)
        return
    assert imported.membranes == (out,)
    made = quantise(imported.network, weight_bits=16, tau_error=1e-5, resolution=1e-4)
    recording = Recording(states={out: ["v"]})
    Network(made.design, engine="numpy").run(events=from_counts(inputs), record=recording)
    v = recording.states(out, "v") * made.units[out]
    assert np.abs(last).max() > 1
    assert np.abs(v - last).max() < 2e-3 * np.abs(last).max()


@pytest.mark.parametrize("name", TRAINED)
def test_of_every_test_image_the_float_network_has_the_spikes_of_the_package(name):
    imported, last = read_trained(name)
    spikes, labels = digits_test_set()
    (out,) = imported.outputs
    found = imported.network.run(dict.fromkeys(imported.network.inputs, spikes))[out]
    np.testing.assert_array_equal(found, last)
    assert (classes(found.sum(axis=0)) == labels).mean() >= 0.94


def read_trained(name: str):
    with np.load(EXPORTS / f"{name}.npz") as made:
        return (
            fxlif_nir.read(EXPORTS / f"{name}.nir", **json.loads(str(made["options"]))),
            made["last"],
        )


# --- linear nodes -------------------------------------------------------------------------------


def convolved(x, weight, stride, padding, dilation, groups):
    """A convolution by its definition."""
    axes = weight.ndim - 2
    x = np.pad(x, [(0, 0), *[(p, p) for p in padding]])
    size = [
        (x.shape[1 + a] - dilation[a] * (weight.shape[2 + a] - 1) - 1) // stride[a] + 1
        for a in range(axes)
    ]
    out = np.zeros((len(weight), *size))
    each_out, each_in = len(weight) // groups, weight.shape[1]
    for o, place in product(range(len(weight)), np.ndindex(*size)):
        for i, offset in product(range(each_in), np.ndindex(*weight.shape[2:])):
            at = tuple(
                p * s + k * d for p, s, k, d in zip(place, stride, offset, dilation, strict=True)
            )
            channel = o // each_out * each_in + i
            out[(o, *place)] += x[(channel, *at)] * weight[(o, i, *offset)]
    return out


CONVOLUTIONS = [
    ((1, 1), (0, 0), (1, 1), 1), ((2, 1), (1, 2), (1, 1), 1), ((1, 2), (2, 0), (2, 1), 2),
    ((3, 3), (1, 1), (1, 2), 2), ((2,), (1,), (2,), 1), ((1,), (0,), (1,), 2),
]  # fmt: skip


@pytest.mark.parametrize("case", CONVOLUTIONS, ids=str)
def test_a_convolution_is_a_matrix(case):
    stride, padding, dilation, groups = case
    axes, draw = len(stride), rng()
    x = draw.normal(size=(4, *(7, 6)[:axes]))
    weight, bias = draw.normal(size=(6, 4 // groups, *(3, 2)[:axes])), draw.normal(size=6)
    fields = {"weight": weight, "bias": bias, "stride": stride, "padding": padding,
              "dilation": dilation, "groups": groups}  # fmt: skip
    node = Node(path="c", kind=f"Conv{axes}d", fields=fields)
    matrix, added, shape = linear_node(node, x.shape)
    wanted = convolved(x, weight, stride, padding, dilation, groups)
    wanted += bias.reshape(-1, *[1] * axes)
    assert shape == wanted.shape
    np.testing.assert_allclose(x.ravel() @ matrix + added, wanted.ravel(), atol=1e-12)


def test_padding_by_name():
    x, weight = rng().normal(size=(1, 5, 4)), rng(1).normal(size=(2, 1, 3, 3))
    fields = {"weight": weight, "bias": np.zeros(2), "stride": (1, 1), "dilation": 1, "groups": 1}
    for padding, zeros in (("same", (1, 1)), ("valid", (0, 0))):
        node = Node(path="c", kind="Conv2d", fields={**fields, "padding": padding})
        matrix, _, shape = linear_node(node, x.shape)
        wanted = convolved(x, weight, (1, 1), zeros, (1, 1), 1)
        assert shape == wanted.shape
        np.testing.assert_allclose(x.ravel() @ matrix, wanted.ravel(), atol=1e-12)


@pytest.mark.parametrize("kind", ["SumPool2d", "AvgPool2d"])
def test_a_pool_is_a_convolution_of_ones(kind):
    x = rng().normal(size=(2, 6, 5))
    fields = {"kernel_size": (3, 2), "stride": (2, 1), "padding": (1, 0)}
    matrix, bias, shape = linear_node(Node(path="p", kind=kind, fields=fields), x.shape)
    ones = np.ones((2, 1, 3, 2)) / (1 if kind == "SumPool2d" else 6)
    wanted = convolved(x, ones, (2, 1), (1, 0), (1, 1), 2)
    assert bias is None
    assert shape == wanted.shape
    np.testing.assert_allclose(x.ravel() @ matrix, wanted.ravel(), atol=1e-12)


# --- graphs -------------------------------------------------------------------------------------


def lif(n: int, **changes) -> nir.LIF:
    values = {"tau": 2e-2, "r": 20.0, "v_leak": 0.0, "v_threshold": 1.0, "v_reset": 0.0}
    return nir.LIF(**{k: np.broadcast_to(np.float64(v), n).copy()
                      for k, v in (values | changes).items()})  # fmt: skip


def graph(nodes: dict, *edges: tuple[str, str], n: int = 3, out: int = 2) -> nir.NIRGraph:
    """The nodes between an input of ``n`` and an output, unchecked."""
    ends = {"input": nir.Input(np.array([n])), "output": nir.Output(np.array([out]))}
    return nir.NIRGraph({**ends, **nodes}, list(edges), type_check=False)


def line(*nodes, n: int = 3, out: int = 2) -> nir.NIRGraph:
    named = {f"n{k}": node for k, node in enumerate(nodes)}
    names = ["input", *named, "output"]
    return graph(named, *pairwise(names), n=n, out=out)


READ = {"convention": "euler", "dt": 1e-3}
W = np.array([[0.5, -0.2, 0.3], [0.1, 0.7, 0.4]])


def test_linear_nodes_merge_into_the_one_that_follows():
    scale, bias = np.array([2.0, 3.0, 4.0]), np.array([0.1, 0.2, 0.3])
    first = nir.Affine(np.diag(scale), bias)
    made = fxlif_nir.read(line(nir.Scale(scale), first, nir.Linear(W), lif(2)), **READ).network
    (connection,), (group,) = made.connections, made.groups
    np.testing.assert_allclose(connection.weights, (W * scale**2).T)
    np.testing.assert_allclose(group.biases, W @ bias)
    assert (connection.source, connection.target, connection.delay) == ("input", "n3", 0)


def test_a_neuron_in_the_step_of_its_equations():
    tau, r, v_leak = 20.0, 3.0, -1.0
    node = lif(2, tau=tau, r=r, v_leak=v_leak, v_threshold=5.0, v_reset=-2.0)
    euler = fxlif_nir.read(line(nir.Linear(W), node), convention="euler", dt=1.0).network
    neuron = euler.groups[0].neuron
    assert neuron.decay == pytest.approx(1 - 1 / tau)
    assert (neuron.v_leak, neuron.v_reset, neuron.v_threshold) == (v_leak, -2.0, 5.0)
    assert neuron.rule == {"compare": "gt", "reset": "to_value", "reset_at": "compare"}
    np.testing.assert_allclose(euler.connections[0].weights, W.T * r / tau)
    exact = fxlif_nir.read(line(nir.Linear(W), node), convention="exact", dt=1.0).network
    assert exact.groups[0].neuron.decay == pytest.approx(np.exp(-1 / tau))
    np.testing.assert_allclose(exact.connections[0].weights, W.T * r * (1 - np.exp(-1 / tau)))


def test_neurons_of_other_node_types():
    two = np.ones(2)
    cuba = nir.CubaLIF(tau_syn=two * 4, tau_mem=two * 8, r=two * 3, v_leak=two * 0,
                       v_threshold=two, w_in=two * 5)  # fmt: skip
    made = fxlif_nir.read(line(nir.Linear(W), cuba), convention="euler", dt=1.0).network
    assert made.groups[0].neuron.decay_syn == 0.75
    np.testing.assert_allclose(made.connections[0].weights, W.T * 5 / 4 * 3 / 8)
    integrate = nir.IF(r=two * 2, v_threshold=two)
    made = fxlif_nir.read(line(nir.Linear(W), integrate), convention="euler", dt=0.5).network
    assert made.groups[0].neuron.decay == 1
    np.testing.assert_allclose(made.connections[0].weights, W.T)
    threshold = nir.Threshold(np.array([0.2, 0.6]))
    made = fxlif_nir.read(line(nir.Linear(W), threshold), **READ).network
    spikes = made.run({"input": np.eye(3, dtype=int)})["n1"]
    np.testing.assert_array_equal(spikes, W.T > [0.2, 0.6])


def test_neurons_that_start_elsewhere_are_told():
    """Norse starts at v_leak, fxlif and its hardware at v_reset."""
    node = lif(2, v_leak=np.array([0.0, 0.05]), v_threshold=np.array([1.0, 0.25]))
    with pytest.warns(FxlifWarning, match=r"n1: v starts at v_reset, where trained at v_leak: 25"):
        fxlif_nir.read(line(nir.Linear(W), node), convention="norse", dt=1e-3)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        fxlif_nir.read(line(nir.Linear(W), lif(2)), convention="norse", dt=1e-3)
        read_export(EXPORTS / "norse_readout.nir")


def test_delays_are_steps_and_may_differ():
    delay = nir.Delay(np.array([2e-3, 0.0, 2e-3]))
    made = fxlif_nir.read(line(delay, nir.Linear(W), lif(2)), **READ).network
    found = {one.delay: one.weights for one in made.connections}
    np.testing.assert_allclose(found[2], (W * [1, 0, 1]).T)
    np.testing.assert_allclose(found[0], (W * [0, 1, 0]).T)


def test_a_loop_takes_a_step_unless_it_has_a_delay():
    back = nir.Linear(np.eye(2))
    edges = [("input", "w"), ("w", "a"), ("a", "back"), ("back", "a"), ("a", "output")]
    made = fxlif_nir.read(graph({"w": nir.Linear(W), "a": lif(2), "back": back}, *edges), **READ)
    assert {(c.source, c.delay) for c in made.network.connections} == {("input", 0), ("a", 1)}
    assert any("one step later" in text for text in made.decided)
    edges[2:4] = [("a", "late"), ("late", "back"), ("back", "a")]
    nodes = {"w": nir.Linear(W), "a": lif(2), "back": back, "late": nir.Delay(np.full(2, 3e-3))}
    made = fxlif_nir.read(graph(nodes, *edges), **READ)
    assert {(c.source, c.delay) for c in made.network.connections} == {("input", 0), ("a", 3)}


def test_a_loop_of_two_layers_goes_forward_first():
    w = {"to_a": nir.Linear(W), "to_b": nir.Linear(np.eye(2)), "back": nir.Linear(np.eye(2))}
    made = fxlif_nir.read(
        graph(
            {**w, "b": lif(2), "a": lif(2)}, ("input", "to_a"), ("to_a", "a"), ("a", "to_b"),
            ("to_b", "b"), ("b", "back"), ("back", "a"), ("b", "output"),
        ),
        **READ,
    )  # fmt: skip
    ends = {(c.source, c.target): c.delay for c in made.network.connections}
    assert ends == {("input", "a"): 0, ("a", "b"): 0, ("b", "a"): 1}
    assert [group.name for group in made.network.groups] == ["a", "b"]


def test_neurons_that_differ_become_groups():
    node = lif(4, tau=[2e-2, 1e-2, 2e-2, 1e-2], v_threshold=[1, 2, 3, 4], v_leak=[0, 0, 1, 1],
               v_reset=[0, 0, 1, 1])  # fmt: skip
    weights = rng().normal(size=(4, 3))
    behind = nir.Linear(rng(1).normal(size=(2, 4)))
    made = fxlif_nir.read(line(nir.Linear(weights), node, behind, lif(2)), **READ)
    slow, fast = made.network.groups[1], made.network.groups[0]
    assert (fast.name, slow.name) == ("n1_0", "n1_1")
    assert fast.neuron.decay == pytest.approx(0.9)
    # Counted from rest where rests differ.
    np.testing.assert_allclose(slow.thresholds, [1, 2])
    into = {c.target: c.weights for c in made.network.connections if c.source == "input"}
    np.testing.assert_allclose(into["n1_1"], weights[[0, 2]].T)
    out = {c.source: c.weights for c in made.network.connections if c.target == "n3"}
    np.testing.assert_allclose(out["n1_0"], behind.weight[:, [1, 3]].T)


def test_subgraphs_are_opened_and_names_kept(tmp_path):
    inner = nir.NIRGraph(
        {"input": nir.Input(np.array([2])), "lif": lif(2), "output": nir.Output(np.array([2]))},
        [("input", "lif"), ("lif", "output")],
    )
    outer = graph({"w": nir.Linear(W), "0.Sub": inner},
                  ("input", "w"), ("w", "0.Sub"), ("0.Sub", "output"))  # fmt: skip
    nir.write(tmp_path / "net.nir", outer)
    for source in (outer, tmp_path / "net.nir"):
        made = fxlif_nir.read(source, **READ)
        assert made.nodes == {"input": "input", "n_0_sub_lif": "0.Sub/lif"}


def test_a_membrane_never_fires_in_integers_either():
    li = nir.LI(tau=np.full(2, 2e-2), r=np.full(2, 20.0), v_leak=np.zeros(2))
    made = fxlif_nir.read(line(nir.Linear(W), li), **READ)
    assert made.membranes == ("n1",)
    quantised = quantise(made.network)
    neuron = quantised.design.population[0].neuron
    assert neuron.v_threshold == neuron.ranges["v"][1] + 1
    # The widths are no wider than the leak alone needs: no reset bounds v.
    largest = np.maximum(W, 0).sum(1).max() / W.max() * 127
    top = largest * 2 ** quantised.design.projection[0].weight_shift * 20
    assert neuron.state_bits <= np.ceil(np.log2(1.02 * top)) + 1
    assert not np.isfinite(quantised.effective.groups[0].thresholds).any()
    inputs = np.ones((200, 3), np.int64)
    recording = Recording(["n1"], states={"n1": ["v"]})
    Network(quantised.design, engine="numpy").run(events=from_counts(inputs), record=recording)
    assert recording.counts("n1").sum() == 0
    settled = recording.states("n1", "v")[-1] * quantised.units["n1"]
    # r * dt / tau of the input, in each step, of which dt / tau is lost.
    np.testing.assert_allclose(settled, W.sum(1) * 20, rtol=0.05)


# --- mistakes -----------------------------------------------------------------------------------


def changed(n=2, **fields):
    node = lif(n)
    for key, value in fields.items():
        setattr(node, key, np.asarray(value))
    return line(nir.Linear(np.resize(W, (n, 3))), node)


def reading(**options):
    return lambda: fxlif_nir.read(changed(), **{**READ, **options})


MISTAKES = {
    "convention": reading(convention=None),
    "dt": reading(dt=None),
    "reset": reading(convention="snntorch"),
    "refractory": reading(refractory=-1),
    "max_spikes_per_step": reading(max_spikes_per_step=40),
    "n1.tau": reading(dt=1.0),
    "n1.v_threshold[1]": lambda: fxlif_nir.read(changed(v_threshold=[1, np.nan]), **READ),
    "n1.r[0]": lambda: fxlif_nir.read(changed(r=[np.inf, 1]), **READ),
    "n0.weight[0, 1]": lambda: fxlif_nir.read(
        line(nir.Linear(np.array([[1, np.nan, 1]])), lif(1)), **READ
    ),
    "n0.weight": lambda: fxlif_nir.read(line(nir.Linear(W), lif(2), n=4), **READ),
    "n1": lambda: fxlif_nir.read(line(nir.Linear(W), lif(5)), **READ),
    "n1.r": lambda: fxlif_nir.read(changed(n=3, r=[1.0, 2.0]), **READ),
    "v_threshold": lambda: fxlif_nir.read(changed(v_threshold=[0.0, 0.0]), **READ),
    "n0.type": lambda: fxlif_nir.read(line(nir.I(r=np.ones(3)), lif(2)), **READ),
    "n1.delay": lambda: fxlif_nir.read(
        line(nir.Linear(W), nir.Delay(np.full(2, 1.5e-3)), lif(2)), **READ
    ),
    "output": lambda: fxlif_nir.read(line(lif(3), nir.Linear(W)), **READ),
    "b": lambda: fxlif_nir.read(
        graph({"a": nir.Linear(np.eye(3)), "b": nir.Linear(np.eye(3)), "n": lif(3)},
              ("input", "n"), ("a", "b"), ("b", "a"), ("b", "n"), ("n", "output")), **READ
    ),
    "n": lambda: fxlif_nir.read(graph({"n": lif(3)}, ("n", "output")), **READ),
    "edges": lambda: fxlif_nir.read(graph({"n": lif(3)}, ("input", "m")), **READ),
    "1.lif: reset": lambda: fxlif_nir.read(
        EXPORTS / "snntorch_recurrent.nir", convention="snntorch", dt=1e-4, reset="to_value"
    ),
    "n0": lambda: fxlif_nir.read(
        line(nir.LI(tau=np.ones(3), r=np.ones(3), v_leak=np.zeros(3)), lif(3)), **READ
    ),
}  # fmt: skip


@pytest.mark.parametrize("key", MISTAKES)
def test_a_mistake_names_node_and_key(key):
    with pytest.raises(FxlifError) as caught:
        MISTAKES[key]()
    assert caught.value.key == key
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 300


def test_a_broken_file_is_one_line(tmp_path):
    good, bad = tmp_path / "good.nir", tmp_path / "bad.nir"
    nir.write(good, changed())
    whole = good.read_bytes()
    fxlif_nir.read(good, **READ)
    cuts = [b"", b"[neuron]\n", *(whole[: len(whole) * k // 16] for k in range(1, 16))]
    for content in cuts:
        bad.write_bytes(content)
        with pytest.raises(FxlifError) as caught:
            fxlif_nir.read(bad, **READ)
        assert str(caught.value).startswith(f"{bad}: must be a NIR file (HDF5)")
        assert "\n" not in str(caught.value)
    with pytest.raises(FxlifError, match="no such file"):
        fxlif_nir.read(tmp_path / "none.nir", **READ)
    with pytest.raises(FxlifError, match="cannot be read"):
        fxlif_nir.read(tmp_path, **READ)


def test_another_version_or_content_is_refused(tmp_path):
    path = tmp_path / "net.nir"
    for version, node, key in (("2.0", "NIRGraph", "version"), ("1.0", "LIF", "node.type")):
        with h5py.File(path, "w") as file:
            file["version"] = version
            file["node/type"] = node
        with pytest.raises(FxlifError) as caught:
            fxlif_nir.read(path, **READ)
        assert caught.value.key == key
    with h5py.File(path, "w") as file:
        file["other"] = 1
    with pytest.raises(FxlifError, match="without `version` and `node`"):
        fxlif_nir.read(path, **READ)


def test_a_missing_field_is_named(tmp_path):
    path = tmp_path / "net.nir"
    nir.write(path, changed())
    with h5py.File(path, "a") as file:
        del file["node/nodes/n1/tau"]
    with pytest.raises(FxlifError) as caught:
        fxlif_nir.read(path, **READ)
    assert caught.value.key == "n1.tau"
    assert str(caught.value).startswith(f"{path}: n1.tau: must be given")


# --- round trips --------------------------------------------------------------------------------

LEAKS = (
    NoLeak(), ShiftLeak(3), MultiShiftLeak((2, 4), (1, -1)), ScaleLeak(13, 4), DecayLeak(5, 5),
    ScaleLeak(0, 0), ShiftLeak(2, rounding="nearest_even", minimum_step=1),
)  # fmt: skip


def any_design(case: int) -> NetworkParams:
    """A random network of what NIR can say."""
    draw = rng(case)

    def one(*values):
        return values[draw.integers(len(values))]

    def neuron(n: int) -> dict:
        leak = LEAKS[draw.integers(len(LEAKS))]
        synapse = DeltaSynapse()
        if draw.random() < 0.4 and leak != NoLeak():
            order = one(("leak", "integrate", "act"), ("act", "leak", "integrate"))
            synapse = ExponentialSynapse(leak=LEAKS[draw.integers(1, len(LEAKS))], order=order)
        made = NeuronParams(
            leak=leak, synapse=synapse, v_threshold=int(draw.integers(40, 90)), state_bits=20,
            v_leak=0 if leak == NoLeak() else int(draw.integers(-9, 9)),
            v_reset=int(draw.integers(-20, 20)), refractory=int(draw.integers(3)),
            reset=one("subtract", "to_value"), compare=one("ge", "gt"), current_bits=24,
            bias=int(draw.integers(-3, 4)), overflow=one("saturate", "wrap"), weight_bits=9,
        )  # fmt: skip
        own = tuple(draw.integers(40, 90, n).tolist()) if draw.random() < 0.3 else None
        return {"neuron": made, "v_thresholds": own}

    def synapses(n: int, m: int):
        weights = draw.integers(-200, 200, (n, m))
        form = draw.integers(4)
        if form == 0:
            weights *= draw.random((n, m)) < 0.3
            return Sparse(matrix=sparse.csr_matrix(weights))
        if form == 1:
            return AllToAll(weight=(-20, 99), seed=case)
        if form == 2:  # stored zeros are synapses too
            return Sparse(matrix=sparse.csr_matrix((np.arange(n), (range(n), [0] * n)), (n, m)))
        return Dense(weights=weights)

    sizes = {"x": 5, "y": 3, "a": 6, "b": 4, "c": 2}
    ends = [
        ("x", "a", 0),
        ("a", "b", 0),
        ("b", "c", 3),
        ("b", "a", 1),
        ("a", "a", 2),
        ("y", "b", 1),
    ]
    sources = [EventSource(name="x", n=5, max_events_per_input=2), EventSource(name="y", n=3)]
    if draw.random() < 0.5:
        sources.append(RegularSource(name="always", n=1, interval=1))
        sizes["always"] = 1
        ends.append(("always", "b", 0))
    return NetworkParams(
        name="drawn", source=sources,
        population=[Population(name=k, n=sizes[k], **neuron(sizes[k])) for k in "abc"],
        projection=[
            Projection(
                source=a, target=b, synapses=synapses(sizes[a], sizes[b]), delay=delay,
                weight_shift=int(draw.integers(4)),
            )
            for a, b, delay in ends
        ],
    )  # fmt: skip


def assert_same(design, path):
    fxlif_nir.write(design, path)
    nir.read(path)  # NIR's own reader takes it, and checks every shape
    imported = fxlif_nir.read(path)
    assert imported.design == design
    assert imported.design.digest() == design.digest()
    return imported


@pytest.mark.parametrize("case", range(12))
def test_a_round_trip_is_the_identity(tmp_path, case):
    design = any_design(case)
    imported = assert_same(design, tmp_path / "net.nir")
    for group, population in zip(imported.network.groups, design.population, strict=True):
        assert group.name == population.name
        neuron = population.neuron
        assert group.neuron.decay == pytest.approx(float(kept(neuron.leak)))
        assert group.neuron.refractory == neuron.refractory
        assert group.neuron.rule["reset"] == neuron.reset
        thresholds = population.v_thresholds or [neuron.v_threshold] * population.n
        np.testing.assert_allclose(group.thresholds, thresholds)
    delays = sorted((c.source, c.target, c.delay) for c in imported.network.connections)
    wanted = [(p.source, p.target, p.delay) for p in design.projection if p.source != "always"]
    assert delays == sorted(wanted)


@pytest.mark.parametrize("synapses", [
    Sparse(matrix=sparse.csr_matrix([[5, -3]])), Dense(weights=[[5, -3]]),
], ids=["sparse", "dense"])  # fmt: skip
def test_a_bias_from_a_source_comes_back(tmp_path, synapses):
    design = NetworkParams(
        name="biased", source=[
            EventSource(name="x", n=1), RegularSource(name="always", n=1, interval=1),
        ],
        population=[Population(name="a", n=2, neuron=NeuronParams(leak=LEAKS[1]))],
        projection=[
            Projection(source="x", target="a", synapses=Dense(weights=[[7, 8]])),
            Projection(source="always", target="a", synapses=synapses, delay=0),
        ],
    )  # fmt: skip
    assert_same(design, tmp_path / "net.nir")


def test_cores_and_what_was_quantised_come_back(tmp_path):
    assert_same(load(DIGITS), tmp_path / "net.nir")
    for name in ("snntorch_recurrent", "norse_readout"):
        made = quantise(read_export(EXPORTS / f"{name}.nir")[0].network)
        fxlif_nir.write(made, tmp_path / "net.nir")
        imported = fxlif_nir.read(tmp_path / "net.nir")
        assert imported.design.digest() == made.design.digest()
        # Its floats are those that the integers stand for, in the unit of the network.
        for a, b in zip(imported.network.groups, made.effective.groups, strict=True):
            np.testing.assert_allclose(a.thresholds, b.thresholds)
            np.testing.assert_allclose(a.biases, b.biases, atol=1e-12)
            assert a.neuron.decay == pytest.approx(b.neuron.decay)


def test_a_file_that_was_changed_is_not_taken_for_what_was_written(tmp_path):
    path = tmp_path / "net.nir"
    fxlif_nir.write(any_design(1), path)
    with h5py.File(path, "a") as file:
        file["node/nodes/a/v_threshold"][0] += 1.0
    with pytest.raises(FxlifError) as caught:
        fxlif_nir.read(path)
    assert caught.value.key == "a.v_threshold"
    # Its floats alone are a network like any other.
    assert fxlif_nir.read(path, convention="euler", dt=1.0).design is None
    with h5py.File(path, "a") as file:
        del file["node/metadata/fxlif"]
        file["node/metadata/fxlif"] = "{}"
    with pytest.raises(FxlifError) as caught:
        fxlif_nir.read(path)
    assert caught.value.key == "metadata.fxlif"


def single(noise=(), source=None, delay=0, synapses=None, **neuron) -> NetworkParams:
    return NetworkParams(
        source=[source or EventSource(name="x", n=2)],
        population=[Population(name="a", n=2, neuron=NeuronParams(**neuron), noise=noise)],
        projection=[Projection(source="x", target="a", delay=delay,
                               synapses=synapses or Dense(weights=[[1, 2], [3, 4]]))],
    )  # fmt: skip


UNSAID = {
    "population[0].neuron.leak": {"leak": LinearLeak(2)},
    "population[0].neuron.v_floor": {"v_floor": -5},
    "population[0].neuron.adaptation": {"adaptation": Adaptation(3, ShiftLeak(2))},
    "population[0].neuron.negative_threshold": {"negative_threshold": -9},
    "population[0].neuron.synapse.leak": {"synapse": ExponentialSynapse(leak=NoLeak())},
    "population[0].neuron.accumulate": {"accumulate": "per_event"},
    "projection[0].delay": {"synapses": Dense(weights=[[1, 2], [3, 4]], delays=[[0, 1], [2, 3]])},
    "source[0].kind": {"source": RegularSource(name="x", n=2, interval=3)},
}  # fmt: skip


@pytest.mark.parametrize("key", UNSAID)
def test_what_nir_cannot_say_is_refused_by_name(tmp_path, key):
    with pytest.raises(FxlifError) as caught:
        fxlif_nir.write(single(**UNSAID[key]), tmp_path / "net.nir")
    assert caught.value.key == key
    assert "in NIR" in str(caught.value)
    assert list(tmp_path.iterdir()) == []


# --- the command --------------------------------------------------------------------------------

ASKED = ("--convention", "snntorch", "--dt", "1e-4", "--reset", "subtract")


@pytest.mark.parametrize("weight_bits", [8, 4])
def test_import_makes_a_design_that_runs(run, tmp_path, weight_bits):
    path = EXPORTS / "snntorch_convolution.nir"
    ran = run("import", path, *ASKED, "--weight-bits", weight_bits, "-o", "net")
    assert ran.code == 0, ran.err
    assert "stepped as snnTorch" in ran.out
    assert "biases of their own" in ran.err
    assert "no hardware" not in ran.err
    imported, inputs, _ = read_export(path)
    made = quantise(imported.network, weight_bits=weight_bits)
    assert made.report().split("\n\n")[0] in ran.out
    design = load(tmp_path / "net" / "design.toml")
    assert design.digest() == made.design.digest()
    assert {p.synapses.kind for p in design.projection} == {"dense", "sparse"}
    record = Recording()
    Network(design, engine="numpy").run(events=from_counts(inputs), record=record)
    assert record.counts("n_5").sum() > 20


OF_SNNTORCH = ("--convention", "snntorch", "--dt", "1e-4", "--reset", "subtract")


def test_import_with_labelled_images_or_their_spikes(run, tmp_path):
    """The same design and figures; what a design brings is what verify reads."""
    spikes, labels = digits_test_set()
    np.savez("spikes.npz", spikes=spikes.astype(bool), labels=labels)
    path, images = EXPORTS / "digits_snntorch.nir", DIGITS.with_name("digits.npz")
    shown = run("import", path, *OF_SNNTORCH, "--images", images, "--steps", 8, "-o", "a")
    given = run("import", path, *OF_SNNTORCH, "--spikes", "spikes.npz", "-o", "b")
    assert shown.code == given.code == 0, shown.err + given.err
    assert "an input of 16 spikes in every step" in shown.out
    accuracy = shown.out[shown.out.index("of 360 samples") : shown.out.index("a/design.toml")]
    assert accuracy in given.out
    for name, file in (("a", images), ("b", tmp_path / "spikes.npz")):
        assert (tmp_path / name / file.name).read_bytes() == file.read_bytes()
        design = load(tmp_path / name / "design.toml")
        found = read_labelled(design.input, tmp_path / name, 64, 10)
        np.testing.assert_array_equal(found.spikes, spikes)
        np.testing.assert_array_equal(found.labels, labels)
        right = found.right(output_spikes(design, found).sum(axis=0))
        assert f"right in integers              {right / 360:.2%}" in accuracy


def test_import_as_cores_with_lanes(run, tmp_path):
    """The same network, whose cores update several neurons in a cycle."""
    path, asked = EXPORTS / "snntorch_leaky.nir", (*ASKED, "--weight-bits", 5)
    assert run("import", path, *asked, "-o", "a").code == 0
    assert run("import", path, *asked, "--lanes", 8, "-o", "b").code == 0
    plain, cores = (load(tmp_path / name / "design.toml") for name in "ab")
    assert [core.lanes for core in cores.core] == [8, 5]
    ones = tuple(core.model_copy(update={"lanes": 1}) for core in cores.core)
    assert chain_of(plain).digest() == cores.model_copy(update={"core": ones}).digest()
    assert (
        run("import", EXPORTS / "snntorch_recurrent.nir", *asked, "--lanes", 8, "-o", "c").code == 0
    )
    recurrent = load(tmp_path / "c" / "design.toml")
    assert {population.lanes for population in recurrent.population} == {5, 8}


def test_import_again_leaves_no_array_of_before(run, tmp_path):
    for bits in (8, 4):
        ran = run(
            "import", EXPORTS / "snntorch_leaky.nir", *ASKED, "--weight-bits", bits, "-o", "n"
        )
        assert ran.code == 0
    files = {f"n/{path.name}" for path in (tmp_path / "n").iterdir()}
    assert files == {line for line in ran.out.splitlines() if line.startswith("n/")}


def test_samples_that_were_looked_at_to_choose_are_said_to_be(run):
    np.savez("in.npz", **SPIKES)
    asked = (*ASKED, "--spikes", "in.npz", "--widths", "recorded")
    ran = run("import", EXPORTS / "snntorch_leaky.nir", *asked, "--weight-bits", 3, "-o", "n")
    assert ran.code == 0, ran.err
    assert "these samples were looked at" in ran.out
    assert "at an end of v" in ran.out


def test_biases_are_told_in_one_line_each_with_what_to_do(run):
    asked = ("--convention", "snntorch", "--dt", "1e-4", "--reset", "to_value", "-o", "net")
    ran = run("import", EXPORTS / "snntorch_zero.nir", *asked)
    assert ran.code == 0
    told = ran.err.splitlines()
    assert [line.split(":")[1] for line in told] == [" n_1", " n_3"]
    assert all("train with bias=False" in line for line in told)
    assert run("run", "net/design.toml", "--steps", 20, "-o", "out").code == 0


@pytest.mark.parametrize("bias", [0.0, 0.25])
def test_one_bias_for_a_layer_is_hardware(run, bias):
    nir.write("net.nir", line(nir.Affine(W, np.full(2, bias)), lif(2)))
    ran = run("import", "net.nir", "--convention", "norse", "--dt", "1e-3", "-o", "net")
    assert ran.code == 0
    assert ran.err == ""


def test_what_import_makes_is_hardware_where_the_hardware_has_it(run):
    nir.write("net.nir", line(nir.Linear(W), lif(2)))
    asked = ("--convention", "norse", "--dt", "1e-3")
    ran = run("import", "net.nir", *asked, "-o", "net")
    assert ran.code == 0
    assert "no hardware" not in ran.err
    assert run("verilog", "net/design.toml", "-o", "v", "--bench-cycles", 0).code == 0


def test_export_writes_what_import_reads(run, tmp_path):
    assert run("export", DIGITS, "-o", "net.nir").code == 0
    assert fxlif_nir.read(tmp_path / "net.nir").design == load(DIGITS)
    assert run("import", "net.nir", "-o", "net").code == 0
    found = load(tmp_path / "net" / "design.toml")
    assert found.digest() == load(DIGITS).digest()
    assert "suffix" in run("export", DIGITS, "-o", "net.toml").mistake


REFUSED_IMPORTS = {
    "no dt": (("--convention", "norse"), "dt: must be given (--dt): 1e-3"),
    "no convention": ((), "convention: must be given (--convention)"),
    "no reset": (ASKED[:4], "reset: must be given (--reset): subtract or to_value"),
    "tau below dt": ((*ASKED, "--dt", "1"), "1.tau: must be dt = 1 or more"),
    "no such scale": ((*ASKED, "--scale", "max"), "scale: must be minmax, percentile, mse, search"),
    "a search of nothing": (
        (*ASKED, "--scale", "search"),
        "--scale search: must be given with --images or --spikes",
    ),
    "nothing to record": (
        (*ASKED, "--widths", "recorded"),
        "--widths recorded: must be given with --images or --spikes",
    ),
    "weights of one bit": ((*ASKED, "--weight-bits", "1"), "weight_bits: must be 2 or more"),
}


#: Options, arrays of the file that they name, and what is said; of a network of 12 inputs to 5.
IMAGES = {"images": np.full((3, 12), 4), "labels": np.array([0, 1, 4])}
SPIKES = {"spikes": np.ones((6, 3, 12), bool), "labels": np.array([0, 1, 4])}
SHOWN = ("--images", "in.npz", "--steps", 8)
REFUSED_SAMPLES = {
    "no steps": (SHOWN[:2], IMAGES, "--steps: must be given with --images"),
    "steps of nothing": (SHOWN[2:], {}, "--steps: must be left out without --images"),
    "no such file": (("--images", "gone.npz", "--steps", 8), {}, "gone.npz: no such file"),
    "no such file, maximum": ((*SHOWN, "--maximum", 4), None, "in.npz: no such file"),
    "another suffix": (("--spikes", "in.csv"), {}, "--spikes: suffix: must be .npz, not '.csv'"),
    "both": ((*SHOWN, "--spikes", "in.npz"), IMAGES, "--spikes: must be left out with --images"),
    "too small a maximum": ((*SHOWN, "--maximum", 3), IMAGES,
                            "in.npz: image 0, input 0: must be 0..3, not 4"),
    "images of halves": (SHOWN, {**IMAGES, "images": np.full((3, 12), 0.5)},
                         "in.npz: images: must be integers"),
    "other images": (SHOWN, {**IMAGES, "images": np.ones((3, 9), int)},
                     "in.npz: images and labels: must be of shapes (k, 12) and (k,)"),
    "no labels": (SHOWN, {"images": IMAGES["images"]},
                  "in.npz: must be an .npz file with the array 'labels'"),
    "no such label": (SHOWN, {**IMAGES, "labels": np.array([0, 1, 5])},
                      "in.npz: labels[2]: must be 0..4, not 5"),
    "other spikes": (("--spikes", "in.npz"), {**SPIKES, "spikes": np.ones((3, 6, 12), bool)},
                     "in.npz: spikes and labels: must be of shapes (steps, k, 12) and (k,)"),
    "two at once": (("--spikes", "in.npz"), {**SPIKES, "spikes": np.full((6, 3, 12), 2)},
                    "in.npz: spikes[0, 0, 0]: must be 0..1"),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED_SAMPLES)
def test_import_refuses_samples_that_do_not_fit(run, tmp_path, case):
    options, arrays, said = REFUSED_SAMPLES[case]
    if arrays:
        np.savez("in.npz", **arrays)
    before = list(tmp_path.iterdir())
    ran = run("import", EXPORTS / "snntorch_leaky.nir", *ASKED, *options, "-o", "net")
    assert ran.mistake.startswith(said), ran.mistake
    assert list(tmp_path.iterdir()) == before


def test_samples_need_a_last_layer_that_spikes(run, tmp_path):
    np.savez("in.npz", **{**SPIKES, "labels": np.array([0, 1, 2])})
    asked = ("--convention", "norse", "--dt", "1e-3", "--spikes", "in.npz")
    ran = run("import", EXPORTS / "norse_readout.nir", *asked, "-o", "net")
    assert ran.mistake.startswith("outputs: must be one last group that spikes")
    assert not (tmp_path / "net").exists()


@pytest.mark.parametrize("case", REFUSED_IMPORTS)
def test_import_refuses_in_one_line_and_writes_nothing(run, tmp_path, case):
    options, said = REFUSED_IMPORTS[case]
    ran = run("import", EXPORTS / "snntorch_leaky.nir", *options, "-o", "net")
    assert said in ran.mistake
    assert list(tmp_path.iterdir()) == []
