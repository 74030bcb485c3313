"""Versions are explained by their manifests, with no metadata store or a poor one."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from contract.errors import BadInputError
from lineage.explain import Archive, difference, flat, plain
from lineage.listing import entries
from lineage.records import Artifact, Run, Step
from tests.version_store.pushing import MODEL, PASSED, make_store, push, record_push
from version_store.manifest import Metrics
from version_store.operations import prune, rollback


@pytest.fixture
def models(tmp_path: Path) -> Path:
    folder = tmp_path / "models"
    folder.mkdir()
    return folder


def archive(models: Path) -> Archive:
    return Archive.open(None, str(models), None)


class TestManifestAlone:
    """A run on Kubeflow has this state, as it leaves no metadata store here."""

    def test_it_has_every_fact(self, models: Path) -> None:
        version = push(models, commit="c0ffee", training={"epochs": 3}, champion="5")
        found = archive(models).find(str(version))
        facts = plain(found.facts)
        assert found.about["state"] == "served"
        assert found.about["pipeline_run"] is None
        assert (facts["commit"], facts["champion"]) == ("c0ffee", "5")
        assert facts["training"] == {"epochs": 3}
        assert facts["gates"]["Evaluator accuracy"]["value"] == PASSED.value

    def test_what_it_does_not_say_is_unknown(self, models: Path) -> None:
        version = push(models)
        facts = plain(archive(models).find(str(version)).facts)
        for key in ("commit", "tree_clean", "lock", "data_fingerprint", "libraries"):
            assert facts[key] is None

    def test_a_version_of_somebody_else_is_all_unknown(self, models: Path) -> None:
        (models / MODEL / "7").mkdir(parents=True)
        (models / MODEL / "7/saved_model.pb").write_text("graph")
        found = archive(models).find("7")
        assert set(plain(found.facts).values()) == {None}
        assert found.about["manifest_version"] is None

    def test_a_manifest_that_cannot_be_read_says_so(self, models: Path) -> None:
        version = push(models)
        (models / MODEL / str(version) / "manifest.json").write_text("{")
        found = archive(models).find(str(version))
        assert "manifest.json: expected a manifest, found" in found.about["problem"]

    def test_what_differs_and_only_that(self, models: Path) -> None:
        same: Any = {"champion": "", "commit": "c0ffee"}
        first = push(models, "a", training={"epochs": 3, "seed": 1}, **same)
        metrics = Metrics(test_accuracy=0.99)
        second = push(
            models, "b", training={"epochs": 4, "seed": 1}, metrics=metrics, **same
        )
        known = archive(models)
        found = difference(known.find(str(first)), known.find(str(second)))
        assert found["facts.training.epochs"] == {"a": 3, "b": 4}
        assert found["facts.metrics.test_accuracy"] == {"a": 0.98, "b": 0.99}
        assert set(found) == {
            "version",
            "state",
            "path",
            "model_digest",
            "files.model_card.md",
            "files.variables/variables.index",
            "facts.run",
            "facts.training.epochs",
            "facts.metrics.test_accuracy",
        }

    def test_what_one_does_not_have_at_all_is_left_out(self, models: Path) -> None:
        old, new = push(models, "a"), push(models, "b")
        back = rollback(str(models), MODEL, None, "why", None).made.number
        known = archive(models)
        found = difference(known.find(str(new)), known.find(str(back)))
        assert found["rolled_back.of"] == {"b": old}

    def test_nothing_differs_from_itself(self, models: Path) -> None:
        version = push(models)
        one = archive(models).find(str(version))
        assert difference(one, one) == {}


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("5", "version 5: expected one on disk or on record, found "),
        ("no", "no: expected a version's number or a run on record, as there is none"),
    ],
)
def test_what_is_not_on_record_is_one_line(
    models: Path, name: str, expected: str
) -> None:
    push(models)
    with pytest.raises(BadInputError) as caught:
        archive(models).find(name)
    assert str(caught.value).startswith(expected)


def test_the_list_has_versions_rollbacks_and_what_is_gone(
    models: Path, tmp_path: Path
) -> None:
    store = make_store(tmp_path / "metadata.sqlite")
    old, new = push(models, "a"), push(models, "b")
    for number in (old, new):
        record_push(store, models / MODEL / str(number))
    back = rollback(str(models), MODEL, None, "worse", store).made.number
    push(models, "c")
    prune(str(models), MODEL, 1, store, dry_run=False)

    known = Archive.open(None, str(models), store)

    found = [(e.kind, e.verdict, e.version, e.state) for e in entries(known)]
    assert ("rollback", f"rolled back to {old}", back, "gone") in found
    [on_disk] = [entry for entry in found if entry[0] == "version"]
    assert (on_disk[1], on_disk[3]) == ("pushed", "served")
    assert entries(known, "others") == []
    gone = known.find(str(back))
    assert (gone.about["state"], gone.about["on_record_as"]) == ("gone", "deleted")
    assert gone.about["rolled_back"]["reason"] == "worse"


def test_flat_goes_down_into_all_but_what_is_empty() -> None:
    nested = {"a": {"b": {"c": 1}, "d": None}, "e": {}, "f": [1]}
    assert flat(nested) == {"a.b.c": 1, "a.d": None, "e": {}, "f": [1]}


def test_the_list_has_the_accuracy_of_a_run_whose_artifacts_were_removed(
    models: Path,
) -> None:
    version = push(models)
    properties: Any = {
        "pushed": 1,
        "pushed_version": str(version),
        "pushed_destination": str(models / MODEL / str(version)),
    }
    made = {"pushed_model": [Artifact(1, "gone", False, properties)]}
    step = Step("complete", {}, {}, made)
    run = Run("id", "a-run", MODEL, 0, {"Pusher": step})
    [entry] = entries(replace(archive(models), runs=[run]))
    assert (entry.kind, entry.version) == ("run", version)
    assert entry.test_accuracy == 0.98


def test_a_push_that_the_store_could_not_record_is_one_row(models: Path) -> None:
    version = push(models, run="a-run")
    step = Step("running", {})
    run = Run("id", "a-run", MODEL, 0, {"Pusher": step})
    known = replace(archive(models), runs=[run])
    [entry] = entries(known)
    assert (entry.kind, entry.verdict, entry.version) == ("run", "pushed", version)


def test_a_rollback_to_a_runs_version_is_no_push_of_the_run(
    models: Path, tmp_path: Path
) -> None:
    push(models, "a", run="a-run")
    push(models, "b", run="b-run")
    store = make_store(tmp_path / "metadata.sqlite")
    back = rollback(str(models), MODEL, None, "worse", store).made.number
    run = Run("id", "a-run", MODEL, 0, {})
    verdict = replace(archive(models), runs=[run]).verdict(run)
    assert verdict.kind == "pushed"
    assert verdict.version != back
