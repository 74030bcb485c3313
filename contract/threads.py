"""Finds out how many threads this process can still start.

What limits them is of many kinds (`ulimit -u`, `ulimit -v`, the `pids` controller of a
container, systemd's TasksMax), so that they are tried. Libraries in C++ do not report
that a thread cannot be started: TensorFlow aborts the process, and gRPC waits forever.
"""

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
