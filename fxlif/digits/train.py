"""Trains the shipped digits network: ``python -m fxlif.digits.train [--out DIR]``.

The forward pass of the training carries out the integer rule itself, on float32 tensors that hold
integers; only the gradient is smooth. What is trained is therefore what the hardware runs. The
accuracies that are printed come from :func:`integer_accuracy`, which knows nothing of the training.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from .. import CoreParams, Network, NetworkParams, NeuronParams, ShiftLeak

#: The package that the extra ``train`` would have brought, or None.
MISSING: str | None = None
try:
    import torch
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split

    from ..torch.exact import with_gradient
except ModuleNotFoundError as error:
    MISSING = error.name

SEED = 1
MAXIMUM = 16
STEPS = 8
N_INPUTS, N_HIDDEN, N_CLASSES = 64, 64, 10
LANES = (8, 2)
THRESHOLDS = (256, 256)
LEAK_SHIFT = 4
WEIGHT_MAX = 127
STATE_MIN, STATE_MAX = -(1 << 15), (1 << 15) - 1
TEST_IMAGES, VALIDATION_IMAGES = 360, 237

EPOCHS = 120
BATCH = 32
#: In weight LSB; it falls to 0 over the training along a cosine.
LEARNING_RATE = 2.0
#: Steepness of the spike's stand-in gradient, per threshold.
SLOPE = 4.0
#: Price of a hidden spike: every one of them costs the output core a row of synapses.
SPIKE_COST = 0.002

Split = tuple[np.ndarray, np.ndarray]


class Result(NamedTuple):
    """What :func:`integer_accuracy` found; the counts are means per image."""

    accuracy: float
    input_events: float
    hidden_spikes: float
    output_spikes: float


# --- data ---------------------------------------------------------------------------------------


def split_digits() -> tuple[Split, Split, Split]:
    """Training, validation and test images, no image in two of them, each digit in proportion."""
    images, labels = load_digits(return_X_y=True)
    images, labels = images.astype(np.uint8), labels.astype(np.uint8)
    rest_x, test_x, rest_y, test_y = train_test_split(
        images, labels, test_size=TEST_IMAGES, stratify=labels, random_state=SEED
    )
    train_x, val_x, train_y, val_y = train_test_split(
        rest_x, rest_y, test_size=VALIDATION_IMAGES, stratify=rest_y, random_state=SEED
    )
    return (train_x, train_y), (val_x, val_y), (test_x, test_y)


def encode(images: np.ndarray) -> np.ndarray:
    """Spikes (steps, k, inputs): value p spikes in step t iff floor((t+1)p/16) > floor(tp/16)."""
    pixels = images.astype(np.int64)
    spikes = [(t + 1) * pixels // MAXIMUM > t * pixels // MAXIMUM for t in range(STEPS)]
    return np.stack(spikes).astype(np.int64)


def shifted(images: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The images, each moved by at most one pixel each way, about half of them not at all."""
    moved = images.reshape(-1, 8, 8).copy()
    padded = np.pad(moved, ((0, 0), (1, 1), (1, 1)))
    for index, (row, column) in enumerate(rng.choice(3, (len(images), 2), p=(0.15, 0.7, 0.15))):
        moved[index] = padded[index, row : row + 8, column : column + 8]
    return moved.reshape(images.shape)


# --- the golden network --------------------------------------------------------------------------


def integer_accuracy(
    weights: Sequence[np.ndarray], images: np.ndarray, labels: np.ndarray
) -> Result:
    """What the golden network does: no floating point between an input event and a spike."""
    cores = [
        CoreParams(
            n_inputs=len(w), n_neurons=w.shape[1], weights=w,
            neuron=NeuronParams(leak=ShiftLeak(LEAK_SHIFT), v_threshold=threshold),
        )
        for w, threshold in zip(weights, THRESHOLDS, strict=True)
    ]  # fmt: skip
    inputs = encode(images).swapaxes(0, 1)
    record = Network(NetworkParams.chain(*cores)).run(events=inputs, batch=len(images))
    hidden, output = (record.counts(f"core_{k}") for k in range(len(cores)))
    # argmax takes the lowest index among equals, as the design asks.
    accuracy = float(np.mean(output.argmax(axis=1) == labels))
    spikes = (float(x.sum() / len(images)) for x in (inputs, hidden, output))
    return Result(accuracy, *spikes)


# --- training -----------------------------------------------------------------------------------


def quantised(weight: torch.Tensor) -> torch.Tensor:
    """Integer weights; -128 stays unused, so that the range is symmetric."""
    return with_gradient(weight.round().clamp(-WEIGHT_MAX, WEIGHT_MAX), weight)


def spike_counts(weights: Sequence[torch.Tensor], inputs: torch.Tensor) -> list[torch.Tensor]:
    """Spikes (k, neurons) of each layer: the rule of :func:`integer_accuracy`, with a gradient."""
    matrices = [quantised(w) for w in weights]
    v = [inputs.new_zeros(inputs.shape[1], w.shape[1]) for w in weights]
    counts = list(v)
    for events in inputs:
        for layer, matrix in enumerate(matrices):
            leak = v[layer] / (1 << LEAK_SHIFT)
            u = v[layer] - with_gradient(leak.floor(), leak) + events @ matrix
            u = u.clamp(STATE_MIN, STATE_MAX)
            distance = SLOPE * (u / THRESHOLDS[layer] - 1)
            events = with_gradient((distance >= 0).float(), distance / (1 + distance.abs()))
            # The reset is not differentiated: the gradient through it only adds noise.
            v[layer] = u * (1 - events.detach())
            counts[layer] = counts[layer] + events
    return counts


