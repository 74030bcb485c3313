"""Computes a digest of the project's code, to tell images apart."""

import hashlib
from pathlib import Path

import components
import contract
import lineage
import pipeline
import runner
import serving
import version_store


def project_digest() -> str:
    """Returns a digest of all Python and data files of the project's packages.

    Documentation beside the code is left out, as an image does not contain it.

    A compiled pipeline carries the digest of its code in the arguments of each
    container. So KFP's cache notices changed code under an unchanged image tag, and a
    pod can report that its image has other code than the pipeline. Versions of other
    packages are left out, because compiling and running may use different lock files.
    """
    digest = hashlib.sha256()
    packages = components, contract, lineage, pipeline, runner, serving, version_store
    for package in packages:
        root = Path(package.__path__[0])
        for path in sorted(root.rglob("*")):
            if not path.is_file() or path.suffix == ".md":
                continue
            if "__pycache__" not in path.parts:
                name = path.relative_to(root.parent).as_posix()
                digest.update(name.encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()[:16]
