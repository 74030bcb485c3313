"""The command line of `python -m serving.collector`."""

import logging
import os
from typing import Never

import click
from filelock import FileLock, Timeout

from contract import command, environment, logs
from contract.errors import BadInputError


@click.command(context_settings={"show_default": True})
@click.argument("folder", type=click.Path(file_okay=False))
@click.option(
    "--models",
    required=True,
    type=click.Path(exists=True, file_okay=False),
    help="Folder of the models; their signatures give the types of the JSON values.",
)
@click.option("--host", default="127.0.0.1", help="Address to listen on.")
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=8080,
    help="Port to listen on; 0 takes a free one.",
)
@click.option(
    "--sampling-rate",
    type=click.FloatRange(0, 1),
    default=1.0,
    help="Share of the requests to keep.",
)
@click.option(
    "--max-bytes",
    type=click.IntRange(min=1 << 20),
    default=4 << 30,
    help="Most bytes on disk; above this, the oldest requests are removed.",
)
@click.option(
    "--keep-hours",
    type=click.IntRange(min=1),
    default=30 * 24,
    help="Age at which a span is removed, in hours.",
)
@click.option(
    "--wait-seconds",
    type=click.FloatRange(min=1),
    default=60.0,
    help="Longest wait for the answer to a request, in seconds.",
)
@click.option(
    "--max-waiting-bytes",
    type=click.IntRange(min=1 << 20),
    default=64 << 20,
    help="Most bytes in memory of requests that wait for their answers.",
)
@click.option(
    "--max-event-bytes",
    type=click.IntRange(min=1 << 10),
    default=16 << 20,
    help="Largest body of an HTTP request, in bytes.",
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
    """Collect the requests that KServe's logger sends for REST predictors.

    A request and its answer become one PredictionLog. The logs of an hour form one
    span, FOLDER/YYYYMMDDTHH, which appears when the hour is over. List and remove
    requests with `python -m serving.request_logs`.

    Exit codes: 0 ended by SIGTERM or Ctrl-C; 1 something failed; 2 the collector cannot
    be started.
    """
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