def export(weights: Sequence[torch.Tensor]) -> list[np.ndarray]:
    """The weights as the hardware stores them."""
    return [quantised(w).detach().numpy().astype(np.int8) for w in weights]


def train(training: Split, validation: Split) -> list[np.ndarray]:
    """The weights of the epoch that did best on the validation images."""
    torch.use_deterministic_algorithms(True)
    torch.set_num_threads(1)
    torch.manual_seed(SEED)
    rng = np.random.default_rng(SEED)
    shapes = ((N_INPUTS, N_HIDDEN), (N_HIDDEN, N_CLASSES))
    weights = [(24 * torch.randn(shape)).requires_grad_() for shape in shapes]
    optimiser = torch.optim.Adam(weights, lr=LEARNING_RATE)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, EPOCHS)
    best, chosen = -1.0, export(weights)
    for epoch in range(EPOCHS):
        order = rng.permutation(len(training[0]))
        inputs = torch.from_numpy(encode(shifted(training[0][order], rng))).float()
        labels = torch.from_numpy(training[1][order].astype(np.int64))
        for start in range(0, len(order), BATCH):
            batch = slice(start, start + BATCH)
            hidden, output = spike_counts(weights, inputs[:, batch])
            loss = torch.nn.functional.cross_entropy(output, labels[batch])
            loss = loss + SPIKE_COST * hidden.sum(dim=1).mean()
            optimiser.zero_grad()
            torch.autograd.backward(loss)
            optimiser.step()
            with torch.no_grad():
                # A weight beyond the range would have to come back before it counts again.
                for weight in weights:
                    weight.clamp_(-WEIGHT_MAX, WEIGHT_MAX)
        schedule.step()
        found = integer_accuracy(export(weights), *validation)
        # Of equals the later epoch, which had the smaller steps.
        if found.accuracy >= best:
            best, chosen = found.accuracy, export(weights)
        if (epoch + 1) % 20 == 0:
            print(f"epoch {epoch + 1:3d} of {EPOCHS}: validation {found.accuracy:.2%}", flush=True)
    return chosen


# --- files --------------------------------------------------------------------------------------


def core_table(index: int, n_inputs: int, n_neurons: int, array: str) -> str:
    """One ``[[core]]`` of the design file."""
    return f"""
[[core]]
n_inputs = {n_inputs}
n_neurons = {n_neurons}
lanes = {LANES[index]}
weights = "weights.npz:{array}"

[core.neuron]
leak = {{ kind = "shift", shift = {LEAK_SHIFT} }}
v_threshold = {THRESHOLDS[index]}
reset = "to_value"
weight_bits = 8
state_bits = 16
"""


def design_text(train_size: int, validation: Result, test: Result) -> str:
    """The design file."""
    return (
        f"""\
# Written by `python -m fxlif.digits.train` (numpy {np.__version__}, torch {torch.__version__}).
#
# Handwritten digits, 8x8 pixels of 0..{MAXIMUM}, from scikit-learn's load_digits. Its 1,797 images
# are split, each digit in proportion and with a fixed seed, into {train_size} for training,
# {VALIDATION_IMAGES} for choosing the epoch and {TEST_IMAGES} for the test. digits.npz
# holds the test images only; no choice was made with them.
#
# An image lasts {STEPS} steps from a reset. A pixel p spikes in step t (t = 0..{STEPS - 1}) when
# floor((t + 1) p / {MAXIMUM}) > floor(t p / {MAXIMUM}). The class is the output neuron with the
# most spikes, the lowest index among equals.
#
# Accuracy of the integer network: {validation.accuracy:.2%} on the validation images,
# {test.accuracy:.2%} on the test images. A test image makes, on average,
# {test.input_events:.1f} input events, {test.hidden_spikes:.1f} hidden spikes and \
{test.output_spikes:.1f} output spikes.

name = "digits"
"""
        + core_table(0, N_INPUTS, N_HIDDEN, "hidden")
        + core_table(1, N_HIDDEN, N_CLASSES, "output")
        + f"""
[input]
kind = "images"
file = "digits.npz"
steps = {STEPS}
maximum = {MAXIMUM}
"""
    )


def write(folder: Path, weights: Sequence[np.ndarray], test: Split, design: str) -> None:
    """The three files; uncompressed, so that their bytes do not depend on the zlib at hand."""
    folder.mkdir(parents=True, exist_ok=True)
    np.savez(folder / "weights.npz", hidden=weights[0], output=weights[1])
    np.savez(folder / "digits.npz", images=test[0], labels=test[1])
    (folder / "design.toml").write_text(design, encoding="utf-8", newline="\n")


def main(arguments: Sequence[str] | None = None) -> int:
    """Train, report and write."""
    parser = argparse.ArgumentParser(
        prog="python -m fxlif.digits.train", description="Train the shipped digits network."
    )
    parser.add_argument(
        "--out", type=Path, default=Path("digits"), help="folder to write to (default: digits)"
    )
    options = parser.parse_args(arguments)
    if MISSING is not None:
        print(f"{MISSING} is missing: pip install 'fxlif[train]'", file=sys.stderr)
        return 2
    training, validation, test = split_digits()
    weights = train(training, validation)
    results = [integer_accuracy(weights, *split) for split in (training, validation, test)]
    for name, result in zip(("train", "validation", "test"), results, strict=True):
        print(
            f"{name}: accuracy {result.accuracy:.2%}; per image {result.input_events:.1f} input "
            f"events, {result.hidden_spikes:.1f} hidden spikes, {result.output_spikes:.1f} output "
            "spikes"
        )
    write(options.out, weights, test, design_text(len(training[0]), results[1], results[2]))
    print(f"wrote weights.npz, digits.npz and design.toml to {options.out}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
