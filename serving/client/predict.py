"""The command ``predict``: classifies pictures, and prints or writes the answers."""

import os
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path

import click
import numpy as np
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeRemainingColumn,
)

from contract import command
from serving.client import calls, render
from serving.client.client import Client
from serving.client.errors import InputError, one_line
from serving.client.idx import Selection
from serving.client.local import LocalModel
from serving.client.pictures import Fit
from serving.client.results import ClassAnswer, ServedTask
from serving.client.sources import (
    Picture,
    Unreadable,
    list_files,
    read_pictures,
    shown,
)
from serving.client.table import Table

MAX_DRAWINGS = 10
"""With more images, each gets one line, unless --draw asks for drawings."""

_SECONDS_BETWEEN_LINES = 10.0


@dataclass(frozen=True, slots=True)
class Model:
    """The model to ask: on a server, or in this process.

    `ask` classifies uint8 images [n, *task.shape]. With True as its second argument it
    adds their novelty, if the model can.
    """

    served: ServedTask
    ask: Callable[[np.ndarray, bool], Sequence[ClassAnswer]]
    signature: str

    @classmethod
    def of_server(cls, client: Client, signature: str) -> "Model":
        """Returns the model of a client's server."""
        return cls(
            client.task(signature=signature),
            lambda images, novelty: list(
                client.predict_images(
                    images,
                    signature=signature,
                    batch_size=len(images),
                    novelty=novelty,
                )
            ),
            signature,
        )

    @classmethod
    def of_folder(cls, folder: Path, signature: str) -> "Model":
        """Returns the model in a version's folder."""
        model = LocalModel(folder, signature)
        return cls(model.served, model.predict_images, signature)


