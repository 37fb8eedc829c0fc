"""The training of the digits: its forward passes are the golden model, and the float twin."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from fxlif import digits
from fxlif.digits.recipe import RECIPES, Recipe, evaluate
from fxlif.digits.training import Task, module_of, module_with, train, weights_of


@pytest.mark.parametrize("name", RECIPES)
def test_forward_is_what_is_evaluated(name):
    recipe = RECIPES[name]
    torch.manual_seed(3)
    module = module_of(recipe, 2)
    with torch.no_grad():
        for weight in module.parameters():
            weight.copy_(40 / (1 << recipe.weight_shift) * torch.randn(weight.shape) + 0.25)
    with np.load(digits.DESIGN.with_name("digits.npz")) as arrays:
        images = arrays["images"][:40]
    inputs = torch.from_numpy(recipe.spikes(images))
    both = module(inputs.unsqueeze(1).expand(-1, 2, -1, -1))
    for copy in range(2):
        weights = weights_of(module, copy)
        alone = module_with(recipe, weights)(inputs.unsqueeze(1))
        for wanted, *seen in zip(recipe.counts(weights, images), both, alone, strict=True):
            assert wanted.any()
            for spikes, at in zip(seen, (copy, 0), strict=True):
                np.testing.assert_array_equal(spikes[:, at].sum(dim=0).detach().numpy(), wanted)


def test_side_by_side_as_alone():
    """What is trained depends on no network beside it, and is what was best on the validation."""
    with np.load(digits.DESIGN.with_name("digits.npz")) as arrays:
        images, labels = arrays["images"], arrays["labels"]
    parts = (images[:96], labels[:96]), (images[200:], labels[200:])
    others = (images[104:200], labels[104:200]), parts[1]
    tasks = [Task(*parts, 1), Task(*others, 2)]
    for bits in (4, None):
        recipe = Recipe(weight_bits=bits, epochs=10, hidden=(16,))
        both = train(recipe, tasks)
        for task, found in zip(tasks, both, strict=True):
            (alone,) = train(recipe, [task])
            for one, other in zip(alone.weights, found.weights, strict=True):
                np.testing.assert_array_equal(one, other)
            assert evaluate(recipe, found.weights, *task.validation).accuracy == found.validation
            assert found.validation > 0.2  # by chance 0.1
        assert not np.array_equal(both[0].weights[0], both[1].weights[0])
