"""Reads CSV files with a label and the pixels of an image in each row."""

import io
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import IO, Any

import numpy as np
import pyarrow as pa
import pyarrow.csv as pa_csv

from components.image_example_gen import class_names, levels, roles
from components.image_example_gen.files import File, line
from components.image_example_gen.forms.arrays import layout
from components.image_example_gen.forms.listings import LABELS
from components.image_example_gen.forms.opened import Opened
from components.image_example_gen.hints import Hints
from components.image_example_gen.labelling import coded, sorted_texts
from components.image_example_gen.part import Part, in_memory, rebatched
from contract.errors import BadInputError
from contract.task import MOST_VALUES

_NO_PIXELS = ("", "unnamed: 0", "index", "id")
"""Names of index columns that pandas and users add."""
_BLOCK_BYTES = 4 << 20
_LONGEST_LINE = 8 * MOST_VALUES


@dataclass(frozen=True)
class _Table:
    """A table file with the roles of its columns.

    The first row tells whether pixels are whole numbers: programs write all of one
    kind, and a fraction among whole numbers is an error that is reported.
    """

    file: File
    delimiter: str
    columns: list[str]
    has_header: bool
    label: str | None
    pixels: list[str]
    is_whole: bool


_Labels = tuple[list[str], np.ndarray]
"""The distinct texts in a column, and the index of each row's text."""


def is_one(file: File) -> bool:
    """Tells by its name whether a file is a table, but not one of class names."""
    return file.suffix in roles.TABLES and not class_names.is_names_file(file)


def open_parts(path: str, files: Sequence[File], hints: Hints) -> Opened:
    """Opens one table, or one for each part.

    `hints.label` is the name or the number, from 0, of the label column. If it is
    empty, the column is found by its name in the header. Without a header it is the
    only column with texts, or else the first one.

    Raises:
        BadInputError: There are no labels, or rows are not images.
    """
    tables: dict[str, _Table] = {}
    notices = []
    named = {file: roles.part_of(file.relative) for file in files if is_one(file)}
    for file, part_or_none in named.items():
        part = part_or_none or roles.TRAIN
        if part_or_none is None and roles.TRAIN in named.values():
            notices.append(f"{file.relative} is of no part by its name, and left out")
            continue
        table = _look_at(file, hints.label)
        if table.label is None and part != roles.TRAIN:
            notices.append(
                f"{file.relative} has no column with labels, and is left out"
            )
            continue
        if table.label is None:
            raise BadInputError(
                f"{file}: expected a column with labels, called "
                f"{' or '.join(LABELS[:8])}, found "
                f"{', '.join(table.columns[:8])}"
                f"{_more(len(table.columns) - 8)}: name it with --label"
            )
        if part in tables:
            raise BadInputError(
                f"{path}: expected one table for the {part} part, found "
                f"{tables[part].file.relative} and {file.relative}: name the one that "
                "is meant"
            )
        tables[part] = table
    if roles.TRAIN not in tables:
        raise BadInputError(
            f"{path}: missing: expected a table to train on, as train.csv, found "
            f"{roles.names_text(files)}"
        )
    raw = {part: _read_labels(table) for part, table in tables.items()}
    for part, table in tables.items():
        if not table.has_header and len(raw[part][0]) == 1:
            raise BadInputError(
                f"{table.file}: expected labels in {table.label}, found "
                f"{raw[part][0][0]} in each row: say by its number, from 0, which "
                f"column has them, as --label {len(table.columns) - 1}"
            )
    texts = _texts(raw.values())
    parts, of_levels = levels.as_bytes(
        {
            part: _part(table, _encode(raw[part], texts), hints)
            for part, table in tables.items()
        }
    )
    return Opened(parts, dict(enumerate(texts)), notices=(*notices, *of_levels))


def _look_at(file: File, label: str) -> _Table:
    with file.open() as stream:
        lines = io.BufferedReader(stream)  # type: ignore[type-var]
        first, second = (lines.readline(_LONGEST_LINE) for _ in range(2))
    try:
        head, row = first.decode("utf-8-sig").strip(), second.decode("utf-8").strip()
    except UnicodeDecodeError as error:
        raise BadInputError(f"{file}: expected text, found bytes: {error}") from error
    if not head:
        raise BadInputError(f"{file}: no records: expected at least 1, found none")
    delimiter = max(",;\t", key=head.count)
    columns = [name.strip().strip('"') for name in head.split(delimiter)]
    has_header = not any(_is_number(name) for name in columns[1:]) or bool(
        {name.lower() for name in columns} & set(LABELS)
    )
    values = [v.strip().strip('"') for v in (row or head).split(delimiter)]
    if not has_header:
        values, columns = columns, [f"column {n}" for n in range(len(columns))]
    if len(set(columns)) < len(columns):
        twice = next(name for name in columns if columns.count(name) > 1)
        raise BadInputError(
            f"{file}: expected a name of its own for each column, found {twice!r} twice"
        )
    chosen = _label_column(file, columns, values, has_header, label)
    pixels = [
        name
        for name in columns
        if name != chosen and not (has_header and name.lower() in _NO_PIXELS)
    ]
    is_whole = "." not in (row if has_header else head)
    return _Table(file, delimiter, columns, has_header, chosen, pixels, is_whole)


