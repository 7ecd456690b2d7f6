"""What the log says at the start of a process about its surroundings."""

import pytest

from config import env
from proxy.process import warn_of_web_proxies


def test_variables_for_web_proxies_are_said_to_be_without_effect(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {"HTTPS_PROXY": "http://user:secret@gateway:3128", "http_proxy": "", "NO_PROXY": "x"}.items():
        monkeypatch.setenv(name, value)
    warn_of_web_proxies(env.find_set("HTTP_PROXY", "HTTPS_PROXY"))
    assert "HTTPS_PROXY: not used." in caplog.text
    assert "OPENAI_UPSTREAM_URL" in caplog.text
    assert "secret" not in caplog.text


def test_nothing_is_said_without_them(caplog: pytest.LogCaptureFixture) -> None:
    warn_of_web_proxies([])
    assert not caplog.text
