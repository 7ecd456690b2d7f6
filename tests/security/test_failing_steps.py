"""Whatever step fails, with whatever in its error: no secret is written, at the most talkative level."""

import contextlib
import http.client
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from urllib.parse import urlencode

import pytest
from django.test import Client

from scripts.hermetic import ROOT
from tests.conftest import IS_PRODUCTION
from tests.factories import PASSWORD, make_key, make_organization, make_team, make_user
from tests.fake_provider import FakeProvider
from tests.orgs.people import copied_path, make_invitation
from tests.proxy.calls import CHAT, MESSAGES, Caller, chat
from tests.proxy.raw_provider import RawProvider
from tests.security.failing_server import STEPS
from tests.servers import ProxyServer, wait_until

pytestmark = pytest.mark.trial

PROVIDER_KEY = "sk-proj-of-the-provider-4711"
OF_DATABASE, OF_CACHE = "of-the-database-4711", "of/the#cache-4711"
OF_ANTHROPIC, OF_GOOGLE = "sk-ant-api03-of-anthropic-4711", "AIzaSyOfGoogle47110123456789012345678"
CREDENTIALS = "Zm9vOmJhcjo0NzEx"
ASKED_FOR = "asked-for-4711"


class FailingServer(ProxyServer):
    def command(self) -> Sequence[str | Path]:
        _, _, *arguments = super().command()
        return [sys.executable, ROOT / "tests" / "security" / "failing_server.py", *arguments]


class Pages:
    """A browser at the server: signed in, with secrets in cookie, address and form."""

    def __init__(self, port: int, session: str) -> None:
        self.port, self.session = port, session

    def ask(self, method: str, path: str, **fields: str) -> int:
        # Forms need no token where a cookie and a field agree.
        token = "4711" * 8
        headers = {
            "Cookie": f"sessionid={self.session}; csrftoken={token}",
            "Host": "127.0.0.1:8000",
            "Content-Type": "application/x-www-form-urlencoded",
        }
        body = urlencode({**fields, "csrfmiddlewaretoken": token}) if method == "POST" else None
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        with contextlib.closing(connection):
            connection.request(method, f"{path}?{urlencode({'q': ASKED_FOR})}", body, headers)
            response = connection.getresponse()
            response.read()
            return response.status


_POSTING = "proxy.tasks:_post"  # in production a worker's
_STEPS = [step for step in STEPS if not (IS_PRODUCTION and step == _POSTING)]
# Of their errors the log has the kind alone.
_TOLD_BY_KIND = {"proxy.shipper:_Waiting.read", _POSTING} & {*_STEPS}


@dataclass(frozen=True)
class Scene:
    """Whatever the steps are reached by, and what must not be seen."""

    slug: str
    email: str
    invited: str  # the path of an invitation's link
    session: str
    keys: list[str]  # one for each step, so that none is warm

    def secrets(self) -> dict[str, str]:
        return {
            "the session": self.session,
            "the provider's key": PROVIDER_KEY,
            "the database's password": OF_DATABASE,
            "the cache's password": OF_CACHE,
            "Anthropic's key": OF_ANTHROPIC,
            "Google's key": OF_GOOGLE,
            "an authorization": CREDENTIALS,
            "an invitation": self.invited.split("/")[2],
            "a query": ASKED_FOR,
            "a password": PASSWORD.replace(" ", "+"),
            **{f"key {number}": key for number, key in enumerate(self.keys)},
        }

    def told(self) -> str:
        """What every error says besides."""
        return (
            f"{OF_ANTHROPIC} {OF_GOOGLE} Authorization: Basic {CREDENTIALS} sessionid={self.session} {self.invited} "
            f"postgresql://aipc:{OF_DATABASE}@db/aipc redis://:{OF_CACHE}@cache/0"
        )

    def reach(self, step: str, port: int, key: str) -> None:
        """Ask for what goes by the step."""
        if step.startswith("orgs.access"):
            Pages(port, self.session).ask("GET", f"/app/{self.slug}/")
        elif step.startswith("orgs.services.invitations"):
            Pages(port, self.session).ask("GET", self.invited)
        elif step.startswith("allauth"):
            Pages(port, "").ask("POST", "/accounts/login/", login=self.email, password=PASSWORD)
        elif step.startswith("orgs.api_auth"):
            _ask_api(port, key)
        else:
            with contextlib.suppress(OSError, http.client.HTTPException):
                # Answered in one piece, or in several.
                path = MESSAGES if step.startswith("proxy.http_cycle") else CHAT
                asked = chat(stream="Delivery" in step)
                Caller(port, key).post(path, asked, {"x-provider-key": PROVIDER_KEY})


@pytest.fixture
def scene(service_settings: dict[str, str]) -> Scene:
    owner = make_user("owner@example.com")
    organization = make_organization(owner=owner)
    team = make_team(organization)
    browser = Client()
    browser.force_login(owner)
    return Scene(
        slug=organization.slug,
        email=make_user("other@example.com").email,
        invited=copied_path(make_invitation(organization=organization, by=owner)),
        session=browser.cookies["sessionid"].value,
        keys=[make_key(team)[1] for _ in _STEPS],
    )


@pytest.fixture
def in_one_piece() -> Iterator[RawProvider]:
    with RawProvider() as provider:
        yield provider


def test_no_failing_step_writes_a_secret(
    service_settings: dict[str, str],
    scene: Scene,
    running_provider: FakeProvider,
    in_one_piece: RawProvider,
    tmp_path: Path,
) -> None:
    running_provider.reset()
    chosen = tmp_path / "step"
    chosen.write_text("")
    own = service_settings["SECRET_KEY"]
    settings = {
        **service_settings,
        "OPENAI_UPSTREAM_URL": running_provider.openai_url,
        "ANTHROPIC_UPSTREAM_URL": in_one_piece.url,
        "LOG_LEVEL": "DEBUG",
        "FAILING_STEP_FILE": str(chosen),
        "FAILING_STEP_SECRETS": f"{scene.told()} {own}",
    }
    with FailingServer(settings) as server:
        for step, key in zip(_STEPS, scene.keys, strict=True):
            chosen.write_text(step)
            scene.reach(step, server.port, key)
            wait_until(partial(_has_reached, chosen, step), f"{step} has failed")
        server.stop()
        written = server.output
    for name, secret in {**scene.secrets(), "the service's own": own}.items():
        assert secret not in written, name
    untold = {step for step in _STEPS if f"RuntimeError: {step} failed" not in written}
    assert untold == _TOLD_BY_KIND


def _has_reached(chosen: Path, step: str) -> bool:
    reached = chosen.with_suffix(".reached")
    return reached.exists() and reached.read_text() == step


def _ask_api(port: int, key: str) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    with contextlib.closing(connection):
        headers = {"Authorization": f"Bearer {key}", "Host": "127.0.0.1:8000"}
        connection.request("GET", f"/api/requests/?model={ASKED_FOR}", headers=headers)
        connection.getresponse().read()
