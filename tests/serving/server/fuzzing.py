"""Sends thousands of random malformed requests to a server of its own.

    python -m tests.serving.server.fuzzing --requests 100000 --seed 1

Every request is made of a seed and its number, so a failure can be had again. What has
to hold: each gets a status that puts the blame where it belongs, the server lives, and
its memory does not grow.
"""

from __future__ import annotations

import argparse
import base64
import http.client
import json
import random
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import grpc
import psutil
import tensorflow as tf
from tensorflow.core.framework import tensor_pb2
from tensorflow_serving.apis import (
    classification_pb2,
    get_model_metadata_pb2,
    inference_pb2,
    predict_pb2,
)

from tests.serving.server import odd_models, saved_models
from tests.serving.server.running import eventually, free_port, spec

ROOT = Path(__file__).parents[3]
SERVICE = "/tensorflow.serving.PredictionService/"
TIMEOUT = 20.0
CLIENTS = 4

# Status codes that blame the client.
GRPC_STATUSES = frozenset(
    {
        *("OK", "INVALID_ARGUMENT", "NOT_FOUND", "FAILED_PRECONDITION"),
        *("UNIMPLEMENTED", "RESOURCE_EXHAUSTED", "OUT_OF_RANGE"),
    }
)
HTTP_STATUSES = frozenset({200, 400, 404, 413, 429, 501})

# Model, signature, input and type of requests that may succeed.
_FITTING = (
    *(("adder", "", "x", 1), ("adder", "pair", "x", 1), ("adder", "scalar", "x", 1)),
    *(("adder", "text", "text", 7), ("adder", "rows", "matrix", 1)),
    *(("adder", "root", "x", 1), ("digits", "", "images", 4)),
    *(("conv", "", "images", 1), ("types", "float32", "x", 1)),
    *(("types", "string", "x", 7), ("types", "uint8", "x", 4)),
    *(("odd", "words", "x", 7), ("odd", "largest", "x", 1), ("odd", "label", "x", 7)),
    *(("odd", "double", "x", 1), ("odd", "square", "x", 1), ("odd", "sums", "x", 1)),
    *(("odd", "blur", "x", 1), ("odd", "blur_any", "x", 1), ("odd", "any", "x", 1)),
    *(("odd", "blur_perhaps", "x", 1), ("odd", "pool", "x", 1)),
    *(("odd", "scatter", "x", 3), ("odd", "numbers", "x", 1)),
)
_MODELS = ("adder", "types", "digits", "conv", "odd", "odd", "odd", "nobody", "")
_SIGNATURES = (
    *("", "", "two_inputs", "scalar", "text", "rows", "classify", "regress", "root"),
    *("tf_examples", "float32", "string", "bfloat16", "half", "uint64", "complex64"),
    *("words", "largest", "label", "double", "square", "sums", "blur", "blur_any"),
    *("blur_perhaps", "any", "pool", "scatter", "numbers", "constant", "nothing"),
    "__saved_model_init_op",
)
_ALIASES = ("x", "x", "x", "a", "b", "images", "text", "matrix", "inputs", "", "é")
_SIZES = (0, 0, 1, 1, 1, 2, 2, 3, 4, 5, 8, 8, 28, 100)
_HUGE = (-1, 2**20, 2**31, 2**32, 2**40, 2**62, 2**63 - 1, -(2**63))
_METHODS = ("Predict",) * 8 + ("Classify", "Regress", "MultiInference")


def shape(draw: random.Random) -> list[int]:
    """Draws a shape; a few of them are too large for any memory."""
    dims = [draw.choice(_SIZES) for _ in range(draw.choice((0, 1, 1, 2, 2, 3, 4, 5)))]
    if dims and draw.random() < 0.15:
        dims[draw.randrange(len(dims))] = draw.choice(_HUGE)
    return dims if draw.random() > 0.01 else [1] * draw.randrange(20, 300)


