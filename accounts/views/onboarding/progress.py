"""What the pages of the guide have in common: the frame's context, and where a session was last."""

from typing import Any

from django.http import HttpRequest

from accounts.onboarding.steps import STEPS
from orgs.models import Organization

# The session knows organization and step, nothing that was typed or answered.
SESSION_KEY = "onboarding"


def remember(request: HttpRequest, organization: Organization, step: str) -> None:
    """Where to go on, when the person comes back."""
    place = [organization.slug, step]
    if request.session.get(SESSION_KEY) != place:
        request.session[SESSION_KEY] = place


def find_place(request: HttpRequest) -> tuple[str, str] | None:
    """The slug and the step, as this session had them last."""
    place = request.session.get(SESSION_KEY)
    return (place[0], place[1]) if place else None


def frame(step: str, organization: Organization | None = None) -> dict[str, Any]:
    """For templates/accounts/onboarding/layout.html."""
    number = [one.id for one in STEPS].index(step) + 1
    return {"steps": STEPS, "step": STEPS[number - 1], "number": number, "organization": organization}
