"""A user's network is found and built, or refused in one line before any data."""

import os
from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np
import pytest

from contract.code import own_digest
from contract.errors import BadInputError
from pipeline.training import trainer
from pipeline.training.settings import Training
from tests import tasks

HEAD = "import keras\n\n\ndef build(task, settings):\n"
GOOD = (
    HEAD
    + """    return keras.Sequential([
        keras.Input(task.shape),
        keras.layers.Flatten(),
        keras.layers.Dense(len(task.classes), activation="softmax"),
    ])
"""
)
COMPILED = GOOD.replace("return keras", "model = keras") + "    model.compile({})\n"

File = Callable[[str], str]


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> File:
    """Writes `net.py` into the working folder; returns its reference."""
    monkeypatch.chdir(tmp_path)

    def write(content: str) -> str:
        Path("net.py").write_text(content)
        return "net.py:build"

    return write


def prepared(reference: str, **settings: object) -> keras.Model:
    model, _ = trainer._prepare(
        tasks.SHAPES, Training.model_validate({"model": reference, **settings})
    )
    return model


def test_a_file_that_imports_from_its_folder(file: File, tmp_path: Path) -> None:
    (tmp_path / "layers.py").write_text("UNITS = 7\n")
    reference = file(
        GOOD.replace(
            "import keras\n", "import keras\nfrom layers import UNITS\n"
        ).replace(
            "        keras.layers.Dense(l",
            "        keras.layers.Dense(UNITS),\n        keras.layers.Dense(l",
        )
    )
    assert prepared(reference).layers[1].units == 7

    (tmp_path / "layers.py").write_text("UNITS = 9  # edited\n")
    assert prepared(reference).layers[1].units == 9


def test_the_digest_moves_with_the_file_and_what_it_imports_from_its_folder(
    file: File, tmp_path: Path
) -> None:
    (tmp_path / "layers.py").write_text("UNITS = 7\n")
    (tmp_path / "other.py").write_text("")
    digests = [own_digest(file("from layers import UNITS\n" + GOOD))]
    (tmp_path / "layers.py").write_text("UNITS = 8\n")
    digests.append(own_digest("net.py:build"))
    file("from layers import UNITS\n\n" + GOOD)
    digests.append(own_digest("net.py:build"))
    assert len(set(digests)) == 3

    (tmp_path / "other.py").write_text("EDITED = True\n")
    assert own_digest("net.py:build") == digests[-1]


def test_mixed_precision_stays_with_the_network_that_asks_for_it(file: File) -> None:
    reference = file(
        GOOD.replace(
            "    return keras",
            '    keras.mixed_precision.set_global_policy("mixed_float16")\n'
            "    return keras",
        )
    )
    model = prepared(reference)
    assert isinstance(model.optimizer, keras.optimizers.LossScaleOptimizer)
    assert keras.config.dtype_policy().name == "float32"


@pytest.mark.parametrize(
    ("content", "settings", "message"),
    [
        (HEAD + "    return 3\n", {}, "expected it to return a keras.Model, found int"),
        (
            HEAD + "    raise ValueError('no\\nway')\n",
            {},
            "ValueError: no way (net.py, line 5)",
        ),
        (GOOD.replace("len(task.classes)", "3"), {}, "expected the output [None, 4]"),
        (
            GOOD.replace(', activation="softmax"', ""),
            {},
            "expected probabilities, 0 or more and 1 in sum",
        ),
        (
            GOOD.replace("build(task, settings)", "build(task)"),
            {},
            "TypeError: build() takes 1 positional argument but 2 were given",
        ),
        (
            COMPILED.replace("{}", 'loss="sparse_categorical_crossentropy"')
            + "    return model\n",
            {},
            'expected metrics=["accuracy"] in its call of compile, found loss',
        ),
        (
            COMPILED.replace(
                "{}", 'loss="sparse_categorical_crossentropy", run_eagerly=True'
            )
            + "    return model\n",
            {},
            "run_eagerly: expected False",
        ),
        (
            COMPILED.replace("{}", 'loss="mse", metrics=["accuracy"]')
            + "    return model\n",
            {"optimizer": "SGD"},
            "training.optimizer: expected no such setting",
        ),
    ],
)
def test_what_cannot_be_used_gets_one_line(
    file: File, content: str, settings: dict[str, object], message: str
) -> None:
    with pytest.raises(BadInputError) as caught:
        prepared(file(content), **settings)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (
            {"class_weights": {"disk": 2.0}},
            "training.class_weights: disk: expected names of classes: disc, square",
        ),
        (
            {"early_stopping": 2, "optimizer_options": {"use_ema": True}},
            "training.early_stopping: expected none with use_ema",
        ),
        ({"optimizer_options": {"ema_momentum": 7, "use_ema": True}}, "Adam: "),
    ],
)
def test_settings_that_do_not_fit_get_one_line(
    settings: dict[str, object], message: str
) -> None:
    with pytest.raises(BadInputError) as caught:
        prepared("mlp", **settings)
    assert message in str(caught.value)


@pytest.mark.parametrize("name", ["mlp", "cnn"])
def test_keras_alone_loads_what_is_saved(name: str, tmp_path: Path) -> None:
    """The saved file contains no class of this package."""
    path = os.path.join(tmp_path, "model.keras")
    model = prepared(name)
    model.save(path)
    images = np.zeros((2, *tasks.SHAPES.shape), np.float32)
    np.testing.assert_array_equal(
        keras.saving.load_model(path)(images), model(images, training=False)
    )
