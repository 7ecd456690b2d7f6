"""Where a call goes: what the path may say, what of it counts, and the call's id."""

from uuid import RFC_4122, UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.call import Target, find_provider, find_target, new_call_id
from proxy.errors import Refusal

CHAT, MESSAGES = b"chat/completions", b"messages"


def target(route: bytes, *, provider: bytes = b"openai", method: str = "POST", query: bytes = b"") -> Target:
    return find_target(method, b"/api/proxy/v1/" + provider + b"/" + route, query)


def refused(path: bytes, query: bytes = b"") -> tuple[int, str]:
    with pytest.raises(Refusal) as raised:
        find_target("POST", path, query)
    assert not raised.value.retryable
    return raised.value.status, raised.value.code


# --- Routes -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("provider", "route", "forwarded", "route_class", "is_metered"),
    [
        (b"openai", b"chat/completions", "/chat/completions", "chat/completions", True),
        (b"openai", b"v1/chat/completions", "/chat/completions", "chat/completions", True),
        (b"openai", b"v1/v1/chat/completions", "/v1/chat/completions", "other", False),
        (b"openai", b"v1", None, None, None),
        (b"openai", b"v1beta/models", "/v1beta/models", "other", False),
        (b"openai", b"messages", "/messages", "other", False),
        (
            b"openai",
            b"chat/completions/chatcmpl_1/messages",
            "/chat/completions/chatcmpl_1/messages",
            "chat/completions/{id}/messages",
            False,
        ),
        (b"openai", b"Chat/Completions", "/Chat/Completions", "other", False),
        (b"anthropic", b"v1/messages", "/messages", "messages", True),
        (b"anthropic", b"messages", "/messages", "messages", True),
        (b"anthropic", b"v1/messages/count_tokens", "/messages/count_tokens", "messages/count_tokens", False),
        (b"anthropic", b"v1/messages/batches", "/messages/batches", "messages/batches", True),
        (b"anthropic", b"chat/completions", "/chat/completions", "other", False),
    ],
)
def test_one_leading_version_is_dropped_and_the_rest_kept(
    provider: bytes, route: bytes, forwarded: str | None, route_class: str, is_metered: bool
) -> None:
    if forwarded is None:
        assert refused(b"/api/proxy/v1/" + provider + b"/" + route) == (404, "route_missing")
        return
    found = target(route, provider=provider)
    assert found.provider.name.encode() == provider
    assert (found.path_and_query, found.kind.name, found.is_metered) == (forwarded, route_class, is_metered)


@pytest.mark.parametrize(
    "route",
    [
        b"chat%2Fcompletions",
        b"%63hat/completions",
        b"chat//completions",
        b"chat/completions/",
        b"v1/chat/%63ompletions",
    ],
)
def test_no_spelling_of_a_route_goes_unmetered(route: bytes) -> None:
    """RFC 3986, section 6.2.2: a server may take these for the same route. They are forwarded as they came."""
    found = target(route)
    assert (found.is_metered, found.kind.name) == (True, "chat/completions")
    assert found.path_and_query.encode() == b"/" + route.removeprefix(b"v1/")


@pytest.mark.parametrize("method", ["GET", "HEAD", "DELETE", "PUT", "PATCH"])
def test_only_posts_are_metered(method: str) -> None:
    found = target(CHAT, method=method)
    assert (found.method, found.is_metered, found.kind.name) == (method, False, "chat/completions")


