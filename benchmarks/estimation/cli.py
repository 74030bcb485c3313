"""The command line of ``python -m benchmarks.estimation``."""

from collections.abc import Iterable
from enum import Enum
from pathlib import Path
from typing import Never

import click
import numpy as np

from benchmarks.estimation.study import OFF, SAMPLES, Finding, Study
from components.image_example_gen.source import open_source
from contract import command
from contract.errors import BadInputError
from contract.exits import Exit
from contract.features import TEST
from serving.client.errors import ClientError

PROGRAM = "python -m benchmarks.estimation"

_ROWS = (1000, 1500, 2000, 3000, 5000)

_LEAST_TRUSTED = 19

_MOST_MISSED = 5


@click.command()
@click.option(
    "--version-dir",
    type=click.Path(path_type=Path),
    required=True,
    help="Folder of a version of an MNIST model: output/models/mnist/1700000000.",
)
@click.option(
    "--data",
    required=True,
    metavar="PATH",
    help="MNIST; the model predicts its test part.",
)
@click.option(
    "--rows",
    type=click.IntRange(min=1),
    default=3000,
    show_default=True,
    help="Number of pictures of each kind of traffic.",
)
@click.option(
    "--seed", default=1, show_default=True, help="Seed of the random samples."
)
def cli(version_dir: Path, data: str, rows: int, seed: int) -> None:
    """Compare the accuracy estimated without labels with the true accuracy.

    Exit code 3: a trusted estimate was wrong by more than 0.03, fewer than 19 of 20
    samples of undisturbed traffic were trusted, or, for one of the sample sizes, more
    than 5 of 100 samples with letters were not noticed.
    """
    blocks = list(open_source(data).blocks(TEST))
    images, labels = map(np.concatenate, zip(*blocks, strict=True))
    if rows > len(images):
        raise BadInputError(
            f"--rows: expected at most the {len(images)} of {data}, found {rows}"
        )
    study = Study(version_dir, images, labels, rows, seed)
    disturbed = _show("disturbed", study.kinds())
    mixed = _show("letters among digits", study.mixed())
    samples = _show("undisturbed", study.undisturbed())
    click.echo("| pictures | 4 % of letters, missed | undisturbed, trusted |")
    click.echo("| --- | --- | --- |")
    most_missed = 0
    for fewer in _ROWS:
        if fewer <= len(images):
            missed, trusted = study.among(fewer)
            most_missed = max(most_missed, missed)
            click.echo(f"| {fewer:,} | {missed} of 100 | {trusted} of 100 |")
    wrongly = [f for f in [*disturbed, *mixed] if f.is_off and f.estimate.trusted]
    right = sum(f.estimate.trusted and not f.is_off for f in samples)
    click.echo(f"trusted, but off by more than {OFF}: {len(wrongly)}")
    click.echo(f"undisturbed, trusted and right: {right} of {SAMPLES}")
    if wrongly or right < _LEAST_TRUSTED or most_missed > _MOST_MISSED:
        raise SystemExit(Exit.REFUSED.value)


def _show(title: str, findings: Iterable[Finding]) -> list[Finding]:
    """Prints the findings row by row as a Markdown table; returns them."""
    click.echo(f"| {title} | estimated | interval | true | off by | novel | trusted |")
    click.echo("| --- | --- | --- | --- | --- | --- | --- |")
    shown = []
    for finding in findings:
        shown.append(finding)
        found = finding.estimate
        click.echo(
            f"| {finding.kind} | {found.value:.3f} | {found.low:.3f} to "
            f"{found.high:.3f} | {finding.accuracy:.3f} | {finding.off:+.3f} | "
            f"{found.novel:.1%} | {'yes' if found.trusted else 'no'} |"
        )
    click.echo()
    return shown


def _explained(error: BaseException) -> tuple[Enum, str]:
    if isinstance(error, BadInputError | ClientError):
        return Exit.BAD_INPUT, str(error)
    return command.explain(error, begun=True)


def main() -> Never:
    """Runs the command line; reports an error in one line on standard error."""
    command.run(cli, PROGRAM, _explained, PROGRAM)
