"""The trainer's answers survive the disk bit by bit."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from contract.model_run import (
    load_answers,
    save_answers,
    setting_text,
    used_settings,
)


def test_what_was_saved_is_loaded(tmp_path: Path) -> None:
    answers = np.random.default_rng(0).random((7, 10), np.float32)

    save_answers(str(tmp_path), answers)

    loaded = load_answers(str(tmp_path))
    assert loaded.dtype == np.float32
    np.testing.assert_array_equal(loaded, answers)


def test_what_was_really_used_stands_before_the_settings() -> None:
    summary: dict[str, Any] = {
        "training": {
            "optimizer": "Adam",
            "dropout": 0.2,
            "schedule": {"kind": "cosine"},
        },
        "optimizer": "SGD",
        "optimizer_config": {"name": "SGD_1", "momentum": 0.9},
        "class_weights": None,
        "layers": [],
    }
    assert used_settings(summary) == {
        "optimizer": "SGD",
        "dropout": 0.2,
        "schedule": {"kind": "cosine"},
        "optimizer_config": {"momentum": 0.9},
        "class_weights": None,
    }


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "none"),
        ([], "none"),
        ([128, 32], "128, 32"),
        (True, "yes"),
        (0.001, "0.001"),
        (1e-07, "1e-07"),
        ({"kind": "cosine", "warmup_epochs": 1.0}, "cosine, warmup epochs 1"),
        ({"rho": 0.9, "clipnorm": None, "nesterov": False}, "rho 0.9, nesterov no"),
        (
            {"class_name": "CosineDecay", "config": {"alpha": 0.1}},
            "CosineDecay (alpha 0.1)",
        ),
    ],
)
def test_a_setting_in_words(value: object, text: str) -> None:
    assert setting_text(value) == text
