"""TFRecords of tf.Examples are read."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from components.image_example_gen.examples import Rows, SplitWriter
from components.image_example_gen.hints import Hints
from components.image_example_gen.source import open_source
from contract.errors import BadInputError
from tests.components.image_example_gen.forms.letters import letters, png

TRAIN, TEST = [0, 1, 2, 0, 1, 2], [2, 1, 0]


def write(
    path: Path, labels: Sequence[int | str], image: str = "image", label: str = "label"
) -> None:
    """Writes pictures with TensorFlow's own writer."""
    numbers = [n if isinstance(n, int) else "ABC".index(n) for n in labels]
    with tf.io.TFRecordWriter(str(path)) as writer:
        for one, pixels in zip(labels, letters(numbers), strict=True):
            value = (
                tf.train.Feature(bytes_list=tf.train.BytesList(value=[one.encode()]))
                if isinstance(one, str)
                else tf.train.Feature(int64_list=tf.train.Int64List(value=[one]))
            )
            picture = tf.train.BytesList(value=[png(pixels)])
            features = {image: tf.train.Feature(bytes_list=picture), label: value}
            example = tf.train.Example(features=tf.train.Features(feature=features))
            writer.write(example.SerializeToString())


@pytest.mark.parametrize(
    ("image", "label"), [("image", "label"), ("image/encoded", "image/class/label")]
)
def test_pictures_as_tensorflow_datasets_has_them(
    tmp_path: Path, image: str, label: str
) -> None:
    write(tmp_path / "a-train.tfrecord-00000-of-00002", TRAIN[:4], image, label)
    write(tmp_path / "a-train.tfrecord-00001-of-00002", TRAIN[4:], image, label)
    write(tmp_path / "a-test.tfrecord-00000-of-00001", TEST, image, label)
    (tmp_path / "label.labels.txt").write_text("ant\nbee\ncat\n")
    source = open_source(str(tmp_path))
    assert source.labelling.classes == ("ant", "bee", "cat")
    ((found, labels),) = source.blocks("train")
    expected = np.concatenate([letters(TRAIN[:4]), letters(TRAIN[4:])])
    np.testing.assert_array_equal(found, expected)
    assert labels.tolist() == TRAIN
    assert source.labels("test").tolist() == TEST


def test_labels_may_be_texts_in_a_feature_that_is_named(tmp_path: Path) -> None:
    write(tmp_path / "train.tfrecord", ["A", "B", "C"], label="what")
    with pytest.raises(BadInputError, match=r"expected a feature label or .* found im"):
        open_source(str(tmp_path))
    source = open_source(str(tmp_path), Hints(label="what"))
    assert source.labelling.classes == ("A", "B", "C")


def test_numbers_among_texts_count_as_texts(tmp_path: Path) -> None:
    write(tmp_path / "train.tfrecord", ["A", 1, "B"])
    source = open_source(str(tmp_path))
    assert source.labelling.classes == ("1", "A", "B")
    assert source.labels("train").tolist() == [1, 0, 2]


def test_examples_of_an_earlier_run_are_read_as_they_were_written(
    tmp_path: Path,
) -> None:
    """Their pixels are numbers, and their files are gzipped."""
    images = letters(TRAIN, width=12)
    for split in ("train", "eval", "test"):
        writer = SplitWriter(str(tmp_path / f"Split-{split}"), len(TRAIN), 4)
        writer.write(Rows(images, np.array(TRAIN)))
        writer.close()
    source = open_source(str(tmp_path))
    assert list(source.parts) == ["train", "eval", "test"]
    np.testing.assert_array_equal(next(source.blocks("eval"))[0], images)


@pytest.mark.parametrize("place", [3, 10, 40, 200, -2])
def test_a_flipped_bit_is_found(tmp_path: Path, place: int) -> None:
    path = tmp_path / "train.tfrecord"
    write(path, TRAIN)
    content = bytearray(path.read_bytes())
    content[place] ^= 4
    path.write_bytes(content)
    with pytest.raises(BadInputError, match=f"^{path}: .*damaged$"):
        open_source(str(tmp_path)).fingerprint()
