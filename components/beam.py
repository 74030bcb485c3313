"""Tells where Beam would run."""

from collections.abc import Sequence

from apache_beam.options.pipeline_options import (
    DirectOptions,
    PipelineOptions,
    StandardOptions,
)


def in_process(beam_args: Sequence[str]) -> bool:
    """Tells whether Beam would run in this process, with one worker.

    If so, Beam has nothing to distribute, and a component may work without it.
    """
    options = PipelineOptions(list(beam_args))
    runner = options.view_as(StandardOptions).runner or "DirectRunner"
    return (
        runner.rpartition(".")[2] in ("DirectRunner", "FnApiRunner")
        and options.view_as(DirectOptions).direct_num_workers == 1
    )
