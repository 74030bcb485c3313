"""Stores rows that do not fit in memory in a file, and reads them row by row."""

import os
import tempfile

import numpy as np


class Spill:
    """Appends rows to a temporary file, and reads any of them in any order.

    The file is in the folder that `TMPDIR` names. It has no name and disappears with
    the process. Rows are read with `preadv` and not through a memory map: the pages of
    a map may count as this process's memory for any time.
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
        """Appends rows `[n, *row_shape]` to the file."""
        self._file.write(np.ascontiguousarray(rows, self._dtype).data)
        self._file.flush()
        self._rows += len(rows)

    def read(self, rows: np.ndarray, into: np.ndarray, at: np.ndarray) -> None:
        """Reads rows by their numbers.

        Args:
            rows: int `[n]`, numbers of rows, in any order.
            into: `[m, *row_shape]`, contiguous, of the rows' dtype.
            at: int `[n]`, position of each row in `into`.

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
