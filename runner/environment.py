"""What the process has to be before TensorFlow and TFX are imported."""

import gc
import os
import warnings

_VARIABLES = {
    # Importing tensorflow_transform sets this to 1 when it is unset, so what
    # `tf.keras` is would hang on the order of imports. Ours is `keras` (Keras 3)
    # by name; TFX's own code is meant for Keras 2 behind `tf.keras`.
    "TF_USE_LEGACY_KERAS": "1",
    # 2: errors only, from C++. What Python logs goes to the run's log.
    "TF_CPP_MIN_LOG_LEVEL": "2",
}


def prepare() -> None:
    """Sets the environment of this process and of those it starts."""
    for name, value in _VARIABLES.items():
        os.environ.setdefault(name, value)
    warnings.filterwarnings("ignore", category=FutureWarning, module="google.api_core")
    # The imports make half a million objects that live as long as the process;
    # looking through them again and again took a sixth of StatisticsGen's time.
    gc.disable()


def imports_done() -> None:
    """Takes what is in memory now out of the garbage collector's rounds."""
    gc.enable()
    gc.collect()
    gc.freeze()
