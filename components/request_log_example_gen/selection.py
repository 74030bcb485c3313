"""Selects the requests of a log that are read, without importing TensorFlow."""

import hashlib
import os
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property

from contract.errors import BadInputError
from contract.task import TASK_FILE, Task, read_task
from serving.request_logs import reading
from version_store import versions

UNKNOWN = "unknown"
"""Name of the split for requests whose version is not known."""

_HASHES = 1 << 64


@dataclass(frozen=True)
class Asked:
    """Criteria for the requests to read.

    Attributes:
        models: The folder of the model's versions.
        version: The only version to read; None: all versions, also unknown ones.
        when: The period.
    """

    models: str
    version: int | None
    when: reading.Period

    @cached_property
    def model(self) -> str:
        """The model's name."""
        return os.path.basename(self.models)

    def has(self, model: str, version: int | None) -> bool:
        """Tells whether requests to a version of a model are to be read."""
        return model == self.model and self.version in (None, version)


def task_of(asked: Asked) -> Task:
    """Returns the task of the selected version, or of the newest one."""
    version = asked.version
    if version is None:
        version = versions.latest_version(asked.models)
    folder = versions.version_path(asked.models, version or 0)
    task = read_task(folder)
    if task is None:
        raise BadInputError(
            f"{folder}: expected a version of {asked.model} that this pipeline pushed, "
            f"with {TASK_FILE}, found none"
        )
    return task


def count(files: Iterable[str], asked: Asked) -> tuple[Counter[str], Counter[str]]:
    """Counts the requests in the index: selected ones by version, and all others."""
    logged: Counter[str] = Counter()
    others: Counter[str] = Counter()
    for path in files:
        for entry in reading.entries(path):
            if asked.when.has(entry.timestamp_secs):
                if asked.has(entry.model, entry.version):
                    logged[name_of(entry.version)] += 1
                else:
                    others[f"{entry.model} {name_of(entry.version)}"] += 1
    return logged, others


def nothing(log: str, asked: Asked, others: Mapping[str, int], unread: int) -> str:
    """Returns the error message for a log without any selected request."""
    what = asked.model
    if asked.version is not None:
        what += f" version {asked.version}"
    found = [f"{count:,} of {name}" for name, count in sorted(others.items())]
    if unread:
        found.append(f"{unread:,} without pictures and probabilities")
    in_time = "" if asked.when == reading.EVER else " in this period"
    return (
        f"--log: {log}: expected requests to {what}{in_time}, found "
        f"{', '.join(found) or 'none: is it empty?'}"
    )


def name_of(version: int | None) -> str:
    """Returns the name of a version's split."""
    return UNKNOWN if version is None else str(version)


class Sample:
    """A sample of the requests: those whose ids have the lowest hashes."""

    def __init__(self, logged: Mapping[str, int], most: int) -> None:
        """Computes the limit of the hashes for each version.

        Args:
            logged: Number of requests by version.
            most: Approximate maximum number of requests of each version.
        """
        self._below = {
            name: _HASHES * most // count for name, count in logged.items() if count
        }

    def has(self, request_id: str, version: str) -> bool:
        """Tells whether a request is in the sample.

        Args:
            request_id: The request's id.
            version: Name of the request's split.
        """
        below = self._below.get(version, _HASHES)
        if below >= _HASHES:
            return True
        digest = hashlib.sha256(request_id.encode()).digest()
        return int.from_bytes(digest[:8]) < below
