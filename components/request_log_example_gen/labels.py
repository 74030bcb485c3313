"""Labels that come late: what a person says of requests that were answered."""

import csv
from collections.abc import Iterator, Mapping

import numpy as np

from contract.errors import BadInputError
from contract.task import Task

REQUEST_ID, LABEL, ROW = "request_id", "label", "row"
"""Columns; the last may be missing: then a request has one picture."""

Key = tuple[str, int]
"""A request's id, and the place of a picture in it."""


def read_labels(path: str, task: Task) -> dict[Key, int]:
    """Reads a CSV file with the columns `request_id` and `label`, and maybe `row`.

    Args:
        path: Of the file.
        task: Its classes, which a label names, or whose place it is.

    Raises:
        BadInputError: It cannot be read, or a line has no label of the task.
    """
    try:
        with open(path, encoding="utf-8-sig", newline="") as stream:
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
    """How many answers were right, of those whose label somebody knows."""

    def __init__(self, labels: Mapping[Key, int], classes: int) -> None:
        """Has seen no answer.

        Args:
            labels: By request and row.
            classes: How many there are.
        """
        self._labels = labels
        self._requests = {request_id for request_id, _ in labels}
        self._classes = classes
        self._counts: dict[str, np.ndarray] = {}

    def knows(self, request_id: str) -> bool:
        """Tells whether there is a label of a request."""
        return request_id in self._requests

    def add(self, request_id: str | None, version: str, answers: np.ndarray) -> None:
        """Takes note of the classes that the pictures of a request were answered with.

        Args:
            request_id: None is never a request with a label.
            version: That answered.
            answers: int64 `[rows]`.
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
        """Returns how many answers have a label and are right, by version, class."""
        return {
            version: {"rows": rows.tolist(), "right": right.tolist()}
            for version, (rows, right) in self._counts.items()
        }
