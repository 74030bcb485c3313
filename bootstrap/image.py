"""Builds the project's image: `python3 -m bootstrap.image`, as the Makefile calls it.

Uses Docker or Podman, the first that answers. The package index in this machine's pip
configuration is passed to the build as secrets, so that a company's index serves the
image as it serves `.venv`. Settings that name files of this machine are not passed,
because the build could not read them.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from bootstrap.errors import SetupError
from bootstrap.indexes import pip_settings, reachable_from_elsewhere

NAME = "mnist-tfx-pipeline"
ENGINES = ("docker", "podman")

# Options that name a file which the build does need: secret, and path inside.
_FILES = {
    "cert": ("certificates", "/run/secrets/certificates"),
    "client-cert": ("client-certificate", "/run/secrets/client-certificate"),
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Builds; returns 0, or 1 after one line on what to do."""
    parser = argparse.ArgumentParser(
        prog="python3 -m bootstrap.image",
        description=__doc__,
        epilog="Further options are passed to the engine's build command.",
    )
    parser.add_argument(
        "--engine", help="docker or podman; default: the first that answers"
    )
    parser.add_argument(
        "--name", default=NAME, help="name of the image; default: %(default)s"
    )
    parser.add_argument(
        "--tag", help="tag of the image; default: the package's version"
    )
    options, further = parser.parse_known_args(arguments)
    root = Path(__file__).resolve().parent.parent
    try:
        engine = find_engine(options.engine)
        version = package_version(root / "setup.py")
        image = f"{options.name}:{options.tag or version}"
        with tempfile.TemporaryDirectory() as folder:
            settings, left_out = reachable_from_elsewhere(
                pip_settings(sys.executable, os.environ)
            )
            for option in left_out:
                print(f"Left out of the build: pip's {option}", flush=True)
            command = [engine, "build", "--tag", image]
            command += ["--build-arg", f"VERSION={version}"]
            command += ["--build-arg", f"REVISION={revision(root)}"]
            command += secrets(settings, Path(folder))
            command += [*further, str(root)]
            print(f"Building {image} with {engine}", flush=True)
            # Docker reads secrets with BuildKit only, its default since 23.0.
            environ = {**os.environ, "DOCKER_BUILDKIT": "1"}
            status = subprocess.run(command, env=environ, check=False).returncode
        if status:
            raise SetupError(f"{engine} could not build {image}, as shown above")
    except SetupError as error:
        print(f"image: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nimage: interrupted", file=sys.stderr)
        return 130
    return 0


def find_engine(requested: str | None) -> str:
    """Returns the requested engine, or the first one that answers.

    Raises:
        SetupError: No engine answers; the message has the answer of each one.
    """
    failures = []
    for name in [requested] if requested else ENGINES:
        executable = shutil.which(name)
        if executable is None:
            failures.append(f"{name} is not installed")
            continue
        answer = subprocess.run(
            [executable, "info"], capture_output=True, text=True, check=False
        )
        if answer.returncode == 0:
            return executable
        said = (answer.stderr.strip() or answer.stdout.strip()).splitlines() or ["-"]
        failures.append(f"{name} does not answer ({said[-1]})")
    raise SetupError(f"a container engine is needed: {'; '.join(failures)}")


def package_version(setup: Path) -> str:
    """Returns the package's version from its set-up script."""
    found = re.search(r'^\s*version="([^"]+)"', setup.read_text("utf-8"), re.M)
    if found is None:
        raise SetupError(f'{setup}: expected a line version="...", found none')
    return found.group(1)


def revision(root: Path) -> str:
    """Returns the checkout's commit, with `-dirty` if it has changes; or `unknown`."""
    answers = []
    for question in (["rev-parse", "HEAD"], ["status", "--porcelain"]):
        try:
            answer = subprocess.run(
                ["git", "-C", str(root), *question],
                capture_output=True,
                text=True,
                check=True,
            )
        except (OSError, subprocess.CalledProcessError):
            return "unknown"
        answers.append(answer.stdout.strip())
    commit, changes = answers
    return f"{commit}-dirty" if changes else commit


def secrets(settings: Mapping[str, str], folder: Path) -> list[str]:
    """Writes pip's settings to files; returns the build options that pass them on.

    Args:
        settings: Settings by pip's long option names.
        folder: Folder for the files; it must exist until the build ends.

    Raises:
        SetupError: A file that the settings name does not exist.
    """
    options = []
    inside = dict(settings)
    for option, (secret, path_inside) in _FILES.items():
        if not (path_here := inside.get(option)):
            continue
        if not os.path.isfile(path_here):
            raise SetupError(f"pip's {option}: expected a file, found {path_here}")
        options += ["--secret", f"id={secret},src={path_here}"]
        inside[option] = path_inside
    path = folder / "pip.conf"
    path.touch(mode=0o600)
    lines = ["[global]", *(f"{key} = {value}" for key, value in inside.items())]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return [*options, "--secret", f"id=pip,src={path}"]


if __name__ == "__main__":
    sys.exit(main())
