"""A small job that finds out whether the real ones can work."""

import os
import platform
from collections.abc import Iterable
from importlib.metadata import version

import apache_beam as beam

MARK = "PROBE"
"""Before what a worker found: the engine wraps it in its own words."""

QUESTION, ANSWER = "question", "answer"
"""Files in the probe's folder: what the driver writes, and what a worker does."""


def this_worker() -> str:
    """Returns what driver and workers have to have in common."""
    python = ".".join(platform.python_version_tuple()[:2])
    return f"Python {python}, apache-beam {version('apache-beam')}"


class Probe(beam.DoFn):
    """Reads and writes the folder from a worker; fails with what is wrong."""

    def __init__(self, folder: str, driver: str) -> None:
        """Takes the folder, and what `this_worker` says in the driver."""
        self._folder = folder
        self._driver = driver

    def process(self, element: bytes) -> Iterable[None]:
        """Answers."""
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
