"""Reads files that hold arrays: NumPy's npy and npz, HDF5, MATLAB."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from components.image_example_gen import npy, roles
from components.image_example_gen.contents import members
from components.image_example_gen.files import File, line
from components.image_example_gen.part import Blocks, in_memory
from contract.errors import BadInputError

_HDF5 = (".h5", ".hdf5", ".hdf")
SUFFIXES = (".npz", ".npy", ".mat", *_HDF5)

_MOST_OF_MATLAB = 1 << 28
"""Maximum number of values in a MATLAB file, because SciPy reads whole arrays into
memory. SVHN's training part has 0.84 of it."""


@dataclass(frozen=True)
class Array:
    """An array in a file.

    Attributes:
        name: Name for messages: `a.npz: x_train`.
        relative: Path relative to the data set's root; it tells the part.
        shape: Shape; the first dimension counts the items.
        dtype: Type of the values.
        blocks: Yields the items in order, in blocks of the given size.
    """

    name: str
    relative: str
    shape: tuple[int, ...]
    dtype: np.dtype
    blocks: Blocks

    @property
    def key(self) -> str:
        """Name without folders and extension."""
        return self.relative.rpartition("/")[2].removesuffix(".npy")

    def texts(self) -> list[str]:
        """Returns all values as texts."""
        return [
            value.decode(errors="replace") if isinstance(value, bytes) else str(value)
            for block in self.blocks(1 << 16)
            for value in block.reshape(-1).tolist()
        ]


def is_one(file: File) -> bool:
    """Tells by its name whether a file holds arrays."""
    return file.suffix in SUFFIXES


def arrays_of(file: File) -> list[Array]:
    """Returns the arrays in a file.

    Raises:
        BadInputError: The file does not have the format of its extension.
    """
    if file.suffix in _HDF5:
        return list(_of_hdf5(file))
    if file.suffix == ".mat":
        return list(_of_matlab(file))
    if file.suffix == ".npy":
        return [_of_npy(file)]
    return list(_of_npz(file))


def _of_npy(file: File) -> Array:
    shape, dtype = npy.read_header(file)
    return Array(
        str(file), file.relative, shape, dtype, lambda rows: npy.read_blocks(file, rows)
    )


def _of_npz(file: File) -> Iterator[Array]:
    for member in members(file):
        if member.suffix != ".npy":
            continue
        try:
            yield _of_npy(member)
        except BadInputError:
            # Arrays that are by name neither images nor labels are ignored.
            if roles.kind_of(member.name) is not None:
                raise


def _of_hdf5(file: File) -> Iterator[Array]:
    # Imported only when needed, like `scipy.io`: such files are rare.
    import h5py

    try:
        # Closed when the last reference to one of its arrays is gone.
        content = h5py.File(file.seekable(), "r")
        names: list[str] = []
        content.visit(names.append)
        found = [content[name] for name in names]
    except (OSError, RuntimeError, KeyError) as error:
        raise BadInputError(
            f"{file}: expected an HDF5 file, found: {line(error)}"
        ) from error
    for name, dataset in zip(names, found, strict=True):
        if not isinstance(dataset, h5py.Dataset) or not dataset.shape:
            continue
        yield Array(
            f"{file}: {name}",
            f"{file.relative}/{name}",
            dataset.shape,
            dataset.dtype,
            _blocks_of_hdf5(f"{file}: {name}", dataset),
        )


def _blocks_of_hdf5(name: str, dataset: Any) -> Blocks:
    def blocks(rows: int) -> Iterator[np.ndarray]:
        for start in range(0, dataset.shape[0], rows):
            try:
                yield dataset[start : start + rows]
            except OSError as error:
                raise BadInputError(f"{name}: cannot be read: {line(error)}") from error

    return blocks


def _of_matlab(file: File) -> Iterator[Array]:
    import scipy.io

    with file.seekable() as stream:
        try:
            shapes = scipy.io.whosmat(stream)
            if sum(int(np.prod(shape)) for _, shape, _ in shapes) > _MOST_OF_MATLAB:
                raise BadInputError(
                    f"{file}: expected at most {_MOST_OF_MATLAB:,} values, as a MATLAB "
                    "file is read whole, found more: save it as an npz"
                )
            stream.seek(0)
            content = scipy.io.loadmat(stream, simplify_cells=True)
        except NotImplementedError:
            raise BadInputError(
                f"{file}: expected a MATLAB file up to version 7, found 7.3: save it "
                "with -v7, or as an npz"
            ) from None
        except (ValueError, TypeError, OSError, KeyError) as error:
            raise BadInputError(
                f"{file}: expected a MATLAB file, found: {line(error)}"
            ) from error
    for name, values in _leaves(content):
        if values.ndim > 2:  # MATLAB's order, as in SVHN: the last dimension is images
            values = np.moveaxis(values, -1, 0)
        yield Array(
            f"{file}: {name}",
            f"{file.relative}/{name}",
            values.shape,
            values.dtype,
            in_memory(values),
        )


def _leaves(content: Mapping[str, Any], below: str = "") -> Iterator[tuple[str, Any]]:
    """Yields paths and numeric arrays of nested structures, as in EMNIST."""
    for key, value in content.items():
        if isinstance(value, dict):
            yield from _leaves(value, f"{below}{key}/")
        elif isinstance(value, np.ndarray) and value.dtype.kind in "uibf":
            yield f"{below}{key}", value