def tensor(draw: random.Random, dtype: int | None = None) -> Any:
    """Draws a TensorProto whose parts mostly fit together."""
    dtype = dtype or draw.choice((1, 1, 1, 3, 4, 7, 9, 2))
    proto = tensor_pb2.TensorProto(dtype=dtype)
    if draw.random() < 0.1:
        proto.dtype = draw.randrange(0, 40)
    dims = shape(draw)
    count = 1
    for dim in dims:
        proto.tensor_shape.dim.add(size=dim)
        count *= max(dim, 0)
    count = min(count, 5000)
    if draw.random() < 0.1:
        count = draw.randrange(0, 9)
    field = {1: "float_val", 2: "double_val", 7: "string_val", 9: "int64_val"}.get(
        proto.dtype, "int_val"
    )
    kind = draw.random()
    if kind < 0.1:
        proto.tensor_content = draw.randbytes(count * draw.choice((1, 4, 4, 8)) % 20000)
    elif field == "string_val":
        proto.string_val.extend(draw.randbytes(draw.randrange(9)) for _ in range(count))
    else:
        getattr(proto, field).extend(draw.randrange(0, 200) for _ in range(count))
    if draw.random() < 0.02:
        proto.tensor_shape.unknown_rank = True
    return proto


def example(draw: random.Random) -> Any:
    """Draws a tf.Example with the expected feature or with another one."""
    features = {}
    for name in draw.sample(("v", "image", "x"), draw.randrange(3)):
        values = [draw.uniform(-9, 9) for _ in range(draw.choice((0, 1, 1, 784)))]
        kind = draw.randrange(3)
        if kind == 0:
            feature = tf.train.Feature(float_list=tf.train.FloatList(value=values))
        elif kind == 1:
            whole = tf.train.Int64List(value=[int(value) for value in values])
            feature = tf.train.Feature(int64_list=whole)
        else:
            texts = tf.train.BytesList(value=[b"text"])
            feature = tf.train.Feature(bytes_list=texts)
        features[name] = feature
    return tf.train.Example(features=tf.train.Features(feature=features))


def model_spec(draw: random.Random) -> Any:
    """Draws a model spec."""
    version = draw.choice((None,) * 9 + (1, 3, 2, -5, 2**62))
    return spec(draw.choice(_MODELS), draw.choice(_SIGNATURES), version)


def grpc_request(draw: random.Random) -> tuple[str, bytes]:
    """Draws a method and the bytes of its request."""
    method = draw.choice(_METHODS)
    request: Any
    if method == "Predict":
        request = predict_pb2.PredictRequest(model_spec=model_spec(draw))
        if draw.random() < 0.6:
            name, signature, alias, dtype = draw.choice(_FITTING)
            request.model_spec.CopyFrom(spec(name, signature))
            request.inputs[alias].CopyFrom(tensor(draw, dtype))
        for alias in draw.sample(_ALIASES, draw.choice((0, 0, 0, 0, 1, 2))):
            request.inputs[alias].CopyFrom(tensor(draw))
        if draw.random() < 0.1:
            request.output_filter.append(draw.choice(("y", "y", "sum", "")))
    elif method == "MultiInference":
        request = inference_pb2.MultiInferenceRequest()
        for _ in range(draw.randrange(3)):
            kind = draw.choice(("classify", "regress", "predict"))
            request.tasks.add(
                model_spec=model_spec(draw), method_name=f"tensorflow/serving/{kind}"
            )
    else:
        request = classification_pb2.ClassificationRequest(model_spec=model_spec(draw))
    if method != "Predict":
        for _ in range(draw.randrange(4)):
            request.input.example_list.examples.append(example(draw))
    if draw.random() < 0.05:
        method = "GetModelMetadata"
        request = get_model_metadata_pb2.GetModelMetadataRequest(
            model_spec=model_spec(draw), metadata_field=["signature_def"]
        )
    data = bytearray(request.SerializeToString())
    if data and draw.random() < 0.25:
        for _ in range(draw.randrange(1, 5)):
            data[draw.randrange(len(data))] = draw.randrange(256)
    return method, bytes(data)


