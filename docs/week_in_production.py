"""Plays a week in production in ten minutes; a-week-in-production.md describes it.

Each day runs the commands that a user would type on such a day. The script stops at the
first day that does not end as that page says. The product itself always uses the real
clock: after each day, the script stops the server and sets the times in the finished
log files back to the played day.

The pictures are scikit-learn's handwritten digits, which need no network. Each picture
is used five times: unchanged, and moved by one pixel to each side. All copies of a
picture are in the same part, training or traffic.
"""

import contextlib
import http.server
import inspect
import json
import os
import shlex
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import click
import numpy as np
import requests
from PIL import Image
from sklearn.datasets import load_digits
from tensorflow_serving.apis.prediction_log_pb2 import PredictionLog

from serving.request_logs import reading
from serving.server.record_files import framed

ROOT = Path(__file__).resolve().parents[1]
MODEL = "digits-week"
SERVED_SECONDS = 60

TOML = """\
[data]
path = "{root}/incoming/{{SPAN}}"
name = "{model}"
noun = "digit"
marker = "_SUCCESS"
window = 7

[training]
epochs = {epochs}

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
retry_seconds = 0
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


class DayError(Exception):
    """A day did not end as expected."""


@dataclass
class Receiver:
    """Receives the notifications that Apprise sends to a `json://` address.

    Attributes:
        told: The messages so far.
    """

    told: list[dict[str, Any]] = field(default_factory=list)

    @contextlib.contextmanager
    def listening(self) -> Iterator[str]:
        """Yields the receiver's address while it listens."""
        told = self.told

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                length = int(self.headers["content-length"])
                told.append(json.loads(self.rfile.read(length)))
                self.send_response(200)
                self.end_headers()

            def log_message(self, format: str, *args: Any) -> None:
                """Logs nothing."""

        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"json://127.0.0.1:{server.server_port}/"
        finally:
            server.shutdown()


