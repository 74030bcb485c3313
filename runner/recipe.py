"""What goes into a model, as a digest; and which version it has to beat."""

import hashlib
import json
import logging

from components.champion.executor import NONE
from contract.code import code_digest
from pipeline.config import Config
from version_store import versions
from version_store.manifest import ManifestError, read_manifest


def recipe(config: Config, fingerprint: str, schema: str) -> str:
    """Returns the digest of data, configuration, schema, code and stack.

    Runs with the same recipe come to the same model and the same verdict.
    """
    ingredients = {
        "data": fingerprint,
        "eval_fraction": config.data.eval_fraction,
        "shard_rows": config.data.shard_rows,
        "training": config.training.model_dump(mode="json"),
        "gates": config.gates.model_dump(mode="json"),
        "schema": schema,
        "code": code_digest("pipeline.pipeline")
        + code_digest("pipeline.preprocessing")
        + code_digest("pipeline.training.trainer"),
    }
    return hashlib.sha256(json.dumps(ingredients, sort_keys=True).encode()).hexdigest()


def champion(models: str, recipe: str) -> str:
    """Returns the version that this run's model has to beat, or `none`.

    That is the one being served. But if that one came from this very recipe,
    the question was answered when it was pushed: the champion is again the one
    that it beat, so that a run with nothing changed finds everything done.

    Args:
        models: The folder of the model's versions.
        recipe: Of this run.
    """
    served = versions.latest_version(models)
    if served is None:
        return NONE
    try:
        manifest = read_manifest(versions.version_path(models, served))
    except ManifestError as error:
        logging.warning("what is served is taken for another recipe's: %s", error)
        return str(served)
    if manifest and manifest.recipe == recipe:
        beaten = manifest.champion
        if not beaten:
            return NONE
        if int(beaten) in versions.list_versions(models):
            return beaten
    return str(served)
