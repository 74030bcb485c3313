"""Measures the same run with several times the data.

MNIST is repeated, and each copy is shifted cyclically by another number of columns. So
the records differ, and no compression, cache or sketch profits from equal records.
"""

import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import psutil

from benchmarks.pipeline.inputs import arrays
from benchmarks.pipeline.measurements import Grown
from benchmarks.pipeline.process import run
from benchmarks.pipeline.runlog import spans
from components.image_example_gen import idx
from components.image_example_gen.source import open_source

_LEFT = re.compile(r"Pause .* \d+M->(\d+)M\(")
"""Matches Java's garbage collection log: MB of the heap that a collection left."""


def write(data: Path, times: int, folder: Path) -> int:
    """Writes the data set `times` times as IDX files; returns the number of images.

    Raises:
        BadInputError: The data set cannot be used.
    """
    source = open_source(str(data))
    folder.mkdir()
    written = 0
    for part, stem in ((source.train, "train"), (source.test, "t10k")):
        images, labels = arrays(part)
        copies = np.empty((times, *images.shape), np.uint8)
        for copy in range(times):
            copies[copy] = np.roll(images, copy, axis=2)
        # All copies of a row follow each other, so that every split has the same mix.
        in_turn = copies.swapaxes(0, 1).reshape(-1, *images.shape[1:])
        idx.write(str(folder / f"{stem}-images-idx3-ubyte"), in_turn)
        idx.write(str(folder / f"{stem}-labels-idx1-ubyte"), np.repeat(labels, times))
        written += len(in_turn)
    return written


def measure(
    data: Path,
    times: int,
    folder: Path,
    config: Path | None,
    servers: Mapping[str, int],
) -> Grown:
    """Runs `local_runner.py` for one epoch on the data, repeated `times` times.

    Raises:
        BrokenError: The run failed.
    """
    grown = folder / "data"
    images = write(data, times, grown)
    output = folder / "output"
    command = [
        *(sys.executable, "-W", "ignore", "local_runner.py", "--model=grown"),
        f"--data={grown}",
        f"--output={output}",
        "--epochs=1",
        # Low bounds: one epoch trains little, and some digits cross the frame's edge.
        *("--min-accuracy=0.5", "--min-class-accuracy=0.2"),
        *([] if config is None else [f"--config={config}"]),
    ]
    collections = {
        name: _log_collections(pid, folder / f"{name}.collections")
        for name, pid in servers.items()
        if psutil.Process(pid).name() == "java"
    }
    usage = run(command, folder / "run.log", servers=servers)
    [log] = (output / "runs").glob("*/run.log")
    with log.open(errors="replace") as lines:
        found = spans(lines)
    return Grown(
        images=images,
        seconds=usage.seconds,
        components={span.node: span.seconds for span in found},
        peaks_mb=usage.peaks,
        live_mb={name: live_mb(path) for name, path in collections.items()},
    )


def _log_collections(pid: int, path: Path) -> Path:
    """Makes a Java process log its garbage collections to a file."""
    command = ["jcmd", str(pid), "VM.log", f"output={path}", "what=gc"]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return path


def live_mb(collections: Path) -> float:
    """Returns the largest heap that a collection left, in MB; 0 without collections."""
    text = collections.read_text()
    return float(max(map(int, _LEFT.findall(text)), default=0))
