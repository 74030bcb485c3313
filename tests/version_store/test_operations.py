"""Pruning, and the records of rollback and prune."""

import shutil
from pathlib import Path
from typing import Any

import pytest
from ml_metadata.proto import metadata_store_pb2

from contract.errors import BadInputError
from tests.version_store.pushing import (
    MODEL,
    back,
    push,
    record_push,
    served,
    weights,
)
from version_store import changes, ledger, versions
from version_store.manifest import read_manifest
from version_store.operations import prune

LIVE = metadata_store_pb2.Artifact.LIVE
DELETED = metadata_store_pb2.Artifact.DELETED


def states(store: Any) -> dict[str, list[int]]:
    """Returns the states of PushedModel artifacts by version."""
    found: dict[str, list[int]] = {}
    for artifact in store.get_artifacts_by_type("PushedModel"):
        version = artifact.custom_properties["pushed_version"].string_value
        found.setdefault(version, []).append(artifact.state)
    return found


class TestPrune:
    def test_the_newest_stay_and_the_served_one_is_among_them(
        self, models: Path
    ) -> None:
        pushed = [push(models, name) for name in "abcd"]
        gone = prune(str(models), MODEL, 2, None, dry_run=False)
        assert [version.number for version in gone] == [pushed[1], pushed[0]]
        assert versions.list_versions(str(models / MODEL)) == pushed[2:]

    def test_where_there_are_fewer_all_stay(self, models: Path) -> None:
        pushed = [push(models, name) for name in "ab"]
        assert prune(str(models), MODEL, 5, None, dry_run=False) == []
        assert versions.list_versions(str(models / MODEL)) == pushed

    def test_a_version_stays_whose_files_a_link_needs(self, models: Path) -> None:
        """Names are compared by the folder behind them."""
        old, new = [push(models, name) for name in "ab"]
        base = models / MODEL
        link = base / str(new + 1)
        link.symlink_to(str(old))
        gone = prune(str(models), MODEL, 1, None, dry_run=False)
        assert [version.number for version in gone] == [new]
        assert versions.list_versions(str(base)) == [old, new + 1]

    def test_of_a_version_that_is_a_link_only_the_link_goes(self, models: Path) -> None:
        old, new = [push(models, name) for name in "ab"]
        base = models / MODEL
        (base / str(old - 1)).symlink_to(str(new))
        gone = prune(str(models), MODEL, 1, None, dry_run=False)
        assert [version.number for version in gone] == [old, old - 1]
        assert versions.list_versions(str(base)) == [new]
        assert (base / str(new) / "saved_model.pb").exists()
        assert not [path for path in base.iterdir() if path.is_symlink()]

    def test_a_dry_run_changes_nothing(self, models: Path, store: Any) -> None:
        pushed = [push(models, name) for name in "abc"]
        for number in pushed:
            record_push(store, models / MODEL / str(number))
        before = sorted(path.name for path in (models / MODEL).rglob("*"))

        gone = prune(str(models), MODEL, 1, None, dry_run=True)

        assert [version.number for version in gone] == [pushed[1], pushed[0]]
        assert sorted(path.name for path in (models / MODEL).rglob("*")) == before
        assert set(states(store)) == set(map(str, pushed))
        assert list(states(store).values()) == [[LIVE]] * 3


