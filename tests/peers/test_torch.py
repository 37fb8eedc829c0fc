"""Training through the integers: forward is the golden model to the last bit, on every device.

Where FXLIF_DEVICE is set, as to ``cuda``, it runs there.
"""

from __future__ import annotations

import os
import re
from importlib.resources import files

import numpy as np
import pytest
import torch
from designs import SEED
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from strategies import leaks, neurons

from fxlif import (
    FxlifError,
    Network,
    NeuronParams,
    Recording,
    ScaleLeak,
    ShiftLeak,
)
from fxlif.network.events import from_counts, to_counts
from fxlif.params.leaks import Lfsr
from fxlif.torch import (
    EXACT_BITS,
    SURROGATES,
    Exact,
    IntegerLIF,
    IntegerLinear,
    IntegerNetwork,
    exact_sums,
    exact_type,
)

DEVICE = os.environ.get("FXLIF_DEVICE", "cpu")
torch.set_num_threads(1)  # small tensors: threads wait for each other
FEW = settings(max_examples=120, suppress_health_check=list(HealthCheck))


def tensor(values, dtype=torch.float64):
    return torch.tensor(np.asarray(values), dtype=dtype, device=DEVICE)


def integers(values):
    """The values of a tensor, each checked to be an integer."""
    array = values.detach().cpu().numpy()
    assert (array == np.round(array)).all()
    return array.astype(np.int64)


@FEW
@given(
    neurons(max_spikes_per_step=st.sampled_from([1, 1, 2, 31])),
    st.integers(0, 2**32 - 1),
    st.sampled_from([4, 8, 16, 24]),
)
def test_forward_is_the_golden_step(neuron, seed, current_bits):
    draw = np.random.default_rng([SEED, seed])
    try:
        kind = exact_type(neuron, current_bits)
    except FxlifError:
        assume(False)
    lif = IntegerLIF(5, neuron, current_bits=current_bits).to(DEVICE)
    assert lif.dtype == kind
    high = 1 << (current_bits - 1)
    most = draw.choice([8, high])
    currents = draw.integers(-min(most, high), min(most, high), (12, 3, 5))
    singles = [Golden(neuron) for _ in range(3)]
    state = None
    for current in currents:
        spikes, state = lif(tensor(current, lif.dtype), state)
        for k, golden in enumerate(singles):
            wanted = golden.step(current[k])
            np.testing.assert_array_equal(integers(spikes)[k], wanted)
            for name, values in state._asdict().items():
                np.testing.assert_array_equal(
                    integers(values)[k], getattr(golden.state, name), err_msg=name
                )


class Golden:
    """The golden step on int64 arrays."""

    def __init__(self, neuron):
        from fxlif.rule.step import initial_state

        self.neuron, self.state = neuron, initial_state(neuron, 5)

    def step(self, current):
        from fxlif.rule.step import step

        neuron = self.neuron
        self.state, spikes = step(
            neuron, self.state, current + neuron.bias, np.full(5, neuron.v_threshold)
        )
        return np.asarray(spikes).astype(np.int64)


@FEW
@given(leaks(), st.integers(0, 2**32 - 1))
def test_a_leak_has_the_slope_of_what_it_keeps(leak, seed):
    """Within a range where no end is met, the gradient is that of the leak without roundings."""
    from fxlif.params.leaks import ConstantLeak, LinearLeak
    from fxlif.quantise.leak import kept
    from fxlif.rule import arithmetic

    assume(not isinstance(leak, LinearLeak | ConstantLeak))
    x = tensor(np.random.default_rng([SEED, seed]).integers(-5000, 5000, 64)).requires_grad_()
    left = arithmetic.leak(leak, Exact(x)).value
    left.sum().backward()
    slope = float(kept(leak))
    moved = integers(left) == integers(x) - np.sign(integers(x))  # by a minimum step: slope 1
    found = x.grad.cpu().numpy()
    assert (np.isclose(found, slope) | (moved & bool(leak.minimum_step if slope != 1 else 0))).all()


