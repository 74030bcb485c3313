"""Reads logged requests, one record at a time.

A log has the form of `serving/server/record_files.py`: TFRecord files of
PredictionLogs, each with an index that has a line of JSON for each record. The server
may be writing the log while it is read, or may have been killed: incomplete data at the
end of a file is passed over and counted. Only `read` needs TensorFlow, for the
messages.
"""

import contextlib
import glob
import os
import re
import struct
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, BinaryIO

import orjson

from contract.errors import BadInputError
from serving.server.record_files import INDEX, RECORDS, framed

HEADER_BYTES = 12
"""Size of a TFRecord record's header: the length, and the length's checksum."""

_CRC_BYTES = 4
_HIDDEN_HOUR = re.compile(r"\.\d{8}T\d{2}")


@dataclass(frozen=True)
class Entry:
    """A line of the index.

    Attributes:
        request_id: The caller's id, or one that the server made.
        model: Name of the model.
        version: The version that answered; None if it is not known.
        signatures: Names of the requested signatures.
        timestamp_secs: Time of the answer, in seconds since 1970.
        offset: Position of the record in its file, in bytes.
        at: Position of the line in the index, in bytes.
        length: Length of the line, in bytes, without the line break.
    """

    request_id: str
    model: str
    version: int | None
    signatures: tuple[str, ...]
    timestamp_secs: int
    offset: int
    at: int
    length: int


@dataclass(frozen=True)
class Logged:
    """One request and its answer.

    Attributes:
        request_id: None if a kill came between the record and its line of the index.
        model: Name of the model.
        version: The version that answered; None if it is not known.
        signature: Name of the signature; empty for several, or for the default one.
        timestamp_secs: Time of the answer, in seconds since 1970.
        log: The whole `tensorflow.serving.PredictionLog`.
    """

    request_id: str | None
    model: str
    version: int | None
    signature: str
    timestamp_secs: int
    log: Any


@dataclass
class PassedOver:
    """Counts the parts of a log that could not be read.

    Attributes:
        files: Number of files that end in an incomplete record.
        bytes: Size of these ends.
    """

    files: int = 0
    bytes: int = 0


@dataclass(frozen=True)
class Period:
    """The period whose requests are read.

    Attributes:
        since: First second of the period, since 1970; None: from the beginning.
        until: First second after the period; None: to the end.
    """

    since: int | None = None
    until: int | None = None

    def has(self, timestamp_secs: int) -> bool:
        """Tells whether a time is in the period."""
        return (self.since is None or self.since <= timestamp_secs) and (
            self.until is None or timestamp_secs < self.until
        )


EVER = Period()


def period(since: str | None, until: str | None) -> Period:
    """Parses a period from ISO 8601 times; a time without a zone is in UTC.

    Raises:
        BadInputError: A text is no time, or the period ends before it begins.
    """
    moments = {"since": since, "until": until}
    seconds = {name: _seconds(name, text) for name, text in moments.items() if text}
    found = Period(**seconds)
    if not (found.since is None or found.until is None or found.since < found.until):
        raise BadInputError(f"--until: expected a time after {since}, found {until}")
    return found


def _seconds(name: str, text: str) -> int:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise BadInputError(
            f"--{name}: expected a time such as 2026-11-26 or 2026-11-26T10:00:00Z, "
            f"found {text}"
        ) from error
    return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp())


def find_files(log: str, *, at_hand: bool = False) -> list[str]:
    """Returns the record files of a log, oldest first.

    Args:
        log: A folder with them, at any depth; the prefix in the server's
            `logging_config`; or one file.
        at_hand: Whether to include the hour that a collector is writing, whose folder
            is hidden.

    Raises:
        BadInputError: There are no such files.
    """
    name = glob.escape(log)
    if os.path.isdir(log):
        pattern = os.path.join(name, "**", f"*{RECORDS}")
        found = glob.glob(pattern, recursive=True, include_hidden=at_hand)
    elif log.endswith(RECORDS):
        found = glob.glob(name)
    else:
        found = glob.glob(f"{name}-*{RECORDS}")
    if not found:
        raise BadInputError(
            f"{log}: expected a folder with *{RECORDS} of logged requests, or the "
            "filename_prefix of a server's logging_config, found no such file"
        )
    # File names are the prefix and then the time, so this is the order of time.
    return sorted(found)


