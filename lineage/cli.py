"""The command line of `python -m lineage`."""

import importlib
import os
import sys
from collections.abc import Callable
from dataclasses import asdict
from typing import Any, Never, TypeVar

import click

from contract.command import console, print_json, run
from contract.errors import BadInputError

PROGRAM = "python -m lineage"

_Command = TypeVar("_Command", bound=Callable[..., Any])

_HELP = """
Ask where a model came from: runs and versions, from ML Metadata and from what
each pushed version says of itself. Reads only. What nobody kept is "unknown".

Exit codes: 0 answered; 2 it cannot be, one line says why.
"""


def _where(command: _Command) -> _Command:
    """Gives a command the options that say what to read."""
    for option in reversed(
        (
            click.option(
                "--output",
                default="output",
                show_default=True,
                help="Folder of the runs, with models/ and metadata.sqlite.",
            ),
            click.option("--models", help="Folder of pushed models. [OUTPUT/models]"),
            click.option(
                "--metadata",
                metavar="PATH|URL",
                help="ML Metadata store: a sqlite file, or mysql://user:password@"
                "host:port/database (password also from METADATA_PASSWORD). "
                "[OUTPUT/metadata.sqlite]",
            ),
            click.option(
                "--config",
                metavar="FILE",
                help="The server's --model_config_file, which says what it serves. "
                "[the highest]",
            ),
            click.option("--json", "as_json", is_flag=True, help="Print JSON."),
        )
    ):
        command = option(command)
    return command


_NAME = click.option("--name", help="Only what is about this model.")


@click.group(
    help=_HELP,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 88},
)
def cli() -> None:
    """Groups the commands."""


@cli.command("list")
@_NAME
@_where
def list_command(
    name: str | None,
    output: str,
    models: str | None,
    metadata: str | None,
    config: str | None,
    as_json: bool,
) -> None:
    """List runs, rollbacks and versions, newest first."""
    from lineage import listing, render

    archive = _archive(output, models, metadata, config)
    found = listing.entries(archive, name)
    if as_json:
        print_json([asdict(entry) for entry in found])
    elif found:
        render.show_entries(console(), found)
    else:
        click.echo("no run and no version is on record")


@cli.command()
@click.argument("subject", metavar="VERSION|RUN")
@_NAME
@_where
def show(
    subject: str,
    name: str | None,
    output: str,
    models: str | None,
    metadata: str | None,
    config: str | None,
    as_json: bool,
) -> None:
    """Show all that is known of a version or a run."""
    from lineage import render

    archive = _archive(output, models, metadata, config)
    found = archive.find(subject, name)
    if as_json:
        print_json(found.as_json())
    else:
        render.show_subject(console(), found)


@cli.command()
@click.argument("one", metavar="A")
@click.argument("other", metavar="B")
@_NAME
@_where
def diff(
    one: str,
    other: str,
    name: str | None,
    output: str,
    models: str | None,
    metadata: str | None,
    config: str | None,
    as_json: bool,
) -> None:
    """Show what differs between two versions or runs, and only that."""
    from lineage import render
    from lineage.explain import difference

    archive = _archive(output, models, metadata, config)
    first, second = archive.find(one, name), archive.find(other, name)
    found = difference(first, second)
    if as_json:
        print_json(found)
    else:
        render.show_difference(console(), first.title, second.title, found)


@cli.command(context_settings={"ignore_unknown_options": True, "help_option_names": []})
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def why(arguments: tuple[str, ...]) -> None:
    """Tell what the next run would do: `python local_runner.py why`."""
    click.echo("note: this is called `python local_runner.py why` now", err=True)
    sys.argv = ["local_runner.py", "why", *arguments]
    # What plans a run lies above what reads runs: it is found by its name.
    importlib.import_module("runner.cli").main()


def _archive(
    output: str, models: str | None, metadata: str | None, config: str | None
) -> Any:
    """Reads what is on record; without a store, what versions say of themselves."""
    from lineage.explain import Archive
    from version_store.metadata import answering, open_store

    folder = models or os.path.join(output, "models")
    default = os.path.join(output, "metadata.sqlite")
    if metadata is None and models is None and os.path.exists(default):
        metadata = default
    if metadata is None and not os.path.isdir(folder):
        raise BadInputError(
            f"{output}: expected metadata.sqlite or models there, found neither"
        )
    with answering():
        store = open_store(metadata) if metadata else None
        return Archive.open(output, folder, store, config)


def main() -> Never:
    """Runs the command line."""
    run(cli, PROGRAM)
