"""Trains the networks of the digits: ``python -m fxlif.digits.train --help``.

They are trained through the integers (:class:`fxlif.torch.IntegerNetwork`), the float twin in the
same way. All accuracies that are printed are the golden model's, which knows nothing of the
training; that the training saw the same, image by image, is checked.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ..errors import FxlifError
from ..metrics import classes, mean_accuracy
from .data import TEST_IMAGES, TRAINING_IMAGES, VALIDATION_IMAGES, Split, split_digits
from .recipe import (
    FLOAT,
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

    from .training import Task, module_with, right, train
except ModuleNotFoundError as error:
    MISSING = error.name
except FxlifError:
    MISSING = "torch"


class Job(NamedTuple):
    """One training: on which split of the images, from which seed."""

    split: int
    seed: int


class Done(NamedTuple):
    """What a training made; ``results``: on the training, validation and test images."""

    weights: list[Array]
    results: tuple[Result, Result, Result]


#: The training whose weights and test images are shipped.
SHIPPED = Job(split=1, seed=1)


# --- training -----------------------------------------------------------------------------------


def carry_out(names: Sequence[str], jobs: Sequence[Job]) -> Iterator[tuple[str, list[Done]]]:
    """Train each of the networks in each of the jobs; how far it is goes to stderr."""
    splits = [split_digits(job.split) for job in jobs]
    tasks = [Task(*split[:2], job.seed) for split, job in zip(splits, jobs, strict=True)]
    work = {
        name: recipe.epochs * recipe.steps * sum(recipe.shapes) for name, recipe in RECIPES.items()
    }
    start, ended, whole = time.monotonic(), 0.0, sum(work[name] for name in names)
    for name in names:
        recipe = RECIPES[name]

        def told(epoch: int, accuracy: float, name: str = name, ended: float = ended) -> None:
            of = RECIPES[name].epochs
            part = (ended + work[name] * epoch / of) / whole
            left = (time.monotonic() - start) * (1 - part) / part
            if epoch % 10 == 0 or epoch == of:
                print(
                    f"{name}, {len(jobs)} at once: epoch {epoch} of {of}, validation "
                    f"{accuracy:.2%}; {left / 60:.1f} min left",
                    file=sys.stderr, flush=True,
                )  # fmt: skip

        made = train(recipe, tasks, told)
        ended += work[name]
        yield (
            name,
            [
                Done(each.weights, checked(recipe, each.weights, split))
                for each, split in zip(made, splits, strict=True)
            ],
        )


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
        seen = right(module, recipe, [split])[0]
        differ = int((seen != (classes(output) == split[1])).sum())
        if differ:
            raise FxlifError.must_be("images", "classified as by the golden model", differ)
        results.append(evaluate(recipe, weights, *split))
    return results[0], results[1], results[2]


# --- what is printed ----------------------------------------------------------------------------


def table(done: Mapping[str, Sequence[Done]]) -> str:
    """A line for each network: its accuracy on the test images over all its trainings, and how far
    it is from that of the float twin, where that was trained."""
    percent = {
        name: np.array([100 * each.results[2].accuracy for each in many])
        for name, many in done.items()
    }
    twin = percent.get(FLOAT)
    head = f"{'':13}{'test accuracy':>14}{'95 % interval':>18}{'least..most':>18}"
    lines = [f"{head}{'to the twin':>13}{'hidden spikes':>15}"]
    for name, each in percent.items():
        mean, low, high = mean_accuracy(each)
        away = "" if twin is None else f"{(each - twin).mean():+.2f}"
        spikes = np.mean([one.results[2].hidden_spikes for one in done[name]])
        ends = f"{each.min():.2f}..{each.max():.2f} %"
        between = f"{low:.2f}..{high:.2f} %"
        lines.append(f"{name:13}{mean:12.2f} %{between:>18}{ends:>18}{away:>13}{spikes:15.1f}")
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

name = "{name}"
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
    arrays: dict[str, Any] = dict(zip(layer_names(len(done.weights)), done.weights, strict=True))
    weights = "weights.npz" if name == "digits" else f"{name}.npz"
    np.savez(folder / weights, **arrays)
    if name == FLOAT:
        return [weights]
    images, labels = split_digits(SHIPPED.split)[2]
    np.savez(folder / "digits.npz", images=images, labels=labels)
    design = "design.toml" if name == "digits" else f"{name}.toml"
    text = design_text(name, weights, done)
    (folder / design).write_text(text, encoding="utf-8", newline="\n")
    return [weights, "digits.npz", design]


def write_seeds(folder: Path, done: Mapping[str, Sequence[Done]]) -> str:
    """All weights in one file: of each network and layer NAME.LAYER, (seeds, n before, n)."""
    arrays: dict[str, Any] = {}
    for name, many in done.items():
        for k, layer in enumerate(layer_names(len(many[0].weights))):
            arrays[f"{name}.{layer}"] = np.stack([each.weights[k] for each in many])
    np.savez_compressed(folder / "seeds.npz", **arrays)
    return "seeds.npz"


def arguments_of(given: Sequence[str] | None) -> argparse.Namespace:
    """The arguments; what is wrong with them is said in one line, with exit code 2."""
    parser = argparse.ArgumentParser(
        prog="python -m fxlif.digits.train",
        description="Train networks of the digits through the integers, and state their accuracy.",
    )
    parser.add_argument(
        "name", nargs="*", default=["digits"], metavar="NAME",
        help=f"which: {', '.join(RECIPES)} (default: digits)",
    )  # fmt: skip
    several = parser.add_mutually_exclusive_group()
    several.add_argument(
        "--splits", type=int, metavar="N",
        help="train each on N splits of the images, print accuracies, write nothing",
    )  # fmt: skip
    several.add_argument(
        "--seeds", type=int, metavar="N",
        help="train each from N seeds on the shipped split, write all weights to seeds.npz",
    )  # fmt: skip
    parser.add_argument(
        "--out", type=Path, default=Path("digits"), help="folder to write to (default: digits)"
    )
    options = parser.parse_args(given)
    for name in options.name:
        if name not in RECIPES:
            parser.error(str(FxlifError.unknown("NAME", "network", name, RECIPES)))
    for option in ("splits", "seeds"):
        number = getattr(options, option)
        if number is not None and not 2 <= number <= 100:
            parser.error(str(FxlifError.must_be(f"--{option}", "2..100", number)))
    return options


def main(arguments: Sequence[str] | None = None) -> int:
    """Train, report and write."""
    options = arguments_of(arguments)
    if MISSING is not None:
        print(f"{MISSING} is missing: pip install 'fxlif[train]'", file=sys.stderr)
        return 2
    start = time.process_time()
    if options.splits is not None:
        jobs = [Job(number, number) for number in range(1, options.splits + 1)]
    else:
        jobs = [Job(SHIPPED.split, seed) for seed in range(1, (options.seeds or 1) + 1)]
        options.out.mkdir(parents=True, exist_ok=True)
    done = {}
    for name, many in carry_out(options.name, jobs):
        done[name] = many
        if options.seeds is not None:  # what has ended is kept
            written = write_seeds(options.out, done)
            print(f"wrote {name} to {options.out / written}", flush=True)
        elif options.splits is None:
            for split, result in zip(("train", "validation", "test"), many[0].results, strict=True):
                print(
                    f"{name}, {split}: accuracy {result.accuracy:.2%}; per image "
                    f"{result.input_events:.1f} input events, {result.hidden_spikes:.1f} hidden "
                    f"spikes, {result.output_spikes:.1f} output spikes"
                )
            print(f"wrote {', '.join(write(options.out, name, many[0]))} to {options.out}")
    if len(jobs) > 1:
        print(table(done))
        seconds = time.process_time() - start
        print(f"{len(jobs)} trainings of each, {seconds:.0f} s of processor time")
    return 0


if __name__ == "__main__":
    sys.exit(main())
