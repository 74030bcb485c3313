"""Collects the inputs of a run from this machine, as `pipeline.Surroundings`."""

import hashlib
import os

from contract import nodes
from contract.demands import ROLLED_BACK_FROM
from contract.errors import BadInputError, GateRefusedError
from pipeline.config import Config
from pipeline.pipeline import Surroundings
from pipeline.schema import judgement
from runner.datasets import DataSet
from runner.provenance import find_provenance
from runner.recipe import champion, recipe
from runner.workspace import Workspace
from serving.request_logs.reading import find_files
from version_store.decisions import barred


def surroundings(
    config: Config, dataset: DataSet, workspace: Workspace, run: str
) -> Surroundings:
    """Returns the inputs that a run would get now; writes nothing.

    Raises:
        BadInputError: The records of the served versions cannot be read.
        GateRefusedError: The run has the recipe of a version that was rolled back.
    """
    models = workspace.models(dataset.name)
    version, own_recipe = champion(
        models, lambda base: recipe(config, dataset.fingerprint, dataset.hints, base)
    )
    if why := barred(models, own_recipe):
        raise GateRefusedError(nodes.PUSHER, [why], ROLLED_BACK_FROM)
    return Surroundings(
        source=workspace.data_link(dataset.name, dataset.fingerprint, dataset.spans),
        fingerprint=dataset.fingerprint,
        hints=dataset.hints,
        judgement=judgement(config.data.schema_path),
        models=models,
        champion=version,
        run=run,
        recipe=own_recipe,
        description=dataset.description,
        provenance=find_provenance(),
        log_state=_log_state(config.gates.replay_log),
    )


def _log_state(log: str) -> str:
    """Returns a digest of the request log's files and sizes; empty without a log."""
    if not log:
        return ""
    try:
        files = find_files(log)
    except BadInputError:
        return "none"
    sizes = "".join(f"{path}\0{os.path.getsize(path)}\0" for path in files)
    return hashlib.sha256(sizes.encode()).hexdigest()
