"""The settings of a compiled pipeline, as a text inside it."""

from contract.provenance import Provenance
from pipeline.config import load_config
from runner.kubeflow.origin import Origin, from_json, of


def test_it_comes_back_as_it_was() -> None:
    config = load_config(settings=["training.hidden_units=[64]", "beam.workers=2"])
    provenance = Provenance("abc", True, "current", "def")
    origin = of(config, "clothes", "/data/clothes", "ab" * 32, provenance)
    assert from_json(origin.to_json()) == origin
    assert from_json(origin.to_json()).config == config


def test_what_is_empty_or_the_default_is_left_out() -> None:
    origin = of(load_config(), "mnist", "mnist", "", Provenance())
    assert origin.to_json() == '{"data":"mnist","name":"mnist"}'
    assert from_json(origin.to_json()) == Origin({}, "mnist", "mnist", "")


def test_a_checkout_with_changes_is_not_one_that_nobody_knows_of() -> None:
    origin = Origin({}, "mnist", "mnist", "", "", Provenance("abc", False))
    assert from_json(origin.to_json()).provenance.clean is False
