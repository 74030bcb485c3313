"""`python local_runner.py clean`: removes old files from the output folder."""

import os
from dataclasses import asdict

import click
from rich.filesize import decimal

from contract import environment, logs
from contract.command import print_json
from contract.errors import BadInputError
from contract.options import AS_JSON, OUTPUT
from runner.workspace import Workspace


@click.command()
@OUTPUT
@click.option(
    "--keep-runs",
    type=click.IntRange(min=1),
    default=5,
    show_default=True,
    help="Number of runs of each model that stay complete, for the next run to reuse "
    "their results; and number of `monitor` reports that stay.",
)
@click.option(
    "--dry-run", is_flag=True, help="Print what would be removed; remove nothing."
)
@AS_JSON
def clean(output: str, keep_runs: int, dry_run: bool, as_json: bool) -> None:
    """Remove files of earlier runs that nothing needs any more.

    Pushed versions stay (`python -m version_store prune` removes those). The log and
    the report of the run that pushed a version stay as long as the version does.
    """
    if not os.path.isdir(output):
        raise BadInputError(
            f"--output: {output}: expected the folder of earlier runs, found none"
        )
    workspace = Workspace(os.path.abspath(output))
    environment.prepare()
    with workspace.locked(), logs.captured(os.devnull, verbose=False):
        from runner import cleaning

        found = cleaning.clean(workspace, keep_runs, dry_run=dry_run)
    if as_json:
        print_json({**asdict(found), "dry_run": dry_run})
        return
    count = len(found.kept_runs)
    kept = "1 run is kept" if count == 1 else f"{count} runs are kept"
    verb = "would remove" if dry_run else "removed"
    for path in (*found.artifacts, *found.runs, *found.links):
        click.echo(f"{verb} {path}")
    click.echo(
        f"{verb} {len(found.artifacts)} folders of artifacts and {len(found.runs)} of "
        f"runs, {decimal(found.size)}; {kept} whole"
    )
