"""Executes one run: checks, pipeline, screen, result, report and notification."""

import contextlib
import logging
import os
import time
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial

from components.image_example_gen.splitting import CONTENT
from contract import command, environment, logs, nodes, notifying, stopping
from contract.demands import AT_MOST, OVERALL, Demand
from contract.errors import BadInputError, GateRefusedError, Terminated
from contract.exits import ON_PURPOSE, Exit
from pipeline.config import Config
from pipeline.schema import judgement
from runner import summary
from runner.datasets import DataSet
from runner.folders import temporary_files
from runner.outcome import Outcome, Pushed
from runner.screen import Screen
from runner.workspace import Workspace
from version_store.inventory import list_versions
from version_store.manifest import SPLIT_RULE, readable_manifest
from version_store.served import check_name, find_served
from version_store.versions import latest_version, version_path

_NO_LOG = (
    f"{nodes.REPLAY} is left out: the setting gates.replay_log names no request log"
)


@dataclass(frozen=True)
class Run:
    """The values that all steps of a run use."""

    config: Config
    dataset: DataSet
    workspace: Workspace
    name: str
    started: float
    screen: Screen
    because: str | None = None

    @property
    def folder(self) -> str:
        """The folder of the log, the result and the report."""
        return self.workspace.run(self.name)


@dataclass(frozen=True)
class Ending:
    """How the pipeline ended, and why.

    `refusals` has the demand of a gate that raised GateRefusedError.
    """

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
    because: str | None = None,
) -> Exit:
    """Runs the pipeline once, then shows and writes the results.

    Raises:
        BadInputError: The run cannot begin.
    """
    started = time.time()
    _check(config, dataset, workspace)
    name = workspace.new_run(dataset.name, datetime.now())
    summary.reserve(workspace.run(name))
    log = os.path.join(workspace.run(name), "run.log")
    overruled = environment.prepare()
    with (
        workspace.running(name),
        temporary_files(workspace.root),
        logs.captured(log, verbose) as stream,
    ):
        screen = Screen(stream)
        screen.say(f"{dataset.name}: {dataset.description}")
        screen.say(f"  {dataset.task_text}")
        split = _of_split(config, dataset, workspace)
        for note in filter(None, (*overruled, split, dataset.notice)):
            screen.say(f"note: {note}", style="yellow")
        run = Run(config, dataset, workspace, name, started, screen, because)
        with screen.live():
            ending = run_pipeline(run, reuse)
        with stopping.concluding():
            code = conclude(run, ending)
        screen.say(f"  log    {log}")
        return code


def _check(config: Config, dataset: DataSet, workspace: Workspace) -> None:
    """Checks before TensorFlow is loaded what a run would otherwise refuse later.

    Raises:
        BadInputError: The user's schema or the file of addresses cannot be read, or
            another task is served under the model's name.
    """
    judgement(config.data.schema_path)
    config.notify.settings().addresses()
    served = find_served(workspace.models(dataset.name))
    check_name(served, dataset.task, dataset.name, config.gates.replace_task)


def _of_split(config: Config, dataset: DataSet, workspace: Workspace) -> str:
    """Returns a note where the served version was trained with another split.

    Of data in spans, a picture is in the test split of every run or of none, as long
    as the rule of the split is the same; see `splitting.by_content`.
    """
    if not dataset.spans:
        return ""
    models = workspace.models(dataset.name)
    version = latest_version(models)
    if version is None:
        return ""
    manifest = readable_manifest(version_path(models, version))
    if manifest is None:
        return ""
    ours = (CONTENT, config.data.split_seed, config.data.test_fraction)
    if tuple((manifest.split or {}).get(key) for key in SPLIT_RULE) == ours:
        return ""
    return (
        f"version {version} was trained with another split, perhaps on rows of this "
        "test split: a new model looks worse than it is when compared with it"
    )


def run_pipeline(run: Run, reuse: bool) -> Ending:
    """Runs the pipeline; returns how it ended."""
    try:
        # A library may make an exception of its own of a signal.
        with stopping.stoppable():
            with (
                run.screen.waiting_for("loading TensorFlow and TFX"),
                environment.heavy_imports(),
            ):
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
    except (Exception, KeyboardInterrupt, Terminated) as error:
        code, line = command.explain(error, begun=True, where=run.workspace.root)
        if code is Exit.BROKEN:
            logging.exception("the run broke")
        ending = Ending(code, [] if code in ON_PURPOSE else [line])
    else:
        return Ending(Exit.PUSHED)
    run.screen.on_failure(interrupted=ending.code in ON_PURPOSE)
    return ending


