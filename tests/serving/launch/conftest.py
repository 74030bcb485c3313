"""Fixtures of the tests of ``make serve``: pushed models, and programs on a PATH."""

from collections.abc import Callable
from pathlib import Path

import pytest

from serving.client.protocol import SavedModel


def push(models: Path, name: str, version: str, tensorflow: str = "2.16.2") -> None:
    """Writes a SavedModel where the pipeline would push it."""
    saved = SavedModel()
    saved.meta_graphs.add().meta_info_def.tensorflow_version = tensorflow
    folder = models / name / version
    folder.mkdir(parents=True)
    (folder / "saved_model.pb").write_bytes(saved.SerializeToString())


def server_binary(library: str) -> str:
    """A script that answers --version as tensorflow_model_server does."""
    return (
        f"[ \"$1\" = --version ] && echo 'TensorFlow ModelServer: 2.16.1-rc1' && "
        f"echo 'TensorFlow Library: {library}'; exit 0"
    )


@pytest.fixture
def models(tmp_path: Path) -> Path:
    """A folder with one pushed model."""
    push(tmp_path / "models", "mnist", "1700000000")
    return tmp_path / "models"


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str], Path]:
    """Returns a function that puts programs on a separate PATH."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))

    def program(name: str, script: str) -> Path:
        file = folder / name
        file.write_text(f'#!/bin/sh\necho "$@" >> {folder}/{name}.log\n{script}\n')
        file.chmod(0o755)
        return file

    return program
