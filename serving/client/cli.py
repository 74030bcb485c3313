"""The command line of ``python -m serving.client``: asks a served model."""

import functools
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import fields, replace
from enum import Enum
from pathlib import Path
from typing import Any, Never, TypeVar

import click
import grpc
from click.core import ParameterSource

from contract import command
from contract.options import AS_JSON, ModelOption
from contract.waiting import told
from serving.client import calls, render
from serving.client.base import DEFAULT_BATCH_SIZE, DEFAULT_MODEL
from serving.client.channel import DEFAULT_ADDRESS, MAX_RETRIES, Connection, Tls
from serving.client.client import Client
from serving.client.errors import ClientError, ExitCode, ServingError, one_line
from serving.client.idx import Selection, parse_selection
from serving.client.pictures import Fit
from serving.client.predict import MAX_DRAWINGS, Model, Wish, show, write
from serving.client.readiness import WAIT_TIMEOUT
from serving.client.results import ModelSpec
from serving.client.table import Table

PROGRAM = "python -m serving.client"
_MAX_BATCH_SIZE = 1024

_Command = TypeVar("_Command", bound=Callable[..., Any])
_PEM = click.Path(dir_okay=False, path_type=Path)
_OUT = click.Path(dir_okay=False, path_type=Path)


class _SelectionType(click.ParamType):
    name = "N|START:STOP"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> Selection:
        try:
            return parse_selection(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)


_SERVER_OPTIONS = (
    click.option(
        "--server",
        envvar="SERVING_ADDRESS",
        default=DEFAULT_ADDRESS,
        show_default=True,
        show_envvar=True,
        metavar="HOST:PORT",
        help="gRPC address of the server; unix:/path is possible, too.",
    ),
    click.option(
        "--model",
        "model",
        cls=ModelOption,
        envvar="SERVING_MODEL",
        default=DEFAULT_MODEL,
        show_default=True,
        show_envvar=True,
        help="Name of the model on the server; `make serve` prints it.",
    ),
    click.option(
        "--version",
        type=click.IntRange(min=0),
        help="Version of the model. [the server's default]",
    ),
    click.option(
        "--timeout",
        type=click.FloatRange(min=0, min_open=True),
        default=10.0,
        show_default=True,
        help="Deadline of a call in seconds, including retries.",
    ),
    click.option(
        "--retries",
        type=click.IntRange(0, MAX_RETRIES),
        default=MAX_RETRIES,
        show_default=True,
        help="Number of retries after the error UNAVAILABLE.",
    ),
    click.option(
        "--tls", is_flag=True, help="Use TLS; the other --tls options imply it."
    ),
    click.option("--tls-ca", type=_PEM, help="PEM file with certificates to trust."),
    click.option(
        "--tls-cert", type=_PEM, help="PEM file with the client's certificate."
    ),
    click.option(
        "--tls-key", type=_PEM, help="PEM file with the private key of --tls-cert."
    ),
    click.option(
        "--tls-server-name",
        help="Name in the server's certificate, if it is not the host name.",
    ),
)

_LABEL = click.option("--label", help="Label of the version, such as stable.")


def _server_options(command: _Command) -> _Command:
    """Adds the options that name the server, the model and the connection."""

    @functools.wraps(command)
    def wrapper(
        server: str,
        model: str,
        version: int | None,
        timeout: float,
        retries: int,
        tls: bool,
        label: str | None = None,
        **rest: Any,
    ) -> Any:
        if version is not None and label is not None:
            raise click.UsageError("choose --version or --label, not both")
        if not model:
            raise click.UsageError("--model is empty")
        settings = Tls(
            **{each.name: rest.pop(f"tls_{each.name}") for each in fields(Tls)}
        )
        secure = settings if tls or settings != Tls() else None
        try:
            connection = Connection(server, secure, timeout, retries)
        except ValueError as error:
            raise click.UsageError(f"--server: {error}") from error
        with Client(connection, ModelSpec(model, version, label)) as client:
            try:
                return command(client=client, **rest)
            except ServingError as error:
                if error.code is not grpc.StatusCode.NOT_FOUND:
                    raise
                hint = _what_there_is(client)
                raise ServingError(
                    error.code, error.details, error.address, hint
                ) from error

    for option in reversed(_SERVER_OPTIONS):
        wrapper = option(wrapper)
    return wrapper  # type: ignore[return-value]


@click.group()
def cli() -> None:
    """Ask a model served by TensorFlow Serving or the embedded server.

    \b
    Exit codes:
      0  done                    5  deadline exceeded
      1  the server failed       6  no such model or version
      2  wrong usage             7  the server rejected the request
      3  an image is unreadable  8  not allowed
      4  no server answers     130  interrupted (143 by SIGTERM)
    """  # noqa: D301 - \b is click's mark for text that is not rewrapped


