"""Writes callers' data to disk so that only the pipeline's user can read it."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count

import numpy as np
from PIL import Image
from tfx.dsl.io import fileio

from serving.request_logs.forgetting import PICTURES, picture_name


@contextmanager
def private() -> Iterator[None]:
    """Makes new files and folders accessible to the process's user only.

    The request log's own files have the same permissions. An object store has its own
    rules.
    """
    before = os.umask(0o077)
    try:
        yield
    finally:
        os.umask(before)


def keep_picture(folder: str, request_id: str, image: np.ndarray) -> str:
    """Writes a picture where `serving.request_logs forget` finds it.

    Args:
        folder: Folder of the file that links the picture.
        request_id: Id of the picture's request; several pictures may have the same. If
            it is empty, nothing is written: the picture could not be removed on
            request.
        image: uint8 `[height, width]` or `[height, width, 3]`.

    Returns:
        Path of the picture in the folder; empty if it was not written.
    """
    if not request_id:
        return ""
    names = (os.path.join(PICTURES, picture_name(request_id, n)) for n in count())
    name = next(n for n in names if not fileio.exists(os.path.join(folder, n)))
    with private():
        fileio.makedirs(os.path.join(folder, PICTURES))
        with fileio.open(os.path.join(folder, name), "wb") as stream:
            Image.fromarray(image).save(stream, "PNG")
    return name
