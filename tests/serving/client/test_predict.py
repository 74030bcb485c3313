"""Pictures of three tasks are answered on the screen and into tables."""

import csv
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import grpc
import numpy as np
import pytest
from PIL import Image

from contract.task import Task
from tests.serving import stand_in
from tests.serving.client.conftest import Run
from tests.serving.client.fake_server import FakeServer
from tests.serving.tasks import DIGITS, LETTERS, SHAPES, TASKS

ROOT = Path(__file__).resolve().parents[3]


def image(task: Task, row: int) -> np.ndarray:
    """An image whose brightest row is `row`."""
    pixels = np.zeros(task.shape, np.uint8)
    pixels[row] = 255
    return pixels


def folder(place: Path, task: Task, count: int) -> Path:
    """A folder of pictures of the task's size, which are sent unchanged."""
    place.mkdir()
    for row in range(count):
        Image.fromarray(image(task, row)).save(place / f"{row:02}.png")
    return place


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as stream:
        return list(csv.DictReader(stream))


@pytest.mark.parametrize("task", TASKS, ids=lambda task: task.name)
class TestTasks:
    """Size, class names and noun are those of the model."""

    @pytest.fixture
    def images(self, tmp_path: Path, fake: FakeServer, task: Task) -> Path:
        fake.task = task
        path = tmp_path / "images.npy"
        np.save(path, np.stack([image(task, row) for row in range(6)]))
        return path

    def test_the_answer_is_the_classs_name(
        self, run: Callable[..., Run], images: Path, task: Task
    ) -> None:
        result = run("predict", images, "--json", "--model", task.name)
        classes = task.classes
        assert (result.code, result.err) == (0, "")
        for row, answer in enumerate(result.objects()):
            assert answer["class_id"] == row % len(classes)
            assert answer["class"] == classes[row % len(classes)]
            assert len(answer["probabilities"]) == len(classes)
            assert answer["prepared"] == "as is"
            assert ("digit" in answer) is (task.noun == "digit")

    def test_the_screen_speaks_of_the_noun(
        self, run: Callable[..., Run], images: Path, task: Task
    ) -> None:
        result = run("predict", images, "--index", "3", "--model", task.name)
        assert f"{task.noun}  {task.classes[3]}\n" in result.out
        assert f"{task.name} version 3" in result.out


def test_a_picture_is_fitted_and_it_is_said_how(
    run: Callable[..., Run], fake: FakeServer, tmp_path: Path
) -> None:
    fake.task = SHAPES
    path = tmp_path / "wide.webp"
    Image.fromarray(image(SHAPES, 3)).resize((320, 60)).save(path)
    result = run("predict", path, "--model", "shapes")
    assert f"{path} to 16x12 colour, stretched" in result.out
    padded = run("predict", path, "--model", "shapes", "--fit", "pad", "--json")
    assert padded.objects()[0]["prepared"] == "pad"


def test_a_model_that_does_not_tell_its_task_is_asked_all_the_same(
    run: Callable[..., Run], fake: FakeServer, tmp_path: Path
) -> None:
    fake.tells = False
    path = tmp_path / "four.png"
    Image.fromarray(image(DIGITS, 4)).save(path)
    result = run("predict", path, "--json")
    (answer,) = result.objects()
    assert (answer["class"], answer["prepared"]) == ("4", "as is")
    assert "digit" not in answer
    assert result.err.count("\n") == 1
    assert "mnist version 3 does not state its task" in result.err
    assert "push the model again" in result.err


def test_a_model_without_images_is_one_line(
    run: Callable[..., Run], fake: FakeServer, tmp_path: Path
) -> None:
    fake.tells, fake.metadata_of = False, ({"x": (1, [-1])}, {"y": (1, [-1])})
    result = run("predict", tmp_path / "x.png")
    assert result.code == 7
    assert result.err.count("\n") == 1
    assert (
        "mnist version 3 cannot be asked about images: signature 'serving_default': "
        "expected an input 'images' of uint8 and shape [?, height, width] or "
        "[?, height, width, 3], found: x float32 [?]"
    ) in result.err


