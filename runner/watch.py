"""Watches for new spans and findings, and starts runs for them.

Each run is a separate process, `local_runner.py run`, so that the watcher's memory does
not grow with the runs, and a broken run does not break the watcher.
"""

import fcntl
import json
import logging
import os
import signal
import subprocess
import sys
import time
from collections.abc import Container, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Never

from components.image_example_gen.contents import is_ours
from components.image_example_gen.spans import Span, find
from contract import notifying, stopping
from contract.errors import BadInputError
from contract.exits import Exit
from lineage.endings import RESULT_FILE
from pipeline.config import Config
from runner import metrics
from runner.summary import BECAUSE
from runner.watch_state import QUARANTINED, Job, State, StateFile
from runner.workspace import BUSY, Workspace
from serving.request_logs import reading

PROGRAM = Path(__file__).resolve().parents[1] / "local_runner.py"

_END_SECONDS = 4.5
"""Time in which a run must end after SIGTERM; the run itself takes at most 4 s."""

RUN_LOG = "run.log"
"""File in the watcher's folder with the output of the last process it started."""

KIND, MONITOR = "kind", "monitor"
"""Key and value in `result.json` that mark a monitoring run."""

log = logging.getLogger(__name__)


class Settling:
    """Finds spans whose files have not changed for some time.

    The time is monotonic, so that changes of the clock do not matter; it begins again
    when the watcher restarts.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._seen: dict[str, tuple[Any, float]] = {}

    def is_settled(self, span: Span) -> bool:
        """Checks a span's files; returns whether they are unchanged for long enough."""
        looks, now = _look(span.path), time.monotonic()
        before, since = self._seen.get(span.path, (None, now))
        if looks != before:
            since = now
        self._seen[span.path] = (looks, since)
        # An empty folder is not settled: its files are still to come.
        return looks[0] > 0 and now - since >= self._seconds


