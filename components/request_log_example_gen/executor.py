"""Reads a request log, and writes its pictures and answers as examples."""

import json
import os
import sys
import time
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import tensorflow as tf
from tfx.types import artifact_utils
from tfx.utils import io_utils

from components.executing import Artifacts, BaseExecutor
from components.image_example_gen.examples import SplitWriter, encode
from components.request_log_example_gen.labels import Truth, read_labels
from components.request_log_example_gen.messages import Answered, answered
from components.request_log_example_gen.private import private
from components.request_log_example_gen.selection import (
    UNKNOWN,
    Asked,
    Sample,
    count,
    name_of,
    nothing,
    task_of,
)
from contract import features, nodes, signatures
from contract.errors import BadInputError
from contract.task import TASK_FILE, Task
from serving.request_logs import reading
from version_store import versions

LOG_KEY = "log"
MODELS_KEY = "models"
VERSION_KEY = "version"
SINCE_KEY, UNTIL_KEY = "since", "until"
HOURS_KEY = "hours"
LABELS_KEY = "labels"
MAX_REQUESTS_KEY = "max_requests"

REQUESTS_FILE = "requests.json"

_BLOCK_ROWS = 1_000
_BLOCK_VALUES = 1_000_000
"""Maximum numbers of rows of a version and of values of its images in memory."""

_SHARD_ROWS = 12_000


class Executor(BaseExecutor):
    """Writes the `examples` artifact."""

    @private()
    def run(
        self, inputs: Artifacts, outputs: Artifacts, parameters: dict[str, Any]
    ) -> None:
        """Reads the log's index, then the log.

        Raises:
            BadInputError: There is no log, it has no request to this model, or it is of
                another task.
        """
        asked = _asked(parameters)
        task = task_of(asked)
        labels: dict[tuple[str, int], int] = {}
        if path := parameters[LABELS_KEY]:
            labels = read_labels(path, task)
        truth = Truth(labels, len(task.classes))
        files = reading.find_files(parameters[LOG_KEY])
        logged, others = count(files, asked)
        sample = Sample(logged, parameters[MAX_REQUESTS_KEY])
        examples = outputs[nodes.EXAMPLES]

        def wanted(entry: reading.Entry) -> bool:
            return asked.has(entry.model, entry.version) and (
                sample.has(entry.request_id, name_of(entry.version))
                or truth.knows(entry.request_id)
            )

        passed_over = reading.PassedOver()
        unread = 0
        writers: dict[str, _Writer] = {}
        for one in reading.read(files, passed_over, asked.when, wanted):
            if not asked.has(one.model, one.version):
                continue
            found = answered(one, task)
            if found is None:
                unread += 1
                continue
            name = name_of(one.version)
            truth.add(one.request_id, name, found.probabilities.argmax(axis=1))
            if sample.has(one.request_id or "", name):
                if name not in writers:
                    writers[name] = _Writer(examples.uri, asked.models, name, task)
                writers[name].add(one, found)
        for writer in writers.values():
            writer.close()
        if not writers:
            raise BadInputError(nothing(parameters[LOG_KEY], asked, others, unread))
        examples.split_names = artifact_utils.encode_split_names(sorted(writers))
        io_utils.write_string_file(
            os.path.join(examples.uri, TASK_FILE), task.to_json()
        )
        content = {
            "versions": {
                name: {
                    # Requests that are missing in the index were not counted before.
                    "logged": max(logged[name], writer.requests),
                    **writer.as_dict(),
                    **truth.by_version().get(name, {}),
                }
                for name, writer in sorted(writers.items())
            },
            "labels": len(labels),
            "of_others": dict(others),
            "without_answers": unread,
            "torn_files": passed_over.files,
            "torn_bytes": passed_over.bytes,
        }
        io_utils.write_string_file(
            os.path.join(examples.uri, REQUESTS_FILE), json.dumps(content, indent=2)
        )


