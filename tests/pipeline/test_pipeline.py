"""The wiring: inputs and outputs of nodes; both runners can compile it."""

import dataclasses
import json
import re
from pathlib import Path
from typing import Any

import pytest
from google.protobuf import json_format
from tensorflow_model_analysis.proto import config_pb2
from tfx.dsl.compiler import compiler
from tfx.dsl.components.base.base_node import BaseNode
from tfx.orchestration.pipeline import Pipeline

import pipeline
from components.evaluator.results import eval_config
from components.image_example_gen.understanding import Hints
from contract.provenance import Provenance
from pipeline.config import Config, load_config
from pipeline.pipeline import Surroundings, create_components
from pipeline.schema import judgement
from runner.kubeflow import specification

AROUND = Surroundings(
    source="/somewhere/data",
    fingerprint="f" * 64,
    hints=Hints("mnist"),
    judgement=judgement(),
    models="/somewhere/models/mnist",
    champion="17",
    run="mnist-1",
    recipe="r" * 64,
)


def nodes(config: Config | None = None) -> dict[str, Any]:
    """Returns the pipeline's nodes by id, with their upstream nodes."""
    components = create_components(config or Config(), AROUND)
    Pipeline("mnist", "/somewhere/artifacts", components=components)
    return {component.id: component for component in components}


@pytest.fixture(scope="module")
def by_id() -> dict[str, Any]:
    return nodes()


def upstream(node: BaseNode) -> set[str]:
    return {str(other.id) for other in node.upstream_nodes}


def test_the_components_in_an_order_in_which_they_can_run(
    by_id: dict[str, Any],
) -> None:
    assert list(by_id) == [
        "ImageExampleGen",
        "TaskSchemaGen",
        "StatisticsGen",
        "ExampleValidator",
        "Champion",
        "DataReport",
        "DataGate",
        "Transform",
        "Trainer",
        "Evaluator",
        "ServingValidator",
        "ModelReport",
        "Pusher",
        "Report",
    ]
    earlier: set[str] = set()
    for node_id, node in by_id.items():
        assert upstream(node) <= earlier
        earlier.add(node_id)


def test_node_ids_are_legal_wherever_the_pipeline_runs(by_id: dict[str, Any]) -> None:
    """Kubeflow makes Kubernetes names from them."""
    for node_id in by_id:
        assert re.fullmatch("[A-Za-z0-9-]+", node_id)


@pytest.mark.parametrize(
    ("node", "needs"),
    [
        ("TaskSchemaGen", {"ImageExampleGen"}),
        ("Champion", {"ImageExampleGen"}),
        ("StatisticsGen", {"ImageExampleGen", "TaskSchemaGen"}),
        ("ExampleValidator", {"StatisticsGen", "TaskSchemaGen"}),
        (
            "DataGate",
            {
                "ImageExampleGen",
                "StatisticsGen",
                "TaskSchemaGen",
                "ExampleValidator",
                "Champion",
                "DataReport",
            },
        ),
        (
            "DataReport",
            {
                "ImageExampleGen",
                "StatisticsGen",
                "TaskSchemaGen",
                "ExampleValidator",
                "Champion",
            },
        ),
        (
            "ModelReport",
            {
                "DataReport",
                "ImageExampleGen",
                "Trainer",
                "Evaluator",
                "ServingValidator",
            },
        ),
        ("Report", {"ModelReport", "Pusher"}),
        ("Transform", {"ImageExampleGen", "TaskSchemaGen", "DataGate"}),
        ("Trainer", {"ImageExampleGen", "TaskSchemaGen", "Transform"}),
        ("Evaluator", {"ImageExampleGen", "TaskSchemaGen", "Trainer", "Champion"}),
        ("ServingValidator", {"ImageExampleGen", "Trainer"}),
        (
            "Pusher",
            {
                "ImageExampleGen",
                "TaskSchemaGen",
                "StatisticsGen",
                "Champion",
                "DataGate",
                "Transform",
                "Trainer",
                "Evaluator",
                "ServingValidator",
            },
        ),
    ],
)
def test_what_a_node_waits_for(
    by_id: dict[str, Any], node: str, needs: set[str]
) -> None:
    """For example, Transform waits for DataGate, and Pusher for both model gates."""
    assert upstream(by_id[node]) == needs


