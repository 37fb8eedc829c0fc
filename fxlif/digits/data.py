"""scikit-learn's handwritten digits: 1,797 images of 8x8 pixels of 0..16, and their splits."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Bytes = npt.NDArray[np.uint8]
#: Images (k, 64) and their labels (k,).
Split = tuple[Bytes, Bytes]

TRAINING_IMAGES, VALIDATION_IMAGES, TEST_IMAGES = 1200, 237, 360


def split_digits(seed: int) -> tuple[Split, Split, Split]:
    """Training, validation and test images, no image in two of them, each digit in proportion."""
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split

    images, labels = load_digits(return_X_y=True)
    images, labels = images.astype(np.uint8), labels.astype(np.uint8)
    rest_x, test_x, rest_y, test_y = train_test_split(
        images, labels, test_size=TEST_IMAGES, stratify=labels, random_state=seed
    )
    train_x, val_x, train_y, val_y = train_test_split(
        rest_x, rest_y, test_size=VALIDATION_IMAGES, stratify=rest_y, random_state=seed
    )
    return (train_x, train_y), (val_x, val_y), (test_x, test_y)


def shifted(images: Bytes, rng: np.random.Generator) -> Bytes:
    """The images, each moved by at most one pixel each way, about half of them not at all."""
    moved = images.reshape(-1, 8, 8).copy()
    padded = np.pad(moved, ((0, 0), (1, 1), (1, 1)))
    for index, (row, column) in enumerate(rng.choice(3, (len(images), 2), p=(0.15, 0.7, 0.15))):
        moved[index] = padded[index, row : row + 8, column : column + 8]
    return moved.reshape(images.shape)
