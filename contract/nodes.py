"""Ids of the pipeline's nodes, and keys of their inputs and outputs.

`pipeline/pipeline.py` connects the nodes. Readers of a run, from ML Metadata or from
Kubeflow, find a node and its outputs by these names.
"""

EXAMPLE_GEN = "ImageExampleGen"
SCHEMA_GEN = "TaskSchemaGen"
STATISTICS_GEN = "StatisticsGen"
EXAMPLE_VALIDATOR = "ExampleValidator"
CHAMPION = "Champion"
DATA_REPORT = "DataReport"
DATA_GATE = "DataGate"
TRANSFORM = "Transform"
TRAINER = "Trainer"
EVALUATOR = "Evaluator"
SERVING_VALIDATOR = "ServingValidator"
REPLAY = "Replay"
"""Exists only if the settings name a log of requests."""
MODEL_REPORT = "ModelReport"
PUSHER = "Pusher"
REPORT = "Report"
VERDICT = "Verdict"
"""Exists on Kubeflow only."""
REQUEST_LOG_EXAMPLE_GEN = "RequestLogExampleGen"
TRAFFIC_GATE = "TrafficGate"
TRAFFIC_VERDICT = "TrafficVerdict"
"""Nodes of the monitoring pipeline, `pipeline/monitoring.py`; TrafficVerdict exists on
Kubeflow only."""

EXAMPLES = "examples"
SCHEMA = "schema"
STATISTICS = "statistics"
ANOMALIES = "anomalies"
MODEL = "model"
DATA_VERDICT = "verdict"
TRANSFORM_GRAPH = "transform_graph"
MODEL_RUN = "model_run"
EVALUATION = "evaluation"
BLESSING = "blessing"
PAGE = "page"
METRICS = "metrics"
CLASSIFICATION = "classification"
PUSHED_MODEL = "pushed_model"
"""Keys of outputs; TFX defines those of its own nodes."""

CHAMPION_MODEL = "champion"
CHAMPION_STATISTICS = "champion_statistics"
INFRA_BLESSING = "infra_blessing"
REPLAYED = "replay"
"""Keys of inputs whose name differs from that of the output."""

HTML_TYPE = "system.HTML"
METRICS_TYPE = "system.Metrics"
CLASSIFICATION_TYPE = "system.ClassificationMetrics"
"""Artifact types of `PAGE`, `METRICS` and `CLASSIFICATION`; Kubeflow's user interface
shows artifacts by type (kubeflow/pipelines:
sdk/python/kfp/dsl/types/artifact_types.py)."""

FORMER_IDS = {
    "MnistExampleGen": EXAMPLE_GEN,
    "ImportSchemaGen": SCHEMA_GEN,
}
"""Ids of nodes in runs of version 0.1, with their present ids."""

Output = tuple[str, str]
"""A node's id and the key of one of its outputs."""

READ_BY_PEOPLE: dict[str, Output] = {
    EXAMPLES: (EXAMPLE_GEN, EXAMPLES),
    SCHEMA: (SCHEMA_GEN, SCHEMA),
    STATISTICS: (STATISTICS_GEN, STATISTICS),
    ANOMALIES: (EXAMPLE_VALIDATOR, ANOMALIES),
    CHAMPION_MODEL: (CHAMPION, MODEL),
    CHAMPION_STATISTICS: (CHAMPION, STATISTICS),
    DATA_VERDICT: (DATA_GATE, DATA_VERDICT),
    TRANSFORM_GRAPH: (TRANSFORM, TRANSFORM_GRAPH),
    MODEL_RUN: (TRAINER, MODEL_RUN),
    EVALUATION: (EVALUATOR, EVALUATION),
    INFRA_BLESSING: (SERVING_VALIDATOR, BLESSING),
    REPLAYED: (REPLAY, BLESSING),
    PUSHED_MODEL: (PUSHER, PUSHED_MODEL),
}
"""Outputs that Report and Pusher read, by the key of the input."""
