"""The same run with several times the data.

MNIST is repeated, each copy moved round by another number of columns, so that the
records differ and no compression, cache or sketch profits from their being the same.
"""

import sys
from pathlib import Path

import numpy as np

from benchmarks.pipeline import cluster
from benchmarks.pipeline.measurements import Grown
from benchmarks.pipeline.process import run
from benchmarks.pipeline.runlog import spans
from components.image_example_gen import idx
from components.image_example_gen.source import Part, open_source


def write(data: Path, times: int, folder: Path) -> int:
    """Writes the data set `times` over as IDX files; returns the number of images.

    Raises:
        BadInputError: The data set is not usable.
    """
    source = open_source(str(data))
    folder.mkdir()
    written = 0
    for part, stem in ((source.train, "train"), (source.test, "t10k")):
        images, labels = _arrays(part)
        copies = np.empty((times, *images.shape), np.uint8)
        for copy in range(times):
            copies[copy] = np.roll(images, copy, axis=2)
        # Row by row, all copies of it: every split has the same mixture.
        in_turn = copies.swapaxes(0, 1).reshape(-1, *images.shape[1:])
        idx.write(str(folder / f"{stem}-images-idx3-ubyte"), in_turn)
        idx.write(str(folder / f"{stem}-labels-idx1-ubyte"), np.repeat(labels, times))
        written += len(in_turn)
    return written


def _arrays(part: Part) -> tuple[np.ndarray, np.ndarray]:
    images, labels = zip(*part.blocks(), strict=True)
    return np.concatenate(images), np.concatenate(labels)


def measure(data: Path, times: int, workers: int, folder: Path) -> Grown:
    """Runs `local_runner.py` on the data repeated so many times, for one epoch.

    Args:
        data: The data set.
        times: How often it is repeated.
        workers: Of a Flink that is started for it; 0 is Beam in the run's own process.
        folder: Empty; everything is written there.

    Raises:
        CommandError: The run failed.
    """
    grown = folder / "data"
    images = write(data, times, grown)
    output = folder / "output"
    command = [
        *(sys.executable, "-W", "ignore", "local_runner.py", "--name=grown"),
        f"--data={grown}",
        f"--output={output}",
        "--epochs=1",
        # Of a model that has seen so little, and digits at the frame's edge.
        *("--min-accuracy=0.5", "--min-class-accuracy=0.2"),
    ]
    if workers:
        with cluster.started(workers, folder) as servers:
            command += cluster.flags(workers)
            usage = run(command, folder / "run.log", servers=servers)
        live = cluster.live_mb(folder)
    else:
        usage = run(command, folder / "run.log")
        live = {}
    [log] = (output / "runs").glob("*/run.log")
    with log.open(errors="replace") as lines:
        found = spans(lines)
    return Grown(
        images=images,
        seconds=usage.seconds,
        components={span.node: span.seconds for span in found},
        peaks_mb=usage.peaks,
        live_mb=live,
    )
