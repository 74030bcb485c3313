"""A model's files. Their content is arbitrary, because Pusher only copies them."""

from pathlib import Path

import pytest

from tests.version_store.conftest import make_model

__all__ = ["make_model"]


@pytest.fixture
def statistics(tmp_path: Path) -> Path:
    """A folder in the form that StatisticsGen leaves."""
    folder = tmp_path / "statistics"
    for split in ("train", "eval", "test"):
        (folder / f"Split-{split}").mkdir(parents=True)
        (folder / f"Split-{split}" / "FeatureStats.pb").write_text(f"of {split}")
    return folder
