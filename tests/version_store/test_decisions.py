"""A model that was rolled back from is not pushed again until a user allows it."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from contract.errors import BadInputError
from serving.launch import code
from tests.version_store.pushing import MODEL, push
from version_store import changes, decisions, versions
from version_store.decisions import (
    against,
    barred,
    find_withdrawn,
    read_decisions,
    withdrawn,
)
from version_store.digests import file_digests, weights_digest
from version_store.inventory import list_versions
from version_store.manifest import read_manifest
from version_store.operations import Done, allow, prune, rollback


def back(models: Path, number: int | None = None, reason: str = "reads 7 as 1") -> Done:
    return rollback(str(models), MODEL, number, reason, None)


def digest_of(models: Path, number: int) -> str:
    manifest = read_manifest(str(models / MODEL / str(number)))
    assert manifest is not None
    assert manifest.model_digest is not None
    return manifest.model_digest


@pytest.fixture
def base(models: Path) -> str:
    return str(models / MODEL)


def test_nothing_is_decided_of_what_is_pushed(models: Path, base: str) -> None:
    push(models, "old", recipe="of old")
    assert withdrawn(base) == {}
    assert barred(base, "of old") is None
    assert barred(str(models / "none"), "of old") is None


def test_a_rollback_withdraws_the_model_with_who_when_and_why(
    models: Path, base: str
) -> None:
    push(models, "old", recipe="of old")
    new = push(models, "new", recipe="of new")
    digest = digest_of(models, new)

    made = back(models).made

    [(found, decision)] = withdrawn(base).items()
    assert (found, decision.version, decision.recipe) == (digest, new, "of new")
    assert (decision.reason, decision.rollback) == ("reads 7 as 1", made.number)
    assert made.manifest is not None
    assert made.manifest.rolled_back is not None
    assert (decision.by, decision.at) == (
        made.manifest.rolled_back.by,
        made.manifest.rolled_back.at,
    )


def test_the_recipe_is_known_before_a_run_trains(models: Path, base: str) -> None:
    push(models, "old", recipe="of old")
    new = push(models, "new", recipe="of new")
    back(models)
    why = barred(base, "of new")
    assert why is not None
    assert why.startswith(f"version {new} was rolled back from at ")
    assert f"(reads 7 as 1): {code.typed('version_store')} allow" in why
    assert barred(base, "of old") is None
    assert barred(base, "") is None


class TestAModelThatWasTrainedAgain:
    """Its files differ where a SavedModel's do, as by the id in `fingerprint.pb`."""

    @pytest.fixture
    def weights(self, models: Path, base: str) -> str:
        push(models, "old", recipe="of old")
        new = push(models, "new", recipe="of new")
        files = file_digests(str(models / MODEL / str(new)))
        return weights_digest(files)

    def test_is_held_back_by_recipe_and_variables(
        self, models: Path, base: str, weights: str
    ) -> None:
        back(models)
        prune(str(models), MODEL, 1, None, dry_run=False)
        found = against(read_decisions(base), "another digest", weights, "of new")
        assert found is not None
        assert (found.recipe, found.reason) == ("of new", "reads 7 as 1")

    @pytest.mark.parametrize(
        ("other", "recipe"),
        [(False, "of other code"), (True, "of new"), (False, "")],
    )
    def test_is_not_where_either_differs(
        self, models: Path, base: str, weights: str, other: bool, recipe: str
    ) -> None:
        back(models)
        found = against(
            read_decisions(base), "d", "others" if other else weights, recipe
        )
        assert found is None

    def test_is_not_once_it_was_allowed(
        self, models: Path, base: str, weights: str
    ) -> None:
        new = versions.list_versions(base)[-1]
        back(models)
        allow(str(models), MODEL, str(new), "it was the data")
        assert (
            against(read_decisions(base), "another digest", weights, "of new") is None
        )


def test_it_holds_when_both_versions_are_pruned(models: Path, base: str) -> None:
    push(models, "old")
    new = push(models, "new", recipe="of new")
    digest = digest_of(models, new)
    back(models)
    push(models, "newer")
    prune(str(models), MODEL, 1, None, dry_run=False)
    assert list(withdrawn(base)) == [digest]
    assert barred(base, "of new")


@pytest.mark.parametrize("keeps_digest", [True, False])
def test_it_holds_where_a_rollback_was_killed_before_it_was_written_down(
    models: Path, base: str, keeps_digest: bool
) -> None:
    """The new version's manifest is the record; version 0.1's had no digest."""
    push(models, "old")
    new = push(models, "new")
    digest = digest_of(models, new)
    made = back(models).made.number
    Path(base, decisions.DECISIONS_FILE).unlink()
    if not keeps_digest:
        manifest = Path(base, str(made), "manifest.json")
        content = json.loads(manifest.read_text())
        del content["rolled_back"]["instead_of_digest"]
        manifest.write_text(json.dumps(content))
    assert list(withdrawn(base)) == [digest]