def test_names_are_those_of_the_version_that_answered(
    run: Callable[..., Run], fake: FakeServer, tmp_path: Path
) -> None:
    np.save(tmp_path / "x.npy", np.stack([image(DIGITS, 1)] * 2))
    renamed = DIGITS.named(classes=tuple("abcdefghij"))

    def swap() -> None:  # the first request is answered by a newer version
        fake.versions = {3: "AVAILABLE", 4: "AVAILABLE"}
        fake.task = renamed

    fake.on_predict = swap
    result = run("predict", tmp_path / "x.npy", "--json")
    assert [(a["class"], a["model"]["version"]) for a in result.objects()] == [
        ("b", 4),
        ("b", 4),
    ]


class TestFolders:
    """A folder is written into a table, in order, and continued after an end."""

    def test_every_picture_has_a_row_in_order(
        self, run: Callable[..., Run], fake: FakeServer, tmp_path: Path
    ) -> None:
        fake.task = LETTERS
        place, out = folder(tmp_path / "in", LETTERS, 20), tmp_path / "out.csv"
        result = run("predict", place, "--csv", out, "--model", "fonts", "--fit", "pad")
        assert (result.code, result.out) == (0, "")
        assert result.err == f"20 rows are in {out}, 0 of them errors\n"
        found = rows(out)
        assert [row["source"] for row in found] == sorted(map(str, place.iterdir()))
        assert [row["class"] for row in found] == list("abcdefghijklmnopqrst")
        assert {row["version"] for row in found} == {"3"}

    def test_what_is_unreadable_is_a_row_and_an_exit_code(
        self, run: Callable[..., Run], fake: FakeServer, tmp_path: Path
    ) -> None:
        fake.task = SHAPES
        place, out = folder(tmp_path / "in", SHAPES, 3), tmp_path / "out.csv"
        (place / "01a.png").write_text("no picture")
        result = run("predict", place, "--csv", out, "--model", "shapes")
        assert result.code == 3
        assert [bool(row["error"]) for row in rows(out)] == [False, False, True, False]
        again = run("predict", place, "--csv", out, "--model", "shapes")
        assert again.code == 3
        assert len(rows(out)) == 4

    def test_a_server_that_fails_midway_costs_what_it_did_not_answer(
        self, run: Callable[..., Run], fake: FakeServer, tmp_path: Path
    ) -> None:
        place, out = folder(tmp_path / "in", DIGITS, 10), tmp_path / "out.parquet"
        asked = iter(range(100))
        fake.on_predict = lambda: (
            fake.failures.append((grpc.StatusCode.INTERNAL, "broken"))
            if next(asked) == 2
            else None
        )
        command = [
            "predict",
            place,
            "--parquet",
            out,
            "--batch-size",
            3,
            "--fit",
            "pad",
        ]
        broken = run(*command)
        assert broken.code == 1
        assert "6 rows are in" in broken.err
        before = len(fake.asked)
        assert run(*command).code == 0
        sizes = [r.inputs["images"].tensor_shape.dim[0].size for r in fake.asked]
        assert sizes[before:] == [3, 1]
        import pyarrow.parquet as pq

        assert pq.read_table(out).column("class_id").to_pylist() == list(range(10))

    def test_the_table_may_lie_among_the_pictures(
        self,
        run: Callable[..., Run],
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.chdir(folder(tmp_path / "in", DIGITS, 3))
        for _ in range(2):
            assert run("predict", ".", "--csv", "out.csv", "--fit", "pad").code == 0
        assert len(rows(Path("out.csv"))) == 3

    def test_answers_of_another_model_are_not_mixed_in(
        self, run: Callable[..., Run], fake: FakeServer, tmp_path: Path
    ) -> None:
        place, out = folder(tmp_path / "in", DIGITS, 3), tmp_path / "out.csv"
        run("predict", place, "--csv", out, "--fit", "pad")
        fake.task = DIGITS.named(name="other")
        result = run("predict", place, "--csv", out, "--model", "other")
        assert result.code == 3
        assert "it holds answers of mnist version 3; choose another" in result.err

    def test_a_folder_without_pictures_is_one_line(
        self, run: Callable[..., Run], tmp_path: Path
    ) -> None:
        result = run("predict", tmp_path)
        assert result.code == 3
        assert (
            result.err == f"python -m serving.client: {tmp_path}: no pictures in it\n"
        )

    def test_a_kill_loses_a_batch_at_most(
        self, run: Callable[..., Run], fake: FakeServer, tmp_path: Path
    ) -> None:
        place, out = folder(tmp_path / "in", DIGITS, 20), tmp_path / "out.csv"
        options = ["--csv", str(out), "--fit", "pad", "--batch-size", "2"]
        fake.on_predict = lambda: time.sleep(0.2)
        process = subprocess.Popen(
            [sys.executable, "-m", "serving.client", "predict", str(place), *options],
            cwd=ROOT,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "SERVING_ADDRESS": fake.address},
        )
        while not out.exists() or len(rows(out)) < 4:
            time.sleep(0.02)
        process.send_signal(signal.SIGKILL)
        process.wait()
        answered = len(rows(out))
        assert 2 * len(fake.asked) - answered <= 4
        fake.on_predict = None
        assert run("predict", place, *options).code == 0
        assert [row["class_id"] for row in rows(out)] == [
            str(n % 10) for n in range(20)
        ]


