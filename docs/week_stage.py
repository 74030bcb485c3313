"""What `docs.week_in_production` plays with: pictures, a server, and a receiver.

The pictures are scikit-learn's handwritten digits, which need no network. Each picture
is used several times: unchanged, and moved by one pixel to the sides. All copies of a
picture are in the same part, training or traffic.
"""

import contextlib
import http.server
import json
import shlex
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import requests
from PIL import Image
from sklearn.datasets import load_digits
from tensorflow_serving.apis.prediction_log_pb2 import PredictionLog

from serving.request_logs import reading
from serving.server.record_files import framed

ROOT = Path(__file__).resolve().parents[1]
_SERVED_SECONDS = 60
_MOVES = ((0, 0), (0, 1), (0, -1), (1, 0), (-1, 0))


class DayError(Exception):
    """A day did not end as expected."""


def say(text: str) -> None:
    """Prints a line."""
    print(text, flush=True)


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

        The copies of a picture are not independent. So the class shares of a plain
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

    def exchanged(self, one: int, other: int) -> "Part":
        """Returns the pictures with two labels exchanged."""
        labels = self.labels.copy()
        labels[self.labels == one], labels[self.labels == other] = other, one
        return Part(self.images, labels)


def parts(copies: int) -> tuple[Part, Part, Part]:
    """Returns the pictures of the first span, the second span, and the traffic.

    Args:
        copies: How often each picture is used, 1 to 5.
    """
    scans, labels = load_digits(return_X_y=True)
    rows = np.random.default_rng(0).permutation(len(labels))

    def part(some: np.ndarray) -> Part:
        images = np.stack([_enlarged(scans[row].reshape(8, 8)) for row in some])
        moved = [np.roll(images, move, axis=(1, 2)) for move in _MOVES[:copies]]
        return Part(np.concatenate(moved), np.tile(labels[some], copies))

    return part(rows[:1000]), part(rows[1000:1300]), part(rows[1300:])


def _enlarged(scan: np.ndarray) -> np.ndarray:
    grey = Image.fromarray((scan * (255 / 16)).astype(np.uint8))
    image = np.zeros((28, 28), np.uint8)
    image[4:24, 4:24] = np.asarray(grey.resize((20, 20), Image.Resampling.BICUBIC))
    return image


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
            server.server_close()


class Server:
    """The embedded server; requests go to its REST API."""

    def __init__(self, config: Path, model: str) -> None:
        """Chooses the ports; does not start the server.

        Args:
            config: The server's `--model_config_file`.
            model: Name of the model.
        """
        self._config = config
        self._ports = _free_ports(2)
        self._address = f"http://localhost:{self._ports[1]}/v1/models/{model}"

    @property
    def grpc(self) -> str:
        """Address of the gRPC port."""
        return f"localhost:{self._ports[0]}"

    @contextlib.contextmanager
    def running(self) -> Iterator[None]:
        """Runs the server until the block ends."""
        grpc, rest = self._ports
        words = ["-m", "serving.server", f"--port={grpc}", f"--rest_api_port={rest}"]
        words += [f"--model_config_file={self._config}"]
        words += ["--model_config_file_poll_wait_seconds=1"]
        with in_background(words, stderr=subprocess.DEVNULL):
            self._wait()
            yield

    def _wait(self) -> None:
        deadline = time.monotonic() + _SERVED_SECONDS
        while time.monotonic() < deadline:
            with contextlib.suppress(requests.RequestException):
                if "AVAILABLE" in requests.get(self._address, timeout=5).text:
                    return
            time.sleep(0.2)
        raise DayError(f"{self._address}: not served after {_SERVED_SECONDS} seconds")

    def ask(self, part: Part, name: str, label: str = "") -> float:
        """Sends one request per picture; returns the share of right answers.

        Args:
            part: The pictures.
            name: Prefix of the requests' ids; a hyphen and a number follow.
            label: Version label in the requests; empty for none.
        """
        of_label = f"/labels/{label}" if label else ""
        right = 0
        with requests.Session() as session:
            for row, (image, truth) in enumerate(
                zip(part.images, part.labels, strict=True)
            ):
                answer = session.post(
                    f"{self._address}{of_label}:predict",
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


@contextlib.contextmanager
def in_background(words: list[str], **given: Any) -> Iterator[None]:
    """Runs a command of the project until the block ends.

    Args:
        words: The command, without `python`.
        given: Further arguments of `subprocess.Popen`.
    """
    say(f"  $ {shlex.join(words)} &")
    with subprocess.Popen(
        [sys.executable, *words], cwd=ROOT, stdout=subprocess.DEVNULL, **given
    ) as process:
        try:
            yield
        finally:
            process.terminate()


def _free_ports(count: int) -> list[int]:
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]


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
