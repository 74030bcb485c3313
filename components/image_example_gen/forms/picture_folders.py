"""Reads pictures with a folder for each class, or with a table of labels.

Examples: `train/cat/1.png`, or `cat/1.png` without parts; `labels.csv` with `1.png`.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from functools import partial

import numpy as np

from components.image_example_gen import class_names, pictures, roles, splitting
from components.image_example_gen.contents import empty_folders
from components.image_example_gen.files import File
from components.image_example_gen.forms import listings
from components.image_example_gen.forms.opened import Opened
from components.image_example_gen.hints import Hints
from components.image_example_gen.labelling import coded, sorted_texts
from components.image_example_gen.part import Part, in_memory
from contract.errors import BadInputError
from contract.task import composed, names_text

_Paths = Mapping[str, list[tuple[str, File]]]
"""Class name and picture, by part."""

_SAMPLED = 2_000
"""Number of pictures whose headers determine the common format, about."""


def is_one(file: File) -> bool:
    """Tells by its name whether a file is a picture."""
    return file.suffix in pictures.SUFFIXES


def open_parts(path: str, files: Sequence[File], hints: Hints) -> Opened:
    """Opens pictures with labels from folder names, a table or their own names.

    Raises:
        BadInputError: There are neither folders of classes nor a table, or a picture
            cannot be read.
    """
    own = [file for file in files if is_one(file)]
    listing = listings.find(files, own, hints.label, has_classes(files))
    notices = list(listing.notices)
    known = {*own, *listing.sources}
    others = [f for f in files if f not in known and not class_names.is_names_file(f)]
    if others:
        notices.append(
            f"{len(others):,} files are no pictures by their names, and are left out: "
            f"{roles.names_text(others)}"
        )
    if empty := empty_folders(path):
        notices.append(
            f"no class is made of folders that hold nothing: {names_text(empty)}"
        )
    by_part: dict[str, list[tuple[str, File]]] = dict(listing.by_part)
    if roles.TRAIN not in by_part:
        of_folders, unlabelled = _parts(own)
        if roles.TRAIN not in of_folders:
            of_folders, by_part = {}, {**listings.by_name(own), **by_part}
        told = set(by_part)
        by_part = {**of_folders, **by_part}
        for part, count in unlabelled.items():
            if part not in told:
                notices.append(
                    f"{count:,} pictures of {part} lie in no class's folder, and are "
                    "left out"
                )
    elif unlisted := len(own) - sum(map(len, by_part.values())):
        notices.append(
            f"{unlisted:,} pictures are not in {listing.sources[0].relative}, and are "
            "left out"
        )
    if not by_part.get(roles.TRAIN):
        raise BadInputError(
            f"{path}: expected a folder of pictures for each class, as cat/1.png or "
            "train/cat/1.png, or a table of pictures and labels, as labels.csv with "
            f"1.png,cat, found {roles.names_text(files)}"
        )
    by_part = {
        part: [(composed(name), file) for name, file in found]
        for part, found in by_part.items()
    }
    names = sorted_texts(name for part in by_part.values() for name, _ in part)
    rows = {}
    for part, found in by_part.items():
        labels = coded(names, (name for name, _ in found))
        order = splitting.spread(labels, np.arange(len(labels)))
        rows[part] = [found[row] for row in order]
    if hints.skip_unreadable:
        rows = {part: _readable(found, notices) for part, found in rows.items()}
    step = max(1, len(rows[roles.TRAIN]) // _SAMPLED)
    form = pictures.find_form(_pictures(rows[roles.TRAIN][::step]), hints)
    parts = {
        part: Part(
            f"{path}: {part}" if len(rows) > 1 else path,
            path,
            len(found),
            form.shape,
            pictures.decoding(partial(_pictures, found), form),
            in_memory(coded(names, (name for name, _ in found))),
            [file.relative for _, file in found],
        )
        for part, found in rows.items()
    }
    return Opened(
        parts,
        _named(names, [f for f in files if f not in listing.sources]),
        in_order=False,
        notices=tuple(notices),
    )


def _readable(
    found: Sequence[tuple[str, File]], notices: list[str]
) -> list[tuple[str, File]]:
    """Returns the readable pictures; adds a notice about the others.

    Raises:
        BadInputError: No picture can be read.
    """
    wrong = pictures.find_unreadable(_pictures(found))
    if len(wrong) == len(found):
        raise BadInputError(next(iter(wrong.values())))
    if wrong:
        notices.append(
            f"{len(wrong):,} pictures cannot be read, and are left out, as "
            f"{next(iter(wrong.values())).removesuffix(f': {pictures.ADVICE}')}"
        )
    return [row for place, row in enumerate(found) if place not in wrong]


def _named(names: Sequence[str], files: Sequence[File]) -> dict[int, str]:
    """Returns the class names; a file beside the pictures may name numbers."""
    if all(name.isdecimal() for name in names):
        beside = class_names.find_names(files)
        if all(int(name) in beside for name in names):
            return {n: beside[int(name)] for n, name in enumerate(names)}
    return dict(enumerate(names))


def has_classes(files: Sequence[File]) -> bool:
    """Tells whether the pictures are in at least two folders."""
    return len({f.relative.rpartition("/")[0] for f in files if is_one(f)}) > 1


def _parts(files: Sequence[File]) -> tuple[_Paths, dict[str, int]]:
    """Returns (class, picture) by part, and counts of unlabelled pictures by place."""
    paths = _without_wrapping([(file.relative.split("/"), file) for file in files])
    tops = {steps[0] for steps, _ in paths if len(steps) > 1}
    parts = {top: roles.part_of(top) for top in tops}
    kinds = set(parts.values())
    # "train" may also be a class: it is one beside cars and ships.
    are_parts = roles.TRAIN in kinds and (
        len(tops) == 1 or bool(kinds & {roles.TEST, roles.VALIDATION})
    )
    by_part: dict[str, list[tuple[list[str], File]]] = {}
    unlabelled: Counter[str] = Counter()
    for steps, file in paths:
        if not are_parts:
            by_part.setdefault(roles.TRAIN, []).append((steps, file))
        elif len(steps) > 1 and (part := parts[steps[0]]):
            by_part.setdefault(part, []).append((steps[1:], file))
        else:
            unlabelled[steps[0] if len(steps) > 1 else "the top folder"] += 1
    labelled: dict[str, list[tuple[str, File]]] = {}
    for part, found in by_part.items():
        for steps, file in _without_wrapping(found, inside_part=are_parts):
            if len(steps) > 1:
                labelled.setdefault(part, []).append((steps[0], file))
            else:
                unlabelled[part] += 1
    return labelled, unlabelled


def _without_wrapping(
    paths: list[tuple[list[str], File]], inside_part: bool = False
) -> list[tuple[list[str], File]]:
    """Returns the paths without the folders that are common to all of them.

    The last folder is kept, so that a single class is reported as an error.
    """

    def is_wrapped() -> bool:
        tops = {steps[0] for steps, _ in paths}
        if len(tops) != 1 or any(len(steps) < 3 for steps, _ in paths):
            return False
        below = {roles.part_of(steps[1]) for steps, _ in paths}
        return inside_part or roles.part_of(tops.pop()) is None or roles.TRAIN in below

    while is_wrapped():
        paths = [(steps[1:], file) for steps, file in paths]
    return paths


def _pictures(found: Sequence[tuple[str, File]]) -> Iterator[pictures.Picture]:
    return ((str(file), file.open) for _, file in found)