@pytest.mark.parametrize(
    ("route", "query", "forwarded"),
    [
        (b"files/a%20b%C3%A9", b"", "/files/a%20b%C3%A9"),
        (b"models/ft:gpt-4o:acme::id", b"", "/models/ft:gpt-4o:acme::id"),
        (b"models/a%2Fb", b"limit=2&after=x%2F..%5C&q=", "/models/a%2Fb?limit=2&after=x%2F..%5C&q="),
        (b"messages", b"beta=true", "/messages?beta=true"),
        (b"messages", b"a=//evil.example/../x?y", "/messages?a=//evil.example/../x?y"),
        (b"models/", b"", "/models/"),
        (b"a/.../b..c/.d", b"", "/a/.../b..c/.d"),
        (b"@evil.example", b"", "/@evil.example"),
        (b"x:80@evil.example/y", b"", "/x:80@evil.example/y"),
        # Encoded twice, and plain at any depth.
        (b"files/100%25/a%2520b", b"", "/files/100%25/a%2520b"),
        (b"files/%25", b"a=%zz%", "/files/%25?a=%zz%"),
        (b"models/a;b=..;c", b"", "/models/a;b=..;c"),
        (b"files/%E2%80%A6x", b"", "/files/%E2%80%A6x"),
    ],
)
def test_path_and_query_go_as_they_came(route: bytes, query: bytes, forwarded: str) -> None:
    assert target(route, query=query).path_and_query == forwarded


# --- Refusals ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "route",
    [
        b"../x",
        b"..",
        b".",
        b"a/../b",
        b"a/./b",
        b"a/..",
        b"v1/../x",
        b"%2e%2e/x",
        b"a/%2E%2e/b",
        b"a/.%2e",
        b"a/%2e",
        b"a%2f..%2fb",
        b"a%2F%2e%2E",
        b"/evil.example/x",
        b"//evil.example",
        b"v1//evil.example/x",
        b"https://evil.example/x",
        b"HTTPS://evil.example/x",
        b"v1/http://evil.example",
        b"http%3A%2F%2Fevil.example",
        b"javascript+x://y",
        b"a\\b",
        b"a%5cb",
        b"a%5Cb",
        b"..%5c..",
        # Encoded more than once: the provider, or what stands before it, may decode once more than we think.
        b"files/%252e%252e/x",
        b"files/%255c",
        b"a/%25252e%25252E/x",
        b"a/%25252525252e/x",
        b"a/.%252e/x",
        b"a%252f..%252fb",
        b"a%25%30%64%25%30%61b",
        # Overlong forms of "." and "/", an encoding that is none, IIS's own.
        b"a/%c0%ae%c0%ae/x",
        b"a%c0%afb",
        b"a/%e0%80%ae%e0%80%ae/x",
        b"a/%f0%80%80%ae/x",
        b"a%ff",
        b"a%zz%",
        b"a%",
        b"a/%u002e%u002e/x",
        b"a/%25u002e%25u002e/x",
        # What becomes dots: full-width ones, a leader of two; parameters of a path; white space.
        b"a/%ef%bc%8e%ef%bc%8e/x",
        b"a/%e2%80%a5/x",
        b"a/..%ef%bc%8fx",
        b"a/..;/x",
        b"a/..;x=y/z",
        b"a/%2e%2e%3b/z",
        b"a/.;/z",
        b"a/..%20/x",
        b"a/..%3fx",
        b"a/..%253Fx",
        b"a/..%23x",
        b"a/..?x",
        b"a/%09../x",
        b"a b",
        b"a\tb",
        b"a\r\nHost: evil.example",
        b"a%0d%0aHost:%20evil.example",
        b"a%00b",
        b"a\x00b",
        b"a%7f",
        b"caf\xc3\xa9",
        b"a\xff",
        b"chat/completions#x",
        b"#",
    ],
)
def test_an_unsafe_path_is_refused(route: bytes) -> None:
    assert refused(b"/api/proxy/v1/openai/" + route) == (400, "unsafe_path")


@pytest.mark.parametrize("query", [b"a=b c", b"a=\r\nX: y", b"a=\xc3\xa9", b"a=\x00", b"a\\b", b"a#b", b"\x7f"])
def test_an_unsafe_query_is_refused(query: bytes) -> None:
    assert refused(b"/api/proxy/v1/openai/models", query) == (400, "unsafe_path")


