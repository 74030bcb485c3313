"""Which version is the champion, and what of it reaches the pipeline."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tfx.types import artifact_utils, standard_artifacts

from components.champion.executor import Executor
from pipeline.errors import BadInputError

Find = Callable[..., tuple[Any, Any]]


@pytest.fixture
def base(tmp_path: Path) -> Path:
    return tmp_path / "models" / "mnist"


@pytest.fixture
def serve(base: Path) -> Callable[..., None]:
    """Puts a version where the server looks."""

    def serve(name: str, splits: tuple[str, ...] = ("train", "test")) -> None:
        folder = base / name
        (folder / "variables").mkdir(parents=True)
        (folder / "saved_model.pb").write_text(f"graph {name}")
        (folder / "variables" / "variables.index").write_text("index")
        for split in splits:
            (folder / "statistics" / f"Split-{split}").mkdir(parents=True)
            path = folder / "statistics" / f"Split-{split}" / "FeatureStats.pb"
            path.write_text(f"{name} {split}")

    return serve


@pytest.fixture
def find(base: Path, artifact: Callable[..., Any]) -> Find:
    """Runs the executor; returns the model and the statistics."""

    def find(version: str = "latest") -> tuple[Any, Any]:
        model = artifact(standard_artifacts.Model)
        statistics = artifact(standard_artifacts.ExampleStatistics)
        Executor().Do(
            {},
            {"model": [model], "statistics": [statistics]},
            {"models": str(base), "version": version},
        )
        return model, statistics

    return find


def version_of(artifact: Any) -> str:
    version: str = artifact.get_string_custom_property("champion_version")
    return version


def splits_of(artifact: Any) -> list[str]:
    splits: list[str] = artifact_utils.decode_split_names(artifact.split_names)
    return splits


def files(artifact: Any) -> list[str]:
    root = Path(artifact.uri)
    return sorted(str(p.relative_to(root)) for p in root.rglob("*") if p.is_file())


@pytest.mark.parametrize("version", ["latest", "none"])
def test_without_a_version_there_is_no_champion(find: Find, version: str) -> None:
    for found in find(version):
        assert version_of(found) == ""
        # Not an empty folder: an object store would not keep it.
        assert files(found) == ["NO_CHAMPION"]


def test_without_a_champion_the_statistics_have_no_splits(find: Find) -> None:
    assert splits_of(find()[1]) == []


def test_none_means_none_though_one_is_served(
    find: Find, serve: Callable[..., None]
) -> None:
    serve("1700000000")
    model, statistics = find("none")
    assert (version_of(model), version_of(statistics)) == ("", "")
    assert files(model) == ["NO_CHAMPION"]


def test_the_highest_version_is_the_champion(
    find: Find, serve: Callable[..., None]
) -> None:
    for name in ("999999999", "1700000000", "1600000000"):
        serve(name)
    model, statistics = find()
    assert (version_of(model), version_of(statistics)) == ("1700000000",) * 2
    graph = Path(model.uri, "Format-Serving", "saved_model.pb").read_text()
    assert graph == "graph 1700000000"


def test_after_a_rollback_the_champion_is_what_is_served(
    find: Find, serve: Callable[..., None]
) -> None:
    serve("1600000000")
    serve("1700000000")
    model, _ = find("1600000000")
    assert version_of(model) == "1600000000"
    graph = Path(model.uri, "Format-Serving", "saved_model.pb").read_text()
    assert graph == "graph 1600000000"


def test_the_whole_model_is_where_the_evaluator_looks(
    find: Find, serve: Callable[..., None]
) -> None:
    serve("1700000000")
    model, _ = find()
    assert {
        "Format-Serving/saved_model.pb",
        "Format-Serving/variables/variables.index",
    } <= set(files(model))


def test_its_statistics_are_split_as_they_were(
    find: Find, serve: Callable[..., None]
) -> None:
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
    find: Find, serve: Callable[..., None]
) -> None:
    serve("00000123", splits=())
    model, statistics = find()
    assert (version_of(model), version_of(statistics)) == ("123", "123")
    assert "Format-Serving/saved_model.pb" in files(model)
    assert splits_of(statistics) == []


@pytest.mark.parametrize("asked", ["1700000001", "stable", "-1", ""])
def test_a_version_that_is_not_there_is_refused(
    find: Find, serve: Callable[..., None], base: Path, asked: str
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


def test_a_folder_that_pusher_could_not_write_to_is_found_before_training(
    artifact: Callable[..., Any],
) -> None:
    outputs = {
        "model": [artifact(standard_artifacts.Model)],
        "statistics": [artifact(standard_artifacts.ExampleStatistics)],
    }
    with pytest.raises(BadInputError) as caught:
        # Nobody makes files there, whoever runs this.
        Executor().Do({}, outputs, {"models": "/proc/mnist", "version": "latest"})
    assert str(caught.value).startswith("/proc: expected a folder of models that user ")


def test_a_folder_that_is_not_there_yet_can_be_made(find: Find, base: Path) -> None:
    assert not base.exists()
    model, _ = find()
    assert model.get_string_custom_property("champion_version") == ""
    assert not base.exists()
