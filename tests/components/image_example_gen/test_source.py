"""A data set on disk: the same content in many forms, checked while it is read."""

import gzip
import hashlib
import os
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from components.image_example_gen import mnist, part
from components.image_example_gen.source import Fingerprint, open_source
from tests.components.datasets import Dataset, refusal

MNIST = Path(__file__).resolve().parents[4] / "shared" / "mnist"


def dotted(name: str) -> str:
    return name.replace("-idx", ".idx")


@pytest.mark.parametrize(
    ("pack", "suffix"), [(bytes, ""), (gzip.compress, ".gz"), (gzip.compress, "")]
)
@pytest.mark.parametrize("spell", [str, dotted])
def test_the_files_may_be_spelled_with_dash_or_dot_and_gzipped_or_not(
    dataset: Dataset,
    tmp_path: Path,
    pack: Callable[[bytes], bytes],
    suffix: str,
    spell: Callable[[str], str],
) -> None:
    plain = open_source(dataset.write(tmp_path / "plain"))
    other = open_source(
        dataset.write(tmp_path / "other", pack=pack, suffix=suffix, spell=spell)
    )
    assert other.fingerprint() == plain.fingerprint()
    assert (other.train.count, other.test.count) == (50, 20)


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_an_npz_with_the_same_content_has_the_same_fingerprint(
    dataset: Dataset, tmp_path: Path, save: Callable[..., None]
) -> None:
    path = tmp_path / "mnist.npz"
    save(path, **dataset.arrays())
    in_npz, in_idx = open_source(str(path)), open_source(dataset.write(tmp_path))
    assert in_npz.fingerprint() == in_idx.fingerprint()
    assert (in_npz.train.count, in_npz.test.count) == (50, 20)


def test_images_and_labels_come_in_order(dataset: Dataset, tmp_path: Path) -> None:
    ((images, labels),) = open_source(dataset.write(tmp_path)).train.blocks()
    np.testing.assert_array_equal(images, dataset.train_images)
    np.testing.assert_array_equal(labels, dataset.train_labels)


@pytest.mark.parametrize("wrapping", ["idx", "npz"])
def test_the_size_of_the_blocks_does_not_enter_the_fingerprint(
    dataset: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wrapping: str
) -> None:
    path = dataset.write(tmp_path / "idx")
    if wrapping == "npz":
        path = str(tmp_path / "mnist.npz")
        np.savez_compressed(path, **dataset.arrays())
    opened = open_source(path)
    in_one_block = opened.fingerprint()
    monkeypatch.setattr(part, "BLOCK_VALUES", 7 * 784)
    assert [len(labels) for _, labels in opened.test.blocks()] == [7, 7, 6]
    assert opened.fingerprint() == in_one_block


def test_every_change_of_the_content_changes_the_fingerprint(
    dataset: Dataset, tmp_path: Path
) -> None:
    order = np.r_[1, 0, 2:50]
    variants = {
        "as it is": dataset,
        "one pixel": dataset.with_pixel(3, 255 - int(dataset.train_images[3, 14, 14])),
        "one label": dataset.with_label(3, (int(dataset.train_labels[3]) + 1) % 10),
        "another order": replace(
            dataset,
            train_images=dataset.train_images[order],
            train_labels=dataset.train_labels[order],
        ),
        "one image fewer": replace(
            dataset,
            train_images=dataset.train_images[:-1],
            train_labels=dataset.train_labels[:-1],
        ),
        "training and test part exchanged": Dataset(
            dataset.test_images,
            dataset.test_labels,
            dataset.train_images,
            dataset.train_labels,
        ),
        "one image moved to the test part": Dataset(
            dataset.train_images[:-1],
            dataset.train_labels[:-1],
            np.concatenate([dataset.train_images[-1:], dataset.test_images]),
            np.concatenate([dataset.train_labels[-1:], dataset.test_labels]),
        ),
    }
    fingerprints = {
        name: open_source(variant.write(tmp_path / name)).fingerprint()
        for name, variant in variants.items()
    }
    assert len(set(fingerprints.values())) == len(variants), fingerprints


def test_a_fingerprint_is_the_sha256_of_the_parts_sha256s(dataset: Dataset) -> None:
    def sha256(content: bytes) -> str:
        return hashlib.sha256(content).hexdigest()

    content = Fingerprint()
    content.start("train")
    content.add(dataset.train_images[:30], dataset.train_labels[:30])
    content.add(dataset.train_images[30:], dataset.train_labels[30:])
    images, labels = (
        dataset.train_images.tobytes(),
        bytes(dataset.train_labels.tolist()),
    )
    expected = sha256(f"train:{sha256(images)}:{sha256(labels)}\n".encode())
    assert content.hexdigest() == expected


