"""Clients that send requests without pause, and the server's configurations."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import grpc

from tests.serving.server.running import RunningServer, predict_request

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
