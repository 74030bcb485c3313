"""Connects to KFP's API with the user's credentials, and explains failures.

kfp's own client asks for the health of KFP five times, five seconds apart, and
shows a stack trace each time. So this module asks first, once, and reports a problem in
one line.
"""

import base64
import json
import os
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

import requests

from contract import http_failures
from contract.errors import BadInputError
from contract.special_files import file_only, read_text
from contract.waiting import PATIENCE_SECONDS, SilenceError, awaited, told

HOST_VARIABLE = "KF_PIPELINES_ENDPOINT"
TOKEN_VARIABLE = "KFP_TOKEN"
MOUNTED_VARIABLE = "KF_PIPELINES_SA_TOKEN_PATH"
MOUNTED_TOKEN = "/var/run/secrets/kubeflow/pipelines/token"

HEALTH = "/apis/v2beta1/healthz"
_CONNECT_SECONDS = 5


@dataclass(frozen=True)
class Connection:
    """The address of KFP's API, and the credentials for it.

    Attributes:
        host: Base address of the API server, or of a user interface that passes
            requests on to it.
        token: Bearer token; empty if none is needed.
        token_file: File with the token, read again for each request, because
            Kubernetes renews the token in a pod. If it is empty, `token` is used.
        ca_cert: File with the certificates to trust; empty for the well-known ones.
        namespace: Namespace of the runs in a Kubeflow with profiles; empty for KFP's
            own.
    """

    host: str
    token: str = ""
    token_file: str = ""
    ca_cert: str = ""
    namespace: str = ""

    def current_token(self) -> str:
        """Returns the token to use now.

        Raises:
            BadInputError: The token file cannot be read, or is empty.
        """
        if not self.token_file:
            return self.token
        token = read_text(self.token_file, f"the token in {self.token_file}").strip()
        if not token:
            raise BadInputError(f"{self.token_file}: expected a token, found nothing")
        return token

    def get(self, path: str, **parameters: str) -> requests.Response:
        """Sends a GET request for a path below the host; follows no redirects.

        Raises:
            RequestException: There is no answer; `http_failures` explains it.
        """
        token = self.current_token()

        def ask(heard: Callable[[], None]) -> requests.Response:
            with requests.Session() as session:
                # Like kfp's client, this uses no proxies or passwords from the
                # environment. A .netrc would even replace the token.
                session.trust_env = False
                return session.get(
                    self.host + path,
                    params=parameters,
                    headers={"Authorization": f"Bearer {token}"} if token else {},
                    verify=self.ca_cert or True,
                    timeout=(_CONNECT_SECONDS, PATIENCE_SECONDS),
                    allow_redirects=False,
                )

        try:
            return awaited(ask)
        except SilenceError as error:
            raise requests.Timeout from error

    def check(self) -> dict[str, Any]:
        """Returns KFP's health report, with facts such as `multi_user`.

        Raises:
            BadInputError: No KFP answers at the address, or it refuses the token. The
                message says why, and what to do.
        """
        try:
            with told(f"waiting for {self.host}"):
                answer = self.get(HEALTH)
        except requests.RequestException as error:
            raise BadInputError(self._unreachable(error)) from error
        if answer.status_code in (401, 403):
            raise BadInputError(self.refused(answer.status_code))
        if 300 <= answer.status_code < 400:
            raise BadInputError(self._elsewhere(answer.headers.get("Location", "")))
        if answer.status_code == 404:
            raise BadInputError(
                f"{self.host}: no Kubeflow Pipelines 2.x there (404 for {HEALTH}): "
                "expected the address of service ml-pipeline-ui, or "
                "of Kubeflow followed by /pipeline"
            )
        if answer.status_code >= 400:
            raise BadInputError(
                f"{self.host}: not ready: it answers {answer.status_code} "
                f"{answer.reason}"
            )
        if "html" in answer.headers.get("Content-Type", ""):
            raise BadInputError(self._page(answer.text))
        try:
            health = answer.json()
        except ValueError:
            health = None
        if not isinstance(health, dict):
            raise BadInputError(
                f"{self.host}: not Kubeflow Pipelines: expected JSON at {HEALTH}, "
                f"found {answer.text[:60]!r}"
            )
        return health

    def refused(self, status: int) -> str:
        """Returns an error line for a request that was refused (401 or 403)."""
        how = _new_token(self.namespace)
        token = self.current_token()
        if not token:
            return (
                f"{self.host}: expected a token, found none ({status}): give one with "
                f"--token, --token-file or {TOKEN_VARIABLE}: {how}"
            )
        expired = _expired(token)
        if expired is not None:
            return f"{self.host}: the token expired {expired} ({status}): {how}"
        if status == 401:
            return (
                f"{self.host}: the token is not accepted (401): expired, of another "
                f"cluster, or not for Kubeflow Pipelines: {how}"
            )
        where = f"namespace {self.namespace}" if self.namespace else "it"
        return (
            f"{self.host}: the token is valid, but has no right to use {where} (403): "
            f"name your namespace with --namespace, or create a token for an account "
            f"that has the right: {how}"
        )

    def _unreachable(self, error: requests.RequestException) -> str:
        """Returns an error line that says why there is no answer and what to do."""
        if isinstance(error, requests.exceptions.InvalidURL):
            return (
                f"--host: expected an address as http://localhost:8080, found "
                f"{self.host}"
            )
        why = http_failures.reason(error, self.host)
        return f"{self.host}: {why}{_help(error, why)}"

    def _elsewhere(self, location: str) -> str:
        """Returns an error line for a redirect to HTTPS or to a login."""
        secure = self.host.replace("http://", "https://", 1)
        if self.host.startswith("http://") and location.startswith(secure + "/apis"):
            return f"{self.host}: it wants HTTPS: --host {secure}"
        target = location.split("?")[0] or "another page"
        return self._login(f"redirects to {target}")

    def _page(self, text: str) -> str:
        if re.search(r"log ?in|sign ?in|password", text, re.IGNORECASE):
            return self._login("answers with a login page")
        return (
            f"{self.host}: a web page, and not the API of Kubeflow Pipelines: expected "
            "the address of service ml-pipeline-ui, or of Kubeflow followed by "
            "/pipeline"
        )

    def _login(self, what: str) -> str:
        problem = "the token is not accepted" if self.current_token() else "no token"
        return (
            f"{self.host}: {what}: {problem}: give one with --token, --token-file or "
            f"{TOKEN_VARIABLE}: {_new_token(self.namespace)}"
        )


