"""The command line of ``python -m benchmarks.pipeline``."""

import shutil
import sys
import tempfile
from pathlib import Path
from typing import Never

import click
from rich.console import Console

from benchmarks.machine import describe
from benchmarks.pipeline import contenders, growth, report
from benchmarks.pipeline.inputs import Inputs, prepare
from benchmarks.pipeline.measurements import Results, ResultsError, load, load_or_begin
from benchmarks.pipeline.process import ROOT, CommandError
from contract.errors import BadInputError

PROGRAM = "python -m benchmarks.pipeline"
_PACKAGES = ("tensorflow", "keras", "tfx", "apache-beam", "numpy")


def _names(_: click.Context, __: click.Parameter, value: str | None) -> list[str]:
    """Reads `--only`: names of contenders, in the order in which they are run."""
    if value is None:
        return list(contenders.ALL)
    names = [name.strip() for name in value.split(",")]
    for name in names:
        if name not in contenders.ALL:
            raise click.BadParameter(
                f"{name!r}: expected some of {', '.join(contenders.ALL)}"
            )
    if contenders.RERUN in names and contenders.PIPELINE not in names:
        raise click.BadParameter("rerun: expected pipeline, which it reuses, as well")
    return [name for name in contenders.ALL if name in names]


def _times(_: click.Context, __: click.Parameter, value: str | None) -> list[int]:
    """Reads `--growth`: how many times the data is repeated."""
    try:
        found = [int(times) for times in value.split(",")] if value else []
    except ValueError:
        found = [0]
    if any(not 1 <= times <= 49 for times in found):
        raise click.BadParameter(f"{value!r}: expected numbers of 1 to 49, as 1,4,16")
    return found


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--data",
    type=click.Path(path_type=Path, exists=True),
    help="Folder with MNIST's IDX files, or an npz.",
)
@click.option(
    "--rounds",
    type=click.IntRange(min=0),
    default=3,
    show_default=True,
    help="How often each contender runs, in turn.",
)
@click.option("--epochs", type=click.IntRange(min=1), default=25, show_default=True)
@click.option(
    "--only",
    "names",
    callback=_names,
    metavar="NAMES",
    help=f"Some of: {', '.join(contenders.ALL)}.",
)
@click.option(
    "--seeds",
    type=click.IntRange(min=0),
    default=0,
    help="Also compare accuracies over so many seeds.",
)
@click.option(
    "--growth",
    "sizes",
    callback=_times,
    metavar="TIMES",
    help="Also run with so many times the data, as 1,4,16.",
)
@click.option(
    "--json",
    "json_path",
    type=click.Path(path_type=Path, dir_okay=False),
    default=ROOT / "output" / "benchmarks" / "pipeline.json",
    help="The results file; rounds are added to it.  "
    "[default: output/benchmarks/pipeline.json]",
)
@click.option(
    "--work",
    type=click.Path(path_type=Path, file_okay=False),
    help="Where runs write, a temporary folder by default.",
)
@click.option(
    "--render",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Only show what a results file holds.",
)
@click.option("--strict", is_flag=True, help="Exit 1 when a target is missed.")
def cli(
    data: Path | None,
    rounds: int,
    epochs: int,
    names: list[str],
    seeds: int,
    sizes: list[int],
    json_path: Path,
    work: Path | None,
    render: Path | None,
    strict: bool,
) -> None:
    """Compare a whole run with the bare notebook and with a stock TFX pipeline.

    Every contender is a process of its own. What was measured is kept at once, and
    another call adds to it.
    """
    if render is not None:
        results = load(render)
    else:
        if data is None:
            raise click.UsageError("expected --data, the folder with MNIST's files")
        results = _measure(data, rounds, epochs, names, seeds, sizes, json_path, work)
    Console(highlight=False, width=None).print(report.render(results))
    if strict and not all(each.met is not False for each in report.verdicts(results)):
        raise SystemExit(1)


def _measure(
    data: Path,
    rounds: int,
    epochs: int,
    names: list[str],
    seeds: int,
    sizes: list[int],
    json_path: Path,
    work: Path | None,
) -> Results:
    progress = Console(stderr=True, highlight=False)
    if work is not None:
        work.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=work) as temporary:
        folder = Path(temporary)
        progress.print("preparing the data for all contenders")
        inputs = prepare(data, folder)
        results = load_or_begin(
            json_path,
            describe(_PACKAGES),
            {"data": inputs.fingerprint, "epochs": epochs},
        )
        for number in range(rounds):
            order = in_turn(names, len(results.rounds))
            results.rounds.append({})
            bench = contenders.Bench(inputs, epochs, folder / f"round-{number}")
            bench.folder.mkdir()
            for name in order:
                measured = bench.measure(name)
                results.rounds[-1][name] = measured
                results.save(json_path)
                progress.print(
                    f"round {len(results.rounds)}  {name:<18} {measured.seconds:8.1f} s"
                )
            shutil.rmtree(bench.folder)
        for seed in range(1, seeds + 1):
            _accuracies(results, inputs, epochs, seed, folder, progress)
            results.save(json_path)
        for times in sizes:
            of_size = folder / f"growth-{times}"
            of_size.mkdir()
            # One epoch: the training's pace does not hang on how many there are.
            results.growth[times] = growth.measure(data, times, 1, of_size)
            progress.print(f"{times} times  {results.growth[times].seconds:8.1f} s")
            results.save(json_path)
            shutil.rmtree(of_size)
    return results


def in_turn(names: list[str], number: int) -> list[str]:
    """Returns the contenders in the order of a round; each begins another one.

    `rerun` stays behind `pipeline`, whose output it finds done.

    Args:
        names: All of them.
        number: Of the round, from 0; it says which one begins.
    """
    free = [name for name in names if name != contenders.RERUN]
    first = number % max(len(free), 1)
    order = free[first:] + free[:first]
    if contenders.RERUN in names:
        order.insert(order.index(contenders.PIPELINE) + 1, contenders.RERUN)
    return order


def _accuracies(
    results: Results,
    inputs: Inputs,
    epochs: int,
    seed: int,
    folder: Path,
    progress: Console,
) -> None:
    """Trains notebook and pipeline from the seed; those known are not run again."""
    for name in (contenders.NOTEBOOK, contenders.PIPELINE):
        known = results.accuracies.setdefault(name, {})
        if seed in known:
            continue
        of_seed = folder / f"seed-{seed}-{name}"
        of_seed.mkdir()
        bench = contenders.Bench(inputs, epochs, of_seed, seed)
        facts = bench.measure(name).facts
        assert facts is not None, "both of them train"
        known[seed] = facts.test_accuracy
        progress.print(f"seed {seed}  {name:<18} {facts.test_accuracy:8.4f}")
        shutil.rmtree(of_seed)


def main() -> Never:
    """Run the command line; an error is one line on standard error."""
    try:
        sys.exit(cli.main(prog_name=PROGRAM, standalone_mode=False))
    except click.ClickException as error:
        print(f"{PROGRAM}: {error.format_message()} (see --help)", file=sys.stderr)
        sys.exit(2)
    except (BadInputError, ResultsError) as error:
        print(f"{PROGRAM}: {error}", file=sys.stderr)
        sys.exit(2)
    except (CommandError, contenders.ComparisonError) as error:
        print(f"{PROGRAM}: {error}", file=sys.stderr)
        sys.exit(1)
    except OSError as error:
        print(f"{PROGRAM}: {error}", file=sys.stderr)
        sys.exit(1)
    except (click.Abort, KeyboardInterrupt):
        sys.exit(130)