def whole_until(log: str) -> int | None:
    """Returns the time from which on requests are still hidden.

    A collector's spans are hidden until their hour is over; see
    `serving.collector.spans`.

    Args:
        log: As for `find_files`.

    Returns:
        Seconds since 1970; None if nothing is hidden.
    """
    pattern = os.path.join(glob.escape(log), "**", ".*T*")
    hidden = (os.path.basename(path) for path in glob.glob(pattern, recursive=True))
    hours = [name[1:] for name in hidden if _HIDDEN_HOUR.fullmatch(name)]
    if not hours:
        return None
    return int(datetime.strptime(min(hours) + "+0000", "%Y%m%dT%H%z").timestamp())


def index_of(path: str) -> str:
    """Returns the path of the index beside a record file."""
    return path.removesuffix(RECORDS) + INDEX


def entries(path: str) -> Iterator[Entry]:
    """Yields the entries of a record file's index, without an incomplete last line.

    Removed requests have no line. A file without an index has no entries.
    """
    at = 0
    with (
        contextlib.suppress(FileNotFoundError),
        open(index_of(path), "rb") as stream,
    ):
        for line in stream:
            # Such a line is none of ours, or was cut and is continued by the next one.
            with contextlib.suppress(ValueError, KeyError, TypeError):
                yield _entry(line, at)
            at += len(line)


def _entry(line: bytes, at: int) -> Entry:
    content = orjson.loads(line)
    return Entry(
        request_id=content["request_id"],
        model=content["model"],
        version=content["version"],
        signatures=tuple(content["signatures"]),
        timestamp_secs=int(content["timestamp_secs"]),
        offset=int(content["offset"]),
        at=at,
        length=len(line.rstrip(b"\n")),
    )


def read(
    files: Iterable[str],
    passed_over: PassedOver | None = None,
    when: Period = EVER,
    chosen: Callable[[Entry], bool] = lambda entry: True,
) -> Iterator[Logged]:
    """Yields the logged requests of files, with one record in memory at a time.

    A file that the log has removed meanwhile to stay within its limit is left out.

    Args:
        files: As `find_files` returns them.
        passed_over: Counts what was incomplete.
        when: Requests outside of this period are left out.
        chosen: Tells which entries of the index are read; requests without an entry
            are always read.
    """
    from tensorflow_serving.apis.prediction_log_pb2 import PredictionLog

    passed_over = PassedOver() if passed_over is None else passed_over
    for path in files:
        ids = entries(path)
        entry = next(ids, None)
        with contextlib.suppress(FileNotFoundError), open(path, "rb") as stream:
            for offset, data in records(stream, passed_over):
                while entry is not None and entry.offset < offset:
                    entry = next(ids, None)
                found = entry if entry and entry.offset == offset else None
                if found is None or (when.has(found.timestamp_secs) and chosen(found)):
                    log = PredictionLog.FromString(data)
                    # The record of a removed request has no content.
                    if log.WhichOneof("log_type"):
                        logged = _logged(log, found)
                        if when.has(logged.timestamp_secs):
                            yield logged


def _logged(log: Any, entry: Entry | None) -> Logged:
    metadata = log.log_metadata
    spec = metadata.model_spec
    return Logged(
        request_id=entry.request_id if entry else None,
        model=spec.name,
        version=spec.version.value if spec.HasField("version") else None,
        signature=spec.signature_name,
        timestamp_secs=metadata.timestamp_secs,
        log=log,
    )


def records(stream: BinaryIO, passed_over: PassedOver) -> Iterator[tuple[int, bytes]]:
    """Yields the complete records of a TFRecord file, with their positions in bytes.

    The format is that of tensorflow/core/lib/io/record_writer.h.

    Args:
        stream: The open file.
        passed_over: Counts an incomplete end, and everything from a record with a
            wrong checksum on.
    """
    size = os.fstat(stream.fileno()).st_size
    offset = 0
    while offset < size:
        header = stream.read(HEADER_BYTES)
        length = struct.unpack("<Q", header[:8])[0] if len(header) >= 8 else size
        end = offset + HEADER_BYTES + length + _CRC_BYTES
        rest = stream.read(length + _CRC_BYTES) if end <= size else b""
        data = rest[:length]
        if not rest or header + rest != framed(data):
            passed_over.files += 1
            passed_over.bytes += size - offset
            return
        yield offset, data
        offset = end
