"""The launcher's input is converted to TFX's form, and the outputs back."""

import copy
from pathlib import Path
from typing import Any

import pytest

from runner.kubeflow.entrypoint import contract

MODEL = {"instanceSchema": "title: tfx.Model\ntype: object\n"}
EXAMPLES = {"instanceSchema": "title: tfx.Examples\ntype: object\n"}
PAGE = {"instanceSchema": "title: HTML\ntype: object\n"}


def artifact(uri: str, kind: dict[str, Any]) -> dict[str, Any]:
    return {"artifacts": [{"name": "7", "uri": uri, "type": kind, "metadata": {}}]}


@pytest.fixture
def executor_input() -> dict[str, Any]:
    """The launcher's form: input types are empty, and a page is of KFP's own type."""
    empty = {"instanceSchema": ""}
    return {
        "inputs": {
            "parameterValues": {"epochs": 3},
            "artifacts": {
                "examples": artifact("minio://bucket/run/examples", empty),
                "imported_data": artifact("s3://data/mnist", empty),
            },
        },
        "outputs": {
            "outputFile": "/tmp/kfp_outputs/output_metadata.json",
            "artifacts": {
                "model": artifact(
                    "gs://bucket/run/model", {"schemaTitle": "tfx.Model"}
                ),
                "page": artifact(
                    "s3://bucket/run/page", {"schemaTitle": "system.HTML"}
                ),
            },
        },
    }


TFX = "1.21.0"
INPUTS = {"artifacts": {"examples": {"artifactType": EXAMPLES}}}
OUTPUTS = {
    "artifacts": {"model": {"artifactType": MODEL}, "page": {"artifactType": PAGE}}
}


class TestToLocal:
    def test_types_are_the_components_own(self, executor_input: dict[str, Any]) -> None:
        local, _ = contract.to_local(executor_input, INPUTS, OUTPUTS, TFX)
        [examples] = local["inputs"]["artifacts"]["examples"]["artifacts"]
        [page] = local["outputs"]["artifacts"]["page"]["artifacts"]
        assert examples["type"] == EXAMPLES
        assert page["type"] == PAGE

    def test_an_artifact_without_tfxs_version_gets_the_images(
        self, executor_input: dict[str, Any]
    ) -> None:
        """TFX would take it for one from before 0.29, with other folders."""
        of_another = copy.deepcopy(executor_input)
        [examples] = of_another["inputs"]["artifacts"]["examples"]["artifacts"]
        examples["metadata"] = {"tfx_version": "1.16.0"}
        found = [
            contract.to_local(given, INPUTS, OUTPUTS, TFX)[0]["inputs"]["artifacts"]
            for given in (executor_input, of_another)
        ]
        versions = [
            each["examples"]["artifacts"][0]["metadata"]["tfx_version"]
            for each in found
        ]
        assert versions == [TFX, "1.16.0"]

    def test_uris_are_the_launchers_local_paths(
        self, executor_input: dict[str, Any]
    ) -> None:
        local, remote = contract.to_local(executor_input, INPUTS, OUTPUTS, TFX)
        uris = {
            key: listed["artifacts"][0]["uri"]
            for side in ("inputs", "outputs")
            for key, listed in local[side]["artifacts"].items()
        }
        assert uris == {
            "examples": "/minio/bucket/run/examples",
            "model": "/gcs/bucket/run/model",
            "page": "/s3/bucket/run/page",
        }
        assert remote == {
            "model": "gs://bucket/run/model",
            "page": "s3://bucket/run/page",
        }

    def test_what_is_no_input_of_the_component_is_left_out(
        self, executor_input: dict[str, Any]
    ) -> None:
        local, _ = contract.to_local(executor_input, INPUTS, OUTPUTS, TFX)
        assert set(local["inputs"]["artifacts"]) == {"examples"}

    def test_the_rest_stays_and_the_argument_as_well(
        self, executor_input: dict[str, Any]
    ) -> None:
        before = copy.deepcopy(executor_input)
        local, _ = contract.to_local(executor_input, INPUTS, OUTPUTS, TFX)
        assert executor_input == before
        assert local["inputs"]["parameterValues"] == {"epochs": 3}
        assert local["outputs"]["outputFile"] == before["outputs"]["outputFile"]

    def test_a_node_without_artifacts(self) -> None:
        bare = {"inputs": {}, "outputs": {"outputFile": "/tmp/x"}}
        local, remote = contract.to_local(bare, {}, {}, TFX)
        assert remote == {}
        assert local["inputs"]["artifacts"] == local["outputs"]["artifacts"] == {}


@pytest.mark.parametrize(
    ("uri", "path"),
    [
        ("minio://mlpipeline/v2/x", "/minio/mlpipeline/v2/x"),
        ("s3://bucket/key", "/s3/bucket/key"),
        ("gs://bucket/key", "/gcs/bucket/key"),
        ("/data/mnist", "/data/mnist"),
        ("mnist", "mnist"),
    ],
)
def test_local_path(uri: str, path: str) -> None:
    assert contract.local_path(uri) == path
    assert contract.is_remote(uri) == (uri != path)