@pytest.mark.skipif(
    not MNIST.is_dir(), reason="the real MNIST is not in ../shared/mnist"
)
def test_the_real_mnist_is_read_whole() -> None:
    whole = open_source(str(MNIST))
    assert (whole.train.count, whole.test.count) == (60_000, 10_000)
    content = Fingerprint()
    found = {}
    for name, of in (("train", whole.train), ("test", whole.test)):
        content.start(name)
        labels, pixels = [], 0
        for block, digits in of.blocks():
            content.add(block, digits)
            labels += digits.tolist()
            pixels += int(block.sum(dtype=np.int64))
        counts = [Counter(labels)[digit] for digit in range(10)]
        found[name] = labels[:5], counts, round(pixels / (len(labels) * 784), 4)
    # The published values: torchvision normalises with 33.3184 / 255.
    assert found == {
        "train": (
            [5, 0, 4, 1, 9],
            [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949],
            33.3184,
        ),
        "test": (
            [7, 2, 1, 0, 4],
            [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009],
            33.7912,
        ),
    }
    assert content.hexdigest() == mnist.FINGERPRINT


def test_a_negative_label_is_named_with_its_row(
    dataset: Dataset, tmp_path: Path
) -> None:
    labels = dataset.train_labels.astype(np.int64)
    labels[31] = -1
    path = tmp_path / "with-unlabelled.npz"
    np.savez(path, **{**dataset.arrays(), "y_train": labels})
    assert refusal(path) == (
        f"{path}: y_train: label out of range: expected 0 or more, found -1 in row 31"
    )


@pytest.mark.parametrize("labels", [49, 51])
def test_counts_that_differ_are_named(
    dataset: Dataset, tmp_path: Path, labels: int
) -> None:
    other = np.resize(dataset.train_labels, labels)
    folder = replace(dataset, train_labels=other).write(tmp_path)
    assert refusal(folder) == (
        f"{folder}/train-labels-idx1-ubyte: counts differ: expected 50 labels for "
        f"the images in train-images-idx3-ubyte, found {labels}"
    )


@pytest.mark.parametrize(
    "name",
    [
        "train-images-idx3-ubyte",
        "train-labels-idx1-ubyte",
        "t10k-images-idx3-ubyte",
        "t10k-labels-idx1-ubyte",
    ],
)
def test_each_of_the_four_files_has_to_be_there(
    dataset: Dataset, tmp_path: Path, name: str
) -> None:
    folder = dataset.write(tmp_path)
    (tmp_path / name).unlink()
    message = refusal(folder)
    assert message.startswith(f"{folder}: missing: expected an IDX file with the ")
    assert f"as {name}, found " in message
    assert all(other in message for other in dataset.files().keys() - {name})


@pytest.mark.parametrize(
    "name",
    [
        "train-images-idx3-ubyte",
        "train-labels-idx1-ubyte",
        "t10k-images-idx3-ubyte",
        "t10k-labels-idx1-ubyte",
    ],
)
def test_each_of_the_four_files_is_checked_to_its_end(
    dataset: Dataset, tmp_path: Path, name: str
) -> None:
    folder = dataset.write(tmp_path)
    with (tmp_path / name).open("ab") as stream:
        stream.write(b"\0")
    assert refusal(folder).startswith(f"{folder}/{name}: over-long: expected ")


def test_an_empty_folder_holds_nothing(tmp_path: Path) -> None:
    assert refusal(tmp_path).startswith(f"{tmp_path}: expected IDX files, an npz, ")
    assert refusal(tmp_path).endswith(", found nothing")


def test_a_path_that_is_not_there_is_named(tmp_path: Path) -> None:
    assert refusal(tmp_path / "nowhere") == (
        f"{tmp_path}/nowhere: missing: expected a folder or a file"
    )


def test_a_pipe_is_not_called_missing(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    assert refusal(tmp_path / "pipe") == (
        f"{tmp_path}/pipe: expected a folder or a file, found a named pipe, "
        "which cannot be read twice: write it to a file first"
    )


def test_an_empty_path_is_said_to_be_empty() -> None:
    assert refusal("") == (
        "--data (data.path): expected a folder or a file, found an empty path"
    )
