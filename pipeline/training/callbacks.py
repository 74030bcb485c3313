"""Keras callbacks of the training: log, TensorBoard, early stopping, learning rate."""

import os
from typing import Any

import keras
import tensorflow as tf

from contract import progress
from pipeline.training.loop import Epoch
from pipeline.training.settings import Training

_BETTER = {"val_loss": "lowest", "val_accuracy": "highest"}


class Telling(keras.callbacks.Callback):
    """Writes the metrics of each epoch to the log and to TensorBoard."""

    def __init__(self, epochs: int, folder: str) -> None:
        super().__init__()
        self._epochs = epochs
        self._boards = {
            prefix: tf.summary.create_file_writer(os.path.join(folder, name))
            for prefix, name in (("", "train"), ("val_", "validation"))
        }

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Writes the metrics of one epoch."""
        numbers = logs or {}
        progress.tell(
            f"epoch {epoch + 1}/{self._epochs}, validation accuracy "
            f"{numbers['val_accuracy']:.4f}, loss {numbers['val_loss']:.4f}"
        )
        for prefix, board in self._boards.items():
            with board.as_default(step=epoch + 1):
                for name in ("loss", "accuracy"):
                    tf.summary.scalar(f"epoch_{name}", numbers[prefix + name])
        if "learning_rate" in numbers:
            with self._boards[""].as_default(step=epoch + 1):
                tf.summary.scalar("epoch_learning_rate", numbers["learning_rate"])

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        """Closes the files."""
        for board in self._boards.values():
            board.close()


class Kept(keras.callbacks.EarlyStopping):
    """Keras' early stopping; it also says which epoch's weights are kept, and why."""

    def __init__(self, training: Training) -> None:
        """Takes `training.early_stopping`; without it, training never stops early."""
        self._settings = training.early_stopping
        self._epochs = training.epochs
        super().__init__(
            monitor=self._settings.monitor if self._settings else "val_loss",
            min_delta=self._settings.min_delta if self._settings else 0,
            patience=self._settings.patience if self._settings else training.epochs,
            mode="max" if self.watched == "val_accuracy" else "min",
            restore_best_weights=self._settings is not None,
        )

    @property
    def watched(self) -> str:
        """The metric that is watched on half of the eval split; empty if none is."""
        return self._settings.monitor if self._settings else ""

    def describe(self, history: list[Epoch]) -> dict[str, Any]:
        """Returns the epoch whose weights are kept (counted from 1), and the reason."""
        if not self.watched:
            return {
                "epoch": len(history),
                "why": "the last epoch, as there was no early stopping",
            }
        kept = self.best_epoch + 1
        value = getattr(history[kept - 1], self.watched)
        what = "loss" if self.watched == "val_loss" else "accuracy"
        waited = len(history) - kept
        end = (
            f"stopped after epoch {len(history)}, {waited} "
            f"{'epoch' if waited == 1 else 'epochs'} without a better one"
            if self.stopped_epoch
            else f"all {self._epochs} epochs were run"
        )
        return {
            "epoch": kept,
            "why": f"the {_BETTER[self.watched]} {what} on half of the eval "
            f"split, {value:.4f}; {end}",
        }


def reducing(training: Training) -> list[keras.callbacks.Callback]:
    """Returns the callback of the `plateau` schedule, or none with other schedules."""
    schedule = training.schedule
    if schedule.kind != "plateau":
        return []
    return [
        keras.callbacks.ReduceLROnPlateau(
            monitor="val_loss",
            factor=schedule.factor,
            patience=schedule.patience,
            min_lr=schedule.minimum,
        )
    ]
