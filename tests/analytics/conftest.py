"""The served proxy and the fake provider of the proxy's tests, for what follows a call all the way to the reports."""

from tests.proxy.conftest import (
    committed_database,
    issued,
    journal_folder,
    leave,
    made_database,
    organization,
    provider,
    running_provider,
    serve,
)

__all__ = [
    "committed_database",
    "issued",
    "journal_folder",
    "leave",
    "made_database",
    "organization",
    "provider",
    "running_provider",
    "serve",
]
