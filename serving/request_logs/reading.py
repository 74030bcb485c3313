"""Reads logged requests, a record at a time.

A log is what `serving/server/record_files.py` writes: TFRecord files of PredictionLogs,
and beside each an index with a line of JSON for each record. The server may be writing
while its log is read, and may have been killed: what is not whole at the end of a file
is passed over and counted. Only `read` needs TensorFlow, for the messages.
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
"""Of a record in a TFRecord file: its length, and the check sum of that."""

_CRC_BYTES = 4
_HIDDEN_HOUR = re.compile(r"\.\d{8}T\d{2}")


@dataclass(frozen=True)
class Entry:
    """What a line of the index says.

    Attributes:
        request_id: The caller's, or one that the server made.
        model: Its name.
        version: That answered; None if it is not known.
        signatures: That were asked.
        timestamp_secs: When it was answered, in seconds since 1970.
        offset: Of the record in its file, in bytes.
        at: Place of the line in the index, in bytes.
        length: Of the line, in bytes, without its end.
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
        model: Its name.
        version: That answered; None if it is not known.
        signature: That was asked; empty if it were several, or the default one.
        timestamp_secs: When it was answered, in seconds since 1970.
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
    """What of a log could not be read, counted while it is read.

    Attributes:
        files: That end in a record that is not whole.
        bytes: Of such ends.
    """

    files: int = 0
    bytes: int = 0


@dataclass(frozen=True)
class Period:
    """From when to when requests are read.

    Attributes:
        since: The first second that counts, since 1970; None: from the beginning.
        until: The first one that does not; None: to the end.
    """

    since: int | None = None
    until: int | None = None

    def has(self, timestamp_secs: int) -> bool:
        """Tells whether a moment is in it."""
        return (self.since is None or self.since <= timestamp_secs) and (
            self.until is None or timestamp_secs < self.until
        )


EVER = Period()


def period(since: str | None, until: str | None) -> Period:
    """Returns a period that was written as ISO 8601; what has no zone is UTC.

    Raises:
        BadInputError: One of them is no moment, or it ends before it begins.
    """
    moments = {"since": since, "until": until}
    seconds = {name: _seconds(name, text) for name, text in moments.items() if text}
    found = Period(**seconds)
    if not (found.since is None or found.until is None or found.since < found.until):
        raise BadInputError(f"--until: expected a moment after {since}, found {until}")
    return found


def _seconds(name: str, text: str) -> int:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise BadInputError(
            f"--{name}: expected a moment as 2026-11-26 or 2026-11-26T10:00:00Z, "
            f"found {text}"
        ) from error
    return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp())


def find_files(log: str, *, at_hand: bool = False) -> list[str]:
    """Returns the record files of a log, the oldest first.

    Args:
        log: A folder with them, at any depth; the prefix that the server's
            `logging_config` names; or one file.
        at_hand: Whether those of the hour that a collector is writing are among them,
            whose folder is hidden.

    Raises:
        BadInputError: There are none.
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
    # The name of a file begins with its prefix, and goes on with the time.
    return sorted(found)


def whole_until(log: str) -> int | None:
    """Returns the second from which on requests cannot be read yet.

    A collector's spans are hidden until their hour is over; see
    `serving.collector.spans`.

    Args:
        log: As for `find_files`.

    Returns:
        In seconds since 1970; None where nothing is hidden.
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
    """Yields the lines of the index beside a record file; its torn end is left out.

    What was forgotten has no line. A file without an index has none at all.
    """
    at = 0
    with (
        contextlib.suppress(FileNotFoundError),
        open(index_of(path), "rb") as stream,
    ):
        for line in stream:
            # A full disk may have left half a line, which the next one went on with.
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
        timestamp_secs=content["timestamp_secs"],
        offset=content["offset"],
        at=at,
        length=len(line.rstrip(b"\n")),
    )


def read(
    files: Iterable[str],
    passed_over: PassedOver | None = None,
    when: Period = EVER,
    chosen: Callable[[Entry], bool] = lambda entry: True,
) -> Iterator[Logged]:
    """Yields the logged requests of files, one of which is in memory at a time.

    A file that a full log has made room of in the meantime is left out.

    Args:
        files: As `find_files` returns them.
        passed_over: Counts what was not whole.
        when: Other requests are left out.
        chosen: Says which requests of the index are read; those that have lost their
            line are read in any case.
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
                    # A record that was forgotten says nothing.
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
    """Yields the whole records of a TFRecord file, each with its place in bytes.

    The format is that of tensorflow/core/lib/io/record_writer.h.

    Args:
        stream: The open file.
        passed_over: Counts an end that is not whole, and what follows a record whose
            check sum is wrong.
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
