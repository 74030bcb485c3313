"""Collects the report's facts about the network and its training."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from contract.model_run import used_settings


@dataclass(frozen=True)
class Epoch:
    """Losses and accuracies of an epoch; see `pipeline.training.loop.Epoch`."""

    epoch: int
    loss: float
    accuracy: float
    val_loss: float
    val_accuracy: float


@dataclass(frozen=True)
class Overfitting:
    """Whether the network overfits.

    The rule: the turning point is the epoch with the lowest validation loss. If the
    validation loss of the last epoch is above that minimum, and the training loss fell
    further, overfitting set in after the turning point.

    Attributes:
        turning_point: The epoch; None if no validation loss is a number.
        sets_in: Whether the rule is met.
        reason: The result of the rule, in a sentence.
        val_loss_rise: Relative rise of the validation loss since the turning point;
            None if there is nothing to compare.
    """

    turning_point: int | None
    sets_in: bool
    reason: str
    val_loss_rise: float | None


@dataclass(frozen=True)
class ModelFacts:
    """All facts about the network and its training.

    Attributes:
        layers: Layers from input to output; see `pipeline.training.summary`.
        parameters: Number of all parameters.
        optimizer: Keras' name of the optimiser.
        settings: Settings of the training: epochs, optimiser, class weights and so on.
        epochs: Losses and accuracies by epoch.
        overfitting: Whether they show overfitting.
        kept: The `epoch` whose weights were kept, and `why`; None if the training does
            not record it.
    """

    layers: list[dict[str, Any]]
    parameters: int
    optimizer: str
    settings: dict[str, Any]
    epochs: tuple[Epoch, ...]
    overfitting: Overfitting
    kept: dict[str, Any] | None = None


def describe_model(history: dict[str, Any], summary: dict[str, Any]) -> ModelFacts:
    """Returns the facts from a ModelRun's `history.json` and `summary.json`."""
    epochs = tuple(Epoch(**epoch) for epoch in history["epochs"])
    return ModelFacts(
        summary["layers"],
        summary["parameters"],
        summary["optimizer"],
        used_settings(summary),
        epochs,
        find_overfitting(epochs),
        summary.get("kept"),
    )


def find_overfitting(epochs: Sequence[Epoch]) -> Overfitting:
    """Applies the rule of `Overfitting` to the epochs of a training."""
    measured = [epoch for epoch in epochs if math.isfinite(epoch.val_loss)]
    if not measured:
        return Overfitting(None, False, "No validation loss is a number.", None)
    best, last = min(measured, key=lambda epoch: epoch.val_loss), measured[-1]
    if len(measured) == 1:
        reason = "With one epoch there is nothing to compare."
        return Overfitting(best.epoch, False, reason, None)
    if best is last:
        reason = (
            f"Not seen: the validation loss was at its lowest, {best.val_loss:.4f}, "
            "in the last epoch."
        )
        return Overfitting(best.epoch, False, reason, 0.0)
    rise = last.val_loss / best.val_loss - 1 if best.val_loss > 0 else None
    by = "" if rise is None else f" ({rise:+.0%})"
    course = (
        f"Since epoch {best.epoch} the validation loss rose from "
        f"{best.val_loss:.4f} to {last.val_loss:.4f}{by}"
    )
    if last.val_loss <= best.val_loss:
        reason = f"Not seen: the validation loss stayed at {best.val_loss:.4f}."
        return Overfitting(best.epoch, False, reason, rise)
    if not last.loss < best.loss:
        reason = (
            f"Not seen: {course[0].lower()}{course[1:]}, but the training loss did "
            f"not fall ({best.loss:.4f} to {last.loss:.4f})."
        )
        return Overfitting(best.epoch, False, reason, rise)
    reason = (
        f"Sets in after epoch {best.epoch}: from there the training loss fell on from "
        f"{best.loss:.4f} to {last.loss:.4f} while the validation loss rose from "
        f"{best.val_loss:.4f} to {last.val_loss:.4f}{by}."
    )
    return Overfitting(best.epoch, True, reason, rise)
