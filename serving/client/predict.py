"""``predict``: pictures in, answers out, on the screen or in a table."""

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
"""With more images than this, one line each unless --draw asks for drawings."""

_SECONDS_BETWEEN_LINES = 10.0


@dataclass(frozen=True, slots=True)
class Model:
    """What is asked: a served model, or one in this process.

    `ask` answers uint8 images [n, *task.shape]; with True it tells their novelty as
    well, if the model can.
    """

    served: ServedTask
    ask: Callable[[np.ndarray, bool], Sequence[ClassAnswer]]
    signature: str

    @classmethod
    def of_server(cls, client: Client, signature: str) -> "Model":
        """Returns the model that a client asks."""
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
        """Returns the model of a version's folder."""
        model = LocalModel(folder, signature)
        return cls(model.served, model.predict_images, signature)


@dataclass(frozen=True, slots=True)
class Wish:
    """What is to be answered; without a `fit` pictures are read the task's own way."""

    sources: Sequence[str]
    selection: Selection | None
    batch_size: int
    fit: Fit | None

    def batches(
        self, files: Iterable[str], served: ServedTask, table: Table | None = None
    ) -> Iterator[list[Picture | Unreadable]]:
        """Yields what is in the files and not in the table, a batch at a time."""
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
    """Asks about a batch; None is the answer to what is unreadable."""
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
        model: What is asked.
        wish: What about.
        draw: Whether pictures are drawn; None for a few of them.
        novelty: Whether pictures are marked that are not of this task, at the price of
            a second request for each batch; None for a few of them.
        as_json: A line of JSON for each instead.
        report: Prints a line on standard error.

    Returns:
        Whether something was unreadable.
    """
    console = Console(highlight=False)
    unreadable = False
    batches = wish.batches(_files(wish), model.served)
    first = list(islice(batches, 1 + MAX_DRAWINGS // wish.batch_size))
    few = sum(map(len, first)) <= MAX_DRAWINGS
    draw = few if draw is None else draw
    if novelty and not model.served.tells_novelty:
        report(
            f"{model.served.model} version {model.served.version} does not tell which "
            "pictures are not of its task (it has no signature `novelty`): train and "
            "push it again"
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
    """Writes the answers into a table, and goes on where it ended.

    Returns:
        Whether a row of it is an error.
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
            _say(f"{table.path}: {known:,} rows are there already and stay")
        try:
            with _Progress(len(files), len(files) - len(left)) as progress:
                for batch in wish.batches(progress.over(left), served, table):
                    table.add(_answer(model, batch))
                    progress.show(len(table.done), table.errors)
        except BaseException:
            report(
                f"{len(table.done):,} rows are in {table.rows_path}: the same command "
                "goes on from there"
            )
            raise
    _say(
        f"{len(table.done):,} rows are in {table.path}, {table.errors:,} of them errors"
    )
    return table.errors > 0


def _say(text: str) -> None:
    """Tells how it went, which is no error, where the answers do not go."""
    click.echo(one_line(text), err=True)


def _files(wish: Wish, leave_out: set[str] | None = None) -> list[str]:
    files = list_files(wish.sources, leave_out or set())
    if not files:
        raise InputError(f"{', '.join(map(shown, wish.sources))}: no pictures in it")
    return files


class _Progress:
    """How far it is: a bar on a terminal, else a line now and then.

    It goes to standard error, and a bar only to a real terminal: FORCE_COLOR asks for
    colours in a log, not for a log of cursor movements.
    """

    def __init__(self, files: int, done: int) -> None:
        self._files, self._done = files, done
        self._next = time.monotonic() + _SECONDS_BETWEEN_LINES
        self._bar: Progress | None = None
        if sys.stderr.isatty() and os.environ.get("TERM") not in ("dumb", "unknown"):
            self._bar = Progress(
                TextColumn("{task.description}"),
                BarColumn(),
                MofNCompleteColumn(),
                TimeRemainingColumn(),
                console=Console(stderr=True),
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
        """Yields the files, and counts those that are done with."""
        for file in files:
            yield file
            self._done += 1

    def show(self, rows: int, errors: int) -> None:
        """Shows how many rows there are, and how many files are done with."""
        text = f"{rows:,} rows" + (f", {errors:,} errors" if errors else "")
        if self._bar:
            self._bar.update(self._task, completed=self._done, description=text)
        elif time.monotonic() >= self._next:
            self._next = time.monotonic() + _SECONDS_BETWEEN_LINES
            print(f"{text}, {self._done:,} of {self._files:,} files", file=sys.stderr)
