"""The trainer's own answers to some test images, kept to compare with."""

import os

import numpy as np
from tfx.dsl.io import fileio

ROWS = 256
"""The first rows of the test split."""

_FILE = "answers.npy"


def save_answers(folder: str, probabilities: np.ndarray) -> None:
    """Writes float32 `[rows, 10]` into a ModelRun's folder."""
    with fileio.open(os.path.join(folder, _FILE), "wb") as stream:
        np.save(stream, probabilities, allow_pickle=False)


def load_answers(folder: str) -> np.ndarray:
    """Returns what `save_answers` wrote."""
    with fileio.open(os.path.join(folder, _FILE), "rb") as stream:
        answers: np.ndarray = np.load(stream, allow_pickle=False)
    return answers
