"""Sends notifications about runs and versions through Apprise.

A separate process sends each message. It starts at the end of the run and is stopped
after `SECONDS`. So an address that does not answer delays the run no longer than that,
and an error in a service's library cannot fail a run.

Apprise's addresses (`slack://...`, `mailto://...`) contain passwords. They are never
written or logged, and the sending process gets them through a pipe, where other users
of the machine cannot see them. The log has only the position of an address in the list
and, if Apprise knows it, the kind of service.
"""

import concurrent.futures
import json
import logging
import os
import re
import signal
import subprocess
import sys
import time
import urllib.parse
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, get_args

from contract.errors import BadInputError
from contract.special_files import read_text
from contract.waiting import told

log = logging.getLogger(__name__)

Kind = Literal["pushed", "refused", "failed", "finding", "promoted", "withdrawn"]
KINDS: tuple[Kind, ...] = get_args(Kind)

ADDRESSES = "APPRISE_URLS"
"""Environment variable with addresses; Apprise's own command reads it, too."""

KINDS_VARIABLE = "NOTIFY_KINDS"

SECONDS = 10
"""Most seconds to send a message, from its start."""

NOT_ALL = "not every notification could be sent: see the log"
"""Message for the screen."""

_MOST_REASONS = 12

_BETWEEN = ",;"
_BETWEEN_ADDRESSES = re.compile(rf"\s+|[{_BETWEEN}]+(?=\w+://)")
"""Splits `APPRISE_URLS` as Apprise's command does; addresses have %20 for a space."""


@dataclass(frozen=True)
class Settings:
    """Which events are sent, and to which addresses.

    Attributes:
        kinds: Kinds of events that are sent.
        urls_file: File of Apprise's addresses, one a line; empty for none. Addresses in
            the environment (`ADDRESSES`) are used, too.
        reports: HTTP address of the output folder, for links to reports; if it is
            empty, messages contain the report's path.
    """

    kinds: tuple[Kind, ...] = KINDS
    urls_file: str = ""
    reports: str = ""

    @classmethod
    def of_environment(cls, environ: Mapping[str, str] = os.environ) -> "Settings":
        """Returns the settings of a command that reads no configuration.

        Args:
            environ: Environment; `NOTIFY_KINDS` has the kinds, separated by commas.

        Raises:
            BadInputError: `NOTIFY_KINDS` has an unknown kind.
        """
        text = environ.get(KINDS_VARIABLE)
        if text is None:
            return cls()
        named = [name.strip() for name in text.split(",") if name.strip()]
        if unknown := [name for name in named if name not in KINDS]:
            raise BadInputError(
                f"{KINDS_VARIABLE}: {unknown[0]}: expected one of {', '.join(KINDS)}"
            )
        return cls(tuple(kind for kind in KINDS if kind in named))

    def addresses(self, environ: Mapping[str, str] = os.environ) -> list[str]:
        """Returns all addresses; they are secrets.

        Raises:
            BadInputError: The file cannot be read.
        """
        lines = environ.get(ADDRESSES, "").splitlines()
        if self.urls_file:
            text = read_text(self.urls_file, f"notify.urls_file: {self.urls_file}")
            lines += text.splitlines()
        found = [
            word.rstrip(_BETWEEN)
            for line in lines
            if line.lstrip()[:1] != "#"
            for word in _BETWEEN_ADDRESSES.split(line)
        ]
        return list(dict.fromkeys(filter(None, found)))


@dataclass(frozen=True)
class Event:
    """An event that is worth a notification.

    Attributes:
        kind: Kind of the event.
        model: Name of the model.
        what: One line about the event, such as "refused by Evaluator, nothing was
            pushed".
        why: The reasons, a line each.
        version: Version concerned; None if there is none.
        report: Path of the report; None if there is none.
        output: Output folder that contains the report, at any depth.
    """

    kind: Kind
    model: str
    what: str
    why: tuple[str, ...] = ()
    version: int | None = None
    report: str | None = None
    output: str = ""

    @property
    def title(self) -> str:
        """Title of the message, for services that show one."""
        version = "" if self.version is None else f" version {self.version}"
        return f"{self.model}{version}: {self.kind}"

    def body(self, reports: str) -> str:
        """Returns the message; see `Settings` for `reports`."""
        lines = [self.what, *self.why[:_MOST_REASONS]]
        if more := len(self.why) - _MOST_REASONS:
            lines += [f"and {more} more"] if more > 0 else []
        if self.report:
            below = urllib.parse.quote(os.path.relpath(self.report, self.output or "/"))
            address = f"{reports.rstrip('/')}/{below}"
            lines.append(f"Report: {address if reports else self.report}")
        return "\n".join(lines)


