"""Shows the progress and the ending of a run on a cluster."""

from contextlib import AbstractContextManager
from typing import TextIO

from rich.console import RenderableType
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from contract.command import console, live, redraws, say
from runner.kubeflow.client import Progress
from runner.kubeflow.tasks import Node
from runner.kubeflow.verdict import Ending
from runner.screen import MARKS

_MARKS = {**MARKS, "waiting": ("·", "dim")}

_PENDING_SECONDS = 180.0
"""Wait of a pod after which the screen says so: adding a machine to the cluster, or
pulling an image of 3 GB, may take as long."""


class ProgressScreen:
    """Shows the nodes of a run: live on a terminal, as one line each elsewhere."""

    def __init__(self, stream: TextIO) -> None:
        self.console = console(stream)
        self._shown: set[str] = set()
        self._passes = 1
        self._says_pending = False
        self._nodes: list[Node] = []
        self._spinner = Spinner("dots", style="yellow")

    def live(self) -> AbstractContextManager[None]:
        """Keeps the display up to date while the block runs."""
        return live(self.console, self._picture)

    def on_progress(self, progress: Progress) -> None:
        """Shows the run's progress."""
        self._nodes = progress.nodes
        if progress.passes > self._passes:
            self._passes = progress.passes
            self._shown.clear()
            self._line(
                f"Kubeflow begins the pipeline again (pass {progress.passes}): a pod "
                "was lost or refused"
            )
        if progress.pending > _PENDING_SECONDS and not self._says_pending:
            self._says_pending = True
            running = [node.name for node in progress.nodes if node.state == "running"]
            self._line(
                f"a pod of {', '.join(running) or 'the run'} has been waiting for "
                f"{progress.pending:.0f} s to start: does its PersistentVolumeClaim "
                "exist, and has a machine room for it? `kubectl describe pod` gives "
                "the reason; KFP waits for ever"
            )
        if redraws(self.console):
            return
        ended = [node for node in progress.nodes if node.ended is not None]
        for node in sorted(ended, key=lambda node: str(node.ended)):
            if node.name not in self._shown:
                self._shown.add(node.name)
                mark, _ = _MARKS[node.state]
                reused = "  reused" if node.state == "cached" else ""
                self._line(f"{mark} {node.name:<20} {node.seconds:6.0f} s{reused}")

    def on_away(self, reason: str) -> None:
        """Shows that Kubeflow Pipelines does not answer at the moment."""
        self._line(f"{reason}; the run goes on, and is asked about again")

    def show(self, name: str, ending: Ending, page: str) -> None:
        """Shows how the run ended, with the address of its page."""
        if ending.gates:
            self._line("Gates")
        for outcome, line in ending.gates:
            mark, style = _MARKS["failed" if outcome == "REFUSED" else "done"]
            line = f"{line} (overruled)" if outcome == "overruled" else line
            self.console.print(Text(f"  {mark} {line}", style=style), soft_wrap=True)
        style = "bold green" if not ending.code.value else "bold red"
        self.console.print(Text(f"{name}: {ending.headline}", style), soft_wrap=True)
        for line in ending.lines:
            self._line(f"  {line}")
        self._line(f"  run    {page}")

    def _line(self, text: str) -> None:
        say(self.console, text)

    def _picture(self) -> RenderableType:
        table = Table.grid(padding=(0, 2))
        for node in self._nodes:
            waiting = node.state == "waiting"
            mark: RenderableType = self._spinner
            if node.state in _MARKS:
                mark = Text(*_MARKS[node.state])
            table.add_row(
                mark,
                Text(node.name, style="dim" if waiting else ""),
                "" if waiting else f"{node.seconds:6.0f} s",
                Text("reused" if node.state == "cached" else "", style="dim"),
            )
        return table
