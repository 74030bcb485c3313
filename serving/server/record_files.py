"""Writes TFRecord files with a limit on disk space, and an index beside each.

A record is written to the file in one call, and its line to the index afterwards. So
the files stay consistent after a kill: every id in the index has its record. The format
is that of tensorflow/core/lib/io/record_writer.h.
"""

import contextlib
import glob
import json
import os
import struct
import time
from typing import Any

import google_crc32c

RECORDS, INDEX = ".tfrecord", ".index.jsonl"
# A log has about this many files; the oldest is removed when the log is full.
_FILES = 8
_CRC_MASK = 0xA282EAD8
# Requests are private: only the server's user may read them.
_MODE = 0o600


def framed(data: bytes) -> bytes:
    """Returns a record in the format of a TFRecord file."""
    length = struct.pack("<Q", len(data))
    return b"".join((length, _masked_crc(length), data, _masked_crc(data)))


def _masked_crc(data: bytes) -> bytes:
    crc = google_crc32c.value(data)
    masked = ((crc >> 15 | crc << 17) + _CRC_MASK) & 0xFFFFFFFF
    return struct.pack("<I", masked)


class RecordFiles:
    """The files of one prefix: `PREFIX-TIME-PID-NUMBER.tfrecord` and `.index.jsonl`."""

    def __init__(self, prefix: str, max_bytes: int):
        """Opens the first file.

        Args:
            prefix: path and beginning of the files' names.
            max_bytes: most bytes that all files of this prefix may have.

        Raises:
            OSError: the file cannot be written.
        """
        self._prefix = prefix
        self._max_bytes = max_bytes
        os.makedirs(os.path.dirname(prefix), exist_ok=True)
        self._number = 0
        self._open()

    def append(self, data: bytes, entry: dict[str, Any]) -> None:
        """Writes a record and its line of the index.

        Args:
            data: the record.
            entry: content of the line; the record's number and offset are added.

        Raises:
            OSError: the disk is full, or the record is too large for the limit.
        """
        record = framed(data)
        line = json.dumps(
            {**entry, "record": self._records, "offset": self._size}
        ).encode()
        needed = len(record) + len(line) + 1
        if needed > self._max_bytes // 2:
            raise OSError(f"a record of {needed} bytes is too large for the bound")
        if self._bytes and self._bytes + needed > self._max_bytes // _FILES:
            full = self._data, self._index
            # If no file can be opened, the full one stays open for the next try.
            self._open()
            for file in full:
                os.close(file)
            self._prune(max(needed, self._max_bytes // _FILES))
            line = json.dumps({**entry, "record": 0, "offset": 0}).encode()
        elif not self._bytes:
            self._prune(needed)
        self._write_whole(self._data, record, self._size)
        try:
            self._write_whole(self._index, line + b"\n", self._index_size)
        except OSError:
            # Without its id, nobody could have the request removed.
            os.ftruncate(self._data, self._size)
            raise
        self._size += len(record)
        self._index_size += len(line) + 1
        self._records += 1
        self._bytes += needed

    def close(self) -> None:
        """Closes the current files."""
        os.close(self._data)
        os.close(self._index)

    def _open(self) -> None:
        moment = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC
        while True:
            stem = f"{self._prefix}-{moment}-{os.getpid()}-{self._number:05d}"
            self._number += 1
            # In a container a restarted process has the same id.
            with contextlib.suppress(FileExistsError):
                data = os.open(stem + RECORDS, flags, _MODE)
                break
        try:
            self._index = os.open(stem + INDEX, flags, _MODE)
        except OSError:
            os.close(data)
            os.remove(stem + RECORDS)
            raise
        self._data, self._stem = data, stem
        self._size = self._index_size = self._records = self._bytes = 0

    @staticmethod
    def _write_whole(file: int, data: bytes, start: int) -> None:
        """Writes all of `data`, or leaves the file as it was."""
        try:
            written = os.write(file, data)
            while written < len(data):
                written += os.write(file, data[written:])
        except OSError:
            os.ftruncate(file, start)
            raise

    def _prune(self, needed: int) -> None:
        """Removes the oldest files until there is room for `needed` bytes.

        Another server with the same prefix may remove them at the same time.
        """
        sizes = {}
        for path in glob.glob(glob.escape(self._prefix) + "-*"):
            if path.endswith((RECORDS, INDEX)):
                with contextlib.suppress(FileNotFoundError):
                    sizes[path] = os.path.getsize(path)
        total = sum(sizes.values()) + needed
        # The names begin with the time.
        for path in sorted(sizes):
            if total <= self._max_bytes or path.startswith(self._stem):
                break
            with contextlib.suppress(FileNotFoundError):
                os.remove(path)
            total -= sizes[path]
