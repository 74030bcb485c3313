"""Formats versions for a terminal, a pipe, or as JSON."""

from dataclasses import asdict
from datetime import datetime
from typing import Any

from rich import box
from rich.console import Console
from rich.filesize import decimal
from rich.table import Table
from rich.text import Text

from contract.command import print_json, say
from serving.launch import code
from version_store.inventory import Version
from version_store.operations import Done, Trial
from version_store.verification import Problem, what_was_held
from version_store.versions import folder_size

UNKNOWN = "unknown"


def as_facts(version: Version) -> dict[str, Any]:
    """Returns the facts that `list` shows of a version; None is unknown."""
    manifest = version.manifest
    back = manifest.rolled_back if manifest else None
    return {
        "model": version.model,
        "version": version.number,
        "served": version.served,
        "held_back": version.held_back is not None,
        "labels": list(version.labels),
        "pushed_at": manifest.pushed_at if manifest else None,
        "bytes": folder_size(version.path),
        "rolled_back": back.model_dump() if back else None,
        "test_accuracy": manifest.test_accuracy if manifest else None,
        "run": manifest.run if manifest else None,
        "path": version.path,
        "problem": version.problem or None,
    }


def show_versions(console: Console, found: list[Version]) -> None:
    """Prints a table with a row for each version."""
    table = plain_table(
        console,
        "model",
        "version",
        "pushed",
        "state",
        "size",
        "accuracy",
        "run",
        "rolled back",
    )
    for version in found:
        facts = as_facts(version)
        back = facts["rolled_back"]
        accuracy = facts["test_accuracy"]
        table.add_row(
            version.model,
            str(version.number),
            local_time(facts["pushed_at"]),
            Text(version.state, style="green" if version.served else ""),
            decimal(facts["bytes"]),
            UNKNOWN if accuracy is None else f"{accuracy:.4f}",
            facts["run"] or UNKNOWN,
            f"to {back['of']}: {back['reason'] or 'no reason given'}" if back else "",
        )
    console.print(table)
    for version in found:
        if version.problem:
            console.print(version.problem, style="red")


def show_rollback(console: Console, done: Done) -> None:
    """Prints the served version after a rollback."""
    made = done.made.number
    text = (
        f"{done.made.model}: version {done.source.number} is served again, as version "
        f"{made}, instead of {done.served_before.number}"
    )
    say(console, text, "bold green")
    say(console, f"  model  {done.made.path}")
    if done.waits:
        promote = f"{code.typed('version_store')} promote {made} --reason TEXT"
        text = f"  not labelled yet: {done.waits}: once they have it, {promote}"
        say(console, text, "yellow")
    elif not done.made.served:
        text = (
            "  not served yet: the server's configuration names other versions: name "
            f"{made} there"
        )
        say(console, text, "yellow")
    if not done.recorded:
        none = "no metadata store lies beside the models: name it with --metadata"
        say(console, f"  not recorded: {done.problem or none}", "yellow")


def show_trial(console: Console, done: Trial, *, as_json: bool) -> None:
    """Prints the stable version and the canary."""
    if as_json:
        print_json(asdict(done))
        return
    if done.pinned is not None:
        text = (
            f"{done.model}: version {done.pinned}, which was served as the highest, is "
            "labelled stable now"
        )
        say(console, text)
    trial = "no canary" if done.canary is None else f"canary {done.canary}"
    say(console, f"{done.model}: stable {done.stable}, {trial}", "bold green")
    if done.waits:
        say(console, f"  not confirmed: {done.waits}", "yellow")
    if done.problem:
        say(console, f"  not recorded: {done.problem}", "yellow")
    if done.canary is not None:
        text = (
            "  requests that name neither a label nor a version get version "
            f"{max(done.stable, done.canary)}"
        )
        say(console, text)


def show_pruned(
    console: Console, model: str, gone: list[Version], *, dry_run: bool
) -> None:
    """Prints the versions that were removed, or would be."""
    would = "would remove" if dry_run else "removed"
    for version in gone:
        say(console, f"{model}: {would} version {version.number}")
    if not gone:
        say(console, f"{model}: nothing to remove")


def show_verified(
    console: Console, results: list[tuple[Version, list[Problem]]]
) -> None:
    """Prints a line for each correct version, and one for each problem."""
    for version, problems in results:
        where = f"{version.model} version {version.number}"
        if not problems:
            say(console, f"{where}: as pushed ({what_was_held(version)})", "green")
        for problem in problems:
            say(console, f"{where}: {problem}", "bold red")


def verified_facts(version: Version, problems: list[Problem]) -> dict[str, Any]:
    """Returns the result of `verify` for a version, for JSON."""
    return {
        "model": version.model,
        "version": version.number,
        "ok": not problems,
        "held": what_was_held(version),
        "problems": [
            {"file": problem.file or None, "what": problem.what} for problem in problems
        ],
    }


def local_time(stamp: str | None) -> str:
    """Returns an ISO 8601 time in this machine's zone, to the second."""
    if stamp is None:
        return UNKNOWN
    return f"{datetime.fromisoformat(stamp).astimezone():%Y-%m-%d %H:%M:%S}"


def plain_table(console: Console, *columns: str) -> Table:
    """Returns a table; in a pipe, one without borders and with each row on one line."""
    table = (
        Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False)
        if console.is_terminal
        else Table(box=None, pad_edge=False)
    )
    for column in columns:
        table.add_column(column, overflow="fold")
    return table
