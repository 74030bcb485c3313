"""Assigns rows to the splits train, eval and test."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from hashlib import blake2b

import numpy as np

from components.data_gate.chance import share_bound
from contract.errors import BadInputError
from contract.features import EVAL, SPLITS, TEST, TRAIN

AUTO, LAST, STRATIFIED, OWN = "auto", "last", "stratified", "own"
"""Ways to choose the eval split; `OWN`: the data has its own validation part."""

CONTENT = "content"
"""The way to split data in spans, see `by_content`."""

_DIGEST_BYTES = 8

_LEVEL = 1e-6
"""Probability that rows in random order are taken for rows ordered by class."""

_CODES = {split: code for code, split in enumerate(SPLITS)}


@dataclass(frozen=True)
class Settings:
    """Settings of the split; see `pipeline.data_settings.Data`."""

    split: str = AUTO
    seed: int = 1
    eval_fraction: float = 0.2
    test_fraction: float = 0.2


@dataclass(frozen=True)
class Assignment:
    """The split of each row of each part.

    Attributes:
        how: `LAST`, `STRATIFIED`, `OWN` or `CONTENT`.
        why: The reason, as text for the report.
        rows: By part: the index in `SPLITS`, uint8 `[rows]`.
    """

    how: str
    why: str
    rows: Mapping[str, np.ndarray]


def assign(
    path: str,
    labels: Mapping[str, np.ndarray],
    classes: tuple[str, ...],
    settings: Settings,
    in_order: bool,
) -> Assignment:
    """Assigns all rows of a data set to splits.

    With `AUTO`, if the data has its own test part, the last rows of the training part
    are held out, as by Keras' `validation_split`. There are two exceptions: the
    classes' shares in these rows and in the rest differ by more than chance allows
    (Fisher's exact test for each class, in all once in a million random orders), or a
    class is in the last rows only. Then the rows are at least partly ordered by class,
    and the split is stratified. Data without a test part, and pictures in folders
    (which have no order of their own), are also split stratified.

    Args:
        path: Path of the data set, for messages.
        labels: Labels from 0 by part (`train`, optional `eval` and `test`), int64.
        classes: Names of the classes.
        settings: The user's settings.
        in_order: Whether the data itself sets the order of the rows.

    Raises:
        BadInputError: A split would be empty, or a class is too small to be split.
    """
    of_train = labels[TRAIN]
    codes = np.full(len(of_train), _CODES[TRAIN], np.uint8)
    rows = {
        part: np.full(len(of), _CODES[part], np.uint8) for part, of in labels.items()
    }
    rows[TRAIN] = codes
    needs = [split for split in (TEST, EVAL) if split not in labels]
    if not needs:
        return Assignment(OWN, "the data has a part for each split", rows)
    how, why = _way(of_train, len(classes), settings, in_order, TEST in needs)
    if how == STRATIFIED:
        _check_classes(path, of_train, classes, len(needs) + 1, TEST in needs)
    fractions = {TEST: settings.test_fraction, EVAL: settings.eval_fraction}
    for split in needs:
        free = np.flatnonzero(codes == _CODES[TRAIN])
        if how == LAST:
            taken = free[len(free) - last_rows(len(free), fractions[split], split) :]
        else:
            taken = free[_stratified(of_train[free], fractions[split], settings.seed)]
        codes[taken] = _CODES[split]
    _check_splits(path, (TRAIN, *needs), codes)
    return Assignment(how, why, rows)


def by_content(images: np.ndarray, settings: Settings) -> np.ndarray:
    """Returns the split of each image, which depends only on its pixels and settings.

    An image is therefore in the same split in every window of spans and every version
    of a span, and so are its copies. No image on which any model version was trained is
    ever in the test split, as long as `seed`, `test_fraction` and the conversion of
    pictures to pixels stay the same. `eval_fraction` may change: it does not move a row
    into the test split.

    The digest of the pixels (BLAKE2b, 64 bits, keyed with the seed) is read as a number
    from 0 to 1. Numbers below `test_fraction` are `test`; of the remaining range the
    lowest `eval_fraction` is `eval`.

    Args:
        images: uint8 `[rows, *shape]`.
        settings: Seed and fractions; `split` is not used.

    Returns:
        Indices in `SPLITS`, uint8 `[rows]`.
    """
    content, each = images.tobytes(), images[0].size
    key = str(settings.seed).encode()
    digests = b"".join(
        blake2b(content[at : at + each], digest_size=_DIGEST_BYTES, key=key).digest()
        for at in range(0, len(content), each)
    )
    numbers = np.frombuffer(digests, "<u8") / 2.0**64
    test = settings.test_fraction
    bounds = [test, test + (1 - test) * settings.eval_fraction]
    order = np.array([_CODES[TEST], _CODES[EVAL], _CODES[TRAIN]], np.uint8)
    return order[np.searchsorted(bounds, numbers, side="right")]


def of_content(
    path: str, rows: Mapping[str, np.ndarray], settings: Settings
) -> Assignment:
    """Returns the assignment for the results of `by_content`, after checks.

    Raises:
        BadInputError: The settings ask for another way, or a split would be empty.
    """
    if settings.split != AUTO:
        raise BadInputError(
            f"data.split: {settings.split}: expected {AUTO} with data in spans, where "
            "a picture is in one split in every window, as its content decides"
        )
    _check_splits(path, SPLITS, np.concatenate(list(rows.values())))
    return Assignment(
        CONTENT,
        "in data with spans, a picture's content decides its split, in every run",
        rows,
    )


def count(
    labels: Mapping[str, np.ndarray], assignment: Assignment, classes: int
) -> dict[str, np.ndarray]:
    """Returns the rows of each class, by split; int64 `[classes]`."""
    counts = {split: np.zeros(classes, np.int64) for split in SPLITS}
    for part, of_part in labels.items():
        for split, code in _CODES.items():
            chosen = of_part[assignment.rows[part] == code]
            counts[split] += np.bincount(chosen, minlength=classes)
    return counts


def last_rows(count: int, fraction: float, split: str = EVAL) -> int:
    """Returns how many of the last rows are held out.

    These are the same rows as for Keras' `validation_split`
    (keras/src/trainers/data_adapters/array_slicing.py: `train_validation_split`).

    Raises:
        BadInputError: One of the two splits would be empty.
    """
    held_out = count - int(count * (1 - fraction))
    if not 0 < held_out < count:
        raise BadInputError(
            f"{split} fraction: expected one that leaves examples in both splits, "
            f"found {fraction} of {count} rows"
        )
    return held_out


def is_ordered(labels: np.ndarray, classes: int, eval_fraction: float) -> bool:
    """Tells whether the last rows have other classes than the rest; see `assign`."""
    held_out = last_rows(len(labels), eval_fraction)
    rest, last = (
        np.bincount(of, minlength=classes) for of in np.split(labels, [-held_out])
    )
    difference = np.abs(rest / rest.sum() - last / last.sum())
    beyond_chance = difference > share_bound(rest, last, _LEVEL)
    return bool(beyond_chance.any() or ((rest == 0) & (last > 0)).any())


def spread(labels: np.ndarray, keys: np.ndarray) -> np.ndarray:
    """Returns an order of rows in which every range has the same share of each label.

    Args:
        labels: int64 `[rows]`.
        keys: The rows of a label keep the order of these, `[rows]`.
    """
    distances = (_ranks(labels, keys) + 0.5) / np.bincount(labels)[labels]
    return np.argsort(distances, kind="stable")


def _way(
    labels: np.ndarray, classes: int, settings: Settings, in_order: bool, no_test: bool
) -> tuple[str, str]:
    if settings.split != AUTO:
        return settings.split, f"data.split is {settings.split}"
    if no_test:
        return STRATIFIED, "the data has no test part of its own"
    if not in_order:
        return STRATIFIED, "files in folders have no order of their own"
    if is_ordered(labels, classes, settings.eval_fraction):
        return STRATIFIED, "the rows of the training part are ordered by class"
    return LAST, "the data has a test part, and its rows are not ordered by class"


def _check_splits(path: str, splits: Iterable[str], codes: np.ndarray) -> None:
    """Checks that each of the splits has a row."""
    for split in splits:
        if _CODES[split] not in codes:
            raise BadInputError(
                f"{path}: expected rows for split {split}, found too few: "
                f"{len(codes):,} to share out"
            )


def _check_classes(
    path: str, labels: np.ndarray, classes: tuple[str, ...], least: int, no_test: bool
) -> None:
    """Checks that each class has enough images for all splits."""
    counts = np.bincount(labels, minlength=len(classes))
    small = np.flatnonzero((counts > 0) & (counts < least))
    if no_test and small.size:
        raise BadInputError(
            f"{path}: expected at least {least} images of each class, one for each "
            f"split, found {counts[small[0]]} of {classes[small[0]]!r}: add some, or "
            "take the class out"
        )


def _stratified(labels: np.ndarray, fraction: float, seed: int) -> np.ndarray:
    """Chooses the same fraction of the rows of each class at random.

    Args:
        labels: int64 `[rows]`.
        fraction: Fraction of each class; at least one row, and never all of a class.
        seed: Seed; the same one chooses the same rows.

    Returns:
        Mask of the chosen rows, bool `[rows]`.
    """
    rank = _ranks(labels, np.random.default_rng(seed).random(len(labels)))
    counts = np.bincount(labels)
    wanted = np.clip(np.round(counts * fraction), 1, np.maximum(counts - 1, 0))
    return rank < wanted[labels]


def _ranks(labels: np.ndarray, keys: np.ndarray) -> np.ndarray:
    """Returns the place of each row among the rows of its label, sorted by the keys."""
    counts = np.bincount(labels)
    starts = np.concatenate([[0], np.cumsum(counts)[:-1]])
    ranks = np.empty(len(labels), np.int64)
    ranks[np.lexsort((keys, labels))] = np.arange(len(labels)) - np.repeat(
        starts, counts
    )
    return ranks