def value(draw: random.Random, depth: int = 0) -> Any:
    """Draws a JSON value, mostly a rectangular list."""
    if depth < 5 and draw.random() < 0.6:
        if draw.random() < 0.8:
            return [value(draw, depth + 1)] * draw.choice(_SIZES[:12])
        return [value(draw, depth + 1) for _ in range(draw.randrange(4))]
    return draw.choice(
        (
            *(1, 1, 0, -1, 1.5, 0.1, 1e39, 2**31, 2**53 + 1, 2**63, 2**64, 10**30),
            *(1435774380, True, None, "text", "é", "\ud800", float("nan")),
            *(float("inf"), "", {"b64": "aGk="}, {"b64": "a"}, {"b64": 1}, {}, [], "0"),
            {"b64": base64.encodebytes(draw.randbytes(60)).decode()},
        )
    )


def rest_request(draw: random.Random) -> tuple[str, str, bytes, dict[str, str]]:
    """Draws a method, a target, a body and headers."""
    model = draw.choice(_MODELS)
    where = draw.choice(("",) * 8 + ("/versions/1", "/versions/99", "/labels/stable"))
    if draw.random() < 0.05:
        target = draw.choice(
            (f"/v1/models/{model}{where}", f"/v1/models/{model}{where}/metadata", "/")
        )
        return "GET", target, b"", {}
    method = draw.choice(("predict",) * 6 + ("classify", "regress", "PREDICT"))
    body: dict[str, Any] = {"signature_name": draw.choice(_SIGNATURES)}
    if draw.random() < 0.5:
        model, body["signature_name"], _, _ = draw.choice(_FITTING)
    if method == "predict":
        key = draw.choice(("instances", "inputs"))
        body[key] = value(draw)
        if draw.random() < 0.3:
            named = {alias: value(draw) for alias in draw.sample(_ALIASES, 2)}
            body[key] = named if key == "inputs" else [named] * draw.randrange(3)
    else:
        features = {draw.choice(("v", "image")): value(draw)}
        body["examples"] = draw.choice(([features], [features, {}], [], value(draw)))
        if draw.random() < 0.2:
            body["context"] = features
    data = bytearray(json.dumps(body).encode())
    if draw.random() < 0.2:
        for _ in range(draw.randrange(1, 4)):
            data[draw.randrange(len(data))] = draw.randrange(256)
        if draw.random() < 0.3:
            del data[draw.randrange(len(data)) :]
    headers = {"Content-Encoding": "gzip"} if draw.random() < 0.01 else {}
    return "POST", f"/v1/models/{model}{where}:{method}", bytes(data), headers


class Client:
    """Sends requests by their numbers; each thread has its own connections."""

    def __init__(self, grpc_port: int, rest_port: int, seed: int):
        self._ports = grpc_port, rest_port
        self._seed = seed
        self._own = threading.local()
        self.statuses: Counter[str] = Counter()
        self.wrong: list[str] = []

    def send(self, number: int) -> None:
        """Sends request `number`; keeps the faults of its answer."""
        draw = random.Random(f"{self._seed}-{number}")
        status = self._rest(draw) if number % 2 else self._grpc(draw)
        if status.startswith("!"):
            self.wrong.append(f"request {number} of seed {self._seed}: {status[1:]}")
        self.statuses[status.split(":")[0]] += 1

    def _grpc(self, draw: random.Random) -> str:
        channel = getattr(self._own, "channel", None)
        if channel is None:
            channel = grpc.insecure_channel(f"127.0.0.1:{self._ports[0]}")
            self._own.channel = channel
        method, data = grpc_request(draw)
        try:
            channel.unary_unary(SERVICE + method)(data, timeout=TIMEOUT)
        except grpc.RpcError as error:
            code, details = error.code().name, error.details() or ""
            unparsed = code == "INTERNAL" and details.startswith(
                "Error parsing request"
            )
            if code in GRPC_STATUSES or unparsed:
                return str(code)
            return f"!{method} {code}: {details}"
        return "OK"

    def _rest(self, draw: random.Random) -> str:
        connection = getattr(self._own, "connection", None)
        if connection is None:
            connection = http.client.HTTPConnection(
                "127.0.0.1", self._ports[1], timeout=TIMEOUT
            )
            self._own.connection = connection
        method, target, body, headers = rest_request(draw)
        for attempt in range(2):
            try:
                connection.request(method, target, body, headers)
                answer = connection.getresponse()
                text = answer.read()
                break
            except (http.client.HTTPException, OSError) as error:
                # The server may close an idle connection at any time.
                connection.close()
                if attempt:
                    return f"!{method} {target}: {error!r}"
        if answer.status in HTTP_STATUSES:
            return str(answer.status)
        return f"!{method} {target} {answer.status}: {text[:300]!r} for {body[:300]!r}"