class TestVersionFolders:
    """A version's folder gives the same answers without a server."""

    @pytest.fixture(scope="class")
    def versions(self, tmp_path_factory: pytest.TempPathFactory) -> dict[Task, Path]:
        models = tmp_path_factory.mktemp("models")
        return {
            task: stand_in.push(models, make(), 7, task)
            for task, make in stand_in.MODELS.items()
        }

    @pytest.mark.parametrize("task", TASKS, ids=lambda task: task.name)
    def test_a_version_is_asked_in_this_process(
        self,
        run: Callable[..., Run],
        versions: dict[Task, Path],
        tmp_path: Path,
        task: Task,
    ) -> None:
        rng = np.random.default_rng(1)
        made = {
            DIGITS: lambda: stand_in.train() and image(DIGITS, 4),
            LETTERS: lambda: stand_in.letter("k", stand_in.FACES[0], rng),
            SHAPES: lambda: stand_in.shape(3, rng),
        }[task]()
        np.save(tmp_path / "x.npy", made)
        result = run(
            "predict", tmp_path / "x.npy", "--version-dir", versions[task], "--json"
        )
        (answer,) = result.objects()
        assert answer["model"] == {
            "name": task.name,
            "version": 7,
            "signature": "serving_default",
        }
        expected = stand_in.MODELS[task]().predict_proba(made.reshape(1, -1) / 255)[0]
        assert answer["probabilities"] == pytest.approx(expected.tolist(), abs=1e-4)
        assert answer["class"] == task.classes[int(expected.argmax())]

    def test_task_json_beside_the_model_is_read(
        self, run: Callable[..., Run], tmp_path: Path
    ) -> None:
        version = stand_in.push(
            tmp_path, stand_in.train_shapes(), 5, SHAPES, tells=False
        )
        (version / "task.json").write_text(SHAPES.to_json())
        np.save(tmp_path / "x.npy", image(SHAPES, 1))
        result = run("predict", tmp_path / "x.npy", "--version-dir", version, "--json")
        assert result.err == ""
        assert result.objects()[0]["class"] in SHAPES.classes

    @pytest.mark.parametrize(
        ("options", "code", "message"),
        [
            ([], 3, "expected a version's folder, which has a saved_model.pb"),
            (["--model", "x"], 2, "uses no server: leave out --model"),
        ],
    )
    def test_what_is_no_version_is_one_line(
        self,
        run: Callable[..., Run],
        tmp_path: Path,
        options: list[str],
        code: int,
        message: str,
    ) -> None:
        result = run("predict", "x.png", "--version-dir", tmp_path, *options)
        assert result.code == code
        assert message in result.err
        assert result.err.count("\n") == 1

    def test_a_damaged_version_is_one_line(
        self, run: Callable[..., Run], tmp_path: Path
    ) -> None:
        (tmp_path / "saved_model.pb").write_bytes(b"damaged")
        result = run("predict", "x.png", "--version-dir", tmp_path)
        assert result.code == 3
        assert f"{tmp_path}: cannot be loaded" in result.err.splitlines()[-1]


def test_tables_go_without_json(run: Callable[..., Run], tmp_path: Path) -> None:
    result = run("predict", "x.png", "--csv", tmp_path / "x.csv", "--json")
    assert result.code == 2
    assert (
        json.dumps("cannot be used with --json, --draw or --novelty")[1:-1]
        in result.err
    )