@dataclass
class Week:
    """The state that the days share.

    Attributes:
        root: The folder of the week; new.
        epochs: Number of epochs of each training.
        address: Address to which Apprise sends notifications.
        monday: The first second of the played week, which is last week.
    """

    root: Path
    epochs: int
    address: str
    monday: datetime

    def __post_init__(self) -> None:
        """Makes the folders, and writes the settings of the runs and of the server."""
        self.train, self.more, self.traffic = parts()
        self.rng = np.random.default_rng(0)
        self.models = self.root / "output" / "models"
        self.log = self.root / "requests"
        self.toml = self.root / "week.toml"
        self.late: list[tuple[str, int]] = []
        for folder in (self.models, self.log):
            folder.mkdir(parents=True)
        self.toml.write_text(
            TOML.format(root=self.root, model=MODEL, epochs=self.epochs)
        )
        (self.models / "models.config").write_text(
            CONFIG.format(model=MODEL, models=self.models, log=self.log)
        )

    def command(self, *words: str, ends_with: int = 0, told: str = "") -> str:
        """Runs a command as a user would; returns its output.

        Raises:
            DayError: The command ends with another exit code than `ends_with`.
        """
        say(f"  $ {shlex.join(words)}")
        done = subprocess.run(
            [sys.executable, *words],
            cwd=ROOT,
            env={**os.environ, "APPRISE_URLS": told or self.address},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        for line in done.stdout.splitlines():
            say(f"    {line}")
        if done.returncode != ends_with:
            raise DayError(
                f"{shlex.join(words)}: expected exit code {ends_with}, found "
                f"{done.returncode}"
            )
        return done.stdout

    def run(self, *flags: str, ends_with: int = 0, told: str = "") -> str:
        """Runs the pipeline."""
        output = str(self.root / "output")
        return self.command(
            *("local_runner.py", "run", "--config", str(self.toml)),
            *("--output", output, *flags),
            ends_with=ends_with,
            told=told,
        )

    def store(self, *words: str) -> str:
        """Runs a command of the version store."""
        where = ("--output", str(self.root / "output"), "--model", MODEL)
        return self.command("-m", "version_store", *words, *where)

    def monitor(self, day: int, *flags: str, ends_with: int) -> dict[str, Any]:
        """Monitors the traffic of a day; returns the content of `result.json`."""
        since = self.monday + timedelta(days=day)
        self.command(
            *("local_runner.py", "monitor", "--config", str(self.toml)),
            *("--output", str(self.root / "output"), "--model", MODEL),
            *("--since", since.isoformat()),
            *("--until", (since + timedelta(days=1)).isoformat(), *flags),
            ends_with=ends_with,
        )
        runs = sorted((self.root / "output/monitoring/runs").glob("*/result.json"))
        newest = max(runs, key=lambda path: path.stat().st_mtime)
        result: dict[str, Any] = json.loads(newest.read_text())
        return result

    def span_arrives(self, number: int, part: "Part") -> None:
        """Adds a new span of labelled pictures to the watched folder."""
        folder = self.root / "incoming" / str(number)
        folder.mkdir(parents=True)
        np.savez(folder / "digits.npz", images=part.images, labels=part.labels)
        (folder / "_SUCCESS").touch()
        say(f"  span {number} arrives: {len(part.labels)} labelled pictures")

    @contextlib.contextmanager
    def watching(self) -> Iterator[None]:
        """Runs `local_runner.py watch` in the background."""
        words = ["local_runner.py", "watch", "--config", str(self.toml)]
        words += ["--output", str(self.root / "output")]
        say(f"  $ {shlex.join(words)} &")
        with subprocess.Popen(
            [sys.executable, *words],
            cwd=ROOT,
            env={**os.environ, "APPRISE_URLS": self.address},
            stdout=subprocess.DEVNULL,
        ) as process:
            try:
                yield
            finally:
                process.terminate()

    def last_run(self) -> dict[str, Any]:
        """Returns the content of `result.json` of the run that ended last."""
        runs = (self.root / "output/runs").glob("*/result.json")
        newest = max(runs, key=lambda path: path.stat().st_mtime)
        result: dict[str, Any] = json.loads(newest.read_text())
        return result

    def versions(self) -> list[int]:
        """Returns the pushed versions, oldest first."""
        folder = self.models / MODEL
        there = folder.iterdir() if folder.is_dir() else ()
        return sorted(int(each.name) for each in there if each.name.isdecimal())

    def wait_for(self, count: int) -> int:
        """Waits until `count` versions were pushed; returns the newest.

        Raises:
            DayError: The wait takes more than five minutes.
        """
        deadline = time.monotonic() + 300
        while len(self.versions()) < count:
            if time.monotonic() > deadline:
                raise DayError(f"expected {count} versions, found {self.versions()}")
            time.sleep(0.5)
        version = self.versions()[-1]
        say(f"  version {version} was pushed")
        return version

    @contextlib.contextmanager
    def serving(self, day: int) -> Iterator["Server"]:
        """Runs the server in the block, then sets the times in its log to the day."""
        server = Server(self)
        before = set(self.log.iterdir())
        with server.running():
            yield server
        for path in reading.find_files(str(self.log)):
            if Path(path) not in before:
                set_back(path, self.monday + timedelta(days=day, hours=12))


@dataclass
class Part:
    """A set of labelled pictures.

    Attributes:
        images: uint8 `[rows, 28, 28]`.
        labels: int64 `[rows]`.
    """

    images: np.ndarray
    labels: np.ndarray

    def some(self, rng: np.random.Generator, count: int) -> "Part":
        """Returns `count` random pictures, with the class shares of the whole set.

        The five copies of a picture are not independent. So the class shares of a plain
        random sample would differ by more than chance allows for `count` independent
        pictures.
        """
        shuffled = rng.permutation(len(self.labels))
        by_class = shuffled[np.argsort(self.labels[shuffled], kind="stable")]
        rows = by_class[np.linspace(0, len(by_class) - 1, count).astype(int)]
        return Part(self.images[rows], self.labels[rows])

    def turned(self) -> "Part":
        """Returns the pictures turned by 90 degrees, as from a camera on its side."""
        return Part(np.rot90(self.images, axes=(1, 2)).copy(), self.labels)


def parts() -> tuple[Part, Part, Part]:
    """Returns the pictures of the first span, the second span, and the traffic."""
    scans, labels = load_digits(return_X_y=True)
    rows = np.random.default_rng(0).permutation(len(labels))

    def part(some: np.ndarray) -> Part:
        images = np.stack([_enlarged(scans[row].reshape(8, 8)) for row in some])
        moves = [(0, 0), (0, 1), (0, -1), (1, 0), (-1, 0)]
        moved = [np.roll(images, move, axis=(1, 2)) for move in moves]
        return Part(np.concatenate(moved), np.tile(labels[some], len(moves)))

    return part(rows[:1000]), part(rows[1000:1300]), part(rows[1300:])


def _enlarged(scan: np.ndarray) -> np.ndarray:
    grey = Image.fromarray((scan * (255 / 16)).astype(np.uint8))
    image = np.zeros((28, 28), np.uint8)
    image[4:24, 4:24] = np.asarray(grey.resize((20, 20), Image.Resampling.BICUBIC))
    return image


class Server:
    """The embedded server; requests go to its REST API."""

    def __init__(self, week: Week) -> None:
        """Chooses the ports; does not start the server."""
        self._week = week
        self._ports = free_ports(2)

    @contextlib.contextmanager
    def running(self) -> Iterator[None]:
        """Runs the server until the block ends."""
        grpc, rest = self._ports
        words = ["-m", "serving.server", f"--port={grpc}", f"--rest_api_port={rest}"]
        words += [f"--model_config_file={self._week.models / 'models.config'}"]
        words += ["--model_config_file_poll_wait_seconds=1"]
        say(f"  $ {shlex.join(words)} &")
        with subprocess.Popen(
            [sys.executable, *words],
            cwd=ROOT,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        ) as process:
            try:
                self._wait()
                yield
            finally:
                process.terminate()

    @property
    def grpc(self) -> str:
        """Address of the gRPC port."""
        return f"localhost:{self._ports[0]}"

    def _wait(self) -> None:
        address = f"http://localhost:{self._ports[1]}/v1/models/{MODEL}"
        deadline = time.monotonic() + SERVED_SECONDS
        while time.monotonic() < deadline:
            with contextlib.suppress(requests.RequestException):
                if "AVAILABLE" in requests.get(address, timeout=5).text:
                    return
            time.sleep(0.2)
        raise DayError(f"{address}: not served after {SERVED_SECONDS} seconds")

    def ask(self, part: Part, name: str, label: str = "") -> float:
        """Sends one request per picture; returns the share of right answers.

        Args:
            part: The pictures.
            name: Prefix of the requests' ids; a hyphen and a number follow.
            label: Version label in the requests; empty for none.
        """
        of_label = f"/labels/{label}" if label else ""
        address = (
            f"http://localhost:{self._ports[1]}/v1/models/{MODEL}{of_label}:predict"
        )
        right = 0
        with requests.Session() as session:
            for row, (image, truth) in enumerate(
                zip(part.images, part.labels, strict=True)
            ):
                answer = session.post(
                    address,
                    json={"instances": [image.tolist()]},
                    headers={"x-request-id": f"{name}-{row}"},
                    timeout=30,
                )
                answer.raise_for_status()
                [found] = answer.json()["predictions"]
                right += int(found["class_id"] == truth)
        share = right / len(part.labels)
        say(f"  {len(part.labels)} requests {name}: {share:.3f} are answered rightly")
        return share


def set_back(path: str, moment: datetime) -> None:
    """Moves the times in a finished log file, so that it begins at `moment`."""
    with open(path, "rb") as stream:
        logs = [
            PredictionLog.FromString(data)
            for _, data in reading.records(stream, reading.PassedOver())
        ]
    by = int(moment.timestamp()) - logs[0].log_metadata.timestamp_secs if logs else 0
    with open(path, "wb") as stream:
        for log in logs:
            log.log_metadata.timestamp_secs += by
            stream.write(framed(log.SerializeToString()))
    index = Path(reading.index_of(path))
    lines = [json.loads(line) for line in index.read_text().splitlines()]
    offset = 0
    for line, log in zip(lines, logs, strict=True):
        line["timestamp_secs"] += by
        line["offset"] = offset
        offset += len(framed(log.SerializeToString()))
    index.write_text("".join(json.dumps(line) + "\n" for line in lines))


def free_ports(count: int) -> list[int]:
    """Returns unused ports."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]


def say(text: str) -> None:
    """Prints a line."""
    print(text, flush=True)


def monday(week: Week) -> None:
    """The first span becomes a version; its traffic is as it should be."""
    week.span_arrives(1, week.train)
    with week.watching():
        week.wait_for(1)
    with week.serving(0) as server:
        server.ask(week.traffic.some(week.rng, 1200), "monday")
    week.monitor(0, ends_with=0)


def tuesday(week: Week) -> None:
    """New labelled pictures become the next version."""
    week.span_arrives(2, week.more)
    with week.watching():
        week.wait_for(2)
    with week.serving(1) as server:
        server.ask(week.traffic.some(week.rng, 1200), "tuesday")
    week.monitor(1, ends_with=0)


def wednesday(week: Week) -> None:
    """A camera is mounted on its side: the pictures of this day are a finding."""
    with week.serving(2) as server:
        server.ask(week.traffic.some(week.rng, 1200).turned(), "wednesday")
    findings = week.monitor(2, ends_with=3)["findings"]
    if not any(finding["metric"] == "novel_share" for finding in findings):
        raise DayError(f"expected turned pictures to be found, found {findings}")


def thursday(week: Week) -> None:
    """The labels of a new span are mixed up, in its test split as well.

    By these labels the new model is good, and the served one has become bad. That would
    stop the push; but somebody trusts the labels, and overrules it. Replay does not ask
    the labels: the new model answers otherwise than the served one did all week.
    """
    wrong = week.train.labels.copy()
    wrong[week.train.labels == 4], wrong[week.train.labels == 9] = 9, 4
    week.span_arrives(3, Part(week.train.images, wrong))
    week.run(
        *("--set", 'data.spans=["3"]', "--allow-champion-fall"),
        ends_with=3,
    )
    shutil.rmtree(week.root / "incoming" / "3")
    gates = week.last_run()["gates"]
    refused = {gate["gate"] for gate in gates if gate["refused"]}
    if refused != {"Replay"}:
        raise DayError(f"expected a refusal by Replay alone, found {refused}")


def friday(week: Week) -> None:
    """Nobody answers at the address that is to be told; the run ends as it would."""
    before = len(week.versions())
    week.run("--set", "training.dropout=0.1", told="json://127.0.0.1:9/")
    week.wait_for(before + 1)
    log = (week.root / "output/runs" / week.last_run()["run"] / "run.log").read_text()
    if "was not told" not in log:
        raise DayError("expected the log to say that nobody was told")


def saturday(week: Week) -> None:
    """A version is on trial beside the stable one, and is withdrawn."""
    recipe = ("--set", "training.dropout=0.2")
    with week.serving(5) as server:
        week.run(
            *recipe,
            *("--set", "push.arrive_as=canary"),
            *("--set", f"push.server={server.grpc}"),
        )
        for label in ("stable", "canary"):
            part = week.traffic.some(week.rng, 1000)
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
@click.option("--epochs", default=25, show_default=True, help="Of each training.")
def main(folder: Path, epochs: int) -> None:
    """Play a week in production in FOLDER, which is made."""
    if folder.exists():
        raise click.ClickException(f"{folder}: expected a folder that is not there yet")
    folder.mkdir(parents=True)
    today = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    receiver = Receiver()
    with receiver.listening() as address:
        first = today - timedelta(days=today.weekday() + len(PLAYED))
        week = Week(folder.resolve(), epochs, address, first)
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
