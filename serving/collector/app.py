"""The HTTP server of the collector: takes events, and answers metrics and health."""

import asyncio
import contextlib
import json
import logging
import time
from collections.abc import AsyncIterator

import google_crc32c
import prometheus_client
from aiohttp import web
from cloudevents.core.base import BaseCloudEvent
from cloudevents.core.bindings.http import HTTPMessage, from_binary
from cloudevents.core.exceptions import BaseCloudEventException
from cloudevents.core.formats.json import JSONFormat
from prometheus_client import CollectorRegistry, Counter

from contract.errors import BadInputError
from serving.collector.joining import REQUEST, RESPONSE, Exchange, Joiner
from serving.collector.records import Asked, Recorder, asked, names_model
from serving.collector.spans import Spans
from serving.server.request_log import VALID_ID

_log = logging.getLogger(__name__)

_TURN_SECONDS = 1.0


class _Bytes(JSONFormat):
    """Leaves an event's data as bytes, to be parsed when both events are there."""

    def read_data(self, body: bytes, datacontenttype: str | None) -> bytes:
        """Returns the data unchanged."""
        return body


_FORMAT = _Bytes()


class Collector:
    """Takes events, joins them to exchanges, and writes these as records."""

    def __init__(
        self,
        spans: Spans,
        recorder: Recorder,
        rate: float,
        wait_seconds: float,
        max_waiting_bytes: int,
    ) -> None:
        """Starts with no waiting events.

        Args:
            spans: Where the records are written.
            recorder: Makes the records.
            rate: Share of the requests that is recorded, chosen by a hash of their ids.
            wait_seconds: How long an event waits for its partner.
            max_waiting_bytes: Most bytes of waiting events.
        """
        self._spans = spans
        self._recorder = recorder
        self._below = rate * 2**32
        self._failing = False
        self.registry = CollectorRegistry()
        self._events = Counter(
            "collector_events", "Events that came.", registry=self.registry
        )
        self._records = Counter(
            "collector_records",
            "Requests that were written with their answers.",
            ["model"],
            registry=self.registry,
        )
        self._dropped = Counter(
            "collector_dropped_events",
            "Events that were not written.",
            ["reason"],
            registry=self.registry,
        )
        self._joiner = Joiner(wait_seconds, max_waiting_bytes, self._drop)

    def _drop(self, reason: str, count: int) -> None:
        self._dropped.labels(reason).inc(count)

    async def take(self, request: web.Request) -> web.Response:
        """Takes an event; answers 200 to any CloudEvent, as KServe's logger expects."""
        self._events.inc()
        try:
            body = await request.read()
        except web.HTTPRequestEntityTooLarge:
            self._drop("too_large", 1)
            raise
        except (web.RequestPayloadError, ConnectionError) as error:
            self._drop("no_event", 1)
            return web.Response(status=400, text=f"no whole body: {error}\n")
        try:
            event = from_binary(HTTPMessage(dict(request.headers), body), _FORMAT)
        except (BaseCloudEventException, ValueError) as error:
            self._drop("no_event", 1)
            return web.Response(status=400, text=f"no CloudEvent: {error}\n")
        kind, request_id = event.get_type(), event.get_id()
        if kind not in (REQUEST, RESPONSE) or not VALID_ID.fullmatch(request_id):
            self._drop("other_event", 1)
        elif google_crc32c.value(request_id.encode()) < self._below:
            service = str(event.get_extension("inferenceservicename"))
            key = (event.get_extension("namespace"), service, request_id)
            path = _path(event) or request.path
            exchange = self._joiner.add(key, kind, body, time.monotonic(), path)
            if exchange is not None:
                self._write(asked(service, exchange.path), exchange, request_id)
        return web.Response()

    def _write(self, what: Asked, exchange: Exchange, request_id: str) -> None:
        try:
            data, entry = self._recorder.record(
                what, exchange, request_id, int(time.time())
            )
            self._spans.append(data, entry)
        except BadInputError:
            self._drop("no_predict", 2)
        except OSError as error:
            # One line for all requests until one is written again.
            if not self._failing:
                _log.error("requests are not logged: %s", error)
            self._failing = True
            self._drop("not_written", 2)
        else:
            self._failing = False
            self._records.labels(what.model).inc()

    async def tell(self, request: web.Request) -> web.Response:
        """Answers a scrape of Prometheus."""
        return web.Response(
            body=prometheus_client.generate_latest(self.registry),
            headers={"Content-Type": prometheus_client.CONTENT_TYPE_LATEST},
        )

    async def turn(self) -> None:
        """Completes finished hours and drops expired events, until it is cancelled."""
        while True:
            await asyncio.sleep(_TURN_SECONDS)
            self._joiner.expire(time.monotonic())
            try:
                self._spans.turn()
            except OSError as error:
                _log.error("an hour could not be completed: %s", error)


def _path(event: BaseCloudEvent) -> str:
    """Returns the request's path; empty where the event does not have it.

    KServe's events have neither the path nor the version. The path is known where the
    InferenceService lists a header with it in `logger.metadataHeaders`; KServe 0.15
    sends these headers only with the request.
    """
    with contextlib.suppress(ValueError, AttributeError, TypeError):
        values = json.loads(event.get_extension("metadata") or "{}").values()
        texts = [text for value in values for text in value if isinstance(text, str)]
        return next((text for text in texts if names_model(text)), "")
    return ""


def make_app(collector: Collector, max_event_bytes: int) -> web.Application:
    """Returns the HTTP application.

    Args:
        collector: Handles the events.
        max_event_bytes: A larger body is refused with 413.
    """
    app = web.Application(client_max_size=max_event_bytes)

    async def turning(app: web.Application) -> AsyncIterator[None]:
        task = asyncio.create_task(collector.turn())
        yield
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task

    async def healthy(request: web.Request) -> web.Response:
        return web.Response(text="ok\n")

    app.cleanup_ctx.append(turning)
    app.router.add_get("/metrics", collector.tell)
    app.router.add_get("/healthz", healthy)
    app.router.add_post("/{path:.*}", collector.take)
    return app
