"""Plays a week in production; a-week-in-production.md describes it.

Each day runs the commands that a user would type on such a day. The script stops at the
first day that does not end as that page says. The product itself always uses the real
clock: after each day, the script stops the server and sets the times in the finished
log files back to the played day.
"""

import contextlib
import inspect
import json
import os
import shlex
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import click
import numpy as np

from docs.week_stage import (
    ROOT,
    DayError,
    Part,
    Receiver,
    Server,
    in_background,
    parts,
    say,
    set_back,
)
from serving.request_logs import reading

MODEL = "digits-week"
GOOD_SPANS = ("--set", 'data.spans=["1", "3"]')
"""Flags of a run without the damaged span, and without that with wrong labels."""

DEAD_ADDRESS = "json://127.0.0.1:9/"
"""No program listens on the port `discard`."""

TOML = """\
[data]
path = "{root}/incoming/{{SPAN}}"
name = "{model}"
noun = "digit"
marker = "_SUCCESS"
window = 7

[training]
epochs = 25
warm_start = true

[gates]
min_accuracy = 0.85
min_class_accuracy = 0.6
max_champion_loss = 0.02
replay_log = "{root}/requests"
min_agreement = 0.85

[monitoring]
log = "{root}/requests"

[watch]
poll_seconds = 0.5
tries = 1
"""

CONFIG = """\
model_config_list {{
  config {{
    name: "{model}"
    base_path: "{models}/{model}"
    model_platform: "tensorflow"
    logging_config {{
      log_collector_config {{ type: "tfrecord" filename_prefix: "{log}/digits" }}
      sampling_config {{ sampling_rate: 1.0 }}
    }}
  }}
}}
"""


