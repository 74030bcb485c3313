"""Loads a SavedModel as TensorFlow Serving's C++ code does, and calls it.

`tf.saved_model.load` cannot load every older SavedModel, needs the Python classes of
newer ones, and takes several times as long for each call. The TF1 loader with a Session
and a callable uses the graph as it is, as LoadSavedModel in tensorflow/cc/saved_model
does.
"""

import logging
import os
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow.core.protobuf import config_pb2
from tensorflow.core.protobuf.rewriter_config_pb2 import RewriterConfig

from serving.server import configs, cpus
from serving.server.errors import Code, ServingError, as_serving_error, invalid_argument
from serving.server.flags import Options

_log = logging.getLogger(__name__)

RawCallable = Callable[..., Sequence[np.ndarray]]
SAVED_MODEL_FILES = ("saved_model.pb", "saved_model.pbtxt")

# RunOptions.inter_op_thread_pool: run every op on the calling thread.
_CALLING_THREAD = -1


def session_config(options: Options) -> config_pb2.ConfigProto:
    """Returns the configuration of the sessions that `options` ask for."""
    config = config_pb2.ConfigProto()
    if options.tensorflow_session_config_file:
        configs.read_text_proto(options.tensorflow_session_config_file, config)
    both = options.tensorflow_session_parallelism
    intra = options.tensorflow_intra_op_parallelism or both
    inter = options.tensorflow_inter_op_parallelism or both
    if intra or not config.intra_op_parallelism_threads:
        config.intra_op_parallelism_threads = intra or _default_intra_op_threads()
    if inter:
        config.inter_op_parallelism_threads = inter
    if options.mixed_precision == "bfloat16":
        rewrites = config.graph_options.rewrite_options
        rewrites.auto_mixed_precision_onednn_bfloat16 = RewriterConfig.ON
    elif options.mixed_precision:
        _log.warning(
            "--mixed_precision: %s is not supported; expected bfloat16",
            options.mixed_precision,
        )
    if options.per_process_gpu_memory_fraction:
        config.gpu_options.per_process_gpu_memory_fraction = (
            options.per_process_gpu_memory_fraction
        )
    else:
        config.gpu_options.allow_growth = True
    return config


def with_pools(
    config: config_pb2.ConfigProto, name: str, threads: int
) -> tuple[config_pb2.ConfigProto, int]:
    """Gives the sessions of a model their own thread pool for loops.

    A run with a time limit does not use its caller's thread. TensorFlow's shared pool
    has as many threads as CPUs: on two CPUs, two long loops in it would delay the loops
    of all other models, and the loading of new versions.

    Args:
        config: configuration of a session.
        name: name of the model; its versions share the pool.
        threads: number of threads of the pool.

    Returns:
        The configuration, and the number of the pool.
    """
    if config.session_inter_op_thread_pool:
        return config, 0
    extended = config_pb2.ConfigProto()
    extended.CopyFrom(config)
    extended.session_inter_op_thread_pool.add()
    extended.session_inter_op_thread_pool.add(
        num_threads=threads, global_name=f"{name}/{threads}"
    )
    return extended, 1


