"""The command line of `python -m version_store`."""

import os
import sys
from typing import Any, Never

import click

from contract.command import console, print_json, run
from contract.notifying import Event, Kind, Settings, begin
from version_store.where import Where, where

PROGRAM = "python -m version_store"

_VERSION = click.IntRange(min=0)

_HELP = """
Look after the versions that were pushed.

The version that is served is the highest, as for TensorFlow Serving, until
versions are labelled stable and canary: then models.config beside the models
names them, which servers read again and again (another file: --config). Each
command is safe against a pipeline that pushes at the same moment, and against
being killed: what is half done is cleared away by the next one, or done again.

Exit codes: 0 done; 1 verify found something, or a rollback, promotion or
withdrawal was done and could not be recorded, or not be confirmed by the
servers; 2 it cannot be done, one line says why.
"""


@click.group(
    help=_HELP,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 88},
)
def cli() -> None:
    """Groups the commands."""


@cli.command("list")
@where("config", "name")
def list_command(here: Where) -> None:
    """List the versions, highest first: what is served and what was."""
    from version_store import inventory, render

    folder, config = here.models, here.config
    if here.name is None:
        found = inventory.all_versions(folder, config)
    else:
        model = inventory.find_model(folder, here.name)
        found = inventory.list_versions(folder, model, config)
    if here.as_json:
        print_json([render.as_facts(version) for version in found])
    elif found:
        render.show_versions(console(), found)
    else:
        click.echo(f"{folder}: no version was pushed there")


@cli.command()
@click.argument("version", type=_VERSION, required=False)
@click.option("--reason", help="Why; kept on record.")
@where("servers", "metadata", "config", "name")
def rollback(here: Where, version: int | None, reason: str | None) -> None:
    """Serve VERSION again, by default the one before what is served.

    It comes back as a new version, which a server takes with its next poll. It
    has to be what was pushed, to the last bit, and blessed by the gates. The model
    that was served until then is not pushed again, whatever run makes it: see allow.
    """
    from version_store import inventory, operations, render

    notify = Settings.of_environment()
    model = inventory.find_model(here.models, here.name, version)
    done = operations.rollback(
        here.models, model, version, reason, _store(here), here.config, here.servers
    )
    if here.as_json:
        print_json({**render.as_facts(done.made), "recorded": done.recorded})
    else:
        render.show_rollback(console(), done)
    back = done.made.manifest.rolled_back if done.made.manifest else None
    if back is not None:
        what = f"{model}: back to version {back.of}, served as {done.made.number}"
        _tell(notify, "withdrawn", model, back.instead_of, what, reason)
    if done.problem or done.waits:
        sys.exit(1)


@cli.command()
@click.argument("version", type=_VERSION, required=False)
@where("servers", "name")
def canary(here: Where, version: int | None) -> None:
    """Put VERSION on trial beside the stable one.

    It is loaded, and labelled canary once every server has it; by default the one whose
    push as canary could not be finished. A request that names neither a label nor a
    version gets the highest version that is loaded: callers that are to stay with the
    proven one ask for the label stable.
    """
    from version_store import operations, render

    model = _model(here, version)
    done = operations.canary(here.models, model, version, here.servers)
    render.show_trial(console(), done, as_json=here.as_json)


@cli.command()
@click.argument("version", type=_VERSION, required=False)
@click.option("--reason", required=True, help="Why; kept on record.")
@where("servers", "metadata", "name")
def promote(here: Where, version: int | None, reason: str) -> None:
    """Make the canary, or VERSION, the stable version.

    Once every server has it; the one before is unloaded after that. Who asks for the
    canary gets the stable version, until there is another one.
    """
    from version_store import operations, render

    notify = Settings.of_environment()
    done = operations.promote(
        here.models, _model(here, version), version, reason, _store(here), here.servers
    )
    render.show_trial(console(), done, as_json=here.as_json)
    what = f"{done.model}: version {done.stable} is stable now"
    _tell(notify, "promoted", done.model, done.stable, what, reason)
    if done.problem or done.waits:
        sys.exit(1)


@cli.command()
@click.option("--reason", required=True, help="Why; kept on record.")
@where("metadata", "name")
def withdraw(here: Where, reason: str) -> None:
    """End the trial of the canary.

    It is unloaded, and who asks for the canary gets the stable version. Its model is
    not pushed again, whatever run makes it: see allow.
    """
    from version_store import operations, render
    from version_store.serving_config import serving

    notify, model = Settings.of_environment(), _model(here)
    trial = serving(os.path.join(here.models, model)).canary
    done = operations.withdraw(here.models, model, reason, _store(here))
    render.show_trial(console(), done, as_json=here.as_json)
    what = f"{model}: the trial is over, version {done.stable} stays"
    _tell(notify, "withdrawn", model, trial, what, reason)
    if done.problem:
        sys.exit(1)


@cli.command()
@click.argument("asked", metavar="VERSION|DIGEST")
@click.option("--reason", required=True, help="Why; kept on record.")
@where("name")
def allow(here: Where, asked: str, reason: str) -> None:
    """Let a model be pushed again that was rolled back from, or withdrawn.

    Until then no run pushes that very model, whatever its gates say.
    """
    from version_store import inventory, operations

    model = inventory.find_model(here.models, here.name)
    before = operations.allow(here.models, model, asked, reason)
    if here.as_json:
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
@where("metadata", "config", "name")
def prune(here: Where, keep: int, dry_run: bool) -> None:
    """Remove old versions; never one that is served."""
    from version_store import inventory, operations, render

    model = inventory.find_model(here.models, here.name)
    gone = operations.prune(
        here.models,
        model,
        keep,
        None if dry_run else _store(here),
        dry_run=dry_run,
        config=here.config,
    )
    if here.as_json:
        removed = [version.number for version in gone]
        print_json({"model": model, "removed": removed, "dry_run": dry_run})
    else:
        render.show_pruned(console(), model, gone, dry_run=dry_run)


@cli.command()
@click.argument("version", type=_VERSION, required=False)
@where("name")
def verify(here: Where, version: int | None) -> None:
    """Hold the files of VERSION, by default of all, to its manifest."""
    from version_store import inventory, render, verification

    # A server ignores a version without a SavedModel, but verify has to report it.
    if version is None and here.name is None:
        found = inventory.all_versions(here.models, whole=False)
    else:
        model = inventory.find_model(here.models, here.name, version, whole=False)
        found = inventory.list_versions(here.models, model, whole=False)
        if version is not None:
            found = [inventory.find_version(found, version)]
    results = [(one, verification.verify(one)) for one in found]
    if here.as_json:
        print_json([render.verified_facts(*result) for result in results])
    elif results:
        render.show_verified(console(), results)
    else:
        click.echo(f"{here.models}: no version was pushed there")
    if any(problems for _, problems in results):
        sys.exit(1)


def _tell(
    settings: Settings,
    kind: Kind,
    model: str,
    version: int | None,
    what: str,
    reason: str | None,
) -> None:
    """Sends a decision to the recipients that the environment names."""
    event = Event(kind, model, what, (reason,) if reason else (), version)
    sending = begin(settings, event)
    if sending is not None:
        sending.finish()


def _model(here: Where, version: int | None = None) -> str:
    from version_store import inventory

    return inventory.find_model(here.models, here.name, version)


def _store(here: Where) -> Any:
    """Returns the ML Metadata store to record in; None if there is none."""
    from version_store.metadata import open_store

    return open_store(here.metadata, read_only=False) if here.metadata else None


def main() -> Never:
    """Runs the command line."""
    run(cli, PROGRAM)
