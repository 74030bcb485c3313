"""The executor converts a data set on disk to the `examples` artifact."""

import json
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from keras.src.trainers.data_adapters.array_slicing import train_validation_split
from tfx.proto import example_gen_pb2
from tfx.types import artifact_utils, standard_artifacts

from components.image_example_gen import part
from components.image_example_gen.executor import Executor
from components.image_example_gen.hints import Hints
from components.image_example_gen.source import open_source
from components.image_example_gen.splitting import last_rows
from contract.errors import BadInputError
from tests.components.datasets import Dataset

Run = Callable[..., Any]


@pytest.fixture
def run(dataset: Dataset, tmp_path: Path, artifact: Callable[..., Any]) -> Run:
    """Returns a function that runs the executor and returns its output artifact."""

    def run(data: Dataset = dataset, **properties: Any) -> Any:
        examples = artifact(standard_artifacts.Examples)
        Executor().Do(
            {},
            {"examples": [examples]},
            {
                "source": data.write(tmp_path / "data"),
                "fingerprint": "",
                "hints": json.dumps(asdict(Hints())),
                "eval_fraction": 0.2,
                "test_fraction": 0.2,
                "split": "auto",
                "split_seed": 1,
                "shard_rows": 100,
                **properties,
            },
        )
        return examples

    return run


def shards(examples: Any, split: str) -> list[Path]:
    return sorted(Path(examples.uri, f"Split-{split}").iterdir())


def rows(paths: list[Path]) -> tuple[np.ndarray, np.ndarray]:
    """Returns images and labels in the order in which they were written."""
    records = list(
        tf.data.TFRecordDataset(
            [str(path) for path in paths], compression_type="GZIP"
        ).as_numpy_iterator()
    )
    parsed = tf.io.parse_example(
        records,
        {
            "image": tf.io.FixedLenFeature([784], tf.int64),
            "label": tf.io.FixedLenFeature([], tf.int64),
        },
    )
    return parsed["image"].numpy().reshape(-1, 28, 28), parsed["label"].numpy()


def assert_split(examples: Any, split: str, images: Any, labels: Any) -> None:
    found_images, found_labels = rows(shards(examples, split))
    np.testing.assert_array_equal(found_images, images)
    np.testing.assert_array_equal(found_labels, labels)


def test_the_last_fifth_of_the_training_part_is_eval(
    run: Run, dataset: Dataset
) -> None:
    examples = run()
    images, labels = dataset.train_images, dataset.train_labels
    assert_split(examples, "train", images[:40], labels[:40])
    assert_split(examples, "eval", images[40:], labels[40:])
    assert_split(examples, "test", dataset.test_images, dataset.test_labels)


@pytest.mark.parametrize("block_rows", [1, 7, 10, 49])
@pytest.mark.parametrize("shard_rows", [3, 10, 40])
def test_blocks_and_shards_move_no_row(
    run: Run,
    dataset: Dataset,
    monkeypatch: pytest.MonkeyPatch,
    block_rows: int,
    shard_rows: int,
) -> None:
    monkeypatch.setattr(part, "BLOCK_VALUES", block_rows * 784)
    examples = run(shard_rows=shard_rows)
    images, labels = dataset.train_images, dataset.train_labels
    assert_split(examples, "train", images[:40], labels[:40])
    assert_split(examples, "eval", images[40:], labels[40:])
    assert_split(examples, "test", dataset.test_images, dataset.test_labels)


def test_no_shard_holds_more_rows_than_it_may(run: Run) -> None:
    examples = run(shard_rows=12)
    sizes = {
        split: {path.name: len(rows([path])[1]) for path in shards(examples, split)}
        for split in ("train", "eval", "test")
    }
    assert sizes == {
        "train": {
            "data_tfrecord-00000-of-00004.gz": 12,
            "data_tfrecord-00001-of-00004.gz": 12,
            "data_tfrecord-00002-of-00004.gz": 12,
            "data_tfrecord-00003-of-00004.gz": 4,
        },
        "eval": {"data_tfrecord-00000-of-00001.gz": 10},
        "test": {
            "data_tfrecord-00000-of-00002.gz": 12,
            "data_tfrecord-00001-of-00002.gz": 8,
        },
    }


def test_the_artifact_says_what_tfx_and_the_pusher_ask_of_it(
    run: Run, dataset: Dataset, tmp_path: Path
) -> None:
    examples = run()
    fingerprint = open_source(str(tmp_path / "data")).fingerprint()
    text = examples.get_string_custom_property
    assert artifact_utils.decode_split_names(examples.split_names) == [
        "train",
        "eval",
        "test",
    ]
    assert text("fingerprint") == fingerprint
    assert json.loads(text("counts")) == {"train": 40, "eval": 10, "test": 20}
    assert text("file_format") == "tfrecords_gzip"
    assert text("payload_format") == example_gen_pb2.PayloadFormat.Name(
        example_gen_pb2.PayloadFormat.FORMAT_TF_EXAMPLE
    )


def test_the_announced_content_is_taken(run: Run, dataset: Dataset) -> None:
    fingerprint = run().get_string_custom_property("fingerprint")
    examples = run(fingerprint=fingerprint)
    assert examples.get_string_custom_property("fingerprint") == fingerprint


