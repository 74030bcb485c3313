"""`python local_runner.py monitor`: examines the traffic of a served model."""

import os
import time
from datetime import datetime

import click

from components.request_log_example_gen.labels import read_labels
from components.request_log_example_gen.selection import Asked, count, nothing, task_of
from contract.errors import BadInputError
from contract.options import CONFIG, OUTPUT, VERBOSE, ModelOption, any_setting
from pipeline.config import load_config
from pipeline.schema import judgement
from runner import monitoring
from runner.workspace import Workspace
from serving.request_logs import reading
from version_store.inventory import find_model, list_models

_HELP = """
Examine the requests that a server logged: do the pictures still resemble the training
data, and are the answers still right?

Each version that answered is examined separately. The checks are: the schema, the
distance from the training data, the shares of the predicted classes, the share of
pictures that do not belong to the task, and the accuracy, which is estimated from the
confidences and measured where labels are known. The findings are printed, and written
to result.json and to a page in OUTPUT/monitoring/runs.

Exit codes: 0 no findings; 1 something failed, see the log; 2 the log, the labels or
flags cannot be used; 3 there are findings; 130 interrupted, 143 terminated.
"""


@click.command(help=_HELP)
@click.option(
    "--log",
    metavar="PREFIX",
    help="filename_prefix of a server's logging_config, or the folder of the log. "
    "[setting monitoring.log]",
)
@click.option(
    "--model",
    "name",
    cls=ModelOption,
    help="Name of the model. [the only model, or the one in the log]",
)
@click.option(
    "--version", type=click.IntRange(min=1), help="Examine only this version. [all]"
)
@click.option(
    "--labels",
    metavar="CSV",
    help="CSV file with the true labels, known later: columns request_id, label, and "
    "row if a request had several pictures.",
)
@click.option(
    "--since",
    metavar="TIME",
    help="Examine only requests from this time on: ISO 8601, UTC without a zone.",
)
@click.option("--until", metavar="TIME", help="Examine only requests before this time.")
@CONFIG
@any_setting(
    "Change any setting, such as monitoring.max_novel_share=0.05; may be repeated."
)
@OUTPUT
@VERBOSE
def monitor(
    log: str | None,
    name: str | None,
    version: int | None,
    labels: str | None,
    since: str | None,
    until: str | None,
    config_path: str | None,
    settings: tuple[str, ...],
    output: str,
    verbose: bool,
) -> int:
    """Examines the traffic once; returns one of the documented exit codes."""
    started = time.time()
    config = load_config(
        config_path, settings, note=lambda line: click.echo(f"note: {line}", err=True)
    )
    place = log or config.monitoring.log
    if place is None:
        raise BadInputError(
            "--log: expected the filename_prefix of a server's logging_config, or the "
            "setting monitoring.log; found neither"
        )
    when = reading.period(since, until)
    files = reading.find_files(place)
    served = Workspace(os.path.abspath(output))
    name = _model(served.all_models, name, files)
    asked = Asked(served.models(name), version, when)
    task = task_of(asked)
    if labels:
        read_labels(labels, task)
    logged, others = count(files, asked)
    if not logged and (others or all(map(_is_counted, files))):
        raise BadInputError(nothing(place, asked, others, 0))
    request = monitoring.Request(
        log=os.path.abspath(place),
        labels=os.path.abspath(labels) if labels else "",
        asked=asked,
        judgement=judgement(config.data.schema_path),
    )
    workspace = served.monitoring
    workspace.check()
    run = workspace.new_run(name, datetime.now())
    code = monitoring.execute(
        config, request, Workspace(workspace.run(run)), run, started, verbose=verbose
    )
    from runner import metrics

    metrics.write(served)
    return code.value


def _is_counted(path: str) -> bool:
    """Tells whether a log file is empty or has an index; a kill may leave none."""
    return not os.path.getsize(path) or any(True for _ in reading.entries(path))


def _model(models: str, name: str | None, files: list[str]) -> str:
    """Returns the model's name: the given one, the only one, or that in the log."""
    if name is None and len(known := list_models(models)) > 1:
        logged = (entry.model for path in files for entry in reading.entries(path))
        name = next((model for model in logged if model in known), None)
    return find_model(models, name)