@contextmanager
def served(folder: Path) -> Iterator[tuple[psutil.Process, int, int]]:
    """Starts a server of all the models; yields its process and its ports."""
    saved_models.save_adder(folder / "adder" / "1", 1.0)
    saved_models.save_adder(folder / "adder" / "3", 3.0)
    saved_models.save_types(folder / "types" / "1")
    saved_models.save_digits(folder / "digits" / "1")
    saved_models.save_convolution(folder / "conv" / "1")
    asked = {name: odd_models.ODD[name] for name in odd_models.ODD if name != "spin"}
    odd_models.save(folder / "odd" / "1", asked)
    odd_models.mark(folder / "digits" / "1", "serving_default", "tf_examples")
    config = folder / "models.config"
    models = "".join(
        f'config {{ name: "{name}" base_path: "{folder / name}" '
        'model_platform: "tensorflow" }'
        for name in ("adder", "types", "digits", "conv", "odd")
    )
    config.write_text(f"model_config_list {{ {models} }}")
    ports = free_port(), free_port()
    log = folder / "log"
    with log.open("wb") as out:
        process = subprocess.Popen(
            [
                *(sys.executable, "-m", "serving.server"),
                f"--model_config_file={config}",
                *(f"--port={ports[0]}", f"--rest_api_port={ports[1]}"),
            ],
            cwd=ROOT,
            stdout=out,
            stderr=out,
        )
    try:
        eventually(
            lambda: process.poll() is not None or b"Exporting HTTP" in log.read_bytes(),
            120,
        )
        assert process.poll() is None, log.read_text()
        yield psutil.Process(process.pid), *ports
    finally:
        process.kill()
        process.wait()


def fuzz(requests: int, seed: int) -> tuple[Client, list[int]]:
    """Sends `requests` requests; returns the client, and the server's memory over time.

    Raises:
        psutil.NoSuchProcess: The server has died.
    """
    with tempfile.TemporaryDirectory() as folder, served(Path(folder)) as server:
        process, grpc_port, rest_port = server
        client = Client(grpc_port, rest_port, seed)
        sizes = []
        step = max(1, requests // 20)
        with ThreadPoolExecutor(CLIENTS) as pool:
            for start in range(0, requests, step):
                numbers = range(start, min(start + step, requests))
                list(pool.map(client.send, numbers))
                assert process.status() != psutil.STATUS_ZOMBIE, (
                    f"the server died at request {start} to {start + step} of {seed}; "
                    f"{(Path(folder) / 'log').read_text()[-2000:]}"
                )
                sizes.append(process.memory_info().rss)
    return client, sizes


def main() -> int:
    """Runs the command line; returns 0 if no answer was wrong."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=time.time_ns() % 10**9)
    options = parser.parse_args()
    print(f"seed {options.seed}", flush=True)
    start = time.monotonic()
    client, sizes = fuzz(options.requests, options.seed)
    print(f"{options.requests} requests in {time.monotonic() - start:.0f} s")
    print(dict(client.statuses.most_common()))
    half = sizes[len(sizes) // 2 :]
    growth = half[-1] / half[0] - 1
    print("MiB:", [size >> 20 for size in sizes], f"second half: {growth:+.2%}")
    for line in client.wrong[:40]:
        print(line)
    return 1 if client.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
