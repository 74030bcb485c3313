"""Every option of every command line has a value that can be used, or one line tells.

The options are discovered, so one that is added later is tested as well.
"""

import importlib
import os
import re
import signal
from collections.abc import Iterator
from pathlib import Path
from types import FrameType

import click
import pytest

from tests.test_command_lines import ROOT

PATIENCE_SECONDS = 30

OF_FILES = re.compile("FILE|CSV")
"""Metavariables of options that name a file to read."""

NEEDED = {
    "--dataset": ["digits"],
    "--every": ["1h"],
    "--for": ["1"],
    "--timeout": ["1"],
    "--host": ["http://localhost:1"],
    "--server": ["localhost:1"],
}
"""Values of options without which a command would say something else first."""

WRITERS = (
    *("run", "check", "watch", "compile", "compile-monitor", "upload"),
    *("serving.collector.cli", "benchmarks.pipeline.cli"),
)
"""What writes into the working folder, be it a run's folder or a file."""

WRITES = ("--output", "--sheet", "--out", "--json")


def programs() -> Iterator[str]:
    """Yields the module of each command line that click reads."""
    starters = [*ROOT.glob("*_runner.py"), *ROOT.glob("[a-z]*/**/__main__.py")]
    for starter in sorted(starters):
        yield from re.findall(r'^    start\("(.+)"\)', starter.read_text(), re.M)


def commands(module: str) -> Iterator[tuple[list[str], click.Command]]:
    """Yields the words and the click command of each command without commands."""
    top: click.Command = importlib.import_module(module).cli
    if not isinstance(top, click.Group):
        yield [], top
        return
    context = click.Context(top)
    for name in top.list_commands(context):
        command = top.get_command(context, name)
        assert command is not None
        if not command.context_settings.get("ignore_unknown_options"):
            yield [name], command  # others call another program


def options(command: click.Command) -> Iterator[click.Option]:
    """Yields the options that take a value."""
    for option in command.params:
        if isinstance(option, click.Option) and not (option.is_flag or option.count):
            yield option


def needed(command: click.Command, apart_from: click.Option | None = None) -> list[str]:
    """Returns what else has to be said, so that a command looks at one option."""
    words = []
    for other in command.params:
        if isinstance(other, click.Argument):
            words += ["1"] * other.required
        elif other is not apart_from:
            value = NEEDED.get(other.opts[0], ["1"] if other.required else [])
            words += [other.opts[0], *value] if value else []
    return words


def ended(module: str, words: list[str], monkeypatch: pytest.MonkeyPatch) -> int:
    """Returns the exit code of a command; raises TimeoutError if it does not end."""

    def give_up(signum: int, frame: FrameType | None) -> None:
        raise TimeoutError(f"{module} {words} waits")

    monkeypatch.setattr("sys.argv", [module, *words])
    before = signal.signal(signal.SIGALRM, give_up)
    signal.alarm(PATIENCE_SECONDS)
    try:
        with pytest.raises(SystemExit) as end:
            importlib.import_module(module).main()
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)
    assert isinstance(end.value.code, int)
    return end.value.code


@pytest.fixture(autouse=True)
def empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A working folder without anything, and a cache of its own."""
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))


@pytest.mark.parametrize("module", programs())
def test_no_option_takes_an_empty_text(
    module: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A shell makes an empty text of `"$OUTPUT"` if that is not set."""
    for words, command in commands(module):
        for option in options(command):
            for given in ([option.opts[0], ""], [f"{option.opts[-1]}="]):
                code = ended(module, [*words, *given], monkeypatch)
                said = capsys.readouterr().err
                assert code in (2, 3), given
                assert f"{given[0].rstrip('=')}: expected a value" in said
                assert said.count("\n") == 1
    assert not os.listdir()


def test_a_value_may_look_like_a_short_option(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["--classes", "-abc=", "--data", "nowhere"]
    assert ended("runner.cli", words, monkeypatch) == 2
    assert "nowhere: missing" in capsys.readouterr().err


@pytest.mark.parametrize("module", programs())
def test_a_command_that_only_reads_makes_no_file(
    module: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An empty `output` would hide that the command was started in a wrong folder."""
    for words, command in commands(module):
        if "".join(words) not in WRITERS and module not in WRITERS:
            ended(module, [*words, *needed(command)], monkeypatch)
            assert os.listdir() == [], words


@pytest.mark.parametrize("module", programs())
def test_no_option_waits_for_a_named_pipe(
    module: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nothing ever writes to the pipe."""
    os.mkfifo("pipe.yaml")
    for words, command in commands(module):
        for option in options(command):
            reads = isinstance(option.type, click.Path) and option.type.file_okay
            if option.opts[0] in WRITES or not (
                reads or OF_FILES.search(option.metavar or "")
            ):
                continue
            given = [*words, option.opts[0], "pipe.yaml", *needed(command, option)]
            code = ended(module, given, monkeypatch)
            assert code != 0, given
            assert "Traceback" not in capsys.readouterr().err


@pytest.mark.parametrize(
    ("module", "words"),
    [
        ("runner.cli", ["check", "--config", "pipe.yaml"]),
        ("runner.cli", ["check", "--dataset", "digits", "--schema", "pipe.yaml"]),
        ("runner.kubeflow.cli", ["compile", "--config", "pipe.yaml"]),
        (
            "runner.kubeflow.cli",
            ["submit", "--host", "http://localhost:1", "--package", "pipe.yaml"],
        ),
        ("lineage.cli", ["list", "--metadata", "pipe.yaml"]),
        ("serving.client.cli", ["status", "--tls-ca", "pipe.yaml"]),
    ],
)
def test_a_named_pipe_is_told_from_a_file(
    module: str,
    words: list[str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    os.mkfifo("pipe.yaml")
    assert ended(module, words, monkeypatch) in (2, 3)
    [line] = capsys.readouterr().err.splitlines()
    assert "pipe.yaml" in line
    assert "it is a named pipe: write the content to a file, and name that" in line
