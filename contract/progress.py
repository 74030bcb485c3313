"""Telling of what goes on inside a node, through the standard log.

TFX's runners have no listeners, but what a node logs is heard where it runs.
"""

import logging

LOGGER = "contract.progress"

KIND = "kind"
"""Attribute of a log record: one of the three below."""

NOTE, REFUSED, SKIPPED = "progress", "refused", "skipped"


def tell(text: str) -> None:
    """Logs one line for people about what goes on."""
    _log(NOTE, text)


def tell_refused(text: str) -> None:
    """Logs that the node, which goes well, says No; and to what."""
    _log(REFUSED, text)


def tell_skipped(text: str) -> None:
    """Logs that there is nothing for the node to do; and why."""
    _log(SKIPPED, text)


def _log(kind: str, text: str) -> None:
    logging.getLogger(LOGGER).info("%s", text, extra={KIND: kind})
