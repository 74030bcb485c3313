"""Digest of the project's own code, to know an image from another."""

import hashlib
from pathlib import Path

import components
import contract
import lineage
import pipeline
import runner
import serving
import version_store

_PACKAGES = (
    components,
    contract,
    lineage,
    pipeline,
    runner,
    serving,
    version_store,
)


def project_digest() -> str:
    """Returns a digest of all Python and data files of the project's packages.

    Documentation beside the code is neither, and not in an image.

    A compiled pipeline carries that of the code it was compiled from. In the
    arguments of each container it makes KFP's cache see an edit behind an
    unchanged image tag, and lets a pod say that its image is not the one that
    the pipeline was compiled for. Versions of other packages do not enter: one
    compiles under one lock and runs under the other.
    """
    digest = hashlib.sha256()
    for package in _PACKAGES:
        root = Path(package.__path__[0])
        for path in sorted(root.rglob("*")):
            if not path.is_file() or path.suffix == ".md":
                continue
            if "__pycache__" not in path.parts:
                name = path.relative_to(root.parent).as_posix()
                digest.update(name.encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()[:16]
