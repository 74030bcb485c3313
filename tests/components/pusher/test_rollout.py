"""Which version a pushed model becomes: served, canary, or none after a decision."""

from pathlib import Path

import pytest

from components.pusher.demand import read_demands
from serving import model_config
from serving.launch import code
from tests.components.pusher.conftest import Push, properties
from version_store import rollout, versions
from version_store.operations import allow, rollback, withdraw
from version_store.serving_config import serving


@pytest.mark.parametrize("stamp", ["", "trained again"])
def test_a_model_that_was_rolled_back_from_is_not_pushed_again(
    push: Push, base: Path, stamp: str
) -> None:
    """Otherwise the next nightly run would undo a user's decision."""
    push(weights="old")
    new = properties(push(weights="new"))["pushed_version"]
    rollback(str(base.parent), base.name, None, "reads 7 as 1", None)
    before = versions.list_versions(str(base))

    refused = push(weights="new", stamp=stamp)

    assert properties(refused)["pushed"] == 0
    [demand] = read_demands(refused)
    assert (demand.gate, demand.metric) == ("Pusher", "rolled_back_from")
    assert demand.refused
    assert demand.detail.startswith(f"version {new} was rolled back from at ")
    assert f"(reads 7 as 1): {code.typed('version_store')} allow" in demand.detail
    assert versions.list_versions(str(base)) == before
    assert not [path for path in base.iterdir() if "incoming" in path.name]


def test_it_is_once_a_person_allows_it(push: Push, base: Path) -> None:
    push(weights="old")
    new = properties(push(weights="new"))["pushed_version"]
    rollback(str(base.parent), base.name, None, "worse", None)
    allow(str(base.parent), base.name, new, "the camera was at fault")
    pushed = push(weights="new")
    assert properties(pushed)["already_served"] == 0
    assert read_demands(pushed) == []


def test_another_model_is_pushed_after_a_rollback(push: Push, base: Path) -> None:
    for weights in ("old", "new"):
        push(weights=weights)
    rollback(str(base.parent), base.name, None, "worse", None)
    assert properties(push(weights="newer"))["pushed"] == 1


class TestRunningServers:
    """Servers that read the file beside the models load a model with a new name."""

    def test_a_new_name_is_entered(self, push: Push, base: Path) -> None:
        model_config.ensure(str(base.parent), "another")
        push()
        assert base.name in self.names(base)

    def test_servers_with_other_paths_are_left_alone(
        self, push: Push, base: Path
    ) -> None:
        base.parent.mkdir(parents=True, exist_ok=True)
        (base.parent / model_config.FILE).write_text(
            'model_config_list { config { name: "another" base_path: "/there/another" '
            'model_platform: "tensorflow" } }'
        )
        push()
        assert self.names(base) == ["another"]

    def names(self, base: Path) -> list[str]:
        """Returns the names of the models in the file."""
        config = model_config.read(model_config.path_in(str(base.parent)))
        return [one.name for one in config.model_config_list.config]


class TestAsCanary:
    """`push.arrive_as = "canary"` puts the model on trial beside the served version."""

    @pytest.fixture(autouse=True)
    def no_pause(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Removes the wait, as no server runs that would read the file again."""
        monkeypatch.setattr(model_config, "POLL_SECONDS", 0)

    def test_without_a_server_it_is_loaded_and_waits_for_its_label(
        self, push: Push, base: Path
    ) -> None:
        push("first")
        push("second", arrive_as="canary")
        first, second = versions.list_versions(str(base))
        now = serving(str(base))
        assert (now.stable, now.canary) == (first, second)
        assert now.labels == {"stable": first, "canary": first}
        assert now.versions == {first, second}

    def test_the_stable_one_is_still_what_has_to_be_beaten(
        self, push: Push, base: Path
    ) -> None:
        push("first")
        push("second", arrive_as="canary")
        again = properties(push("first"))
        assert again["already_served"] == 1
        assert again["pushed_version"] == str(versions.list_versions(str(base))[0])

    def test_the_very_model_is_not_pushed_twice(self, push: Push, base: Path) -> None:
        push("first")
        first = properties(push("second", arrive_as="canary"))
        second = properties(push("second", arrive_as="canary"))
        assert first == {**second, "already_served": 0}
        assert first["arrived_as"] == "canary"

    def test_one_that_was_pushed_and_not_loaded_is_taken_up(
        self, push: Push, base: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        push("first")
        with monkeypatch.context() as killed:
            killed.setattr(rollout, "bring_up", lambda *_: None)
            push("second", arrive_as="canary")
        assert serving(str(base)).canary is None
        pushed = properties(push("second", arrive_as="canary"))
        assert len(versions.list_versions(str(base))) == 2
        assert serving(str(base)).canary == int(pushed["pushed_version"])

    def test_what_was_withdrawn_is_not_pushed_again(
        self, push: Push, base: Path
    ) -> None:
        push("first")
        push("second", arrive_as="canary")
        withdraw(str(base.parent), base.name, "worse", None)
        for stamp in ("", "trained again"):
            held = properties(push("second", arrive_as="canary", stamp=stamp))
            assert held["pushed"] == 0
            assert "was withdrawn at" in held["held_back"]

    def test_the_first_of_all_is_stable(self, push: Push, base: Path) -> None:
        pushed = properties(push(arrive_as="canary"))
        assert "arrived_as" not in pushed
        assert serving(str(base)).stable == int(pushed["pushed_version"])
