"""The command line of ``python -m serving.launch``."""

import contextlib
import errno
import os
import shlex
import socket
import urllib.parse
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Never

import click

from contract import command
from contract.options import ModelOption
from serving import model_config
from serving.launch import code
from serving.launch.models import MODELS, LaunchError, Model, find_model, find_others
from serving.launch.servers import IMAGE, KINDS, Ports, Server, choose, numbers

PROGRAM = "python -m serving.launch"


def check_ports(ports: Ports) -> None:
    """Checks that the ports are free.

    gRPC sets SO_REUSEPORT: a second server would start, and share the requests.

    Raises:
        LaunchError: A port is in use.
    """
    for port in (ports.grpc, ports.rest):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError as error:
                if error.errno == errno.EADDRNOTAVAIL:
                    continue  # this machine has no IPv4: the server reports it
                if error.errno != errno.EADDRINUSE:
                    raise LaunchError(f"port {port}: {error.strerror}") from error
                raise LaunchError(
                    f"port {port} is in use: stop what serves there, or choose "
                    "--port and --rest_api_port"
                ) from error


def explain(
    server: Server,
    reasons: list[str],
    model: Model,
    others: list[Model],
    ports: Ports,
) -> str:
    """Returns lines that tell which server starts, why, and how to ask the model.

    `others` are the models that are served beside it.
    """
    options = f"--model {shlex.quote(model.name)}"
    if ports.grpc != Ports().grpc:
        options += f" --server localhost:{ports.grpc}"
    why = f" ({'; '.join(reasons)})" if reasons else ""
    lines = [
        f"Serving {model.name} version {model.version} with {server.what}{why}",
        f"  gRPC localhost:{ports.grpc}   REST http://localhost:{ports.rest}",
        f"  ask it: {code.typed('serving.client')} predict PICTURE {options}",
    ]
    if server.has_page:
        query = urllib.parse.urlencode({"model": model.name})
        lines.append(f"  page:   http://localhost:{ports.rest}/?{query}")
    lines.append(
        "  The server loads the models first, and says below when it is ready."
    )
    if others:
        names = ", ".join(f"{one.name} version {one.version}" for one in others)
        lines.insert(1, f"  and {names}")
    return "\n".join(lines)


def with_config(
    model: Model, others: list[Model], *, write: bool
) -> tuple[Model, list[Model], str]:
    """Returns the models with the configuration file that names their served versions.

    With `write`, the models that the file lacks are entered in it.

    Returns:
        The model, whose TensorFlow is the newest of all that are served, so that a
        server is chosen that can load them all; the others that are served; and why
        the file cannot be used, or not all are served: mostly empty.
    """
    models = str(model.base_path.parent)
    config = Path(model_config.path_in(models))
    beside: list[Model] = []
    note = ""
    if write:
        try:
            model_config.ensure(models, model.name)
        except OSError as error:
            return (
                model,
                [],
                f"{config}: cannot be written ({error.strerror}): only the newest "
                f"version of {model.name} is served, and versions cannot be labelled",
            )
    for other in others:
        try:
            if write:
                model_config.ensure(models, other.name)
            beside.append(other)
        except OSError as error:
            note = f"{config}: cannot be written ({error.strerror}): "
            note += "models that it does not name are not served"
    newest = max([model, *beside], key=lambda one: numbers(one.tensorflow)).tensorflow
    return replace(model, config=config, tensorflow=newest), beside, note


@click.command()
@click.option(
    "--server",
    "kind",
    type=click.Choice(["auto", *KINDS]),
    default="auto",
    show_default=True,
    help="Server to start; auto takes the first that this machine has.",
)
@click.option(
    "--models",
    type=click.Path(path_type=Path),
    default=MODELS,
    show_default=True,
    help="Folder with the pushed models, as NAME/VERSION.",
)
@click.option(
    "--model",
    "name",
    cls=ModelOption,
    help="Model that the printed commands ask; all are served. [the model pushed last]",
)
@click.option(
    "--port",
    type=click.IntRange(1, 65535),
    default=8500,
    show_default=True,
    help="Port of the gRPC API.",
)
@click.option(
    "--rest_api_port",
    type=click.IntRange(1, 65535),
    default=8501,
    show_default=True,
    help="Port of the REST API.",
)
@click.option(
    "--image",
    help=f"Container image. [{IMAGE}, with the version of the model's TensorFlow]",
)
@click.option(
    "--dry-run", is_flag=True, help="Print the command of the server; do not run it."
)
@click.argument("more", nargs=-1, metavar="[-- FLAG...]")
def cli(
    kind: str,
    models: Path,
    name: str | None,
    port: int,
    rest_api_port: int,
    image: str | None,
    dry_run: bool,
    more: tuple[str, ...],
) -> None:
    """Serve the pushed models over gRPC and REST.

    Flags after -- are passed to the server unchanged.
    """
    ports = Ports(port, rest_api_port)
    model = find_model(models, name)
    if not dry_run:
        check_ports(ports)
    others, notes = find_others(model)
    model, others, note = with_config(model, others, write=not dry_run)
    server, reasons = choose(kind, model, ports, image, fetch=not dry_run)
    words = (*server.command, *more)
    with contextlib.suppress(OSError):  # a closed output must not stop the server
        print(explain(server, reasons, model, others, ports), flush=True)
        for line in (*notes, *filter(None, [note])):
            print(f"  note: {line}", flush=True)
    if dry_run:
        variables = [f"{name}={value}" for name, value in server.environment.items()]
        print(" ".join([*map(shlex.quote, variables), shlex.join(words)]))
        return
    try:
        os.execve(words[0], words, {**os.environ, **server.environment})
    except OSError as error:
        raise LaunchError(f"{words[0]}: cannot be run: {error.strerror}") from error


def main() -> Never:
    """Runs the command line; an error is one line on standard error."""
    command.run(cli, PROGRAM, partial(command.explain, begun=True), PROGRAM)
