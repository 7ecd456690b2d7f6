"""`manage.py` with a proxied call that is not metered: what metering costs is the difference.

    python -m benchmarks.unmetered serve --port 8000

The key is checked and the call passed on as ever. What is left out: taking our metadata out of the body and asking for
the usage, the slot and the line in the journal, and reading the answer.
"""

import sys

from proxy.call import Target
from proxy.meter import UnreadMeter
from proxy.providers.base import Reading
from proxy.request import Request


class NoRecord:
    """In place of `proxy.recording.CallRecord`."""

    is_streamed = False

    def __init__(self, *_: object, **__: object) -> None:
        self.status = 0
        self.provider_request_id = ""
        self.first_byte_at = self.first_token_at = 0.0

    def learn(self, **_: object) -> None: ...

    def close(self, _: Reading, **__: object) -> None: ...

    async def sync(self) -> None: ...


def read_request(target: Target, asking: object, receiver: object, content: bytes | None) -> Request:
    """The body as it came."""
    return Request(content)


def meter_for(*_: object, **__: object) -> UnreadMeter:
    return UnreadMeter()


def replace_metering() -> None:
    """Raises `AttributeError` when the proxied call no longer has one of these steps."""
    from proxy import endpoint

    for name, step in {"CallRecord": NoRecord, "read_request": read_request, "meter_for": meter_for}.items():
        getattr(endpoint, name)
        setattr(endpoint, name, step)


if __name__ == "__main__":
    import os

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    import django
    from django.core.management import execute_from_command_line

    django.setup()
    replace_metering()
    execute_from_command_line(["manage.py", *sys.argv[1:]])
