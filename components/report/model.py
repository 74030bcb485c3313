"""What is to be said about the network and how it was fitted."""

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
    """Whether the network began to learn its training rows by heart.

    The rule: the turning point is the epoch with the lowest validation loss. If
    by the last epoch the validation loss is above that minimum while the
    training loss went on falling, overfitting set in after the turning point.

    Attributes:
        turning_point: The epoch; None if no validation loss is a number.
        sets_in: Whether the rule is met.
        reason: The rule applied, in a sentence.
        val_loss_rise: Share by which the validation loss rose since; None if
            there is nothing to compare.
    """

    turning_point: int | None
    sets_in: bool
    reason: str
    val_loss_rise: float | None


@dataclass(frozen=True)
class ModelFacts:
    """Everything about the network and its training.

    Attributes:
        layers: From input to output; see `pipeline.training.summary`.
        parameters: How many there are in all.
        optimizer: Keras' name.
        settings: What it was fitted with: epochs, optimiser, class weights and so on.
        epochs: The course of the training.
        overfitting: What that shows.
        kept: Which `epoch`'s weights were kept, and `why`; None where the training does
            not say.
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
    """Applies the rule of `Overfitting` to the course of a training."""
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
