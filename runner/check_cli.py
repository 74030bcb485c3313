"""`python local_runner.py check`: takes the flags of a run and examines its data."""

import os
from typing import Any

import click
from rich.table import Table
from rich.text import Text

from contract.command import console, print_json
from contract.errors import BadInputError
from contract.features import SPLITS
from contract.options import AS_JSON
from contract.task import short_name
from runner import cli, data_check, sheet
from runner.datasets import DataSet
from runner.flags import Asked, configuring
from version_store.served import find_served

_MOST_ROWS = 40
"""The table shows at most this many classes; the JSON has all of them."""


@click.command()
@configuring
@click.option(
    "--sheet",
    "sheet_path",
    metavar="FILE",
    help="PNG file to write, with sample pictures and the names of their classes. "
    "[check-NAME.png in the output folder]",
)
@AS_JSON
def check(asked: Asked, sheet_path: str | None, as_json: bool) -> None:
    """Show the data as a run would understand it; nothing is trained.

    Prints the task, the number of rows of each class in each split, oddities, the name
    that the model would get, and the anomalies for which DataGate would stop a run.
    Writes a sheet of sample pictures with the names of their classes. Exit codes: 0 the
    data can be read, 2 it cannot.
    """
    look = data_check.Look()
    config, dataset = cli.find_data(asked.config, look)
    findings = data_check.examine(config, dataset, look)
    served = find_served(asked.workspace.models(dataset.name))
    named = list(dataset.task.classes)
    path = sheet_path or os.path.join(asked.output, f"check-{dataset.name}.png")
    try:
        _write_sheet(look, named, path, "--sheet" if sheet_path else "--output")
    except BadInputError as error:
        if sheet_path:
            raise
        # The user did not ask for the sheet, so the rest is still shown.
        findings.warnings.append(str(error))
        path = ""
    standing = data_check.served_text(served, dataset.task)
    if as_json:
        print_json(_content(dataset, findings, standing, path))
        return
    here = console()
    here.print(Text(f"{dataset.name}: {dataset.description}"))
    here.print(Text(f"  {dataset.task_text}"))
    here.print(Text(f"  split {findings.split.how}: {findings.split.why}"))
    here.print(_table(named, findings))
    if here.is_terminal and here.color_system in ("truecolor", "256"):
        for line in sheet.in_terminal(look.samples, named, here.width):
            here.print(line, no_wrap=True, overflow="crop")
    for warning in findings.warnings:
        here.print(Text(f"warning: {warning}", "yellow"))
    for stop in findings.stops:
        here.print(Text(f"DataGate would stop a run: {stop}", "bold red"))
    here.print(Text(f"model: {dataset.name}: {standing}"))
    if path:
        here.print(Text(f"pictures: {path}"))


def _write_sheet(
    look: data_check.Look, names: list[str], path: str, option: str
) -> None:
    try:
        os.makedirs(os.path.dirname(os.path.abspath(path)), exist_ok=True)
        sheet.draw(look.samples, names).save(path, "PNG")
    except OSError as error:
        raise BadInputError(
            f"{option}: {path}: cannot be written: {error.strerror or error}"
        ) from error


def _table(names: list[str], findings: data_check.Findings) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2))
    table.add_column("class")
    for split in SPLITS:
        table.add_column(split, justify="right")
    for label, name in enumerate(names[:_MOST_ROWS]):
        rows = (f"{findings.counts[split][label]:,}" for split in SPLITS)
        table.add_row(Text(short_name(name)), *rows)
    if len(names) > _MOST_ROWS:
        table.add_row(f"... {len(names) - _MOST_ROWS:,} more")
    sums = (f"{findings.counts[split].sum():,}" for split in SPLITS)
    table.add_row("all", *sums, style="bold")
    return table


def _content(
    dataset: DataSet, findings: data_check.Findings, standing: str, path: str
) -> dict[str, Any]:
    return {
        "name": dataset.name,
        "description": dataset.description,
        "fingerprint": dataset.fingerprint,
        "task": dataset.task.as_dict(),
        "split": {"how": findings.split.how, "why": findings.split.why},
        "rows": {
            split: dict(zip(dataset.task.classes, counts.tolist(), strict=True))
            for split, counts in findings.counts.items()
        },
        "test_rows_in_training": findings.duplicates,
        "warnings": findings.warnings,
        "would_stop_a_run": findings.stops,
        "served": standing,
        "sheet": path or None,
    }
