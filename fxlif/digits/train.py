"""Trains the networks of the digits: ``python -m fxlif.digits.train --help``.

They are trained through the integers (:class:`fxlif.torch.IntegerNetwork`), the float twin in the
same way. All accuracies that are printed are the golden model's, which knows nothing of the
training; that the training saw the same, image by image, is checked.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ..errors import FxlifError
from ..metrics import classes, mean_accuracy
from .data import TEST_IMAGES, TRAINING_IMAGES, VALIDATION_IMAGES, Split, split_digits
from .recipe import (
    LEAK_SHIFT,
    MAXIMUM,
    RECIPES,
    V_THRESHOLD,
    Array,
    Recipe,
    Result,
    evaluate,
    layer_names,
)

#: The package that the extra ``train`` would have brought, or None.
MISSING: str | None = None
try:
    import sklearn  # noqa: F401  it has the images
    import torch

    from .training import module_with, right, train
except ModuleNotFoundError as error:
    MISSING = error.name
except FxlifError:
    MISSING = "torch"

#: The split whose test images are shipped, and the seed of the shipped weights.
SEED = 1


class Job(NamedTuple):
    """One training: of which network, on which split, from which seed."""

    name: str
    split: int
    seed: int


class Done(NamedTuple):
    """What a training made; ``results``: on the training, validation and test images."""

    weights: list[Array]
    epoch: int
    results: tuple[Result, Result, Result]


# --- training -----------------------------------------------------------------------------------


def carry_out(jobs: Sequence[Job]) -> list[Done]:
    """Train one after the other; how far it is goes to stderr."""
    start, done = time.monotonic(), []
    for number, job in enumerate(jobs):
        recipe = RECIPES[job.name]
        what = f"{number + 1} of {len(jobs)}: {job.name}, split {job.split}, seed {job.seed}"
        at = number, what, recipe

        def told(epoch: int, accuracy: float, at: tuple[int, str, Recipe] = at) -> None:
            number, what, recipe = at
            part = (number + epoch / recipe.epochs) / len(jobs)
            left = (time.monotonic() - start) * (1 - part) / part / 60
            if epoch % 20 == 0 or epoch == recipe.epochs:
                found = f"epoch {epoch} of {recipe.epochs}, validation {accuracy:.2%}"
                print(f"{what}: {found}; {left:.1f} min left", file=sys.stderr, flush=True)

        splits = split_digits(job.split)
        found = train(recipe, *splits[:2], job.seed, told)
        done.append(Done(found.weights, found.epoch, checked(recipe, found.weights, splits)))
    return done


def checked(
    recipe: Recipe, weights: Sequence[Array], splits: tuple[Split, Split, Split]
) -> tuple[Result, Result, Result]:
    """The results by the golden model on each of the splits.

    Raises:
        FxlifError: the forward pass of the training classifies an image otherwise.
    """
    module = module_with(recipe, weights)
    results = []
    for split in splits:
        output = recipe.counts(weights, split[0])[-1]
        seen = right(module, recipe, split)
        differ = int((seen != (classes(output) == split[1])).sum())
        if differ:
            raise FxlifError.must_be("images", "classified as by the golden model", differ)
        results.append(evaluate(recipe, weights, *split))
    return results[0], results[1], results[2]


# --- what is printed ----------------------------------------------------------------------------


def table(jobs: Sequence[Job], done: Sequence[Done]) -> str:
    """A line for each network: its test accuracy over all its trainings."""
    found: dict[str, list[Result]] = {}
    for job, each in zip(jobs, done, strict=True):
        found.setdefault(job.name, []).append(each.results[2])
    lines = [
        f"{'':14}{'test accuracy':>14}{'95 % interval':>20}{'worst..best':>20}{'hidden spikes':>16}"
    ]
    for name, results in found.items():
        percent = [100 * result.accuracy for result in results]
        mean, low, high = mean_accuracy(percent)
        spikes = np.mean([result.hidden_spikes for result in results])
        between = f"{low:.2f}..{high:.2f} %"
        ends = f"{min(percent):.2f}..{max(percent):.2f} %"
        lines.append(f"{name:14}{mean:12.2f} %{between:>20}{ends:>20}{spikes:16.1f}")
    return "\n".join(lines)


# --- files --------------------------------------------------------------------------------------


def core_table(recipe: Recipe, index: int, file: str) -> str:
    """One ``[[core]]`` of the design file."""
    n_inputs, n_neurons = recipe.shapes[index : index + 2]
    array = layer_names(len(recipe.shapes) - 1)[index]
    shift = f"weight_shift = {recipe.weight_shift}\n" if recipe.weight_shift else ""
    return f"""