def _label_column(
    file: File, columns: list[str], values: list[str], has_header: bool, label: str
) -> str | None:
    if label:
        if label in columns:
            return label
        if label.isdecimal() and int(label) < len(columns):
            return columns[int(label)]
        raise BadInputError(
            f"{file}: data.label: expected one of its columns, "
            f"{', '.join(columns[:8])}, or a number, found {label!r}"
        )
    if has_header:
        named = [name for name in columns if name.lower() in LABELS]
        return named[0] if named else None
    texts = [
        column
        for column, value in zip(columns, values, strict=False)
        if not _is_number(value)
    ]
    return texts[0] if len(texts) == 1 else columns[0]


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _batches(table: _Table, columns: dict[str, Any]) -> Iterator[pa.RecordBatch]:
    """Yields the rows of some columns, with one block of rows in memory."""
    read, parse, convert = (
        pa_csv.ReadOptions(column_names=table.columns, use_threads=False),
        pa_csv.ParseOptions(delimiter=table.delimiter),
        pa_csv.ConvertOptions(
            include_columns=list(columns),
            column_types=columns,
            strings_can_be_null=False,
        ),
    )
    lines = 0
    with table.file.open() as stream:
        try:
            if table.has_header:
                stream.readline()
                lines = 1
            # Arrow would read the stream ahead in its own thread, which calls Python
            # even at shutdown and aborts it. So Arrow gets bytes instead of a stream.
            for block in _blocks(stream, max(_BLOCK_BYTES, 8 * len(table.columns))):
                read.block_size = len(block) + 1
                rows = pa_csv.read_csv(pa.py_buffer(block), read, parse, convert)
                yield from rows.to_batches()
                lines += block.count(b"\n")
        except (pa.ArrowException, EOFError, OSError) as error:
            # Arrow counts rows within the block.
            found = re.sub(
                r"Row #(\d+)", lambda row: f"Row #{lines + int(row[1])}", line(error)
            )
            raise BadInputError(
                f"{table.file}: expected rows with a label and whole numbers from 0 to "
                f"255, found: {found}"
            ) from error


def _blocks(stream: IO[bytes], size: int) -> Iterator[bytes]:
    """Yields blocks of whole lines, of about `size` bytes."""
    while block := stream.read(size):
        yield block + stream.readline()


def _read_labels(table: _Table) -> _Labels:
    """Returns all labels of a table."""
    assert table.label is not None, "looked at before"
    place: dict[str, int] = {}
    rows = []
    for batch in _batches(table, {table.label: pa.dictionary(pa.int32(), pa.string())}):
        column = batch.column(0)
        of_batch = [
            place.setdefault(text, len(place)) for text in column.dictionary.to_pylist()
        ]
        rows.append(np.array(of_batch, np.int32)[column.indices.to_numpy()])
    if not rows:
        raise BadInputError(
            f"{table.file}: no records: expected at least 1, found none"
        )
    return list(place), np.concatenate(rows)


def _texts(labels: Iterable[_Labels]) -> list[str]:
    """Returns the sorted class names if labels are texts; empty for numbers."""
    distinct = set().union(*(texts for texts, _ in labels))
    if all(_is_whole(text) for text in distinct):
        return []
    return sorted_texts(distinct)


def _is_whole(text: str) -> bool:
    return _is_number(text) and float(text).is_integer()


def _encode(labels: _Labels, texts: list[str]) -> np.ndarray:
    found, rows = labels
    if texts:
        return coded(texts, found)[rows]
    return np.array([int(float(text)) for text in found], np.int64)[rows]


def _more(count: int) -> str:
    return f" and {count:,} more" if count > 0 else ""


def _part(table: _Table, labels: np.ndarray, hints: Hints) -> Part:
    name = str(table.file)
    shape, arrange = layout(name, (len(table.pixels),), hints)
    types = dict.fromkeys(table.pixels, pa.uint8() if table.is_whole else pa.float32())

    def image_blocks(rows: int) -> Iterator[np.ndarray]:
        blocks = (_pixels(table, batch) for batch in _batches(table, types))
        return map(arrange, rebatched(blocks, rows))

    return Part(name, name, len(labels), shape, image_blocks, in_memory(labels))


def _pixels(table: _Table, batch: pa.RecordBatch) -> np.ndarray:
    kind = np.uint8 if table.is_whole else np.float32
    pixels = np.empty((len(batch), batch.num_columns), kind)
    for place, column in enumerate(batch.columns):
        if column.null_count:
            raise BadInputError(
                f"{table.file}: expected whole numbers from 0 to 255, found nothing in "
                f"{table.pixels[place]}"
            )
        pixels[:, place] = column.to_numpy()
    return pixels
