"""What a running server answers to a question, and what it says of its health."""

import contextlib
import http.client
import json

from tests.proxy.calls import Reply
from tests.servers import ProxyServer

PUBLIC_HOST = "127.0.0.1:8000"


def ask(port: int, path: str, **headers: str) -> Reply:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    with contextlib.closing(connection):
        connection.request("GET", path, headers={"host": PUBLIC_HOST, **headers})
        answer = connection.getresponse()
        return Reply(answer.status, answer.getheaders(), answer.read())


def readiness(server: ProxyServer) -> tuple[int, dict[str, str]]:
    """The status, and the reasons for what is not well."""
    told = ask(server.port, "/readyz")
    checks = json.loads(told.body)["checks"]
    return told.status, {name: check["reason"] for name, check in checks.items() if check["state"] != "ok"}


def reasons_of(server: ProxyServer) -> tuple[int, list[str]]:
    status, reasons = readiness(server)
    return status, list(reasons)


def is_well(server: ProxyServer) -> bool:
    return readiness(server) == (200, {})
