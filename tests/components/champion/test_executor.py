"""The served version becomes the champion, or the reason why not is reported."""

import shutil
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import tensorflow as tf
from tfx.types import artifact_utils, standard_artifacts

from components.champion.executor import Executor
from components.image_example_gen import digits
from contract.errors import BadInputError
from contract.task import Task, plain_names
from tests.components import softmax
from tests.components.softmax import save_softmax
from tests.tasks import write_task
from version_store import rollout
from version_store.serving_config import STABLE

Find = Callable[..., tuple[Any, Any]]
Serve = Callable[..., Path]

LETTERS = Task("letters", 28, 20, 1, tuple("abcdefghijklmnopqrstuvwxyz"), "letter")
NAMED = digits.TASK.named(classes=tuple("abcdefghij"))


@pytest.fixture
def base(tmp_path: Path) -> Path:
    return tmp_path / "models" / "mnist"


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A SavedModel that answers digits."""
    return save_softmax(str(tmp_path_factory.mktemp("softmax") / "model"))


@pytest.fixture
def serve(base: Path, model: str) -> Callable[..., Path]:
    """Puts a version where the server looks; returns its folder."""

    def serve(
        name: str,
        splits: tuple[str, ...] = ("train", "test"),
        task: Task | None = digits.TASK,
        source: str = model,
    ) -> Path:
        folder = base / name
        shutil.copytree(source, folder)
        (folder / "assets.extra").mkdir(exist_ok=True)
        (folder / "assets.extra" / "name").write_text(name)
        for split in splits:
            (folder / "statistics" / f"Split-{split}").mkdir(parents=True)
            path = folder / "statistics" / f"Split-{split}" / "FeatureStats.pb"
            path.write_text(f"{name} {split}")
        if task is not None:
            write_task(str(folder), task)
        return folder

    return serve


@pytest.fixture
def find(base: Path, artifact: Callable[..., Any]) -> Find:
    """Runs the executor; returns the model and the statistics."""

    def find(
        version: str = "latest",
        task: Task = digits.TASK,
        replace_task: bool = False,
    ) -> tuple[Any, Any]:
        examples = artifact(standard_artifacts.Examples)
        write_task(examples.uri, task)
        model = artifact(standard_artifacts.Model)
        statistics = artifact(standard_artifacts.ExampleStatistics)
        Executor().Do(
            {"examples": [examples]},
            {"model": [model], "statistics": [statistics]},
            {
                "models": str(base),
                "version": version,
                "replace_task": int(replace_task),
            },
        )
        return model, statistics

    return find


def left_out(artifact: Any) -> str:
    """Returns why the served version is no champion; the outputs are then empty."""
    assert version_of(artifact) == ""
    why: str = artifact.get_string_custom_property("left_out")
    assert Path(artifact.uri, "NO_CHAMPION").read_text() == why
    return why


def version_of(artifact: Any) -> str:
    version: str = artifact.get_string_custom_property("champion_version")
    return version


def name_of(model: Any) -> str:
    """Returns the name of the version whose files it has."""
    return Path(model.uri, "Format-Serving/assets.extra/name").read_text()


def splits_of(artifact: Any) -> list[str]:
    splits: list[str] = artifact_utils.decode_split_names(artifact.split_names)
    return splits


def files(artifact: Any) -> list[str]:
    root = Path(artifact.uri)
    return sorted(str(p.relative_to(root)) for p in root.rglob("*") if p.is_file())


@pytest.mark.parametrize("version", ["latest", "none"])
def test_without_a_version_there_is_no_champion(find: Find, version: str) -> None:
    for found in find(version):
        assert left_out(found) == ""
        # Not an empty folder: an object store would not keep it.
        assert files(found) == ["NO_CHAMPION"]


def test_without_a_champion_the_statistics_have_no_splits(find: Find) -> None:
    assert splits_of(find()[1]) == []


def test_none_means_none_though_one_is_served(find: Find, serve: Serve) -> None:
    serve("1700000000")
    model, statistics = find("none")
    assert (version_of(model), version_of(statistics)) == ("", "")
    assert files(model) == ["NO_CHAMPION"]


def test_the_highest_version_is_the_champion(find: Find, serve: Serve) -> None:
    for name in ("999999999", "1700000000", "1600000000"):
        serve(name)
    model, statistics = find()
    assert (version_of(model), version_of(statistics)) == ("1700000000",) * 2
    assert name_of(model) == "1700000000"


def test_after_a_rollback_the_champion_is_what_is_served(
    find: Find, serve: Serve
) -> None:
    serve("1600000000")
    serve("1700000000")
    model, _ = find("1600000000")
    assert version_of(model) == "1600000000"
    assert name_of(model) == "1600000000"


def test_the_whole_model_is_where_the_evaluator_looks(find: Find, serve: Serve) -> None:
    serve("1700000000")
    model, _ = find()
    assert {
        "Format-Serving/saved_model.pb",
        "Format-Serving/variables/variables.index",
    } <= set(files(model))


def test_its_statistics_are_split_as_they_were(find: Find, serve: Serve) -> None:
    serve("1700000000")
    _, statistics = find()
    assert splits_of(statistics) == ["test", "train"]
    assert files(statistics) == [
        "Split-test/FeatureStats.pb",
        "Split-train/FeatureStats.pb",
    ]
    path = Path(artifact_utils.get_split_uri([statistics], "test"), "FeatureStats.pb")
    assert path.read_text() == "1700000000 test"


def test_a_version_of_somebody_else_is_a_champion_without_statistics(
    find: Find, serve: Serve
) -> None:
    serve("00000123", splits=())
    model, statistics = find()
    assert (version_of(model), version_of(statistics)) == ("123", "123")
    assert "Format-Serving/saved_model.pb" in files(model)
    assert splits_of(statistics) == []


@pytest.mark.parametrize("asked", ["1700000001", "stable", "-1", ""])
def test_a_version_that_is_not_there_is_refused(
    find: Find, serve: Serve, base: Path, asked: str
) -> None:
    serve("1600000000")
    serve("1700000000")
    with pytest.raises(BadInputError) as caught:
        find(asked)
    assert str(caught.value) == (
        f"champion version {asked}: expected a version under {base}, found "
        "1600000000, 1700000000"
    )


def test_a_version_where_there_are_none_is_refused(find: Find, base: Path) -> None:
    with pytest.raises(BadInputError, match=f"under {base}, found none$"):
        find("7")


class TestLeftOut:
    """A served version that cannot be compared is reported and stops nothing."""

    def test_a_model_that_takes_no_examples(
        self, find: Find, serve: Serve, tmp_path: Path
    ) -> None:
        source = save_softmax(str(tmp_path / "other"), tf_examples=None)
        serve("7", source=source)
        for found in find():
            assert left_out(found).startswith(
                "no comparison with version 7: it has no signature tf_examples with "
                "probabilities, which the Evaluator asks (found: "
            )

    def test_a_model_that_is_none(self, find: Find, base: Path) -> None:
        (base / "7").mkdir(parents=True)
        (base / "7" / "saved_model.pb").write_text("graph")
        why = left_out(find()[0])
        assert why.startswith("no comparison with version 7: its SavedModel cannot")

    def test_a_model_that_lost_its_weights(
        self, find: Find, serve: Serve, tmp_path: Path
    ) -> None:
        (serve("7") / "variables/variables.index").unlink()
        assert left_out(find()[0]).startswith(
            "no comparison with version 7: its model cannot be run: "
        )

    def test_a_model_that_answers_in_another_shape(
        self, find: Find, serve: Serve, tmp_path: Path
    ) -> None:
        def nine(examples: Any) -> Any:
            answers = softmax.from_examples(examples)
            return {**answers, "probabilities": answers["probabilities"][:, :9]}

        wrong = (softmax.EXAMPLES, nine)
        serve("7", source=save_softmax(str(tmp_path / "other"), tf_examples=wrong))
        assert left_out(find()[0]) == (
            "no comparison with version 7: it answers in the shape (1, 9), and not "
            "(1, 10)"
        )

    def test_a_model_whose_task_cannot_be_read(self, find: Find, serve: Serve) -> None:
        (serve("7") / "task.json").write_text("{")
        assert "task: expected JSON, found: " in left_out(find()[0])

    def test_what_this_machine_is_too_small_for_is_no_verdict_to_be_kept(
        self, find: Find, serve: Serve, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        serve("7")

        def exhausted(folder: str) -> None:
            raise tf.errors.ResourceExhaustedError(None, None, "out of memory")

        monkeypatch.setattr(tf.saved_model, "load", exhausted)
        with pytest.raises(tf.errors.ResourceExhaustedError):
            find()


class TestAnotherTask:
    """A model name that is served for another task is refused."""

    def test_is_refused_and_says_what_to_do(self, find: Find, serve: Serve) -> None:
        serve("7")
        with pytest.raises(BadInputError) as caught:
            find(task=LETTERS)
        assert str(caught.value) == (
            "mnist: version 7 is served under that name and has another task: images "
            "of 28x28 grey, and not of 20x28 grey: give this model another name with "
            "--model, or replace that one with --replace-task"
        )

    def test_is_refused_whatever_version_the_champion_is(
        self, find: Find, serve: Serve
    ) -> None:
        serve("6", task=LETTERS)
        serve("7")
        for version in ("6", "none"):
            with pytest.raises(BadInputError, match="version 7 is served"):
                find(version, task=LETTERS)

    def test_is_replaced_if_that_is_what_is_wanted_and_not_compared_with(
        self, find: Find, serve: Serve
    ) -> None:
        serve("7")
        assert left_out(find(task=LETTERS, replace_task=True)[0]) == (
            "no comparison with version 7: it has another task: images of 28x28 "
            "grey, and not of 20x28 grey"
        )

    def test_the_order_of_the_classes_is_a_part_of_it(
        self, find: Find, serve: Serve
    ) -> None:
        serve("7", task=NAMED)
        turned = replace(NAMED, classes=NAMED.classes[::-1])
        with pytest.raises(BadInputError, match="class 0 called 'a', and not 'j'"):
            find(task=turned)

    def test_another_name_or_noun_is_no_other_task(
        self, find: Find, serve: Serve
    ) -> None:
        serve("7", task=NAMED)
        model, _ = find(task=NAMED.named(name="mine", noun="letter", background=None))
        assert version_of(model) == "7"

    def test_a_version_that_names_no_classes_has_them_all(
        self, find: Find, serve: Serve
    ) -> None:
        """Version 0.1 wrote no task, but size and number of classes can be compared."""
        serve("7", task=None)
        assert version_of(find(task=NAMED)[0]) == "7"
        with pytest.raises(BadInputError, match="10 classes, and not 11"):
            find(task=NAMED.named(classes=plain_names(11)))


def test_a_folder_that_nobody_may_write_to_is_found_out_before_training(
    tmp_path: Path, find: Find, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(**_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(tempfile, "TemporaryFile", refused)
    with pytest.raises(BadInputError, match="expected a folder of models that user "):
        find()


def test_a_folder_that_is_not_there_yet_can_be_made(find: Find, base: Path) -> None:
    assert not base.exists()
    model, _ = find()
    assert version_of(model) == ""
    assert not base.exists()


def test_a_canary_is_no_champion(find: Find, serve: Serve, base: Path) -> None:
    serve("1600000000")
    rollout.put(str(base), STABLE, 1600000000)
    serve("1700000000")
    rollout.load(str(base), 1700000000)
    model, _ = find()
    assert version_of(model) == "1600000000"
