"""`python local_runner.py`: flags, exit codes, and the order of things."""

import logging
import os
import signal
import sys
import time
from dataclasses import dataclass, field, replace
from datetime import datetime
from types import FrameType
from typing import TYPE_CHECKING, Any

import click
from rich.console import Console

from components.image_example_gen import mirrors
from contract.demands import GateResult
from contract.errors import BadInputError, GateRefusedError
from contract.exits import Exit
from pipeline.config import Config, load_config
from runner import environment, logs
from runner.datasets import DIGITS_BOUNDS, DataSet, resolve
from runner.screen import DownloadBar, Screen
from runner.workspace import Workspace

if TYPE_CHECKING:
    from runner.summary import Result

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
@click.option(
    "--beam-runner",
    metavar="NAME",
    help="Who runs StatisticsGen, Transform and Evaluator. [DirectRunner]",
)
@click.option("--beam-workers", type=int, help="Of DirectRunner; 0: one a core. [1]")
@click.option(
    "--beam-running-mode",
    metavar="in_memory|multi_threading|multi_processing",
    help="Of DirectRunner. [in_memory]",
)
@click.option("--config", "config_path", metavar="FILE", help="Settings, as TOML.")
@click.option(
    "--set",
    "settings",
    multiple=True,
    metavar="SECTION.KEY=VALUE",
    help="Any setting of the configuration, as data.shard_rows=500; may be repeated.",
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
        config = load_config(config_path, [*settings, *as_settings(flags)])
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
    "beam_runner": "beam.runner",
    "beam_workers": "beam.workers",
    "beam_running_mode": "beam.running_mode",
}


def as_settings(flags: dict[str, Any]) -> list[tuple[str, Any]]:
    """Returns the flags that were given as (setting, value)."""
    return [
        (_SECTIONS[flag], value) for flag, value in flags.items() if value is not None
    ]


@dataclass(frozen=True)
class _Run:
    """What all parts of one run share."""

    config: Config
    dataset: DataSet
    workspace: Workspace
    name: str
    started: float
    screen: Screen

    @property
    def folder(self) -> str:
        return self.workspace.run(self.name)


@dataclass(frozen=True)
class _Ending:
    """How the pipeline ended, and why; `refusals` are of a gate that failed."""

    code: Exit
    reasons: list[str] = field(default_factory=list)
    refusals: list[GateResult] = field(default_factory=list)


def _run(config: Config, workspace: Workspace, *, reuse: bool, verbose: bool) -> Exit:
    started = time.time()
    dataset = find_data(config)
    if dataset.is_digits:
        config = config.with_gate_defaults(**DIGITS_BOUNDS)
    name = f"{dataset.name}-{datetime.now():%Y%m%d-%H%M%S}"
    folder = workspace.run(name)
    os.makedirs(folder, exist_ok=True)
    log = os.path.join(folder, "run.log")

    signal.signal(signal.SIGTERM, _on_terminate)
    with logs.captured(log, verbose) as stream:
        screen = Screen(stream)
        screen.console.print(f"{dataset.name}: {dataset.description}", markup=False)
        if dataset.notice:
            screen.console.print(f"note: {dataset.notice}", style="yellow")
        run = _Run(config, dataset, workspace, name, started, screen)
        with screen.live():
            ending = _execute(run, reuse)
        code = _conclude(run, ending)
        screen.console.print(f"  log    {log}", markup=False, soft_wrap=True)
        return code


def _execute(run: _Run, reuse: bool) -> _Ending:
    """Runs the pipeline; returns how it ended."""
    try:
        with run.screen.waiting_for("loading TensorFlow and TFX"):
            environment.prepare()
            with environment.heavy_imports():
                from runner.local import run_pipeline
        run_pipeline(
            run.config,
            run.dataset,
            run.workspace,
            run.name,
            reuse,
            run.screen.on_event,
        )
    except GateRefusedError as error:
        # TFX publishes nothing of a node that failed, so this is all there is.
        findings = str(len(error.reasons))
        ending = _Ending(
            Exit.REFUSED,
            [f"{error.gate}: {reason}" for reason in error.reasons],
            [GateResult(error.gate, "findings", findings, "none", "", passed=False)],
        )
    except BadInputError as error:
        ending = _Ending(Exit.BAD_INPUT, [str(error)])
    except KeyboardInterrupt:
        ending = _Ending(Exit.INTERRUPTED)
    except _Terminated:
        ending = _Ending(Exit.TERMINATED)
    except Exception as error:
        logging.exception("the run broke")
        lines = str(error).strip().splitlines() or [""]
        ending = _Ending(Exit.BROKEN, [f"{type(error).__name__}: {lines[0]}"])
    else:
        return _Ending(Exit.PUSHED)
    run.screen.on_failure()
    return ending


def _conclude(run: _Run, ending: _Ending) -> Exit:
    """Reads what came of the run, shows it and keeps it; returns the final code."""
    on_purpose = ending.code in (Exit.INTERRUPTED, Exit.TERMINATED)
    if on_purpose:
        line = f"{run.dataset.name}: {ending.code.meaning}"
        run.screen.console.print(line, style="bold yellow")
        if not run.screen.steps:
            return ending.code
    seconds = time.time() - run.started
    from runner import summary
    from runner.local import outcome

    found = outcome(run.config, run.workspace, since=run.started)
    found = replace(found, gates=[*found.gates, *ending.refusals])
    code, reasons = ending.code, ending.reasons
    if code is Exit.PUSHED and found.pushed is None:
        code = Exit.REFUSED
        reasons = [str(gate) for gate in found.gates if not gate.passed]
    result = summary.Result(
        run=run.name,
        code=code,
        dataset=run.dataset,
        outcome=found,
        steps=run.screen.steps,
        reasons=reasons,
        started=run.started,
        seconds=seconds,
    )
    if not on_purpose:
        summary.show(run.screen.console, result)
    if run.screen.steps:
        result = replace(result, report=_report(run, result))
    if not on_purpose:
        summary.write(run.folder, result)
    return code


def _report(run: _Run, result: "Result") -> str | None:
    """Writes the page about the run; returns its path.

    Whatever is wrong with it is one line on the screen: the run has ended as it
    has.
    """
    from components.report.executor import PAGE_FILE
    from runner import local, report

    console, path = run.screen.console, os.path.join(run.folder, PAGE_FILE)
    try:
        outputs = local.outputs(run.workspace, since=run.started)
        failed = report.write(run.folder, result, outputs, run.config.gates)
    except Exception as error:
        logging.exception("the report could not be written")
        lines = str(error).strip().splitlines() or [""]
        reason = f"  report could not be written: {type(error).__name__}: {lines[0]}"
        console.print(reason, style="yellow", markup=False, soft_wrap=True)
        return None
    without = f" (without {', '.join(failed)}: see the log)" if failed else ""
    console.print(f"  report {path}{without}", markup=False, soft_wrap=True)
    return path


def find_data(config: Config) -> DataSet:
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
