"""The model to serve is the one pushed last, or the one with the given name."""

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from serving.launch.models import LaunchError, Model, find_model
from tests.serving.launch.conftest import push

ROOT = Path(__file__).resolve().parents[3]


def test_the_model_pushed_last_is_taken(models: Path) -> None:
    push(models, "mnist", "0001700000500", "2.19.1")
    push(models, "mnist", "not-a-version")
    (models / "mnist" / "1800000000").mkdir()  # still being copied
    assert find_model(models, None) == Model(
        "mnist", models / "mnist", 1700000500, "2.19.1"
    )


def test_the_newest_of_several_models_unless_one_is_named(models: Path) -> None:
    push(models, "other", "1700000001")
    assert find_model(models, None).name == "other"
    assert find_model(models, "mnist").version == 1700000000


@pytest.mark.parametrize(
    ("name", "message"),
    [(None, "no model was pushed to .*: run `make run` first"), ("x", "run `make")],
)
def test_nothing_pushed_is_one_clear_line(
    tmp_path: Path, name: str | None, message: str
) -> None:
    with pytest.raises(LaunchError, match=message):
        find_model(tmp_path, name)


def test_another_name_lists_what_there_is(models: Path) -> None:
    push(models, "other", "1")
    with pytest.raises(LaunchError, match=r"no model 'x' .*, found: mnist, other"):
        find_model(models, "x")


def test_a_folder_that_nobody_may_read_is_no_model() -> None:
    """Every ext4 volume has a folder `lost+found`, which only root can read."""
    script = (
        "import os, sys\nfrom pathlib import Path\n"
        "from serving.launch.models import find_model\n"
        "if os.getuid() == 0: os.setuid(65534)\n"
        "print(find_model(Path(sys.argv[1]), None).name)\n"
    )
    # Not in pytest's own folder, which only its user may enter.
    with tempfile.TemporaryDirectory() as place:
        os.chmod(place, 0o755)
        push(Path(place), "mnist", "1700000000")
        shut = [Path(place, "lost+found"), Path(place, "mnist", "lost+found")]
        for folder in shut:
            folder.mkdir(mode=0o000 if os.getuid() else 0o700)
        result = subprocess.run(
            [sys.executable, "-c", script, place],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
        )
    assert (result.stdout, result.stderr) == ("mnist\n", "")


def test_a_file_in_the_place_of_the_folder_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "models").touch()
    with pytest.raises(LaunchError, match="models: cannot be read: Not a directory"):
        find_model(tmp_path / "models", None)


@pytest.mark.parametrize("content", [b"\xff\xff", b""])
def test_a_file_that_is_no_saved_model_is_named(models: Path, content: bytes) -> None:
    file = models / "mnist" / "1700000000" / "saved_model.pb"
    file.write_bytes(content)
    with pytest.raises(LaunchError, match=re.escape(str(file))):
        find_model(models, None)
