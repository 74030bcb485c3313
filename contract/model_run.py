"""Files of the ModelRun artifact: the Trainer's records of a training."""

import json
import os
from collections.abc import Mapping
from typing import Any

import numpy as np

HISTORY_FILE = "history.json"
"""Loss and accuracy of each epoch on both splits, and of the test split at the end."""

SUMMARY_FILE = "summary.json"
"""The layers, and how the model was fitted."""

TIMING_FILE = "timing.json"
"""Times in seconds. They have a file of their own, as the others are reproducible."""

MODEL_FILE = "model.keras"

_ANSWERS_FILE, _NOVELTY_FILE = "answers.npy", "novelty.npy"

ANSWER_BATCH = 256
"""Rows in a batch of Keras' own predictions."""


WARM_START = "warm_start"
"""Key of the summary: the version whose weights training started from, or why none."""

USED = (
    *("loss", "optimizer", "optimizer_config", "schedule", "class_weights"),
    WARM_START,
)
"""Keys of the summary with the values that were really used. They may differ from the
settings, as a network may be compiled by its own function."""


def used_settings(summary: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the settings of a training, replaced by the values that were really used.

    For the user's own network, named by a file or a dotted path, `hidden_units` is left
    out: its layers are those that its function makes.
    """
    used = {key: summary[key] for key in USED if key in summary}
    if config := used.get("optimizer_config"):
        # Keras numbers the optimisers of a process in their names.
        used["optimizer_config"] = {k: v for k, v in config.items() if k != "name"}
    used = {**summary["training"], **used}
    if "." in str(used.get("model", "")):
        used.pop("hidden_units", None)
    return used


def setting_text(value: Any) -> str:
    """Returns a setting as a text: `rho 0.9, epsilon 1e-07`; `none` if it is unset.

    Args:
        value: A JSON value; Keras' objects have a class name and its arguments.
    """
    if value is None or value in ({}, []):
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, dict):
        if {"class_name", "config"} <= set(value):
            return f"{value['class_name']} ({setting_text(value['config'])})"
        return ", ".join(
            f"{str(key).replace('_', ' ')} {setting_text(each)}".removeprefix("kind ")
            for key, each in value.items()
            if each is not None
        )
    if isinstance(value, list | tuple):
        return ", ".join(map(setting_text, value))
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def save_answers(folder: str, probabilities: np.ndarray) -> None:
    """Writes Keras' own predictions for the test split, float32 `[rows, classes]`."""
    _save(folder, _ANSWERS_FILE, probabilities)


def load_answers(folder: str) -> np.ndarray:
    """Returns what `save_answers` wrote."""
    return _load(folder, _ANSWERS_FILE)


def save_novelty(folder: str, novelty: np.ndarray) -> None:
    """Writes the novelty of the test split's first rows, at most `ANSWER_BATCH`."""
    _save(folder, _NOVELTY_FILE, novelty)


def load_novelty(folder: str) -> np.ndarray:
    """Returns what `save_novelty` wrote."""
    return _load(folder, _NOVELTY_FILE)


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


def _save(folder: str, name: str, numbers: np.ndarray) -> None:
    with _open(os.path.join(folder, name), "wb") as stream:
        np.save(stream, numbers, allow_pickle=False)


def _load(folder: str, name: str) -> np.ndarray:
    with _open(os.path.join(folder, name), "rb") as stream:
        numbers: np.ndarray = np.load(stream, allow_pickle=False)
    return numbers


def _read_json(path: str) -> dict[str, Any]:
    with _open(path, "r") as stream:
        content: dict[str, Any] = json.load(stream)
    return content


def _open(path: str, mode: str) -> Any:
    """Opens a file of an artifact, which may be in an object store."""
    # Imported here, as it imports TensorFlow, which callers of the names do not need.
    from tfx.dsl.io import fileio

    return fileio.open(path, mode)
