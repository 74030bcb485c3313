"""`local_runner.py check` describes the data before anything is trained."""

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result
from PIL import Image

from components.image_example_gen import digits
from components.image_example_gen.source import open_source
from contract.errors import BadInputError
from pipeline.config import Config
from runner import data_check
from runner.cli import cli
from runner.data_check import served_text
from runner.sheet import Samples, draw, in_terminal
from runner.workspace import Workspace
from tests.tasks import write_task
from version_store.served import Served

REPOSITORY = Path(__file__).resolve().parents[2]
Check = Callable[..., Result]


@pytest.fixture(scope="module")
def scans(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Real digits as IDX files, in a folder with another name."""
    folder = tmp_path_factory.mktemp("data") / "post-codes"
    digits.write(str(folder))
    return folder


@pytest.fixture
def check(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Check:
    monkeypatch.chdir(tmp_path)

    def check(*arguments: str) -> Result:
        return CliRunner().invoke(cli, ["check", *arguments], catch_exceptions=False)

    return check


@pytest.fixture
def arrays(scans: Path) -> dict[str, Any]:
    source = open_source(str(scans))
    return {
        f"{axis}_{part}": np.concatenate(column)
        for part in ("train", "test")
        for axis, column in zip(
            "xy", zip(*source.blocks(part), strict=True), strict=True
        )
    }


def told(check: Check, path: Path, *arguments: str) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(
        check("--data", str(path), "--json", *arguments).output
    )
    return content


def test_the_task_the_counts_and_the_name_are_shown(check: Check, scans: Path) -> None:
    printed = check("--data", str(scans), "--noun", "digit").output
    assert "post-codes: images from" in printed
    assert "28x28 grey, 10 classes of digits: 0, 1, 2, 3, 4, 5, 6, 7, 8, 9" in printed
    assert printed.splitlines()[3].split() == ["class", "train", "eval", "test"]
    assert "model: post-codes: nothing is served under that name" in printed


def test_programs_get_the_same_as_json(check: Check, scans: Path) -> None:
    content = told(check, scans)
    assert content["task"]["classes"] == [str(label) for label in range(10)]
    totals = {split: sum(rows.values()) for split, rows in content["rows"].items()}
    assert totals == {"train": 1149, "eval": 288, "test": 360}
    assert content["split"]["how"] == "last"
    assert content["test_rows_in_training"] == 0


def test_the_sheet_has_a_row_of_pictures_for_each_class(
    check: Check, scans: Path, tmp_path: Path
) -> None:
    check("--data", str(scans), "--sheet", "here/sheet.png")
    with Image.open(tmp_path / "here" / "sheet.png") as sheet:
        assert sheet.size == (816, 626)
        # The first zero; its cell begins with black paper.
        assert sheet.getpixel((192, 8)) == (0, 0, 0)


def test_nothing_else_is_written_and_tensorflow_is_not_loaded(
    scans: Path, tmp_path: Path
) -> None:
    code = (
        "import sys; from click.testing import CliRunner; from runner.cli import cli; "
        f"result = CliRunner().invoke(cli, ['check', '--data', {str(scans)!r}, "
        f"'--output', {str(tmp_path / 'out')!r}]); assert not result.exit_code; "
        "print([m for m in ('tensorflow', 'tfx', 'keras') if m in sys.modules])"
    )
    ended = subprocess.run(
        [sys.executable, "-c", code],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=True,
    )
    assert ended.stdout.strip() == "[]"
    assert [p.name for p in (tmp_path / "out").iterdir()] == ["check-post-codes.png"]


def test_bad_input_is_one_line(check: Check) -> None:
    with pytest.raises(BadInputError) as caught:
        check("--data", "nowhere")
    assert str(caught.value) == "nowhere: missing: expected a folder or a file"


@pytest.mark.parametrize("command", ["check", "run", "why", "watch"])
@pytest.mark.parametrize("output", ["letters", "letters/../letters/out", "link/a/b"])
def test_an_output_folder_in_the_data_is_refused_by_every_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str, output: str
) -> None:
    """The next run would read the first one's outputs as data."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "letters").mkdir()
    (tmp_path / "link").symlink_to("letters")
    arguments = [command, "--data", "letters", "--output", output]
    with pytest.raises(BadInputError) as caught:
        CliRunner().invoke(cli, arguments, catch_exceptions=False)
    assert str(caught.value) == (
        f"--output: {output}: expected a folder outside of the data, as what is "
        "written there would be read as data; found it in letters: choose another with "
        "--output"
    )
    assert list((tmp_path / "letters").iterdir()) == []


def test_an_output_folder_that_is_no_data_may_be_in_the_data(
    check: Check, tmp_path: Path, scans: Path
) -> None:
    shutil.copytree(scans, tmp_path / "post-codes")
    output = tmp_path / "post-codes" / ".output"
    check("--data", str(tmp_path / "post-codes"), "--output", str(output))
    assert [path.name for path in output.iterdir()] == ["check-post-codes.png"]


def test_a_sheet_that_nobody_asked_for_may_have_no_place(
    check: Check, scans: Path
) -> None:
    Path("output", "check-post-codes.png").mkdir(parents=True)
    printed = check("--data", str(scans)).output
    assert "warning: --output: output/check-" in printed
    assert "pictures:" not in printed


def test_a_sheet_that_cannot_be_written_is_one_line(check: Check, scans: Path) -> None:
    Path("file").write_text("")
    with pytest.raises(BadInputError, match=r"^--sheet: file/sheet.png: cannot be"):
        check("--data", str(scans), "--sheet", "file/sheet.png")


def test_duplicates_that_a_gate_would_refuse_are_told_as_that(
    check: Check, arrays: dict[str, Any], tmp_path: Path
) -> None:
    arrays["x_test"][:9] = arrays["x_train"][:9]
    np.savez(tmp_path / "leaking.npz", **arrays)
    content = told(check, tmp_path / "leaking.npz")
    assert content["warnings"] == []
    assert content["would_stop_a_run"] == [
        "9 test images (2.50%) are in the training part as well, as leaking.npz: "
        "x_test, row 0 = leaking.npz: x_train, row 0: data.max_duplicates allows 1.00%"
    ]
    allowed = check(
        "--data", str(tmp_path / "leaking.npz"), "--set", "data.max_duplicates=0.03"
    ).output
    assert "warning: 9 test images (2.50%) are in the training part" in allowed
    assert "would stop" not in allowed


def test_few_and_uneven_classes_are_warnings(
    check: Check, arrays: dict[str, Any], tmp_path: Path
) -> None:
    rare = np.flatnonzero(arrays["y_train"] == 3)[5:]
    for axis in "xy":
        arrays[f"{axis}_train"] = np.delete(arrays[f"{axis}_train"], rare, axis=0)
    np.savez(tmp_path / "rare.npz", **arrays)
    content = told(check, tmp_path / "rare.npz")
    warnings = content["warnings"]
    assert any(line.startswith("few train images of 3 (") for line in warnings)
    assert any(line.startswith("classes are uneven: ") for line in warnings)
    assert any(
        "a different share of 3 than train" in line
        for line in content["would_stop_a_run"]
    )


def test_a_served_model_of_another_task_is_told(tmp_path: Path) -> None:
    same, other = digits.TASK, digits.TASK.named(classes=tuple("ABCDEFGHIJ"))
    assert served_text(Served(7, "", same), same) == (
        "version 7 of the same task is served"
    )
    assert "a run is refused without another name" in served_text(
        Served(7, "", other), same
    )
    assert "does not state its task" in served_text(Served(7, "", None), same)


def test_what_is_served_is_looked_for_in_the_output_folder(
    check: Check, scans: Path, tmp_path: Path
) -> None:
    models = Path(Workspace(str(tmp_path / "output")).models("post-codes"))
    (models / "1700000000").mkdir(parents=True)
    (models / "1700000000" / "saved_model.pb").write_bytes(b"")
    write_task(
        str(models / "1700000000"), digits.TASK.named(classes=tuple("ABCDEFGHIJ"))
    )
    assert "another task is served" in told(check, scans)["served"]


def test_in_a_terminal_pictures_are_blocks_of_colour() -> None:
    samples = Samples()
    halves = np.zeros((2, 8, 8), np.uint8)
    halves[1] = 255
    samples.add(halves, np.array([0, 1]))
    names, *lines = in_terminal(samples, ["black", "white"], 80)
    assert names.plain.split() == ["black", "white"]
    assert len(lines) == 12
    styles = [span.style for span in lines[0].spans]
    assert {str(style) for style in styles} == {
        "#000000 on #000000",
        "#ffffff on #ffffff",
    }


def test_many_classes_are_cut_to_what_a_person_looks_at() -> None:
    samples = Samples()
    samples.add(np.zeros((200, 4, 4), np.uint8), np.arange(200))
    assert len(samples.by_label) == 40
    assert draw(samples, [str(n) for n in range(200)]).height == 40 * 62 + 6


def test_the_least_number_of_test_images_comes_from_the_gate() -> None:
    counts = {
        "train": np.array([100, 100]),
        "eval": np.array([20, 20]),
        "test": np.array([10, 20]),
    }
    (warning,) = data_check._of_classes(
        Config(), digits.TASK.named(classes=("a", "b")), counts
    )
    assert warning == (
        "few test images of a (10): one mistake may fail gates.min_class_accuracy "
        "(0.93)"
    )