@cli.command()
@click.argument("sources", nargs=-1, required=True, metavar="PICTURE...")
@click.option(
    "--index",
    "selection",
    type=_SelectionType(),
    help="Images of an IDX or npy file to use: 7, -1, 10:20, ::100. [all]",
)
@click.option(
    "--fit",
    type=click.Choice([fit.value for fit in Fit]),
    help="How to fit pictures to the model's size: stretch resizes both sides; pad and "
    "crop keep the proportions. By default drawings are centred if the task can be "
    "drawn, and other pictures are stretched.",
)
@click.option(
    "--csv",
    type=_OUT,
    help="CSV file to write, one row per picture; an existing file is continued.",
)
@click.option("--parquet", type=_OUT, help="Parquet file to write, instead of CSV.")
@click.option(
    "--version-dir",
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder of a version, to run its model here with TensorFlow, without a "
    "server.",
)
@click.option(
    "--batch-size",
    type=click.IntRange(1, _MAX_BATCH_SIZE),
    default=DEFAULT_BATCH_SIZE,
    show_default=True,
    help="Number of images per request.",
)
@click.option(
    "--draw/--no-draw",
    default=None,
    help=f"Draw the pictures on the screen. [yes for at most {MAX_DRAWINGS} pictures]",
)
@click.option(
    "--novelty/--no-novelty",
    default=None,
    help="Mark pictures that do not belong to the task; this needs a second request "
    f"per batch. [yes for at most {MAX_DRAWINGS} pictures]",
)
@click.option(
    "--signature", default=calls.DEFAULT_SIGNATURE, show_default=True, metavar="NAME"
)
@AS_JSON
@_LABEL
@_server_options
def predict(
    client: Client,
    sources: tuple[str, ...],
    selection: Selection | None,
    fit: str | None,
    csv: Path | None,
    parquet: Path | None,
    version_dir: Path | None,
    batch_size: int,
    draw: bool | None,
    novelty: bool | None,
    signature: str,
    as_json: bool,
) -> None:
    """Predict the class of each PICTURE.

    A PICTURE is a file (PNG, JPEG, GIF, BMP, TIFF, WebP) of any size and colours, a
    folder of such files, an IDX file (gzipped or not) or an npy file of images, or
    - for standard input. The model determines the size, the classes and their names.
    With --json, each image gives one JSON object on its own line.
    """
    if csv and parquet:
        raise click.UsageError("choose --csv or --parquet, not both")
    out = csv or parquet
    if out and (as_json or draw is not None or novelty):
        raise click.UsageError(
            "--csv and --parquet cannot be used with --json, --draw or --novelty"
        )
    if version_dir is not None:
        _refuse_server_options()
        model = Model.of_folder(version_dir, signature)
    else:
        with _waiting(client):
            model = Model.of_server(client, signature)
    if model.served.note:
        _print_error(model.served.note)
    wish = Wish(sources, selection, batch_size, Fit(fit) if fit else None)
    if out:
        table = Table(out, parquet=parquet is not None)
        unreadable = write(model, wish, table, _print_error)
    else:
        unreadable = show(
            model,
            wish,
            draw=draw,
            novelty=novelty,
            as_json=as_json,
            report=_print_error,
        )
    if unreadable:
        raise SystemExit(ExitCode.BAD_INPUT)


def _refuse_server_options() -> None:
    """Refuses server options together with a version's folder."""
    context = click.get_current_context()
    for name in ("server", "model", "version", "label", "tls"):
        if context.get_parameter_source(name) is ParameterSource.COMMANDLINE:
            raise click.UsageError(f"--version-dir uses no server: leave out --{name}")


@cli.command()
@AS_JSON
@_server_options
def status(client: Client, as_json: bool) -> None:
    """Print the state of each version of the model, newest first."""
    with _waiting(client):
        versions = client.status()
    if as_json:
        click.echo(render.status_json(client.model.name, versions))
    else:
        render.print_status(command.console(), versions)


@cli.command()
@AS_JSON
@_LABEL
@_server_options
def metadata(client: Client, as_json: bool) -> None:
    """Print the model's signatures: inputs, outputs, types and shapes."""
    with _waiting(client):
        answer = client.metadata()
    if as_json:
        click.echo(render.metadata_json(answer))
    else:
        render.print_metadata(command.console(), answer)


@cli.command()
@click.option(
    "--for",
    "patience",
    type=click.FloatRange(min=0, min_open=True),
    default=WAIT_TIMEOUT,
    show_default=True,
    metavar="SECONDS",
    help="Longest wait in seconds; after that, the exit code is 5.",
)
@_LABEL
@_server_options
def wait(client: Client, patience: float) -> None:
    """Wait until the model, version or label is served; print the version."""
    # `wait` tries again by itself; gRPC's retries would hide the reason.
    quick = replace(client.connection, retries=0)
    with _waiting(client, patience), Client(quick, client.model) as asking:
        version = asking.wait(patience)
    click.echo(version)


def _waiting(
    client: Client, seconds: float | None = None
) -> AbstractContextManager[None]:
    """Prints what is awaited, and the longest time, if it takes more than a second."""
    connection = client.connection
    most = f"{seconds or connection.timeout:g} seconds at most"
    return told(
        f"{PROGRAM}: waiting for {client.model} at {connection.address}, {most}"
    )


def _print_error(message: str) -> None:
    print(f"{PROGRAM}: {one_line(message)}", file=sys.stderr)


def _what_there_is(client: Client) -> str:
    """Returns advice for a model or version that the server does not have."""
    name = client.model.name
    try:
        with Client(client.connection, ModelSpec(name)) as asking:
            known = [one.version for one in asking.status() if one.state == "AVAILABLE"]
    except ServingError:
        return (
            " - a server does not tell which models it has: name one with --model or "
            "SERVING_MODEL (`make serve` prints it; "
            "it is the folder's name in output/models)"
        )
    return f" - {name} is served in version {', '.join(map(str, known)) or 'none'}"


def _explained(error: BaseException) -> tuple[Enum, str]:
    """Returns the exit code and the line of an error, as `command.explain` does."""
    if isinstance(error, ClientError):
        return error.exit_code, str(error)
    return command.explain(error, begun=True)


def main() -> Never:
    """Runs the command line; every error is one line on standard error."""
    command.run(cli, PROGRAM, _explained, PROGRAM)
