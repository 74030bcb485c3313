"""CIFAR's binary version is read."""

from pathlib import Path

import numpy as np
import pytest

from components.image_example_gen.source import open_source
from contract.errors import BadInputError

ROWS = 6
IMAGES = np.random.default_rng(1).integers(0, 256, (ROWS, 32, 32, 3), np.uint8)
LABELS = np.arange(ROWS) % 2


def records(first: int, stop: int, *, coarse: bool = False) -> bytes:
    planes = IMAGES.transpose(0, 3, 1, 2)
    before = b"\7" if coarse else b""
    return b"".join(
        before + bytes([LABELS[row]]) + planes[row].tobytes()
        for row in range(first, stop)
    )


@pytest.fixture
def cifar10(tmp_path: Path) -> Path:
    (tmp_path / "data_batch_1.bin").write_bytes(records(0, 3))
    (tmp_path / "data_batch_2.bin").write_bytes(records(3, 5))
    (tmp_path / "test_batch.bin").write_bytes(records(5, ROWS))
    (tmp_path / "batches.meta.txt").write_text("airplane\nautomobile\n\n")
    return tmp_path


def test_batches_are_one_part(cifar10: Path) -> None:
    source = open_source(str(cifar10))
    ((images, labels),) = source.blocks("train")
    np.testing.assert_array_equal(images, IMAGES[:5])
    assert labels.tolist() == LABELS[:5].tolist()
    assert source.labels("test").tolist() == [LABELS[5]]
    assert source.labelling.classes == ("airplane", "automobile")


def test_of_cifar_100_the_fine_label_is_the_class(tmp_path: Path) -> None:
    for name in ("train.bin", "test.bin"):
        (tmp_path / name).write_bytes(records(0, ROWS, coarse=True))
    (tmp_path / "fine_label_names.txt").write_text("apple\nbear\n")
    (tmp_path / "coarse_label_names.txt").write_text("fruit\nbeast\n")
    source = open_source(str(tmp_path))
    assert source.labelling.classes == ("apple", "bear")
    assert source.labels("train").tolist() == LABELS.tolist()


def test_a_cut_file_is_refused(cifar10: Path) -> None:
    path = cifar10 / "data_batch_2.bin"
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(BadInputError, match=f"^{path}: truncated: expected records of"):
        open_source(str(cifar10))
