"""Which data set a run is about: what was named, or MNIST, or the digits."""

import os
from collections.abc import Callable
from dataclasses import dataclass

from components.image_example_gen import digits, mirrors
from components.image_example_gen.source import MNIST_FINGERPRINT, open_source
from contract.errors import BadInputError
from pipeline.config import Data

MNIST, DIGITS = "mnist", "digits"

DIGITS_BOUNDS = {"min_accuracy": 0.93, "min_digit_accuracy": 0.75}
"""For 360 test images, about 36 a digit: one mistake is 0.03 of a digit."""


@dataclass(frozen=True)
class DataSet:
    """A data set that has been read and checked once.

    Attributes:
        name: The model's name.
        path: What to give to `open_source`.
        fingerprint: Of its content.
        description: For people: what it is and where it came from.
        notice: Something that must not be overlooked; empty if there is nothing.
    """

    name: str
    path: str
    fingerprint: str
    description: str
    notice: str = ""

    @property
    def is_digits(self) -> bool:
        """Whether this is the embedded stand-in."""
        return self.name == DIGITS


def resolve(
    data: Data,
    cache: str,
    download: Callable[[str], None] = mirrors.download,
) -> DataSet:
    """Finds, fetches if need be, and checks the data set.

    Args:
        data: What the configuration says.
        cache: Folder for what is fetched or unpacked, kept between runs.
        download: Completes a folder with MNIST's files.

    Raises:
        BadInputError: What was named is not usable; or MNIST was asked for by
            name and is neither in the cache nor to be had.
    """
    if data.path is not None:
        if data.dataset == DIGITS:
            raise BadInputError(
                f"data.dataset: {DIGITS}: expected without --data, found {data.path}"
            )
        return _named(data.path, data.name)
    if data.name is not None:
        raise BadInputError(
            f"data.name: {data.name}: expected together with --data, which says "
            "what is to have that name"
        )
    if data.dataset != DIGITS:
        folder = os.path.join(cache, MNIST)
        try:
            download(folder)
        except mirrors.MirrorsUnreachableError as error:
            if data.dataset == MNIST:
                raise BadInputError(
                    f"{folder}: no MNIST there and no mirror answers ({error}): put "
                    "the four IDX files there, or name their folder with --data"
                ) from error
        else:
            return DataSet(MNIST, folder, _fingerprint(folder), f"MNIST from {folder}")
    return _digits(cache, asked_for=data.dataset == DIGITS)


def _named(path: str, name: str | None) -> DataSet:
    fingerprint = _fingerprint(path)
    canonical = fingerprint == MNIST_FINGERPRINT
    notice = ""
    if name == DIGITS:
        raise BadInputError(
            f"data.name: {DIGITS}: expected another name, as that one is the "
            "embedded data set's"
        )
    if name is None and not canonical:
        notice = (
            f"{path} is not the canonical MNIST, and its model will be called "
            f"{MNIST}; give it a name of its own with --name"
        )
    kind = "MNIST" if canonical else "data set"
    return DataSet(name or MNIST, path, fingerprint, f"{kind} from {path}", notice)


def _digits(cache: str, *, asked_for: bool) -> DataSet:
    folder = os.path.join(cache, DIGITS)
    os.makedirs(cache, exist_ok=True)
    digits.write(folder)
    notice = (
        ""
        if asked_for
        else (
            "no data was named and no MNIST mirror answers: this run is on the "
            "embedded digits (1,797 scans of 8x8 pixels, enlarged), not on MNIST; "
            "name a folder with the MNIST files with --data"
        )
    )
    return DataSet(
        DIGITS,
        folder,
        _fingerprint(folder),
        "scikit-learn's digits, 8x8 scans enlarged to 28x28",
        notice,
    )


def _fingerprint(path: str) -> str:
    return open_source(path).fingerprint()
