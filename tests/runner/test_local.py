"""Checks before the first node runs."""

import pytest

from contract.errors import BadInputError
from pipeline.beam import Beam
from runner.local import _check_beam_runner


@pytest.mark.parametrize(
    "name",
    ["DirectRunner", "flinkrunner", "Spark", Beam().runner, "some.package.Runner"],
)
def test_beams_runners_and_classes_by_name_are_left_to_beam(name: str) -> None:
    _check_beam_runner(name)


def test_a_name_that_beam_does_not_know_is_refused_with_those_it_does() -> None:
    with pytest.raises(BadInputError) as error:
        _check_beam_runner("FlinkRuner")
    line = str(error.value)
    assert line.startswith("beam.runner: expected one of ")
    assert "FlinkRunner" in line
    assert line.endswith("; found FlinkRuner")
