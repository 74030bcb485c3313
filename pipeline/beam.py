"""Settings of the section `beam`, and the Beam options that they give."""

import re
from typing import Literal

from pydantic import Field, ValidationInfo, field_validator

from pipeline.section import Section

_FN_API_RUNNER = "apache_beam.runners.portability.fn_api_runner.FnApiRunner"
"""The runner that DirectRunner chooses for a batch pipeline. To choose it, DirectRunner
imports Google's Pub/Sub, walks the pipeline twice to see which of three runners can run
it, and may download one of them, Prism (apache_beam/runners/direct/direct_runner.py).
To name it directly saves up to 1.5 s of processor time for each component that uses
Beam, and gives the same runner on every machine."""


ENGINES = {
    "FlinkRunner": "pipeline.engines.runners.FlinkRunner",
    "SparkRunner": "pipeline.engines.runners.SparkRunner",
}
"""Runners that use a job server, by Beam's names, with our classes for them."""

LOOPBACK = "loopback"


_NO_STAGING = ("--sdk_container_image=this-environment",)
"""Tells TFX that workers have all packages. Otherwise TFX packs itself into a source
distribution for each Beam node, which takes 3 s and leaves 20 MB in the temporary
folder each time (tfx/utils/dependency_utils.py)."""

_ADDRESS = r"^[^\s:/]+:[0-9]{1,5}$"


class Beam(Section):
    """Where Beam runs StatisticsGen, Transform and Evaluator.

    For this size on one machine, one worker in this process is best: StatisticsGen and
    Evaluator then work without Beam. Measured for StatisticsGen with Beam on MNIST, on
    two cores beside other work, in seconds of wall time and of processor time:
    in_memory 15.4 and 13.5; multi_threading with two workers 14.6 and 13.2, as they
    share Python's lock; multi_processing with two workers 33.7 and about 20, as each
    worker imports TensorFlow again.

    Attributes:
        runner: DirectRunner, FlinkRunner, SparkRunner, or another runner of Beam.
        workers: For the direct runner: number of workers; 0 means one per core. For
            Flink and Spark: where Python code runs, `loopback` (or 1) for this process,
            or the address of a worker pool as the engine sees it.
        running_mode: Running mode of the direct runner.
        endpoint: For Flink and Spark: address of the Beam job server.
        parallelism: For Flink: number of parts of a step that run at once. For Spark,
            the master URL of its job server has it.
        flink_rest: REST address of a Flink outside of the job server. If a job is
            cancelled in Beam's job server, such a Flink continues it until it is
            cancelled in Flink, too.
        start_seconds: For Flink and Spark: most seconds that a worker may take to
            answer the first, small job. The job server sends its class path to a
            separate Flink, and a worker imports this package: a minute on two busy
            cores.
        engine_options: Further options of the engine, by name.
        args: Further Beam options, `--key=value` each.
    """

    runner: str = "DirectRunner"
    workers: int | str = 1
    running_mode: Literal["in_memory", "multi_threading", "multi_processing"] = (
        "in_memory"
    )
    endpoint: str = Field("localhost:8099", pattern=_ADDRESS)
    parallelism: int = Field(1, ge=1)
    flink_rest: str | None = Field(None, pattern=_ADDRESS)
    start_seconds: int = Field(150, ge=1)
    engine_options: dict[str, str | int | float | bool] = Field({})
    args: tuple[str, ...] = Field((), strict=False)

    @property
    def on_engine(self) -> bool:
        """Whether jobs run through a job server."""
        return self.runner in ENGINES

    @field_validator("runner")
    @classmethod
    def _named_as_beam_does(cls, runner: str) -> str:
        # Beam accepts names in any case, and without the suffix `Runner`.
        for name in ENGINES:
            if runner.lower() in (name.lower(), name.removesuffix("Runner").lower()):
                return name
        return runner

    @field_validator("workers")
    @classmethod
    def _as_runner_takes_them(
        cls, workers: int | str, info: ValidationInfo
    ) -> int | str:
        if info.data.get("runner") in ENGINES:
            if workers not in (1, LOOPBACK) and not re.match(_ADDRESS, str(workers)):
                raise ValueError(
                    f"should be {LOOPBACK} or the host:port of a worker pool, "
                    f"found {workers!r}"
                )
        elif not isinstance(workers, int):
            raise ValueError(f"should be a number, 0 for one a core, found {workers!r}")
        elif workers < 0:
            raise ValueError(f"should be greater than or equal to 0, found {workers!r}")
        return workers

    @field_validator("parallelism")
    @classmethod
    def _as_spark_says_itself(cls, parallelism: int, info: ValidationInfo) -> int:
        if info.data.get("runner") == "SparkRunner" and parallelism != 1:
            raise ValueError(
                "should be left out: Spark's stands in its job server's master URL, "
                f"found {parallelism}"
            )
        return parallelism

    def pipeline_args(self, shared_folder: str = "") -> list[str]:
        """Returns the options as TFX's `beam_pipeline_args`.

        Args:
            shared_folder: Folder in which nodes and workers write; "" if it is unknown.
        """
        if self.on_engine:
            return [*self._engine_args(shared_folder), *_NO_STAGING, *self.args]
        local = self.runner == "DirectRunner"
        direct = (
            [
                f"--direct_num_workers={self.workers}",
                f"--direct_running_mode={self.running_mode}",
                *_NO_STAGING,
            ]
            if local
            else []
        )
        runner = _FN_API_RUNNER if local else self.runner
        return [f"--runner={runner}", *direct, *self.args]

    def _engine_args(self, shared_folder: str) -> list[str]:
        args = [f"--runner={ENGINES[self.runner]}", f"--job_endpoint={self.endpoint}"]
        if self.workers in (1, LOOPBACK):
            args.append("--environment_type=LOOPBACK")
        else:
            args += [
                "--environment_type=EXTERNAL",
                f"--environment_config={self.workers}",
                # Otherwise each step of a job starts a new worker, which imports
                # TensorFlow again.
                "--environment_cache_millis=60000",
            ]
        if self.runner == "FlinkRunner":
            args.append(f"--parallelism={self.parallelism}")
            if self.flink_rest:
                args.append(f"--flink_rest={self.flink_rest}")
        if shared_folder:
            args += [
                f"--shared_folder={shared_folder}",
                f"--start_seconds={self.start_seconds}",
            ]
        return args + [f"--{key}={value}" for key, value in self.engine_options.items()]
