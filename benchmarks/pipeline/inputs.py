"""Prepares the same data in the input format of each contender.

The notebook reads Keras' npz, the stock pipeline reads TFRecords; the time to make them
is not measured. `local_runner.py` gets the original files.
"""

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from components.image_example_gen.source import Part, open_source
from pipeline.config import Config

_SHARD_ROWS = 12_000


@dataclass(frozen=True, slots=True)
class Inputs:
    """The contenders' inputs: the files, Keras' npz, and gzipped TFRecords by split."""

    data: Path
    fingerprint: str
    npz: Path
    records: Path
    rows: dict[str, int]


def prepare(data: Path, folder: Path) -> Inputs:
    """Reads and checks a data set and writes both other formats into a folder.

    Raises:
        BadInputError: The data set cannot be used.
    """
    # Applies to this process only: contenders start without this variable.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    # Imported here, because it imports TensorFlow, which --help does not need.
    from components.image_example_gen.splitting import last_rows

    source = open_source(str(data))
    fingerprint = source.fingerprint()
    in_train = source.train.count
    held_out = last_rows(in_train, Config().data.eval_fraction)
    rows = {
        "train": in_train - held_out,
        "eval": held_out,
        "test": source.test.count,
    }
    train, test = arrays(source.train), arrays(source.test)
    npz = folder / "mnist.npz"
    np.savez(npz, x_train=train[0], y_train=train[1], x_test=test[0], y_test=test[1])
    records = folder / "records"
    records.mkdir()
    first = rows["train"]
    for split, (images, labels) in {
        "train": (train[0][:first], train[1][:first]),
        "eval": (train[0][first:], train[1][first:]),
        "test": test,
    }.items():
        _write_records(records, split, images, labels)
    return Inputs(data.resolve(), fingerprint, npz, records, rows)


def arrays(part: Part) -> tuple[np.ndarray, np.ndarray]:
    """Returns all images and all labels of a part."""
    images, labels = zip(*part.blocks(), strict=True)
    return np.concatenate(images), np.concatenate(labels)


def _write_records(
    folder: Path, split: str, images: np.ndarray, labels: np.ndarray
) -> None:
    from components.image_example_gen.examples import Rows, SplitWriter

    writer = SplitWriter(str(folder / split), len(labels), _SHARD_ROWS)
    for start in range(0, len(labels), _SHARD_ROWS):
        rows = slice(start, start + _SHARD_ROWS)
        writer.write(Rows(images[rows], labels[rows]))
    writer.close()
