"""A folder of models and a metadata store beside it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.components.conftest import artifact
from tests.version_store.pushing import make_store, write_model

__all__ = ["artifact"]


@pytest.fixture
def output(tmp_path: Path) -> Path:
    """A folder in the form that local runs leave: models/ and metadata.sqlite."""
    folder = tmp_path / "output"
    (folder / "models").mkdir(parents=True)
    return folder


@pytest.fixture
def models(output: Path) -> Path:
    return output / "models"


@pytest.fixture
def store(output: Path) -> Any:
    return make_store(output / "metadata.sqlite")


@pytest.fixture
def make_model(tmp_path: Path) -> Callable[..., Path]:
    """Writes a folder with the files of a SavedModel."""

    def make(name: str = "model", weights: str = "weights") -> Path:
        return write_model(tmp_path / name, weights)

    return make