def connection(
    host: str | None,
    token: str | None,
    token_file: str | None,
    ca_cert: str | None,
    namespace: str | None,
) -> Connection:
    """Checks the flags; returns the connection, but sends no request.

    Raises:
        BadInputError: A flag is missing, or its value or file cannot be used.
    """
    if not host:
        raise BadInputError(
            f"--host: expected the address of Kubeflow Pipelines, there or in "
            f"{HOST_VARIABLE}, as http://localhost:8080 with `kubectl port-forward "
            "--namespace kubeflow service/ml-pipeline-ui 8080:80`"
        )
    if "://" not in host:
        raise BadInputError(
            f"--host: expected http:// or https:// in front, found {host}"
        )
    if not re.match(r"https?://[^/\s]+", host):
        raise BadInputError(
            f"--host: expected an address as http://localhost:8080, found {host}"
        )
    if ca_cert:
        try:
            with open(ca_cert, "rb", opener=file_only) as stream:
                beginning = stream.read(1 << 20)
        except OSError as error:
            raise BadInputError(
                f"{ca_cert}: the certificates cannot be read: {error.strerror}"
            ) from error
        if b"-----BEGIN CERTIFICATE-----" not in beginning:
            raise BadInputError(f"{ca_cert}: expected certificates in PEM")
    if not token and not token_file and _is_in_cluster(host):
        token_file = _mounted_token()
    made = Connection(
        # An address copied from the browser ends in the path of a page (`/#/...`).
        host=host.split("/#", 1)[0].rstrip("/"),
        token="" if token_file else (token or "").strip(),
        token_file=token_file or "",
        ca_cert=ca_cert or "",
        namespace=namespace or "",
    )
    made.current_token()
    return made


def _is_in_cluster(host: str) -> bool:
    """Tells whether an address is this cluster's, so that it may get a pod's token.

    Such names are those of services (kubernetes.io/docs/concepts/services-networking/
    dns-pod-service), or have no dot, such as `localhost`.
    """
    name = urlsplit(host).hostname or ""
    return "." not in name or name.endswith((".svc", ".svc.cluster.local", ".kubeflow"))


def _mounted_token() -> str | None:
    """Returns the file with the token of this pod, such as a notebook of Kubeflow.

    The names are those of KFP's SDK (kfp.client.set_volume_credentials).

    Raises:
        BadInputError: The variable names a file that does not exist.
    """
    path = os.environ.get(MOUNTED_VARIABLE)
    if path and not os.path.exists(path):
        raise BadInputError(
            f"{MOUNTED_VARIABLE}: expected the file with this pod's token, found no "
            f"{path}: unset it, or give a token with --token or --token-file"
        )
    return path or (MOUNTED_TOKEN if os.path.exists(MOUNTED_TOKEN) else None)


def _new_token(namespace: str) -> str:
    # KFP's API server accepts tokens for this audience
    # (kubeflow/pipelines: backend/src/apiserver/common/config.go).
    return (
        "kubectl create token default-editor --namespace "
        f"{namespace or 'PROFILE'} --audience pipelines.kubeflow.org"
    )


def _expired(token: str) -> str | None:
    """Returns when a JSON Web Token expired; None if it did not, or is no such token.

    The signature is not checked, because `exp` (RFC 7519, 4.1.4) only serves to explain
    a refusal.
    """
    try:
        payload = token.split(".")[1]
        padded = payload + "=" * (-len(payload) % 4)
        expiry = float(json.loads(base64.urlsafe_b64decode(padded))["exp"])
    except (IndexError, KeyError, TypeError, ValueError):
        return None
    if expiry > time.time():
        return None
    moment = datetime.fromtimestamp(expiry, UTC)
    return f"{moment:%Y-%m-%d %H:%M} UTC"


def _help(error: requests.RequestException, why: str) -> str:
    if isinstance(error, requests.exceptions.SSLError):
        if "certificate" in why:
            return ": give the authority's with --ca-cert FILE"
        return ": is it http:// and not https://?"
    if isinstance(error, requests.Timeout):
        return ": is it the right address and port?"
    if "refused" in why:
        return (
            ": is `kubectl port-forward --namespace kubeflow service/ml-pipeline-ui "
            "8080:80` running?"
        )
    return ""
