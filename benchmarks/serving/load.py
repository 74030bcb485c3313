"""Generates load: a closed loop of concurrent callers on one connection."""

import asyncio
import gc
import time
from dataclasses import dataclass

import grpc
import numpy as np
import psutil

from components.image_example_gen.mnist import TASK
from serving.client import calls
from serving.client.results import Answer, ModelSpec

_CALL_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Measurement:
    """One run of one contender at one concurrency.

    Attributes:
        rate: Answers per second.
        p50: Median latency in milliseconds.
        p99: 99th percentile of the latency in milliseconds.
        answers: Number of counted answers.
        server_cpu: Processor time of the server per answer, in milliseconds.
        client_cpu: Processor time of the load generator per answer, in milliseconds.
    """

    rate: float
    p50: float
    p99: float
    answers: int
    server_cpu: float
    client_cpu: float


def request(model: str) -> calls.Call[Answer]:
    """Returns a Predict call for an image of MNIST's size, as our client makes it."""
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (1, *TASK.shape)).astype(np.uint8)
    return calls.predict(ModelSpec(model), {calls.IMAGES: images})


def predict_once(address: str, model: str) -> None:
    """Sends one request and checks the answer.

    Raises:
        grpc.RpcError: The server does not answer, or refuses.
        ValueError: The answer is not a probability for each class of MNIST.
    """
    call = request(model)
    with grpc.insecure_channel(address) as channel:
        ask = channel.unary_unary(
            call.rpc.path,
            call.rpc.request.SerializeToString,
            call.rpc.response.FromString,
        )
        answer = call.read(ask(call.request, timeout=_CALL_SECONDS))
    rows = answer.outputs[calls.PROBABILITIES]
    wanted = (1, len(TASK.classes))
    if rows.shape != wanted or not np.isclose(rows.sum(), 1, atol=1e-3):
        raise ValueError(f"{address}: expected {wanted[1]} probabilities, found {rows}")


async def measure(
    address: str,
    pid: int,
    model: str,
    concurrency: int,
    seconds: float,
    warm_up: float = 0.3,
) -> Measurement:
    """Keeps `concurrency` calls in flight for `seconds`, after a warm-up.

    The request is serialised once and answers stay bytes, so that the generator uses as
    little of the machine as possible.

    Raises:
        grpc.RpcError: A call failed.
        ValueError: No answer came in time.
    """
    all_answers = 0
    content = request(model).request.SerializeToString()
    latencies: list[float] = []
    async with grpc.aio.insecure_channel(
        address, options=[("grpc.use_local_subchannel_pool", 1)]
    ) as channel:
        ask = channel.unary_unary(calls.PREDICT.path)
        begin = time.perf_counter() + warm_up
        end = begin + seconds

        async def caller() -> None:
            now = time.perf_counter()
            while now < end:
                started = now
                await ask(content, timeout=_CALL_SECONDS)
                now = time.perf_counter()
                nonlocal all_answers
                all_answers += 1
                if started >= begin and now <= end:
                    latencies.append(now - started)

        server_before, client_before = cpu_seconds(pid), time.process_time()
        gc.disable()
        try:
            await asyncio.gather(*(caller() for _ in range(concurrency)))
        finally:
            gc.enable()
        server_cpu = (cpu_seconds(pid) - server_before) / all_answers
        client_cpu = (time.process_time() - client_before) / all_answers
    if not latencies:
        raise ValueError(f"{address}: no answer within {seconds} s")
    p50, p99 = np.percentile(latencies, [50, 99]) * 1000
    return Measurement(
        len(latencies) / seconds,
        float(p50),
        float(p99),
        len(latencies),
        server_cpu * 1000,
        client_cpu * 1000,
    )


def cpu_seconds(pid: int) -> float:
    """Returns the processor time of all threads of a process so far."""
    times = psutil.Process(pid).cpu_times()
    return float(times.user + times.system)