@dataclass
class Watcher:
    """Looks for due runs and starts them until it is told to stop.

    Attributes:
        config: Configuration of the runs.
        pattern: Pattern of the spans.
        name: Name of the model.
        workspace: Workspace of the runs.
        folder: The watcher's folder in the workspace.
        arguments: Arguments for `local_runner.py run`: those of the watcher.
        monitoring: Arguments for `local_runner.py monitor`.
    """

    config: Config
    pattern: str
    name: str
    workspace: Workspace
    folder: str
    arguments: Sequence[str]
    monitoring: Sequence[str] = ()
    _ended: set[str] = field(default_factory=set)
    _findings: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Opens the state and begins to observe spans."""
        self._state = StateFile(self.folder)
        self._settling = Settling(self.config.watch.settle_seconds)

    def watch(self) -> Never:
        """Watches until the process is told to stop.

        Raises:
            KeyboardInterrupt: The user pressed Ctrl-C; the current run has ended, too.
            Terminated: The process got SIGTERM; the current run has ended, too.
            BadInputError: The state, or the pattern of the spans, cannot be used at the
                start. Later such an error, as of an unmounted volume, is only logged,
                and the watcher waits.
        """
        # Leaves enough time to end the run first.
        stopping.allow(_END_SECONDS + 0.4)
        find(self.pattern)
        self._state.read()
        trouble = ""
        while True:
            try:
                did_something, found = self.step(), ""
            except (BadInputError, OSError) as error:
                did_something, found = False, str(error)
            if found != trouble:
                log.warning("%s", f"waiting: {found}" if found else "it goes on")
                trouble = found
            if not did_something:
                time.sleep(self.config.watch.poll_seconds)

    def step(self) -> bool:
        """Looks once and does what is due; returns whether anything was due."""
        settings, window = self.config.watch, self.config.data.window
        state = self._state.read()
        if state.job is not None:
            self._recover(state.job)
            return True
        seen = self._complete(state), self._look_for_findings()
        planned = state.next_job(*seen, window, settings, time.time())
        # `is_busy` locks the workspace for a moment, so it is called only if needed.
        if planned is None or self.is_busy():
            if state.is_look_due(settings, time.time()):
                self._look_at_traffic(state.looked_until)
                return True
            return False
        try:
            with self._state.changing() as state:
                job = state.next_job(*seen, window, settings, time.time())
            code = None if job is None else self._run(job)
        except BaseException:
            with stopping.concluding():
                if (begun := self._state.read().job) is not None:
                    self._conclude(begun, Exit.TERMINATED.value)
            raise
        if job is not None:
            self._conclude(job, code)
        return True

    def is_busy(self) -> bool:
        """Returns whether a run holds the workspace's lock."""
        try:
            with self.workspace.locked():
                return False
        except BadInputError as error:
            if BUSY not in str(error):
                raise
            return True

    def _recover(self, job: Job) -> None:
        """Waits for a run that an earlier watcher started, and records its result."""
        with suppress(FileNotFoundError), open(self._alive) as alive:
            try:
                fcntl.flock(alive, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                log.info("run %d goes on: %s", job.number, job.why)
                fcntl.flock(alive, fcntl.LOCK_EX)
        self._conclude(job, None)

    def _run(self, job: Job) -> int:
        """Runs the pipeline; returns its exit code."""
        log.info("run %d: %s; reads %s", job.number, job.why, ", ".join(job.window))
        window = json.dumps(job.window)
        return self._process(
            *("run", *self.arguments, "--set", f"data.spans={window}"),
            *("--because", job.because),
        )

    def _look_at_traffic(self, since: float) -> None:
        """Runs the monitoring pipeline on the traffic since the last look."""
        now = time.time()
        whole = reading.whole_until(self.config.monitoring.log or "")
        until = now if whole is None else min(now, whole)
        if until <= since <= now:
            # A collector still fills the current hour: it is readable afterwards.
            with self._state.changing() as state:
                state.last_look = now
            return
        period = ("--since", _utc(since)) if 0 < since < until else ()
        log.info("looking at the traffic %s", " ".join(period))
        code = self._process(
            "monitor", *self.monitoring, *period, "--until", _utc(until)
        )
        well = code in (Exit.PUSHED.value, Exit.REFUSED.value)
        with self._state.changing() as state:
            over = state.conclude_look(until, self.config.watch, now, well=well)
        if not well:
            reason = self._last_error() or f"see {self._run_log}"
            then = "it is passed over" if over else "the next look begins there, too"
            log.warning("the traffic was not looked at: %s (%s)", reason, then)

    def _process(self, *arguments: str) -> int:
        """Runs a command of `local_runner.py` to its end; returns its exit code.

        An exception here, as by Ctrl-C, ends that process before it is raised further.
        """
        child = None
        try:
            # A signal after the start, but before `child` is set, would leave the
            # process running.
            with (
                stopping.deferred(),
                open(self._run_log, "wb") as output,
                self._told_alive() as alive,
            ):
                # In a new session, Ctrl-C reaches the process only by the watcher.
                child = subprocess.Popen(
                    [sys.executable, str(PROGRAM), *arguments],
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                    pass_fds=[alive],
                )
            return child.wait()
        except BaseException:
            if child is not None:
                with stopping.concluding():
                    child.send_signal(signal.SIGTERM)
                    try:
                        child.wait(_END_SECONDS)
                    except subprocess.TimeoutExpired:
                        child.kill()
                        child.wait()
            raise

    def _conclude(self, job: Job, code: int | None) -> None:
        """Records how a run ended; without a code if another watcher started it."""
        results = _results(self.workspace.runs)
        ended = (one for _, one in results if one.get(BECAUSE) == job.because)
        result: dict[str, Any] = next(ended, {})
        code = result.get("exit_code", code)
        ending = Exit(code) if code in {known.value for known in Exit} else None
        run = result.get("run", "")
        first, *more = result.get("reasons") or [self._last_error()]
        reason = f"{first} (and {len(more)} more)" if more else first
        if not run and BUSY in reason:
            # Another run took the workspace before this one.
            ending = Exit.INTERRUPTED
        with self._state.changing() as state:
            state.conclude(ending, run, reason, self.config.watch, time.time())
            aside = [n for n in job.tried if state.spans[n].state == QUARANTINED]
        meaning = ending.meaning if ending else "killed"
        if (result.get("pushed") or {}).get("already_served"):
            meaning = "nothing changed"
        why = "" if ending is Exit.PUSHED or not reason else f": {reason}"
        log.info("run %d: %s%s", job.number, meaning, why)
        for name in aside:
            log.warning(
                "span %s is set aside; `watch ... --release %s` lets it be tried again",
                *(name, name),
            )
            tries = self.config.watch.tries
            event = notifying.Event(
                "failed",
                self.name,
                f"{self.name}: span {name} is set aside (tries: {tries})",
                (reason,),
            )
            sending = notifying.begin(self.config.notify.settings(), event)
            if sending is not None:
                sending.finish()
        metrics.write(self.workspace)

    @contextmanager
    def _told_alive(self) -> Iterator[int]:
        """Yields a file descriptor that stays locked while the child process lives.

        By this lock a later watcher knows whether the run still goes on, from its first
        moment, even if this watcher was killed (flock(2): the lock belongs to the open
        file, which parent and child share).
        """
        beside = f"{self._alive}.new"
        with open(beside, "w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            os.replace(beside, self._alive)
            yield file.fileno()

    @property
    def _alive(self) -> str:
        return os.path.join(self.folder, ".run")

    @property
    def _run_log(self) -> str:
        return os.path.join(self.folder, RUN_LOG)

    def _last_error(self) -> str:
        """Returns the last error line of a process that ended before its run began."""
        try:
            text = Path(self._run_log).read_text("utf-8", errors="replace")
        except OSError:
            return ""
        errors = [x for x in text.splitlines() if x.startswith("error: ")]
        return errors[-1].removeprefix("error: ") if errors else ""

    def _look_for_findings(self) -> list[str]:
        """Returns this model's monitoring runs with findings, oldest first."""
        of_interest = (MONITOR, self.name, Exit.REFUSED.value)
        new = _results(self.workspace.monitoring.runs, self._ended)
        for name, content in reversed([*new]):
            self._ended.add(name)
            if tuple(map(content.get, (KIND, "model", "exit_code"))) == of_interest:
                self._findings.append(name)
        return self._findings

    def _complete(self, state: State) -> list[Span]:
        """Returns the complete spans; does not check the files of used ones again."""
        marker = self.config.data.marker
        there = find(self.pattern, marker)
        if marker:
            return there
        return [
            span
            for span in there
            if state.is_settled(span) or self._settling.is_settled(span)
        ]


def _utc(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")


def _results(folder: str, known: Container[str] = ()) -> Iterator[tuple[str, Any]]:
    """Yields name and `result.json` of ended runs, newest first, except known ones."""
    with suppress(FileNotFoundError), os.scandir(folder) as entries:
        new = [entry for entry in entries if entry.name not in known]
        new.sort(key=lambda entry: entry.stat().st_mtime, reverse=True)
        for entry in new:
            with suppress(OSError, ValueError):
                path = os.path.join(entry.path, RESULT_FILE)
                yield entry.name, json.loads(Path(path).read_text("utf-8"))


def _look(path: str) -> tuple[int, int, int]:
    """Returns the number of files, their bytes, and the newest time of change (ns)."""
    files = [path]
    if os.path.isdir(path):
        files = [
            os.path.join(here, name)
            for here, _, names in os.walk(path)
            for name in names
            if is_ours(name)
        ]
    count = size = changed = 0
    for file in files:
        with suppress(FileNotFoundError):
            status = os.stat(file)
            count, size = count + 1, size + status.st_size
            changed = max(changed, status.st_mtime_ns)
    return count, size, changed
