"""``python -m serving.client`` in the hands of users and programs."""

import gzip
import io
import json
import os
import struct
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import grpc
import numpy as np
import pytest
from PIL import Image
from rich.console import Console

from serving.client import render
from tests.serving.client.conftest import Run
from tests.serving.client.fake_server import FakeServer
from tests.serving.tasks import SHAPES


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    """A tall bar: its brightest row in MNIST's form is row 4."""
    grey = np.full((80, 80), 255, np.uint8)
    grey[10:70, 30:50] = 0
    path = tmp_path / "digit.png"
    Image.fromarray(grey).save(path)
    return path


@pytest.fixture
def idx(tmp_path: Path) -> Path:
    """Twenty images, number n with its brightest row at n."""
    images = np.zeros((20, 28, 28), np.uint8)
    images[np.arange(20), np.arange(20), 5:20] = 255
    path = tmp_path / "t10k-images-idx3-ubyte.gz"
    path.write_bytes(
        gzip.compress(b"\0\0\x08\x03" + struct.pack(">3I", 20, 28, 28) + bytes(images))
    )
    return path


def test_a_picture_is_drawn_beside_the_three_best(
    run: Callable[..., Run], picture: Path
) -> None:
    result = run("predict", picture)
    lines = result.out.splitlines()
    assert (result.code, result.err) == (0, "")
    assert len(lines) == 15
    # 20 of 28 rows, 7 of 28 columns: ten of the 14 lines
    assert [line[:28].count("@") for line in lines[:14]] == [0, 0] + [7] * 10 + [0, 0]
    assert "digit  4" in result.out
    assert "mnist version 3" in result.out
    shares = [line.split()[-1] for line in lines if line.endswith("%")]
    assert shares == ["91.0%", "1.0%", "1.0%"]
    assert "\x1b" not in result.out


def test_the_json_schema(run: Callable[..., Run], picture: Path) -> None:
    result = run("predict", picture, "--json")
    (answer,) = result.objects()
    assert answer == {
        "source": str(picture),
        "index": None,
        "class": "4",
        "class_id": 4,
        "digit": 4,
        "probability": pytest.approx(0.91),
        "prepared": "drawing",
        "probabilities": pytest.approx([0.01] * 4 + [0.91] + [0.01] * 5),
        "model": {"name": "mnist", "version": 3, "signature": "serving_default"},
    }


def test_an_idx_file_goes_in_batches(
    run: Callable[..., Run], fake: FakeServer, idx: Path
) -> None:
    result = run("predict", idx, "--json", "--batch-size", 8)
    assert [a["digit"] for a in result.objects()] == [n % 10 for n in range(20)]
    assert [a["index"] for a in result.objects()] == list(range(20))
    sizes = [r.inputs["images"].tensor_shape.dim[0].size for r in fake.asked]
    assert sizes == [8, 8, 4]


@pytest.mark.parametrize(
    ("index", "expected"), [("7", [7]), ("-1", [19]), ("3:6", [3, 4, 5])]
)
def test_an_index_or_range_is_chosen(
    run: Callable[..., Run], idx: Path, index: str, expected: list[int]
) -> None:
    result = run("predict", idx, "--index", index, "--json")
    assert [answer["index"] for answer in result.objects()] == expected


def test_many_images_take_a_line_each(run: Callable[..., Run], idx: Path) -> None:
    result = run("predict", idx)
    lines = result.out.splitlines()
    assert len(lines) == 20
    assert lines[12] == f"{idx}[12]: 2  91.0%  (0 1.0%  1 1.0%)"
    drawn = run("predict", idx, "--index", ":2", "--draw")
    assert len(drawn.out.splitlines()) == 2 * 15


def signatures(fake: FakeServer) -> list[str]:
    return [request.model_spec.signature_name for request in fake.asked]


