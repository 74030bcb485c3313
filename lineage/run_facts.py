"""Reads facts from a run's artifacts and parameters, also of an unfinished run."""

import json
import logging
import os

from contract import nodes, properties
from contract.code import code_among
from contract.logs import silenced
from contract.model_run import HISTORY_FILE
from lineage.records import Run
from version_store.manifest import Facts


def facts_of_run(run: Run) -> Facts:
    """Reads a run's artifacts and parameters, as far as they still exist.

    Facts in formats of other versions of this project stay unknown. This function
    imports TensorFlow, which reads TFMA's files.
    """
    with silenced():
        from components.pusher.facts import Folders, parse_counts, read_facts

    def readable(name: str, node: str, key: str) -> dict[str, str]:
        """Returns the folder of an artifact, if this version can read it."""
        artifact = run.output(node, key)
        if artifact is None or artifact.folder is None:
            return {}
        try:
            read_facts(Folders(**{name: artifact.folder}))
        except (OSError, LookupError, ValueError, TypeError, RuntimeError) as error:
            logging.warning("%s: cannot be read: %r", artifact.folder, error)
            return {}
        return {name: artifact.folder}

    folders: dict[str, str] = {}
    for name in Folders.__dataclass_fields__:
        folders |= readable(name, *nodes.READ_BY_PEOPLE[name])
    known = read_facts(Folders(**folders))
    examples = run.output(nodes.EXAMPLE_GEN, nodes.EXAMPLES)
    if examples is not None:
        known = known.updated(
            data_fingerprint=examples.properties.get(properties.FINGERPRINT),
            counts=parse_counts(str(examples.properties.get(properties.COUNTS, ""))),
        )
    champion = run.output(nodes.CHAMPION, nodes.MODEL)
    if champion is not None:
        # "" means no champion. A missing property means another project's artifact.
        known = known.updated(
            champion=champion.properties.get(properties.CHAMPION_VERSION)
        )
    pusher = run.steps.get(nodes.PUSHER)
    if pusher is not None:
        told = Facts.model_validate_json(str(pusher.parameters.get("facts", "{}")))
        recipe = pusher.parameters.get("recipe")
        known = known.updated(**dict(told)).updated(recipe=recipe)
    trainer = run.steps.get(nodes.TRAINER)
    if known.training is None and trainer is not None:
        custom = json.loads(str(trainer.parameters.get("custom_config", "{}")))
        known = known.updated(training=custom.get("training"))
    if known.code is None:
        code = {node: code_among(step.parameters) for node, step in run.steps.items()}
        known = known.updated(code={n: one for n, one in code.items() if one} or None)
    return known.updated(model=run.model, run=run.name)


def accuracy(run: Run) -> float | None:
    """Returns Keras' accuracy on the test split; None if it is not recorded."""
    artifact = run.output(nodes.TRAINER, nodes.MODEL_RUN)
    if artifact is None:
        return None
    try:
        with open(os.path.join(artifact.uri, HISTORY_FILE), encoding="utf-8") as stream:
            return float(json.load(stream)["test"]["accuracy"])
    except (OSError, ValueError, KeyError):
        return None
