"""Telling of a training that goes on, through the standard log."""

import logging

LOGGER = "pipeline.training.progress"


def tell(epoch: int, epochs: int, val_accuracy: float, val_loss: float) -> None:
    """Logs one line for people about the epoch that just ended."""
    logging.getLogger(LOGGER).info(
        "epoch %d/%d, validation accuracy %.4f, loss %.4f",
        epoch,
        epochs,
        val_accuracy,
        val_loss,
    )
