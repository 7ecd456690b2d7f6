"""Google's and GitHub's sign-in on loopback: a page that asks, and what a site asks them in turn.

Who comes back is `person`; the page's link says yes, as a person's click does. Only what allauth asks is spoken:
GitHub Docs, "Authorizing OAuth apps"; Google, "Using OAuth 2.0 for Web Server Applications".
"""

import json
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qs, urlencode, urlsplit

_PAGE = """<!doctype html><html lang="en"><head><title>Sign in with {name}</title><link rel="icon" href="data:,"></head>
<body><h1>{name}</h1><a href="{back}">Continue</a></body></html>"""


@dataclass(frozen=True)
class Account:
    """What the provider knows of the person. `email` is verified there, unless `is_verified` says no."""

    name: str
    email: str
    is_verified: bool = True
    number: int = field(default_factory=count(1).__next__)


class SignInProviders:
    """`with SignInProviders() as far:` serves both from a thread of its own."""

    def __init__(self) -> None:
        self.person = Account("Nobody", "nobody@example.com")
        far = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                address = urlsplit(self.path)
                if address.path.endswith("/authorize"):
                    self._answer(_consent(address.path, parse_qs(address.query)), "text/html; charset=utf-8")
                else:
                    self._answer(json.dumps(far._tell(address.path)), "application/json")

            def do_POST(self) -> None:
                """The code is changed for a token; any code is good."""
                self.rfile.read(int(self.headers.get("Content-Length", 0)))
                self._answer(json.dumps({"access_token": "token", "token_type": "bearer"}), "application/json")

            def _answer(self, text: str, kind: str) -> None:
                body = text.encode()
                self.send_response(200)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *arguments: Any) -> None:  # noqa: A002 - the base class's name
                """Nothing: the output is pytest's."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, name="sign-in-providers", daemon=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def _tell(self, path: str) -> object:
        person = self.person
        answers: dict[str, object] = {
            "/google/userinfo": {
                "id": str(person.number),
                "email": person.email,
                "verified_email": person.is_verified,
                "name": person.name,
                "given_name": person.name.partition(" ")[0],
                "family_name": person.name.partition(" ")[2],
            },
            "/github/api/v3/user": {"id": person.number, "login": "someone", "name": person.name, "email": None},
            "/github/api/v3/user/emails": [
                {"email": person.email, "verified": person.is_verified, "primary": True},
            ],
        }
        return answers[path]

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def _consent(path: str, query: dict[str, list[str]]) -> str:
    name = "GitHub" if path.startswith("/github") else "Google"
    back = f"{query['redirect_uri'][0]}?{urlencode({'code': 'code', 'state': query['state'][0]})}"
    return _PAGE.format(name=name, back=back.replace("&", "&amp;"))
