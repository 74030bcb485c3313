"""Finds the local path of the data set in a pod."""

import os

from components.image_example_gen import mirrors, spans
from components.image_example_gen.digits import NAME as DIGITS
from components.image_example_gen.mnist import NAME as MNIST
from contract.errors import BadInputError
from pipeline.data_settings import Data
from runner.datasets import resolve
from runner.kubeflow.entrypoint.contract import is_remote, local_path


def locate(data: str, folder: str) -> str:
    """Returns the path of a data set.

    Args:
        data: As in `compile_pipeline`: a name, a path, or a URI that the launcher
            has fetched.
        folder: Folder for a data set that is fetched by its name.

    Raises:
        BadInputError: The data set is missing.
    """
    if data == MNIST:
        return resolve(Data(dataset="mnist"), folder, _download).path
    if data == DIGITS:
        return resolve(Data(dataset="digits"), folder).path
    path = local_path(data)
    if spans.is_pattern(path):
        # The spans are listed when ExampleGen reads them.
        return path
    if not os.path.exists(path):
        where = (
            "expected KFP's launcher to have fetched it: is something there, and was "
            "the pipeline compiled for data in an object store?"
            if is_remote(data)
            else f"expected {MNIST}, {DIGITS}, the URI of an object store, or a path "
            "on the data volume, if the pipeline was compiled for one"
        )
        raise BadInputError(f"{data}: missing: {where}")
    return path


def _download(folder: str) -> None:
    """Downloads MNIST; an error names the alternatives on a cluster."""
    try:
        mirrors.download(folder)
    except mirrors.MirrorsUnreachableError as error:
        raise BadInputError(
            f"{MNIST}: no mirror answers from this pod ({error}): put the four IDX "
            "files where pods reach them, and compile the pipeline again with --data "
            "/data/... (the data volume) or with the URI of an object store"
        ) from error
