"""Computes statistics with TFX's executor, or with TFDV's combiners on one machine.

A profile shows that Beam takes half of the time of TFX's executor on one machine: it
builds, translates and pickles a graph for each split, and copies rows between stages.
"""

import os
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pyarrow as pa
from tensorflow_data_validation import StatsOptions

# The combiners are not public. The functions used here are the same in TFDV 1.16 and
# 1.21, and tests/components/statistics_gen checks that their results are equal to those
# of TFDV's public `GenerateStatistics`.
from tensorflow_data_validation.statistics import stats_impl
from tensorflow_metadata.proto.v0 import schema_pb2, statistics_pb2
from tfx import types
from tfx.components.statistics_gen import executor
from tfx.dsl.io import fileio
from tfx.types import artifact_utils
from tfx.types.standard_component_specs import STATS_OPTIONS_JSON_KEY
from tfx.utils import io_utils, json_utils
from tfx_bsl.coders.example_coder import ExamplesToRecordBatchDecoder

from components.beam import in_process
from components.executing import single
from components.image_example_gen.examples import read_serialized
from contract import nodes

_BATCH_VALUES = 1_000_000
"""Maximum number of values in a batch: 8 MB, or 1,275 rows of MNIST."""

_MOST_BATCH_ROWS = 1_000
"""Maximum number of rows in a batch. For MNIST, batches of 300 or of 5,000 rows take a
quarter longer."""

_EXACT_CATEGORIES = 1_000
"""Maximum number of categories without Beam. TFDV then counts the most frequent values
with a sketch that is exact up to 1,024 values
(`stats_impl._DEFAULT_MG_SKETCH_SIZE`); with Beam it sorts all values."""


class Executor(executor.Executor):
    """Writes TFDV's statistics of each split."""

    def Do(
        self,
        input_dict: dict[str, list[types.Artifact]],
        output_dict: dict[str, list[types.Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Writes the `statistics` artifact; see `StatisticsGen`."""
        inputs = single(input_dict)
        schema = io_utils.SchemaReader().read(
            io_utils.get_only_uri_in_dir(inputs[nodes.SCHEMA].uri)
        )
        domains = [feature.int_domain for feature in schema.feature]
        most = max(domain.max for domain in domains if domain.is_categorical)
        if most >= _EXACT_CATEGORIES or not in_process(self._beam_pipeline_args):
            super().Do(input_dict, output_dict, exec_properties)
            return
        self._log_startup(input_dict, output_dict, exec_properties)
        examples = inputs[nodes.EXAMPLES]
        statistics = single(output_dict)[nodes.STATISTICS]
        splits = artifact_utils.decode_split_names(examples.split_names)
        _describe(statistics, examples, splits)
        batch_rows = _batch_rows(schema)
        options = exec_properties.get(STATS_OPTIONS_JSON_KEY)
        kept = StatsOptions.from_json(options).feature_allowlist if options else None
        # One thread for all splits: each has memory of its own, which it does not give
        # back (an arena of glibc's malloc, 40 MB for MNIST).
        with ThreadPoolExecutor(1) as decoder:
            for split in splits:
                folder = artifact_utils.get_split_uri([examples], split)
                rows = _decoded(folder, batch_rows, decoder)
                if kept is not None:
                    rows = (_of_features(batch, kept) for batch in rows)
                found = combine(rows, schema)
                folder = artifact_utils.get_split_uri([statistics], split)
                fileio.makedirs(folder)
                path = os.path.join(folder, executor.DEFAULT_FILE_NAME)
                with fileio.open(path, "wb") as stream:
                    stream.write(found.SerializeToString())


def combine(
    batches: Iterable[pa.RecordBatch], schema: schema_pb2.Schema
) -> statistics_pb2.DatasetFeatureStatisticsList:
    """Returns TFDV's statistics of rows, with one batch in memory at a time.

    Args:
        batches: Batches with a list column for each feature, as tfx_bsl decodes
            tf.Examples.
        schema: Schema that tells which integers are categories.
    """
    generators = stats_impl.get_generators(StatsOptions(schema=schema), in_memory=True)
    partial: list[Any] = []
    for batch in batches:
        partial = [
            generator.add_input(accumulator, batch)
            for generator, accumulator in zip(
                generators,
                partial or [each.create_accumulator() for each in generators],
                strict=True,
            )
        ]
    if not partial:
        # The result of TFX's executor for a split without rows.
        return statistics_pb2.DatasetFeatureStatisticsList(
            datasets=[statistics_pb2.DatasetFeatureStatistics()]
        )
    return stats_impl.extract_statistics_output(partial, generators)


def _decoded(
    split_uri: str, rows: int, thread: ThreadPoolExecutor
) -> Iterator[pa.RecordBatch]:
    """Yields a split in batches; each is decoded while the one before it is used.

    TFXIO decodes with the same decoder, but its reader passes each record from one
    thread to another, which takes a third of the time of StatisticsGen.

    Args:
        split_uri: Folder of the split.
        rows: Maximum number of rows in a batch.
        thread: Reads and decodes, in C++ code that releases Python's lock.
    """
    serialized = read_serialized(split_uri).batch(rows).as_numpy_iterator()
    decoder = ExamplesToRecordBatchDecoder()

    def following() -> pa.RecordBatch | None:
        batch = next(serialized, None)
        return None if batch is None else decoder.DecodeBatch(batch)

    ahead = thread.submit(following)
    while (batch := ahead.result()) is not None:
        ahead = thread.submit(following)
        yield batch


def _of_features(batch: pa.RecordBatch, names: Sequence[str]) -> pa.RecordBatch:
    found = {
        name: column
        for name, column in zip(batch.schema.names, batch.columns, strict=True)
        if name in names
    }
    return pa.RecordBatch.from_arrays([*found.values()], [*found])


def _batch_rows(schema: schema_pb2.Schema) -> int:
    values = sum(
        int(np.prod([dim.size for dim in feature.shape.dim]))
        for feature in schema.feature
    )
    return max(1, min(_MOST_BATCH_ROWS, _BATCH_VALUES // values))


def _describe(
    statistics: types.Artifact, examples: types.Artifact, splits: Sequence[str]
) -> None:
    """Sets the properties that TFX's executor sets."""
    statistics.split_names = artifact_utils.encode_split_names(splits)
    statistics.span = examples.span
    statistics.set_string_custom_property(executor.STATS_DASHBOARD_LINK, "")
    statistics.set_json_value_custom_property(
        executor.SAMPLE_RATE_BY_SPLIT_PROPERTY_NAME,
        json_utils.dumps(dict.fromkeys(splits, 1.0)),
    )
