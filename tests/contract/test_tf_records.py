"""TFRecord files are read in order, and without tf.data's tuner."""

from pathlib import Path

import pytest
import tensorflow as tf

from contract.tf_records import read_records


@pytest.mark.parametrize("compression", ["", "GZIP"])
def test_the_records_of_all_files_are_read_in_order(
    tmp_path: Path, compression: str
) -> None:
    paths = [str(tmp_path / name) for name in ("b", "a")]
    for path in paths:
        with tf.io.TFRecordWriter(path, compression) as writer:
            writer.write(f"{path} 1")
            writer.write(f"{path} 2")

    found = [*read_records(paths, compression).as_numpy_iterator()]

    assert found == [f"{path} {n}".encode() for path in paths for n in (1, 2)]


def test_no_files_have_no_records() -> None:
    assert [*read_records([]).as_numpy_iterator()] == []


def test_what_is_made_of_the_records_has_no_tuner_either() -> None:
    batches = read_records([]).take(9).batch(2).prefetch(1)

    assert batches.options().autotune.enabled is False
