"""Reads labels of pictures that are in files beside them, not in folder names.

These are tables of pictures and labels (CSV, text or JSON lines, as from Kaggle and
Hugging Face), or a `.cls` file for each picture, as in WebDataset's archives.
"""

import csv
import io
import json
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from components.image_example_gen import roles
from components.image_example_gen.files import File
from contract.errors import BadInputError

LABELS = (
    *("label", "labels", "class", "class_name", "classid", "class_id", "target"),
    *("category", "category_id", "y", "digit", "letter", "breed", "species"),
)
"""Names of a label column, in lower case."""

_PARTS = ("split", "subset", "set", "usage", "partition", "data set", "dataset", "fold")
_TABLES = (".csv", ".tsv", ".txt", ".jsonl", ".ndjson")
_JSON_LINES = (".jsonl", ".ndjson")
_WEB_DATASET = ".cls"
_FORM_TO_FILL = "submission"
"""Kaggle's example of a submission lists the test pictures with invented labels."""
_CLASS_AND_NUMBER = re.compile(r"([^.]*[^.\d])\.\d+\.\w+")
_LOOKED_AT = 20
"""Rows that are read to find the column with picture names."""
_MOST_COLUMNS = 32
"""A table with more columns holds pixels, not the names of pictures."""


@dataclass
class Listing:
    """Labels of pictures.

    Attributes:
        by_part: Class name and picture, in the order of the rows, by part.
        sources: Files from which the labels come.
        notices: Notices for the user, one line each.
    """

    by_part: dict[str, list[tuple[str, File]]] = field(
        default_factory=lambda: defaultdict(list)
    )
    sources: list[File] = field(default_factory=list)
    notices: list[str] = field(default_factory=list)


def find(
    files: Sequence[File], pictures: Sequence[File], label: str, has_classes: bool
) -> Listing:
    """Returns the labels of pictures in tables and `.cls` files.

    Args:
        files: All files of the data set.
        pictures: The pictures among them.
        label: The column with the labels; empty: a column with a known name, or the
            only one beside the picture names.
        has_classes: Whether folder names may be the classes. Then a table without a
            clear label column is ignored, with a notice.

    Raises:
        BadInputError: A table names pictures, but cannot be read or has no labels.
    """
    listing = Listing()
    known = _Pictures(pictures)
    for file in files:
        if file.suffix == _WEB_DATASET:
            picture = known.at(file.relative.removesuffix(_WEB_DATASET), "", None)
            if picture is not None:
                part = roles.part_of(file.relative) or roles.TRAIN
                text = file.read().decode(errors="replace").strip()
                listing.by_part[part].append((text, picture))
                listing.sources.append(file)
        elif (
            file.suffix in _TABLES
            and _FORM_TO_FILL not in file.name.lower()
            # A text file named like a picture describes only that one (caption, box).
            and known.at(file.relative.removesuffix(file.suffix), "", None) is None
        ):
            _add(listing, file, known, label, has_classes)
    return listing


def by_name(pictures: Sequence[File]) -> dict[str, list[tuple[str, File]]]:
    """Returns labels from picture names, as in Kaggle's `cat.0.jpg` and `dog.0.jpg`.

    Returns:
        See `Listing.by_part`; empty if the names have no labels.
    """
    by_part: dict[str, list[tuple[str, File]]] = defaultdict(list)
    for file in pictures:
        if match := _CLASS_AND_NUMBER.fullmatch(file.name):
            part = roles.part_of(file.relative.rpartition("/")[0]) or roles.TRAIN
            by_part[part].append((match[1], file))
    classes = {name for name, _ in by_part[roles.TRAIN]}
    return dict(by_part) if len(classes) > 1 else {}


def has_pixels(table: File) -> bool:
    """Tells whether a table has so many columns that they are pixels."""
    return len(next(_rows(table), [])) > _MOST_COLUMNS


class _Pictures:
    """Finds pictures by the names that a table may use."""

    def __init__(self, pictures: Sequence[File]) -> None:
        self._by_path = {file.relative: file for file in pictures}
        self._by_name: Mapping[str, list[File]] = defaultdict(list)
        for file in pictures:
            name = file.relative.rpartition("/")[2]
            for key in {name, name.rpartition(".")[0]}:
                self._by_name[key].append(file)
        self._by_stem = {file.relative.rpartition(".")[0]: file for file in pictures}

    def at(self, text: str, folder: str, part: str | None) -> File | None:
        """Returns the picture with a name; None if there is none, or several.

        Args:
            text: Path or name of the picture, with or without its extension.
            folder: Folder of the table; empty or with a `/` at its end.
            part: Part of the table; among pictures with the same name, the one of this
                part is returned.
        """
        text = text.replace("\\", "/").removeprefix("./")
        for path in (folder + text, text):
            found = self._by_path.get(path) or self._by_stem.get(path)
            if found is not None:
                return found
        same = self._by_name.get(text.rpartition("/")[2], [])
        if "/" in text:
            ends = (f"/{text}", f"/{text}.")
            same = [f for f in same if f"/{f.relative}".endswith(ends[0])] or same
        if part is not None and len(same) > 1:
            same = [f for f in same if roles.part_of(f.relative) == part]
        return same[0] if len(same) == 1 else None


