"""Beam's runners for Flink and Spark, with cancellation, time limits and clear errors.

Beam's own runners leave a job running when the driver is interrupted, wait without end
for a worker that cannot start, and report a lost server by the name of a gRPC class.
"""

import argparse
import copy
import hashlib
import logging
import os
import re
import shutil
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import apache_beam as beam
import grpc
import requests
from apache_beam.options.pipeline_options import (
    GoogleCloudOptions,
    PipelineOptions,
    PortableOptions,
)
from apache_beam.portability.api import beam_job_api_pb2, beam_job_api_pb2_grpc
from apache_beam.runners.portability import flink_runner, portable_runner, spark_runner
from apache_beam.runners.runner import PipelineState

from contract import progress, stopping
from contract.errors import BadInputError
from pipeline.engines.probe import ANSWER, MARK, QUESTION, Probe, this_worker

TRIED = ("2.68.0", "2.77.0")
"""Versions of Beam that were tried; docs/more-than-one-machine.md names the pairs."""

_SERVER_SECONDS = 10
_STOP_SECONDS = 15.0
"""Most seconds between a signal and the end of this process: it must cancel its job."""
_ARRIVAL_SECONDS = 60.0
"""Most seconds until a submitted job appears in a separate Flink. Beam's job server
answers before it submits the job to Flink (20 s earlier on a busy machine), and submits
it even if it was cancelled meanwhile."""
_ARRIVAL_SECONDS_STOPPED = 8.0
"""The same after a signal. The next run cancels a job that appears later."""
_ENDED = (PipelineState.DONE, PipelineState.DRAINED)


class EngineError(ConnectionError):
    """The engine, its job server or its workers failed; the message is one line."""


