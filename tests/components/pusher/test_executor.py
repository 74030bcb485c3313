"""Only a model that both gates blessed, and that is not served yet, is pushed."""

import hashlib
import json
from pathlib import Path

import pytest

from components.image_example_gen import digits
from contract.task import read_task
from tests.components.pusher.conftest import DEMAND, Push, manifest_of, properties
from version_store import versions
from version_store.manifest import is_sealed
from version_store.model_card import render


def test_a_model_that_both_gates_blessed_is_pushed(push: Push, base: Path) -> None:
    pushed = push()
    (version,) = versions.list_versions(str(base))
    assert properties(pushed) == {
        "pushed": 1,
        "pushed_version": str(version),
        "pushed_destination": str(base / str(version)),
        "already_served": 0,
    }


@pytest.mark.parametrize(("evaluator", "server"), [(0, 1), (1, 0), (0, 0)])
def test_a_model_that_one_gate_did_not_bless_is_not(
    push: Push, base: Path, evaluator: int, server: int
) -> None:
    assert properties(push(evaluator=evaluator, server=server)) == {"pushed": 0}
    assert not base.exists()


def test_a_version_has_the_model_its_task_statistics_manifest_and_card(
    push: Push, base: Path
) -> None:
    push()
    (version,) = versions.list_versions(str(base))
    folder = base / str(version)
    assert (folder / "variables/variables.index").read_text() == "index"
    assert (folder / "statistics/Split-test/FeatureStats.pb").read_text() == "of test"
    assert sorted(path.name for path in folder.iterdir()) == [
        "assets.extra",
        "manifest.json",
        "model_card.md",
        "saved_model.pb",
        "statistics",
        "task.json",
        "variables",
    ]
    assert read_task(str(folder)) == digits.TASK


def test_the_manifest_says_what_the_version_is(push: Push, base: Path) -> None:
    push(champion="1600000000")
    (version,) = versions.list_versions(str(base))
    manifest = manifest_of(base, version)
    assert (manifest.version, manifest.model) == (version, "mnist")
    assert (manifest.run, manifest.recipe) == ("a-run", "a-recipe")
    assert manifest.champion == "1600000000"
    assert manifest.data_fingerprint == "f1f2"
    assert manifest.counts == {"train": 3, "test": 1}
    assert (manifest.commit, manifest.tree_clean) == ("c0ffee", False)
    assert manifest.training == {"epochs": 3}
    assert manifest.gates == [DEMAND]
    assert manifest.blessed
    assert manifest.pushed_at is not None
    assert manifest.pushed_at.endswith("+00:00")
    assert manifest.libraries is not None
    assert set(manifest.libraries) >= {"tensorflow", "keras", "tfx"}


def test_the_manifest_has_the_hash_of_every_file_and_its_own(
    push: Push, base: Path
) -> None:
    push()
    (version,) = versions.list_versions(str(base))
    folder = base / str(version)
    manifest = manifest_of(base, version)
    assert manifest.files == {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file() and path.name != "manifest.json"
    }
    assert is_sealed(str(folder), manifest)


def test_the_card_is_that_of_the_manifest(push: Push, base: Path) -> None:
    push()
    (version,) = versions.list_versions(str(base))
    card = (base / str(version) / "model_card.md").read_text()
    assert card == render(manifest_of(base, version))


def test_keys_of_older_manifests_are_still_where_they_were(
    push: Push, base: Path
) -> None:
    push()
    (version,) = versions.list_versions(str(base))
    content = json.loads((base / str(version) / "manifest.json").read_text())
    assert content["version"] == version
    assert len(content["model_digest"]) == 64
    assert content["data_fingerprint"] == "f1f2"
    assert (content["run"], content["recipe"]) == ("a-run", "a-recipe")
    assert content["champion"] == ""


def test_a_model_that_is_served_already_is_not_pushed_again(
    push: Push, base: Path
) -> None:
    first = properties(push(run="first"))
    second = properties(push(run="second"))
    assert second == {**first, "already_served": 1}
    version = first["pushed_version"]
    assert sorted(path.name for path in base.iterdir()) == [".lock", version]


def test_a_served_model_that_was_trained_again_is_not_pushed_again(
    push: Push, base: Path
) -> None:
    """On Kubeflow each run trains; a SavedModel's files are not reproducible."""
    first = properties(push())
    second = properties(push(stamp="trained again"))
    assert second == {**first, "already_served": 1}
    assert versions.list_versions(str(base)) == [int(first["pushed_version"])]


def test_equal_variables_of_another_recipe_are_another_model(
    push: Push, base: Path
) -> None:
    push()
    again = properties(push(stamp="trained again", recipe="another"))
    assert again["already_served"] == 0
    assert len(versions.list_versions(str(base))) == 2


def test_equal_variables_for_classes_of_other_names_are_another_model(
    push: Push, base: Path
) -> None:
    """On Kubeflow the recipe may not know the data, whose classes were renamed."""
    push()
    renamed = digits.TASK.named(classes=tuple("ABCDEFGHIJ"))
    again = properties(push(stamp="trained again", task=renamed))
    assert again["already_served"] == 0
    assert len(versions.list_versions(str(base))) == 2


def test_a_model_that_was_served_before_the_last_one_is_pushed_again(
    push: Push, base: Path
) -> None:
    found = [properties(push(weights=w)) for w in ("old", "new", "old")]
    assert [one["already_served"] for one in found] == [0, 0, 0]
    pushed = [int(one["pushed_version"]) for one in found]
    assert versions.list_versions(str(base)) == pushed


def test_a_served_version_that_is_not_ours_is_no_reason_not_to_push(
    push: Push, base: Path
) -> None:
    (base / "1").mkdir(parents=True)
    (base / "1" / "saved_model.pb").write_text("graph")
    assert properties(push())["already_served"] == 0
    assert len(versions.list_versions(str(base))) == 2


def test_a_manifest_of_an_older_project_tells_what_is_served(
    push: Push, base: Path
) -> None:
    first = properties(push())
    manifest = base / first["pushed_version"] / "manifest.json"
    content = json.loads(manifest.read_text())
    kept = ("version", "model_digest", "data_fingerprint", "champion", "run", "recipe")
    manifest.write_text(json.dumps({key: content[key] for key in kept}))
    assert properties(push())["already_served"] == 1


def test_a_served_version_whose_manifest_is_torn_is_replaced(
    push: Push, base: Path
) -> None:
    first = properties(push())
    (base / first["pushed_version"] / "manifest.json").write_text("{")
    assert properties(push())["already_served"] == 0
    assert len(versions.list_versions(str(base))) == 2


def test_once_its_folder_was_removed_a_model_is_pushed_again(
    push: Push, base: Path
) -> None:
    first = Path(properties(push())["pushed_destination"])
    first.rename(base.parent / "taken-away")
    assert properties(push())["already_served"] == 0
