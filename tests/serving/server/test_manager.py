"""Versions come and go: swaps, rollbacks, broken ones, labels, reloads."""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import psutil
import pytest
from grpc import StatusCode
from tensorflow_serving.apis import get_model_status_pb2, model_management_pb2

from serving.server.errors import Code, ServingError
from tests.serving.server.running import (
    TIMEOUT,
    Failure,
    RunningServer,
    State,
    eventually,
    failure_of,
    predict_request,
    spec,
)
from tests.serving.server.saved_models import save_adder

Push = Callable[[Path, int], Path]


class Load:
    """Clients that call without pause and keep every answer and failure."""

    def __init__(self, server: RunningServer, model: Any = None):
        self._server = server
        self._request = predict_request({"x": [0.0]}, model)
        self._stop = threading.Event()
        self.answers: list[float] = []
        self.failures: list[str] = []

    def run(self) -> None:
        while not self._stop.is_set():
            try:
                response = self._server.call(self._request)
                self.answers.append(response.outputs["y"].float_val[0])
            except grpc.RpcError as error:
                self.failures.append(f"{error.code()}: {error.details()}")

    @contextmanager
    def running(self, clients: int = 4) -> Iterator[None]:
        with ThreadPoolExecutor(clients) as pool:
            jobs = [pool.submit(self.run) for _ in range(clients)]
            try:
                yield
            finally:
                self._stop.set()
                for job in jobs:
                    job.result()


def serve(base: Path, **options: Any) -> RunningServer:
    return RunningServer(model_name="adder", model_base_path=str(base), **options)


def config_text(*models: str) -> str:
    return "model_config_list { " + " ".join(models) + " }"


def model_text(name: str, base: Path, extra: str = "") -> str:
    return (
        f'config {{ name: "{name}" base_path: "{base}" '
        f'model_platform: "tensorflow" {extra} }}'
    )


class TestSwaps:
    def test_not_one_request_fails_across_swaps_and_a_rollback(
        self, tmp_path: Path, adders: Push
    ) -> None:
        adders(tmp_path, 1)
        with serve(tmp_path) as server:
            load = Load(server)
            with load.running():
                for version in (2, 3, 4):
                    adders(tmp_path, version)
                    server.await_states(
                        **{f"v{version}": State.AVAILABLE, f"v{version - 1}": State.END}
                    )
                shutil.rmtree(tmp_path / "4")
                server.await_states(v3=State.AVAILABLE, v4=State.END)
            assert load.failures == []
            assert set(load.answers) == {1.0, 2.0, 3.0, 4.0}
            assert load.answers[-1] == 3.0
            assert server.states() == {
                4: State.END,
                3: State.AVAILABLE,
                2: State.END,
                1: State.END,
            }

    def test_a_request_ends_on_the_version_it_began_on(
        self, tmp_path: Path, adders: Push
    ) -> None:
        adders(tmp_path, 1)
        with serve(tmp_path) as server, ThreadPoolExecutor(1) as pool:
            turns = np.int32(60_000)
            request = predict_request({"turns": turns}, spec(signature="slow"))
            running = pool.submit(server.call, request)
            eventually(lambda: server.server.manager.acquire(spec()).references > 1)
            server.server.manager.release(server.server.manager.acquire(spec()))
            adders(tmp_path, 2)
            server.await_states(v2=State.AVAILABLE)
            assert running.result(TIMEOUT).model_spec.version.value == 1

    def test_memory_is_steady_over_fifty_swaps(
        self, tmp_path: Path, adders: Push
    ) -> None:
        save_adder(tmp_path / "1", 1.0, only=("serving_default",))
        process = psutil.Process()
        sizes = []
        with serve(tmp_path, file_system_poll_wait_seconds=0.02) as server:
            for version in range(2, 52):
                # The name alone makes it another version; the content may repeat.
                shutil.copytree(tmp_path / str(version - 1), tmp_path / f"c{version}")
                (tmp_path / f"c{version}").rename(tmp_path / str(version))
                server.await_states(
                    **{f"v{version}": State.AVAILABLE, f"v{version - 1}": State.END}
                )
                shutil.rmtree(tmp_path / str(version - 1))
                assert server.predict({"x": [0.0]})["y"] == [1.0]
                sizes.append(process.memory_info().rss / 2**20)
        # Half a MiB a swap, were a session or its graph kept, would be 20.
        assert sizes[-1] - sizes[9] < 15, sizes