@pytest.mark.parametrize("method", ["TRACE", "CONNECT", "PURGE", "PROPFIND", "get", "", "POST "])
def test_other_methods_are_refused_with_a_list_of_those_that_go(method: str) -> None:
    with pytest.raises(Refusal) as raised:
        target(CHAT, method=method)
    assert (raised.value.status, raised.value.code) == (405, "method_not_allowed")
    assert raised.value.headers == ((b"allow", b"GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"),)


@pytest.mark.parametrize(
    ("path", "code"),
    [
        (b"/api/proxy/v2/openai/models", "unknown_proxy_version"),
        (b"/api/proxy/v1", "unknown_provider"),
        (b"/api/proxy/v1/", "unknown_provider"),
        (b"/api/proxy/", "unknown_proxy_version"),
        (b"/api/proxy//v1/openai/models", "unknown_proxy_version"),
        (b"/api/proxy/V1/openai/models", "unknown_proxy_version"),
        (b"/api/proxy/v1/mistral/models", "unknown_provider"),
        (b"/api/proxy/v1/OpenAI/models", "unknown_provider"),
        (b"/api/proxy/v1//openai/models", "unknown_provider"),
        (b"/api/proxy/v1/%6fpenai/models", "unknown_provider"),
        (b"/api/proxy/v1/\xff/models", "unknown_provider"),
        (b"/api/proxy/v1/../v1/openai/models", "unknown_provider"),
        (b"/api/proxy/v1/openai", "route_missing"),
        (b"/api/proxy/v1/openai/", "route_missing"),
        (b"/api/proxy/v1/openai/v1/", "route_missing"),
    ],
)
def test_what_is_not_served_is_a_404_of_its_own(path: bytes, code: str) -> None:
    assert refused(path) == (404, code)


def test_a_404_names_what_is_served() -> None:
    for path, named in ((b"/api/proxy/v9/x", "/api/proxy/v1/"), (b"/api/proxy/v1/x/y", "openai, anthropic")):
        with pytest.raises(Refusal) as raised:
            find_target("GET", path, b"")
        assert named in raised.value.message


@given(st.binary(max_size=30))
def test_any_path_is_a_target_of_safe_text_or_a_refusal(route: bytes) -> None:
    try:
        path = target(route).path_and_query
    except Refusal:
        return
    assert path.isascii()
    assert path.isprintable()
    assert path.startswith("/")
    assert not path.startswith("//")
    assert not {"..", "."} & set(path.split("/"))


@pytest.mark.parametrize(
    ("path", "name"),
    [
        (b"/api/proxy/v1/anthropic/v1/messages", "anthropic"),
        (b"/api/proxy/v9/anthropic", "anthropic"),
        (b"/api/proxy/v1/openai/../x", "openai"),
        (b"/api/proxy/v1/other/x", None),
        (b"/api/proxy", None),
        (b"", None),
    ],
)
def test_an_errors_shape_is_the_named_providers(path: bytes, name: str | None) -> None:
    provider = find_provider(path)
    assert (provider and provider.name) == name


# --- Ids --------------------------------------------------------------------------------------------------------------


def test_an_id_is_a_uuid_of_version_7() -> None:
    text = new_call_id(1_770_724_800_123_999)
    found = UUID(text)
    assert text == found.hex
    assert (found.version, found.variant) == (7, RFC_4122)
    assert found.int >> 80 == 1_770_724_800_123


def test_ids_are_unique_and_ordered_by_the_millisecond() -> None:
    ids = [new_call_id(1_770_724_800_000_000 + 100 * number) for number in range(20_000)]
    assert len(set(ids)) == len(ids)
    assert [text[:12] for text in ids] == sorted(text[:12] for text in ids)
    # Every random bit takes both values, the bits beside version and variant too.
    numbers = [int(text, 16) for text in ids]
    for bit in [*range(62), *range(64, 76)]:
        assert 0 < sum(number >> bit & 1 for number in numbers) < len(numbers), bit
