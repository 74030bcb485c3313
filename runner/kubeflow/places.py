"""Checks the place of the data on a cluster, and finds its fingerprint."""

import os
import re

from components.image_example_gen.digits import NAME as DIGITS
from components.image_example_gen.hints import Hints
from components.image_example_gen.mnist import FINGERPRINT as MNIST_FINGERPRINT
from components.image_example_gen.mnist import NAME as MNIST
from components.image_example_gen.source import open_source
from components.image_example_gen.spans import is_pattern
from contract.errors import BadInputError
from runner.kubeflow.deployment import DATA_FOLDER
from runner.kubeflow.entrypoint.contract import is_remote

PLACES = (
    f"{MNIST}, {DIGITS}, a path below {DATA_FOLDER} on the data volume, or the "
    "minio://, s3:// or gs:// URI of a folder or npz"
)


def kind(data: str) -> str:
    """Returns how a pod gets the data: by `name`, from a `volume` or from a `store`.

    Raises:
        BadInputError: A pod could not find the data.
    """
    if data in (MNIST, DIGITS):
        return "name"
    if is_remote(data):
        if is_pattern(data):
            raise BadInputError(
                f"data: {data}: expected spans on the data volume, as "
                f"{DATA_FOLDER}/incoming/{{SPAN}}: KFP's launcher fetches one folder "
                "or file, and takes no pattern"
            )
        if not re.fullmatch(r"\w+://[^/\s]+/\S*[^/\s]/?", data):
            raise BadInputError(
                f"data: {data}: expected <scheme>://<bucket>/<key of a folder or npz>"
            )
        return "store"
    if data.startswith(f"{DATA_FOLDER}/") and os.path.normpath(data).startswith(
        f"{DATA_FOLDER}/"
    ):
        return "volume"
    is_path = data.startswith(("/", "~", "."))
    hint = ": a folder of this machine is not on the cluster" if is_path else ""
    raise BadInputError(f"data: expected {PLACES}, found {data}{hint}")


def fingerprint(
    data: str, given: str | None, local_copy: str | None, hints: Hints
) -> str:
    """Returns the fingerprint of the data's content; empty if it is not known.

    Raises:
        BadInputError: The user gave both a fingerprint and a copy, or one of them
            cannot be used.
    """
    if given is not None and local_copy is not None:
        raise BadInputError(
            "--fingerprint, --fingerprint-of: expected one of them, found both"
        )
    if given is not None:
        if not re.fullmatch(r"[0-9a-f]{64}", given):
            raise BadInputError(
                f"--fingerprint: expected the 64 hexadecimal digits of a SHA-256, "
                f"found {given!r}"
            )
        return given
    if local_copy is not None:
        return open_source(os.path.expanduser(local_copy), hints).fingerprint()
    if data == MNIST:
        # Downloads from a mirror are verified to have this content.
        return MNIST_FINGERPRINT
    # The pod's own Pillow enlarges the digits. It may be another version than here, so
    # that their content is not known.
    return ""


def same_bucket(data: str, pipeline_root: str | None) -> bool:
    """Tells whether the data is in the pipeline root's bucket; no if it is unknown."""
    return bool(pipeline_root) and _bucket(data) == _bucket(str(pipeline_root))


def check_reach(data: str, pipeline_root: str | None, *, has_secret: bool) -> str:
    """Refuses data that KFP's launcher cannot fetch.

    The launcher opens the pipeline root's bucket with the cluster's credentials. It
    opens any other bucket with the credentials in the pod's environment, which may
    come from the service account (kubeflow/pipelines:
    backend/src/v2/component/launcher_v2.go, fetchNonDefaultBuckets). Other `minio://`
    buckets cannot be opened in this way.

    Returns:
        A note if the access depends on the cluster; mostly empty.

    Raises:
        BadInputError: The launcher cannot open the bucket.
    """
    if not is_remote(data) or has_secret or same_bucket(data, pipeline_root):
        return ""
    if data.startswith("minio://") and pipeline_root:
        raise BadInputError(
            f"data: {data}: in another bucket than the pipeline root "
            f"({pipeline_root}), which KFP's launcher cannot open: copy it to a path "
            "in that one, or name a Secret with --data-secret"
        )
    return (
        f"note: {data}: a bucket other than the pipeline root's opens only to pods "
        "with credentials in their environment, of their account or --data-secret: "
        'docs/kubeflow.md, "Data in another bucket"'
    )


def _bucket(uri: str) -> str:
    return "/".join(uri.split("/")[:3])
