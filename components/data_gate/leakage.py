"""Test images that a model may know by heart, as it was trained on them."""

import json

from tfx import types

from components.data_gate.checks import Finding
from components.image_example_gen.duplicates import read_named
from contract import properties
from contract.features import IMAGE, TEST, TRAIN

PLACE = "data.max_duplicates"
"""The setting with the bound."""

_SHOWN = 5
"""Pairs of images on the line; the page about the run has more."""


def findings(examples: types.Artifact, most: float) -> list[Finding]:
    """Returns a finding if too many test images are in the training part, too.

    A model answers rightly what it was trained on, so that its accuracy on the test
    split is too good by up to the share of such rows times its error on others.
    """
    counts = json.loads(examples.get_string_custom_property(properties.COUNTS))
    rows = examples.get_int_custom_property(properties.TEST_ROWS_IN_TRAINING)
    if rows <= most * counts[TEST]:
        return []
    return [
        Finding(
            TEST,
            IMAGE,
            f"exact duplicates: expected that at most {most:.2%} of the images are in "
            f"the training part as well ({PLACE}), found {rows / counts[TEST]:.2%}, "
            f"{rows:,} of {counts[TEST]:,}{_named(read_named(examples.uri), rows)}",
        )
    ]


def _named(pairs: list[dict[str, str]], rows: int) -> str:
    """Returns which images these are, as far as they fit on a line."""
    shown = [f"{pair[TEST]} = {pair[TRAIN]}" for pair in pairs[:_SHOWN]]
    if not shown:
        return ""
    more = f"; and {rows - len(shown):,} more" if rows > len(shown) else ""
    return f": {'; '.join(shown)}{more}"
