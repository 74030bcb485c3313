"""Pushes a model atomically, with its manifest and model card."""

import logging
import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from tfx import types
from tfx.components.pusher import executor
from tfx.types import artifact_utils
from tfx.utils import io_utils

from components.executing import Artifacts, single
from components.pusher.facts import Folders, environment, parse_counts, read_facts
from components.serving_validator.demand import read_withdrawn
from contract import nodes, progress, properties
from contract.rows_apart.marker import withdraw_marker
from contract.task import TASK_FILE
from serving import model_config
from serving.launch import code
from version_store import changes, rollout, versions
from version_store.decisions import against, how_to_allow, read_decisions
from version_store.digests import file_digests, model_digest, weights_digest
from version_store.manifest import (
    Facts,
    Manifest,
    ManifestError,
    read_manifest,
    write_manifest,
)
from version_store.model_card import write_model_card
from version_store.servers import NotConfirmedError, Servers
from version_store.serving_config import CANARY, STABLE, Serving, serving

MODELS_KEY = "models"
RUN_KEY = "run"
RECIPE_KEY = "recipe"
FACTS_KEY = "facts"
ARRIVE_AS_KEY = "arrive_as"
SERVER_KEY = "server"


class Executor(executor.Executor):
    """Pushes a blessed model unless it is served already."""

    def Do(
        self,
        input_dict: dict[str, list[types.Artifact]],
        output_dict: dict[str, list[types.Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Writes the `pushed_model` artifact; see `Pusher`.

        Raises:
            BadInputError: The file with decisions about versions cannot be read.
        """
        self._log_startup(input_dict, output_dict, exec_properties)
        pushed = artifact_utils.get_single_instance(output_dict[nodes.PUSHED_MODEL])
        if not self.CheckBlessing(input_dict) or not _replay_blessed(input_dict):
            self._MarkNotPushed(pushed)
            progress.tell_skipped("not blessed, so nothing is pushed")
            return
        base = exec_properties[MODELS_KEY]
        servers = Servers(exec_properties[SERVER_KEY])
        as_canary = exec_properties[ARRIVE_AS_KEY] == CANARY
        if as_canary and (pinned := rollout.pin(base, servers)) is not None:
            progress.tell(f"version {pinned} is labelled stable, for a canary beside")
        with changes.locked(base):
            stored = self._store(base, input_dict, exec_properties, as_canary)
        version, label = stored.version, stored.label
        if version is None:
            self._MarkNotPushed(pushed)
            pushed.set_string_custom_property(properties.HELD_BACK, stored.held_back)
            progress.tell_refused(stored.held_back)
            return
        _enter(base)
        if serving(base).pinned and version != serving(base).labels.get(label):
            _label(base, version, label, servers)
        logging.info(
            "version %d %s",
            version,
            "is served already" if stored.was_served else "pushed",
        )
        self._MarkPushed(pushed, versions.version_path(base, version), str(version))
        pushed.set_int_custom_property(
            properties.ALREADY_SERVED, int(stored.was_served)
        )
        if serving(base).pinned:
            pushed.set_string_custom_property(properties.ARRIVED_AS, label)

    def _store(
        self,
        base: str,
        input_dict: dict[str, list[types.Artifact]],
        exec_properties: dict[str, Any],
        as_canary: bool,
    ) -> "_Stored":
        """Makes the model a version, unless one has it; the folder is locked."""
        staged = changes.stage(base)
        io_utils.copy_dir(self.GetModelPath(input_dict), staged)
        inputs = single(input_dict)
        if blessing := inputs.get(nodes.INFRA_BLESSING):
            withdraw_marker(staged, read_withdrawn(blessing.uri))
        io_utils.copy_file(
            os.path.join(inputs[nodes.EXAMPLES].uri, TASK_FILE),
            os.path.join(staged, TASK_FILE),
        )
        digest, files = model_digest(staged), file_digests(staged)
        recipe = exec_properties[RECIPE_KEY] or ""
        now = serving(base)
        known = read_decisions(base)
        decided = against(known, digest, weights_digest(files), recipe)
        label = CANARY if as_canary and now.stable is not None else STABLE
        numbers = _candidates(base, now, as_canary and not decided)
        version = next(
            (n for n in numbers if _has(base, n, digest, files, recipe)), None
        )
        if version is not None:
            changes.discard(staged)
            return _Stored(version, label, was_served=version in now.versions)
        if decided:
            changes.discard(staged)
            reason = f"{decided}: {how_to_allow(base, decided)}"
            return _Stored(None, label, held_back=reason)
        io_utils.copy_dir(
            inputs[nodes.STATISTICS].uri,
            os.path.join(staged, versions.STATISTICS_FOLDER),
        )
        facts = _facts(inputs, exec_properties)
        version = changes.publish(
            base, staged, lambda number: _describe(staged, number, digest, facts)
        )
        return _Stored(version, label)


@dataclass(frozen=True)
class _Stored:
    """Where the model is.

    Attributes:
        version: The version that has it; None if a decision holds it back.
        label: The label that the version gets if versions are labelled.
        was_served: Whether that version was served before.
        held_back: The decision, and how to allow the model again.
    """

    version: int | None
    label: str
    was_served: bool = False
    held_back: str = ""


def _replay_blessed(input_dict: dict[str, list[types.Artifact]]) -> bool:
    """Tells whether Replay, if there is one, blessed the model."""
    return all(
        blessing.get_int_custom_property(properties.BLESSED)
        for blessing in input_dict.get(nodes.REPLAYED, ())
    )


def _candidates(base: str, now: Serving, as_canary: bool) -> list[int]:
    """Returns the versions that make a push needless if one of them has the model.

    It is the stable version. For a canary it may also be the canary, or a later version
    whose push was interrupted before it became the canary.
    """
    if now.stable is None:
        return []
    later = versions.list_versions(base) if as_canary else []
    newest_first = [n for n in reversed(later) if n > now.stable]
    canary = [now.canary] if as_canary and now.canary is not None else []
    return [now.stable, *canary, *newest_first]


def _has(
    base: str, version: int, digest: str, files: Mapping[str, str], recipe: str
) -> bool:
    """Tells whether a version has a model.

    A model that was trained again, as on Kubeflow, has another digest and is the same
    if its recipe, its variables and its task are. A recipe may not know the data's
    content, and renamed classes do not change the variables.

    Args:
        base: The folder of the model's versions.
        version: Number of the version.
        digest: The model's digest.
        files: Digest of each file of the model and of its task.
        recipe: Digest of what makes the model; empty if unknown.
    """
    try:
        manifest = read_manifest(versions.version_path(base, version))
    except ManifestError as error:
        logging.warning("version %d is taken for another model: %s", version, error)
        return False
    if manifest is None:
        return False
    known, weights = manifest.files or {}, weights_digest(files)
    again = bool(recipe and weights) and (
        (manifest.recipe, weights_digest(known), known.get(TASK_FILE))
        == (recipe, weights, files[TASK_FILE])
    )
    return again or manifest.model_digest == digest


def _enter(base: str) -> None:
    """Enters the model in the servers' configuration; reports if that fails."""
    models, model = os.path.split(os.path.abspath(base))
    try:
        model_config.enter(models, model)
    except OSError as error:
        line = f"{model} is not entered in {model_config.path_in(models)}: {error}"
        logging.warning("%s", line)
        progress.tell(line)


def _label(base: str, version: int, label: str, servers: Servers) -> None:
    """Labels the pushed version; reports if the servers do not confirm it."""
    try:
        rollout.bring_up(base, version, label, servers)
    except NotConfirmedError as error:
        command = f"canary {version}" if label == CANARY else f"promote {version}"
        line = (
            f"version {version} is not labelled {label} yet: {error}: once servers "
            f"have it, {code.typed('version_store')} {command} does that"
        )
        logging.warning("%s", line)
        progress.tell(line)


def _facts(inputs: Artifacts, exec_properties: dict[str, Any]) -> Facts:
    read = read_facts(Folders.of(inputs))
    known = Facts.model_validate_json(exec_properties.get(FACTS_KEY) or "{}")
    examples, champion = inputs[nodes.EXAMPLES], inputs[nodes.CHAMPION_MODEL]
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
    """Writes a version's model card and manifest; again if its number changes."""
    manifest = Manifest(
        **dict(facts),
        version=version,
        pushed_at=datetime.now(UTC).isoformat(timespec="seconds"),
        model_digest=digest,
    )
    write_model_card(folder, manifest)
    write_manifest(folder, manifest)
