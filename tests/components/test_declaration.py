"""A component's declaration becomes TFX's specification."""

from typing import Any

import pytest
from tfx import types
from tfx.types import standard_artifacts

from components.declaration import Component
from components.executing import Artifacts, BaseExecutor
from contract.code import code_digest


class Counting(BaseExecutor):
    """Keeps its inputs, so that a test can inspect them."""

    def run(
        self, inputs: Artifacts, outputs: Artifacts, parameters: dict[str, Any]
    ) -> None:
        assert "model" not in inputs
        outputs["schema"].set_string_custom_property("of", inputs["examples"].uri)
        outputs["schema"].set_int_custom_property("most", parameters["most"])


class Declared(Component):
    """Declares one input, parameter and output of each kind."""

    EXECUTOR = Counting
    INPUTS = {
        "examples": standard_artifacts.Examples,
        "model": standard_artifacts.Model,
    }
    PARAMETERS = {"most": int, "share": float, "name": str}
    OUTPUTS = {"schema": standard_artifacts.Schema}
    DEFAULTS = {"model": None, "most": True, "share": 1, "name": None}


def examples() -> types.BaseChannel:
    return types.Channel(type=standard_artifacts.Examples)


def test_what_is_left_out_has_its_default_or_is_not_there() -> None:
    node = Declared(examples=examples())

    assert set(node.inputs) == {"examples"}
    assert node.exec_properties == {
        "most": 1,
        "share": 1.0,
        "code": code_digest(__name__),
    }
    assert node.outputs["schema"].type is standard_artifacts.Schema


@pytest.mark.parametrize(
    ("given", "error"),
    [
        pytest.param({}, ValueError, id="an input is missing"),
        pytest.param({"other": "x"}, TypeError, id="an unknown key"),
        pytest.param({"name": 7}, TypeError, id="a number for a text"),
        pytest.param({"most": 1.5}, TypeError, id="a share for a count"),
        pytest.param({"model": "examples"}, TypeError, id="another artifact"),
    ],
)
def test_what_does_not_fit_is_refused(
    given: dict[str, Any], error: type[Exception]
) -> None:
    if given:
        given = {"examples": examples(), **given}
    if "model" in given:
        given["model"] = examples()

    with pytest.raises(error):
        Declared(**given)


def test_an_executor_gets_one_artifact_a_key_and_none_that_was_left_out() -> None:
    source, schema = standard_artifacts.Examples(), standard_artifacts.Schema()
    source.uri = "here"

    Counting().Do(
        {"examples": [source], "model": []}, {"schema": [schema]}, {"most": 7}
    )

    assert schema.get_string_custom_property("of") == "here"
    assert schema.get_int_custom_property("most") == 7
