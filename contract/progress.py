"""Reports the progress of a node through the standard log.

TFX's runners offer no callbacks, but log messages of a node can be read where it runs.
"""

import logging

LOGGER = "contract.progress"

KIND = "kind"
"""Attribute of a log record: one of the three below."""

NOTE, REFUSED, SKIPPED = "progress", "refused", "skipped"


def tell(text: str) -> None:
    """Logs one line for the user about the progress."""
    _log(NOTE, text)


def tell_refused(text: str) -> None:
    """Logs that the node succeeded and refuses the model, with the reason."""
    _log(REFUSED, text)


def tell_skipped(text: str) -> None:
    """Logs that the node has nothing to do, with the reason."""
    _log(SKIPPED, text)


def _log(kind: str, text: str) -> None:
    logging.getLogger(LOGGER).info("%s", text, extra={KIND: kind})
