"""Keeps the state of a watcher: used spans, failed spans, and the current run.

The file is written atomically, before and after each run, so that a watcher that was
killed at any moment finds there where it stopped.
"""

import os
import re
import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from enum import StrEnum

from filelock import FileLock
from pydantic import BaseModel, Field, ValidationError

from components.image_example_gen.spans import Span
from contract.errors import BadInputError
from contract.exits import ON_PURPOSE, Exit
from pipeline.watching import Watch


class Standing(StrEnum):
    """The state of a span.

    `WAITING`: to be tried, or tried again. `DONE`: used by a run that succeeded.
    `QUARANTINED`: set aside after too many tries. `PASSED`: older than the window when
    it was found.
    """

    WAITING = "waiting"
    DONE = "done"
    QUARANTINED = "quarantined"
    PASSED = "passed over"


WAITING, DONE, QUARANTINED, PASSED = Standing

_KILLED = "its run was killed before it could tell how it ended"


class Record(BaseModel):
    """The record of a span.

    Attributes:
        state: State of the span.
        tries: Number of failed runs with the span.
        not_before: Earliest time of the next try, in seconds since 1970.
        run: Name of the last run with the span.
        reason: Why that run failed; empty if it succeeded.
    """

    state: Standing = WAITING
    tries: int = 0
    not_before: float = 0
    run: str = ""
    reason: str = ""


class Job(BaseModel):
    """A run that is to be started, or goes on.

    Attributes:
        number: Number of the run, counted by this watcher from 1.
        because: Text for `--because`, by which the watcher finds the run's result.
        why: Why the run is started, for the user.
        window: Names of the spans that the run reads.
        tried: Paths, by name, of the spans that no successful run has used yet.
        findings: All monitoring runs whose findings made the run necessary.
    """

    number: int
    because: str
    why: str
    window: list[str]
    tried: dict[str, str] = Field(default_factory=dict)
    findings: list[str] = Field(default_factory=list)


