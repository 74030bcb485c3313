"""Test images that are in the training part as well."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from tfx.types import standard_artifacts

from components.data_gate.duplicates import findings


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
        "split test, feature image: exact duplicates: expected at most 1.00% of the "
        "images in the training part as well (data.max_duplicates), found 1.50%, 3 of "
        "200"
    )
