"""Every end of a command line has a documented exit code and message."""

import importlib
import io
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import click
import pytest
from rich.console import Console

from contract.command import explain, redraws, run
from contract.errors import BadInputError, GateRefusedError, Terminated
from contract.program import why_not_imported


@pytest.mark.parametrize(
    ("error", "code", "line"),
    [
        (BadInputError("x: expected y, found z"), 2, "error: x: expected y, found z\n"),
        (TimeoutError("held for 60 s"), 2, "error: held for 60 s\n"),
        (
            PermissionError(13, "Permission denied", "models/.lock"),
            2,
            "error: models/.lock: cannot be used: Permission denied\n",
        ),
        (BadInputError("a\nb\x1b[2J: gone"), 2, "error: a\\nb\\x1b[2J: gone\n"),
        (click.UsageError("no such thing"), 2, "error: no such thing (see --help)\n"),
        (KeyboardInterrupt(), 130, "interrupted\n"),
    ],
)
def test_it_ends_with_a_code_and_one_line(
    error: BaseException,
    code: int,
    line: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    @click.command()
    def command() -> None:
        raise error

    monkeypatch.setattr("sys.argv", ["command"])
    with pytest.raises(SystemExit) as caught:
        run(command, "command")
    assert caught.value.code == code
    assert capsys.readouterr().err.strip() == line.strip()


@pytest.mark.parametrize("option", ["-h", "--help"])
def test_the_help_has_a_short_option_too(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], option: str
) -> None:
    @click.group()
    def group() -> None:
        """Groups the commands."""

    @group.command()
    def train() -> None:
        """Train a model."""

    monkeypatch.setattr("sys.argv", ["program", "train", option])
    with pytest.raises(SystemExit) as caught:
        run(group, "program")
    assert caught.value.code == 0
    assert "Train a model." in capsys.readouterr().out


