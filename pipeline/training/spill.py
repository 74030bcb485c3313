"""Rows that do not fit in memory, in a file that is read row by row."""

import os
import tempfile

import numpy as np


class Spill:
    """Appends rows to a temporary file, and reads any of them in any order.

    The file has no name and is gone with the process; it lies where `TMPDIR` says.
    Rows are read with `pread` and not through a memory map: pages of a map count as
    this process's memory for as long as the system likes.
    """

    def __init__(self, row_shape: tuple[int, ...], dtype: np.dtype) -> None:
        self._file = tempfile.TemporaryFile()  # noqa: SIM115
        self._row_shape = row_shape
        self._dtype = dtype
        self._row_bytes = int(np.prod(row_shape, dtype=np.int64)) * dtype.itemsize
        self._rows = 0

    def __len__(self) -> int:
        return self._rows

    def append(self, rows: np.ndarray) -> None:
        """Writes rows `[n, *row_shape]` behind those that are there."""
        self._file.write(np.ascontiguousarray(rows, self._dtype).data)
        self._file.flush()
        self._rows += len(rows)

    def read(self, rows: np.ndarray, into: np.ndarray, at: np.ndarray) -> None:
        """Reads rows by their numbers.

        Args:
            rows: int `[n]`, numbers of rows, in any order.
            into: `[m, *row_shape]`, contiguous, of the rows' dtype.
            at: int `[n]`, where each of them goes in `into`.

        Raises:
            OSError: The file is shorter than it should be.
        """
        descriptor = self._file.fileno()
        row_size = self._row_bytes // self._dtype.itemsize
        flat = into.reshape(len(into), row_size)
        for row, position in zip(rows.tolist(), at.tolist(), strict=True):
            found = os.preadv(descriptor, [flat[position]], row * self._row_bytes)
            if found != self._row_bytes:
                raise OSError(
                    f"row {row} of a temporary file: expected {self._row_bytes} "
                    f"bytes, found {found}"
                )
