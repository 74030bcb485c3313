"""The manifest is written, read back and sealed; old formats are still read."""

import json
from pathlib import Path
from typing import Any

import pytest

from contract.demands import AT_LEAST, Demand
from version_store.manifest import (
    Facts,
    Manifest,
    ManifestError,
    RolledBack,
    is_sealed,
    read_manifest,
    write_manifest,
)

OLD = {
    "version": 1_700_000_000,
    "model_digest": "d" * 64,
    "data_fingerprint": "f" * 64,
    "champion": "",
    "run": "mnist-1",
    "recipe": "r" * 64,
}


def demand(passed: bool, overruled: bool = False) -> Demand:
    return Demand(
        "Evaluator", "accuracy", "", 0.9, 0.95, AT_LEAST, None, passed, overruled
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "saved_model.pb").write_text("graph")
    return tmp_path


def written(folder: Path, **facts: Any) -> Manifest:
    write_manifest(str(folder), Manifest(version=7, **facts))
    manifest = read_manifest(str(folder))
    assert manifest is not None
    return manifest


def test_it_is_read_as_it_was_written(folder: Path) -> None:
    facts: dict[str, Any] = {
        "run": "a-run",
        "gates": [demand(True)],
        "training": {"hidden_units": [128, 32], "learning_rate": 0.001},
        "rolled_back": RolledBack(of=5, instead_of=6, reason="é", by="me", at="now"),
    }
    manifest = written(folder, **facts)
    assert manifest.manifest_version == 3
    assert {key: getattr(manifest, key) for key in facts} == facts


def test_it_has_the_hashes_of_the_other_files_and_its_own(folder: Path) -> None:
    manifest = written(folder)
    assert list(manifest.files or ()) == ["saved_model.pb"]
    assert is_sealed(str(folder), manifest)
    # A rewritten manifest does not list itself.
    assert written(folder).files == manifest.files


def test_what_is_unknown_is_there_as_null(folder: Path) -> None:
    written(folder)
    content = json.loads((folder / "manifest.json").read_text())
    assert set(Facts.model_fields) <= set(content)
    assert content["commit"] is None


def test_one_of_before_formats_had_numbers_is_read(folder: Path) -> None:
    (folder / "manifest.json").write_text(json.dumps(OLD))
    manifest = read_manifest(str(folder))
    assert manifest is not None
    assert manifest.model_dump(exclude_none=True) == {**OLD, "manifest_version": 1}


def test_keys_of_a_later_project_do_not_matter(folder: Path) -> None:
    (folder / "manifest.json").write_text(json.dumps({**OLD, "colour": "blue"}))
    manifest = read_manifest(str(folder))
    assert manifest is not None
    assert manifest.run == "mnist-1"


def test_a_version_of_somebody_else_has_none(folder: Path) -> None:
    assert read_manifest(str(folder)) is None


@pytest.mark.parametrize(
    ("content", "found"),
    [
        ("{", "expected a manifest, found: "),
        ("[]", "content: Input should be "),
        ("{}", "version: Field required"),
        ('{"manifest_version": 4, "version": 1}', "manifest_version: Input should be"),
    ],
)
def test_one_that_cannot_be_read_is_one_line(
    folder: Path, content: str, found: str
) -> None:
    (folder / "manifest.json").write_text(content)
    with pytest.raises(ManifestError) as caught:
        read_manifest(str(folder))
    assert str(caught.value).startswith(f"{folder}/manifest.json: {found}")


@pytest.mark.parametrize(
    ("gates", "blessed"),
    [
        ([demand(True)], True),
        ([demand(True), demand(False, overruled=True)], True),
        ([demand(True), demand(False)], False),
        ([], False),
        (None, False),
    ],
)
def test_blessed_is_what_every_gate_let_pass(
    gates: list[Demand] | None, blessed: bool
) -> None:
    assert Manifest(manifest_version=3, version=7, gates=gates).blessed is blessed


def test_before_gates_were_kept_only_the_blessed_had_a_manifest() -> None:
    assert Manifest(**OLD).blessed


def test_more_known_facts_do_not_unmake_others() -> None:
    facts = Facts(run="a-run", commit="c0ffee")
    assert facts.updated(commit=None, python="3.11") == Facts(
        run="a-run", commit="c0ffee", python="3.11"
    )
