"""What the tests of security take over from those of the proxied call."""

from tests.proxy.conftest import running_provider

__all__ = ["running_provider"]
