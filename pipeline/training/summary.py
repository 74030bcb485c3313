"""Makes the content of a ModelRun's `summary.json`: the network and its training."""

from typing import Any

import keras
import numpy as np

from contract.task import Task
from pipeline.training.loop import Epoch
from pipeline.training.settings import Training


def summarize(
    model: keras.Model,
    training: Training,
    task: Task,
    *,
    weights: np.ndarray | None,
    history: list[Epoch],
    kept: dict[str, Any],
) -> dict[str, Any]:
    """Returns Keras' `model.summary()` as data, with the settings of the training."""
    others: list[str] = sorted({name for epoch in history for name in epoch.others})
    return {
        "layers": [_describe(layer) for layer in model.layers],
        "parameters": model.count_params(),
        "trainable_parameters": sum(
            int(np.prod(weight.shape)) for weight in model.trainable_weights
        ),
        "network": training.model,
        "optimizer": type(model.optimizer).__name__,
        "optimizer_config": keras.optimizers.serialize(model.optimizer)["config"],
        "schedule": training.schedule.as_dict(),
        "loss": _name(model.loss),
        "class_weights": None
        if weights is None
        else dict(zip(task.classes, map(float, weights), strict=True)),
        "kept": kept,
        "monitored": {
            name: [epoch.others.get(name) for epoch in history] for name in others
        },
        "training": training.model_dump(mode="json"),
    }


def _describe(layer: keras.Layer) -> dict[str, Any]:
    try:
        shape = list(layer.output.shape[1:])
    except (AttributeError, ValueError):
        # A layer of a `keras.Model` subclass has no single output; nor has a shared
        # one.
        shape = []
    return {
        "name": layer.name,
        "kind": type(layer).__name__,
        "output_shape": shape,
        "activation": getattr(getattr(layer, "activation", None), "__name__", ""),
        "parameters": layer.count_params() if layer.built else 0,
    }


def _name(loss: Any) -> str:
    """Returns the name of a loss, which may be a string, a function or an object."""
    if isinstance(loss, str):
        return loss
    return getattr(loss, "__name__", type(loss).__name__)
