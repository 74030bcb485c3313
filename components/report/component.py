"""Declares the component `Report`."""

from collections.abc import Iterable, Mapping
from typing import Any

from tfx.types import standard_artifacts

from components.artifact import HTML, ClassificationMetrics, Metrics
from components.declaration import Component
from components.report import executor, page
from contract import nodes, properties
from contract.code import code_digest


class Report(Component):
    """Writes the report of a run as one self-contained HTML page.

    TFX publishes no outputs of a failed node and runs no node after it, so a single
    report at the end would miss a run that a gate stopped. The page therefore grows:
    this component is used once before the data is judged, once after the model is
    judged, and once after the push, each time with the page so far. Plots are cached
    with their node. The last node depends on the push and runs each time, but draws
    nothing.

    If a section cannot be made, the page and the log say so; the report never makes a
    run fail.

    All inputs are optional:
    - `so_far`: the page of an earlier Report, which is continued.
    - `examples` and the next four: for the data.
    - `model_run`, from Trainer: for the model, and with `examples` for its answers.
    - `evaluation`, `infra_blessing` and `replay`: for the gates' verdicts; `replay` and
      `examples` also show which answers would change for callers.
    - `pushed_model`: for the outcome of the run.

    Parameters:
    - `model_name`: for the title and the commands.
    - `allow_anomalies`: whether the run goes on in spite of DataGate's findings.
    - `run`: the run's name. It differs each time, so give it only to a node that runs
      each time.

    Output `page`: one file, `report.html`. If a model was judged there are two more
    outputs, `metrics` and `classification`: the numbers by which Kubeflow's user
    interface compares runs. This component makes them because it has all inputs for
    them.
    """

    EXECUTOR = executor.Executor
    INPUTS = {
        executor.SO_FAR_KEY: HTML,
        nodes.EXAMPLES: standard_artifacts.Examples,
        nodes.STATISTICS: standard_artifacts.ExampleStatistics,
        nodes.SCHEMA: standard_artifacts.Schema,
        nodes.ANOMALIES: standard_artifacts.ExampleAnomalies,
        nodes.CHAMPION_STATISTICS: standard_artifacts.ExampleStatistics,
        nodes.MODEL_RUN: standard_artifacts.ModelRun,
        nodes.EVALUATION: standard_artifacts.ModelEvaluation,
        nodes.INFRA_BLESSING: standard_artifacts.InfraBlessing,
        nodes.REPLAYED: standard_artifacts.ModelBlessing,
        nodes.PUSHED_MODEL: standard_artifacts.PushedModel,
    }
    PARAMETERS = {
        executor.MODEL_NAME_KEY: str,
        executor.RUN_KEY: str,
        executor.ALLOW_ANOMALIES_KEY: int,
    }
    OUTPUTS = {
        nodes.PAGE: HTML,
        nodes.METRICS: Metrics,
        nodes.CLASSIFICATION: ClassificationMetrics,
    }
    DEFAULTS = dict.fromkeys(
        (*INPUTS, executor.RUN_KEY, nodes.METRICS, nodes.CLASSIFICATION)
    )

    def __init__(self, **given: Any) -> None:
        """Constructs the component; its `code` also covers the page's templates."""
        code = code_digest(executor.__name__) + page.templates_digest()
        super().__init__(**given, **{properties.CODE: code})

    def makes(self, given: Mapping[str, Any]) -> Iterable[str]:
        """Returns the page's key, and those of the numbers if a model was judged."""
        judged = all(given.get(key) for key in ("model_run", "evaluation", "examples"))
        return self.OUTPUTS if judged else (nodes.PAGE,)
