"""The command line of ``python -m serving.request_logs``."""

import json
from datetime import UTC, datetime
from typing import Never

import click

from contract.command import run
from contract.errors import BadInputError
from serving.request_logs import forgetting, reading

PROGRAM = "python -m serving.request_logs"

_LOG = click.option(
    "--log",
    required=True,
    metavar="PREFIX",
    help="filename_prefix of a server's logging_config, or the folder of the log.",
)


@click.group()
def cli() -> None:
    """List and remove logged requests.

    Exit codes: 0 done; 2 the command cannot be done, and one line gives the reason.
    """


@cli.command("list")
@_LOG
@click.option(
    "--since",
    metavar="TIME",
    help="List only requests from this time on: ISO 8601, UTC without a zone.",
)
@click.option("--until", metavar="TIME", help="List only requests before this time.")
@click.option(
    "--json", "as_json", is_flag=True, help="Print one line of JSON per request."
)
def list_command(log: str, since: str | None, until: str | None, as_json: bool) -> None:
    """List requests: time, model, version, signature and request id.

    The list includes the hour that a collector is still writing. A request is missing
    if a killed server did not write its line of the index; `monitor` still reads it.
    """
    when = reading.period(since, until)
    listed = 0
    for path in reading.find_files(log, at_hand=True):
        for entry in reading.entries(path):
            if when.has(entry.timestamp_secs):
                click.echo(_json(entry) if as_json else _text(entry))
                listed += 1
    if not listed:
        click.echo(f"{log}: its index names no request of this time", err=True)


def _text(entry: reading.Entry) -> str:
    moment = datetime.fromtimestamp(entry.timestamp_secs, UTC)
    version = "unknown" if entry.version is None else entry.version
    return (
        f"{moment:%Y-%m-%dT%H:%M:%SZ}  {entry.model} {version} "
        f"{','.join(entry.signatures)}  {entry.request_id}"
    )


def _json(entry: reading.Entry) -> str:
    return json.dumps(
        {
            "request_id": entry.request_id,
            "model": entry.model,
            "version": entry.version,
            "signatures": entry.signatures,
            "timestamp_secs": entry.timestamp_secs,
        }
    )


@cli.command()
@click.argument("request_id")
@_LOG
@click.option(
    "--output",
    default="output",
    show_default=True,
    help="Output folder of the runs, with the reports of `monitor`.",
)
def forget(request_id: str, log: str, output: str) -> None:
    """Remove a request from the log, from its index and from `monitor`'s reports.

    The server or a collector may write the log at the same time. Counts that include
    the request stay as they are: they are numbers, without pictures.
    """
    in_output = forgetting.forget_in_output(output, request_id)
    try:
        files = reading.find_files(log, at_hand=True)
        in_log = forgetting.forget_in_log(files, request_id)
        # Meanwhile a collector may have renamed the folder of an hour.
        moved = {*reading.find_files(log, at_hand=True)} - {*files}
        in_log += forgetting.forget_in_log(sorted(moved), request_id)
    except BadInputError as error:
        # The log's old files are removed by its limit, while reports with pictures
        # stay.
        raise BadInputError(
            f"{error}; removed: {in_output} from the examples and pictures of `monitor`"
        ) from error
    if not in_log + in_output:
        raise BadInputError(
            f"{request_id}: expected a request id of this log, found none: "
            f"`{PROGRAM} list --log {log}` shows them"
        )
    click.echo(
        f"removed: {in_log} from the log, {in_output} from the examples and pictures "
        "of `monitor`"
    )


def main() -> Never:
    """Runs the command line."""
    run(cli, PROGRAM)
