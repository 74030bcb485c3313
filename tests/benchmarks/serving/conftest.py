"""Fixtures of the serving benchmark's tests."""

from pathlib import Path

import pytest

from tests.serving import stand_in


@pytest.fixture(scope="session")
def pushed_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of pushed models with one in it; imports TensorFlow."""
    models = tmp_path_factory.mktemp("models")
    stand_in.push(models, stand_in.train())
    return models
