"""`manifest.json`: describes a version and its origin, with the hashes of its files."""

import json
import os
from hashlib import sha256
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from contract.demands import Demand
from contract.errors import BadInputError
from version_store.digests import MANIFEST_FILE, file_digests, without_waiting
from version_store.old_manifests import as_of_today

MANIFEST_VERSION = 3
"""Format of the manifest. Format 1 had only version, digests of model and data,
champion, run and recipe. Format 2 had all the rest except the task; its gates were
texts, and its classes were called `digits`. Format 3 has the task, and gates with
numbers."""

SPLIT_RULE = ("how", "seed", "test_fraction")
"""Settings that must be equal in two runs for equal test splits."""

_NO_DIGEST = "0" * 64


class ManifestError(BadInputError):
    """A manifest that cannot be read; the message is one line."""


class _Section(BaseModel):
    # A later version of this project may add keys; known keys stay readable.
    model_config = ConfigDict(frozen=True, extra="ignore", protected_namespaces=())


class SplitStatistics(_Section):
    """StatisticsGen's results for a split.

    Attributes:
        examples: Number of examples.
        labels: Number of examples by label.
        image_mean: Mean of all pixels, 0-255.
        image_std_dev: Standard deviation of all pixels.
    """

    examples: int
    labels: dict[str, int] | None = None
    image_mean: float | None = None
    image_std_dev: float | None = None


class ClassMetrics(_Section):
    """TFMA's results for one class of the test split.

    Attributes:
        accuracy: Share of correct answers.
        examples: Number of examples.
        champion: The champion's accuracy on the same examples; None without one.
    """

    accuracy: float
    examples: int | None = None
    champion: float | None = None


class Metrics(_Section):
    """Metrics of the model.

    Attributes:
        epochs: Number of epochs trained.
        kept_epoch: The epoch whose weights were kept, from 1.
        kept_why: The reason for that epoch.
        train_loss: Loss after that epoch on the rows trained on, as training saw them.
        train_accuracy: Accuracy after that epoch on the rows trained on, as training
            saw them.
        val_loss: Loss after that epoch on the held-out rows.
        val_accuracy: Accuracy after that epoch on the held-out rows.
        test_loss: Loss on the test split, by Keras.
        test_accuracy: Accuracy on the test split, by Keras.
        champion_accuracy: The champion's accuracy on the test split, by TFMA.
        classes: Results on the test split, by class name.
    """

    epochs: int | None = None
    kept_epoch: int | None = None
    kept_why: str | None = None
    train_loss: float | None = None
    train_accuracy: float | None = None
    val_loss: float | None = None
    val_accuracy: float | None = None
    test_loss: float | None = None
    test_accuracy: float | None = None
    champion_accuracy: float | None = None
    classes: dict[str, ClassMetrics] | None = None


class Overrides(_Section):
    """Findings of a gate that a setting overruled.

    Attributes:
        allow_anomalies: Whether `gates.allow_anomalies` overruled DataGate.
        findings: DataGate's findings, with `split`, `feature`, `reason`.
    """

    allow_anomalies: bool
    findings: list[dict[str, str]]


class LockFile(_Section):
    """The lock file from which the environment was installed.

    Attributes:
        name: `compat` or `current`.
        digest: SHA-256 of the lock file.
    """

    name: str
    digest: str


class RolledBack(_Section):
    """The rollback that made a version.

    Attributes:
        of: The version whose model it has.
        instead_of: The version that was served until then.
        reason: The reason given; None if none was given.
        by: The user, as user@host.
        at: Time of the rollback, UTC, ISO 8601.
        instead_of_digest: Digest of the model that was served until then.
        instead_of_recipe: Digest of that model's recipe.
    """

    of: int
    instead_of: int
    reason: str | None
    by: str
    at: str
    instead_of_digest: str | None = None
    instead_of_recipe: str | None = None


class Facts(_Section):
    """Facts about a model and its origin; None means unknown.

    Attributes:
        model: Name of the model.
        run: Name of the run.
        recipe: Digest of everything that determines the model.
        champion: The version that it was compared with; empty if there was none.
        task: The model's task; see `contract.task`.
        data_source: Origin of the data, for people.
        data_fingerprint: SHA-256 of images and labels.
        counts: Number of examples by split.
        split: The settings that decided which rows are in the test split
            (`SPLIT_RULE`), and, for data in spans, the names of the spans that were
            read.
        statistics: Statistics by split.
        schema_digest: SHA-256 of the schema's file.
        transform_graph_digest: Digest over the files of Transform's graph.
        training: Hyperparameters, and the values used instead of them.
        metrics: Metrics of the model.
        gates: Every demand of every gate.
        overrides: Findings of a gate that a setting overruled.
        commit: The code's git commit.
        tree_clean: Whether the checkout was exactly that commit.
        code: Digest of a node's code, by node id.
        lock: The lock file from which the environment was installed.
        installed_digest: Digest over names and versions of all installed packages.
        libraries: Installed version by package.
        python: Version of the interpreter.
    """

    model: str | None = None
    run: str | None = None
    recipe: str | None = None
    champion: str | None = None
    task: dict[str, Any] | None = None
    data_source: str | None = None
    data_fingerprint: str | None = None
    counts: dict[str, int] | None = None
    split: dict[str, Any] | None = None
    statistics: dict[str, SplitStatistics] | None = None
    schema_digest: str | None = None
    transform_graph_digest: str | None = None
    training: dict[str, Any] | None = None
    metrics: Metrics | None = None
    gates: list[Demand] | None = None
    overrides: Overrides | None = None
    commit: str | None = None
    tree_clean: bool | None = None
    code: dict[str, str] | None = None
    lock: LockFile | None = None
    installed_digest: str | None = None
    libraries: dict[str, str] | None = None
    python: str | None = None

    def updated(self, **more: Any) -> Self:
        """Returns a copy with further facts."""
        return self.model_copy(
            update={key: value for key, value in more.items() if value is not None}
        )


