"""Streams a data set into sharded, gzipped TFRecords of tf.Examples."""

import json
import os
from collections.abc import Iterator
from typing import Any

import numpy as np
from tfx import types
from tfx.dsl.components.base import base_executor
from tfx.dsl.io import fileio
from tfx.proto import example_gen_pb2
from tfx.types import artifact_utils
from tfx.utils import io_utils

from components.image_example_gen.examples import Rows, write_records
from components.image_example_gen.source import Fingerprint, Source, open_source
from components.image_example_gen.understanding import Hints, understand
from contract import nodes, properties
from contract.errors import BadInputError
from contract.features import EVAL, SPLITS, TEST, TRAIN
from contract.task import TASK_FILE

SOURCE_KEY = "source"
FINGERPRINT_KEY = properties.FINGERPRINT
HINTS_KEY = "hints"
EVAL_FRACTION_KEY = "eval_fraction"
SHARD_ROWS_KEY = "shard_rows"


class Executor(base_executor.BaseExecutor):
    """Reads the source once, writes the splits, records what it was."""

    def Do(
        self,
        input_dict: dict[str, list[types.Artifact]],
        output_dict: dict[str, list[types.Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Writes the `examples` artifact; see `ImageExampleGen` for the properties.

        Raises:
            BadInputError: The source is not usable, or is not the one whose
                fingerprint was announced.
        """
        self._log_startup(input_dict, output_dict, exec_properties)
        source = open_source(exec_properties[SOURCE_KEY])
        hints = Hints.from_dict(json.loads(exec_properties[HINTS_KEY]))
        examples = artifact_utils.get_single_instance(output_dict[nodes.EXAMPLES])

        fingerprint, counts = write_splits(
            source,
            examples.uri,
            eval_fraction=exec_properties[EVAL_FRACTION_KEY],
            shard_rows=exec_properties[SHARD_ROWS_KEY],
        )
        announced = exec_properties.get(FINGERPRINT_KEY)
        if announced and announced != fingerprint:
            raise BadInputError(
                f"{exec_properties[SOURCE_KEY]}: changed while the run was going on: "
                f"expected content {announced[:12]}..., found {fingerprint[:12]}..."
            )
        task = understand(source, hints, fingerprint)
        io_utils.write_string_file(
            os.path.join(examples.uri, TASK_FILE), task.to_json()
        )

        examples.split_names = artifact_utils.encode_split_names(list(SPLITS))
        # The properties by which TFX's readers know the format
        # (tfx/components/util/examples_utils.py).
        examples.set_string_custom_property(
            "payload_format",
            example_gen_pb2.PayloadFormat.Name(
                example_gen_pb2.PayloadFormat.FORMAT_TF_EXAMPLE
            ),
        )
        examples.set_string_custom_property("file_format", "tfrecords_gzip")
        examples.set_string_custom_property(FINGERPRINT_KEY, fingerprint)
        examples.set_string_custom_property(properties.COUNTS, json.dumps(counts))


def eval_rows(count: int, eval_fraction: float) -> int:
    """Returns how many of the training part's last rows are held out.

    The same rows as Keras' `validation_split`
    (keras/src/trainers/data_adapters/array_slicing.py: `train_validation_split`).

    Raises:
        BadInputError: One of the two splits would be empty.
    """
    held_out = count - int(count * (1 - eval_fraction))
    if not 0 < held_out < count:
        raise BadInputError(
            f"eval fraction: expected one that leaves examples in both splits, "
            f"found {eval_fraction} of {count} rows"
        )
    return held_out


def write_splits(
    source: Source, folder: str, *, eval_fraction: float, shard_rows: int
) -> tuple[str, dict[str, int]]:
    """Writes `<folder>/Split-<split>/data_tfrecord-*.gz` for all splits.

    Args:
        source: What to read, once, in order.
        folder: URI of the examples.
        eval_fraction: Share of the training part's rows, the last ones, that
            goes to the eval split.
        shard_rows: Most examples in one file.

    Returns:
        The source's fingerprint, and the number of examples by split.
    """
    content = Fingerprint()
    counts = {}

    content.start("train")
    rows = _Queue(_hashed(source.train.blocks(), content))
    counts[EVAL] = eval_rows(source.train.count, eval_fraction)
    counts[TRAIN] = source.train.count - counts[EVAL]
    _write_split(folder, TRAIN, counts[TRAIN], shard_rows, rows)
    _write_split(folder, EVAL, counts[EVAL], shard_rows, rows)
    rows.close()

    content.start("test")
    rows = _Queue(_hashed(source.test.blocks(), content))
    counts[TEST] = source.test.count
    _write_split(folder, TEST, counts[TEST], shard_rows, rows)
    rows.close()
    return content.hexdigest(), {split: counts[split] for split in SPLITS}


def _hashed(
    blocks: Iterator[tuple[np.ndarray, np.ndarray]], content: Fingerprint
) -> Iterator[Rows]:
    for images, labels in blocks:
        content.add(images, labels)
        yield Rows(images, labels)


class _Queue:
    """Rows in order, to be taken as many at a time as are wanted."""

    def __init__(self, blocks: Iterator[Rows]) -> None:
        self._blocks = blocks
        self._rest: Rows | None = None

    def take(self, count: int) -> Iterator[Rows]:
        """Yields the next rows, so many in all."""
        while count:
            rows = self._rest or next(self._blocks)
            self._rest = None
            if len(rows) > count:
                self._rest = Rows(rows.images[count:], rows.labels[count:])
                rows = Rows(rows.images[:count], rows.labels[:count])
            yield rows
            count -= len(rows)

    def close(self) -> None:
        """Lets the reader see that nothing follows the rows its header promised."""
        for _ in self._blocks:
            raise AssertionError("a source yields as many rows as it counts")


def _write_split(
    folder: str, split: str, count: int, shard_rows: int, rows: _Queue
) -> None:
    """Writes the next `count` rows as a split."""
    split_folder = os.path.join(folder, f"Split-{split}")
    fileio.makedirs(split_folder)
    shards = -(-count // shard_rows)
    for shard in range(shards):
        name = f"data_tfrecord-{shard:05d}-of-{shards:05d}.gz"
        of_shard = min(shard_rows, count - shard * shard_rows)
        write_records(os.path.join(split_folder, name), rows.take(of_shard))
