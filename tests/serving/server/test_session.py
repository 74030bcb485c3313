"""Models are loaded; TensorFlow's private function for fast calls still exists."""

from __future__ import annotations

import inspect
import os
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from serving.server import session
from serving.server.errors import Code, ServingError
from serving.server.flags import Options

CONFIG = session.session_config(Options())


def test_the_private_callable_is_still_there() -> None:
    """If this fails, `session.make_callable` needs another way to the C API."""
    method = tf.compat.v1.Session._make_callable_from_options
    assert list(inspect.signature(method).parameters) == ["self", "callable_options"]


@pytest.mark.parametrize("on_calling_thread", [True, False])
def test_a_callable_takes_and_returns_arrays(
    library: Path, on_calling_thread: bool
) -> None:
    loaded, meta = session.load(str(library / "adder" / "1"), ["serve"], CONFIG)
    signature = meta.signature_def["two_inputs"]
    function = session.make_callable(
        loaded,
        [signature.inputs["a"].name, signature.inputs["b"].name],
        [signature.outputs["sum"].name],
        on_calling_thread=on_calling_thread,
    )
    (total,) = function(np.array([1.0], np.float32), np.array([2.0], np.float32))
    assert total.tolist() == [3.0]
    loaded.close()


def test_a_folder_without_a_model(tmp_path: Path) -> None:
    with pytest.raises(ServingError) as caught:
        session.load(str(tmp_path), ["serve"], CONFIG)
    assert caught.value.code is Code.NOT_FOUND
    assert caught.value.message == (
        "Specified file path does not appear to contain a SavedModel bundle (should "
        f"have a file called `saved_model.pb`)\nSpecified file path: {tmp_path}"
    )


def test_a_mac_does_not_tell_which_cpus_are_this_process_s(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: 8)
    assert session.session_config(Options()).intra_op_parallelism_threads == 4


def test_thread_counts_come_from_the_flags(tmp_path: Path) -> None:
    file = tmp_path / "session.config"
    file.write_text("inter_op_parallelism_threads: 3 log_device_placement: true")
    config = session.session_config(
        Options(
            tensorflow_intra_op_parallelism=5,
            tensorflow_session_config_file=str(file),
        )
    )
    assert config.intra_op_parallelism_threads == 5
    assert config.inter_op_parallelism_threads == 3
    assert config.log_device_placement
    both = session.session_config(Options(tensorflow_session_parallelism=2))
    assert both.intra_op_parallelism_threads == 2
    assert both.inter_op_parallelism_threads == 2
