"""Reads labels for answered requests, and counts the right answers."""

import csv
from collections.abc import Iterator, Mapping

import numpy as np

from contract.errors import BadInputError
from contract.special_files import file_only
from contract.task import Task

REQUEST_ID, LABEL, ROW = "request_id", "label", "row"
"""Columns of the file. `row` may be missing; then it is 0."""

Key = tuple[str, int]
"""A request's id, and the index of a picture in it."""


def read_labels(path: str, task: Task) -> dict[Key, int]:
    """Reads a CSV file with the columns `request_id`, `label` and optionally `row`.

    Args:
        path: Path of the file.
        task: The task; a label in the file is the name or the index of a class.

    Raises:
        BadInputError: The file cannot be read, or a line has no label of the task.
    """
    try:
        with open(path, encoding="utf-8-sig", newline="", opener=file_only) as stream:
            return dict(_rows(path, csv.DictReader(stream), task))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        reason = getattr(error, "strerror", None) or "not a CSV file"
        raise BadInputError(f"--labels: {path}: cannot be read: {reason}") from error


def _rows(
    path: str, reader: "csv.DictReader[str]", task: Task
) -> Iterator[tuple[Key, int]]:
    names = reader.fieldnames or []
    if not {REQUEST_ID, LABEL} <= {*names}:
        raise BadInputError(
            f"--labels: {path}: expected a first line with {REQUEST_ID} and {LABEL}, "
            f"found {', '.join(names) or 'nothing'}"
        )
    places = {name: label for label, name in enumerate(task.classes)}
    for row in reader:
        place, text = row.get(ROW) or "0", row[LABEL] or ""
        label = places.get(text)
        if label is None and text.isdecimal() and int(text) < len(task.classes):
            label = int(text)
        if label is None or not place.isdecimal():
            raise BadInputError(
                f"--labels: {path}: line {reader.line_num}: expected a class of "
                f"{task.name}, found {text!r}"
                + ("" if place.isdecimal() else f" and row {place!r}")
            )
        if not row[REQUEST_ID]:
            raise BadInputError(
                f"--labels: {path}: line {reader.line_num}: expected a {REQUEST_ID}, "
                "found none"
            )
        yield (row[REQUEST_ID], int(place)), label


class Truth:
    """Counts the answers that have a label, and the right ones among them."""

    def __init__(self, labels: Mapping[Key, int], classes: int) -> None:
        """Starts with no answers.

        Args:
            labels: Labels by request and row.
            classes: Number of classes.
        """
        self._labels = labels
        self._requests = {request_id for request_id, _ in labels}
        self._classes = classes
        self._counts: dict[str, np.ndarray] = {}

    def knows(self, request_id: str) -> bool:
        """Tells whether there is a label for a request."""
        return request_id in self._requests

    def add(self, request_id: str | None, version: str, answers: np.ndarray) -> None:
        """Counts the answers to a request's pictures.

        Args:
            request_id: The request's id; None never has a label.
            version: Version that answered.
            answers: Labels that were answered, int64 `[rows]`.
        """
        if request_id not in self._requests:
            return
        counts = self._counts.setdefault(
            version, np.zeros((2, self._classes), np.int64)
        )
        for row, answer in enumerate(answers):
            if (label := self._labels.get((request_id, row))) is not None:
                counts[:, label] += 1, label == answer

    def by_version(self) -> dict[str, dict[str, list[int]]]:
        """Returns the numbers of labelled and of right answers by version and class."""
        return {
            version: {"rows": rows.tolist(), "right": right.tolist()}
            for version, (rows, right) in self._counts.items()
        }
