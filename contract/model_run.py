"""The trainer's own answers to the test split, kept to compare with and to show."""

import os

import numpy as np
from tfx.dsl.io import fileio

BATCH = 256
"""Rows that Keras is asked at once."""

_FILE = "answers.npy"


def save_answers(folder: str, probabilities: np.ndarray) -> None:
    """Writes float32 `[rows, 10]`, in the split's order, into a ModelRun's folder."""
    with fileio.open(os.path.join(folder, _FILE), "wb") as stream:
        np.save(stream, probabilities, allow_pickle=False)


def load_answers(folder: str) -> np.ndarray:
    """Returns what `save_answers` wrote."""
    with fileio.open(os.path.join(folder, _FILE), "rb") as stream:
        answers: np.ndarray = np.load(stream, allow_pickle=False)
    return answers