class Manifest(Facts):
    """A version's facts, with its number and the hashes of its files.

    Attributes:
        manifest_version: Format of the manifest.
        version: The version's number.
        pushed_at: Time at which it became a version, UTC, ISO 8601.
        model_digest: Digest over the model's own files; see `digests.model_digest`.
        rolled_back: The rollback that made the version; None for a push.
        files: SHA-256 of every file except this one, by path.
        digest: SHA-256 of this file with these 64 digits as zeros.
    """

    manifest_version: int = Field(1, ge=1, le=MANIFEST_VERSION)
    version: int
    pushed_at: str | None = None
    model_digest: str | None = None
    rolled_back: RolledBack | None = None
    files: dict[str, str] | None = None
    digest: str | None = None

    @property
    def test_accuracy(self) -> float | None:
        """Accuracy on its own test split when it was pushed; None if unknown."""
        return self.metrics.test_accuracy if self.metrics else None

    @property
    def blessed(self) -> bool:
        """Whether every gate passed the model, or its refusal was overruled.

        A manifest of format 1 has no gates, but only blessed models got a manifest.
        """
        if self.manifest_version == 1 or (self.rolled_back and self.gates is None):
            return True
        return bool(self.gates) and all(not gate.refused for gate in self.gates or ())


def write_manifest(folder: str, manifest: Manifest) -> None:
    """Writes a manifest with the hashes of all files that the folder has now."""
    files = {
        name: digest
        for name, digest in file_digests(folder).items()
        if name != MANIFEST_FILE
    }
    complete = manifest.model_copy(
        update={
            "manifest_version": MANIFEST_VERSION,
            "files": files,
            "digest": _NO_DIGEST,
        }
    )
    content = complete.model_dump(mode="json")
    # Version and format come first, for people who read the file.
    first = ("manifest_version", "version", "model", "pushed_at", "rolled_back")
    ordered = {**{key: content[key] for key in first}, **content}
    text = json.dumps(ordered, indent=2, ensure_ascii=False) + "\n"
    digest = sha256(text.encode()).hexdigest()
    with open(os.path.join(folder, MANIFEST_FILE), "w", encoding="utf-8") as stream:
        stream.write(_sealed(text, _NO_DIGEST, digest))


def read_manifest(folder: str) -> Manifest | None:
    """Returns a version's manifest; None if there is none, as in a foreign version.

    Raises:
        ManifestError: It cannot be read; the message is one line.
    """
    content = _read(folder)
    if content is None:
        return None
    path = os.path.join(folder, MANIFEST_FILE)
    try:
        return Manifest.model_validate(as_of_today(json.loads(content)))
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "content"
        raise ManifestError(f"{path}: {where}: {first['msg']}") from error
    except (KeyError, ValueError) as error:
        raise ManifestError(f"{path}: expected a manifest, found: {error}") from error


def readable_manifest(folder: str) -> Manifest | None:
    """Returns a version's manifest; None if there is none, or a damaged one."""
    try:
        return read_manifest(folder)
    except ManifestError:
        return None


def is_sealed(folder: str, manifest: Manifest) -> bool:
    """Tells whether the file is, byte for byte, as it was written."""
    content = _read(folder)
    if content is None or manifest.digest is None:
        return False
    try:
        text = content.decode()
    except UnicodeDecodeError:
        return False
    blank = _sealed(text, manifest.digest, _NO_DIGEST)
    return sha256(blank.encode()).hexdigest() == manifest.digest


def _read(folder: str) -> bytes | None:
    path = os.path.join(folder, MANIFEST_FILE)
    try:
        with open(path, "rb", opener=without_waiting) as stream:
            return stream.read()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise ManifestError(f"{path}: cannot be read: {error.strerror}") from error


def _sealed(text: str, old: str, new: str) -> str:
    """Returns the text with a new digest, which is in its last lines."""
    head, key, tail = text.rpartition('"digest": "')
    return head + key + tail.replace(old, new, 1)
