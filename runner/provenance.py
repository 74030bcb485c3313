"""Asking git and the environment what a run is started from."""

import json
import os
import subprocess
import sys

from contract.provenance import Provenance

_STAMP = "set-up.json"
"""Where `python -m bootstrap` writes down what it made an environment from."""

_GIT_SECONDS = 10


def find_provenance(
    root: str | None = None, environment: str = sys.prefix
) -> Provenance:
    """Returns what is known; without git, or outside of a checkout, that is less.

    Args:
        root: Folder of the project; None for the one that this module lies in.
        environment: Folder of the Python environment.
    """
    if root is None:
        root = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    commit, clean = _checkout(root)
    lock, lock_digest = _lock(environment)
    return Provenance(commit, clean, lock, lock_digest)


def _checkout(root: str) -> tuple[str, bool | None]:
    """Returns the commit, and whether there is nothing else; untracked files are."""
    top = _git(root, "rev-parse", "--show-toplevel")
    # An installed project lies in no checkout, or in somebody else's.
    if top is None or os.path.realpath(top) != os.path.realpath(root):
        return "", None
    commit = _git(root, "rev-parse", "--verify", "HEAD")
    changes = _git(root, "status", "--porcelain")
    return commit or "", None if changes is None else not changes


def _git(root: str, *arguments: str) -> str | None:
    try:
        done = subprocess.run(
            # Reading only: no lock is taken that a commit next door needs.
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
    """Returns name and digest of the lock that an environment was made from."""
    try:
        with open(os.path.join(environment, _STAMP), encoding="utf-8") as stream:
            stamp = json.load(stream)
        name = str(stamp["lock"])
        return name, str(stamp["inputs"][f"requirements/{name}.txt"])
    except (OSError, ValueError, KeyError, TypeError):
        return "", ""
