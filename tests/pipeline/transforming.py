"""Transform outputs made directly with TensorFlow Transform."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import apache_beam as beam
import numpy as np
import tensorflow_transform as tft
import tensorflow_transform.beam as tft_beam
from tensorflow_transform.tf_metadata import dataset_metadata

from components.task_schema_gen.schema import complete, parse_judgement
from contract.features import IMAGE, LABEL
from contract.task import Task
from pipeline.beam import Beam
from pipeline.schema import judgement


def analyze(
    preprocessing_fn: Callable[[dict[str, Any]], dict[str, Any]],
    task: Task,
    folder: Path,
) -> tft.TFTransformOutput:
    """Writes the output of TFX's Transform for a task's curated schema."""
    schema = complete(parse_judgement(judgement(), "schema.pbtxt"), task)
    metadata = dataset_metadata.DatasetMetadata(schema)
    # The rows have no influence, as the preprocessing has no analyzers.
    rows = [{IMAGE: np.zeros(task.shape, np.int64), LABEL: [0]}]
    with (
        beam.Pipeline(argv=Beam().pipeline_args()) as pipeline,
        tft_beam.Context(temp_dir=str(folder / "tmp")),
    ):
        raw = pipeline | beam.Create(rows)
        function = (raw, metadata) | tft_beam.AnalyzeDataset(preprocessing_fn)
        function | "transform" >> tft_beam.WriteTransformFn(str(folder))
        metadata | "metadata" >> tft_beam.WriteMetadata(
            str(folder / tft.TFTransformOutput.RAW_METADATA_DIR), pipeline
        )
    return tft.TFTransformOutput(str(folder))