def test_outputs_have_the_types_that_were_compiled(
    executor_input: dict[str, Any],
) -> None:
    types = contract.output_types(executor_input)
    assert types == {"model": "tfx.Model", "page": "system.HTML"}
    assert contract.output_types({"outputs": {}}) == {}


class TestToRemote:
    @pytest.fixture
    def local_root(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
        """Replaces /s3, which exists only in a pod."""
        monkeypatch.setattr(contract, "_LOCAL_ROOTS", {"s3://": f"{tmp_path}/"})
        return tmp_path

    @staticmethod
    def written(key: str, uri: str) -> dict[str, Any]:
        """Returns an output in TFX's form."""
        entry = {"uri": uri, "metadata": {"pushed_version": "7"}}
        return {"artifacts": {key: {"artifacts": [entry]}}}

    @staticmethod
    def only(output: dict[str, Any]) -> dict[str, Any]:
        """Returns the only artifact of an output."""
        [listed] = output["artifacts"].values()
        [artifact] = listed["artifacts"]
        found: dict[str, Any] = artifact
        return found

    def test_uris_are_remote_again_and_properties_stay(self, local_root: Path) -> None:
        remote = {"model": "s3://bucket/run/model"}
        written = self.written("model", f"{local_root}/bucket/run/model")
        found = self.only(
            contract.to_remote(written, remote, {next(iter(remote)): "tfx.Model"})
        )
        assert found["uri"] == "s3://bucket/run/model"
        assert found["metadata"]["pushed_version"] == "7"
        assert written["artifacts"]["model"]["artifacts"][0]["uri"].startswith("/")

    def test_a_property_that_is_a_local_path_is_a_uri_again(
        self, local_root: Path
    ) -> None:
        """Evaluator's `current_model` is such a property."""
        written = self.written("blessing", f"{local_root}/bucket/run/blessing")
        properties = self.only(written)["metadata"]
        properties["current_model"] = f"{local_root}/bucket/run/model"
        remote = {"blessing": "s3://bucket/run/blessing"}
        found = self.only(
            contract.to_remote(written, remote, {next(iter(remote)): "tfx.Model"})
        )
        assert found["metadata"]["current_model"] == "s3://bucket/run/model"

    def test_tfxs_version_is_left_to_the_image(self, local_root: Path) -> None:
        """Each later node would get it back with its inputs."""
        written = self.written("model", f"{local_root}/bucket/run/model")
        self.only(written)["metadata"]["tfx_version"] = TFX
        remote = {"model": "s3://bucket/run/model"}
        found = self.only(contract.to_remote(written, remote, {"model": "tfx.Model"}))
        assert "tfx_version" not in found["metadata"]

    def test_only_a_page_has_the_way_to_its_store_recorded(
        self, local_root: Path
    ) -> None:
        written = self.written("model", f"{local_root}/bucket/run/model")
        remote = {"model": "s3://bucket/run/model"}
        found = self.only(
            contract.to_remote(written, remote, {next(iter(remote)): "tfx.Model"})
        )
        assert found["metadata"]["store_session_info"] == ""
        # KFP fills in a missing type.
        (local_root / "bucket/run/model").mkdir(parents=True)
        (local_root / "bucket/run/model/report.html").touch()
        page = self.only(contract.to_remote(written, remote, {"model": "system.HTML"}))
        assert "store_session_info" not in page["metadata"]

    def test_of_metrics_only_numbers_are_left(self, local_root: Path) -> None:
        """KFP would show a text among the metrics, and pass it on as 0."""
        written = self.written("metrics", f"{local_root}/bucket/run/metrics")
        properties = self.only(written)["metadata"]
        properties |= {"accuracy": 0.97, "epochs": 25.0, "comment": "good"}
        remote = {"metrics": "s3://bucket/run/metrics"}
        found = contract.to_remote(written, remote, {"metrics": "system.Metrics"})
        assert self.only(found)["metadata"] == {
            "accuracy": 0.97,
            "epochs": 25.0,
            # How the user interface reaches the store; KFP's output does not have it.
            "store_session_info": "",
        }

    @pytest.mark.parametrize("slash", ["", "/"])
    def test_a_page_is_its_one_file(self, local_root: Path, slash: str) -> None:
        folder = local_root / "bucket" / "page"
        folder.mkdir(parents=True)
        (folder / "report.html").write_text("<html>")
        # What somebody sent, which a page of requests shows on this machine only.
        (folder / "request-pictures").mkdir()
        found = contract.to_remote(
            self.written("page", str(folder)),
            {"page": f"s3://bucket/page{slash}"},
            {"page": "system.HTML"},
        )
        assert found == self.written("page", "s3://bucket/page/report.html")

    def test_a_node_that_wrote_nothing_down(self) -> None:
        assert (
            contract.to_remote({}, {"model": "s3://b/m"}, {"model": "tfx.Model"}) == {}
        )
