"""Reads the marker file of versions whose rows are independent.

Requests of different callers may share a run of the graph only if every output row
depends on its own input row and on no other. No SavedModel states that, and no test can
prove it. The author of the graph can know it, and states it in
`assets.extra/rows_apart.json`; README.md has its format. It contains the SHA-256
of `saved_model.pb`, so that a marker beside another graph has no effect.
"""

import hashlib
import json
import logging
import os
from typing import Any

import tensorflow as tf

_log = logging.getLogger(__name__)

MARKER_FILE = os.path.join("assets.extra", "rows_apart.json")
_FORMAT = 1


def read(path: str) -> frozenset[str]:
    """Returns the names of the signatures whose requests may share a run.

    The set is empty if there is no marker, if it is not for this graph, or if it cannot
    be read: then every request runs alone.
    """
    file = os.path.join(path, MARKER_FILE)
    if not tf.io.gfile.exists(file):
        return frozenset()
    try:
        with tf.io.gfile.GFile(file, "rb") as opened:
            content = json.loads(opened.read())
        with tf.io.gfile.GFile(os.path.join(path, "saved_model.pb"), "rb") as model:
            digest = hashlib.sha256(model.read()).hexdigest()
        return _checked(content, digest)
    except (tf.errors.OpError, OSError, ValueError) as error:
        _log.warning("%s is passed over, requests run alone: %s", file, error)
        return frozenset()


def _checked(content: Any, digest: str) -> frozenset[str]:
    """Returns the signatures in a marker; raises ValueError if it is invalid."""
    if not isinstance(content, dict) or content.get("format") != _FORMAT:
        raise ValueError(f"expected an object whose format is {_FORMAT}")
    if content.get("saved_model_sha256") != digest:
        raise ValueError(f"it is not for this saved_model.pb (SHA-256 {digest})")
    names = content.get("signatures")
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise ValueError("expected a list of names in signatures")
    return frozenset(names)
