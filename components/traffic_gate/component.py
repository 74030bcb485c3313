"""The component: inputs, parameters, outputs."""

from typing import Any

from tfx.types import standard_artifacts

from components.artifact import HTML
from components.declaration import Component
from components.report.page import templates_digest
from components.traffic_gate import executor
from contract import nodes, properties
from contract.code import code_digest


class TrafficGate(Component):
    """Judges what was asked of each version, and what it answered.

    TFX's ExampleValidator knows no environments; this calls TFDV with the schema's
    environment `SERVING`, in which nobody expects a label. Besides, it measures how far
    pictures are from the training split of the version that answered, the shares of
    the classes that were answered, the share of pictures that are not of the task, the
    accuracy that is to be expected from the confidences (`contract.estimation`), and
    the true one where labels have come. A request whose version nobody knows, or is
    not in the models' folder any more, is held to the schema alone, which is said.

    It never fails for what it finds: what is read of it are its outputs.

    Inputs: `examples`, from RequestLogExampleGen; `statistics`, of `image`, from
    StatisticsGen; `schema`, from TaskSchemaGen. Parameters: `models`, the folder of the
    model's versions; `max_novel_share` and `max_accuracy_fall`, see
    `pipeline.monitoring_settings`; `pictures`, how many the page shows.

    Outputs: `verdict`: `traffic.json`, see `facts.TrafficFacts`, and the custom
    property `findings`; `page`: `report.html`, and beside it a folder with the pictures
    that it links: `python -m serving.request_logs forget` removes a picture with its
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
        """Constructs the component; the page's templates are code of its own."""
        code = code_digest(executor.__name__) + templates_digest()
        super().__init__(**given, **{properties.CODE: code})
