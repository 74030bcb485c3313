"""Folders with valid names are versions; the highest one is served."""

from pathlib import Path

import pytest

from version_store import versions


@pytest.fixture
def base(tmp_path: Path) -> Path:
    return tmp_path / "models" / "mnist"


def write_version(base: Path, name: str) -> None:
    (base / name).mkdir(parents=True)
    (base / name / "saved_model.pb").write_text("graph")


def test_a_version_is_a_number_with_a_saved_model(base: Path) -> None:
    for name in ("9", "10", "1700000000", "latest", "-3", "1.5", "7a", ".incoming"):
        write_version(base, name)
    for name in (str(2**63), "\u0663"):  # more than an int64; Arabic for 3
        write_version(base, name)
    (base / "11").mkdir()
    (base / "12").write_text("a file")
    assert versions.list_versions(str(base)) == [9, 10, 1_700_000_000]
    assert versions.latest_version(str(base)) == 1_700_000_000
    assert versions.list_versions(str(base), whole=False) == [9, 10, 11, 1_700_000_000]


def test_leading_zeros_are_a_number_and_stay_in_the_path(base: Path) -> None:
    write_version(base, "00000123")
    assert versions.list_versions(str(base)) == [123]
    assert versions.version_path(str(base), 123) == str(base / "00000123")


def test_a_model_without_a_folder_has_no_versions(base: Path) -> None:
    assert versions.list_versions(str(base)) == []
    assert versions.latest_version(str(base)) is None
