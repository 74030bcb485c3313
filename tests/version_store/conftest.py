"""A folder of models and a metadata store beside it."""

from pathlib import Path
from typing import Any

import pytest

from tests.version_store.pushing import make_store


@pytest.fixture
def output(tmp_path: Path) -> Path:
    """A folder as local runs leave it: models/ and metadata.sqlite."""
    folder = tmp_path / "output"
    (folder / "models").mkdir(parents=True)
    return folder


@pytest.fixture
def models(output: Path) -> Path:
    return output / "models"


@pytest.fixture
def store(output: Path) -> Any:
    return make_store(output / "metadata.sqlite")
