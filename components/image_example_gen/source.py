"""Opens a data set on disk: labelled images for training and testing."""

import hashlib
import json
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from components.image_example_gen import (
    class_names,
    labelling,
    refusals,
    roles,
    spans,
    splitting,
)
from components.image_example_gen.contents import (
    ARCHIVES,
    in_order,
    list_files,
    members,
)
from components.image_example_gen.files import File
from components.image_example_gen.forms import (
    array_files,
    arrays,
    cifar_files,
    idx_files,
    listings,
    picture_folders,
)
from components.image_example_gen.forms.opened import Opened
from components.image_example_gen.hints import Hints
from components.image_example_gen.part import Part, check_image, joined, shape_text
from components.image_example_gen.spans import Span
from contract.errors import BadInputError
from contract.features import EVAL, TEST, TRAIN
from contract.task import composed, plain_names

EXPECTED = (
    "expected IDX files, an npz, a folder of pictures for each class, a CSV or a "
    "Parquet file (docs/your-own-data.md)"
)

_DEEPEST = 3
"""Maximum depth of archives inside archives."""


Observer = Callable[[str, np.ndarray, np.ndarray], None]
"""Called with a part's name, images and labels from 0."""


def ignore(part: str, images: np.ndarray, labels: np.ndarray) -> None:
    """Observes nothing."""


@dataclass(frozen=True)
class Source:
    """A data set with its parts.

    Attributes:
        path: Path or pattern that the user gave.
        parts: `train`, and `test` and `eval` if the data has them. For data in spans:
            one part with all rows for each span, oldest first.
        names: Class names in the data, by label in the data.
        given: Class names from the user.
        in_order: Whether the data itself sets the order of the rows.
        notices: Notices for the user, one line each.
        spans: The spans that were read, in the order of the parts; else empty.
    """

    path: str
    parts: Mapping[str, Part]
    names: Mapping[int, str]
    given: tuple[str, ...] = ()
    in_order: bool = True
    notices: tuple[str, ...] = ()
    spans: tuple[Span, ...] = ()

    def __post_init__(self) -> None:
        """Checks that the images of all parts have the same shape."""
        for part in self.parts.values():
            if part.shape != self.shape:
                raise BadInputError(
                    f"{part.images_name}: wrong image size: expected "
                    f"{shape_text(self.shape)}, as in {self.train.images_name}, "
                    f"found {shape_text(part.shape)}: resize all of them with "
                    "--resize WxH"
                )

    @property
    def train(self) -> Part:
        """The first part, for training; its labels are those on the disk."""
        return next(iter(self.parts.values()))

    @property
    def test(self) -> Part:
        """The test part, if the data has one."""
        return self.parts[TEST]

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of an image: `(height, width)` or `(height, width, channels)`."""
        return self.train.shape

    @cached_property
    def labelling(self) -> labelling.Labelling:
        """The classes; all labels are read to find them.

        Raises:
            BadInputError: See `labelling.label`.
        """
        return labelling.label(self.path, self.parts, self.names, self.given)

    def blocks(
        self, part: str, most_rows: int | None = None
    ) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Yields (images uint8 `[rows, *shape]`, labels from 0, int64 `[rows]`).

        Raises:
            BadInputError: The files have a fault; the first one is reported.
        """
        for images, raw in self.parts[part].blocks(most_rows):
            yield images, self.labelling.encode(raw)

    def labels(self, part: str) -> np.ndarray:
        """Returns all labels of a part, from 0; int64."""
        blocks = [self.labelling.encode(raw) for raw in self.parts[part].labels()]
        return np.concatenate(blocks)

    def split(
        self, settings: splitting.Settings
    ) -> tuple[splitting.Assignment, dict[str, np.ndarray]]:
        """Assigns each row to a split, and counts the rows of each class by split.

        For data in spans all images are read; see `splitting.by_content`.

        Raises:
            BadInputError: The rows cannot be split as the settings say.
        """
        labels = {part: self.labels(part) for part in self.parts}
        classes = self.labelling.classes
        if self.spans:
            rows = {
                part: np.concatenate(
                    [
                        splitting.by_content(images, settings)
                        for images, _ in self.blocks(part)
                    ]
                )
                for part in self.parts
            }
            assignment = splitting.of_content(self.path, rows, settings)
        else:
            assignment = splitting.assign(
                self.path, labels, classes, settings, self.in_order
            )
        return assignment, splitting.count(labels, assignment, len(classes))

    def name_of(self, part: str, row: int) -> str:
        """Returns the name of an image for messages: its file, or a file and a row."""
        of_part = self.parts[part]
        if of_part.row_names:
            name = of_part.row_names[row]
            return f"{part}, {name}" if self.spans else name
        return f"{os.path.basename(of_part.images_name)}, row {row:,}"

    def fingerprint(self, observe: Observer = ignore) -> str:
        """Returns the SHA-256 of all images and labels, after checking them all.

        The same content has the same fingerprint as plain IDX, gzipped IDX or
        npz; file names and times have no influence.

        Args:
            observe: Called with the part, images and labels of each block as it is
                read, so that a caller need not read them again.

        Raises:
            BadInputError: The files have a fault; the first one is reported.
        """
        content = self.new_fingerprint()
        for name in self.parts:
            content.start(name)
            for images, labels in self.blocks(name):
                content.add(images, labels)
                observe(name, images, labels)
        return content.hexdigest()

    def new_fingerprint(self) -> "Fingerprint":
        """Returns a fingerprint without rows, but with the data's own class names."""
        own = self.labelling.classes if not self.given else ()
        return Fingerprint(() if own == plain_names(len(own)) else own)


