"""A small job that checks the workers before the real jobs run."""

import os
import platform
from collections.abc import Iterable
from importlib.metadata import version

import apache_beam as beam

MARK = "PROBE"
"""Marks a worker's message, as the engine wraps it in text of its own."""

QUESTION, ANSWER = "question", "answer"
"""Files in the probe's folder: the driver writes the first, a worker the second."""


def this_worker() -> str:
    """Returns the versions that must be the same in the driver and in the workers."""
    python = ".".join(platform.python_version_tuple()[:2])
    return f"Python {python}, apache-beam {version('apache-beam')}"


class Probe(beam.DoFn):
    """Reads and writes the folder from a worker; fails with a message."""

    def __init__(self, folder: str, driver: str) -> None:
        """Takes the folder, and the driver's result of `this_worker`."""
        self._folder = folder
        self._driver = driver

    def process(self, element: bytes) -> Iterable[None]:
        """Compares the versions, then copies the question to the answer."""
        if this_worker() != self._driver:
            raise RuntimeError(
                f"{MARK}<workers have {this_worker()}, and this run {self._driver}: "
                "start them from the same environment>"
            )
        try:
            with open(os.path.join(self._folder, QUESTION), "rb") as stream:
                question = stream.read()
            with open(os.path.join(self._folder, ANSWER), "wb") as stream:
                stream.write(question)
        except OSError as error:
            raise RuntimeError(
                f"{MARK}<workers cannot use {self._folder}: {error.strerror}: it has "
                "to be at the same path for this run and for every worker>"
            ) from error
        return ()