def test_what_was_allowed_stays_so_whatever_is_read_again(
    models: Path, base: str
) -> None:
    push(models, "old")
    new = push(models, "new", recipe="of new")
    back(models)

    before = allow(str(models), MODEL, str(new), "the camera was at fault")

    assert (before.version, before.allowed) == (new, False)
    assert withdrawn(base) == {}
    assert barred(base, "of new") is None
    last = decisions.read_decisions(base)[-1]
    assert (last.allowed, last.reason) == (True, "the camera was at fault")
    assert "@" in last.by
    # The next change writes it to the file.
    push(models, "newer")
    prune(str(models), MODEL, 5, None, dry_run=False)
    assert withdrawn(base) == {}


def test_what_was_allowed_can_be_withdrawn_again(models: Path, base: str) -> None:
    push(models, "old")
    new = push(models, "new")
    digest = digest_of(models, new)
    back(models)
    allow(str(models), MODEL, str(new), "try again")
    push(models, "new")
    back(models)
    assert list(withdrawn(base)) == [digest]


def test_to_roll_back_to_a_model_is_to_allow_it(models: Path, base: str) -> None:
    old = push(models, "old")
    new = push(models, "new")
    back(models)
    back(models, new, "it was the camera")
    assert list(withdrawn(base)) == [digest_of(models, old)]


def test_one_step_back_passes_over_what_was_rolled_back_from(models: Path) -> None:
    push(models, "old")
    bad = push(models, "bad")
    back(models)
    push(models, "worse")
    done = back(models)
    assert done.source.number != bad
    assert Path(done.made.path, "variables/variables.index").read_text() == "old"


class TestAsked:
    """A number, even of a removed version, or a digest names the decision."""

    @pytest.fixture
    def new(self, models: Path) -> int:
        push(models, "old")
        number = push(models, "new")
        self.digest = digest_of(models, number)
        back(models)
        return number

    def test_by_number(self, base: str, new: int) -> None:
        assert find_withdrawn(base, str(new)).digest == self.digest
        shutil.rmtree(Path(base, str(new)))
        assert find_withdrawn(base, str(new)).digest == self.digest

    def test_by_the_number_of_another_version_of_the_same_model(
        self, models: Path, base: str, new: int
    ) -> None:
        allow(str(models), MODEL, str(new), "again")
        again = push(models, "new")
        back(models)
        assert find_withdrawn(base, str(new)).version == again

    @pytest.mark.parametrize("digits", [8, 12, 64])
    def test_by_digest(self, base: str, new: int, digits: int) -> None:
        assert find_withdrawn(base, self.digest[:digits].upper()).version == new

    @pytest.mark.parametrize("asked", ["7", "", "abcdefgh", "v1"])
    def test_what_is_not_held_back_is_one_line(
        self, base: str, new: int, asked: str
    ) -> None:
        with pytest.raises(BadInputError) as caught:
            find_withdrawn(base, asked)
        assert str(caught.value) == (
            f"{asked}: expected a version or digest that was rolled back from or "
            "withdrawn, found "
            f"{new} ({self.digest[:12]})"
        )


def test_the_list_says_so(models: Path) -> None:
    push(models, "old")
    push(models, "new")
    back(models)
    states = [version.state for version in list_versions(str(models), MODEL)]
    assert states == ["served", "rolled back from", "kept"]


@pytest.mark.parametrize("content", ["{", "[1]", '[{"digest": 1}]', '[{"more": 1}]'])
def test_a_record_that_cannot_be_read_is_not_passed_over(
    models: Path, base: str, content: str
) -> None:
    push(models)
    path = Path(base, decisions.DECISIONS_FILE)
    path.write_text(content)
    with pytest.raises(BadInputError) as caught:
        withdrawn(base)
    assert str(caught.value).startswith(f"{path}: expected what was decided about")


def test_a_write_that_fails_leaves_what_was_there(
    models: Path, base: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    push(models, "old")
    new = push(models, "new")
    back(models)
    path = Path(base, decisions.DECISIONS_FILE)
    before = path.read_text()

    def full(*_: Any, **__: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(decisions.json, "dump", full)
    with pytest.raises(OSError, match="No space left"):
        allow(str(models), MODEL, str(new), "again")
    assert path.read_text() == before
    with changes.locked(base):
        pass
    assert {p.name for p in Path(base).iterdir() if not p.name.isdigit()} == {
        ".lock",
        decisions.DECISIONS_FILE,
    }
