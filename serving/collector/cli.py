"""The command line of `python -m serving.collector`."""

import logging
import os
from typing import Never

import click
from filelock import FileLock, Timeout

from contract import command, environment, logs
from contract.errors import BadInputError

_HELP = """
Collect what KServe's logger sends of REST predictors, an hour a span.

A request and its answer become one PredictionLog under FOLDER/YYYYMMDDTHH, which is
there when the hour is over. `python -m serving.request_logs` lists and removes them.

Exit codes: 0 ended by SIGTERM or Ctrl-C; 1 something broke; 2 it cannot be started.
"""


@click.command(
    help=_HELP,
    context_settings={"max_content_width": 88, "show_default": True},
)
@click.argument("folder", type=click.Path(file_okay=False))
@click.option(
    "--models",
    required=True,
    type=click.Path(exists=True, file_okay=False),
    help="Folder of the models: their signatures say what types the JSON stands for.",
)
@click.option("--host", default="127.0.0.1", help="Address to listen on.")
@click.option("--port", type=click.IntRange(0, 65535), default=8080)
@click.option(
    "--sampling-rate",
    type=click.FloatRange(0, 1),
    default=1.0,
    help="Share of the requests that is kept.",
)
@click.option(
    "--max-bytes",
    type=click.IntRange(min=1 << 20),
    default=4 << 30,
    help="Most bytes on disk.",
)
@click.option(
    "--keep-hours", type=click.IntRange(min=1), default=30 * 24, help="Age of a span."
)
@click.option(
    "--wait-seconds",
    type=click.FloatRange(min=1),
    default=60.0,
    help="How long a request waits for its answer.",
)
@click.option(
    "--max-waiting-bytes",
    type=click.IntRange(min=1 << 20),
    default=64 << 20,
    help="Most bytes that wait, in memory.",
)
@click.option(
    "--max-event-bytes",
    type=click.IntRange(min=1 << 10),
    default=16 << 20,
    help="Largest body.",
)
def cli(
    folder: str,
    models: str,
    host: str,
    port: int,
    sampling_rate: float,
    max_bytes: int,
    keep_hours: int,
    wait_seconds: float,
    max_waiting_bytes: int,
    max_event_bytes: int,
) -> None:
    """Runs the collector until it gets a signal."""
    logging.basicConfig(
        level=logging.INFO, format="%(asctime)s %(levelname).1s %(name)s: %(message)s"
    )
    os.makedirs(folder, mode=0o700, exist_ok=True)
    lock = FileLock(os.path.join(folder, ".lock"))
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise BadInputError(
            f"{folder}: in use by another collector: choose another folder"
        ) from None

    environment.prepare()
    with logs.silenced():
        from aiohttp import web

        from serving.collector.app import Collector, make_app
        from serving.collector.records import Recorder
        from serving.collector.spans import Spans

    spans = Spans(folder, max_bytes, keep_hours)
    collector = Collector(
        spans,
        Recorder(models, sampling_rate),
        sampling_rate,
        wait_seconds,
        max_waiting_bytes,
    )
    try:
        web.run_app(
            make_app(collector, max_event_bytes),
            host=host,
            port=port,
            access_log=None,
            print=logging.info,
        )
    finally:
        spans.close()


def main() -> Never:
    """Runs the command line; ends the process with one of the documented codes."""
    command.run(cli, "python -m serving.collector")
