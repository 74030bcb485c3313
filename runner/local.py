"""Compiles pipelines with TFX and runs them with its LocalDagRunner.

Importing this module imports TensorFlow and TFX, which takes almost ten seconds.
"""

import logging
import os
from collections.abc import Callable

from absl import logging as absl_logging
from apache_beam.options.pipeline_options import StandardOptions
from ml_metadata.proto import metadata_store_pb2
from tfx.dsl.compiler import compiler, constants
from tfx.dsl.components.base.base_node import BaseNode
from tfx.orchestration.local.local_dag_runner import LocalDagRunner
from tfx.orchestration.pipeline import Pipeline
from tfx.orchestration.portable import runtime_parameter_utils
from tfx.proto.orchestration import pipeline_pb2

from components.serving_validator import process
from contract.errors import BadInputError
from contract.metric import try_metric
from pipeline import monitoring
from pipeline.config import Config
from pipeline.metrics import OFFERED
from pipeline.monitoring import Traffic
from pipeline.pipeline import create_components
from pipeline.training import trainer
from runner.ahead import ProbeAhead
from runner.datasets import DataSet
from runner.events import Event, EventHandler
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

    Raises:
        BadInputError: Beam has no such runner, the network or a metric cannot be
            used, or the data changed during the run.
        GateRefusedError: DataGate stopped the run, or a rollback bars its recipe.
        Exception: Any error of a component.
    """
    _check_beam_runner(config.beam.runner)
    if config.training.has_own:
        trainer.try_network(dataset.task, config.training)
    for metric in config.gates.metrics:
        if metric.name not in OFFERED:
            own = metric.bound()
            try_metric(own.path, own.options, len(dataset.task.classes))
    recovered = recover(
        workspace.metadata, workspace.all_artifacts, workspace.all_models
    )
    if recovered:
        logging.warning("cleaned up after %d interrupted executions", recovered)

    workspace.link_data(dataset.name, dataset.path, dataset.fingerprint, dataset.spans)
    _, pipeline = compiled(config, dataset, workspace, run, reuse=reuse)
    try:
        _launch(pipeline, listener, ProbeAhead())
    finally:
        process.stop_ahead()


def monitor(
    config: Config,
    traffic: Traffic,
    workspace: Workspace,
    run: str,
    listener: Callable[[Event], None],
) -> None:
    """Runs the monitoring pipeline.

    Raises:
        BadInputError: The log or the labels cannot be used, or Beam has no such runner.
        Exception: Any error of a component.
    """
    _check_beam_runner(config.beam.runner)
    components = monitoring.create_components(config, traffic)
    name = os.path.basename(traffic.models)
    _launch(_compile(name, components, config, workspace, run, reuse=False), listener)


def _launch(
    pipeline: pipeline_pb2.Pipeline, *listeners: Callable[[Event], None]
) -> None:
    """Runs a compiled pipeline and passes its events to the listeners."""
    handlers = [EventHandler(listener) for listener in listeners]
    logger = logging.getLogger()
    for handler in handlers:
        logger.addHandler(handler)
    absl_logging.set_verbosity(absl_logging.INFO)
    try:
        LocalDagRunner().run_with_ir(pipeline)
    finally:
        for handler in handlers:
            logger.removeHandler(handler)


def compiled(
    config: Config,
    dataset: DataSet,
    workspace: Workspace,
    run: str,
    *,
    reuse: bool,
) -> tuple[list[BaseNode], pipeline_pb2.Pipeline]:
    """Returns a run's components and the compiled pipeline for TFX's launcher.

    Args:
        config: Configuration of the run.
        dataset: The data set, read and checked.
        workspace: The workspace of the run.
        run: Name of the run, used as TFX's run id. TFX itself would take the time; the
            name identifies the run from its first moment, whatever the clock says.
        reuse: Whether the run may reuse outputs of earlier runs.
    """
    components = create_components(
        config, surroundings(config, dataset, workspace, run)
    )
    pipeline = _compile(dataset.name, components, config, workspace, run, reuse=reuse)
    return components, pipeline


def _compile(
    name: str,
    components: list[BaseNode],
    config: Config,
    workspace: Workspace,
    run: str,
    *,
    reuse: bool,
) -> pipeline_pb2.Pipeline:
    artifacts = workspace.artifacts(name)
    pipeline = compiler.Compiler().compile(
        Pipeline(
            pipeline_name=name,
            pipeline_root=artifacts,
            components=components,
            enable_cache=reuse,
            metadata_connection_config=_connection(workspace.metadata),
            beam_pipeline_args=config.beam.pipeline_args(artifacts),
        )
    )
    runtime_parameter_utils.substitute_runtime_parameter(
        pipeline, {constants.PIPELINE_RUN_ID_PARAMETER_NAME: run}
    )
    return pipeline


def _connection(database: str) -> metadata_store_pb2.ConnectionConfig:
    """Returns the connection to a database, which is made when it is opened.

    TFX's own function makes the folder already, but `why` writes nothing.
    """
    mode = metadata_store_pb2.SqliteMetadataSourceConfig.READWRITE_OPENCREATE
    sqlite = metadata_store_pb2.SqliteMetadataSourceConfig(
        filename_uri=database, connection_mode=mode
    )
    return metadata_store_pb2.ConnectionConfig(sqlite=sqlite)


def _check_beam_runner(name: str) -> None:
    """Refuses an unknown Beam runner before the first node needs it."""
    known = StandardOptions.KNOWN_RUNNER_NAMES
    names = {each.lower() for each in known}
    # Beam ignores case, accepts names without `Runner`, and imports dotted names.
    if "." not in name and not {name.lower(), f"{name.lower()}runner"} & names:
        raise BadInputError(
            f"beam.runner: expected one of {', '.join(known)}, or a class by its "
            f"dotted name; found {name}"
        )
