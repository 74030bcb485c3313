"""`monitor` refuses bad input in one line, with code 2, before TensorFlow."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from components.image_example_gen import digits
from runner.cli import main
from tests.request_logs import Log, sure_of
from tests.tasks import write_task

Command = Callable[..., str]


@pytest.fixture
def log(tmp_path: Path) -> Log:
    """A log with one request to a model in the models' folder."""
    version = tmp_path / "output" / "models" / "digits" / "7"
    version.mkdir(parents=True)
    (version / "saved_model.pb").touch()
    write_task(str(version), digits.TASK)
    log = Log(tmp_path / "log" / "digits", "digits")
    log.predict(np.zeros((1, 28, 28), np.uint8), sure_of(np.array([3]), 10))
    return log


@pytest.fixture
def refused(
    log: Log,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Command:
    """Runs the command; returns the one line that it ends with."""
    monkeypatch.chdir(tmp_path)

    def refused(*arguments: str) -> str:
        monkeypatch.setattr("sys.argv", ["local_runner.py", "monitor", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        assert ended.value.code == 2
        [line] = capsys.readouterr().err.splitlines()
        assert not Path("output/monitoring").exists()
        return line.removeprefix("error: ")

    return refused


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ([], "--log: expected the filename_prefix of a server's"),
        (["--log", "gone"], "gone: expected a folder with *.tfrecord of logged"),
        (["--log", "log", "--name", "cats"], "--model cats: expected a model under"),
        (
            ["--log", "log", "--version", "8"],
            "output/models/digits/8: expected a version of digits that this pipeline",
        ),
        (["--log", "log", "--since", "noon"], "--since: expected a time such as 2026-"),
        (["--log", "log", "--labels", "gone.csv"], "--labels: gone.csv: cannot be"),
        (["--log", "log", "--set", "monitoring.pictures=many"], "monitoring.pictures"),
    ],
)
def test_what_cannot_be_used(
    refused: Command, arguments: list[str], expected: str
) -> None:
    assert expected in refused(*arguments)


def test_the_log_of_another_model(refused: Command, log: Log) -> None:
    log.model, log.version = "letters", 3
    log.predict(np.zeros((1, 28, 20), np.uint8), sure_of(np.array([3]), 26))
    line = refused("--log", "log", "--since", "2026-09-21T14:13:21Z")
    assert line == (
        "--log: log: expected requests to digits in this period, found 1 of letters 3"
    )


def test_an_empty_log(refused: Command, tmp_path: Path) -> None:
    Log(tmp_path / "empty" / "digits", "digits").close()
    line = refused("--log", "empty/digits")
    assert line == (
        "--log: empty/digits: expected requests to digits, found none: is it empty?"
    )


def test_a_quiet_period_is_no_broken_run(refused: Command) -> None:
    line = refused("--log", "log", "--since", "2026-09-22")
    assert line.endswith("to digits in this period, found none: is it empty?")
