"""Compares a version's files with its manifest."""

import os
from dataclasses import dataclass

from version_store.digests import MANIFEST_FILE, file_digests, model_digest
from version_store.inventory import Version
from version_store.manifest import Manifest, is_sealed
from version_store.versions import SAVED_MODEL

EXTRA = "extra"
"""The problem of a file that was not pushed, such as a desktop's `.DS_Store`."""


@dataclass(frozen=True)
class Problem:
    """A difference from the manifest: of a file; without a name, of the version."""

    file: str
    what: str

    def __str__(self) -> str:
        return f"{self.file}: {self.what}" if self.file else self.what


def verify(version: Version) -> list[Problem]:
    """Returns the differences of a version's files from its manifest.

    It finds every changed bit, the manifest included, and missing or extra files. A
    manifest of format 1 has only one digest over the model's files: these are compared,
    the statistics are not.
    """
    manifest = version.manifest
    if manifest is None:
        what = (
            version.problem or "no manifest: there is nothing to compare the files with"
        )
        lost = not os.path.exists(os.path.join(version.path, SAVED_MODEL))
        return [
            *([Problem(SAVED_MODEL, "missing")] if lost else ()),
            Problem(MANIFEST_FILE if version.problem else "", what),
        ]
    try:
        if _is_old(manifest):
            if manifest.model_digest == model_digest(version.path):
                return []
            return [Problem("", "the model's files are not those that were pushed")]
        found = file_digests(version.path)
        sealed = is_sealed(version.path, manifest)
    except OSError as error:
        return [Problem("", f"cannot be read: {error.filename}: {error.strerror}")]
    found.pop(MANIFEST_FILE, None)
    problems = [] if sealed else [Problem(MANIFEST_FILE, "changed")]
    if manifest.version != version.number:
        problems.append(
            Problem(MANIFEST_FILE, f"belongs to version {manifest.version}")
        )
    pushed = manifest.files or {}
    for file in sorted(found.keys() | pushed.keys()):
        if file not in found:
            problems.append(Problem(file, "missing"))
        elif file not in pushed:
            problems.append(Problem(file, EXTRA))
        elif found[file] != pushed[file]:
            problems.append(Problem(file, "changed"))
    return problems


def what_was_held(version: Version) -> str:
    """Returns which files `verify` could compare, for a message."""
    if version.manifest is None:
        return "nothing"
    if _is_old(version.manifest):
        return "model only: its manifest is too old to have a hash of each file"
    return f"{len(version.manifest.files or {})} files and the manifest"


def _is_old(manifest: Manifest) -> bool:
    """Tells whether a manifest is of format 1, and not a damaged later one."""
    return manifest.manifest_version == 1 and manifest.digest is None
