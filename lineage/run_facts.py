"""What a run's artifacts and parameters say, wherever it ended."""

import json
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager

from contract import nodes, properties
from contract.model_run import HISTORY_FILE
from lineage.records import Run
from version_store.manifest import Facts


def facts_of_run(run: Run) -> Facts:
    """Reads a run's artifacts and parameters, as far as they are still there.

    What another version of this project wrote in another way stays unknown.
    Imports TensorFlow, which reads what TFMA wrote.
    """
    with _silence():
        from components.pusher.facts import Folders, parse_counts, read_facts

    def readable(name: str, node: str, key: str) -> dict[str, str]:
        """Returns where an artifact lies, if this project can still read it."""
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
        # ML Metadata keeps an empty text; none at all is of another project.
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
        known = known.updated(code=_code(run) or None)
    return known.updated(model=run.model, run=run.name)


def accuracy(run: Run) -> float | None:
    """Returns Keras' accuracy on the test split; None where nobody kept it."""
    artifact = run.output(nodes.TRAINER, nodes.MODEL_RUN)
    if artifact is None:
        return None
    try:
        with open(os.path.join(artifact.uri, HISTORY_FILE), encoding="utf-8") as stream:
            return float(json.load(stream)["test"]["accuracy"])
    except (OSError, ValueError, KeyError):
        return None


@contextmanager
def _silence() -> Iterator[None]:
    """Keeps what TensorFlow's C++ says while it is imported off the screen."""
    saved = os.dup(2)
    with open(os.devnull, "w") as nowhere:
        os.dup2(nowhere.fileno(), 2)
    try:
        yield
    finally:
        os.dup2(saved, 2)
        os.close(saved)


def _code(run: Run) -> dict[str, str]:
    """Returns the digests of nodes' code; they stand among their parameters."""
    found = {}
    for node, step in run.steps.items():
        custom = step.parameters.get("custom_config")
        of_custom = (
            json.loads(custom).get(properties.CODE) if isinstance(custom, str) else None
        )
        if code := step.parameters.get(properties.CODE) or of_custom:
            found[node] = str(code)
    return found
