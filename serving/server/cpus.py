"""Counts the CPUs that this process may use, as TensorFlow does for its threads."""

import os


def usable() -> int:
    """Returns the number of CPUs that this process may use.

    A container or `taskset` may leave it a few CPUs of a large machine. macOS does not
    tell which these are; there all CPUs count.
    """
    told = hasattr(os, "sched_getaffinity")
    return len(os.sched_getaffinity(0)) if told else os.cpu_count() or 1
