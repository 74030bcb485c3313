"""Writes scikit-learn's handwritten digits, the substitute where MNIST is missing.

1,797 scans of 8x8 pixels in 17 grey levels, from "Optical Recognition of
Handwritten Digits" (E. Alpaydin, C. Kaynak; UCI, CC BY 4.0), as shipped inside
scikit-learn. They need no network. They are not MNIST: a run on them must
say so wherever it shows a result.
"""

import os
import shutil

import numpy as np
from PIL import Image

from components.image_example_gen import idx, mnist, splitting

NAME = "digits"

TASK = mnist.TASK.named(name=NAME)
"""The scans are enlarged to MNIST's size, so the task has the same shape."""

TEST_IMAGES = 360
_SCAN_MAXIMUM = 16
_BOX = 20
"""MNIST's digits lie in a 20x20 box within the 28x28 image."""


def write(folder: str) -> None:
    """Writes the digits as four IDX files, enlarged to 28x28, all of them or none.

    The scans come grouped by writer, so they are shuffled. Then they are ordered so
    that every range of rows has the same share of each digit, because small splits
    would otherwise differ by chance. The last 360 rows are the test part.

    Args:
        folder: Folder for the files. If it exists already, nothing is written.
    """
    if os.path.isdir(folder):
        return
    # Imported here: scikit-learn takes a second, and only this fallback needs it.
    from sklearn.datasets import load_digits

    scans, labels = load_digits(return_X_y=True)
    shuffled = np.random.default_rng(0).permutation(len(labels))
    order = splitting.spread(labels, np.argsort(shuffled))
    images = np.stack([_enlarge(scans[row].reshape(8, 8)) for row in order])
    digits = labels[order].astype(np.uint8)

    beside = f"{folder}.tmp-{os.getpid()}"
    os.makedirs(beside)
    try:
        split = len(digits) - TEST_IMAGES
        idx.write(os.path.join(beside, "train-images-idx3-ubyte"), images[:split])
        idx.write(os.path.join(beside, "train-labels-idx1-ubyte"), digits[:split])
        idx.write(os.path.join(beside, "t10k-images-idx3-ubyte"), images[split:])
        idx.write(os.path.join(beside, "t10k-labels-idx1-ubyte"), digits[split:])
        os.rename(beside, folder)
    finally:
        shutil.rmtree(beside, ignore_errors=True)


def _enlarge(scan: np.ndarray) -> np.ndarray:
    """Returns an 8x8 scan as uint8 `[28, 28]`, in MNIST's box and grey range."""
    grey = np.round(scan * (255 / _SCAN_MAXIMUM)).astype(np.uint8)
    box = Image.fromarray(grey).resize((_BOX, _BOX), Image.Resampling.BICUBIC)
    image = np.zeros((mnist.TASK.height, mnist.TASK.width), np.uint8)
    top, left = (mnist.TASK.height - _BOX) // 2, (mnist.TASK.width - _BOX) // 2
    image[top : top + _BOX, left : left + _BOX] = np.asarray(box)
    return image
