"""A rollback serves an older version again, or refuses it with a reason."""

import errno
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from contract.errors import BadInputError
from runner.recipe import champion
from tests.version_store.pushing import (
    MODEL,
    OVERRULED,
    REFUSED,
    back,
    push,
    served,
    weights,
)
from version_store import rollback as rollback_module
from version_store import versions
from version_store.inventory import list_versions
from version_store.operations import prune
from version_store.verification import verify


class TestRollback:
    def test_the_one_before_is_served_again_as_a_new_version(
        self, models: Path
    ) -> None:
        old, new = push(models, "old"), push(models, "new")

        done = back(models)

        assert weights(served(models)) == "old"
        assert done.made.number == int(served(models).name) > new
        assert (done.source.number, done.served_before.number) == (old, new)
        assert versions.list_versions(str(models / MODEL)) == [
            old,
            new,
            done.made.number,
        ]

    def test_what_is_served_then_is_whole_and_says_what_it_is(
        self, models: Path
    ) -> None:
        old, new = (
            push(models, "old", run="first", commit="c0ffee"),
            push(models, "new"),
        )

        back(models)

        made = list_versions(str(models), MODEL)[0]
        assert verify(made) == []
        assert made.manifest is not None
        known = made.manifest.rolled_back
        assert known is not None
        assert (known.of, known.instead_of, known.reason) == (old, new, "it was worse")
        assert "@" in known.by
        assert made.manifest.pushed_at == known.at
        assert (made.manifest.run, made.manifest.commit) == ("first", "c0ffee")
        card = Path(made.path, "model_card.md").read_text()
        assert f"This is version {old} again" in card
        assert f"version {made.number}" in card.splitlines()[0]

    def test_a_version_asked_for_by_number(self, models: Path) -> None:
        oldest = push(models, "oldest")
        push(models, "old")
        push(models, "new")
        back(models, oldest)
        assert weights(served(models)) == "oldest"

    def test_going_back_twice_goes_back_two_steps(self, models: Path) -> None:
        for name in ("oldest", "old", "new"):
            push(models, name)
        back(models)
        assert weights(served(models)) == "old"
        back(models)
        assert weights(served(models)) == "oldest"
        with pytest.raises(BadInputError, match=r"which is served, found none$"):
            back(models)

    def test_it_goes_forward_again_by_number(self, models: Path) -> None:
        push(models, "old")
        new = push(models, "new")
        back(models)
        back(models, new)
        assert weights(served(models)) == "new"

    def test_what_it_was_made_from_may_go(self, models: Path) -> None:
        push(models, "old")
        push(models, "new")
        back(models)
        prune(str(models), MODEL, 1, None, dry_run=False)
        [made] = list_versions(str(models), MODEL)
        assert (weights(Path(made.path)), verify(made)) == ("old", [])

    @pytest.mark.parametrize(
        "name", [".DS_Store", "variables/.DS_Store", "assets.extra/notes.txt"]
    )
    def test_what_is_not_the_versions_is_no_reason_and_does_not_come_along(
        self, models: Path, name: str
    ) -> None:
        old = push(models, "old")
        push(models, "new")
        stray = models / MODEL / str(old) / name
        stray.parent.mkdir(exist_ok=True)
        stray.write_text("litter")
        made = back(models).made
        assert weights(served(models)) == "old"
        assert not (Path(made.path) / name).exists()
        assert verify(made) == []

    def test_the_files_are_the_same_where_there_are_hard_links(
        self, models: Path
    ) -> None:
        old = push(models, "old")
        push(models, "new")
        back(models)
        of_old = models / MODEL / str(old) / "saved_model.pb"
        assert of_old.samefile(served(models) / "saved_model.pb")

    @pytest.mark.parametrize("code", [errno.EPERM, errno.EOPNOTSUPP, errno.EMLINK])
    def test_they_are_copies_where_there_are_none(
        self, models: Path, monkeypatch: pytest.MonkeyPatch, code: int
    ) -> None:
        push(models, "old")
        push(models, "new")

        def refuse(*_: Any) -> None:
            raise OSError(code, os.strerror(code))

        monkeypatch.setattr(os, "link", refuse)
        back(models)
        assert (weights(served(models)), served(models).stat().st_nlink) != ("", 0)
        assert (served(models) / "saved_model.pb").stat().st_nlink == 1
        assert verify(list_versions(str(models), MODEL)[0]) == []

    def test_a_version_of_before_files_were_hashed(self, models: Path) -> None:
        old = models / MODEL / str(push(models, "old"))
        content = json.loads((old / "manifest.json").read_text())
        kept = ("version", "model_digest", "champion", "run", "recipe")
        shown = json.dumps({key: content[key] for key in kept})
        (old / "manifest.json").write_text(shown)
        (old / "model_card.md").unlink()
        push(models, "new")

        done = back(models)

        assert weights(served(models)) == "old"
        assert verify(done.made) == []
        # A second rollback starts from the version that the first one made.
        push(models, "newer")
        back(models, done.made.number)
        assert weights(served(models)) == "old"

    def test_the_same_model_that_was_trained_twice_is_no_earlier_one(
        self, models: Path, make_model: Callable[..., Path]
    ) -> None:
        """Its variables are equal, but a SavedModel's other files never are."""
        push(models, "good", recipe="of good")
        bad = []
        for name in ("first", "second"):
            trained = make_model(name, "bad")
            (trained / "saved_model.pb").write_text(f"graph with names of {name}")
            bad.append(push(models, source=trained, recipe="of bad"))
        back(models)
        assert weights(served(models)) == "good"
        states = {one.number: one.state for one in list_versions(str(models), MODEL)}
        assert [states[number] for number in bad] == ["rolled back from"] * 2

    def test_one_with_other_names_of_classes_is_an_earlier_one(
        self, models: Path, make_model: Callable[..., Path]
    ) -> None:
        """A recipe may not know the data, and the variables are equal."""
        made = []
        for name in ("old names", "new names"):
            trained = make_model(name, "equal")
            (trained / "saved_model.pb").write_text(f"graph with {name}")
            (trained / "task.json").write_text(name)
            made.append(push(models, source=trained, recipe="of both"))
        assert back(models).source.number == made[0]

    def test_the_next_runs_champion_is_the_model_rolled_back_to(
        self, models: Path
    ) -> None:
        push(models, "old", recipe="of old")
        push(models, "new", recipe="of new")
        made = back(models).made.number
        version, _ = champion(str(models / MODEL), lambda base: "of new")
        assert version == str(made)


