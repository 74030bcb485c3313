"""Derives the task from a data set and the user's settings."""

import os
import re
import unicodedata

import numpy as np

from components.image_example_gen import mnist, roles, spans
from components.image_example_gen.hints import Hints
from components.image_example_gen.source import Source
from contract.errors import BadInputError
from contract.task import DEFAULT_NOUN, Task

_PLAIN = str.maketrans(
    {
        "æ": "ae",
        "œ": "oe",
        "ø": "o",
        "ł": "l",
        "đ": "d",
        "ð": "d",
        "þ": "th",
        "\u0131": "i",
    }
)
"""Plain letters for lower-case ones that Unicode does not take apart."""

_SAMPLED_ROWS = 1000
_BACKGROUNDS = (0, 255)
_BACKGROUND_SHARE = 0.9
"""Minimum share of border pixels, in the sampled images, with the background's value.
In MNIST all border pixels have it, in photographs almost none."""


def understand(source: Source, hints: Hints, fingerprint: str = "") -> Task:
    """Returns the task of a data set.

    Args:
        source: The data; its labels and some of its images are read.
        hints: The user's settings; they take precedence over the data.
        fingerprint: The data's fingerprint, if known: MNIST has its own task.

    Raises:
        BadInputError: The hints do not fit the data, or it has fewer than two classes.
    """
    height, width, *channels = source.shape
    own = mnist.TASK if fingerprint == mnist.FINGERPRINT else None
    if own is None:
        background = _background(source, hints)
    else:
        background = _given(hints) if hints.background else own.background
    return Task(
        name=hints.name or (own.name if own else name_of(source.path)),
        height=height,
        width=width,
        channels=channels[0] if channels else 1,
        classes=source.labelling.classes,
        noun=hints.noun or (own.noun if own else DEFAULT_NOUN),
        background=background,
    )


def name_of(path: str) -> str:
    """Makes a model's name from the name of a data set's file or folder.

    For a name without information, as `train.csv`, the folder's name is used; for
    spans, the name of the folder above all of them. Letters with accents become plain
    ones; a name without any letter or digit of ASCII becomes `images`.
    """
    if spans.is_pattern(path):
        path = spans.root(path)
    whole = os.path.abspath(path.rstrip("/"))
    if roles.stem_of(whole):
        whole = os.path.dirname(whole)
    stem = os.path.basename(whole)
    stem = re.sub(
        r"(\.(npz|zip|csv|tsv|parquet|feather|arrow|mat|h5|hdf5|tar|tgz|gz|bz2|xz))+$",
        "",
        stem,
        flags=re.IGNORECASE,
    )
    # Without its accents a letter is plain: NFKD has them as letters of their own.
    letters = unicodedata.normalize("NFKD", stem).casefold().translate(_PLAIN)
    plain = "".join(letter for letter in letters if not unicodedata.combining(letter))
    name = re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:58].strip("-")
    return name or "images"


def _background(source: Source, hints: Hints) -> int | None:
    if hints.background:
        return _given(hints)
    if len(source.shape) != 2:
        return None
    images, _ = next(source.blocks(next(iter(source.parts)), _SAMPLED_ROWS))
    border = _border(images)
    for value in _BACKGROUNDS:
        if (border == value).mean() >= _BACKGROUND_SHARE:
            return value
    return None


def _given(hints: Hints) -> int | None:
    if hints.background == "none":
        return None
    if not hints.background.isdecimal() or int(hints.background) > 255:
        raise BadInputError(
            f"data.background: expected 0 to 255, or none, found {hints.background}"
        )
    return int(hints.background)


def _border(images: np.ndarray) -> np.ndarray:
    """Returns the pixels at the four sides of images `[rows, height, width]`."""
    sides = (images[:, 0], images[:, -1], images[:, :, 0], images[:, :, -1])
    return np.concatenate([side.ravel() for side in sides])
