"""Checks whether a version of Kubeflow Pipelines can run the compiled pipeline."""

import re
from collections.abc import Mapping
from typing import Any

from contract.errors import BadInputError

OLDEST = (2, 14)
"""The first version without a known problem; the release before it is 2.5."""

# The problem below each version; the first that fits is reported.
_REASONS = (
    ((2, 3), "its launcher cannot write in the pods of an image that is not root's"),
    ((2, 5), "it does not fill in the name of the run, and retries nothing"),
    (OLDEST, "it names pods after nodes, and Kubernetes refuses capital letters"),
)

_STORE_OF_ITS_OWN = (2, 17)
"""The first version whose launcher opens a `minio://` bucket other than the pipeline
root's."""


def of_server(health: Mapping[str, Any]) -> tuple[int, int] | None:
    """Returns the version in a server's health report; None if there is none.

    A release names its version as `tag_name` (kubeflow/pipelines: backend/src/
    apiserver/main.go); the user interface uses another key
    (frontend/server/handlers/healthz.ts). A self-built KFP may omit it.
    """
    told = health.get("tag_name") or health.get("apiServerTagName", "")
    found = re.match(r"v?(\d+)\.(\d+)\b", str(told))
    return (int(found[1]), int(found[2])) if found else None


def check(host: str, version: tuple[int, int] | None) -> None:
    """Refuses a server on which no run could succeed.

    Raises:
        BadInputError: The server is too old; the message names the problem.
    """
    for below, reason in _REASONS:
        if version is not None and version < below:
            raise BadInputError(
                f"{host}: expected Kubeflow Pipelines {_text(OLDEST)} or later, found "
                f"{_text(version)}: {reason}"
            )


def check_store(host: str, version: tuple[int, int] | None, data: str) -> None:
    """Refuses data whose bucket a server's launcher cannot open.

    Raises:
        BadInputError: The server is too old for such data.
    """
    if data.startswith("minio://") and version and version < _STORE_OF_ITS_OWN:
        raise BadInputError(
            f"{host}: data: {data}: expected Kubeflow Pipelines "
            f"{_text(_STORE_OF_ITS_OWN)} or later for minio:// in another bucket than "
            f"the pipeline root's, found {_text(version)}: name it as s3://..., with "
            "the same Secret"
        )


def _text(version: tuple[int, int]) -> str:
    return ".".join(map(str, version))
