"""Beam pipeline options of this project, beside Beam's own."""

import argparse

from apache_beam.options.pipeline_options import PipelineOptions


class EngineOptions(PipelineOptions):
    """Options that are sent with a job; its job server lists them for any client.

    Attributes:
        shared_folder: Folder in which the nodes write. It belongs to a workspace, which
            only one run holds at a time.
        start_seconds: Most seconds that a worker may take to answer the first job.
        flink_rest: Address of a separate Flink's REST API; jobs are cancelled there.
        job_tag: Random tag by which a job is found if its id never arrived.
    """

    @classmethod
    def _add_argparse_args(cls, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--shared_folder", default=None)
        parser.add_argument("--start_seconds", type=int, default=None)
        parser.add_argument("--flink_rest", default=None)
        parser.add_argument("--job_tag", default=None)
