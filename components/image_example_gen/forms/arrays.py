"""NumPy's arrays: an npz, several of them, or npy files in a folder."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from components.image_example_gen import class_names, npy, roles
from components.image_example_gen.files import File, members
from components.image_example_gen.forms.opened import Opened
from components.image_example_gen.labelling import sorted_texts
from components.image_example_gen.part import Part, check_image, squeezed
from contract.errors import BadInputError

SUFFIXES = (".npz", ".npy")
_NAMES_OF_CLASSES = ("classes", "class_names", "label_names", "names")


def is_one(file: File) -> bool:
    """Whether a file is called like an array or an archive of some."""
    return file.suffix in SUFFIXES


def open_parts(
    path: str, files: Sequence[File], shape: tuple[int, ...] | None, resized: bool
) -> Opened:
    """Opens arrays by their names, in any of the customary spellings.

    Args:
        path: Of the data set, for messages.
        files: All of it.
        shape: Of an image, where the images are rows of numbers; None: square.
        resized: Whether images are brought to another size.

    Raises:
        BadInputError: Images or labels are missing, or are neither.
    """
    every = [array for file in files if is_one(file) for array in _arrays(file)]
    arrays: dict[tuple[str, str], File] = {}
    names: Mapping[int, str] = {}
    for file in every:
        if _key(file) in _NAMES_OF_CLASSES and npy.read_header(file)[1].kind == "U":
            names = class_names.by_label(_texts(file))
            continue
        kind = roles.kind_of(file.relative)
        if kind is None:
            continue
        key = (roles.part_of(file.relative) or roles.TRAIN, kind)
        if key in arrays:
            raise BadInputError(
                f"{path}: expected one array with the {kind} of the {key[0]} part, "
                f"found {arrays[key].relative} and {file.relative}"
            )
        arrays[key] = file
    present = [p for p in (roles.TRAIN, roles.TEST, roles.VALIDATION) if any(
        part == p for part, _ in arrays
    )]  # fmt: skip
    if roles.TRAIN not in present:
        present.insert(0, roles.TRAIN)
    pairs = {
        part: tuple(
            _need(path, every, arrays, part, kind)
            for kind in (roles.IMAGES, roles.LABELS)
        )
        for part in present
    }
    texts = _all_texts([labels for _, labels in pairs.values()])
    parts = {
        part: _part(images, labels, texts, shape, resized)
        for part, (images, labels) in pairs.items()
    }
    return Opened(
        parts[roles.TRAIN],
        parts.get(roles.TEST),
        parts.get(roles.VALIDATION),
        class_names.by_label(texts) or names or class_names.find_names(files),
    )


def _arrays(file: File) -> list[File]:
    if file.suffix == ".npy":
        return [file]
    if file.member:
        raise BadInputError(
            f"{file}: expected an npz that lies in a folder, found one in an archive: "
            "unpack the archive"
        )
    inside = members(file.path, below=f"{file.relative}/" if file.relative else "")
    return [array for array in inside if array.suffix == ".npy"]


def _key(file: File) -> str:
    return file.name.lower().removesuffix(".npy")


def _need(
    path: str,
    every: Sequence[File],
    arrays: Mapping[tuple[str, str], File],
    part: str,
    kind: str,
) -> File:
    if (part, kind) not in arrays:
        prefix = "x" if kind == roles.IMAGES else "y"
        found = ", ".join(
            file.relative.removesuffix(".npy").rpartition("/")[2] for file in every
        )
        raise BadInputError(
            f"{path}: missing array: expected {prefix}_{part}, found "
            f"{found or 'nothing'}"
        )
    return arrays[part, kind]


def _texts(file: File) -> list[str]:
    blocks = npy.read_blocks(file, 1 << 16)
    return [str(name) for block in blocks for name in block.reshape(-1)]


def _all_texts(labels: Sequence[File]) -> list[str]:
    """Returns the names that stand as labels; empty where these are numbers."""
    kinds = [npy.read_header(file)[1].kind for file in labels]
    if "U" not in kinds:
        return []
    if set(kinds) != {"U"}:
        raise BadInputError(
            f"{labels[0]}: expected labels that are all texts or all numbers, as in "
            f"{labels[-1]}, found both"
        )
    found: set[str] = set()
    for file in labels:
        for block in npy.read_blocks(file, 1 << 16):
            found.update(map(str, np.unique(block)))
    return sorted_texts(found)


def _part(
    images: File,
    labels: File,
    texts: Sequence[str],
    row_shape: tuple[int, ...] | None,
    resized: bool,
) -> Part:
    (count, *on_disk), dtype = npy.read_header(images)
    (of_labels, *columns), label_dtype = npy.read_header(labels)
    if dtype.kind not in "uib":
        raise BadInputError(
            f"{images}: expected whole numbers from 0 to 255, found {dtype}: save "
            "(255 * x).round().astype('uint8') if they are from 0 to 1"
        )
    if label_dtype.kind == "b" or any(size != 1 for size in columns):
        raise BadInputError(
            f"{labels}: expected a number or a text for each image, found "
            f"{label_dtype} of shape {(of_labels, *columns)}: save y.argmax(axis=1) if "
            "there is a column for each class"
        )
    if count != of_labels:
        raise BadInputError(
            f"{labels}: counts differ: expected {count:,} values for the images in "
            f"{images.name.removesuffix('.npy')}, found {of_labels:,}"
        )
    shape, arrange = _layout(str(images), on_disk, row_shape)
    check_image(str(images), shape, resized)

    def image_blocks(rows: int) -> Iterator[np.ndarray]:
        start = 0
        for block in npy.read_blocks(images, rows):
            yield arrange(_bytes(images, block, start))
            start += len(block)

    def label_blocks(rows: int) -> Iterator[np.ndarray]:
        for block in npy.read_blocks(labels, rows):
            yield _numbers(labels, block.reshape(-1), texts)

    return Part(str(images), str(labels), count, shape, image_blocks, label_blocks)


def _layout(
    name: str, on_disk: Sequence[int], row_shape: tuple[int, ...] | None
) -> tuple[tuple[int, ...], Callable[[np.ndarray], np.ndarray]]:
    """Returns the shape of an image, and what brings blocks to it."""
    if len(on_disk) == 1:
        flat = row_shape or square(on_disk[0])
        if flat is None or int(np.prod(flat)) != on_disk[0]:
            raise BadInputError(
                f"{name}: wrong image size: expected the numbers of a square image, "
                f"found {on_disk[0]:,} a row: say what they are with --image-size WxH, "
                "or WxHx3"
            )
        shape = squeezed(flat)
        return shape, lambda block: block.reshape(-1, *shape)
    if len(on_disk) == 3 and on_disk[0] in (1, 3) and on_disk[2] not in (1, 3):
        # PyTorch's order: channels first.
        channels, height, width = on_disk
        shape = squeezed((height, width, channels))
        return shape, lambda block: np.ascontiguousarray(
            np.moveaxis(block, 1, -1)
        ).reshape(-1, *shape)
    shape = squeezed(on_disk)
    return shape, lambda block: block.reshape(-1, *shape)


def square(values: int) -> tuple[int, ...] | None:
    """Returns the shape of a square image of so many values; None if there is none."""
    side = round(values**0.5)
    if side * side == values:
        return (side, side)
    side = round((values / 3) ** 0.5)
    return (side, side, 3) if 3 * side * side == values else None


def _bytes(file: File, block: np.ndarray, start: int) -> np.ndarray:
    if block.dtype == np.uint8:
        return block
    if block.dtype.kind == "b":
        return block.astype(np.uint8) * np.uint8(255)
    wrong = (block < 0) | (block > 255)
    if wrong.any():
        row = int(np.argwhere(wrong)[0][0])
        raise BadInputError(
            f"{file}: expected whole numbers from 0 to 255, found "
            f"{block[wrong][0]} in row {start + row:,}"
        )
    return block.astype(np.uint8)


def _numbers(file: File, block: np.ndarray, texts: Sequence[str]) -> np.ndarray:
    if block.dtype.kind == "U":
        place: dict[Any, int] = {text: label for label, text in enumerate(texts)}
        return np.array([place[str(text)] for text in block], np.int64)
    if block.dtype.kind == "f":
        whole = block.astype(np.int64)
        if (whole != block).any():
            raise BadInputError(
                f"{file}: expected whole numbers or texts, found "
                f"{block[whole != block][0]}"
            )
        return whole
    return block
