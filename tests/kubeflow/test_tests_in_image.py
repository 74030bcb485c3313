"""The project's own tests, run in the image, with its lock and its Python.

`make test` runs them with the lock that fits the machine. Here they run in the pods'
environment, as the user that a pod has.
"""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from bootstrap.indexes import pip_settings, uv_variables

pytestmark = pytest.mark.timeout(1500)

ROOT = Path(__file__).resolve().parents[2]
_VERSION = "import platform; print(platform.python_version())"

# Tests of the set-up and the Makefile are left out, as the image is their result, and
# tests with a browser, which the image does not have.
_WITHIN = (
    ("tests/components", "tests/pipeline"),
    ("tests/runner",),
    ("tests/serving/server", "tests/serving/client"),
)


@pytest.fixture(scope="module")
def tools(engine: str, image: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the locked test tools for the image's Python."""
    folder = tmp_path_factory.mktemp("tools")
    folder.chmod(0o755)
    version = subprocess.run(
        [engine, "run", "--rm", image, "python", "-c", _VERSION],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.strip()
    settings = pip_settings(sys.executable, os.environ)
    (uv,) = (ROOT / ".uv").glob("uv-*/bin/uv")
    lock = ROOT / "requirements" / "current-dev.txt"
    command = [str(uv), "pip", "install", "--target", str(folder)]
    command += ["--python-version", version, "--no-deps", "--require-hashes"]
    subprocess.run(
        [*command, "--requirement", str(lock)],
        env={**os.environ, **uv_variables(settings, os.environ)},
        check=True,
    )
    return folder


@pytest.mark.parametrize("paths", _WITHIN, ids=lambda paths: paths[0])
def test_tests_pass_inside(
    engine: str, image: str, tools: Path, tmp_path: Path, paths: tuple[str, ...]
) -> None:
    tmp_path.chmod(0o777)
    command = [engine, "run", "--rm", "--read-only", "--cap-drop", "all"]
    command += ["--security-opt", "no-new-privileges", "--network", "host"]
    command += ["--volume", f"{ROOT}:/src:ro", "--volume", f"{tools}:/tools:ro"]
    command += ["--volume", f"{tmp_path}:/tmp", "--workdir", "/src"]
    command += ["--env", "PYTHONPATH=/src:/tools", image, "python", "-m", "pytest"]
    command += ["-n", "2", "--dist", "loadfile", "-p", "no:cacheprovider", *paths]

    done = subprocess.run(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )

    print(done.stdout[-20_000:])
    assert done.returncode == 0
    assert re.search(r"\b\d{2,} passed", done.stdout)
