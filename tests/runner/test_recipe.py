"""Runs with the same recipe are the same; each run has a version to beat."""

import json
from pathlib import Path

import pytest

from components.image_example_gen.understanding import Hints
from contract import code
from pipeline.config import Config, load_config
from runner import recipe as module
from runner.recipe import champion, recipe

SAME = (Config(), "f" * 64, Hints("scans"))


def test_the_same_ingredients_are_the_same_recipe() -> None:
    again = recipe(load_config(settings=["training.epochs=25"]), *SAME[1:])
    assert recipe(*SAME) == again


@pytest.mark.parametrize(
    "setting",
    [
        "data.eval_fraction=0.3",
        "training.epochs=2",
        "training.seed=2",
        "training.hidden_units=[64]",
    ],
)
def test_another_setting_of_the_model_is_another_recipe(setting: str) -> None:
    assert recipe(load_config(settings=[setting]), *SAME[1:]) != recipe(*SAME)


@pytest.mark.parametrize(
    "setting",
    [
        "data.path=elsewhere",
        "data.shard_rows=100",
        "training.cache_mb=1",
        "beam.workers=2",
        "gates.min_accuracy=0.5",
        "gates.allow_anomalies=true",
    ],
)
def test_what_comes_to_the_same_model_is_the_same_recipe(setting: str) -> None:
    assert recipe(load_config(settings=[setting]), *SAME[1:]) == recipe(*SAME)


def test_other_data_or_other_names_are_another_recipe() -> None:
    other = {
        recipe(*SAME),
        recipe(SAME[0], "e" * 64, SAME[2]),
        recipe(*SAME[:2], Hints("scans", ("zero", "one"))),
    }
    assert len(other) == 3


@pytest.mark.parametrize(
    "edited",
    [
        "components.image_example_gen.executor",
        "pipeline.preprocessing",
        "pipeline.training.trainer",
    ],
)
def test_edited_code_is_another_recipe(
    monkeypatch: pytest.MonkeyPatch, edited: str
) -> None:
    before = recipe(*SAME)
    digest = module.code_digest
    monkeypatch.setattr(
        module,
        "code_digest",
        lambda name: "edited" if name == edited else digest(name),
    )
    assert recipe(*SAME) != before


@pytest.fixture
def models(tmp_path: Path) -> Path:
    """The folder of a model's versions, still empty."""
    return tmp_path / "models"


def push(models: Path, version: int, recipe: str | None, beaten: str = "") -> None:
    """Writes a version there; without a recipe it is not from this pipeline."""
    folder = models / str(version)
    folder.mkdir(parents=True)
    (folder / "saved_model.pb").touch()
    if recipe is not None:
        manifest = {"version": version, "recipe": recipe, "champion": beaten}
        (folder / "manifest.json").write_text(json.dumps(manifest))


def test_the_first_model_has_nobody_to_beat(models: Path) -> None:
    assert champion(str(models), lambda base: "mine")[0] == "none"


def test_a_new_model_has_to_beat_the_one_that_is_served(models: Path) -> None:
    push(models, 5, "older")
    push(models, 10, "another", beaten="5")
    assert champion(str(models), lambda base: "mine")[0] == "10"


def test_also_one_that_somebody_else_put_there(models: Path) -> None:
    push(models, 10, None)
    assert champion(str(models), lambda base: "mine")[0] == "10"


def test_also_one_whose_manifest_is_torn(models: Path) -> None:
    push(models, 10, "mine")
    (models / "10" / "manifest.json").write_text('{"recipe": "mi')
    assert champion(str(models), lambda base: "mine")[0] == "10"


def test_the_same_recipe_again_had_nobody_to_beat(models: Path) -> None:
    push(models, 10, "mine")
    assert champion(str(models), lambda base: "mine")[0] == "none"


def test_the_same_recipe_again_had_to_beat_what_it_replaced(models: Path) -> None:
    push(models, 5, "older")
    push(models, 10, "mine", beaten="5")
    assert champion(str(models), lambda base: "mine")[0] == "5"


def test_what_it_replaced_may_have_been_removed_since(models: Path) -> None:
    push(models, 10, "mine", beaten="5")
    assert champion(str(models), lambda base: "mine")[0] == "10"


def test_an_earlier_recipe_has_to_beat_what_is_served_now(models: Path) -> None:
    """A run with old settings after a change has to beat the newest version."""
    push(models, 5, "mine")
    push(models, 10, "another", beaten="5")
    assert champion(str(models), lambda base: "mine")[0] == "10"


def test_the_code_of_a_page_or_of_the_wiring_is_no_part_of_it() -> None:
    modules = set(code._closure(module._MODULES, None))
    assert not [name for name in modules if name.startswith("components.report.f")]
    assert "pipeline.pipeline" not in modules


def test_a_warm_start_is_another_recipe_from_each_model() -> None:
    warm = load_config(settings=["training.warm_start=true"])
    recipes = {recipe(warm, *SAME[1:], base) for base in ("none", "a" * 64, "b" * 64)}
    assert len(recipes) == 3


def test_without_a_warm_start_the_champion_is_no_part_of_the_recipe() -> None:
    assert recipe(*SAME, "a" * 64) == recipe(*SAME)


def test_a_warm_start_again_starts_from_what_the_served_version_started_from(
    models: Path,
) -> None:
    push(models, 5, "older")
    push(models, 10, "from 5", beaten="5")
    assert champion(str(models), lambda base: f"from {base}") == ("5", "from 5")
