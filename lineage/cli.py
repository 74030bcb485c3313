"""The command line of `python -m lineage`."""

import importlib
import os
import sys
from dataclasses import asdict
from typing import Any, Never

import click

from contract.command import console, print_json, run
from contract.errors import BadInputError
from contract.options import ModelOption
from version_store.where import Where, where

PROGRAM = "python -m lineage"

_HELP = """
Show where a model came from: its runs and versions.

Reads ML Metadata and the manifest of each pushed version, and changes nothing.
A fact that was not recorded is shown as "unknown".

Exit codes: 0 answered; 2 no answer is possible, and one line gives the reason.
"""


@click.group(help=_HELP)
def cli() -> None:
    """Groups the commands."""


_EVERYTHING = where("metadata", "config")
_NAME = click.option(
    "--model",
    "name",
    cls=ModelOption,
    help="Show only runs and versions of this model.",
)


@cli.command("list")
@_NAME
@_EVERYTHING
def list_command(here: Where) -> None:
    """List runs, rollbacks and versions, newest first."""
    from lineage import listing, render

    found = listing.entries(_archive(here), here.name)
    if here.as_json:
        print_json([asdict(entry) for entry in found])
    elif found:
        render.show_entries(console(), found)
    else:
        click.echo("no run and no version is on record")


@cli.command()
@click.argument("subject", metavar="VERSION|RUN")
@_NAME
@_EVERYTHING
def show(here: Where, subject: str) -> None:
    """Show everything that is recorded about a version or a run."""
    from lineage import render

    found = _archive(here).find(subject, here.name)
    if here.as_json:
        print_json(found.as_json())
    else:
        render.show_subject(console(), found)


@cli.command()
@click.argument("one", metavar="A")
@click.argument("other", metavar="B")
@_NAME
@_EVERYTHING
def diff(here: Where, one: str, other: str) -> None:
    """Show only the differences between two versions or runs, A and B."""
    from lineage import render
    from lineage.explain import difference

    archive = _archive(here)
    first, second = (archive.find(which, here.name) for which in (one, other))
    found = difference(first, second)
    if here.as_json:
        print_json(found)
    else:
        render.show_difference(console(), first.title, second.title, found)


@cli.command(context_settings={"ignore_unknown_options": True, "help_option_names": []})
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def why(arguments: tuple[str, ...]) -> None:
    """Tell what the next run would do: `python local_runner.py why`."""
    click.echo("note: this is called `python local_runner.py why` now", err=True)
    sys.argv = ["local_runner.py", "why", *arguments]
    # `runner` is a layer above `lineage`, so it is imported by its name.
    importlib.import_module("runner.cli").main()


def _archive(here: Where) -> Any:
    """Reads the records; without a metadata store, only the versions' manifests."""
    from lineage.explain import Archive
    from version_store.metadata import answering, open_store

    places = [here.models]
    if not here.given_models:
        places.append(os.path.join(here.output, "runs"))
    if here.metadata is None and not any(map(os.path.isdir, places)):
        raise BadInputError(
            f"{here.models}: expected a folder with models, found none"
            if here.given_models
            else f"{here.output}: expected metadata.sqlite, models or runs there, "
            "found none"
        )
    with answering():
        store = open_store(here.metadata) if here.metadata else None
        return Archive.open(here.output, here.models, store, here.config)


def main() -> Never:
    """Runs the command line."""
    run(cli, PROGRAM)
