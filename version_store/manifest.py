"""`manifest.json`: what a version is, where it came from, and its files' hashes."""

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
"""Of the format. 1 had only version, digests of model and data, champion, run
and recipe; 2 had the others but the task, with gates as texts and classes called
`digits`; 3 has the task, and gates as numbers."""

SPLIT_RULE = ("how", "seed", "test_fraction")
"""What has to be the same for rows to be in the test split in two runs or in none."""

_NO_DIGEST = "0" * 64


class ManifestError(BadInputError):
    """A manifest that cannot be read."""


class _Section(BaseModel):
    # A later project may add keys; those that are known stay readable.
    model_config = ConfigDict(frozen=True, extra="ignore", protected_namespaces=())


class SplitStatistics(_Section):
    """What StatisticsGen found in a split.

    Attributes:
        examples: How many.
        labels: Examples by label.
        image_mean: Of all pixels, 0-255.
        image_std_dev: Of all pixels.
    """

    examples: int
    labels: dict[str, int] | None = None
    image_mean: float | None = None
    image_std_dev: float | None = None


class ClassMetrics(_Section):
    """How well one class's test images were answered, by TFMA.

    Attributes:
        accuracy: Share answered rightly.
        examples: How many there are.
        champion: The champion's accuracy on the same; None without one.
    """

    accuracy: float
    examples: int | None = None
    champion: float | None = None


class Metrics(_Section):
    """What was measured.

    Attributes:
        epochs: How many were trained.
        kept_epoch: After which of them the weights are that were kept, from 1.
        kept_why: Why of that one.
        train_loss: And the three after it: after that epoch.
        train_accuracy: On the rows trained on, as they were seen.
        val_loss: On the held-out rows.
        val_accuracy: On the held-out rows.
        test_loss: On the test split, by Keras.
        test_accuracy: On the test split, by Keras.
        champion_accuracy: The champion's on the same split, by TFMA.
        classes: By the class's name, on the test split.
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
    """What went on in spite of a gate.

    Attributes:
        allow_anomalies: Whether `gates.allow_anomalies` was made use of.
        findings: What DataGate had found, with `split`, `feature`, `reason`.
    """

    allow_anomalies: bool
    findings: list[dict[str, str]]


class LockFile(_Section):
    """The lock that the environment was made from.

    Attributes:
        name: `compat` or `current`.
        digest: SHA-256 of its file.
    """

    name: str
    digest: str


class RolledBack(_Section):
    """That a version is an older one again.

    Attributes:
        of: The version whose model it is.
        instead_of: The version that was served until then.
        reason: As given; None if none was.
        by: Who, as user@host.
        at: When, UTC, ISO 8601.
        instead_of_digest: Of the model that was served until then.
        instead_of_recipe: Of what makes that model.
    """

    of: int
    instead_of: int
    reason: str | None
    by: str
    at: str
    instead_of_digest: str | None = None
    instead_of_recipe: str | None = None


class Facts(_Section):
    """Where a model came from and what is known of it; None is unknown.

    Attributes:
        model: Name of the model.
        run: Name of the run.
        recipe: Digest of all that goes into the model.
        champion: The version that it had to beat; empty where there was none.
        task: What the model is asked; see `contract.task`.
        data_source: Where the data came from, for people.
        data_fingerprint: SHA-256 of images and labels.
        counts: Examples by split.
        split: What decided which rows are in the test split: `SPLIT_RULE`; and the
            names of the spans that were read, of data in spans.
        statistics: By split.
        schema_digest: SHA-256 of the schema's file.
        transform_graph_digest: Over the files of Transform's graph.
        training: Hyperparameters, and what was really used in their place.
        metrics: What was measured.
        gates: Every demand of every gate.
        overrides: What went on in spite of a gate.
        commit: Of the code, in git.
        tree_clean: Whether the checkout was that commit and nothing else.
        code: Digest of the code of a node, by node id.
        lock: What the environment was made from.
        installed_digest: Over names and versions of all installed packages.
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
        """Returns the same with more of it known."""
        return self.model_copy(
            update={key: value for key, value in more.items() if value is not None}
        )


class Manifest(Facts):
    """A version's facts, and what holds it together.

    Attributes:
        manifest_version: Of the format.
        version: The version's number.
        pushed_at: When it became a version, UTC, ISO 8601.
        model_digest: Over the model's own files; see `digests.model_digest`.
        rolled_back: Set if it is an older version again.
        files: SHA-256 of every file but this one, by path.
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
    def blessed(self) -> bool:
        """Whether every gate let it pass; a gate's No may have been overruled.

        A manifest of format 1 has no gates, but only blessed models got one.
        """
        if self.manifest_version == 1 or (self.rolled_back and self.gates is None):
            return True
        return bool(self.gates) and all(not gate.refused for gate in self.gates or ())


def write_manifest(folder: str, manifest: Manifest) -> None:
    """Writes a manifest with the hashes of all files that are there now."""
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
    # Version and format first, for those who read it with their eyes.
    first = ("manifest_version", "version", "model", "pushed_at", "rolled_back")
    ordered = {**{key: content[key] for key in first}, **content}
    text = json.dumps(ordered, indent=2, ensure_ascii=False) + "\n"
    digest = sha256(text.encode()).hexdigest()
    with open(os.path.join(folder, MANIFEST_FILE), "w", encoding="utf-8") as stream:
        stream.write(_sealed(text, _NO_DIGEST, digest))


def read_manifest(folder: str) -> Manifest | None:
    """Returns a version's manifest; None if it has none, as it is not ours.

    Raises:
        ManifestError: It cannot be read; one line that says why.
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


def is_sealed(folder: str, manifest: Manifest) -> bool:
    """Tells whether the file is, to the byte, what was written."""
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
    """Returns the text with another digest; it stands in its last lines."""
    head, key, tail = text.rpartition('"digest": "')
    return head + key + tail.replace(old, new, 1)