@pytest.mark.parametrize("content", ["def half(", "", "import no_such_halfwritten"])
def test_a_library_that_is_broken_on_the_disk_is_named(
    content: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An installation that was cut off, or a folder that somebody removed."""
    library = tmp_path / "site-packages" / "halfwritten.py"
    library.parent.mkdir()
    library.write_text(content)
    monkeypatch.syspath_prepend(library.parent)
    (tmp_path / "using.py").write_text("import halfwritten\nhalfwritten.whole()\n")
    monkeypatch.syspath_prepend(tmp_path)
    broken = (SyntaxError, AttributeError, ImportError)
    with pytest.raises(broken, match=r"halfwritten|syntax|closed") as caught:
        importlib.import_module("using")
    monkeypatch.delitem(sys.modules, "halfwritten", raising=False)
    for line in (why_not_imported(caught.value), explain(caught.value)[1]):
        assert "halfwritten" in line
        assert line.endswith("`make clean setup` creates it again")


def test_a_wrong_name_in_a_function_is_no_broken_library() -> None:
    with pytest.raises(AttributeError) as caught:
        getattr(click.types, "no_such_name")  # noqa: B009
    assert explain(caught.value)[1] == (
        "AttributeError: module 'click.types' has no attribute 'no_such_name'"
    )


@pytest.mark.parametrize(
    ("variables", "is_terminal", "redrawn"),
    [
        ({"TERM": "xterm"}, True, True),
        ({"TERM": "dumb"}, True, False),
        ({"TERM": "xterm"}, False, False),
        # As in CI, whose log would get four pictures a second.
        ({"TERM": "xterm", "FORCE_COLOR": "1"}, False, False),
        ({"TERM": "dumb", "FORCE_COLOR": "1"}, False, False),
    ],
)
def test_only_a_terminal_that_can_redraw_is_redrawn(
    variables: dict[str, str],
    is_terminal: bool,
    redrawn: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("TERM", "FORCE_COLOR", "TTY_COMPATIBLE"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    stream = io.StringIO()
    monkeypatch.setattr(stream, "isatty", lambda: is_terminal)
    assert redraws(Console(file=stream)) == redrawn


def test_it_ends_well(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", ["command"])
    with pytest.raises(SystemExit) as caught:
        run(click.Command("command", callback=lambda: None), "command")
    assert caught.value.code == 0


def test_what_is_a_bug_is_one_line_too_and_its_traceback_is_in_the_log(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    def broken() -> None:
        raise ValueError("a bug\nwith more to say")

    monkeypatch.setattr("sys.argv", ["command"])
    with caplog.at_level("DEBUG"), pytest.raises(SystemExit) as caught:
        run(click.Command("command", callback=broken), "command")
    assert caught.value.code == 1
    assert capsys.readouterr().err == "error: ValueError: a bug\n"
    assert "Traceback" in caplog.text


@pytest.mark.parametrize(
    ("error", "begun", "code", "line"),
    [
        (
            OSError(28, "No space left on device", "/x/data"),
            False,
            1,
            "/x/data: No space left on device: make room there, and start again",
        ),
        (
            NotADirectoryError(20, "Not a directory", "/dev/null/x"),
            False,
            2,
            "/dev/null/x: cannot be used: Not a directory",
        ),
        (
            NotADirectoryError(20, "Not a directory", "/dev/null/x"),
            True,
            1,
            "/dev/null/x: Not a directory",
        ),
        (OSError(5, "Input/output error", "/x"), False, 1, "/x: Input/output error"),
        (
            ImportError("libfoo.so: cannot open shared object file", name="tensorflow"),
            True,
            1,
            "tensorflow: cannot be imported: libfoo.so: cannot open shared object "
            "file: the environment is incomplete: `make clean setup` creates it again",
        ),
        (
            MemoryError(),
            True,
            1,
            "out of memory: give this machine or container more",
        ),
        (GateRefusedError("DataGate", ["a", "b"]), True, 3, "DataGate refused: a; b"),
        (Terminated(), True, 143, "terminated"),
        (RuntimeError(), True, 1, "RuntimeError: RuntimeError"),
        (
            # An error of a Beam worker, whose traceback is the message.
            RuntimeError(
                "Traceback (most recent call last):\n"
                '  File "worker.py", line 1, in work\n'
                "OSError: [Errno 30] Read-only file system [while running 'Write']\n\n"
            ),
            True,
            1,
            "RuntimeError: OSError: [Errno 30] Read-only file system [while running "
            "'Write']",
        ),
    ],
)
def test_whatever_happens_is_one_line(
    error: BaseException, begun: bool, code: int, line: str
) -> None:
    found, text = explain(error, begun=begun)
    assert (found.value, text) == (code, line)


def test_nobody_reading_on_is_no_error(tmp_path: Path) -> None:
    program = (
        "import click\n"
        "from contract.command import run\n"
        "def many():\n"
        "    for n in range(100_000): click.echo(n)\n"
        "run(click.Command('many', callback=many), 'many')\n"
    )
    done = subprocess.run(
        f'"{sys.executable}" -c "$PROGRAM" | head -1; echo ${{PIPESTATUS[0]}}',
        shell=True,
        executable="/bin/bash",
        env={**os.environ, "PROGRAM": program},
        capture_output=True,
        text=True,
        check=True,
    )
    assert (done.stdout, done.stderr) == ("0\n1\n", "")


def test_a_full_disk_is_named_by_the_folder_where_the_error_names_no_file() -> None:
    error = OSError(28, "No space left on device")
    assert explain(error, begun=True, where="/x/output")[1] == (
        "/x/output: No space left on device: make room there, and start again"
    )


@pytest.mark.parametrize(
    ("message", "free", "is_full"),
    [
        # ML Metadata's words, TensorFlow's, and again ML Metadata's.
        ("Error when executing query: database or disk is full query: COMMIT", 9, True),
        ("/x/page.html; No space left on device", 1 << 30, True),
        ("cannot commit - no transaction is active query: COMMIT", 9, True),
        ("cannot commit - no transaction is active query: COMMIT", 1 << 30, False),
    ],
)
def test_a_full_disk_is_told_in_plain_words_whatever_library_met_it(
    monkeypatch: pytest.MonkeyPatch, message: str, free: int, is_full: bool
) -> None:
    usage = shutil.disk_usage("/")._replace(free=free)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage)
    line = explain(RuntimeError(message), begun=True, where="/x/output")[1]
    if is_full:
        assert line == "/x/output: the disk is full: make room there, and start again"
    else:
        assert line == f"RuntimeError: {message}"


def test_full_temporary_files_are_not_told_as_a_full_output(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", "/temporary")
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(
        shutil,
        "disk_usage",
        lambda path: usage._replace(free=0 if path == "/temporary" else 1 << 30),
    )
    line = explain(OSError(28, "No space left on device"), where=str(tmp_path))[1]
    assert (
        line == "/temporary: No space left on device: make room there, and start again"
    )
