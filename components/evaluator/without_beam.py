"""Computes TFMA's metrics without Beam, if Beam would run in this process.

A profile of TFMA on one machine: it spends a quarter of its time on building,
translating and pickling Beam's graph, and most of the rest on passing single rows; the
models' answers take a twentieth. Here TFMA's own computations get whole batches, in
bounded memory. The results are written in TFMA's format.
"""

import os
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np
import tensorflow as tf
import tensorflow_model_analysis as tfma
from google.protobuf import json_format

# These are not public in TFMA 0.47 and 0.52, and are the same in both versions;
# tests/components/evaluator checks that the results are equal to those of TFX's
# executor.
from tensorflow_model_analysis.metrics import metric_specs
from tensorflow_model_analysis.proto import config_pb2
from tensorflow_model_analysis.writers.metrics_plots_and_validations_writer import (
    convert_slice_plots_to_proto,
)
from tfx.dsl.io import fileio

from components.image_example_gen.examples import parsing_spec, read_blocks
from contract.features import LABEL
from contract.signatures import EXAMPLES_SIGNATURE, PROBABILITIES
from contract.task import Task

_ALL_ROWS: tuple[Any, ...] = ()
"""TFMA's slice key of the whole split."""


def evaluate(
    eval_config: config_pb2.EvalConfig,
    models: Mapping[str, str],
    splits: Iterable[str],
    task: Task,
    folder: str,
) -> None:
    """Evaluates models, and writes the results that `tfma.load_eval_result` reads.

    Args:
        eval_config: Metrics on the whole split. The combiners of all metrics must
            accept batches, as those of `tfma_metrics` do.
        models: SavedModel folders by the names in `eval_config`; the baseline may be
            missing.
        splits: Folders of the splits.
        task: Task of the examples.
        folder: Folder for the results.
    """
    config = tfma.utils.update_eval_config_with_defaults(
        eval_config, has_baseline=len(models) > 1, rubber_stamp=True
    )
    found = _measure(config, _inputs(models, splits, task))
    metrics = {key: value for key, value in found.items() if not _is_plot(key)}
    plots = {key: value for key, value in found.items() if _is_plot(key)}
    to_proto = tfma.writers.convert_slice_metrics_to_proto
    fileio.makedirs(folder)
    _write_record(folder, tfma.METRICS_KEY, metrics, to_proto)
    _write_record(folder, tfma.PLOTS_KEY, plots, convert_slice_plots_to_proto)
    run = config_pb2.EvalRun(
        eval_config=config,
        version=tfma.VERSION_STRING,
        # TFMA gives a single model an empty name.
        model_locations=dict(
            zip(
                (spec.name for spec in config.model_specs), models.values(), strict=True
            )
        ),
    )
    with fileio.open(os.path.join(folder, "eval_config.json"), "w") as stream:
        stream.write(json_format.MessageToJson(run))


def _inputs(
    models: Mapping[str, str], splits: Iterable[str], task: Task
) -> Iterable[Any]:
    """Yields batches as inputs of TFMA's combiners."""
    # The models are kept, because a signature has only a weak reference to its model.
    loaded = {name: tf.saved_model.load(path) for name, path in models.items()}
    spec = {LABEL: parsing_spec(task)[LABEL]}
    for split in splits:
        for examples in read_blocks(split, task):
            answers = {
                name: {PROBABILITIES: _answer(model, examples)}
                for name, model in loaded.items()
            }
            yield tfma.metrics.StandardMetricInputs(
                labels=tf.io.parse_example(examples, spec)[LABEL].numpy(),
                predictions=answers
                if len(answers) > 1
                else next(iter(answers.values())),
            )


def _answer(model: Any, examples: tf.Tensor) -> np.ndarray:
    answers = model.signatures[EXAMPLES_SIGNATURE](examples=examples)
    return answers[PROBABILITIES].numpy()


def _measure(config: config_pb2.EvalConfig, inputs: Iterable[Any]) -> dict[Any, Any]:
    """Returns TFMA's metrics, plots and differences to the baseline, by their keys."""
    # Metrics that need the same sums have equal computations, which run once.
    computations = dict.fromkeys(
        metric_specs.to_computations(list(config.metrics_specs), eval_config=config)
    )
    sums = [c for c in computations if isinstance(c, tfma.metrics.MetricComputation)]
    derived = [c for c in computations if c not in sums]
    partial = [each.combiner.create_accumulator() for each in sums]
    for batch in inputs:
        for number, each in enumerate(sums):
            partial[number] = each.combiner.add_input(partial[number], batch)
    found: dict[Any, Any] = {}
    for each, accumulator in zip(sums, partial, strict=True):
        found |= each.combiner.extract_output(accumulator)
    for each in derived:
        found |= each.result(found)
    found = {k: v for k, v in found.items() if not k.name.startswith("_")}
    return found | _differences(config, found)


def _differences(
    config: config_pb2.EvalConfig, found: Mapping[Any, Any]
) -> dict[Any, float]:
    """Returns the candidate's metrics minus the baseline's."""
    baselines = [spec.name for spec in config.model_specs if spec.is_baseline]
    return {
        key.make_diff_key(): value - found[key.make_baseline_key(baseline)]
        for baseline in baselines
        for key, value in found.items()
        if key.model_name != baseline
        and not _is_plot(key)
        and key.make_baseline_key(baseline) in found
    }


def _is_plot(key: Any) -> bool:
    return isinstance(key, tfma.metrics.PlotKey)


def _write_record(
    folder: str, name: str, found: Mapping[Any, Any], to_proto: Callable[..., Any]
) -> None:
    path = os.path.join(folder, f"{name}-00000-of-00001.tfrecord")
    with tf.io.TFRecordWriter(path) as writer:
        writer.write(to_proto((_ALL_ROWS, found), None).SerializeToString())