@pytest.mark.parametrize(
    ("node", "channel", "producer", "output"),
    [
        ("Evaluator", "baseline_model", "Champion", "model"),
        ("Evaluator", "model", "Trainer", "model"),
        ("DataGate", "champion_statistics", "Champion", "statistics"),
        ("ServingValidator", "model_run", "Trainer", "model_run"),
        ("Pusher", "model_blessing", "Evaluator", "blessing"),
        ("Pusher", "infra_blessing", "ServingValidator", "blessing"),
    ],
)
def test_what_a_gate_is_given(
    by_id: dict[str, Any], node: str, channel: str, producer: str, output: str
) -> None:
    given = by_id[node].inputs[channel]
    assert (given.producer_component_id, given.output_key) == (producer, output)


def test_only_the_last_report_depends_on_the_run() -> None:
    """Reports with plots are cached; only the last one, which has none, always runs."""
    by_id = nodes()
    named = {
        node: by_id[node].exec_properties.get("run")
        for node in ("DataReport", "ModelReport", "Report")
    }
    assert named == {"DataReport": None, "ModelReport": None, "Report": AROUND.run}
    assert {by_id[node].exec_properties["model_name"] for node in named} == {"mnist"}


def test_a_moved_bound_does_not_draw_the_data_again() -> None:
    moved = nodes(load_config(settings=["gates.min_accuracy=0.5"]))
    assert moved["DataReport"].exec_properties == nodes()["DataReport"].exec_properties


def test_only_the_test_split_judges() -> None:
    evaluator = nodes()["Evaluator"]
    assert json.loads(evaluator.exec_properties["example_splits"]) == ["test"]


def test_the_configuration_reaches_the_components() -> None:
    config = load_config(
        settings=[
            "data.eval_fraction=0.25",
            "data.shard_rows=100",
            "training.epochs=3",
            "training.seed=9",
            "gates.allow_anomalies=true",
            "gates.min_accuracy=0.5",
        ]
    )

    by_id = nodes(config)

    of_examples = by_id["ImageExampleGen"].exec_properties
    assert (of_examples["eval_fraction"], of_examples["shard_rows"]) == (0.25, 100)
    of_training = json.loads(by_id["Trainer"].exec_properties["custom_config"])
    assert (of_training["training"]["epochs"], of_training["training"]["seed"]) == (
        3,
        9,
    )
    assert by_id["DataGate"].exec_properties["allow_anomalies"] == 1
    demanded = by_id["Evaluator"].exec_properties["eval_config"]
    assert json_format.Parse(demanded, config_pb2.EvalConfig()) == eval_config(
        config.gates.bounds()
    )
    bounds = json.loads(by_id["Evaluator"].exec_properties["bounds"])
    assert bounds == [dataclasses.asdict(bound) for bound in config.gates.bounds()]


def test_user_code_is_named_by_dotted_path(by_id: dict[str, Any]) -> None:
    """A `module_file` would be packed into a wheel at each run."""
    for node, key, function in (
        ("Transform", "preprocessing_fn", "pipeline.preprocessing.preprocessing_fn"),
        ("Trainer", "run_fn", "pipeline.training.trainer.run_fn"),
    ):
        properties = by_id[node].exec_properties
        assert properties[key] == function
        assert properties.get("module_file") is None
        assert properties.get("module_path") is None


def test_an_edit_of_our_code_is_part_of_the_cache_key(by_id: dict[str, Any]) -> None:
    for node in (
        "ImageExampleGen",
        "Champion",
        "DataReport",
        "DataGate",
        "ServingValidator",
        "ModelReport",
        "Pusher",
        "Report",
    ):
        assert re.fullmatch("([0-9a-f]{16})+", by_id[node].exec_properties["code"])
    for node in ("Transform", "Trainer"):
        custom = json.loads(by_id[node].exec_properties["custom_config"])
        assert re.fullmatch("[0-9a-f]{16}", custom["code"])


def test_the_pipeline_knows_no_paths() -> None:
    """Paths belong to the runners; the pipeline contains none, absolute or relative."""
    folder = Path(pipeline.__file__).parent
    literal = re.compile(r"""["'](/|\./|\.\./|~)[\w./-]+["']""")
    found = {
        str(path.relative_to(folder)): literal.findall(path.read_text())
        for path in folder.rglob("*.py")
    }
    assert {name: hits for name, hits in found.items() if hits} == {}


def test_it_compiles_for_the_local_runner() -> None:
    compiled = compiler.Compiler().compile(
        Pipeline(
            "mnist",
            "/somewhere/artifacts",
            components=create_components(Config(), AROUND),
        )
    )

    waits_for = {
        node.pipeline_node.node_info.id: set(node.pipeline_node.upstream_nodes)
        for node in compiled.nodes
    }
    assert set(waits_for) == set(nodes())
    assert "DataGate" in waits_for["Transform"]
    assert {"Evaluator", "ServingValidator"} <= waits_for["Pusher"]


