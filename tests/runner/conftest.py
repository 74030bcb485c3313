"""Fixtures of the runner's tests."""

from pathlib import Path

import pytest

from components.image_example_gen import digits


@pytest.fixture(scope="session")
def scans(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Real digits as IDX files."""
    folder = tmp_path_factory.mktemp("scans") / "idx"
    digits.write(str(folder))
    return folder
