"""``make serve`` with the embedded server, used as users use it."""

import json
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from serving.client import Client, ModelSpec
from tests.serving import stand_in
from tests.serving.page.browser import DIGITS, Page, headless, needs_browser

ROOT = Path(__file__).resolve().parents[2]
FIRST, SECOND = 1700000000, 1700000060


@dataclass
class Served:
    """A running server of pushed models."""

    models: Path
    grpc: str
    rest: str
    process: subprocess.Popen[str]


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    models = tmp_path_factory.mktemp("models")
    stand_in.push(models, stand_in.train(), FIRST)
    with socket.socket() as one, socket.socket() as other:
        for probe in (one, other):
            probe.bind(("127.0.0.1", 0))
        grpc_port, rest_port = (p.getsockname()[1] for p in (one, other))
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", "serving.launch", "--server=embedded"),
            f"--models={models}",
            f"--port={grpc_port}",
            f"--rest_api_port={rest_port}",
        ],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    yield Served(
        models, f"localhost:{grpc_port}", f"http://localhost:{rest_port}/", process
    )
    process.send_signal(signal.SIGTERM)
    assert process.wait(30) == 0


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    """A seven, as thick as a line of a felt pen."""
    grey = np.full((200, 160), 230, np.uint8)
    grey[30:50, 40:120] = 40
    for row in range(50, 170):
        middle = 110 - (row - 50) * 50 // 120
        grey[row, middle - 10 : middle + 10] = 40
    path = tmp_path / "seven.jpg"
    Image.fromarray(grey).save(path)
    return path


def client(*arguments: str) -> str:
    command = [sys.executable, "-m", "serving.client", *arguments]
    return subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout


def test_the_client_waits_asks_and_is_answered(served: Served, picture: Path) -> None:
    assert int(client("wait", "--server", served.grpc)) in (FIRST, SECOND)
    answer = json.loads(
        client("predict", str(picture), "--json", "--server", served.grpc)
    )
    assert answer["digit"] == 7
    assert sum(answer["probabilities"]) == pytest.approx(1, abs=1e-5)
    assert answer["model"]["version"] in (FIRST, SECOND)


def test_signatures_and_states_are_told(served: Served) -> None:
    with Client(served.grpc) as asked:
        asked.wait()
        signature = asked.metadata().signatures["serving_default"]
        assert signature.inputs["images"].dtype == "uint8"
        assert signature.inputs["images"].shape == (None, 28, 28)
        assert signature.outputs["probabilities"].shape == (None, 10)
        assert "AVAILABLE" in {status.state for status in asked.status()}


@needs_browser
def test_the_page_is_drawn_on(
    served: Served, tmp_path_factory: pytest.TempPathFactory
) -> None:
    client("wait", "--server", served.grpc)
    with headless(tmp_path_factory.mktemp("profile")) as browser:
        page = Page(browser, served.rest).open().ready()
        for digit, strokes in DIGITS.items():
            page.draw(strokes)
            page.wait_for_text("answer", str(digit))
            assert "answered in" in page.text("state")
            page.element("clear").click()
        assert page.errors() == []


def test_a_version_pushed_later_takes_over(served: Served, picture: Path) -> None:
    client("wait", "--server", served.grpc)
    stand_in.push(served.models, stand_in.train(), SECOND)
    with Client(served.grpc, ModelSpec("mnist", version=SECOND)) as asked:
        assert asked.wait() == SECOND
    line = client("predict", str(picture), "--json", "--server", served.grpc)
    assert json.loads(line)["model"]["version"] == SECOND
