"""What a run says before it begins."""

import json
from pathlib import Path

import numpy as np
import pytest

from pipeline.config import load_config
from runner.datasets import resolve
from runner.one_run import _of_split
from runner.workspace import Workspace

SAME = {"how": "content", "seed": 1, "test_fraction": 0.2}


@pytest.mark.parametrize(
    ("split", "is_told"),
    [
        (SAME, False),
        ({**SAME, "spans": ["6"]}, False),
        ({**SAME, "seed": 2}, True),
        ({**SAME, "test_fraction": 0.1}, True),
        ({"how": "stratified", "seed": 1, "test_fraction": 0.2}, True),
        (None, True),
    ],
)
def test_a_champion_that_may_know_test_rows_is_told(
    tmp_path: Path, split: dict[str, object] | None, is_told: bool
) -> None:
    images = np.random.default_rng(0).integers(0, 256, (40, 3, 3)).astype(np.uint8)
    np.savez(tmp_path / "7.npz", x=images, y=np.arange(40) % 2)
    version = tmp_path / "output" / "models" / "scans" / "3"
    version.mkdir(parents=True)
    (version / "saved_model.pb").touch()
    (version / "manifest.json").write_text(json.dumps({"version": 3, "split": split}))
    config = load_config(
        settings=[f"data.path={tmp_path}/{{SPAN}}.npz", "data.name=scans"]
    )
    dataset = resolve(config.data, str(tmp_path))
    note = _of_split(config, dataset, Workspace(str(tmp_path / "output")))
    assert note.startswith("version 3 was trained with another split") == is_told