def test_a_gradient_goes_back_through_time():
    lif = IntegerLIF(1, NeuronParams(leak=ShiftLeak(3), v_threshold=10**6 // 2, **WIDE)).to(DEVICE)
    currents = [tensor([[1000.0]], lif.dtype).requires_grad_() for _ in range(6)]
    state = None
    for current in currents:
        _, state = lif(current, state)
    state.v.sum().backward()
    for age, current in enumerate(reversed(currents)):
        assert current.grad.item() == pytest.approx((7 / 8) ** age)


WIDE = {"state_bits": 20, "threshold_bits": 20, "current_bits": 20}


@pytest.mark.parametrize("name", SURROGATES)
def test_a_spike_has_the_gradient_of_its_surrogate(name):
    lif = IntegerLIF(1, NeuronParams(v_threshold=64), surrogate=name, slope=2.0).to(DEVICE)
    for current in (3.0, 63.0, 64.0, 90.0):
        x = tensor([[current]], lif.dtype).requires_grad_()
        spikes, _ = lif(x)
        assert spikes.item() == (current >= 64)
        spikes.sum().backward()
        d, tiny = 2.0 * (current - 64) / 64, 1e-6
        ends = [SURROGATES[name](torch.tensor(d + s * tiny, dtype=torch.float64)) for s in (1, -1)]
        slope = float(ends[0] - ends[1]) / (2 * tiny)
        assert x.grad.item() == pytest.approx(slope * 2.0 / 64, rel=1e-3, abs=1e-9)


def test_resting_neurons_have_no_gradient_of_a_spike():
    lif = IntegerLIF(1, NeuronParams(refractory=2, v_threshold=8)).to(DEVICE)
    _, state = lif(tensor([[9.0]], lif.dtype))
    x = tensor([[7.0]], lif.dtype).requires_grad_()
    spikes, _ = lif(x, state)
    spikes.sum().backward()
    assert x.grad.item() == 0


def test_integers_travel_in_a_type_that_holds_them():
    assert exact_type(NeuronParams(), 16) == torch.float32
    assert exact_type(NeuronParams(state_bits=24), 16) == torch.float64
    assert exact_type(NeuronParams(leak=ScaleLeak(3, 12)), 16) == torch.float64
    assert set(EXACT_BITS) == {torch.float32, torch.float64}
    with pytest.raises(FxlifError) as caught:
        exact_type(NeuronParams(state_bits=32, leak=ScaleLeak(3, 16)), 60)
    assert "53 bits" in caught.value.allowed


@pytest.mark.parametrize("options", [{}, {"learn_threshold": True, "learn_leak": True}], ids=str)
@pytest.mark.parametrize("weight_shift", [0, 2])
def test_what_was_trained_is_what_the_design_runs(options, weight_shift):
    torch.manual_seed(SEED)
    draw = np.random.default_rng(SEED)
    neuron = NeuronParams(
        leak=ScaleLeak(230, 8, rounding="nearest_even"), reset="subtract",
        v_threshold=24 << weight_shift, weight_bits=5, threshold_shift=1,
    )  # fmt: skip
    module = IntegerNetwork((12, 16, 4), neuron, weight_shift=weight_shift, **options).to(DEVICE)
    optimiser = torch.optim.Adam(module.parameters(), lr=0.3)
    raster = draw.random((6, 80, 12)) < 0.4
    classes = torch.tensor(raster[:, :, :4].sum(0).argmax(1), device=DEVICE)
    losses = []
    for _ in range(25):
        _, out = module(tensor(raster))
        loss = torch.nn.functional.cross_entropy(out.sum(0), classes)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        module.clip()
        losses.append(loss.item())
    assert min(losses[-5:]) < 0.8 * losses[0]
    with torch.no_grad():
        trained = [integers(layer) for layer in module(tensor(raster))]
    design = module.to_design()
    if options:
        assert len({*design.core[0].thresholds}) > 1
        assert design.core[0].neuron.leak.factor != 230
    for item in range(0, 80, 16):
        network = Network(design)
        found = network.run(events=from_counts(raster[:, item]), record=Recording())
        for k, name in enumerate(("core_0", "core_1")):
            counts = to_counts(found.spikes(name), design.core[k].n_neurons)
            np.testing.assert_array_equal(counts, trained[k][:, item])


def test_weights_are_rounded_and_clipped_with_a_straight_gradient():
    linear = IntegerLinear(3, 1, weight_bits=4, weight_shift=1).to(DEVICE)
    with torch.no_grad():
        linear.weight[:] = torch.tensor([[2.6], [99.0], [-99.0]])
    assert integers(linear.integers()).ravel().tolist() == [3, 7, -7]
    out = linear(tensor([[1, 1, 0]], torch.float32))
    assert out.item() == 20
    out.backward()
    assert linear.weight.grad.ravel().tolist() == [2, 2, 0]
    linear.clip()
    assert linear.weight[1].item() == 7


BAD = {
    "neuron.accumulate": lambda: IntegerLIF(1, NeuronParams(accumulate="per_event")),
    "neuron.leak.rounding": lambda: IntegerLIF(
        1, NeuronParams(leak=ShiftLeak(2, rounding="stochastic"), lfsr=Lfsr())
    ),
    "surrogate": lambda: IntegerLIF(1, NeuronParams(), surrogate="sigmoid"),
    "learn_leak": lambda: IntegerLIF(1, NeuronParams(), learn_leak=True),
    "shapes": lambda: IntegerNetwork((4,), NeuronParams()),
}


@pytest.mark.parametrize("key", BAD)
def test_a_mistake_is_one_line_that_names_it(key):
    with pytest.raises(FxlifError) as caught:
        BAD[key]()
    assert caught.value.key == key
    assert "\n" not in str(caught.value)


@pytest.fixture
def tf32():
    settings = torch.backends.cuda.matmul
    before, settings.allow_tf32 = settings.allow_tf32, True
    yield settings
    settings.allow_tf32 = before


def test_sums_that_would_be_rounded_are_refused(tf32):
    exact_sums("cpu", torch.float32)
    exact_sums("cuda", torch.float64)
    with pytest.raises(FxlifError) as caught:
        exact_sums("cuda", torch.float32)
    tf32.allow_tf32 = False
    exact_sums("cuda", torch.float32)
    assert caught.value.key.endswith("allow_tf32")


(PAGE,) = re.findall(
    r"(?ms)^```python\n(.*?)^```$", (files("fxlif") / "docs" / "training.md").read_text()
)


def test_the_example_of_the_page_learns():
    space = {}
    exec(compile(PAGE, "training.md", "exec"), space)
    found = (space["output"].sum(0).argmax(1) == space["labels"]).float().mean()
    assert found > 0.6
    assert len(space["design"].core) == 2


def test_copies_are_networks_side_by_side():
    """Each acts and learns as it does alone."""
    neuron = NeuronParams(leak=ShiftLeak(3), v_threshold=40, weight_bits=6)
    draw = np.random.default_rng(SEED)
    inputs = tensor(draw.random((7, 3, 5, 12)) < 0.4, torch.float32)  # (steps, copies, batch, n)
    many = IntegerNetwork((12, 9, 4), neuron, copies=3, weight_shift=1).to(DEVICE)
    out = many(inputs)[-1]
    out.sum().backward()
    for copy in range(3):
        one = IntegerNetwork((12, 9, 4), neuron, weight_shift=1).to(DEVICE)
        with torch.no_grad():
            for mine, whole in zip(one.parameters(), many.parameters(), strict=True):
                mine.copy_(whole[copy])
        alone = one(inputs[:, copy])[-1]
        assert alone.any()
        assert torch.equal(alone, out[:, copy])
        alone.sum().backward()
        for mine, whole in zip(one.parameters(), many.parameters(), strict=True):
            torch.testing.assert_close(mine.grad, whole.grad[copy], atol=1e-4, rtol=1e-4)
        assert many.to_design(copy=copy) == one.to_design()
    with pytest.raises(FxlifError, match=re.escape("copy: must be an integer, 0..2, not None")):
        many.to_design()
    with pytest.raises(FxlifError, match="learn_threshold: must be False with copies, not True"):
        IntegerNetwork((12, 4), neuron, copies=3, learn_threshold=True)
