"""`verify` finds every change of a version."""

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.version_store.pushing import MODEL, push
from version_store.inventory import list_versions
from version_store.verification import verify, what_was_held


def problems(models: Path) -> list[str]:
    return [str(one) for v in list_versions(str(models), MODEL) for one in verify(v)]


def flip(path: Path, at: int = 0) -> None:
    """Flips one bit of a file."""
    content = bytearray(path.read_bytes())
    content[at] ^= 1
    path.write_bytes(content)


@pytest.fixture
def version(models: Path) -> Path:
    return models / MODEL / str(push(models))


def test_a_version_is_as_it_was_pushed(models: Path, version: Path) -> None:
    assert problems(models) == []
    [found] = list_versions(str(models), MODEL)
    assert what_was_held(found) == "4 files and the manifest"


@pytest.mark.parametrize(
    ("change", "found"),
    [
        (
            lambda v: flip(v / "variables/variables.index"),
            "variables/variables.index: changed",
        ),
        (lambda v: flip(v / "model_card.md", 40), "model_card.md: changed"),
        (
            lambda v: (v / "variables/variables.index").unlink(),
            "variables/variables.index: missing",
        ),
        (lambda v: (v / "assets").write_text(""), "assets: extra"),
        (lambda v: os.mkfifo(v / "pipe"), "pipe: extra"),
        (
            lambda v: flip(v / "statistics/Split-train/FeatureStats.pb"),
            "statistics/Split-train/FeatureStats.pb: changed",
        ),
    ],
    ids=["flipped bit", "card", "missing", "extra", "a named pipe", "statistics"],
)
def test_what_was_changed_is_found(
    models: Path, version: Path, change: Callable[[Path], Any], found: str
) -> None:
    change(version)
    assert problems(models) == [found]


def test_every_bit_of_the_manifest_itself_counts(models: Path, version: Path) -> None:
    manifest = version / "manifest.json"
    whole = manifest.read_bytes()
    missed = []
    for at in range(0, len(whole), 7):
        flip(manifest, at)
        if not problems(models):
            missed.append(at)
        manifest.write_bytes(whole)
    assert missed == []


def test_a_manifest_of_before_files_were_hashed_holds_the_model(
    models: Path, version: Path
) -> None:
    manifest = version / "manifest.json"
    content = json.loads(manifest.read_text())
    old = {key: content[key] for key in ("version", "model_digest", "run")}
    manifest.write_text(json.dumps(old))
    (version / "model_card.md").unlink()
    assert problems(models) == []
    [found] = list_versions(str(models), MODEL)
    assert what_was_held(found).startswith("model only")

    flip(version / "saved_model.pb")
    assert problems(models) == ["the model's files are not those that were pushed"]


def test_a_version_of_somebody_else_cannot_be_held_to_anything(models: Path) -> None:
    (models / MODEL / "7").mkdir(parents=True)
    (models / MODEL / "7/saved_model.pb").write_text("graph")
    assert problems(models) == [
        "no manifest: there is nothing to compare the files with"
    ]


def test_a_manifest_of_a_later_project_is_not_guessed_at(
    models: Path, version: Path
) -> None:
    path = version / "manifest.json"
    path.write_text('{"manifest_version": 99, "version": 1}')
    [problem] = problems(models)
    assert problem == (
        f"manifest.json: {path}: manifest_version: Input should be less than or equal "
        "to 3"
    )


def test_a_file_that_cannot_be_read_is_a_problem(models: Path, version: Path) -> None:
    index = version / "variables/variables.index"
    index.unlink()
    index.symlink_to("nowhere")
    assert problems(models) == [f"cannot be read: {index}: No such file or directory"]


def test_a_copy_under_another_number_is_not_what_was_pushed(
    models: Path, version: Path
) -> None:
    shutil.copytree(version, version.with_name("9999999999"))
    assert problems(models) == [f"manifest.json: belongs to version {version.name}"]
