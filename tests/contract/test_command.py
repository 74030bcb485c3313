"""How a command line ends, whatever happened in it."""

import click
import pytest

from contract.command import run
from contract.errors import BadInputError


@pytest.mark.parametrize(
    ("error", "code", "line"),
    [
        (BadInputError("x: expected y, found z"), 2, "error: x: expected y, found z\n"),
        (TimeoutError("held for 60 s"), 2, "error: held for 60 s\n"),
        (
            PermissionError(13, "Permission denied", "models/.lock"),
            2,
            "error: models/.lock: Permission denied\n",
        ),
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


def test_it_ends_well(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", ["command"])
    with pytest.raises(SystemExit) as caught:
        run(click.Command("command", callback=lambda: None), "command")
    assert caught.value.code == 0


def test_what_is_a_bug_is_not_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> None:
        raise ValueError("a bug")

    monkeypatch.setattr("sys.argv", ["command"])
    with pytest.raises(ValueError, match="a bug"):
        run(click.Command("command", callback=broken), "command")
