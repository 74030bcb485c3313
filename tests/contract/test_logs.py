"""The output of libraries goes to a file, not to the runner's screen."""

import logging
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path

import pytest

from contract import logs


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "run.log"


@contextmanager
def streams_of_a_process() -> Iterator[None]:
    """Puts Python's streams on the descriptors, in place of pytest's streams."""
    with (
        open(1, "w", buffering=1, closefd=False) as out,
        open(2, "w", buffering=1, closefd=False) as err,
        redirect_stdout(out),
        redirect_stderr(err),
    ):
        yield


def speak() -> None:
    """Writes to stdout, stderr and their descriptors."""
    print("printed")
    print("to stderr", file=sys.stderr)
    os.write(1, b"from C++ to 1\n")
    os.write(2, b"from C++ to 2\n")
    subprocess.run(["sh", "-c", "echo of a child; echo its stderr >&2"], check=True)
    logging.getLogger("tfx.somewhere").info("logged %d", 7)


SAID = [
    "printed",
    "to stderr",
    "from C++ to 1",
    "from C++ to 2",
    "of a child",
    "its stderr",
    "tfx.somewhere: logged 7",
]


def test_all_of_it_goes_to_the_file_and_none_to_the_screen(
    log: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    with streams_of_a_process(), logs.captured(str(log), verbose=False) as screen:
        speak()
        screen.write("of the runner\n")

    assert capfd.readouterr() == ("of the runner\n", "")
    content = log.read_text()
    assert [text for text in SAID if text not in content] == []
    assert "of the runner" not in content


def test_verbose_shows_it_and_keeps_the_log_as_well(
    log: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    with streams_of_a_process(), logs.captured(str(log), verbose=True) as screen:
        speak()
        screen.write("of the runner\n")
        screen.flush()

    shown = "".join(capfd.readouterr())
    assert [text for text in [*SAID, "of the runner"] if text not in shown] == []
    assert "tfx.somewhere: logged 7" in log.read_text()


@pytest.mark.parametrize("verbose", [False, True])
def test_afterwards_everything_is_as_it_was(
    log: Path, capfd: pytest.CaptureFixture[str], verbose: bool
) -> None:
    root = logging.getLogger()
    before = (list(root.handlers), root.level, len(os.listdir("/proc/self/fd")))

    with streams_of_a_process(), logs.captured(str(log), verbose):
        pass

    after = (list(root.handlers), root.level, len(os.listdir("/proc/self/fd")))
    assert after == before
    print("visible again")
    os.write(2, b"this as well\n")
    assert capfd.readouterr() == ("visible again\n", "this as well\n")


def test_also_after_an_error(log: Path, capfd: pytest.CaptureFixture[str]) -> None:
    def fail() -> None:
        with streams_of_a_process(), logs.captured(str(log), verbose=False):
            print("before it")
            raise ValueError("inside")

    with pytest.raises(ValueError, match="inside"):
        fail()
    print("visible again")
    assert capfd.readouterr().out == "visible again\n"
    assert log.read_text() == "before it\n"


def test_the_log_is_appended_to(log: Path) -> None:
    log.write_text("from before\n")
    with streams_of_a_process(), logs.captured(str(log), verbose=False):
        os.write(1, b"and now\n")
    assert log.read_text() == "from before\nand now\n"
