"""Grown data is several copies of MNIST, and no two records are equal."""

from pathlib import Path

import numpy as np

from benchmarks.pipeline import growth
from components.image_example_gen import idx
from components.image_example_gen.source import open_source


def test_a_data_set_several_times_over(tmp_path: Path) -> None:
    data, grown = tmp_path / "data", tmp_path / "grown"
    data.mkdir()
    rng = np.random.default_rng(0)
    for stem, rows in (("train", 5), ("t10k", 2)):
        images = np.zeros((rows, 28, 28), np.uint8)
        images[:, 4:24, 4:24] = rng.integers(1, 256, (rows, 20, 20))
        idx.write(str(data / f"{stem}-images-idx3-ubyte"), images)
        labels = np.arange(rows, dtype=np.uint8)
        idx.write(str(data / f"{stem}-labels-idx1-ubyte"), labels)

    assert growth.write(data, 3, grown) == 21

    [(original, _)] = open_source(str(data)).train.blocks()
    [(images, labels)] = open_source(str(grown)).train.blocks()
    assert labels.tolist() == [0, 0, 0, 1, 1, 1, 2, 2, 2, 3, 3, 3, 4, 4, 4]
    np.testing.assert_array_equal(images[::3], original)
    assert len({image.tobytes() for image in images}) == 15


def test_what_lives_is_the_most_that_a_collection_left(tmp_path: Path) -> None:
    log = tmp_path / "collections"
    log.write_text(
        "[1.2s][info][gc] GC(0) Pause Young (Normal) 50M->12M(128M) 4.1ms\n"
        "[1.9s][info][gc] GC(1) Concurrent Mark Cycle 3.0ms\n"
        "[2.4s][info][gc] GC(2) Pause Young (Normal) 90M->31M(128M) 4.1ms\n"
        "[3.5s][info][gc] GC(3) Pause Full (System.gc()) 70M->20M(128M) 9.9ms\n"
    )
    assert growth.live_mb(log) == 31
    log.write_text("")
    assert growth.live_mb(log) == 0
