"""What the Trainer leaves of a training beside the model: the ModelRun artifact."""

import json
import os
from collections.abc import Mapping
from typing import Any

import numpy as np

HISTORY_FILE = "history.json"
"""Loss and accuracy by epoch, on both splits, and on the test split at the end."""

SUMMARY_FILE = "summary.json"
"""The layers, and how the model was fitted."""

TIMING_FILE = "timing.json"
"""Seconds; apart from the others, which are the same in each run."""

MODEL_FILE = "model.keras"

_ANSWERS_FILE, _NOVELTY_FILE = "answers.npy", "novelty.npy"

ANSWER_BATCH = 256
"""Rows that Keras is asked at once for its own answers."""


WARM_START = "warm_start"
"""Key of the summary: whose weights the training started from, or why from none."""

USED = (
    *("loss", "optimizer", "optimizer_config", "schedule", "class_weights"),
    WARM_START,
)
"""Keys of the summary that say what was really used, whatever the settings are: a
network may come compiled."""


def used_settings(summary: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the settings of a training, and what was really used in their place.

    A network of one's own, which is named by a file or a dotted path, has the layers
    that its function makes: `hidden_units` would say something else.
    """
    used = {key: summary[key] for key in USED if key in summary}
    if config := used.get("optimizer_config"):
        # Keras counts the optimisers of a process in their names.
        used["optimizer_config"] = {k: v for k, v in config.items() if k != "name"}
    used = {**summary["training"], **used}
    if "." in str(used.get("model", "")):
        used.pop("hidden_units", None)
    return used


def setting_text(value: Any) -> str:
    """Returns a setting for people: `rho 0.9, epsilon 1e-07`; what is unset is `none`.

    Args:
        value: As JSON has it; an object of Keras' is a class's name and its arguments.
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
    """Writes Keras' own answers to the test split, float32 `[rows, classes]`."""
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
    """Opens a file where TFX keeps artifacts, which may be an object store."""
    # Here, as it imports TensorFlow: whoever only needs the names does without.
    from tfx.dsl.io import fileio

    return fileio.open(path, mode)
