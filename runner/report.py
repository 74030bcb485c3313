"""The page about a run, with what only the runner knows of it."""

import os
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

from tfx.types.artifact import Artifact

from components.report.executor import PAGE_FILE, PAGE_KEY, read_page, with_head
from components.report.page import Page
from components.report.run import Component, RunFacts, commands, versions
from components.report.sections import completed
from components.report.standing import (
    BROKEN,
    INTERRUPTED,
    PUSHED,
    REFUSED,
    UNCHANGED,
    Verdict,
)
from contract.exits import Exit
from pipeline.config import Gates
from runner.screen import Step
from runner.summary import Result

Outputs = Mapping[tuple[str, str], Artifact]

# The newest first: each goes on with the one after it.
_PAGES = ("Report", "ModelReport", "DataReport")

_INPUTS = {
    "examples": ("ImageExampleGen", "examples"),
    "statistics": ("StatisticsGen", "statistics"),
    "schema": ("ImportSchemaGen", "schema"),
    "anomalies": ("ExampleValidator", "anomalies"),
    "champion_statistics": ("Champion", "statistics"),
    "model_run": ("Trainer", "model_run"),
    "evaluation": ("Evaluator", "evaluation"),
    "infra_blessing": ("ServingValidator", "blessing"),
}
"""Which output is which of Report's inputs."""


def write(folder: str, result: Result, outputs: Outputs, gates: Gates) -> list[str]:
    """Writes `report.html`: the pipeline's own page, completed.

    A run that was stopped has left what its nodes had published by then. What a
    page of its own node would have said of the rest is made here, of the same
    artifacts by the same functions.

    Args:
        folder: Of the run.
        result: What is known of it.
        outputs: What its nodes have published, by node id and output.
        gates: What it was held to.

    Returns:
        The sections that could not be made; they say so themselves.
    """
    inputs = {
        name: outputs[source] for name, source in _INPUTS.items() if source in outputs
    }
    page = completed(_latest(result, outputs), inputs, gates)
    page = with_head(page, verdict(result), _run_facts(result))
    beside = os.path.join(folder, f".{PAGE_FILE}.tmp")
    with open(beside, "w", encoding="utf-8") as stream:
        stream.write(page.render())
    os.replace(beside, os.path.join(folder, PAGE_FILE))
    return [name for name, section in page.sections.items() if section.failed]


def verdict(result: Result) -> Verdict:
    """Returns how the run ended, in the page's words."""
    gates = tuple(result.outcome.gates)
    reasons = tuple(result.reasons)
    pushed = result.outcome.pushed
    if result.code is Exit.PUSHED and pushed is not None:
        version = str(pushed.version)
        if pushed.already_served:
            headline = f"Nothing changed: version {version} is served"
            return Verdict(UNCHANGED, headline, reasons, gates, version)
        return Verdict(PUSHED, f"Pushed as version {version}", reasons, gates, version)
    if result.code is Exit.REFUSED:
        by = next(g.gate for g in gates if not (g.passed or g.overridden))
        return Verdict(REFUSED, f"Refused by {by}", reasons, gates)
    where = _where(result.steps)
    if result.code is Exit.INTERRUPTED:
        return Verdict(INTERRUPTED, f"Interrupted{where}", reasons, gates)
    if result.code is Exit.TERMINATED:
        return Verdict(INTERRUPTED, f"Terminated{where}", reasons, gates)
    return Verdict(BROKEN, f"Broken{where}", reasons, gates)


def _where(steps: list[Step]) -> str:
    stopped = [step.node for step in steps if step.state in ("failed", "running")]
    return f" in {stopped[-1]}" if stopped else ""


def _latest(result: Result, outputs: Outputs) -> Page:
    """Returns the newest page that the run's own nodes have made."""
    for node in _PAGES:
        if made := outputs.get((node, PAGE_KEY)):
            return replace(read_page(made), run=result.run)
    return Page(result.dataset.name, result.run)


def _run_facts(result: Result) -> RunFacts:
    pushed = result.outcome.pushed if result.code is Exit.PUSHED else None
    models = os.path.dirname(os.path.dirname(pushed.path)) if pushed else None
    return RunFacts(
        run=result.run,
        started=_moment(result.started),
        seconds=result.seconds,
        components=tuple(
            Component(step.node, step.state, step.seconds, step.peak_memory)
            for step in result.steps
        ),
        data=result.dataset.description,
        versions=versions(),
        commands=commands(result.dataset.name, models) if pushed else {},
    )


def _moment(seconds: float) -> str:
    return f"{datetime.fromtimestamp(seconds).astimezone():%Y-%m-%d %H:%M:%S %Z}"
