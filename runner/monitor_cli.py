"""`python local_runner.py monitor`: examines the traffic of a served model."""

import os
import time
from datetime import datetime

import click

from components.request_log_example_gen.labels import read_labels
from components.request_log_example_gen.selection import Asked, count, nothing, task_of
from contract.errors import BadInputError
from pipeline.config import load_config
from pipeline.schema import judgement
from runner import monitoring
from runner.workspace import Workspace
from serving.request_logs import reading
from version_store.inventory import find_model, list_models

_HELP = """
Look at the requests that a server logged: are the pictures still of the kind that the
model was trained on, and are its answers still right?

Each version that answered is judged for itself: by the schema, by the distance from
its training data, by the shares of the classes that it answers, by the share of
pictures that are not of the task, and by its accuracy, estimated from its confidences,
and true where labels have come. What was found is on the screen, in result.json and on
a page in OUTPUT/monitoring/runs.

Exit codes: 0 nothing was found; 1 something broke, see the log; 2 the log, the labels
or flags cannot be used; 3 something was found; 130 interrupted, 143 terminated.
"""


@click.command(help=_HELP, context_settings={"max_content_width": 88})
@click.option(
    "--log",
    metavar="PREFIX",
    help="The filename_prefix of a server's logging_config, or a folder with its "
    "files. [monitoring.log]",
)
@click.option("--name", help="Of the model. [the only one, or that of the log]")
@click.option("--version", type=click.IntRange(min=1), help="Only this one. [each]")
@click.option(
    "--labels",
    metavar="CSV",
    help="Labels that came late: columns request_id, label, and row where a request "
    "had several pictures.",
)
@click.option("--since", metavar="TIME", help="ISO 8601; UTC if it names no zone.")
@click.option("--until", metavar="TIME", help="Likewise; the first that is left out.")
@click.option("--config", "config_path", metavar="FILE", help="Settings, as TOML.")
@click.option(
    "--set",
    "settings",
    multiple=True,
    metavar="SECTION.KEY=VALUE",
    help="Any setting, as monitoring.max_novel_share=0.05; may be repeated.",
)
@click.option("--output", default="output", show_default=True, help="Folder.")
@click.option("--verbose", is_flag=True, help="Show the log on the screen as well.")
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
        raise BadInputError("--log: expected where a server logs requests")
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
    """Tells whether a log file is empty or has its index; a kill may leave none."""
    return not os.path.getsize(path) or os.path.exists(reading.index_of(path))


def _model(models: str, name: str | None, files: list[str]) -> str:
    """Returns the model's name: the given one, the only one, or that in the log."""
    if name is None and len(known := list_models(models)) > 1:
        logged = (entry.model for path in files for entry in reading.entries(path))
        name = next((model for model in logged if model in known), None)
    return find_model(models, name)
