"""Platform keys while calls run: a revoked key, a suspended organization."""

import pytest

from orgs.models import ApiKey, Organization
from orgs.services import keys, organizations
from tests.fake_provider import FakeProvider, Scenario
from tests.proxy.calls import CHAT, MESSAGES, Caller, Reply, chat, message, read_until
from tests.proxy.records import Records
from tests.servers import wait_until

# The promise is a second. The rest is for a machine that has other things to do.
PATIENCE = 10


def refused_soon(proxy: Caller, path: str = CHAT) -> Reply:
    """The first answer that is a refusal of ours."""
    replies: list[Reply] = []

    def is_refused() -> bool:
        replies.append(proxy.post(path, message() if path == MESSAGES else chat()))
        return replies[-1].status != 200

    wait_until(is_refused, "the key is refused", seconds=PATIENCE)
    return replies[-1]


@pytest.mark.parametrize("path", [CHAT, MESSAGES])
def test_a_revoked_key_is_refused_within_a_second(
    proxy: Caller, provider: FakeProvider, issued: tuple[ApiKey, str], path: str
) -> None:
    assert proxy.post(CHAT, chat()).status == 200
    keys.revoke(key=issued[0])
    reply = refused_soon(proxy, path)
    assert (reply.status, reply.header("x-aipc-error")) == (401, "platform_key_revoked")
    assert reply.header("x-should-retry") == "false"
    error = reply.json()["error"]
    assert error["type"] == "authentication_error" or error["code"] == "platform_key_revoked"
    forwarded = len(provider.log)
    assert proxy.post(path, chat()).status == 401
    assert len(provider.log) == forwarded


def test_a_key_that_was_never_seen_is_refused_once_revoked(proxy: Caller, issued: tuple[ApiKey, str]) -> None:
    keys.revoke(key=issued[0])
    reply = proxy.post(CHAT, chat())
    assert (reply.status, reply.header("x-aipc-error")) == (401, "platform_key_revoked")


def test_a_running_stream_ends_in_order_although_its_key_is_revoked(
    proxy: Caller, provider: FakeProvider, records: Records, issued: tuple[ApiKey, str]
) -> None:
    provider.script(Scenario(hold_at="mid-body", at_event=12))
    with proxy.opened("POST", CHAT, chat(stream=True)) as answer:
        read_until(answer, b'"content":"The"')
        keys.revoke(key=issued[0])
        assert refused_soon(proxy).status == 401
        provider.release()
        assert answer.read().endswith(b"data: [DONE]\n\n")
    record = records.of(str(answer.getheader("x-aipc-request-id")))
    assert (record.usage.output, record.usage_source, record.error_code) == (25, "provider", "")


def test_a_suspended_organization_is_a_403_until_it_is_resumed(
    proxy: Caller, provider: FakeProvider, organization: Organization
) -> None:
    assert proxy.post(CHAT, chat()).status == 200
    organizations.suspend(organization=organization)
    reply = refused_soon(proxy)
    assert (reply.status, reply.header("x-aipc-error")) == (403, "organization_suspended")
    assert reply.header("x-should-retry") == "false"
    forwarded = len(provider.log)
    other = proxy.post(MESSAGES, message())
    assert (other.status, other.json()["error"]["type"]) == (403, "permission_error")
    assert len(provider.log) == forwarded

    organizations.resume(organization=organization)
    wait_until(lambda: proxy.post(CHAT, chat()).status == 200, "the key works again", seconds=PATIENCE)


def test_other_keys_of_the_team_go_on(proxy: Caller, issued: tuple[ApiKey, str]) -> None:
    other = Caller(proxy.port, keys.issue(team=issued[0].team)[1])
    assert other.post(CHAT, chat()).status == 200
    keys.revoke(key=issued[0])
    assert refused_soon(proxy).status == 401
    assert other.post(CHAT, chat()).status == 200