def test_it_compiles_for_kubeflow(tmp_path: Path) -> None:
    pytest.importorskip("kfp", reason="kfp is not installed: nothing to compile with")
    from tfx.orchestration.kubeflow.v2.kubeflow_v2_dag_runner import (
        KubeflowV2DagRunner,
        KubeflowV2DagRunnerConfig,
    )

    runner = KubeflowV2DagRunner(
        KubeflowV2DagRunnerConfig(
            default_image="registry.example/mnist:1", use_pipeline_spec_2_1=True
        ),
        output_dir=str(tmp_path),
        output_filename="mnist.json",
    )
    runner.run(
        Pipeline("mnist", "/pipeline", components=create_components(Config(), AROUND))
    )

    text = (tmp_path / "mnist.json").read_text()
    spec = json.loads(text)
    spec = spec.get("pipelineSpec", spec)
    assert spec["schemaVersion"] == "2.1.0"
    tasks = spec["root"]["dag"]["tasks"]
    assert set(tasks) == set(nodes())
    assert "DataGate" in tasks["Transform"]["dependentTasks"]
    assert {"Evaluator", "ServingValidator"} <= set(tasks["Pusher"]["dependentTasks"])


def test_what_only_the_runner_knows_travels_with_the_version() -> None:
    origin = Provenance("c0ffee", True, "compat", "d" * 64)
    around = dataclasses.replace(AROUND, description="scans", provenance=origin)
    by_id = {node.id: node for node in create_components(Config(), around)}

    facts = json.loads(by_id["Pusher"].exec_properties["facts"])

    code = facts.pop("code")
    assert facts == {
        "data_source": "scans",
        "commit": "c0ffee",
        "tree_clean": True,
        "lock": {"name": "compat", "digest": "d" * 64},
    }
    assert code["Champion"] == by_id["Champion"].exec_properties["code"]
    custom = json.loads(by_id["Trainer"].exec_properties["custom_config"])
    assert code["Trainer"] == custom["code"]


def test_what_the_runner_does_not_know_is_not_made_up(by_id: dict[str, Any]) -> None:
    assert list(json.loads(by_id["Pusher"].exec_properties["facts"])) == ["code"]


def test_a_network_of_ones_own_is_part_of_the_trainers_cache_key(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The content of the file is the key; an edit makes only the Trainer run again."""
    monkeypatch.chdir(tmp_path)
    config = load_config_with_network("def build(task, settings): ...\n")
    before, after = (
        nodes(config),
        nodes(load_config_with_network("def build(t, s): 1\n")),
    )

    def keys(by_id: dict[str, Any]) -> dict[str, str]:
        return {
            node: str(by_id[node].exec_properties) for node in ("Transform", "Trainer")
        }

    assert keys(before)["Transform"] == keys(after)["Transform"]
    assert keys(before)["Trainer"] != keys(after)["Trainer"]


def load_config_with_network(content: str) -> Config:
    Path("net.py").write_text(content)
    return load_config(settings=["training.model=net.py:build"])


class TestReplay:
    """If a log of requests is named, the new model answers its requests."""

    @pytest.fixture(scope="class")
    def by_id(self) -> dict[str, Any]:
        settings = ["gates.replay_log=/log/mnist", "gates.min_agreement=0.9"]
        return nodes(load_config(settings=settings))

    def test_it_is_a_gate_before_the_push(self, by_id: dict[str, Any]) -> None:
        order = list(by_id)
        assert order.index("ServingValidator") < order.index("Replay")
        assert upstream(by_id["Replay"]) == {"ImageExampleGen", "Trainer", "Champion"}
        for node in ("ModelReport", "Pusher"):
            assert "Replay" in upstream(by_id[node])

    def test_the_settings_reach_it(self, by_id: dict[str, Any]) -> None:
        found = by_id["Replay"].exec_properties
        assert (found["log"], found["min_agreement"]) == ("/log/mnist", 0.9)

    def test_a_log_that_grew_is_another_input(self) -> None:
        config = load_config(settings=["gates.replay_log=/log/mnist"])
        states = [
            {str(one.id): one for one in create_components(config, around)}[
                "Replay"
            ].exec_properties["log_state"]
            for around in (AROUND, dataclasses.replace(AROUND, log_state="grown"))
        ]
        assert states == ["", "grown"]

    def test_kubeflows_verdict_knows_it(self) -> None:
        config = load_config(settings=["gates.replay_log=/log/mnist"])
        verdict = specification.nodes(config, AROUND)[-1]
        assert set(verdict.inputs) >= {"replay", "evaluation"}
        assert "replay" not in specification.nodes(Config(), AROUND)[-1].inputs
