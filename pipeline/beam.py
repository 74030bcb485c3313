"""The `beam` section of the configuration, and the options that it comes to."""

import re
from typing import Literal

from pydantic import Field, ValidationInfo, field_validator

from pipeline.section import Section

_FN_API_RUNNER = "apache_beam.runners.portability.fn_api_runner.FnApiRunner"
"""What DirectRunner takes for a batch pipeline in the end. On the way it imports
Google's Pub/Sub, walks the pipeline twice to see which of three runners could run
it, and may fetch one of them, Prism, from the network
(apache_beam/runners/direct/direct_runner.py). By its name: up to 1.5 s of processor
time less for each component that works on Beam, and the same runner everywhere."""


ENGINES = {
    "FlinkRunner": "pipeline.engines.runners.FlinkRunner",
    "SparkRunner": "pipeline.engines.runners.SparkRunner",
}
"""Beam's names of what is reached through a job server, and who does it here."""

LOOPBACK = "loopback"


_NO_STAGING = ("--sdk_container_image=this-environment",)
"""Unless told that workers have what they need, TFX packs itself into a source
distribution for each Beam node: 3 s and 20 MB left in the temporary folder every time
(tfx/utils/dependency_utils.py)."""

_ADDRESS = r"^[^\s:/]+:[0-9]{1,5}$"


class Beam(Section):
    """Where Beam runs StatisticsGen, Transform and Evaluator.

    One worker in this process is the best on one machine at this size: StatisticsGen
    and Evaluator then do without Beam. Measured for StatisticsGen with Beam, on MNIST,
    two cores beside other work, as seconds of wall and of processor time: in_memory
    15.4 and 13.5; multi_threading with two workers 14.6 and 13.2, as they share
    Python's lock; multi_processing with two 33.7 and some 20, as each worker imports
    TensorFlow again.

    Attributes:
        runner: DirectRunner, FlinkRunner, SparkRunner, or another one of Beam's.
        workers: Of the direct runner, how many; 0 is one per core. Of Flink and Spark,
            who does the Python work: `loopback`, which is this process, or the address
            of a worker pool as the engine sees it. 1 is loopback there.
        running_mode: Of the direct runner.
        endpoint: Of Flink and Spark: where the Beam job server listens.
        parallelism: Of Flink: how many parts of a step run at once. Spark's stands in
            its job server's master URL.
        flink_rest: The REST address of a Flink that does not live in the job server:
            Beam's job server lets go of a job that is cancelled, and such a Flink
            runs it on unless it is told itself.
        start_seconds: Of Flink and Spark: how long a worker may take to answer the
            first, small job. A separate Flink is sent the job server's class path, and
            a worker imports this package: a minute on two busy cores.
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
        """Whether the work is done behind a job server."""
        return self.runner in ENGINES

    @field_validator("runner")
    @classmethod
    def _named_as_beam_does(cls, runner: str) -> str:
        # Beam takes any case, and leaves `Runner` out where it can.
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
            shared_folder: Where nodes write, and workers have to; empty: not known.
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
                # Else a worker is started anew for each step of a job, and imports
                # TensorFlow each time.
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
