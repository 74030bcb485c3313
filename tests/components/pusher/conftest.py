"""A model's files; what is in them does not matter to who copies them."""

from collections.abc import Callable
from pathlib import Path

import pytest


@pytest.fixture
def make_model(tmp_path: Path) -> Callable[..., Path]:
    """Writes a folder with the files of a SavedModel."""

    def make(name: str = "model", weights: str = "weights") -> Path:
        folder = tmp_path / name
        for path, content in {
            "saved_model.pb": "graph",
            "variables/variables.index": "index",
            "variables/variables.data-00000-of-00001": weights,
            "assets.extra/tf_serving_warmup_requests": "requests",
        }.items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_text(content)
        return folder

    return make


@pytest.fixture
def statistics(tmp_path: Path) -> Path:
    """A folder as StatisticsGen leaves it."""
    folder = tmp_path / "statistics"
    for split in ("train", "eval", "test"):
        (folder / f"Split-{split}").mkdir(parents=True)
        (folder / f"Split-{split}" / "FeatureStats.pb").write_text(f"of {split}")
    return folder
