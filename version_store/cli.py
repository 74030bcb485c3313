"""The command line of `python -m version_store`."""

import os
import sys
from collections.abc import Callable
from typing import Any, Never, TypeVar

import click

from contract.command import console, print_json, run

PROGRAM = "python -m version_store"

_Command = TypeVar("_Command", bound=Callable[..., Any])
_VERSION = click.IntRange(min=0)

_HELP = """
Look after the versions that were pushed.

The version that is served is the highest, as for TensorFlow Serving, or what
the server's configuration names (--config). Each command is safe against a
pipeline that pushes at the same moment, and against being killed: what is half
done is cleared away by the next one.

Exit codes: 0 done; 1 verify found something, or a rollback
was done and could not be recorded; 2 it cannot be done, one line says
why.
"""


def _where(command: _Command) -> _Command:
    """Gives a command the options that say where things are."""
    for option in reversed(
        (
            click.option(
                "--output",
                default="output",
                show_default=True,
                help="Folder of the runs, with models/ and metadata.sqlite.",
            ),
            click.option("--models", help="Folder of the models. [OUTPUT/models]"),
            click.option("--name", help="Name of the model. [the only one]"),
            click.option("--json", "as_json", is_flag=True, help="Print JSON."),
        )
    ):
        command = option(command)
    return command


_METADATA = click.option(
    "--metadata",
    metavar="PATH|URL",
    help="ML Metadata store: a sqlite file, or mysql://user:password@host:port/"
    "database (password also from METADATA_PASSWORD). [OUTPUT/metadata.sqlite]",
)

_CONFIG = click.option(
    "--config",
    metavar="FILE",
    help="The server's --model_config_file, which says what it serves. [the highest]",
)


@click.group(
    help=_HELP,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 88},
)
def cli() -> None:
    """Groups the commands."""


@cli.command("list")
@_CONFIG
@_where
def list_command(
    config: str | None,
    output: str,
    models: str | None,
    name: str | None,
    as_json: bool,
) -> None:
    """List the versions, highest first: what is served and what was."""
    from version_store import inventory, render

    folder = _models(output, models)
    found = (
        inventory.all_versions(folder, config)
        if name is None
        else inventory.list_versions(folder, inventory.find_model(folder, name), config)
    )
    if as_json:
        print_json([render.as_facts(version) for version in found])
    elif found:
        render.show_versions(console(), found)
    else:
        click.echo(f"{folder}: no version was pushed there")


@cli.command()
@click.argument("version", type=_VERSION, required=False)
@click.option("--reason", help="Why; kept on record.")
@_METADATA
@_CONFIG
@_where
def rollback(
    version: int | None,
    reason: str | None,
    metadata: str | None,
    config: str | None,
    output: str,
    models: str | None,
    name: str | None,
    as_json: bool,
) -> None:
    """Serve VERSION again, by default the one before what is served.

    It comes back as a new version, which a server takes with its next poll. It
    has to be what was pushed, to the last bit, and blessed by the gates. The model
    that was served until then is not pushed again, whatever run makes it: see allow.
    """
    from version_store import inventory, operations, render

    folder = _models(output, models)
    model = inventory.find_model(folder, name, version)
    store = _store(output, models, metadata)
    done = operations.rollback(folder, model, version, reason, store, config)
    if as_json:
        print_json({**render.as_facts(done.made), "recorded": done.recorded})
    else:
        render.show_rollback(console(), done)
    if done.problem:
        sys.exit(1)


@cli.command()
@click.argument("asked", metavar="VERSION|DIGEST")
@click.option("--reason", required=True, help="Why; kept on record.")
@_where
def allow(
    asked: str,
    reason: str,
    output: str,
    models: str | None,
    name: str | None,
    as_json: bool,
) -> None:
    """Let a model be pushed again that was rolled back from.

    Until then no run pushes that very model, whatever its gates say.
    """
    from version_store import inventory, operations

    folder = _models(output, models)
    model = inventory.find_model(folder, name)
    before = operations.allow(folder, model, asked, reason)
    if as_json:
        print_json({"model": model, "digest": before.digest, "version": before.version})
    else:
        click.echo(f"{model}: version {before.version} may be pushed again")


@cli.command()
@click.option(
    "--keep",
    type=click.IntRange(min=1),
    required=True,
    help="How many versions stay: those that are served, and the newest.",
)
@click.option("--dry-run", is_flag=True, help="Only say what would be removed.")
@_METADATA
@_CONFIG
@_where
def prune(
    keep: int,
    dry_run: bool,
    metadata: str | None,
    config: str | None,
    output: str,
    models: str | None,
    name: str | None,
    as_json: bool,
) -> None:
    """Remove old versions; never one that is served."""
    from version_store import inventory, operations, render

    folder = _models(output, models)
    model = inventory.find_model(folder, name)
    store = None if dry_run else _store(output, models, metadata)
    gone = operations.prune(folder, model, keep, store, dry_run=dry_run, config=config)
    if as_json:
        removed = [version.number for version in gone]
        print_json({"model": model, "removed": removed, "dry_run": dry_run})
    else:
        render.show_pruned(console(), model, gone, dry_run=dry_run)


@cli.command()
@click.argument("version", type=_VERSION, required=False)
@_where
def verify(
    version: int | None,
    output: str,
    models: str | None,
    name: str | None,
    as_json: bool,
) -> None:
    """Hold the files of VERSION, by default of all, to its manifest."""
    from version_store import inventory, render, verification

    folder = _models(output, models)
    if version is None and name is None:
        found = inventory.all_versions(folder)
    else:
        model = inventory.find_model(folder, name, version)
        found = inventory.list_versions(folder, model)
        if version is not None:
            found = [inventory.find_version(found, version)]
    results = [(one, verification.verify(one)) for one in found]
    if as_json:
        print_json(
            [
                {
                    "model": one.model,
                    "version": one.number,
                    "ok": not problems,
                    "held": verification.what_was_held(one),
                    "problems": [
                        {"file": problem.file or None, "what": problem.what}
                        for problem in problems
                    ],
                }
                for one, problems in results
            ]
        )
    else:
        render.show_verified(console(), results)
    if any(problems for _, problems in results):
        sys.exit(1)


def _models(output: str, models: str | None) -> str:
    return models or os.path.join(output, "models")


def _store(output: str, models: str | None, metadata: str | None) -> Any:
    """Returns the store to record in; None where none is named and none is there."""
    from version_store.metadata import open_store

    default = os.path.join(output, "metadata.sqlite")
    if metadata is None:
        # Another folder's models are not what this folder's store is about.
        if models is not None or not os.path.exists(default):
            return None
        metadata = default
    return open_store(metadata, read_only=False)


def main() -> Never:
    """Runs the command line."""
    run(cli, PROGRAM)
