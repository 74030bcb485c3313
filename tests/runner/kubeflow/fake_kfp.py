"""A small Kubeflow Pipelines server, with the parts that kfp's client and ours use.

It uses real sockets; routes and fields are those of the published API
(kubeflow/pipelines: backend/api/v2beta1/*.proto). `frames` has the form of a run.
"""

import json
import re
import ssl
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

Json = dict[str, Any]

CREATED = "2026-01-01T00:00:00Z"


@dataclass
class Request:
    """A request that the server got."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes

    def json(self) -> Json:
        content: Json = json.loads(self.body)
        return content


@dataclass
class FakeKfp:
    """The server's state; tests prepare it and inspect it afterwards.

    Attributes:
        host: Base address.
        token: Token required in each request, if any.
        accept: Answers each request with (status, headers, body) before KFP does,
            or with None to leave it to KFP.
        multi_user: Whether it behaves as in a Kubeflow with profiles.
        tag_name: Name of its release; if empty, the server does not tell it.
        frames: The states of a run for successive requests; the last one is repeated.
        logs: Logs by pod; other pods do not exist.
        interface: Whether the address is the user interface's, not the API server's.
        failing: Number of requests for a run that are answered with 503 first.
        tasks: The task API of a KFP without ML Metadata; None: an earlier KFP.
        tasks_on_a_page: Number of tasks on a page of that API.
    """

    host: str = ""
    token: str = ""
    accept: Callable[[Request], tuple[int, dict[str, str], str] | None] | None = None
    multi_user: bool = False
    tag_name: str = ""
    frames: list[Json] = field(default_factory=list)
    logs: dict[str, str] = field(default_factory=dict)
    interface: bool = True
    failing: int = 0
    tasks: list[Json] | None = None
    tasks_on_a_page: int = 100
    requests: list[Request] = field(default_factory=list)
    experiments: list[Json] = field(default_factory=list)
    pipelines: list[Json] = field(default_factory=list)
    versions: list[Json] = field(default_factory=list)
    runs: list[Json] = field(default_factory=list)
    recurring_runs: list[Json] = field(default_factory=list)
    asked: int = 0

    def sent(self, method: str, path: str) -> list[Request]:
        """Returns the requests with that method and path below /apis/v2beta1."""
        return [
            request
            for request in self.requests
            if (request.method, request.path) == (method, f"/apis/v2beta1{path}")
        ]

    def answer(self, request: Request) -> tuple[int, dict[str, str], str]:
        """Returns the server's answer."""
        self.requests.append(request)
        if self.accept is not None and (answer := self.accept(request)) is not None:
            return answer
        given = request.headers.get("authorization", "")
        if self.token and given != f"Bearer {self.token}":
            return _json({"message": "Request header error", "code": 16}, 401)
        for method, pattern, handle in self._routes():
            found = re.fullmatch(pattern, request.path)
            if method == request.method and found:
                return handle(self, request, *found.groups())
        return 404, {"Content-Type": "text/plain"}, "404 page not found"

    def _routes(self) -> list[tuple[str, str, Callable[..., Any]]]:
        return [
            ("GET", r"/apis/v2beta1/healthz", FakeKfp._healthz),
            ("GET", r"/apis/v2beta1/experiments", FakeKfp._list_experiments),
            ("POST", r"/apis/v2beta1/experiments", FakeKfp._create_experiment),
            ("POST", r"/apis/v2beta1/runs", FakeKfp._create_run),
            ("GET", r"/apis/v2beta1/runs/([^/]+)", FakeKfp._get_run),
            ("GET", r"/apis/v2beta1/runs/([^/]+)/tasks", FakeKfp._list_tasks),
            ("GET", r"/apis/v2beta1/recurringruns", FakeKfp._list_recurring),
            ("POST", r"/apis/v2beta1/recurringruns", FakeKfp._create_recurring),
            ("DELETE", r"/apis/v2beta1/recurringruns/(\S+)", FakeKfp._delete_recurring),
            ("GET", r"/apis/v2beta1/pipelines", FakeKfp._list_pipelines),
            ("POST", r"/apis/v2beta1/pipelines/upload", FakeKfp._upload),
            (
                "POST",
                r"/apis/v2beta1/pipelines/upload_version",
                FakeKfp._upload_version,
            ),
            (
                "GET",
                r"/apis/v2beta1/pipelines/([^/]+)/versions",
                FakeKfp._list_versions,
            ),
            ("GET", r"/apis/v1alpha1/runs/([^/]+)/nodes/([^/]+)/log", FakeKfp._log),
            ("GET", r"/k8s/pod/logs", FakeKfp._log_of_interface),
        ]

    def _healthz(self, request: Request) -> Any:
        name = "apiServerTagName" if self.interface else "tag_name"
        version = {name: self.tag_name} if self.tag_name else {}
        return _json({"multi_user": self.multi_user, **version})

    def _list_experiments(self, request: Request) -> Any:
        found = _matching(self.experiments, request)
        return _json({"experiments": found, "total_size": len(found)})

    def _create_experiment(self, request: Request) -> Any:
        made = {**request.json(), "created_at": CREATED}
        made["experiment_id"] = f"experiment-{len(self.experiments) + 1}"
        self.experiments.append(made)
        return _json(made)

    def _create_run(self, request: Request) -> Any:
        made = {**request.json(), "created_at": CREATED, "state": "PENDING"}
        made["run_id"] = f"run-{len(self.runs) + 1}"
        self.runs.append(made)
        return _json(made)

    def _get_run(self, request: Request, run_id: str) -> Any:
        if self.failing:
            self.failing -= 1
            return _json({"message": "the database restarts", "code": 14}, 503)
        frame = self.frames[min(self.asked, len(self.frames) - 1)]
        self.asked += 1
        return _json({"run_id": run_id, "created_at": CREATED, **frame})

    def _list_tasks(self, request: Request, run_id: str) -> Any:
        if self.tasks is None:
            return _json({"message": "Not Found", "code": 5}, 404)
        begin = int(request.query.get("page_token", "0"))
        end = begin + self.tasks_on_a_page
        more = {"next_page_token": str(end)} if end < len(self.tasks) else {}
        return _json({"tasks": self.tasks[begin:end], **more})

    def _list_recurring(self, request: Request) -> Any:
        found = _matching(self.recurring_runs, request)
        return _json({"recurringRuns": found, "total_size": len(found)})

    def _create_recurring(self, request: Request) -> Any:
        made = {**request.json(), "created_at": CREATED}
        made["recurring_run_id"] = f"schedule-{len(self.recurring_runs) + 1}"
        self.recurring_runs.append(made)
        return _json(made)

    def _delete_recurring(self, request: Request, recurring_run_id: str) -> Any:
        self.recurring_runs = [
            run
            for run in self.recurring_runs
            if run["recurring_run_id"] != recurring_run_id
        ]
        return _json({})

    def _list_pipelines(self, request: Request) -> Any:
        found = _matching(self.pipelines, request)
        return _json({"pipelines": found, "total_size": len(found)})

    def _upload(self, request: Request) -> Any:
        pipeline = {
            "pipeline_id": f"pipeline-{len(self.pipelines) + 1}",
            "display_name": request.query["name"],
            "created_at": CREATED,
        }
        self.pipelines.append(pipeline)
        self._add_version(pipeline["pipeline_id"], request.query["name"])
        return _json(pipeline)

    def _upload_version(self, request: Request) -> Any:
        return _json(
            self._add_version(request.query["pipelineid"], request.query["name"])
        )

    def _add_version(self, pipeline_id: str, name: str) -> Json:
        version = {
            "pipeline_id": pipeline_id,
            "pipeline_version_id": f"version-{len(self.versions) + 1}",
            "display_name": name,
            "created_at": CREATED,
        }
        self.versions.append(version)
        return version

    def _list_versions(self, request: Request, pipeline_id: str) -> Any:
        found = [
            version
            for version in _matching(self.versions, request)
            if version["pipeline_id"] == pipeline_id
        ]
        return _json({"pipeline_versions": found, "total_size": len(found)})

    def _log(self, request: Request, run_id: str, pod: str) -> Any:
        if self.interface:
            return 404, {"Content-Type": "text/html"}, "<html>Cannot GET</html>"
        if pod not in self.logs or not self.multi_user:
            # The status is sent before the pod is looked for (backend/src/apiserver/
            # server/run_log_server.go); without profiles the pod is never found. The
            # rest has that file's form.
            error = {"error_message": f'pods "{pod}" not found', "error_details": "at"}
            text = json.dumps(error, separators=(",", ":"))
            return 200, {"Content-Type": "text/plain"}, text
        return 200, {"Content-Type": "text/plain"}, self.logs[pod]

    def _log_of_interface(self, request: Request) -> Any:
        if not self.interface:
            return 404, {"Content-Type": "text/plain"}, "404 page not found"
        pod = request.query["podname"]
        if pod not in self.logs:
            # The form of frontend/server/handlers/pod-logs.ts: the reason, then more.
            why = f"Could not get main container logs: {pod} not found\nBody: ..."
            return 500, {"Content-Type": "text/html"}, why
        return 200, {}, self.logs[pod]