class Fingerprint:
    """Incremental hash of a data set's content, part by part and block by block.

    Labels are hashed as bytes if all of them are below 256, and as int64 otherwise.
    Their type on disk has no influence.
    """

    def __init__(self, classes: tuple[str, ...] = ()) -> None:
        """Starts with no parts.

        Args:
            classes: Class names in the data; empty if they are the numbers from 0.
        """
        self._classes = classes
        self._parts: list[tuple[str, hashlib._Hash, list[np.ndarray]]] = []

    def start(self, part: str) -> None:
        """Begins the named part."""
        self._parts.append((part, hashlib.sha256(), []))

    def add(self, images: np.ndarray, labels: np.ndarray) -> None:
        """Adds a block to the current part; the hash does not depend on block sizes."""
        _, of_images, all_labels = self._parts[-1]
        of_images.update(np.ascontiguousarray(images).data)
        all_labels.append(labels)

    def by_part(self) -> dict[str, str]:
        """Returns the fingerprint of each part alone, in the order of the parts."""
        digests = {}
        for part in self._parts:
            alone = Fingerprint(self._classes)
            alone._parts = [(TRAIN, *part[1:])]
            digests[part[0]] = alone.hexdigest()
        return digests

    def hexdigest(self) -> str:
        """Returns the fingerprint of the added rows, 64 hexadecimal digits."""
        largest = max(
            (int(block.max()) for _, _, labels in self._parts for block in labels),
            default=0,
        )
        dtype = np.dtype("u1") if largest < 256 else np.dtype("<i8")
        whole = hashlib.sha256()
        for part, of_images, labels in self._parts:
            of_labels = hashlib.sha256()
            for block in labels:
                of_labels.update(block.astype(dtype).tobytes())
            whole.update(
                f"{part}:{of_images.hexdigest()}:{of_labels.hexdigest()}\n".encode()
            )
        if self._classes:
            whole.update(f"classes:{json.dumps(self._classes)}\n".encode())
        return whole.hexdigest()


def open_source(path: str, hints: Hints | None = None) -> Source:
    """Opens a data set in any of the supported formats.

    These are IDX files whose names say train or test, and images or labels; arrays of
    NumPy, HDF5 and MATLAB; pictures in one folder for each class, or with a table of
    their labels; CSV with a label and pixels; Parquet as Hugging Face writes it. The
    files may be in subfolders or archives.

    Args:
        path: A folder or a file; or a pattern of spans, of which the newest are read,
            see `spans.choose`.
        hints: The user's settings for the data.

    Raises:
        BadInputError: The path does not exist, has no supported format, or its headers
            do not promise images and as many labels. Contents are checked while they
            are read.
    """
    hints = hints or Hints()
    if not spans.is_pattern(path):
        return _open_one(path, hints)
    chosen = spans.choose(path, hints.window, hints.spans, hints.marker)
    return _together(path, chosen, [_open_one(span.path, hints) for span in chosen])


