"""Reads the binary versions of CIFAR-10 and CIFAR-100.

Each record is a label (in CIFAR-100 two: coarse and fine), and 32x32 pixels of red,
then of green, then of blue (https://www.cs.toronto.edu/~kriz/cifar.html).
"""

import re
from collections.abc import Iterator, Sequence

import numpy as np

from components.image_example_gen import roles
from components.image_example_gen.files import File, read_upto
from components.image_example_gen.forms.opened import Opened
from components.image_example_gen.part import Part, in_memory, rebatched
from contract.errors import BadInputError

_TRAIN = re.compile(r"data_batch_\d+\.bin|train\.bin")
_TEST = re.compile(r"test_batch\.bin|test\.bin")
_META = {"batches.meta.txt": 1, "fine_label_names.txt": 2}
"""The number of labels in a record, by the name of the file with class names."""
_SIDE, _CHANNELS = 32, 3
_PIXELS = _SIDE * _SIDE * _CHANNELS
_ROWS = 1000


def meta_file(files: Sequence[File]) -> File | None:
    """Returns CIFAR's file with class names; None if there is no such file."""
    return next((file for file in files if file.name in _META), None)


def open_parts(path: str, files: Sequence[File], meta: File) -> Opened:
    """Opens the training part, and the test part if it exists.

    Raises:
        BadInputError: There is no training file, or a file ends within a record.
    """
    labels = _META[meta.name]
    train = [file for file in files if _TRAIN.fullmatch(file.name)]
    test = [file for file in files if _TEST.fullmatch(file.name)]
    if not train:
        raise BadInputError(
            f"{path}: missing: expected data_batch_1.bin or train.bin beside "
            f"{meta.name}"
        )
    parts = {roles.TRAIN: _part(train, labels)}
    if test:
        parts[roles.TEST] = _part(test, labels)
    return Opened(parts, dict(enumerate(meta.read().decode().split())))


def _part(files: Sequence[File], labels: int) -> Part:
    of_rows = np.concatenate(
        [block[:, labels - 1] for block in _records(files, labels)]
    )

    def image_blocks(rows: int) -> Iterator[np.ndarray]:
        for block in rebatched(_records(files, labels), rows):
            planes = block[:, labels:].reshape(-1, _CHANNELS, _SIDE, _SIDE)
            yield np.ascontiguousarray(planes.transpose(0, 2, 3, 1))

    shape = (_SIDE, _SIDE, _CHANNELS)
    name = str(files[0])
    return Part(name, name, len(of_rows), shape, image_blocks, in_memory(of_rows))


def _records(files: Sequence[File], labels: int) -> Iterator[np.ndarray]:
    """Yields records, uint8 `[rows, labels + pixels]`, in the order of the files."""
    each = labels + _PIXELS
    for file in files:
        with file.open() as stream:
            while payload := read_upto(stream, _ROWS * each):
                if len(payload) % each:
                    raise BadInputError(
                        f"{file}: truncated: expected records of {each:,} bytes, found "
                        f"{len(payload) % each:,} at the end"
                    )
                yield np.frombuffer(payload, np.uint8).reshape(-1, each)