class State(BaseModel):
    """The complete state of a watcher.

    Attributes:
        key: Random key that tells this state's runs from those of an earlier state.
        jobs: Number of started runs.
        spans: Record of each span, by its name.
        findings: The monitoring runs whose findings have been handled.
        last_run: When the last run ended, in seconds since 1970; 0 before the first.
        last_look: When the last look at the traffic began, in seconds since 1970; 0
            before the first.
        looked_until: End of the examined traffic, in seconds since 1970; 0 before.
        failed_looks: Number of failed looks at the traffic after that.
        job: The current run, or the one at which the watcher was killed.
    """

    key: str = Field(default_factory=lambda: secrets.token_hex(4))
    jobs: int = 0
    spans: dict[str, Record] = Field(default_factory=dict)
    findings: list[str] = Field(default_factory=list)
    last_run: float = 0
    last_look: float = 0
    looked_until: float = 0
    failed_looks: int = 0
    job: Job | None = None

    def next_job(
        self,
        complete: Sequence[Span],
        findings: Sequence[str],
        window: int,
        settings: Watch,
        now: float,
    ) -> Job | None:
        """Returns the run that is due, and records it; None if none is due.

        One new span is tried at a time, the oldest first, together with spans of
        successful runs. Before the first success, all due spans are tried together, as
        one alone may be too little to learn from.

        Args:
            complete: The complete spans, sorted by number and version.
            findings: Monitoring runs with findings.
            window: How many spans a run reads.
            settings: Settings of the watcher.
            now: Seconds since 1970. It may jump: after the clock went back, no span
                waits longer than a full pause from now.
        """
        self._heed_clock(settings, now)
        newest = list({span.number: span for span in complete}.values())
        if not self.spans:
            self._pass_over(newest[:-window])
        done = [span for span in complete if self._of(span).state == DONE]
        in_use = sorted({span.number for span in done})[-window:]
        due = [span for span in newest if self._is_due(span, now)]
        if len(in_use) == window:
            self._pass_over([span for span in due if span.number < in_use[0]])
            due = [span for span in due if span.number >= in_use[0]]
        # Spans that were never tried come before those that failed.
        by_tries = sorted(due, key=lambda span: (self._of(span).tries, span.number))
        tried = by_tries[:1] if done else due[-window:]
        usable = {span.number: span for span in sorted([*done, *tried], key=_order)}
        read = [usable[number] for number in sorted(usable)[-window:]]
        found = [name for name in findings if name not in self.findings]
        if tried:
            names = ", ".join(span.name for span in tried)
            why = f"span{'s' if len(tried) > 1 else ''} {names} complete"
            if tries := self._of(tried[0]).tries:
                why += f", try {tries + 1} of {settings.tries}"
        elif found and read:
            why = f"finding in the traffic, {found[-1]}"
            if more := len(found) - 1:
                why += f" (and {more} more)"
        elif read and self._is_late(settings, now):
            why = f"no run for {settings.at_latest_hours:g} hours"
        else:
            return None
        self.jobs += 1
        self.job = Job(
            number=self.jobs,
            because=f"watch {self.key}, run {self.jobs}: {why}",
            why=why,
            window=[span.name for span in read],
            tried={span.name: span.path for span in tried},
            findings=[] if tried else found,
        )
        for name in self.job.tried:
            record = self.spans.setdefault(name, Record())
            record.tries += 1
        return self.job

    def conclude(
        self,
        code: Exit | None,
        run: str,
        reason: str,
        settings: Watch,
        now: float,
    ) -> None:
        """Records how the current run ended.

        Args:
            code: Exit code of the run; None if unknown.
            run: Name of the run; empty if it did not begin.
            reason: Why the run failed.
            settings: Settings of the watcher.
            now: Seconds since 1970.
        """
        job = self.job
        assert job is not None, "a run was going on"
        self.job, self.last_run = None, now
        if code not in ON_PURPOSE:
            self.findings += job.findings
        blamed = {
            name
            for name, path in job.tried.items()
            if re.search(re.escape(path) + r"(?![\w-])", reason)
        } or set(job.tried)
        for name in job.tried:
            record = self.spans[name]
            record.run, record.reason = run, ""
            if code is Exit.PUSHED:
                record.state, record.tries = DONE, 0
            elif code in ON_PURPOSE or name not in blamed:
                record.tries -= 1
                record.not_before = now
            else:
                record.reason = reason or _KILLED
                # A killed run is tried again at once. It counts as a try, as the
                # cause may be too little memory for this span.
                pause = 0 if code is None else _pause(settings, record.tries)
                record.not_before = now + pause
                if record.tries >= settings.tries:
                    record.state = QUARANTINED

    def is_look_due(self, settings: Watch, now: float) -> bool:
        """Returns whether it is time for another look at the traffic."""
        hours = settings.monitor_hours
        # After the clock went back, a look is due at once.
        since = now - self.last_look
        return hours is not None and not 0 <= since < hours * 3600

    def conclude_look(
        self, until: float, settings: Watch, now: float, *, well: bool
    ) -> bool:
        """Records a look at the traffic.

        Args:
            until: End of the examined period, in seconds since 1970.
            settings: Settings of the watcher.
            now: When the look began, in seconds since 1970.
            well: Whether the look succeeded. After a failure, the next look begins at
                the same time, until `settings.tries` looks have failed.

        Returns:
            Whether the period is passed over after too many failures.
        """
        self.last_look = now
        self.failed_looks = 0 if well else self.failed_looks + 1
        over = self.failed_looks >= settings.tries
        if well or over:
            self.looked_until, self.failed_looks = until, 0
        return over

    def is_settled(self, span: Span) -> bool:
        """Returns whether a span needs no further try: its changes do not matter."""
        return self._of(span).state != WAITING

    def release(self, name: str) -> None:
        """Lets a span in quarantine be tried again.

        Raises:
            BadInputError: The span is not in quarantine.
        """
        aside = [own for own, of in self.spans.items() if of.state == QUARANTINED]
        if name not in aside:
            raise BadInputError(
                f"--release: {name}: expected a span in quarantine, found "
                f"{', '.join(aside) or 'none'}"
            )
        self.spans[name] = Record()

    def _of(self, span: Span) -> Record:
        return self.spans.get(span.name, Record())

    def _is_due(self, span: Span, now: float) -> bool:
        record = self._of(span)
        return record.state == WAITING and record.not_before <= now

    def _is_late(self, settings: Watch, now: float) -> bool:
        hours = settings.at_latest_hours
        return hours is not None and now - self.last_run >= hours * 3600

    def _pass_over(self, spans: Sequence[Span]) -> None:
        for span in spans:
            self.spans[span.name] = Record(state=PASSED)

    def _heed_clock(self, settings: Watch, now: float) -> None:
        self.last_run = min(self.last_run, now)
        for record in self.spans.values():
            latest = now + _pause(settings, record.tries)
            record.not_before = min(record.not_before, latest)


class StateFile:
    """The file with a watcher's state; commands may change it while it watches."""

    def __init__(self, folder: str) -> None:
        self._folder = folder
        self.path = os.path.join(folder, "state.json")

    def read(self) -> State:
        """Returns the state, or a new one if there is no file.

        Raises:
            BadInputError: The file cannot be read or contains no state.
        """
        try:
            with open(self.path, encoding="utf-8") as stream:
                return State.model_validate_json(stream.read())
        except FileNotFoundError:
            return State()
        except OSError as error:
            raise BadInputError(
                f"{self.path}: cannot be read: {error.strerror}"
            ) from error
        except (ValidationError, UnicodeDecodeError) as error:
            raise BadInputError(
                f"{self.path}: expected the state of `watch`, found another file: move "
                "it away; then all spans count as new"
            ) from error

    @contextmanager
    def changing(self) -> Iterator[State]:
        """Yields the state, and writes it if the block has changed it."""
        os.makedirs(self._folder, exist_ok=True)
        with FileLock(os.path.join(self._folder, ".state.lock")):
            state = self.read()
            before = state.model_dump_json()
            yield state
            if state.model_dump_json() != before:
                self._write(state)

    def _write(self, state: State) -> None:
        # Always the same name: a full disk or a kill leaves one file, and not many.
        beside = os.path.join(self._folder, ".state.json.new")
        with open(beside, "w", encoding="utf-8") as stream:
            stream.write(state.model_dump_json(indent=2))
            stream.flush()
            os.fsync(stream.fileno())
        os.replace(beside, self.path)


def _order(span: Span) -> tuple[int, int]:
    return span.number, span.version or 0


def _pause(settings: Watch, tries: int) -> float:
    """Returns the seconds between a try and the next one."""
    return settings.retry_seconds * 2.0 ** max(0, tries - 1)
