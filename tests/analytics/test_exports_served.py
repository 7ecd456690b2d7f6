"""Long files from a real server: sent as they are read, by connections that nobody waits for."""

import http.client
import json
import socket
from contextlib import ExitStack
from urllib.parse import urlsplit

import pytest
from django.db import connection

from analytics.models import LedgerRecord
from tests.analytics.usage_lines import make_record, post
from tests.factories import make_key
from tests.processes import PATIENCE_SECONDS
from tests.servers import ProxyServer

pytestmark = [pytest.mark.production, pytest.mark.django_db(transaction=True)]

CALLS = 5000
TAGS = tuple(f"{number:064}" for number in range(20))  # so long that the file is larger than all sockets on its way
QUESTION = "/api/requests?start=2026-02-10&end=2026-02-10"


def copy_record(organization_id: int) -> None:
    columns = ", ".join(field.attname for field in LedgerRecord._meta.concrete_fields if not field.primary_key)
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO analytics_usagerecord (id, {columns}) SELECT gen_random_uuid(), {columns} "
            "FROM analytics_usagerecord, generate_series(2, %s) WHERE organization_id = %s",
            [CALLS, organization_id],
        )


def slow_reader(server: ProxyServer, key: str) -> socket.socket:
    """Asks for the file, and stops reading at its beginning."""
    reader = socket.socket()
    reader.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    reader.settimeout(PATIENCE_SECONDS)
    address = urlsplit(server.url)
    reader.connect((address.hostname, address.port))
    lines = (f"GET {QUESTION}&format=csv HTTP/1.1", f"Host: {address.netloc}", f"x-api-key: {key}", "", "")
    reader.sendall("\r\n".join(lines).encode())
    assert reader.recv(12) == b"HTTP/1.1 200"
    return reader


@pytest.mark.slow
def test_slow_downloads_leave_the_connections_to_others(service_settings: dict[str, str]) -> None:
    key, text = make_key()
    post(make_record(key, tags=TAGS))
    copy_record(key.organization_id)

    with ProxyServer({**service_settings, "DATABASE_POOL_SIZE": "2"}) as server, ExitStack() as stack:
        for _ in range(3):
            stack.callback(slow_reader(server, text).close)
        client = http.client.HTTPConnection("127.0.0.1", server.port, timeout=PATIENCE_SECONDS)
        client.request("GET", f"{QUESTION}&limit=1", headers={"x-api-key": text})
        answer = client.getresponse()
        assert (answer.status, len(json.loads(answer.read())["requests"])) == (200, 1)
        assert "Traceback" not in server.output
