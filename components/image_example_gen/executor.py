"""Streams a data set into sharded, gzipped TFRecords of tf.Examples."""

import json
import os
from dataclasses import dataclass
from typing import Any

import numpy as np
from tfx import types
from tfx.proto import example_gen_pb2
from tfx.types import artifact_utils
from tfx.utils import io_utils

from components.executing import Artifacts, BaseExecutor
from components.image_example_gen import splitting
from components.image_example_gen.duplicates import SPLIT_FILE, Hashes
from components.image_example_gen.examples import Rows, SplitWriter
from components.image_example_gen.hints import Hints
from components.image_example_gen.source import Source, open_source
from components.image_example_gen.understanding import understand
from contract import nodes, properties
from contract.errors import BadInputError
from contract.features import SPLITS
from contract.task import TASK_FILE, Task

SOURCE_KEY = "source"
FINGERPRINT_KEY = properties.FINGERPRINT
HINTS_KEY = "hints"
EVAL_FRACTION_KEY = "eval_fraction"
TEST_FRACTION_KEY = "test_fraction"
SPLIT_KEY = "split"
SPLIT_SEED_KEY = "split_seed"
SHARD_ROWS_KEY = "shard_rows"


class Executor(BaseExecutor):
    """Reads the source, writes its splits and records their properties."""

    def run(
        self, inputs: Artifacts, outputs: Artifacts, parameters: dict[str, Any]
    ) -> None:
        """Writes the `examples` artifact; see `ImageExampleGen` for the properties.

        Raises:
            BadInputError: The source cannot be used, or does not have the expected
                fingerprint.
        """
        hints = Hints.from_dict(json.loads(parameters[HINTS_KEY]))
        source = open_source(parameters[SOURCE_KEY], hints)
        examples = outputs[nodes.EXAMPLES]

        settings = splitting.Settings(
            parameters[SPLIT_KEY],
            parameters[SPLIT_SEED_KEY],
            parameters[EVAL_FRACTION_KEY],
            parameters[TEST_FRACTION_KEY],
        )
        written = write_splits(
            source, examples.uri, settings, parameters[SHARD_ROWS_KEY]
        )
        announced = parameters.get(FINGERPRINT_KEY)
        if announced and announced != written.fingerprint:
            raise BadInputError(
                f"{parameters[SOURCE_KEY]}: changed while the run was going on: "
                f"expected content {announced[:12]}..., found "
                f"{written.fingerprint[:12]}..."
            )
        task = understand(source, hints, written.fingerprint)
        io_utils.write_string_file(
            os.path.join(examples.uri, TASK_FILE), task.to_json()
        )
        io_utils.write_string_file(
            os.path.join(examples.uri, SPLIT_FILE),
            json.dumps(
                _split_content(written, settings, task), indent=2, ensure_ascii=False
            )
            + "\n",
        )
        _set_properties(examples, source, written)


@dataclass(frozen=True)
class Written:
    """Facts about the written splits.

    Attributes:
        fingerprint: Fingerprint of the source.
        assignment: The split of each row.
        by_class: Rows of each class, by split; int64 `[classes]`.
        duplicates: Number of test rows whose image is also in the training part.
        pairs: Some of these duplicates by name; see `Hashes.pairs`.
        spans: Name, rows and fingerprint of each span; empty for data without spans.
    """

    fingerprint: str
    assignment: splitting.Assignment
    by_class: dict[str, np.ndarray]
    duplicates: int
    pairs: list[dict[str, str]]
    spans: list[dict[str, Any]]


def _split_content(
    written: Written, settings: splitting.Settings, task: Task
) -> dict[str, Any]:
    """Returns the content of `SPLIT_FILE`."""
    return {
        "how": written.assignment.how,
        "why": written.assignment.why,
        "seed": settings.seed,
        "test_fraction": settings.test_fraction,
        "eval_fraction": settings.eval_fraction,
        **({"spans": written.spans} if written.spans else {}),
        "rows": {
            name: dict(zip(task.classes, counts.tolist(), strict=True))
            for name, counts in written.by_class.items()
        },
        "test_rows_in_training": written.duplicates,
        "duplicates": written.pairs,
    }


def _set_properties(examples: types.Artifact, source: Source, written: Written) -> None:
    """Sets TFX's own properties of an Examples artifact, and ours."""
    if source.spans:
        examples.span = source.spans[-1].number
        examples.version = source.spans[-1].version or 0
    examples.split_names = artifact_utils.encode_split_names(list(SPLITS))
    # TFX's readers get the format from these properties
    # (tfx/components/util/examples_utils.py).
    examples.set_string_custom_property(
        "payload_format",
        example_gen_pb2.PayloadFormat.Name(
            example_gen_pb2.PayloadFormat.FORMAT_TF_EXAMPLE
        ),
    )
    examples.set_string_custom_property("file_format", "tfrecords_gzip")
    examples.set_string_custom_property(FINGERPRINT_KEY, written.fingerprint)
    counts = {name: int(rows.sum()) for name, rows in written.by_class.items()}
    examples.set_string_custom_property(properties.COUNTS, json.dumps(counts))
    examples.set_int_custom_property(
        properties.TEST_ROWS_IN_TRAINING, written.duplicates
    )


def write_splits(
    source: Source, folder: str, settings: splitting.Settings, shard_rows: int
) -> Written:
    """Writes `<folder>/Split-<split>/data_tfrecord-*.gz` for all splits."""
    assignment, by_class = source.split(settings)
    writers = [
        SplitWriter(
            os.path.join(folder, f"Split-{split}"),
            int(by_class[split].sum()),
            shard_rows,
        )
        for split in SPLITS
    ]
    content = source.new_fingerprint()
    hashes = Hashes()
    try:
        for part in source.parts:
            content.start(part)
            start = 0
            for images, of_block in source.blocks(part):
                content.add(images, of_block)
                codes = assignment.rows[part][start : start + len(images)]
                start += len(images)
                hashes.add(part, images)
                for code, writer in enumerate(writers):
                    chosen = codes == code
                    if chosen.all():
                        writer.write(Rows(images, of_block))
                    elif chosen.any():
                        writer.write(Rows(images[chosen], of_block[chosen]))
    finally:
        for writer in writers:
            writer.close()
    return Written(
        content.hexdigest(),
        assignment,
        by_class,
        hashes.test_rows_in_training(assignment.rows),
        hashes.pairs(assignment.rows, source.name_of),
        [
            {"span": span.name, "rows": len(assignment.rows[part]), "fingerprint": own}
            for span, (part, own) in zip(
                source.spans, content.by_part().items(), strict=True
            )
        ]
        if source.spans
        else [],
    )
