"""`manage.py demo`: see it work, without any account or service. What it does is in the package `accounts.demo`."""

import fcntl
import os
import re
import shlex
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from typing import IO, Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import connection
from django.utils import timezone

from accounts.demo import environment, organization, posting
from accounts.demo.calls import PROVIDER_KEYS, Booked, Client, DemoCallFailed, Sent, read_back, send_all
from accounts.demo.organization import EMAIL, PASSWORD, DemoOrganization
from accounts.demo.processes import ChildFailed, Children, Interruptions, find_free_port, is_free


class Command(BaseCommand):
    help = "Sample history, real calls to a fake provider, a dashboard login. Needs nothing but this checkout."
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--port", type=int, default=0, help="of the server; without it a free one")
        parser.add_argument("--once", action="store_true", help="end after the calls: 0 if all went well")
        parser.add_argument("--folder", help="where the demo keeps its data; var/demo if not given")

    def handle(self, *args: Any, **options: Any) -> None:
        if not environment.is_entered():
            raise CommandError("Start the demo by: make demo")
        interruptions = Interruptions()
        try:
            with self._only_demo():
                self._run(options["port"], options["once"], interruptions)
        except (ChildFailed, DemoCallFailed) as failure:
            raise CommandError(str(failure)) from None
        except KeyboardInterrupt:
            self._say("")
            if options["once"]:
                sys.exit(130)

    def _run(self, port: int, is_once: bool, interruptions: Interruptions) -> None:
        if port and not is_free(port):
            raise CommandError(
                f"Port {port} is taken. Choose another: make demo PORT={port + 1} (without PORT a free one is found)."
            )
        port = port or find_free_port()
        self._say("")
        self._step("Preparing the database")
        call_command("migrate", interactive=False, verbosity=0)
        demo = organization.prepare(timezone.now())
        self._done(f"{demo.organization.name}, {len(demo.teams)} teams")
        self._post_history(demo)
        platform_key = organization.issue_shown_key(demo)
        connection.close()
        with Children(os.environ, settings.DATA_DIR, interruptions) as children:
            url = self._start(children, port)
            self._step("Sending calls with the OpenAI and Anthropic SDKs")
            client = Client(url, platform_key)
            before = client.spent_by_prompt()
            sent = send_all(client)
            self._done(f"{len(sent)} answered")
            self._step("Reading their cost from the REST API")
            booked = read_back(client, sent, before)
            self._done("all in the ledger")
            self._show_calls(sent, booked)
            if is_once:
                return
            self._show_way_in(url, platform_key)
            self._say("Serving until Ctrl-C.")
            children.watch()

    def _post_history(self, demo: DemoOrganization) -> None:
        self._step("Posting 60 days of history")

        def report(day: date, total: int) -> None:
            if self.stdout.isatty():
                self.stdout.write(f"\r  {'Posting 60 days of history':<50} {day:%d %b} {total:>7,}", ending="")
                self.stdout.flush()

        total = posting.post_history(demo, timezone.now(), report)
        self._done(f"{total:,} calls")

    def _start(self, children: Children, port: int) -> str:
        """Start the fake provider and the server in front of it; returns the server's address."""
        self._step("Starting the fake provider and the server")
        provider = children.start("fake provider", "-m", "tests.fake_provider")
        upstream = provider.wait_for(_find_address, 30)
        url = f"http://127.0.0.1:{port}"
        server = children.start(
            "server",
            *("manage.py", "serve", "--host", "127.0.0.1", "--port", str(port)),
            PUBLIC_URL=url,
            OPENAI_UPSTREAM_URL=f"{upstream}/openai/v1",
            ANTHROPIC_UPSTREAM_URL=f"{upstream}/anthropic/v1",
            SHUTDOWN_GRACE="5",
        )
        server.wait_for(lambda _: url if _is_alive(url) else "", 60)
        self._done(url)
        return url

    @contextmanager
    def _only_demo(self) -> Iterator[None]:
        """Two demos would revoke each other's keys."""
        settings.DATA_DIR.mkdir(parents=True, exist_ok=True)
        lock: IO[str]
        with (settings.DATA_DIR / "lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                raise CommandError("The demo is running already. Stop it with Ctrl-C where it runs.") from None
            yield

    # --- What the terminal shows ---

    def _say(self, text: str) -> None:
        self.stdout.write(text)
        self.stdout.flush()

    def _step(self, text: str) -> None:
        self.stdout.write(f"  {text:<50} ", ending="")
        self.stdout.flush()
        self._current = text

    def _done(self, result: str) -> None:
        start = f"\r  {self._current:<50} " if self.stdout.isatty() else ""
        padded = f"{result:<20}" if self.stdout.isatty() else result
        self._say(start + self.style.SUCCESS(padded))

    def _show_calls(self, sent: list[Sent], booked: list[Booked]) -> None:
        self._say("")
        head = f"  {'prompt':<20}{'model':<26}{'answer':<8}{'in':>6}{'out':>6}{'cost':>12}"
        self._say(self.style.MIGRATE_HEADING(head))
        for call, entry in zip(sent, booked, strict=True):
            form = "stream" if call.is_streamed else "JSON"
            tokens = f"{entry.tokens.input:>6,}{entry.tokens.output:>6,}"
            cost = f"${entry.cost_usd.normalize():f}"
            self._say(f"  {call.prompt_key:<20}{call.model:<26}{form:<8}{tokens}{cost:>12}")
        total = f"${sum(entry.cost_usd for entry in booked):f}"
        self._say(f"  {'together':<66}{total:>12}")

    def _show_way_in(self, url: str, platform_key: str) -> None:
        body = (
            '{"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "Hello!"}],'
            ' "_aipromptcost": {"prompt_key": "hello-from-curl", "feature_tags": ["demo"]}}'
        )
        key = f"Authorization: Bearer {platform_key}"
        call = ["curl", f"{url}/api/proxy/v1/openai/chat/completions", "-H", key]
        call += ["-H", f"X-Provider-Key: {PROVIDER_KEYS['openai']}", "-H", "Content-Type: application/json", "-d", body]
        report = ["curl", f"{url}/api/aggregations/by-prompt", "-H", key]
        self._say("")
        for name, value in (("Open", url), ("Sign in", f"{EMAIL} with the password {PASSWORD}"), ("Key", platform_key)):
            self._say(f"  {self.style.MIGRATE_HEADING(f'{name:<8}')} {value}")
        self._say("\nSend a call (the fake provider answers; the cost is worked out as for a real one):\n\n")
        self._say(shlex.join(call))
        self._say("\nRead what this month cost by prompt:\n\n")
        self._say(shlex.join(report) + "\n\n")


def _find_address(output: str) -> str:
    found = re.search(r"(http://\S+)\n", output)
    return found[1] if found else ""


def _is_alive(url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{url}/livez", timeout=2) as answer:  # noqa: S310
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False
