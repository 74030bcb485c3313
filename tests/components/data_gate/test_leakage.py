"""Test images that are in the training part as well are counted."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tfx.types import standard_artifacts

from components.data_gate.leakage import findings


@pytest.fixture
def examples(artifact: Callable[..., Any]) -> Callable[[int], Any]:
    def examples(duplicates: int) -> Any:
        return artifact(
            standard_artifacts.Examples,
            counts=json.dumps({"train": 800, "eval": 200, "test": 200}),
            test_rows_in_training=duplicates,
        )

    return examples


@pytest.mark.parametrize("count", [0, 1, 2])
def test_up_to_the_bound_there_is_nothing_to_find(
    examples: Callable[[int], Any], count: int
) -> None:
    assert findings(examples(count), 0.01) == []


def test_beyond_it_share_count_and_setting_are_named(
    examples: Callable[[int], Any],
) -> None:
    (finding,) = findings(examples(3), 0.01)
    assert str(finding) == (
        "split test, feature image: exact duplicates: expected that at most 1.00% of "
        "the images are in the training part as well (data.max_duplicates), found "
        "1.50%, 3 of 200"
    )


def test_the_images_are_named_and_what_is_not_is_counted(
    examples: Callable[[int], Any],
) -> None:
    made = examples(7)
    pairs = [{"test": f"t/{n}.png", "train": f"a/{n}.png"} for n in range(6)]
    Path(made.uri, "split.json").write_text(json.dumps({"duplicates": pairs}))
    (finding,) = findings(made, 0.01)
    assert "7 of 200: t/0.png = a/0.png; t/1.png = a/1.png; " in finding.reason
    assert finding.reason.endswith("t/4.png = a/4.png; and 2 more")
