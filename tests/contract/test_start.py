"""A Python without the environment prints how to get one."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize(
    "command",
    [
        ["local_runner.py"],
        ["kubeflow_runner.py"],
        ["-m", "version_store"],
        ["-m", "lineage"],
        ["-m", "serving.client"],
        ["-m", "serving.launch"],
    ],
)
def test_without_the_environment_one_line_says_what_to_do(command: list[str]) -> None:
    # -S leaves out site-packages, as with a system's own Python.
    done = subprocess.run(
        [sys.executable, "-S", *command, "--help"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    [line] = done.stderr.splitlines()
    assert done.returncode == 1
    assert line.startswith("error: ")
    assert "is not installed for" in line
    assert "`make setup`" in line


SHOWING = """
import os, warnings
def main():
    warnings.warn("a library's")
    print(os.environ.get("HOME"), os.environ.get("PYTHONWARNINGS"), "\u2264")
"""


@pytest.mark.parametrize("options", [[], ["-E", "-X", "utf8=0"]])
def test_names_of_files_are_in_utf_8_in_any_locale(
    options: list[str], tmp_path: Path
) -> None:
    (tmp_path / "réglages.toml").write_text("[training]\nepochs = 'viele'\n")
    runner = ROOT / "local_runner.py"
    done = subprocess.run(
        [sys.executable, *options, runner, "--config", "réglages.toml"],
        cwd=tmp_path,
        env={"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
        capture_output=True,
        encoding="utf-8",
        check=False,
        timeout=60,
    )
    assert done.returncode == 2
    assert done.stderr.startswith("error: réglages.toml: training.epochs: ")


INTERRUPTED = """
import os, signal, time
try:
    os.kill(os.getpid(), signal.SIGINT)
    time.sleep(60)
except KeyboardInterrupt:
    raise SystemError("initialization failed, as C code says")
"""


def test_an_interrupt_while_a_library_is_imported_is_an_interrupt(
    tmp_path: Path,
) -> None:
    (tmp_path / "using.py").write_text(INTERRUPTED)
    done = subprocess.run(
        [sys.executable, "-c", "from contract.start import start; start('using')"],
        env={"PYTHONPATH": f"{ROOT}:{tmp_path}"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (130, "interrupted\n")


def test_a_current_folder_that_is_gone_is_told(tmp_path: Path) -> None:
    (tmp_path / "gone").mkdir()
    done = subprocess.run(
        f"cd {tmp_path}/gone && rmdir ../gone && "
        f"exec {sys.executable} {ROOT}/local_runner.py --help",
        shell=True,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    *_, line = done.stderr.splitlines()
    assert line == (
        "error: the current folder: No such file or directory: change to another, "
        "with cd"
    )


def test_settings_that_would_break_libraries_are_taken_away(tmp_path: Path) -> None:
    (tmp_path / "showing.py").write_text(SHOWING)
    done = subprocess.run(
        [sys.executable, "-c", "from contract.start import start; start('showing')"],
        env={
            "PYTHONPATH": f"{ROOT}:{tmp_path}",
            "PYTHONWARNINGS": "error",
            "HOME": "relative",
            "LC_ALL": "POSIX",
            "PYTHONUTF8": "0",
            "PYTHONCOERCECLOCALE": "0",
        },
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, "None None \u2264\n")
    assert "UserWarning: a library's" in done.stderr


@pytest.mark.parametrize(
    "command", [["local_runner.py", "check"], ["-m", "serving.client", "status"]]
)
@pytest.mark.parametrize(
    ("file", "hides"),
    [
        ("numpy.py", "the library numpy in "),
        ("random.py", "Python's own module random: "),
        ("logging.py", "Python's own module logging: "),
        ("json/__init__.py", "Python's own module json: "),
        ("signal.py", "Python's own module signal: "),
        ("threading.py", "Python's own module threading: "),
    ],
)
def test_a_module_that_hides_another_is_named(
    tmp_path: Path, command: list[str], file: str, hides: str
) -> None:
    (tmp_path / file).parent.mkdir(exist_ok=True)
    (tmp_path / file).write_text("print('this is another')")
    done = subprocess.run(
        [sys.executable, *command],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    [line] = done.stderr.splitlines()
    assert (done.returncode, done.stdout) == (1, "")
    assert line.startswith(f"error: {tmp_path}/{file}: it hides {hides}")
    assert f"take {tmp_path} out of PYTHONPATH" in line


def test_a_name_of_python_that_hides_nothing_is_welcome(tmp_path: Path) -> None:
    """The first is built into Python, the second a folder that Python looks at last."""
    (tmp_path / "io.py").touch()
    (tmp_path / "json").mkdir()
    done = subprocess.run(
        [sys.executable, "-m", "lineage", "--help"],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_the_environments_own_libraries_hide_nothing() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "serving.client", "--help"],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
