"""Only a model that both gates blessed, and that is not served yet, is pushed."""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tfx.types import standard_artifacts

from components.image_example_gen import digits
from components.pusher import executor
from components.pusher.demand import read_demands
from components.pusher.executor import Executor
from contract.demands import AT_LEAST, Demand
from contract.task import read_task
from serving import model_config
from tests.serving.server.running import free_port
from tests.tasks import write_task
from version_store import rollout, versions
from version_store.manifest import Facts, Manifest, is_sealed, read_manifest
from version_store.model_card import render
from version_store.operations import allow, rollback, withdraw
from version_store.serving_config import serving

Push = Callable[..., Any]

DEMAND = Demand("Evaluator", "accuracy", "", 0.98, 0.97, AT_LEAST, passed=True)
INPUTS = {
    "schema": standard_artifacts.Schema,
    "verdict": standard_artifacts.ExampleAnomalies,
    "transform_graph": standard_artifacts.TransformGraph,
    "model_run": standard_artifacts.ModelRun,
    "evaluation": standard_artifacts.ModelEvaluation,
}


@pytest.fixture
def base(tmp_path: Path) -> Path:
    return tmp_path / "models" / "mnist"


@pytest.fixture
def push(
    base: Path,
    artifact: Callable[..., Any],
    make_model: Callable[..., Path],
    statistics: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Push:
    """Returns a function that runs the executor and returns its output artifact.

    `test_facts.py` tests the facts read from the other artifacts.
    """
    asked: list[Any] = []

    def read_facts(folders: Any) -> Facts:
        asked.append(folders)
        return Facts(gates=[DEMAND], training={"epochs": 3})

    monkeypatch.setattr(executor, "read_facts", read_facts)

    def push(
        weights: str = "weights",
        evaluator: int = 1,
        server: int = 1,
        arrive_as: str = "stable",
        asked_at: str = "",
        stamp: str = "",
        **extra: str,
    ) -> Any:
        model = artifact(standard_artifacts.Model)
        made = make_model(name=f"{model.uri}/Format-Serving", weights=weights)
        if stamp:
            (made / "fingerprint.pb").write_text(stamp)
        described = artifact(standard_artifacts.ExampleStatistics)
        described.uri = str(statistics)
        pushed = artifact(standard_artifacts.PushedModel)
        others = {key: artifact(kind) for key, kind in INPUTS.items()}
        blessing = artifact(standard_artifacts.InfraBlessing, blessed=server)
        examples = artifact(
            standard_artifacts.Examples,
            fingerprint="f1f2",
            counts='{"train": 3, "test": 1}',
        )
        write_task(examples.uri, digits.TASK)
        Executor().Do(
            {
                "model": [model],
                "model_blessing": [
                    artifact(standard_artifacts.ModelBlessing, blessed=evaluator)
                ],
                "infra_blessing": [blessing],
                "examples": [examples],
                "statistics": [described],
                "champion": [
                    artifact(
                        standard_artifacts.Model,
                        champion_version=extra.get("champion", ""),
                    )
                ],
                **{key: [other] for key, other in others.items()},
            },
            {"pushed_model": [pushed]},
            {
                "models": str(base),
                "run": extra.get("run", "a-run"),
                "recipe": extra.get("recipe", "a-recipe"),
                "facts": '{"commit": "c0ffee", "tree_clean": false}',
                "arrive_as": arrive_as,
                "server": asked_at or f"127.0.0.1:{free_port()}",
            },
        )
        for folders in asked:
            for key, other in others.items():
                assert getattr(folders, key) == other.uri
            assert folders.statistics == str(statistics)
            assert folders.infra_blessing == blessing.uri
        asked.clear()
        return pushed

    return push


def properties(pushed: Any) -> dict[str, Any]:
    return {
        name: value.int_value if value.HasField("int_value") else value.string_value
        for name, value in pushed.mlmd_artifact.custom_properties.items()
    }


def manifest_of(base: Path, version: int) -> Manifest:
    manifest = read_manifest(str(base / str(version)))
    assert manifest is not None
    return manifest


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
    assert "(reads 7 as 1): .venv/bin/python -m version_store allow" in demand.detail
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


def test_once_its_folder_was_removed_a_model_is_pushed_again(
    push: Push, base: Path
) -> None:
    first = Path(properties(push())["pushed_destination"])
    first.rename(base.parent / "taken-away")
    assert properties(push())["already_served"] == 0


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