def test_pictures_that_are_not_of_the_task_are_marked(
    run: Callable[..., Run], fake: FakeServer, idx: Path
) -> None:
    fake.tells_novelty = True
    result = run("predict", idx, "--index", "9:11", "--no-draw")
    assert [line.split("%)")[-1] for line in result.out.splitlines()] == [
        "",
        "  not of this task?",
    ]
    assert signatures(fake) == ["serving_default", "novelty"]
    drawn = run("predict", idx, "--index", "10")
    assert "not of this task?" in drawn.out
    answers = run("predict", idx, "--index", "9:11", "--json").objects()
    assert [(a["novelty"], a["is_novel"]) for a in answers] == [(9, False), (10, True)]


def test_many_pictures_are_marked_only_if_that_is_wanted(
    run: Callable[..., Run], fake: FakeServer, idx: Path
) -> None:
    fake.tells_novelty = True
    assert "not of this task" not in run("predict", idx).out
    assert signatures(fake) == ["serving_default"]
    assert run("predict", idx, "--novelty").out.count("not of this task") == 10
    run("predict", idx, "--index", "10", "--no-novelty")
    assert signatures(fake)[1:] == ["serving_default", "novelty", "serving_default"]


def test_an_older_model_cannot_mark_pictures_and_answers_all_the_same(
    run: Callable[..., Run], fake: FakeServer, idx: Path
) -> None:
    result = run("predict", idx, "--novelty", "--json")
    assert result.code == 0
    assert "mnist version 3 cannot tell which pictures do not belong" in result.err
    assert len(result.objects()) == 20
    assert "is_novel" not in result.objects()[0]


def test_one_unreadable_image_does_not_stop_the_others(
    run: Callable[..., Run], picture: Path, tmp_path: Path
) -> None:
    blank = tmp_path / "blank.png"
    Image.new("L", (30, 30), 255).save(blank)
    result = run("predict", blank, picture, tmp_path / "gone.png", "--json")
    first, second, third = result.objects()
    assert result.code == 3
    assert first["error"] == "no digit found: the picture is blank"
    assert second["digit"] == 4
    assert third == {
        "source": str(tmp_path / "gone.png"),
        "index": None,
        "error": "no such file or directory",
    }
    assert result.err.splitlines() == [
        f"python -m serving.client: {blank}: no digit found: the picture is blank",
        f"python -m serving.client: {tmp_path / 'gone.png'}: no such file or directory",
    ]


def test_status_metadata_and_wait(run: Callable[..., Run], fake: FakeServer) -> None:
    fake.versions = {2: "END", 3: "AVAILABLE"}
    assert [line.split() for line in run("status").out.splitlines()] == [
        ["version", "state", "error"],
        ["3", "AVAILABLE"],
        ["2", "END", *["DATA_LOSS:", "Can't", "parse", "it", "as", "binary", "proto"]],
    ]
    assert run("status", "--version", 3, "--json").objects()[0]["model"] == "mnist"
    assert "in   images         uint8    [?, 28, 28]" in run("metadata").out
    signatures = run("metadata", "--json").objects()[0]["signatures"]
    assert signatures["serving_default"]["inputs"] == {
        "images": {"dtype": "uint8", "shape": [None, 28, 28]}
    }
    assert run("wait").out == "3\n"


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["predict"], 2, "Missing argument 'PICTURE...'"),
        (["metadata", "--version", 1, "--label", "a"], 2, "--version or --label"),
        (["status", "--label", "a"], 2, "No such option"),
        (["status", "--retries", 9], 2, "9 is not in the range 0<=x<=4"),
        (["predict", "x", "--index", "a:b"], 2, "Invalid value for '--index'"),
        (["status", "--tls-cert", "c.pem"], 3, "needs its key"),
        (["status", "--tls-ca", "gone.pem"], 3, "gone.pem: No such file"),
        (["status", "--server", "localhost:1", "--retries", 0], 4, "`make serve`"),
        (["wait", "--version", 9, "--for", 0.3], 5, "not served after 0.3 s"),
        (["metadata", "--model", "other"], 6, "Latest(other)"),
        (["metadata", "--model", "other"], 6, "name one with --model"),
        (["metadata", "--version", 9], 6, "Specific(mnist, 9)"),
        (["metadata", "--version", 9], 6, " - mnist is served in version 3\n"),
        (["metadata", "--label", "x"], 7, "Unrecognized servable version label: x"),
        (["nonsense"], 2, "No such command 'nonsense'"),
    ],
)
def test_errors_are_one_line_with_their_exit_code(
    run: Callable[..., Run], arguments: list, code: int, message: str
) -> None:
    result = run(*arguments)
    assert result.code == code
    assert message in result.err
    assert result.err.count("\n") == 1
    assert result.err.startswith("python -m serving.client: ")
    assert result.out == ""


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (grpc.StatusCode.INTERNAL, 1),
        (grpc.StatusCode.FAILED_PRECONDITION, 7),
        (grpc.StatusCode.UNAUTHENTICATED, 8),
    ],
)
def test_the_servers_words_are_made_safe_for_a_terminal(
    run: Callable[..., Run], fake: FakeServer, status: grpc.StatusCode, code: int
) -> None:
    fake.failures.append((status, "bad\x1b[2J\nnews"))
    result = run("status")
    assert result.code == code
    assert result.err.endswith(f"{status.name}: bad [2J news\n")


