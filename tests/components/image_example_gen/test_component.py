"""ImageExampleGen in the wiring: its parameters, its output, its cache key."""

import json
from typing import Any

import pytest
from tfx.dsl.components.base.base_driver import BaseDriver
from tfx.types import standard_artifacts

from components.image_example_gen.component import ImageExampleGen
from components.image_example_gen.hints import Hints


def parameters(**values: Any) -> dict[str, Any]:
    """Returns the values that go into the node's cache key."""
    found: dict[str, Any] = ImageExampleGen(source="data", **values).exec_properties
    return found


def test_the_output_is_examples() -> None:
    outputs = ImageExampleGen(source="data").outputs
    assert {key: channel.type for key, channel in outputs.items()} == {
        "examples": standard_artifacts.Examples
    }


def test_the_node_id_is_legal_on_kubeflow() -> None:
    assert ImageExampleGen(source="data").id == "ImageExampleGen"


def test_the_parameters_reach_the_executor() -> None:
    given = {
        "fingerprint": "f00d",
        "eval_fraction": 0.1,
        "test_fraction": 0.3,
        "split": "stratified",
        "split_seed": 7,
        "shard_rows": 5,
    }
    found = parameters(**given)
    assert len(found.pop("code")) == 16
    assert Hints.from_dict(json.loads(found.pop("hints"))) == Hints()
    assert found == {"source": "data", **given}


def test_by_default_a_fifth_is_held_out() -> None:
    assert parameters()["eval_fraction"] == 0.2


@pytest.mark.parametrize(
    "change",
    [
        {"fingerprint": "f00d"},
        {"hints": Hints(transpose=True)},
        {"eval_fraction": 0.3},
        {"test_fraction": 0.3},
        {"split": "last"},
        {"split_seed": 2},
        {"shard_rows": 7},
    ],
)
def test_whatever_changes_the_output_changes_the_cache_key(
    change: dict[str, Any],
) -> None:
    assert parameters(**change) != parameters()


def test_the_cache_key_of_the_same_content_is_the_same() -> None:
    assert parameters(fingerprint="f00d") == parameters(fingerprint="f00d")


def test_it_has_no_driver_of_its_own() -> None:
    assert ImageExampleGen.DRIVER_CLASS is BaseDriver
