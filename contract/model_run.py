"""What the Trainer leaves of a training beside the model: the ModelRun artifact."""

import json
import os
from typing import Any

import numpy as np

HISTORY_FILE = "history.json"
"""Loss and accuracy by epoch, on both splits, and on the test split at the end."""

SUMMARY_FILE = "summary.json"
"""The layers, and how the model was fitted."""

TIMING_FILE = "timing.json"
"""Seconds; apart from the others, which are the same in each run."""

MODEL_FILE = "model.keras"

_ANSWERS_FILE = "answers.npy"

ANSWER_BATCH = 256
"""Rows that Keras is asked at once for its own answers."""


def save_answers(folder: str, probabilities: np.ndarray) -> None:
    """Writes Keras' own answers to the test split, to compare with and to show.

    Args:
        folder: Of the ModelRun.
        probabilities: float32 `[rows, classes]`, in the split's order.
    """
    with _open(os.path.join(folder, _ANSWERS_FILE), "wb") as stream:
        np.save(stream, probabilities, allow_pickle=False)


def load_answers(folder: str) -> np.ndarray:
    """Returns what `save_answers` wrote."""
    with _open(os.path.join(folder, _ANSWERS_FILE), "rb") as stream:
        answers: np.ndarray = np.load(stream, allow_pickle=False)
    return answers


def read_history(folder: str) -> dict[str, Any]:
    """Returns `history.json` of a ModelRun's folder."""
    return _read_json(os.path.join(folder, HISTORY_FILE))


def read_summary(folder: str) -> dict[str, Any]:
    """Returns `summary.json` of a ModelRun's folder."""
    return _read_json(os.path.join(folder, SUMMARY_FILE))


def write_json(folder: str, name: str, content: dict[str, Any]) -> None:
    """Writes one of the JSON files into a ModelRun's folder."""
    with _open(os.path.join(folder, name), "w") as stream:
        stream.write(json.dumps(content, indent=2))


def _read_json(path: str) -> dict[str, Any]:
    with _open(path, "r") as stream:
        content: dict[str, Any] = json.load(stream)
    return content


def _open(path: str, mode: str) -> Any:
    """Opens a file where TFX keeps artifacts, which may be an object store."""
    # Here, as it imports TensorFlow: whoever only needs the names does without.
    from tfx.dsl.io import fileio

    return fileio.open(path, mode)
