"""Versions are loaded and unloaded: swaps, rollbacks, broken versions."""

from __future__ import annotations

import shutil
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import grpc
import numpy as np
import psutil
import pytest
from grpc import StatusCode
from tensorflow_serving.apis import get_model_status_pb2

from serving.server.errors import Code, ServingError
from tests.serving.server.load import Load, Push, serve
from tests.serving.server.running import (
    TIMEOUT,
    Failure,
    State,
    eventually,
    predict_request,
    spec,
)
from tests.serving.server.saved_models import save_adder


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
                # The name alone makes it a new version; the content may be the same.
                shutil.copytree(tmp_path / str(version - 1), tmp_path / f"c{version}")
                (tmp_path / f"c{version}").rename(tmp_path / str(version))
                server.await_states(
                    **{f"v{version}": State.AVAILABLE, f"v{version - 1}": State.END}
                )
                shutil.rmtree(tmp_path / str(version - 1))
                assert server.predict({"x": [0.0]})["y"] == [1.0]
                sizes.append(process.memory_info().rss / 2**20)
        # If sessions or graphs were kept, 0.5 MiB per swap would add up to 20 MiB.
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
                assert broken.status.error_code == Code.DATA_LOSS.value[0]
                assert broken.status.error_message == (
                    f"Can't parse {tmp_path}/2/saved_model.pb as binary proto"
                )
            else:
                assert broken.status.error_code != Code.OK.value[0]
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
