"""Writes an hour of records as a span: a folder that appears when the hour is over.

    FOLDER/20261126T10/requests-....tfrecord    and its index: a complete span
    FOLDER/.20261126T11/                        the current hour

Readers skip hidden folders, so they see a whole hour or nothing. After a restart the
current hour is continued; an hour that is over by then becomes a span with the records
that it has. Files that a kill leaves can be read (`serving/server/record_files.py`).
"""

import contextlib
import os
import re
import shutil
import time
from collections.abc import Callable
from typing import Any

from serving.server.record_files import RecordFiles

_HOUR = "%Y%m%dT%H"
_SPAN = re.compile(r"\d{8}T\d{2}(-\d+)?")
_STEM = "requests"
_SECONDS = 3600
# Requests may be private: only the collector's user may read the folder.
_MODE = 0o700


class Spans:
    """The spans of a folder, and the current hour."""

    def __init__(
        self,
        folder: str,
        max_bytes: int,
        keep_hours: int,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Completes the hours that an earlier process left.

        Args:
            folder: Folder of the spans; created if it does not exist.
            max_bytes: Most bytes on disk. A quarter is for the current hour; its oldest
                records are dropped above it; the rest is for the spans, of which the
                oldest are removed.
            keep_hours: Spans that are older are removed.
            clock: Returns seconds since 1970.

        Raises:
            OSError: The folder cannot be written to.
        """
        self._folder = folder
        self._hour_bytes = max_bytes // 4
        self._span_bytes = max_bytes - self._hour_bytes
        self._keep_seconds = keep_hours * _SECONDS
        self._clock = clock
        self._hour = ""
        self._over = True
        self._files: RecordFiles | None = None
        os.makedirs(folder, mode=_MODE, exist_ok=True)
        self.turn()

    def append(self, data: bytes, entry: dict[str, Any]) -> None:
        """Writes a record to the current hour.

        Args:
            data: The serialised record.
            entry: Its line of the index; see `RecordFiles.append`.

        Raises:
            OSError: The record cannot be written.
        """
        self._close_what_is_over()
        if self._files is None:
            hidden = self._hidden(self._hour)
            os.makedirs(hidden, mode=_MODE, exist_ok=True)
            self._files = RecordFiles(os.path.join(hidden, _STEM), self._hour_bytes)
        self._files.append(data, entry)

    def turn(self) -> None:
        """Makes spans of the hours that are over, and removes old spans.

        Raises:
            OSError: The folder cannot be written to.
        """
        self._close_what_is_over()
        if not self._over:
            return
        for name in sorted(os.listdir(self._folder)):
            is_hidden = name.startswith(".") and _SPAN.fullmatch(name[1:])
            if is_hidden and name != f".{self._hour}":
                self._complete(name[1:])
        self._prune()
        # If an error was raised before this line, the next call tries again.
        self._over = False

    def _close_what_is_over(self) -> None:
        hour = time.strftime(_HOUR, time.gmtime(self._clock()))
        if hour != self._hour:
            self.close()
            self._hour, self._over = hour, True

    def close(self) -> None:
        """Closes the current file; the next record of its hour opens it again."""
        if self._files is not None:
            self._files.close()
            self._files = None

    def _hidden(self, hour: str) -> str:
        return os.path.join(self._folder, f".{hour}")

    def _complete(self, hour: str) -> None:
        name, count = hour, 1
        # The name exists already where the clock was set back.
        while os.path.exists(os.path.join(self._folder, name)):
            count += 1
            name = f"{hour}-{count}"
        os.rename(self._hidden(hour), os.path.join(self._folder, name))

    def _prune(self) -> None:
        """Removes the spans that are too old or exceed the limit."""
        oldest = time.strftime(_HOUR, time.gmtime(self._clock() - self._keep_seconds))
        room = self._span_bytes
        for name in sorted(filter(_SPAN.fullmatch, os.listdir(self._folder)))[::-1]:
            path = os.path.join(self._folder, name)
            room -= _size(path)
            if room < 0 or name < oldest:
                shutil.rmtree(path)


def _size(folder: str) -> int:
    total = 0
    for entry in os.scandir(folder):
        # `request_logs forget` may be replacing the file at this moment.
        with contextlib.suppress(FileNotFoundError):
            total += entry.stat().st_size
    return total
