"""Files that hold arrays: NumPy's npy and npz, HDF5, MATLAB."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from components.image_example_gen import npy, roles
from components.image_example_gen.files import File, line, members
from components.image_example_gen.part import Blocks, in_memory
from contract.errors import BadInputError

_HDF5 = (".h5", ".hdf5", ".hdf")
SUFFIXES = (".npz", ".npy", ".mat", *_HDF5)

_MOST_OF_MATLAB = 1 << 28
"""Values of a MATLAB file that are held in memory: SciPy reads an array whole. SVHN's
training part has 0.84 of it."""


@dataclass(frozen=True)
class Array:
    """An array in a file.

    Attributes:
        name: For messages: `a.npz: x_train`.
        relative: Its name below what was named; it tells of which part it is.
        shape: Items first.
        dtype: Of its values.
        blocks: Yields so many items at once, in order.
    """

    name: str
    relative: str
    shape: tuple[int, ...]
    dtype: np.dtype
    blocks: Blocks

    @property
    def key(self) -> str:
        """Its own name without folders and ending."""
        return self.relative.rpartition("/")[2].removesuffix(".npy")

    def texts(self) -> list[str]:
        """Returns all of its values as texts."""
        return [
            value.decode(errors="replace") if isinstance(value, bytes) else str(value)
            for block in self.blocks(1 << 16)
            for value in block.reshape(-1).tolist()
        ]


def is_one(file: File) -> bool:
    """Whether a file is called like one that holds arrays."""
    return file.suffix in SUFFIXES


def arrays_of(file: File) -> list[Array]:
    """Returns the arrays in a file.

    Raises:
        BadInputError: It is not what its name says.
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
            # What is neither images nor labels by its name may be of any kind.
            if roles.kind_of(member.name) is not None:
                raise


def _of_hdf5(file: File) -> Iterator[Array]:
    # Imported where it is met, as `scipy.io` is: few people have such files.
    import h5py

    try:
        # Closed when the last of its arrays is forgotten.
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
        if values.ndim > 2:  # MATLAB's order, as SVHN's: the images come last
            values = np.moveaxis(values, -1, 0)
        yield Array(
            f"{file}: {name}",
            f"{file.relative}/{name}",
            values.shape,
            values.dtype,
            in_memory(values),
        )


def _leaves(content: Mapping[str, Any], below: str = "") -> Iterator[tuple[str, Any]]:
    """Yields the arrays of numbers in structures, as EMNIST's, by their paths."""
    for key, value in content.items():
        if isinstance(value, dict):
            yield from _leaves(value, f"{below}{key}/")
        elif isinstance(value, np.ndarray) and value.dtype.kind in "uibf":
            yield f"{below}{key}", value
