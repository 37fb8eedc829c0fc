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