class TestOnRecord:
    def test_a_rollback_is_an_execution_with_what_went_in_and_came_out(
        self, models: Path, store: Any
    ) -> None:
        old, new = push(models, "old"), push(models, "new")
        of_old = record_push(store, models / MODEL / str(old))
        record_push(store, models / MODEL / str(new))

        made = back(models, store=store).made.number

        [execution] = store.get_executions_by_type("Rollback")
        assert execution.last_known_state == metadata_store_pb2.Execution.COMPLETE
        properties = execution.properties
        numbers = {k: properties[k].int_value for k in ("of", "instead_of", "version")}
        assert numbers == {"of": old, "instead_of": new, "version": made}
        assert properties["reason"].string_value == "it was worse"
        events = {
            event.type: event.artifact_id
            for event in store.get_events_by_execution_ids([execution.id])
        }
        assert events[metadata_store_pb2.Event.INPUT] == of_old
        output = events[metadata_store_pb2.Event.OUTPUT]
        [artifact] = store.get_artifacts_by_id([output])
        assert artifact.uri == str(models / MODEL / str(made))
        assert artifact.state == LIVE
        assert artifact.custom_properties["pushed_version"].string_value == str(made)
        [context] = store.get_contexts_by_execution(execution.id)
        assert (context.type, context.name) == ("pipeline", MODEL)

    def test_what_the_store_never_heard_of_becomes_known(
        self, models: Path, store: Any
    ) -> None:
        old = push(models, "old")
        push(models, "new")
        made = back(models, store=store).made.number
        assert states(store) == {str(old): [LIVE], str(made): [LIVE]}

    def test_what_was_pruned_is_marked_deleted_wherever_it_is_on_record(
        self, models: Path, store: Any
    ) -> None:
        old, new = push(models, "old"), push(models, "new")
        record_push(store, models / MODEL / str(old))
        record_push(store, models / MODEL / str(old), already_served=True)
        record_push(store, models / MODEL / str(new))
        # The same number under another model name is another version.
        record_push(store, models / "others" / str(old))

        prune(str(models), MODEL, 1, store, dry_run=False)

        assert states(store)[str(new)] == [LIVE]
        assert sorted(states(store)[str(old)]) == [LIVE, DELETED, DELETED]

    def test_a_rollback_killed_before_it_was_recorded_is_recorded_by_the_next_change(
        self, models: Path, store: Any
    ) -> None:
        for name in "abc":
            push(models, name)
        made = back(models).made.number
        assert store.get_executions_by_type("Rollback") == []

        prune(str(models), MODEL, 9, store, dry_run=False)
        prune(str(models), MODEL, 9, store, dry_run=False)

        [execution] = store.get_executions_by_type("Rollback")
        assert execution.properties["version"].int_value == made

    def test_a_prune_killed_before_it_was_recorded_is_recorded_by_the_next_change(
        self, models: Path, store: Any
    ) -> None:
        numbers = [push(models, name) for name in "abc"]
        for number in numbers:
            record_push(store, models / MODEL / str(number))
        shutil.rmtree(models / MODEL / str(numbers[0]))

        back(models, store=store)

        assert states(store)[str(numbers[0])] == [DELETED]
        assert states(store)[str(numbers[1])] == [LIVE]

    def test_a_store_that_fails_does_not_undo_a_rollback(
        self, models: Path, store: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        push(models, "old")
        push(models, "new")

        def fail(*_: Any) -> None:
            raise BadInputError("metadata store: gone")

        monkeypatch.setattr(ledger, "record_rollback", fail)
        done = back(models, store=store)
        assert (done.recorded, done.problem) == (False, "metadata store: gone")
        assert weights(served(models)) == "old"


def test_a_change_waits_for_another_and_says_for_what(
    models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    push(models, "old")
    push(models, "new")
    monkeypatch.setattr("version_store.operations.LOCK_SECONDS", 0.05)
    with (
        changes.locked(str(models / MODEL)),
        pytest.raises(TimeoutError, match=r"still locked by .* after 0\.05 s"),
    ):
        back(models)


def test_the_manifest_tells_a_rollback_of_a_rollback_from_what_it_is_of(
    models: Path,
) -> None:
    """The model's first version stays known after any number of rollbacks."""
    first = push(models, "first")
    push(models, "second")
    again = back(models).made.number
    push(models, "third")
    back(models, again)
    manifest = read_manifest(str(served(models)))
    assert manifest is not None
    assert manifest.rolled_back is not None
    assert manifest.rolled_back.of == first
