"""The training of the digits: its forward passes are the golden model, and the float twin."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from fxlif import digits
from fxlif.digits.recipe import RECIPES
from fxlif.digits.training import module_of, module_with, weights_of


@pytest.mark.parametrize("name", RECIPES)
def test_forward_is_what_is_evaluated(name):
    recipe = RECIPES[name]
    torch.manual_seed(3)
    module = module_of(recipe)
    with torch.no_grad():
        for weight in module.parameters():
            weight.copy_(40 / (1 << recipe.weight_shift) * torch.randn(weight.shape) + 0.25)
    weights = weights_of(module)
    with np.load(digits.DESIGN.with_name("digits.npz")) as arrays:
        images = arrays["images"][:40]
    inputs = torch.from_numpy(recipe.spikes(images))
    for forward in (module, module_with(recipe, weights)):
        made = [spikes.sum(dim=0).detach().numpy() for spikes in forward(inputs)]
        for seen, wanted in zip(made, recipe.counts(weights, images), strict=True):
            assert wanted.any()
            np.testing.assert_array_equal(seen, wanted)
