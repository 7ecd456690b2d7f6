"""A served proxy in trial mode in front of the fake provider, and the documentation's snippets run against it.

The snippets are kept word for word in `snippets/`; only the host and the platform key are filled in.
"""

import json
import os
import sqlite3
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import requests

from scripts.hermetic import ROOT, environment
from tests.fake_provider import Exchange, FakeProvider
from tests.processes import wait_until
from tests.servers import ProxyServer

SNIPPETS = Path(__file__).parent / "snippets"
_MAKE_ACCOUNTS = """
import django
django.setup()
from tests import factories
for number in range({count}):
    organization = factories.make_organization(f"Reader {{number}}")
    print(organization.pk, factories.make_key(factories.make_team(organization, "backend"))[1])
"""


@dataclass(frozen=True, slots=True)
class Call:
    """What the documentation's call came to: at the provider, at the client, in the ledger."""

    output: str
    exchange: Exchange
    reports: "Reports"


class Account:
    """An organization of its own with one team, `backend`, and one key."""

    def __init__(self, served: "Served", organization_id: int, key: str) -> None:
        self.served, self.organization_id, self.key = served, organization_id, key

    def text(self, name: str) -> str:
        """The snippet with this server and this key."""
        text = (SNIPPETS / f"{name}.txt").read_text()
        text = text.replace("https://aipromptcost.com", self.served.server.url)
        return text.replace("your_ai_prompt_cost_api_key_here", self.key)

    def run(self, command: Sequence[str], source: str, *, cwd: Path = ROOT) -> Call:
        """Run a program on this source; the one call that it makes must reach provider and ledger."""
        seen = len(self.served.provider.log)
        quiet = {"PYTHONWARNINGS": "ignore"}  # The SDKs warn that the documentation's models are old.
        done = subprocess.run(
            [*command, source], cwd=cwd, env={**environment(), **quiet}, capture_output=True, text=True, timeout=120
        )
        assert done.returncode == 0, done.stderr
        (exchange,) = self.served.provider.log[seen:]
        wait_until(lambda: self.reports.monthly()["request_count"] == 1, "the call is in the ledger")
        return Call(done.stdout, exchange, self.reports)

    def run_python(self, source: str) -> Call:
        return self.run([sys.executable, "-c"], source)

    @property
    def reports(self) -> "Reports":
        return Reports(self)


class Reports:
    """The aggregation REST API, and the tags, which it does not show."""

    def __init__(self, account: Account) -> None:
        self._account = account

    def get(self, name: str, **parameters: str) -> dict[str, Any]:
        answer = requests.get(
            f"{self._account.served.server.url}/api/aggregations/{name}",
            params=parameters,
            headers={"Authorization": f"Bearer {self._account.key}"},
            timeout=60,
        )
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = json.loads(answer.content, parse_float=Decimal)
        return found

    def monthly(self, **parameters: str) -> dict[str, Any]:
        return self.get("monthly", **parameters)

    def tags(self) -> set[str]:
        with closing(sqlite3.connect(self._account.served.folder / "db.sqlite3")) as database:
            sql = "SELECT tag FROM analytics_dailytagusage WHERE organization_id = ?"
            return {tag for (tag,) in database.execute(sql, [self._account.organization_id])}


class Served:
    """`settings` are further ones of the server."""

    def __init__(self, folder: Path, settings: Mapping[str, str] | None = None) -> None:
        self.folder = folder
        self._settings = settings or {}
        self.provider = FakeProvider()
        self.server: ProxyServer
        self._accounts: list[Account] = []

    def start(self) -> None:
        self.provider.__enter__()
        settings = {
            "DATA_DIR": str(self.folder),
            "SECRET_KEY": "the-secret-key-of-the-tests",
            "OPENAI_UPSTREAM_URL": self.provider.openai_url,
            "ANTHROPIC_UPSTREAM_URL": self.provider.anthropic_url,
            "SHUTDOWN_GRACE": "5",
            **self._settings,
        }
        self.server = ProxyServer(settings)
        self.server.start()
        self._make_accounts({**environment(), **settings, "DJANGO_SETTINGS_MODULE": "config.settings"})

    def stop(self) -> None:
        self.server.close()
        self.provider.__exit__(None, None, None)

    def _make_accounts(self, variables: dict[str, str]) -> None:
        """All at once, since starting Django takes longer than the tests."""
        command = [sys.executable, "-c", _MAKE_ACCOUNTS.format(count=30)]
        variables["PYTHONPATH"] = os.fspath(ROOT)
        made = subprocess.run(command, cwd=ROOT, env=variables, capture_output=True, text=True, check=True)
        for line in made.stdout.splitlines():
            organization_id, key = line.split()
            self._accounts.append(Account(self, int(organization_id), key))

    def new_account(self) -> Account:
        return self._accounts.pop()
