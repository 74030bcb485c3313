"""Reads labels for answered requests, and counts the right answers."""

import csv
from collections.abc import Iterator, Mapping

import numpy as np

from contract.errors import BadInputError
from contract.special_files import file_only
from contract.task import Task

REQUEST_ID, LABEL, ROW = "request_id", "label", "row"
"""Columns of the file. `row` may be missing; then it is 0."""

_MOST_DIGITS = 9
"""Longer numbers are no row or class; Python refuses to read very long ones."""

Key = tuple[str, int]
"""A request's id, and the index of a picture in it."""


def read_labels(path: str, task: Task) -> dict[Key, int]:
    """Reads a CSV file with the columns `request_id`, `label` and optionally `row`.

    Args:
        path: Path of the file.
        task: The task; a label in the file is the name or the index of a class.

    Raises:
        BadInputError: The file cannot be read, has no labels or two for one picture, or
            a line has no label of the task.
    """
    found: dict[Key, int] = {}
    try:
        with open(path, encoding="utf-8-sig", newline="", opener=file_only) as stream:
            for line, key, label in _rows(path, csv.DictReader(stream), task):
                if found.setdefault(key, label) != label:
                    raise BadInputError(
                        f"--labels: {path}: line {line}: expected one label for row "
                        f"{key[1]} of request {key[0]}, found two: "
                        f"{task.classes[found[key]]} and {task.classes[label]}"
                    )
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        reason = getattr(error, "strerror", None) or "not a CSV file"
        raise BadInputError(f"--labels: {path}: cannot be read: {reason}") from error
    if not found:
        raise BadInputError(f"--labels: {path}: expected labels, found none")
    return found


def _rows(
    path: str, reader: "csv.DictReader[str]", task: Task
) -> Iterator[tuple[int, Key, int]]:
    """Yields the number of each line, the picture, and its label."""
    names = reader.fieldnames or []
    if not {REQUEST_ID, LABEL} <= {*names}:
        raise BadInputError(
            f"--labels: {path}: expected a first line with {REQUEST_ID} and {LABEL}, "
            f"separated by a comma, found {', '.join(names) or 'nothing'}"
        )
    places = {name: label for label, name in enumerate(task.classes)}
    for row in reader:
        where = f"--labels: {path}: line {reader.line_num}"
        if None in row:
            raise BadInputError(
                f"{where}: expected {len(names)} values as in the first line, found "
                f"{len(names) + len(row[None])}"
            )
        place, text = _index(row.get(ROW) or "0"), row[LABEL] or ""
        label = places.get(text, _index(text))
        if label is None or label >= len(task.classes):
            raise BadInputError(
                f"{where}: expected a class of {task.name}, found {text!r}"
            )
        if place is None:
            raise BadInputError(
                f"{where}: expected the number of a picture in its request, from 0, as "
                f"{ROW}, found {row[ROW]!r}"
            )
        if not row[REQUEST_ID]:
            raise BadInputError(f"{where}: expected a {REQUEST_ID}, found none")
        yield reader.line_num, (row[REQUEST_ID], place), label


def _index(text: str) -> int | None:
    """Returns the number that a text is; None if it is none, or far too large."""
    return int(text) if text.isdecimal() and len(text) <= _MOST_DIGITS else None


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
