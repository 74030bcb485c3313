"""Parquet as Hugging Face writes it: a picture's bytes, and a label with its name."""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from components.image_example_gen import class_names, pictures, roles
from components.image_example_gen.files import File, line
from components.image_example_gen.forms.opened import Opened
from components.image_example_gen.hints import Hints
from components.image_example_gen.labelling import sorted_texts
from components.image_example_gen.part import Part, in_memory
from contract.errors import BadInputError

SUFFIXES = (".parquet",)
_IMAGES = ("image", "img", "images", "picture", "pixel_values", "x")
_LABELS = ("label", "labels", "class", "target", "fine_label", "coarse_label", "y")
_METADATA = b"huggingface"
_BROKEN = (pa.ArrowException, OSError, ValueError, LookupError, TypeError)
"""What pyarrow raises on bytes that make no sense."""
_ROWS = 64


def is_one(file: File) -> bool:
    """Whether a file is called like one."""
    return file.suffix in SUFFIXES


def open_parts(path: str, files: Sequence[File], hints: Hints) -> Opened:
    """Opens all files: `data/train-00000-of-00002.parquet` and the like.

    Args:
        path: Of the data set, for messages.
        files: All of it.
        hints: `label`, and what `pictures.find_form` takes.

    Raises:
        BadInputError: There is no column of pictures or of labels.
    """
    by_part: dict[str, list[File]] = {}
    for file in (file for file in files if is_one(file)):
        by_part.setdefault(roles.part_of(file.relative) or roles.TRAIN, []).append(file)
    if roles.TRAIN not in by_part:
        raise BadInputError(
            f"{path}: missing: expected files to train on, as "
            f"train-00000-of-00001.parquet, found {roles.names_text(files)}"
        )
    schema = _schema(by_part[roles.TRAIN][0])
    image = _column(by_part[roles.TRAIN][0], schema, _IMAGES, "")
    label = _column(by_part[roles.TRAIN][0], schema, _LABELS, hints.label)
    notices = []
    for part in [part for part in by_part if part != roles.TRAIN]:
        if label not in _schema(by_part[part][0]).names:
            notices.append(f"the {part} part has no column {label}, and is left out")
            del by_part[part]
    raw = {part: _labels(of_part, label) for part, of_part in by_part.items()}
    is_text = any(labels.dtype == object for labels in raw.values())
    texts = sorted_texts(
        text for labels in raw.values() for text in set(map(str, labels.tolist()))
    ) if is_text else []  # fmt: skip
    place = {text: value for value, text in enumerate(texts)}
    form = _form(by_part[roles.TRAIN], image, hints)
    parts = {}
    for part, of_part in by_part.items():
        labels = raw[part]
        if is_text:
            labels = np.array([place[str(text)] for text in labels], np.int64)
        parts[part] = Part(
            str(of_part[0]),
            f"{of_part[0]}: {label}",
            len(labels),
            form.shape,
            _decoding(of_part, image, form),
            in_memory(labels),
        )
    return Opened(
        parts[roles.TRAIN],
        parts.get(roles.TEST),
        parts.get(roles.VALIDATION),
        class_names.by_label(texts)
        or _names(schema, label)
        or class_names.find_names(files),
        notices=tuple(notices),
    )


@contextmanager
def _opened(file: File) -> Iterator[pq.ParquetFile]:
    with file.open() as stream:
        try:
            yield pq.ParquetFile(stream)
        except _BROKEN as error:
            raise BadInputError(
                f"{file}: expected a Parquet file, found: {line(error)}"
            ) from error


def _schema(file: File) -> pa.Schema:
    with _opened(file) as parquet:
        return parquet.schema_arrow


def _column(file: File, schema: pa.Schema, known: Sequence[str], given: str) -> str:
    """Returns the name of a column: as given, or the first of the customary ones."""
    wanted = (given,) if given else known
    for name in wanted:
        if name in schema.names:
            return name
    raise BadInputError(
        f"{file}: expected a column {' or '.join(wanted)}, found "
        f"{', '.join(schema.names)}"
    )


def _labels(files: Sequence[File], column: str) -> np.ndarray:
    """Returns all labels of a part: int64, or texts as objects."""
    found = []
    for file in files:
        with _opened(file) as parquet:
            values = parquet.read(columns=[column]).column(column)
        if values.null_count:
            raise BadInputError(
                f"{file}: {column}: expected a label for each picture, found "
                f"{values.null_count:,} without"
            )
        if pa.types.is_dictionary(values.type):
            values = values.cast(values.type.value_type)
        if pa.types.is_integer(values.type):
            found.append(values.to_numpy().astype(np.int64))
        elif pa.types.is_string(values.type) or pa.types.is_large_string(values.type):
            found.append(np.array(values.to_pylist(), dtype=object))
        else:
            raise BadInputError(
                f"{file}: {column}: expected whole numbers or texts, found "
                f"{values.type}"
            )
    return np.concatenate(found)


def _names(schema: pa.Schema, label: str) -> dict[int, str]:
    """Returns what Hugging Face's `ClassLabel` says in the schema's metadata."""
    try:
        content = json.loads((schema.metadata or {}).get(_METADATA, b"{}"))
        names = content["info"]["features"][label]["names"]
    except (ValueError, KeyError, TypeError):
        return {}
    if isinstance(names, dict):  # as a README has them: {"0": "cat"}
        return {int(value): str(name) for value, name in names.items()}
    return class_names.by_label([str(name) for name in names])


def _pictures(files: Sequence[File], column: str) -> Iterator[pictures.Picture]:
    for file in files:
        row = 0
        with _opened(file) as parquet:
            for batch in parquet.iter_batches(batch_size=_ROWS, columns=[column]):
                for value in batch.column(0):
                    yield f"{file}: row {row:,}", _reader(file, row, value)
                    row += 1


def _reader(file: File, row: int, value: Any) -> pictures.Read:
    content = value.as_py()
    if isinstance(content, dict):  # {"bytes": ..., "path": ...}
        content = content.get("bytes")
    if not isinstance(content, bytes):
        raise BadInputError(
            f"{file}: row {row:,}: expected the bytes of a picture, found "
            f"{type(value.as_py()).__name__ if content is not None else 'none'}: "
            "pictures that are elsewhere are not fetched"
        )
    return lambda: content


def _form(files: Sequence[File], column: str, hints: Hints) -> pictures.Form:
    """Looks at the first pictures of each file."""
    some = []
    for file in files:
        for picture, _ in zip(_pictures([file], column), range(_ROWS), strict=False):
            some.append(picture)
    return pictures.find_form(some, hints)


def _decoding(files: Sequence[File], column: str, form: pictures.Form) -> Any:
    return lambda rows: pictures.decode_blocks(_pictures(files, column), form, rows)
