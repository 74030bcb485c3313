"""The systemd unit is valid, and its command runs as printed and under systemd."""

import os
import shlex
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
UNIT = ROOT / "systemd" / "watch.service"
PLACE = "/opt/mnist-tfx-pipeline"
"""The project's folder in the unit."""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """The project in another folder, with an environment, and with spans to watch."""
    for name in os.listdir(ROOT):
        if (ROOT / name).is_dir() and not name.startswith("."):
            (tmp_path / name).symlink_to(ROOT / name)
    shutil.copy(ROOT / "local_runner.py", tmp_path)
    python = tmp_path / ".venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text(f'#!/bin/sh\nexec {sys.executable} "$@"\n')
    python.chmod(0o755)
    (tmp_path / "incoming").mkdir()
    (tmp_path / "watch.toml").write_text('[data]\npath = "incoming/{SPAN}"\n')
    return tmp_path


@pytest.fixture
def unit(project: Path) -> Path:
    """The unit, installed as docs/retraining.md says."""
    path = project / "watch.service"
    path.write_text(UNIT.read_text().replace(PLACE, str(project)))
    return path


def test_systemd_has_nothing_to_say_of_it(unit: Path, tmp_path: Path) -> None:
    tool = shutil.which("systemd-analyze")
    if tool is None:
        pytest.skip("systemd-analyze is not installed")
    done = subprocess.run(
        [tool, "verify", "--user", str(unit)],
        env={**os.environ, "XDG_RUNTIME_DIR": str(tmp_path)},
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_its_command_runs_as_it_is_printed(unit: Path) -> None:
    settings = dict(
        line.split("=", 1) for line in unit.read_text().splitlines() if "=" in line[1:]
    )
    watcher = subprocess.Popen(
        shlex.split(settings["ExecStart"]),
        cwd=settings["WorkingDirectory"],
        env={"PATH": os.environ["PATH"]},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert watcher.stdout is not None
    assert "watching incoming/{SPAN}" in watcher.stdout.readline()
    watcher.send_signal(signal.SIGTERM)
    assert watcher.wait(10) == int(settings["SuccessExitStatus"])


APART = ("unshare", "--mount", "--pid", "--mount-proc", "--fork", "--kill-child")
"""Runs a command with mounts of its own; all that it started ends with it."""

MANAGER = """
set -eu
# systemd refuses to run for a user where the machine was not booted with it.
mount -t tmpfs tmpfs /run
mkdir -p /run/systemd/system
/usr/lib/systemd/systemd --user &
trap 'kill -s RTMIN+24 $!; wait $!' EXIT
for _ in $(seq 100); do
  systemctl --user is-system-running >&2 && break
  sleep 0.1
done
show() { systemctl --user show watch -p ActiveState,ExecMainStatus,NRestarts,Result; }
await() {
  for _ in $(seq 300); do show | grep -qx "$1" && break; sleep 0.1; done
  show | sed "s/^/$2 /"
}
systemctl --user start watch
for _ in $(seq 300); do [ -e output/watch/incoming/watch.log ] && break; sleep 0.1; done
await ActiveState=active started
systemctl --user stop watch
await ActiveState=inactive stopped
echo 'unknown = 1' > watch.toml
systemctl --user start watch
await ActiveState=failed misconfigured
"""
"""Starts a service manager in a mount namespace of its own, and the unit in it."""


def test_systemd_starts_it_stops_it_and_does_not_restart_a_wrong_configuration(
    unit: Path, project: Path
) -> None:
    if not Path("/usr/lib/systemd/systemd").exists():
        pytest.skip("systemd is not installed")
    if subprocess.run([*APART, "true"], capture_output=True).returncode:
        pytest.skip("this user may not mount a file system")
    home, runtime = project / "home", project / "runtime"
    units = home / ".config" / "systemd" / "user"
    units.mkdir(parents=True)
    runtime.mkdir(mode=0o700)
    shutil.copy(unit, units)
    done = subprocess.run(
        [*APART, "bash", "-c", MANAGER],
        cwd=project,
        env={
            "PATH": os.environ["PATH"],
            "HOME": str(home),
            "XDG_RUNTIME_DIR": str(runtime),
        },
        stdout=subprocess.PIPE,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0
    found = {*done.stdout.splitlines()}
    assert {"started ActiveState=active", "started NRestarts=0"} <= found
    assert "stopped ActiveState=inactive" in found
    assert {"misconfigured ExecMainStatus=2", "misconfigured NRestarts=0"} <= found
