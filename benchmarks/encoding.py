"""What each way of putting an image into a tf.Example costs.

    python -m benchmarks.encoding --data PATH

Writes the training images as gzipped TFRecords in each encoding, and computes
statistics over them as StatisticsGen does: a Beam pipeline in this process. The
last results stand in `contract/features.py`, where the choice is made.
"""

import os
import tempfile
import time
from collections.abc import Callable

import apache_beam as beam
import click
import numpy as np
import tensorflow as tf
import tensorflow_data_validation as tfdv
from apache_beam.options.pipeline_options import PipelineOptions
from rich.console import Console
from rich.table import Table
from tfx_bsl.tfxio import tf_example_record

from components.image_example_gen.example import serialize
from components.image_example_gen.source import open_source
from contract.features import IMAGE, LABEL
from pipeline.config import Beam

Encoder = Callable[[np.ndarray, np.ndarray], list[bytes]]


def _raw_bytes(images: np.ndarray, labels: np.ndarray) -> list[bytes]:
    return [
        _example(image.tobytes(), label)
        for image, label in zip(images, labels, strict=True)
    ]


def _png(images: np.ndarray, labels: np.ndarray) -> list[bytes]:
    return [
        _example(tf.io.encode_png(image[..., np.newaxis]).numpy(), label)
        for image, label in zip(images, labels, strict=True)
    ]


def _example(image: bytes, label: int) -> bytes:
    feature = {
        IMAGE: tf.train.Feature(bytes_list=tf.train.BytesList(value=[image])),
        LABEL: tf.train.Feature(int64_list=tf.train.Int64List(value=[label])),
    }
    example = tf.train.Example(features=tf.train.Features(feature=feature))
    serialized: bytes = example.SerializeToString()
    return serialized


ENCODINGS: dict[str, Encoder] = {
    "784 int64": serialize,
    "784 raw bytes": _raw_bytes,
    "PNG": _png,
}


def measure(encode: Encoder, source: str, folder: str) -> tuple[float, float, float]:
    """Returns (seconds to write, megabytes on disk, seconds of statistics)."""
    path = os.path.join(folder, "examples.gz")
    start = time.perf_counter()
    options = tf.io.TFRecordOptions("GZIP", compression_level=1)
    with tf.io.TFRecordWriter(path, options) as writer:
        for images, labels in open_source(source).train.blocks():
            for record in encode(images, labels):
                writer.write(record)
    written = time.perf_counter()
    records = tf_example_record.TFExampleRecord(path, telemetry_descriptors=["bench"])
    with beam.Pipeline(options=PipelineOptions(Beam().pipeline_args())) as pipeline:
        _ = (
            pipeline
            | records.BeamSource()
            | tfdv.GenerateStatistics(tfdv.StatsOptions())
            | tfdv.WriteStatisticsToBinaryFile(os.path.join(folder, "statistics.pb"))
        )
    done = time.perf_counter()
    return written - start, os.path.getsize(path) / 1e6, done - written


@click.command()
@click.option("--data", required=True, help="Folder with IDX files, or an npz.")
@click.option("--rounds", default=3, show_default=True, help="Medians of so many.")
def main(data: str, rounds: int) -> None:
    """Measure every encoding, in turn, several times."""
    table = Table("encoding", "write", "on disk", "statistics")
    results: dict[str, list[tuple[float, float, float]]] = {n: [] for n in ENCODINGS}
    for _ in range(rounds):
        for name, encode in ENCODINGS.items():
            with tempfile.TemporaryDirectory() as folder:
                results[name].append(measure(encode, data, folder))
    for name, measured in results.items():
        write, size, statistics = np.median(measured, axis=0)
        table.add_row(name, f"{write:.1f} s", f"{size:.1f} MB", f"{statistics:.1f} s")
    Console().print(table)


if __name__ == "__main__":
    main()
