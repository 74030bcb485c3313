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


def _some_text(context: click.Context, option: click.Parameter, text: str) -> str:
    if not text.strip():
        raise click.BadParameter("expected a text, found none")
    return text


_REASON = click.option(
    "--reason",
    required=True,
    callback=_some_text,
    help="Reason; stored in the record.",
)

_HELP = """
Manage the pushed versions of a model.

The highest version is served, as in TensorFlow Serving, until versions are
labelled stable and canary. Then models.config beside the models names them, and
servers read this file at intervals (--config names another file). Every command
may run while a pipeline pushes, and may be killed: the next command removes or
completes what was left unfinished.

Exit codes: 0 done; 1 verify found a problem, or a rollback, promotion or
withdrawal was done but could not be recorded, or was not confirmed by the
servers; 2 the command cannot be done, and one line gives the reason.
"""


@click.group(help=_HELP)
def cli() -> None:
    """Groups the commands."""


@cli.command("list")
@where("config", "name")
def list_command(here: Where) -> None:
    """List the versions, highest first, with those served now and earlier."""
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
@click.option("--reason", help="Reason; stored in the record.")
@where("servers", "metadata", "config", "name")
def rollback(here: Where, version: int | None, reason: str | None) -> None:
    """Serve VERSION again; by default the version before the served one.

    A copy of VERSION becomes a new version, which a server loads at its next poll.
    The files must be exactly those that were pushed, and the gates must have blessed
    the model. No run pushes the replaced model again, until it is allowed: see allow.
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
    """Serve VERSION as the canary, on trial beside the stable version.

    The servers load VERSION, and it gets the label canary when every server has it. By
    default, VERSION is the one whose push as canary was not finished. A request without
    a label or a version gets the highest version that is loaded: callers that must stay
    with the stable version have to request the label stable.
    """
    from version_store import operations, render

    model = _model(here, version)
    done = operations.canary(here.models, model, version, here.servers)
    render.show_trial(console(), done, as_json=here.as_json)


@cli.command()
@click.argument("version", type=_VERSION, required=False)
@_REASON
@where("servers", "metadata", "name")
def promote(here: Where, version: int | None, reason: str) -> None:
    """Make the canary, or VERSION, the stable version.

    The label moves when every server has loaded the version; then the previous stable
    version is unloaded. Requests for the label canary get the stable version, until
    there is another canary.
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
@_REASON
@where("metadata", "name")
def withdraw(here: Where, reason: str) -> None:
    """End the trial of the canary, without promoting it.

    The canary is unloaded, and requests for the label canary get the stable version.
    No run pushes the model of the canary again, until it is allowed: see allow.
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
@_REASON
@where("name")
def allow(here: Where, asked: str, reason: str) -> None:
    """Allow runs to push a model again after a rollback or a withdrawal.

    Without this, no run pushes the same model again, even if the gates bless it.
    """
    from version_store import operations

    model = operations.find_held_back(here.models, here.name, asked)
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
    help="Number of versions to keep: the served ones, then the newest.",
)
@click.option(
    "--dry-run", is_flag=True, help="Print what would be removed; remove nothing."
)
@where("metadata", "config", "name")
def prune(here: Where, keep: int, dry_run: bool) -> None:
    """Remove old versions, but never a served one."""
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
    """Compare the files of VERSION with its manifest; by default of all versions."""
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
