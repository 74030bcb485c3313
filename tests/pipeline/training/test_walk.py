"""Every optimiser and option of Keras trains as in Keras' `fit`; none hangs."""

import inspect
import json
import subprocess
import sys
from typing import Any

import keras
import pytest

from pipeline.training.settings import OPTIMIZERS

SECONDS = 400
"""Limit in seconds; the process takes about 60, and one that hangs is killed."""

OF_LOSS = 1e-4

_WRAPPERS = ("LossScaleOptimizer", "MultiOptimizer")
_NO_OPTIMIZER = ("Optimizer", "OptimizerMap")

OPTIONS: list[dict[str, Any]] = [
    {"clipnorm": 0.5},
    {"clipvalue": 0.1},
    {"global_clipnorm": 0.5},
    {"use_ema": True, "ema_momentum": 0.9},
    {"use_ema": True, "ema_overwrite_frequency": 3},
    {"loss_scale_factor": 8.0},
    {"gradient_accumulation_steps": 2},
    {"weight_decay": 0.01},
]
"""Options that every optimiser has."""

CASES: dict[str, list[tuple[str, dict[str, Any]]]] = {
    "each optimiser": [(name, {}) for name in (*OPTIMIZERS, *_WRAPPERS)],
    "options of Adam": [("Adam", o) for o in (*OPTIONS, {"amsgrad": True})],
    "options of SGD": [
        ("SGD", o) for o in (*OPTIONS, {"momentum": 0.9, "nesterov": True})
    ],
    "options inside of a loss scale": [
        ("LossScaleOptimizer", o) for o in (OPTIONS[0], OPTIONS[3], OPTIONS[6])
    ],
}

SOME: list[tuple[str, dict[str, Any]]] = [
    ("Adam", {"clipnorm": 0.5}),
    ("Adam", {"use_ema": True, "ema_overwrite_frequency": 3}),
    ("SGD", {"gradient_accumulation_steps": 2}),
    ("Ftrl", {}),
    ("MultiOptimizer", {}),
    ("LossScaleOptimizer", {}),
]
"""One case for each way in which an optimiser's step differs from a plain one."""

WALKS = [
    pytest.param(SOME, id="one of each kind"),
    *(pytest.param(CASES[name], marks=pytest.mark.whole, id=name) for name in CASES),
]


def keras_optimizers() -> dict[str, type]:
    return {
        name: found
        for name, found in vars(keras.optimizers).items()
        if isinstance(found, type) and name not in _NO_OPTIMIZER
    }


def test_the_settings_know_all_optimisers_that_keras_has() -> None:
    assert {*OPTIMIZERS, *_WRAPPERS} == set(keras_optimizers())


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_the_settings_know_all_options_of_an_optimiser(name: str) -> None:
    taken = inspect.signature(keras_optimizers()[name]).parameters
    of_settings = {"learning_rate", "weight_decay", "name", "kwargs"}
    assert set(OPTIMIZERS[name]) == set(taken) - of_settings


@pytest.mark.parametrize("cases", WALKS)
def test_it_trains_as_in_keras(cases: list[tuple[str, dict[str, Any]]]) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.pipeline.training.walk", json.dumps(cases)],
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    results = [json.loads(line) for line in done.stdout.splitlines() if line[:1] == "["]
    assert [(name, options) for name, options, _, _ in results] == cases
    apart = {f"{name} {options}": loss for name, options, _, loss in results}
    assert {what: loss for what, loss in apart.items() if loss > OF_LOSS} == {}
