"""The command line of ``python -m benchmarks.serving``."""

import asyncio
import json
import tempfile
from collections import defaultdict
from enum import Enum
from pathlib import Path
from typing import Any, Never

import click
import grpc
from rich.console import Console

from benchmarks.serving import report
from benchmarks.serving.contenders import NAMES, Contender, commands, running
from benchmarks.serving.load import Measurement, measure
from contract import command
from contract.exits import Exit
from serving.launch.models import MODELS, find_model

PROGRAM = "python -m benchmarks.serving"
CONCURRENCIES = (1, 8, 32)


async def run(
    contenders: list[Contender],
    model: str,
    repeats: int,
    seconds: float,
    progress: Console,
) -> dict[tuple[str, int], list[Measurement]]:
    """Measures every contender at every concurrency, `repeats` times.

    The contenders alternate, and each repeat starts with another one, so that other
    work on the machine affects all of them.
    """
    runs = defaultdict(list)
    for repeat in range(repeats):
        for concurrency in CONCURRENCIES:
            first = repeat % len(contenders)
            for contender in contenders[first:] + contenders[:first]:
                measured = await measure(
                    contender.address, contender.pid, model, concurrency, seconds
                )
                runs[contender.name, concurrency].append(measured)
                progress.print(
                    f"{repeat + 1}/{repeats}  {concurrency:>2} x "
                    f"{contender.name:<8} {measured.rate:>7,.0f}/s"
                )
    return {(name, n): runs[name, n] for n in CONCURRENCIES for name in NAMES}


@click.command()
@click.option(
    "--models",
    type=click.Path(path_type=Path),
    default=MODELS,
    show_default=True,
    help="Folder with the pushed models, as NAME/VERSION.",
)
@click.option(
    "--model", "name", help="Name of the model to serve. [the model pushed last]"
)
@click.option(
    "--repeats",
    type=click.IntRange(min=1),
    default=5,
    show_default=True,
    help="Number of runs of each contender.",
)
@click.option(
    "--seconds",
    type=click.FloatRange(min=0, min_open=True),
    default=2.5,
    show_default=True,
    help="Measured time of each run, in seconds.",
)
@click.option(
    "--json",
    "json_path",
    type=click.Path(path_type=Path, dir_okay=False),
    help="JSON file to write, with all measurements.",
)
@click.option("--strict", is_flag=True, help="Exit with code 1 if a target is missed.")
def cli(
    models: Path,
    name: str | None,
    repeats: int,
    seconds: float,
    json_path: Path | None,
    strict: bool,
) -> None:
    """Compare the embedded server with a plain server and with the upper limit."""
    model = find_model(models, name)
    console = Console(highlight=False)
    progress = Console(stderr=True, highlight=False)
    progress.print(f"Starting {', '.join(NAMES)} with {model.name} {model.version}")
    with (
        tempfile.TemporaryDirectory() as logs,
        running(commands(model, Path(logs)), model.name, Path(logs)) as contenders,
    ):
        runs = asyncio.run(run(contenders, model.name, repeats, seconds, progress))
    settings: dict[str, Any] = {
        "model": model.name,
        "version": model.version,
        "repeats": repeats,
        "seconds": seconds,
    }
    outcome = report.as_json(runs, settings)
    for key, value in outcome["machine"].items():
        console.print(f"{key:<11} {value}")
    console.print()
    console.print(report.results_table(runs))
    console.print()
    console.print(report.targets_table(runs))
    if json_path is not None:
        json_path.write_text(json.dumps(outcome, indent=2) + "\n")
    if strict and not all(target["met"] for target in outcome["targets"]):
        raise SystemExit(1)


def _explained(error: BaseException) -> tuple[Enum, str]:
    if isinstance(error, grpc.RpcError):
        return Exit.BROKEN, f"a call failed: {error.code().name}: {error.details()}"
    return command.explain(error, begun=True)


def main() -> Never:
    """Runs the command line; reports an error in one line on standard error."""
    command.run(cli, PROGRAM, _explained, PROGRAM)
