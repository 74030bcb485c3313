"""Reads Parquet and Arrow files as Hugging Face writes them.

They have the bytes of pictures, and labels with names. The pixels may also be lists of
numbers, or one column each as in a CSV.
"""

import io
import json
import math
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from components.image_example_gen import pictures, roles
from components.image_example_gen.files import File, line
from components.image_example_gen.forms import rows
from components.image_example_gen.forms.listings import LABELS
from components.image_example_gen.forms.opened import Opened
from components.image_example_gen.hints import Hints
from contract.errors import BadInputError

_IMAGES = (
    *("image", "img", "images", "picture", "pixel_values", "pixels", "x"),
    *("jpg", "jpeg", "png", "webp"),
)
_LABELS = (*LABELS[:2], "fine_label", "coarse_label", "cls", *LABELS[2:])
_LEAST_PIXELS = 16
"""Minimum number of numeric columns that are read as the pixels of an image."""
_METADATA = b"huggingface"
_ARROW_MAGIC = b"ARROW1"
_BROKEN = (pa.ArrowException, OSError, ValueError, LookupError, TypeError)
"""pyarrow's exceptions for invalid bytes."""
_ROWS = 64


def open_parts(path: str, files: Sequence[File], hints: Hints) -> Opened:
    """Opens all files: `data/train-00000-of-00002.parquet` and the like.

    Raises:
        BadInputError: There is no column with pictures, or none with labels.
    """
    by_part = roles.by_part(
        path,
        (file for file in files if file.suffix in roles.COLUMNAR),
        "files to train on, as train-00000-of-00001.parquet",
    )
    first = by_part[roles.TRAIN][0]
    folders = {file.relative.rpartition("/")[0] for file in by_part[roles.TRAIN]}
    if len(folders) > 1:
        raise BadInputError(
            f"{path}: expected one data set, found files to train on in "
            f"{', '.join(sorted(folders)[:8])}: name the folder that is meant, or "
            "begin with it in --prefix"
        )
    schema = _schema(first)
    label = _column(first, schema, _LABELS, hints.label)
    images = _columns_of_images(first, schema, label)
    notices: list[str] = []
    for part in [part for part in by_part if part != roles.TRAIN]:
        if label not in _schema(by_part[part][0]).names:
            notices.append(f"the {part} part has no column {label}, and is left out")
            del by_part[part]
    labels, texts = rows.read_labels(by_part, partial(_labels, column=label))
    if _holds_bytes(schema.field(images[0]).type):
        encoded = partial(_pictures, column=images[0])
        parts = rows.of_pictures(by_part, labels, encoded, hints)
    else:
        numbers = partial(_numbers, columns=images)
        parts, of_levels = rows.of_numbers(by_part, labels, numbers, hints)
        notices += of_levels
    names = dict(enumerate(texts)) or _names(schema, label)
    return Opened(parts, names, notices=tuple(notices))


@contextmanager
def _batches(
    file: File, columns: Sequence[str] | None = None
) -> Iterator[tuple[pa.Schema, Iterator[pa.RecordBatch]]]:
    """Opens a file; yields its schema, and batches of some of its columns."""
    with file.seekable() as stream:
        try:
            if file.suffix == ".parquet":
                parquet = pq.ParquetFile(stream)
                yield parquet.schema_arrow, parquet.iter_batches(_ROWS, columns=columns)
                return
            # Arrow's file format has a list of batches at the end, its stream format
            # has not; https://arrow.apache.org/docs/format/Columnar.html.
            is_file = stream.read(len(_ARROW_MAGIC)) == _ARROW_MAGIC
            stream.seek(0)
            if is_file:
                whole = pa.ipc.open_file(stream)
                stored = map(whole.get_batch, range(whole.num_record_batches))
                yield whole.schema, _chosen(stored, columns)
            else:
                reader = pa.ipc.open_stream(stream)
                yield reader.schema, _chosen(reader, columns)
        except _BROKEN as error:
            raise BadInputError(
                f"{file}: expected a {file.suffix[1:].capitalize()} file, found: "
                f"{line(error)}"
            ) from error


def _chosen(
    batches: Iterable[pa.RecordBatch], columns: Sequence[str] | None
) -> Iterator[pa.RecordBatch]:
    for batch in batches:
        table = pa.Table.from_batches([batch])
        table = table if columns is None else table.select(columns)
        yield from table.to_batches(max_chunksize=_ROWS)


def _schema(file: File) -> pa.Schema:
    with _batches(file) as (schema, _):
        return schema


