"""The component: inputs, parameters, output."""

from collections.abc import Iterable, Mapping
from typing import Any

from tfx.types import standard_artifacts

from components.artifact import HTML, ClassificationMetrics, Metrics
from components.declaration import Component
from components.report import executor, page
from contract import nodes, properties
from contract.code import code_digest


class Report(Component):
    """Writes what a person wants to see of a run as one self-contained page.

    TFX publishes nothing of a node that fails and runs nothing after it, so one
    node at the end would never tell of a run that a gate stopped. Hence a page
    that grows: this component is wired once before the data is judged, once
    when the model has been judged, and once after the push, each time with the
    page so far. What is drawn is cached with what it shows, and the last one,
    which depends on the push and so runs each time, draws nothing.

    What it cannot make is said in the page and in the log; it never fails a run
    that would go well without it.

    Inputs, all of which may be left out: `so_far`, another Report's page, to go on
    with; `examples` and the four after it, for the data; `model_run`, from Trainer, for
    the model, and with `examples` for its answers; `evaluation`, `infra_blessing` and
    `replay`, for the gates' verdicts, and with `examples` for what would change for
    callers; `pushed_model`, for how the run ended. Parameters: `model_name`, for the
    title and the commands; `allow_anomalies`, whether the run goes on in spite of what
    DataGate finds; `run`, the run's name, which differs each time, so that only a node
    that runs each time is to have it.

    Output `page`: one file, `report.html`. Where a model was judged there are two
    more, `metrics` and `classification`: the same in numbers, by which Kubeflow's user
    interface compares runs. They are this component's, as it has all that they need.
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
        """Constructs the component; the page's templates are code of its own."""
        code = code_digest(executor.__name__) + page.templates_digest()
        super().__init__(**given, **{properties.CODE: code})

    def makes(self, given: Mapping[str, Any]) -> Iterable[str]:
        """Returns the page, and the numbers where a model was judged."""
        judged = all(given.get(key) for key in ("model_run", "evaluation", "examples"))
        return self.OUTPUTS if judged else (nodes.PAGE,)
