"""Transform outputs made directly with TensorFlow Transform."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import apache_beam as beam
import tensorflow_transform as tft
import tensorflow_transform.beam as tft_beam
from google.protobuf import text_format
from tensorflow_metadata.proto.v0 import schema_pb2
from tensorflow_transform.tf_metadata import dataset_metadata

from contract.features import IMAGE, IMAGE_SIZE, LABEL
from pipeline.config import Beam
from pipeline.schema import schema_text


def analyze(
    preprocessing_fn: Callable[[dict[str, Any]], dict[str, Any]], folder: Path
) -> tft.TFTransformOutput:
    """Writes what TFX's Transform would for the curated schema."""
    schema = text_format.Parse(schema_text(), schema_pb2.Schema())
    metadata = dataset_metadata.DatasetMetadata(schema)
    # No row is looked at: the preprocessing has no analyzers.
    rows = [{IMAGE: [0] * IMAGE_SIZE, LABEL: [0]}]
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
