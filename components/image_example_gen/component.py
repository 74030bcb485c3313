"""The component: parameters, output."""

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

    It has no driver (Kubeflow ignores them) and still caches by content: the
    runner announces the data's fingerprint, which is part of the cache key, and
    the executor holds the content to it.

    Parameters: `source`, folder or file with the images, see `open_source`;
    `fingerprint`, the content's expected one, empty where it is not known beforehand
    (then do not cache this node); `eval_fraction`, the share of the training part held
    out as `eval`; `test_fraction`, the share of all rows that is `test`, where the data
    has no test part of its own; `split`, how, see `splitting.assign`; `split_seed`, of
    a stratified split; `shard_rows`, most examples in one file.

    Output `examples`: gzipped TFRecords of tf.Example, see `contract.features`, and
    `task.json`, see `contract.task`, and `split.json` (how the rows were split, and the
    rows of each class by split); custom properties `fingerprint` (SHA-256 of the
    content, whatever its wrapping), `counts` (JSON, examples by split), `split` (JSON)
    and `test_rows_in_training` (exact duplicates).
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
