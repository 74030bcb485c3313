"""An hour of records is a span: a folder that is there when the hour is over.

    FOLDER/20261126T10/requests-....tfrecord    and its index: a span, complete
    FOLDER/.20261126T11/                        the hour at hand

Readers look into no hidden folder, so they see an hour whole or not at all. After a
restart the hour at hand goes on; one that is over by then becomes a span as it is. What
a kill leaves in it can be read (`serving/server/record_files.py`).
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
# Requests are their senders' own: only the collector's user enters.
_MODE = 0o700


class Spans:
    """The spans of a folder, and the hour at hand."""

    def __init__(
        self,
        folder: str,
        max_bytes: int,
        keep_hours: int,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Completes the hours that an earlier process left.

        Args:
            folder: Where they are; made if it is not there.
            max_bytes: Most bytes on disk. A quarter is for the hour at hand, whose
                oldest records go where it has more; of spans the oldest go.
            keep_hours: How old a span gets.
            clock: Seconds since 1970.

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
        """Writes a record to the hour at hand.

        Args:
            data: The record.
            entry: For the index; see `RecordFiles.append`.

        Raises:
            OSError: It cannot be written.
        """
        self._close_what_is_over()
        if self._files is None:
            hidden = self._hidden(self._hour)
            os.makedirs(hidden, mode=_MODE, exist_ok=True)
            self._files = RecordFiles(os.path.join(hidden, _STEM), self._hour_bytes)
        self._files.append(data, entry)

    def turn(self) -> None:
        """Makes spans of the hours that are over, and room for them.

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
        # Whatever was raised before this, the next turn takes it up.
        self._over = False

    def _close_what_is_over(self) -> None:
        hour = time.strftime(_HOUR, time.gmtime(self._clock()))
        if hour != self._hour:
            self.close()
            self._hour, self._over = hour, True

    def close(self) -> None:
        """Closes the file at hand; its hour goes on with the next record."""
        if self._files is not None:
            self._files.close()
            self._files = None

    def _hidden(self, hour: str) -> str:
        return os.path.join(self._folder, f".{hour}")

    def _complete(self, hour: str) -> None:
        name, count = hour, 1
        # There already, where somebody set the clock back.
        while os.path.exists(os.path.join(self._folder, name)):
            count += 1
            name = f"{hour}-{count}"
        os.rename(self._hidden(hour), os.path.join(self._folder, name))

    def _prune(self) -> None:
        """Removes the spans that are too old, or too much."""
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
        # Somebody who forgets a request may be at it.
        with contextlib.suppress(FileNotFoundError):
            total += entry.stat().st_size
    return total
