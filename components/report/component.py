"""The component: inputs, parameters, output."""

from tfx import types
from tfx.dsl.components.base import base_component, executor_spec
from tfx.types import standard_artifacts
from tfx.types.component_spec import ChannelParameter, ExecutionParameter

from components.artifact import HTML, ClassificationMetrics, Metrics
from components.report import executor, page
from contract import nodes, properties
from contract.code import code_digest


class ReportSpec(types.ComponentSpec):
    """What goes in and out of Report."""

    PARAMETERS = {
        executor.MODEL_NAME_KEY: ExecutionParameter(type=str),
        executor.RUN_KEY: ExecutionParameter(type=str, optional=True),
        executor.ALLOW_ANOMALIES_KEY: ExecutionParameter(type=int),
        properties.CODE: ExecutionParameter(type=str),
    }
    INPUTS = {
        executor.SO_FAR_KEY: ChannelParameter(type=HTML, optional=True),
        "examples": ChannelParameter(type=standard_artifacts.Examples, optional=True),
        "statistics": ChannelParameter(
            type=standard_artifacts.ExampleStatistics, optional=True
        ),
        "schema": ChannelParameter(type=standard_artifacts.Schema, optional=True),
        "anomalies": ChannelParameter(
            type=standard_artifacts.ExampleAnomalies, optional=True
        ),
        "champion_statistics": ChannelParameter(
            type=standard_artifacts.ExampleStatistics, optional=True
        ),
        "model_run": ChannelParameter(type=standard_artifacts.ModelRun, optional=True),
        "evaluation": ChannelParameter(
            type=standard_artifacts.ModelEvaluation, optional=True
        ),
        "infra_blessing": ChannelParameter(
            type=standard_artifacts.InfraBlessing, optional=True
        ),
        nodes.PUSHED_MODEL: ChannelParameter(
            type=standard_artifacts.PushedModel, optional=True
        ),
    }
    OUTPUTS = {
        nodes.PAGE: ChannelParameter(type=HTML),
        nodes.METRICS: ChannelParameter(type=Metrics, optional=True),
        nodes.CLASSIFICATION: ChannelParameter(
            type=ClassificationMetrics, optional=True
        ),
    }


class Report(base_component.BaseComponent):
    """Writes what a person wants to see of a run as one self-contained page.

    TFX publishes nothing of a node that fails and runs nothing after it, so one
    node at the end would never tell of a run that a gate stopped. Hence a page
    that grows: this component is wired once before the data is judged, once
    when the model has been judged, and once after the push, each time with the
    page so far. What is drawn is cached with what it shows, and the last one,
    which depends on the push and so runs each time, draws nothing.

    What it cannot make is said in the page and in the log; it never fails a run
    that would go well without it.

    Output `page`: one file, `report.html`. Where a model was judged there are two
    more, `metrics` and `classification`: the same in numbers, by which Kubeflow's user
    interface compares runs. They are this component's, as it has all that they need.
    """

    SPEC_CLASS = ReportSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(executor.Executor)

    def __init__(
        self,
        model_name: str,
        allow_anomalies: bool,
        so_far: types.BaseChannel | None = None,
        examples: types.BaseChannel | None = None,
        statistics: types.BaseChannel | None = None,
        schema: types.BaseChannel | None = None,
        anomalies: types.BaseChannel | None = None,
        champion_statistics: types.BaseChannel | None = None,
        model_run: types.BaseChannel | None = None,
        evaluation: types.BaseChannel | None = None,
        infra_blessing: types.BaseChannel | None = None,
        pushed_model: types.BaseChannel | None = None,
        run: str | None = None,
    ) -> None:
        """Construct the component.

        Args:
            model_name: For the title and the commands.
            allow_anomalies: Whether the run goes on in spite of what DataGate finds.
            so_far: Another Report's page, to go on with.
            examples: From ExampleGen. With the next four: the data.
            statistics: From StatisticsGen.
            schema: With the bounds.
            anomalies: From ExampleValidator.
            champion_statistics: From Champion.
            model_run: From Trainer: the model; with `examples`: its answers.
            evaluation: From Evaluator: its verdict.
            infra_blessing: From ServingValidator: its verdict.
            pushed_model: From Pusher: how the run ended.
            run: Name of this run. It differs each time, so only a node that
                runs each time is to have it.
        """
        inputs = {
            executor.SO_FAR_KEY: so_far,
            "examples": examples,
            "statistics": statistics,
            "schema": schema,
            "anomalies": anomalies,
            "champion_statistics": champion_statistics,
            "model_run": model_run,
            "evaluation": evaluation,
            "infra_blessing": infra_blessing,
            nodes.PUSHED_MODEL: pushed_model,
        }
        outputs = {nodes.PAGE: types.Channel(type=HTML)}
        if model_run and evaluation and examples:
            outputs[nodes.METRICS] = types.Channel(type=Metrics)
            outputs[nodes.CLASSIFICATION] = types.Channel(type=ClassificationMetrics)
        super().__init__(
            spec=ReportSpec(
                **{key: channel for key, channel in inputs.items() if channel},
                model_name=model_name,
                **({} if run is None else {executor.RUN_KEY: run}),
                allow_anomalies=int(allow_anomalies),
                code=code_digest(executor.__name__) + page.templates_digest(),
                **outputs,
            )
        )