def _json(content: Json, status: int = 200) -> tuple[int, dict[str, str], str]:
    return status, {"Content-Type": "application/json"}, json.dumps(content)


def _matching(items: list[Json], request: Request) -> list[Json]:
    """Returns the items that match a filter with one `EQUALS`."""
    if not request.query.get("filter"):
        return items
    [predicate] = json.loads(request.query["filter"])["predicates"]
    assert predicate["operation"] in ("EQUALS", 1)
    return [
        item
        for item in items
        if item[predicate["key"]]
        == predicate.get("stringValue", predicate.get("string_value"))
    ]


def serve(fake: FakeKfp, certificate: tuple[Path, Path] | None = None) -> Any:
    """Starts the server and returns it; the caller shuts it down.

    Args:
        fake: The state to answer from; its `host` is set.
        certificate: Files with certificate and key, for HTTPS.
    """

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _handle(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            parts = urlsplit(self.path)
            request = Request(
                self.command,
                parts.path,
                {key: value[0] for key, value in parse_qs(parts.query).items()},
                {name.lower(): value for name, value in self.headers.items()},
                self.rfile.read(length),
            )
            status, headers, text = fake.answer(request)
            body = text.encode()
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(body))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST = do_DELETE = _handle

        def log_message(self, format: str, *args: Any) -> None:
            """Logs nothing, so that the test's output stays readable."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    scheme = "http"
    if certificate is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*certificate)
        server.socket = context.wrap_socket(server.socket, server_side=True)
        scheme = "https"
    fake.host = f"{scheme}://localhost:{server.server_address[1]}"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server
