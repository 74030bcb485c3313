"""`python -m pipeline.schema infer` writes a first schema."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result
from scipy.spatial.distance import jensenshannon

from components.task_schema_gen.schema import parse_judgement
from contract.errors import BadInputError
from pipeline.schema.__main__ import main
from pipeline.schema.infer import Levels
from tests.components.datasets import Dataset


def infer(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["infer", *arguments], catch_exceptions=False)


def bounds(text: str) -> dict[str, float]:
    features = {f.name: f for f in parse_judgement(text, "inferred").feature}
    image, label = features["image"], features["label"]
    return {
        "drift": image.drift_comparator.jensen_shannon_divergence.threshold,
        "skew": label.skew_comparator.infinity_norm.threshold,
        "label drift": label.drift_comparator.infinity_norm.threshold,
    }


@pytest.fixture(scope="module")
def all_digits(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return Dataset.embedded(tmp_path_factory.mktemp("digits") / "idx")


@pytest.fixture
def scans(all_digits: Dataset, tmp_path: Path) -> str:
    return all_digits.write(tmp_path / "scans")


def test_it_is_a_judgement_that_the_pipeline_takes(scans: str) -> None:
    text = infer("--data", scans).output
    assert bounds(text) == {"drift": 0.01, "skew": 0.05, "label drift": 0.05}
    assert (
        "28x28 grey images, 10 classes, rows: train 1,149, eval 288, test 360" in text
    )


def test_data_in_spans_is_read_as_a_run_reads_it(
    all_digits: Dataset, tmp_path: Path
) -> None:
    for span in ("1", "2"):
        folder = tmp_path / span
        folder.mkdir()
        rows = slice(int(span) * 500)
        np.savez(
            folder / "scans.npz",
            images=all_digits.train_images[rows],
            labels=all_digits.train_labels[rows],
        )
    both = infer("--data", str(tmp_path / "{SPAN}"), "--set", "data.window=2")
    assert "rows: train " in both.output
    assert set(bounds(both.output)) == {"drift", "skew", "label drift"}


def test_each_bound_stands_under_its_reason(scans: str) -> None:
    lines = infer("--data", scans).output.splitlines()
    for number, line in enumerate(lines):
        if "_comparator {" in line and "_comparator {" not in lines[number - 1]:
            assert lines[number - 1].startswith("  # "), line


def test_data_whose_splits_differ_get_bounds_that_they_keep(
    all_digits: Dataset, tmp_path: Path
) -> None:
    arrays: dict[str, Any] = all_digits.arrays()
    ones = np.flatnonzero(arrays["y_test"] == 1)[:40]
    kept = np.concatenate([ones, np.flatnonzero(arrays["y_test"] != 1)[:60]])
    arrays["x_test"] = arrays["x_test"][kept] // 2
    arrays["y_test"] = arrays["y_test"][kept]
    path = tmp_path / "scans.npz"
    np.savez(path, **arrays)
    found = bounds(infer("--data", str(path)).output)
    assert found["skew"] > 0.2
    assert found["drift"] > 0.05


def test_a_file_is_written_once_and_never_over_an_edited_one(
    scans: str, tmp_path: Path
) -> None:
    path = tmp_path / "scans.pbtxt"
    assert "name it with --schema" in infer("--data", scans, "--out", str(path)).output
    assert bounds(path.read_text())["drift"] == 0.01
    with pytest.raises(BadInputError, match=r"is there already"):
        infer("--data", scans, "--out", str(path))


def test_the_divergence_is_jensens_and_shannons(all_digits: Dataset) -> None:
    levels = Levels()
    levels("train", all_digits.train_images, all_digits.train_labels)
    levels("test", all_digits.test_images // 2, all_digits.test_labels)
    shares = [
        np.histogram(images, bins=64, range=(0, 256))[0]
        for images in (all_digits.train_images, all_digits.test_images // 2)
    ]
    expected = jensenshannon(*shares, base=2) ** 2
    assert levels.divergence() == pytest.approx(expected)
