"""Where in the guide somebody is, and what its first step makes. Progress is what exists; nothing else is stored."""

import re
from dataclasses import dataclass

from django.db import transaction

from accounts.models import User
from analytics import reports
from orgs import access
from orgs.models import Organization
from orgs.services import organizations, teams

FIRST_TEAM = "Default"
# Mailboxes of everybody: their domain says nothing about where somebody works.
_PUBLIC_DOMAINS = frozenset(
    (
        *("gmail", "googlemail", "outlook", "hotmail", "live", "msn", "yahoo", "ymail", "aol", "icloud", "me", "mac"),
        *("proton", "protonmail", "pm", "tutanota", "fastmail", "hey", "gmx", "web", "mail", "yandex", "qq", "163"),
        *("126", "example"),
    )
)
_SECOND_LEVEL = frozenset(("co", "com", "org", "net", "ac", "gov", "edu", "or", "ne", "gob", "go"))


@dataclass(frozen=True, slots=True)
class Step:
    """`route` is the name of its page."""

    id: str
    title: str
    route: str


STEPS = (
    Step("welcome", "Welcome", "onboarding-welcome"),
    Step("key", "API key", "onboarding-key"),
    Step("prompt", "Test prompt", "onboarding-prompt"),
    Step("results", "Results", "onboarding-results"),
    Step("code", "Your code", "onboarding-code"),
)


def find_step(organization: Organization) -> str:
    """The id of the step to go on with; the first one again for an organization that has used the proxy already."""
    if reports.has_usage(organization.pk):
        return "welcome"
    return "prompt" if organization.api_keys.active().exists() else "key"


def propose_name(email: str) -> str:
    """A name for the organization: that of the company in the address, else that of the person."""
    local, _, domain = email.partition("@")
    labels = domain.lower().split(".")[:-1]
    if len(labels) > 1 and labels[-1] in _SECOND_LEVEL:
        labels.pop()
    company = labels[-1] if labels else ""
    source = local.partition("+")[0] if company in _PUBLIC_DOMAINS else company
    words = [word for word in re.split(r"[^\w]+|_", source) if word]
    return " ".join(word if word.isdigit() else word[0].upper() + word[1:] for word in words)[:100]


@transaction.atomic
def begin(*, owner: User, name: str, timezone: str) -> Organization:
    """Their first organization, with its first team; the one that they have, if the form was sent twice.

    Raises `ValidationError` as `organizations.create` does.
    """
    locked = User.objects.select_for_update().get(pk=owner.pk)
    existing = access.organizations_of(locked).order_by("id").first()
    if existing is not None:
        return existing
    organization = organizations.create(name=name, timezone=timezone, owner=owner)
    teams.create(organization=organization, name=FIRST_TEAM, by=owner)
    return organization
