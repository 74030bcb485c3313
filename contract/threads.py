"""Finds out how many threads this process can still start, and on how many CPUs.

Many things can limit them (`ulimit -u`, `ulimit -v`, the `pids` controller of a
container, systemd's TasksMax), so this module tries to start them. Libraries in C++ do
not report that a thread cannot be started: TensorFlow aborts the process, and gRPC
waits forever.
"""

import os
import threading


def startable(wanted: int) -> int:
    """Returns how many of the wanted threads can be started; all of them end again."""
    enough = threading.Event()
    threads = [threading.Thread(target=enough.wait, daemon=True) for _ in range(wanted)]
    started = 0
    try:
        for thread in threads:
            thread.start()
            started += 1
    except RuntimeError:
        pass
    finally:
        enough.set()
        for thread in threads[:started]:
            thread.join()
    return started


def usable_cpus() -> int:
    """Returns the number of CPUs that this process may use, as TensorFlow counts them.

    A container or `taskset` may leave it a few CPUs of a large machine. macOS does not
    tell which these are; there all CPUs count.
    """
    told = hasattr(os, "sched_getaffinity")
    return len(os.sched_getaffinity(0)) if told else os.cpu_count() or 1
