"""Runs the stock pipeline, from ready TFRecords to a pushed model.

    python -m benchmarks.pipeline.stock.pipeline --records FOLDER --output FOLDER

It has the usual components with their usual settings, on LocalDagRunner:
ImportExampleGen, StatisticsGen, SchemaGen, ExampleValidator, Transform (materialised),
Trainer, Resolver, Evaluator, Pusher. Its data is ready as tf.Examples, and its schema
is inferred from the data, so that it has less work than our pipeline.
"""

import argparse
import glob
import json
import logging
from pathlib import Path

import tensorflow_model_analysis as tfma
from absl import logging as absl_logging
from tensorflow_model_analysis.proto import config_pb2
from tfx import v1 as tfx

from benchmarks.pipeline.stock import module


def eval_config() -> config_pb2.EvalConfig:
    """Requires accuracy above 0.9 and at most 0.01 below the last blessed model."""
    threshold = config_pb2.MetricThreshold(
        value_threshold=config_pb2.GenericValueThreshold(lower_bound={"value": 0.9}),
        change_threshold=config_pb2.GenericChangeThreshold(
            direction=config_pb2.MetricDirection.HIGHER_IS_BETTER,
            absolute={"value": -1e-2},
        ),
    )
    accuracy = config_pb2.MetricConfig(
        class_name="SparseCategoricalAccuracy", threshold=threshold
    )
    return config_pb2.EvalConfig(
        model_specs=[
            config_pb2.ModelSpec(
                signature_name="serving_default", label_key=module.LABEL
            )
        ],
        slicing_specs=[config_pb2.SlicingSpec()],
        metrics_specs=[config_pb2.MetricsSpec(metrics=[accuracy])],
    )


def create(
    records: str, output: Path, epochs: int, steps: int, eval_steps: int
) -> tfx.dsl.Pipeline:
    """Returns the pipeline; `steps` is the number of batches of 32 training rows."""
    Split = tfx.proto.Input.Split
    example_gen = tfx.components.ImportExampleGen(
        input_base=records,
        input_config=tfx.proto.Input(
            splits=[
                Split(name=name, pattern=f"{name}/*")
                for name in ("train", "eval", "test")
            ]
        ),
    )
    examples = example_gen.outputs["examples"]
    statistics_gen = tfx.components.StatisticsGen(examples=examples)
    statistics = statistics_gen.outputs["statistics"]
    schema_gen = tfx.components.SchemaGen(
        statistics=statistics, infer_feature_shape=True
    )
    schema = schema_gen.outputs["schema"]
    validator = tfx.components.ExampleValidator(statistics=statistics, schema=schema)
    transform = tfx.components.Transform(
        examples=examples,
        schema=schema,
        preprocessing_fn=f"{module.__name__}.preprocessing_fn",
    )
    trainer = tfx.components.Trainer(
        run_fn=f"{module.__name__}.run_fn",
        examples=transform.outputs["transformed_examples"],
        transform_graph=transform.outputs["transform_graph"],
        schema=schema,
        train_args=tfx.proto.TrainArgs(splits=["train"], num_steps=steps),
        eval_args=tfx.proto.EvalArgs(splits=["eval"], num_steps=eval_steps),
        custom_config={"epochs": epochs, "batch_size": 32},
    )
    model = trainer.outputs["model"]
    resolver = tfx.dsl.Resolver(
        strategy_class=tfx.dsl.experimental.LatestBlessedModelStrategy,
        model=tfx.dsl.Channel(type=tfx.types.standard_artifacts.Model),
        model_blessing=tfx.dsl.Channel(type=tfx.types.standard_artifacts.ModelBlessing),
    ).with_id("latest_blessed_model_resolver")
    evaluator = tfx.components.Evaluator(
        examples=examples,
        model=model,
        baseline_model=resolver.outputs["model"],
        example_splits=["test"],
        eval_config=eval_config(),
    )
    pusher = tfx.components.Pusher(
        model=model,
        model_blessing=evaluator.outputs["blessing"],
        push_destination=tfx.proto.PushDestination(
            filesystem=tfx.proto.PushDestination.Filesystem(
                base_directory=str(output / "models")
            )
        ),
    )
    return tfx.dsl.Pipeline(
        pipeline_name="stock",
        pipeline_root=str(output / "artifacts"),
        components=[
            example_gen,
            statistics_gen,
            schema_gen,
            validator,
            transform,
            trainer,
            resolver,
            evaluator,
            pusher,
        ],
        metadata_connection_config=(
            tfx.orchestration.metadata.sqlite_metadata_connection_config(
                str(output / "metadata.sqlite")
            )
        ),
    )


def _facts(output: Path) -> dict[str, object]:
    """Returns the facts that `run_fn` wrote, and the Evaluator's accuracy."""
    [noted] = glob.glob(str(output / "artifacts/Trainer/model_run/*/facts.json"))
    facts: dict[str, object] = json.loads(Path(noted).read_text())
    [evaluation] = glob.glob(str(output / "artifacts/Evaluator/evaluation/*"))
    for metrics in tfma.load_metrics(evaluation):
        for entry in metrics.metric_keys_and_values:
            if entry.key.name == "sparse_categorical_accuracy":
                facts["test_accuracy"] = entry.value.double_value.value
    if not glob.glob(str(output / "models/*")):
        raise SystemExit("the stock pipeline pushed no model")
    return facts


def main() -> None:
    """Runs the pipeline; writes the facts of the training as JSON."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--records", required=True)
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--facts", type=Path, required=True)
    parser.add_argument("--epochs", type=int, default=25)
    parser.add_argument("--steps", type=int, required=True)
    parser.add_argument("--eval-steps", type=int, required=True)
    arguments = parser.parse_args()
    # The log has the times of the components, in the format of contract/logs.py.
    line = "%(asctime)s %(levelname).1s %(name)s: %(message)s"
    logging.basicConfig(level=logging.INFO, format=line, force=True)
    absl_logging.set_verbosity(absl_logging.INFO)
    facts = arguments.__dict__.pop("facts")
    tfx.orchestration.LocalDagRunner().run(create(**vars(arguments)))
    facts.write_text(json.dumps(_facts(arguments.output)))


if __name__ == "__main__":
    main()