def _column(file: File, schema: pa.Schema, known: Sequence[str], given: str) -> str:
    """Returns the name of a column: the given one, or the first known one."""
    wanted = (given,) if given else known
    for name in wanted:
        if name in schema.names:
            return name
    raise BadInputError(
        f"{file}: expected a column {' or '.join(wanted)}, found "
        f"{', '.join(schema.names[:8])}"
    )


def _columns_of_images(file: File, schema: pa.Schema, label: str) -> list[str]:
    """Returns the column with pictures, or the columns with their pixels."""
    for name in _IMAGES:
        if name in schema.names:
            return [name]
    others = [field for field in schema if field.name != label]
    of_bytes = [field.name for field in others if _holds_bytes(field.type)]
    if len(of_bytes) == 1:
        return of_bytes
    pixels = [
        field.name
        for field in others
        if pa.types.is_integer(field.type) or pa.types.is_floating(field.type)
    ]
    if len(pixels) >= _LEAST_PIXELS:
        return [name for name in pixels if not name.startswith("__")]
    return [_column(file, schema, _IMAGES[:6], "")]


def _holds_bytes(kind: pa.DataType) -> bool:
    return bool(
        pa.types.is_binary(kind)
        or pa.types.is_large_binary(kind)
        or (pa.types.is_struct(kind) and kind.get_field_index("bytes") >= 0)
    )


def _labels(files: Sequence[File], column: str) -> list[Any]:
    """Returns all labels of a part: numbers or texts."""
    found: list[Any] = []
    for file in files:
        with _batches(file, [column]) as (schema, batches):
            values = pa.Table.from_batches(
                batches, pa.schema([schema.field(column)])
            ).column(column)
        if values.null_count:
            raise BadInputError(
                f"{file}: {column}: expected a label for each picture, found "
                f"{values.null_count:,} without"
            )
        if pa.types.is_dictionary(values.type):
            values = values.cast(values.type.value_type)
        if not (
            pa.types.is_integer(values.type)
            or pa.types.is_string(values.type)
            or pa.types.is_large_string(values.type)
        ):
            raise BadInputError(
                f"{file}: {column}: expected whole numbers or texts, found "
                f"{values.type}"
            )
        found += values.to_pylist()
    return found


def _names(schema: pa.Schema, label: str) -> dict[int, str]:
    """Returns the names of Hugging Face's `ClassLabel` in the schema's metadata."""
    try:
        content = json.loads((schema.metadata or {}).get(_METADATA, b"{}"))
        names = content["info"]["features"][label]["names"]
    except (ValueError, KeyError, TypeError):
        return {}
    if isinstance(names, dict):  # the format in READMEs: {"0": "cat"}
        return {int(value): str(name) for value, name in names.items()}
    return dict(enumerate(map(str, names)))


def _pictures(files: Sequence[File], column: str) -> Iterator[pictures.Picture]:
    for file in files:
        row = 0
        with _batches(file, [column]) as (_, batches):
            for batch in batches:
                for value in batch.column(0):
                    yield f"{file}: row {row:,}", _reader(file, row, value)
                    row += 1


def _reader(file: File, row: int, value: Any) -> pictures.Open:
    content = value.as_py()
    if isinstance(content, dict):  # {"bytes": ..., "path": ...}
        content = content.get("bytes")
    if not isinstance(content, bytes):
        raise BadInputError(
            f"{file}: row {row:,}: expected the bytes of a picture, found "
            f"{type(value.as_py()).__name__ if content is not None else 'none'}: "
            "pictures that are elsewhere are not fetched"
        )
    return lambda: io.BytesIO(content)


def _numbers(files: Sequence[File], columns: Sequence[str]) -> Iterator[np.ndarray]:
    for file in files:
        with _batches(file, columns) as (_, batches):
            for batch in batches:
                yield _pixels(file, batch)


def _pixels(file: File, batch: pa.RecordBatch) -> np.ndarray:
    """Returns the numbers of a batch: nested lists, or a column for each pixel."""
    if batch.num_columns > 1:
        return np.stack([column.to_numpy(False) for column in batch.columns], axis=1)
    values, shape = batch.column(0), [len(batch)]
    while pa.types.is_list(values.type) or pa.types.is_large_list(values.type):
        values = values.flatten()
        each, left = divmod(len(values), max(1, math.prod(shape)))
        if left:
            raise BadInputError(
                f"{file}: {batch.schema.names[0]}: expected as many numbers in each "
                "row, found rows of several lengths"
            )
        shape.append(each)
    numbers = values.to_numpy(False)
    if numbers.dtype.kind not in "uibf":
        raise BadInputError(
            f"{file}: {batch.schema.names[0]}: expected the bytes of a picture or its "
            f"numbers, found {values.type}: pictures that are elsewhere are not fetched"
        )
    return numbers.reshape(shape)
