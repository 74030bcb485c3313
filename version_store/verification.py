"""Holding a version's files to its manifest."""

import os
from dataclasses import dataclass

from version_store.digests import MANIFEST_FILE, file_digests, model_digest
from version_store.inventory import Version
from version_store.manifest import Manifest, is_sealed
from version_store.versions import SAVED_MODEL

EXTRA = "extra"
"""What is wrong with a file that was not pushed, as a desktop's `.DS_Store`."""


@dataclass(frozen=True)
class Problem:
    """What is not as the manifest says: of a file, or without a name of all."""

    file: str
    what: str

    def __str__(self) -> str:
        return f"{self.file}: {self.what}" if self.file else self.what


def verify(version: Version) -> list[Problem]:
    """Returns what is wrong with a version's files; nothing if nothing is.

    A flipped bit anywhere, the manifest included; a file too few or too many. A
    manifest of format 1 has one digest over the model's files: those are held to
    it, the statistics cannot be.
    """
    manifest = version.manifest
    if manifest is None:
        what = version.problem or "no manifest: there is nothing to hold it to"
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
        problems.append(Problem(MANIFEST_FILE, f"that of version {manifest.version}"))
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
    """Returns how much `verify` could look at, for people."""
    if version.manifest is None:
        return "nothing"
    if _is_old(version.manifest):
        return "model only: its manifest is of before files were hashed one by one"
    return f"{len(version.manifest.files or {})} files and the manifest"


def _is_old(manifest: Manifest) -> bool:
    """Tells whether a manifest is of format 1, and not a later one torn."""
    return manifest.manifest_version == 1 and manifest.digest is None
