"""Declares the component `TrafficGate`."""

from typing import Any

from tfx.types import standard_artifacts

from components.artifact import HTML
from components.declaration import Component
from components.report.page import templates_digest
from components.traffic_gate import executor
from contract import nodes, properties
from contract.code import code_digest


class TrafficGate(Component):
    """Judges the requests to each version and its answers.

    TFX's ExampleValidator has no environments. This component calls TFDV with the
    schema's environment `SERVING`, in which a label is not expected. It also measures,
    for each version:
    - how far the pictures are from the version's training split;
    - the shares of the answered classes;
    - the share of pictures that are not of the task;
    - the accuracy that is estimated from the confidences (`contract.estimation`);
    - the true accuracy, if there are labels.

    If the version is unknown, or is no longer in the models' folder, only the schema is
    checked, and the page says so. The node never fails because of findings; they are in
    its outputs.

    Inputs: `examples`, from RequestLogExampleGen; `statistics` of the feature `image`,
    from StatisticsGen; `schema`, from TaskSchemaGen. Parameters: `models`, the folder
    of the model's versions; `max_novel_share` and `max_accuracy_fall`, see
    `pipeline.monitoring_settings`; `pictures`, number of pictures on the page.

    Outputs: `verdict`: `traffic.json`, see `facts.TrafficFacts`, and the custom
    property `findings`; `page`: `report.html`, and beside it a folder with the linked
    pictures. `python -m serving.request_logs forget` removes a picture with its
    request.
    """

    EXECUTOR = executor.Executor
    INPUTS = {
        nodes.EXAMPLES: standard_artifacts.Examples,
        nodes.STATISTICS: standard_artifacts.ExampleStatistics,
        nodes.SCHEMA: standard_artifacts.Schema,
    }
    PARAMETERS = {
        executor.MODELS_KEY: str,
        executor.MAX_NOVEL_SHARE_KEY: float,
        executor.MAX_ACCURACY_FALL_KEY: float,
        executor.PICTURES_KEY: int,
    }
    OUTPUTS = {
        nodes.DATA_VERDICT: standard_artifacts.ExampleAnomalies,
        nodes.PAGE: HTML,
    }

    def __init__(self, **given: Any) -> None:
        """Constructs the component; its `code` also covers the page's templates."""
        code = code_digest(executor.__name__) + templates_digest()
        super().__init__(**given, **{properties.CODE: code})
