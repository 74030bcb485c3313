"""Writes the page about a run: the pipeline's page, completed by the runner."""

import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from tfx.types.artifact import Artifact

from components.report.executor import PAGE_FILE, read_page, with_head
from components.report.page import Page
from components.report.run import Component, RunFacts, versions
from components.report.sections import completed
from components.report.standing import (
    BROKEN,
    INTERRUPTED,
    Verdict,
    refused,
    served,
)
from contract import nodes
from contract.exits import ON_PURPOSE, Exit
from runner.records import named
from runner.screen import Step
from runner.summary import Result, next_commands
from serving.request_logs.forgetting import PICTURES

Outputs = Mapping[tuple[str, str], Artifact]

# Newest first: each page continues the one that follows in this list.
_PAGES = (nodes.REPORT, nodes.MODEL_REPORT, nodes.DATA_REPORT)


def write(
    folder: str, result: Result, outputs: Outputs, allow_anomalies: bool
) -> list[str]:
    """Writes `report.html`: the pipeline's own page, completed.

    The nodes of a stopped run may have made only a part of the page. The missing
    sections are made here from the published artifacts, by the nodes' own functions.

    Returns:
        Names of the sections that could not be made; the page says so in each.
    """
    page = completed(_latest(result, outputs), named(outputs), allow_anomalies)
    pushed = result.outcome.pushed if result.code is Exit.PUSHED else None
    about = run_facts(
        *(result.run, result.started, result.seconds, result.steps),
        result.dataset.description,
        next_commands(result) if pushed else {},
    )
    page = with_head(page, verdict(result), about)
    if replay := outputs.get((nodes.REPLAY, nodes.BLESSING)):
        _link_pictures(replay.uri, folder)
    beside = os.path.join(folder, f".{PAGE_FILE}.tmp")
    with open(beside, "w", encoding="utf-8") as stream:
        stream.write(page.render())
    os.replace(beside, os.path.join(folder, PAGE_FILE))
    return [name for name, section in page.sections.items() if section.failed]


def _link_pictures(source: str, folder: str) -> None:
    """Copies the pictures that the page links into the run's folder.

    A removal by the request's id finds the originals and the copies.
    """
    pictures = os.path.join(source, PICTURES)
    if os.path.isdir(pictures):
        shutil.copytree(pictures, os.path.join(folder, PICTURES), dirs_exist_ok=True)


def verdict(result: Result) -> Verdict:
    """Returns the page's verdict on the run."""
    gates = tuple(result.outcome.demands)
    reasons = tuple(result.reasons)
    pushed = result.outcome.pushed
    if result.code is Exit.PUSHED and pushed is not None:
        version, already = str(pushed.version), pushed.already_served
        return served(version, gates, reasons, already=already, label=pushed.label)
    if result.code is Exit.REFUSED:
        return refused(gates, reasons)
    stopped = [step.node for step in result.steps if step.state in _STOPPED]
    where = f" in {stopped[-1]}" if stopped else ""
    if result.code in ON_PURPOSE:
        headline = f"{result.code.name.capitalize()}{where}"
        return Verdict(INTERRUPTED, headline, reasons, gates)
    return Verdict(BROKEN, f"Broken{where}", reasons, gates)


_STOPPED = ("failed", "interrupted", "running")


def _latest(result: Result, outputs: Outputs) -> Page:
    """Returns the newest page that the run's nodes have made; else an empty one."""
    for node in _PAGES:
        if made := outputs.get((node, nodes.PAGE)):
            return replace(read_page(made), run=result.run)
    return Page(result.dataset.name, result.run)


def run_facts(
    run: str,
    started: float,
    seconds: float,
    steps: Sequence[Step],
    data: str = "",
    commands: Mapping[str, str] | None = None,
) -> RunFacts:
    """Returns the page's facts about a run; `started` is in seconds since 1970."""
    began = datetime.fromtimestamp(started).astimezone()
    return RunFacts(
        run=run,
        started=f"{began:%Y-%m-%d %H:%M:%S %Z}",
        seconds=seconds,
        components=tuple(
            Component(step.node, step.state, step.seconds, step.peak_memory)
            for step in steps
        ),
        data=data,
        versions=versions(),
        commands=dict(commands or {}),
    )
