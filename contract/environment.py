"""What the process has to be before TensorFlow and TFX are imported."""

import gc
import os
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

from contract.errors import BadInputError

_PINNED = {
    # Importing tensorflow_transform sets this to 1 when it is unset, so what
    # `tf.keras` is would hang on the order of imports. Ours is `keras` (Keras 3)
    # by name; TFX's own code is meant for Keras 2 behind `tf.keras`.
    "TF_USE_LEGACY_KERAS": "1",
    # The Trainer and the export are TensorFlow's. Keras takes this variable over its
    # own file, ~/.keras/keras.json.
    "KERAS_BACKEND": "tensorflow",
}
"""What we are; another value in a person's environment is overruled, and told."""

_DEFAULTS = {
    # 2: errors only, from C++. What Python logs goes to the run's log.
    "TF_CPP_MIN_LOG_LEVEL": "2",
    # A training step of 32 rows is some 60 operations of microseconds each, and
    # handing parts of them to other threads costs more than it saves: on two
    # cores an epoch of 1,500 steps takes 1.7 s (2.8 of processor time) with a
    # thread per core and 1.05 s (1.05) with one. It also makes the weights
    # independent of the number of cores. A wider network may want more: a
    # value that is set already stays. (Read by TensorFlow as it starts:
    # tensorflow/core/common_runtime/process_util.cc.)
    "TF_NUM_INTRAOP_THREADS": "1",
    "TF_NUM_INTEROP_THREADS": "1",
}


def prepare() -> list[str]:
    """Sets the environment of this process and of those it starts.

    Returns:
        What was set otherwise and is overruled, a line each.
    """
    overruled = [
        f"{name}={os.environ[name]} is overruled: this pipeline needs {value}"
        for name, value in _PINNED.items()
        if os.environ.get(name, value) != value
    ]
    os.environ.update(_PINNED)
    for name, value in _DEFAULTS.items():
        os.environ.setdefault(name, value)
    warnings.filterwarnings("ignore", category=FutureWarning, module="google.api_core")
    return overruled


@contextmanager
def heavy_imports() -> Iterator[None]:
    """Keeps the garbage collector out of what is imported in the block.

    TensorFlow and TFX make 650,000 objects that live as long as the process.
    Looking through them while they come costs 2 of 11 CPU seconds, and each full
    collection later 0.4.

    Raises:
        BadInputError: Python was told to leave out what TensorFlow reads as it comes.
    """
    if sys.flags.optimize > 1:
        raise BadInputError(
            "PYTHONOPTIMIZE=2 (-OO) leaves out the documentation that TensorFlow "
            "reads: unset it"
        )
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()
