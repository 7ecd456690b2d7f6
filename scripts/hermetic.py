"""The environment of the tests and checks: without what could lead to real servers, real keys or another set-up."""

import os
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

# A port of this machine where nothing listens: a call that escapes a test's fake provider ends here.
DEAD_URL = "http://127.0.0.1:9/v1"

_FOREIGN = re.compile(
    r"(?i)^((https?|ftp|all|no)_proxy|(openai|anthropic)_.*|celery_.*|pg[a-z]+|django_.*|forwarded_allow_ips|web_concurrency|failpoints)$"
)


def setting_names() -> set[str]:
    """The variables that `.env.example` lists."""
    return set(re.findall(r"^(?:# )?([A-Z][A-Z0-9_]*)=", (ROOT / ".env.example").read_text(), re.MULTILINE))


def environment() -> dict[str, str]:
    """This process's environment without the settings of the service, provider keys and proxies."""
    settings = setting_names()
    return {name: value for name, value in os.environ.items() if name not in settings and not _FOREIGN.match(name)}
