"""Shows the progress of a run on a terminal or in plain lines."""

import logging
import math
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Any, TextIO, TypeVar

from rich.console import Console, Group, RenderableType
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
)
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from contract.command import console, explain, live, redraws, say
from runner import memory
from runner.events import Event

T = TypeVar("T")

MARKS = {
    "done": ("✓", "green"),
    "cached": ("↺", "cyan"),
    "failed": ("✗", "red"),
    "refused": ("✗", "red"),
    "skipped": ("-", "dim"),
    "interrupted": ("■", "yellow"),
}

_PROGRESS_SECONDS = 10
"""Least time between two progress lines of a component where the screen is not redrawn:
an epoch may take less than a second."""


@dataclass
class Step:
    """The execution of one component in a run.

    Attributes:
        node: Node id.
        seconds: Duration, once the step has ended.
        state: `running`, `done`, `cached` (its outputs were reused), `refused` (it
            succeeded, and its gate refused the model), `skipped` (it had nothing to
            do), `failed`, `interrupted` (by the user or the system).
        note: The component's last message.
        ended: Whether the step has ended.
        peak_memory: Peak memory of this process during the step, in bytes, once the
            step has ended; None if not known.
    """

    node: str
    seconds: float = 0.0
    state: str = "running"
    note: str = ""
    ended: bool = False
    peak_memory: int | None = None

    def as_dict(self) -> dict[str, Any]:
        """Returns the step's entry in `result.json`."""
        return {
            "node": self.node,
            "state": self.state,
            "seconds": round(self.seconds, 2),
            "peak_memory": self.peak_memory,
        }


class Screen:
    """Shows the steps of a run: live on a terminal, as one line each elsewhere."""

    def __init__(self, stream: TextIO) -> None:
        self.console = console(stream)
        self._redraws = redraws(self.console)
        self.steps: list[Step] = []
        self._started = time.monotonic()
        self._step_started = self._started
        self._waiting_for = ""
        self._lock = threading.Lock()
        self._measures_memory = False
        self._progress_due = ""
        self._progress_printed = -math.inf

    def say(self, text: str, style: str = "") -> None:
        """Prints a text without wrapping or markup."""
        say(self.console, text, style)

    def tried(self, action: Callable[[], T], otherwise: str) -> T | None:
        """Runs an action whose failure does not change the run's result.

        Args:
            action: The action.
            otherwise: Message, shown with the reason, if the action raises, as "report
                could not be written".

        Returns:
            The action's value; None if it raised.
        """
        try:
            return action()
        except Exception as error:
            logging.exception("%s", otherwise)
            self.say(f"  {otherwise}: {explain(error, begun=True)[1]}", style="yellow")
            return None

    def live(self) -> AbstractContextManager[None]:
        """Keeps the display up to date while the block runs."""
        return live(self.console, self._picture)

    @contextmanager
    def waiting_for(self, what: str) -> Iterator[None]:
        """Shows what the run is waiting for while no component runs."""
        self._waiting_for = what
        if not self._redraws:
            self.console.print(what)
        try:
            yield
        finally:
            self._waiting_for = ""

    def on_event(self, event: Event) -> None:
        """Handles an event; must be called from the thread that runs the pipeline."""
        now = time.monotonic()
        with self._lock:
            if event.kind == "started":
                self._step_started = now
                self._measures_memory = memory.reset_peak()
                self._progress_printed = -math.inf
                self.steps.append(Step(event.node))
            elif self.steps and event.kind == "cached":
                self.steps[-1].state = "cached"
            elif self.steps and event.kind == "progress":
                self.steps[-1].note = event.text
                self._progress_due = f"    {event.text}"
                if now - self._progress_printed >= _PROGRESS_SECONDS:
                    self._print_progress(now)
            elif self.steps and event.kind in ("refused", "skipped"):
                self.steps[-1].state = event.kind
                self.steps[-1].note = event.text
                self._print_line(f"    {event.text}")
            elif self.steps and event.kind == "finished":
                state = self.steps[-1].state
                self._end("done" if state == "running" else state)

    def on_failure(self, *, interrupted: bool = False) -> None:
        """Marks the running step as failed or as interrupted."""
        with self._lock:
            if self.steps and not self.steps[-1].ended:
                self._end("interrupted" if interrupted else "failed")

    def _end(self, state: str) -> None:
        self._print_progress(time.monotonic())
        step = self.steps[-1]
        step.state = state
        step.ended = True
        step.seconds = time.monotonic() - self._step_started
        step.peak_memory = memory.peak() if self._measures_memory else None
        self._print_line(_step_line(step))

    def _print_progress(self, now: float) -> None:
        """Prints the component's last message if it was not printed yet."""
        if self._progress_due:
            self._print_line(self._progress_due)
            self._progress_due, self._progress_printed = "", now

    def _print_line(self, line: str | Text) -> None:
        if not self._redraws:
            self.console.print(line, soft_wrap=True)

    def _picture(self) -> RenderableType:
        with self._lock:
            table = Table.grid(padding=(0, 2))
            for step in self.steps:
                if not step.ended:
                    seconds = time.monotonic() - self._step_started
                    mark: RenderableType = Spinner("dots", style="yellow")
                else:
                    seconds = step.seconds
                    mark = Text(*MARKS[step.state])
                note = step.note or ("reused" if step.state == "cached" else "")
                table.add_row(
                    mark, step.node, f"{seconds:6.1f} s", Text(note, style="dim")
                )
            elapsed = time.monotonic() - self._started
            # A table without rows would print an empty line.
            parts: list[RenderableType] = [table] if self.steps else []
            if self._waiting_for:
                parts.append(Spinner("dots", text=f" {self._waiting_for}"))
            parts.append(Text(f"elapsed {elapsed:.0f} s", style="dim"))
            return Group(*parts)


class DownloadBar:
    """Shows the progress of MNIST's download; see `mirrors.Progress`."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._redraws = redraws(console)
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            DownloadColumn(),
            TimeRemainingColumn(),
            console=console,
        )
        self._tasks: dict[str, TaskID] = {}

    def __call__(self, name: str, done: int, total: int) -> None:
        """Shows a file's progress, in bytes."""
        if not self._redraws:
            if not done:
                self._console.print(f"fetching {name}", markup=False, soft_wrap=True)
            return
        if name not in self._tasks:
            self._progress.start()
            self._tasks[name] = self._progress.add_task(name, total=total or None)
        self._progress.update(self._tasks[name], completed=done)

    def stop(self) -> None:
        """Stops the updates; the last state stays on the screen."""
        if self._tasks:
            self._progress.stop()


def _step_line(step: Step) -> Text:
    mark, style = MARKS[step.state]
    reused = "  reused" if step.state == "cached" else ""
    return Text.assemble(
        (mark, style), f" {step.node:<20} {step.seconds:6.1f} s{reused}"
    )