def _add(
    listing: Listing, file: File, known: _Pictures, label: str, has_classes: bool
) -> None:
    """Adds the labels in a table; a table without picture names is ignored."""
    rows = _rows(file)
    first = [row for row, _ in zip(rows, range(_LOOKED_AT), strict=False)]
    part = roles.part_of(file.relative)
    folder = file.relative[: -len(file.relative.rpartition("/")[2])]
    column = _column_of_pictures(first[1:] or first, known, folder, part)
    if column is None:
        return
    has_header = known.at(first[0][column], folder, part) is None
    names = first[0] if has_header else [f"column {n}" for n in range(len(first[0]))]
    labels = _column_of_labels(names, column, label, has_header)
    if labels is None:
        if len(names) > 1 and not has_classes:
            raise BadInputError(
                f"{file}: expected a column with labels, called "
                f"{' or '.join(LABELS[:6])}, found {', '.join(names[:8])}: name it "
                "with --label"
            )
        if len(names) > 1:
            listing.notices.append(
                f"{file.relative} names pictures, and has no column that is called as "
                "labels are: the folders' names are taken, unless one of its columns, "
                f"{', '.join(names[:8])}, is named with --label"
            )
        return
    of_part = next((n for n, name in enumerate(names) if name.lower() in _PARTS), None)
    missing: list[str] = []
    for row in _rows(file, skip=int(has_header)):
        if len(row) <= max(column, labels):
            raise BadInputError(
                f"{file}: expected {len(names)} columns, found {len(row)} in a row "
                f"that begins with {row[0]!r}"
            )
        own = part or (roles.part_of(row[of_part]) if of_part is not None else None)
        picture = known.at(row[column], folder, own)
        if picture is None:
            missing.append(row[column])
            continue
        own = own or roles.part_of(picture.relative) or roles.TRAIN
        listing.by_part[own].append((row[labels].strip(), picture))
    listing.sources.append(file)
    if missing:
        listing.notices.append(
            f"{file.relative}: {len(missing):,} rows name no picture that is there, as "
            f"{missing[0]}, and are left out"
        )


def _column_of_pictures(
    rows: Sequence[list[str]], known: _Pictures, folder: str, part: str | None
) -> int | None:
    """Returns the column with picture names in at least half of the first rows."""
    if not rows or len(rows[0]) > _MOST_COLUMNS:
        return None
    counts = [
        sum(
            known.at(row[place], folder, part) is not None
            for row in rows
            if place < len(row) and row[place]
        )
        for place in range(len(rows[0]))
    ]
    most = max(counts, default=0)
    return counts.index(most) if 2 * most >= len(rows) else None


def _column_of_labels(
    names: Sequence[str], pictures: int, label: str, has_header: bool
) -> int | None:
    """Returns the column with the labels; None if there is no clear one."""
    if label:
        if label in names:
            return names.index(label)
        return int(label) if label.isdecimal() and int(label) < len(names) else None
    lower = [name.lower() for name in names]
    for known in LABELS:
        if known in lower:
            return lower.index(known)
    others = [n for n, name in enumerate(lower) if n != pictures and name not in _PARTS]
    return others[0] if len(others) == 1 or (others and not has_header) else None


def _rows(file: File, skip: int = 0) -> Iterator[list[str]]:
    """Yields a table's rows as texts; for JSON lines the first row is the keys."""
    with file.open() as stream:
        lines = io.TextIOWrapper(stream, "utf-8-sig", errors="replace", newline="")
        try:
            rows = _parsed(file, lines)
            for number, row in enumerate(row for row in rows if row):
                if number >= skip:
                    yield row
        except (csv.Error, ValueError, EOFError) as error:
            raise BadInputError(
                f"{file}: expected rows with a picture's name and a label, found: "
                f"{error}"
            ) from error
        finally:
            lines.detach()


def _parsed(file: File, lines: io.TextIOWrapper) -> Iterator[list[str]]:
    if file.suffix in _JSON_LINES:
        keys: list[str] = []
        for line in filter(str.strip, lines):
            record = json.loads(line)
            if not isinstance(record, dict):
                raise ValueError(f"no object: {line[:40].strip()}")
            if not keys:
                keys = list(record)
                yield keys
            yield [str(record.get(key, "")) for key in keys]
        return
    head = lines.readline()
    delimiter = max(",;\t ", key=head.count) if head.strip() else ","
    if delimiter == " " and file.suffix != ".txt":
        delimiter = ","
    yield next(csv.reader([head], delimiter=delimiter), [])
    yield from csv.reader(lines, delimiter=delimiter)
