"""The component: parameters, output."""

import json

from tfx import types
from tfx.dsl.components.base import base_component, executor_spec
from tfx.types import standard_artifacts
from tfx.types.component_spec import ChannelParameter, ExecutionParameter

from components.image_example_gen import executor
from components.image_example_gen.hints import Hints
from contract import nodes, properties
from contract.code import code_digest


class ImageExampleGenSpec(types.ComponentSpec):
    """What goes in and out of ImageExampleGen."""

    PARAMETERS = {
        executor.SOURCE_KEY: ExecutionParameter(type=str),
        executor.FINGERPRINT_KEY: ExecutionParameter(type=str),
        executor.HINTS_KEY: ExecutionParameter(type=str),
        executor.EVAL_FRACTION_KEY: ExecutionParameter(type=float),
        executor.TEST_FRACTION_KEY: ExecutionParameter(type=float),
        executor.SPLIT_KEY: ExecutionParameter(type=str),
        executor.SPLIT_SEED_KEY: ExecutionParameter(type=int),
        executor.SHARD_ROWS_KEY: ExecutionParameter(type=int),
        properties.CODE: ExecutionParameter(type=str),
    }
    INPUTS: dict[str, ChannelParameter] = {}
    OUTPUTS = {
        nodes.EXAMPLES: ChannelParameter(type=standard_artifacts.Examples),
    }


class ImageExampleGen(base_component.BaseComponent):
    """Turns labelled images into the splits train, eval and test.

    It has no driver (Kubeflow ignores them) and still caches by content: the
    runner announces the data's fingerprint, which is part of the cache key, and
    the executor holds the content to it.

    Output `examples`: gzipped TFRecords of tf.Example, see `contract.features`, and
    `task.json`, see `contract.task`, and `split.json` (how the rows were split, and the
    rows of each class by split); custom properties `fingerprint` (SHA-256 of the
    content, whatever its wrapping), `counts` (JSON, examples by split), `split` (JSON)
    and `test_rows_in_training` (exact duplicates).
    """

    SPEC_CLASS = ImageExampleGenSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(executor.Executor)

    def __init__(
        self,
        source: str,
        fingerprint: str = "",
        hints: Hints | None = None,
        eval_fraction: float = 0.2,
        test_fraction: float = 0.2,
        split: str = "auto",
        split_seed: int = 1,
        shard_rows: int = 12_000,
    ) -> None:
        """Construct the component.

        Args:
            source: Folder or file with the images; see `open_source`.
            fingerprint: The content's expected fingerprint; empty where it is
                not known beforehand (then do not cache this node).
            hints: What the data does not say of itself.
            eval_fraction: Share of the training part held out as `eval`.
            test_fraction: Share of all rows that is `test`, where the data has no test
                part of its own.
            split: How; see `splitting.assign`.
            split_seed: Of a stratified split.
            shard_rows: Most examples in one file.
        """
        spec = ImageExampleGenSpec(
            source=source,
            fingerprint=fingerprint,
            hints=json.dumps((hints or Hints()).as_dict(), ensure_ascii=False),
            eval_fraction=eval_fraction,
            test_fraction=test_fraction,
            split=split,
            split_seed=split_seed,
            shard_rows=shard_rows,
            code=code_digest(executor.__name__),
            examples=types.Channel(type=standard_artifacts.Examples),
        )
        super().__init__(spec=spec)
