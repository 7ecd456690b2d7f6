"""The examples for nginx and Caddy, `deploy/`, in front of our server: what must pass through them passes."""

import http.client
import json
import re
import select
from collections.abc import Iterator, Mapping

import pytest

from orgs.models import ApiKey
from scripts.hermetic import ROOT
from tests.fake_provider import FakeProvider, Scenario
from tests.proxy.calls import CHAT, Caller, chat, read_until
from tests.proxy.conftest import Serve
from tests.proxy.front_servers import HOST, Caddy, CallerBehind, FrontServer, Nginx, find
from tests.servers import ProxyServer

pytestmark = [pytest.mark.slow, pytest.mark.trial]
KINDS: dict[str, type[FrontServer]] = {"nginx": Nginx, "caddy": Caddy}


@pytest.fixture(scope="module")
def behind(serve: Serve) -> Iterator[ProxyServer]:
    """Our server as its operator sets it up behind another."""
    with serve({"PUBLIC_URL": f"https://{HOST}", "TRUSTED_PROXIES": "127.0.0.1"}) as server:
        yield server


@pytest.fixture(scope="module", params=KINDS)
def front(request: pytest.FixtureRequest, behind: ProxyServer) -> Iterator[FrontServer]:
    if find(request.param) is None:
        pytest.skip(f"NOT TESTED: the example for {request.param}, which is not installed (.ci/run installs it)")
    with KINDS[request.param](behind.port) as front:
        yield front


@pytest.fixture
def proxy(front: FrontServer, provider: FakeProvider, issued: tuple[ApiKey, str]) -> Caller:
    return CallerBehind(front, issued[1])


@pytest.mark.parametrize("sent", [1, 2, 5])
def test_each_event_of_a_stream_comes_as_the_provider_sends_it(
    proxy: Caller, provider: FakeProvider, sent: int
) -> None:
    provider.script(Scenario(hold_at="mid-body", at_event=sent))
    with proxy.opened("POST", CHAT, chat(stream=True)) as answer:
        came = b""
        while came.count(b"\n\n") < sent and (part := answer.read1(65536)):
            came += part
        assert provider.log[0].outcome == "running"
        provider.release()
        assert b"data: [DONE]\n\n" in answer.read()
    assert came.count(b"\n\n") == sent


def test_the_head_of_an_answer_comes_before_its_body(proxy: Caller, provider: FakeProvider) -> None:
    provider.script(Scenario(hold_at="after-headers"))
    with proxy.opened("POST", CHAT, chat(stream=True)) as answer:
        assert answer.status == 200
        assert provider.log[0].body_bytes_sent == 0
        provider.release()
        assert answer.read()


def test_a_body_of_twenty_megabytes_passes_whole(proxy: Caller, provider: FakeProvider) -> None:
    body = chat(messages=[{"role": "user", "content": "z" * 20_000_000}])
    assert proxy.post(CHAT, body).status == 200
    assert provider.log[0].body == body


def test_a_body_reaches_the_service_before_its_end(proxy: Caller) -> None:
    """So that a refusal needs no upload, and no disk holds one."""
    status, _, sent = answer_to_upload(proxy, 50_000_000, {"authorization": "Bearer nonsense"})
    assert status == 401
    assert sent < 50_000_000


def test_a_body_that_is_too_large_is_refused_in_the_words_of_the_service(proxy: Caller) -> None:
    status, body, sent = answer_to_upload(proxy, 70_000_000)
    assert (status, json.loads(body)["error"]["code"]) == (413, "body_too_large")
    assert sent < 70_000_000


def answer_to_upload(proxy: Caller, size: int, given: Mapping[str, str | None] | None = None) -> tuple[int, bytes, int]:
    """Status and body of the answer to a large body, and how much was sent before it came."""
    headers = proxy.headers(CHAT, {**(given or {}), "content-length": str(size)}, b"")
    with proxy.connect() as connection:
        connection.send("POST", proxy.target(CHAT), headers)
        sent = 0
        while sent < size and not select.select([connection.socket], [], [], 0.05)[0]:
            sent += connection.socket.send(b" " * min(65536, size - sent))
        answer = connection.receive()
        return answer.status, answer.read(), sent


@pytest.mark.parametrize("target", ["openai/files/a%2Fb%3F/content", "openai/models?limit=2&after=a%2Fb+c%20d&empty="])
def test_the_request_target_goes_on_as_it_came(proxy: Caller, provider: FakeProvider, target: str) -> None:
    proxy.call("GET", target)
    assert provider.log[0].target == f"/openai/v1/{target.removeprefix('openai/')}"


def test_what_would_leave_the_path_of_the_provider_is_refused_by_the_service(
    proxy: Caller, provider: FakeProvider
) -> None:
    assert proxy.call("GET", "openai/%2e%2e%2fadmin").status in {400, 404}
    assert proxy.call("GET", "openai//models").status in {400, 404}
    assert provider.log == []


def test_a_client_that_leaves_ends_the_call(proxy: Caller, provider: FakeProvider) -> None:
    provider.script(Scenario(hold_at="mid-body", at_event=1))
    with proxy.opened("POST", CHAT, chat(stream=True)) as answer:
        read_until(answer, b"\n\n")
    assert provider.wait_for(1, outcome="client-gone")


def test_pages_are_of_https_and_plain_http_leads_there(proxy: Caller, front: FrontServer) -> None:
    page = proxy.call("GET", "/accounts/login/")
    assert page.status == 200
    assert all("Secure" in cookie for cookie in page.all_headers("set-cookie"))
    plain = http.client.HTTPConnection("127.0.0.1", front.plain_port, timeout=10)
    plain.request("GET", "/accounts/login/?next=/app/", headers={"Host": HOST})
    answer = plain.getresponse()
    assert (answer.status // 100, answer.getheader("location")) == (3, f"https://{HOST}/accounts/login/?next=/app/")
    plain.close()


def test_the_examples_wait_for_longer_than_the_service_does() -> None:
    defaults = dict(re.findall(r"^([A-Z_]+)=(\d+)$", (ROOT / ".env.example").read_text(), re.MULTILINE))
    nginx, caddy = ((ROOT / "deploy" / name).read_text() for name in ("nginx.conf", "Caddyfile"))
    for pattern, text, setting in (
        (r"proxy_read_timeout (\d+)s", nginx, "UPSTREAM_SILENCE_TIMEOUT"),
        (r"response_header_timeout (\d+)s", caddy, "UPSTREAM_SILENCE_TIMEOUT"),
        (r"client_body_timeout (\d+)s", nginx, "CLIENT_BODY_TIMEOUT"),
        (r"send_timeout (\d+)s", nginx, "CLIENT_STALL_TIMEOUT"),
        (r"client_header_timeout (\d+)s", nginx, "CLIENT_HEAD_TIMEOUT"),
        (r"read_header (\d+)s", caddy, "CLIENT_HEAD_TIMEOUT"),
    ):
        found = re.search(pattern, text)
        assert found, pattern
        assert int(found.group(1)) > int(defaults[setting]), pattern
