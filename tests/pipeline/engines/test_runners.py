"""Requests to a job server, and the handling of its answers."""

import json
import threading
from collections.abc import Iterator
from concurrent import futures
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any, ClassVar

import apache_beam as beam
import grpc
import pytest
from apache_beam.portability.api import beam_job_api_pb2, beam_job_api_pb2_grpc
from google.protobuf import struct_pb2

from contract.errors import BadInputError
from pipeline.beam import Beam
from pipeline.engines.runners import EngineError, FlinkRunner, reason

RUNNING, DONE = beam_job_api_pb2.JobState.RUNNING, beam_job_api_pb2.JobState.DONE
FAILED = beam_job_api_pb2.JobState.FAILED


class JobServer(beam_job_api_pb2_grpc.JobServiceServicer):
    """Knows some jobs, and accepts no new ones."""

    def __init__(self, jobs: dict[str, tuple[int, str]]) -> None:
        self.jobs = jobs
        self.cancelled: list[str] = []

    def DescribePipelineOptions(self, request: Any, context: Any) -> Any:
        return beam_job_api_pb2.DescribePipelineOptionsResponse()

    def GetJobs(self, request: Any, context: Any) -> Any:
        response = beam_job_api_pb2.GetJobsResponse()
        for job_id, (state, folder) in self.jobs.items():
            options = struct_pb2.Struct()
            options["beam:option:shared_folder:v1"] = folder
            response.job_info.add(job_id=job_id, state=state, pipeline_options=options)
        return response

    def Cancel(self, request: Any, context: Any) -> Any:
        self.cancelled.append(request.job_id)
        return beam_job_api_pb2.CancelJobResponse()

    def Prepare(self, request: Any, context: Any) -> Any:
        context.abort(grpc.StatusCode.UNAVAILABLE, "shutting down")


class TakesJobs(JobServer):
    """Accepts any job, and soon reports that it failed."""

    def __init__(self) -> None:
        super().__init__({})
        self.names: list[str] = []

    def Prepare(self, request: Any, context: Any) -> Any:
        self.names.append(request.pipeline_options["beam:option:job_name:v1"])
        return beam_job_api_pb2.PrepareJobResponse(preparation_id="prepared")

    def Run(self, request: Any, context: Any) -> Any:
        return beam_job_api_pb2.RunJobResponse(job_id="job")

    def GetState(self, request: Any, context: Any) -> Any:
        return beam_job_api_pb2.JobStateEvent(state=FAILED)

    def GetStateStream(self, request: Any, context: Any) -> Iterator[Any]:
        yield beam_job_api_pb2.JobStateEvent(state=FAILED)

    def GetMessageStream(self, request: Any, context: Any) -> Iterator[Any]:
        yield beam_job_api_pb2.JobMessagesResponse(
            state_response=beam_job_api_pb2.JobStateEvent(state=FAILED)
        )


class SlowFlink(BaseHTTPRequestHandler):
    """Shows a running job only after three requests for the jobs."""

    job_server: ClassVar[TakesJobs]
    asked: ClassVar[int]
    cancelled: ClassVar[list[str]]

    def do_GET(self) -> None:
        type(self).asked += 1
        names = self.job_server.names if self.asked > 3 else []
        jobs = [{"name": name, "jid": name, "end-time": -1} for name in names]
        self._answer(200, json.dumps({"jobs": jobs}))

    def do_PATCH(self) -> None:
        self.cancelled.append(self.path)
        self._answer(202, "{}")

    def _answer(self, code: int, text: str) -> None:
        self.send_response(code)
        self.end_headers()
        self.wfile.write(text.encode())


def serve(servicer: JobServer) -> tuple[grpc.Server, str]:
    server = grpc.server(futures.ThreadPoolExecutor(4))
    beam_job_api_pb2_grpc.add_JobServiceServicer_to_server(servicer, server)
    port = server.add_insecure_port("localhost:0")
    server.start()
    return server, f"localhost:{port}"


