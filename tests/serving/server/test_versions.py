"""Folders with valid names are versions; a policy chooses among them."""

from __future__ import annotations

from pathlib import Path

import pytest
from google.protobuf import text_format
from tensorflow_serving.config import (
    file_system_storage_path_source_pb2,
    model_server_config_pb2,
)

from serving.server import versions
from serving.server.errors import ServingError

Policy = file_system_storage_path_source_pb2.FileSystemStoragePathSourceConfig
FOUND = {number: f"/m/{number}" for number in (1, 3, 12)}


def test_folders_named_by_numbers(tmp_path: Path) -> None:
    for name in ("1", "00000123", "v2", "-4", "5.0", "9" * 20, "temp-6", "\uff17"):
        (tmp_path / name).mkdir()
    assert versions.list_versions("m", str(tmp_path)) == {
        1: str(tmp_path / "1"),
        123: str(tmp_path / "00000123"),
    }


def test_of_two_names_for_a_version_the_last_is_used(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for name in ("07", "7"):
        (tmp_path / name).mkdir()
    assert versions.list_versions("m", str(tmp_path)) == {7: str(tmp_path / "7")}
    assert "Duplicate version 7 of servable m" in caplog.text


def test_a_missing_base_path(tmp_path: Path) -> None:
    path = tmp_path / "none"
    with pytest.raises(
        ServingError, match=f"Could not find base path {path} for servable m with error"
    ):
        versions.list_versions("m", str(path))


@pytest.mark.parametrize(
    ("policy", "chosen"),
    [
        ("", [12]),
        ("latest {}", [12]),
        ("latest { num_versions: 2 }", [12, 3]),
        ("latest { num_versions: 9 }", [12, 3, 1]),
        ("all {}", [12, 3, 1]),
        ("specific { versions: 3 versions: 4 }", [3]),
    ],
)
def test_policies(policy: str, chosen: list[int]) -> None:
    message = text_format.Parse(policy, Policy.ServableVersionPolicy())
    assert list(versions.choose("m", message, FOUND)) == chosen


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "Only ModelConfigList is currently supported"),
        ("model_config_list { config { base_path: '/m' } }", "has no name"),
        ("model_config_list { config { name: 'm' } }", "Model m has no base_path"),
        (
            "model_config_list { config { name: 'm' base_path: '/m' } }",
            "Expected model m to have model_platform 'tensorflow', found ''",
        ),
    ],
)
def test_configs_that_are_refused(text: str, message: str) -> None:
    config = text_format.Parse(text, model_server_config_pb2.ModelServerConfig())
    with pytest.raises(ServingError, match=message):
        versions.check_config(config)