def test_a_terminal_gets_grey_half_blocks() -> None:
    ramp = np.zeros((28, 28), np.uint8)
    ramp[0, 0], ramp[1, 0] = 255, 128
    screen = io.StringIO()
    console = Console(file=screen, force_terminal=True, color_system="truecolor")
    console.print(render.drawing(ramp, 0, colour=render.colourful(console))[0])
    start = "\x1b[38;2;255;255;255;48;2;128;128;128m▀"
    assert screen.getvalue().startswith(start)


@pytest.mark.parametrize("settings", [{"no_color": True}, {"force_terminal": False}])
def test_no_colour_means_plain_letters(settings: dict) -> None:
    console = Console(file=io.StringIO(), **settings)
    full = np.full((28, 28), 255, np.uint8)
    lines = render.drawing(full, 0, colour=render.colourful(console))
    assert [line.plain for line in lines] == ["@" * 28] * 14


def test_as_a_process_it_reads_standard_input_without_tensorflow(
    fake: FakeServer, picture: Path
) -> None:
    command = (
        "import sys; from serving.client.cli import main\n"
        "try: main()\n"
        "finally: print('tensorflow' in sys.modules, file=sys.stderr)"
    )
    arguments = ["predict", "-", "--json", "--server", fake.address]
    result = subprocess.run(
        [sys.executable, "-c", command, *arguments],
        input=picture.read_bytes(),
        capture_output=True,
        check=True,
    )
    assert json.loads(result.stdout)["digit"] == 4
    assert result.stderr == b"False\n"


def test_names_that_the_locale_cannot_write_are_escaped(
    fake: FakeServer, tmp_path: Path
) -> None:
    fake.task = SHAPES
    image = np.zeros((12, 16, 3), np.uint8)
    image[3] = 255
    np.save(tmp_path / "x.npy", image)
    client = [sys.executable, "-m", "serving.client", "predict"]
    client.append(str(tmp_path / "x.npy"))
    client += ["--server", fake.address, "--model", "shapes"]
    ascii_only = {**os.environ, "PYTHONIOENCODING": "ascii"}
    for option in ("--draw", "--json"):
        result = subprocess.run(
            [*client, option], env=ascii_only, capture_output=True, check=True
        )
        assert b"\\u03c6 wave" in result.stdout
    assert json.loads(result.stdout)["class"] == SHAPES.classes[3]


def test_as_a_process_it_stops_quietly_when_its_reader_does(
    fake: FakeServer, idx: Path
) -> None:
    client = [sys.executable, "-m", "serving.client", "predict", str(idx)]
    process = subprocess.Popen(
        [*client, "--server", fake.address, "--batch-size", "1"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdout is not None
    process.stdout.close()
    assert process.stderr is not None
    assert process.stderr.read() == b""
    process.stderr.close()
    assert process.wait() == 1  # the exit code of click and rich for a broken pipe
