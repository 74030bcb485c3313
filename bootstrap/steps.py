"""Runs a long command of the set-up and shows it as one line with its duration."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence

from bootstrap.errors import SetupError

_REFRESH_SECONDS = 0.2


def run_step(
    title: str,
    command: Sequence[str],
    environ: Mapping[str, str],
    keep_open: int | None = None,
) -> None:
    """Runs a command whose output matters only if it fails.

    Args:
        title: A short description.
        command: The command line.
        environ: Its whole environment.
        keep_open: A file descriptor that the command inherits. With the descriptor
            of a file lock, the lock lasts as long as the command, even if this
            process is killed first.

    Raises:
        SetupError: The command failed; its output has been shown.
    """
    live = sys.stdout.isatty()
    started = time.monotonic()
    print(f"  {title} ... ", end="", flush=True)
    with subprocess.Popen(
        command,
        env=dict(environ),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        pass_fds=() if keep_open is None else (keep_open,),
        start_new_session=True,
    ) as process:
        output: list[str] = []
        reader = threading.Thread(target=_collect, args=(process, output), daemon=True)
        reader.start()
        try:
            while reader.is_alive():
                reader.join(_REFRESH_SECONDS)
                if live:
                    _show(title, started, output[-1:])
            status = process.wait()
        except BaseException:
            # This also ends the builds that the command has started.
            os.killpg(process.pid, signal.SIGTERM)
            raise
    seconds = time.monotonic() - started
    if live:
        print(f"\r\x1b[K  {title} ... ", end="")
    print(f"{seconds:.1f} s", flush=True)
    if status != 0:
        print("\n".join(output), file=sys.stderr, flush=True)
        raise SetupError(f"{title} failed, as shown above")


def _collect(process: subprocess.Popen[bytes], output: list[str]) -> None:
    """Collects the output of a command, without uv's list of installed packages."""
    assert process.stdout is not None
    for raw in process.stdout:
        line = raw.decode(errors="replace").rstrip()
        if line and not line.startswith((" + ", " - ", " ~ ")):
            output.append(line)


def _show(title: str, started: float, last: list[str]) -> None:
    text = f"  {title} ... {time.monotonic() - started:.0f} s"
    if last:
        text += f"  {last[0].strip()}"
    columns = shutil.get_terminal_size().columns
    print(f"\r\x1b[K{text[: columns - 1]}", end="", flush=True)
