"""Starts a training from the weights of the version that is served."""

import os

import keras

from contract import progress
from contract.task import Task, read_task
from pipeline.training.export import read_weights
from pipeline.training.settings import Training
from version_store.manifest import ManifestError, read_manifest


def start(model: keras.Model, task: Task, training: Training, champion: str) -> str:
    """Gives a network the champion's weights, if both are the same network.

    Args:
        model: The network; changed in place.
        task: The task of the network.
        training: The settings of the run.
        champion: Folder of the version that is served; it need not exist.

    Returns:
        A message for the user and the record: whether the weights were taken, and why
        not.
    """
    try:
        said = _take_over(model, task, training, champion)
    except (ValueError, ManifestError) as error:
        said = f"left out: {error}"
    progress.tell(f"warm start: {said}")
    return said


def _take_over(
    model: keras.Model, task: Task, training: Training, champion: str
) -> str:
    """Raises ValueError if the weights of the version cannot be used."""
    if not os.path.isdir(champion):
        raise ValueError("no version of this task is served")
    manifest = read_manifest(champion)
    if manifest is None or manifest.training is None:
        raise ValueError("the version that is served does not say how it was trained")
    version = f"version {manifest.version}"
    theirs = read_task(champion)
    if theirs is None or not task.asks_the_same(theirs):
        raise ValueError(f"{version} answers another task")
    network = manifest.training.get("model")
    if network != training.model:
        raise ValueError(f"{version} has the network {network}, not {training.model}")
    weights = read_weights(champion)
    expected = [tuple(weight.shape) for weight in model.weights]
    found = [weight.shape for weight in weights]
    if found != expected:
        raise ValueError(
            f"{version} has weights of the shapes {_text(found)}, not {_text(expected)}"
        )
    model.set_weights(weights)
    return f"from the weights of {version}"


def _text(shapes: list[tuple[int, ...]]) -> str:
    return ", ".join("x".join(map(str, shape)) or "1" for shape in shapes)
