"""The parameters that may differ between runs of a compiled pipeline."""

import pytest

from contract.errors import BadInputError
from pipeline.config import Config, load_config
from runner.kubeflow.parameters import (
    PARAMETERS,
    Parameter,
    another_value,
    with_values,
)


@pytest.mark.parametrize("parameter", PARAMETERS, ids=lambda p: p.name)
def test_each_is_a_setting_of_that_type(parameter: Parameter) -> None:
    kinds = {int: "NUMBER_INTEGER", float: "NUMBER_DOUBLE", bool: "BOOLEAN"}
    assert parameter.type == kinds[type(parameter.value(Config()))]


@pytest.mark.parametrize("parameter", PARAMETERS, ids=lambda p: p.name)
@pytest.mark.parametrize("setting", [None, "gates.max_champion_loss=0"])
def test_another_value_is_legal_and_another(
    parameter: Parameter, setting: str | None
) -> None:
    config = load_config(settings=[setting] if setting else [])
    value = another_value(parameter, config)
    changed = with_values(config, {parameter.name: value})
    assert parameter.value(changed) == value != parameter.value(config)


def test_what_was_compiled_stays_where_a_run_asks_for_nothing() -> None:
    config = load_config(
        settings=["training.hidden_units=[8]", "beam.workers=2", "gates.min_accuracy=1"]
    )
    assert with_values(config, {}) == config
    changed = with_values(config, {"epochs": 3, "min_accuracy": 0.5})
    assert changed.training.epochs == 3
    assert changed.gates.min_accuracy == 0.5
    assert changed.training.hidden_units == (8,)
    assert changed.beam.workers == 2


def test_whole_numbers_come_as_floats_out_of_kfps_json() -> None:
    changed = with_values(Config(), {"epochs": 3.0, "seed": 0.0})
    assert (changed.training.epochs, changed.training.seed) == (3, 0)
    assert isinstance(changed.training.epochs, int)


@pytest.mark.parametrize(
    ("values", "problem"),
    [
        ({"epochs": 2.5}, "training.epochs"),
        ({"epochs": 0}, "training.epochs"),
        ({"min_accuracy": 1.5}, "gates.min_accuracy"),
        ({"learning_rate": 0.0}, "training.learning_rate"),
    ],
)
def test_impossible_values(values: dict[str, float], problem: str) -> None:
    with pytest.raises(BadInputError, match=f"setting {problem}: "):
        with_values(Config(), values)
