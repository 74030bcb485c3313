"""`python local_runner.py`: flags, exit codes, and the order of things."""

import os
import signal
import sys
import time
from datetime import datetime
from types import FrameType
from typing import Any

import click
from rich.console import Console

from components.mnist_example_gen import mirrors
from pipeline.config import Config, load_config
from pipeline.errors import BadInputError, GateRefusedError
from runner import environment, logs
from runner.datasets import DIGITS_BOUNDS, DataSet, resolve
from runner.exits import Exit
from runner.screen import DownloadBar, Screen
from runner.workspace import Workspace

_HELP = """
Run the pipeline on this machine: data, checks, training, gates, push.

Exit codes: 0 the model is served; 1 something broke, see the log; 2 flags,
configuration or data cannot be used; 3 a gate refused; 130 interrupted
(Ctrl-C); 143 terminated. Whatever the code, a version is served whole or not
at all, and the next run picks up from what was finished.
"""


class _Terminated(BaseException):
    """SIGTERM; not an Exception, so that nothing on the way swallows it."""


@click.command(help=_HELP, context_settings={"max_content_width": 88})
@click.option("--data", metavar="PATH", help="Folder with IDX files, or an npz.")
@click.option(
    "--dataset",
    metavar="auto|mnist|digits",
    help="Without --data: which one to take. auto is mnist, or the embedded digits "
    "where no mirror answers.",
)
@click.option("--name", help="Name of the model. [default: mnist, or digits]")
@click.option("--epochs", type=int, help="Passes over the training rows. [25]")
@click.option("--batch-size", type=int, help="Rows a step. [32]")
@click.option("--seed", type=int, help="The same seed gives the same weights. [1]")
@click.option("--min-accuracy", type=float, help="Gate. [0.97; digits: 0.93]")
@click.option("--min-digit-accuracy", type=float, help="Gate. [0.93; digits: 0.75]")
@click.option(
    "--max-champion-loss",
    type=float,
    help="Gate: accuracy that a model may lose against the served one. [0.005]",
)
@click.option(
    "--allow-anomalies",
    is_flag=True,
    default=None,
    help="Go on in spite of what DataGate finds; it is kept on record.",
)
@click.option("--config", "config_path", metavar="FILE", help="Settings, as TOML.")
@click.option(
    "--set",
    "settings",
    multiple=True,
    metavar="SECTION.KEY=VALUE",
    help="Any setting of the configuration, as beam.workers=2; may be repeated.",
)
@click.option("--output", default="output", show_default=True, help="Folder for all.")
@click.option("--no-reuse", is_flag=True, help="Run everything anew.")
@click.option("--verbose", is_flag=True, help="Show the log on the screen as well.")
def main(
    config_path: str | None,
    settings: tuple[str, ...],
    output: str,
    no_reuse: bool,
    verbose: bool,
    **flags: Any,
) -> None:
    """Runs the command; ends the process with one of the documented codes."""
    try:
        config = load_config(config_path, [*settings, *_as_settings(flags)])
        workspace = Workspace(os.path.abspath(output))
        with workspace.locked():
            code = _run(config, workspace, reuse=not no_reuse, verbose=verbose)
    except BadInputError as error:
        click.echo(f"error: {error}", err=True)
        code = Exit.BAD_INPUT
    except KeyboardInterrupt:
        click.echo("interrupted", err=True)
        code = Exit.INTERRUPTED
    except _Terminated:
        click.echo("terminated", err=True)
        code = Exit.TERMINATED
    sys.exit(code.value)


_SECTIONS = {
    "data": "data.path",
    "dataset": "data.dataset",
    "name": "data.name",
    "epochs": "training.epochs",
    "batch_size": "training.batch_size",
    "seed": "training.seed",
    "min_accuracy": "gates.min_accuracy",
    "min_digit_accuracy": "gates.min_digit_accuracy",
    "max_champion_loss": "gates.max_champion_loss",
    "allow_anomalies": "gates.allow_anomalies",
}