class TestRefusal:
    def test_the_one_that_is_served(self, models: Path) -> None:
        push(models, "old")
        new = push(models, "new")
        with pytest.raises(BadInputError) as caught:
            back(models, new)
        assert str(caught.value) == f"version {new}: is the one that is served"

    def test_the_one_whose_model_is_served(self, models: Path) -> None:
        old = push(models, "old")
        push(models, "new")
        made = back(models).made.number
        with pytest.raises(BadInputError) as caught:
            back(models, old)
        assert str(caught.value) == (
            f"version {old}: its model is the one that is served, as version {made}"
        )

    def test_one_that_is_not_there(self, models: Path) -> None:
        number = push(models)
        with pytest.raises(BadInputError) as caught:
            back(models, 5)
        assert str(caught.value) == (
            f"version 5: expected an existing version, found {number}"
        )

    def test_one_that_is_not_what_was_pushed(self, models: Path) -> None:
        old = push(models, "old")
        new = push(models, "new")
        path = models / MODEL / str(old) / "variables/variables.index"
        path.write_text("odd")
        with pytest.raises(BadInputError) as caught:
            back(models)
        assert str(caught.value) == (
            f"version {old}: is not what was pushed: variables/variables.index: changed"
        )
        assert served(models).name == str(new)

    @pytest.mark.parametrize("gates", [[], None])
    def test_one_that_was_never_blessed(self, models: Path, gates: Any) -> None:
        old = push(models, "old", gates=gates)
        push(models, "new")
        with pytest.raises(BadInputError, match="never blessed by all gates"):
            back(models, old)

    def test_one_that_a_gate_refused(self, models: Path) -> None:
        old = push(models, "old", gates=[REFUSED])
        push(models, "new")
        with pytest.raises(BadInputError, match="never blessed by all gates"):
            back(models, old)

    def test_but_not_one_whose_gate_was_overruled(self, models: Path) -> None:
        old = push(models, "old", gates=[OVERRULED])
        push(models, "new")
        back(models, old)
        assert weights(served(models)) == "old"

    def test_one_of_somebody_else(self, models: Path) -> None:
        (models / MODEL / "7").mkdir(parents=True)
        (models / MODEL / "7/saved_model.pb").write_text("graph")
        push(models, "new")
        with pytest.raises(
            BadInputError, match="version 7: nothing shows that the gates blessed"
        ):
            back(models)

    def test_one_that_changes_while_it_is_copied(
        self, models: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        push(models, "old")
        new = push(models, "new")
        link = rollback_module._link

        def torn(source: str, target: str) -> None:
            link(source, target)
            if source.endswith("variables.index"):
                Path(target).unlink()
                Path(target).write_text("torn")

        monkeypatch.setattr(rollback_module, "_link", torn)
        with pytest.raises(BadInputError, match="changed while it was copied"):
            back(models)
        assert served(models).name == str(new)
        assert not [p for p in (models / MODEL).iterdir() if "incoming" in p.name]
