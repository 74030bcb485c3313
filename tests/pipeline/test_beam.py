"""The beam section becomes Beam's options, or is refused."""

from typing import Any

import pytest
from apache_beam.options.pipeline_options import (
    FlinkRunnerOptions,
    PipelineOptions,
    PortableOptions,
    StandardOptions,
)
from apache_beam.runners.runner import create_runner

from contract.errors import BadInputError
from pipeline.beam import Beam
from pipeline.config import load_config
from pipeline.engines.runners import EngineOptions, FlinkRunner, SparkRunner


def options(*settings: str, folder: str = "/shared") -> PipelineOptions:
    beam = load_config(settings=[f"beam.{setting}" for setting in settings]).beam
    return PipelineOptions(beam.pipeline_args(folder))


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("FlinkRunner", FlinkRunner),
        ("flink", FlinkRunner),
        ("SparkRunner", SparkRunner),
    ],
)
def test_an_engine_is_known_by_beams_name_in_any_case(name: str, kind: type) -> None:
    runner = options(f"runner={name}").view_as(StandardOptions).runner
    assert type(create_runner(runner)) is kind


def test_by_default_the_job_server_is_here_and_this_process_works() -> None:
    portable = options("runner=FlinkRunner").view_as(PortableOptions)
    assert portable.job_endpoint == "localhost:8099"
    assert portable.environment_type == "LOOPBACK"


def test_a_pools_workers_are_kept_between_the_steps_of_a_job() -> None:
    found = options("runner=FlinkRunner", 'workers="pool:50000"', "parallelism=2")
    portable = found.view_as(PortableOptions)
    assert portable.environment_type == "EXTERNAL"
    assert portable.environment_config == "pool:50000"
    assert portable.environment_cache_millis == "60000"
    assert found.view_as(FlinkRunnerOptions).parallelism == 2


def test_the_engine_is_told_the_folder_and_its_own_options() -> None:
    beam = Beam(runner="FlinkRunner", engine_options={"max_parallelism": 8})
    found = PipelineOptions(beam.pipeline_args("/shared"))
    assert found.view_as(EngineOptions).shared_folder == "/shared"
    assert found.view_as(EngineOptions).start_seconds == 150
    assert found.view_as(FlinkRunnerOptions).max_parallelism == 8


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (
            ("runner=FlinkRunner", "workers=2"),
            "setting beam.workers: should be loopback or the host:port of a worker "
            "pool, found 2",
        ),
        (
            ("workers=loopback",),
            "setting beam.workers: should be a number, 0 for one a core, found "
            "'loopback'",
        ),
        (
            ("runner=SparkRunner", "parallelism=2"),
            "setting beam.parallelism: should be left out: Spark's stands in its job "
            "server's master URL, found 2",
        ),
        (
            ("runner=FlinkRunner", "parallelism=0"),
            "setting beam.parallelism: should be greater than or equal to 1, found 0",
        ),
    ],
)
def test_what_does_not_fit_the_runner_is_refused(
    settings: tuple[str, ...], message: str
) -> None:
    with pytest.raises(BadInputError) as refused:
        options(*settings)
    assert str(refused.value) == message


@pytest.mark.parametrize("endpoint", ["localhost", "http://localhost:8099", ":8099"])
def test_an_endpoint_is_host_and_port(endpoint: Any) -> None:
    with pytest.raises(BadInputError, match=r"^setting beam.endpoint: "):
        options("runner=FlinkRunner", f'endpoint="{endpoint}"')
