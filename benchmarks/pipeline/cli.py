"""The command line of ``python -m benchmarks.pipeline``."""

import shutil
import tempfile
from functools import partial
from pathlib import Path
from typing import Never

import click
import psutil
from rich.console import Console

from benchmarks.machine import describe
from benchmarks.pipeline import contenders, growth, report
from benchmarks.pipeline.inputs import prepare
from benchmarks.pipeline.measurements import load_or_begin
from benchmarks.pipeline.process import ROOT
from components.image_example_gen import mnist
from contract import command

PROGRAM = "python -m benchmarks.pipeline"
_PACKAGES = ("tensorflow", "keras", "tfx", "apache-beam", "numpy")


def _names(_: click.Context, __: click.Parameter, value: str | None) -> list[str]:
    """Reads `--only`; returns names of contenders in the order of `contenders.ALL`."""
    if value is None:
        return list(contenders.ALL)
    names = [name.strip() for name in value.split(",")]
    for name in names:
        if name not in contenders.ALL:
            raise click.BadParameter(
                f"{name!r}: expected some of {', '.join(contenders.ALL)}"
            )
    return [name for name in contenders.ALL if name in names]


def _times(_: click.Context, __: click.Parameter, value: str | None) -> list[int]:
    """Reads `--growth`; returns how many times the data is repeated."""
    try:
        found = [int(times) for times in value.split(",")] if value else []
    except ValueError:
        found = [0]
    # Each copy is shifted by another number of columns.
    most = mnist.TASK.width
    if any(not 1 <= times <= most for times in found):
        raise click.BadParameter(
            f"{value!r}: expected numbers of 1 to {most}, as 1,4,16"
        )
    return found


def _servers(
    _: click.Context, __: click.Parameter, values: tuple[str, ...]
) -> dict[str, int]:
    """Reads `--watch`; returns process ids by name."""
    found = {}
    for value in values:
        name, _sign, pid = value.partition("=")
        if not pid.isdigit() or not psutil.pid_exists(int(pid)):
            raise click.BadParameter(f"{value!r}: expected NAME=PID of a process")
        found[name] = int(pid)
    return found


@click.command()
@click.option(
    "--data",
    required=True,
    type=click.Path(path_type=Path, exists=True),
    help="Folder with MNIST's IDX files, or an npz file.",
)
@click.option(
    "--rounds",
    type=click.IntRange(min=0),
    default=3,
    show_default=True,
    help="Number of runs of each contender; the contenders alternate.",
)
@click.option(
    "--epochs",
    type=click.IntRange(min=1),
    default=25,
    show_default=True,
    help="Number of passes over the training rows.",
)
@click.option(
    "--only",
    "names",
    callback=_names,
    metavar="NAMES",
    help=f"Contenders to run, from: {', '.join(contenders.ALL)}. [all]",
)
@click.option(
    "--earlier",
    type=click.Path(path_type=Path, exists=True, file_okay=False, resolve_path=True),
    help="Folder of another checkout of this project, to compare with.",
)
@click.option(
    "--growth",
    "sizes",
    callback=_times,
    metavar="TIMES",
    help="Also run with this many times the data, such as 1,4,16.",
)
@click.option(
    "--config",
    type=click.Path(path_type=Path, exists=True, dir_okay=False, resolve_path=True),
    help="TOML file for the runs of --growth, with the settings of Beam.",
)
@click.option(
    "--watch",
    "servers",
    callback=_servers,
    multiple=True,
    metavar="NAME=PID",
    help="Further process whose memory counts in the runs of --growth, such as a "
    "Beam engine; may be repeated.",
)
@click.option(
    "--json",
    "json_path",
    type=click.Path(path_type=Path, dir_okay=False),
    default=ROOT / "output" / "benchmarks" / "pipeline.json",
    help="Results file; new measurements are added to it.  "
    "[default: output/benchmarks/pipeline.json]",
)
def cli(
    data: Path,
    rounds: int,
    epochs: int,
    names: list[str],
    earlier: Path | None,
    sizes: list[int],
    config: Path | None,
    servers: dict[str, int],
    json_path: Path,
) -> None:
    """Compare a complete run with the plain notebook and with a stock TFX pipeline.

    Each contender runs in a process of its own. Every measurement is stored at once,
    and a further call adds to the file. With --rounds 0, the file is only shown.
    """
    progress = Console(stderr=True, highlight=False)
    if earlier is None:
        names = [name for name in names if name != contenders.EARLIER]
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        progress.print("preparing the data for all contenders")
        inputs = prepare(data, folder)
        results = load_or_begin(
            json_path,
            describe(_PACKAGES),
            {"data": inputs.fingerprint, "epochs": epochs},
        )
        for number in range(rounds):
            of_round = folder / f"round-{number}"
            of_round.mkdir()
            bench = contenders.Bench(inputs, epochs, of_round, earlier)
            order = in_turn(names, len(results.rounds))
            results.rounds.append({})
            for name in order:
                measured = bench.measure(name)
                results.rounds[-1][name] = measured
                results.save(json_path)
                progress.print(
                    f"round {len(results.rounds)}  {name:<12} {measured.seconds:8.1f} s"
                )
            shutil.rmtree(of_round)
        for times in sizes:
            of_size = folder / f"growth-{times}"
            of_size.mkdir()
            where = config.stem if config else "in process"
            grown = growth.measure(data, times, of_size, config, servers)
            results.growth.setdefault(where, {})[times] = grown
            results.save(json_path)
            progress.print(f"{times} times  {grown.seconds:8.1f} s")
            shutil.rmtree(of_size)
    Console(highlight=False, width=None).print(report.render(results))


def in_turn(names: list[str], number: int) -> list[str]:
    """Returns the contenders in a round's order; each round begins with another one."""
    first = number % max(len(names), 1)
    return names[first:] + names[:first]


def main() -> Never:
    """Runs the command line; reports an error in one line on standard error."""
    command.run(cli, PROGRAM, partial(command.explain, begun=True), PROGRAM)
