"""Files, folders, arrays and pipes are read; a broken one affects no other."""

import io
import os
import struct
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from serving.client.errors import InputError
from serving.client.idx import parse_selection
from serving.client.sources import (
    Picture,
    Unreadable,
    list_files,
    read_pictures,
    shown,
)
from tests.serving.tasks import LETTERS, SHAPES

IMAGES = np.random.default_rng(0).integers(0, 256, (5, 12, 16, 3)).astype(np.uint8)


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    path = tmp_path / "a.png"
    Image.fromarray(IMAGES[0]).save(path)
    return path


def read(*sources: object, index: str | None = None) -> list[Picture | Unreadable]:
    selection = parse_selection(index) if index else None
    return list(read_pictures([str(s) for s in sources], SHAPES, selection))


def test_a_pipe_is_read_although_it_cannot_be_wound_back(
    picture: Path, tmp_path: Path
) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    # While a reader has it open, a pipe keeps what was written to it.
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    pipe.write_bytes(picture.read_bytes())
    (found,) = read(pipe)
    os.close(reader)
    assert isinstance(found, Picture)
    np.testing.assert_array_equal(found.pixels, IMAGES[0])


def test_a_pipe_waits_for_the_program_that_writes_to_it(
    picture: Path, tmp_path: Path
) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    writer = os.open(pipe, os.O_WRONLY)

    def write_late() -> None:
        time.sleep(0.1)
        os.write(writer, picture.read_bytes())
        os.close(writer)

    thread = threading.Thread(target=write_late)
    thread.start()
    (found,) = read(pipe)
    thread.join()
    os.close(reader)
    assert isinstance(found, Picture)


def test_what_would_be_waited_for_for_ever_is_told_at_once(
    picture: Path, tmp_path: Path
) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    first, second, last = read(pipe, "/dev/zero", picture)
    assert first == Unreadable(
        str(pipe), None, "expected a picture, found a pipe that nothing writes to"
    )
    assert second == Unreadable("/dev/zero", None, "expected a picture, found a device")
    assert isinstance(last, Picture)


def test_an_empty_path_is_said_to_be_empty() -> None:
    with pytest.raises(InputError, match="found an empty path"):
        list_files([""])


def test_a_read_error_of_one_file_does_not_lose_the_others(picture: Path) -> None:
    # Reading the process's own memory at address 0 gives a real EIO.
    first, broken, last = read(picture, "/proc/self/mem", picture)
    assert broken == Unreadable("/proc/self/mem", None, "input/output error")
    assert isinstance(first, Picture)
    assert isinstance(last, Picture)


def test_an_npy_file_of_images_is_sent_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "images.npy"
    np.save(path, IMAGES)
    found = read(path, index="1:3")
    assert [str(item) for item in found] == [f"{path}[1]", f"{path}[2]"]
    for item, image in zip(found, IMAGES[1:3], strict=True):
        assert isinstance(item, Picture)
        np.testing.assert_array_equal(item.pixels, image)


def test_an_npy_file_of_one_image_is_one(tmp_path: Path) -> None:
    np.save(tmp_path / "one.npy", IMAGES[3])
    assert len(read(tmp_path / "one.npy")) == 1


def test_an_idx_file_may_hold_colours(tmp_path: Path) -> None:
    path = tmp_path / "images.idx"
    path.write_bytes(
        b"\0\0\x08\x04" + struct.pack(">4I", *IMAGES.shape) + IMAGES.tobytes()
    )
    found = read(path)
    assert len(found) == 5
    assert isinstance(found[4], Picture)
    np.testing.assert_array_equal(found[4].pixels, IMAGES[4])


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.zeros((2, 12, 16, 3)), "uint8, found float64"),
        (np.zeros(3, np.uint8), r"width, 3\], found \[3\]"),
        (np.array([{}], object), "cannot be read"),
    ],
)
def test_an_npy_file_of_something_else_is_unreadable(
    tmp_path: Path, array: np.ndarray, message: str
) -> None:
    path = tmp_path / "x.npy"
    np.save(path, array)
    (found,) = read(path)
    assert isinstance(found, Unreadable)
    with pytest.raises(InputError, match=message):
        raise InputError(found.reason)


def test_an_empty_file_and_one_that_is_gone_are_said(tmp_path: Path) -> None:
    (tmp_path / "empty.png").touch()
    empty, gone = read(tmp_path / "empty.png", tmp_path / "gone.png")
    assert isinstance(empty, Unreadable)
    assert isinstance(gone, Unreadable)
    assert empty.reason == "the file is empty"
    assert gone.reason == "no such file or directory"


class TestFolders:
    """A folder is walked in a stable order."""

    def test_by_name_and_without_what_file_managers_leave(self, tmp_path: Path) -> None:
        names = ["b/2.png", "b/10.png", "a.png", "c/d/e.jpg"]
        others = [".DS_Store", "b/Thumbs.db", ".git/x.png", "c/desktop.ini", "out.csv"]
        for name in names + others:
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).touch()
        found = list_files([str(tmp_path)], {str(tmp_path / "out.csv")})
        assert [str(Path(path).relative_to(tmp_path)) for path in found] == [
            "a.png",
            "b/10.png",
            "b/2.png",
            "c/d/e.jpg",
        ]

    def test_files_stay_where_they_were_named(self, tmp_path: Path) -> None:
        (tmp_path / "x").touch()
        assert list_files(["z.png", str(tmp_path), "-"]) == [
            "z.png",
            str(tmp_path / "x"),
            "-",
        ]

    def test_a_link_to_itself_ends(self, tmp_path: Path) -> None:
        (tmp_path / "loop").symlink_to(tmp_path)
        (tmp_path / "a.png").touch()
        assert list_files([str(tmp_path)]) == [str(tmp_path / "a.png")]


def test_a_name_that_is_no_utf_8_is_read_and_shown(picture: Path) -> None:
    odd = os.fsdecode(os.fsencode(picture.parent) + b"/\xff\n.png")
    os.rename(picture, odd)
    (found,) = read_pictures([odd], SHAPES)
    assert isinstance(found, Picture)
    assert found.source == f"{picture.parent}/\\xff\\n.png"
    assert shown("\N{SNOWMAN}.png") == "\N{SNOWMAN}.png"


def test_drawings_of_a_blank_page_are_unreadable(tmp_path: Path) -> None:
    content = io.BytesIO()
    Image.new("L", (50, 50), 255).save(content, "PNG")
    (tmp_path / "x.png").write_bytes(content.getvalue())
    (found,) = read_pictures([str(tmp_path / "x.png")], LETTERS)
    assert isinstance(found, Unreadable)
    assert found.reason == "no letter found: the picture is blank"
