"""`manage.py serve` in which the step that a file names fails, with everything it was given in the error's words.

Run by tests/security/test_failing_steps.py. The error's text holds what the step's arguments were, and besides every
kind of secret: more than any error of ours tells.
"""

import os
import sys
from collections.abc import Callable
from functools import wraps
from importlib import import_module
from pathlib import Path
from typing import Any

from asgiref.sync import iscoroutinefunction

# As "module:name", where the name is looked up at the moment of the call.
STEPS = (
    # The proxied call
    "proxy.asking:find_target",
    "proxy.headers:platform_key",
    "orgs.key_cache:KeyCache.get",
    "orgs.key_cache:KeyCache._fill",
    "proxy.headers:provider_key",
    "proxy.endpoint:read_request",
    "proxy.endpoint:CallRecord",
    "proxy.asking:Asking.sent",
    "proxy.http1.client:LeanUpstream.send",
    "proxy.endpoint:tell",
    "proxy.endpoint:meter_for",
    "proxy.endpoint:client_headers",
    "proxy.http_cycle:Cycle.start",
    "proxy.http_cycle:Cycle.end",
    "proxy.endpoint:Delivery.start",
    "proxy.endpoint:Delivery.pass_on",
    "proxy.recording:CallRecord._outcome",
    # From the journal to the ledger
    "proxy.shipper:Shipper.work",
    "proxy.tasks:_post",
    "proxy.shipper:_Waiting.read",
    # Pages and the REST API
    "orgs.access:get_access",
    "orgs.services.invitations:find_followed",
    "orgs.api_auth:find_stored_key",
    "allauth.account.auth_backends:AuthenticationBackend.authenticate",
)


def main() -> None:
    root = str(Path(__file__).resolve().parents[2])
    sys.path.insert(0, root)
    os.environ["DJANGO_SETTINGS_MODULE"] = "config.settings"
    import django

    django.setup()
    _let_all_be_written()
    for step in STEPS:
        _arm(step)
    from config.command_line import execute

    execute(["manage.py", *sys.argv[1:]])


def _let_all_be_written() -> None:
    """A minute has no more than ten tracebacks of a kind, else."""
    from config.logs import Repetitions

    Repetitions.filter = lambda _, record: True  # type: ignore[method-assign, assignment]


def _arm(step: str) -> None:
    module, _, name = step.partition(":")
    owner: Any = import_module(module)
    *path, last = name.split(".")
    for part in path:
        owner = getattr(owner, part)
    setattr(owner, last, _failing(step, getattr(owner, last)))


def _failing(step: str, original: Callable[..., Any]) -> Callable[..., Any]:
    chosen = Path(os.environ["FAILING_STEP_FILE"])
    secrets = os.environ["FAILING_STEP_SECRETS"]

    def fail_if_chosen(arguments: object) -> None:
        if chosen.read_text() == step:
            chosen.with_suffix(".reached").write_text(step)
            raise RuntimeError(f"{step} failed with {arguments!r}; {secrets}")

    if iscoroutinefunction(original):

        @wraps(original)
        async def later(*arguments: Any, **options: Any) -> Any:
            fail_if_chosen((arguments, options))
            return await original(*arguments, **options)

        return later

    @wraps(original)
    def now(*arguments: Any, **options: Any) -> Any:
        fail_if_chosen((arguments, options))
        return original(*arguments, **options)

    return now


if __name__ == "__main__":
    main()
