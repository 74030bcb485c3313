"""The server follows changed configurations: files, policies, labels, reloads."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from grpc import StatusCode
from tensorflow_serving.apis import model_management_pb2

from serving.server.errors import ServingError
from tests.serving.server.load import Load, Push, config_text, model_text, serve
from tests.serving.server.running import (
    TIMEOUT,
    Failure,
    RunningServer,
    State,
    eventually,
    failure_of,
    spec,
)


class TestConfigFile:
    def test_policies(self, tmp_path: Path, adders: Push) -> None:
        for version in (1, 2, 3):
            adders(tmp_path / "base", version)
        config = tmp_path / "models.config"
        policies = {
            "one": "",
            "two": "model_version_policy { latest { num_versions: 2 } }",
            "every": "model_version_policy { all {} }",
            "chosen": "model_version_policy { specific { versions: 1 versions: 2 } }",
        }
        config.write_text(
            config_text(
                *(model_text(n, tmp_path / "base", p) for n, p in policies.items())
            )
        )
        with RunningServer(model_config_file=str(config)) as server:
            states = {name: server.states(name) for name in policies}
        assert states == {
            "one": {3: State.AVAILABLE},
            "two": {3: State.AVAILABLE, 2: State.AVAILABLE},
            "every": dict.fromkeys((3, 2, 1), State.AVAILABLE),
            "chosen": {2: State.AVAILABLE, 1: State.AVAILABLE},
        }

    def test_polling_moves_labels_and_models_under_load(
        self, tmp_path: Path, adders: Push
    ) -> None:
        for version in (1, 2):
            adders(tmp_path / "base", version)
        both = "model_version_policy { specific { versions: 1 versions: 2 } } "
        label = 'version_labels {{ key: "stable" value: {} }}'.format
        config = tmp_path / "models.config"
        base = tmp_path / "base"

        def write(*models: str) -> None:
            staging = tmp_path / "next.config"
            staging.write_text(config_text(*models))
            staging.rename(config)

        write(model_text("adder", base, both + label(1)))
        with RunningServer(
            model_config_file=str(config),
            model_config_file_poll_wait_seconds=1,
            allow_version_labels_for_unavailable_models=True,
        ) as server:
            load = Load(server, spec(label="stable"))
            with load.running(2):
                eventually(lambda: 1.0 in load.answers)
                write(
                    model_text("adder", base, both + label(2)),
                    model_text("other", base),
                )
                eventually(lambda: load.answers[-1] == 2.0)
                # An invalid file changes nothing.
                config.write_text("model_config_list { config { nam")
                time.sleep(1.3)
            assert load.failures == []
            assert set(load.answers) == {1.0, 2.0}
            assert server.predict({"x": [0.0]}, spec("other"))["y"] == [2.0]

    def test_a_label_of_an_unavailable_version_ends_the_start(
        self, tmp_path: Path, adders: Push
    ) -> None:
        adders(tmp_path / "base", 1)
        config = tmp_path / "models.config"
        label = 'version_labels { key: "canary" value: 9 }'
        config.write_text(config_text(model_text("adder", tmp_path / "base", label)))
        server = RunningServer(model_config_file=str(config))
        with pytest.raises(ServingError) as caught:
            server.start()
        assert str(caught.value) == (
            "FAILED_PRECONDITION: Request to assign label to version 9 of model adder, "
            "which is not currently available for inference"
        )
        server.stop()

    def test_a_file_of_nothing_serves_nothing(
        self, tmp_path: Path, adders: Push
    ) -> None:
        adders(tmp_path / "base", 1)
        config = tmp_path / "models.config"
        config.write_text("# later\n")
        with RunningServer(
            model_config_file=str(config), model_config_file_poll_wait_seconds=1
        ) as server:
            assert server.refused({"x": [0.0]}).code is StatusCode.NOT_FOUND
            # A mistyped path blocks nothing once it is corrected.
            config.write_text(config_text(model_text("adder", tmp_path / "bsae")))
            time.sleep(1.5)
            config.write_text(config_text(model_text("adder", tmp_path / "base")))
            eventually(lambda: server.rest("/v1/models/adder")[0] == 200)
            server.await_states(v1=State.AVAILABLE)
            assert server.predict({"x": [0.0]})["y"] == [1.0]


class TestReload:
    def reload(self, server: RunningServer, *models: str, metrics: Any = ()) -> Any:
        from google.protobuf import text_format

        request = model_management_pb2.ReloadConfigRequest(metric_names=metrics)
        text_format.Parse(config_text(*models), request.config)
        return server.models.HandleReloadConfigRequest(request, timeout=TIMEOUT)

    @pytest.fixture
    def reloadable(self, tmp_path: Path, adders: Push) -> Iterator[RunningServer]:
        adders(tmp_path / "base", 1)
        adders(tmp_path / "new", 2)
        with serve(tmp_path / "base", enable_reload_config_rpc=True) as server:
            yield server

    @pytest.mark.parametrize(
        ("base", "policy"),
        [
            ("nowhere", ""),
            ("base", "model_version_policy { specific { versions: 9 } }"),
        ],
        ids=["wrong path", "no such version"],
    )
    def test_a_model_that_is_served_is_not_waited_for(
        self, reloadable: RunningServer, tmp_path: Path, base: str, policy: str
    ) -> None:
        self.reload(reloadable, model_text("adder", tmp_path / base, policy))
        self.reload(reloadable, model_text("adder", tmp_path / "base"))
        reloadable.await_states(v1=State.AVAILABLE)

    def test_a_metric_there_is_not_has_not_increased(
        self, reloadable: RunningServer, tmp_path: Path
    ) -> None:
        model = model_text("adder", tmp_path / "base")
        response = self.reload(reloadable, model, metrics=["/nothing"])
        found = [(item.name, item.int64_value_increase) for item in response.metric]
        assert found == [("/nothing", 0)]

    def test_a_kind_and_a_platform_are_one_too_many(
        self, reloadable: RunningServer, tmp_path: Path
    ) -> None:
        model = model_text("adder", tmp_path / "base", "model_type: TENSORFLOW")
        found = failure_of(self.reload, reloadable, model)
        assert found.code is StatusCode.INVALID_ARGUMENT
        assert "model_type (deprecated) and" in found.message

    def test_it_replaces_everything_once_the_new_model_is_there(
        self, reloadable: RunningServer, tmp_path: Path
    ) -> None:
        metric = "/tensorflow/cc/saved_model/load_attempt_count"
        response = self.reload(
            reloadable, model_text("new", tmp_path / "new"), metrics=[metric]
        )
        assert response.status.error_code == 0
        assert [(m.name, m.int64_value_increase) for m in response.metric] == [
            (metric, 1)
        ]
        assert reloadable.predict({"x": [0.0]}, spec("new"))["y"] == [2.0]
        reloadable.await_states(v1=State.END)

    def test_not_one_request_fails_while_a_model_is_added(
        self, reloadable: RunningServer, tmp_path: Path
    ) -> None:
        load = Load(reloadable)
        old = model_text("adder", tmp_path / "base")
        with load.running(2):
            self.reload(reloadable, old, model_text("new", tmp_path / "new"))
            self.reload(reloadable, old)
        assert load.failures == []
        assert set(load.answers) == {1.0}

    @pytest.mark.parametrize(
        ("extra", "message"),
        [
            (
                ("adder", "adder"),
                "Illegal to list model adder multiple times in config list",
            ),
            (
                ("adder", "relative"),
                "Expected model relative to have an absolute path or URI; got "
                "base_path()=models/here",
            ),
        ],
    )
    def test_a_wrong_config_changes_nothing(
        self,
        reloadable: RunningServer,
        tmp_path: Path,
        extra: tuple[str, ...],
        message: str,
    ) -> None:
        paths = {"adder": tmp_path / "base", "relative": Path("models/here")}
        models = [model_text(name, paths[name]) for name in extra]
        found = failure_of(self.reload, reloadable, *models)
        assert found == Failure(StatusCode.INVALID_ARGUMENT, message)
        assert reloadable.predict({"x": [0.0]})["y"] == [1.0]

    def test_no_config(self, reloadable: RunningServer) -> None:
        request = model_management_pb2.ReloadConfigRequest()
        call = reloadable.models.HandleReloadConfigRequest
        assert failure_of(call, request, TIMEOUT) == Failure(
            StatusCode.INVALID_ARGUMENT,
            "ServerModelConfig type not supported by HandleReloadConfigRequest. Only "
            "ModelConfigList is currently supported",
        )

    def test_a_model_that_does_not_load(self, tmp_path: Path, adders: Push) -> None:
        adders(tmp_path / "base", 1)
        (tmp_path / "bad" / "1").mkdir(parents=True)
        (tmp_path / "bad" / "1" / "saved_model.pb").write_bytes(b"no model")
        with serve(
            tmp_path / "base", enable_reload_config_rpc=True, max_num_load_retries=0
        ) as server:
            models = (
                model_text("adder", tmp_path / "base"),
                model_text("bad", tmp_path / "bad"),
            )
            found = failure_of(self.reload, server, *models)
            assert found.code is StatusCode.UNKNOWN
            assert "{name: bad version: 1} due to error: DATA_LOSS" in found.message
            assert server.predict({"x": [0.0]})["y"] == [1.0]
