"""Pusher in the wiring."""

from tfx.types import channel, standard_artifacts

from components.pusher.component import Pusher


def pusher(run: str = "a-run") -> Pusher:
    def of(kind: type) -> channel.Channel:
        return channel.Channel(type=kind)

    model = of(standard_artifacts.Model)
    return Pusher(
        model=model,
        model_blessing=of(standard_artifacts.ModelBlessing),
        infra_blessing=of(standard_artifacts.InfraBlessing),
        examples=of(standard_artifacts.Examples),
        schema=of(standard_artifacts.Schema),
        statistics=of(standard_artifacts.ExampleStatistics),
        verdict=of(standard_artifacts.ExampleAnomalies),
        transform_graph=of(standard_artifacts.TransformGraph),
        model_run=of(standard_artifacts.ModelRun),
        evaluation=of(standard_artifacts.ModelEvaluation),
        champion=model,
        models="models/mnist",
        run=run,
        recipe="a-recipe",
        facts='{"commit": "c0ffee"}',
    )


def test_the_node_id_is_legal_on_kubeflow() -> None:
    assert pusher().id == "Pusher"


def test_the_output_is_a_pushed_model() -> None:
    assert pusher().outputs["pushed_model"].type is standard_artifacts.PushedModel


def test_the_parameters_reach_the_executor() -> None:
    found = dict(pusher().exec_properties)
    assert len(found.pop("code")) == 16
    assert found == {
        "models": "models/mnist",
        "run": "a-run",
        "recipe": "a-recipe",
        "facts": '{"commit": "c0ffee"}',
        "arrive_as": "stable",
        "server": "localhost:8500",
    }


def test_another_run_is_no_cache_hit() -> None:
    assert pusher("first").exec_properties != pusher("second").exec_properties
