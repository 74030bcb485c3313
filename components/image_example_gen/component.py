"""Declares the component `ImageExampleGen`."""

import json
from dataclasses import asdict
from typing import Any

from tfx.types import standard_artifacts

from components.declaration import Component
from components.image_example_gen import executor
from components.image_example_gen.hints import Hints
from contract import nodes


class ImageExampleGen(Component):
    """Turns labelled images into the splits train, eval and test.

    It caches by content without a custom driver, because Kubeflow ignores drivers. The
    runner passes the data's fingerprint as a parameter, which is part of the cache key,
    and the executor checks that the content has this fingerprint.

    Parameters:
    - `source`: folder or file with the images, see `open_source`.
    - `fingerprint`: expected fingerprint of the content; empty if it is not known
      beforehand (do not cache this node then).
    - `eval_fraction`: share of the training part that is held out as `eval`.
    - `test_fraction`: share of all rows for `test`, if the data has no test part.
    - `split`: how rows are split, see `splitting.assign`.
    - `split_seed`: seed of a stratified split.
    - `shard_rows`: maximum number of examples in one file.

    Output `examples`: gzipped TFRecords of tf.Example, see `contract.features`;
    `task.json`, see `contract.task`; and `split.json` (how the rows were split, and the
    rows of each class by split). Custom properties: `fingerprint` (SHA-256 of the
    content, the same for every file format), `counts` (JSON, examples by split),
    `split` (JSON) and `test_rows_in_training` (number of exact duplicates).
    """

    EXECUTOR = executor.Executor
    PARAMETERS = {
        executor.SOURCE_KEY: str,
        executor.FINGERPRINT_KEY: str,
        executor.HINTS_KEY: str,
        executor.EVAL_FRACTION_KEY: float,
        executor.TEST_FRACTION_KEY: float,
        executor.SPLIT_KEY: str,
        executor.SPLIT_SEED_KEY: int,
        executor.SHARD_ROWS_KEY: int,
    }
    OUTPUTS = {nodes.EXAMPLES: standard_artifacts.Examples}
    DEFAULTS = {
        executor.FINGERPRINT_KEY: "",
        executor.EVAL_FRACTION_KEY: 0.2,
        executor.TEST_FRACTION_KEY: 0.2,
        executor.SPLIT_KEY: "auto",
        executor.SPLIT_SEED_KEY: 1,
        executor.SHARD_ROWS_KEY: 12_000,
    }

    def __init__(self, hints: Hints | None = None, **given: Any) -> None:
        text = json.dumps(asdict(hints or Hints()), ensure_ascii=False)
        super().__init__(**given, **{executor.HINTS_KEY: text})
