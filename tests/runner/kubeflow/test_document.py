"""The compiled pipeline has what open-source KFP needs: cache, places, safe YAML."""

from collections.abc import Iterator
from dataclasses import replace

import pytest
import yaml

from pipeline.config import Config
from runner.kubeflow.specification import compile_pipeline
from tests.runner.kubeflow.compiled import (
    DEPLOYMENT,
    FINGERPRINT,
    NODES,
    PLACES,
    compiled,
    container,
    origin,
    tasks,
    text_of,
)


class TestCache:
    @staticmethod
    def cached(*arguments: str) -> set[str]:
        spec, _ = compiled(*arguments)
        return {
            node
            for node, task in tasks(spec).items()
            if task["cachingOptions"].get("enableCache")
        }

    def test_what_reads_something_kfp_cannot_see_is_not_cached(self) -> None:
        never = {"Champion", "Pusher", "Verdict"}
        assert self.cached("mnist") == NODES - never - {"ImageExampleGen"}

    def test_the_data_is_cached_if_its_content_is_known(self) -> None:
        assert "ImageExampleGen" in self.cached("mnist", FINGERPRINT)
        spec, _ = compiled("mnist", FINGERPRINT)
        assert origin(spec, "ImageExampleGen").fingerprint == FINGERPRINT


class TestPlaces:
    @staticmethod
    def mounts(data: str, **more: str) -> dict[str, tuple[str, str]]:
        spec, platform = compiled(data, **more)
        return {
            node: (mount["constant"], mount["mountPath"])
            for node in spec["components"]
            for mount in platform.get(
                spec["components"][node]["executorLabel"], {}
            ).get("pvcMount", [])
        }

    def test_the_models_volume_is_where_versions_are_read_and_pushed(self) -> None:
        assert self.mounts("mnist") == {
            "Champion": ("mnist-models", "/models"),
            "Pusher": ("mnist-models", "/models"),
        }

    def test_the_data_volume_is_where_data_is_read(self) -> None:
        assert self.mounts("/data/mnist")["ImageExampleGen"] == ("mnist-data", "/data")

    def test_nodes_on_an_engine_share_a_volume_with_its_workers(self) -> None:
        flink = Config.model_validate({"beam": {"runner": "FlinkRunner"}})
        deployment = replace(DEPLOYMENT, beam_volume="scratch")
        text = compile_pipeline(flink, deployment, "mnist", "mnist")
        spec, platform = yaml.safe_load_all(text)
        before, platform_before = compiled("mnist")
        on_kubernetes = platform["platforms"]["kubernetes"]["deploymentSpec"]
        for node, component in spec["components"].items():
            label = component["executorLabel"]
            found = on_kubernetes["executors"][label]
            if node in ("StatisticsGen", "Transform", "Evaluator"):
                mount = {"constant": "scratch", "mountPath": "/beam"}
                assert found.pop("pvcMount") == [mount]
            assert found == platform_before[label]
            assert component == before["components"][node]
            assert tasks(spec)[node] == tasks(before)[node]

    def test_replay_reads_the_log_on_its_volume_and_in_each_run(self) -> None:
        config = Config.model_validate({"gates": {"replay_log": "/requests/mnist"}})
        deployment = replace(DEPLOYMENT, log_volume="asked")
        text = compile_pipeline(config, deployment, "mnist", "mnist")
        spec, platform = yaml.safe_load_all(text)
        executors = platform["platforms"]["kubernetes"]["deploymentSpec"]["executors"]
        label = spec["components"]["Replay"]["executorLabel"]
        assert executors[label]["pvcMount"] == [
            {"constant": "asked", "mountPath": "/requests"}
        ]
        assert tasks(spec)["Replay"]["cachingOptions"] == {}

    def test_data_in_a_store_comes_by_an_importer(self) -> None:
        data = "s3://bucket/mnist"
        spec, _ = compiled(data)
        importer = spec["deploymentSpec"]["executors"]["Data"]["importer"]
        assert importer["artifactUri"] == {"runtimeParameter": "uri"}
        given = tasks(spec)["Data"]["inputs"]["parameters"]["uri"]
        assert given == {"componentInputParameter": "data"}
        default = spec["root"]["inputDefinitions"]["parameters"]["data"]["defaultValue"]
        assert default == data
        assert "Data" in tasks(spec)["ImageExampleGen"]["dependentTasks"]
        assert "ImageExampleGen" not in self.mounts(data)

    @pytest.mark.parametrize("data", PLACES)
    def test_only_fields_that_kfp_knows(self, data: str) -> None:
        """KFP ignores a document of another form without a message.

        (kubeflow/pipelines: kubernetes_platform/proto/
        kubernetes_executor_config.proto, as of 2.14)
        """
        _, platform = compiled(data, data_secret="credentials")
        for executor in platform.values():
            assert set(executor) <= {
                *("activeDeadlineSeconds", "pvcMount", "secretAsEnv")
            }
            for mount in executor.get("pvcMount", []):
                assert set(mount) == {"constant", "mountPath"}
            for secret in executor.get("secretAsEnv", []):
                assert set(secret) == {"secretName", "keyToEnv", "optional"}
                for key in secret["keyToEnv"]:
                    assert set(key) == {"secretKey", "envVar"}

    def test_another_stores_credentials_are_one_nodes_only(self) -> None:
        data = "s3://bucket/mnist"
        spec, platform = compiled(data, data_secret="credentials")
        given = {
            node: platform[spec["components"][node]["executorLabel"]]["secretAsEnv"]
            for node in NODES
            if "secretAsEnv"
            in platform.get(spec["components"][node]["executorLabel"], {})
        }
        assert set(given) == {"ImageExampleGen"}
        assert {
            key["envVar"]: secret["optional"]
            for secret in given["ImageExampleGen"]
            for key in secret["keyToEnv"]
            if secret["secretName"] == "credentials"
        } == {
            "AWS_ACCESS_KEY_ID": False,
            "AWS_SECRET_ACCESS_KEY": False,
            "AWS_REGION": False,
            "AWS_ENDPOINT_URL": True,
        }

    def test_other_volumes_and_another_root(self) -> None:
        more = {
            "image": "registry.example/mnist@sha256:abc",
            "models_volume": "models-b",
            "data_volume": "data-b",
            "pipeline_root": "gs://bucket/root",
        }
        spec, _ = compiled("/data/mnist", **more)
        assert spec["defaultPipelineRoot"] == "gs://bucket/root"
        assert container(spec, "Trainer")["image"] == more["image"]
        assert self.mounts("/data/mnist", **more) == {
            "Champion": ("models-b", "/models"),
            "Pusher": ("models-b", "/models"),
            "ImageExampleGen": ("data-b", "/data"),
        }


def test_every_text_is_quoted() -> None:
    """KFP's YAML reader takes 1234567890123e12, a possible digest, for a number."""

    def scalars(node: yaml.Node) -> Iterator[yaml.ScalarNode]:
        if isinstance(node, yaml.ScalarNode):
            yield node
        elif isinstance(node, yaml.SequenceNode):
            for part in node.value:
                yield from scalars(part)
        elif isinstance(node, yaml.MappingNode):
            for key, value in node.value:
                yield from scalars(key)
                yield from scalars(value)

    for document in yaml.compose_all(text_of()):
        for scalar in scalars(document):
            is_text = scalar.tag == "tag:yaml.org,2002:str"
            assert is_text == (scalar.style == '"'), scalar.value
