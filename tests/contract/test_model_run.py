"""The trainer's answers survive the disk bit by bit."""

from pathlib import Path

import numpy as np

from contract.model_run import load_answers, save_answers


def test_what_was_saved_is_loaded(tmp_path: Path) -> None:
    answers = np.random.default_rng(0).random((7, 10), np.float32)

    save_answers(str(tmp_path), answers)

    loaded = load_answers(str(tmp_path))
    assert loaded.dtype == np.float32
    np.testing.assert_array_equal(loaded, answers)
