"""One run with all that a person sees of it: start, progress, ending, report."""

import logging
import os
import time
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TYPE_CHECKING

from contract import environment, logs
from contract.demands import AT_MOST, OVERALL, Demand
from contract.errors import BadInputError, GateRefusedError, Terminated
from contract.exits import Exit
from pipeline.config import Config
from runner.checks import check
from runner.datasets import DataSet
from runner.screen import Screen
from runner.workspace import Workspace

if TYPE_CHECKING:
    from runner.summary import Result


@dataclass(frozen=True)
class Run:
    """What all parts of one run share."""

    config: Config
    dataset: DataSet
    workspace: Workspace
    name: str
    started: float
    screen: Screen

    @property
    def folder(self) -> str:
        """Where its log, result and report lie."""
        return self.workspace.run(self.name)


@dataclass(frozen=True)
class Ending:
    """How the pipeline ended, and why; `refusals` are of a gate that failed."""

    code: Exit
    reasons: list[str] = field(default_factory=list)
    refusals: list[Demand] = field(default_factory=list)


def execute(
    config: Config,
    dataset: DataSet,
    workspace: Workspace,
    *,
    reuse: bool,
    verbose: bool,
) -> Exit:
    """Runs the pipeline once, and tells of it.

    Args:
        config: Of the run.
        dataset: Read and checked.
        workspace: Held by the caller.
        reuse: Whether to reuse what earlier runs finished.
        verbose: Whether to show the log on the screen.

    Raises:
        BadInputError: The run cannot begin.
    """
    started = time.time()
    check(config, dataset, workspace)
    name = workspace.new_run(dataset.name, datetime.now())
    log = os.path.join(workspace.run(name), "run.log")
    with logs.captured(log, verbose) as stream:
        screen = Screen(stream)
        screen.say(f"{dataset.name}: {dataset.description}")
        screen.say(f"  {dataset.task_text}")
        if dataset.notice:
            screen.say(f"note: {dataset.notice}", style="yellow")
        run = Run(config, dataset, workspace, name, started, screen)
        with screen.live():
            ending = run_pipeline(run, reuse)
        code = conclude(run, ending)
        screen.say(f"  log    {log}")
        return code


def run_pipeline(run: Run, reuse: bool) -> Ending:
    """Runs the pipeline; returns how it ended."""
    try:
        with run.screen.waiting_for("loading TensorFlow and TFX"):
            environment.prepare()
            with environment.heavy_imports():
                from runner import local
        local.run_pipeline(
            run.config,
            run.dataset,
            run.workspace,
            run.name,
            reuse,
            run.screen.on_event,
        )
    except GateRefusedError as error:
        ending = _refused(error)
    except BadInputError as error:
        ending = Ending(Exit.BAD_INPUT, [str(error)])
    except KeyboardInterrupt:
        ending = Ending(Exit.INTERRUPTED)
    except Terminated:
        ending = Ending(Exit.TERMINATED)
    except Exception as error:
        logging.exception("the run broke")
        lines = str(error).strip().splitlines() or [""]
        ending = Ending(Exit.BROKEN, [f"{type(error).__name__}: {lines[0]}"])
    else:
        return Ending(Exit.PUSHED)
    run.screen.on_failure()
    return ending


def conclude(run: Run, ending: Ending) -> Exit:
    """Reads what came of the run, shows it and keeps it; returns the final code."""
    on_purpose = ending.code in (Exit.INTERRUPTED, Exit.TERMINATED)
    if on_purpose:
        line = f"{run.dataset.name}: {ending.code.meaning}"
        run.screen.say(line, style="bold yellow")
        if not run.screen.steps:
            return ending.code
    seconds = time.time() - run.started
    from runner import local, summary

    found = local.outcome(run.workspace, run.name)
    found = replace(found, demands=[*found.demands, *ending.refusals])
    code, reasons = ending.code, ending.reasons
    if code is Exit.PUSHED and found.pushed is None:
        code = Exit.REFUSED
        reasons = [str(demand) for demand in found.demands if demand.refused]
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


def _refused(error: GateRefusedError) -> Ending:
    """Returns the ending of a run that a gate stopped.

    TFX publishes nothing of a node that failed, so the exception is all there is.
    """
    findings = Demand(
        error.gate,
        "findings",
        OVERALL,
        float(len(error.reasons)),
        0.0,
        AT_MOST,
    )
    reasons = [f"{error.gate}: {reason}" for reason in error.reasons]
    return Ending(Exit.REFUSED, reasons, [findings])


def _report(run: Run, result: "Result") -> str | None:
    """Writes the page about the run; returns its path.

    Whatever is wrong with it is one line on the screen: the run has ended as it
    has.
    """
    from components.report.executor import PAGE_FILE
    from runner import local, report

    path = os.path.join(run.folder, PAGE_FILE)
    try:
        outputs = local.outputs(run.workspace, run.name)
        failed = report.write(
            run.folder, result, outputs, run.config.gates.allow_anomalies
        )
    except Exception as error:
        logging.exception("the report could not be written")
        lines = str(error).strip().splitlines() or [""]
        reason = f"  report could not be written: {type(error).__name__}: {lines[0]}"
        run.screen.say(reason, style="yellow")
        return None
    without = f" (without {', '.join(failed)}: see the log)" if failed else ""
    run.screen.say(f"  report {path}{without}")
    return path
