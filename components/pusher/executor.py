"""TFX's Pusher with a push that is all or nothing, and that says what it pushed."""

import logging
import os
from datetime import UTC, datetime
from typing import Any

from tfx import types
from tfx.components.pusher import executor
from tfx.types import artifact_utils
from tfx.utils import io_utils

from components.pusher.facts import Folders, environment, parse_counts, read_facts
from components.serving_validator.demand import read_withdrawn
from contract import nodes, progress, properties
from contract.rows_apart.marker import withdraw_marker
from contract.task import TASK_FILE
from version_store import changes, versions
from version_store.decisions import how_to_allow, withdrawn
from version_store.digests import model_digest
from version_store.manifest import (
    Facts,
    Manifest,
    ManifestError,
    read_manifest,
    write_manifest,
)
from version_store.model_card import write_model_card

INFRA_BLESSING_KEY = "infra_blessing"
CHAMPION_KEY = "champion"
MODELS_KEY = "models"
RUN_KEY = "run"
RECIPE_KEY = "recipe"
FACTS_KEY = "facts"


class Executor(executor.Executor):
    """Pushes a blessed model unless it is what is served already."""

    def Do(
        self,
        input_dict: dict[str, list[types.Artifact]],
        output_dict: dict[str, list[types.Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Writes the `pushed_model` artifact; see `Pusher`.

        Raises:
            BadInputError: What was decided about versions cannot be read.
        """
        self._log_startup(input_dict, output_dict, exec_properties)
        pushed = artifact_utils.get_single_instance(output_dict[nodes.PUSHED_MODEL])
        if not self.CheckBlessing(input_dict):
            self._MarkNotPushed(pushed)
            progress.tell_skipped("not blessed, so nothing is pushed")
            return
        base = exec_properties[MODELS_KEY]
        with changes.locked(base):
            staged = changes.stage(base)
            io_utils.copy_dir(self.GetModelPath(input_dict), staged)
            if blessing := input_dict.get(INFRA_BLESSING_KEY):
                found = read_withdrawn(artifact_utils.get_single_uri(blessing))
                withdraw_marker(staged, found)
            digest = model_digest(staged)
            version = _served_already(base, digest)
            already_served = version is not None
            if version is None and (decided := withdrawn(base).get(digest)):
                changes.discard(staged)
                reason = f"{decided}: {how_to_allow(base, decided)}"
                self._MarkNotPushed(pushed)
                pushed.set_string_custom_property(properties.HELD_BACK, reason)
                progress.tell_refused(reason)
                return
            if version is None:
                statistics = artifact_utils.get_single_uri(input_dict[nodes.STATISTICS])
                io_utils.copy_dir(
                    statistics, os.path.join(staged, versions.STATISTICS_FOLDER)
                )
                io_utils.copy_file(
                    os.path.join(
                        artifact_utils.get_single_uri(input_dict[nodes.EXAMPLES]),
                        TASK_FILE,
                    ),
                    os.path.join(staged, TASK_FILE),
                )
                facts = _facts(input_dict, exec_properties)
                version = changes.publish(
                    base,
                    staged,
                    lambda number: _describe(staged, number, digest, facts),
                )
            else:
                changes.discard(staged)
            destination = versions.version_path(base, version)
        logging.info(
            "version %d %s",
            version,
            "is served already" if already_served else "pushed",
        )
        self._MarkPushed(pushed, destination, str(version))
        pushed.set_int_custom_property(properties.ALREADY_SERVED, int(already_served))


def _served_already(base: str, digest: str) -> int | None:
    """Returns the version that is served, if that is this model."""
    version = versions.latest_version(base)
    if version is None:
        return None
    try:
        manifest = read_manifest(versions.version_path(base, version))
    except ManifestError as error:
        logging.warning("what is served is taken for another model: %s", error)
        return None
    return version if manifest and manifest.model_digest == digest else None


def _facts(
    input_dict: dict[str, list[types.Artifact]], exec_properties: dict[str, Any]
) -> Facts:
    """Returns all that is known of the model."""
    inputs = {
        key: artifact_utils.get_single_instance(some)
        for key, some in input_dict.items()
        if some
    }
    read = read_facts(Folders.of(inputs))
    known = Facts.model_validate_json(exec_properties.get(FACTS_KEY) or "{}")
    examples, champion = inputs[nodes.EXAMPLES], inputs[CHAMPION_KEY]
    return read.updated(**dict(known)).updated(
        **environment(),
        model=os.path.basename(exec_properties[MODELS_KEY].rstrip("/")),
        run=exec_properties[RUN_KEY] or None,
        recipe=exec_properties[RECIPE_KEY] or None,
        champion=champion.get_string_custom_property(properties.CHAMPION_VERSION),
        data_fingerprint=examples.get_string_custom_property(properties.FINGERPRINT)
        or None,
        counts=parse_counts(examples.get_string_custom_property(properties.COUNTS)),
    )


def _describe(folder: str, version: int, digest: str, facts: Facts) -> None:
    """Writes what a version says of itself; again if its number changes."""
    manifest = Manifest(
        **dict(facts),
        version=version,
        pushed_at=datetime.now(UTC).isoformat(timespec="seconds"),
        model_digest=digest,
    )
    write_model_card(folder, manifest)
    write_manifest(folder, manifest)