def _default_intra_op_threads() -> int:
    """Returns half of the CPUs: the event loop and the batches need the others.

    On two CPUs a 100k-weight MLP takes 57 microseconds a row with one thread, and
    143 with TensorFlow's choice of two, mostly to pass work between the threads.
    """
    return max(1, cpus.usable() // 2)


def load(
    path: str, tags: Sequence[str], config: config_pb2.ConfigProto
) -> tuple[tf.compat.v1.Session, Any]:
    """Loads the SavedModel in the folder `path`.

    Returns:
        The session, with restored variables and after its init ops, and the
        `MetaGraphDef`.

    Raises:
        ServingError: NOT_FOUND, no SavedModel or no such tags; DATA_LOSS, an
            unreadable `saved_model.pb`; TensorFlow's own code if restoring or
            initialising fails.
    """
    if not any(
        tf.io.gfile.exists(os.path.join(path, name)) for name in SAVED_MODEL_FILES
    ):
        raise ServingError(
            Code.NOT_FOUND,
            "Specified file path does not appear to contain a SavedModel bundle "
            "(should have a file called `saved_model.pb`)\nSpecified file path: "
            f"{path}",
        )
    graph = tf.Graph()
    session = tf.compat.v1.Session(graph=graph, config=config)
    try:
        with graph.as_default():
            meta_graph = tf.compat.v1.saved_model.loader.load(session, list(tags), path)
    except BaseException as error:
        session.close()
        raise _load_error(error, path, tags) from error
    return session, meta_graph


def _load_error(error: BaseException, path: str, tags: Sequence[str]) -> BaseException:
    """Returns the error with the C++ loader's code for a Python exception."""
    if isinstance(error, RuntimeError) and "MetaGraphDef" in str(error):
        return ServingError(
            Code.NOT_FOUND,
            "Could not find meta graph def matching supplied tags: "
            f"{{ {' '.join(tags)} }}. {error}",
        )
    if isinstance(error, OSError):
        return ServingError(
            Code.DATA_LOSS,
            f"Can't parse {os.path.join(path, SAVED_MODEL_FILES[0])} as binary proto",
        )
    if isinstance(error, ValueError):
        # No checkpoint under variables/, or a graph with unknown ops.
        return ServingError(Code.FAILED_PRECONDITION, f"Cannot load {path}: {error}")
    if not isinstance(error, Exception):
        return error
    return as_serving_error(error)


def make_callable(
    session: tf.compat.v1.Session,
    feeds: Sequence[str],
    fetches: Sequence[str],
    *,
    on_calling_thread: bool,
    thread_pool: int = 0,
    timeout_ms: int = 0,
) -> RawCallable:
    """Compiles a function of arrays that computes `fetches` from `feeds`.

    `Session._make_callable_from_options` is private, but only it gives Python access to
    TF_SessionMakeCallable. A call takes 70-130 microseconds; one of the public
    `Session.make_callable` takes 390, and one of a concrete function 505 (an MLP of
    102k weights, batch of 1). test_session.py fails if the function is removed; there
    is no silent fallback to a slower one.

    Args:
        session: session of the loaded model.
        feeds: names of the tensors that the function takes, in order, each once.
        fetches: names of the tensors that it returns, in order.
        on_calling_thread: whether the ops run on the caller's thread instead of a
            pool; they still use the intra-op pool.
        thread_pool: otherwise, the number of the session's pool; see `with_pools`.
        timeout_ms: time limit, after which loops stop and the run ends with
            DEADLINE_EXCEEDED; 0: none. It has no effect on the caller's thread.

    Returns:
        The function. It releases the GIL while the graph runs, may be called from
        several threads, and raises `tf.errors.OpError`.
    """
    options = config_pb2.CallableOptions(feed=feeds, fetch=fetches)
    options.run_options.inter_op_thread_pool = (
        _CALLING_THREAD if on_calling_thread else thread_pool
    )
    options.run_options.timeout_in_ms = timeout_ms
    with session.graph.as_default():
        raw: RawCallable = session._make_callable_from_options(options)

    def run(*arrays: np.ndarray) -> list[np.ndarray]:
        try:
            values = raw(*arrays)
        except UnicodeDecodeError as error:
            # The graph's error message quotes a request that is not UTF-8.
            text = error.object.decode("utf-8", "replace")
            raise invalid_argument(text) from error
        # Scalars arrive as NumPy scalars, but a string scalar as `bytes`.
        return [
            value if isinstance(value, np.ndarray) else _as_scalar(value)
            for value in values
        ]

    return run


def _as_scalar(value: Any) -> np.ndarray:
    if not isinstance(value, bytes):
        return np.asarray(value)
    array = np.empty((), object)
    array[()] = value
    return array
