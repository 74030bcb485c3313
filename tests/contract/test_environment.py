"""Sets defaults before TensorFlow is imported and keeps what the user has set."""

import gc
import glob
import os

import pytest

from contract import environment
from contract.errors import BadInputError

THREADS = ("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS")


@pytest.fixture
def cleared(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    for name in (*THREADS, "TF_USE_LEGACY_KERAS", "KERAS_BACKEND", "MPLBACKEND"):
        # It is set first, so that monkeypatch removes the value that the test leaves.
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)
    return monkeypatch


def test_one_thread_and_keras_2_for_tfx(cleared: pytest.MonkeyPatch) -> None:
    environment.prepare()
    assert [os.environ[name] for name in THREADS] == ["1", "1"]
    assert os.environ["TF_USE_LEGACY_KERAS"] == "1"


@pytest.mark.parametrize(
    ("name", "theirs", "ours"),
    [
        # What a notebook sets for its own environment.
        ("MPLBACKEND", "module://matplotlib_inline.backend_inline", "agg"),
        ("KERAS_BACKEND", "jax", "tensorflow"),
        ("TF_USE_LEGACY_KERAS", "0", "1"),
    ],
)
def test_what_would_change_what_we_are_is_replaced_and_told(
    cleared: pytest.MonkeyPatch, name: str, theirs: str, ours: str
) -> None:
    cleared.setenv(name, theirs)
    assert environment.prepare() == [
        f"{name}={theirs} is replaced: this pipeline needs {ours}"
    ]
    assert os.environ[name] == ours


def test_what_is_set_already_stays(cleared: pytest.MonkeyPatch) -> None:
    cleared.setenv(THREADS[0], "8")
    environment.prepare()
    assert [os.environ[name] for name in THREADS] == ["8", "1"]


def test_flags_for_which_tensorflow_would_abort_are_named(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("TF_XLA_FLAGS", "--made_for_another_version")
    unknown = "TF_XLA_FLAGS: TensorFlow ends with: Unknown flags in .*: --made_for_"
    with (
        pytest.raises(BadInputError, match=unknown),
        environment.heavy_imports(),
    ):
        pytest.fail("it would abort the process")


@pytest.mark.skipif(
    bool(glob.glob("/dev/nvidia[0-9]*")), reason="on a GPU, TensorFlow reads the flags"
)
def test_flags_that_tensorflow_does_not_read_are_no_fault(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """They may have been set for JAX."""
    monkeypatch.delenv("TF_XLA_FLAGS", raising=False)
    monkeypatch.setenv("XLA_FLAGS", "--made_for_another_version")
    with environment.heavy_imports():
        assert not gc.isenabled()


def test_the_collector_rests_while_heavy_things_are_imported() -> None:
    with environment.heavy_imports():
        assert not gc.isenabled()
    assert gc.isenabled()
    gc.unfreeze()
