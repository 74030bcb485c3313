"""Makes parts from files that hold a picture and a label in each row or record."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from itertools import chain, islice

import numpy as np

from components.image_example_gen import levels, pictures
from components.image_example_gen.files import File
from components.image_example_gen.forms.arrays import Arrange, layout
from components.image_example_gen.hints import Hints
from components.image_example_gen.labelling import coded, sorted_texts
from components.image_example_gen.part import Blocks, Part, in_memory, rebatched
from contract.errors import BadInputError

_FORM_OF = 64
"""Number of first pictures in each file that determine the common format."""

Labels = Callable[[Sequence[File]], Sequence[int | str]]
"""Returns the labels in files."""

Encoded = Callable[[Sequence[File]], Iterator[pictures.Picture]]
"""Yields the encoded pictures in files."""

Numbers = Callable[[Sequence[File]], Iterator[np.ndarray]]
"""Yields the pictures in files as numbers, in blocks `[rows, ...]`."""


def read_labels(
    by_part: Mapping[str, Sequence[File]], read: Labels
) -> tuple[dict[str, np.ndarray], list[str]]:
    """Returns labels, int64 `[rows]` by part, and the class names if labels are texts.

    A label is then the place of its text among the sorted texts. If only some labels
    are texts, the numbers count as texts, too.

    Raises:
        BadInputError: A part is empty, or a row has no label.
    """
    raw = {part: read(files) for part, files in by_part.items()}
    for part, files in by_part.items():
        if not raw[part]:
            raise BadInputError(
                f"{files[0]}: no records: expected at least 1, found none"
            )
    distinct = set(chain.from_iterable(raw.values()))
    if not any(isinstance(label, str) for label in distinct):
        return {part: np.array(labels, np.int64) for part, labels in raw.items()}, []
    texts = sorted_texts(map(str, distinct))
    return {part: coded(texts, map(str, raw[part])) for part in raw}, texts


def of_pictures(
    by_part: Mapping[str, Sequence[File]],
    labels: Mapping[str, np.ndarray],
    encoded: Encoded,
    hints: Hints,
) -> dict[str, Part]:
    """Returns the parts of files with encoded pictures.

    Raises:
        BadInputError: A picture cannot be read or is too large.
    """
    every = (file for files in by_part.values() for file in files)
    # Not as a list, which would hold the bytes of pictures of all files.
    some = chain.from_iterable(islice(encoded([file]), _FORM_OF) for file in every)
    form = pictures.find_form(some, hints)
    return {
        part: _part(
            files,
            labels[part],
            form.shape,
            pictures.decoding(partial(encoded, files), form),
        )
        for part, files in by_part.items()
    }


def of_numbers(
    by_part: Mapping[str, Sequence[File]],
    labels: Mapping[str, np.ndarray],
    numbers: Numbers,
    hints: Hints,
) -> tuple[dict[str, Part], tuple[str, ...]]:
    """Returns the parts of files whose pictures are numbers, and notices.

    Raises:
        BadInputError: The numbers of a part are not those of an image.
    """
    parts = {}
    for part, files in by_part.items():
        first = next(numbers(files))
        shape, arrange = layout(str(files[0]), first.shape[1:], hints)

        def blocks(
            rows: int, files: Sequence[File] = files, arrange: Arrange = arrange
        ) -> Iterator[np.ndarray]:
            return map(arrange, rebatched(numbers(files), rows))

        parts[part] = _part(files, labels[part], shape, blocks)
    return levels.as_bytes(parts)


def _part(
    files: Sequence[File], labels: np.ndarray, shape: tuple[int, ...], blocks: Blocks
) -> Part:
    name = str(files[0])
    return Part(name, name, len(labels), shape, blocks, in_memory(labels))