@dataclass(frozen=True, slots=True)
class Wish:
    """The pictures to classify; without a `fit` they are read as the task demands."""

    sources: Sequence[str]
    selection: Selection | None
    batch_size: int
    fit: Fit | None

    def batches(
        self, files: Iterable[str], served: ServedTask, table: Table | None = None
    ) -> Iterator[list[Picture | Unreadable]]:
        """Yields batches of the pictures that the table does not have yet."""
        size = max(
            1, min(self.batch_size, calls.MAX_REQUEST_VALUES // served.task.size)
        )
        items = read_pictures(files, served.task, self.selection, self.fit)
        if table is not None:
            items = (item for item in items if not table.has(item))
        while batch := list(islice(items, size)):
            yield batch


Answered = tuple[Picture | Unreadable, ClassAnswer | None]


def _answer(
    model: Model, batch: list[Picture | Unreadable], novelty: bool = False
) -> list[Answered]:
    """Asks about a batch; an unreadable picture has None as its answer."""
    pixels = [item.pixels for item in batch if isinstance(item, Picture)]
    answers = iter(model.ask(np.stack(pixels), novelty) if pixels else ())
    return [
        (item, next(answers) if isinstance(item, Picture) else None) for item in batch
    ]


def show(
    model: Model,
    wish: Wish,
    *,
    draw: bool | None,
    novelty: bool | None,
    as_json: bool,
    report: Callable[[str], None],
) -> bool:
    """Prints the answers.

    Args:
        model: The model to ask.
        wish: The pictures to classify.
        draw: Whether to draw the pictures; None: only up to `MAX_DRAWINGS` of them.
        novelty: Whether to mark pictures that are not of this task, which costs a
            second request for each batch; None: only up to `MAX_DRAWINGS` pictures.
        as_json: Whether to print one line of JSON for each picture instead.
        report: Prints a line on standard error.

    Returns:
        Whether a picture was unreadable.
    """
    console = command.console()
    unreadable = False
    batches = wish.batches(_files(wish), model.served)
    first = list(islice(batches, 1 + MAX_DRAWINGS // wish.batch_size))
    few = sum(map(len, first)) <= MAX_DRAWINGS
    draw = few if draw is None else draw
    if novelty and not model.served.tells_novelty:
        report(
            f"{model.served.model} version {model.served.version} cannot tell which "
            "pictures do not belong to its task (it has no signature `novelty`): train "
            "and push the model again"
        )
    novelty = few if novelty is None else novelty
    for batch in chain(first, batches):
        for item, answer in _answer(model, batch, novelty):
            if isinstance(item, Unreadable):
                unreadable = True
                if as_json:
                    click.echo(render.error_json(item))
                report(f"{item}: {item.reason}")
            elif answer is not None and as_json:
                click.echo(render.answer_json(item, answer, model.signature))
            elif answer is not None:
                render.print_answer(console, item, answer, draw=draw)
    return unreadable


def write(
    model: Model, wish: Wish, table: Table, report: Callable[[str], None]
) -> bool:
    """Writes the answers into a table, or continues a table that is incomplete.

    Returns:
        Whether the table has rows with an error.
    """
    own = {os.path.abspath(path) for path in (table.path, table.rows_path)}
    files = _files(wish, own)
    with table:
        served = model.served
        if other := sorted(
            v for v in table.versions if not v.startswith(f"{served.model} version ")
        ):
            raise InputError(
                f"{table.path}: it holds answers of {other[0]}; choose another file "
                f"for those of {served.model}"
            )
        known = len(table.done)
        left = [file for file in files if (shown(file), "") not in table.done]
        if known:
            _say(f"{table.path}: {known:,} rows exist already and are kept")
        try:
            with _Progress(len(files), len(files) - len(left)) as progress:
                for batch in wish.batches(progress.over(left), served, table):
                    table.add(_answer(model, batch))
                    progress.show(len(table.done), table.errors)
        except BaseException:
            report(
                f"{len(table.done):,} rows are in {table.rows_path}: run the same "
                "command again to continue"
            )
            raise
    _say(
        f"{len(table.done):,} rows are in {table.path}, {table.errors:,} of them errors"
    )
    return table.errors > 0


def _say(text: str) -> None:
    """Prints a message on standard error, as answers go to standard output."""
    click.echo(one_line(text), err=True)


def _files(wish: Wish, leave_out: set[str] | None = None) -> list[str]:
    files = list_files(wish.sources, leave_out or set())
    if not files:
        raise InputError(f"{', '.join(map(shown, wish.sources))}: no pictures in it")
    return files


class _Progress:
    """Progress of `write`: a bar on a terminal, else a line every ten seconds.

    It goes to standard error. Only a real terminal gets a bar: FORCE_COLOR asks for
    colours in a log, not for cursor movements.
    """

    def __init__(self, files: int, done: int) -> None:
        self._files, self._done = files, done
        self._next = time.monotonic() + _SECONDS_BETWEEN_LINES
        self._bar: Progress | None = None
        console = Console(stderr=True)
        if command.redraws(console):
            self._bar = Progress(
                TextColumn("{task.description}"),
                BarColumn(),
                MofNCompleteColumn(),
                TimeRemainingColumn(),
                console=console,
                transient=True,
            )
            self._task = self._bar.add_task("files", total=files, completed=done)

    def __enter__(self) -> "_Progress":
        if self._bar:
            self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar:
            self._bar.stop()

    def over(self, files: Sequence[str]) -> Iterator[str]:
        """Yields the files, and counts the finished ones."""
        for file in files:
            yield file
            self._done += 1

    def show(self, rows: int, errors: int) -> None:
        """Shows the number of rows and of finished files."""
        text = f"{rows:,} rows" + (f", {errors:,} errors" if errors else "")
        if self._bar:
            self._bar.update(self._task, completed=self._done, description=text)
        elif time.monotonic() >= self._next:
            self._next = time.monotonic() + _SECONDS_BETWEEN_LINES
            print(f"{text}, {self._done:,} of {self._files:,} files", file=sys.stderr)
