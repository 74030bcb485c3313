"""Finds the data set of a run: the user's own, MNIST, or the embedded digits."""

import os
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from components.image_example_gen import digits, mirrors, mnist, spans
from components.image_example_gen.hints import Hints
from components.image_example_gen.source import Observer, Source, ignore, open_source
from components.image_example_gen.spans import Span
from components.image_example_gen.understanding import name_of, understand
from contract.command import printable
from contract.errors import BadInputError
from contract.task import Task, names_text
from pipeline.data_settings import Data

DIGITS_BOUNDS = {"min_accuracy": 0.93, "min_class_accuracy": 0.75}
"""Gates for the embedded digits: 360 test images, about 36 a class, so that one mistake
is 0.03 of a class."""

_OF_FILES = "prefix", "transpose", "resize", "image_size", "label", "skip_unreadable"
"""Settings that are about the files of the user's own data (`--data`)."""

_OF_SPANS = {"window", "spans", "marker"}
"""Settings that need data in spans."""

_OURS = (mnist.NAME, digits.NAME)


@dataclass(frozen=True)
class DataSet:
    """A data set that has been read and checked once.

    Attributes:
        name: The model's name.
        path: The path for `open_source`.
        fingerprint: Digest of the content.
        description: Kind and origin of the data, in words.
        task: The classification task of the data.
        hints: Facts that the data does not contain; with them the pipeline comes to
            the same task.
        notice: A warning for the user; empty if there is none.
        source: The opened source, for further questions.
    """

    name: str
    path: str
    fingerprint: str
    description: str
    task: Task
    hints: Hints
    notice: str = ""
    source: Source | None = field(default=None, compare=False, repr=False)

    @property
    def is_digits(self) -> bool:
        """Whether this is the embedded data set, which stands in for MNIST."""
        return self.name == digits.NAME

    @property
    def spans(self) -> tuple[Span, ...]:
        """The spans that are read; empty for data without spans."""
        return self.source.spans if self.source else ()

    @property
    def task_text(self) -> str:
        """The task in one line: `28x28 grey, 10 classes of digits: 0, 1, ...`."""
        task = self.task
        return (
            f"{task.size_text}, {len(task.classes)} classes of {task.plural}: "
            f"{names_text(task.classes)}"
        )


def resolve(
    data: Data,
    cache: str,
    download: Callable[[str], None] = mirrors.download,
    observe: Observer = ignore,
) -> DataSet:
    """Finds and checks the data set; downloads MNIST if necessary.

    Raises:
        BadInputError: The named data cannot be used, or the user named MNIST, which is
            neither in the cache nor on a mirror that answers.
    """
    if data.path is not None:
        if data.dataset == digits.NAME:
            raise BadInputError(
                f"data.dataset: {digits.NAME}: expected without --data, found "
                f"{data.path}"
            )
        return _named(data.path, data, observe)
    _check_spans(data)
    if data.name:
        raise BadInputError(
            f"data.name: {data.name}: expected together with --data, which says what "
            "is to have that name"
        )
    for key in _OF_FILES:
        if value := getattr(data, key):
            raise BadInputError(
                f"data.{key}: {value}: expected together with --data, whose files it "
                "is about"
            )
    if data.dataset != digits.NAME:
        folder = os.path.join(cache, mnist.NAME)
        try:
            download(folder)
        except mirrors.MirrorsUnreachableError as error:
            if data.dataset == mnist.NAME:
                raise BadInputError(
                    f"{folder}: no MNIST there and no mirror answers ({error}): put "
                    "the four IDX files there, or name their folder with --data"
                ) from error
            return _digits(cache, data, observe, why=str(error))
        return _mnist(folder, data, observe)
    return _digits(cache, data, observe, why="")


def _check_spans(data: Data) -> None:
    """Refuses settings of spans for data that is not in spans."""
    if keys := _OF_SPANS & data.model_fields_set:
        found = f", found --data {data.path}" if data.path is not None else ""
        raise BadInputError(
            f"data.{min(keys)}: expected together with --data 'FOLDER/{{SPAN}}'{found}"
        )


def _named(path: str, data: Data, observe: Observer) -> DataSet:
    if data.name == digits.NAME:
        raise BadInputError(
            f"data.name: {digits.NAME}: expected another name, as that one is the "
            "embedded data set's"
        )
    in_spans = spans.is_pattern(path)
    if not in_spans:
        _check_spans(data)
    source = open_source(path, data.hints(""))
    fingerprint = source.fingerprint(observe)
    is_mnist = fingerprint == mnist.FINGERPRINT
    name, notices = data.name or (mnist.NAME if is_mnist else name_of(path)), []
    if data.name is None and not is_mnist and name in _OURS:
        notices.append(
            f"{printable(path)} is not {name}, and its model is called {name}-data; "
            "another name is given with --model"
        )
        name = f"{name}-data"
    # The spans are chosen by now, and these settings are no part of the recipe.
    hints = replace(data.hints(name), window=0, spans=(), marker="")
    read = ""
    if in_spans:
        several = "s" * (len(source.spans) > 1)
        read = f", span{several} {spans.names_text(source.spans)}"
    return DataSet(
        name,
        path,
        fingerprint,
        f"{'MNIST' if is_mnist else 'images'} from {printable(path)}{read}",
        understand(source, hints, fingerprint),
        hints,
        "; ".join([*notices, *source.notices]),
        source,
    )


def _mnist(folder: str, data: Data, observe: Observer) -> DataSet:
    """Returns MNIST from its cache; refuses other images that were put there."""
    found = _read(folder, f"MNIST from {folder}", data.hints(mnist.NAME), observe)
    if found.fingerprint != mnist.FINGERPRINT:
        raise BadInputError(
            f"{folder}: expected MNIST, found other images: remove the folder, so that "
            "it is fetched again, or name those images with --data"
        )
    return found


def _digits(cache: str, data: Data, observe: Observer, why: str) -> DataSet:
    """Returns the embedded digits; `why` is the reason why MNIST is not available."""
    folder = os.path.join(cache, digits.NAME)
    os.makedirs(cache, exist_ok=True)
    digits.write(folder)
    notice = (
        f"no data was named and no MNIST mirror answers ({why}): these are the "
        "embedded digits (1,797 scans of 8x8 pixels, enlarged), not MNIST; "
        "name a folder with the MNIST files with --data"
        if why
        else ""
    )
    given, own = data.hints(digits.NAME), digits.TASK
    hints = replace(
        given,
        noun=given.noun or own.noun,
        background=given.background or str(own.background),
    )
    size = f"{own.width}x{own.height}"
    about = f"scikit-learn's digits, 8x8 scans enlarged to {size}"
    return replace(_read(folder, about, hints, observe), notice=notice)


def _read(folder: str, about: str, hints: Hints, observe: Observer) -> DataSet:
    """Reads one of the project's own data sets; the hints give its name."""
    source = open_source(folder, hints)
    fingerprint = source.fingerprint(observe)
    task = understand(source, hints, fingerprint)
    return DataSet(hints.name, folder, fingerprint, about, task, hints, source=source)