def _together(path: str, chosen: list[Span], sources: list[Source]) -> Source:
    """Returns several spans as one data set, with one part for each span.

    A class has the same label in all spans, even if some spans have no image of it:
    spans that name their classes are merged by these names. If only some spans have
    names, a label without a name stands for the class whose name is that number.

    Raises:
        BadInputError: There is no class with that name.
    """
    texts = labelling.sorted_texts(t for s in sources for t in s.names.values())
    place = {text: label for label, text in enumerate(texts)}
    parts = {}
    for span, source in zip(chosen, sources, strict=True):
        part = joined(span.path, list(source.parts.values()))
        if texts:
            names = source.names or labelling.plain(part)
            if unknown := [text for text in names.values() if text not in place]:
                raise BadInputError(
                    f"{span.path}: expected classes with names, as other spans have, "
                    f"or labels that are such names, found label {unknown[0]}"
                )
            part = part.relabelled({v: place[t] for v, t in names.items()})
        parts[f"span {span.name}"] = part
    return Source(
        path,
        parts,
        dict(enumerate(texts)),
        sources[0].given,
        in_order=False,
        notices=tuple(
            f"span {span.name}: {notice}"
            for span, source in zip(chosen, sources, strict=True)
            for notice in source.notices
        ),
        spans=tuple(chosen),
    )


def _open_one(path: str, hints: Hints) -> Source:
    """Opens a data set in one folder or file."""
    files, of_archives = _unpacked(list_files(path))
    files = roles.with_prefix(files, hints.prefix, path)
    opened = _open(path, files, hints)
    names = {roles.TRAIN: TRAIN, roles.VALIDATION: EVAL, roles.TEST: TEST}
    notices = [*of_archives, *opened.notices]
    if roles.VALIDATION in opened.parts and roles.TEST not in opened.parts:
        notices.append("there is no test part, and the validation part stands for it")
        names[roles.VALIDATION] = TEST
    parts = {names[r]: opened.parts[r] for r in names if r in opened.parts}
    for name, part in parts.items():
        if hints.transpose:
            part = part.transposed()
        if (size := hints.size_after) is not None:
            part = part.resized(*size)
            check_image(f"{path}: data.resize", part.shape)
        parts[name] = part
    found = opened.names or class_names.find_names(files)
    found = {label: composed(name) for label, name in found.items()}
    given = tuple(map(composed, hints.classes))
    return Source(path, parts, found, given, opened.in_order, tuple(notices))


def _open(path: str, files: list[File], hints: Hints) -> Opened:
    if any(idx_files.is_one(file) for file in files):
        return idx_files.open_parts(path, files, hints)
    # Imported only when needed: Arrow's import takes a tenth of a second, and MNIST
    # does not need it.
    if any(file.suffix in roles.COLUMNAR for file in files):
        from components.image_example_gen.forms import parquet_files

        return parquet_files.open_parts(path, files, hints)
    if any(map(roles.is_records, files)):
        from components.image_example_gen.forms import record_files

        return record_files.open_parts(path, files, hints)
    if (meta := cifar_files.meta_file(files)) is not None:
        return cifar_files.open_parts(path, files, meta)
    if any(array_files.is_one(file) for file in files):
        return arrays.open_parts(path, files, hints)
    tables = [file for file in files if file.suffix in roles.TABLES]
    if any(picture_folders.is_one(file) for file in files) and not (
        any(map(listings.has_pixels, tables)) and not picture_folders.has_classes(files)
    ):
        return picture_folders.open_parts(path, files, hints)
    if tables:
        from components.image_example_gen.forms import tables as pixel_tables

        return pixel_tables.open_parts(path, files, hints)
    raise refusals.refusal(path, files, EXPECTED)


def _unpacked(files: list[File]) -> tuple[list[File], tuple[str, ...]]:
    """Returns the files, with archives replaced by their members, and notices.

    Archives beside unpacked data are ignored: the data was unpacked from them.
    """
    for _ in range(_DEEPEST):
        packed = [file for file in files if file.suffix in ARCHIVES]
        others = [file for file in files if file.suffix not in ARCHIVES]
        if not packed:
            break
        if any(map(_is_data, others)):
            notice = f"{roles.names_text(packed)}: beside the data, and left out"
            return others, (notice,)
        inside = [file for archive in packed for file in members(archive)]
        files = in_order([*others, *inside])
    return files, ()


def _is_data(file: File) -> bool:
    return (
        idx_files.is_one(file)
        or array_files.is_one(file)
        or picture_folders.is_one(file)
        or roles.is_records(file)
        or file.suffix in roles.COLUMNAR
        or (file.suffix in roles.TABLES and listings.has_pixels(file))
    )