def _as_settings(flags: dict[str, Any]) -> list[tuple[str, Any]]:
    """Returns the flags that were given as (setting, value)."""
    return [
        (_SECTIONS[flag], value) for flag, value in flags.items() if value is not None
    ]


def _run(config: Config, workspace: Workspace, *, reuse: bool, verbose: bool) -> Exit:
    started = time.time()
    dataset = _find_data(config)
    if dataset.is_digits:
        config = config.with_gate_defaults(**DIGITS_BOUNDS)
    run = f"{dataset.name}-{datetime.now():%Y%m%d-%H%M%S}"
    folder = workspace.run(run)
    os.makedirs(folder)
    log = os.path.join(folder, "run.log")

    signal.signal(signal.SIGTERM, _on_terminate)
    with logs.captured(log, verbose) as stream:
        screen = Screen(stream)
        screen.console.print(f"{dataset.name}: {dataset.description}", markup=False)
        if dataset.notice:
            screen.console.print(f"note: {dataset.notice}", style="yellow")
        reasons: list[str] = []
        with screen.live():
            code = _execute(config, dataset, workspace, run, reuse, screen, reasons)
        return _conclude(
            config, dataset, workspace, run, screen, code, reasons, started, log
        )


def _execute(
    config: Config,
    dataset: DataSet,
    workspace: Workspace,
    run: str,
    reuse: bool,
    screen: Screen,
    reasons: list[str],
) -> Exit:
    """Runs the pipeline; returns how it ended, and adds why to the reasons."""
    try:
        with screen.waiting_for("loading TensorFlow and TFX"):
            environment.prepare()
            with environment.heavy_imports():
                from runner.local import run_pipeline
        run_pipeline(config, dataset, workspace, run, reuse, screen.on_event)
    except GateRefusedError as error:
        reasons += [f"{error.gate}: {reason}" for reason in error.reasons]
        code = Exit.REFUSED
    except BadInputError as error:
        reasons.append(str(error))
        code = Exit.BAD_INPUT
    except KeyboardInterrupt:
        code = Exit.INTERRUPTED
    except _Terminated:
        code = Exit.TERMINATED
    except Exception as error:
        import logging

        logging.exception("the run broke")
        lines = str(error).strip().splitlines() or [""]
        reasons.append(f"{type(error).__name__}: {lines[0]}")
        code = Exit.BROKEN
    else:
        return Exit.PUSHED
    screen.on_failure()
    return code


def _conclude(
    config: Config,
    dataset: DataSet,
    workspace: Workspace,
    run: str,
    screen: Screen,
    code: Exit,
    reasons: list[str],
    started: float,
    log: str,
) -> Exit:
    """Reads what came of the run, shows it and keeps it; returns the final code."""
    if code in (Exit.INTERRUPTED, Exit.TERMINATED):
        screen.console.print(f"{dataset.name}: {code.meaning}", style="bold yellow")
        screen.console.print(f"  log    {log}", markup=False, soft_wrap=True)
        return code
    from runner import summary
    from runner.local import outcome

    result = outcome(config, workspace, since=started)
    if code is Exit.PUSHED and result.pushed is None:
        code = Exit.REFUSED
        reasons += [str(gate) for gate in result.gates if not gate.passed]
    seconds = time.time() - started
    summary.show(
        screen.console, code, dataset, result, screen.steps, reasons, seconds, log
    )
    summary.write_result(
        workspace.run(run), run, code, dataset, result, screen.steps, reasons, seconds
    )
    return code


def _find_data(config: Config) -> DataSet:
    """Finds, fetches and checks the data, before anything heavy is imported."""
    console = Console(highlight=False)
    bar = DownloadBar(console)
    try:
        return resolve(
            config.data, _cache(), lambda folder: mirrors.download(folder, bar)
        )
    finally:
        bar.stop()


def _cache() -> str:
    """Returns the folder for fetched data, by the XDG base directory spec."""
    base = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    return os.path.join(base, "mnist-tfx-pipeline")


def _on_terminate(signum: int, frame: FrameType | None) -> None:
    raise _Terminated
