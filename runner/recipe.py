"""Computes the digest of all that makes a model, and finds the champion."""

import hashlib
import json
import logging
from collections.abc import Callable
from dataclasses import asdict

from components.champion.executor import NONE
from components.image_example_gen.hints import Hints
from contract.code import code_digest
from pipeline.config import Config
from version_store import versions
from version_store.manifest import ManifestError, read_manifest, readable_manifest
from version_store.serving_config import serving

_SAME_MODEL = ("cache_mb",)
"""Settings of the training that do not change the resulting model."""

_MODULES = (
    "components.image_example_gen.executor",
    "pipeline.preprocessing",
    "pipeline.training.trainer",
)
"""Modules whose code makes the model: examples, preprocessing and training."""


def recipe(config: Config, fingerprint: str, hints: Hints, base: str = "") -> str:
    """Returns the digest of what makes the model: data, settings, code and stack.

    Runs with the same recipe come to the same model. Gates and reports are no part of
    the recipe. `base` is the model that a warm start begins with: its digest, or its
    version.
    """
    training = config.training.model_dump(mode="json")
    ingredients = {
        "data": fingerprint,
        "hints": asdict(hints),
        "eval_fraction": config.data.eval_fraction,
        "test_fraction": config.data.test_fraction,
        "split": [config.data.split, config.data.split_seed],
        "training": {k: v for k, v in training.items() if k not in _SAME_MODEL},
        "code": [code_digest(module) for module in _MODULES],
        "network": config.training.code(),
        "base": base if config.training.warm_start else "",
    }
    return hashlib.sha256(json.dumps(ingredients, sort_keys=True).encode()).hexdigest()


def champion(models: str, recipe_from: Callable[[str], str]) -> tuple[str, str]:
    """Returns the champion of this run, or `none`, and the recipe.

    The champion is the served version, with one exception. If the served version came
    from this same recipe, the champion is again the version that it beat, so that a
    run in which nothing changed reuses everything.

    Args:
        models: The folder of the model's versions.
        recipe_from: Returns this run's recipe for a given base model; see `base` of
            `recipe`.
    """
    served = serving(models).stable
    if served is None:
        return NONE, recipe_from(NONE)
    try:
        manifest = read_manifest(versions.version_path(models, served))
    except ManifestError as error:
        logging.warning("what is served is taken for another recipe's: %s", error)
        return str(served), recipe_from(str(served))
    if manifest and manifest.recipe:
        beaten = manifest.champion or NONE
        before = recipe_from(_base(models, beaten))
        there = beaten == NONE or int(beaten) in versions.list_versions(models)
        if manifest.recipe == before and there:
            return beaten, before
    return str(served), recipe_from(_base(models, str(served)))


def _base(models: str, version: str) -> str:
    """Returns the digest of a version's model, or its number if that is unknown."""
    if version == NONE:
        return NONE
    manifest = readable_manifest(versions.version_path(models, int(version)))
    return (manifest.model_digest if manifest else None) or version
