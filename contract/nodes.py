"""The pipeline's nodes by their ids, and what they hand on by its keys.

The wiring is `pipeline/pipeline.py`. Whoever reads a run afterwards, from ML
Metadata or from Kubeflow, finds a node and its outputs by these names.
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
"""Only where a log of requests is named."""
MODEL_REPORT = "ModelReport"
PUSHER = "Pusher"
REPORT = "Report"
VERDICT = "Verdict"
"""On Kubeflow only."""
REQUEST_LOG_EXAMPLE_GEN = "RequestLogExampleGen"
TRAFFIC_GATE = "TrafficGate"
TRAFFIC_VERDICT = "TrafficVerdict"
"""Of the pipeline that watches what is asked, `pipeline/monitoring.py`; the last one on
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
"""Keys of outputs; those of TFX's own nodes are TFX's."""

CHAMPION_MODEL = "champion"
CHAMPION_STATISTICS = "champion_statistics"
INFRA_BLESSING = "infra_blessing"
REPLAYED = "replay"
"""Keys of inputs that are not called as the output is."""

HTML_TYPE = "system.HTML"
METRICS_TYPE = "system.Metrics"
CLASSIFICATION_TYPE = "system.ClassificationMetrics"
"""Types of those three, by which Kubeflow's user interface shows them
(kubeflow/pipelines: sdk/python/kfp/dsl/types/artifact_types.py)."""

FORMER_IDS = {
    "MnistExampleGen": EXAMPLE_GEN,
    "ImportSchemaGen": SCHEMA_GEN,
}
"""What nodes were called in runs of version 0.1."""

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
"""Which output is which input of Report and Pusher, by the input's key."""
