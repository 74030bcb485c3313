"""Removes a request from the log, its index, and the examples made from it."""

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
"""Folder beside a traffic report's page, with the pictures that the page links."""

_EXAMPLES = "RequestLogExampleGen"
"""The node that makes examples from requests; the folder of its artifacts."""

_BESIDE = ".forgetting"
"""Suffix of a file of examples while it is rewritten."""

_BLANK = b"\xfa\x7f"
"""Tag of field 2047, of type bytes, which PredictionLog does not have."""
_BLANK_LENGTH = 5


def picture_name(request_id: str, number: int) -> str:
    """Returns the name of the file with a picture of a request.

    Args:
        request_id: The request's id; it may have characters that file names cannot.
        number: Number of the picture among those of the request, from 0.
    """
    return f"{_digest(request_id)}-{number}.png"


def _digest(request_id: str) -> str:
    return hashlib.sha256(request_id.encode()).hexdigest()[:32]


def forget_in_log(files: list[str], request_id: str) -> int:
    """Removes the records of a request from a log, and its lines from the index.

    Both are overwritten in place, as the server may have the files open and the
    positions of other records must not change: a record by an empty record of the same
    length, a line by spaces.

    Args:
        files: As `reading.find_files` returns them.
        request_id: Id of the request to remove.

    Returns:
        The number of records removed.
    """
    found = 0
    for path in files:
        named = [entry for entry in entries(path) if entry.request_id == request_id]
        # Meanwhile the log may have removed the file to stay within its limit.
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
    # A varint of always five bytes, so that every length is possible.
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
    """Removes the examples and pictures that `monitor` made from a request.

    Args:
        output: The folder of runs.
        request_id: Id of the request to remove.

    Returns:
        The number of examples and pictures removed.
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
    # Two processes at once would each restore what the other has removed.
    with FileLock(os.path.join(output, f"{_BESIDE}.lock")):
        # The unfinished file of a killed process has the pictures, too.
        for left in glob.glob(examples + _BESIDE, recursive=True):
            os.remove(left)
        shards = glob.glob(examples, recursive=True)
        removed = [_forget_in_shard(path, request_id) for path in shards]
    return len(pictures) + sum(removed)


def _forget_in_shard(path: str, request_id: str) -> int:
    # Only shards that contain the id's bytes are parsed, as that needs TensorFlow.
    if not any(request_id.encode() in data for data, _ in _examples(path)):
        return 0
    from tensorflow.core.example.example_pb2 import Example

    def is_of_request(data: bytes, *, whole: bool) -> bool:
        if not (whole and request_id.encode() in data):
            # No reader uses an incomplete example.
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
    """Yields examples, and whether each is complete; a kill may have cut the last."""
    with gzip.open(path, "rb") as stream:
        while header := _read(stream, HEADER_BYTES):
            if len(header) < HEADER_BYTES:
                return
            (length,) = struct.unpack_from("<Q", header)
            data = _read(stream, length)
            yield data, len(data) == length
            _read(stream, 4)


def _read(stream: gzip.GzipFile, size: int) -> bytes:
    """Returns `size` bytes, or fewer at the end of an incomplete file."""
    found = bytearray()
    with contextlib.suppress(EOFError):
        while len(found) < size and (part := stream.read1(size - len(found))):
            found += part
    return bytes(found)
