"""Every command line ends in one line with a documented code, without a traceback.

The command lines are discovered, so one that is added later is tested as well.
"""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]

INNER = ("pipeline", "runner.kubeflow.entrypoint")
"""Not for users: former names that forward, and a pod's command."""

DOCUMENTED = range(9)
"""The codes in help texts and docs/serving.md, except those of signals."""


def command_lines() -> Iterator[list[str]]:
    """Yields the arguments of `python` for each command line."""
    for script in sorted(ROOT.glob("*_runner.py")):
        yield [script.name]
    for main in sorted(ROOT.glob("[a-z]*/**/__main__.py")):
        module = ".".join(main.relative_to(ROOT).parent.parts)
        if not module.startswith((*INNER, "tests")):
            yield ["-m", module]


def run(
    command: list[str], *, change: dict[str, str | None], shell: str = ""
) -> "subprocess.CompletedProcess[str]":
    """Runs a command; `shell` is the shell's redirection of its streams."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    for name, value in change.items():
        environment.pop(name, None)
        if value is not None:
            environment[name] = value
    words = " ".join(f"'{word}'" for word in [sys.executable, *command])
    return subprocess.run(
        f"{words} {shell}",
        shell=True,
        executable="/bin/bash",
        cwd=ROOT,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


COMMANDS = [pytest.param(words, id=words[-1]) for words in command_lines()]


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize(
    ("arguments", "change", "shell"),
    [
        pytest.param(["--help"], {}, "", id="help"),
        pytest.param(["--help"], {"HOME": None}, "", id="no home"),
        pytest.param(["--help"], {"HOME": "/dev/null"}, "", id="a home that is none"),
        pytest.param(["--help"], {"LC_ALL": "C", "PYTHONUTF8": "0"}, "", id="ASCII"),
        pytest.param(["--help"], {"TERM": "dumb", "FORCE_COLOR": "1"}, "", id="dumb"),
        pytest.param(["--help"], {"COLUMNS": "40"}, "", id="narrow"),
        pytest.param(["--help"], {}, ">/dev/full", id="a full disk"),
        pytest.param(["--help"], {}, ">&-", id="no standard output"),
        pytest.param(["--no-such-flag"], {}, "", id="an unknown flag"),
        pytest.param(["--no-such-flag"], {}, "2>/dev/full", id="nobody to tell"),
    ],
)
def test_it_ends_as_documented(
    command: list[str], arguments: list[str], change: dict[str, str | None], shell: str
) -> None:
    done = run([*command, *arguments], change=change, shell=shell)
    said = done.stderr.strip()
    assert "Traceback" not in said
    assert "Exception ignored" not in said
    assert done.returncode in DOCUMENTED
    if arguments == ["--help"] and not shell:
        assert done.returncode == 0
        assert done.stdout.strip()
        assert said == ""
    if arguments == ["--no-such-flag"]:
        assert done.returncode == 2
        assert shell or "--no-such-flag" in said


@pytest.mark.parametrize("kilobytes", [50_000, 150_000, 250_000, 400_000])
@pytest.mark.parametrize(
    "arguments",
    [
        ["-m", "serving.client", "status", "--server", "localhost:1", "--timeout", "2"],
        ["-m", "lineage", "list", "--output", "nowhere"],
    ],
    ids=lambda words: words[1],
)
def test_with_too_little_memory_it_ends_with_a_line(
    arguments: list[str], kilobytes: int
) -> None:
    """No library prints advice, and no process waits forever for its threads."""
    words = " ".join(f"'{word}'" for word in [sys.executable, *arguments])
    done = subprocess.run(
        f"ulimit -v {kilobytes}; exec {words}",
        shell=True,
        executable="/bin/bash",
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode in DOCUMENTED
    assert done.returncode != 0
    assert "Traceback" not in done.stderr
    assert done.stderr.count("\n") <= 2  # what is awaited, and the end
