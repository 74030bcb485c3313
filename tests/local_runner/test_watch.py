"""Runs start automatically with the real pipeline, on spans of the digits."""

import json
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
from sklearn.datasets import load_digits

from tests.local_runner.conftest import REPOSITORY

SETTINGS = (
    *("data.window=2", "watch.settle_seconds=0", "watch.poll_seconds=0.2"),
    *("watch.tries=1", "training.epochs=4", "training.warm_start=true"),
    *("gates.min_accuracy=0.5", "gates.min_class_accuracy=0"),
)


def write(folder: Path, number: int) -> None:
    """Writes a span of 300 digits in one step."""
    digits = load_digits()
    rows = np.random.default_rng(0).permutation(len(digits.target))
    chosen = rows[number * 300 : (number + 1) * 300]
    images = (digits.images * 15.9).astype(np.uint8)
    beside = folder / "beside.npz"
    np.savez(beside, x=images[chosen], y=digits.target[chosen])
    beside.rename(folder / f"{number}.npz")


def test_each_span_becomes_a_version_and_garbage_is_set_aside(tmp_path: Path) -> None:
    incoming, output = tmp_path / "in", tmp_path / "out"
    incoming.mkdir()
    write(incoming, 1)
    watcher = subprocess.Popen(
        [
            *(sys.executable, str(REPOSITORY / "local_runner.py"), "watch"),
            *("--data", f"{incoming}/{{SPAN}}.npz", "--output", str(output)),
            *(part for one in SETTINGS for part in ("--set", one)),
        ],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert watcher.stdout is not None
    lines = (line for line in watcher.stdout if "run" in line)
    assert "run 1: span 1 complete; reads 1" in next(lines)
    assert "run 1: pushed" in next(lines)
    (incoming / "2.npz").write_bytes(b"garbage")
    assert "run 2: span 2 complete; reads 1, 2" in next(lines)
    assert "run 2: bad input" in next(lines)
    write(incoming, 3)
    assert "run 3: span 3 complete; reads 1, 3" in next(lines)
    assert "run 3: pushed" in next(lines)
    watcher.send_signal(signal.SIGTERM)
    assert watcher.wait(10) == 143

    manifests = sorted((output / "models" / "in").glob("*/manifest.json"))
    first, second = (json.loads(path.read_text()) for path in manifests)
    assert first["split"]["spans"] == ["1"]
    assert second["split"]["spans"] == ["1", "3"]
    of_first = f"from the weights of version {first['version']}"
    assert second["training"]["warm_start"] == of_first
