"""Readiness: whether this process can take calls now, and what of its neighbours is away. `/readyz` in `config.asgi`.

Nothing is asked while a probe waits: the threads of the process find out by their work, and this tells what they know.
503 means that no call can be taken, so that a load balancer goes elsewhere; what calls can do without for a while, or
what is over as soon as some have ended, makes the process `degraded`, which is a 200.
"""

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, Literal

import msgspec
from django.conf import settings
from django.utils.http import http_date

from proxy import endpoint
from proxy.process import ProxyProcess

# The revocation log is read twice a second; after so much silence the database counts as away.
_SILENCE_SECONDS = 5.0

State = Literal["ok", "degraded", "unavailable"]


class Check(msgspec.Struct, frozen=True, omit_defaults=True):
    """One neighbour. `reason` is a sentence for the operator, without addresses and secrets."""

    state: State
    reason: str = ""


class Readiness(msgspec.Struct, frozen=True):
    state: State
    checks: dict[str, Check]


def look(process: ProxyProcess | None) -> Readiness:
    if process is None:
        checks = {"process": Check("unavailable", "The process is starting or stopping.")}
    else:
        checks = {
            "process": _process(process),
            "database": _database(process),
            "queue": _queue(process),
            "journal": _journal(process),
        }
    states = {check.state for check in checks.values()}
    worst: State = "unavailable" if "unavailable" in states else "degraded" if "degraded" in states else "ok"
    return Readiness(worst, checks)


def _process(process: ProxyProcess) -> Check:
    if process.is_leaving:
        return Check("unavailable", "The service stops here.")
    if process.limits.is_full:
        return Check("degraded", "As many calls run as MAX_CALLS allows; further ones are refused.")
    return Check("ok")


def _database(process: ProxyProcess) -> Check:
    silence = process.keys.silence()
    if process.keys.is_unmigrated:
        reason = "The database lacks tables of this release."
        return Check("unavailable" if silence is None or silence > settings.KEY_GRACE else "degraded", reason)
    if silence is None:
        return Check("unavailable", "The database has not answered since the start, so no key is known.")
    if silence <= _SILENCE_SECONDS:
        return Check("ok")
    left = settings.KEY_GRACE - silence
    if left <= 0:
        return Check("unavailable", f"The database has been away for {silence:.0f} s, longer than KEY_GRACE.")
    return Check("degraded", f"No answer for {silence:.0f} s; known keys work for {left:.0f} s more.")


def _queue(process: ProxyProcess) -> Check:
    if process.is_broker_away:
        return Check("degraded", "Redis does not answer; usage records wait on the disk.")
    return Check("ok")


def _journal(process: ProxyProcess) -> Check:
    problem = process.journal.problem
    return Check("unavailable", problem) if problem else Check("ok")


async def readyz(scope: MutableMapping[str, Any], send: Callable[[MutableMapping[str, Any]], Awaitable[None]]) -> None:
    if scope["method"] in {"GET", "HEAD"}:
        readiness = look(endpoint.serving())
        status = 503 if readiness.state == "unavailable" else 200
        body, content_type = msgspec.json.encode(readiness) + b"\n", b"application/json"
    else:
        status, body, content_type = 405, b"GET only\n", b"text/plain; charset=utf-8"
    headers = {
        b"content-type": content_type,
        b"content-length": str(len(body)).encode(),
        b"cache-control": b"no-store",
        b"date": http_date().encode(),
    }
    await send({"type": "http.response.start", "status": status, "headers": list(headers.items())})
    await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})
