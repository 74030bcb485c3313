"""What people have sent, on disk: nobody but the pipeline's user reads it."""

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
    """Gives the files and folders that the block makes to the process's user alone.

    As those of the request log itself. In an object store its own rules hold.
    """
    before = os.umask(0o077)
    try:
        yield
    finally:
        os.umask(before)


def keep_picture(folder: str, request_id: str, image: np.ndarray) -> str:
    """Writes a picture where `serving.request_logs forget` finds it.

    Args:
        folder: Of the page, or whatever links the picture.
        request_id: Of its request; several pictures may have the same.
        image: uint8 `[height, width]` or `[height, width, 3]`.

    Returns:
        Its path in the folder.
    """
    names = (os.path.join(PICTURES, picture_name(request_id, n)) for n in count())
    name = next(n for n in names if not fileio.exists(os.path.join(folder, n)))
    with private():
        fileio.makedirs(os.path.join(folder, PICTURES))
        with fileio.open(os.path.join(folder, name), "wb") as stream:
            Image.fromarray(image).save(stream, "PNG")
    return name
