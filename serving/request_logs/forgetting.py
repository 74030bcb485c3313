"""Removes a request: from the log, from its index, and from examples made of it."""

import contextlib
import glob
import gzip
import hashlib
import os
import struct
from collections.abc import Iterator

from filelock import FileLock

from contract.features import REQUEST_ID
from serving.request_logs.reading import (
    HEADER_BYTES,
    entries,
    index_of,
)
from serving.server.record_files import framed

PICTURES = "request-pictures"
"""Folder beside a page about traffic, with the pictures that it links."""

_EXAMPLES = "RequestLogExampleGen"
"""The node that makes examples of requests; its artifacts' folder is called so."""

_BESIDE = ".forgetting"
"""What the name of a file of examples has besides while it is written anew."""

_BLANK = b"\xfa\x7f"
"""Field 2047 of a message, bytes: none that a PredictionLog has."""
_BLANK_LENGTH = 5


def picture_name(request_id: str, number: int) -> str:
    """Returns the name of the file with a picture of a request.

    Args:
        request_id: May have letters that a file's name cannot have.
        number: Of the pictures of that id, from 0.
    """
    return f"{_digest(request_id)}-{number}.png"


def _digest(request_id: str) -> str:
    return hashlib.sha256(request_id.encode()).hexdigest()[:32]


def forget_in_log(files: list[str], request_id: str) -> int:
    """Removes the records of a request from a log, and its lines from the index.

    Both are overwritten where they stand, as the server may have the files open and
    the places of other records may not change: a record by one of the same length that
    says nothing, a line by spaces.

    Args:
        files: As `reading.find_files` returns them.
        request_id: Whose.

    Returns:
        How many records there were.
    """
    found = 0
    for path in files:
        named = [entry for entry in entries(path) if entry.request_id == request_id]
        # A full log may have made room of the file in the meantime.
        with contextlib.suppress(FileNotFoundError):
            for entry in named:
                _blank_record(path, entry.offset)
                _overwrite(index_of(path), entry.at, b" " * entry.length)
                found += 1
    return found


def _blank_record(path: str, offset: int) -> None:
    with open(path, "rb") as stream:
        stream.seek(offset)
        (length,) = struct.unpack_from("<Q", stream.read(HEADER_BYTES))
    body = length - len(_BLANK) - _BLANK_LENGTH
    # A varint of five bytes, whatever the number: each length can be had.
    size = bytes(body >> 7 * n & 0x7F | 0x80 for n in range(_BLANK_LENGTH - 1))
    last = bytes([body >> 7 * (_BLANK_LENGTH - 1)])
    _overwrite(path, offset, framed(_BLANK + size + last + bytes(body)))


def _overwrite(path: str, offset: int, data: bytes) -> None:
    file = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
    try:
        os.pwrite(file, data, offset)
        os.fsync(file)
    finally:
        os.close(file)


def forget_in_output(output: str, request_id: str) -> int:
    """Removes examples and pictures of a request from what monitoring left.

    Args:
        output: The folder of runs.
        request_id: Whose.

    Returns:
        How many examples and pictures there were.
    """
    place = glob.escape(output)
    examples = f"{place}/**/{_EXAMPLES}/**/*.gz"
    pictures = glob.glob(
        f"{place}/**/{PICTURES}/{_digest(request_id)}-*.png", recursive=True
    )
    for picture in pictures:
        os.remove(picture)
    if not glob.glob(examples, recursive=True):
        return len(pictures)
    # Two at once would each write back what the other one removed.
    with FileLock(os.path.join(output, f"{_BESIDE}.lock")):
        # What one left that was killed has the pictures, too.
        for left in glob.glob(examples + _BESIDE, recursive=True):
            os.remove(left)
        shards = glob.glob(examples, recursive=True)
        removed = [_forget_in_shard(path, request_id) for path in shards]
    return len(pictures) + sum(removed)


def _forget_in_shard(path: str, request_id: str) -> int:
    # Only what has those bytes somewhere has to be parsed, which needs TensorFlow.
    if not any(request_id.encode() in data for data, _ in _examples(path)):
        return 0
    from tensorflow.core.example.example_pb2 import Example

    def is_of_request(data: bytes, *, whole: bool) -> bool:
        if not (whole and request_id.encode() in data):
            # Nobody reads a torn one.
            return not whole
        features = Example.FromString(data).features.feature
        return list(features[REQUEST_ID].bytes_list.value) == [request_id.encode()]

    removed = 0
    beside = path + _BESIDE
    file = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with (
        open(file, "wb") as raw,
        gzip.open(raw, "wb", compresslevel=1) as stream,
    ):
        for data, whole in _examples(path):
            if is_of_request(data, whole=whole):
                removed += 1
            else:
                stream.write(framed(data))
    os.replace(beside, path)
    return removed


def _examples(path: str) -> Iterator[tuple[bytes, bool]]:
    """Yields examples and whether they are whole: a kill may have torn the last one."""
    with gzip.open(path, "rb") as stream:
        while header := _read(stream, HEADER_BYTES):
            if len(header) < HEADER_BYTES:
                return
            (length,) = struct.unpack_from("<Q", header)
            data = _read(stream, length)
            yield data, len(data) == length
            _read(stream, 4)


def _read(stream: gzip.GzipFile, size: int) -> bytes:
    """Returns so many bytes, or what there is of them in a file that was torn."""
    found = bytearray()
    with contextlib.suppress(EOFError):
        while len(found) < size and (part := stream.read1(size - len(found))):
            found += part
    return bytes(found)
