"""What the log says at the start of a process about its surroundings."""

import pytest

from proxy.process import warn_of_web_proxies


def test_variables_for_web_proxies_are_said_to_be_without_effect(caplog: pytest.LogCaptureFixture) -> None:
    warn_of_web_proxies({"HTTPS_PROXY": "http://user:secret@gateway:3128", "http_proxy": "", "NO_PROXY": "x"})
    assert "HTTPS_PROXY: not used." in caplog.text
    assert "OPENAI_UPSTREAM_URL" in caplog.text
    assert "secret" not in caplog.text


def test_nothing_is_said_without_them(caplog: pytest.LogCaptureFixture) -> None:
    warn_of_web_proxies({"http_proxy": "", "PATH": "/bin"})
    assert not caplog.text
