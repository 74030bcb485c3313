"""Fixtures of the components' tests: real digits, and TFX's artifacts."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tensorflow_metadata.proto.v0 import schema_pb2

from components.image_example_gen import digits
from components.task_schema_gen.schema import complete, parse_judgement
from pipeline.schema import judgement
from tests.components.datasets import Dataset, Examples


@pytest.fixture(scope="session")
def all_digits(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """The embedded data set: 1,437 images to train on and 360 to test on."""
    return Dataset.embedded(tmp_path_factory.mktemp("digits") / "idx")


@pytest.fixture(scope="session")
def dataset(all_digits: Dataset) -> Dataset:
    """Few real digits: 50 to train on, 20 to test on."""
    return Dataset(
        all_digits.train_images[:50],
        all_digits.train_labels[:50],
        all_digits.test_images[:20],
        all_digits.test_labels[:20],
    )


@pytest.fixture
def artifact(tmp_path: Path) -> Callable[..., Any]:
    """Returns a function that makes a TFX artifact with its own folder.

    Its arguments are the type, the names of the splits and the custom properties.
    """

    def make(
        kind: type, splits: list[str] | None = None, **properties: str | int
    ) -> Any:
        made = kind()
        made.uri = str(tmp_path / "artifacts" / f"{len(uris)}-{kind.__name__}")
        Path(made.uri).mkdir(parents=True)
        uris.append(made.uri)
        if splits is not None:
            # The form of artifact_utils.encode_split_names.
            made.split_names = "[" + ", ".join(f'"{s}"' for s in splits) + "]"
        for name, value in properties.items():
            if isinstance(value, int):
                made.set_int_custom_property(name, value)
            else:
                made.set_string_custom_property(name, value)
        return made

    uris: list[str] = []
    return make


@pytest.fixture(scope="session")
def schema() -> schema_pb2.Schema:
    """The pipeline's own schema for the digits."""
    return complete(parse_judgement(judgement(), "schema.pbtxt"), digits.TASK)


@pytest.fixture
def store(
    artifact: Callable[..., Any], schema: schema_pb2.Schema
) -> Callable[..., Any]:
    """Returns a function that stores statistics or anomalies as StatisticsGen does.

    Its arguments are the type of either, statistics by split and custom properties.
    """
    # Imported here, as the tests of some components do without TensorFlow.
    import tensorflow_data_validation as tfdv
    from tfx.types import standard_artifacts

    def store(kind: type, statistics: dict[str, Any], **properties: str) -> Any:
        stored = artifact(kind, splits=list(statistics), **properties)
        for split, of_split in statistics.items():
            folder = Path(stored.uri, f"Split-{split}")
            folder.mkdir()
            if kind is standard_artifacts.ExampleAnomalies:
                found = tfdv.validate_statistics(of_split, schema)
                (folder / "SchemaDiff.pb").write_bytes(found.SerializeToString())
            else:
                content = of_split.SerializeToString()
                (folder / "FeatureStats.pb").write_bytes(content)
        return stored

    return store


@pytest.fixture(scope="session")
def describe(schema: schema_pb2.Schema) -> Callable[[Examples], Any]:
    """Returns the statistics of examples, as StatisticsGen makes them."""
    # Imported here, as the tests of some components do without TensorFlow.
    import tensorflow as tf
    import tensorflow_data_validation as tfdv
    from tensorflow_data_validation.statistics import stats_impl
    from tfx_bsl.coders.example_coder import ExamplesToRecordBatchDecoder

    def describe(examples: Examples) -> Any:
        # A batch needs columns, which a split without examples does not have.
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
    """Returns a function that makes examples of the digits in some rows, or of 200."""
    import tensorflow as tf

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
