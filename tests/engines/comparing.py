"""Compares the results of two runs."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from google.protobuf import json_format


def statistics_in(folder: Path) -> dict[str, Any]:
    """Returns the statistics of each split below a folder."""
    import tensorflow_data_validation as tfdv

    found = {}
    for path in folder.rglob("FeatureStats.pb"):
        content = json_format.MessageToDict(tfdv.load_stats_binary(str(path)))
        # The order of features is not kept.
        content["datasets"][0]["features"].sort(key=lambda f: f["path"]["step"])
        found[path.parent.name] = content
    assert len(found) == 3
    return found


def values_in(folder: Path) -> Any:
    """Returns the values of the evaluation below a folder."""
    return json.loads(the_file(folder, "demands.json").read_text())["values"]


def the_file(folder: Path, name: str) -> Path:
    [found] = folder.rglob(name)
    return found


def approximately(content: Any) -> Any:
    """Returns the content with fractions that compare equal to 1e-12 of their size."""
    if isinstance(content, dict):
        return {key: approximately(value) for key, value in content.items()}
    if isinstance(content, list):
        return [approximately(value) for value in content]
    if isinstance(content, float):
        return pytest.approx(content, rel=1e-12)
    return content


def assert_equal(folder: Path, expected: Path) -> None:
    """Compares two output folders with one run each."""
    ours, theirs = (each / "artifacts" / "digits" for each in (folder, expected))
    name = "StatisticsGen"
    assert statistics_in(ours / name) == approximately(statistics_in(theirs / name))
    assert values_in(ours / "Evaluator") == approximately(
        values_in(theirs / "Evaluator")
    )
    answers, expected_answers = (
        np.load(the_file(each / "Trainer", "answers.npy")) for each in (ours, theirs)
    )
    np.testing.assert_array_equal(answers, expected_answers)