def conclude(run: Run, ending: Ending) -> Exit:
    """Reads, shows and writes the results; returns the final exit code."""
    on_purpose = ending.code in ON_PURPOSE
    if on_purpose:
        line = f"{run.dataset.name}: {ending.code.meaning}"
        run.screen.say(line, style="bold yellow")
    seconds = time.time() - run.started
    # Before the first node there are no results, and maybe no library to read them.
    found = _outcome(run) if run.screen.steps else Outcome()
    if ending.code is not Exit.PUSHED and found.pushed is None:
        found = replace(found, pushed=_unrecorded_push(run))
    found = replace(found, demands=[*found.demands, *ending.refusals])
    compared = any(demand.champion is not None for demand in found.demands)
    if compared and not run.config.gates.replay_log:
        found = replace(found, replay_left_out=_NO_LOG)
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
        because=run.because,
    )
    if not on_purpose:
        summary.show(run.screen.console, result)
    elif found.pushed is not None:
        run.screen.say(summary.verdict_line(result).plain)
    if run.screen.steps:
        write = partial(_report, run, result)
        report = run.screen.tried(write, "report could not be written")
        result = replace(result, report=report)
    sending = None if on_purpose else _tell(run, result)
    if code is Exit.PUSHED:
        # Versions go first, as the folder of a version's run stays as long as it does.
        run.screen.tried(partial(_prune, run), "earlier versions stay")
        run.screen.tried(partial(_clean, run), "earlier runs stay")
    keep = partial(summary.write, run.folder, result)
    run.screen.tried(keep, "result could not be written")
    from runner import metrics

    publish = partial(metrics.write, run.workspace)
    run.screen.tried(publish, "metrics could not be written")
    if sending is not None and not sending.finish():
        run.screen.say(f"  {notifying.NOT_ALL}", style="yellow")
    return code


def _tell(run: Run, result: summary.Result) -> notifying.Sending | None:
    """Begins to send a notification in the background; None where none is due.

    A run in which nothing changed sends none.
    """
    pushed = result.outcome.pushed
    if result.code is Exit.PUSHED:
        if pushed is None or pushed.already_served:
            return None
        kind: notifying.Kind = "pushed"
    else:
        kind = "refused" if result.code is Exit.REFUSED else "failed"
    refused = [str(demand) for demand in result.outcome.demands if demand.refused]
    event = notifying.Event(
        kind,
        result.dataset.name,
        summary.verdict_line(result).plain,
        tuple(dict.fromkeys([*result.reasons, *refused])),
        pushed.version if pushed else None,
        result.report,
        run.workspace.root,
    )
    return notifying.begin(run.config.notify.settings(), event)


def _prune(run: Run) -> None:
    """Removes old versions of the model, as `storage.keep_versions` says."""
    keep = run.config.storage.keep_versions
    if keep is None:
        return
    from version_store.metadata import open_store
    from version_store.operations import prune

    store = open_store(run.workspace.metadata, read_only=False)
    models, name = run.workspace.all_models, run.dataset.name
    for gone in prune(models, name, keep, store, dry_run=False):
        run.screen.say(f"  removed version {gone.number} (storage.keep_versions)")


def _clean(run: Run) -> None:
    """Removes outputs of old runs, as `storage.keep_runs` says."""
    keep = run.config.storage.keep_runs
    if keep is None:
        return
    from runner.cleaning import clean

    found = clean(run.workspace, keep, dry_run=False)
    if count := len(found.artifacts) + len(found.runs):
        run.screen.say(f"  removed {count} folders of earlier runs (storage.keep_runs)")


def _outcome(run: Run) -> Outcome:
    """Returns the run's results, or empty ones if they cannot be read.

    The cause that broke the run, as a failing import, may also prevent the reading.
    """
    try:
        from runner.records import read_outcome

        return read_outcome(run.workspace.metadata, run.name)
    except Exception:
        logging.exception("what the run came to could not be read")
        return Outcome()


def _unrecorded_push(run: Run) -> Pushed | None:
    """Returns the version that the run pushed although its Pusher did not end well.

    A version may be published, and the metadata store not be able to record it.
    """
    with contextlib.suppress(OSError, BadInputError):
        for version in list_versions(run.workspace.all_models, run.dataset.name):
            named = version.manifest.run if version.manifest else None
            if version.served and named == run.name:
                labels = " ".join(version.labels)
                return Pushed(version.number, version.path, False, labels)
    return None


def _refused(error: GateRefusedError) -> Ending:
    """Returns the ending of a run that a gate stopped.

    TFX publishes no outputs of a failed node, so the reasons come from the exception.
    """
    count = len(error.reasons)
    demand = Demand(error.gate, error.metric, OVERALL, count, 0, AT_MOST)
    reasons = [f"{error.gate}: {reason}" for reason in error.reasons]
    return Ending(Exit.REFUSED, reasons, [demand])


def _report(run: Run, result: summary.Result) -> str:
    """Writes the page about the run; returns its path."""
    from components.report.executor import PAGE_FILE
    from runner import report
    from runner.records import read_outputs

    path = os.path.join(run.folder, PAGE_FILE)
    outputs = read_outputs(run.workspace.metadata, run.name)
    failed = report.write(run.folder, result, outputs, run.config.gates.allow_anomalies)
    without = f" (without {', '.join(failed)}: see the log)" if failed else ""
    run.screen.say(f"  report {path}{without}")
    return path
