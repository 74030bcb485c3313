"""Statistics of real digits, made as StatisticsGen makes them, without Beam."""

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_data_validation as tfdv
from tensorflow_data_validation.statistics import stats_impl
from tensorflow_metadata.proto.v0 import schema_pb2
from tfx_bsl.coders.example_coder import ExamplesToRecordBatchDecoder

from tests.components.datasets import Dataset

Examples = list[tf.train.Example]


@pytest.fixture(scope="session")
def describe(schema: schema_pb2.Schema) -> Callable[[Examples], Any]:
    """Returns the statistics of examples."""

    def describe(examples: Examples) -> Any:
        # A batch needs columns; of no examples there are none.
        rows = examples or [tf.train.Example()]
        batch = ExamplesToRecordBatchDecoder().DecodeBatch(
            [row.SerializeToString() for row in rows]
        )
        return stats_impl.generate_statistics_in_memory(
            batch.slice(0, len(examples)), tfdv.StatsOptions(schema=schema)
        )

    return describe


@pytest.fixture(scope="session")
def make_examples(all_digits: Dataset) -> Callable[..., Examples]:
    """Makes examples of the digits in some rows, or of the first 200."""

    def make(rows: Iterable[int] = range(200), invert: bool = False) -> Examples:
        examples = []
        for row in rows:
            example = tf.train.Example()
            image = all_digits.train_images[row].ravel().astype(np.int64)
            feature = example.features.feature
            feature["image"].int64_list.value.extend(255 - image if invert else image)
            feature["label"].int64_list.value.append(all_digits.train_labels[row])
            examples.append(example)
        return examples

    return make
