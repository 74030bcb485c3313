"""The command ends at once on bad input, with one line and code 2."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest

from components.image_example_gen import mirrors
from contract.errors import BadInputError
from contract.exits import Exit
from pipeline.beam import Beam
from pipeline.training.settings import Training
from runner.cli import main
from runner.one_run import Ending
from runner.workspace import Workspace

REPOSITORY = Path(__file__).resolve().parent.parent.parent


@pytest.fixture
def folder(scans: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working folder of the command, with real digits in `data`."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    shutil.copytree(scans, "data")
    return tmp_path


@dataclass(frozen=True)
class Result:
    """Exit code and output of a command."""

    exit_code: int
    stdout: str
    stderr: str


Command = Callable[..., Result]


@pytest.fixture
def command(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Command:
    def call(*arguments: str) -> Result:
        monkeypatch.setattr("sys.argv", ["local_runner.py", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        screen = capsys.readouterr()
        assert isinstance(ended.value.code, int)
        return Result(ended.value.code, screen.out, screen.err)

    return call


def write(path: str, content: bytes) -> None:
    Path(path).write_bytes(content)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["--config", "gone.toml"],
            "gone.toml: cannot be read: No such file or directory",
        ),
        (
            ["--config", "typo.toml"],
            "typo.toml: training.epoch: unknown key, expected one of "
            f"{', '.join(Training.model_fields)}",
        ),
        (
            ["--config", "broken.toml"],
            "broken.toml: expected TOML, found: Expected '=' after a key in a "
            "key/value pair (at line 1, column 6)",
        ),
        (
            ["--set", "beam.worker=2"],
            "setting beam.worker: unknown key, expected one of "
            f"{', '.join(Beam.model_fields)}",
        ),
        (
            ["--beam-workers", "-1"],
            "setting beam.workers: should be greater than or equal to 0, found -1",
        ),
        (
            ["--beam-running-mode", "parallel"],
            "setting beam.running_mode: should be 'in_memory', 'multi_threading' or "
            "'multi_processing', found 'parallel'",
        ),
        (
            ["--set", "epochs=2"],
            "setting epochs=2: expected section.key=value, as training.epochs=5",
        ),
        (
            ["--epochs", "0"],
            "setting training.epochs: should be greater than or equal to 1, found 0",
        ),
        (
            ["--resize", "1025x1024"],
            "setting data.resize: should be at most 1,048,576 pixels, found "
            "'1025x1024'",
        ),
        (
            ["--min-accuracy", "97"],
            "setting gates.min_accuracy: should be less than or equal to 1, found 97.0",
        ),
        (
            ["--dataset", "cifar"],
            "setting data.dataset: should be 'auto', 'mnist' or 'digits', found "
            "'cifar'",
        ),
        (
            ["--model", "scans"],
            "data.name: scans: expected together with --data, which says what is to "
            "have that name",
        ),
        (
            ["--data", "data", "--dataset", "digits"],
            "data.dataset: digits: expected without --data, found data",
        ),
        (
            ["--data", "gone"],
            "gone: missing: expected a folder or a file",
        ),
        (
            ["--data", "s3://bucket/pictures"],
            "s3://bucket/pictures: expected a folder or a file of this machine, found "
            "an address: fetch what is there, and name the folder or file",
        ),
        (
            ["--data", "typo.toml"],
            "typo.toml: expected IDX files, an npz, a folder of pictures for each "
            "class, a CSV or a Parquet file (docs/your-own-data.md), found a file "
            "of another kind",
        ),
        (
            ["--data", "incomplete"],
            "incomplete: missing: expected an IDX file with the labels of the test "
            "part, as t10k-labels-idx1-ubyte, found t10k-images-idx3-ubyte, "
            "train-images-idx3-ubyte, train-labels-idx1-ubyte",
        ),
        (
            ["--data", "truncated"],
            "truncated/train-labels-idx1-ubyte: truncated: expected 1,437 bytes after "
            "the header, found 1,436",
        ),
        (
            ["--data", "data", "--output", "typo.toml"],
            "--output: typo.toml: expected a folder, found a file: choose another",
        ),
    ],
)
def test_bad_input_is_one_line_that_says_what_was_expected_and_found(
    folder: Path, command: Command, arguments: list[str], message: str
) -> None:
    write("typo.toml", b"[training]\nepoch = 3\n")
    write("broken.toml", b"what is this")
    for name in ("incomplete", "truncated"):
        shutil.copytree("data", name)
    os.remove("incomplete/t10k-labels-idx1-ubyte")
    labels = Path("truncated/train-labels-idx1-ubyte")
    labels.write_bytes(labels.read_bytes()[:-1])

    result = command(*arguments)

    assert result.exit_code == 2
    assert result.stderr == f"error: {message.format(folder=folder)}\n"
    assert result.stdout == ""
    # At most the lock file exists.
    assert [path.name for path in folder.glob("output/*")] in ([], [".lock"])


@pytest.mark.parametrize(
    ("arguments", "found"),
    [
        (["--epoch", "3"], "No such option"),
        (["--epochs", "many"], "'many' is not a valid integer"),
        (
            ["data"],
            "data: expected a flag, as --data PATH, or one of run, check, why, clean",
        ),
    ],
)
def test_a_wrong_flag_is_told_with_where_to_find_help(
    folder: Path, command: Command, arguments: list[str], found: str
) -> None:
    result = command(*arguments)
    assert result.exit_code == 2
    assert found in result.stderr
    assert "--help" in result.stderr
    assert not (folder / "output").exists()


def test_flags_win_over_settings_and_those_over_the_file(
    folder: Path, command: Command
) -> None:
    """The error message shows which of the wrong values was read."""
    write("run.toml", b"[training]\nepochs = -1\n")
    on_all = ("--config", "run.toml", "--set", "training.epochs=-2", "--epochs", "-3")
    assert command(*on_all).stderr.endswith("found -3\n")
    assert command(*on_all[:4]).stderr.endswith("found -2\n")
    assert command(*on_all[:2]).stderr.endswith("found -1\n")


def test_a_busy_folder_is_an_error_and_not_waited_for(
    folder: Path, command: Command
) -> None:
    held = (
        "from runner.workspace import Workspace\n"
        f"with Workspace({str(folder / 'output')!r}).locked():\n"
        "    print('held', flush=True); input()\n"
    )
    holder = subprocess.Popen(
        [sys.executable, "-c", held],
        cwd=REPOSITORY,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert holder.stdout is not None
    assert holder.stdout.readline() == "held\n"
    try:
        result = command("--data", "data")
    finally:
        holder.communicate("\n")

    assert result.exit_code == 2
    assert result.stderr == (
        f"error: {folder / 'output'}: in use by another run: wait for it, or choose "
        "another folder with --output\n"
    )


def test_mnist_by_name_without_network_or_files_says_where_to_put_them(
    folder: Path, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    # No server listens on port 9 of this machine.
    unreachable = partial(
        mirrors.download, mirrors=["http://127.0.0.1:9/"], back_off_seconds=0
    )
    monkeypatch.setattr(mirrors, "download", unreachable)
    result = command("--dataset", "mnist")
    assert result.exit_code == 2
    fetching, line = result.stderr.splitlines()
    assert fetching == "fetching train-images-idx3-ubyte from 127.0.0.1:9"
    assert line.startswith(f"error: {folder}/cache/mnist-tfx-pipeline/mnist: no MNIST")
    assert "from 127.0.0.1:9: nothing listens there (connection refused)" in line
    assert line.endswith("files there, or name their folder with --data")


def test_data_that_takes_long_to_read_is_told(
    folder: Path, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    def slowly(*args: object) -> None:
        time.sleep(0.2)
        raise BadInputError("read")

    monkeypatch.setattr("contract.waiting._SHOWN_AFTER_SECONDS", 0.01)
    monkeypatch.setattr("runner.cli.resolve", slowly)
    lines = command("--data", "data").stderr.splitlines()
    assert lines == ["reading all images in data", "error: read"]


def test_ctrl_c_while_the_data_is_read_is_no_traceback(
    folder: Path, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*args: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("runner.cli.resolve", interrupt)
    result = command("--data", "data")
    assert result.exit_code == 130
    assert result.stderr.strip() == "interrupted"


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_while_the_result_is_written_loses_no_result(
    command: Command, monkeypatch: pytest.MonkeyPatch, signum: int
) -> None:
    def conclude(*args: object) -> Exit:
        os.kill(os.getpid(), signum)
        return Exit.PUSHED

    monkeypatch.setattr(
        "runner.one_run.run_pipeline", lambda *args: Ending(Exit.PUSHED)
    )
    monkeypatch.setattr("runner.one_run.conclude", conclude)
    result = command("--data", "data")
    assert (result.exit_code, result.stderr) == (0, "")


def test_all_of_that_is_known_before_tensorflow_is_imported(folder: Path) -> None:
    """TensorFlow is not imported, so a typing error is reported at once."""
    program = (
        "import json, sys\n"
        "from runner.cli import main\n"
        "codes = []\n"
        "for arguments in (['--help'], ['--epochs', '0'], ['--data', 'gone']):\n"
        "    sys.argv[1:] = arguments\n"
        "    try: main()\n"
        "    except SystemExit as ended: codes.append(ended.code)\n"
        "heavy = {'tensorflow', 'keras', 'tfx', 'apache_beam', 'sklearn'}\n"
        "json.dump([codes, sorted(heavy & set(sys.modules))], sys.stdout)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert json.loads(done.stdout.splitlines()[-1]) == [[0, 2, 2], []]


def test_the_folder_can_be_used_by_another_run_after_an_error(
    folder: Path, command: Command
) -> None:
    assert command("--data", "gone").exit_code == 2
    with Workspace(str(folder / "output")).locked():
        pass