class Sending:
    """A message that is being sent by a process of its own."""

    def __init__(self, event: Event, reports: str, addresses: list[str]) -> None:
        """Starts to send it.

        Raises:
            OSError: The process cannot be started.
        """
        self._kind = event.kind
        self._count = len(addresses)
        self._deadline = time.monotonic() + SECONDS
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", __name__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            # The child finds our modules where this process does.
            env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
            # Ctrl-C at the terminal must not stop the message about this very Ctrl-C.
            start_new_session=True,
        )
        assert self._process.stdin is not None
        with self._process.stdin as stream:
            json.dump(
                {
                    "title": event.title,
                    "body": event.body(reports),
                    "addresses": addresses,
                },
                stream,
            )

    def finish(self) -> bool:
        """Waits until the message is sent or its time is over, and logs the result.

        Returns:
            Whether every address accepted it.
        """
        left = max(0.0, self._deadline - time.monotonic())
        self._process.stdin = None
        try:
            with told(f"sending notifications: waiting for {left:.0f} s at most"):
                out, _ = self._process.communicate(timeout=left)
        except subprocess.TimeoutExpired:
            self._process.kill()
            out, _ = self._process.communicate()
        results = [json.loads(line) for line in out.splitlines() if line.endswith("}")]
        by_number = {one["address"]: one for one in results}
        taken = sum(one["delivered"] for one in results)
        log.info(
            "notify: %s: %d of %d notifications were sent",
            self._kind,
            taken,
            self._count,
        )
        for number in range(1, self._count + 1):
            one = by_number.get(number, {"service": "", "problem": "no answer in time"})
            if not one.get("delivered"):
                log.warning(
                    "notify: %s: address %d%s was not told: %s",
                    *(self._kind, number, one["service"], one["problem"]),
                )
        return taken == self._count


def begin(settings: Settings, event: Event) -> Sending | None:
    """Starts to send an event, if its kind is wanted and there are addresses.

    Failures are only logged.

    Returns:
        The message, to be finished before the process ends; None if nothing is sent.
    """
    if event.kind not in settings.kinds:
        return None
    try:
        addresses = settings.addresses()
        return Sending(event, settings.reports, addresses) if addresses else None
    except (BadInputError, OSError) as error:
        log.warning("notify: %s: nobody was told: %s", event.kind, error)
        return None


def _send() -> None:
    """Sends the message from standard input; prints a line of JSON for each address."""
    # The parent process may have ended and cannot stop this one then.
    signal.alarm(SECONDS)
    asked = json.load(sys.stdin)
    # Output of a service's library must not mix with the answers.
    answers = os.dup(sys.stdout.fileno())
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    # Imported only in the sending process.
    import apprise

    # Apprise's log messages contain addresses.
    logging.disable()

    def send(number: int, address: str) -> None:
        delivered, service = False, ""
        problem = "Apprise knows no such address"
        try:
            notifier = apprise.Apprise.instantiate(address)
            if notifier is not None:
                service = f" ({notifier.service_name})"
                problem = "the service did not take it: `apprise -vv` tells more"
                delivered = bool(
                    notifier.notify(title=asked["title"], body=asked["body"])
                )
        except Exception as error:
            problem = type(error).__name__
        answer = {"address": number, "service": service, "problem": problem}
        # One call of write, so that threads do not mix their lines.
        os.write(
            answers, json.dumps({**answer, "delivered": delivered}).encode() + b"\n"
        )

    addresses = asked["addresses"]
    with concurrent.futures.ThreadPoolExecutor(len(addresses)) as threads:
        list(threads.map(send, range(1, len(addresses) + 1), addresses))


if __name__ == "__main__":
    _send()
