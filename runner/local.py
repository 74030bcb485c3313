"""One run, from a checked data set to a served model or the reason why not.

Importing this imports TensorFlow and TFX, which takes most of ten seconds.
"""

import logging
import os
import time
from collections.abc import Callable

from absl import logging as absl_logging
from apache_beam.options.pipeline_options import StandardOptions
from ml_metadata.proto import metadata_store_pb2
from tfx.orchestration import metadata
from tfx.orchestration.local.local_dag_runner import LocalDagRunner
from tfx.orchestration.pipeline import Pipeline
from tfx.types.artifact import Artifact

from components.serving_validator import process
from contract.errors import BadInputError
from contract import properties
from pipeline.config import Config
from pipeline.pipeline import create_components
from pipeline.schema import schema_text
from runner.ahead import ProbeAhead
from runner.datasets import DataSet
from runner.events import Event, EventHandler
from runner.records import Outcome, read_outcome, read_outputs
from runner.recovery import recover
from runner.surroundings import surroundings
from runner.workspace import Workspace


def run_pipeline(
    config: Config,
    dataset: DataSet,
    workspace: Workspace,
    run: str,
    reuse: bool,
    listener: Callable[[Event], None],
) -> None:
    """Runs all components; returns when the last one has ended.

    Args:
        config: Of the run.
        dataset: Read and checked.
        workspace: Held by the caller.
        run: Name of the run.
        reuse: Whether to reuse what earlier runs finished.
        listener: Told what happens.

    Raises:
        BadInputError: Beam has no such runner, or the data changed under the run.
        GateRefusedError: DataGate stopped it.
        Exception: Whatever a component raised.
    """
    _check_beam_runner(config.beam.runner)
    artifacts = workspace.artifacts(dataset.name)
    recovered = recover(
        workspace.metadata, workspace.all_artifacts, workspace.all_models
    )
    if recovered:
        logging.warning("cleaned up after %d interrupted executions", recovered)

    workspace.link_data(dataset.name, dataset.path, dataset.fingerprint)
    workspace.write_schema(schema_text())
    components = create_components(
        config, surroundings(config, dataset, workspace, run)
    )
    handlers = [EventHandler(listener), EventHandler(ProbeAhead())]
    logger = logging.getLogger()
    for handler in handlers:
        logger.addHandler(handler)
    absl_logging.set_verbosity(absl_logging.INFO)
    began = time.time()
    try:
        LocalDagRunner().run(
            Pipeline(
                pipeline_name=dataset.name,
                pipeline_root=artifacts,
                components=components,
                enable_cache=reuse,
                metadata_connection_config=_connection(workspace),
                beam_pipeline_args=config.beam.pipeline_args(),
            )
        )
    finally:
        for handler in handlers:
            logger.removeHandler(handler)
        process.stop_ahead()
        _name_run(workspace, run, began)


def _check_beam_runner(name: str) -> None:
    """Finds a runner's wrong name before the first node that needs it does."""
    known = StandardOptions.KNOWN_RUNNER_NAMES
    names = {each.lower() for each in known}
    # Beam takes any case, leaves `Runner` out where it can, and imports what has dots.
    if "." not in name and not {name.lower(), f"{name.lower()}runner"} & names:
        raise BadInputError(
            f"beam.runner: expected one of {', '.join(known)}, or a class by its "
            f"dotted name; found {name}"
        )


def outcome(config: Config, workspace: Workspace, since: float) -> Outcome:
    """Returns what the run came to so far.

    Args:
        config: Of the run.
        workspace: Where it ran.
        since: Time, in seconds since 1970, before which it had not begun.
    """
    run = _latest_run(workspace, since)
    if run is None:
        return Outcome([], None, None)
    return read_outcome(workspace.metadata, run, config.gates)


def outputs(workspace: Workspace, since: float) -> dict[tuple[str, str], Artifact]:
    """Returns what the run has made so far, by node id and output; see `outcome`."""
    run = _latest_run(workspace, since)
    return {} if run is None else read_outputs(workspace.metadata, run)


def _name_run(workspace: Workspace, name: str, since: float) -> None:
    """Writes our name of the run into ML Metadata, where TFX has its own."""
    run = _latest_run(workspace, since)
    if run is None:
        return
    with metadata.Metadata(_connection(workspace)) as handle:
        context = handle.store.get_context_by_type_and_name("pipeline_run", run)
        context.custom_properties[properties.RUN].string_value = name
        handle.store.put_contexts([context])


def _latest_run(workspace: Workspace, since: float) -> str | None:
    """Returns the id of the run that began since then, or None if none did."""
    if not os.path.exists(workspace.metadata):
        return None
    with metadata.Metadata(_connection(workspace)) as handle:
        runs = [
            context
            for context in handle.store.get_contexts_by_type("pipeline_run")
            if context.create_time_since_epoch >= since * 1000
        ]
    latest = max(runs, key=lambda run: run.create_time_since_epoch, default=None)
    return None if latest is None else str(latest.name)


def _connection(workspace: Workspace) -> metadata_store_pb2.ConnectionConfig:
    return metadata.sqlite_metadata_connection_config(workspace.metadata)
