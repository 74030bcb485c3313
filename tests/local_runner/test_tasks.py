"""Tasks other than MNIST's, from files to a served answer, by flags alone."""

import json
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from components.image_example_gen import idx
from contract.task import Task, read_task
from tests import tasks
from tests.components.datasets import Dataset

ROOT = Path(__file__).resolve().parents[2]


def as_idx(data: Dataset, folder: Path) -> Path:
    folder.mkdir()
    for name, array in {
        "train-images-idx3-ubyte": data.train_images,
        "train-labels-idx1-ubyte": data.train_labels,
        "t10k-images-idx3-ubyte": data.test_images,
        "t10k-labels-idx1-ubyte": data.test_labels,
    }.items():
        idx.write(str(folder / name), array)
    return folder


def as_npz(data: Dataset, folder: Path) -> Path:
    path = folder.with_suffix(".npz")
    np.savez(
        path,
        x_train=data.train_images,
        y_train=data.train_labels,
        x_test=data.test_images,
        y_test=data.test_labels,
    )
    return path


def python(*arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


@pytest.mark.parametrize(
    ("task", "data", "write", "noun", "training"),
    [
        pytest.param(
            *(tasks.LETTERS, tasks.letters()[0], as_idx, "letter"),
            ["training.model=cnn", "training.epochs=25"],
            id="26 letters from IDX files",
        ),
        pytest.param(
            *(tasks.SHAPES, tasks.shapes()[0], as_npz, "shape"),
            ["training.epochs=12"],
            id="shapes in colour from an npz",
        ),
    ],
)
def test_from_files_to_an_answer_with_the_name_of_the_class(
    task: Task,
    data: Dataset,
    write: Callable[[Dataset, Path], Path],
    noun: str,
    training: list[str],
    tmp_path: Path,
) -> None:
    source, output = write(data, tmp_path / task.name), tmp_path / "output"
    settings = [word for setting in training for word in ("--set", setting)]

    screen = python(
        *("local_runner.py", "--data", str(source), "--output", str(output)),
        *("--classes", ",".join(task.classes), "--noun", noun),
        *("--min-accuracy", "0.7", "--min-class-accuracy", "0", *settings),
    )

    assert f"{len(task.classes)} classes of {noun}s: {task.classes[0]}, " in screen
    assert "digit" not in screen
    [run] = (output / "runs").iterdir()
    result = json.loads((run / "result.json").read_text())
    slices = {gate["slice"] for gate in result["gates"]} - {""}
    assert slices == set(task.classes)
    assert "digit" not in (run / "report.html").read_text()
    [version] = (output / "models" / task.name).glob("[0-9]*")
    served = read_task(str(version))
    assert served is not None
    assert (served.shape, served.classes) == (task.shape, task.classes)
    assert "digit" not in (version / "model_card.md").read_text()

    port = free_port()
    server = subprocess.Popen(
        [
            *(sys.executable, "-m", "serving.launch", "--server=embedded"),
            *(f"--models={output / 'models'}", f"--model={task.name}"),
            *(f"--port={port}", f"--rest_api_port={free_port()}"),
        ],
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    of_server = ("--server", f"localhost:{port}", "--model", task.name)
    try:
        python("-m", "serving.client", "wait", *of_server)
        pictures = []
        for row, image in enumerate(data.test_images[:4]):
            pictures.append(str(tmp_path / f"{row}.png"))
            Image.fromarray(image).save(pictures[-1])
        answers = python(
            *("-m", "serving.client", "predict", *pictures, "--json"), *of_server
        )
        found = [json.loads(line)["class"] for line in answers.splitlines()]
        expected = [task.classes[label] for label in data.test_labels[:4]]
        assert sum(map(str.__eq__, found, expected)) >= 3
    finally:
        server.send_signal(signal.SIGTERM)
        assert server.wait(30) == 0
