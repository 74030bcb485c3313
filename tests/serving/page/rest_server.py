"""A server of the page and of the REST calls it makes, with a real classifier."""

import asyncio
import threading
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from aiohttp import web
from sklearn.neural_network import MLPClassifier

from contract.task import Task
from serving.page import FILE
from tests.serving.tasks import DIGITS


@dataclass
class RestServer:
    """Answers the page's requests as TensorFlow Serving does.

    Attributes:
        task: The model's task; its name is the model's.
        tells: Whether the model has the signature `describe`.
        novel: The answer of its signature `novelty` for any image; None without it.
        versions: Versions with their states; a change swaps models.
        labels: Versions by label.
        asked: The paths asked so far.
        images: The images asked about so far.
        refusal: A text to refuse every prediction with, or empty.
    """

    classifier: MLPClassifier
    task: Task = DIGITS
    tells: bool = True
    novel: bool | None = None
    versions: dict[int, str] = field(default_factory=lambda: {1700000000: "AVAILABLE"})
    labels: dict[str, int] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    images: list[np.ndarray] = field(default_factory=list)
    refusal: str = ""
    url: str = ""
    port: int = 0
    _loop: asyncio.AbstractEventLoop | None = None
    _runner: web.AppRunner | None = None

    def start(self) -> None:
        """Serves on the loopback, on the last port again if there was one."""
        started = threading.Event()
        threading.Thread(target=self._run, args=[started], daemon=True).start()
        assert started.wait(10)

    def stop(self) -> None:
        """Closes the port."""
        assert self._loop is not None
        assert self._runner is not None
        asyncio.run_coroutine_threadsafe(self._runner.cleanup(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)

    def _run(self, started: threading.Event) -> None:
        self._loop = asyncio.new_event_loop()
        app = web.Application()
        app.router.add_get("/", self._page)
        app.router.add_get("/v1/models/{name}", self._status)
        app.router.add_post(
            r"/v1/models/{name}/versions/{version:\d+}:predict", self._predict
        )
        app.router.add_get(
            r"/v1/models/{name}/versions/{version:\d+}/metadata", self._metadata
        )
        app.router.add_get("/v1/models/{name}/labels/{label}/metadata", self._metadata)
        self._runner = web.AppRunner(app, shutdown_timeout=0.1)
        self._loop.run_until_complete(self._runner.setup())
        site = web.TCPSite(self._runner, "127.0.0.1", self.port, reuse_address=True)
        self._loop.run_until_complete(site.start())
        self.port = self._runner.addresses[0][1]
        self.url = f"http://127.0.0.1:{self.port}/"
        started.set()
        self._loop.run_forever()

    async def _page(self, request: web.Request) -> web.Response:
        return web.Response(text=FILE.read_text(), content_type="text/html")

    async def _status(self, request: web.Request) -> web.Response:
        self.asked.append(request.path)
        name = request.match_info["name"]
        if name != self.task.name:
            text = f"Could not find any versions of model {name}"
            return web.json_response({"error": text}, status=404)
        ok = {"error_code": "OK", "error_message": ""}
        items = [
            {"version": str(version), "state": state, "status": ok}
            for version, state in self.versions.items()
        ]
        return web.json_response({"model_version_status": items})

    async def _metadata(self, request: web.Request) -> web.Response:
        def info(dtype: str, *sides: int) -> dict[str, Any]:
            dims = [{"size": str(side), "name": ""} for side in sides]
            shape = {"dim": dims, "unknown_rank": False}
            return {"dtype": dtype, "tensor_shape": shape, "name": "x:0"}

        signatures = {
            "serving_default": {
                "inputs": {"images": info("DT_UINT8", -1, *self.task.shape)},
                "outputs": {
                    "probabilities": info("DT_FLOAT", -1, len(self.task.classes)),
                    "class_id": info("DT_INT64", -1),
                },
            }
        }
        if self.novel is not None:
            signatures["novelty"] = {
                "inputs": {"images": info("DT_UINT8", -1, *self.task.shape)},
                "outputs": {
                    "novelty": info("DT_FLOAT", -1),
                    "is_novel": info("DT_BOOL", -1),
                },
            }
        if self.tells:
            signatures["describe"] = {
                "inputs": {"text": info("DT_STRING", -1)},
                "outputs": {"task": info("DT_STRING", -1)},
            }
        content = {"signature_def": {"signature_def": signatures}}
        label = request.match_info.get("label")
        version = self.labels.get(label or "", request.match_info.get("version"))
        if version is None:
            text = f"Unrecognized servable version label: {label}"
            return web.json_response({"error": text}, status=400)
        spec = {"name": self.task.name, "version": str(version)}
        return web.json_response({"metadata": content, "model_spec": spec})

    async def _predict(self, request: web.Request) -> web.Response:
        body = await request.json()
        if body.get("signature_name") == "describe":
            texts = [self.task.to_json() for _ in body["inputs"]]
            return web.json_response({"outputs": texts})
        self.asked.append(request.path)
        version = int(request.match_info["version"])
        if self.refusal:
            return web.json_response({"error": self.refusal}, status=400)
        if self.versions.get(version) != "AVAILABLE":
            text = (
                f"Servable not found for request: Specific({self.task.name}, {version})"
            )
            return web.json_response({"error": text}, status=404)
        images = np.array(body["instances"], np.uint8)
        if images.shape[1:] != self.task.shape:
            return web.json_response({"error": f"shape {images.shape}"}, status=400)
        if body.get("signature_name") == "novelty":
            told = {"novelty": 0.25, "is_novel": self.novel}
            return web.json_response({"predictions": [told] * len(images)})
        self.images.append(images[0])
        rows = self.classifier.predict_proba(images.reshape(len(images), -1) / 255)
        predictions = [
            {"probabilities": row.tolist(), "class_id": int(row.argmax())}
            for row in rows
        ]
        return web.json_response({"predictions": predictions})
