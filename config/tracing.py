"""Traces by OpenTelemetry, where OTEL_EXPORTER_OTLP_ENDPOINT is set: one span for each page, proxied call and task.

A span is written down when it is over, with the few attributes that are named here. No body, header, query, path,
organization, key or error text is among them: a page is told by its route, an error by its kind.
"""

import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from celery.signals import task_postrun, task_prerun
from django.http import HttpRequest, HttpResponseBase

import config
from config import request_ids

_tracer: Any = None
_began: dict[str, int] = {}

Attributes = Mapping[str, str | int | float]


def start(endpoint: str, *, exporter: Any = None) -> None:
    """`exporter` takes the place of the one that sends to the endpoint."""
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor, SimpleSpanProcessor

    global _tracer
    provider = TracerProvider(
        resource=Resource({"service.name": "ai-prompt-cost", "service.version": config.VERSION}), shutdown_on_exit=True
    )
    if exporter is not None:
        provider.add_span_processor(SimpleSpanProcessor(exporter))
    else:
        provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint=f"{endpoint.rstrip('/')}/v1/traces")))
    _tracer = provider.get_tracer("ai-prompt-cost", config.VERSION)
    task_prerun.connect(_note_start, weak=False)
    task_postrun.connect(_note_end, weak=False)


def stop() -> None:
    global _tracer
    _tracer = None
    task_prerun.disconnect(_note_start)
    task_postrun.disconnect(_note_end)


def is_on() -> bool:
    return _tracer is not None


def record(name: str, seconds: float, attributes: Attributes, *, is_error: bool = False) -> None:
    """Something that has just ended and took so long."""
    if _tracer is None:
        return
    from opentelemetry.trace import SpanKind, StatusCode

    now = time.time_ns()
    span = _tracer.start_span(
        name, kind=SpanKind.SERVER, start_time=now - round(seconds * 1e9), attributes=dict(attributes), context=None
    )
    if request_id := request_ids.current.get():
        span.set_attribute("aipc.request_id", request_id)
    if is_error:
        span.set_status(StatusCode.ERROR)
    span.end(now)


class TracedPages:
    """Middleware: one span for each answer of Django."""

    sync_capable = True
    async_capable = True

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase | Awaitable[HttpResponseBase]]) -> None:
        self.get_response = get_response
        if iscoroutinefunction(get_response):
            markcoroutinefunction(self)

    def __call__(self, request: HttpRequest) -> HttpResponseBase | Awaitable[HttpResponseBase]:
        began = time.monotonic()
        response = self.get_response(request)
        if isinstance(response, HttpResponseBase):
            return _page(request, response, began)
        return self._later(request, response, began)

    async def _later(
        self, request: HttpRequest, response: Awaitable[HttpResponseBase], began: float
    ) -> HttpResponseBase:
        return _page(request, await response, began)


def _page(request: HttpRequest, response: HttpResponseBase, began: float) -> HttpResponseBase:
    match = request.resolver_match
    route = match.route if match is not None else "none"
    method = request.method if request.method in {"GET", "HEAD", "POST", "OPTIONS"} else "other"
    attributes: Attributes = {
        "http.request.method": method,
        "http.route": route,
        "http.response.status_code": response.status_code,
    }
    is_error = response.status_code >= 500
    record(f"{method} {route}", time.monotonic() - began, attributes, is_error=is_error)
    return response


def _note_start(task_id: str, **_: Any) -> None:
    _began[task_id] = time.monotonic_ns()


def _note_end(task_id: str, task: Any, state: str | None, **_: Any) -> None:
    began = _began.pop(task_id, None)
    if began is not None:
        seconds = (time.monotonic_ns() - began) / 1e9
        record(f"task {task.name}", seconds, {"aipc.task": str(task.name)}, is_error=state != "SUCCESS")