class EngineOptions(PipelineOptions):
    """Options that are sent with a job; its job server lists them for any client.

    Attributes:
        shared_folder: Folder in which the nodes write. It belongs to a workspace, which
            only one run holds at a time.
        start_seconds: Most seconds that a worker may take to answer the first job.
        flink_rest: Address of a separate Flink's REST API; jobs are cancelled there.
        job_tag: Random tag by which a job is found if its id never arrived.
    """

    @classmethod
    def _add_argparse_args(cls, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--shared_folder", default=None)
        parser.add_argument("--start_seconds", type=int, default=None)
        parser.add_argument("--flink_rest", default=None)
        parser.add_argument("--job_tag", default=None)


class _Portable(portable_runner.PortableRunner):
    """Behaviour that both runners add to Beam's own."""

    _probed: set[str] = set()  # noqa: RUF012 - of the process, and so of the class

    def run_portable_pipeline(self, pipeline: Any, options: PipelineOptions) -> Any:
        """Submits a job, after a probe if it is the first job for its job server.

        Raises:
            BadInputError: The probe found that jobs cannot work.
            EngineError: The engine failed.
        """
        stopping.allow(_STOP_SECONDS)
        endpoint = options.view_as(PortableOptions).job_endpoint
        if endpoint not in self._probed:
            self._probed.add(endpoint)
            try:
                self._probe(endpoint, options)
            except BaseException:
                self._probed.discard(endpoint)
                raise
        return self._submit(pipeline, options)

    def _submit(self, pipeline: Any, options: PipelineOptions) -> "_Job":
        mine = options.view_as(EngineOptions)
        mine.job_tag = uuid.uuid4().hex
        # Beam has this option in this group only. It becomes the job's name in Flink.
        named = options.view_as(GoogleCloudOptions)
        named.job_name = job_name(mine.shared_folder, mine.job_tag)
        address = _Address(
            options.view_as(PortableOptions).job_endpoint, mine.flink_rest
        )
        with _ended_with_the_block(address, mine):
            result = super().run_portable_pipeline(pipeline, options)
        return _Job(result, address, mine)

    def _probe(self, endpoint: str, options: PipelineOptions) -> None:
        """Runs a job that writes and reads the folder from a worker."""
        progress.tell(f"asking the job server at {endpoint}")
        _check_server(endpoint)
        if beam.__version__ not in TRIED:
            progress.tell(
                f"note: Beam {beam.__version__} with {type(self).__name__} has not "
                "been tried with this project (docs/more-than-one-machine.md)"
            )
        folder = options.view_as(EngineOptions).shared_folder
        if not folder:
            return
        # Only this run may write to the folder now: other jobs on it are orphans.
        rest = options.view_as(EngineOptions).flink_rest
        _cancel(_Address(endpoint, rest), "shared_folder", folder, job_name(folder))
        probe = os.path.join(folder, f".probe-{uuid.uuid4().hex}")
        os.makedirs(probe)
        try:
            with open(os.path.join(probe, QUESTION), "w", encoding="utf-8") as stream:
                stream.write(probe)
            self._ask(probe, endpoint, copy.deepcopy(options))
        finally:
            shutil.rmtree(probe, ignore_errors=True)

    def _ask(self, folder: str, endpoint: str, options: PipelineOptions) -> None:
        progress.tell(f"asking the workers behind {endpoint}")
        seconds = options.view_as(EngineOptions).start_seconds
        pipeline = beam.Pipeline(runner=type(self)(), options=options)
        _ = pipeline | beam.Create([b""]) | beam.ParDo(Probe(folder, this_worker()))
        try:
            state = pipeline.run().wait_until_finish(seconds * 1000)
        except EngineError as error:
            raise BadInputError(f"beam.workers: {error}") from error
        if state not in _ENDED:
            raise BadInputError(
                f"beam.workers: no worker answered within {seconds} s: "
                + _why_none(options.view_as(PortableOptions))
            )
        try:
            with open(os.path.join(folder, ANSWER), encoding="utf-8") as stream:
                answered = stream.read() == folder
        except OSError:
            answered = False
        if not answered:
            raise BadInputError(
                f"beam.workers: what workers write to {folder} is not found there by "
                "this run: it has to be one folder, at the same path"
            )


class FlinkRunner(_Portable, flink_runner.FlinkRunner):
    """Flink, behind a Beam job server."""


class SparkRunner(_Portable, spark_runner.SparkRunner):
    """Spark, behind a Beam job server."""


class _Job:
    """A submitted job, with the part of `PipelineResult` that Beam and TFX use."""

    def __init__(self, result: Any, address: "_Address", mine: EngineOptions) -> None:
        self._result = result
        self._address = address
        self._mine = mine

    def wait_until_finish(self, duration: int | None = None) -> str:
        """Waits for the job, and cancels it if it is not done in time.

        Args:
            duration: Most milliseconds to wait; None waits without end.

        Raises:
            EngineError: The job failed, or the job server no longer answers.
        """
        with _ended_with_the_block(self._address, self._mine):
            state: str = self._result.wait_until_finish(duration)
        if state not in _ENDED:
            _cancel_job(self._address, self._mine, _ARRIVAL_SECONDS)
        return state

    def metrics(self) -> Any:
        return self._result.metrics()


@dataclass(frozen=True)
class _Address:
    """Addresses of a job server, and of Flink's own REST API if it is known."""

    endpoint: str
    rest: str | None


@contextmanager
def _ended_with_the_block(address: _Address, mine: EngineOptions) -> Iterator[None]:
    """Cancels the job if an exception leaves the block, and raises a clear error."""
    try:
        yield
    except BaseException as error:
        lost = isinstance(error, grpc.RpcError | grpc.FutureTimeoutError)
        stopped = not isinstance(error, Exception)
        arrival = _ARRIVAL_SECONDS_STOPPED if stopped else _ARRIVAL_SECONDS
        # A lost job server submits nothing to Flink.
        _cancel_job(address, mine, 0.0 if lost else arrival)
        if lost:
            raise EngineError(
                f"the job server at {address.endpoint} is gone: see why, start it "
                "again, and cancel in the engine what it still shows of this run"
            ) from error
        if isinstance(error, RuntimeError):
            logging.exception("the job of %s failed", address.endpoint)
            said = reason(str(error))
            if f"{MARK}<" not in str(error):
                said = f"the job server at {address.endpoint} says: {said}"
            raise EngineError(said) from error
        raise


def _check_server(endpoint: str) -> None:
    """Checks that a job server answers; Beam itself would take long to notice."""
    with grpc.insecure_channel(endpoint) as channel:
        try:
            grpc.channel_ready_future(channel).result(timeout=_SERVER_SECONDS)
            _service(channel).DescribePipelineOptions(
                beam_job_api_pb2.DescribePipelineOptionsRequest(),
                timeout=_SERVER_SECONDS,
            )
        except (grpc.RpcError, grpc.FutureTimeoutError) as error:
            raise BadInputError(
                f"beam.endpoint: expected a Beam job server at {endpoint}, found none: "
                "start it, or name another (docs/more-than-one-machine.md)"
            ) from error


def job_name(folder: str | None, tag: str = "") -> str:
    """Returns the name of a job in the engine; without a tag, its folder's prefix."""
    of_folder = hashlib.sha256((folder or "").encode()).hexdigest()[:12]
    return f"pipeline-{of_folder}-{tag}"


def _cancel_job(address: _Address, mine: EngineOptions, arrival: float) -> None:
    name = job_name(mine.shared_folder, mine.job_tag)
    _cancel(address, "job_tag", mine.job_tag, name, arrival)


def _cancel(
    address: _Address, option: str, value: str, name: str, arrival: float = 0.0
) -> None:
    """Cancels the jobs that have this value of an option.

    A job that is cancelled in Beam's job server goes on in a separate Flink, so it is
    cancelled there, too. Failures of the servers are only logged.

    Args:
        address: The servers.
        option: Name of an option in `EngineOptions`.
        value: Value of the option.
        name: Prefix of the names of these jobs in Flink.
        arrival: Seconds to wait for the first such job if Flink shows none yet.
    """
    key = f"beam:option:{option}:v1"
    try:
        with grpc.insecure_channel(address.endpoint) as channel:
            service = _service(channel)
            jobs = service.GetJobs(
                beam_job_api_pb2.GetJobsRequest(), timeout=_SERVER_SECONDS
            )
            for job in jobs.job_info:
                if job.state in portable_runner.TERMINAL_STATES:
                    continue
                if value == dict(job.pipeline_options).get(key):
                    logging.warning("cancelling job %s", job.job_id)
                    service.Cancel(
                        beam_job_api_pb2.CancelJobRequest(job_id=job.job_id),
                        timeout=_SERVER_SECONDS,
                    )
    except grpc.RpcError:
        logging.exception("jobs of %s could not be cancelled", address.endpoint)
    if address.rest is None:
        return
    try:
        end = time.monotonic() + arrival
        found = _cancel_in_flink(address.rest, name)
        if not found and arrival:
            progress.tell("waiting for the job to come to Flink, to cancel it there")
        while not found and time.monotonic() < end:
            time.sleep(0.2)
            found = _cancel_in_flink(address.rest, name)
    except (requests.RequestException, ValueError, KeyError):
        logging.exception("jobs of Flink at %s could not be cancelled", address.rest)


def _cancel_in_flink(rest: str, name: str) -> bool:
    """Cancels the jobs whose names have this prefix; tells whether there are any."""
    url = f"http://{rest}/jobs"
    answer = requests.get(f"{url}/overview", timeout=_SERVER_SECONDS)
    jobs = [job for job in answer.json()["jobs"] if job["name"].startswith(name)]
    for job in jobs:
        if job["end-time"] < 0:
            logging.warning("cancelling %s in Flink", job["name"])
            requests.patch(
                f"{url}/{job['jid']}?mode=cancel", timeout=_SERVER_SECONDS
            ).raise_for_status()
    return bool(jobs)


def _service(channel: grpc.Channel) -> Any:
    return beam_job_api_pb2_grpc.JobServiceStub(channel)


def _why_none(options: PortableOptions) -> str:
    if options.environment_type == "LOOPBACK":
        return (
            "with workers = loopback the engine has to run on this machine: name a "
            "worker pool that it reaches"
        )
    return (
        "see that the engine has free slots, that a pool listens at "
        f"{options.environment_config} as the engine sees it, and that `python` in "
        "its PATH is this project's"
    )


def reason(text: str) -> str:
    """Returns the one useful line of a message that contains tracebacks."""
    if found := re.search(f"{MARK}<(.*?)>", text, re.DOTALL):
        return " ".join(found.group(1).split())
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    causes = [line for line in lines if line.startswith("Caused by: ")]
    raised = [line for line in lines if re.match(r"[\w.]+(Error|Exception): ", line)]
    return (raised or causes or lines or ["unknown error"])[-1].removeprefix(
        "Caused by: "
    )
