"""What an engine's jobs are told besides what Beam has options for."""

import argparse

from apache_beam.options.pipeline_options import PipelineOptions


class EngineOptions(PipelineOptions):
    """Travels with a job, and is told by its job server to whoever asks.

    Attributes:
        shared_folder: Where nodes write; a workspace's, which one run holds at a time.
        start_seconds: How long a worker may take to answer the first job.
        flink_rest: Of a separate Flink, where its jobs are cancelled.
        job_tag: By which a job is found that was never told its id.
    """

    @classmethod
    def _add_argparse_args(cls, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--shared_folder", default=None)
        parser.add_argument("--start_seconds", type=int, default=None)
        parser.add_argument("--flink_rest", default=None)
        parser.add_argument("--job_tag", default=None)
