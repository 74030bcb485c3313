"""A Flink of a jobmanager, a taskmanager, a job server and a pool of Python workers.

They listen on all interfaces and ask for no password, so the benchmark runs in a
network namespace of its own: `unshare --net`. They are started as those of
`make test-engines` are, which fetches the jars that `FLINK_JARS` names.
"""

import os
import re
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from tests.engines import processes

_RUNTIME = "org.apache.flink.runtime"
_JOB_SERVER = "org.apache.beam.runners.flink.FlinkJobServerDriver"

_COLLECTED = re.compile(r"Pause .* \d+M->(\d+)M\(")
"""In Java's log of collections: how much of the heap was left."""


@contextmanager
def started(workers: int, folder: Path) -> Iterator[dict[str, int]]:
    """Runs the cluster while the block lasts; yields its process ids by name.

    Args:
        workers: How many Python workers there are at once.
        folder: For settings and logs.
    """
    processes.loopback_up()
    jars = os.environ["FLINK_JARS"]
    settings = folder / "flink"
    settings.mkdir()
    (settings / "config.yaml").write_text(processes.FLINK_CONFIG)
    here = os.path.dirname(sys.executable)
    config = ("--configDir", str(settings))
    jobmanager = f"{_RUNTIME}.entrypoint.StandaloneSessionClusterEntrypoint"
    taskmanager = f"{_RUNTIME}.taskexecutor.TaskManagerRunner"
    master = f"--flink-master=localhost:{processes.REST_PORT}"
    commands = {
        "jobmanager": (
            processes.java(jars, jobmanager, *config),
            processes.REST_PORT,
        ),
        "taskmanager": (processes.java(jars, taskmanager, *config), None),
        "job server": (
            processes.job_server(jars, _JOB_SERVER, folder, master),
            processes.JOB_PORT,
        ),
        "pool": (processes.pool(), processes.POOL_PORT),
    }
    with ExitStack() as stack:
        pids = {}
        for name, (command, port) in commands.items():
            process = processes.process(
                command,
                folder / f"{name}.log",
                port,
                PATH=f"{here}:{os.environ['PATH']}",
                JAVA_TOOL_OPTIONS=f"-Xlog:gc:file={_collections(folder, name)}",
            )
            pids[name] = stack.enter_context(process).pid
        processes.wait_for("slots", lambda: processes.flink("overview")["slots-total"])
        yield pids


def flags(workers: int) -> list[str]:
    """Returns what `local_runner.py` has to be told of the cluster."""
    return [
        "--beam-runner=FlinkRunner",
        *("--set", f'beam.workers="localhost:{processes.POOL_PORT}"'),
        *("--set", f"beam.parallelism={workers}"),
        *("--set", f"beam.flink_rest=localhost:{processes.REST_PORT}"),
    ]


def live_mb(folder: Path) -> dict[str, float]:
    """Returns the most that a collection left of each Java process's heap, in MB."""
    found = {}
    for log in folder.glob("*.collections"):
        left = [int(match[1]) for match in _COLLECTED.finditer(log.read_text())]
        if left:
            found[log.stem.replace("_", " ")] = float(max(left))
    return found


def _collections(folder: Path, name: str) -> Path:
    return folder / f"{name.replace(' ', '_')}.collections"