def _asked(parameters: Mapping[str, Any]) -> Asked:
    since, until = (
        None if parameters[key] < 0 else int(parameters[key])
        for key in (SINCE_KEY, UNTIL_KEY)
    )
    if since is None and (hours := parameters[HOURS_KEY]):
        # The period ends where the log is complete; the next run continues there.
        whole = reading.whole_until(parameters[LOG_KEY])
        end = min(int(time.time()), whole or sys.maxsize)
        since = end - hours * 3600
        if whole is not None and until is None:
            until = end
    version = parameters[VERSION_KEY]
    return Asked(
        parameters[MODELS_KEY].rstrip("/"),
        int(version) if version else None,
        reading.Period(since, until),
    )


class _Writer:
    """Writes the split of a version, one block at a time."""

    def __init__(self, folder: str, models: str, name: str, task: Task) -> None:
        self.requests = self.rows = self.first = self.last = 0
        self._files = SplitWriter(
            os.path.join(folder, f"Split-{name}"), None, _SHARD_ROWS
        )
        self._name, self._task = name, task
        self._novelty = _novelty_of(models, name)
        self._block_rows = max(1, min(_BLOCK_ROWS, _BLOCK_VALUES // task.size))
        self._block: list[tuple[reading.Logged, Answered]] = []
        self._waiting = 0

    def add(self, logged: reading.Logged, found: Answered) -> None:
        self.requests += 1
        self.first = min(self.first or logged.timestamp_secs, logged.timestamp_secs)
        self.last = max(self.last, logged.timestamp_secs)
        self._block.append((logged, found))
        self._waiting += len(found.images)
        if self._waiting >= self._block_rows:
            self._flush()

    def as_dict(self) -> dict[str, int]:
        """Returns the numbers of requests and pictures, and the period in seconds."""
        return {
            "read": self.requests,
            "pictures": self.rows,
            "first": self.first,
            "last": self.last,
        }

    def close(self) -> None:
        if self._block:
            self._flush()
        self._files.close()

    def _flush(self) -> None:
        rows = [len(found.images) for _, found in self._block]
        images = np.concatenate([found.images for _, found in self._block])
        answers = np.concatenate([found.probabilities for _, found in self._block])
        times = [logged.timestamp_secs for logged, _ in self._block]
        ids = [(logged.request_id or "").encode() for logged, _ in self._block]
        columns = {
            features.IMAGE: images.astype(np.int64, copy=False),
            features.ANSWER: answers.astype(np.float32, copy=False),
            features.PREDICTION: answers.argmax(axis=1)[:, None],
            features.TIMESTAMP: np.repeat(times, rows)[:, None],
            features.REQUEST_ID: np.repeat(np.array(ids, object), rows)[:, None],
            features.ROW: np.concatenate([np.arange(count) for count in rows])[:, None],
        }
        if self._name != UNKNOWN:
            columns[features.VERSION] = np.full((len(images), 1), int(self._name))
        if self._novelty is not None:
            shaped = np.clip(images, 0, 255).astype(np.uint8)
            found = self._novelty(shaped.reshape(-1, *self._task.shape))
            columns[features.NOVELTY] = found[:, None]
        self._files.write_serialized(encode(columns))
        self.rows += len(images)
        self._block, self._waiting = [], 0


def _novelty_of(models: str, name: str) -> Callable[[np.ndarray], np.ndarray] | None:
    """Returns a function that computes novelty; None if the version has none."""
    folder = versions.version_path(models, int(name)) if name != UNKNOWN else ""
    if not os.path.isdir(folder):
        return None
    loaded = tf.saved_model.load(folder)
    if signatures.NOVELTY_SIGNATURE not in loaded.signatures:
        return None

    def novelty(images: np.ndarray) -> np.ndarray:
        # `loaded` is used here because a signature does not keep its model alive.
        asked = loaded.signatures[signatures.NOVELTY_SIGNATURE]
        [name] = asked.structured_input_signature[1]
        answer = asked(**{name: tf.constant(images)})[signatures.NOVELTY]
        found: np.ndarray = answer.numpy()
        return found

    return novelty
