"""Prepares the process for the import of TensorFlow and TFX."""

import gc
import os
import subprocess
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

from contract.errors import BadInputError, BrokenError
from contract.threads import startable, usable_cpus

_PINNED = {
    # The import of tensorflow_transform sets this to 1 if it is unset, so the meaning
    # of `tf.keras` would depend on the order of imports. This project imports `keras`
    # (Keras 3) by name; TFX's own code expects Keras 2 behind `tf.keras`.
    "TF_USE_LEGACY_KERAS": "1",
    # The Trainer and the export need TensorFlow. For Keras this variable has precedence
    # over its own file, ~/.keras/keras.json.
    "KERAS_BACKEND": "tensorflow",
    # TFX's libraries import matplotlib and draw nothing. A notebook names the backend
    # of its own environment here, and matplotlib refuses one that it does not know.
    "MPLBACKEND": "agg",
}
"""Variables that the project needs. Another value is replaced, with a message."""

_DEFAULTS = {
    # 2: C++ logs errors only. Python's messages go to the run's log.
    "TF_CPP_MIN_LOG_LEVEL": "2",
    # A training step of 32 rows has about 60 operations of microseconds each. To give
    # parts of them to other threads costs more than it saves: on two cores, an epoch of
    # 1,500 steps takes 1.7 s (processor time 2.8 s) with a thread per core, and 1.05 s
    # (processor time 1.05 s) with one thread. One thread also makes the weights
    # independent of the number of cores. A wider network may need more threads, so a
    # value that is set already stays. (TensorFlow reads these when it starts:
    # tensorflow/core/common_runtime/process_util.cc.)
    "TF_NUM_INTRAOP_THREADS": "1",
    "TF_NUM_INTEROP_THREADS": "1",
}

_THREADS = min(32 + 4 * usable_cpus(), 256)
"""More than a run has at once, which is 25 on two cores; some pools have a thread for
each core. Without one of them, TensorFlow aborts the process. The upper bound is there
because clusters often allow a pod 512 processes or 1,024, however many cores it has."""


_FLAGS = ("XLA_FLAGS", "TF_XLA_FLAGS")
_FLAGS_PROBE = """
import os
import tensorflow as tf
# On a CPU, TensorFlow uses XLA only if its own flags say so.
jit = bool(os.environ.get("TF_XLA_FLAGS") or tf.config.list_physical_devices("GPU"))
tf.function(lambda x: x + 1, jit_compile=jit)(tf.constant(1.0))
"""


def prepare() -> list[str]:
    """Sets the environment variables of this process and of its child processes.

    Returns:
        A line for each variable whose value was replaced.
    """
    overruled = [
        f"{name}={os.environ[name]} is replaced: this pipeline needs {value}"
        for name, value in _PINNED.items()
        if os.environ.get(name, value) != value
    ]
    os.environ.update(_PINNED)
    for name, value in _DEFAULTS.items():
        os.environ.setdefault(name, value)
    warnings.filterwarnings("ignore", category=FutureWarning, module="google.api_core")
    return overruled


def _try_flags() -> None:
    """Checks that TensorFlow does not abort the process for flags in the environment.

    It does so for a flag that it does not know (xla/parse_flags_from_env.cc), such as
    one that was set for another version or for JAX. A child tries it, which takes as
    long as the import of TensorFlow, but only if there are such flags.

    Raises:
        BadInputError: TensorFlow aborts.
    """
    if not (given := [name for name in _FLAGS if os.environ.get(name)]):
        return
    command = [sys.executable, "-P", "-c", _FLAGS_PROBE]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode < 0:
        fatal = [line for line in done.stderr.splitlines() if ": F " in line]
        why = fatal[-1].partition("] ")[2] if fatal else f"signal {-done.returncode}"
        raise BadInputError(
            f"{', '.join(given)}: TensorFlow ends with: {why.strip()}: unset it, or "
            "leave out what this version does not know"
        )


@contextmanager
def heavy_imports() -> Iterator[None]:
    """Excludes the objects of imports in the block from garbage collection.

    TensorFlow and TFX make 650,000 objects that live as long as the process. To collect
    during their import costs 2 of 11 CPU seconds; each full collection later costs
    0.4 s.

    Raises:
        BadInputError: Python runs without docstrings (-OO), which TensorFlow reads; or
            TensorFlow aborts for the flags that it reads from the environment.
        BrokenError: The system cannot start as many threads as TensorFlow and TFX do.
    """
    if sys.flags.optimize > 1:
        raise BadInputError(
            "PYTHONOPTIMIZE=2 (-OO) leaves out the documentation that TensorFlow "
            "reads: unset it"
        )
    if (found := startable(_THREADS)) < _THREADS:
        raise BrokenError(
            f"TensorFlow and TFX start up to {_THREADS} threads and processes, only "
            f"{found} are allowed here: raise `ulimit -u`, or the container's limit of "
            "processes (pids), or `ulimit -v`"
        )
    _try_flags()
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()