class TestWhatIsThere:
    def test_a_folder_without_the_model_file_is_passed_over(
        self, tmp_path: Path, adders: Push
    ) -> None:
        adders(tmp_path, 1)
        with serve(tmp_path) as server:
            pushed = adders(tmp_path / "elsewhere", 2)
            late = (pushed / "saved_model.pb").rename(tmp_path / "late.pb")
            pushed.rename(tmp_path / "2")
            time.sleep(0.5)
            assert server.states() == {1: State.AVAILABLE}
            late.rename(tmp_path / "2" / "saved_model.pb")
            server.await_states(v2=State.AVAILABLE, v1=State.END)

    @pytest.mark.parametrize("damage", ["garbage", "no variables"])
    def test_a_broken_version_is_reported_and_the_old_one_serves_on(
        self, tmp_path: Path, adders: Push, damage: str
    ) -> None:
        adders(tmp_path, 1)
        with serve(tmp_path, max_num_load_retries=0) as server:
            load = Load(server)
            with load.running(2):
                pushed = adders(tmp_path / "elsewhere", 2)
                if damage == "garbage":
                    (pushed / "saved_model.pb").write_bytes(b"\x07garbage")
                else:
                    shutil.rmtree(pushed / "variables")
                pushed.rename(tmp_path / "2")
                server.await_states(v2=State.END)
            request = get_model_status_pb2.GetModelStatusRequest(model_spec=spec())
            broken, old = server.models.GetModelStatus(request).model_version_status
            if damage == "garbage":
                assert broken.status.error_code == Code.DATA_LOSS
                assert broken.status.error_message == (
                    f"Can't parse {tmp_path}/2/saved_model.pb as binary proto"
                )
            else:
                assert broken.status.error_code != Code.OK
                assert "variables" in broken.status.error_message
            assert (old.version, old.state) == (1, State.AVAILABLE)
            assert load.failures == []
            assert set(load.answers) == {1.0}

    def test_a_mended_version_is_tried_again(
        self, tmp_path: Path, adders: Push
    ) -> None:
        adders(tmp_path, 1)
        with serve(tmp_path, max_num_load_retries=0) as server:
            good = adders(tmp_path / "elsewhere", 2)
            (tmp_path / "2").mkdir()
            (tmp_path / "2" / "saved_model.pb").write_bytes(b"no model")
            server.await_states(v2=State.END)
            shutil.copytree(good, tmp_path / "2", dirs_exist_ok=True)
            server.await_states(v2=State.AVAILABLE, v1=State.END)

    def test_a_load_is_retried(self, tmp_path: Path, adders: Push) -> None:
        adders(tmp_path, 1)
        with serve(tmp_path, load_retry_interval_micros=300_000) as server:
            pushed = adders(tmp_path / "elsewhere", 2)
            (pushed / "variables").rename(tmp_path / "variables")
            pushed.rename(tmp_path / "2")
            server.await_states(v2=State.LOADING)
            (tmp_path / "variables").rename(tmp_path / "2" / "variables")
            server.await_states(v2=State.AVAILABLE)

    def test_an_emptied_base_path_unloads_and_a_missing_one_does_not(
        self, tmp_path: Path, adders: Push
    ) -> None:
        base = tmp_path / "base"
        adders(base, 1)
        with serve(base) as server:
            base.rename(tmp_path / "away")
            time.sleep(0.4)
            assert server.states() == {1: State.AVAILABLE}
            base.mkdir()
            server.await_states(v1=State.END)
            found = server.refused({"x": [0.0]})
            assert found == Failure(
                StatusCode.NOT_FOUND, "Servable not found for request: Latest(adder)"
            )
            (tmp_path / "away" / "1").rename(base / "1")
            server.await_states(v1=State.AVAILABLE)

    def test_leading_zeros_and_other_names(self, tmp_path: Path, adders: Push) -> None:
        adders(tmp_path, 1).rename(tmp_path / "00000007")
        (tmp_path / "temp-8").mkdir()
        (tmp_path / "notes.txt").write_text("no version")
        with serve(tmp_path) as server:
            assert server.states() == {7: State.AVAILABLE}


class TestStart:
    def test_ports_open_once_a_version_is_there(
        self, tmp_path: Path, adders: Push, caplog: pytest.LogCaptureFixture
    ) -> None:
        server = serve(tmp_path)
        starting = server.start_soon()
        eventually(
            lambda: (
                f"No versions of servable adder found under base path {tmp_path}"
                in caplog.text
            )
        )
        assert server.refused({"x": [0.0]}).code is StatusCode.UNAVAILABLE
        assert not starting.done()
        adders(tmp_path, 1)
        starting.result(TIMEOUT)
        grpc.channel_ready_future(server.channel).result(TIMEOUT)
        assert server.call(predict_request({"x": [0.0]})).model_spec.version.value == 1
        server.stop()

    def test_a_model_that_does_not_load_ends_the_start(self, tmp_path: Path) -> None:
        (tmp_path / "1").mkdir()
        (tmp_path / "1" / "saved_model.pb").write_bytes(b"no model")
        server = serve(tmp_path, max_num_load_retries=0)
        with pytest.raises(ServingError) as caught:
            server.start()
        assert str(caught.value) == (
            "UNKNOWN: 1 servable(s) did not become available: {{name: adder version: "
            f"1}} due to error: DATA_LOSS: Can't parse {tmp_path}/1/saved_model.pb as "
            "binary proto, }"
        )
        server.stop()

    def test_other_tags_are_not_found(self, tmp_path: Path, adders: Push) -> None:
        adders(tmp_path, 1)
        server = serve(tmp_path, max_num_load_retries=0, saved_model_tags="serve,gpu")
        with pytest.raises(ServingError, match=r"matching supplied tags: \{ serve gpu"):
            server.start()
        server.stop()


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
                # A file that is no config changes nothing.
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
            # A path with a typing error holds nothing up once it is mended.
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