[[core]]
n_inputs = {n_inputs}
n_neurons = {n_neurons}
lanes = {recipe.lanes[index]}
weights = "{file}:{array}"
{shift}
[core.neuron]
leak = {{ kind = "shift", shift = {LEAK_SHIFT} }}
v_threshold = {V_THRESHOLD}
reset = "to_value"
weight_bits = {recipe.weight_bits}
state_bits = 16
"""


def design_text(name: str, file: str, done: Done) -> str:
    """The design file."""
    recipe = RECIPES[name]
    steps, (_, validation, test) = recipe.steps, done.results
    cores = [core_table(recipe, k, file) for k in range(len(recipe.shapes) - 1)]
    return (
        f"""\
# Written by `python -m fxlif.digits.train` (numpy {np.__version__}, torch {torch.__version__}).
#
# Handwritten digits, 8x8 pixels of 0..{MAXIMUM}, from scikit-learn's load_digits. Its 1,797 images
# are split, each digit in proportion and with a fixed seed, into {TRAINING_IMAGES} for training,
# {VALIDATION_IMAGES} for choosing the epoch and {TEST_IMAGES} for the test. digits.npz
# holds the test images only; no choice was made with them.
#
# An image lasts {steps} steps from a reset. A pixel p spikes in step t (t = 0..{steps - 1}) when
# floor((t + 1) p / {MAXIMUM}) > floor(t p / {MAXIMUM}). The class is the output neuron with the
# most spikes, the lowest index among equals.
#
# Accuracy of the integer network: {validation.accuracy:.2%} on the validation images,
# {test.accuracy:.2%} on the test images. A test image makes, on average,
# {test.input_events:.1f} input events, {test.hidden_spikes:.1f} hidden spikes and \
{test.output_spikes:.1f} output spikes.

name = "{name.replace("-", "_")}"
"""
        + "".join(cores)
        + f"""
[input]
kind = "images"
file = "digits.npz"
steps = {steps}
maximum = {MAXIMUM}
"""
    )


def write(folder: Path, name: str, done: Done) -> list[str]:
    """The files of a network; uncompressed, so that their bytes do not depend on the zlib at hand.

    The float twin has no design, only weights.
    """
    recipe = RECIPES[name]
    arrays: dict[str, Any] = dict(zip(layer_names(len(done.weights)), done.weights, strict=True))
    file = "weights.npz" if name == "digits" else f"{name}.npz"
    images, labels = split_digits(SEED)[2]
    np.savez(folder / file, **arrays)
    if recipe.weight_bits is None:
        return [file]
    np.savez(folder / "digits.npz", images=images, labels=labels)
    design = "design.toml" if name == "digits" else f"{name}.toml"
    text = design_text(name, file, done)
    (folder / design).write_text(text, encoding="utf-8", newline="\n")
    return [file, "digits.npz", design]


def main(arguments: Sequence[str] | None = None) -> int:
    """Train, report and write."""
    parser = argparse.ArgumentParser(
        prog="python -m fxlif.digits.train",
        description="Train networks of the digits through the integers, and state their accuracy.",
    )
    parser.add_argument(
        "name", nargs="*", default=["digits"], metavar="NAME",
        help=f"which networks: {', '.join(RECIPES)} (default: digits)",
    )  # fmt: skip
    parser.add_argument(
        "--splits", type=int, metavar="N",
        help="train each on N splits of the images, print the accuracies, and write nothing",
    )  # fmt: skip
    parser.add_argument(
        "--out", type=Path, default=Path("digits"), help="folder to write to (default: digits)"
    )
    options = parser.parse_args(arguments)
    for name in options.name:
        if name not in RECIPES:
            parser.error(str(FxlifError.must_be("NAME", ", ".join(RECIPES), name)))
    if MISSING is not None:
        print(f"{MISSING} is missing: pip install 'fxlif[train]'", file=sys.stderr)
        return 2
    if options.splits is not None:
        if options.splits < 2:
            parser.error(str(FxlifError.must_be("--splits", "2 or more", options.splits)))
        seeds = range(1, options.splits + 1)
        jobs = [Job(name, seed, seed) for seed in seeds for name in options.name]
        start = time.process_time()
        print(table(jobs, carry_out(jobs)))
        print(f"{options.splits} splits, {time.process_time() - start:.0f} s of processor time")
        return 0
    options.out.mkdir(parents=True, exist_ok=True)
    jobs = [Job(name, SEED, SEED) for name in options.name]
    for job, done in zip(jobs, carry_out(jobs), strict=True):
        for split, result in zip(("train", "validation", "test"), done.results, strict=True):
            print(
                f"{job.name}, {split}: accuracy {result.accuracy:.2%}; per image "
                f"{result.input_events:.1f} input events, {result.hidden_spikes:.1f} hidden "
                f"spikes, {result.output_spikes:.1f} output spikes"
            )
        print(f"wrote {', '.join(write(options.out, job.name, done))} to {options.out}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