def test_other_content_than_announced_is_refused_with_both_fingerprints(
    run: Run, dataset: Dataset, tmp_path: Path
) -> None:
    announced = run().get_string_custom_property("fingerprint")
    other = dataset.with_pixel(3, 255 - int(dataset.train_images[3, 14, 14]))
    with pytest.raises(BadInputError) as caught:
        run(other, fingerprint=announced)
    found = open_source(str(tmp_path / "data")).fingerprint()
    assert str(caught.value) == (
        f"{tmp_path}/data: changed while the run was going on: expected content "
        f"{announced[:12]}..., found {found[:12]}..."
    )


@pytest.mark.parametrize("part", ["train-images-idx3", "t10k-labels-idx1"])
def test_what_follows_the_last_row_stops_it(
    run: Run, dataset: Dataset, tmp_path: Path, part: str
) -> None:
    folder = dataset.write(tmp_path / "longer")
    with Path(folder, f"{part}-ubyte").open("ab") as stream:
        stream.write(b"\0")
    with pytest.raises(BadInputError, match=f"{part}-ubyte: over-long"):
        run(source=folder)


def test_a_source_that_is_not_there_is_refused(run: Run, tmp_path: Path) -> None:
    with pytest.raises(BadInputError, match=f"^{tmp_path}/nowhere: missing"):
        run(source=str(tmp_path / "nowhere"))


def test_how_rows_were_split_is_on_record(run: Run, dataset: Dataset) -> None:
    examples = run()
    record = json.loads(Path(examples.uri, "split.json").read_text())
    assert (record["how"], record["seed"]) == ("last", 1)
    of_eval = np.bincount(dataset.train_labels[40:], minlength=10).tolist()
    assert list(record["rows"]["eval"].values()) == of_eval
    assert list(record["rows"]["eval"]) == [str(label) for label in range(10)]


def test_rows_ordered_by_class_are_split_so_that_each_split_has_each_class(
    run: Run, dataset: Dataset
) -> None:
    order = np.argsort(dataset.train_labels, kind="stable")
    examples = run(
        replace(
            dataset,
            train_images=dataset.train_images[order],
            train_labels=dataset.train_labels[order],
        )
    )
    record = json.loads(Path(examples.uri, "split.json").read_text())
    assert record["how"] == "stratified"
    images, labels = rows(shards(examples, "eval"))
    assert sorted(labels.tolist()) == list(range(10))
    for image, label in zip(images, labels, strict=True):
        (row,) = np.flatnonzero((dataset.train_images == image).all(axis=(1, 2)))
        assert dataset.train_labels[row] == label


def test_test_images_from_the_training_part_are_counted(
    run: Run, dataset: Dataset
) -> None:
    assert run().get_int_custom_property("test_rows_in_training") == 0
    test_images = dataset.test_images.copy()
    test_images[:3] = dataset.train_images[[0, 30, 49]]
    examples = run(replace(dataset, test_images=test_images))
    assert examples.get_int_custom_property("test_rows_in_training") == 3


def test_a_run_with_other_hints_reads_other_images(run: Run, dataset: Dataset) -> None:
    examples = run(hints=json.dumps(asdict(Hints(transpose=True))))
    upright = dataset.test_images.transpose(0, 2, 1)
    assert_split(examples, "test", upright, dataset.test_labels)


@settings(deadline=None)
@given(count=st.integers(2, 100_000), fraction=st.floats(0.001, 0.999, allow_nan=False))
def test_the_held_out_rows_are_those_of_keras_validation_split(
    count: int, fraction: float
) -> None:
    order = np.arange(count)
    try:
        (trained,), (held_out,) = train_validation_split((order,), fraction)
    except ValueError:
        held_out = None
    if held_out is None or not len(trained) or not len(held_out):
        with pytest.raises(BadInputError, match="eval fraction: expected"):
            last_rows(count, fraction)
    else:
        np.testing.assert_array_equal(
            order[count - last_rows(count, fraction) :], held_out
        )


def test_of_mnist_the_last_12000_are_held_out() -> None:
    assert last_rows(60_000, 0.2) == 12_000


def test_a_split_without_rows_is_refused() -> None:
    with pytest.raises(BadInputError) as caught:
        last_rows(3, 0.9)
    assert str(caught.value) == (
        "eval fraction: expected one that leaves examples in both splits, found 0.9 "
        "of 3 rows"
    )


def test_the_artifact_says_which_spans_were_read(run: Run, tmp_path: Path) -> None:
    images = np.random.default_rng(0).integers(0, 256, (60, 3, 3)).astype(np.uint8)
    for number in (8, 9):
        version = tmp_path / "in" / str(number) / "2"
        version.mkdir(parents=True)
        np.savez(version / "data.npz", x=images, y=np.arange(60) % 2)
    examples = run(source=f"{tmp_path}/in/{{SPAN}}/{{VERSION}}")
    assert (examples.span, examples.version) == (9, 2)
    split = json.loads(Path(examples.uri, "split.json").read_text())
    assert split["how"] == "content"
    assert [(one["span"], one["rows"]) for one in split["spans"]] == [
        ("8/2", 60),
        ("9/2", 60),
    ]
    # All pictures are in both spans, and none is in two splits.
    assert split["test_rows_in_training"] == 0