@dataclass
class Week:
    """The state that the days share.

    Attributes:
        root: The folder of the week; new.
        address: Address to which Apprise sends notifications.
        copies: How often each picture is used, 1 to 5.
        requests: Number of requests on a day, and to each version on Saturday.
    """

    root: Path
    address: str
    copies: int = 5
    requests: int = 1200

    def __post_init__(self) -> None:
        """Makes the folders, and writes the settings of the runs and of the server."""
        self.train, self.more, self.traffic = parts(self.copies)
        self.rng = np.random.default_rng(0)
        self.output = self.root / "output"
        self.models = self.output / "models"
        self.log = self.root / "requests"
        self.toml = self.root / "week.toml"
        today = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
        self.monday = today - timedelta(days=today.weekday() + len(PLAYED))
        """The first second of the played week, which is last week."""
        self.late: list[tuple[str, int]] = []
        for folder in (self.models, self.log):
            folder.mkdir(parents=True)
        self.toml.write_text(TOML.format(root=self.root, model=MODEL))
        (self.models / "models.config").write_text(
            CONFIG.format(model=MODEL, models=self.models, log=self.log)
        )

    def command(self, *words: str, ends_with: int = 0, told: str = "") -> None:
        """Runs a command as a user would, and prints its output.

        Args:
            words: The command, without `python`.
            ends_with: The expected exit code.
            told: Address to which Apprise sends notifications, in place of `address`.

        Raises:
            DayError: The command ends with another exit code.
        """
        say(f"  $ {shlex.join(words)}")
        code = self.execute(words, told or self.address)
        if code != ends_with:
            raise DayError(
                f"{shlex.join(words)}: expected exit code {ends_with}, found {code}"
            )

    def execute(self, words: Sequence[str], address: str) -> int:
        """Runs a command in a process of its own; returns its exit code."""
        done = subprocess.run(
            [sys.executable, *words],
            cwd=ROOT,
            env={**os.environ, "APPRISE_URLS": address},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        for line in done.stdout.splitlines():
            say(f"    {line}")
        return done.returncode

    def run(self, *flags: str, ends_with: int = 0, told: str = "") -> None:
        """Runs the pipeline."""
        self.command(
            *("local_runner.py", "run", "--config", str(self.toml)),
            *("--output", str(self.output), *flags),
            ends_with=ends_with,
            told=told,
        )

    def store(self, *words: str) -> None:
        """Runs a command of the version store."""
        where = ("--output", str(self.output), "--model", MODEL)
        self.command("-m", "version_store", *words, *where)

    def monitor(self, day: int, *flags: str, ends_with: int) -> dict[str, Any]:
        """Monitors the traffic of a day; returns the content of `result.json`."""
        since = self.monday + timedelta(days=day)
        self.command(
            *("local_runner.py", "monitor", "--config", str(self.toml)),
            *("--output", str(self.output), "--model", MODEL),
            *("--since", since.isoformat()),
            *("--until", (since + timedelta(days=1)).isoformat(), *flags),
            ends_with=ends_with,
        )
        return results(self.output / "monitoring")[-1]

    def span_arrives(self, number: int, part: Part | None) -> None:
        """Adds a span of labelled pictures, or a damaged one, to the watched folder."""
        folder = self.root / "incoming" / str(number)
        folder.mkdir(parents=True)
        file = folder / "digits.npz"
        if part is None:
            file.write_bytes(b"PK: the rest was lost on the way")
            say(f"  span {number} arrives: damaged")
        else:
            np.savez(file, images=part.images, labels=part.labels)
            say(f"  span {number} arrives: {len(part.labels)} labelled pictures")
        (folder / "_SUCCESS").touch()

    def watch_until(self, states: dict[str, str], *flags: str) -> None:
        """Runs `local_runner.py watch` until the spans are in these states.

        Raises:
            DayError: It takes more than five minutes, or a span ends otherwise.
        """
        words = ["local_runner.py", "watch", "--config", str(self.toml)]
        words += ["--output", str(self.output), *flags]
        found: dict[str, str] = {}
        deadline = time.monotonic() + 300
        with in_background(words, env={**os.environ, "APPRISE_URLS": self.address}):
            while found != states:
                if time.monotonic() > deadline:
                    raise DayError(f"expected spans {states}, found {found}")
                time.sleep(0.5)
                with contextlib.suppress(FileNotFoundError):
                    state = self.output / "watch" / MODEL / "state.json"
                    content = json.loads(state.read_text())
                    spans = content["spans"].items()
                    found = {name: span["state"] for name, span in spans}
        self.command(*words, "--list")

    @contextlib.contextmanager
    def serving(self, day: int) -> Iterator[Server]:
        """Runs the server in the block, then sets the times in its log to the day."""
        server = Server(self.models / "models.config", MODEL)
        before = set(self.log.iterdir())
        with server.running():
            yield server
        for path in reading.find_files(str(self.log)):
            if Path(path) not in before:
                set_back(path, self.monday + timedelta(days=day, hours=12))


def results(place: Path) -> list[dict[str, Any]]:
    """Returns the content of each `result.json` below `place`, oldest first."""
    files = sorted(
        (place / "runs").glob("*/result.json"), key=lambda path: path.stat().st_mtime_ns
    )
    return [json.loads(path.read_text()) for path in files]


def monday(week: Week) -> None:
    """The first span becomes a version; its traffic is as it should be."""
    week.span_arrives(1, week.train)
    week.watch_until({"1": "done"})
    with week.serving(0) as server:
        server.ask(week.traffic.some(week.rng, week.requests), "monday")
    week.monitor(0, ends_with=0)


def tuesday(week: Week) -> None:
    """A damaged span is set aside; a good one becomes the next version."""
    week.span_arrives(2, None)
    week.span_arrives(3, week.more)
    week.watch_until({"1": "done", "2": "quarantined", "3": "done"})
    with week.serving(1) as server:
        server.ask(week.traffic.some(week.rng, week.requests), "tuesday")
    week.monitor(1, ends_with=0)


def wednesday(week: Week) -> None:
    """A camera is mounted on its side: the pictures of this day are a finding."""
    with week.serving(2) as server:
        server.ask(week.traffic.some(week.rng, week.requests).turned(), "wednesday")
    findings = week.monitor(2, ends_with=3)["findings"]
    if not any(finding["metric"] == "novel_share" for finding in findings):
        raise DayError(f"expected turned pictures to be found, found {findings}")


def thursday(week: Week) -> None:
    """The labels of a new span are mixed up, in its test split as well.

    By these labels the new model is good, and the served one has become bad. That would
    stop the push; but somebody trusts the labels, and overrules it. Replay does not ask
    the labels: the new model answers otherwise than the served one did all week.
    """
    week.span_arrives(4, week.train.exchanged(4, 9))
    week.run(
        *("--set", 'data.spans=["4"]', "--allow-champion-fall"),
        ends_with=3,
    )
    gates = results(week.output)[-1]["gates"]
    refused = {gate["gate"] for gate in gates if gate["refused"]}
    if refused != {"Replay"}:
        raise DayError(f"expected a refusal by Replay alone, found {refused}")


def friday(week: Week) -> None:
    """Nobody answers at the address that is to be told; the run ends as it would."""
    week.run(*GOOD_SPANS, "--set", "training.dropout=0.1", told=DEAD_ADDRESS)
    run = results(week.output)[-1]["run"]
    log = (week.output / "runs" / run / "run.log").read_text()
    if "was not told" not in log:
        raise DayError("expected the log to say that nobody was told")


def saturday(week: Week) -> None:
    """A version is on trial beside the stable one, and is withdrawn."""
    recipe = (*GOOD_SPANS, "--set", "training.dropout=0.2")
    with week.serving(5) as server:
        week.run(
            *recipe,
            *("--set", "push.arrive_as=canary"),
            *("--set", f"push.server={server.grpc}"),
        )
        for label in ("stable", "canary"):
            part = week.traffic.some(week.rng, week.requests)
            server.ask(part, label, label)
            week.late += [
                (f"{label}-{row}", each) for row, each in enumerate(part.labels)
            ]
        week.store("withdraw", "--reason", "the trial is over")
    versions = week.monitor(5, ends_with=0)["traffic"]["versions"]
    if len(versions) != 2:
        raise DayError(f"expected two versions to be judged, found {versions}")
    # A recipe whose version was withdrawn is refused.
    week.run(*recipe, ends_with=3)


def sunday(week: Week) -> None:
    """The labels of Saturday's pictures have come: accuracy is no estimate any more."""
    labels = week.root / "labels.csv"
    rows = "".join(f"{name},{label}\n" for name, label in week.late)
    labels.write_text(f"request_id,label\n{rows}")
    result = week.monitor(5, "--labels", str(labels), ends_with=0)
    for version in result["traffic"]["versions"]:
        truth, estimate = version["truth"]["accuracy"], version["estimate"]["value"]
        say(f"  version {version['version']}: {truth:.3f}, estimated {estimate:.3f}")
    week.store("list")
    week.store("verify")


PLAYED = (monday, tuesday, wednesday, thursday, friday, saturday, sunday)


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("folder", type=click.Path(path_type=Path))
def main(folder: Path) -> None:
    """Play a week in production in FOLDER, which is made."""
    if folder.exists():
        raise click.ClickException(f"{folder}: expected a folder that is not there yet")
    folder.mkdir(parents=True)
    receiver = Receiver()
    with receiver.listening() as address:
        week = Week(folder.resolve(), address)
        for day in PLAYED:
            say(f"{day.__name__.capitalize()}. {inspect.getdoc(day)}")
            began, told = time.monotonic(), len(receiver.told)
            try:
                day(week)
            except DayError as error:
                raise click.ClickException(str(error)) from error
            for message in receiver.told[told:]:
                say(f"  told: {message['title']}: {message['message'].splitlines()[0]}")
            say(f"  ({time.monotonic() - began:.0f} s)")


if __name__ == "__main__":
    main()