@pytest.fixture
def job_server(tmp_path: Path) -> Iterator[tuple[JobServer, str]]:
    """Knows a running and a finished job of the folder, and one of another folder."""
    servicer = JobServer(
        {
            "orphan": (RUNNING, str(tmp_path)),
            "done": (DONE, str(tmp_path)),
            "somebody's": (RUNNING, "/elsewhere"),
        }
    )
    server, endpoint = serve(servicer)
    yield servicer, endpoint
    server.stop(None)


def run(endpoint: str, folder: Path, **more: Any) -> None:
    settings = Beam(runner="FlinkRunner", endpoint=endpoint, **more)
    options = beam.options.pipeline_options.PipelineOptions(
        settings.pipeline_args(str(folder))
    )
    with beam.Pipeline(runner=FlinkRunner(), options=options) as pipeline:
        _ = pipeline | beam.Create([1])


def test_orphans_of_the_folder_are_cancelled_and_nobody_elses(
    job_server: tuple[JobServer, str], tmp_path: Path
) -> None:
    server, endpoint = job_server
    with pytest.raises(BadInputError):
        run(endpoint, tmp_path)
    assert server.cancelled == ["orphan"]


def test_a_server_that_goes_away_is_one_line_and_leaves_nothing_of_the_probe(
    job_server: tuple[JobServer, str], tmp_path: Path
) -> None:
    _, endpoint = job_server
    with pytest.raises(BadInputError) as refused:
        run(endpoint, tmp_path)
    assert f"the job server at {endpoint} is gone" in str(refused.value)
    assert "\n" not in str(refused.value)
    assert isinstance(refused.value.__cause__, EngineError)
    assert not list(tmp_path.iterdir())


def test_a_job_that_comes_to_flink_after_it_was_given_up_is_cancelled(
    tmp_path: Path,
) -> None:
    servicer = TakesJobs()
    server, endpoint = serve(servicer)

    class Flink(SlowFlink):
        job_server = servicer
        asked = 0
        cancelled: ClassVar[list[str]] = []

    with HTTPServer(("localhost", 0), Flink) as rest:
        threading.Thread(target=rest.serve_forever).start()
        try:
            with pytest.raises(BadInputError, match=r"^beam\.workers: "):
                run(endpoint, tmp_path, flink_rest=f"localhost:{rest.server_port}")
        finally:
            rest.shutdown()
            server.stop(None)
    [name] = servicer.names
    assert Flink.cancelled == [f"/jobs/{name}?mode=cancel"]


def test_nobody_at_the_endpoint_is_bad_input(tmp_path: Path) -> None:
    with pytest.raises(
        BadInputError, match=r"^beam\.endpoint: expected a Beam job server at "
    ):
        run("localhost:1", tmp_path)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "Pipeline failed: java.lang.RuntimeException: Error\nTraceback:\n"
            "RuntimeError: PROBE<workers cannot use /out: Permission denied: it has\n"
            "to be shared> [while running 'Probe']",
            "workers cannot use /out: Permission denied: it has to be shared",
        ),
        (
            "Pipeline failed in state FAILED: java.lang.RuntimeException: Error\n"
            "Traceback (most recent call last):\n  File x, line 3\n"
            "ValueError: Missing columns\n\tat org.apache.beam.Thing",
            "ValueError: Missing columns",
        ),
        (
            "Pipeline failed in state FAILED: JobExecutionException: Job execution "
            "failed.\n\tat a\nCaused by: org.apache.flink.NoRestart: suppressed\n"
            "\tat b\nCaused by: TaskManager lost",
            "TaskManager lost",
        ),
        ("Pipeline failed in state CANCELLED", "Pipeline failed in state CANCELLED"),
    ],
)
def test_of_a_message_the_cause_is_told(text: str, expected: str) -> None:
    assert reason(text) == expected
