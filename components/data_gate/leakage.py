"""Finds leakage: too many test images that are also in the training part."""

import json

from tfx import types

from components.data_gate.checks import Finding
from components.image_example_gen.duplicates import read_named
from contract import properties
from contract.features import IMAGE, TEST, TRAIN

PLACE = "data.max_duplicates"
"""The setting with the bound."""

_SHOWN = 5
"""Maximum number of pairs of images in the message; the report has more."""


def findings(examples: types.Artifact, most: float) -> list[Finding]:
    """Returns a finding if too many test images are also in the training part.

    A model knows the images on which it was trained. Its accuracy on the test split is
    therefore too high, by up to the share of such rows times its error on other rows.
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
    """Returns the first pairs of images as text."""
    shown = [f"{pair[TEST]} = {pair[TRAIN]}" for pair in pairs[:_SHOWN]]
    if not shown:
        return ""
    more = f"; and {rows - len(shown):,} more" if rows > len(shown) else ""
    return f": {'; '.join(shown)}{more}"
