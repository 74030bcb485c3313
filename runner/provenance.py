"""Asks git for the commit of the project, and the environment for its lock file."""

import json
import os
import subprocess
import sys

from contract.provenance import Provenance

_STAMP = "set-up.json"
"""File in which `python -m bootstrap` records the inputs of an environment."""

_GIT_SECONDS = 10


def find_provenance(
    root: str | None = None, environment: str = sys.prefix
) -> Provenance:
    """Returns the provenance; parts stay empty without git or outside of a checkout.

    Args:
        root: Folder of the project; None for the one that contains this module.
        environment: Folder of the Python environment.
    """
    if root is None:
        root = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    commit, clean = _checkout(root)
    lock, lock_digest = _lock(environment)
    return Provenance(commit, clean, lock, lock_digest)


def _checkout(root: str) -> tuple[str, bool | None]:
    """Returns the commit, and whether the tree is clean: untracked files count, too."""
    top = _git(root, "rev-parse", "--show-toplevel")
    # An installed project lies in no checkout, or in that of another project.
    if top is None or os.path.realpath(top) != os.path.realpath(root):
        return "", None
    commit = _git(root, "rev-parse", "--verify", "HEAD")
    changes = _git(root, "status", "--porcelain")
    return commit or "", None if changes is None else not changes


def _git(root: str, *arguments: str) -> str | None:
    try:
        done = subprocess.run(
            # Reading takes no lock, which a commit at the same time may need.
            ["git", "--no-optional-locks", "-C", root, *arguments],
            capture_output=True,
            text=True,
            timeout=_GIT_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None


def _lock(environment: str) -> tuple[str, str]:
    """Returns name and digest of the lock file that an environment was made from."""
    try:
        with open(os.path.join(environment, _STAMP), encoding="utf-8") as stream:
            stamp = json.load(stream)
        name = str(stamp["lock"])
        return name, str(stamp["inputs"][f"requirements/{name}.txt"])
    except (OSError, ValueError, KeyError, TypeError):
        return "", ""
