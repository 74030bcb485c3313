"""Writes answers into a CSV or Parquet file that can be continued.

Rows are appended to a CSV file, batch by batch, and are on disk before the next batch
is asked: a kill loses one batch at most. Parquet files cannot be appended to, so their
rows are kept in a CSV file beside them, and are converted at the end.
"""

import contextlib
import csv
import io
import os
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

from serving.client.errors import InputError
from serving.client.results import ClassAnswer
from serving.client.sources import Picture, Unreadable

COLUMNS = {
    "source": "string",
    "index": "int64",
    "class": "string",
    "class_id": "int64",
    "probability": "double",
    "model": "string",
    "version": "int64",
    "error": "string",
}
"""The columns with the names of their Arrow types; empty cells are null in Parquet."""

Key = tuple[str, str]
"""Identifies a row: its source, and its index as text."""


@dataclass
class Table:
    """A file of answers.

    Open it in a `with` statement, which reads the rows of the file into `done`.

    Attributes:
        path: The file to write.
        parquet: Whether it is Parquet; otherwise CSV.
        done: The keys of the rows in it.
        errors: Number of rows with an error.
        versions: The versions that answered, as `NAME version N`.
    """

    path: Path
    parquet: bool = False
    done: set[Key] = field(default_factory=set)
    errors: int = 0
    versions: set[str] = field(default_factory=set)
    _stream: IO[str] | None = None

    @property
    def rows_path(self) -> Path:
        """The CSV file that rows are appended to."""
        return (
            self.path.with_name(f"{self.path.name}.part") if self.parquet else self.path
        )

    def __enter__(self) -> Self:
        """Reads the rows in the file and prepares to append after them.

        Raises:
            InputError: The file cannot be read or written, or is of another kind.
        """
        try:
            if self.parquet and self.path.exists() and not self.rows_path.exists():
                _to_csv(self.path, self.rows_path)
            self._read()
            self._stream = self.rows_path.open("a", encoding="utf-8", newline="")
            if not self._stream.tell():
                self._append([list(COLUMNS)])
        except OSError as error:
            raise InputError(f"{self.rows_path}: {error.strerror}") from error
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Closes the file; converts it to Parquet if no error ended the block."""
        if self._stream is not None:
            self._stream.close()
        if self.parquet and error is None:
            _to_parquet(self.rows_path, self.path)
            self.rows_path.unlink()

    def has(self, item: Picture | Unreadable) -> bool:
        """Tells whether the table has a row for it."""
        return (item.source, _text(item.index)) in self.done

    def add(
        self, rows: Iterable[tuple[Picture | Unreadable, ClassAnswer | None]]
    ) -> None:
        """Appends the answers of a batch; an unreadable picture has None.

        Raises:
            InputError: The file cannot be written.
        """
        texts = []
        for item, answer in rows:
            cells: dict[str, Any] = {"source": item.source, "index": item.index}
            if isinstance(item, Unreadable):
                cells["error"] = item.reason
            elif answer is not None:
                cells |= {
                    "class": answer.name,
                    "class_id": answer.class_id,
                    "probability": answer.probability,
                    "model": answer.model,
                    "version": answer.version,
                }
            texts.append([_text(cells.get(column)) for column in COLUMNS])
            self._note(dict(zip(COLUMNS, texts[-1], strict=True)))
        try:
            self._append(texts)
        except OSError as error:
            raise InputError(f"{self.rows_path}: {error.strerror}") from error

    def _append(self, rows: list[list[str]]) -> None:
        if self._stream is None:
            raise ValueError("the table is not open")
        # One write without line breaks in cells: only the last row can be incomplete.
        buffer = io.StringIO()
        csv.writer(buffer, lineterminator="\n").writerows(rows)
        self._stream.write(buffer.getvalue())
        self._stream.flush()
        os.fsync(self._stream.fileno())

    def _read(self) -> None:
        """Reads the rows in the file, and cuts off an incomplete last one."""
        if not self.rows_path.exists():
            return
        if not self.rows_path.is_file():
            raise InputError(f"{self.rows_path}: expected a file")
        end = 0
        with self.rows_path.open("rb") as stream:
            for line in stream:
                if not line.endswith(b"\n"):
                    break
                cells = next(csv.reader([line.decode(errors="replace")]), [])
                if end == 0 and cells != list(COLUMNS):
                    raise InputError(
                        f"{self.rows_path}: expected no file, or one with the columns "
                        f"{','.join(COLUMNS)}, found {','.join(cells)[:80]!r}"
                    )
                if end:
                    self._note(dict(zip(COLUMNS, cells, strict=False)))
                end += len(line)
            else:
                return
            stream.seek(0)
            torn = stream.read(80)
        if not end and not ",".join(COLUMNS).startswith(torn.decode(errors="replace")):
            raise InputError(f"{self.rows_path}: expected a table, found another file")
        os.truncate(self.rows_path, end)

    def _note(self, row: dict[str, str]) -> None:
        self.done.add((row["source"], row.get("index", "")))
        self.errors += bool(row.get("error"))
        if row.get("model"):
            self.versions.add(f"{row['model']} version {row.get('version')}")


def _text(value: Any) -> str:
    return "" if value is None else str(value)


def _to_csv(path: Path, rows: Path) -> None:
    """Writes the CSV file from a file that `_to_parquet` wrote, completely or not."""
    import pyarrow as pa
    import pyarrow.csv
    import pyarrow.parquet as pq

    try:
        table = pq.read_table(path)
    except ValueError as error:  # the base class of Arrow's errors
        raise InputError(f"{path}: expected Parquet: {error}") from error
    if table.column_names != list(COLUMNS):
        raise InputError(
            f"{path}: expected no file, or one with the columns {','.join(COLUMNS)}, "
            f"found {','.join(table.column_names)[:80]!r}"
        )
    part = rows.with_name(f"{rows.name}.new")
    pa.csv.write_csv(table, part)
    os.replace(part, rows)


def _to_parquet(rows: Path, path: Path) -> None:
    """Writes Parquet from the CSV file; the file appears complete or not at all."""
    import pyarrow as pa
    import pyarrow.csv
    import pyarrow.parquet as pq

    options = pa.csv.ConvertOptions(
        column_types={name: pa.type_for_alias(kind) for name, kind in COLUMNS.items()},
        null_values=[""],
        strings_can_be_null=True,
    )
    part = path.with_name(f"{path.name}.new")
    try:
        pq.write_table(pa.csv.read_csv(rows, convert_options=options), part)
        os.replace(part, path)
    except OSError as error:
        with contextlib.suppress(OSError):
            part.unlink()
        raise InputError(f"{path}: {error.strerror or error}") from error
